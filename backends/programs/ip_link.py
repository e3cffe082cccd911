"""What ip-link(8) calls the options of each kind of device."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vnetc.backends.options import Group, Groups, Option, elsewhere, option, said
from vnetc.backends.spelling import commas, endpoint
from vnetc.backends.support import Limit, limit, whole_seconds
from vnetc.model.kinds import (
    Bond,
    Bridge,
    Geneve,
    Infiniband,
    Ipvlan,
    Macvlan,
    Macvtap,
    QosMapping,
    Tap,
    Tun,
    Tunnel,
    Vlan,
    VlanFlags,
    Vrf,
    Vxlan,
    Wireguard,
    WireguardPeer,
)
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def switch(value: bool) -> str:
    """Spell a boolean as ip(8) does."""
    return "on" if value else "off"


def _bit(value: bool) -> str:
    return str(int(value))


def _centiseconds(milliseconds: int) -> str:
    return str(milliseconds // 10)  # the kernel's USER_HZ


def _milliseconds(milliseconds: int) -> str:
    return str(milliseconds)


def _seconds(milliseconds: int) -> str:
    return str(milliseconds // 1000)


def _df(value: bool | str) -> str:
    return "inherit" if value == "inherit" else "set" if value else "unset"


def _hexadecimal(value: int | str) -> str:
    """Spell what ip(8) reads as a hexadecimal number: a type of service, a tunnel's flow label."""
    return value if isinstance(value, str) else f"{value:#x}"


def _underscores(value: str) -> str:
    return value.replace("-", "_")


def _qos(mappings: tuple[QosMapping, ...]) -> str:
    return " ".join(f"{mapping.from_}:{mapping.to}" for mapping in mappings)


def say(
    field: str,
    word: str,
    spell: Callable[[Any], str] = str,
    *limits: Limit,
    silence: Any = None,
) -> Option:
    """Say a field by a word with its value behind; `silence` is what the kernel gives a new device."""
    return Option(
        field, word, lambda value: f"{word} {spell(value)}", limits=limits, silence=silence
    )


def flag(field: str, word: str) -> Option:
    """Say a boolean by a word alone, and its opposite by the same word with `no` before it."""
    return option(field, word, lambda value: word if value else f"no{word}")


def only(field: str, word: str) -> Option:
    """Say that a boolean is true by a word alone; that it is false is ip-link(8)'s default."""
    return option(field, word, lambda value: word if value else None)


def alone(field: str, words: str) -> Option:
    """Say a choice by its value alone."""
    return option(field, words, str)


# MDB_RTR_TYPE_…, linux/if_bridge.h; a bridge itself has no temporary one
ROUTERS = {"disabled": "0", "query": "1", "permanent": "2", "temporary": "3"}


def finer_than_10ms(field: str) -> Limit:
    """Refuse a time that the kernel cannot keep."""
    return limit(
        "the kernel counts hundredths of a second",
        lambda context: getattr(context.node, field) % 10 != 0,
    )


def _time(field: str, word: str, silence: int | None = None) -> Option:
    return say(field, word, _centiseconds, finer_than_10ms(field), silence=silence)


_TUN = (
    say("user", "user"),
    say("group", "group"),
    only("multi_queue", "multi_queue"),
    only("packet_info", "pi"),
    only("vnet_header", "vnet_hdr"),
)

_MADE_BY_IFUPDOWN = limit(
    "ifupdown makes a VLAN of a name with a dot itself, and the kernel heeds it only when it is made",
    lambda context: context.interface is not None and "." in context.interface.name,
)

IP_LINK: Groups = {
    Bridge: Group(
        "bridge",
        (
            elsewhere("ports", "bridge-ports"),
            say("stp", "stp_state", _bit),
            _time("forward_delay", "forward_delay", 15_000),
            _time("hello_time", "hello_time", 2_000),
            _time("max_age", "max_age", 20_000),
            _time("ageing_time", "ageing_time", 300_000),
            say("priority", "priority", silence=32768),
            say("group_forward_mask", "group_fwd_mask", silence=0),
            say("group_address", "group_address"),
            only("vlan_filtering", "vlan_filtering 1"),
            say("vlan_protocol", "vlan_protocol", silence="802.1q"),
            say("default_pvid", "vlan_default_pvid", silence=1),
            say("vlan_stats", "vlan_stats_enabled", _bit, silence=False),
            elsewhere(
                "vlan_stats_per_port",
                "pre-up ip link add type bridge vlan_stats_per_port",
                silence=False,
            ),
            elsewhere("vlans", "up bridge vlan add self"),
            elsewhere("pvid", "up bridge vlan add self pvid"),
            elsewhere("untagged", "up bridge vlan add self untagged"),
            say("multicast_snooping", "mcast_snooping", _bit, silence=True),
            say("multicast_querier", "mcast_querier", _bit, silence=False),
            say("multicast_router", "mcast_router", ROUTERS.__getitem__, silence="query"),
            say("multicast_igmp_version", "mcast_igmp_version", silence=2),
            say("multicast_mld_version", "mcast_mld_version", silence=1),
            say("multicast_hash_max", "mcast_hash_max", silence=4096),
            say("multicast_query_use_ifaddr", "mcast_query_use_ifaddr", _bit, silence=False),
            say("multicast_last_member_count", "mcast_last_member_count", silence=2),
            _time("multicast_last_member_interval", "mcast_last_member_interval", 1_000),
            say("multicast_startup_query_count", "mcast_startup_query_count", silence=2),
            _time("multicast_startup_query_interval", "mcast_startup_query_interval"),
            _time("multicast_query_interval", "mcast_query_interval", 125_000),
            _time("multicast_query_response_interval", "mcast_query_response_interval", 10_000),
            _time("multicast_querier_interval", "mcast_querier_interval", 255_000),
            _time("multicast_membership_interval", "mcast_membership_interval", 260_000),
        ),
    ),
    Bond: Group(
        "bond",
        (
            elsewhere("members", "pre-up ip link set master"),
            say("mode", "mode"),
            say("primary", "primary"),
            say("primary_reselect_policy", "primary_reselect", silence="always"),
            say("fail_over_mac_policy", "fail_over_mac", silence="none"),
            say("mii_monitor_interval", "miimon", _milliseconds),
            say("up_delay", "updelay", _milliseconds, silence=0),
            say("down_delay", "downdelay", _milliseconds, silence=0),
            say("use_carrier", "use_carrier", _bit, silence=True),
            say("peer_notify_delay", "peer_notify_delay", _milliseconds, silence=0),
            say("arp_interval", "arp_interval", _milliseconds),
            say("arp_ip_targets", "arp_ip_target", commas),
            say("arp_validate", "arp_validate", _underscores, silence="none"),
            say("arp_all_targets", "arp_all_targets", silence="any"),
            say("arp_missed_max", "arp_missed_max", silence=2),
            say("transmit_hash_policy", "xmit_hash_policy", silence="layer2"),
            say("lacp_rate", "lacp_rate", silence="slow"),
            say("lacp_active", "lacp_active", switch, silence=True),
            say("min_links", "min_links", silence=0),
            say("ad_select", "ad_select", silence="stable"),
            say("ad_actor_system", "ad_actor_system"),
            say("ad_actor_system_priority", "ad_actor_sys_prio", silence=65535),
            say("ad_user_port_key", "ad_user_port_key", silence=0),
            say("all_members_active", "all_slaves_active", _bit, silence=False),
            say("gratuitous_arp", "num_grat_arp", silence=1),
            say("resend_igmp", "resend_igmp", silence=1),
            say("packets_per_member", "packets_per_slave", silence=1),
            say(
                "learn_packet_interval",
                "lp_interval",
                _seconds,
                whole_seconds("learn_packet_interval"),
                silence=1_000,
            ),
            say("dynamic_transmit_load_balancing", "tlb_dynamic_lb", _bit, silence=True),
        ),
    ),
    Vlan: Group(
        "vlan",
        (
            say("protocol", "proto"),
            say("id", "id"),
            elsewhere("link", "pre-up ip link add link"),
            elsewhere("flags", "pre-up ip link add type vlan"),
            say("ingress_qos_map", "ingress-qos-map", _qos),
            say("egress_qos_map", "egress-qos-map", _qos),
        ),
    ),
    VlanFlags: Group(
        "vlan",
        (
            say("reorder_headers", "reorder_hdr", switch, silence=True),
            say("gvrp", "gvrp", switch, silence=False),
            say("mvrp", "mvrp", switch, silence=False),
            say("loose_binding", "loose_binding", switch, silence=False),
            say("bridge_binding", "bridge_binding", switch, _MADE_BY_IFUPDOWN, silence=False),
        ),
    ),
    QosMapping: Group(
        "vlan",
        (
            elsewhere("from_", "pre-up ip link add type vlan ingress-qos-map, egress-qos-map"),
            elsewhere("to", "pre-up ip link add type vlan ingress-qos-map, egress-qos-map"),
        ),
    ),
    Vxlan: Group(
        "vxlan",
        (
            say("id", "id"),
            say("link", "dev"),
            say("local", "local"),
            say("remote", "remote"),
            say("group", "group"),
            elsewhere("remotes", "up bridge fdb append"),
            say("port", "dstport"),
            say("port_range", "srcport", lambda ports: f"{ports[0]} {ports[1]}"),
            say("ttl", "ttl"),
            say("tos", "tos", _hexadecimal),
            say("flow_label", "flowlabel"),
            say("do_not_fragment", "df", _df),
            flag("mac_learning", "learning"),
            say("ageing", "ageing", _seconds, whole_seconds("ageing")),
            say("limit", "maxaddress"),
            flag("arp_proxy", "proxy"),
            flag("short_circuit", "rsc"),
            flag("l2_miss_notification", "l2miss"),
            flag("l3_miss_notification", "l3miss"),
            flag("udp_checksum", "udpcsum"),
            flag("udp6_zero_checksum_transmit", "udp6zerocsumtx"),
            flag("udp6_zero_checksum_receive", "udp6zerocsumrx"),
            flag("remote_checksum_transmit", "remcsumtx"),
            flag("remote_checksum_receive", "remcsumrx"),
            only("group_policy", "gbp"),
        ),
    ),
    Geneve: Group(
        "geneve",
        (
            say("id", "id"),
            say("remote", "remote"),
            say("port", "dstport"),
            say("ttl", "ttl"),
            say("tos", "tos", _hexadecimal),
            say("flow_label", "flowlabel"),
            say("do_not_fragment", "df", _df),
            flag("udp_checksum", "udpcsum"),
            flag("udp6_zero_checksum_transmit", "udp6zerocsumtx"),
            flag("udp6_zero_checksum_receive", "udp6zerocsumrx"),
            only("inherit_inner_protocol", "innerprotoinherit"),
        ),
    ),
    Vrf: Group("vrf", (say("table", "table"),)),
    Macvlan: Group(
        "macvlan",
        (
            elsewhere("link", "pre-up ip link add link"),
            say("mode", "mode"),
            say("broadcast_queue_length", "bcqueuelen"),
            say("source_macaddresses", "macaddr set", " ".join),
        ),
    ),
    Macvtap: Group(
        "macvtap",
        (
            elsewhere("link", "pre-up ip link add link"),
            say("mode", "mode"),
            say("source_macaddresses", "macaddr set", " ".join),
        ),
    ),
    Ipvlan: Group(
        "ipvlan",
        (
            elsewhere("link", "pre-up ip link add link"),
            say("mode", "mode"),
            alone("flag", "bridge, private, vepa"),
        ),
    ),
    Tun: Group("tun", _TUN),
    Tap: Group("tap", _TUN),
    Wireguard: Group(
        "wg",
        (
            say("port", "listen-port"),
            say("mark", "fwmark"),
            elsewhere("private_key", "pre-up wg set private-key"),
            elsewhere("peers", "pre-up wg set peer"),
        ),
    ),
    WireguardPeer: Group(
        "wg",
        (
            say("public_key", "peer"),
            elsewhere("preshared_key", "pre-up wg set preshared-key"),
            say("endpoint", "endpoint", endpoint),
            say("keepalive", "persistent-keepalive"),
            say("allowed_ips", "allowed-ips", commas),
        ),
    ),
    Tunnel: Group(
        "tunnel",
        (
            elsewhere("mode", "pre-up ip link add type"),
            say("local", "local"),
            say("remote", "remote"),
            say("link", "dev"),
            say("ttl", "ttl"),
            say("tos", "tos", _hexadecimal),
            say("key", "key"),
            say("input_key", "ikey"),
            say("output_key", "okey"),
            flag("path_mtu_discovery", "pmtudisc"),
            flag("ignore_do_not_fragment", "ignore-df"),
            flag("serialize", "seq"),
            say("flow_label", "flowlabel", _hexadecimal),
            only("copy_dscp", "dscp inherit"),
            say("encapsulation_limit", "encaplimit"),
            flag("allow_local_remote", "allow-localremote"),
            say("ipv6_rapid_deployment_prefix", "6rd-prefix"),
            only("isatap", "isatap"),
        ),
    ),
    Infiniband: Group(
        "ipoib",
        (
            elsewhere("link", "pre-up ip link add link"),
            say("partition_key", "pkey", lambda key: f"{key:#06x}"),
            say("mode", "mode"),
            say("ignore_userspace_multicast_groups", "umcast", _bit),
        ),
    ),
}


def describe(place: str, word: str) -> str:
    """Say in a row of the support table how a word is said."""
    match place:
        case "wg":
            return f"pre-up wg set {word}"
        case "tun" | "tap":
            return f"pre-up ip tuntap add mode {place} {word}"
        case "bridge":
            return f"pre-up ip link set type bridge {word}"
        case "tunnel":
            return f"pre-up ip link add type <mode> {word}"
        case _:
            return f"pre-up ip link add type {place} {word}"


def words(node: Record) -> Iterator[str]:
    """Spell the options of a device as ip-link(8) takes them."""
    return (text for _, text in said(node, IP_LINK[type(node)].options))


# ip-link(8): tunnels over IPv6 have other words for the same fields of the header.
_OVER_IPV6 = {"ttl": "hoplimit", "tos": "tclass"}
_IP6GRE = frozenset({"ip6gre", "ip6gretap"})
_IPV6_MODES = frozenset({"ip6gre", "ip6gretap", "ip6ip6", "ipip6"})


# Of these ip-link(8) by itself makes tunnels for packets of any kind.
_TYPES = {
    "ipip": "ipip mode ipip",
    "sit": "sit mode ip6ip",
    "ip6ip6": "ip6tnl mode ip6ip6",
    "ipip6": "ip6tnl mode ipip6",
}


def tunnel_type(tunnel: Tunnel) -> str:
    """Give the type of ip-link(8) with the words of a tunnel."""
    phrases = [*words(tunnel)]
    if tunnel.mode in _IP6GRE and tunnel.encapsulation_limit is None:
        phrases.append("encaplimit 0")  # the kernel's own value, of which ip-link(8) makes 4
    if tunnel.mode in _IPV6_MODES:
        phrases = [_over_ipv6(phrase) for phrase in phrases]
    kind = _TYPES.get(tunnel.mode, tunnel.mode)
    return " ".join((kind, *phrases))


def _over_ipv6(phrase: str) -> str:
    word, _, value = phrase.partition(" ")
    return f"{_OVER_IPV6.get(word, word)} {value}".rstrip()
