"""The two YAML parsers, and what parts them (docs/adr/0003)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vnetc.language.yaml_fast import c_events, c_parser

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
