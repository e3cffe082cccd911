"""Routes, rules, neighbours, ports and addresses in the words of systemd.network(5).

The tables are both rows of the support table and what the functions below write; what is not in
them has a line in a function. netplan's back end uses them too, for what netplan has no key for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vnetc.backends.devices import Devices
from vnetc.backends.formats import Section, boolean
from vnetc.backends.kernel_defaults import carried_vlans, said_table, said_vlans
from vnetc.backends.networkd.dns import RESOLVER
from vnetc.backends.options import Group, Groups, cannot, elsewhere, only_true, option, said
from vnetc.backends.spelling import slash, span
from vnetc.backends.support import Context, Version, limit, systemd
from vnetc.model.host import (
    Address,
    DhcpOverrides,
    FdbEntry,
    Interface,
    MdbEntry,
    Nameservers,
    Neighbor,
    Nexthop,
    Port,
    RaOverrides,
    Route,
    Rule,
)
from vnetc.model.kinds import Bridge
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Options = list[tuple[str, str]]


def _unless(default: str) -> Callable[[Any], str | None]:
    def spell(value: Any) -> str | None:
        return None if value == default else str(value)

    return spell


def _inverse(value: bool) -> str:
    return boolean(not value)


def _broadcast(value: Any) -> str:
    return "no" if value is False else str(value)


_TABLES = {253: "default", 254: "main", 255: "local"}  # systemd.network(5), RouteTable=
_PROTOCOL_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 132: "sctp"}
_ALL_BITS = 0xFFFFFFFF


def _table(number: int) -> str:
    return _TABLES.get(number, str(number))


def _protocol(number: int) -> str:
    return _PROTOCOL_NAMES.get(number, str(number))


def _mark(value: tuple[int, int]) -> str:
    return str(value[0]) if value[1] == _ALL_BITS else slash(value)


# --- what it cannot say ---------------------------------------------------------------------------


def _has_nexthops(context: Context) -> bool:
    return bool(context.node.nexthops)


def _unknown_protocol(context: Context) -> bool:
    return context.node.ip_protocol not in _PROTOCOLS


# IPPROTO_… of <netinet/in.h>: networkd takes a number only if it has a name for it, and otherwise
# ignores the line, so that the rule is for all protocols (seen with 252).
_PROTOCOLS = frozenset(
    {
        *(1, 2, 4, 6, 8, 12, 17, 22, 29, 33, 41, 43, 44, 46, 47, 50, 51, 58, 59, 60, 92, 94, 98),
        *(103, 108, 132, 135, 136, 137, 255),
    }
)
ON_LINK_NEXTHOPS = limit("systemd-networkd has no such option of a multipath route", _has_nexthops)
_PROXY_OF_IPV4 = limit(
    "systemd-networkd answers for IPv6 addresses alone",
    lambda context: context.node.address.version == 4,
)
_PROXY_SWITCHED_OFF = limit(
    "systemd-networkd answers for no address while `proxy_ndp` is 0",
    lambda context: (
        context.interface is not None and ("ipv6", "proxy_ndp", 0) in context.interface.sysctl
    ),
)
_STATIC_ENTRY = limit(
    "systemd-networkd makes permanent entries alone", lambda context: context.node.state == "static"
)
# seen in the lab with 252; 257 makes them
_LOSES_NOP = limit(
    "it makes no rules of this action",
    lambda context: context.node.action == "nop",
    before=systemd(257),
)
_HAS_TABLES_ALONE = limit("it has no Type= of rules", lambda context: True, before=systemd(248))
_NO_OPTION = "systemd-networkd has no such option"

# --- the tables -----------------------------------------------------------------------------------

ROUTE_BEFORE_TABLE = (
    option("from_", "PreferredSource"),
    option("source", "Source"),
    option("on_link", "GatewayOnLink", only_true, ON_LINK_NEXTHOPS),
    option("type", "Type", _unless("unicast")),
    option("scope", "Scope"),
    option("protocol", "Protocol"),
)
ROUTE_AFTER_TABLE = (
    option("metric", "Metric"),
    option("preference", "IPv6Preference", _unless("medium")),
    option("mtu", "MTUBytes"),
    option("advmss", "TCPAdvertisedMaximumSegmentSize", since=systemd(248)),
    option("congestion_window", "InitialCongestionWindow"),
    option("initrwnd", "InitialAdvertisedReceiveWindow"),
    option("hop_limit", "HopLimit", since=systemd(255)),
    option("congestion_control", "TCPCongestionControlAlgorithm", since=systemd(252)),
    option("quick_ack", "QuickAck", only_true),
    option("fast_open_no_cookie", "FastOpenNoCookie", only_true),
)
PORT = (
    option("path_cost", "Cost"),
    option("priority", "Priority"),
    option("hairpin", "HairPin"),
    option("learning", "Learning"),
    option("isolated", "Isolated", since=systemd(251)),
    option("locked", "Locked", since=systemd(258)),
    option("vlan_tunnel", "VLANTunnel", since=systemd(258)),
    option("neigh_suppress", "NeighborSuppression"),
    option("unicast_flood", "UnicastFlood"),
    option("multicast_flood", "MulticastFlood"),
    option("multicast_to_unicast", "MulticastToUnicast"),
    option(
        "multicast_router",
        "MulticastRouter",
        lambda value: "no" if value == "disabled" else value,
    ),
    option("fast_leave", "FastLeave"),
    option("bpdu_guard", "UseBPDU", _inverse),
    option("root_block", "AllowPortToBeRoot", _inverse),
    option("proxy_arp", "ProxyARP"),
    option("proxy_arp_wifi", "ProxyARPWiFi"),
)
LINK = (
    option("arp", "ARP"),
    option("multicast", "Multicast"),
    option("all_multicast", "AllMulticast"),
    option("promiscuous", "Promiscuous", since=systemd(248)),
    option("group", "Group"),
)
_OF_BOTH_DHCP = (
    option("use_dns", "UseDNS"),
    option("use_ntp", "UseNTP"),
    option("use_hostname", "UseHostname"),
    option("use_domains", "UseDomains"),
)
HOSTNAME = (
    option("send_hostname", "SendHostname"),
    option("hostname", "Hostname"),
)
# of [DHCPv4] those that netplan has keys for, then the others
DHCP4_KEYS = (
    option("route_metric", "RouteMetric"),
    option("use_mtu", "UseMTU"),
    option("use_routes", "UseRoutes"),
    *_OF_BOTH_DHCP,
    *HOSTNAME,
)
DHCP6 = _OF_BOTH_DHCP
DHCP6_KEYS = (option("route_metric", "RouteMetric"), *_OF_BOTH_DHCP, *HOSTNAME)
DHCP4 = (
    option("use_gateway", "UseGateway"),
    option("table", "RouteTable"),
    option("client_identifier", "ClientIdentifier"),
    option("label", "Label", since=systemd(250)),
)
ROUTERS = (
    option("route_metric", "RouteMetric", since=systemd(249)),
    option("use_dns", "UseDNS"),
    option("use_domains", "UseDomains"),
    option("table", "RouteTable"),
    option("use_gateway", "UseGateway", since=systemd(250)),
    option("use_autonomous_prefix", "UseAutonomousPrefix"),
    option("use_on_link_prefix", "UseOnLinkPrefix"),
)
NETWORK = (
    option("emit_lldp", "EmitLLDP"),
    option("critical", "KeepConfiguration"),
)
LAYER3: Groups = {
    Interface: Group("Link", LINK),
    DhcpOverrides: Group("DHCPv4", DHCP4),
    RaOverrides: Group("IPv6AcceptRA", ROUTERS),
    Nameservers: Group("Network", RESOLVER),
    Port: Group(
        "Bridge",
        (
            *PORT,
            *cannot(
                _NO_OPTION,
                "broadcast_flood",
                "group_forward_mask",
                "backup_port",
            ),
            elsewhere("vlans", "[BridgeVLAN] VLAN="),
            elsewhere("pvid", "[BridgeVLAN] PVID="),
            elsewhere("untagged", "[BridgeVLAN] EgressUntagged="),
            elsewhere("mdb", "[BridgeMDB]"),
        ),
    ),
    Address: Group(
        "Address",
        (
            option("address", "Address"),
            option("peer", "Peer"),
            option("label", "Label"),
            option("scope", "Scope"),
            option("preferred_lifetime", "PreferredLifetime"),
            option("noprefixroute", "AddPrefixRoute", lambda value: "no" if value else None),
            option("broadcast", "Broadcast", _broadcast),
            option("route_metric", "RouteMetric"),
            elsewhere("duplicate_address_detection", "[Address] DuplicateAddressDetection="),
            option("home", "HomeAddress", only_true),
            option("manage_temporary", "ManageTemporaryAddress", only_true),
        ),
    ),
    Route: Group(
        "Route",
        (
            elsewhere("to", "[Route] Destination="),
            elsewhere("via", "[Route] Gateway="),
            *ROUTE_BEFORE_TABLE,
            elsewhere("table", "[Route] Table="),
            *ROUTE_AFTER_TABLE,
            *cannot(_NO_OPTION, "realms"),
            # tcp_rto_min() of the kernel wants RTAX_LOCK, networkd-route-metric.c sets none
            *cannot(
                "the kernel heeds it only if it is locked, and systemd-networkd does not lock it",
                "retransmission_timeout",
            ),
            elsewhere("nexthops", "[Route] MultiPathRoute="),
        ),
    ),
    Nexthop: Group(
        "Route",
        (
            elsewhere("via", "[Route] MultiPathRoute="),
            elsewhere("weight", "[Route] MultiPathRoute="),
            elsewhere("interface", "[Route] MultiPathRoute="),
            *cannot(_NO_OPTION, "on_link"),
        ),
    ),
    Rule: Group(
        "RoutingPolicyRule",
        (
            option("priority", "Priority"),
            option("from_", "From"),
            option("to", "To"),
            option("iif", "IncomingInterface"),
            option("oif", "OutgoingInterface"),
            option("tos", "TypeOfService"),
            option(
                "ip_protocol",
                "IPProtocol",
                _protocol,
                limit("systemd-networkd has no name for this protocol", _unknown_protocol),
            ),
            option("suppress_prefix_length", "SuppressPrefixLength"),
            option("suppress_interface_group", "SuppressInterfaceGroup", since=systemd(250)),
            option("table", "Table", _table),
            option("action", "Type", str, _LOSES_NOP, _HAS_TABLES_ALONE),
            option("goto", "GoTo", since=systemd(257)),
            option("l3mdev", "L3MasterDevice", only_true, since=systemd(256)),
            option("fwmark", "FirewallMark", _mark),
            option("source_port", "SourcePort", span),
            option("destination_port", "DestinationPort", span),
            option("uid_range", "User", span),
            option("invert", "InvertRule", only_true),
            *cannot(_NO_OPTION, "realms", "protocol"),
        ),
    ),
    Neighbor: Group(
        "Neighbor",
        (
            option("address", "Address"),
            option("macaddress", "LinkLayerAddress"),
            elsewhere(
                "proxy", "[Network] IPv6ProxyNDPAddress=", _PROXY_OF_IPV4, _PROXY_SWITCHED_OFF
            ),
        ),
    ),
    FdbEntry: Group(
        "BridgeFDB",
        (
            option("macaddress", "MACAddress"),
            option("owner", "AssociatedWith", _unless("self")),
            elsewhere("state", "[BridgeFDB]", _STATIC_ENTRY),
            option("vlan", "VLANId"),
            option("destination", "Destination"),
            *cannot(_NO_OPTION, "port"),
            option("vni", "VNI"),
            option("link", "OutgoingInterface", since=systemd(249)),
        ),
    ),
    MdbEntry: Group(
        "BridgeMDB", (option("group", "MulticastGroupAddress"), option("vlan", "VLANId"))
    ),
}

# --- what the writers write -----------------------------------------------------------------------


def link_flags(interface: Interface) -> Options:
    """Write the [Link] options for what the kernel keeps as flags of a link."""
    return [*said(interface, LINK)]


def split_addresses(interface: Interface) -> tuple[list[Address], list[Address]]:
    """Part addresses into those for Address= lines and those for [Address] sections.

    networkd adds the lines first, and of two addresses in a subnet the first is the one that the
    host speaks from: if that would change the order, all go into sections.
    """
    parts: tuple[list[Address], list[Address]] = [], []
    for version in (4, 6):
        own = [a for a in interface.addresses if a.address.version == version]
        plain = [a for a in own if a.is_plain]
        if plain != own[: len(plain)]:
            plain = []
        parts[0].extend(plain)
        parts[1].extend(own[len(plain) :])
    return parts


def address(item: Address) -> Section:
    """Write an [Address] section."""
    options = [*said(item, LAYER3[Address].options)]
    # systemd.network(5): by itself it looks for others with an IPv6 address, not with an IPv4 one
    if item.duplicate_address_detection is not None:
        family = f"ipv{item.address.version}" if item.duplicate_address_detection else "none"
        options.append(("DuplicateAddressDetection", family))
    return "Address", options


def split_routes(interface: Interface) -> tuple[list[Route], list[Route]]:
    """Part routes into those that a Gateway= line of [Network] says, and the others."""
    gateways = [r for r in interface.routes if _is_gateway(r)]
    return gateways, [r for r in interface.routes if not _is_gateway(r)]


def _is_gateway(item: Route) -> bool:
    """Tell whether a route is no more than a default gateway of the table `main`."""
    return item.to.prefixlen == 0 and item == Route(path=(), to=item.to, via=item.via)


def needs_scope(item: Route) -> bool:
    """Tell whether a scope is another than the one of silence: `link` of what is directly there."""
    is_direct = item.type == "unicast" and item.via is None and not item.nexthops
    return item.scope is not None and not (is_direct and item.scope == "link")


def route(item: Route) -> Section:
    """Write a [Route] section."""
    if not needs_scope(item):
        item = replace(item, scope=None)
    options: Options = []
    if item.to.prefixlen > 0 or item.via is None:
        options.append(("Destination", str(item.to)))
    if item.via is not None:
        options.append(("Gateway", str(item.via)))
    for hop in item.nexthops:
        through = "" if hop.interface is None else f"@{hop.interface}"
        weight = "" if hop.weight == 1 else f" {hop.weight}"
        options.append(("MultiPathRoute", f"{hop.via}{through}{weight}"))
    options += said(item, ROUTE_BEFORE_TABLE)
    table = said_table(item)
    if table is not None:
        options.append(("Table", _table(table)))
    return "Route", [*options, *said(item, ROUTE_AFTER_TABLE)]


def rule(item: Rule) -> Section:
    """Write a [RoutingPolicyRule] section."""
    first, *rest = said(item, LAYER3[Rule].options)
    both = [("Family", "both")] if len(item.families) == 2 else []
    return "RoutingPolicyRule", [first, *both, *rest]


def neighbors(interface: Interface) -> Iterator[Section]:
    """Write the [Neighbor] sections, of all but proxies."""
    for item in interface.neighbors:
        if item.macaddress is not None:
            yield "Neighbor", [*said(item, LAYER3[Neighbor].options)]


def network(interface: Interface) -> Options:
    """Write the [Network] options for names, time and neighbouring switches."""
    return [
        *said(interface.nameservers, RESOLVER),
        *(("NTP", server) for server in interface.ntp),
        *said(interface, NETWORK),
        *proxies(interface),
    ]


def proxies(interface: Interface) -> Options:
    """Write the [Network] options for addresses that the host answers for."""
    return [("IPv6ProxyNDPAddress", str(n.address)) for n in interface.neighbors if n.proxy]


def entries(interface: Interface) -> Iterator[Section]:
    """Write the [BridgeFDB] and [BridgeMDB] sections."""
    for entry in interface.fdb:
        yield "BridgeFDB", [*said(entry, LAYER3[FdbEntry].options)]
    if interface.port is not None:
        for group in interface.port.mdb:
            yield "BridgeMDB", [*said(group, LAYER3[MdbEntry].options)]


def port(devices: Devices, item: Port, version: Version) -> Iterator[Section]:
    """Write the [Bridge] and [BridgeVLAN] sections of a port."""
    options = [*said(item, PORT)]
    if options:
        yield "Bridge", options
    bridge = devices.by_name[item.bridge].kind
    assert isinstance(bridge, Bridge)
    yield from bridge_vlans(item, bridge, version)


# seen in the lab with 257: it removes the default VLAN from what lists others; 252 does not
_REMOVES_DEFAULT_VLAN = (256,)


def bridge_vlans(item: Port | Bridge, bridge: Bridge, version: Version) -> Iterator[Section]:
    """Write the [BridgeVLAN] section of a port or of the bridge device itself."""
    removes = version >= _REMOVES_DEFAULT_VLAN
    vlans, pvid, untagged = (carried_vlans if removes else said_vlans)(item, bridge)
    options: Options = [("VLAN", span(numbers)) for numbers in vlans]
    if pvid is not None:
        options.append(("PVID", str(pvid)))
    options += [("EgressUntagged", span(numbers)) for numbers in untagged]
    if options:
        yield "BridgeVLAN", options
