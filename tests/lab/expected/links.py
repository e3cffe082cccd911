"""What the kernel must say of bridges, bonds, VLANs and whatever else is no tunnel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vnetc.model.kinds import (
    Bond,
    Bridge,
    Ipvlan,
    Macvlan,
    Macvtap,
    QosMapping,
    Tap,
    Tun,
    Vlan,
    VlanFlags,
    Vrf,
)
from vnetc.model.record import Record

from .facts import Fact, centiseconds, nothing, shown

# As `ip -N` prints them.
_ETHERTYPES = {"802.1q": f"[{0x8100}]", "802.1ad": f"[{0x88A8}]"}
_ROUTERS = {"disabled": 0, "query": 1, "permanent": 2}  # MDB_RTR_TYPE_…, linux/if_bridge.h


def _flag(word: str) -> Fact:
    return shown(word, int)


def _time(word: str) -> Fact:
    return shown(word, centiseconds)


def _underscores(value: str) -> str | None:
    return None if value == "none" else value.replace("-", "_")  # JSON: null


def _qos(word: str) -> Fact:
    def pairs(mappings: tuple[QosMapping, ...]) -> str:
        return " ".join(f"{m.from_}:{m.to}" for m in sorted(mappings, key=lambda m: m.from_))

    return shown(word, pairs)


def _switch(value: bool) -> str:
    return "on" if value else "off"


def _sorted(values: Any) -> str:
    return " ".join(sorted(values))


_TUN: Mapping[str, Fact] = {
    "user": shown("user"),
    "group": shown("group"),
    "multi_queue": shown("multi_queue"),
    "packet_info": shown("pi"),
    "vnet_header": shown("vnet_hdr"),
}

LINKS: Mapping[type[Record], Mapping[str, Fact]] = {
    Bridge: {
        "stp": _flag("stp_state"),
        "forward_delay": _time("forward_delay"),
        "hello_time": _time("hello_time"),
        "max_age": _time("max_age"),
        "ageing_time": _time("ageing_time"),
        "priority": shown("priority"),
        "group_forward_mask": shown("group_fwd_mask", hex),
        "group_address": shown("group_addr"),
        "vlan_filtering": _flag("vlan_filtering"),
        "vlan_protocol": shown("vlan_protocol", _ETHERTYPES.__getitem__),
        "default_pvid": shown("vlan_default_pvid"),
        "vlan_stats": _flag("vlan_stats_enabled"),
        "vlan_stats_per_port": _flag("vlan_stats_per_port"),
        "multicast_snooping": _flag("mcast_snooping"),
        "multicast_querier": _flag("mcast_querier"),
        "multicast_router": shown("mcast_router", _ROUTERS.__getitem__),
        "multicast_igmp_version": shown("mcast_igmp_version"),
        "multicast_mld_version": shown("mcast_mld_version"),
        "multicast_hash_max": shown("mcast_hash_max"),
        "multicast_query_use_ifaddr": _flag("mcast_query_use_ifaddr"),
        "multicast_last_member_count": shown("mcast_last_member_cnt"),
        "multicast_last_member_interval": _time("mcast_last_member_intvl"),
        "multicast_startup_query_count": shown("mcast_startup_query_cnt"),
        "multicast_startup_query_interval": _time("mcast_startup_query_intvl"),
        "multicast_query_interval": _time("mcast_query_intvl"),
        "multicast_query_response_interval": _time("mcast_query_response_intvl"),
        "multicast_querier_interval": _time("mcast_querier_intvl"),
        "multicast_membership_interval": _time("mcast_membership_intvl"),
    },
    Bond: {
        "members": nothing,  # each has the bond for its master
        "mode": shown("mode"),
        "primary": shown("primary"),
        "primary_reselect_policy": shown("primary_reselect"),
        "fail_over_mac_policy": shown("fail_over_mac"),
        "mii_monitor_interval": shown("miimon"),
        "up_delay": shown("updelay"),
        "down_delay": shown("downdelay"),
        "use_carrier": _flag("use_carrier"),
        "peer_notify_delay": shown("peer_notify_delay"),
        "arp_interval": shown("arp_interval"),
        "arp_ip_targets": shown("arp_ip_target", lambda targets: " ".join(map(str, targets))),
        "arp_validate": shown("arp_validate", _underscores),
        "arp_all_targets": shown("arp_all_targets"),
        "arp_missed_max": shown("arp_missed_max"),
        "transmit_hash_policy": shown("xmit_hash_policy"),
        "lacp_rate": shown("ad_lacp_rate"),
        "lacp_active": shown("ad_lacp_active", _switch),
        "min_links": shown("min_links"),
        "ad_select": shown("ad_select"),
        "ad_actor_system": shown("ad_actor_system"),
        "ad_actor_system_priority": shown("ad_actor_sys_prio"),
        "ad_user_port_key": shown("ad_user_port_key"),
        "all_members_active": _flag("all_slaves_active"),
        "gratuitous_arp": shown("num_peer_notif"),
        "resend_igmp": shown("resend_igmp"),
        "packets_per_member": shown("packets_per_slave"),
        "learn_packet_interval": shown("lp_interval", lambda milliseconds: milliseconds // 1000),
        "dynamic_transmit_load_balancing": _flag("tlb_dynamic_lb"),
    },
    Vlan: {
        "id": shown("id"),
        "protocol": shown("protocol", _ETHERTYPES.__getitem__),
        "ingress_qos_map": _qos("ingress_qos"),
        "egress_qos_map": _qos("egress_qos"),
        "flags": nothing,  # but those of the flags themselves
    },
    VlanFlags: {
        "reorder_headers": shown("flag reorder_hdr"),
        "gvrp": shown("flag gvrp"),
        "mvrp": shown("flag mvrp"),
        "loose_binding": shown("flag loose_binding"),
        "bridge_binding": shown("flag bridge_binding"),
    },
    Vrf: {"table": shown("table")},
    Macvlan: {
        "mode": shown("mode"),
        "source_macaddresses": shown("macaddr_data", _sorted),
        "broadcast_queue_length": shown("bcqueuelen"),
    },
    Macvtap: {
        "mode": shown("mode"),
        "source_macaddresses": shown("macaddr_data", _sorted),
    },
    Ipvlan: {"mode": shown("mode"), "flag": lambda flag: {flag: "true"}},
    Tun: _TUN,
    Tap: _TUN,
}
