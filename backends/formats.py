"""The writer of INI files, and what comments and heads of all files are.

Stanzas (ifupdown/stanzas.py) and YAML (netplan/block.py) have writers of their own. Escaping is
theirs alone. A value that a format cannot carry is a fault of the caller and raises `ValueError`:
the language lets no such value through (docs/explanation/injection.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Section: TypeAlias = tuple[str, Sequence[tuple[str, str]]]

_INI_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
# Most values: printable ASCII that neither begins nor ends with a blank nor ends with a backslash.
_INI_PLAIN = re.compile(r"(?:[!-~][ -~]*)?[!-\[\]-~]").fullmatch


def header(host: str, comment: str = "#") -> str:
    """Say what made a file and from what; no time, no version: the same input, the same bytes."""
    return f"{comment} {host}: made by vnetc; change the spec, not this file.\n"


def comment_text(text: str, unsafe: str = "") -> str:
    """Make free text fit for a comment: printable ASCII, without what the format takes for its own."""
    plain = re.sub(r"[^ -~]", "?", text).strip()
    return plain.translate(dict.fromkeys(map(ord, unsafe), "?"))


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
