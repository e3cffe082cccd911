"""Routes, rules, neighbours, ports and addresses in the words of systemd.network(5).

The tables are both rows of the support table and what the functions below write; what is not in
them has a line in a function. netplan's back end uses them too, for what netplan has no key for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vnetc.backends.base import Context, Devices, carried_vlans, limit, said_table
from vnetc.backends.formats import Section, boolean
from vnetc.backends.options import Group, Groups, cannot, elsewhere, only_true, option, said
from vnetc.backends.spelling import slash, span
from vnetc.kinds import Bridge
from vnetc.model import (
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


def _only_false(value: bool) -> str | None:
    return None if value else "no"


def _broadcast(value: Any) -> str:
    return "no" if value is False else str(value)


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
    before=(257,),
)
_HAS_TABLES_ALONE = limit("it has no Type= of rules", lambda context: True, before=(248,))
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
    option("advmss", "TCPAdvertisedMaximumSegmentSize", since=(248,)),
    option("congestion_window", "InitialCongestionWindow"),
    option("initrwnd", "InitialAdvertisedReceiveWindow"),
    option("hop_limit", "HopLimit", since=(255,)),
    option("congestion_control", "TCPCongestionControlAlgorithm", since=(252,)),
    option("quick_ack", "QuickAck", only_true),
    option("fast_open_no_cookie", "FastOpenNoCookie", only_true),
)
PORT = (
    option("path_cost", "Cost"),
    option("priority", "Priority"),
    option("hairpin", "HairPin"),
    option("learning", "Learning"),
    option("isolated", "Isolated", since=(251,)),
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
    option("promiscuous", "Promiscuous", since=(248,)),
    option("group", "Group"),
)
DHCP4 = (
    option("use_gateway", "UseGateway"),
    option("table", "RouteTable"),
    option("client_identifier", "ClientIdentifier"),
    option("label", "Label", since=(250,)),
)
ROUTERS = (
    option("use_gateway", "UseGateway", _only_false, since=(250,)),
    option("use_autonomous_prefix", "UseAutonomousPrefix", _only_false),
    option("use_on_link_prefix", "UseOnLinkPrefix", _only_false),
)
RESOLVER = (
    option("default_route", "DNSDefaultRoute"),
    option("llmnr", "LLMNR"),
    option("multicast_dns", "MulticastDNS"),
    option("dns_over_tls", "DNSOverTLS"),
    option("dnssec", "DNSSEC"),
)
NETWORK = (
    option("emit_lldp", "EmitLLDP", only_true),
    option("critical", "KeepConfiguration", only_true),
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
                "locked",
                "vlan_tunnel",
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
            option("scope", "Scope", _unless("global")),
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
                str,
                limit("systemd-networkd has no name for this protocol", _unknown_protocol),
            ),
            option("suppress_prefix_length", "SuppressPrefixLength"),
            option("suppress_interface_group", "SuppressInterfaceGroup", since=(250,)),
            option("table", "Table"),
            option("action", "Type", str, _LOSES_NOP, _HAS_TABLES_ALONE),
            option("goto", "GoTo", since=(257,)),
            option("l3mdev", "L3MasterDevice", only_true, since=(256,)),
            option("fwmark", "FirewallMark", slash),
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
            option("link", "OutgoingInterface", since=(249,)),
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


def route(item: Route) -> Section:
    """Write a [Route] section."""
    options: Options = []
    if item.to.prefixlen > 0 or item.via is None:
        options.append(("Destination", str(item.to)))
    if item.via is not None:
        options.append(("Gateway", str(item.via)))
    for hop in item.nexthops:
        through = "" if hop.interface is None else f"@{hop.interface}"
        options.append(("MultiPathRoute", f"{hop.via}{through} {hop.weight}"))
    options += said(item, ROUTE_BEFORE_TABLE)
    table = said_table(item)
    if table is not None:
        options.append(("Table", str(table)))
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


def port(devices: Devices, item: Port) -> Iterator[Section]:
    """Write the [Bridge] and [BridgeVLAN] sections of a port."""
    options = [*said(item, PORT)]
    if options:
        yield "Bridge", options
    bridge = devices.by_name[item.bridge].kind
    assert isinstance(bridge, Bridge)
    yield from bridge_vlans(item, bridge)


def bridge_vlans(item: Port | Bridge, bridge: Bridge) -> Iterator[Section]:
    """Write the [BridgeVLAN] section of a port or of the bridge device itself."""
    vlans, pvid, untagged = carried_vlans(item, bridge)
    options: Options = [("VLAN", span(numbers)) for numbers in vlans]
    if pvid is not None:
        options.append(("PVID", str(pvid)))
    options += [("EgressUntagged", span(numbers)) for numbers in untagged]
    if options:
        yield "BridgeVLAN", options
