"""What tc(8) must show of queueing disciplines and their classes, by the fields of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from vnetc.model.host import Interface
from vnetc.model.qdiscs import (
    Bfifo,
    Cake,
    Codel,
    DrrClass,
    Ets,
    Fq,
    FqCodel,
    FqPie,
    Gred,
    Hhf,
    Htb,
    HtbClass,
    Netem,
    Pfifo,
    PfifoHeadDrop,
    Pie,
    Qdisc,
    QfqClass,
    Sfb,
    Sfq,
    Tbf,
    major,
    spell_class,
    spell_handle,
)
from vnetc.model.record import Record

from tests.lab.states.qdiscs import RECEIVES

Entries = Iterator[tuple[tuple[str, str, str], str]]
# from a value to words and what stands behind them
Fact: TypeAlias = Callable[[Any], Mapping[str, str]]


# --- how tc(8) prints numbers: lib/utils_math.c and tc/tc_util.c of iproute2 ------------------------


def size(value: int) -> str:
    """Print bytes as `print_size` does, which rounds when it is near."""
    mega, kilo = round(value / (1 << 20)), round(value / 1024)
    if value >= 1 << 20 and abs((mega << 20) - value) < 1024:
        return f"{mega}Mb"
    if value >= 1024 and abs(kilo * 1024 - value) < 16:
        return f"{kilo}Kb"
    return f"{value}b"


def rate(value: int) -> str:
    """Print bits per second as `tc_print_rate` does."""
    units = ["bit", "Kbit", "Mbit", "Gbit"]
    while len(units) > 1 and value >= 1000 and (value % 1000 == 0 or value >= 1_000_000):
        value //= 1000
        del units[0]
    return f"{value}{units[0]}"


def time(value: int) -> str:
    """Print microseconds as `sprint_time` does."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:.3g}s"
    return f"{value / 1000:.3g}ms" if value >= 1000 else f"{value}us"


def packets(value: int) -> str:
    return f"{value}p"


def percent(value: int) -> str:
    return f"{value / 100:g}%"


# --- facts ------------------------------------------------------------------------------------------


def word(name: str, spell: Callable[[Any], str] = str) -> Fact:
    """Show a value behind a word."""
    return lambda value: {name: spell(value)}


def switch(on: str, off: str) -> Fact:
    """Show a boolean by one of two words; if there is one only, the lack of it is `off`."""
    shown = {True: {on: ""} if on else {off: "off"}, False: {off: ""} if off else {on: "off"}}
    return shown.__getitem__


def alone(spell: Callable[[Any], str] = str) -> Fact:
    """Show a value by a word of its own."""
    return lambda value: {spell(value): ""}


def nothing(value: Any) -> Mapping[str, str]:
    """Show nothing: something else is stated of it."""
    del value
    return {}


def _blanks(values: tuple[int, ...]) -> str:
    return " ".join(map(str, values))


def _hex(value: int) -> str:
    return f"{value:#x}"


_PACKETS = {"limit": word("limit", packets)}
_CODEL = {
    **_PACKETS,
    "target": word("target", time),
    "interval": word("interval", time),
    "ecn": switch("ecn", ""),
    "ce_threshold": word("ce_threshold", time),
}
_ACK_FILTER = {True: "ack-filter", False: "no-ack-filter", "aggressive": "ack-filter-aggressive"}

FACTS: Mapping[type[Record], Mapping[str, Fact]] = {
    Bfifo: {"limit": word("limit", size)},
    Cake: {
        "bandwidth": word("bandwidth", rate),
        "autorate_ingress": switch("autorate-ingress", ""),
        "overhead": word("overhead"),
        "mpu": word("mpu"),
        "compensation": lambda value: {} if value == "none" else {value: ""},
        "raw": switch("raw", ""),
        "flow_isolation": alone(),
        "nat": switch("nat", "nonat"),
        "priority_queue": alone(),
        "fwmark": word("fwmark", _hex),
        "wash": switch("wash", "nowash"),
        "split_gso": switch("split-gso", "no-split-gso"),
        "rtt": word("rtt", time),
        "ack_filter": alone(_ACK_FILTER.__getitem__),
    },
    Codel: _CODEL,
    DrrClass: {"quantum": word("quantum", size)},
    Fq: {
        **_PACKETS,
        "flow_limit": word("flow_limit", packets),
        "quantum": word("quantum", size),
        "initial_quantum": word("initial_quantum", size),
        "maxrate": word("maxrate", rate),
        "buckets": word("buckets"),
        "orphan_mask": word("orphan_mask"),
        "pacing": switch("", "nopacing"),
        "ce_threshold": word("ce_threshold", time),
    },
    FqCodel: {
        **_CODEL,
        "memory_limit": word("memory_limit", size),
        "flows": word("flows"),
        "quantum": word("quantum"),
    },
    FqPie: _PACKETS,
    Gred: {"vqs": word("vqs"), "default": word("default"), "grio": switch("grio", "")},
    Hhf: _PACKETS,
    Htb: {
        "default": word("default", lambda classid: _hex(classid & 0xFFFF)),
        "r2q": word("r2q"),
        "classes": nothing,
    },
    HtbClass: {
        "rate": word("rate", rate),
        "ceil": word("ceil", rate),
        "prio": word("prio"),
        "quantum": word("quantum"),
        "overhead": word("overhead"),
        "burst": word("burst", size),
        "cburst": word("cburst", size),
    },
    Netem: {
        "limit": word("limit"),
        "loss": word("loss", percent),
        "duplicate": word("duplicate", percent),
    },
    Pfifo: _PACKETS,
    PfifoHeadDrop: _PACKETS,
    Pie: _PACKETS,
    QfqClass: {"weight": word("weight"), "maxpkt": word("maxpkt")},
    Sfb: _PACKETS,
    Sfq: {"perturb": word("perturb", lambda value: f"{value // 1_000_000}sec")},
    Tbf: {
        "rate": word("rate", rate),
        "burst": word("burst", size),
        "latency": word("lat", time),
        "peakrate": word("peakrate", rate),
    },
}


def expect_qdiscs(interface: Interface) -> Entries:
    """State the disciplines of an interface that is up, and their classes."""
    for qdisc in interface.qdiscs:
        yield from _qdisc(interface.name, qdisc)


def _qdisc(device: str, qdisc: Qdisc) -> Entries:
    place = "root" if qdisc.parent is None else spell_class(qdisc.parent)
    place = RECEIVES if qdisc.receives else place
    yield ("qdisc", device, place), qdisc.kind.kind
    if qdisc.handle is not None:
        yield ("qdisc option", device, f"{place} handle"), spell_handle(qdisc.handle)
    for name, value in (*_facts(qdisc.kind), *_more(qdisc.kind)):
        yield ("qdisc option", device, f"{place} {name}"), value
    items: tuple[Any, ...] = getattr(qdisc.kind, "classes", ())
    for item in items:
        name = spell_class(item.id)
        parent = getattr(item, "parent", None)
        above = spell_handle(major(item.id)) if parent is None else spell_class(parent)
        yield ("class", device, name), f"{qdisc.kind.kind} of {above}"
        for option, value in (*_facts(item), *_more(item)):
            yield ("class option", device, f"{name} {option}"), value


def _facts(node: Record) -> Iterator[tuple[str, str]]:
    for field, fact in FACTS.get(type(node), {}).items():
        value = getattr(node, field)
        if value is not None:
            yield from fact(value).items()


def _more(node: Record) -> Iterator[tuple[str, str]]:
    """Give what comes of several fields."""
    match node:
        case Netem(delay=int(delay), jitter=jitter):
            yield "delay", time(delay) if jitter is None else f"{time(delay)} {time(jitter)}"
        case Tbf():
            if node.limit is not None:  # shown as the time that it takes to empty it
                yield "lat", time((node.limit - node.burst) * 8_000_000 // node.rate)
            mpu = size(node.mpu or 0).replace("0b", "0b")
            yield "mpu", mpu if node.peakrate is None else f"{mpu} {mpu}"
            if node.mtu is not None:
                yield "mtu", size(node.mtu)
        case Cake(rtt=int(rtt), bandwidth=None, priority_queue=None):
            # tc-cake(8): of the interval the target is a twentieth
            yield "interval of tins", " ".join([time(rtt)] * 3)
            yield "target of tins", " ".join([time(rtt // 20)] * 3)
        case Ets():
            bands = node.bands or (node.strict or 0) + len(node.quanta)
            yield "bands", str(bands)
            if node.strict is not None:
                yield "strict", str(node.strict)
            # what is not said: a packet of the MTU, and the last band
            rest = bands - (node.strict or 0) - len(node.quanta)
            yield "quanta", _blanks((*node.quanta, *([1514] * rest)))
            yield "priomap", _blanks((*node.priomap, *([bands - 1] * (16 - len(node.priomap)))))
        # the burst is all that shows of it: what the rate gives in a tick of the kernel's scheduler,
        # which is a nanosecond (/proc/net/psched), and one packet
        case HtbClass(mtu=int(mtu), burst=None):
            yield "burst", size(mtu)
        case _:
            pass
