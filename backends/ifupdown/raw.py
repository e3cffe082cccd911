"""`raw: {ifupdown: …}`: lines in the file's own terms, checked for what the file cannot carry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from vnetc.backends.ifupdown.stanzas import HOOKS, Line, Stanza
from vnetc.backends.spelling import dotted
from vnetc.model.data import BAD
from vnetc.model.diagnostics import Diagnostic, Path, diagnostic
from vnetc.model.host import Host, Interface
from vnetc.model.values import Raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# interfaces(5) has two names for some; an option of one of them is a command too.
_COMMANDS = frozenset({*HOOKS, "post-up", "pre-down"})
# Words that begin something else than an option, in one dialect or another (interfaces(5)).
_KEYWORDS = frozenset(
    {
        "auto",
        "iface",
        "inherit",
        "inherits",
        "map",
        "mapping",
        "no-auto-down",
        "no-scripts",
        "rename",
        "requires",
        "script",
        "source",
        "source-directory",
        "template",
        "use",
        "vlan",
    }
)
# An option's value is pasted into a shell command unquoted: nothing but this is harmless there.
_HARMLESS = re.compile(r"[A-Za-z0-9_.:/,+=@ -]+")


def raw_lines(interface: Interface, target: str) -> list[Line]:
    """Give the raw options and commands of an interface's stanza."""
    payload: Mapping[str, Any] = {} if interface.raw is None else interface.raw.get(target, {})
    path = (*interface.path, "raw", target)
    lines = [Line(str(name), _spell(value)) for name, value in payload.get("options", {}).items()]
    return lines + [
        Line(hook, str(line), (dotted((*path, hook)),))
        for hook in HOOKS
        for line in payload.get(hook, ())
    ]


# How the files of others are read. ifupdown-ng 0.11 reads no file at all of one with a pattern; ifupdown2
# takes `source-directory` for an option of the stanza before (seen in the lab, test_sources.py).
SOURCES: Mapping[str, str] = {
    "ifupdown": "source /etc/network/interfaces.d/*",
    "ifupdown2": "source /etc/network/interfaces.d/*",
    "ifupdown-ng": "source-directory /etc/network/interfaces.d",
}


def tail(host: Host, target: str) -> str:
    """Give the end of the file: the files of others, which may rest on what is before, and raw text."""
    sources = [f"{SOURCES[target]}\n"] if host.foreign_files == "read" else []
    return "\n".join(filter(None, [*sources, raw_text(host.raw, target)]))


def raw_text(raw: Raw | None, target: str) -> str:
    """Give the raw text for the end of the file."""
    return "" if raw is None else str(raw.get(target, ""))


def _spell(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def check_raw(
    host: Host, target: str, unsafe: str, own: Mapping[str, Sequence[Stanza]]
) -> list[Diagnostic]:
    """Find raw text that a dialect cannot carry or that contradicts the stanzas, `own`, of vnetc.

    `unsafe` are the characters that the dialect takes for something else wherever they stand.
    """
    found = list(_unsafe(raw_text(host.raw, target), unsafe, ("raw", target)))
    for interface in host.interfaces:
        payload: Mapping[str, Any] = (interface.raw or {}).get(target, {})
        path = (*interface.path, "raw", target)
        for hook in HOOKS:
            for index, line in enumerate(payload.get(hook, ())):
                if line is BAD:
                    continue
                found += _unsafe(str(line), unsafe, (*path, hook, index))
                if line != line.strip():
                    found.append(_unplaceable("a command cannot begin or end with a blank", path))
        said = {
            line.word.replace("_", "-") for stanza in own[interface.name] for line in stanza.lines
        }
        for option, value in payload.get("options", {}).items():
            place = (*path, "options", option)
            found += _option(option, _spell(value), said, place)
            found += _unsafe(_spell(value), unsafe, place)
    return found


def _option(option: str, value: str, said: set[str], path: Path) -> Iterator[Diagnostic]:
    if option in _COMMANDS:
        yield _unplaceable(
            f"`{option}` is a command, not an option", path, "list it beside `options`"
        )
    elif option in _KEYWORDS or option.startswith("allow-"):
        yield _unplaceable(f"`{option}` begins something else than an option", path)
    elif option.replace("_", "-") in said:
        yield diagnostic(
            "VN506",
            f"vnetc sets `{option}` itself",
            path,
            "key",
            help="use the key of the language for it",
        )
    elif not _HARMLESS.fullmatch(value) or value != value.strip():
        yield _unplaceable(
            "a value is pasted into shell commands: letters, digits, blanks and `_.:/,+=@-` only",
            path,
        )


def _unsafe(text: str, unsafe: str, path: Path) -> Iterator[Diagnostic]:
    for character in unsafe:
        if character in text:
            yield _unplaceable(f"`{character}` has a meaning of its own in this dialect", path)


def _unplaceable(message: str, path: Path, help: str = "") -> Diagnostic:
    return diagnostic("VN115", message, path, help=help or "interfaces(5) has no way to quote it")
