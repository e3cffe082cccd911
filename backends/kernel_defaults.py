"""What the kernel does without being told, and what is left to tell it."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.model.host import MAIN_TABLE, Port, Route
from vnetc.model.kinds import Bridge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]

# linux/rtnetlink.h: where routes of these types go unless a table is said, RT_TABLE_LOCAL
_OF_TABLE_LOCAL = frozenset({"local", "broadcast", "anycast"})


def said_table(route: Route) -> int | None:
    """Give the table that a target must be told, None if it takes it by itself (ip-route(8))."""
    implied = route.table == MAIN_TABLE and route.type not in _OF_TABLE_LOCAL
    return None if implied else route.table


# What the kernel does with router advertisements, by the fields of `ra-overrides`
# (kernel documentation, networking/ip-sysctl): it takes routes and prefixes, but no servers.
KERNEL_RA: Mapping[str, Any] = {
    "use-dns": False,
    "use-domains": False,
    "use-gateway": True,
    "use-autonomous-prefix": True,
    "use-on-link-prefix": True,
    "table": MAIN_TABLE,
    "route-metric": 1024,  # IP6_RT_PRIO_USER
}

_DEFAULT_PVID = 1  # br_vlan_init() of net/bridge/br_vlan.c


def default_vlan(bridge: Bridge) -> int:
    """Give the VLAN of frames without a tag on what says nothing of VLANs, 0 for none."""
    return _DEFAULT_PVID if bridge.default_pvid is None else bridge.default_pvid


def carried_vlans(item: Port | Bridge, bridge: Bridge) -> tuple[Ranges, int | None, Ranges]:
    """Give `vlans`, `pvid` and `untagged` of a port, or of the bridge device, with the default VLAN.

    It is the `pvid` unless there is another one, and leaves untagged unless the item lists it. What
    says nothing of VLANs has it from the kernel; of the rest systemd-networkd 257 would remove it.
    """
    vlans, pvid, untagged = item.vlans, item.pvid, item.untagged
    default = default_vlan(bridge)
    if not default or not (vlans or untagged or pvid is not None):
        return vlans, pvid, untagged
    if pvid != default and not any(first <= default <= last for first, last in vlans):
        also = ((default, default),)
        vlans, untagged = tuple(sorted(vlans + also)), tuple(sorted(untagged + also))
    return vlans, default if pvid is None else pvid, untagged


def said_vlans(item: Port | Bridge, bridge: Bridge) -> tuple[Ranges, int | None, Ranges]:
    """Give what must be told of the VLANs of a port, or of the bridge device, to who adds them.

    What is added without being the PVID is none any more, also the default VLAN.
    """
    if any(first <= default_vlan(bridge) <= last for first, last in item.vlans):
        return carried_vlans(item, bridge)
    return item.vlans, item.pvid, item.untagged
