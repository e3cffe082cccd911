"""From the state of a kernel to the one a document wants: typed steps in the order they are taken.

A pure function of what is there, what is wanted and what is ours. It keeps a copy of the state and
plays in it what each decision does to the rest: a device that must be made anew takes with it what
stands on it, one that must go down loses its routes and its IPv6 addresses. The difference between
that and what is wanted are the steps, so whatever falls is made again, also what others had put
there. What is neither wanted nor ours is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from vnetc.backends.netlink.classes import is_foreign
from vnetc.backends.netlink.link_changes import CARDS
from vnetc.backends.netlink.objects import Attributes, Key, State, Wanted
from vnetc.backends.netlink.order import Phase
from vnetc.backends.netlink.plan_devices import DevicePlanning
from vnetc.backends.netlink.plan_objects import ObjectPlanning
from vnetc.backends.netlink.relations import (
    MEMBERSHIP,
    PROGRAMS,
    devices_of,
    dies_when_down,
    is_ours,
    is_own,
    port_of,
    settable,
    without_master,
)
from vnetc.backends.netlink.steps import Plan, Step
from vnetc.diagnostics import diagnostic


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
        if key in touched or not devices.isdisjoint(devices_of(key, attributes))
    }


class _Planner(DevicePlanning, ObjectPlanning):
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
        for key in lost:
            if key not in self.wanted and key[0] != "link" and self._stays(key):
                self.wanted[key] = Wanted(key, settable(self.state[key]), self._path_of(key))
        self._forward()
        for key, attributes in self.now.items():
            if key[0] == "address":
                self.held.setdefault(key[1], {})[key] = {**attributes}
        for key, item in self.wanted.items():
            if key[0] != "link":
                self._object(item)
        self._removals()
        for name in gone:
            if name not in anew:
                self._unlink(name)
        self.found.sort(key=lambda entry: entry[:2])
        return Plan(steps=tuple(step for *_, step in self.found), problems=tuple(self.problems))

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

    def _lose(self) -> list[Key]:
        """Take out of the state what falls with devices, or because they go down for a moment."""
        down = {name for name in self.links if name not in self.fallen and self._goes_down(name)}
        lost: list[Key] = []
        for key, attributes in self.state.items():
            devices = devices_of(key, attributes)
            if not self.fallen.isdisjoint(devices) or (
                not down.isdisjoint(devices) and dies_when_down(key)
            ):
                lost.append(key)
                if key[0] in PROGRAMS and key in self.owned:  # it would go on with no device
                    self._remove(key, Phase.STOP, "it goes with its device")
                del self.now[key]
        for key, found in self.now.items():
            if key[0] == "link" and found.get("master") in self.fallen:
                left = without_master(found)
                # __bond_release_one closes what was a member
                closed = found.get("master-kind") == "bond"
                self.now[key] = {**left, "up": False} if closed else left
        for key in [k for k in self.now if k[0] in MEMBERSHIP]:
            if self.now.get(("link", port_of(key)), {}).get("master") is None and not is_own(
                key, self.now[key]
            ):
                del self.now[key]
        return lost

    def _stays(self, key: Key) -> bool:
        """Tell whether something lost is of others, settable, and its device still wanted."""
        if key in self.owned or is_ours(key, self.state[key]) or is_foreign(key, self.state[key]):
            return False
        if key[0] in ("sysctl", "vlan", "qdisc"):
            return False
        devices = devices_of(key, self.state[key])
        return all(name in self.links for name in devices if name in self.fallen) and all(
            self.links[name].attributes.get("up", True) for name in devices if name in self.links
        )
