"""The page that counts how much of each output is the target's own words, and how much is commands.

Only the files count, not what a writer knows of them. So one code counts this version and 0.1, whose
numbers are in reference/idiom-0.1.json: a checkout of 0.1 that is importable as `vnetc` writes them,

    PYTHONPATH=THERE python docs/idiom.py THERE/samples > docs/reference/idiom-0.1.json
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from vnetc.backends import load
from vnetc.backends.express import express
from vnetc.pipeline import analyse

ROOT = Path(__file__).parent.parent
BEFORE = Path(__file__).parent / "reference" / "idiom-0.1.json"
IFUPDOWNS = ("ifupdown", "ifupdown2", "ifupdown-ng")
TARGETS = (*IFUPDOWNS, "netplan", "networkd")
SUFFIX = ".vnet.yaml"

# The files that an administrator of the target would write: all others are drop-ins or companions.
_OWN = {
    **dict.fromkeys(IFUPDOWNS, re.compile(r"/etc/network/interfaces")),
    "netplan": re.compile(r"/etc/netplan/.*\.yaml"),
    "networkd": re.compile(r"/etc/systemd/network/[^/]*"),
}
_DROP_IN = re.compile(r"/etc/systemd/\w+/[^/]+\.d/[^/]+\.conf")
_SCRIPT = re.compile(r".*\.sh|/etc/dhcp/dhclient-\w+-hooks\.d/.*|/etc/network/if-[\w-]+\.d/.*")
HOOKS = ("pre-up", "up", "down", "post-down")


class Line(NamedTuple):
    """A line in a stanza of an interface; `key` is the comment above it."""

    interface: str
    key: str
    word: str
    value: str


class Command(NamedTuple):
    """A line that is a command or several: `line` is all of it, `key` what stands above it."""

    key: str
    line: str
    number: int


class Idiom(NamedTuple):
    """What an output is made of."""

    options: int
    commands: tuple[Command, ...]
    drop_ins: tuple[str, ...]
    companions: tuple[str, ...]

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """Count each of the four."""
        commands = sum(command.number for command in self.commands)
        return self.options, commands, len(self.drop_ins), len(self.companions)


def idiom(files: Mapping[str, str], target: str) -> Idiom:
    """Take the files of an output apart, given by their paths."""
    own = {path: text for path, text in files.items() if _OWN[target].fullmatch(path)}
    drop_ins = [path for path in files if _DROP_IN.fullmatch(path)]
    companions = [path for path in files if path not in own and path not in drop_ins]
    commands: list[Command] = []
    for path, text in files.items():
        commands += _commands(path, text)
    options = sum(_options(text, target) for text in own.values())
    return Idiom(options, tuple(commands), tuple(drop_ins), tuple(companions))


# --- options --------------------------------------------------------------------------------------


def _options(text: str, target: str) -> int:
    if target == "netplan":
        return _values(YAML(typ="safe", pure=True).load(text))
    if target == "networkd":
        return sum("=" in line for line in text.splitlines() if not line.startswith("#"))
    return sum(line.word not in HOOKS for line in stanza_lines(text))


def _values(data: Any) -> int:
    """Count the keys that have a value of their own, not further keys."""
    if isinstance(data, dict):
        return sum(_values(v) or not isinstance(v, dict | list) or v == [] for v in data.values())
    if isinstance(data, list):
        inner = sum(_values(item) for item in data)
        return inner or bool(data)
    return 0


def stanza_lines(text: str) -> Iterator[Line]:
    """Give the lines of all stanzas, with the comments above the commands."""
    interface, key, fresh = "", "", False
    for line in text.splitlines():
        word, _, value = line.strip().partition(" ")
        if word == "iface":
            interface = value.split()[0]
        if not line.startswith(" "):
            key, fresh = "", False
        elif word == "#":
            key = f"{key}, {value}" if fresh else value
            fresh = True
        else:
            key, fresh = key if word in HOOKS else "", False
            yield Line(interface, key, word, value.strip())


# --- commands -------------------------------------------------------------------------------------


def _commands(path: str, text: str) -> Iterator[Command]:
    if path == "/etc/network/interfaces":
        for line in stanza_lines(text):
            if line.word in HOOKS:
                yield Command(line.key, f"{line.word} {line.value}", number_of(line.value))
    elif path.endswith(".service"):
        for entry in text.splitlines():
            if entry.startswith("Exec"):
                yield Command(path, entry, number_of(entry))
    elif _SCRIPT.fullmatch(path):
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        yield Command(path, "(a script)", number_of(code))


_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\[\s\S]""")
_BREAK = re.compile(r";+|&&|\|\||\n")
_PATTERN = re.compile(r"\s*[^()\s][^()]*\)")  # of a `case`
_OPENING = re.compile(r"\s*(?:(?:if|then|elif|else|while|until|do|!|\{|\()(?:\s+|$))*")
_NO_COMMAND = re.compile(r"(?:fi|done|esac|[})])\b.*|[})].*|(?:for|case) .*|\w+\(\).*|")


def number_of(code: str) -> int:
    """Count the commands of a piece of shell: all that `;`, `&&`, `||` or a new line parts.

    What only holds the others together is none: `if`, `done`, the patterns of a `case`.
    """
    pieces = _BREAK.split(_QUOTED.sub("x", code))
    bare = (_OPENING.sub("", _PATTERN.sub("", piece, count=1), count=1) for piece in pieces)
    return sum(not _NO_COMMAND.fullmatch(piece.strip()) for piece in bare)


# --- this version, and 0.1 ------------------------------------------------------------------------


def written(text: str, target: str) -> dict[str, str] | None:
    """Write a document for a target, without what that refuses; None if it describes no host."""
    result = analyse(text, name="host")
    if result.host is None or any(d.severity == "error" for d in result.diagnostics):
        return None
    about = load(target)
    host, _ = express(result.host, about, about.programs)
    return {file.path: file.content for file in about.write(host, about.default)}


def counted(samples: Path) -> dict[str, dict[str, Idiom]]:
    """Take apart what each target gets of each good sample: by sample, then by target."""
    found: dict[str, dict[str, Idiom]] = {}
    for path in sorted(samples.glob(f"*{SUFFIX}")):
        for target in TARGETS:
            files = written(path.read_text(encoding="utf-8"), target)
            if files is not None:
                name = path.name.removesuffix(SUFFIX)
                found.setdefault(name, {})[target] = idiom(files, target)
    return found


def before() -> dict[str, dict[str, list[int]]]:
    """Give the numbers of version 0.1, by sample and target."""
    data: dict[str, dict[str, list[int]]] = json.loads(BEFORE.read_text(encoding="utf-8"))
    return data


def totals(numbers: Iterable[Mapping[str, Iterable[int]]]) -> dict[str, list[int]]:
    """Add the four numbers of all samples up, by target."""
    rows = [{target: [*row[target]] for target in TARGETS} for row in numbers]
    return {
        target: [sum(column) for column in zip(*(row[target] for row in rows), strict=True)]
        for target in TARGETS
    }


# --- the page -------------------------------------------------------------------------------------

_HEAD = """\
An administrator knows the options of the target. A command beside them is harder to read and to
change, and `ifquery`, `ifreload` or Proxmox's GUI do not see what it does. This page counts, for each
of the samples and each target whose output is files:

- **options**: the lines that are options of the target, in its own files; of netplan the keys that
  have a value;
- **commands**: the commands in `pre-up`, `up`, `down` and `post-down` lines, in `Exec` lines of units
  and in scripts. Commands that `;`, `&&` or `||` joins count each;
- **drop-ins**: files in a directory `NAME.d` of systemd, which add to a file of someone else;
- **companions**: all other files: a ruleset, dnsmasq's configuration, a unit, a password.

What a target refuses is left out."""

_ABOVE_COMMANDS = """\
Those of ifupdown, ifupdown2 and ifupdown-ng, each with the key of the document that it is there for:
the comment above it. On netplan and systemd-networkd a command is the `Exec` line of a unit, which
says in its description what it is for."""


def page(generated: str) -> str:
    """Write the page; `generated` is the mark of a page that nobody edits."""
    found = counted(ROOT / "samples")
    now = totals({t: i.numbers for t, i in row.items()} for row in found.values())
    then = totals(before().values())
    head = f"| | {' | '.join(TARGETS)} |"
    rule = f"|---|{'---|' * len(TARGETS)}"
    lines = ["# How much of it is options", "", generated, "", *_HEAD.splitlines(), ""]
    lines += ["## All samples together", "", head, rule]
    for number, what in enumerate(("options", "commands", "drop-ins", "companions")):
        lines.append(f"| {what} | {' | '.join(str(now[t][number]) for t in TARGETS)} |")
        lines.append(f"| in version 0.1 | {' | '.join(str(then[t][number]) for t in TARGETS)} |")
    lines += ["", "## Each sample", "", "Options, commands, drop-ins, companions.", "", head, rule]
    for name, row in found.items():
        cells = (", ".join(map(str, row[target].numbers)) for target in TARGETS)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "## Each command", "", *_ABOVE_COMMANDS.splitlines(), ""]
    for name, row in found.items():
        lines += _listed(name, row)
    return "\n".join(lines).rstrip() + "\n"


def _listed(name: str, row: Mapping[str, Idiom]) -> Iterator[str]:
    """Give a table of the commands of a sample: one row for what several targets have."""
    on: dict[tuple[str, str], list[str]] = {}
    for target in IFUPDOWNS:
        for command in row[target].commands:
            on.setdefault((command.key, command.line), []).append(target)
    if not on:
        return
    yield from (f"### {name}", "", "| key | command | on |", "|---|---|---|")
    for (key, line), targets in on.items():
        where = "all three" if len({*targets}) == len(IFUPDOWNS) else ", ".join(targets)
        yield f"| {_code(key)} | {_code(line)} | {where} |"
    yield ""


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else "-"


if __name__ == "__main__":
    rows = counted(Path(sys.argv[1]))
    lines = (
        f"  {json.dumps(name)}: "
        + json.dumps({target: found.numbers for target, found in row.items()})
        for name, row in rows.items()
    )
    print("{\n" + ",\n".join(lines) + "\n}")
