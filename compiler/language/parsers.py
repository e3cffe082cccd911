"""The two YAML parsers, and what parts them (docs/adr/0003).

The one module that touches the C scanner.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Besides tabs: directives, colons in the names of anchors, a comment right behind `|` or `>`.
_TAKEN_DIFFERENTLY = re.compile(r"^%|[&*][^\s,\[\]{}&*]*:|[|>][-+0-9]{0,2}#", re.MULTILINE)
# The pure parser takes the square of the time for a tag: at a million characters an hour.
LONG_TAG = re.compile(r"(?:^|[\s,\[{])!(?=[^\s\"',\[\]{}]{1000})", re.MULTILINE)


def is_allowed(char: str) -> bool:
    """Tell whether a character may stand in YAML 1.2 (production c-printable).

    Less the line separators, at which YAML 1.1 readers would break lines and count on.
    """
    return (
        char.isprintable()
        or char in "\t\n\r"
        or (
            char >= "\xa0"
            and char not in "\u2028\u2029\ufeff\ufffe\uffff"
            and not "\ud800" <= char <= "\udfff"
        )
    )


def is_taken_differently(text: str) -> bool:
    """Tell whether the two parsers may make different things of a text."""
    return "\t" in text or _TAKEN_DIFFERENTLY.search(text) is not None


class CParser:
    """The C scanner of ruamel.yaml.clib and the base class of the errors it raises."""

    def __init__(self, module: ModuleType, errors: ModuleType) -> None:
        """Take them from the modules that have them."""
        self.open = module.CParser
        self.error: type[Exception] = errors.YAMLError


# Of these parts of ruamel.yaml the extension takes but the class of their errors.
_UNUSED = (
    "Reader",
    "Scanner",
    "Parser",
    "Composer",
    "Constructor",
    "Emitter",
    "Serializer",
    "Representer",
)


@cache
def c_parser() -> CParser | None:
    """Import the C scanner, if installed, without `ruamel.yaml/__init__`.

    That package loads its round-trip machinery, which costs more than all the rest of a compilation
    (docs/reference/performance.md). A bare package stands in while the extension imports its event
    classes, and is forgotten again: who imports ruamel.yaml later gets the whole.
    """
    if "ruamel.yaml" in sys.modules:
        return _import_c_parser()
    try:
        ruamel = import_module("ruamel")  # a namespace package: nothing is run
    except ImportError:
        return None
    stand_in = ModuleType("ruamel.yaml")
    stand_in.__path__ = [f"{folder}/yaml" for folder in ruamel.__path__]
    sys.modules["ruamel.yaml"] = stand_in
    try:
        from ruamel.yaml.error import YAMLError

        for part in _UNUSED:
            module = ModuleType(f"ruamel.yaml.{part.lower()}")
            setattr(module, f"{part}Error", YAMLError)
            sys.modules[module.__name__] = module
        return _import_c_parser()
    finally:
        for name in [n for n in sys.modules if n.startswith("ruamel.yaml")]:
            del sys.modules[name]


def _import_c_parser() -> CParser | None:
    try:
        import _ruamel_yaml
        from ruamel.yaml import error
    except ImportError:
        return None
    return CParser(_ruamel_yaml, error)


def events(text: str, *, pure: bool) -> Iterator[Any]:
    """Run through a text's parser events. Raises `NotYaml` where it is none, for this parser."""
    parser = None if pure or is_taken_differently(text) else c_parser()
    if not all(map(is_allowed, set(text))) or LONG_TAG.search(text):
        raise NotYaml
    if parser is not None:
        try:
            yield from c_events(parser, text)
        except parser.error:
            raise NotYaml from None
        return
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    reader: Any = YAML(typ="safe", pure=True)
    try:
        yield from reader.parse(text)
    except YAMLError:
        raise NotYaml from None


class NotYaml(Exception):
    """A text is not YAML."""


def c_events(parser: CParser, text: str) -> Iterator[Any]:
    """Run through the events of the C scanner. Raises its `error`."""
    stream = parser.open(text)
    try:
        yield from iter(stream.get_event, None)
    finally:
        stream.dispose()
