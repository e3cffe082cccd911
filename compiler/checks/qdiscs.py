"""Traffic control: queueing disciplines, their classes and where they hang: VN430 to VN437."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from vnetc.checks.shared_codes import mismatched_keys
from vnetc.checks.view import View
from vnetc.model.diagnostics import Diagnostic, Label, Path, diagnostic
from vnetc.model.host import Interface
from vnetc.model.qdiscs import (
    Cake,
    Discipline,
    Drr,
    DrrClass,
    Ets,
    Fq,
    Gred,
    Htb,
    HtbClass,
    Mq,
    Multiq,
    Netem,
    Qdisc,
    Qfq,
    QfqClass,
    Sfq,
    Tbf,
    major,
    spell_class,
    spell_handle,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Class: TypeAlias = DrrClass | HtbClass | QfqClass

_CHOSEN = 0x8000  # from here on the kernel chooses handles itself (qdisc_alloc_handle)
_LARGEST_RATE = 0xFFFFFFFF * 8  # of `fq`: TCA_FQ_FLOW_MAX_RATE has 32 bits, for bytes
_QFQ_PACKETS = (512, 65536)  # QFQ_MIN_LMAX and QFQ_MTU_SHIFT, net/sched/sch_qfq.c


def classes(kind: Discipline) -> tuple[Class, ...]:
    """List the classes that are made of a discipline."""
    return kind.classes if isinstance(kind, Drr | Htb | Qfq) else ()


def _has_class(kind: Discipline, minor: int) -> bool:
    """Tell whether a discipline has a class of this number that nobody makes."""
    match kind:
        case Ets():
            return minor <= _bands(kind)
        case Netem() | Tbf():
            return minor == 1
        case Mq() | Multiq():
            return True  # as many as the card has queues
        case _:
            return False


def _bands(kind: Ets) -> int:
    return kind.bands or (kind.strict or 0) + len(kind.quanta)


def check_places(view: View) -> Iterator[Diagnostic]:
    """VN430: in one place hangs one discipline."""
    for interface in view.host.interfaces:
        first: dict[int | str | None, Qdisc] = {}
        for qdisc in interface.qdiscs:
            place = "ingress" if qdisc.receives else qdisc.parent
            if place not in first:
                first[place] = qdisc
                continue
            where = "the root"
            if isinstance(place, int):
                where = f"the class `{spell_class(place)}`"
            elif place is not None:
                where = "the place for what is received"
            yield diagnostic(
                "VN430",
                f"{where} of `{interface.name}` has two queueing disciplines",
                qdisc.path,
                labels=(Label(text="first here", path=first[place].path),),
                help="hang one of them into a class of the other, or remove it",
            )


def check_names(view: View) -> Iterator[Diagnostic]:
    """VN431: no two disciplines of a device have one handle, no two classes one id."""
    for interface in view.host.interfaces:
        first: dict[str, Path] = {}
        for name, path in _names(interface):
            if name in first:
                yield diagnostic(
                    "VN431",
                    f"`{name}` is there twice on `{interface.name}`",
                    path,
                    labels=(Label(text="first here", path=first[name]),),
                    help="choose another number",
                )
            else:
                first[name] = path


def _names(interface: Interface) -> Iterator[tuple[str, Path]]:
    for qdisc in interface.qdiscs:
        if qdisc.handle is not None:
            yield spell_handle(qdisc.handle), (*qdisc.path, "handle")
        for item in classes(qdisc.kind):
            yield spell_class(item.id), (*item.path, "id")


def check_parents(view: View) -> Iterator[Diagnostic]:
    """VN432, VN434: what something hangs in is there, and can have something hang in it."""
    for interface in view.host.interfaces:
        by_handle = {q.handle: q for q in interface.qdiscs if q.handle is not None}
        sound = view.is_sound(interface.path, "qdiscs")
        for qdisc in interface.qdiscs:
            if qdisc.parent is not None:
                above = by_handle.get(major(qdisc.parent))
                path = (*qdisc.path, "parent")
                yield from _parent(interface, qdisc.parent, above, path, sound=sound)


def _parent(
    interface: Interface, parent: int, above: Qdisc | None, path: Path, *, sound: bool
) -> Iterator[Diagnostic]:
    name, handle = spell_class(parent), spell_handle(major(parent))
    if above is None:
        if sound:
            yield diagnostic(
                "VN432",
                f"`{interface.name}` has no queueing discipline `{handle}`",
                path,
                help=f'give the one that is meant `handle: "{handle}"`',
            )
    elif any(item.id == parent for item in classes(above.kind)):
        if _is_inner(above.kind, parent):
            yield diagnostic(
                "VN434",
                f"other classes lend from the class `{name}`: packets wait in those alone",
                path,
                help="hang it into one of them",
            )
    elif _has_class(above.kind, parent & 0xFFFF):
        pass
    elif isinstance(above.kind, Drr | Htb | Qfq):
        if sound:
            yield diagnostic(
                "VN432",
                f"`{handle}` has no class `{name}`",
                path,
                help=f'add `id: "{name}"` to its `classes`',
            )
    elif isinstance(above.kind, Ets | Netem | Tbf):
        last = _bands(above.kind) if isinstance(above.kind, Ets) else 1
        yield diagnostic(
            "VN432",
            f"`{handle}` has no class `{name}`",
            path,
            help=f"the last one of `{above.kind.kind}` is `{handle}{last:x}`",
        )
    else:
        yield diagnostic(
            "VN434",
            f"`{above.kind.kind}` has no classes for another discipline",
            path,
            labels=(Label(text="this one", path=above.path),),
            help="hang it into a class of `htb`, `drr`, `qfq`, `ets`, `tbf`, `netem` or `mq`",
        )


def _is_inner(kind: Discipline, classid: int) -> bool:
    return isinstance(kind, Htb) and any(item.parent == classid for item in kind.classes)


def check_classes(view: View) -> Iterator[Diagnostic]:
    """VN432, VN433: the classes of a discipline are named after it, and lend from each other."""
    for interface in view.host.interfaces:
        for qdisc in interface.qdiscs:
            kind = qdisc.kind
            own = classes(kind)
            if own and qdisc.handle is None and view.is_sound(qdisc.path, "handle"):
                yield diagnostic(
                    "VN433",
                    f"`{kind.kind}` has classes, and no handle to name them by",
                    (*qdisc.path, "classes"),
                    "key",
                    help=f'add `handle: "{spell_handle(major(own[0].id))}"`',
                )
            elif qdisc.handle is not None:
                handle = spell_handle(qdisc.handle)
                for item in own:
                    if major(item.id) != qdisc.handle:
                        yield diagnostic(
                            "VN433",
                            f"`{spell_class(item.id)}` is no class of `{handle}`",
                            (*item.path, "id"),
                            help=f"write `{handle}{item.id & 0xFFFF:x}`",
                        )
            if isinstance(kind, Htb) and view.is_sound(qdisc.path, "classes"):
                yield from _htb(qdisc, kind)


def _htb(qdisc: Qdisc, kind: Htb) -> Iterator[Diagnostic]:
    above = {item.id: item.parent for item in kind.classes}
    if kind.default is not None and kind.default not in above:
        yield diagnostic(
            "VN432",
            f"`htb` has no class `{spell_class(kind.default)}`",
            (*qdisc.path, "default"),
            help="the default class is one of its `classes`",
        )
    for item in kind.classes:
        if item.parent is None:
            continue
        if item.parent not in above:
            yield diagnostic(
                "VN432",
                f"`htb` has no class `{spell_class(item.parent)}`",
                (*item.path, "parent"),
                help=f'add `id: "{spell_class(item.parent)}"` to its `classes`',
            )
        elif _in_loop(item.id, above):
            yield diagnostic(
                "VN437",
                f"the class `{spell_class(item.id)}` lends from itself",
                (*item.path, "parent"),
                help="one of them needs no `parent`",
            )


def _in_loop(start: int, above: dict[int, int | None]) -> bool:
    """Tell whether the way up from a member leads back to it."""
    seen: set[int] = set()
    at = above.get(start)
    while at is not None and at not in seen:
        if at == start:
            return True
        seen.add(at)
        at = above.get(at)
    return False


def check_trees(view: View) -> Iterator[Diagnostic]:
    """VN437: all hangs under the root, and `mq` nowhere else."""
    for interface in view.host.interfaces:
        above = {
            q.handle: None if q.parent is None else major(q.parent)
            for q in interface.qdiscs
            if q.handle is not None
        }
        for qdisc in interface.qdiscs:
            if qdisc.parent is None:
                continue
            if qdisc.handle is not None and _in_loop(qdisc.handle, above):
                yield diagnostic(
                    "VN437",
                    f"the queueing discipline `{spell_handle(qdisc.handle)}` hangs in itself",
                    (*qdisc.path, "parent"),
                    help="one of them hangs under the `root`",
                )
            if isinstance(qdisc.kind, Mq):
                yield diagnostic(
                    "VN437",
                    "`mq` hangs under the root of a card, and nowhere else",
                    (*qdisc.path, "parent"),
                    help="remove `parent`",
                )


def check_handles(view: View) -> Iterator[Diagnostic]:
    """VN435: handles and classes that the kernel keeps for itself."""
    for interface in view.host.interfaces:
        for qdisc in interface.qdiscs:
            handle = qdisc.handle
            if handle is not None and not 1 <= handle < _CHOSEN:
                yield diagnostic(
                    "VN435",
                    f"`{spell_handle(handle)}` is a handle of the kernel's own",
                    (*qdisc.path, "handle"),
                    help="handles of yours are `1:` to `7fff:`",
                )
            for item in classes(qdisc.kind):
                if not item.id & 0xFFFF:
                    yield diagnostic(
                        "VN435",
                        f"`{spell_class(item.id)}` stands for the discipline, not for a class",
                        (*item.path, "id"),
                        help="classes are numbered from 1 to ffff",
                    )


def check_options(view: View) -> Iterator[Diagnostic]:
    """VN112, VN435: what an option leaves for the others."""
    for interface in view.host.interfaces:
        for qdisc in interface.qdiscs:
            check = _OPTIONS.get(type(qdisc.kind))
            if check is not None:
                for found, key, message, help in check(qdisc.kind):
                    if view.is_sound(qdisc.path, key):
                        yield found(message, (*qdisc.path, key), help=help)
            if isinstance(qdisc.kind, Qfq):
                yield from _maxpkt(qdisc.kind)


_impossible = partial(diagnostic, "VN435")
# which code it has, the key, message, help
Finding = Iterator[tuple[Callable[..., Diagnostic], str, str, str]]


def _cake(kind: Cake) -> Finding:
    if kind.raw and (kind.overhead is not None or kind.compensation not in (None, "none")):
        yield (
            mismatched_keys,
            "raw",
            "`raw` takes packets as they are, without `overhead` or `compensation`",
            "remove `raw`, or the others",
        )


def _ets(kind: Ets) -> Finding:
    used = (kind.strict or 0) + len(kind.quanta)
    if not _bands(kind):
        yield mismatched_keys, "kind", "`ets` needs bands", "add `bands`, `strict` or `quanta`"
    elif _bands(kind) < used:
        message = f"`strict` and `quanta` are {used} bands, more than `bands`"
        yield _impossible, "bands", message, f"write `bands: {used}`, or remove it"
    elif _bands(kind) > _MOST_BANDS:
        yield _impossible, "quanta", f"these are {used} bands", f"the most are {_MOST_BANDS}"
    elif any(band >= _bands(kind) for band in kind.priomap):
        message = "`priomap` names a band that is not there"
        yield _impossible, "priomap", message, f"bands are numbered from 0 to {_bands(kind) - 1}"
    if len(kind.priomap) > _MOST_BANDS:
        yield _impossible, "priomap", "there are 16 priorities", "remove the bands behind the 16th"


_MOST_BANDS = 16  # TCQ_ETS_MAX_BANDS; priorities: TC_PRIO_MAX, linux/pkt_sched.h


def _fq(kind: Fq) -> Finding:
    buckets = kind.buckets
    if buckets is not None and (buckets < 2 or buckets & (buckets - 1)):
        yield _impossible, "buckets", f"`{buckets}` is no power of two", "the default is 1024"
    if kind.maxrate is not None and kind.maxrate > _LARGEST_RATE:
        yield _impossible, "maxrate", "the kernel has 32 bits for this rate", "it is below 35gbit"


def _gred(kind: Gred) -> Finding:
    if kind.default >= kind.vqs:
        message = f"there is no virtual queue {kind.default}"
        yield _impossible, "default", message, f"they are numbered from 0 to {kind.vqs - 1}"


def _netem(kind: Netem) -> Finding:
    if kind.jitter is not None and kind.delay is None:
        yield mismatched_keys, "jitter", "`jitter` varies a `delay`", "add `delay:`"


def _sfq(kind: Sfq) -> Finding:
    if kind.perturb is not None and kind.perturb % 1_000_000:
        yield _impossible, "perturb", "the kernel counts whole seconds", "write `10s`, for instance"


def _tbf(kind: Tbf) -> Finding:
    if (kind.limit is None) == (kind.latency is None):
        yield (
            mismatched_keys,
            "kind" if kind.limit is None else "limit",
            "`tbf` has a `limit` or a `latency`, one of the two",
            "add `latency: 50ms`" if kind.limit is None else "remove one of them",
        )
    if (kind.peakrate is None) != (kind.mtu is None):
        key = "mtu" if kind.peakrate is None else "peakrate"
        yield mismatched_keys, key, "`peakrate` and `mtu` need each other", "add the other one"
    if kind.peakrate is not None and kind.peakrate <= kind.rate:  # tbf_change, net/sched/sch_tbf.c
        yield _impossible, "peakrate", "`peakrate` is not above `rate`", "raise it, or remove it"


def _maxpkt(kind: Qfq) -> Iterator[Diagnostic]:
    low, high = _QFQ_PACKETS
    for item in kind.classes:
        if item.maxpkt is not None and not low <= item.maxpkt <= high:
            yield _impossible(
                f"`{item.maxpkt}` is no size of packets for `qfq`",
                (*item.path, "maxpkt"),
                help=f"possible are {low} to {high}",
            )


_OPTIONS: dict[type, Callable[..., Finding]] = {
    Cake: _cake,
    Ets: _ets,
    Fq: _fq,
    Gred: _gred,
    Netem: _netem,
    Sfq: _sfq,
    Tbf: _tbf,
}


def check_activation(view: View) -> Iterator[Diagnostic]:
    """VN436: of what stays down nothing is sent."""
    for interface in view.host.interfaces:
        if interface.activation == "off" and interface.qdiscs:
            yield diagnostic(
                "VN436",
                f"`{interface.name}` stays down, and has queueing disciplines",
                (*interface.path, "qdiscs"),
                "key",
                labels=(Label(text="stays down", path=(*interface.path, "activation")),),
                help="write `activation: manual` if somebody else brings it up",
            )


QDISCS = (
    check_places,
    check_names,
    check_parents,
    check_classes,
    check_trees,
    check_handles,
    check_options,
    check_activation,
)
