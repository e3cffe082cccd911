"""Down and up again: `ifdown -a` leaves nothing, and the `ifup -a` after it makes what the first one made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vnetc.model.host import Host

from tests.lab.case import GENERATIONS, Case, cards
from tests.lab.machines import tree
from tests.lab.runner.acts import Act, Scene
from tests.lab.runner.boot import IFUP
from tests.lab.runner.job import Job
from tests.lab.states.comparison import unequal
from tests.lab.states.differences import owner_of
from tests.lab.states.state import State, interpret
from tests.lab.states.unsaid import without_unsaid

TARGETS = frozenset({"ifupdown", "ifupdown2", "ifupdown-ng"})
# To go down and up again costs as much as the first time, and in a virtual machine much more. So the
# newest generation does it with all documents that any kernel can bring up and with a few of the others,
# another one with the samples of them.
NEWEST = tree.GENERATIONS[-1]
EVERYWHERE = frozenset({"bridge", "veth"})
RARE = frozenset({"proxmox-lacp", "vlan-trunk", "evpn-leaf", "wireguard-hub", "tunnel-end"})
SAMPLES = frozenset(path.name.partition(".")[0] for path in (tree.REPOSITORY / "samples").iterdir())
# What `ifdown` has nothing to do with: it tells of a boot, or of the network around the host.
_BESIDES = frozenset({"boot", "lease"})
_RULES = frozenset({"0", "32766", "32767"})  # which the kernel makes (fib_default_rules_init)


@dataclass(frozen=True)
class Left:
    """What may be left behind: `what` is found in a key of a state."""

    targets: frozenset[str]
    what: str
    reason: str


LEFT: tuple[Left, ...] = (
    Left(
        frozenset({"ifupdown2"}),
        r"^rule ipv[46] 32765",
        "as soon as it makes a VRF it puts the table `local` behind all rules, and leaves it there",
    ),
    Left(
        TARGETS,
        r"^rule ipv[46] 1000: l3mdev",
        "the kernel makes it with the first VRF of a namespace, and keeps it (vrf_newlink)",
    ),
    Left(
        frozenset({"ifupdown"}),
        r"^(link \S+ up|address \S+ link-local|route \S+ table \d+ fe80::/64 )",
        "its `manual` method leaves a card up, which then has a link-local address",
    ),
    Left(
        frozenset({"ifupdown-ng"}),
        r"^(address|dns) \S+ .*\b198\.18\.",
        "its executor kills dhclient(8), which has no time to take back what it did",
    ),
)
# What the second time may leave otherwise than the first.
OTHERWISE: tuple[Left, ...] = (
    Left(
        frozenset({"ifupdown2"}),
        r"^fdb br\S* ",
        "it gives a bridge a MAC address of its own choice, and the kernel may keep the one before",
    ),
    Left(
        frozenset({"ifupdown2"}),
        r"^(link \S+|sysctl \S+ ipv6) mtu\n  first  65575\n  again  1500$",
        "it gives a VRF of which no MTU is said its own default, once it knows the device",
    ),
)


def acts(target: str) -> tuple[Act, ...]:
    """Give what is done to a host that is up."""
    if target not in TARGETS:
        return ()
    up, down = (
        tuple(f"{program} {' '.join(options)}" for options in IFUP[target].options)
        for program in ("ifup", "ifdown")
    )
    return (Act("down", lines=down), Act("up", lines=up))


def is_seen(case: Case, target: str, generation: str) -> bool:
    """Tell whether a renderer need not come up again: another generation has the same version of it.

    In a virtual machine each costs seconds; what any kernel can do comes up on all generations.
    """
    version = GENERATIONS[generation][target]
    older = tree.GENERATIONS[: tree.GENERATIONS.index(generation)]
    same = any(GENERATIONS[other].get(target) == version for other in older)
    return same and not (case.needs() <= EVERYWHERE or case.name in RARE)


def applies(case: Case, generation: str) -> bool:
    """Tell whether a case is one of those that go down and up again: raw text goes its own ways."""
    if case.host.raw or any(interface.raw for interface in case.host.interfaces):
        return False
    if generation == NEWEST:
        return case.needs() <= EVERYWHERE or case.name in RARE
    return case.needs() <= EVERYWHERE and case.name in SAMPLES


def wrong(
    case: Case, job: Job, first: Mapping[str, str], scenes: tuple[Scene, ...]
) -> Iterator[str]:
    """Say what is left behind, and what is not as it was the first time."""
    for scene in scenes:
        if scene.error:
            yield f"{scene.name}: {scene.error}"
    down, up = scenes
    for what in left(interpret(down.raw, cards(case.host)), case.host):
        if not _is_excused(what, LEFT, job.renderer):
            yield f"left by ifdown: {what}"
    for process in down.raw["processes"].splitlines():
        yield f"left by ifdown: {process}"
    states = {
        "first": interpret(first, cards(case.host)),
        "again": interpret(up.raw, cards(case.host)),
    }
    states = {
        name: {
            key: value
            for key, value in without_unsaid(state, case.host).items()
            if key[0] not in _BESIDES
        }
        for name, state in states.items()
    }
    for row in unequal(case.host, states):
        if not _is_excused(row, OTHERWISE, job.renderer):
            yield f"up again: {row}"
    before, after = (_alike(processes) for processes in (first["processes"], up.raw["processes"]))
    if before != after:
        yield f"up again:\n  first  {before}\n  again  {after}"


def _alike(processes: str) -> str:
    """Leave out what a client made by chance: its own link-local address, of which it tells."""
    return re.sub(r"fe80::\S+", "fe80::", processes)


def _is_excused(what: str, excuses: tuple[Left, ...], target: str) -> bool:
    return any(target in e.targets and re.search(e.what, what) for e in excuses)


def left(state: State, host: Host) -> Iterator[str]:
    """Name what is on a host that has nothing but its network cards, all of them down.

    Of a card's own settings, a sysctl among them, no file says what they were before. The loopback
    stays as it is.
    """
    there = cards(host)
    for (kind, whose, what), value in state.items():
        text = f"{kind} {whose} {what}: {value}"
        match kind:
            case _ if owner_of((kind, whose, what)) == "lo":
                pass
            case "link" if whose in there:
                if (what, value) == ("up", "true") or what == "master":
                    yield text
            case "link":
                if what == "kind":
                    yield text
            case "rule":
                if what not in _RULES:
                    yield text
            case "sysctl":
                pass
            case kind if kind in _BESIDES:
                pass
            case _:
                yield text
