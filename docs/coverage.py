"""The page that says of every key of vnetc's peers which row of the support tables says it, or why none.

A peer's file in reference/coverage/ has:

- `keys`: all of the peer's keys, by place: a list of names, or names with the row or rows that say
  them. A key's id is `PLACE/NAME`. Everything below picks keys by id, or by a pattern, in which
  `*` stands for anything.
- `rows`: the row or rows that say a key. For systemd-networkd most need no entry here: the support
  table of the target names them itself.
- `written`: what vnetc writes without being told, and when.
- `older`: other spellings, and of what.
- `reasons`: why the language has no key; `undecided` if that is not decided.
- `since`: keys that the oldest version does not have which the lists were read from.

An entry for one key has precedence over one for a pattern, and rows over reasons.
tests/docs/test_coverage.py compares the lists with the peers themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from vnetc.backends import REGISTRY, load
from vnetc.cli.targets import remarks, verdict

DATA = Path(__file__).parent / "reference" / "coverage"
PEERS = ("netplan", "ifstate", "networkd")
# peers that are targets whose support table names keys as this peer's file does, `[Section] Key=`
TARGETS = ("networkd",)
UNDECIDED = "undecided"


@dataclass(frozen=True)
class Key:
    """A key of a peer, and what becomes of it: rows or one of the three texts, never both."""

    place: str
    name: str
    since: str = ""
    rows: tuple[str, ...] = ()
    written: str = ""
    older: str = ""
    why: str = ""

    @property
    def id(self) -> str:
        """Tell the key from all others of its peer."""
        return f"{self.place}/{self.name}"


@dataclass(frozen=True)
class Peer:
    """A peer's file, read."""

    title: str
    about: str
    keys: tuple[Key, ...]
    data: Mapping[str, Any] = field(repr=False)

    def having(self, outcome: str) -> list[Key]:
        """List the keys with an outcome: `rows`, `written`, `older`, `why`."""
        return [key for key in self.keys if getattr(key, outcome)]


def raw(name: str) -> dict[str, Any]:
    """Read a peer's file as it is."""
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(DATA / f"{name}.yaml")
    return data


def ids(data: Mapping[str, Any]) -> list[str]:
    """List the ids of all keys in a peer's file."""
    return [f"{place}/{name}" for place, names in data["keys"].items() for name in names]


_WORD = re.compile(
    r"(?:\.(?P<file>\w+) )?\[(?P<section>[A-Z][\w-]*)\]"
    r"|(?<![\w-])(?P<key>[A-Z][\w-]*)=(?P<value>[\w-]*)"
)


def named(how: str) -> Iterator[tuple[str, str]]:
    """Give what a row of a support table names, with the kind of file if the row names that too.

    `X.A` and `X.B` of `[X] A=, B=`; of `B=b` also `X.B=b`.
    """
    file = section = ""
    for word in _WORD.finditer(how):
        if word["section"] is not None:
            file, section = word["file"] or "", word["section"]
        else:
            yield file, f"{section}.{word['key']}"
            if word["value"]:
                yield file, f"{section}.{word['key']}={word['value']}"


def by_table(target: str, known: Iterable[str]) -> dict[str, list[str]]:
    """Give the rows that say a key by a target's own account, by the key's id.

    A .link file is named where one is meant.
    """
    places: dict[str, list[str]] = {}
    for each in known:
        place, _, name = each.partition("/")
        places.setdefault(name, []).append(place)
    found: dict[str, list[str]] = {}
    for row, support in load(target).support.items():
        for file, name in dict.fromkeys(named(support.how)):
            for place in places.get(name, ()):
                if place == file if file else place != "link":
                    found.setdefault(f"{place}/{name}", []).append(row)
    return found


@cache
def peer(name: str) -> Peer:
    """Read a peer's file, and find what becomes of each of its keys."""
    data = raw(name)
    tables = by_table(name, ids(data)) if name in TARGETS else {}
    newer = {each: since for since, group in data.get("since", {}).items() for each in group}
    keys = tuple(
        _key(data, place, key, said, tables, newer)
        for place, names in data["keys"].items()
        for key, said in (names.items() if isinstance(names, dict) else ((n, None) for n in names))
    )
    return Peer(data["title"], data["about"], keys, data)


def _key(
    data: Mapping[str, Any],
    place: str,
    name: str,
    said: str | list[str] | None,
    tables: Mapping[str, list[str]],
    newer: Mapping[str, str],
) -> Key:
    id = f"{place}/{name}"
    given = data.get("rows", {})
    outcomes: list[tuple[str, Any]] = [
        ("rows", said if said is not None else given.get(id)),
        ("older", data.get("older", {}).get(id)),
        ("written", _group(data, "written", "what", id, exactly=True)),
        ("rows", tables.get(id)),
        ("why", _group(data, "reasons", "why", id, exactly=True)),
        ("rows", next((rows for pattern, rows in given.items() if matches(id, pattern)), None)),
        ("written", _group(data, "written", "what", id)),
        ("why", _group(data, "reasons", "why", id)),
    ]
    outcome, value = next(((o, v) for o, v in outcomes if v), ("why", f"{UNDECIDED}: no line says"))
    if outcome == "rows":
        value = tuple([value] if isinstance(value, str) else value)
    return Key(place, name, newer.get(id, ""), **{outcome: value})


def _group(
    data: Mapping[str, Any], part: str, text: str, id: str, *, exactly: bool = False
) -> str | None:
    """Give the text of the first group of keys that has this one."""
    for group in data.get(part, ()):
        keys: list[str] = group["keys"]
        if id in keys if exactly else any(matches(id, pattern) for pattern in keys):
            found: str = group[text]
            return found
    return None


def matches(id: str, pattern: str) -> bool:
    """Tell whether a pattern picks a key; only `*` is special, since ids have brackets."""
    return _expression(pattern).fullmatch(id) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*"))


# --- the page -------------------------------------------------------------------------------------


def page(generated: str) -> str:
    """Write the page; `generated` is the mark of a page that nobody edits."""
    lines = [
        "# What others can say",
        "",
        generated,
        "",
        "Every key of netplan, of IfState and of systemd-networkd's files, with the row of the",
        "[matrix](matrix.md) that says it and what each target makes of it: *exact*, *since* a",
        "version, *partly* (but for what the note says), or *no*, with the reason as a note. Where",
        "the language has no key the reason is below the table.",
        "",
        "| | keys | said by a row | written by vnetc itself | older spellings | refused |",
        "|---|---|---|---|---|---|",
    ]
    peers = [peer(name) for name in PEERS]
    for each in peers:
        counts = [len(each.having(outcome)) for outcome in ("rows", "written", "older", "why")]
        anchor = each.title.lower().replace(" ", "-")
        lines.append(
            f"| [{each.title}](#{anchor}) | {len(each.keys)} | {' | '.join(map(str, counts))} |"
        )
    notes: dict[str, int] = {}
    for name, each in zip(PEERS, peers, strict=True):
        lines += ["", f"## {each.title}", "", each.about.rstrip(), ""]
        lines.append(f"The file that this is made of: [{name}.yaml](coverage/{name}.yaml).")
        for place in dict.fromkeys(key.place for key in each.keys):
            lines += _place(place, [key for key in each.keys if key.place == place], notes)
    lines += ["", *(f"[^{number}]: {text}" for text, number in notes.items())]
    return "\n".join(lines) + "\n"


def _place(place: str, keys: list[Key], notes: dict[str, int]) -> Iterator[str]:
    yield from ("", f"### {place}", "")
    said = [key for key in keys if key.rows]
    if said:
        yield f"| key | row | {' | '.join(REGISTRY)} |"
        yield f"|---|---|{'---|' * len(REGISTRY)}"
        for key in said:
            for row in key.rows:
                name = _name(key) if row == key.rows[0] else ""
                yield f"| {name} | `{row}` | {' | '.join(_cells(row, notes))} |"
        yield ""
    for text, group in _grouped(keys).items():
        yield f"- {', '.join(map(_name, group))}: {text}"


def _cells(row: str, notes: dict[str, int]) -> Iterator[str]:
    for target in REGISTRY:
        support = load(target).support[row]
        marks = (f"[^{notes.setdefault(text, len(notes) + 1)}]" for text in remarks(support))
        yield verdict(support) + "".join(marks)


def _grouped(keys: list[Key]) -> dict[str, list[Key]]:
    """Put keys together of which the same is said."""
    groups: dict[str, list[Key]] = {}
    for key in keys:
        if key.written:
            groups.setdefault(f"written by vnetc itself: {key.written}", []).append(key)
        elif key.older:
            groups.setdefault(f"another spelling of `{key.older}`", []).append(key)
        elif key.why:
            groups.setdefault(key.why, []).append(key)
    return groups


def _name(key: Key) -> str:
    name = key.name.replace("|", "\\|")
    return f"`{name}` (since {key.since})" if key.since else f"`{name}`"
