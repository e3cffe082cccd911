"""What netplan can say: keys of netplan(5), and for the rest drop-ins of the files it generates.

networkd reads /etc/systemd/network/10-netplan-NAME.network.d/*.conf beside netplan's own
10-netplan-NAME.network (systemd.network(5)), so what networkd can say can be said here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vnetc.backends.netplan.kinds import KEYS, SECTIONS
from vnetc.backends.networkd.layer3 import ON_LINK_NEXTHOPS
from vnetc.backends.networkd.support import (
    LISTENS_ITSELF,
    NAMESERVERS_OF_LO,
    NO_LINK_LOCAL,
    NUMERIC_NAME,
    PROMOTES,
    PROXY_NDP_OF_LO,
    by_networkd,
    of_dhcp6,
    serves_no_ipv4,
)
from vnetc.backends.networkd.support import SUPPORT as NETWORKD
from vnetc.backends.options import Option
from vnetc.backends.support import (
    EVER,
    Programs,
    Support,
    Version,
    exact,
    key,
    limit,
    unsupported,
    version_text,
    word_of,
)
from vnetc.model.cards import CardMatch, VirtualFunctions
from vnetc.model.kinds import KINDS
from vnetc.model.record import replace

# netplan 1.0 came with systemd 255 (Ubuntu 24.04), 0.106 with 252 (Debian 12).
_DHCP6_NAME = limit(
    "systemd 252 sends no host name by DHCPv6", of_dhcp6, before={"netplan": (1, 0)}
)

_KEYS: dict[str, Support] = {
    "type.ethernet": exact("ethernets", NUMERIC_NAME),
    "type.wifi": exact("ethernets", NUMERIC_NAME),
    "type.loopback": exact("ethernets: lo"),
    "interface.description": exact("a comment"),
    "interface.macaddress": exact("macaddress; of a tap: drop-in [Link] MACAddress="),
    "bridge.ports": exact("interfaces"),
    "bond.members": exact("interfaces"),
    "wireguard.private-key": exact("keys: private"),
    "wireguard.peers": exact("peers"),
    "wireguard-peer.public-key": exact("keys: public"),
    "wireguard-peer.preshared-key": exact("keys: shared"),
    "veth.peer": exact("peer"),
    "interface.vrf": exact("interfaces of vrfs; of a VRF with more keys: drop-in [Network] VRF="),
    "interface.mtu": exact("mtu; of a bridge: drop-in [NetDev] MTUBytes=, [Link] MTUBytes="),
    "interface.activation": exact(
        "activation-mode; of a virtual device: drop-in [Network] ConfigureWithoutCarrier=no"
    ),
    "interface.optional": exact("optional"),
    "interface.ignore-carrier": exact(
        "ignore-carrier; of a device that netplan makes, which it is silent for: drop-in [Network] "
        "ConfigureWithoutCarrier=no"
    ),
    "interface.addresses": exact("addresses; some options: drop-in [Address]"),
    "interface.dhcp4": exact("dhcp4"),
    "interface.dhcp6": exact("dhcp6; drop-in [DHCPv6] WithoutRA=, [IPv6AcceptRA] DHCPv6Client="),
    "interface.dhcp4-overrides": exact("dhcp4-overrides"),
    "interface.dhcp6-overrides": exact("dhcp6-overrides"),
    "interface.accept-ra": exact("accept-ra"),
    "interface.link-local": exact("link-local"),
    "interface.ipv6-privacy": exact("ipv6-privacy"),
    "interface.ipv6-address-generation": exact(
        "drop-in [Network] IPv6LinkLocalAddressGenerationMode=, [IPv6AcceptRA] Token="
    ),
    "interface.ipv6-mtu": NETWORKD["interface.ipv6-mtu"],
    "interface.nameservers": exact("nameservers", NAMESERVERS_OF_LO),
    "interface.routes": exact("routes; some options: drop-in [Route]"),
    "interface.routing-policy": exact("routing-policy; some options: drop-in [RoutingPolicyRule]"),
    "interface.sysctl": exact(
        "/etc/sysctl.d/60-vnetc.conf; proxy_ndp: drop-in [Network] IPv6ProxyNDP=",
        PROXY_NDP_OF_LO,
        LISTENS_ITSELF,
        PROMOTES,
    ),
    "interface.raw": exact("keys of the device"),
    **{
        f"port.{name}": exact(
            f"{word}; of a port with VLANs or VXLANs on it: drop-in [Bridge] {opt}="
        )
        for name, word, opt in (
            ("path-cost", "parameters: path-cost", "Cost"),
            ("priority", "parameters: port-priority", "Priority"),
            ("neigh-suppress", "neigh-suppress", "NeighborSuppression"),
        )
    },
    "infiniband.mode": exact("infiniband-mode; of one with a `link`: .netdev [IPoIB] Mode="),
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
    "dhcp-overrides.route-metric": exact(
        "route-metric; drop-in [DHCPv4] RouteMetric=, [IPv6AcceptRA] RouteMetric=",
        limit("4294967295 stands for none", lambda c: c.node.route_metric == 0xFFFFFFFF),
    ),
    "dhcp-overrides.use-routes": exact("use-routes; drop-in [DHCPv4] UseRoutes="),
    "dhcp-overrides.use-dns": exact("use-dns; drop-in [DHCPv4] UseDNS=, [DHCPv6] UseDNS="),
    "dhcp-overrides.use-ntp": exact("use-ntp; drop-in [DHCPv4] UseNTP=, [DHCPv6] UseNTP="),
    "dhcp-overrides.use-mtu": exact("use-mtu; drop-in [DHCPv4] UseMTU="),
    "dhcp-overrides.use-hostname": exact(
        "use-hostname; drop-in [DHCPv4] UseHostname=, [DHCPv6] UseHostname="
    ),
    "dhcp-overrides.use-domains": exact(
        "use-domains; drop-in [DHCPv4] UseDomains=, [DHCPv6] UseDomains="
    ),
    "dhcp-overrides.send-hostname": exact("send-hostname; drop-in [DHCPv4], [DHCPv6]", _DHCP6_NAME),
    "dhcp-overrides.hostname": exact("hostname; drop-in [DHCPv4], [DHCPv6]", _DHCP6_NAME),
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
            before={"netplan": (1, 0)},
        ),
    ),
    "host.raw": exact("keys below network"),
}


def dropin(row: Support) -> Support:
    """Give networkd's row as netplan's: said by a drop-in, since a netplan that runs with it."""
    if not row.how:
        return row
    how = row.how if row.how.startswith(("/", "dnsmasq", ".link", "wpa_")) else f"drop-in {row.how}"
    limits = tuple(
        replace(lim, before=_since(lim.before))
        for lim in row.limits
        # every systemd that a netplan runs with is as new
        if not lim.before or _since(lim.before)
    )
    return replace(row, how=how, since=_since(row.since), limits=limits)


def narrowed(
    table: Mapping[str, Support], networkd: Mapping[str, Support], systemd: Version
) -> dict[str, Support]:
    """Give netplan's rows on a system whose systemd is older than those that such a netplan runs with.

    It matters where not netplan writes systemd's files: `networkd` are its rows.
    """

    def narrow(row: Support, own: Support) -> Support:
        if not any(word in row.how for word in ("drop-in", ".link", ".netdev")):
            return row
        if own.since.get("systemd", ()) > systemd:
            return unsupported(f"systemd {version_text(systemd)} has no option for it")
        late = (
            limit(lim.reason, lim.refuses)
            for lim in own.limits
            if lim.before.get("systemd", ()) > systemd
        )
        return replace(row, limits=(*row.limits, *late))

    return {name: narrow(row, networkd[name]) for name, row in table.items()}


def _since(programs: Programs) -> Programs:
    """Give the netplan of the first distribution that has a version of systemd, if any is too old."""
    wanted = programs.get("systemd", ())
    netplan = next((netplan for newest, netplan in SYSTEMD if wanted <= newest), (99,))
    return {"netplan": netplan} if netplan else EVER


# Debian 12, Ubuntu 24.04, Debian 13, Ubuntu 26.04, Debian testing
SYSTEMD: tuple[tuple[Version, Version], ...] = (
    ((252,), ()),
    ((255,), (1, 0)),
    ((257,), (1, 1)),
    ((259,), (1, 2)),
    ((262,), (1, 2, 2)),
)

# what a key cannot say of a field's values is said by a drop-in
_PARTLY = {
    "_whole": "not in whole seconds",
    "_number": "`inherit`",
    "_boolean": "`inherit`",
}


def _native(name: str, place: str, item: Option) -> Support:
    """Give the row of a field that netplan has a key for; whatever limits networkd limits it."""
    row = NETWORKD[name]
    how = f"{place}: {item.word}" if place else item.word
    rest = _PARTLY.get(item.spell.__name__)
    return replace(row, how=f"{how}; {rest}: drop-in {row.how}" if rest else how, since=EVER)


def _native_rows() -> Iterator[tuple[str, Support]]:
    for cls, group in KEYS.items():
        if cls in (CardMatch, VirtualFunctions):
            continue  # keys only of a card that keeps its name, or that networkd has no word for
        for item in group.options:
            name = f"{word_of(cls)}.{key(item.field)}"
            yield name, _native(name, group.place, item)


def _type(name: str) -> Support:
    """Give the row of a type of device: netplan's own, or a .netdev file of vnetc's."""
    section, since = SECTIONS.get(name, ("", ()))
    own = "a .netdev file and ethernets"
    if not section:
        return exact(own, NUMERIC_NAME)
    return exact(
        f"{section}; before {version_text(since)} {own}" if since else section, NUMERIC_NAME
    )


SUPPORT: dict[str, Support] = {
    **{name: dropin(row) for name, row in NETWORKD.items()},
    **{f"type.{name}": _type(name) for name in KINDS},
    **{
        f"type.{name}": replace(_type(name), limits=(NUMERIC_NAME, NO_LINK_LOCAL))
        for name in ("tunnel", "wireguard")
    },
    **dict(_native_rows()),
    **_KEYS,
}
