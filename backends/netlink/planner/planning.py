"""What planning has to do with all along: the state as it becomes, what is wanted, what was found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.objects import addresses, routes
from vnetc.backends.netlink.objects.sysctls import host_wide
from vnetc.backends.netlink.planner import ownership as others
from vnetc.backends.netlink.planner.dependents import closure
from vnetc.backends.netlink.planner.order import Phase
from vnetc.backends.netlink.planner.relations import devices_of, is_ours, settable
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import Attributes, Key, State, Value, Wanted
from vnetc.backends.netlink.wire.constants import IPV6_MINIMUM_MTU
from vnetc.model.diagnostics import Diagnostic, diagnostic
from vnetc.model.host import DEFAULT_MTU
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.model.diagnostics import Path

_OF_CLIENTS = frozenset({3, 16})  # RTPROT_BOOT, RTPROT_DHCP, linux/rtnetlink.h
UNNAMED = "the document does not name it any more"


class Planning:
    """One planning: a copy of the state in which each decision is played, and the steps so far."""

    def __init__(
        self,
        state: State,
        wanted: Sequence[Wanted],
        owned: Collection[Key],
        before: Mapping[Key, Attributes],
        adopt: bool,
        prune: bool,
        *,
        exact: bool = False,
    ) -> None:
        self.state = state
        self.now: dict[Key, Attributes] = {**state}
        self.owned = owned
        self.before = before = {key: _lasting(of) for key, of in before.items()}
        self.adopt = adopt
        self.prune = prune
        self.exact = exact
        self.wanted: dict[Key, Wanted] = {item.key: item for item in wanted}
        self.reverted: set[Key] = set()  # what is to be again as it was
        if not links.has_ipv6(state):
            self.wanted = {key: _without_ipv6(item) for key, item in self.wanted.items()}
        for key, attributes in before.items():
            if key not in self.wanted and key in state:
                general = self.wanted.get(host_wide(key))
                if general is not None:  # it is what the whole host is to be
                    attributes = general.attributes
                kind: Attributes = {"kind": state[key]["kind"]} if key[0] == "link" else {}
                self.wanted[key] = Wanted(key, {**kind, **attributes}, ())
                self.reverted.add(key)
        self.links = {key[1]: item for key, item in self.wanted.items() if key[0] == "link"}
        self.fulls: dict[Key, Attributes] = {}  # what devices are to have, also what is not stated
        self.made: set[str] = set()
        self.found: list[tuple[Phase, int, Step]] = []
        self.problems: list[Diagnostic] = []
        self.depths: dict[str, int] = {}
        self.lowered: set[str] = set()  # devices that are down for a change
        self.fallen: frozenset[str] = frozenset()  # devices that go before the new ones are made
        self.late: frozenset[str] = frozenset()  # devices that go at the end
        self.beginning: list[Key] = []  # addresses before the first of them changes
        self.held: dict[str, State] = {}  # the addresses of devices, as steps go on
        self.broadcasts: dict[str, list[Key]] | None = None  # addresses by theirs
        self.promoted: set[Key] = set()
        self.again: dict[Key, Attributes] = {}  # addresses that the kernel takes along with others
        self.gone: set[Key] = set()  # what others lose
        self.marked = addresses.are_marked(state)
        self.upper: dict[str, list[str]] = {}  # what goes with a device
        for key, attributes in state.items():
            if key[0] == "link":
                for below in (attributes.get("link"), attributes.get("peer")):
                    if isinstance(below, str):
                        self.upper.setdefault(below, []).append(key[1])

        self.small = self._too_small_for_ipv6()
        if self.small:
            self._forget_ipv6(self.small)

    def _too_small_for_ipv6(self) -> set[str]:
        """Name the devices whose MTU has the kernel forget IPv6 on them (addrconf_notify).

        Also bridges, which have the least MTU of their ports unless their own was set
        (br_mtu_auto_adjust).
        """
        small: set[str] = set()
        following: list[str] = []
        for name, item in self.links.items():
            now = self.state.get(item.key, {}).get("mtu")
            stated = "mtu" in item.attributes or "mtu" in self.before.get(item.key, ())
            follows = item.attributes["kind"] == "bridge" and not stated
            if follows and (not _is_too_small(now) or self._has_small_port(name)):
                following.append(name)
                continue
            if not _is_too_small(item.attributes.get("mtu", now)):
                continue
            # what is there may get back the MTU that it had before
            if _is_too_small(self._full(item).get("mtu", now)):
                small.add(name)
        masters = {str(self.links[name].attributes.get("master")) for name in small}
        return small.union(name for name in following if name in masters)

    def _has_small_port(self, name: str) -> bool:
        return any(
            found.get("master") == name and _is_too_small(found.get("mtu"))
            for key, found in self.state.items()
            if key[0] == "link"
        )

    def _forget_ipv6(self, small: Collection[str]) -> None:
        for key, item in [*self.wanted.items()]:
            if not any(name in small for name in devices_of(key, {})):
                continue
            if key[0] == "link":
                self.wanted[key] = self.links[key[1]] = _without_ipv6(item)
                self.fulls.pop(key, None)
            elif key[0] == "sysctl" and key[1].startswith("net/ipv6/"):
                del self.wanted[key]

    def _add(self, phase: Phase, order: int, step: Step) -> None:
        self.found.append((phase, order, step))

    def _path_of(self, key: Key) -> Path:
        """Give the place of the device that has something of others restored on it."""
        names = devices_of(key, self.state.get(key, {}))
        return next((self.links[name].path for name in names if name in self.links), ())

    def _aim(self, item: Wanted, now: Attributes | None) -> Attributes:
        """Say what an object is to be; what nobody says of one that others made may stay as it is.

        Also of one that falls with something else: it comes back as theirs.
        """
        there = self.state.get(item.key)
        partly = item.unsaid or item.key in self.reverted
        if self.adopt or there is None or not partly:
            return item.attributes
        if others.is_own(item, there, self.owned, marked=self.marked):
            return item.attributes
        if self._ends_with_lease(item.key, there):
            return item.attributes
        aim = {**self.before.get(item.key, {}), **others.said(item, there)}
        return {**settable(there), **aim} if now is None else aim

    def _is_of_others(self, key: Key, attributes: Attributes) -> bool:
        """Tell whether others made an object, and it still leads where they wanted."""
        ours = key in self.owned or is_ours(key, attributes) or self._is_turned(key)
        return not (ours or self._ends_with_lease(key, attributes))

    def _ends_with_lease(self, key: Key, attributes: Attributes) -> bool:
        """Tell whether a route is that of a DHCP client which vnetc has started, and now stops.

        Clients set them by netlink as those of DHCP, or by ip(8) without a protocol.
        """
        lease: Key = ("dhcp", str(attributes.get("dev")))
        stops = key[0] == "route" and lease in self.owned and lease not in self.wanted
        return stops and attributes.get("proto") in _OF_CLIENTS

    def _is_turned(self, key: Key) -> bool:
        """Tell whether a route of others leads elsewhere by our doing."""
        return key[0] == "route" and not routes.WAY.isdisjoint(self.before.get(key, ()))

    def _refuse(self, code: str, message: str, item: Wanted, name: str, help: str) -> None:
        path = item.places.get(name, item.path)
        self.problems.append(diagnostic(code, message, path, "key", help=help))

    def _full(self, item: Wanted) -> Attributes:
        """Add to what is stated what the kernel gives a new device, or what a card had before."""
        lease: Key = ("dhcp", item.key[1])
        if "mtu" not in item.attributes and lease in self.owned and lease not in self.wanted:
            # a lease may have changed it (dhclient-script(8)), and nobody knows what it was
            item = replace(
                item, attributes={**item.attributes, "mtu": self._usual_mtu(item.key[1])}
            )
        full = self.fulls.get(item.key)
        if full is None:
            full = self.fulls[item.key] = self._filled(item)
        return full

    def _filled(self, item: Wanted) -> Attributes:
        if item.key in self.before:
            return {**self.before[item.key], **item.attributes}
        if item.key in self.owned or self.adopt:
            kind = str(item.attributes["kind"])
            usual = links.defaults(kind, item.attributes)
            if kind == "bridge" and not self._follows_ports(item.key[1]):
                usual["mtu"] = self._usual_mtu(item.key[1])
            return {**usual, **item.attributes}
        return item.attributes

    def _usual_mtu(self, name: str) -> int:
        """Give the MTU of a device that is told none: a bridge has the least of its ports'."""
        ports = (found.get("mtu", DEFAULT_MTU) for found in self.ports.get(name, ()))
        return min((mtu for mtu in ports if isinstance(mtu, int)), default=DEFAULT_MTU)

    def _follows_ports(self, name: str) -> bool:
        """Tell whether a bridge has the MTU that it would have if its own was never set."""
        now = self.state.get(("link", name), {})
        ports = (found.get("mtu") for found in self.members.get(name, ()))
        least = min((mtu for mtu in ports if isinstance(mtu, int)), default=DEFAULT_MTU)
        leased = ("dhcp", name) in self.wanted  # a lease has a word in it
        return now.get("kind") != "bridge" or now.get("mtu") == least or leased

    @cached_property
    def members(self) -> dict[str, list[Attributes]]:
        """The devices by the master that they have."""
        found: dict[str, list[Attributes]] = {}
        for key, attributes in self.state.items():
            if key[0] == "link" and attributes.get("master"):
                found.setdefault(str(attributes["master"]), []).append(attributes)
        return found

    @cached_property
    def ports(self) -> dict[str, list[Attributes]]:
        """The devices by the master that they are to have, as they are to be or as they are."""
        found: dict[str, list[Attributes]] = {}
        for key, attributes in self.state.items():
            if key[0] == "link" and key[1] not in self.links and attributes.get("master"):
                found.setdefault(str(attributes["master"]), []).append(attributes)
        for item in self.links.values():
            now = self.state.get(item.key, {})
            if item.attributes.get("master"):
                port = {"mtu": now.get("mtu"), **self.before.get(item.key, {}), **item.attributes}
                found.setdefault(str(item.attributes["master"]), []).append(port)
        return found

    def _stacked(self, names: Iterable[str]) -> frozenset[str]:
        """Add to devices what is made on them, and the other ends of cables."""
        return closure([*names], lambda name: self.upper.get(name, ()))


def _is_too_small(mtu: Value) -> bool:
    return isinstance(mtu, int) and mtu < IPV6_MINIMUM_MTU


def _lasting(attributes: Attributes) -> Attributes:
    """Leave out that an address was lent for a time: nobody can lend it again."""
    lent = attributes.get("origin", "static") != "static"
    return (
        {n: v for n, v in attributes.items() if n not in ("lease", "origin")}
        if lent
        else attributes
    )


def _without_ipv6(item: Wanted) -> Wanted:
    """Leave out what a kernel without IPv6 does not know of a device."""
    if item.key[0] != "link":
        return item
    names = item.attributes.keys() - {"address-generation", "address-token"}
    return replace(item, attributes={name: item.attributes[name] for name in names})
