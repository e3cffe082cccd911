"""What the three dialects of ifupdown can say: one common table and what differs from it.

Nearly all of the model can be said, since a stanza may run ip(8); each row names the option or
the command that says it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vnetc.backends.ifupdown.layer3 import LAYER3
from vnetc.backends.ifupdown.layer3 import describe as describe_layer3
from vnetc.backends.ifupdown.raw import SOURCES
from vnetc.backends.ifupdown.words import BRIDGE_CLASSIC, BRIDGE_IFUPDOWN2, BRIDGE_IFUPDOWN_NG
from vnetc.backends.kernel_defaults import KERNEL_RA
from vnetc.backends.options import Option, rows_of
from vnetc.backends.programs.ip_link import IP_LINK, describe, finer_than_10ms
from vnetc.backends.support import Context, Support, exact, key, limit, unsupported
from vnetc.model.host import DhcpServer, Interface
from vnetc.model.kinds import KINDS, Bridge, Card, Loopback, Vlan

_WORDS_OF_BRIDGE_PORTS = frozenset({"none", "all", "regex", "noregex"})


def _dotted(context: Context) -> bool:
    """Whether the name has ifupdown make another device than the one that is meant."""
    interface = context.interface
    if interface is None or "." not in interface.name or isinstance(interface.kind, Loopback):
        return False
    kind = interface.kind
    if not isinstance(kind, Vlan):
        return True
    # of two dots, the classic one takes the first for that of the VLAN
    plain = "." not in kind.link and kind.protocol == "802.1q"
    return not plain or interface.name != f"{kind.link}.{kind.id}"


def _virtual(context: Context) -> bool:
    return context.interface is not None and not isinstance(context.interface.kind, Card)


def _virtual_and_manual(context: Context) -> bool:
    return _virtual(context) and context.node.activation == "manual"


def _inactive_port(context: Context) -> bool:
    interface = context.interface
    return interface is not None and interface.port is not None


def _inactive_member(context: Context) -> bool:
    interface = context.interface
    return interface is not None and interface.member is not None


def _virtual_and_optional(context: Context) -> bool:
    return _virtual(context) and context.node.optional is True


def _optional(context: Context) -> bool:
    return context.node.optional is True


def _says_word(context: Context) -> bool:
    bridge: Bridge = context.node
    return not _WORDS_OF_BRIDGE_PORTS.isdisjoint(bridge.ports)


def _ipv4_link_local(context: Context) -> bool:
    return "ipv4" in (context.node.link_local or ())


def _asks_link_local(context: Context) -> bool:
    interface: Interface = context.node
    return interface.asks_link_local


def _networkd_server(context: Context) -> bool:
    server: DhcpServer = context.node
    return server.server == "networkd"


_DOTTED = limit(
    "a name with a dot makes ifupdown create a VLAN; only an 802.1q one `<link>.<id>` may have it",
    _dotted,
)
_CLIENT = "the DHCP client's own configuration decides, not interfaces(5)"
_KERNEL_RA = "the kernel takes router advertisements itself, and of them addresses and routes only"


_TIMES = ("forward_delay", "hello_time", "max_age", "ageing_time")
IP_LINK_LIMITS = {name.replace("_", "-"): (finer_than_10ms(name),) for name in _TIMES}
_CLIENT_IN_VRF = "its DHCP client puts routes into the table `main`"


def _asks_in_vrf(context: Context) -> bool:
    interface: Interface = context.node
    return interface.dhcp4


def _bridge(words: tuple[Option, ...]) -> dict[str, Support]:
    """Make the rows of a bridge's options; what an option cannot carry a command says."""
    by_field = {item.field: item.word for item in IP_LINK[Bridge].options}
    return {
        f"bridge.{name}": exact(
            f"{item.word}, up ip link set type bridge {by_field[item.field]}",
            *IP_LINK_LIMITS.get(name, ()),
        )
        for item in words
        for name in (key(item.field),)
    }


def _same(word: str, *names: str) -> Iterator[tuple[str, Support]]:
    for name in names:
        yield name, exact(word)


COMMON: Mapping[str, Support] = {
    **rows_of(IP_LINK, describe),
    **rows_of(LAYER3, describe_layer3),
    **{f"type.{name}": exact(f"pre-up ip link add type {name}", _DOTTED) for name in KINDS},
    "type.bridge": exact("bridge-ports", _DOTTED),
    "type.tunnel": exact("pre-up ip link add", _DOTTED),
    "type.wireguard": exact(
        "pre-up ip link add type wireguard",
        _DOTTED,
        limit("the kernel gives WireGuard no IPv6 link-local address", _asks_link_local),
    ),
    "type.tun": exact("pre-up ip tuntap add mode tun", _DOTTED),
    "type.tap": exact("pre-up ip tuntap add mode tap", _DOTTED),
    "type.infiniband": exact("pre-up ip link add type ipoib", _DOTTED),
    "bridge.ports": exact(
        "bridge-ports", limit("a port has a name that bridge-ports takes for a word", _says_word)
    ),
    **_bridge(BRIDGE_CLASSIC),
    "interface.vrf": exact("pre-up ip link set master", limit(_CLIENT_IN_VRF, _asks_in_vrf)),
    "type.ethernet": exact("iface", _DOTTED),
    "type.wifi": exact("iface", _DOTTED),
    "type.loopback": exact("iface lo inet loopback"),
    "interface.description": exact("# comment"),
    "interface.macaddress": exact("pre-up ip link set address"),
    "interface.mtu": exact("pre-up ip link set mtu"),
    "interface.activation": exact(
        "auto",
        limit("a device that ifupdown has to make does not exist until then", _virtual_and_manual),
        limit("a bridge brings its ports up itself", _inactive_port),
        limit("a bond brings its members up itself", _inactive_member),
    ),
    "host.foreign": unsupported("it leaves alone what others make", silence="keep"),
    "host.foreign-files": exact(SOURCES["ifupdown"]),
    "interface.ignore-carrier": unsupported("it takes no notice of carriers", silence=True),
    "interface.optional": exact(
        "allow-hotplug",
        limit("only a network card can come up later, by udev", _virtual_and_optional),
    ),
    "interface.addresses": exact("address, up ip addr replace"),
    "interface.dhcp4": exact("iface inet dhcp"),
    "interface.dhcp6": unsupported(
        "its DHCPv6 client does not ask the router first, and flushes static IPv6 addresses",
        silence=False,
    ),
    "interface.dhcp4-overrides": exact("metric"),
    "interface.dhcp6-overrides": unsupported("there is no DHCPv6"),
    "interface.accept-ra": exact("pre-up sysctl accept_ra, autoconf"),
    "interface.ra-overrides": unsupported(_KERNEL_RA),
    "interface.link-local": exact(
        "pre-up sysctl addr_gen_mode",
        limit(
            "IPv4 link-local addresses need avahi-autoipd instead of an address", _ipv4_link_local
        ),
    ),
    "interface.ipv6-privacy": exact("pre-up sysctl use_tempaddr"),
    "interface.ipv6-address-generation": unsupported(
        "the kernel's stable addresses need a secret, which systemd-networkd derives otherwise",
        silence="eui64",
    ),
    "interface.ipv6-mtu": exact("up sysctl mtu"),
    "interface.nameservers": exact("dns-nameservers, dns-search"),
    "interface.ntp": unsupported("interfaces(5) knows no time servers"),
    "interface.emit-lldp": unsupported(
        "neither ifupdown nor the kernel speaks LLDP", silence=False
    ),
    "interface.critical": unsupported(
        "ifupdown runs only while it brings interfaces up or down", silence=False
    ),
    "interface.ipv6-address-token": exact("up ip token set"),
    "interface.routes": exact("gateway, up ip route replace"),
    "interface.routing-policy": exact("up ip rule add"),
    "interface.neighbors": exact("up ip neigh replace"),
    "interface.fdb": exact("up bridge fdb replace"),
    "interface.qdiscs": exact("up tc qdisc add"),
    "interface.sysctl": exact("up sysctl"),
    "interface.raw": exact("the stanza's options"),
    "veth.peer": exact("pre-up ip link add type veth peer name"),
    "dhcp-overrides.route-metric": exact("metric"),
    "dhcp-overrides.use-routes": unsupported(_CLIENT, silence=True),
    "dhcp-overrides.use-dns": unsupported(_CLIENT, silence=True),
    "dhcp-overrides.use-ntp": unsupported(_CLIENT),
    "dhcp-overrides.use-mtu": unsupported(_CLIENT, silence=True),
    "dhcp-overrides.use-hostname": unsupported(_CLIENT, silence=True),
    "dhcp-overrides.use-domains": exact(
        "dhclient-enter-hooks.d",
        limit(
            "dhclient has no routing domains",
            lambda context: context.node.use_domains == "route",
        ),
    ),
    "dhcp-overrides.send-hostname": unsupported(_CLIENT, silence=True),
    "dhcp-overrides.hostname": unsupported("dhclient ignores the `hostname` option"),
    "dhcp-overrides.use-gateway": unsupported(_CLIENT),
    "dhcp-overrides.table": unsupported(_CLIENT),
    "dhcp-overrides.client-identifier": unsupported(_CLIENT),
    "dhcp-overrides.label": unsupported(_CLIENT),
    **{
        f"ra-overrides.{name}": unsupported(_KERNEL_RA, silence=silence)
        for name, silence in KERNEL_RA.items()
    },
    **dict.fromkeys(
        (
            "nameservers.default-route",
            "nameservers.llmnr",
            "nameservers.multicast-dns",
            "nameservers.dns-over-tls",
            "nameservers.dnssec",
        ),
        unsupported("resolvconf(8) takes servers and domains alone"),
    ),
    "nameservers.addresses": exact("dns-nameservers"),
    "nameservers.search": exact("dns-search"),
    **dict(
        _same(
            "up nft -f",
            "network.mode",
            "network.subnet",
            "network.uplink",
            "network.publish",
            "publish.protocol",
            "publish.ports",
            "publish.to",
            "publish.to-port",
        )
    ),
    "dhcp.server": exact(
        "up dnsmasq", limit("systemd-networkd does not run beside ifupdown", _networkd_server)
    ),
    **dict(
        _same(
            "up dnsmasq",
            "dhcp.range",
            "dhcp.lease-time",
            "dhcp.router",
            "dhcp.nameservers",
            "dhcp.domain",
            "dhcp.reservations",
            "reservation.macaddress",
            "reservation.address",
            "reservation.hostname",
        )
    ),
    "host.raw": exact("the end of the file"),
}

CLASSIC: Mapping[str, Support] = {
    **COMMON,
    "dhcp-overrides.use-domains": exact(
        "dhclient-enter-hooks.d, up dhcpcd -O", *COMMON["dhcp-overrides.use-domains"].limits
    ),
}

IFUPDOWN2: Mapping[str, Support] = {
    **COMMON,
    **_bridge(BRIDGE_IFUPDOWN2),
    "interface.dhcp4-overrides": exact("dhclient-enter-hooks.d"),
    "dhcp-overrides.route-metric": exact("dhclient-enter-hooks.d"),
    "interface.vrf": exact("up ip link set master", *COMMON["interface.vrf"].limits),
    "interface.mtu": exact("mtu, up ip link set mtu"),
    "interface.optional": exact("auto", limit("it has no working `allow-hotplug`", _optional)),
    "interface.link-local": exact(
        "ipv6-addrgen", limit("it has no IPv4 link-local addresses", _ipv4_link_local)
    ),
}

IFUPDOWN_NG: Mapping[str, Support] = {
    **COMMON,
    **rows_of({Bridge: IP_LINK[Bridge]}, describe),
    **_bridge(BRIDGE_IFUPDOWN_NG),
    "interface.dhcp4-overrides": exact("dhclient-enter-hooks.d"),
    "dhcp-overrides.route-metric": exact("dhclient-enter-hooks.d"),
    "interface.nameservers": exact("up resolvconf -a"),
    "interface.optional": exact("auto", limit("it has no `allow-hotplug`", _optional)),
    "bridge.ports": exact("bridge-ports"),
    "nameservers.addresses": exact("up resolvconf -a"),
    "nameservers.search": exact("up resolvconf -a"),
    "host.foreign-files": exact(SOURCES["ifupdown-ng"]),
}

ON_ALPINE: Mapping[str, Support] = {
    **IFUPDOWN_NG,
    "interface.dhcp4-overrides": exact("metric"),
    "dhcp-overrides.route-metric": exact("metric"),
    "dhcp-overrides.use-domains": exact(
        "udhcpc's own",
        limit(
            "udhcpc of Alpine searches the domain of any lease",
            lambda context: context.node.use_domains is not True,
        ),
    ),
}
