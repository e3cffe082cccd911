"""What systemd.network(5) calls queueing disciplines, their classes and options."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.backends.formats import Section
from vnetc.backends.networkd.kinds import zero
from vnetc.backends.options import Group, Groups, Option, cannot, elsewhere, option, said
from vnetc.backends.spelling import TIMES, minor, percent, scaled
from vnetc.backends.support import Context, Limit, limit, systemd
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
    spell_class,
)
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RATES = ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "K"), (1, ""))


def _time(microseconds: int) -> str:
    return scaled(microseconds, TIMES)


def _rate(bits: int) -> str:
    return scaled(bits, _RATES)


def _percent(hundredths: int) -> str:
    return f"{percent(hundredths)}%"


def _limit() -> Option:
    return option("limit", "PacketLimit")


_FLOW_ISOLATION = {
    "flowblind": "none",
    "srchost": "src-host",
    "dsthost": "dst-host",
    "hosts": "hosts",
    "flows": "flows",
    "dual-srchost": "dual-src-host",
    "dual-dsthost": "dual-dst-host",
    "triple-isolate": "triple",
}
_CODEL = (
    _limit(),
    option("target", "TargetSec", _time, zero("target")),
    option("interval", "IntervalSec", _time, zero("interval")),
    option("ecn", "ECN"),
    option("ce_threshold", "CEThresholdSec", _time),
)


def _place(context: Context) -> Qdisc:
    """Find the discipline that the node is a part of."""
    assert context.interface is not None
    return next(q for q in context.interface.qdiscs if q is context.node or q.kind is context.node)


def _hangs_in_no_made_class(context: Context) -> bool:
    """Tell whether it hangs in a class that nobody makes, as a band of `ets` is."""
    assert context.interface is not None
    parent = _place(context).parent
    made = (c.id for q in context.interface.qdiscs for c in getattr(q.kind, "classes", ()))
    return parent is not None and parent not in made


def _rounded(field: str) -> Limit:
    return limit(
        "it reads tenths of a percent",
        lambda context: getattr(context.node, field) % 10 != 0,
        before=systemd(252),
    )


def _long(field: str) -> Limit:
    return limit(
        "it counts this time in ticks of 64 ns, with 32 bits (tc_time_to_tick)",
        lambda context: getattr(context.node, field) > _TICKS,
    )


def _hangs_in_netem(context: Context) -> bool:
    interface, parent = context.interface, context.node.parent
    return interface is not None and any(
        isinstance(q.kind, Netem) and q.handle == major(parent) for q in interface.qdiscs
    )


# netem_dump_class(), net/sched/sch_netem.c
_IN_NETEM = limit(
    "it waits until the kernel lists the class of `netem`, which it does once something hangs there",
    _hangs_in_netem,
)
# 5ms are the kernel's: a twentieth of 100ms. Seen with 257.
_NO_TARGET = limit(
    "it leaves the target at 5ms, where tc-cake(8) sets a twentieth of the round trip time",
    lambda context: context.node.rtt != 100_000,
)
_TICKS = (1 << 32) * 64 // 1000  # microseconds

# Seen in the lab with 252; systemd issue 29485.
_IMPLICIT = limit(
    "it waits for ever for a class that nobody makes",
    _hangs_in_no_made_class,
    before=systemd(257),
)
# link_find_qdisc() compares the parent of a class with that of its discipline: seen with 252
_INNER = limit(
    "it makes classes only of the discipline under the root",
    lambda context: _place(context).parent is not None,
    before=systemd(257),
)
_QUEUES = limit(
    "it has no `mq` and `multiq`",
    lambda context: isinstance(context.node.kind, Mq | Multiq),
    before=systemd(257),
)
_UNORDERED = (
    "systemd-networkd makes classes in any order, and one whose parent is not there yet becomes one "
    "of the top (htb_change_class)"
)

SECTIONS: Groups = {
    Bfifo: Group("BFIFO", (option("limit", "LimitBytes"),)),
    Cake: Group(
        "CAKE",
        (
            option("bandwidth", "Bandwidth", _rate),
            option("autorate_ingress", "AutoRateIngress", since=systemd(250)),
            option("overhead", "OverheadBytes"),
            option("mpu", "MPUBytes", since=systemd(250)),
            option("compensation", "CompensationMode", since=systemd(250)),
            option("raw", "UseRawPacketSize", since=systemd(250)),
            option(
                "flow_isolation",
                "FlowIsolationMode",
                _FLOW_ISOLATION.__getitem__,
                since=systemd(250),
            ),
            option("nat", "NAT", since=systemd(250)),
            option("priority_queue", "PriorityQueueingPreset", since=systemd(250)),
            option("fwmark", "FirewallMark", since=systemd(250)),
            option("wash", "Wash", since=systemd(250)),
            option("split_gso", "SplitGSO", since=systemd(250)),
            option("rtt", "RTTSec", _time, _NO_TARGET, since=systemd(253)),
            option("ack_filter", "AckFilter", since=systemd(253)),
        ),
    ),
    Clsact: Group("QDisc", ()),
    Codel: Group("ControlledDelay", _CODEL),
    Drr: Group(
        "DeficitRoundRobinScheduler",
        (elsewhere("classes", "[DeficitRoundRobinSchedulerClass]", _INNER),),
    ),
    DrrClass: Group(
        "DeficitRoundRobinSchedulerClass",
        (option("id", "ClassId", spell_class), option("quantum", "QuantumBytes")),
    ),
    Ets: Group(
        "EnhancedTransmissionSelection",
        (
            option("bands", "Bands"),
            option("strict", "StrictBands"),
            option("quanta", "QuantumBytes"),
            option("priomap", "PriorityMap"),
        ),
    ),
    Fq: Group(
        "FairQueueing",
        (
            _limit(),
            option("flow_limit", "FlowLimit"),
            option("quantum", "QuantumBytes"),
            option("initial_quantum", "InitialQuantumBytes"),
            option("maxrate", "MaximumRate", _rate),
            option("buckets", "Buckets"),
            option("orphan_mask", "OrphanMask"),
            option("pacing", "Pacing"),
            option("ce_threshold", "CEThresholdSec", _time),
        ),
    ),
    FqCodel: Group(
        "FairQueueingControlledDelay",
        (
            *_CODEL,
            option("memory_limit", "MemoryLimitBytes"),
            option("flows", "Flows"),
            option("quantum", "QuantumBytes"),
        ),
    ),
    FqPie: Group("FlowQueuePIE", (_limit(),)),
    Gred: Group(
        "GenericRandomEarlyDetection",
        (
            option("vqs", "VirtualQueues"),
            option("default", "DefaultVirtualQueue"),
            option("grio", "GenericRIO"),
        ),
    ),
    Hhf: Group("HeavyHitterFilter", (_limit(),)),
    Htb: Group(
        "HierarchyTokenBucket",
        (
            option("default", "DefaultClass", minor),
            option("r2q", "RateToQuantum"),
            elsewhere("classes", "[HierarchyTokenBucketClass]", _INNER),
        ),
    ),
    HtbClass: Group(
        "HierarchyTokenBucketClass",
        (
            option("id", "ClassId", spell_class),
            *cannot(_UNORDERED, "parent"),
            option("rate", "Rate", _rate),
            option("ceil", "CeilRate", _rate),
            option("prio", "Priority"),
            option("quantum", "QuantumBytes"),
            option("mtu", "MTUBytes"),
            option("overhead", "OverheadBytes"),
            option("burst", "BufferBytes"),
            option("cburst", "CeilBufferBytes"),
        ),
    ),
    Ingress: Group("QDisc", ()),
    Mq: Group("ClassfulMultiQueueing", ()),
    Multiq: Group("BandMultiQueueing", ()),
    Netem: Group(
        "NetworkEmulator",
        (
            option("delay", "DelaySec", _time, _long("delay")),
            option("jitter", "DelayJitterSec", _time, _long("jitter")),
            _limit(),
            option("loss", "LossRate", _percent, _rounded("loss")),
            option("duplicate", "DuplicateRate", _percent, _rounded("duplicate")),
        ),
    ),
    Pfifo: Group("PFIFO", (_limit(),)),
    PfifoFast: Group("PFIFOFast", ()),
    PfifoHeadDrop: Group("PFIFOHeadDrop", (_limit(),)),
    Pie: Group("PIE", (_limit(),)),
    Qfq: Group("QuickFairQueueing", (elsewhere("classes", "[QuickFairQueueingClass]", _INNER),)),
    QfqClass: Group(
        "QuickFairQueueingClass",
        (
            option("id", "ClassId", spell_class),
            option("weight", "Weight"),
            option("maxpkt", "MaxPacketBytes"),
        ),
    ),
    Sfb: Group("StochasticFairBlue", (_limit(),)),
    Sfq: Group("StochasticFairnessQueueing", (option("perturb", "PerturbPeriodSec", _time),)),
    Tbf: Group(
        "TokenBucketFilter",
        (
            option("rate", "Rate", _rate),
            option("burst", "BurstBytes"),
            option("limit", "LimitBytes"),
            option("latency", "LatencySec", _time),
            option("mpu", "MPUBytes"),
            option("peakrate", "PeakRate", _rate),
            option("mtu", "MTUBytes"),
        ),
    ),
}
PLACES: Groups = {
    Qdisc: Group(
        "",
        (
            elsewhere("kind", "[CAKE], [HierarchyTokenBucket], …", _QUEUES),
            elsewhere("parent", "[HierarchyTokenBucket] Parent=, …", _IN_NETEM, _IMPLICIT),
            elsewhere("handle", "[HierarchyTokenBucket] Handle=, …"),
        ),
    )
}


def qdiscs(interface: Interface) -> Iterator[Section]:
    """Write a section for each queueing discipline and each of their classes."""
    for qdisc in interface.qdiscs:
        kind: Record = qdisc.kind
        options = [("Parent", _parent(qdisc))]
        if qdisc.handle is not None:
            options.append(("Handle", f"{qdisc.handle:x}"))
        group = SECTIONS[type(kind)]
        yield group.place, [*options, *said(kind, group.options)]
        classes: tuple[Any, ...] = getattr(kind, "classes", ())
        for item in classes:
            group = SECTIONS[type(item)]
            # systemd 252 finds the discipline only if it has the same parent
            above = [("Parent", "root" if qdisc.parent is None else f"{major(item.id):x}:0")]
            yield group.place, [*above, *said(item, group.options)]


def _parent(qdisc: Qdisc) -> str:
    if qdisc.receives:
        return qdisc.kind.kind
    return "root" if qdisc.parent is None else spell_class(qdisc.parent)
