"""From the state of a kernel to the one a document wants: typed steps in the order they are taken.

A pure function of what is there, what is wanted and what is ours. It keeps a copy of the state and
plays in it what each decision does to the rest: a device that must be made anew takes with it what
stands on it, one that must go down loses its routes and its IPv6 addresses. The difference between
that and what is wanted are the steps, so whatever falls is made again, also what others had put
there. What is neither wanted nor ours is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from vnetc.backends.netlink.links.changes import CARDS
from vnetc.backends.netlink.objects import nexthops
from vnetc.backends.netlink.planner.falls import FallPlanning
from vnetc.backends.netlink.planner.relations import devices_of, settable
from vnetc.backends.netlink.planner.steps import Plan, Step
from vnetc.backends.netlink.state import Attributes, Key, State, Wanted
from vnetc.model.diagnostics import diagnostic


def plan(
    state: State,
    wanted: Sequence[Wanted],
    owned: Collection[Key],
    *,
    before: Mapping[Key, Attributes] | None = None,
    adopt: bool = False,
    prune: bool = False,
) -> Plan:
    """Plan the steps from `state` to what is wanted.

    `owned` are the objects that vnetc made; `before` is what cards and kernel parameters were when
    vnetc first changed them, and what they become again when no document speaks of them. `adopt`:
    take over what the document names and others have made, even if it must be made anew. `prune`:
    also remove the addresses, routes and neighbours of the document's devices that it does not name.
    """
    return _Planner(state, wanted, owned, before or {}, adopt, prune).plan()


def restore(state: State, snapshot: State, touched: Collection[Key]) -> Plan:
    """Plan the way back to a snapshot, for the objects touched and all on their devices."""
    scope = _scope(snapshot, touched)
    wanted = [Wanted(key, settable(snapshot[key]), ()) for key in snapshot if key in scope]
    made = {key for key in touched if key not in snapshot}
    return _Planner(state, wanted, made, {}, True, False, exact=True).plan()


def mend(state: State, objects: Mapping[Key, Attributes]) -> Plan:
    """Plan to make objects what they were, wherever they are."""
    wanted = [Wanted(key, settable(attributes), ()) for key, attributes in objects.items()]
    return _Planner(state, wanted, (), {}, True, False, exact=True).plan()


def reaches(snapshot: State, touched: Collection[Key], steps: Iterable[Step]) -> bool:
    """Tell whether `restore` would undo these steps too."""
    scope = _scope(snapshot, touched) | set(touched)
    return all(
        key in scope or (step.action == "-" and key not in snapshot)  # gone is what it is to be
        for step in steps
        for key in (step.key, *step.falls)
    )


def _scope(snapshot: State, touched: Collection[Key]) -> set[Key]:
    devices = {device for key in touched for device in devices_of(key, snapshot.get(key) or {})}
    return {
        key
        for key, attributes in snapshot.items()
        if key in touched
        or not devices.isdisjoint(devices_of(key, attributes))
        or (key[0] == "nexthop" and not devices.isdisjoint(_devices_of_group(snapshot, key)))
    }


def _devices_of_group(state: State, key: Key) -> list[str]:
    members = nexthops.members(state[key])
    return [name for member in members for name in devices_of(member, state.get(member, {}))]


class _Planner(FallPlanning):
    """Plans all of it."""

    def plan(self) -> Plan:
        anew = self._anew()
        gone = [
            key[1]
            for key in self.owned
            if key[0] == "link" and key in self.state and key not in self.wanted
            if self.state[key]["kind"] not in CARDS
        ]
        early = [name for name in gone if self._is_in_the_way(name)]
        self.fallen = self._stacked([*anew, *early])
        self.late = self._stacked(gone) - self.fallen
        self._spare_others()
        lost = self._lose()
        lowered = [
            name for name in self.links if name not in self.fallen and self._is_lowered(name)
        ]
        for name in lowered:
            self._lower(self.links[name])
        for name in sorted(self.links, key=self._depth):
            self._link(name)
        self._give_back()
        self._end_ipv6()
        self._revert()
        self._keep(lost)
        self._forward()
        for key, attributes in self.now.items():
            if key[0] == "address":
                self.held.setdefault(key[1], {})[key] = {**attributes}
                self.beginning.append(key)
        self._take_for_the_same()
        for key, item in self.wanted.items():
            if key[0] != "link":
                self._object(item)
        self._removals()
        for name in gone:
            if name not in anew:
                self._unlink(name)
        self._flush()
        self.found.sort(key=lambda entry: entry[:2])
        return Plan(
            steps=tuple(step for *_, step in self.found),
            problems=tuple(self.problems),
            gone=frozenset(self.gone),
        )

    def _spare_others(self) -> None:
        """Refuse what would take a device of others along."""
        for name in sorted((self.fallen | self.late) - set(self.links)):
            key = ("link", name)
            if key not in self.owned and not self.exact:
                self.problems.append(
                    diagnostic(
                        "VN606",
                        f"`{name}`, which vnetc did not make, would go with the device it is on",
                        (),
                        help="remove it yourself first",
                    )
                )
