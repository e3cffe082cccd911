"""Drop-ins of the files that netplan generates, for what netplan(5) has no key for."""

from __future__ import annotations

from vnetc.backends.devices import Devices
from vnetc.backends.formats import Section
from vnetc.backends.netplan.devices import is_card, is_infiniband, said_of_port, section_of
from vnetc.backends.netplan.kinds import foreign
from vnetc.backends.netplan.layer3 import LAYER3_SECTIONS, overrides, rest_of
from vnetc.backends.netplan.support import SYSTEMD
from vnetc.backends.networkd import layer3
from vnetc.backends.networkd import sections as s
from vnetc.backends.networkd.kinds import NETDEV
from vnetc.backends.options import said
from vnetc.backends.support import Version
from vnetc.model.host import DhcpOverrides, Interface
from vnetc.model.kinds import Bridge, Card, Infiniband, Tap, Tunnel, Vlan, VlanFlags, Vxlan
from vnetc.model.record import replace


def systemd_of(version: Version) -> Version:
    """Give the systemd that a netplan runs with."""
    return max(systemd for systemd, netplan in SYSTEMD if version >= netplan)


def netdev_dropin(interface: Interface) -> list[Section]:
    """Write what netplan has no key for of a device that it makes."""
    kind = interface.kind
    sections: list[Section] = [("NetDev", s.initial_mtu(interface))]
    if type(kind) in NETDEV:
        group = NETDEV[type(kind)]
        options = [*said(kind, foreign(kind, group.options))]
        if isinstance(kind, Vlan):
            options += said(kind.flags, NETDEV[VlanFlags].options)
        elif isinstance(kind, Tunnel) and kind.link is not None:
            options.append(("Independent", "no"))
        sections.append((group.place, options))
    return [(name, options) for name, options in sections if options]


def _uppers(devices: Devices, interface: Interface) -> s.Options:
    """Name the devices made on the interface, but for those whose `link` netplan knows."""
    known = {
        upper.name
        for upper in devices.upper.get(interface.name, ())
        if isinstance(upper.kind, Vlan | Vxlan)
    }
    return [(option, name) for option, name in s.uppers(devices, interface) if name not in known]


def _match(interface: Interface) -> s.Options:
    """Say what netplan cannot match a card by that keeps its name."""
    kind = interface.kind
    if not isinstance(kind, Card) or kind.match is None or kind.set_name or not kind.match.path_:
        return []
    return [("Path", " ".join(kind.match.path_))]


def _vrf(devices: Devices, interface: Interface, version: Version) -> s.Options:
    """Name the VRF of an interface, unless netplan makes it."""
    if interface.vrf is None or section_of(devices.by_name[interface.vrf], version) == "vrfs":
        return []
    return [("VRF", interface.vrf)]


def _nameservers(interface: Interface) -> s.Options:
    """Say the servers again, in their order, if netplan would not: it puts IPv4 before IPv6."""
    servers = interface.nameservers.addresses
    if list(servers) == sorted(servers, key=lambda server: server.version):
        return []
    return [("DNS", ""), *(("DNS", str(server)) for server in servers)]


def network_dropin(devices: Devices, interface: Interface, version: Version) -> list[Section]:
    """Write the sections that netplan has no keys for."""
    network: s.Options = []
    if interface.ipv6_address_generation is not None:
        network.append(("IPv6LinkLocalAddressGenerationMode", interface.ipv6_address_generation))
    if not is_card(interface, version) and (
        interface.activation != "auto" or interface.ignore_carrier is False
    ):
        network.append(("ConfigureWithoutCarrier", "no"))  # netplan's own word is yes
    network += s.own_sysctls(interface)
    network += layer3.network(interface)
    network += _uppers(devices, interface)
    network += _vrf(devices, interface, version)
    network += _nameservers(interface)
    servers = s.networkd_servers(devices, interface)
    for server in servers:
        network += s.serve(server)
    # netplan makes a bridge with its MTU, after which setting it again does not pin it
    mtu = interface.mtu if isinstance(interface.kind, Bridge) else None
    link: s.Options = [] if mtu is None else [("MTUBytes", str(mtu))]
    if isinstance(interface.kind, Tap) and interface.macaddress is not None:
        link.append(("MACAddress", interface.macaddress))
    link += layer3.link_flags(interface)
    sections: list[Section] = [("Match", _match(interface)), ("Link", link), ("Network", network)]
    sections += [LAYER3_SECTIONS[type(node)](node) for node in rest_of(interface)]
    sections += layer3.neighbors(interface)
    by_keys = overrides(interface) is not None
    if interface.dhcp4:
        more = ("DHCPv4", [*said(interface.dhcp4_overrides, layer3.DHCP4)])
        sections.append(more if by_keys else s.dhcp4(interface))
    rest = replace(interface, dhcp6_overrides=DhcpOverrides(path=())) if by_keys else interface
    sections.append(s.dhcp6(devices, rest, systemd_of(version)))
    sections.append(s.router_advertisement(rest))
    if interface.port is not None:
        port = replace(interface.port, **dict.fromkeys(said_of_port(devices, interface)))
        sections += layer3.port(devices, port, systemd_of(version))
    if isinstance(interface.kind, Bridge):
        sections += layer3.bridge_vlans(interface.kind, interface.kind, systemd_of(version))
    sections += s.flood(interface)
    sections += layer3.entries(interface)
    if is_infiniband(interface.kind):
        group = NETDEV[Infiniband]
        left = foreign(interface.kind, group.options)
        sections.append((group.place, [*said(interface.kind, left)]))
    if interface.qdiscs:
        from vnetc.backends.networkd.qdiscs import qdiscs

        sections += qdiscs(interface)
    for server in servers:
        sections += s.dhcp_server(interface, server)
    return [(name, options) for name, options in sections if options]
