"""What the kernel takes along: with a device, with its last address, with the source of a route.

Pure functions of a state. What is on more than one device may survive in part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_interface

from vnetc.backends.netlink.objects import nexthops, routes
from vnetc.backends.netlink.planner.relations import devices_of
from vnetc.backends.netlink.state import Attributes, Key, State
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# what others may put on a device or beside it, and what a change must leave as it is
OTHERS = frozenset({"address", "route", "rule", "neighbor", "neighbor-proxy", "nexthop"})
_MAIN = "254"


class Devices(Record):
    """Devices that go, those that go down for a moment or for good, and those without a carrier."""

    gone: frozenset[str]
    down: frozenset[str]
    dark: frozenset[str] = frozenset()


def fall_with(state: State, devices: Devices) -> tuple[set[Key], dict[Key, Attributes]]:
    """Say what goes with devices, and what is less for it: groups of nexthops, routes of IPv6."""
    if not devices.gone and not devices.down:
        return set(), {}
    lost, less = _nexthops(state, devices)
    off = devices.gone | devices.down
    for key, attributes in state.items():
        match key[0]:
            case "nexthop":
                continue
            case "route" if attributes.get("nexthop-id") is not None:
                falls = ("nexthop", str(attributes["nexthop-id"])) in lost
            case "route":
                names = set(routes.devices(attributes))
                falls = bool(names) and names <= off
                if not falls and not devices.gone.isdisjoint(names):
                    falls = key[1] == "ipv4"  # fib_sync_down_dev; see rt6_multipath_uses_dev
                    if not falls:
                        less[key] = routes.without(attributes, devices.gone)
            case _:
                names = set(devices_of(key, attributes))
                falls = not devices.gone.isdisjoint(names) or (
                    _dies_when_down(key) and not devices.down.isdisjoint(names)
                )
        if falls:
            lost.add(key)
    return lost, less


def _dies_when_down(key: Key) -> bool:
    """Tell whether an object of one device goes when that goes down (neigh_ifdown, addrconf_ifdown)."""
    return key[0] in ("neighbor", "neighbor-proxy") or (key[0] == "address" and ":" in key[2])


def _nexthops(state: State, devices: Devices) -> tuple[set[Key], dict[Key, Attributes]]:
    """Follow nexthop_flush_dev, which also looks at the carrier."""
    off = devices.gone | devices.down | devices.dark
    found = {key: attributes for key, attributes in state.items() if key[0] == "nexthop"}
    lost = {key for key, attributes in found.items() if attributes["dev"] in off}
    less: dict[Key, Attributes] = {}
    for key, attributes in found.items():
        own = nexthops.members(attributes)
        if own and lost.issuperset(own):
            lost.add(key)
        elif not lost.isdisjoint(own):
            less[key] = nexthops.without(attributes, lost)
    return lost, less


def flushed(
    key: Key,
    attributes: Attributes,
    emptied: Collection[str],
    sources: Collection[tuple[str, str]],
) -> bool:
    """Tell whether an object goes with the last IPv4 address of devices, or with the source it has.

    fib_disable_ip flushes the routes of a device in all tables and its neighbours; fib_sync_down_addr
    those of one table, `sources` has it with the address. Objects for nexthops stay, and what leads
    through them.
    """
    if key[0] in ("neighbor", "neighbor-proxy"):
        return key[1] in emptied and ":" not in key[2]
    if key[0] != "route" or key[1] != "ipv4":
        return False
    if (attributes.get("from"), key[2]) in sources:
        return True
    names = routes.devices(attributes)
    return bool(names) and attributes.get("nexthop-id") is None and all(n in emptied for n in names)


def table_of(device: str, state: Mapping[Key, Attributes]) -> str:
    """Name the table that the addresses of a device are in: the main one, or that of a VRF."""
    link = state.get(("link", device), {})
    if link.get("master-kind") != "vrf":
        return _MAIN
    return str(state.get(("link", str(link["master"])), {}).get("vrf.table", _MAIN))


def needs(key: Key, attributes: Attributes) -> Iterator[tuple[str, str]]:
    """List the neighbours that an object is about, each with the device that they are at."""
    if key[0] in ("neighbor", "neighbor-proxy"):
        yield key[1], key[2]
    if key[0] == "route":
        hops: Any = attributes.get("nexthops") or [attributes]
        for hop in hops:
            if hop.get("via") is not None and hop.get("dev") is not None and not hop.get("on-link"):
                yield hop["dev"], hop["via"]


class Subnets:
    """The subnets of devices, asked one address at a time and by thousands of routes."""

    def __init__(self, places: Iterable[tuple[str, str]]) -> None:
        """Take devices, and addresses with their prefix lengths."""
        self._of: dict[str, list[Any]] = {}
        self._known: dict[tuple[str, str], bool] = {}
        for device, text in places:
            self._of.setdefault(device, []).append(ip_interface(text).network)

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Tell whether an address is in a subnet of a device."""
        known = self._known.get(place)
        if known is None:
            device, text = place
            address = ip_address(text)
            known = any(address in network for network in self._of.get(device, ()))
            self._known[place] = known
        return known


def closure(names: Collection[str], above: Callable[[str], Collection[str]]) -> frozenset[str]:
    """Add to devices those that follow from each of them."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += above(name)
    return frozenset(found)
