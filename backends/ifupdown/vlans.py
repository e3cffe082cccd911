"""The VLANs of a bridge that filters, by `bridge-vids` of ifupdown2 and ifupdown-ng.

A port with this option carries the default VLAN untagged, and those it lists with their tags. What
says more, or another PVID, from which they take the default VLAN away, is left to bridge(8).
"""

from __future__ import annotations

from vnetc.backends.base import Devices, default_vlan
from vnetc.backends.spelling import span
from vnetc.kinds import Bridge, Vlan
from vnetc.model import Interface, Port


def vids_of(port: Port, bridge: Bridge) -> str | None:
    """Give what `bridge-vids` says of a port, None if it cannot, or there is nothing to say."""
    return _vids(port, bridge)


def _vids(port: Port | Bridge, bridge: Bridge) -> str | None:
    default = default_vlan(bridge)
    plain = port.pvid is None and not port.untagged and default == 1
    listed = any(first <= default <= last for first, last in port.vlans)
    if not (bridge.vlan_filtering and plain and port.vlans) or listed:
        return None
    return " ".join(map(span, port.vlans))


def common_vids(devices: Devices, bridge: Bridge) -> str | None:
    """Give what all ports of a bridge carry, None if they differ or `bridge-vids` cannot say it."""
    ports = [devices.by_name[name].port for name in bridge.ports if name in devices.by_name]
    found = {None if port is None else vids_of(port, bridge) for port in ports}
    return found.pop() if len(found) == 1 else None


def own_vids(devices: Devices, bridge: Bridge) -> str | None:
    """Give what `bridge-vids` says of a bridge itself, as ifupdown-ng reads it.

    Ports that say none of their own would have them too (ifupdown-ng.conf(5)).
    """
    ports = [devices.by_name[name].port for name in bridge.ports if name in devices.by_name]
    if any(port is None or vids_of(port, bridge) is None for port in ports):
        return None
    return _vids(bridge, bridge)


def carries_uppers(devices: Devices, interface: Interface, bridge: Bridge) -> bool:
    """Tell whether a bridge itself carries just the VLANs that are made on it, as ifupdown2 has it."""
    made = {
        upper.kind.id
        for upper in devices.upper.get(interface.name, ())
        if isinstance(upper.kind, Vlan) and upper.name == f"{interface.name}.{upper.kind.id}"
    }
    carried = {vid for first, last in bridge.vlans for vid in range(first, last + 1)}
    plain = bridge.pvid is None and not bridge.untagged and default_vlan(bridge) == 1
    return bridge.vlan_filtering and plain and carried == made
