"""Steps: the changes that lead from one state of the kernel to another, and a plan of them."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.netlink.objects import Attributes, Key
from vnetc.diagnostics import Diagnostic
from vnetc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from vnetc.diagnostics import Path

    Action: TypeAlias = Literal["+", "~", "-", "!"]
    Impact: TypeAlias = Literal["seamless", "brief", "disruptive"]


class Step(Record):
    """One change: make (`+`), change (`~`), remove (`-`), or remove and make anew (`!`).

    `before` is the object as it is then, `after` as it is to be; `falls` lists what goes with it.
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
    hidden: tuple[tuple[Key, Attributes], ...] = ()  # rules that the kernel would take for this one

    @property
    def changes(self) -> tuple[str, ...]:
        """The attributes that differ, sorted."""
        old, new = self.before or {}, self.after or {}
        return tuple(sorted(name for name in new if old.get(name) != new[name]))


class Plan(Record):
    """Steps in the order of their execution, and what forbids to take them."""

    steps: tuple[Step, ...] = ()
    problems: tuple[Diagnostic, ...] = ()

    @property
    def touched(self) -> frozenset[Key]:
        """All objects that the steps change, make or take away."""
        return frozenset(key for step in self.steps for key in (step.key, *step.falls))
