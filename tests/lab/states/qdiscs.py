"""What tc(8) says of queueing disciplines and classes, written down for comparison.

    ("qdisc", "eth0", "root")               "htb"
    ("qdisc option", "eth0", "root r2q")    "10"
    ("class", "eth0", "1:10")               "htb of 1:"
    ("class option", "eth0", "1:10 rate")   "10Mbit"

Read from text: the JSON of several disciplines and classes is none (iproute2 6.1 and 6.15). Left out
is what the kernel has made by itself: a discipline with the handle 0, and the classes of disciplines
that nobody makes classes of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Entries = Iterator[tuple[tuple[str, str, str], str]]

RECEIVES = "ffff:fff1"  # TC_H_INGRESS and TC_H_CLSACT, linux/pkt_sched.h
_OF_THE_KERNEL = "0:"  # the handle of disciplines that the kernel makes
_CHOSEN = 0x8000  # from here on the kernel chooses handles itself (qdisc_alloc_handle)
_OF_TINS = frozenset({"target", "interval"})  # settings of `cake` that stand among what it counts
# Words that are there or not.
_SWITCHES = {
    "cake": ("autorate-ingress", "raw"),
    "codel": ("ecn",),
    "fq": ("nopacing",),
    "fq_codel": ("ecn",),
    "gred": ("grio",),
}
_WITH_CLASSES = frozenset({"drr", "htb", "qfq"})
# Words that stand for a value although they look like the name of one.
_VALUES = frozenset({"unlimited", "ethernet"})
# What is counted, drawn at random, or the version of an interface to the kernel.
_NO_OPTION = frozenset({"refcnt", "direct_packets_stat", "ver", "seed", "leaf", "level"})


def read_qdiscs(qdiscs: str, classes: str) -> Entries:
    """Read what `tc -d -s qdisc` prints, and `tc -d class` with the device before each line."""
    kind = device = place = ""
    for line in qdiscs.splitlines():
        if not line.startswith("qdisc "):
            name, *values = line.split() or [""]
            if kind == "cake" and name in _OF_TINS:
                yield ("qdisc option", device, f"{place} {name} of tins"), " ".join(values)
            continue
        _, kind, handle, _, device, *words = line.split()
        if handle == _OF_THE_KERNEL:
            continue
        place, options = _place(words)
        yield ("qdisc", device, place), kind
        if place != RECEIVES and int(handle.removesuffix(":"), 16) < _CHOSEN:
            yield ("qdisc option", device, f"{place} handle"), handle
        off = dict.fromkeys(_SWITCHES.get(kind, ()), "off")
        for word, value in (off | dict(_options(options))).items():
            yield ("qdisc option", device, f"{place} {word}"), value
    for line in classes.splitlines():
        device, _, kind, name, *words = line.split()
        if kind not in _WITH_CLASSES:
            continue
        place, options = _place(words)
        # of what is directly below its discipline `root` is said
        above = f"{name.partition(':')[0]}:" if place == "root" else place
        yield ("class", device, name), f"{kind} of {above}"
        for word, value in _options(options).items():
            yield ("class option", device, f"{name} {word}"), value


def _place(words: list[str]) -> tuple[str, list[str]]:
    if words[0] == "root":
        return "root", words[1:]
    assert words[0] == "parent", words
    return words[1], words[2:]


def _options(words: list[str]) -> Mapping[str, str]:
    """Part words into names, which begin with a letter, and the values behind them."""
    found: dict[str, list[str]] = {}
    name = ""
    # the size of a rate table's cells, which a rate has had no more since Linux 3.9
    for word in re.sub(r"/1(?=mpu\b| |$)", " ", " ".join(words)).split():
        if word[0].isalpha() and word not in _VALUES:
            name = word
            found.setdefault(name, [])
        elif name:
            found[name].append(word)
    return {name: " ".join(values) for name, values in found.items() if name not in _NO_OPTION}
