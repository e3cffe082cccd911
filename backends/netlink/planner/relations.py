"""How objects of the kernel hang together: what is on which device, and what goes with it."""

from __future__ import annotations

from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.objects import routes
from vnetc.backends.netlink.state import PROTOCOL, Attributes, Key, State

NO_MASTER: Attributes = {"master": None, "master-kind": None}
# what a port has of its bridge
MEMBERSHIP = frozenset({"vlan", "fdb", "mdb"})
# what a program does for a device, and does not end with it
PROGRAMS = frozenset({"dhcp", "resolver"})


def devices_of(key: Key, attributes: Attributes) -> tuple[str, ...]:
    """Name the devices that an object cannot be without."""
    match key[0]:
        case "link":
            return (key[1],)
        case "route":
            return routes.devices(attributes)
        case "sysctl":
            parts = key[1].split("/")
            return (parts[3],) if len(parts) == 5 else ()
        case "nexthop":
            device = attributes.get("dev")
            return (device,) if isinstance(device, str) else ()
        case "rule" | "nft" | "dnsmasq" | "file":
            return ()
        case _:
            return (key[1],)


def port_of(key: Key) -> str:
    """Name the port that an object of a bridge's databases is about."""
    return key[2] if key[0] == "mdb" else key[1]


def is_own(key: Key, attributes: Attributes) -> bool:
    """Tell whether something is of the device itself, bridge or not."""
    return bool(attributes.get("self")) or (key[0] == "fdb" and key[3] == "self")


def is_ours(key: Key, attributes: Attributes) -> bool:
    """Tell whether an object has the mark that only vnetc makes."""
    return attributes.get("proto") == PROTOCOL


def without_master(attributes: Attributes) -> Attributes:
    """Give a device as it is when its master has gone."""
    rest = {name: value for name, value in attributes.items() if links.phase(name) != "port"}
    return {**rest, **NO_MASTER}


def master_of(attributes: Attributes) -> Attributes:
    """Give what a device says of its master."""
    return {name: attributes[name] for name in NO_MASTER if name in attributes}


def depth_in(state: State, name: str) -> int:
    """Count the devices below one."""
    depth = 0
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        below = state.get(("link", name), {}).get("link")
        if not isinstance(below, str):
            break
        name, depth = below, depth + 1
    return depth


def settable(attributes: Attributes) -> Attributes:
    """Give what can be wanted of an object that was read."""
    return {name: value for name, value in attributes.items() if name != "ifindex"}
