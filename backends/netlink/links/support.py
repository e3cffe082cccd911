"""What `vnetc apply` can say of network devices: the rows of the support table, of the same tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vnetc.backends.netlink.links.changes import CARDS
from vnetc.backends.netlink.links.kinds import BRIDGE, KINDS, PORTS_OF_BRIDGES, VLAN_FLAGS
from vnetc.backends.netlink.links.options import SECONDS, TICKS, TICKS64, Option
from vnetc.backends.netlink.links.tunnels import TUNNELS
from vnetc.backends.support import Context, Limit, Support, exact, limit, unsupported, whole_seconds
from vnetc.model.host import Interface
from vnetc.model.kinds import KINDS as TYPES


def _finer_than_10ms(field: str) -> Limit:
    return limit(
        "the kernel counts hundredths of a second",
        lambda context: getattr(context.node, field) % 10 != 0,
    )


def _asks_link_local(context: Context) -> bool:
    interface: Interface = context.node
    return interface.asks_link_local


def _ipv4_link_local(context: Context) -> bool:
    return "ipv4" in (context.node.link_local or ())


def _limits(option: Option) -> tuple[Limit, ...]:
    field = option.name.partition(".")[2].replace("-", "_")
    if option.type in (TICKS, TICKS64):
        return (_finer_than_10ms(field),)
    return (whole_seconds(field),) if option.type is SECONDS else ()


def _rows(options: Iterable[Option]) -> Iterator[tuple[str, Support]]:
    """Name the attributes of each field: alternatives together."""
    words: dict[str, dict[str, None]] = {}
    limits: dict[str, tuple[Limit, ...]] = {}
    for option in options:
        if "." in option.name and option.word and not option.name.startswith("_"):
            names = words.setdefault(option.name, {})
            names |= dict.fromkeys(option.word.split(", "))
            limits[option.name] = _limits(option)
    for name, found in words.items():
        yield name, exact(", ".join(found), *limits[name])


AT_BOOT = "a program of its own does it, which is started at boot: `--target` installs its files"
_LINKS = ("vlan", "macvlan", "macvtap", "ipvlan", "infiniband")
_NO_IOCTL = frozenset({*CARDS, "tun", "tap", "tunnel"})
_WORDS = {kind.type: kind.word for kind in KINDS}

ROWS: Mapping[str, Support] = {
    **{
        name: row
        for kind in (*KINDS, *TUNNELS)
        for name, row in _rows(kind.options)
        if name != "bond.arp-ip6-targets"
    },
    **dict(_rows(option for kind in TUNNELS for option in kind.options)),
    **dict(_rows(BRIDGE)),
    **dict(_rows(PORTS_OF_BRIDGES)),
    **dict.fromkeys(VLAN_FLAGS, exact("IFLA_VLAN_FLAGS")),
    **{
        f"type.{name}": exact(f"IFLA_INFO_KIND {_WORDS[name]}")
        for name in TYPES
        if name in _WORDS and name not in _NO_IOCTL
    },
    "type.ethernet": exact("the card of that name"),
    "type.loopback": exact("lo"),
    "type.tunnel": exact("IFLA_INFO_KIND, as the mode says"),
    "type.tun": exact("TUNSETIFF IFF_TUN"),
    "type.tap": exact("TUNSETIFF IFF_TAP"),
    "type.wireguard": exact(
        "IFLA_INFO_KIND wireguard",
        limit("the kernel gives WireGuard no IPv6 link-local address", _asks_link_local),
    ),
    "type.wifi": unsupported(AT_BOOT),
    "bridge.ports": exact("IFLA_MASTER"),
    "bond.members": exact("IFLA_MASTER"),
    "bond.arp-ip-targets": exact("IFLA_BOND_ARP_IP_TARGET, IFLA_BOND_NS_IP6_TARGET"),
    "vlan.flags": exact("IFLA_VLAN_FLAGS"),
    "qos-mapping.from": exact("IFLA_VLAN_QOS_MAPPING"),
    "qos-mapping.to": exact("IFLA_VLAN_QOS_MAPPING"),
    "veth.peer": exact("VETH_INFO_PEER"),
    "vxlan.link": exact("IFLA_VXLAN_LINK"),
    "tunnel.link": exact("IFLA_GRE_LINK, IFLA_IPTUN_LINK, IFLA_VTI_LINK"),
    "tunnel.key": exact("IFLA_GRE_IKEY, IFLA_GRE_OKEY, IFLA_VTI_IKEY, IFLA_VTI_OKEY"),
    **{f"{kind}.link": exact("IFLA_LINK") for kind in _LINKS},
    **{
        f"{kind}.{field}": exact(word)
        for kind in ("tun", "tap")
        for field, word in {
            "user": "TUNSETOWNER",
            "group": "TUNSETGROUP",
            "multi-queue": "IFF_MULTI_QUEUE",
            "packet-info": "IFF_NO_PI",
            "vnet-header": "IFF_VNET_HDR",
        }.items()
    },
    "interface.vrf": exact("IFLA_MASTER"),
    "interface.description": exact("nothing: a comment"),
    "interface.macaddress": exact("IFLA_ADDRESS"),
    "interface.mtu": exact("IFLA_MTU"),
    "interface.arp": exact("IFF_NOARP"),
    "interface.multicast": exact("IFF_MULTICAST"),
    "interface.all-multicast": exact("IFF_ALLMULTI"),
    "interface.promiscuous": exact("IFF_PROMISC"),
    "interface.group": exact("IFLA_GROUP"),
    "interface.activation": exact("IFF_UP"),
    "interface.link-local": exact(
        "IFLA_INET6_ADDR_GEN_MODE",
        limit("IPv4 link-local addresses are what a daemon makes", _ipv4_link_local),
    ),
    "interface.ipv6-address-generation": unsupported(
        "the kernel's stable addresses need a secret, which systemd-networkd derives otherwise",
        silence="eui64",
    ),
    "interface.ipv6-address-token": exact("IFLA_INET6_TOKEN"),
}
