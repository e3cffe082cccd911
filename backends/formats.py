"""Typed writers of the three text formats of the targets: INI, stanzas, YAML.

Escaping is theirs alone. A value that a format cannot carry is a fault of the caller and raises
`ValueError`: the language lets no such value through (docs/explanation/injection.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from vnetc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Yaml: TypeAlias = "str | int | bool | Mapping[str, Yaml | Commented] | Sequence[Yaml] | None"
Section: TypeAlias = tuple[str, Sequence[tuple[str, str]]]

_INI_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
# Most values: printable ASCII that neither begins nor ends with a blank nor ends with a backslash.
_INI_PLAIN = re.compile(r"(?:[!-~][ -~]*)?[!-\[\]-~]").fullmatch
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


def header(host: str, comment: str = "#") -> str:
    """Say what made a file and from what; no time, no version: the same input, the same bytes."""
    return f"{comment} {host}: made by vnetc; change the spec, not this file.\n"


def comment_text(text: str) -> str:
    """Make free text fit for a comment in any target's file: printable ASCII, no shell or nft sign.

    ifupdown2 runs a file through Mako templates if it has a `%`, and eats backslashes.
    """
    return re.sub(r"[^ !&'()*+,./0-9:;=?@A-Z\[\]^_a-z|~-]", "?", text).strip()


def ini(host: str, sections: Iterable[Section], keys: Iterable[str] = ()) -> str:
    """Write an INI file of systemd (systemd.syntax(7)): sections in the order given.

    Sections without options are left out, but for `Match`, without which a file matches all. `keys`
    of the document stand as comments at its head.
    """
    parts = [header(host) + "".join(f"# {comment_text(key)}\n" for key in keys)]
    for name, options in sections:
        if not options and name != "Match":
            continue
        lines = [f"[{_ini_key(name)}]"]
        lines += [f"{_ini_key(option)}={_ini_value(value)}" for option, value in options]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


@cache
def _ini_key(text: str) -> str:
    if not _INI_KEY.fullmatch(text):
        raise ValueError(f"not an INI key: {text!r}")
    return text


def _ini_value(text: str) -> str:
    if _INI_PLAIN(text):
        return text
    # systemd.syntax(7): a trailing backslash continues the line, surrounding blanks are cut
    if has_controls(text) or text.endswith("\\") or text != text.strip():
        raise ValueError(f"not an INI value: {text!r}")
    return text


def has_controls(text: str) -> bool:
    """Tell whether a text has control characters or line separators."""
    return not text.isprintable() and any(
        char < " " or "\x7f" <= char <= "\x9f" or char in "\u2028\u2029" for char in text
    )


def boolean(value: bool) -> str:
    """Spell a boolean as systemd.syntax(7) does."""
    return "yes" if value else "no"


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


_STANZA_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Stanza(Record):
    """An `iface` stanza of interfaces(5): `start` is `auto`, `allow-hotplug` or empty."""

    name: str
    method: str
    start: str = "auto"
    comment: str = ""
    options: Sequence[tuple[str, str]] = ()


def interfaces(host: str, stanzas: Iterable[Stanza], *, unsafe: str = "", tail: str = "") -> str:
    r"""Write /etc/network/interfaces (interfaces(5)), `tail` at its end as it is.

    No dialect can quote: a value is all that follows its option. `unsafe` lists the characters
    that a dialect takes for its own besides a backslash before the line's end: ifupdown2 eats every
    `\` and has Mako read a file with a `%`, ifupdown-ng cuts at any `#`.
    """
    parts = [header(host)]
    for stanza in stanzas:
        lines = [f"# {comment_text(stanza.comment)}"] if comment_text(stanza.comment) else []
        if stanza.start:
            lines.append(f"{stanza.start} {_stanza_word(stanza.name)}")
        lines.append(f"iface {_stanza_word(stanza.name)} inet {_stanza_word(stanza.method)}")
        lines += [
            f"    {_stanza_word(option)} {_stanza_value(value, unsafe)}"
            for option, value in stanza.options
        ]
        parts.append("\n".join(lines) + "\n")
    if tail:
        parts.append(tail if tail.endswith("\n") else tail + "\n")
    return "\n".join(parts)


def _stanza_word(text: str) -> str:
    if not _STANZA_WORD.fullmatch(text):
        raise ValueError(f"not a word of a stanza: {text!r}")
    return text


def _stanza_value(text: str, unsafe: str) -> str:
    if (
        not text
        or text != text.strip()
        or text.endswith("\\")
        or has_controls(text)
        or any(character in text for character in unsafe)
    ):
        raise ValueError(f"not a value of a stanza: {text!r}")
    return text
