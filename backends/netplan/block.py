"""The writer of YAML in block style, as netplan's users write it.

A value that YAML cannot carry is a fault of the caller and raises `ValueError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from vnetc.backends.formats import comment_text, has_controls, header
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Yaml: TypeAlias = "str | int | bool | Mapping[str, Yaml | Commented] | Sequence[Yaml] | None"

# A string that needs no quotes, unless readers of YAML 1.1 (PyYAML) or 1.2 take it for something
# else: a word, a number (`1_0`, `0x1`, `1e3`, `1:30` is 90), a date.
_YAML_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./+:-]*[A-Za-z0-9_./+-])?")
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_YAML_NUMBER = re.compile(
    r"[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?|0[box][0-9A-Fa-f_]+"
    r"|[0-9][0-9_]*(?::[0-9]+)+(?:\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"
)


class Commented(Record, kw_only=False):
    """A value of a YAML mapping with a comment above its key, if the comment is not empty."""

    comment: str
    value: Yaml


def yaml(host: str, document: Mapping[str, Yaml]) -> str:
    """Write a YAML file in block style that YAML 1.1 and 1.2 readers take alike."""
    return header(host) + "\n".join(_yaml_lines(document, "")) + "\n"


def _yaml_lines(value: Yaml, indent: str) -> Iterable[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            comment, item = (
                (item.comment, item.value) if isinstance(item, Commented) else ("", item)
            )
            if comment_text(comment):
                yield f"{indent}# {comment_text(comment)}"
            yield from _yaml_item(f"{indent}{_yaml_scalar(name)}:", item, indent + "  ")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            if isinstance(item, Mapping) and item:
                lines = list(_yaml_lines(item, indent + "  "))
                yield f"{indent}- {lines[0].lstrip()}"
                yield from lines[1:]
            else:
                yield from _yaml_item(f"{indent}-", item, indent + "  ")
    else:
        yield indent + _yaml_scalar(value)


def _yaml_item(head: str, item: Yaml, indent: str) -> Iterable[str]:
    match item:
        case str() | int() | None:
            yield f"{head} {_yaml_scalar(item)}"
        case Mapping() if not item:
            yield head + " {}"
        case Sequence() if not item:
            yield head + " []"
        case _:
            yield head
            yield from _yaml_lines(item, indent)


def _yaml_scalar(value: str | int | bool | None) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            if _YAML_PLAIN.fullmatch(value) and not (
                value.lower() in _YAML_WORDS or _YAML_NUMBER.fullmatch(value)
            ):
                return value
            if has_controls(value):
                raise ValueError(f"not a YAML value: {value!r}")
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
