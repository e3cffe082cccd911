"""What falls by a plan's own doing: found, made again, or told before anything is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property

from vnetc.backends.netlink.planner import dependents as falling
from vnetc.backends.netlink.planner.dependents import Devices, Subnets, closure
from vnetc.backends.netlink.planner.devices import DevicePlanning
from vnetc.backends.netlink.planner.display_names import title
from vnetc.backends.netlink.planner.objects import ObjectPlanning, order_of
from vnetc.backends.netlink.planner.order import Phase
from vnetc.backends.netlink.planner.ownership import is_default, returns
from vnetc.backends.netlink.planner.relations import (
    MEMBERSHIP,
    PROGRAMS,
    devices_of,
    is_own,
    port_of,
    settable,
    without_master,
)
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import Attributes, Key, Wanted
from vnetc.backends.netlink.wire.constants import IPV6_MINIMUM_MTU
from vnetc.model.diagnostics import diagnostic
from vnetc.model.record import replace

_FOLLOWERS = frozenset({"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"})
_LISTED = 3  # objects that a message names
_REPLACED = "the document has another one, and what it leads through goes"
_HELP = "say it in the document too, or remove it first, by hand or with `--prune-foreign`"


class FallPlanning(DevicePlanning, ObjectPlanning):
    """Plans around what the kernel takes along."""

    # --- with devices -----------------------------------------------------------------------------

    def _lose(self) -> list[Key]:
        """Take out of the state what falls with devices, or because they go down for a moment."""
        down = self._with_vlans(self._going_down())
        ends = {str(self.state.get(("link", name), {}).get("peer")) for name in down}
        devices = Devices(gone=self.fallen, down=down, dark=frozenset(ends))
        found, less = falling.fall_with(self.state, devices)
        lost = [key for key in self.state if key in found]
        for key in lost:
            if key[0] in PROGRAMS and key in self.owned:  # it would go on with no device
                self._remove(key, Phase.STOP, "it goes with its device")
            del self.now[key]
        self.now.update({key: {**attributes} for key, attributes in less.items()})
        for key, left in self.now.items():
            if key[0] == "link" and left.get("master") in self.fallen:
                # __bond_release_one closes what was a member
                closed = left.get("master-kind") == "bond"
                alone = without_master(left)
                self.now[key] = {**alone, "up": False} if closed else {**alone}
        for key in [k for k in self.now if k[0] in MEMBERSHIP]:
            if self.now.get(("link", port_of(key)), {}).get("master") is None and not is_own(
                key, self.now[key]
            ):
                del self.now[key]
        return [*lost, *less]

    def _going_down(self) -> Iterator[str]:
        """Name the devices that go down, also members of others when what they are in lets them go."""
        for name in self.links:
            if name not in self.fallen and self._goes_down(name):
                yield name
        free = {name for name in self.links if self._is_emptied(name)} | self.fallen
        for key, attributes in self.state.items():
            closed = attributes.get("master-kind") in ("bond", "vrf")
            if closed and key[1] not in self.fallen and attributes["master"] in free:
                yield key[1]

    def _with_vlans(self, names: Iterator[str]) -> frozenset[str]:
        """Add to devices that go down the VLANs on them, which follow (vlan_device_event)."""

        def above(name: str) -> list[str]:
            return [
                vlan
                for vlan in self.upper.get(name, ())
                if (link := self.state["link", vlan])["kind"] == "vlan"
                and not link.get("vlan-flags.loose-binding")
            ]

        return closure([*names], above)

    def _revert(self) -> None:
        """Leave out what was and cannot be again: a route whose gateway is nobody's neighbour now."""
        for key in self.reverted:
            if not self._is_turned(key):
                continue
            route = {**self.state[key], **self.wanted[key].attributes}
            there = self.state.keys() | self.wanted.keys()
            if any(("link", name) not in there for name in devices_of(key, route)) or any(
                place not in self.subnets[1] for place in falling.needs(key, route)
            ):
                del self.wanted[key]

    def _keep(self, lost: Collection[Key]) -> None:
        """Want again what others lose with devices that are there afterwards, too."""
        for key in lost:
            if key in self.wanted or key[0] == "link":
                continue
            attributes = self.state[key]
            if self._is_removed(key, attributes):
                continue
            if self._stays(key) and not self._leaves(key, attributes):
                self.wanted[key] = Wanted(key, settable(attributes), self._path_of(key))
            elif key in self.now:  # there is less of it
                self.gone.add(key)
            elif not self._comes_back(key, attributes):
                self._give_up(key, attributes, Phase.STOP)
        if self.late:
            for key, found in self.now.items():
                if not self.late.isdisjoint(devices_of(key, found)):
                    self._give_up(key, found, Phase.REMOVE_ROUTE)

    def _stays(self, key: Key) -> bool:
        """Tell whether something lost is of others, settable, and its device still wanted."""
        attributes = self.state[key]
        if not self._is_of_others(key, attributes) or returns(key, attributes):
            return False
        if key[0] in ("sysctl", "vlan", "qdisc"):
            return False
        return self._is_up_again(devices_of(key, attributes))

    def _is_up_again(self, devices: Collection[str]) -> bool:
        there = all(name in self.links for name in devices if name in self.fallen)
        return there and self.ending.isdisjoint(devices)

    def _comes_back(self, key: Key, attributes: Attributes) -> bool:
        return returns(key, attributes) and self._is_up_again(devices_of(key, attributes))

    @cached_property
    def ending(self) -> frozenset[str]:
        """The devices that are to be down in the end."""
        return self._with_vlans(
            name for name, item in self.links.items() if item.attributes.get("up") is False
        )

    # --- with addresses ---------------------------------------------------------------------------

    @cached_property
    def leaving(self) -> list[Key]:
        """The addresses that are there and will not be."""
        return [
            key
            for key, attributes in self.state.items()
            if key[0] == "address" and key not in self.wanted
            if key[1] in self.late
            or (key[1] in self.fallen and key[1] not in self.links)
            or (key[1] in self.ending and ":" in key[2])
            or self._is_removed(key, attributes)
        ]

    @cached_property
    def staying(self) -> list[Key]:
        """The addresses that will be there."""
        gone = set(self.leaving)
        kept = {key for key in self.state if key[0] == "address" and key not in gone}
        return [*kept.union(key for key in self.wanted if key[0] == "address")]

    @cached_property
    def subnets(self) -> tuple[Subnets, Subnets]:
        """The subnets that devices lose, and those that they will have, or direct routes to."""
        direct = [
            (str(attributes["dev"]), key[3])
            for key, attributes in self._afterwards()
            if key[0] == "route" and attributes.get("via") is None
            if attributes.get("dev") is not None
        ]
        staying = [(key[1], key[-1]) for key in self.staying]
        return Subnets((key[1], key[-1]) for key in self.leaving), Subnets([*staying, *direct])

    @cached_property
    def left(self) -> frozenset[str]:
        """The addresses that the host will not have on any device."""
        return frozenset(map(_local, self.leaving)) - frozenset(map(_local, self.staying))

    def _leaves(self, key: Key, attributes: Attributes) -> bool:
        """Tell whether an object cannot be without a subnet or an address that goes."""
        if key[0] == "route" and attributes.get("from") in self.left:
            return True
        if not self.leaving:
            return False
        old, new = self.subnets
        return any(place in old and place not in new for place in falling.needs(key, attributes))

    def _flush(self) -> None:
        """Find what goes with addresses as steps are taken, and make it again after them.

        With the last IPv4 address of a device, and with the source of a route.
        """
        emptied, sources = self._emptied()
        if not emptied and not sources:
            return
        last: dict[Key, Phase] = {}
        for phase, _, step in self.found:
            last[step.key] = max(phase, last.get(step.key, phase))
        removed = {step.key for *_, step in self.found if step.action == "-"}
        for key, attributes in self._afterwards():
            falls = falling.flushed(key, attributes, emptied, sources)
            if not falls and not self._loses_source(key, attributes, sources):
                continue
            phases = [emptied[name] for name in devices_of(key, attributes) if name in emptied]
            for table in (key[2], ""):
                phases += filter(None, [sources.get((str(attributes.get("from")), table))])
            if key in removed or (key in last and last[key] > max(phases)):
                continue
            if key in self.wanted or not self._leaves(key, attributes):
                self._make_again(key, attributes, falls)
            elif falls:
                self._give_up(key, attributes, Phase.REMOVE_ROUTE)
            else:
                self.gone.add(key)  # its source

    def _afterwards(self) -> Iterator[tuple[Key, Attributes]]:
        """List what is there after the steps, as far as it is wanted or of others."""
        for key, attributes in self.now.items():
            if key not in self.wanted:
                yield key, settable(attributes)
        for key, item in self.wanted.items():
            there = self.now.get(key)
            yield key, {**(there or {}), **self._aim(item, there)}

    def _make_again(self, key: Key, after: Attributes, falls: bool) -> None:
        item = self.wanted.get(key)
        self._add(
            Phase.AGAIN,
            1 + order_of(key, after),
            Step(
                action="+" if falls else "~",
                key=key,
                before=None if falls else {**after, "from": None},
                after=after,
                path=self._path_of(key) if item is None else item.path,
                impact="brief",
                reason="the kernel removes it with an address",
            ),
        )

    def _loses_source(
        self, key: Key, attributes: Attributes, sources: Collection[tuple[str, str]]
    ) -> bool:
        """Tell whether an IPv6 route is without its source then (fib6_remove_prefsrc)."""
        return key[:2] == ("route", "ipv6") and (attributes.get("from"), "") in sources

    def _emptied(self) -> tuple[dict[str, Phase], dict[tuple[str, str], Phase]]:
        """Say when devices are without an IPv4 address, and when the host is without one.

        The addresses that it lacks are with the tables whose routes go with them, "" is all.
        """
        present: dict[str, set[Key]] = {}
        places: dict[str, set[Key]] = {}
        for key in self.beginning:
            present.setdefault(key[1], set()).add(key)
            places.setdefault(_local(key), set()).add(key)
        emptied: dict[str, Phase] = {}
        sources: dict[tuple[str, str], Phase] = {}

        def lack(key: Key, phase: Phase) -> None:
            table = "" if ":" in key[2] else falling.table_of(key[1], self.state)
            sources[_local(key), table] = phase

        for key in self.state:
            if key[0] == "address" and ":" not in key[2] and _local(key) not in places:
                lack(key, Phase.EARLY)  # it went with its device
        for phase, _, step in sorted(self.found, key=lambda entry: entry[:2]):
            if step.key[0] != "address":
                continue
            if step.action == "~":
                alone = places.get(_local(step.key)) == {step.key}
                if (
                    step.impact == "brief" and alone and ":" in step.key[2]
                ):  # nobody holds its place
                    lack(step.key, phase)
                continue
            own = present.setdefault(step.key[1], set())
            if step.action == "+":
                own.add(step.key)
                places.setdefault(_local(step.key), set()).add(step.key)
                continue
            held = {twin[2].partition("/")[0] for twin, _ in step.holds}
            for key in (step.key, *step.falls):
                own.discard(key)
                of = places.setdefault(_local(key), set())
                of.discard(key)
                if not of and _local(key) not in held:
                    lack(key, phase)
            if not held and ":" not in step.key[2] and all(":" in key[2] for key in own):
                emptied[step.key[1]] = phase
        return emptied, sources

    # --- what cannot be again ---------------------------------------------------------------------

    def _give_up(self, key: Key, attributes: Attributes, phase: Phase) -> None:
        """Note what others lose for good. Of the ways out of the host the last one is never lost.

        One that the document has another of is removed, at a phase, and so in the plan.
        """
        if self.exact or not self._is_of_others(key, attributes) or key[0] not in falling.OTHERS:
            return
        if not is_default(key):
            self.gone.add(key)
        elif key not in self.wanted and not self._is_removed(key, attributes):
            if any(is_default(other) and other[:3] == key[:3] for other in self.wanted):
                step = Step(action="-", key=key, before=attributes, after=None, reason=_REPLACED)
                self._add(phase, 0, replace(step, impact="disruptive"))
            elif not self._is_leased(key, attributes):
                devices = devices_of(key, attributes)
                self._tell(
                    f"{_named([key])} would be lost with what the document takes away", devices
                )

    def _is_leased(self, key: Key, attributes: Attributes) -> bool:
        """Tell whether a DHCP client that a step is about brings and removes a route."""
        return any(
            (("dhcp", name) in self.owned) != (("dhcp", name) in self.wanted)
            for name in devices_of(key, attributes)
        )

    def _end_ipv6(self) -> None:
        """Refuse to end IPv6 on devices where others have something of it: nobody can bring it back."""
        if self.exact:
            return
        for name in sorted(filter(self._has_ipv6, closure(self.small, self._followers))):
            found = [
                key
                for key, attributes in self.state.items()
                if name in devices_of(key, attributes) and self._is_ipv6_of_others(key, attributes)
            ]
            if found:
                why = f"an MTU below {IPV6_MINIMUM_MTU} ends IPv6 on `{name}`"
                self._tell(f"{why}: {_named(found)} would be lost", [name], "mtu")

    def _followers(self, name: str) -> list[str]:
        """List the devices whose MTU is no more than that of the one they are made on."""
        above = self.upper.get(name, ())
        return [up for up in above if self.state["link", up]["kind"] in _FOLLOWERS]

    def _has_ipv6(self, name: str) -> bool:
        link = self.state.get(("link", name), {})
        return link.get("address-generation") is not None

    def _is_ipv6_of_others(self, key: Key, attributes: Attributes) -> bool:
        six = key[1] == "ipv6" if key[0] == "route" else ":" in key[-1]
        if key[0] not in ("address", "route", "neighbor", "neighbor-proxy") or not six:
            return False
        if key in self.wanted or not self._is_of_others(key, attributes):
            return False
        # the kernel's own: link-local addresses, and routes that come with addresses
        made = attributes.get("origin") == "kernel" or (
            key[0] == "route"
            and returns(key, attributes)
            and attributes.get("via") is None
            and not is_default(key)
        )
        return not made and not self._is_removed(key, attributes)

    def _tell(self, message: str, devices: Collection[str], word: str = "") -> None:
        """Refuse a plan that takes away what others have."""
        item = next((self.links[name] for name in devices if name in self.links), None)
        path = () if item is None else item.places.get(word, item.path)
        self.problems.append(diagnostic("VN618", message, path, "key", help=_HELP))


def _named(keys: Sequence[Key]) -> str:
    """Name objects of others, the first few of them."""
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return f"{', '.join(f'`{title(key)}`' for key in keys[:_LISTED])}{more}, which others made,"


def _local(key: Key) -> str:
    return key[2].partition("/")[0]
