"""Steps for what is on devices and beside them: addresses, routes, rules, parameters and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from vnetc.backends.netlink.classes import is_foreign
from vnetc.backends.netlink.links import defaults as newborn
from vnetc.backends.netlink.links.changes import NO_ADDRESS
from vnetc.backends.netlink.objects import addresses, nexthops, routes, rules
from vnetc.backends.netlink.planner.order import Phase, phase_of
from vnetc.backends.netlink.planner.ownership import is_default
from vnetc.backends.netlink.planner.planning import UNNAMED, Planning
from vnetc.backends.netlink.planner.relations import PROGRAMS, devices_of, is_ours, settable
from vnetc.backends.netlink.planner.steps import Step, differing
from vnetc.backends.netlink.state import Attributes, Key, Wanted
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from vnetc.backends.netlink.planner.steps import Impact

Holds: TypeAlias = "tuple[tuple[Key, Attributes], ...]"

_IS_OURS = "the host had it already"
_MOVED = "the document has it on another device"
_HOST_WIDE: Mapping[Key, str] = {
    ("sysctl", "net/ipv4/ip_forward"): "net/ipv4/conf/",
    ("sysctl", "net/ipv6/conf/all/forwarding"): "net/ipv6/conf/",
}
# IFAPROT_KERNEL_RA, RTPROT_RA: of router advertisements
_ADVERTISED = {"address": 2, "route": 9}


_FORBIDDEN = "the document wants none of these"


def _impact_of_removal(key: Key, attributes: Attributes) -> Impact:
    """Tell whether what goes may have carried something."""
    if key[0] == "address" and attributes.get("origin") == "kernel":
        return "seamless"
    lasting = key[0] in ("address", "dhcp", "nft", "dnsmasq") or is_default(key)
    return "disruptive" if lasting else "seamless"


def order_of(key: Key, attributes: Attributes) -> int:
    """Say which of the objects of a class are made first."""
    match key[0]:
        case "route":
            return routes.order(attributes)
        case "nexthop":
            return nexthops.order(attributes)
        case _:
            return 0


class ObjectPlanning(Planning):
    """Plans objects other than devices."""

    def _object(self, item: Wanted) -> None:
        key, now = item.key, self.now.get(item.key)
        aim = self._aim(item, now)
        if now is not None and not differing(key, aim, now, exact=self.exact):
            return
        if key[0] == "sysctl" and self._is_born_with(item):
            return
        step = Step(
            action="+" if now is None else "~",
            key=key,
            before=now,
            after=aim if now is None else {**now, **aim},
            path=item.path,
            places=item.places,
        )
        if key[0] == "address":
            step = self._new_address(step) if now is None else self._changed_address(step)
        elif now is not None and (is_default(key) or key[0] == "dhcp"):
            step = replace(step, impact="brief")  # a client gives its lease back, and asks anew
        elif key[0] == "card" and now is not None:
            from vnetc.backends.netlink.objects import cards

            step = replace(step, impact=cards.impact(now, item.attributes))
        self._add(phase_of(key), order_of(key, item.attributes), step)

    def _without_asking(self, step: Step) -> Step:
        """Have an IPv6 address at once that the host has already, and say later that it may ask.

        Otherwise it would be none for a second, and its connections would wait (addrconf_dad_start).
        """
        asking = step.after or {}
        silent = {**asking, "duplicate-address-detection": False}
        later = replace(step, action="~", before=silent, after=asking, reason=_IS_OURS)
        self._add(Phase.AGAIN, 0, later)
        return replace(step, after=silent)

    def _is_of_this_host(self, step: Step, *, here: bool) -> bool:
        """Tell whether the host has an IPv6 address of which others would be asked.

        On another device, or with another subnet (`here`).
        """
        own = step.key[2].partition("/")[0]
        asks = (step.after or {}).get("duplicate-address-detection") is True
        elsewhere = here or bool(self.present.get(own, set()) - {step.key[1]})
        return asks and elsewhere and not own.startswith("fe80:")

    @cached_property
    def present(self) -> dict[str, set[str]]:
        """The IPv6 addresses that the host has, without their subnets, and the devices they are on."""
        found: dict[str, set[str]] = {}
        for key in self.state:
            if key[0] == "address" and ":" in key[2]:
                found.setdefault(key[2].partition("/")[0], set()).add(key[1])
        return found

    def _forward(self) -> None:
        """Follow what forwarding for the whole host does to that of devices (inet_forward_change)."""
        for key, start in _HOST_WIDE.items():
            item, now = self.wanted.get(key), self.now.get(key)
            if item is None or now is None or not differing(key, item.attributes, now):
                continue
            for other in self.now:
                of_device = other[0] == "sysctl" and other[1].startswith(start) and other != key
                if of_device and other[1].endswith("/forwarding"):
                    self.now[other] = item.attributes

    def _is_born_with(self, item: Wanted) -> bool:
        """Tell whether a device that is made has a kernel parameter as wanted from the start."""
        name = next(iter(devices_of(item.key, item.attributes)), None)
        if name not in self.made:
            return False
        value = item.attributes["value"]
        return newborn.has_parameter(self.links[name].attributes, item.key, value, self.state)

    def _take_for_the_same(self) -> None:
        """Take an address of others that has a peer for one of which the document says none.

        The kernel has no room for both.
        """
        for item in [*self.wanted.values()]:
            if item.key[0] != "address" or item.key in self.now or "peer" not in item.unsaid:
                continue
            same = [
                other
                for other in addresses.conflicts(item.key, self.held.get(item.key[1], {}))
                if other[2] == item.key[2] and other not in self.wanted
                if other in self.now and self._is_of_others(other, self.now[other])
            ]
            if same:
                del self.wanted[item.key]
                self.wanted[same[0]] = replace(item, key=same[0])

    def _new_address(self, step: Step) -> Step:
        """Follow what a new address does to others of its device."""
        key, held = step.key, self.held.setdefault(step.key[1], {})
        conflicts = [
            other
            for other in addresses.conflicts(key, held)
            if other not in self.wanted and other in self.now
        ]
        holds = addresses.holders(conflicts, held)
        for other in conflicts:
            self._remove(other, Phase.CONFLICT, f"`{key[2]}` takes its place", holds)
            del self.now[other]
        for other in self._shadows(key):
            if other not in self.wanted and other in self.now:
                self._remove(other, Phase.CONFLICT, f"`{key[2]}` takes its place")
                del self.now[other]
        held[key] = {**(step.after or {}), "secondary": addresses.becomes_secondary(key, held)}
        if self._is_of_this_host(step, here=bool(conflicts)):
            step = self._without_asking(step)
        return replace(step, holds=holds)

    def _changed_address(self, step: Step) -> Step:
        """Change an address in place, or make it anew where the kernel only can do that."""
        key, held = step.key, self.held.setdefault(step.key[1], {})
        old, new = step.before or {}, step.after or {}
        impact = addresses.impact(key, old, new)
        held[key] = {**held.get(key, {}), **new}
        if impact == "seamless":
            return step
        if ":" in key[2]:
            asks = self._is_of_this_host(step, here=True)
            return replace(self._without_asking(step) if asks else step, impact=impact)
        mates = addresses.subnet_mates(key, held)
        lost = [
            mate
            for mate in mates
            if mate not in self.wanted and held[mate]["scope"] != new["scope"]
        ]
        if lost and not self.exact:
            self._refuse(
                "VN618",
                f"`{key[1]} {lost[0][2]}` would be lost: the kernel has the addresses of a subnet in "
                "one scope",
                self.wanted[key],
                "scope",
                "remove it first, or leave out the scope",
            )
        behind = [] if held[key].get("secondary") else mates
        return self._made_anew(replace(step, impact=impact), [key, *behind])

    def _made_anew(self, step: Step, keys: Sequence[Key]) -> Step:
        """Have addresses of one subnet go and come back in an order, and others hold their places.

        Without those the last address of a device would go: with it the kernel removes all routes
        there and all neighbours, and with an address the routes whose source it is
        (fib_disable_ip, fib_sync_down_addr).
        """
        held = self.held[step.key[1]]
        anew = tuple((key, held[key]) for key in keys)
        holds = addresses.holders(keys, held)
        for key in keys:
            del held[key]
        for key, attributes in anew:
            held[key] = {**attributes, "secondary": addresses.becomes_secondary(key, held)}
        return replace(step, anew=anew, holds=holds)

    def _shadows(self, key: Key) -> list[Key]:
        """List addresses that go and have this one for a broadcast address, on whichever device.

        As long as they are there the kernel makes no route of it (fib_valid_prefsrc).
        """
        if self.broadcasts is None:
            self.broadcasts = {}
            for other, found in self.state.items():
                if other[0] == "address" and isinstance(found.get("broadcast"), str):
                    self.broadcasts.setdefault(str(found["broadcast"]), []).append(other)
        own = key[2].partition("/")[0]
        return [
            other
            for other in self.broadcasts.get(own, [])
            if other in self.now and self._is_removed(other, self.now[other])
        ]

    def _remove(self, key: Key, phase: Phase, reason: str, holds: Holds = ()) -> None:
        """Remove an object; the kernel may take others along, or instead."""
        attributes = self.now[key]
        falls = self._let_go(key) if key[0] == "address" else []
        hidden: tuple[tuple[Key, Attributes], ...] = ()
        if key[0] == "rule":
            own = {k: v for k, v in self.state.items() if k[0] == "rule"}
            hidden = tuple(
                (k, own[k])
                for k in rules.hides(key, own)
                if k in self.wanted or not self._is_removed(k, own[k])  # else it went before
            )
        self._add(
            phase,
            0,
            Step(
                action="-",
                key=key,
                before=attributes,
                after=None,
                impact=_impact_of_removal(key, attributes),
                reason=reason,
                falls=tuple(falls),
                hidden=hidden,
                holds=holds,
            ),
        )

    def _let_go(self, key: Key) -> list[Key]:
        """Take an address from those of its device; note which the kernel takes along."""
        held = self.held.get(key[1], {})
        falls = addresses.falls_with(key, held)
        held.pop(key, None)
        if falls and self._promotes(key[1]):
            held[falls[0]] = {**held[falls[0]], "secondary": False}
            return []
        for other in falls:
            self.again[other] = held.pop(other)
        return falls

    def _promotes(self, name: str) -> bool:
        """Have the kernel keep the other addresses of a subnet when the first one goes.

        Without, a device is without any for a moment, and loses its routes (fib_inetaddr_event).
        """
        key: Key = ("sysctl", f"net/ipv4/conf/{name}/promote_secondaries")
        old = self.state.get(key)
        if old is None:
            return False
        if key not in self.promoted:
            self.promoted.add(key)
            new: Attributes = {"value": "1"}
            why = "for as long as addresses change"
            for phase, before, after in ((Phase.SYSCTL, old, new), (Phase.LAST, new, old)):
                step = Step(action="~", key=key, before=before, after=after, reason=why)
                if old != new:
                    self._add(phase, 0, step)
        return True

    def _put_first(self) -> None:
        """Make the first address that is wanted of a subnet the first one that the kernel has of it.

        It is the source of what the host sends. Those before it come back behind it.
        """
        groups: dict[tuple[str, str], list[Key]] = {}
        for key in self.wanted:
            if key[0] == "address" and ":" not in key[2]:
                groups.setdefault((key[1], addresses.subnet_of(key)), []).append(key)
        for (device, _), keys in groups.items():
            held = self.held.get(device, {})
            if len(keys) < 2 or not held.get(keys[0], {}).get("secondary"):
                continue
            first = [key for key in keys if key in held and not held[key].get("secondary")]
            if not first:  # it is one of others
                continue
            wanted = [key for key in keys if key in held]
            rest = [key for key in addresses.subnet_mates(first[0], held) if key not in wanted]
            item, now = self.wanted[first[0]], held[first[0]]
            step = Step(
                action="~",
                key=first[0],
                before=now,
                after=now,
                path=item.path,
                impact="brief",
                reason=f"`{keys[0][2]}` comes first",
            )
            self._add(Phase.AGAIN, 0, self._made_anew(step, [*wanted, *rest]))

    def _removals(self) -> None:
        """Remove what is ours and not wanted, and give back what the kernel takes along."""
        removed: set[Key] = set()
        for key, attributes in self.now.items():
            if key in self.wanted or key[0] == "link" or not self._is_removed(key, attributes):
                continue
            removed.add(key)
            reason = UNNAMED
            if self._is_moved(key):
                reason = _MOVED
            elif is_foreign(key, attributes) and key not in self.owned:
                reason = _FORBIDDEN
            self._remove(key, phase_of(key, removal=True), reason)
        self._put_first()
        for key, attributes in self.again.items():
            if key in removed:
                continue
            wanted = self.wanted.get(key, Wanted(key, attributes, ()))
            self._add(
                Phase.AGAIN,
                0,
                Step(
                    action="+",
                    key=key,
                    before=None,
                    after={**settable(attributes), **wanted.attributes},
                    path=wanted.path,
                    impact="brief",
                    reason="the kernel removes it with the first address of its subnet",
                ),
            )

    def _is_removed(self, key: Key, attributes: Attributes) -> bool:
        if key[0] not in PROGRAMS and not self.late.isdisjoint(devices_of(key, attributes)):
            return False  # it goes with its device
        if key in self.owned or self._is_turned(key):
            return True
        if self._is_moved(key):
            return True
        if is_foreign(key, attributes):
            return self._is_forbidden(key, attributes)
        if self.exact:
            return False
        if is_ours(key, attributes):
            return True
        devices = devices_of(key, attributes)
        named = bool(devices) and all(name in self.links for name in devices)
        if key[0] == "vlan":  # what a filtering bridge of the document lets through, it says itself
            return named and self._filters(key[1])
        return self.prune and named and key[0] in ("address", "route", "neighbor", "rule")

    def _is_moved(self, key: Key) -> bool:
        """Tell whether an address of a port is one that the document has on another device.

        Whoever put it there: the host would answer at the bridge and send through the port.
        """
        if self.exact or key[0] != "address" or key[1] not in self.links:
            return False
        port = self.links[key[1]].attributes.get("master-kind") in ("bridge", "bond")
        return port and key[2].partition("/")[0] in self.stated

    @cached_property
    def stated(self) -> frozenset[str]:
        """The addresses of the document, without their subnets; link-local ones mean no host."""
        found = {key[2].partition("/")[0] for key in self.wanted if key[0] == "address"}
        return frozenset(address for address in found if not address.startswith("fe80:"))

    def _is_forbidden(self, key: Key, attributes: Attributes) -> bool:
        """Tell whether the kernel made something by itself that the document says it shall not."""
        device = key[1] if key[0] == "address" else attributes.get("dev")
        item = self.links.get(str(device))
        if item is None or (key[0] == "address" and ":" not in key[2]):
            return False
        if key[0] == "address" and attributes["origin"] == "kernel":
            links_none = item.attributes.get("address-generation") == NO_ADDRESS
            return links_none and key[2].startswith("fe80:")
        accepts = self.wanted.get(("sysctl", f"net/ipv6/conf/{device}/accept_ra"))
        if accepts is None or accepts.attributes["value"] != "0":
            return False
        return attributes.get("proto") == _ADVERTISED[key[0]] or (
            key[0] == "address" and bool(attributes.get("manage-temporary"))
        )

    def _filters(self, name: str) -> bool:
        item = self.links[name]
        master = item.attributes.get("master")
        bridge = item if master is None else self.links.get(str(master))
        return bridge is not None and bool(bridge.attributes.get("bridge.vlan-filtering"))
