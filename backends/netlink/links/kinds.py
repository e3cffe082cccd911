"""The kinds of network devices and their options: numbers of linux/if_link.h, by ip-link(8)'s kinds.

`default` is what a new device has, `impact` how the kernel takes a change of an existing one: it
is in the functions named beside the tables, and tests/netlink/test_links.py tries it. Where
kernels from 6.1 on differ, the stricter one is written here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from vnetc.backends.netlink.links.options import (
    ADDRESS,
    DEVICE,
    INT8,
    INT16,
    INT32,
    IPV4,
    IPV6,
    MILLISECONDS,
    NUMBER8,
    ON,
    PORT,
    PORTS,
    SECONDS,
    TICKS,
    TICKS64,
    TRUTH,
    TRUTH16,
    TRUTH32,
    Decoded,
    Impact,
    Option,
    Type,
    choice,
    decode_table,
    inherited,
    listed,
    numbered,
    show_value,
)
from vnetc.backends.netlink.state import Attributes, Index, Value
from vnetc.backends.netlink.wire.messages import (
    BE16,
    BE32,
    FLAG,
    IP,
    MAC,
    U8,
    U16,
    U32,
    Codec,
    attribute,
    attributes,
    nest,
)
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PROTOCOLS = {"802.1q": 0x8100, "802.1ad": 0x88A8}  # ETH_P_8021Q, ETH_P_8021AD
ROUTERS = choice("disabled", "query", "permanent", "temporary")  # MDB_RTR_TYPE_…


class Kind(Record):
    """A kind of device: its name in documents, the kernel's, and its options."""

    type: str
    word: str
    options: tuple[Option, ...] = ()
    # what no single attribute says: options with their old values, and the numbers of devices
    extra: Callable[[Attributes, Attributes, Index], Iterator[bytes]] | None = None
    tidy: Callable[[Decoded], None] | None = None  # makes attributes read into the model's
    whole: bool = False  # of a change the kernel must be told all that does not change, too
    only_different: bool = False  # it refuses some options even at their defaults
    mtu: int | None = None  # of a new device; None: depends on others
    flags: tuple[bool, bool] = (True, True)  # ARP and multicast of a new device
    mac: Impact | None = "live"  # how a MAC address is changed, None: it has none of its own


# br_changelink, net/bridge/br_netlink.c
BRIDGE = (
    Option("bridge.forward-delay", 1, "IFLA_BR_FORWARD_DELAY", TICKS, 1500),
    Option("bridge.hello-time", 2, "IFLA_BR_HELLO_TIME", TICKS, 200),
    Option("bridge.max-age", 3, "IFLA_BR_MAX_AGE", TICKS, 2000),
    Option("bridge.ageing-time", 4, "IFLA_BR_AGEING_TIME", TICKS, 30000),
    Option("bridge.stp", 5, "IFLA_BR_STP_STATE", TRUTH32, False),
    Option("bridge.priority", 6, "IFLA_BR_PRIORITY", INT16, 32768),
    Option("bridge.vlan-filtering", 7, "IFLA_BR_VLAN_FILTERING", TRUTH, False),
    Option(
        "bridge.vlan-protocol", 8, "IFLA_BR_VLAN_PROTOCOL", numbered(_PROTOCOLS, BE16), "802.1q"
    ),
    Option("bridge.group-forward-mask", 9, "IFLA_BR_GROUP_FWD_MASK", INT16, 0),
    Option("bridge.group-address", 20, "IFLA_BR_GROUP_ADDR", ADDRESS, "01:80:c2:00:00:00"),
    Option("bridge.multicast-router", 22, "IFLA_BR_MCAST_ROUTER", ROUTERS, "query"),
    Option("bridge.multicast-snooping", 23, "IFLA_BR_MCAST_SNOOPING", TRUTH, True),
    Option("bridge.multicast-query-use-ifaddr", 24, "IFLA_BR_MCAST_QUERY_USE_IFADDR", TRUTH, False),
    Option("bridge.multicast-querier", 25, "IFLA_BR_MCAST_QUERIER", TRUTH, False),
    Option("bridge.multicast-hash-max", 27, "IFLA_BR_MCAST_HASH_MAX", INT32, 4096),
    Option("bridge.multicast-last-member-count", 28, "IFLA_BR_MCAST_LAST_MEMBER_CNT", INT32, 2),
    Option("bridge.multicast-startup-query-count", 29, "IFLA_BR_MCAST_STARTUP_QUERY_CNT", INT32, 2),
    Option(
        "bridge.multicast-last-member-interval", 30, "IFLA_BR_MCAST_LAST_MEMBER_INTVL", TICKS64, 100
    ),
    Option(
        "bridge.multicast-membership-interval", 31, "IFLA_BR_MCAST_MEMBERSHIP_INTVL", TICKS64, 26000
    ),
    Option("bridge.multicast-querier-interval", 32, "IFLA_BR_MCAST_QUERIER_INTVL", TICKS64, 25500),
    Option("bridge.multicast-query-interval", 33, "IFLA_BR_MCAST_QUERY_INTVL", TICKS64, 12500),
    Option(
        "bridge.multicast-query-response-interval",
        34,
        "IFLA_BR_MCAST_QUERY_RESPONSE_INTVL",
        TICKS64,
        1000,
    ),
    # 31.25 s, which not each kernel's own ticks can say
    Option(
        "bridge.multicast-startup-query-interval",
        35,
        "IFLA_BR_MCAST_STARTUP_QUERY_INTVL",
        TICKS64,
        3124,
    ),
    Option("bridge.default-pvid", 39, "IFLA_BR_VLAN_DEFAULT_PVID", INT16, 1),
    Option("bridge.vlan-stats", 41, "IFLA_BR_VLAN_STATS_ENABLED", TRUTH, False),
    Option("bridge.multicast-igmp-version", 43, "IFLA_BR_MCAST_IGMP_VERSION", INT8, 2),
    Option("bridge.multicast-mld-version", 44, "IFLA_BR_MCAST_MLD_VERSION", INT8, 1),
    # only while no port is in any VLAN (br_vlan_set_stats_per_port)
    Option(
        "bridge.vlan-stats-per-port", 45, "IFLA_BR_VLAN_STATS_PER_PORT", TRUTH, False, "empty"
    ),
)  # fmt: skip


def _bridge(found: Decoded) -> None:
    # a kernel that cannot filter VLANs does not say that it does not
    found.setdefault("bridge.vlan-filtering", False)


# br_setport, net/bridge/br_netlink.c; the cost follows from the link's speed until it is set
PORTS_OF_BRIDGES = (
    Option("port.priority", 2, "IFLA_BRPORT_PRIORITY", INT16, 32),
    Option("port.path-cost", 3, "IFLA_BRPORT_COST", INT32),
    Option("port.hairpin", 4, "IFLA_BRPORT_MODE", TRUTH, False),
    Option("port.bpdu-guard", 5, "IFLA_BRPORT_GUARD", TRUTH, False),
    Option("port.root-block", 6, "IFLA_BRPORT_PROTECT", TRUTH, False),
    Option("port.fast-leave", 7, "IFLA_BRPORT_FAST_LEAVE", TRUTH, False),
    Option("port.learning", 8, "IFLA_BRPORT_LEARNING", TRUTH, True),
    Option("port.unicast-flood", 9, "IFLA_BRPORT_UNICAST_FLOOD", TRUTH, True),
    Option("port.proxy-arp", 10, "IFLA_BRPORT_PROXYARP", TRUTH, False),
    Option("port.proxy-arp-wifi", 12, "IFLA_BRPORT_PROXYARP_WIFI", TRUTH, False),
    Option("port.multicast-router", 25, "IFLA_BRPORT_MULTICAST_ROUTER", ROUTERS, "query"),
    Option("port.multicast-flood", 27, "IFLA_BRPORT_MCAST_FLOOD", TRUTH, True),
    Option("port.multicast-to-unicast", 28, "IFLA_BRPORT_MCAST_TO_UCAST", TRUTH, False),
    Option("port.vlan-tunnel", 29, "IFLA_BRPORT_VLAN_TUNNEL", TRUTH, False),
    Option("port.broadcast-flood", 30, "IFLA_BRPORT_BCAST_FLOOD", TRUTH, True),
    Option("port.group-forward-mask", 31, "IFLA_BRPORT_GROUP_FWD_MASK", INT16, 0),
    Option("port.neigh-suppress", 32, "IFLA_BRPORT_NEIGH_SUPPRESS", TRUTH, False),
    Option("port.isolated", 33, "IFLA_BRPORT_ISOLATED", TRUTH, False),
    Option("port.backup-port", 34, "IFLA_BRPORT_BACKUP_PORT", DEVICE),
    Option("port.locked", 39, "IFLA_BRPORT_LOCKED", TRUTH, False),
)

_MODES = (
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
)
_VALIDATE = ("none", "active", "backup", "all", "filter", "filter-active", "filter-backup")
_HASHES = ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac")
# in the order of bond_changelink, drivers/net/bonding/bond_netlink.c; what may change is in
# bond_opts, bond_options.c: BOND_OPTFLAG_IFDOWN is "down", with BOND_OPTFLAG_NOSLAVES "empty"
BOND = (
    Option("bond.mode", 1, "IFLA_BOND_MODE", choice(*_MODES), "balance-rr", "empty"),
    Option("bond.mii-monitor-interval", 3, "IFLA_BOND_MIIMON", MILLISECONDS, 0),
    Option("bond.up-delay", 4, "IFLA_BOND_UPDELAY", MILLISECONDS, 0),
    Option("bond.down-delay", 5, "IFLA_BOND_DOWNDELAY", MILLISECONDS, 0),
    Option("bond.peer-notify-delay", 28, "IFLA_BOND_PEER_NOTIF_DELAY", MILLISECONDS, 0),
    Option("bond.use-carrier", 6, "IFLA_BOND_USE_CARRIER", TRUTH, True),
    Option("bond.arp-interval", 7, "IFLA_BOND_ARP_INTERVAL", MILLISECONDS, 0),
    Option("bond.arp-ip-targets", 8, "IFLA_BOND_ARP_IP_TARGET", listed(IP), []),
    Option("bond.arp-ip6-targets", 31, "IFLA_BOND_NS_IP6_TARGET", listed(IP), []),
    Option("bond.arp-validate", 9, "IFLA_BOND_ARP_VALIDATE", choice(*_VALIDATE, codec=U32), "none"),
    Option(
        "bond.arp-all-targets", 10, "IFLA_BOND_ARP_ALL_TARGETS", choice("any", "all", codec=U32), "any"
    ),
    # the kernel shows it only of a member
    Option("bond.primary", 11, "IFLA_BOND_PRIMARY", DEVICE),
    Option(
        "bond.primary-reselect-policy",
        12,
        "IFLA_BOND_PRIMARY_RESELECT",
        choice("always", "better", "failure"),
        "always",
    ),
    Option(
        "bond.fail-over-mac-policy",
        13,
        "IFLA_BOND_FAIL_OVER_MAC",
        choice("none", "active", "follow"),
        "none",
        "empty",
    ),
    Option("bond.transmit-hash-policy", 14, "IFLA_BOND_XMIT_HASH_POLICY", choice(*_HASHES), "layer2"),
    Option("bond.resend-igmp", 15, "IFLA_BOND_RESEND_IGMP", INT32, 1),
    Option("bond.gratuitous-arp", 16, "IFLA_BOND_NUM_PEER_NOTIF", INT8, 1),
    Option("bond.all-members-active", 17, "IFLA_BOND_ALL_SLAVES_ACTIVE", TRUTH, False),
    Option("bond.min-links", 18, "IFLA_BOND_MIN_LINKS", INT32, 0),
    Option("bond.learn-packet-interval", 19, "IFLA_BOND_LP_INTERVAL", SECONDS, 1),
    Option("bond.packets-per-member", 20, "IFLA_BOND_PACKETS_PER_SLAVE", INT32, 1),
    Option("bond.lacp-active", 29, "IFLA_BOND_AD_LACP_ACTIVE", TRUTH, True, "down"),
    Option("bond.lacp-rate", 21, "IFLA_BOND_AD_LACP_RATE", choice("slow", "fast"), "slow", "down"),
    Option(
        "bond.ad-select",
        22,
        "IFLA_BOND_AD_SELECT",
        choice("stable", "bandwidth", "count"),
        "stable",
        "down",
    ),
    Option("bond.ad-actor-system-priority", 24, "IFLA_BOND_AD_ACTOR_SYS_PRIO", INT16, 65535),
    Option("bond.ad-user-port-key", 25, "IFLA_BOND_AD_USER_PORT_KEY", INT16, 0, "down"),
    Option(
        "bond.ad-actor-system", 26, "IFLA_BOND_AD_ACTOR_SYSTEM", ADDRESS, "00:00:00:00:00:00"
    ),
    Option(
        "bond.dynamic-transmit-load-balancing", 27, "IFLA_BOND_TLB_DYNAMIC_LB", TRUTH, True, "down"
    ),
    Option("bond.arp-missed-max", 30, "IFLA_BOND_MISSED_MAX", INT8, 2),
)  # fmt: skip

# VLAN_FLAG_…, linux/if_vlan.h
VLAN_FLAGS = {
    "vlan-flags.reorder-headers": 1,
    "vlan-flags.gvrp": 2,
    "vlan-flags.loose-binding": 4,
    "vlan-flags.mvrp": 8,
    "vlan-flags.bridge-binding": 16,
}
_FLAGS = struct.Struct("=II")  # struct ifla_vlan_flags: flags, mask
_MAPPING = struct.Struct("=II")  # struct ifla_vlan_qos_mapping: from, to


def _unpack_vlan_flags(data: bytes) -> Decoded:
    flags = U32.unpack(data)
    return {name: bool(flags & bit) for name, bit in VLAN_FLAGS.items()}


def _vlan_flags(said: Attributes, old: Attributes, index: Index) -> Iterator[bytes]:
    bits = [(bit, bool(said[name])) for name, bit in VLAN_FLAGS.items() if name in said]
    if bits:
        mask = sum(bit for bit, _ in bits)
        flags = sum(bit for bit, value in bits if value)
        yield attribute(2, _FLAGS.pack(flags, mask))


def _pack_mappings(pairs: Any) -> bytes:
    return b"".join(attribute(1, _MAPPING.pack(int(key), to)) for key, to in pairs.items())


def _unpack_mappings(data: bytes) -> Any:
    pairs = sorted(_MAPPING.unpack_from(payload) for _, payload in attributes(data))
    return {str(key): to for key, to in pairs if to}


def _convert_mappings(mappings: Any) -> Value:
    pairs = sorted((mapping.from_, mapping.to) for mapping in mappings)
    return {str(key): to for key, to in pairs if to}


def _over_mappings(old: Value, new: Value) -> Value:
    """Take mappings away by mapping to 0, which is what is not mapped (vlan_fill_info)."""
    said: dict[str, Value] = dict.fromkeys(old, 0) if isinstance(old, dict) else {}
    return said | new if isinstance(new, dict) else said


_MAPPINGS = Type(Codec(_pack_mappings, _unpack_mappings, show_value), _convert_mappings)
# vlan_changelink, net/8021q/vlan_netlink.c: flags and maps only
VLAN = (
    Option("vlan.id", 1, "IFLA_VLAN_ID", INT16, None, "recreate"),
    Option("", 2, "IFLA_VLAN_FLAGS", Type(Codec(lambda value: b"", _unpack_vlan_flags))),
    Option("vlan.egress-qos-map", 3, "IFLA_VLAN_EGRESS_QOS", _MAPPINGS, {}, over=_over_mappings),
    Option("vlan.ingress-qos-map", 4, "IFLA_VLAN_INGRESS_QOS", _MAPPINGS, {}, over=_over_mappings),
    Option(
        "vlan.protocol", 5, "IFLA_VLAN_PROTOCOL", numbered(_PROTOCOLS, BE16), "802.1q", "recreate"
    ),
)


def _vlan(found: Decoded) -> None:
    # the kernel leaves out what is empty (vlan_fill_info)
    for name in VLAN_FLAGS:
        found.setdefault(name, False)
    found.setdefault("vlan.egress-qos-map", {})
    found.setdefault("vlan.ingress-qos-map", {})


def _fragments() -> Type:
    numbers: dict[Any, int] = {False: 0, True: 1, "inherit": 2}
    names: tuple[Any, ...] = (False, True, "inherit")
    return Type(
        Codec(
            lambda value: U8.pack(numbers[value]),
            lambda data: names[data[0]] if data[0] < len(names) else None,
            show_value,
        )
    )


def _tos() -> Type:
    """Hold a type of service; 1 stands for that of the packet inside (vxlan_xmit_one)."""
    return Type(
        Codec(
            lambda value: U8.pack(1 if value == "inherit" else value),
            lambda data: "inherit" if data[0] == 1 else data[0],
        )
    )


def is_multicast(text: Value) -> bool:
    """Tell a group's address from one host's."""
    if not isinstance(text, str):
        return False
    return text.startswith("ff") if ":" in text else 224 <= int(text.split(".")[0]) < 240


def _vxlan(found: Decoded) -> None:
    if is_multicast(found.get("vxlan.remote")):
        found["vxlan.group"] = found.pop("vxlan.remote")
    found.setdefault("vxlan.group-policy", False)


# vxlan_nl2conf, drivers/net/vxlan/vxlan_core.c
VXLAN = (
    Option("vxlan.id", 1, "IFLA_VXLAN_ID", INT32, None, "recreate"),
    Option("vxlan.remote", 2, "IFLA_VXLAN_GROUP", IPV4),
    Option("vxlan.remote", 16, "IFLA_VXLAN_GROUP6", IPV6),
    # a device that is up stays in the group that it had
    Option("vxlan.group", 2, "IFLA_VXLAN_GROUP", IPV4, None, "down"),
    Option("vxlan.group", 16, "IFLA_VXLAN_GROUP6", IPV6, None, "down"),
    Option("link", 3, "IFLA_VXLAN_LINK", DEVICE, None, "down"),
    Option("vxlan.local", 4, "IFLA_VXLAN_LOCAL", IPV4),
    Option("vxlan.local", 17, "IFLA_VXLAN_LOCAL6", IPV6),
    Option("vxlan.ttl", 5, "IFLA_VXLAN_TTL", NUMBER8, 0),
    Option("vxlan.ttl", 28, "IFLA_VXLAN_TTL_INHERIT", inherited(b"")),
    Option("vxlan.tos", 6, "IFLA_VXLAN_TOS", _tos(), 0),
    Option("vxlan.mac-learning", 7, "IFLA_VXLAN_LEARNING", TRUTH, True),
    Option("vxlan.ageing", 8, "IFLA_VXLAN_AGEING", SECONDS, 300),
    Option("vxlan.limit", 9, "IFLA_VXLAN_LIMIT", INT32, 0, "recreate"),
    Option("vxlan.port-range", 10, "IFLA_VXLAN_PORT_RANGE", PORTS, None, "recreate"),
    Option("vxlan.arp-proxy", 11, "IFLA_VXLAN_PROXY", TRUTH, False, "recreate"),
    Option("vxlan.short-circuit", 12, "IFLA_VXLAN_RSC", TRUTH, False, "recreate"),
    Option("vxlan.l2-miss-notification", 13, "IFLA_VXLAN_L2MISS", TRUTH, False, "recreate"),
    Option("vxlan.l3-miss-notification", 14, "IFLA_VXLAN_L3MISS", TRUTH, False, "recreate"),
    Option("vxlan.port", 15, "IFLA_VXLAN_PORT", PORT, 8472, "recreate"),
    Option("vxlan.udp-checksum", 18, "IFLA_VXLAN_UDP_CSUM", TRUTH, True, "recreate"),
    Option(
        "vxlan.udp6-zero-checksum-transmit",
        19,
        "IFLA_VXLAN_UDP_ZERO_CSUM6_TX",
        TRUTH,
        False,
        "recreate",
    ),
    Option(
        "vxlan.udp6-zero-checksum-receive",
        20,
        "IFLA_VXLAN_UDP_ZERO_CSUM6_RX",
        TRUTH,
        False,
        "recreate",
    ),
    Option("vxlan.remote-checksum-transmit", 21, "IFLA_VXLAN_REMCSUM_TX", TRUTH, False, "recreate"),
    Option("vxlan.remote-checksum-receive", 22, "IFLA_VXLAN_REMCSUM_RX", ON, False, "recreate"),
    Option("vxlan.group-policy", 23, "IFLA_VXLAN_GBP", Type(FLAG, holds=bool), False, "recreate"),
    Option("vxlan.flow-label", 26, "IFLA_VXLAN_LABEL", Type(BE32), 0),
    Option("vxlan.do-not-fragment", 29, "IFLA_VXLAN_DF", _fragments(), False),
)

# geneve_nl2info, drivers/net/geneve.c
GENEVE = (
    Option("geneve.id", 1, "IFLA_GENEVE_ID", INT32, None, "recreate"),
    Option("geneve.remote", 2, "IFLA_GENEVE_REMOTE", IPV4),
    Option("geneve.remote", 7, "IFLA_GENEVE_REMOTE6", IPV6),
    Option("geneve.ttl", 3, "IFLA_GENEVE_TTL", NUMBER8, 0),
    Option("geneve.ttl", 12, "IFLA_GENEVE_TTL_INHERIT", inherited()),
    Option("geneve.tos", 4, "IFLA_GENEVE_TOS", INT8, 0),
    Option("geneve.port", 5, "IFLA_GENEVE_PORT", PORT, 6081, "recreate"),
    Option("geneve.udp-checksum", 8, "IFLA_GENEVE_UDP_CSUM", TRUTH, None, "recreate"),
    Option(
        "geneve.udp6-zero-checksum-transmit",
        9,
        "IFLA_GENEVE_UDP_ZERO_CSUM6_TX",
        TRUTH,
        None,
        "recreate",
    ),
    Option(
        "geneve.udp6-zero-checksum-receive",
        10,
        "IFLA_GENEVE_UDP_ZERO_CSUM6_RX",
        TRUTH,
        None,
        "recreate",
    ),
    Option("geneve.flow-label", 11, "IFLA_GENEVE_LABEL", Type(BE32), 0),
    Option("geneve.do-not-fragment", 13, "IFLA_GENEVE_DF", _fragments(), False),
    Option(
        "geneve.inherit-inner-protocol",
        14,
        "IFLA_GENEVE_INNER_PROTO_INHERIT",
        Type(FLAG, holds=bool),
        False,
        "recreate",
    ),
)


def _geneve(found: Decoded) -> None:
    found.setdefault("geneve.inherit-inner-protocol", False)


_MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}
_MACADDR_MODE, _MACADDR, _MACADDR_DATA = 3, 4, 5
_FLUSH, _SET = 2, 3  # MACVLAN_MACADDR_FLUSH, MACVLAN_MACADDR_SET


def _macvlan_options(prefix: str) -> tuple[Option, ...]:
    """List the options of macvlan_changelink, drivers/net/macvlan.c."""
    modes = numbered(_MACVLAN_MODES, U32)
    sources = listed(MAC, first=_MACADDR)
    return (
        Option(f"{prefix}.mode", 1, "IFLA_MACVLAN_MODE", modes, "vepa"),
        Option(
            f"{prefix}.source-macaddresses",
            _MACADDR_DATA,
            "IFLA_MACVLAN_MACADDR_DATA",
            Type(
                Codec(
                    lambda value: b"", lambda data: sorted(sources.codec.unpack(data)), show_value
                ),
                lambda macs: sorted(macs),
                lambda value: False,  # said by `_macvlan_sources`
            ),
            [],
        ),
    )


def _macvlan_sources(prefix: str) -> Callable[[Attributes, Attributes, Index], Iterator[bytes]]:
    name = f"{prefix}.source-macaddresses"

    def extra(said: Attributes, old: Attributes, index: Index) -> Iterator[bytes]:
        macs = said.get(name)
        if isinstance(macs, list) and (macs or old.get(name)):
            yield attribute(_MACADDR_MODE, U32.pack(_SET if macs else _FLUSH))
            if macs:
                data = [attribute(_MACADDR, MAC.pack(mac)) for mac in macs]
                yield nest(_MACADDR_DATA, *data)

    return extra


def _macvlan_tidy(prefix: str) -> Callable[[Decoded], None]:
    def tidy(found: Decoded) -> None:
        found.setdefault(f"{prefix}.source-macaddresses", [])

    return tidy


def _bits(*names: str) -> Type:
    return choice(*names, codec=U16)


# ipvlan_nl_changelink, drivers/net/ipvlan/ipvlan_main.c; both are the link's, for all on it
IPVLAN = (
    Option("ipvlan.mode", 1, "IFLA_IPVLAN_MODE", _bits("l2", "l3", "l3s"), "l3"),
    Option("ipvlan.flag", 2, "IFLA_IPVLAN_FLAGS", _bits("bridge", "private", "vepa"), "bridge"),
)

# the options of a device that a program made by an ioctl; the names are those of both types
TUN = (
    Option("user", 1, "IFLA_TUN_OWNER", INT32, None, "recreate"),
    Option("group-of-users", 2, "IFLA_TUN_GROUP", INT32, None, "recreate"),
    Option("type", 3, "IFLA_TUN_TYPE", numbered({"tun": 1, "tap": 2}, U8)),
    Option("packet-info", 4, "IFLA_TUN_PI", TRUTH, False, "recreate"),
    Option("vnet-header", 5, "IFLA_TUN_VNET_HDR", TRUTH, False, "recreate"),
    Option("multi-queue", 7, "IFLA_TUN_MULTI_QUEUE", TRUTH, False, "recreate"),
)


def tidy_tun(found: Decoded) -> None:
    """Give the options of both types the names of the one it is."""
    prefix = found.pop("type", "tun")
    found["kind"] = prefix
    for name in ("user", "packet-info", "vnet-header", "multi-queue"):
        if name in found:
            found[f"{prefix}.{name}"] = found.pop(name)
    if "group-of-users" in found:
        found[f"{prefix}.group"] = found.pop("group-of-users")


def _tun_options(prefix: str) -> tuple[Option, ...]:
    names = {"group-of-users": "group"}
    return tuple(
        Option(
            f"{prefix}.{names.get(item.name, item.name)}",
            item.number,
            item.word,
            item.type,
            item.default,
            "recreate",
        )
        for item in TUN
        if item.name != "type"
    )


# ipoib_changelink, drivers/infiniband/ulp/ipoib/ipoib_netlink.c
_FULL_MEMBER = 0x8000
INFINIBAND = (
    Option(
        "infiniband.partition-key",
        1,
        "IFLA_IPOIB_PKEY",
        Type(U16, lambda key: key | _FULL_MEMBER),  # the kernel sets it itself
        None,
        "recreate",
    ),
    Option(
        "infiniband.mode", 2, "IFLA_IPOIB_MODE", _bits("datagram", "connected"), "datagram", "down"
    ),
    Option("infiniband.ignore-userspace-multicast-groups", 3, "IFLA_IPOIB_UMCAST", TRUTH16, False),
)

_ETHERNET = 1500  # ETH_DATA_LEN
_NO_FLAGS = (False, False)

# without tunnels, which are in tunnels.py
KINDS = (
    Kind(
        type="bridge",
        word="bridge",
        options=BRIDGE,
        tidy=_bridge,
        only_different=True,
        mtu=_ETHERNET,
    ),
    Kind(type="bond", word="bond", options=BOND, only_different=True, mtu=_ETHERNET),
    Kind(
        type="vlan",
        word="vlan",
        options=VLAN,
        extra=_vlan_flags,
        tidy=_vlan,
    ),
    Kind(type="veth", word="veth", mtu=_ETHERNET),
    Kind(type="dummy", word="dummy", mtu=_ETHERNET, flags=_NO_FLAGS),
    # nobody can change its MAC address: ifb_netdev_ops has no ndo_set_mac_address
    Kind(type="ifb", word="ifb", mtu=_ETHERNET, flags=_NO_FLAGS, mac="recreate"),
    Kind(
        type="vrf",
        word="vrf",
        options=(Option("vrf.table", 1, "IFLA_VRF_TABLE", INT32, None, "recreate"),),
        flags=_NO_FLAGS,
    ),
    Kind(type="vxlan", word="vxlan", options=VXLAN, tidy=_vxlan),
    Kind(type="geneve", word="geneve", options=GENEVE, tidy=_geneve),
    Kind(
        type="macvlan",
        word="macvlan",
        options=(
            *_macvlan_options("macvlan"),
            Option("macvlan.broadcast-queue-length", 7, "IFLA_MACVLAN_BC_QUEUE_LEN", INT32, 1000),
        ),
        extra=_macvlan_sources("macvlan"),
        tidy=_macvlan_tidy("macvlan"),
    ),
    Kind(
        type="macvtap",
        word="macvtap",
        options=_macvlan_options("macvtap"),
        extra=_macvlan_sources("macvtap"),
        tidy=_macvlan_tidy("macvtap"),
    ),
    Kind(type="ipvlan", word="ipvlan", options=IPVLAN, mac=None),
    Kind(type="tun", word="tun", options=_tun_options("tun"), mtu=_ETHERNET, flags=(False, True), mac=None),
    Kind(type="tap", word="tun", options=_tun_options("tap"), mtu=_ETHERNET),
    Kind(type="wireguard", word="wireguard", mtu=1420, flags=_NO_FLAGS, mac=None),
    Kind(type="infiniband", word="ipoib", options=INFINIBAND, mac=None),
)  # fmt: skip
TUN_TABLE = decode_table(TUN)
