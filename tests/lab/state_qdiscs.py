"""What tc(8) says of queueing disciplines and classes, written down for comparison.

    ("qdisc", "eth0", "root")              "htb"
    ("qdisc option", "eth0", "root r2q")   "10"
    ("class", "eth0", "1:10")              "htb"
    ("class option", "eth0", "1:10 rate")  "1250000"

Left out is what the kernel has made by itself: a discipline with the handle 0, and the classes of
disciplines that nobody makes classes of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Entries = Iterator[tuple[tuple[str, str, str], str]]

RECEIVES = "ffff:fff1"  # TC_H_INGRESS and TC_H_CLSACT, linux/pkt_sched.h
OF_THE_KERNEL = "0:"  # the handle of disciplines that the kernel makes
_CHOSEN = 0x8000  # from here on the kernel chooses handles itself (qdisc_alloc_handle)
_WITH_CLASSES = frozenset({"drr", "htb", "qfq"})


def read_qdiscs(qdiscs: str, classes: str) -> Entries:
    """Read what `tc -json qdisc` says, and of each device `tc -json class`."""
    for qdisc in json.loads(qdiscs or "[]"):
        if qdisc["handle"] != OF_THE_KERNEL:
            yield from _qdisc(qdisc)
    by_device: Mapping[str, Any] = json.loads(classes or "{}")
    for device, found in by_device.items():
        for item in found:
            if item["class"] in _WITH_CLASSES:
                yield from _class(device, item)


def _qdisc(qdisc: Mapping[str, Any]) -> Entries:
    device = qdisc["dev"]
    place = "root" if qdisc.get("root") else qdisc["parent"]
    yield ("qdisc", device, place), qdisc["kind"]
    if place != RECEIVES and int(qdisc["handle"].removesuffix(":"), 16) < _CHOSEN:
        yield ("qdisc option", device, f"{place} handle"), qdisc["handle"]
    for word, value in qdisc.get("options", {}).items():
        yield ("qdisc option", device, f"{place} {word}"), json.dumps(value)


_NO_OPTION = frozenset({"class", "handle", "leaf", "root"})


def _class(device: str, item: Mapping[str, Any]) -> Entries:
    yield ("class", device, item["handle"]), item["class"]
    for word, value in item.items():
        if word not in _NO_OPTION:
            shown = value if isinstance(value, str) else json.dumps(value)
            yield ("class option", device, f"{item['handle']} {word}"), shown
