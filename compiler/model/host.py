"""The model: what one host's kernel must look like, free of any target's words.

Immutable, typed, resolved: addresses are `ipaddress` objects, durations are milliseconds. `None`
means "not said": writers write nothing, and the target or the kernel decides; it never means false.
Each node carries the `path` of the document's key it came from, so that any later pass can point at
it.

A field is named like its key (`forward_delay` is `forward-delay`, `from_` is `from`): the support
tables of the targets, the matrix in the docs and the tests rely on that.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network

from vnetc.model.diagnostics import Path
from vnetc.model.kinds import Bond, Bridge, Kind, Tap, Tun
from vnetc.model.record import Node, Record
from vnetc.model.values import (
    AddressRange,
    Broadcast,
    GroupAddress,
    IPAddress,
    IPInterface,
    IPNetwork,
    Keys,
    MacAddress,
    Mark,
    Milliseconds,
    Origin,
    PortRange,
    Protocol,
    Ranges,
    Raw,
    Realms,
    Sysctls,
    Table,
    Users,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from vnetc.model.qdiscs import Qdisc


MAIN_TABLE = 254  # RT_TABLE_MAIN, linux/rtnetlink.h
DEFAULT_MTU = 1500  # ETH_DATA_LEN, linux/if_ether.h


class Address(Node):
    """An address of the host with the subnet it is in."""

    path: Path
    address: IPInterface
    label: str | None = None
    peer: IPInterface | None = None
    scope: Literal["global", "link", "host"] | None = None
    preferred_lifetime: Literal[0] | None = None  # 0: deprecated, used only when asked for
    noprefixroute: bool = False
    broadcast: Broadcast | None = None
    route_metric: int | None = None
    duplicate_address_detection: bool | None = None  # None: of an IPv6 address, of no IPv4 one
    home: bool = False
    manage_temporary: bool = False
    stated: Keys = ()

    @property
    def is_plain(self) -> bool:
        """Whether it has no options: no more than an address and its subnet."""
        return self == Address(path=self.path, address=self.address)


class Nexthop(Node):
    """One way of a multipath route; `weight` counts from 1, as in ip-route(8)."""

    path: Path
    via: IPAddress
    weight: int = 1
    interface: str | None = None  # None: the route's
    on_link: bool = False
    stated: Keys = ()


class Route(Node):
    """A route of one interface; `to` is 0.0.0.0/0 or ::/0 for `default`.

    `from_` is the address that packets of the host get, `source` where packets come from.
    """

    path: Path
    to: IPNetwork
    via: IPAddress | None = None
    from_: IPAddress | None = None
    source: IPNetwork | None = None
    on_link: bool = False
    metric: int | None = None
    preference: Literal["low", "medium", "high"] = "medium"  # of IPv6, RFC 4191
    table: Table = MAIN_TABLE
    type: str = "unicast"
    scope: str | None = None
    protocol: Origin | None = None  # None: static
    realms: Realms | None = None
    mtu: int | None = None
    advmss: int | None = None
    congestion_window: int | None = None
    initrwnd: int | None = None
    hop_limit: int | None = None
    congestion_control: str | None = None
    retransmission_timeout: Milliseconds | None = None
    quick_ack: bool = False
    fast_open_no_cookie: bool = False
    nexthops: tuple[Nexthop, ...] = ()
    stated: Keys = ()


class Rule(Node):
    """A routing policy rule, ip-rule(8). Without `from_` and `to` it is for both families."""

    path: Path
    priority: int
    from_: IPNetwork | None = None
    to: IPNetwork | None = None
    iif: str | None = None
    oif: str | None = None
    fwmark: Mark | None = None
    tos: int | None = None
    ip_protocol: Protocol | None = None
    source_port: PortRange | None = None  # first, last
    destination_port: PortRange | None = None
    uid_range: Users | None = None
    invert: bool = False
    suppress_prefix_length: int | None = None
    suppress_interface_group: int | None = None
    realms: Realms | None = None
    protocol: Origin | None = None  # None: static
    table: Table | None = None  # one of these four
    action: Literal["blackhole", "unreachable", "prohibit", "nop"] | None = None
    goto: int | None = None
    l3mdev: bool = False

    @property
    def families(self) -> tuple[int, ...]:
        """4, 6 or both: the rule lists of the kernel it belongs to."""
        network = self.from_ if self.from_ is not None else self.to
        return (4, 6) if network is None else (network.version,)


class Neighbor(Node):
    """A permanent neighbour (ARP, NDP) entry, or one that the host answers for (`proxy`)."""

    path: Path
    address: IPAddress
    macaddress: MacAddress | None = None  # None only of a proxy
    proxy: bool = False


class FdbEntry(Node):
    """An entry of a forwarding database: behind which port, or which end of a tunnel, a MAC is.

    `self`: that of the device itself; `master`: that of the bridge that it is a port of.
    """

    path: Path
    macaddress: MacAddress
    owner: Literal["self", "master"] = "self"
    state: Literal["permanent", "static"] = "permanent"
    vlan: int | None = None
    destination: IPAddress | None = None
    port: int | None = None
    vni: int | None = None
    link: str | None = None


class MdbEntry(Node):
    """A group whose frames a port of a bridge always gets."""

    path: Path
    group: GroupAddress
    vlan: int | None = None


class DhcpOverrides(Node):
    """What to do with what a DHCP server says, and what to tell it."""

    path: Path
    route_metric: int | None = None
    use_routes: bool | None = None
    use_dns: bool | None = None
    use_ntp: bool | None = None
    use_mtu: bool | None = None
    use_hostname: bool | None = None
    use_domains: bool | Literal["route"] | None = None
    send_hostname: bool | None = None
    hostname: str | None = None
    use_gateway: bool | None = None  # None: as `use_routes`
    table: Table | None = None  # None: main, in a VRF the VRF's
    client_identifier: Literal["mac", "duid", "duid-only"] | None = None
    label: str | None = None


class RaOverrides(Node):
    """What to do with what a router advertisement says."""

    path: Path
    route_metric: int | None = None
    use_dns: bool | None = None
    use_domains: bool | Literal["route"] | None = None
    use_gateway: bool | None = None
    use_autonomous_prefix: bool | None = None
    use_on_link_prefix: bool | None = None
    table: Table | None = None


class Nameservers(Node):
    """DNS servers and search domains to use through an interface, and how names are looked up."""

    path: Path
    addresses: tuple[IPAddress, ...] = ()
    search: tuple[str, ...] = ()
    default_route: bool | None = None
    llmnr: bool | Literal["resolve"] | None = None
    multicast_dns: bool | Literal["resolve"] | None = None
    dns_over_tls: bool | Literal["opportunistic"] | None = None
    dnssec: bool | Literal["allow-downgrade"] | None = None


class Port(Node):
    """What an interface is as a port of the bridge `bridge`."""

    path: Path
    bridge: str
    path_cost: int | None = None
    priority: int | None = None
    hairpin: bool | None = None
    learning: bool | None = None
    isolated: bool | None = None
    neigh_suppress: bool | None = None
    unicast_flood: bool | None = None
    multicast_flood: bool | None = None
    broadcast_flood: bool | None = None
    multicast_to_unicast: bool | None = None
    multicast_router: Literal["disabled", "query", "permanent", "temporary"] | None = None
    fast_leave: bool | None = None
    bpdu_guard: bool | None = None
    root_block: bool | None = None
    proxy_arp: bool | None = None
    proxy_arp_wifi: bool | None = None
    locked: bool | None = None
    vlan_tunnel: bool | None = None
    group_forward_mask: int | None = None
    backup_port: str | None = None
    vlans: Ranges = ()
    pvid: int | None = None
    untagged: Ranges = ()
    mdb: tuple[MdbEntry, ...] = ()

    @property
    def master(self) -> str:
        """The device that it is a part of."""
        return self.bridge


class Member(Node):
    """What an interface is as a member of the bond `bond`."""

    path: Path
    bond: str

    @property
    def master(self) -> str:
        """The device that it is a part of."""
        return self.bond


class Interface(Node):
    """A network device and all that is configured on it."""

    name: str
    path: Path
    kind: Kind
    port: Port | None = None
    member: Member | None = None
    vrf: str | None = None
    description: str = ""
    macaddress: str | None = None
    mtu: int | None = None
    arp: bool | None = None
    multicast: bool | None = None
    all_multicast: bool | None = None
    promiscuous: bool | None = None
    group: int | None = None
    activation: Literal["auto", "manual", "off"] = "auto"
    optional: bool | None = None
    ignore_carrier: bool | None = None
    addresses: tuple[Address, ...] = ()
    dhcp4: bool = False
    dhcp6: bool | None = None  # False: also not by a router's word
    dhcp4_overrides: DhcpOverrides = DhcpOverrides(path=())
    dhcp6_overrides: DhcpOverrides = DhcpOverrides(path=())
    accept_ra: bool | None = None
    ra_overrides: RaOverrides = RaOverrides(path=())
    link_local: tuple[Literal["ipv4", "ipv6"], ...] | None = None
    ipv6_privacy: bool | None = None
    ipv6_address_generation: Literal["eui64", "stable-privacy"] | None = None
    ipv6_address_token: IPAddress | None = None
    ipv6_mtu: int | None = None
    ntp: tuple[str, ...] = ()
    emit_lldp: bool | None = None
    critical: bool | None = None
    nameservers: Nameservers = Nameservers(path=())
    routes: tuple[Route, ...] = ()
    routing_policy: tuple[Rule, ...] = ()
    neighbors: tuple[Neighbor, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
    qdiscs: tuple[Qdisc, ...] = ()
    sysctl: Sysctls = ()
    raw: Raw | None = None

    @property
    def claim(self) -> Port | Member | None:
        """What it is to the bridge or bond that all it receives belongs to."""
        return self.member if self.port is None else self.port

    @property
    def ra_metric(self) -> int | None:
        """The metric of the routes that routers advertise.

        It can be said of DHCPv6 too, which has no routes of its own (RFC 8415).
        """
        own = self.ra_overrides.route_metric
        return self.dhcp6_overrides.route_metric if own is None else own

    @property
    def asks_link_local(self) -> bool:
        """Whether the document says that it has an IPv6 link-local address."""
        return self.link_local is not None and "ipv6" in self.link_local

    @property
    def initial_mtu(self) -> int | None:
        """The MTU to make the device with, None for the kernel's default.

        A bridge takes the smallest MTU of its ports until its own is changed (br_change_mtu and
        br_mtu_auto_adjust in net/bridge), and setting the one it has changes nothing.
        """
        return 1280 if isinstance(self.kind, Bridge) and self.mtu == DEFAULT_MTU else None

    @property
    def lacks_carrier(self) -> bool:
        """Whether it has no carrier by itself, but only when something else comes to it.

        That is a port, a member, or the program that opens the device (tun_chr_open in
        drivers/net/tun.c).
        """
        match self.kind:
            case Bridge(ports=()) | Bond(members=()) | Tun() | Tap():
                return True
            case _:
                return False

    @property
    def waited_for(self) -> bool:
        """Whether booting waits for this interface to come up.

        Unsaid it does not for what has no carrier by itself: the boot would wait for nothing.
        """
        if self.activation != "auto":
            return False
        return not (self.lacks_carrier if self.optional is None else self.optional)


class PublishedPort(Node):
    """Ports of the host that lead to a guest: `ports` is first and last, one port if equal."""

    path: Path
    protocol: Literal["tcp", "udp"]
    ports: PortRange
    to: IPAddress
    to_port: int | None = None  # None: the same port


class Firewall(Node):
    """Who may reach whom across the bridge of a network of guests."""

    name: str
    path: Path
    mode: Literal["nat", "routed", "isolated"]
    bridge: str
    subnet: tuple[IPNetwork, ...]
    addresses: tuple[IPAddress, ...]  # the host's own on the bridge
    uplink: str | None = None  # None: any way out
    publish: tuple[PublishedPort, ...] = ()


class Reservation(Node):
    """An address kept for the guest with this MAC address."""

    path: Path
    macaddress: str
    address: IPv4Address
    hostname: str | None = None


class DhcpServer(Node):
    """A DHCP server (and router advertisements, and DNS) for the guests of a network.

    `range` is first and last, None for reservations only; `lease_time` is milliseconds. `subnet`
    and `address` are None in a network that has IPv6 alone.
    """

    name: str
    path: Path
    bridge: str
    subnet: IPv4Network | None
    address: IPv4Address | None
    server: Literal["dnsmasq", "networkd"] = "dnsmasq"
    range: AddressRange | None = None
    lease_time: int = 3_600_000
    router: IPv4Address | None = None
    nameservers: tuple[IPv4Address, ...] = ()
    domain: str | None = None
    reservations: tuple[Reservation, ...] = ()
    prefixes: tuple[IPv6Network, ...] = ()  # advertised for SLAAC
    forwards_dns: bool = True  # false: answers for guests' names only


class Host(Record):
    """One host: the root of the model. Interfaces stand in the document's order.

    `claims` lists every interface that a bridge or bond asks for, also one that is asked for twice.
    """

    name: str
    interfaces: tuple[Interface, ...] = ()
    claims: tuple[tuple[str, Port | Member], ...] = ()
    firewalls: tuple[Firewall, ...] = ()
    dhcp_servers: tuple[DhcpServer, ...] = ()
    foreign: Literal["keep"] | None = None
    foreign_files: Literal["read"] | None = None
    raw: Raw | None = None
