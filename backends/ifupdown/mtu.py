"""Which MTU devices have, and which bridges need more than the option `mtu` to have theirs."""

from __future__ import annotations

from vnetc.backends.devices import Devices
from vnetc.model.host import Interface
from vnetc.model.kinds import Bridge, Ipvlan, Macvlan, Macvtap, Vlan

ETHERNET_MTU = 1500


def mtu_of(name: str, devices: Devices) -> int | None:
    """Give the MTU that is said for an interface, or for the link that it inherits it from."""
    seen: set[str] = set()
    # each at most once: VLANs of each other are an error, but not this pass's
    while name not in seen and (found := devices.by_name.get(name)) is not None:
        if found.mtu is not None or not isinstance(found.kind, Vlan | Macvlan | Macvtap | Ipvlan):
            return found.mtu
        seen.add(name)
        name = found.kind.link
    return None


def is_pinned(interface: Interface, devices: Devices) -> bool:
    """Tell whether a bridge has an MTU that its ports do not have too.

    The classic ifupdown would change theirs, the others would take theirs for the bridge. So of no
    ports: those that come later.
    """
    kind, mtu = interface.kind, interface.mtu
    if not isinstance(kind, Bridge) or mtu is None:
        return False
    ports = [mtu_of(name, devices) or ETHERNET_MTU for name in kind.ports]
    return not ports or any(port != mtu for port in ports)
