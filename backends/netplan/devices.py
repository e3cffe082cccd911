"""What netplan(5) has keys for of devices: the section that each stands in, and what its type has."""

from __future__ import annotations

from collections.abc import Iterable

from vnetc.backends.devices import Devices
from vnetc.backends.netplan.kinds import OF_PORTS, SECTIONS, native
from vnetc.backends.services.secrets import credential_path
from vnetc.backends.support import Version
from vnetc.model.host import Interface
from vnetc.model.kinds import (
    Bond,
    Bridge,
    Card,
    Ethernet,
    Infiniband,
    Kind,
    Loopback,
    Tunnel,
    Veth,
    Vlan,
    Vrf,
    Vxlan,
    Wifi,
    Wireguard,
    WireguardPeer,
)
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def has_type(interface: Interface, version: Version) -> bool:
    """Tell whether netplan makes the device; of others vnetc writes a .netdev file."""
    kind = interface.kind
    match kind:
        case Tunnel(local=None) | Tunnel(remote=None) | Wireguard(peers=()):
            return False  # netplan wants them
        case Wireguard(peers=peers) if not all(peer.allowed_ips for peer in peers):
            return False
        case Vrf():
            return _is_bare(interface)
        case _:
            pass
    if isinstance(kind, Card | Loopback):
        return True
    _, since = SECTIONS.get(kind.type, ("", (99,)))
    return version >= since


def _is_bare(interface: Interface) -> bool:
    """Tell whether a VRF is no more than its table: netplan has no further keys for one."""
    said = replace(interface, description="", raw=None, sysctl=())
    return said == Interface(name=interface.name, path=(), kind=interface.kind)


def is_card(interface: Interface, version: Version) -> bool:
    """Tell whether netplan takes the device for a network card: one that it does not make."""
    return interface.kind.type != "loopback" and section_of(interface, version) == "ethernets"


def section_of(interface: Interface, version: Version) -> str:
    """Name the section of the YAML that a device stands in."""
    if isinstance(interface.kind, Card | Loopback) or not has_type(interface, version):
        return "ethernets"
    return SECTIONS[interface.kind.type][0]


def kind_of(devices: Devices, interface: Interface) -> dict[str, Any]:
    """Build what the type of a device alone has, for one that netplan makes."""
    match interface.kind:
        case Bond(members=names) as kind:
            return {"interfaces": list(names), "parameters": native(kind)}
        case Bridge(ports=names) as kind:
            parameters = {**native(kind), **_of_ports(devices, names)}
            return {"interfaces": list(names), "parameters": parameters}
        case Vrf() as kind:
            return {**native(kind), "interfaces": devices.of_vrf.get(interface.name, [])}
        case Veth(peer=peer):
            return {"peer": peer}
        case Vxlan() as kind:
            return {"mode": "vxlan", **native(kind)}
        case Wireguard() as kind:
            # files that systemd-networkd may read, which is not root; a key in the YAML would end
            # up where everybody reads it (0.106; CVE-2022-4968)
            peers = [_peer(interface.name, n, peer) for n, peer in enumerate(kind.peers, 1)]
            keys = {"private": credential_path(interface.name)}
            return {"mode": "wireguard", **native(kind), "keys": keys, "peers": peers}
        case Infiniband(link=None) as kind:
            return native(kind)
        case Ethernet() | Wifi() as kind:
            return _card(interface, kind)
        case kind:
            return native(kind)


def _of_ports(devices: Devices, names: Iterable[str]) -> dict[str, dict[str, int]]:
    """Say below a bridge's parameters what its ports cost and which goes first."""
    ports = {name: devices.by_name[name] for name in names if name in devices.by_name}
    found = {
        word: {
            name: getattr(interface.port, field)
            for name, interface in ports.items()
            if field in said_of_port(devices, interface)
            and getattr(interface.port, field) is not None
        }
        for field, word in OF_PORTS
    }
    return {word: values for word, values in found.items() if values}


def said_of_port(devices: Devices, interface: Interface) -> tuple[str, ...]:
    """List the fields of a port that netplan's keys say.

    It writes the VLAN= and VXLAN= lines of what is on the port below the [Bridge] that they make,
    where systemd-networkd ignores them (0.106). A bridge with a port further down it reads twice, and
    then refuses what was said of ports: "already has a path cost" (1.1, in the lab's case `bridges`).
    """
    on_it = devices.upper.get(interface.name, ())
    if interface.port is None or any(isinstance(upper.kind, Vlan | Vxlan) for upper in on_it):
        return ()
    bridge = devices.by_name[interface.port.bridge].kind
    names = bridge.ports if isinstance(bridge, Bridge) else ()
    first = all(isinstance(devices.by_name[n].kind, Card) for n in names if n in devices.by_name)
    return ("neigh_suppress", *(field for field, _ in OF_PORTS if first))


def _card(interface: Interface, card: Card) -> dict[str, Any]:
    """Say which card it is, and what udev has no word for (netplan-apply does it)."""
    out: dict[str, Any] = {}
    if card.match is not None and (not card.set_name or is_named(interface)):
        out["match"] = native(card.match) or {"name": "*"}
        if card.set_name:
            out["set-name"] = interface.name
    if isinstance(card, Ethernet) and card.virtual_functions is not None:
        switch = native(card.virtual_functions)
        if switch:  # netplan wants to know that there are any
            out |= {"virtual-function-count": card.virtual_functions.number, **switch}
    return out


def _peer(name: str, number: int, peer: WireguardPeer) -> dict[str, Any]:
    keys = {"public": peer.public_key}
    if peer.preshared_key is not None:
        keys["shared"] = credential_path(name, number)
    return {"keys": keys, **native(peer)}


def is_there(interface: Interface) -> bool:
    """Tell whether netplan sees a card before any unit runs: not if a .link file names it."""
    kind = interface.kind
    return isinstance(kind, Infiniband) or (
        isinstance(kind, Card) and (kind.match is None or not kind.set_name or is_named(interface))
    )


def is_infiniband(kind: Kind) -> bool:
    """Tell whether a device is an InfiniBand card, which netplan takes for any other card."""
    return isinstance(kind, Infiniband) and kind.link is None


def is_named(interface: Interface) -> bool:
    """Tell whether netplan gives a card its name: if nothing else is to be said of it to udev."""
    card = interface.kind
    if not isinstance(card, Card) or card.match is None or not card.set_name:
        return False
    # of several drivers netplan makes a udev rule that fits none of them (0.106, 1.1)
    if card.match.path_ or len(card.match.driver) > 1:
        return False
    from vnetc.backends.services.link import link_sections, match_options

    bare = [("Match", match_options(card.match)), ("Link", [("Name", interface.name)])]
    return link_sections(interface) == bare
