"""The sections of .network and .netdev files, from the model.

netplan's back end uses them too, for what netplan has no key for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vnetc.backends.devices import Devices
from vnetc.backends.formats import Section, boolean
from vnetc.backends.networkd import layer3
from vnetc.backends.networkd.dns import dns
from vnetc.backends.networkd.kinds import NETDEV, netdev_kind, seconds
from vnetc.backends.options import said
from vnetc.backends.services.secrets import credential_path
from vnetc.backends.support import Version
from vnetc.model.host import DhcpOverrides, DhcpServer, Host, Interface
from vnetc.model.kinds import (
    Bond,
    Bridge,
    Card,
    Ethernet,
    Infiniband,
    Kind,
    Loopback,
    Tap,
    Tun,
    Tunnel,
    Veth,
    Vlan,
    VlanFlags,
    Vxlan,
    Wifi,
    Wireguard,
    WireguardPeer,
)
from vnetc.model.record import replace
from vnetc.model.values import Sysctls

Options = list[tuple[str, str]]


def creates(devices: Devices, interface: Interface) -> bool:
    """Tell whether a .netdev file makes the device; of a veth pair, that of the first end does."""
    match interface.kind:
        case Ethernet() | Wifi() | Loopback() | Infiniband(link=None):
            return False
        case Veth(peer=peer):
            return devices.position[interface.name] < devices.position[peer]
        case _:
            return True


def netdev(devices: Devices, interface: Interface) -> list[Section]:
    """Write the sections that make a virtual device."""
    kind = interface.kind
    options: Options = [("Name", interface.name), ("Kind", netdev_kind(kind))]
    # systemd.netdev(5): those of tun and tap are said in the .network file
    if interface.macaddress is not None and not isinstance(kind, Tun | Tap):
        options.append(("MACAddress", interface.macaddress))
    options += initial_mtu(interface)
    return [("NetDev", options), *_kind_sections(devices, interface)]


def _kind_sections(devices: Devices, interface: Interface) -> Iterator[Section]:
    """Write the sections of a .netdev file that only this kind of device has."""
    name, kind = interface.name, interface.kind
    if isinstance(kind, Veth):
        peer = devices.by_name[kind.peer]
        mac: Options = [] if peer.macaddress is None else [("MACAddress", peer.macaddress)]
        yield "Peer", [("Name", peer.name), *mac]
    elif type(kind) in NETDEV:
        group = NETDEV[type(kind)]
        yield group.place, [*said(kind, group.options), *_unasked(name, kind)]
    if isinstance(kind, Wireguard):
        for number, end in enumerate(kind.peers, 1):
            yield wireguard_peer(name, number, end)


def wireguard_peer(name: str, number: int, peer: WireguardPeer) -> Section:
    """Write the [WireGuardPeer] section of a peer of a device, counted from 1."""
    options = [*said(peer, NETDEV[WireguardPeer].options)]
    if peer.preshared_key is not None:
        options.append(("PresharedKeyFile", credential_path(name, number)))
    return "WireGuardPeer", options


def _unasked(name: str, kind: Kind) -> Iterator[tuple[str, str]]:
    """Give the options of a kind that are more than a field by another name."""
    match kind:
        case Vlan(flags=flags):
            yield from said(flags, NETDEV[VlanFlags].options)
        case Wireguard():
            yield "PrivateKeyFile", credential_path(name)
        case Vxlan(link=None):
            yield "Independent", "yes"
        case Tunnel():
            if kind.mode in ("ip6ip6", "ipip6"):
                yield "Mode", kind.mode
            if kind.link is None:
                yield "Independent", "yes"
        case _:
            pass


def initial_mtu(interface: Interface) -> Options:
    """Write the [NetDev] option for the MTU that the device is made with."""
    mtu = interface.initial_mtu
    return [] if mtu is None else [("MTUBytes", str(mtu))]


_ACTIVATION = {"auto": "up", "manual": "manual", "off": "always-down"}


def link(interface: Interface) -> Options:
    """Write the [Link] section."""
    options: Options = []
    if interface.macaddress is not None and isinstance(interface.kind, Ethernet | Wifi | Tun | Tap):
        options.append(("MACAddress", interface.macaddress))
    if interface.mtu is not None:
        options.append(("MTUBytes", str(interface.mtu)))
    options += layer3.link_flags(interface)
    if interface.activation != "auto":
        options.append(("ActivationPolicy", _ACTIVATION[interface.activation]))
    # of one that is not brought up it is the default (systemd.network(5))
    if interface.activation == "auto" and not interface.waited_for:
        options.append(("RequiredForOnline", "no"))
    return options


def description(interface: Interface) -> Options:
    """Write the description, less what systemd.syntax(7) lets no value end with."""
    text = re.sub(r"[\\\s]+$", "", interface.description).lstrip()
    return [("Description", text)] if text else []


_DHCP = {
    (True, False): "ipv4",
    (False, True): "ipv6",
    (True, True): "yes",
}


def ignores_carrier(interface: Interface) -> bool | None:
    """Tell whether the interface is configured although it has no carrier, None if nobody says.

    What has none by itself, a bridge of guests before the first one, would stay without what the
    document says of it.
    """
    if interface.activation != "auto":
        return None  # nothing is configured before it is up
    if interface.ignore_carrier is not None:
        return interface.ignore_carrier
    configured = interface.addresses or interface.routes or interface.routing_policy
    return (interface.lacks_carrier and bool(configured or interface.qdiscs)) or None


def match(interface: Interface) -> Options:
    """Write the [Match] section of a .network file: the name, or how a card with its own is found."""
    kind = interface.kind
    if isinstance(kind, Card) and kind.match is not None and not kind.set_name:
        from vnetc.backends.services.link import found_by

        return found_by(kind.match)
    return [("Name", interface.name)]


def network(devices: Devices, interface: Interface) -> Options:
    """Write the [Network] section."""
    options = description(interface)
    # the kernel gives `lo` its addresses, and no other way of getting some is open to it
    if not isinstance(interface.kind, Loopback):
        options += _automatic(interface)
    options += own_sysctls(interface)
    options += layer3.network(interface)
    options += masters(devices, interface)
    ignores = ignores_carrier(interface)
    if ignores is not None:
        options.append(("ConfigureWithoutCarrier", boolean(ignores)))
    options += uppers(devices, interface)
    options += [("Address", str(a.address)) for a in layer3.split_addresses(interface)[0]]
    options += [("Gateway", str(r.via)) for r in layer3.split_routes(interface)[0]]
    return [*options, *dns(interface)]


def _automatic(interface: Interface) -> Iterator[tuple[str, str]]:
    """Write the [Network] options for addresses that the interface gets by itself."""
    if interface.dhcp4 or interface.dhcp6:
        yield "DHCP", _DHCP[interface.dhcp4, bool(interface.dhcp6)]
    if interface.link_local is not None:
        yield "LinkLocalAddressing", _link_local(interface.link_local)
    if interface.ipv6_address_generation is not None:
        yield "IPv6LinkLocalAddressGenerationMode", interface.ipv6_address_generation
    if interface.accept_ra is not None:
        yield "IPv6AcceptRA", boolean(interface.accept_ra)
    if interface.ipv6_privacy is not None:
        yield "IPv6PrivacyExtensions", boolean(interface.ipv6_privacy)


def masters(devices: Devices, interface: Interface) -> Iterator[tuple[str, str]]:
    """Write the [Network] options that name the devices which the interface is a part of."""
    if interface.port is not None:
        yield "Bridge", interface.port.bridge
    if interface.member is not None:
        bond = devices.by_name[interface.member.bond].kind
        yield "Bond", interface.member.bond
        if isinstance(bond, Bond) and bond.primary == interface.name:
            yield "PrimarySlave", "yes"
    if interface.vrf is not None:
        yield "VRF", interface.vrf


# type of a device -> the [Network] option of the interface that it is made on
_UPPER = {
    "vlan": "VLAN",
    "vxlan": "VXLAN",
    "macvlan": "MACVLAN",
    "macvtap": "MACVTAP",
    "ipvlan": "IPVLAN",
    "tunnel": "Tunnel",
    "infiniband": "IPoIB",
}


def uppers(devices: Devices, interface: Interface) -> Iterator[tuple[str, str]]:
    """Write the [Network] options that name the devices made on the interface."""
    for upper in devices.upper.get(interface.name, ()):
        yield _UPPER[upper.kind.type], upper.name


def ipoib(interface: Interface) -> Iterator[Section]:
    """Write the [IPoIB] section of an InfiniBand card, which no .netdev file makes."""
    kind = interface.kind
    if isinstance(kind, Infiniband) and kind.link is None:
        group = NETDEV[Infiniband]
        yield group.place, [*said(kind, group.options)]


def flood(interface: Interface) -> Iterator[Section]:
    """Write the [BridgeFDB] sections of a VXLAN that floods to several remotes."""
    if isinstance(interface.kind, Vxlan):
        for remote in interface.kind.remotes:
            yield (
                "BridgeFDB",
                [("MACAddress", "00:00:00:00:00:00"), ("Destination", str(remote))],
            )


# Sysctls that networkd writes on every link it manages, over what sysctl.d(5) says.
_OF_NETWORKD = {("ipv6", "proxy_ndp"): "IPv6ProxyNDP"}


def own_sysctls(interface: Interface) -> Options:
    """Write the [Network] options for sysctls that networkd insists on setting itself."""
    return [
        (_OF_NETWORKD[family, key], boolean(bool(value)))
        for family, key, value in interface.sysctl
        if (family, key) in _OF_NETWORKD
    ]


def other_sysctls(host: Host) -> dict[str, Sysctls]:
    """List, by interface, the sysctls that networkd leaves alone."""
    return {
        i.name: tuple(s for s in i.sysctl if s[:2] not in _OF_NETWORKD) for i in host.interfaces
    }


def _link_local(families: tuple[str, ...]) -> str:
    return "yes" if len(families) == 2 else families[0] if families else "no"


def dhcp4_overrides(interface: Interface) -> DhcpOverrides:
    """Give the overrides of DHCPv4; an MTU of the document counts more than the server's."""
    overrides = interface.dhcp4_overrides
    if interface.mtu is not None and overrides.use_mtu:
        return replace(overrides, use_mtu=False)
    return overrides


def dhcp4(interface: Interface) -> Section:
    """Write the [DHCPv4] section."""
    options = (*layer3.DHCP4_KEYS, *layer3.DHCP4)
    return "DHCPv4", [*said(dhcp4_overrides(interface), options)]


def dhcp6(devices: Devices, interface: Interface, version: Version) -> Section:
    """Write the [DHCPv6] section.

    A router's word starts the client, or that there is none: where systemd-networkd listens to no
    router it must start by itself. That is by default so on bridges, and on hosts that forward.
    """
    deaf = isinstance(interface.kind, Bridge) or devices.forwards
    options: Options = []
    if interface.dhcp6 and (deaf if interface.accept_ra is None else not interface.accept_ra):
        options.append(("WithoutRA", "solicit"))
    options += said(interface.dhcp6_overrides, layer3.DHCP6)
    if version >= (255,):
        options += said(interface.dhcp6_overrides, layer3.HOSTNAME)
    return "DHCPv6", options


def router_advertisement(interface: Interface) -> Section:
    """Write the [IPv6AcceptRA] section."""
    overrides = replace(interface.ra_overrides, route_metric=interface.ra_metric)
    options: Options = [*said(overrides, layer3.ROUTERS)]
    if interface.dhcp6 is False and interface.accept_ra is not False:
        options.append(("DHCPv6Client", "no"))  # else a router's word starts the client
    if interface.ipv6_address_generation == "stable-privacy":
        options.append(("Token", "prefixstable"))
    if interface.ipv6_address_token is not None:
        options.append(("Token", f"static:{interface.ipv6_address_token}"))
    return "IPv6AcceptRA", options


def keeps_foreign(host: Host, version: Version) -> list[Section]:
    """Write the section of networkd.conf(5) that has it leave alone what others make."""
    if host.foreign is None:
        return []
    kinds = ["Routes", "RoutingPolicyRules", *(["NextHops"] if version >= (256,) else [])]
    return [("Network", [(f"ManageForeign{kind}", "no") for kind in kinds])]


def networkd_servers(devices: Devices, interface: Interface) -> list[DhcpServer]:
    """List the DHCP servers that networkd itself runs on a bridge."""
    servers = devices.dhcp_servers
    return [d for d in servers if d.bridge == interface.name and d.server == "networkd"]


def serve(server: DhcpServer) -> Options:
    """Write the [Network] options that start networkd's own server."""
    options: Options = [("DHCPServer", "yes")]
    return [*options, ("IPv6SendRA", "yes")] if server.prefixes else options


def _is_all(server: DhcpServer) -> bool:
    """Tell whether leases are of the whole subnet, less the host's own address at its beginning."""
    hosts = [] if server.subnet is None else [server.subnet[1], server.subnet[-2]]
    return (
        server.range is not None
        and [server.address, server.range[1]] == hosts
        and (int(server.range[0]) == int(hosts[0]) + 1)
    )


_DEFAULT_LEASE = 3_600_000  # systemd.network(5), DefaultLeaseTimeSec=


def dhcp_server(interface: Interface, server: DhcpServer) -> Iterator[Section]:
    """Write the sections of networkd's own DHCP server on a bridge."""
    assert server.subnet is not None, "refused by the support table"
    options: Options = []
    if sum(a.address.version == 4 for a in interface.addresses) > 1:
        options.append(("ServerAddress", f"{server.address}/{server.subnet.prefixlen}"))
    if server.range is not None and not _is_all(server):
        first, last = map(int, server.range)
        options.append(("PoolOffset", str(first - int(server.subnet.network_address))))
        options.append(("PoolSize", str(last - first + 1)))
    time = seconds(server.lease_time)
    if server.lease_time != _DEFAULT_LEASE:
        options.append(("DefaultLeaseTimeSec", time))
    options.append(("MaxLeaseTimeSec", time))
    if server.router is None:
        options.append(("EmitRouter", "no"))
    elif server.router != server.address:
        options.append(("Router", str(server.router)))
    # networkd runs no resolver for guests: without servers of the spec it passes on the uplink's
    if not server.nameservers and not server.forwards_dns:
        options.append(("EmitDNS", "no"))
    options += [("DNS", str(address)) for address in server.nameservers]
    if server.domain is not None:
        options += [("EmitDomain", "yes"), ("Domain", server.domain)]
    yield "DHCPServer", options
    for reservation in server.reservations:
        lease = [("MACAddress", reservation.macaddress), ("Address", str(reservation.address))]
        if reservation.hostname is not None:
            lease.append(("Hostname", reservation.hostname))
        yield "DHCPServerStaticLease", lease
    if server.prefixes:
        advertised: Options = []
        if not server.forwards_dns:  # isolated: the host is nobody's router
            advertised.append(("RouterLifetimeSec", "0"))
        # by itself it passes on the uplink's: not to those who cannot reach them, nor beside others
        if server.nameservers or not server.forwards_dns:
            advertised.append(("EmitDNS", "no"))
        if not server.forwards_dns:
            advertised.append(("EmitDomains", "no"))
        yield "IPv6SendRA", advertised
    for prefix in server.prefixes:
        yield "IPv6Prefix", [("Prefix", str(prefix))]
