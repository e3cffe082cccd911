"""The kinds of network devices, and what each of them alone can be told.

A field is named like its key; `None` means "not said, the kernel's own default". The annotations
are read by `lower`: a `Milliseconds` is written as a duration, an `IPAddress` as an address, and so
on. Names of netplan(5) are kept where it has one, else those of ip-link(8).
"""

from __future__ import annotations

from ipaddress import (
    IPv6Network,
)

from vnetc.model.cards import (
    AccessPoint,
    Auth,
    CardMatch,
    Channels,
    Coalesce,
    LinkSettings,
    Offload,
    Queues,
    Rings,
    Secret,
    VirtualFunctions,
)
from vnetc.model.diagnostics import Path
from vnetc.model.record import Node, Record
from vnetc.model.values import (
    Endpoint,
    IPAddress,
    IPNetwork,
    MacAddress,
    Milliseconds,
    PortRange,
    Ranges,
    Table,
    TunnelKey,
    Wakes,
    Words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias


class Ethernet(Record):
    """A network card, found by its name or by `match`."""

    match: CardMatch | None = None
    set_name: bool = True
    alias: str | None = None
    wakeonlan: Wakes | None = None
    wakeonlan_password: Secret | None = None
    offload: Offload | None = None
    link_settings: LinkSettings | None = None
    rings: Rings | None = None
    channels: Channels | None = None
    queues: Queues | None = None
    coalesce: Coalesce | None = None
    virtual_functions: VirtualFunctions | None = None
    auth: Auth | None = None
    type = "ethernet"


class Wifi(Record):
    """A network card without a cable, a guest of one of its access points."""

    match: CardMatch | None = None
    regulatory_domain: str | None = None
    wakeonwlan: Words = ()
    access_points: tuple[AccessPoint, ...] = ()
    type = "wifi"
    set_name = True  # what joins networks for it goes by its name


class Loopback(Record):
    """The device `lo`."""

    type = "loopback"


class Dummy(Record):
    """A device that swallows what it is sent: a home for addresses."""

    type = "dummy"


class Ifb(Record):
    """A device that traffic is redirected to, to be shaped on its way in."""

    type = "ifb"


class Bridge(Record):
    """A software switch."""

    ports: tuple[str, ...] = ()
    stp: bool = False
    forward_delay: Milliseconds | None = None
    hello_time: Milliseconds | None = None
    max_age: Milliseconds | None = None
    ageing_time: Milliseconds | None = None
    priority: int | None = None
    group_forward_mask: int | None = None
    group_address: MacAddress | None = None
    vlan_filtering: bool = False
    vlan_protocol: Literal["802.1q", "802.1ad"] | None = None
    default_pvid: int | None = None  # 0: none
    vlan_stats: bool | None = None
    vlan_stats_per_port: bool | None = None
    vlans: Ranges = ()  # of the bridge device itself
    pvid: int | None = None
    untagged: Ranges = ()
    multicast_snooping: bool | None = None
    multicast_querier: bool | None = None
    multicast_router: Literal["disabled", "query", "permanent"] | None = None
    multicast_igmp_version: Literal[2, 3] | None = None
    multicast_mld_version: Literal[1, 2] | None = None
    multicast_hash_max: int | None = None
    multicast_query_use_ifaddr: bool | None = None
    multicast_last_member_count: int | None = None
    multicast_last_member_interval: Milliseconds | None = None
    multicast_startup_query_count: int | None = None
    multicast_startup_query_interval: Milliseconds | None = None
    multicast_query_interval: Milliseconds | None = None
    multicast_query_response_interval: Milliseconds | None = None
    multicast_querier_interval: Milliseconds | None = None
    multicast_membership_interval: Milliseconds | None = None
    type = "bridge"


class Bond(Record):
    """Several devices as one."""

    members: tuple[str, ...] = ()
    mode: Literal[
        "balance-rr",
        "active-backup",
        "balance-xor",
        "broadcast",
        "802.3ad",
        "balance-tlb",
        "balance-alb",
    ] = "balance-rr"
    primary: str | None = None
    primary_reselect_policy: Literal["always", "better", "failure"] | None = None
    fail_over_mac_policy: Literal["none", "active", "follow"] | None = None
    mii_monitor_interval: Milliseconds | None = None
    up_delay: Milliseconds | None = None
    down_delay: Milliseconds | None = None
    use_carrier: bool | None = None
    peer_notify_delay: Milliseconds | None = None
    arp_interval: Milliseconds | None = None
    arp_ip_targets: tuple[IPAddress, ...] = ()
    arp_validate: (
        Literal["none", "active", "backup", "all", "filter", "filter-active", "filter-backup"]
        | None
    ) = None
    arp_all_targets: Literal["any", "all"] | None = None
    arp_missed_max: int | None = None
    transmit_hash_policy: (
        Literal["layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"] | None
    ) = None
    lacp_rate: Literal["slow", "fast"] | None = None
    lacp_active: bool | None = None
    min_links: int | None = None
    ad_select: Literal["stable", "bandwidth", "count"] | None = None
    ad_actor_system: MacAddress | None = None
    ad_actor_system_priority: int | None = None
    ad_user_port_key: int | None = None
    all_members_active: bool | None = None
    gratuitous_arp: int | None = None
    resend_igmp: int | None = None
    packets_per_member: int | None = None
    learn_packet_interval: Milliseconds | None = None
    dynamic_transmit_load_balancing: bool | None = None
    type = "bond"


class VlanFlags(Node):
    """How a VLAN treats tags and carrier, and whether it registers itself with switches."""

    path: Path
    reorder_headers: bool | None = None
    gvrp: bool | None = None
    mvrp: bool | None = None
    loose_binding: bool | None = None
    bridge_binding: bool | None = None


class QosMapping(Node):
    """Which priority inside of the host goes with which in the tag, or the other way round."""

    path: Path
    from_: int
    to: int


class Vlan(Record):
    """A VLAN of the interface `link`."""

    id: int
    link: str
    protocol: Literal["802.1q", "802.1ad"] = "802.1q"
    flags: VlanFlags = VlanFlags(path=())
    ingress_qos_map: tuple[QosMapping, ...] = ()
    egress_qos_map: tuple[QosMapping, ...] = ()
    type = "vlan"


class Veth(Record):
    """One end of a virtual cable; `peer` is the other end, declared like this one."""

    peer: str
    type = "veth"


class Vxlan(Record):
    """Ethernet in UDP. `remotes` are where frames for unknown addresses are flooded to."""

    id: int
    link: str | None = None
    local: IPAddress | None = None
    remote: IPAddress | None = None
    group: IPAddress | None = None
    remotes: tuple[IPAddress, ...] = ()
    port: int = 4789  # the kernel's own default is 8472
    port_range: PortRange | None = None
    ttl: int | Literal["inherit"] | None = None
    tos: int | Literal["inherit"] | None = None
    flow_label: int | None = None
    do_not_fragment: bool | Literal["inherit"] | None = None
    mac_learning: bool = True
    ageing: Milliseconds | None = None
    limit: int | None = None
    arp_proxy: bool | None = None
    short_circuit: bool | None = None
    l2_miss_notification: bool | None = None
    l3_miss_notification: bool | None = None
    udp_checksum: bool | None = None
    udp6_zero_checksum_transmit: bool | None = None
    udp6_zero_checksum_receive: bool | None = None
    remote_checksum_transmit: bool | None = None
    remote_checksum_receive: bool | None = None
    group_policy: bool | None = None
    type = "vxlan"


class Geneve(Record):
    """Ethernet in UDP, with options."""

    id: int
    remote: IPAddress
    port: int | None = None
    ttl: int | Literal["inherit"] | None = None
    tos: int | None = None
    flow_label: int | None = None
    do_not_fragment: bool | Literal["inherit"] | None = None
    udp_checksum: bool | None = None
    udp6_zero_checksum_transmit: bool | None = None
    udp6_zero_checksum_receive: bool | None = None
    inherit_inner_protocol: bool | None = None
    type = "geneve"


class Vrf(Record):
    """A routing domain: interfaces with `vrf:` have their routes in its table."""

    table: Table
    type = "vrf"


class Macvlan(Record):
    """A device with a MAC address of its own on the interface `link`."""

    link: str
    mode: Literal["private", "vepa", "bridge", "passthru", "source"] = "vepa"
    source_macaddresses: tuple[MacAddress, ...] = ()
    broadcast_queue_length: int | None = None
    type = "macvlan"


class Macvtap(Record):
    """A macvlan with a character device, for a virtual machine."""

    link: str
    mode: Literal["private", "vepa", "bridge", "passthru", "source"] = "vepa"
    source_macaddresses: tuple[MacAddress, ...] = ()
    type = "macvtap"


class Ipvlan(Record):
    """A device with the MAC address of the interface `link` and IP addresses of its own."""

    link: str
    mode: Literal["l2", "l3", "l3s"] = "l3"
    flag: Literal["bridge", "private", "vepa"] = "bridge"
    type = "ipvlan"


class Tun(Record):
    """A device whose packets a program reads and writes."""

    user: str | None = None
    group: str | None = None
    multi_queue: bool = False
    packet_info: bool = False
    vnet_header: bool = False
    type = "tun"


class Tap(Record):
    """A device whose frames a program reads and writes, a virtual machine for instance."""

    user: str | None = None
    group: str | None = None
    multi_queue: bool = False
    packet_info: bool = False
    vnet_header: bool = False
    type = "tap"


class WireguardPeer(Node):
    """Another end of a WireGuard tunnel."""

    path: Path
    public_key: str
    preshared_key: Secret | None = None
    endpoint: Endpoint | None = None  # host, port
    allowed_ips: tuple[IPNetwork, ...] = ()
    keepalive: int | None = None  # seconds


class Wireguard(Record):
    """An encrypted tunnel to any number of peers."""

    private_key: Secret
    port: int | None = None
    mark: int | None = None
    peers: tuple[WireguardPeer, ...] = ()
    type = "wireguard"


class Tunnel(Record):
    """IP or Ethernet in IP, of the mode `mode`."""

    mode: Literal[
        "gre",
        "gretap",
        "ip6gre",
        "ip6gretap",
        "ipip",
        "sit",
        "ip6ip6",
        "ipip6",
        "vti",
        "vti6",
    ]
    local: IPAddress | None = None
    remote: IPAddress | None = None
    link: str | None = None
    ttl: int | Literal["inherit"] | None = None
    tos: int | Literal["inherit"] | None = None
    key: TunnelKey | None = None
    input_key: TunnelKey | None = None
    output_key: TunnelKey | None = None
    path_mtu_discovery: bool | None = None
    ignore_do_not_fragment: bool | None = None
    serialize: bool | None = None
    flow_label: int | Literal["inherit"] | None = None
    copy_dscp: bool | None = None
    encapsulation_limit: int | Literal["none"] | None = None
    allow_local_remote: bool | None = None
    ipv6_rapid_deployment_prefix: IPv6Network | None = None
    isatap: bool | None = None
    type = "tunnel"


class Infiniband(Record):
    """An IP over InfiniBand card, or with `link` a partition of one."""

    mode: Literal["datagram", "connected"] | None = None
    link: str | None = None
    partition_key: int | None = None
    ignore_userspace_multicast_groups: bool | None = None
    type = "infiniband"


Kind: TypeAlias = (
    Ethernet
    | Wifi
    | Loopback
    | Dummy
    | Ifb
    | Bridge
    | Bond
    | Vlan
    | Veth
    | Vxlan
    | Geneve
    | Vrf
    | Macvlan
    | Macvtap
    | Ipvlan
    | Tun
    | Tap
    | Wireguard
    | Tunnel
    | Infiniband
)

# type in the document -> class
KINDS: dict[str, type[Kind]] = {
    cls.type: cls
    for cls in (
        Ethernet,
        Wifi,
        Bridge,
        Bond,
        Vlan,
        Veth,
        Loopback,
        Dummy,
        Ifb,
        Vrf,
        Vxlan,
        Geneve,
        Macvlan,
        Macvtap,
        Ipvlan,
        Tun,
        Tap,
        Wireguard,
        Tunnel,
        Infiniband,
    )
}


Card: TypeAlias = Ethernet | Wifi  # what is there without being made


def link_of(kind: Kind) -> str | None:
    """Name the interface that a device is made on, None if there is none."""
    link: str | None = getattr(kind, "link", None)
    return link
