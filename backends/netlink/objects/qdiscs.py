"""Queueing disciplines and traffic classes, by tc(8).

Most of them give back other words than they were told, some none at all, and many cannot change
what they are: so what hangs on a device is taken away and made anew, by the words that ifupdown's
stanzas have too, and compared by fingerprints (`remembering`). There is one for the tree under the
root and one for what the device receives: a document that speaks of the one leaves the other alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from vnetc.backends.netlink.objects.fingerprints import fingerprint
from vnetc.backends.netlink.state import Attributes, Key, Value, Wanted
from vnetc.backends.options import rows_of
from vnetc.backends.programs.tc import PLACES, TC, steps
from vnetc.backends.support import Support
from vnetc.model.data import is_list
from vnetc.model.host import Interface
from vnetc.model.record import replace

ROOT, RECEIVE = "root", "receive"  # the two attributes with fingerprints
_RECEIVING = frozenset({"clsact", "ingress"})
_WITH_CLASSES = frozenset({"drr", "htb", "qfq"})  # those of others come and go with traffic
# what the loopback device does not take: it has but one queue, and an MTU too large for qfq
NOT_ON_LOOPBACK = frozenset({"mq", "multiq", "qfq"})
_MADE_BY_KERNEL = "0:"  # the handle of disciplines that nobody asked for
_CHOSEN = 0x8000  # from here on the kernel chooses handles itself (qdisc_alloc_handle)
# counters, what is drawn at random, numbers of interfaces, and what says the same elsewhere
_VOLATILE = ("refcnt", "direct_packets_stat", "ver", "seed", "leaf", "level")
_VOLATILE_WORDS = re.compile(rf" (?:{'|'.join(_VOLATILE)}) \S+")
# `cake` measures it if it is told to (cake_reconfigure, at the end of cake_enqueue)
_MEASURED = re.compile(r"bandwidth \S+ (?=autorate-ingress)")
_WORD = re.compile(r"[^\s\"'\\#]+").fullmatch  # makeargs() of iproute2 takes the others apart

_ROWS = rows_of({**TC, **PLACES}, lambda kind, word: f"tc qdisc add {kind} {word}")
RARE: Mapping[str, Support] = {
    name: replace(row, how=row.how.removeprefix("up ")) for name, row in _ROWS.items()
}


def wanted(interface: Interface) -> Iterator[Wanted]:
    """Give the commands that make the queueing disciplines of an interface, without `tc`."""
    if interface.qdiscs:
        commands: list[Value] = [[*add.split()[1:]] for _, add in steps(interface)]
        path = (*interface.path, "qdiscs")
        yield Wanted(("qdisc", interface.name), {"commands": commands}, path)


def words(commands: Value) -> list[list[str]]:
    """Take the commands of an attribute apart, which came through JSON. None are no commands."""
    return (
        [[str(w) for w in line] for line in commands if is_list(line)] if is_list(commands) else []
    )


def parts(commands: Value) -> frozenset[str]:
    """Tell of which of the two parts of a device commands speak."""
    return frozenset(
        RECEIVE if _RECEIVING.intersection(line) else ROOT
        for line in words(commands)
        if "qdisc" in line
    )


def batch(commands: Iterable[Sequence[str]]) -> str:
    """Give the input of `tc -batch`. Raises `ValueError` for a word that is not one to it."""
    lines: list[str] = []
    for command in commands:
        for word in command:
            if not _WORD(word):
                raise ValueError(f"not a word of tc: {word!r}")
        lines.append(" ".join(command) + "\n")
    return "".join(lines)


def with_classes(qdiscs: str) -> set[str]:
    """Name the devices that have classes which somebody made."""
    lines = [line.split() for line in qdiscs.splitlines() if line.startswith("qdisc ")]
    return {words[4] for words in lines if words[1] in _WITH_CLASSES}


def observe(qdiscs: str, classes: str) -> dict[str, dict[str, str]]:
    """Give, by device, the normal form of each part that is not the kernel's own choice.

    `qdiscs` is what `tc -d qdisc` prints, `classes` what `tc -d class show dev` does, each line with
    the name of the device before it. Text, since of several disciplines the JSON is none.
    """
    found: dict[str, dict[str, list[str]]] = {}
    chosen: dict[str, dict[str, str]] = {}  # by device: handle of the kernel's choice -> place
    for line in qdiscs.splitlines():
        words = line.split()
        if words[:1] != ["qdisc"] or words[2] == _MADE_BY_KERNEL:
            continue
        _, kind, handle, _, device, *rest = words
        part = RECEIVE if kind in _RECEIVING else ROOT
        handles = chosen.setdefault(device, {})
        place = "root" if rest[0] == "root" else f"parent {_named(rest[1], handles)}"
        if part == ROOT and int(handle[:-1], 16) >= _CHOSEN:
            handles[handle] = handle = f"({kind} of {place}):"
        options = _steady(rest[1:] if rest[0] == "root" else rest[2:])
        text = f"qdisc {kind} {handle} {place} {options}"
        found.setdefault(device, {}).setdefault(part, []).append(text)
    for line in classes.splitlines():
        device, _, kind, *rest = line.split()
        if kind in _WITH_CLASSES and ROOT in found.get(device, {}):
            size = 2 if rest[1] == "root" else 3  # the name, `root` or `parent` and its name
            named = " ".join(_named(word, chosen[device]) for word in rest[:size])
            found[device][ROOT].append(f"class {kind} {named} {_steady(rest[size:])}")
    return {
        device: {part: "\n".join(sorted(lines)) for part, lines in parts.items()}
        for device, parts in found.items()
    }


def _named(word: str, chosen: Mapping[str, str]) -> str:
    """Name a class below a handle of the kernel's choice after its discipline's place."""
    major, colon, minor = word.partition(":")
    return f"{chosen[major + ':']}{minor}" if colon and f"{major}:" in chosen else word


def _steady(words: Sequence[str]) -> str:
    return _MEASURED.sub("", _VOLATILE_WORDS.sub("", " " + " ".join(words)).strip())


def read(
    observed: Mapping[str, Mapping[str, str]], relevant: Mapping[str, frozenset[str]]
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Give the fingerprints of devices, of those of their parts that somebody speaks of."""
    for device, parts in relevant.items():
        found: dict[str, Value] = {
            part: fingerprint(text)
            for part, text in observed.get(device, {}).items()
            if part in parts
        }
        if found:
            yield ("qdisc", device), {"commands": None, **found}


def relevant(
    wanted: Iterable[Wanted], owned: Iterable[Key], remembered: Mapping[Key, Attributes]
) -> dict[str, frozenset[str]]:
    """Tell, by device, which parts the document speaks of, or did when it was last applied."""
    found: dict[str, frozenset[str]] = {}
    asked = [(item.key, item.attributes.get("commands")) for item in wanted]
    asked += [(key, remembered.get(key, {}).get("asked")) for key in owned]
    for key, commands in asked:
        if key[0] == "qdisc":
            found[key[1]] = found.get(key[1], frozenset()) | parts(commands)
    return found


def removals(device: str, qdiscs: str, parts: Iterable[str]) -> list[list[str]]:
    """Give the commands that take away what hangs on a device, as `tc qdisc show` has it."""
    kinds = [
        (line.split()[1], line.split()[2], " root " in f"{line} ")
        for line in qdiscs.splitlines()
        if line.startswith("qdisc ")
    ]
    found: list[list[str]] = []
    for kind, handle, is_root in kinds:
        if kind in _RECEIVING and RECEIVE in parts:
            found.append(["qdisc", "del", "dev", device, kind])
        elif is_root and handle != _MADE_BY_KERNEL and ROOT in parts:
            found.append(["qdisc", "del", "dev", device, "root"])
    return found
