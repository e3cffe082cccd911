"""What systemd-networkd can say: option names of systemd.network(5) and systemd.netdev(5).

`since` is the manual's own "Added in version", which it has since systemd 254.
"""

from __future__ import annotations

import re

from vnetc.backends.networkd.kinds import KIND_WORDS, NETDEV
from vnetc.backends.networkd.layer3 import LAYER3
from vnetc.backends.options import rows_of
from vnetc.backends.support import (
    EVER,
    Context,
    Limit,
    Programs,
    Support,
    exact,
    limit,
    systemd,
    unsupported,
)
from vnetc.model.host import DhcpServer, Interface
from vnetc.model.kinds import (
    KINDS,
    Bond,
    Bridge,
    Geneve,
    Infiniband,
    Kind,
    Loopback,
    Tun,
    Tunnel,
    Veth,
    Wireguard,
)


def of_dhcp6(context: Context) -> bool:
    """Tell whether the overrides in question are those of DHCPv6."""
    interface = context.interface
    return interface is not None and context.node is interface.dhcp6_overrides


_DHCP6_NAME = limit("its DHCPv6 client sends no host name", of_dhcp6, before=systemd(255))


def by_networkd(context: Context) -> bool:
    """Tell whether the reservation or server in question is networkd's own."""
    servers = context.host.dhcp_servers
    return any(
        server.server == "networkd"
        and (server is context.node or context.node in server.reservations)
        for server in servers
    )


def _networkd_server(reason: str, *, before: Programs = EVER) -> Limit:
    return limit(f"`server: networkd` {reason}", by_networkd, before=before)


def serves_no_ipv4(context: Context) -> bool:
    """Tell whether networkd's own DHCP server is asked to serve IPv6 alone."""
    node = context.node
    return isinstance(node, DhcpServer) and node.server == "networkd" and node.subnet is None


def _stable_slaac(context: Context) -> bool:
    return isinstance(context.node, Interface) and context.node.accept_ra is not False


def _is_lo(context: Context) -> bool:
    interface: Interface = context.node
    return isinstance(interface.kind, Loopback)


def _sends_no_lldp(context: Context) -> bool:
    interface: Interface = context.node
    match interface.kind:
        case Bridge() | Bond() | Loopback() | Tun() | Wireguard() | Infiniband():
            return True
        case Tunnel(mode=mode):
            return mode not in ("gretap", "ip6gretap")
        case Geneve(inherit_inner_protocol=bare):
            return bool(bare)
        case _:
            return False


def _proxies_on_lo(context: Context) -> bool:
    interface: Interface = context.node
    return isinstance(interface.kind, Loopback) and any(
        (family, key) == ("ipv6", "proxy_ndp") for family, key, _ in interface.sysctl
    )


_NUMBER = r"[0-9]+|0[xX][0-9A-Fa-f]+|0[bB][01]+|0[oO][0-7]+"


def _is_number(context: Context) -> bool:
    interface: Interface = context.node
    # without one end of a cable there is no other
    names = [interface.name, *([interface.kind.peer] if isinstance(interface.kind, Veth) else [])]
    return any(name[0].isdigit() and re.fullmatch(_NUMBER, name) for name in names)


# It makes no IPv6 link-local addresses for these (link_ipv6ll_enabled), and what the kernel makes is
# made of the tunnel's IPv4 address, or nothing.
_WITHOUT_LINK_LOCAL = frozenset({"gre", "ipip", "sit", "vti"})


def _has_link_local(kind: Kind) -> bool:
    """Tell whether a device gets an IPv6 link-local address by itself."""
    if isinstance(kind, Tunnel):
        return kind.mode not in _WITHOUT_LINK_LOCAL
    return not isinstance(kind, Loopback | Wireguard)


def asks_link_local(context: Context) -> bool:
    """Tell whether a device that gets no IPv6 link-local address by itself shall have one."""
    interface: Interface = context.node
    return interface.asks_link_local and not _has_link_local(interface.kind)


NO_LINK_LOCAL = limit(
    "systemd-networkd gives such a device no IPv6 link-local address", asks_link_local
)
NUMERIC_NAME = limit("systemd takes a name that is a number for an index", _is_number)
# networkd listens to routers itself, and promotes secondary addresses (networkd-sysctl.c)
_OF_ROUTERS = ("accept_ra_", "ra_", "router_")
LISTENS_ITSELF = limit(
    "systemd-networkd, not the kernel, listens to router advertisements here",
    lambda context: (
        context.node.accept_ra is not False
        and any(f == "ipv6" and key.startswith(_OF_ROUTERS) for f, key, _ in context.node.sysctl)
    ),
)
PROMOTES = limit(
    "systemd-networkd sets `promote_secondaries` to 1",
    lambda context: ("ipv4", "promote_secondaries", 0) in context.node.sysctl,
)
# seen with 252: the servers are in the link's own state file, no query goes to them (link_relevant()
# of resolved-link.c), and the file that systemd-timesyncd(8) reads leaves the loopback out
NAMESERVERS_OF_LO = limit("systemd-resolved asks no server of the loopback device", _is_lo)
_NTP_OF_LO = limit("systemd-timesyncd learns of no server of the loopback device", _is_lo)
# link_lldp_tx_enabled() of networkd-lldp-tx.c; seen with 252
_NO_LLDP = limit(
    "systemd-networkd sends no LLDP over bridges, bonds, or what carries no Ethernet frames",
    _sends_no_lldp,
)
PROXY_NDP_OF_LO = limit("systemd-networkd switches `proxy_ndp` of `lo` off", _proxies_on_lo)

SUPPORT: dict[str, Support] = {
    **rows_of({**NETDEV, **LAYER3}, lambda section, word: f"[{section}] {word}="),
    **{
        f"type.{name}": exact(f"[NetDev] Kind={KIND_WORDS.get(name, name)}", NUMERIC_NAME)
        for name in KINDS
    },
    "type.tunnel": exact("[NetDev] Kind=gre, …", NUMERIC_NAME, NO_LINK_LOCAL),
    "type.wireguard": exact("[NetDev] Kind=wireguard", NUMERIC_NAME, NO_LINK_LOCAL),
    "type.ethernet": exact("[Match] Name=", NUMERIC_NAME),
    "type.wifi": exact("[Match] Name=", NUMERIC_NAME),
    "type.loopback": exact("[Match] Name=lo"),
    "interface.description": exact("[Network] Description="),
    "interface.macaddress": exact("[Link] MACAddress=, [NetDev] MACAddress="),
    "interface.mtu": exact("[Link] MTUBytes="),
    "interface.activation": exact("[Link] ActivationPolicy=", since=systemd(248)),
    "interface.optional": exact("[Link] RequiredForOnline="),
    "interface.ignore-carrier": exact("[Network] ConfigureWithoutCarrier="),
    "interface.addresses": exact("[Network] Address=, [Address]"),
    "interface.dhcp4": exact("[Network] DHCP="),
    "interface.dhcp6": exact("[Network] DHCP=, [DHCPv6] WithoutRA=, [IPv6AcceptRA] DHCPv6Client="),
    "interface.dhcp4-overrides": exact("[DHCPv4]"),
    "interface.dhcp6-overrides": exact("[DHCPv6]"),
    "interface.accept-ra": exact("[Network] IPv6AcceptRA="),
    "interface.ra-overrides": exact("[IPv6AcceptRA]"),
    "interface.link-local": exact("[Network] LinkLocalAddressing="),
    "interface.ipv6-privacy": exact("[Network] IPv6PrivacyExtensions="),
    "interface.ipv6-address-generation": exact(
        "[Network] IPv6LinkLocalAddressGenerationMode=, [IPv6AcceptRA] Token=",
        limit("`Token=prefixstable` is not known to it", _stable_slaac, before=systemd(250)),
    ),
    # systemd issue 13914; seen in the lab with 252 often and with 257 now and then
    "interface.ipv6-mtu": unsupported(
        "systemd-networkd sets it too early, and the kernel puts the link's MTU back now and then"
    ),
    "interface.nameservers": exact("[Network] DNS=, Domains=", NAMESERVERS_OF_LO),
    "interface.ntp": exact("[Network] NTP=", _NTP_OF_LO),
    "interface.emit-lldp": exact("[Network] EmitLLDP=", _NO_LLDP),
    "interface.critical": exact("[Network] KeepConfiguration="),
    "interface.ipv6-address-token": exact("[IPv6AcceptRA] Token=", since=systemd(250)),
    "interface.routes": exact("[Route]"),
    "interface.routing-policy": exact("[RoutingPolicyRule]"),
    "interface.neighbors": exact("[Neighbor]"),
    "interface.fdb": exact("[BridgeFDB]"),
    "interface.qdiscs": exact("[CAKE], [HierarchyTokenBucket], …"),
    "interface.sysctl": exact(
        "/etc/sysctl.d/60-vnetc.conf; proxy_ndp: [Network] IPv6ProxyNDP=",
        PROXY_NDP_OF_LO,
        LISTENS_ITSELF,
        PROMOTES,
    ),
    "interface.vrf": exact("[Network] VRF="),
    "interface.raw": exact("sections of the .network file"),
    "veth.peer": exact("[Peer] Name="),
    "dhcp-overrides.route-metric": exact(
        "[DHCPv4] RouteMetric=, [IPv6AcceptRA] RouteMetric=",
        limit("routes of routers have no metric of one's own", of_dhcp6, before=systemd(249)),
    ),
    "dhcp-overrides.use-routes": exact("[DHCPv4] UseRoutes="),
    "dhcp-overrides.use-dns": exact("[DHCPv4] UseDNS=, [DHCPv6] UseDNS="),
    "dhcp-overrides.use-ntp": exact("[DHCPv4] UseNTP=, [DHCPv6] UseNTP="),
    "dhcp-overrides.use-mtu": exact("[DHCPv4] UseMTU="),
    "dhcp-overrides.use-hostname": exact("[DHCPv4] UseHostname=, [DHCPv6] UseHostname="),
    "dhcp-overrides.use-domains": exact("[DHCPv4] UseDomains=, [DHCPv6] UseDomains="),
    "dhcp-overrides.send-hostname": exact(
        "[DHCPv4] SendHostname=, [DHCPv6] SendHostname=", _DHCP6_NAME
    ),
    "dhcp-overrides.hostname": exact("[DHCPv4] Hostname=, [DHCPv6] Hostname=", _DHCP6_NAME),
    "ra-overrides.use-dns": exact("[IPv6AcceptRA] UseDNS="),
    "ra-overrides.use-domains": exact("[IPv6AcceptRA] UseDomains="),
    "ra-overrides.table": exact("[IPv6AcceptRA] RouteTable="),
    "nameservers.addresses": exact("[Network] DNS="),
    "nameservers.search": exact("[Network] Domains="),
    "network.mode": exact("/etc/vnetc/NETWORK.nft"),
    "network.subnet": exact("/etc/vnetc/NETWORK.nft"),
    "network.uplink": exact("/etc/vnetc/NETWORK.nft"),
    "network.publish": exact("/etc/vnetc/NETWORK.nft"),
    "publish.protocol": exact("/etc/vnetc/NETWORK.nft"),
    "publish.ports": exact("/etc/vnetc/NETWORK.nft"),
    "publish.to": exact("/etc/vnetc/NETWORK.nft"),
    "publish.to-port": exact("/etc/vnetc/NETWORK.nft"),
    "dhcp.server": exact(
        "/etc/vnetc/NETWORK.dnsmasq.conf, [DHCPServer]",
        limit("networkd serves DHCPv4, and the network has no IPv4 subnet", serves_no_ipv4),
    ),
    "dhcp.range": exact(
        "dnsmasq dhcp-range, [DHCPServer] PoolOffset= PoolSize=",
    ),
    "dhcp.lease-time": exact("dnsmasq dhcp-range, [DHCPServer] DefaultLeaseTimeSec="),
    "dhcp.router": exact("dnsmasq dhcp-option, [DHCPServer] EmitRouter= Router="),
    "dhcp.nameservers": exact("dnsmasq dhcp-option, [DHCPServer] DNS="),
    "dhcp.domain": exact(
        "dnsmasq domain, [DHCPServer] EmitDomain= Domain=",
        _networkd_server("hands out no domain", before=systemd(259)),
    ),
    "dhcp.reservations": exact(
        "dnsmasq dhcp-host, [DHCPServerStaticLease]",
        _networkd_server(
            "ignores reservations of clients that send an identifier (systemd issue 27313)",
            before=systemd(254),
        ),
    ),
    "reservation.macaddress": exact("dnsmasq dhcp-host, [DHCPServerStaticLease] MACAddress="),
    "reservation.address": exact("dnsmasq dhcp-host, [DHCPServerStaticLease] Address="),
    "reservation.hostname": exact(
        "dnsmasq dhcp-host, [DHCPServerStaticLease] Hostname=",
        _networkd_server("hands out no host names", before=systemd(259)),
    ),
    # networkd.conf(5); before 249 it keeps no rules
    "host.foreign": exact(
        "/etc/systemd/networkd.conf.d/50-vnetc.conf: [Network] ManageForeignRoutes=, "
        "ManageForeignRoutingPolicyRules=, since 256 ManageForeignNextHops",
        since=systemd(249),
    ),
    "host.foreign-files": unsupported("it reads its whole directory", silence="read"),
    "host.raw": exact("/etc/systemd/networkd.conf.d/50-vnetc.conf"),
}
