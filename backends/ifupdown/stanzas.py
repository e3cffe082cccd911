"""The writer of interfaces(5): one stanza after another.

A value that no dialect can carry is a fault of the caller and raises `ValueError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from vnetc.backends.formats import comment_text, has_controls, header
from vnetc.model.record import Record

_STANZA_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


# Of a comment: ifupdown2, which may read the file of another dialect one day, eats any `\`, and has Mako
# read a file with a `%`, which then evaluates `${…}` wherever it stands.
_UNSAFE_COMMENT = "\\%{}"
HOOKS = {"pre-up": 1, "up": 2, "down": 3, "post-down": 4}  # in the order in which they run


class Line(Record, kw_only=False):
    """A line of a stanza: an option, or a command with the keys of the document that it says.

    A command of a `family` belongs to the stanzas of that one.
    """

    word: str
    value: str
    keys: tuple[str, ...] = ()
    family: str = ""


class Stanza(Record):
    """An `iface` stanza of interfaces(5): `start` is `auto`, `allow-hotplug` or empty."""

    name: str
    method: str
    family: str = "inet"
    start: str = "auto"
    comment: str = ""
    lines: Sequence[Line] = ()


def interfaces(host: str, stanzas: Iterable[Stanza], *, unsafe: str = "", tail: str = "") -> str:
    r"""Write /etc/network/interfaces (interfaces(5)), `tail` at its end as it is.

    No dialect can quote: a value is all that follows its option. `unsafe` lists the characters
    that a dialect takes for its own besides a backslash before the line's end: ifupdown2 eats every
    `\` and has Mako read a file with a `%`, ifupdown-ng cuts at any `#`.
    """
    parts = [header(host)]
    for stanza in stanzas:
        comment = comment_text(stanza.comment, _UNSAFE_COMMENT)
        lines = [f"# {comment}"] if comment else []
        if stanza.start:
            lines.append(f"{stanza.start} {_stanza_word(stanza.name)}")
        head = (stanza.name, stanza.family, stanza.method)
        lines.append(f"iface {' '.join(map(_stanza_word, head))}")
        lines += _body(stanza.lines, unsafe)
        parts.append("\n".join(lines) + "\n")
    if tail:
        parts.append(tail if tail.endswith("\n") else tail + "\n")
    return "\n".join(parts)


def _body(lines: Iterable[Line], unsafe: str) -> Iterator[str]:
    """Write the lines of a stanza: above commands stand the keys that they say, once for a run."""
    above: tuple[str, ...] = ()
    for line in lines:
        keys = line.keys if line.word in HOOKS else ()
        if keys != above:
            yield from (f"    # {comment_text(key)}" for key in keys if key)
            above = keys
        yield f"    {_stanza_word(line.word)} {_stanza_value(line.value, unsafe)}"


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
