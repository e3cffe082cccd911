"""Steps: the changes that lead from one state of the kernel to another, and a plan of them."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.netlink.links import changes as links
from vnetc.backends.netlink.objects import addresses
from vnetc.backends.netlink.state import PROTOCOL, Attributes, Key
from vnetc.model.diagnostics import Diagnostic
from vnetc.model.record import Node, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from vnetc.model.diagnostics import Path

    Action: TypeAlias = Literal["+", "~", "-", "!"]
    Impact: TypeAlias = Literal["seamless", "brief", "disruptive"]


# What is read and is no setting: the number of a device, what is left of a lease, and so on.
OBSERVED = addresses.OBSERVED | {
    *("ifindex", "link-elsewhere", "fingerprint", "bridge.topology-change")
}


def differing(key: Key, wanted: Attributes, found: Attributes, *, exact: bool = False) -> list[str]:
    """Name the attributes that are other than wanted; what is not stated may be anything.

    The mark of who made an object is no difference by itself, unless all is to be `exact`.
    """
    if key[0] == "link":
        return [name for name in links.differing(found, wanted) if name not in OBSERVED]
    return [
        name
        for name, value in wanted.items()
        if found.get(name) != value
        and name not in OBSERVED
        and (exact or name != "proto" or value != PROTOCOL)
    ]


class Step(Node):
    """One change: make (`+`), change (`~`), remove (`-`), or remove and make anew (`!`).

    `before` is the object as it is then, `after` as it is to be; `falls` lists what goes with it.
    `hidden` are rules that the kernel would take for this one. An address that can only be changed
    by being removed is made `anew` with those behind it in its subnet, in that order; others on its
    device hold its place for as long as it is away, `holds`.
    """

    action: Action
    key: Key
    before: Attributes | None
    after: Attributes | None
    path: Path = ()
    places: Mapping[str, Path] = {}
    impact: Impact = "seamless"
    reason: str = ""
    falls: tuple[Key, ...] = ()
    hidden: tuple[tuple[Key, Attributes], ...] = ()
    anew: tuple[tuple[Key, Attributes], ...] = ()
    holds: tuple[tuple[Key, Attributes], ...] = ()

    @property
    def changes(self) -> tuple[str, ...]:
        """The attributes that differ, sorted."""
        return tuple(sorted(differing(self.key, self.after or {}, self.before or {}, exact=True)))


class Plan(Record):
    """Steps in the order of their execution, and what forbids to take them.

    `gone` are objects of others that the kernel takes along and that cannot be without what the
    document takes away.
    """

    steps: tuple[Step, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    gone: frozenset[Key] = frozenset()

    @property
    def touched(self) -> frozenset[Key]:
        """All objects that the steps change, make or take away."""
        return self.gone.union(
            key
            for step in self.steps
            for key in (step.key, *step.falls, *(twin for twin, _ in step.holds))
        )
