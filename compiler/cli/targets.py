"""`vnetc targets`: the support tables as a matrix."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence

from vnetc.backends import REGISTRY, load
from vnetc.backends.packages import RT_TABLES, TWO_AWARE, possible
from vnetc.backends.support import TITLES, Programs, Support, rows, version_text
from vnetc.backends.systems import SYSTEMS, System
from vnetc.backends.target import Target
from vnetc.cli import NOTHING, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(options: Namespace) -> int:
    """Print what each target can express."""
    for name in options.names:
        if name not in REGISTRY:
            raise UsageError(f"there is no target {name[:20]!r}; targets are {', '.join(REGISTRY)}")
    targets = [load(name) for name in options.names or REGISTRY]
    print(_FORMATS[options.format](targets))
    return NOTHING


def verdict(row: Support) -> str:
    """Say in a word or two what a row says: exact, since, partly, no."""
    if not row.how:
        return "no"
    if row.since:
        return f"since {_programs(row.since)}"
    return "partly" if row.limits else "exact"


def remarks(row: Support) -> list[str]:
    """List what a row excludes, in words."""
    if not row.how:
        return [row.reason]
    return [
        f"before {_programs(lim.before)}: {lim.reason}" if lim.before else lim.reason
        for lim in row.limits
    ]


def _programs(programs: Programs) -> str:
    """Spell versions: what has no title is the target's own program."""
    return ", ".join(
        f"{TITLES[name]} {version_text(version)}" if name in TITLES else version_text(version)
        for name, version in programs.items()
    )


def _text(targets: Sequence[Target]) -> str:
    names = rows()
    width = max(map(len, names))
    tables = [t.support for t in targets]
    # the first program alone, so that the columns stay narrow: a single target's table has all
    texts = [[verdict(table[name]).partition(",")[0] for name in names] for table in tables]
    columns = [max(map(len, [t.name, *column])) for t, column in zip(targets, texts, strict=True)]
    head = " ".join(t.name.ljust(w) for t, w in zip(targets, columns, strict=True))
    lines = [
        f"{t.name}: {t.title} {version_text(t.oldest)} to {version_text(t.newest)}, default {version_text(t.default)}"
        for t in targets
    ]
    lines += ["", *_system_lines(targets)]
    lines += ["", f"{'key'.ljust(width)} {head}".rstrip()]
    for name, *row in zip(names, *texts, strict=True):
        cells = [text.ljust(w) for text, w in zip(row, columns, strict=True)]
        if len(targets) == 1:
            cells.append(_full(tables[0][name]))
        lines.append(f"{name.ljust(width)} {' '.join(cells)}".rstrip())
    return "\n".join(lines)


def _systems(target: Target) -> list[System]:
    """List the operating systems that have a target."""
    return [system for system in SYSTEMS.values() if target.name in system.versions]


def _system_lines(targets: Sequence[Target]) -> Iterator[str]:
    """Say what each system has of some targets; of a single one also what it may need there."""
    for system in SYSTEMS.values():
        own = [t for t in targets if system in _systems(t)]
        line = ", ".join(f"{t.name} {version_text(system.versions[t.name])}" for t in own)
        if line and len(targets) == 1:
            once = "".join(f"; once: {note}" for note in _notes(own[0], system))
            line += f"; may need {' '.join(packages(own[0], system))}{once}"
        if line:
            yield f"{system.name}: {line}"


def packages(target: Target, system: System) -> list[str]:
    """List the packages that outputs for a target may need on a system."""
    names = {system.packages.get(need, "") for need in possible(target.name)}
    return sorted(names - {""})


def _notes(target: Target, system: System) -> list[str]:
    """List what may have to be done once on a system, besides installing packages."""
    if target.name != "ifupdown2":
        return []
    return [TWO_AWARE] if system.has_rt_tables else [RT_TABLES, TWO_AWARE]


def _full(row: Support) -> str:
    said = f"{row.how} " if row.how else ""
    rest = "; ".join(remarks(row))
    return (said + (f"({rest})" if rest else "")).strip()


def _json(targets: Sequence[Target]) -> str:
    def entry(row: Support) -> dict[str, Any]:
        return {
            "verdict": verdict(row),
            "how": row.how or None,
            "since": {program: version_text(version) for program, version in row.since.items()}
            or None,
            "remarks": remarks(row),
        }

    def table(target: Target) -> dict[str, Any]:
        support = target.support
        return {name: entry(support[name]) for name in rows()}

    return json.dumps(
        {
            t.name: {
                "title": t.title,
                "default": version_text(t.default),
                "oldest": version_text(t.oldest),
                "newest": version_text(t.newest),
                "systems": {
                    system.name: {
                        "title": system.title,
                        "version": version_text(system.versions[t.name]),
                        "packages": packages(t, system),
                        "notes": _notes(t, system),
                        "source": system.source,
                        "seen": system.seen,
                    }
                    for system in _systems(t)
                },
                "support": table(t),
            }
            for t in targets
        },
        indent=2,
    )


def _markdown(targets: Sequence[Target]) -> str:
    lines = [
        f"| key | {' | '.join(t.name for t in targets)} |",
        f"|---|{'---|' * len(targets)}",
    ]
    notes: dict[str, int] = {}
    for name in rows():
        cells: list[str] = []
        for target in targets:
            row = target.support[name]
            marks = "".join(f"[^{notes.setdefault(text, len(notes) + 1)}]" for text in remarks(row))
            cells.append(verdict(row) + marks)
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += ["", *(f"[^{number}]: {text}" for text, number in notes.items())]
    return "\n".join(lines)


_FORMATS = {"text": _text, "json": _json, "markdown": _markdown}
