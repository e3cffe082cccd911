"""The queueing disciplines of the kernel: what shapes, delays, orders or drops what a device sends.

One record for each discipline, with the options that it alone has; where it hangs and what it is
called is the `Qdisc`'s around it. Fields are named with the words of tc(8). As in `kinds`, the
annotations are read by `lower`, and `None` means "not said, the kernel's own default".
"""

from __future__ import annotations

from vnetc.model.diagnostics import Path
from vnetc.model.record import Node, Record
from vnetc.model.values import Bytes, ClassId, Handle, HundredthsOfPercent, Microseconds, Rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias


class Netem(Record):
    """Delay, lose and duplicate packets, as a bad network would."""

    delay: Microseconds | None = None
    jitter: Microseconds | None = None
    limit: int | None = None
    loss: HundredthsOfPercent | None = None
    duplicate: HundredthsOfPercent | None = None
    kind = "netem"
    row = "qdisc-netem"


class Tbf(Record):
    """A token bucket: a plain limit of the rate."""

    rate: Rate
    burst: Bytes
    limit: Bytes | None = None
    latency: Microseconds | None = None
    mpu: Bytes | None = None
    peakrate: Rate | None = None
    mtu: Bytes | None = None
    kind = "tbf"
    row = "qdisc-tbf"


class Pie(Record):
    """Active queue management by a proportional integral controller."""

    limit: int | None = None
    kind = "pie"
    row = "qdisc-pie"


class FqPie(Record):
    """PIE for each flow."""

    limit: int | None = None
    kind = "fq_pie"
    row = "qdisc-fq-pie"


class Sfb(Record):
    """Stochastic fair blue: slow down flows that do not slow down by themselves."""

    limit: int | None = None
    kind = "sfb"
    row = "qdisc-sfb"


class Sfq(Record):
    """Stochastic fairness queueing: flows take turns."""

    perturb: Microseconds | None = None
    kind = "sfq"
    row = "qdisc-sfq"


class Bfifo(Record):
    """First in, first out, up to a number of bytes."""

    limit: Bytes | None = None
    kind = "bfifo"
    row = "qdisc-bfifo"


class Pfifo(Record):
    """First in, first out, up to a number of packets."""

    limit: int | None = None
    kind = "pfifo"
    row = "qdisc-pfifo"


class PfifoHeadDrop(Record):
    """First in, first out, up to a number of packets; of too many the oldest is dropped."""

    limit: int | None = None
    kind = "pfifo_head_drop"
    row = "qdisc-pfifo-head-drop"


class PfifoFast(Record):
    """First in, first out, in three bands by the packets' priorities."""

    kind = "pfifo_fast"
    row = "qdisc-pfifo-fast"


class Cake(Record):
    """A shaper with fair queues for hosts and flows."""

    bandwidth: Rate | None = None
    autorate_ingress: bool | None = None
    overhead: int | None = None
    mpu: int | None = None
    compensation: Literal["none", "atm", "ptm"] | None = None
    raw: bool | None = None
    flow_isolation: (
        Literal[
            "flowblind",
            "srchost",
            "dsthost",
            "hosts",
            "flows",
            "dual-srchost",
            "dual-dsthost",
            "triple-isolate",
        ]
        | None
    ) = None
    nat: bool | None = None
    priority_queue: (
        Literal["besteffort", "precedence", "diffserv8", "diffserv4", "diffserv3"] | None
    ) = None
    fwmark: int | None = None
    wash: bool | None = None
    split_gso: bool | None = None
    rtt: Microseconds | None = None
    ack_filter: bool | Literal["aggressive"] | None = None
    kind = "cake"
    row = "qdisc-cake"


class Codel(Record):
    """Controlled delay: drop packets that have waited too long."""

    limit: int | None = None
    target: Microseconds | None = None
    interval: Microseconds | None = None
    ecn: bool | None = None
    ce_threshold: Microseconds | None = None
    kind = "codel"
    row = "qdisc-codel"


class DrrClass(Node):
    """A class of DRR."""

    path: Path
    id: ClassId
    quantum: Bytes | None = None
    row = "class-drr"


class Drr(Record):
    """Deficit round robin: classes take turns."""

    classes: tuple[DrrClass, ...] = ()
    kind = "drr"
    row = "qdisc-drr"
    below = ("classes",)


class Ets(Record):
    """Enhanced transmission selection: strict bands, then bands that share."""

    bands: int | None = None
    strict: int | None = None
    quanta: tuple[Bytes, ...] = ()
    priomap: tuple[int, ...] = ()
    kind = "ets"
    row = "qdisc-ets"


class Gred(Record):
    """Generic random early detection, in virtual queues."""

    vqs: int
    default: int
    grio: bool = False
    kind = "gred"
    row = "qdisc-gred"


class FqCodel(Record):
    """CoDel for each flow."""

    limit: int | None = None
    memory_limit: Bytes | None = None
    flows: int | None = None
    target: Microseconds | None = None
    interval: Microseconds | None = None
    quantum: Bytes | None = None
    ecn: bool | None = None
    ce_threshold: Microseconds | None = None
    kind = "fq_codel"
    row = "qdisc-fq-codel"


class Fq(Record):
    """Fair queueing with pacing, for a host's own flows."""

    limit: int | None = None
    flow_limit: int | None = None
    quantum: Bytes | None = None
    initial_quantum: Bytes | None = None
    maxrate: Rate | None = None
    buckets: int | None = None
    orphan_mask: int | None = None
    pacing: bool | None = None
    ce_threshold: Microseconds | None = None
    kind = "fq"
    row = "qdisc-fq"


class HtbClass(Node):
    """A class of HTB; `parent` None is the discipline itself."""

    path: Path
    id: ClassId
    rate: Rate
    parent: ClassId | None = None
    ceil: Rate | None = None
    prio: int | None = None
    quantum: Bytes | None = None
    mtu: Bytes | None = None
    overhead: Bytes | None = None
    burst: Bytes | None = None
    cburst: Bytes | None = None
    row = "class-htb"


class Htb(Record):
    """Hierarchy token bucket: classes that lend each other what they do not use."""

    default: ClassId | None = None
    r2q: int | None = None
    classes: tuple[HtbClass, ...] = ()
    kind = "htb"
    row = "qdisc-htb"
    below = ("classes",)


class Mq(Record):
    """A discipline for each queue of a card."""

    kind = "mq"
    row = "qdisc-mq"


class Multiq(Record):
    """A band for each queue of a card."""

    kind = "multiq"
    row = "qdisc-multiq"


class Hhf(Record):
    """Heavy hitter filter: the few large flows after the many small ones."""

    limit: int | None = None
    kind = "hhf"
    row = "qdisc-hhf"


class QfqClass(Node):
    """A class of QFQ."""

    path: Path
    id: ClassId
    weight: int | None = None
    maxpkt: Bytes | None = None
    row = "class-qfq"


class Qfq(Record):
    """Quick fair queueing: classes share by weight."""

    classes: tuple[QfqClass, ...] = ()
    kind = "qfq"
    row = "qdisc-qfq"
    below = ("classes",)


class Ingress(Record):
    """A place for filters of what a device receives."""

    kind = "ingress"
    row = "qdisc-ingress"


class Clsact(Record):
    """A place for filters of what a device receives and sends."""

    kind = "clsact"
    row = "qdisc-clsact"


Discipline: TypeAlias = (
    Netem
    | Tbf
    | Pie
    | FqPie
    | Sfb
    | Sfq
    | Bfifo
    | Pfifo
    | PfifoHeadDrop
    | PfifoFast
    | Cake
    | Codel
    | Drr
    | Ets
    | Gred
    | FqCodel
    | Fq
    | Htb
    | Mq
    | Multiq
    | Hhf
    | Qfq
    | Ingress
    | Clsact
)

# kind in the document, the kernel's own name -> class
DISCIPLINES: dict[str, type[Record]] = {
    cls.kind: cls
    for cls in (
        Bfifo,
        Cake,
        Clsact,
        Codel,
        Drr,
        Ets,
        Fq,
        FqCodel,
        FqPie,
        Gred,
        Hhf,
        Htb,
        Ingress,
        Mq,
        Multiq,
        Netem,
        Pfifo,
        PfifoFast,
        PfifoHeadDrop,
        Pie,
        Qfq,
        Sfb,
        Sfq,
        Tbf,
    )
}


class Qdisc(Node):
    """A discipline at its place: under the root of a device, or in a class of another one."""

    path: Path
    kind: Discipline
    parent: ClassId | None = None  # None: the root
    handle: Handle | None = None
    row = "qdisc"
    below = ("kind",)

    @property
    def receives(self) -> bool:
        """Whether it is for what the device receives: none of the tree under the root."""
        return isinstance(self.kind, Ingress | Clsact)


def major(classid: ClassId) -> Handle:
    """Give the handle of the discipline that a class belongs to (TC_H_MAJ)."""
    return classid >> 16


def spell_handle(handle: Handle) -> str:
    """Spell a handle as tc(8) does."""
    return f"{handle:x}:"


def spell_class(classid: ClassId) -> str:
    """Spell the id of a class as tc(8) does."""
    return f"{classid >> 16:x}:{classid & 0xFFFF:x}"


def ordered(qdiscs: tuple[Qdisc, ...]) -> list[Qdisc]:
    """Put each discipline after the one whose class it hangs in."""
    below: dict[Handle | None, list[Qdisc]] = {}
    for qdisc in qdiscs:
        above = None if qdisc.parent is None else major(qdisc.parent)
        below.setdefault(above, []).append(qdisc)
    done = below.pop(None, [])
    for qdisc in done:  # which grows
        if qdisc.handle is not None:
            done += below.pop(qdisc.handle, [])
    return done


def ordered_classes(classes: tuple[HtbClass, ...]) -> list[HtbClass]:
    """Put each class after its parent."""
    below: dict[ClassId | None, list[HtbClass]] = {}
    for item in classes:
        below.setdefault(item.parent, []).append(item)
    done = below.pop(None, [])
    for item in done:  # which grows
        done += below.pop(item.id, [])
    return done


# All records with rows of their own in the support tables.
RECORDS: tuple[type[Record], ...] = (*DISCIPLINES.values(), DrrClass, HtbClass, QfqClass, Qdisc)
