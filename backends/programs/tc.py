"""What tc(8) calls queueing disciplines, their classes and options, and the commands of them.

What hangs on a device is removed first: of some disciplines the kernel cannot change a thing.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.backends.options import Group, Groups, Option, elsewhere, option, said
from vnetc.backends.programs.ip_link import flag, only, say
from vnetc.backends.spelling import TIMES, minor, percent, scaled
from vnetc.model.host import Interface
from vnetc.model.qdiscs import (
    Bfifo,
    Cake,
    Clsact,
    Codel,
    Drr,
    DrrClass,
    Ets,
    Fq,
    FqCodel,
    FqPie,
    Gred,
    Hhf,
    Htb,
    HtbClass,
    Ingress,
    Mq,
    Multiq,
    Netem,
    Pfifo,
    PfifoFast,
    PfifoHeadDrop,
    Pie,
    Qdisc,
    Qfq,
    QfqClass,
    Sfb,
    Sfq,
    Tbf,
    major,
    ordered,
    ordered_classes,
    spell_class,
    spell_handle,
)
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RATES = ((1_000_000_000, "gbit"), (1_000_000, "mbit"), (1000, "kbit"), (1, "bit"))


def _time(microseconds: int) -> str:
    return scaled(microseconds, TIMES)


def _rate(bits: int) -> str:
    return scaled(bits, _RATES)


def _blanks(values: Any) -> str:
    return " ".join(map(str, values))


def _seconds(microseconds: int) -> str:
    return str(microseconds // 1_000_000)


def _ack_filter(value: bool | str) -> str:
    if value == "aggressive":
        return "ack-filter-aggressive"
    return "ack-filter" if value else "no-ack-filter"


def _split_gso(value: bool) -> str:
    return "split-gso" if value else "no-split-gso"


def _compensation(value: str) -> str:
    return "noatm" if value == "none" else value


_LIMIT: tuple[Option, ...] = (say("limit", "limit"),)
_CODEL = (
    *_LIMIT,
    say("target", "target", _time),
    say("interval", "interval", _time),
    flag("ecn", "ecn"),
    say("ce_threshold", "ce_threshold", _time),
)
_ID = elsewhere("id", "up tc class add classid")

TC: Groups = {
    Bfifo: Group("bfifo", _LIMIT),
    Cake: Group(
        "cake",
        (
            say("bandwidth", "bandwidth", _rate),
            only("autorate_ingress", "autorate-ingress"),
            say("rtt", "rtt", _time),
            option("priority_queue", "besteffort, precedence, diffserv8, …", str),
            option("flow_isolation", "flowblind, srchost, dsthost, …", str),
            flag("nat", "nat"),
            flag("wash", "wash"),
            option("split_gso", "split-gso", _split_gso),
            option("ack_filter", "ack-filter", _ack_filter),
            only("raw", "raw"),
            option("compensation", "noatm, atm, ptm", _compensation),
            say("overhead", "overhead"),
            say("mpu", "mpu"),
            say("fwmark", "fwmark"),
        ),
    ),
    Clsact: Group("clsact", ()),
    Codel: Group("codel", _CODEL),
    Drr: Group("drr", (elsewhere("classes", "up tc class add drr"),)),
    DrrClass: Group("drr", (_ID, say("quantum", "quantum"))),
    Ets: Group(
        "ets",
        (
            say("bands", "bands"),
            say("strict", "strict"),
            say("quanta", "quanta", _blanks),
            say("priomap", "priomap", _blanks),
        ),
    ),
    Fq: Group(
        "fq",
        (
            *_LIMIT,
            say("flow_limit", "flow_limit"),
            say("quantum", "quantum"),
            say("initial_quantum", "initial_quantum"),
            say("maxrate", "maxrate", _rate),
            say("buckets", "buckets"),
            say("orphan_mask", "orphan_mask"),
            flag("pacing", "pacing"),
            say("ce_threshold", "ce_threshold", _time),
        ),
    ),
    FqCodel: Group(
        "fq_codel",
        (
            *_CODEL,
            say("memory_limit", "memory_limit"),
            say("flows", "flows"),
            say("quantum", "quantum"),
        ),
    ),
    FqPie: Group("fq_pie", _LIMIT),
    Gred: Group("gred setup", (say("vqs", "vqs"), say("default", "default"), only("grio", "grio"))),
    Hhf: Group("hhf", _LIMIT),
    Htb: Group(
        "htb",
        (
            say("default", "default", minor),
            say("r2q", "r2q"),
            elsewhere("classes", "up tc class add htb"),
        ),
    ),
    HtbClass: Group(
        "htb",
        (
            _ID,
            elsewhere("parent", "up tc class add parent"),
            say("rate", "rate", _rate),
            say("ceil", "ceil", _rate),
            say("prio", "prio"),
            say("quantum", "quantum"),
            say("mtu", "mtu"),
            say("overhead", "overhead"),
            say("burst", "burst"),
            say("cburst", "cburst"),
        ),
    ),
    Ingress: Group("ingress", ()),
    Mq: Group("mq", ()),
    Multiq: Group("multiq", ()),
    Netem: Group(
        "netem",
        (
            say("delay", "delay", _time),
            option("jitter", "delay TIME", _time),
            *_LIMIT,
            say("loss", "loss", percent),
            say("duplicate", "duplicate", percent),
        ),
    ),
    Pfifo: Group("pfifo", _LIMIT),
    PfifoFast: Group("pfifo_fast", ()),
    PfifoHeadDrop: Group("pfifo_head_drop", _LIMIT),
    Pie: Group("pie", _LIMIT),
    Qfq: Group("qfq", (elsewhere("classes", "up tc class add qfq"),)),
    QfqClass: Group("qfq", (_ID, say("weight", "weight"), say("maxpkt", "maxpkt"))),
    Sfb: Group("sfb", _LIMIT),
    Sfq: Group("sfq", (say("perturb", "perturb", _seconds),)),
    Tbf: Group(
        "tbf",
        (
            say("rate", "rate", _rate),
            say("burst", "burst"),
            say("limit", "limit"),
            say("latency", "latency", _time),
            say("mpu", "mpu"),
            say("peakrate", "peakrate", _rate),
            say("mtu", "mtu"),
        ),
    ),
}
PLACES: Groups = {
    Qdisc: Group(
        "",
        (
            elsewhere("kind", "up tc qdisc add <kind>"),
            elsewhere("parent", "up tc qdisc add parent"),
            elsewhere("handle", "up tc qdisc add handle"),
        ),
    )
}


def describe(kind: str, word: str) -> str:
    """Say in a row of the support table how a word is said."""
    return f"up tc qdisc add {kind} {word}"


def up(interface: Interface) -> Iterator[str]:
    """Make the queueing disciplines of an interface and their classes, each after its parent."""
    for delete, add in steps(interface):
        yield f"{delete} 2>/dev/null; {add}" if delete else add


def steps(interface: Interface) -> Iterator[tuple[str, str]]:
    """Give each command that makes one, behind the one that makes room for it, if need be."""
    name = interface.name
    for qdisc in ordered(interface.qdiscs):
        add = " ".join((f"tc qdisc add dev {name}", *_place(qdisc), *_words(qdisc.kind)))
        yield _delete(name, qdisc) if _is_first(qdisc) else "", add
        for above, item in _classes(qdisc):
            phrase = f"tc class add dev {name} parent {above} classid {spell_class(item.id)}"
            yield "", " ".join((phrase, *_words(item)))


def down(interface: Interface) -> Iterator[str]:
    """Remove the queueing disciplines of a device that stays."""
    for qdisc in interface.qdiscs:
        if _is_first(qdisc):
            yield f"{_delete(interface.name, qdisc)} || true"


def _is_first(qdisc: Qdisc) -> bool:
    return qdisc.receives or qdisc.parent is None


def _delete(name: str, qdisc: Qdisc) -> str:
    return f"tc qdisc del dev {name} {qdisc.kind.kind if qdisc.receives else 'root'}"


def _place(qdisc: Qdisc) -> Iterator[str]:
    if qdisc.receives:
        return
    yield "root" if qdisc.parent is None else f"parent {spell_class(qdisc.parent)}"
    if qdisc.handle is not None:
        yield f"handle {spell_handle(qdisc.handle)}"


def _words(node: Record) -> Iterator[str]:
    group = TC[type(node)]
    yield group.place
    yield from (text for _, text in said(node, group.options) if text)


def _classes(qdisc: Qdisc) -> Iterator[tuple[str, Any]]:
    """Give each class with its parent's id, parents first."""
    match qdisc.kind:
        case Htb(classes=classes):
            for item in ordered_classes(classes):
                above = item.parent
                yield (
                    spell_handle(major(item.id)) if above is None else spell_class(above),
                    item,
                )
        case Drr(classes=others) | Qfq(classes=others):
            for other in others:
                yield spell_handle(major(other.id)), other
        case _:
            pass
