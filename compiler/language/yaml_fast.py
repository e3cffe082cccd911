"""The C scanner of ruamel.yaml.clib, without the rest of ruamel.yaml: the one module that touches it.

tests/language/test_yaml_fast.py holds what this relies on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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
    classes, and is forgotten again: who imports ruamel.yaml later gets the whole. An extension that
    wants more of the package than that gets it.
    """
    if "ruamel.yaml" not in sys.modules:
        found = _behind_stand_in()
        if found is not None:
            return found
        try:
            import_module("ruamel.yaml")
        except ImportError:
            return None
    return _import_c_parser()


def _behind_stand_in() -> CParser | None:
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


def c_events(parser: CParser, text: str) -> Iterator[Any]:
    """Run through the events of the C scanner. Raises its `error`."""
    stream = parser.open(text)
    try:
        yield from iter(stream.get_event, None)
    finally:
        stream.dispose()
