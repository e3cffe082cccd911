"""Steps for what is on devices and beside them: addresses, routes, rules, parameters and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from vnetc.backends.netlink import addresses, newborn, routes, rules
from vnetc.backends.netlink.classes import is_foreign
from vnetc.backends.netlink.link_changes import NO_ADDRESS
from vnetc.backends.netlink.objects import Attributes, Key, Wanted
from vnetc.backends.netlink.order import Phase, phase_of
from vnetc.backends.netlink.planning import UNNAMED, Planning
from vnetc.backends.netlink.relations import PROGRAMS, devices_of, is_ours, settable
from vnetc.backends.netlink.steps import Step, differing
from vnetc.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.netlink.steps import Action, Impact

_MOVED = "the document has it on another device"
_HOST_WIDE: Mapping[Key, str] = {
    ("sysctl", "net/ipv4/ip_forward"): "net/ipv4/conf/",
    ("sysctl", "net/ipv6/conf/all/forwarding"): "net/ipv6/conf/",
}
# IFAPROT_KERNEL_RA, RTPROT_RA: of router advertisements
_ADVERTISED = {"address": 2, "route": 9}


_FORBIDDEN = "the document wants none of these"


def _is_default(key: Key) -> bool:
    return key[0] == "route" and key[3].endswith("/0")


def _impact_of_removal(key: Key, attributes: Attributes) -> Impact:
    """Tell whether what goes may have carried something."""
    if key[0] == "address" and attributes.get("origin") == "kernel":
        return "seamless"
    lasting = key[0] in ("address", "dhcp", "nft", "dnsmasq") or _is_default(key)
    return "disruptive" if lasting else "seamless"


class ObjectPlanning(Planning):
    """Plans objects other than devices."""

    def _object(self, item: Wanted) -> None:
        key, now = item.key, self.now.get(item.key)
        if now is not None and not differing(key, item.attributes, now, exact=self.exact):
            return
        if key[0] == "sysctl" and self._is_born_with(item):
            return
        action: Action = "+" if now is None else "~"
        impact: Impact = "seamless"
        if key[0] == "address":
            impact = self._address(item, now)
        if _is_default(key) and now is not None:
            impact = "brief"
        if key[0] == "card" and now is not None:
            from vnetc.backends.netlink import cards

            impact = cards.impact(now, item.attributes)
        step = Step(
            action=action,
            key=key,
            before=now,
            after=item.attributes if now is None else {**now, **item.attributes},
            path=item.path,
            places=item.places,
            impact=impact,
        )
        if key[0] == "address" and now is None and self._is_of_this_host(item):
            step = self._without_asking(step)
        order = routes.order(item.attributes) if key[0] == "route" else 0
        self._add(phase_of(key), order, step)

    def _without_asking(self, step: Step) -> Step:
        """Have an IPv6 address at once that the host has already, and say later that it may ask.

        Otherwise it would be none for a second, and its connections would wait (addrconf_dad_start).
        """
        asking = step.after or {}
        silent = {**asking, "duplicate-address-detection": False}
        later = replace(step, action="~", before=silent, after=asking, reason="it has moved")
        self._add(Phase.AGAIN, 0, later)
        return replace(step, after=silent)

    def _is_of_this_host(self, item: Wanted) -> bool:
        """Tell whether an IPv6 address of which others would be asked is on another device now."""
        own = item.key[2].partition("/")[0]
        asks = item.attributes.get("duplicate-address-detection") is True
        elsewhere = self.present.get(own, set()) - {item.key[1]}
        return asks and bool(elsewhere) and not own.startswith("fe80:")

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

    def _address(self, item: Wanted, now: Attributes | None) -> Impact:
        """Follow what a new or changed address does to others of its device."""
        key = item.key
        if now is None:
            shadows = self._shadows(key)
            for other in [*addresses.conflicts(key, self.held.get(key[1], {})), *shadows]:
                if other not in self.wanted and other in self.now:
                    self._remove(other, Phase.CONFLICT, f"`{key[2]}` takes its place")
                    del self.now[other]
            self._hold(key, item.attributes)
            return "seamless"
        impact = addresses.impact(key, now, item.attributes)
        if impact != "seamless":  # it is removed and made anew
            self._let_go(key)
            self._hold(key, item.attributes)
        return impact

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

    def _remove(self, key: Key, phase: Phase, reason: str) -> None:
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

    def _hold(self, key: Key, attributes: Attributes) -> None:
        """Add an address to those of its device, as the kernel does."""
        held = self.held.setdefault(key[1], {})
        held[key] = {**attributes, "secondary": addresses.becomes_secondary(key, held)}

    def _put_first(self) -> None:
        """Make the first address that is wanted of a subnet the first one that the kernel has of it.

        It is the source of what the host sends. Those before it are removed and come back behind it.
        """
        groups: dict[tuple[str, str], list[Key]] = {}
        for key in self.wanted:
            if key[0] == "address" and ":" not in key[2]:
                groups.setdefault((key[1], addresses.subnet_of(key)), []).append(key)
        for (device, _), keys in groups.items():
            held = self.held.get(device, {})
            if len(keys) < 2 or not held.get(keys[0], {}).get("secondary"):
                continue
            before = [key for key in keys if key in held and not held[key].get("secondary")]
            if before and self._promotes(device):
                for key in [key for key in keys[1:] if key in held]:
                    self._put_back(key, f"`{keys[0][2]}` comes first")

    def _put_back(self, key: Key, reason: str) -> None:
        item = self.wanted[key]
        now = self.now.get(key, item.attributes)
        after = {**settable(now), **item.attributes}
        common = Step(
            action="-",
            key=key,
            before=now,
            after=None,
            path=item.path,
            impact="brief",
            reason=reason,
        )
        self._add(Phase.REMOVE_ADDRESS, 0, common)
        self._add(Phase.AGAIN, 0, replace(common, action="+", before=None, after=after))

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
        if key in self.owned:
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
