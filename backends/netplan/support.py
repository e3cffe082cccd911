"""What netplan can say: keys of netplan(5), and for the rest drop-ins of the files it generates.

networkd reads /etc/systemd/network/10-netplan-NAME.network.d/*.conf beside netplan's own
10-netplan-NAME.network (systemd.network(5)), so what networkd can say can be said here.
"""

from __future__ import annotations

from vnetc.backends.base import Support, exact, limit
from vnetc.backends.networkd.support import (
    NUMERIC_NAME,
    ON_LINK_NEXTHOPS,
    PRIORITY_ZERO,
    PROXY_NDP_OF_LO,
    by_networkd,
    of_dhcp6,
    serves_no_ipv4,
)
from vnetc.backends.networkd.support import SUPPORT as NETWORKD
from vnetc.record import replace

# netplan 1.0 came with systemd 255 (Ubuntu 24.04), 0.106 with 252 (Debian 12).
_DHCP6_NAME = limit("systemd 252 sends no host name by DHCPv6", of_dhcp6, before=(1, 0))

_KEYS: dict[str, Support] = {
    "type.ethernet": exact("ethernets", NUMERIC_NAME),
    "type.loopback": exact("ethernets: lo"),
    "type.dummy": exact("dummy-devices; before 0.107 a .netdev file and ethernets", NUMERIC_NAME),
    "type.bridge": exact("bridges", NUMERIC_NAME),
    "type.vlan": exact("vlans", NUMERIC_NAME),
    "type.veth": exact(
        "virtual-ethernets; before 0.107 a .netdev file and ethernets", NUMERIC_NAME
    ),
    "interface.macaddress": exact("macaddress"),
    "interface.mtu": exact("mtu; of a bridge: drop-in [Link] MTUBytes="),
    "interface.activation": exact(
        "activation-mode; of a virtual device: drop-in [Network] ConfigureWithoutCarrier=no"
    ),
    "interface.optional": exact("optional"),
    "interface.addresses": exact("addresses"),
    "interface.dhcp4": exact("dhcp4"),
    "interface.dhcp6": exact("dhcp6; drop-in [DHCPv6] WithoutRA=solicit"),
    "interface.dhcp4-overrides": exact("dhcp4-overrides"),
    "interface.accept-ra": exact("accept-ra; drop-in [IPv6AcceptRA] DHCPv6Client="),
    "interface.link-local": exact("link-local"),
    "interface.ipv6-privacy": exact("ipv6-privacy"),
    "interface.ipv6-address-generation": exact(
        "drop-in [Network] IPv6LinkLocalAddressGenerationMode=, [IPv6AcceptRA] Token="
    ),
    "interface.ipv6-mtu": NETWORKD["interface.ipv6-mtu"],
    "interface.nameservers": exact("nameservers"),
    "interface.routes": exact("routes"),
    "interface.routing-policy": exact("routing-policy"),
    "interface.sysctl": exact(
        "/etc/sysctl.d/60-vnetc.conf; proxy_ndp: drop-in [Network] IPv6ProxyNDP=", PROXY_NDP_OF_LO
    ),
    "interface.raw": exact("keys of the device"),
    "bridge.ports": exact("interfaces"),
    "bridge.stp": exact("parameters: stp"),
    "bridge.forward-delay": exact("parameters: forward-delay"),
    "bridge.hello-time": exact("parameters: hello-time"),
    "bridge.max-age": exact("parameters: max-age"),
    "bridge.ageing-time": exact("parameters: ageing-time"),
    "bridge.priority": exact("parameters: priority", PRIORITY_ZERO),
    "vlan.id": exact("id"),
    "vlan.link": exact("link"),
    "vlan.protocol": exact("drop-in [VLAN] Protocol="),
    "veth.peer": exact("peer"),
    "port.isolated": exact("drop-in [Bridge] Isolated="),
    "address.address": exact("addresses"),
    "address.label": exact("label"),
    "address.preferred-lifetime": exact("lifetime: 0"),
    "route.to": exact("to"),
    "route.via": exact("via"),
    "route.from": exact("from"),
    "route.on-link": exact("on-link", ON_LINK_NEXTHOPS),
    "route.metric": exact("metric; from 2147483648: drop-in [Route] Metric="),
    "route.table": exact("table; from 2147483648: drop-in [Route] Table="),
    "route.type": exact("type"),
    "route.scope": exact("scope; `site` and `nowhere`: drop-in [Route] Scope="),
    "route.mtu": exact("mtu"),
    "route.advmss": exact("drop-in [Route] TCPAdvertisedMaximumSegmentSize="),
    "route.congestion-window": exact("congestion-window"),
    "route.initrwnd": exact("advertised-receive-window"),
    "rule.priority": exact("priority; from 2147483648: drop-in [RoutingPolicyRule] Priority="),
    "rule.from": exact("from"),
    "rule.to": exact("to"),
    "rule.fwmark": exact(
        "mark; with a mask or from 2147483648: drop-in [RoutingPolicyRule] FirewallMark="
    ),
    "rule.tos": exact("type-of-service"),
    "rule.table": exact("table; from 2147483648: drop-in [RoutingPolicyRule] Table="),
    "rule.action": exact("drop-in [RoutingPolicyRule] Type="),
    "dhcp-overrides.route-metric": exact(
        "route-metric",
        limit("4294967295 stands for none", lambda c: c.node.route_metric == 0xFFFFFFFF),
    ),
    "dhcp-overrides.use-routes": exact("use-routes"),
    "dhcp-overrides.use-dns": exact("use-dns; drop-in [DHCPv6] UseDNS="),
    "dhcp-overrides.use-ntp": exact("use-ntp; drop-in [DHCPv6] UseNTP="),
    "dhcp-overrides.use-mtu": exact("use-mtu"),
    "dhcp-overrides.use-hostname": exact("use-hostname; drop-in [DHCPv6] UseHostname="),
    "dhcp-overrides.use-domains": exact("use-domains; drop-in [DHCPv6] UseDomains="),
    "dhcp-overrides.send-hostname": exact("send-hostname; drop-in [DHCPv6]", _DHCP6_NAME),
    "dhcp-overrides.hostname": exact("hostname; drop-in [DHCPv6]", _DHCP6_NAME),
    "nameservers.addresses": exact(
        "nameservers: addresses; IPv6 before IPv4: drop-in [Network] DNS="
    ),
    "nameservers.search": exact("nameservers: search"),
    "dhcp.server": exact(
        "/etc/vnetc/NETWORK.dnsmasq.conf, drop-in [DHCPServer]",
        limit("networkd serves DHCPv4, and the network has no IPv4 subnet", serves_no_ipv4),
    ),
    "dhcp.reservations": exact(
        "dnsmasq dhcp-host, drop-in [DHCPServerStaticLease]",
        limit(
            "`server: networkd` of systemd 252 ignores reservations of clients that send an "
            "identifier (systemd issue 27313)",
            by_networkd,
            before=(1, 0),
        ),
    ),
    "host.raw": exact("keys below network"),
}


def _dropin(row: Support) -> Support:
    how = row.how if row.how.startswith(("/", "dnsmasq")) else f"drop-in {row.how}"
    return replace(row, how=how, since=())


SUPPORT: dict[str, Support] = {
    name: _KEYS.get(name) or _dropin(row) for name, row in NETWORKD.items()
}
