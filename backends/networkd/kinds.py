"""What systemd.netdev(5) calls the options of each kind of device."""

from __future__ import annotations

from vnetc.backends.options import Group, Groups, cannot, elsewhere, only_true, option, spell
from vnetc.backends.spelling import commas, endpoint, pair
from vnetc.backends.support import Limit, limit, systemd, whole_seconds
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def seconds(milliseconds: int) -> str:
    """Spell a time span of systemd.time(7)."""
    whole, rest = divmod(milliseconds, 1000)
    return f"{milliseconds}ms" if rest else str(whole)


def _upper(value: str) -> str:
    return value.upper()


def inherit_as_zero(value: int | str) -> str:
    """Spell a TTL of a tunnel, where 0 stands for that of the inner packet."""
    return "0" if value == "inherit" else str(value)


def _protocol(value: str) -> str | None:
    return None if value == "802.1q" else value  # the kernel's default; no option before 248


def inherit_as_one(value: int | str) -> str:
    """Spell a type of service, where the kernel takes 1 for that of the inner packet."""
    return "1" if value == "inherit" else str(value)


def _qos(mappings: tuple[QosMapping, ...]) -> str:
    return " ".join(f"{mapping.from_}-{mapping.to}" for mapping in mappings)


def _only_of(*modes: str) -> Limit:
    """Refuse a field of tunnels of other modes (netdev_…_fill_message_create, netdev/tunnel.c)."""
    return limit(
        f"systemd-networkd sets it of the modes {' and '.join(modes)} only",
        lambda context: context.node.mode not in modes,
    )


_NO_OPTION = "systemd.netdev(5) has no option for it"


def zero(field: str) -> Limit:
    """Refuse 0, which systemd-networkd never tells the kernel."""
    return limit(
        "systemd-networkd takes 0 for none said", lambda context: getattr(context.node, field) == 0
    )


_MII_ZERO = limit(
    "systemd-networkd does not say 0, and the kernel takes 100 ms in this mode",
    lambda context: (
        context.node.mii_monitor_interval == 0
        # bond_mode_uses_arp, include/net/bonding.h
        and context.node.mode in ("802.3ad", "balance-tlb", "balance-alb")
    ),
)


_TUN = (
    option("user", "User"),
    option("group", "Group"),
    option("multi_queue", "MultiQueue", only_true),
    option("packet_info", "PacketInfo", only_true),
    option("vnet_header", "VNetHeader", only_true),
)

NETDEV: Groups = {
    Bridge: Group(
        "Bridge",
        (
            elsewhere("ports", "[Network] Bridge="),
            option("stp", "STP", only_true),
            option("forward_delay", "ForwardDelaySec", seconds),
            option("hello_time", "HelloTimeSec", seconds),
            option("max_age", "MaxAgeSec", seconds),
            option("ageing_time", "AgeingTimeSec", seconds),
            option("priority", "Priority", str, zero("priority")),
            option("group_forward_mask", "GroupForwardMask"),
            option("vlan_filtering", "VLANFiltering", only_true),
            option("vlan_protocol", "VLANProtocol"),
            option("default_pvid", "DefaultPVID", lambda vid: str(vid or "none")),
            elsewhere("vlans", "[BridgeVLAN] VLAN="),
            elsewhere("pvid", "[BridgeVLAN] PVID="),
            elsewhere("untagged", "[BridgeVLAN] EgressUntagged="),
            option("multicast_snooping", "MulticastSnooping"),
            option("multicast_querier", "MulticastQuerier"),
            option("multicast_igmp_version", "MulticastIGMPVersion"),
            *cannot(
                _NO_OPTION,
                "group_address",
                "vlan_stats",
                "vlan_stats_per_port",
                "multicast_router",
                "multicast_mld_version",
                "multicast_hash_max",
                "multicast_query_use_ifaddr",
                "multicast_last_member_count",
                "multicast_last_member_interval",
                "multicast_startup_query_count",
                "multicast_startup_query_interval",
                "multicast_query_interval",
                "multicast_query_response_interval",
                "multicast_querier_interval",
                "multicast_membership_interval",
            ),
        ),
    ),
    Bond: Group(
        "Bond",
        (
            elsewhere("members", "[Network] Bond="),
            option("mode", "Mode"),
            elsewhere("primary", "[Network] PrimarySlave="),
            option("primary_reselect_policy", "PrimaryReselectPolicy"),
            option("fail_over_mac_policy", "FailOverMACPolicy"),
            option("mii_monitor_interval", "MIIMonitorSec", seconds, _MII_ZERO),
            option("up_delay", "UpDelaySec", seconds),
            option("down_delay", "DownDelaySec", seconds),
            option("peer_notify_delay", "PeerNotifyDelaySec", seconds, since=systemd(256)),
            option("arp_interval", "ARPIntervalSec", seconds),
            option("arp_ip_targets", "ARPIPTargets"),
            option(
                "arp_validate",
                "ARPValidate",
                str,
                limit(
                    "systemd-networkd knows none, active, backup and all",
                    lambda context: context.node.arp_validate.startswith("filter"),
                ),
            ),
            option("arp_all_targets", "ARPAllTargets"),
            option("arp_missed_max", "ARPMissedMax", since=systemd(256)),
            option("transmit_hash_policy", "TransmitHashPolicy"),
            option("lacp_rate", "LACPTransmitRate"),
            option("min_links", "MinLinks"),
            option("ad_select", "AdSelect"),
            option("ad_actor_system", "AdActorSystem"),
            option("ad_actor_system_priority", "AdActorSystemPriority"),
            option("ad_user_port_key", "AdUserPortKey"),
            option("all_members_active", "AllSlavesActive"),
            option("gratuitous_arp", "GratuitousARP"),
            option("resend_igmp", "ResendIGMP"),
            option("packets_per_member", "PacketsPerSlave"),
            option("dynamic_transmit_load_balancing", "DynamicTransmitLoadBalancing"),
            *cannot(_NO_OPTION, "use_carrier", "lacp_active"),
            *cannot(
                "systemd-networkd says it beside ARPIntervalSec= only, which modes that learn "
                "do not have",
                "learn_packet_interval",
            ),
        ),
    ),
    Vlan: Group(
        "VLAN",
        (
            option("id", "Id"),
            elsewhere("link", "[Network] VLAN="),
            option("protocol", "Protocol", _protocol, since=systemd(248)),
            elsewhere("flags", "[VLAN] ReorderHeader="),
            option("ingress_qos_map", "IngressQOSMaps", _qos, since=systemd(248)),
            option("egress_qos_map", "EgressQOSMaps", _qos, since=systemd(248)),
        ),
    ),
    VlanFlags: Group(
        "VLAN",
        (
            option("reorder_headers", "ReorderHeader"),
            option("gvrp", "GVRP"),
            option("mvrp", "MVRP"),
            option("loose_binding", "LooseBinding"),
            *cannot(_NO_OPTION, "bridge_binding"),
        ),
    ),
    QosMapping: Group(
        "VLAN",
        (
            elsewhere("from_", "[VLAN] IngressQOSMaps=, EgressQOSMaps="),
            elsewhere("to", "[VLAN] IngressQOSMaps=, EgressQOSMaps="),
        ),
    ),
    Vxlan: Group(
        "VXLAN",
        (
            option("id", "VNI"),
            elsewhere("link", "[Network] VXLAN="),
            option("local", "Local"),
            option("remote", "Remote"),
            option("group", "Group"),
            elsewhere("remotes", "[BridgeFDB] Destination="),
            option("port", "DestinationPort"),
            option("port_range", "PortRange", pair),
            option("ttl", "TTL"),
            option("tos", "TOS", inherit_as_one),
            option("flow_label", "FlowLabel"),
            option("do_not_fragment", "IPDoNotFragment"),
            option("mac_learning", "MacLearning"),
            option("ageing", "FDBAgeingSec", seconds, whole_seconds("ageing"), zero("ageing")),
            option("limit", "MaximumFDBEntries"),
            option("arp_proxy", "ReduceARPProxy"),
            option("short_circuit", "RouteShortCircuit"),
            option("l2_miss_notification", "L2MissNotification"),
            option("l3_miss_notification", "L3MissNotification"),
            option("udp_checksum", "UDPChecksum"),
            option("udp6_zero_checksum_transmit", "UDP6ZeroChecksumTx"),
            option("udp6_zero_checksum_receive", "UDP6ZeroChecksumRx"),
            option("remote_checksum_transmit", "RemoteChecksumTx"),
            option("remote_checksum_receive", "RemoteChecksumRx"),
            option("group_policy", "GroupPolicyExtension"),
        ),
    ),
    Geneve: Group(
        "GENEVE",
        (
            option("id", "Id"),
            option("remote", "Remote"),
            option("port", "DestinationPort"),
            option("ttl", "TTL"),
            option("tos", "TOS"),
            option("flow_label", "FlowLabel"),
            option("do_not_fragment", "IPDoNotFragment"),
            option("udp_checksum", "UDPChecksum"),
            option("udp6_zero_checksum_transmit", "UDP6ZeroChecksumTx"),
            option("udp6_zero_checksum_receive", "UDP6ZeroChecksumRx"),
            option("inherit_inner_protocol", "InheritInnerProtocol", since=systemd(254)),
        ),
    ),
    Vrf: Group("VRF", (option("table", "Table"),)),
    Macvlan: Group(
        "MACVLAN",
        (
            elsewhere("link", "[Network] MACVLAN="),
            option("mode", "Mode"),
            option("source_macaddresses", "SourceMACAddress"),
            option("broadcast_queue_length", "BroadcastMulticastQueueLength", since=systemd(248)),
        ),
    ),
    Macvtap: Group(
        "MACVTAP",
        (
            elsewhere("link", "[Network] MACVTAP="),
            option("mode", "Mode"),
            option("source_macaddresses", "SourceMACAddress"),
        ),
    ),
    Ipvlan: Group(
        "IPVLAN",
        (
            elsewhere("link", "[Network] IPVLAN="),
            option("mode", "Mode", _upper),
            option("flag", "Flags"),
        ),
    ),
    Tun: Group("Tun", _TUN),
    Tap: Group("Tap", _TUN),
    Wireguard: Group(
        "WireGuard",
        (
            elsewhere("private_key", "[WireGuard] PrivateKeyFile="),
            option("port", "ListenPort"),
            option("mark", "FirewallMark"),
            elsewhere("peers", "[WireGuardPeer]"),
        ),
    ),
    WireguardPeer: Group(
        "WireGuardPeer",
        (
            option("public_key", "PublicKey"),
            elsewhere("preshared_key", "[WireGuardPeer] PresharedKeyFile="),
            option("endpoint", "Endpoint", endpoint),
            option("allowed_ips", "AllowedIPs", commas),
            option("keepalive", "PersistentKeepalive"),
        ),
    ),
    Tunnel: Group(
        "Tunnel",
        (
            elsewhere("mode", "[NetDev] Kind=, [Tunnel] Mode="),
            option("local", "Local"),
            option("remote", "Remote"),
            elsewhere("link", "[Network] Tunnel=, [Tunnel] Independent="),
            option("ttl", "TTL", inherit_as_zero),
            option(
                "tos",
                "TOS",
                inherit_as_one,
                _only_of("gre", "gretap"),
            ),
            option("key", "Key", str, zero("key")),
            option("input_key", "InputKey", str, zero("input_key")),
            option("output_key", "OutputKey", str, zero("output_key")),
            option("path_mtu_discovery", "DiscoverPathMTU"),
            option("ignore_do_not_fragment", "IgnoreDontFragment", since=systemd(254)),
            option("serialize", "SerializeTunneledPackets"),
            option("flow_label", "IPv6FlowLabel"),
            option("copy_dscp", "CopyDSCP", spell, _only_of("ip6ip6", "ipip6")),
            option(
                "encapsulation_limit",
                "EncapsulationLimit",
                str,
                limit(
                    "systemd-networkd knows 0 and `none` of ip6gre and ip6gretap",
                    lambda context: (
                        context.node.mode in ("ip6gre", "ip6gretap")
                        and context.node.encapsulation_limit not in (0, "none")
                    ),
                ),
            ),
            option("allow_local_remote", "AllowLocalRemote", spell, _only_of("ip6ip6", "ipip6")),
            option("ipv6_rapid_deployment_prefix", "IPv6RapidDeploymentPrefix"),
            option("isatap", "ISATAP"),
        ),
    ),
    Infiniband: Group(
        "IPoIB",
        (
            option("mode", "Mode", since=systemd(250)),
            elsewhere("link", "[Network] IPoIB=", since=systemd(250)),
            option("partition_key", "PartitionKey", since=systemd(250)),
            option(
                "ignore_userspace_multicast_groups",
                "IgnoreUserspaceMulticastGroups",
                since=systemd(250),
            ),
        ),
    ),
}

# type in the document -> kind of systemd.netdev(5), where it is another word
KIND_WORDS = {"infiniband": "ipoib"}
_IP6TNL = frozenset({"ip6ip6", "ipip6"})


def netdev_kind(kind: Any) -> str:
    """Give the word of [NetDev] Kind=."""
    if isinstance(kind, Tunnel):
        return "ip6tnl" if kind.mode in _IP6TNL else kind.mode
    word: str = kind.type
    return KIND_WORDS.get(word, word)
