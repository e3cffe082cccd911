"""What the specification says the kernel must hold, in the words of state.py.

Written from the language alone, without a look at any back end: three renderers that agree on a
mistake still differ from this. It states every address, route, rule and neighbour, so that one
more is a difference too; of a link and of sysctls it states what the document does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Network, ip_interface

from vnetc.model.host import Address, DhcpOverrides, Host, Interface, Port, RaOverrides
from vnetc.model.kinds import Bridge, Loopback, Vrf
from vnetc.model.values import IPNetwork

from tests.lab.runner.wire import HOSTNAME
from tests.lab.states.state import (
    LINK_LOCAL,
    ROUTER,
    STABLE_LINK_LOCAL,
    Key,
    State,
    advertised,
    describe_address,
    describe_route,
    describe_vlan,
    route_name,
)

from .cards import expect_authentication
from .domains import drop_link_local, expect_vrf_rules, in_its_table, vrf_tables, without_link_local
from .extras import expect_entries, expect_flags, expect_port, expect_resolver
from .kinds import expect_kind
from .qdiscs import expect_qdiscs
from .routes import ROUTE_METRIC, destination, expect_default_rules, expect_route, expect_rule
from .tunnels import compatible_address, expect_flood, expect_wireguard

CONNECTED_METRIC = {4: 0, 6: 256}  # IP6_RT_PRIO_ADDRCONF
MAIN = "table 254"


@dataclass(frozen=True)
class Lease:
    """What the network has for an interface that asks: the `number`th, behind the `card`th card.

    By DHCPv4 or, if `ipv6`, by advertisements and DHCPv6.
    """

    number: int
    card: int
    ipv6: bool = False
    rich: bool = False  # also time servers, which ifupdown leaves to other programs

    mtu = 1450

    @property
    def server(self) -> tuple[str, ...]:
        """The addresses of the server, which is the router."""
        return (f"{self._prefix}::1/64",) if self.ipv6 else (f"{self.router}/24",)

    @property
    def address(self) -> IPv4Interface:
        return IPv4Interface(f"198.18.{self.number}.50/24")

    @property
    def router(self) -> str:
        return f"198.18.{self.number}.1"

    @property
    def route(self) -> IPv4Network:
        return IPv4Network(f"198.51.{self.number}.0/24")

    @property
    def other_router(self) -> str:
        return f"198.18.{self.number}.2"

    @property
    def classless(self) -> bool:
        """Whether routes come as in RFC 3442; every other server only says who the router is."""
        return self.rich or self.number % 2 == 0

    @property
    def nameserver(self) -> str:
        return f"198.18.{self.number}.53"

    @property
    def timeserver(self) -> str:
        return f"198.18.{self.number}.123"

    @property
    def domain(self) -> str:
        return f"lan{self.number}.example"

    @property
    def _prefix(self) -> str:
        return f"2001:db8:{self.number + 1}"

    @property
    def prefix(self) -> IPv6Network:
        return IPv6Network(f"{self._prefix}::/64")

    @property
    def address6(self) -> str:
        return f"{self._prefix}::50"

    @property
    def router6(self) -> str:
        """The link-local address, which is made of the MAC address: 02:00:00:00:02:`card`."""
        return f"fe80::ff:fe00:2{self.card:02x}"

    @property
    def nameserver6(self) -> str:
        return f"{self._prefix}::53"

    @property
    def timeserver6(self) -> str:
        return f"{self._prefix}::123"


# Kinds of things of which there is nothing but what the specification says.
CLOSED = frozenset(
    {
        *("address", "route", "rule", "neighbour", "vlan", "fdb", "mdb", "dns", "ntp", "lease"),
        *("boot", "qdisc", "class", "wireguard"),
    }
)
CLOSED_LINK = frozenset({"kind", "master"})


# What raw text does only its author knows. In the lab's documents that of an interface gives it an
# address; that of a host makes a device, but networkd.conf(5) makes none: there it names a table.
RAW_ADDRESS = "192.0.2.99/32"
_RAW_TABLE: State = {("route", "ipv4 table 1234", "10.99.0.0/16 dev eth0"): "scope link"}
_RAW_DEVICE: State = {
    ("link", "raw0", "kind"): "vxlan",
    ("link", "raw0", "id"): "99",
    ("link", "raw0", "port"): "4790",
    ("boot", "raw0", "waits"): "true",
}


def closed(key: Key) -> bool:
    """Tell whether what `key` names must not exist unless it is expected."""
    kind, _, what = key
    return kind in CLOSED or (kind == "link" and what in CLOSED_LINK)


def expect(host: Host, leases: Mapping[str, Lease]) -> State:
    """State what the kernel of a booted host must hold."""
    state: State = {("link", "lo", "kind"): "loopback", ("link", "lo", "up"): "true"}
    for address in ("127.0.0.1/8", "::1/128"):
        state["address", "lo", address] = describe_address(scope="host")
    state.update(expect_default_rules())
    state.update(expect_vrf_rules(host))
    tables, silent = vrf_tables(host), without_link_local(host)
    for interface in host.interfaces:
        name = interface.name
        state.update((("link", name, w), v) for w, v in _link(interface).items())
        state.update((("sysctl", name, w), str(v)) for w, v in _sysctls(interface))
        if interface.activation == "auto":
            state.update(expect_qdiscs(interface))
            layer3 = in_its_table(interface, _layer3(interface, leases.get(name)), tables)
            state.update(drop_link_local(layer3, name) if name in silent else layer3)
        state.update(_told(interface, leases.get(name)))
        if isinstance(interface.kind, Bridge) and interface.kind.vlan_filtering:
            state.update(_vlans(host, interface, interface.kind))
        if _is_waited_for(interface):
            state["boot", name, "waits"] = "true"
        state.update(expect_authentication(interface))
        state.update(expect_flood(interface))
        state.update(expect_wireguard(interface))
        if interface.raw is not None:
            state["address", name, RAW_ADDRESS] = describe_address(scope="global")
    if host.raw is not None:
        state.update(_RAW_DEVICE if "netplan" in host.raw else _RAW_TABLE)
    state.update(_forwarding(host))
    return state


def _is_waited_for(interface: Interface) -> bool:
    return (
        interface.waited_for
        and interface.activation == "auto"
        and not isinstance(interface.kind, Loopback)
    )


# --- links --------------------------------------------------------------------------------------


def _link(interface: Interface) -> dict[str, str]:
    up = interface.activation == "auto"
    settings = {"kind": interface.kind.type, "up": str(up).lower()}
    if interface.macaddress is not None:
        settings["mac"] = interface.macaddress
    if interface.mtu is not None:
        settings["mtu"] = str(interface.mtu)
    settings |= expect_flags(interface)
    settings |= expect_kind(interface.kind)
    if interface.claim is not None:
        settings["master"] = interface.claim.master
    elif interface.vrf is not None:
        settings["master"] = interface.vrf
    if interface.port is not None:
        settings |= expect_port(interface.port)
    return settings


_DEFAULT_PVID = 1  # br_vlan_init


def _vlans(host: Host, interface: Interface, bridge: Bridge) -> Iterator[tuple[Key, str]]:
    """State the VLANs of a bridge and its ports: the default one, unless it is 0, and theirs."""
    default = _DEFAULT_PVID if bridge.default_pvid is None else bridge.default_pvid
    carriers: list[tuple[str, Bridge | Port]] = [(interface.name, bridge)]
    carriers += [(i.name, i.port) for i in host.interfaces if i.port and i.name in bridge.ports]
    for name, carrier in carriers:
        untagged = set(_vids(carrier.untagged))
        own = {*_vids(carrier.vlans), *([] if carrier.pvid is None else [carrier.pvid])}
        pvid = default if carrier.pvid is None else carrier.pvid
        for vid in sorted(own | ({default} - {0})):
            flags = {
                "pvid": vid == pvid,
                "egress untagged": vid in untagged if vid in own else vid == default,
            }
            yield ("vlan", name, str(vid)), describe_vlan(f for f, holds in flags.items() if holds)


def _vids(ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)


# --- addresses ----------------------------------------------------------------------------------


def _layer3(interface: Interface, lease: Lease | None) -> State:
    """State all that an interface has once it is up."""
    name = interface.name
    state: State = dict(_addresses(interface))
    state.update(expect_route(name, route) for route in interface.routes)
    state.update(pair for rule in interface.routing_policy for pair in expect_rule(rule))
    state.update(
        (("neighbour", name, str(n.address)), "proxy" if n.proxy else n.macaddress or "")
        for n in interface.neighbors
    )
    state.update(expect_entries(interface))
    state.update(() if lease is None else _leased(interface, lease))
    return state


def _addresses(interface: Interface) -> Iterator[tuple[Key, str]]:
    """State the addresses and the routes that come with them."""
    name = interface.name
    primary: dict[tuple[IPNetwork, bool], Address] = {}
    for address in interface.addresses:
        shown = shown_address(address)
        subnet = _subnet(address)
        # A second IPv4 address of a subnet is a "secondary" one (inet_insert_ifa)
        first = primary.setdefault((subnet, address.peer is None), address)
        flags = {
            "deprecated": address.preferred_lifetime == 0,
            "noprefixroute": address.noprefixroute,
            "nodad": address.duplicate_address_detection is False and subnet.version == 6,
            "home": address.home,
            "mngtmpaddr": address.manage_temporary,
            "secondary": first is not address and subnet.version == 4,
        }
        yield (
            ("address", name, shown),
            describe_address(
                scope=_address_scope(address),
                peer=None if address.peer is None else str(address.peer.ip),
                label=address.label if address.label not in (None, name) else "",
                broadcast=_broadcast(address),
                metric=address.route_metric or 0,
                flags=[flag for flag, holds in flags.items() if holds],
            ),
        )
        if first is address and not address.noprefixroute:
            yield from _connected(interface, subnet, str(address.address.ip), address.route_metric)
        if address.peer is not None and subnet.version == 6:  # whatever `noprefixroute` says
            other = ip_interface(address.peer.ip).network  # __ipv6_ifa_notify, net/ipv6/addrconf.c
            yield from _connected(interface, other, "")
    if (address := compatible_address(interface)) is not None:
        yield ("address", name, address), describe_address(scope="global")
        yield from _connected(interface, ip_interface(address).network, "")
    if _has_link_local(interface):
        stable = interface.ipv6_address_generation == "stable-privacy"
        yield (
            ("address", name, STABLE_LINK_LOCAL if stable else LINK_LOCAL),
            describe_address(scope="link", flags=["stable-privacy"] if stable else []),
        )
        link_local = ip_interface("fe80::/64").network
        yield from _connected(interface, link_local, "fe80::")


def _subnet(address: Address) -> IPNetwork:
    """Give the network that the kernel makes a route to when an address is added.

    Of an IPv4 peer it is the peer's, of an IPv6 one that of the own address, with the prefix length
    of the peer's (inet6_addr_add, net/ipv6/addrconf.c).
    """
    if address.peer is None:
        return address.address.network
    if address.peer.version == 4:
        return address.peer.network
    return ip_interface(f"{address.address.ip}/{address.peer.network.prefixlen}").network


def shown_address(address: Address) -> str:
    """Spell an address as the kernel does: its own with the prefix of the other end."""
    prefix = (address.address if address.peer is None else address.peer).network.prefixlen
    return f"{address.address.ip}/{prefix}"


def _address_scope(address: Address) -> str:
    own = address.address.ip
    if own.version == 6:  # the kernel tells it from the address (ipv6_addr_scope)
        return "link" if own.is_link_local else "global"
    return address.scope or "global"


def _broadcast(address: Address) -> bool | str:
    own = address.address
    if not address.broadcast:
        return False
    return address.broadcast == own.network.broadcast_address or str(address.broadcast)


def _has_link_local(interface: Interface) -> bool:
    return (
        _asks_link_local(interface)
        and interface.activation == "auto"
        and interface.claim is None
        and not isinstance(interface.kind, Loopback)
    )


def _asks_link_local(interface: Interface) -> bool:
    if interface.link_local is None:
        return interface.ipv6_address_generation is not None
    return "ipv6" in interface.link_local


def _connected(
    interface: Interface, subnet: IPNetwork, source: str, metric: int | None = None
) -> Iterator[tuple[Key, str]]:
    """State the route that the kernel makes of an address."""
    if subnet.version == 4 and isinstance(interface.kind, Loopback):
        return  # all of it is the host itself, table `local` says (fib_add_ifaddr)
    if subnet.version == 4 and subnet.prefixlen == 32 and source == str(subnet.network_address):
        return
    name = route_name(
        type="unicast",
        to=destination(subnet),
        device=interface.name,
        metric=metric or CONNECTED_METRIC[subnet.version],
    )
    text = describe_route(scope="link", source=source) if subnet.version == 4 else ""
    yield ("route", f"ipv{subnet.version} {MAIN}", name), text


def _leased(interface: Interface, lease: Lease) -> Iterator[tuple[Key, str]]:
    """State the addresses and routes that the network gave."""
    name, taken = interface.name, ["dynamic", "preferred for a time"]
    if interface.dhcp4:
        overrides = interface.dhcp4_overrides
        label = overrides.label or ""
        own = ["noprefixroute"] if overrides.table is not None else []  # its route is there too
        flags = [*taken, *own]
        shown = describe_address(scope="global", label=label, broadcast=True, flags=flags)
        yield ("address", name, str(lease.address)), shown
        yield from _connected(interface, lease.address.network, str(lease.address.ip))
        if overrides.use_mtu is True and interface.mtu is None:
            yield ("link", name, "mtu"), str(lease.mtu)
        ways = {"default": lease.router}
        if lease.classless:
            ways[str(lease.route)] = lease.other_router
        routes = {to: router for to, router in ways.items() if _takes(overrides, to, lease)}
        table = MAIN if overrides.table is None else f"table {overrides.table}"
        for to, router in routes.items():
            to = route_name(type="unicast", to=to, device=name, metric=overrides.route_metric or 0)
            yield ("route", f"ipv4 {table}", to), describe_route(scope="global", via=router)
        if overrides.client_identifier == "mac":
            yield ("lease", name, "client"), "its MAC address"
        if overrides.send_hostname is not False:
            yield ("lease", name, "hostname"), overrides.hostname or HOSTNAME
    if interface.dhcp6 and lease.ipv6:
        shown = describe_address(scope="global", flags=[*taken, "noprefixroute"])
        yield ("address", name, f"{lease.address6}/128"), shown
    if interface.accept_ra and lease.ipv6:
        stable = interface.ipv6_address_generation == "stable-privacy"
        origin = "a secret" if stable else "the MAC address"
        if interface.ipv6_address_token is not None:
            origin = f"the token {int(interface.ipv6_address_token):#x}"
        origins = {origin: ["mngtmpaddr", "noprefixroute"]}
        if interface.ipv6_privacy:
            origins["chance"] = ["temporary"]
        prefixes, routers = interface.ra_overrides, {"default": lease.router6}
        for origin, flags in origins.items() if prefixes.use_autonomous_prefix is not False else ():
            shown = describe_address(scope="global", flags=[*taken, *flags])
            yield ("address", name, advertised(str(lease.prefix), origin)), shown
        table = f"ipv6 {MAIN if prefixes.table is None else f'table {prefixes.table}'}"
        ways6 = routers if prefixes.use_gateway is not False else {}
        on_link = {str(lease.prefix): None} if prefixes.use_on_link_prefix is not False else {}
        said = interface.dhcp6_overrides.route_metric if interface.dhcp6 else None
        metric = next((m for m in (prefixes.route_metric, said) if m is not None), ROUTE_METRIC[6])
        for to, via in (*ways6.items(), *on_link.items()):
            key = route_name(type="unicast", to=to, device=name, metric=metric)
            yield ("route", table, key), describe_route(scope="", via=via, origin=ROUTER)


def _takes(overrides: DhcpOverrides, to: str, lease: Lease) -> bool:
    """Tell whether a host takes a leased route: the router is one only without RFC 3442."""
    router = to == "default" and not lease.classless and overrides.use_gateway is not None
    return overrides.use_gateway is True if router else overrides.use_routes is not False


def _told(interface: Interface, lease: Lease | None) -> Iterator[tuple[Key, str]]:
    """State the servers for names and time: the document's, then those that the network gave."""
    name = interface.name
    own = interface.nameservers
    servers, search = [str(a) for a in own.addresses], list(own.search)
    domains: list[str] = []
    clocks = list(interface.ntp)
    for answer in () if lease is None else _answers(interface, lease):
        servers += [answer.nameserver] if answer.said.use_dns is not False else []
        if answer.domain:
            search += [answer.domain] if answer.said.use_domains is True else []
            domains += [answer.domain] if answer.said.use_domains == "route" else []
        if (
            answer.timeserver
            and isinstance(answer.said, DhcpOverrides)
            and answer.said.use_ntp is not False
        ):
            clocks.append(answer.timeserver)
    for place, values in {
        ("dns", name, "servers"): servers,
        ("dns", name, "search"): search,
        ("dns", name, "domains"): domains,
        ("ntp", name, "servers"): clocks,
    }.items():
        if values:
            yield place, " ".join(dict.fromkeys(values))
    yield from expect_resolver(interface)


@dataclass(frozen=True)
class _Answer:
    """What one protocol says of servers, and what the document says of that."""

    said: DhcpOverrides | RaOverrides
    nameserver: str
    domain: str = ""
    timeserver: str = ""


def _answers(interface: Interface, lease: Lease) -> Iterator[_Answer]:
    if interface.dhcp4:
        more = (lease.domain, lease.timeserver if lease.rich else "")
        yield _Answer(interface.dhcp4_overrides, lease.nameserver, *more)
    if interface.dhcp6 and lease.ipv6:
        more = (lease.domain, lease.timeserver6)
        yield _Answer(interface.dhcp6_overrides, lease.nameserver6, *more)
    if interface.accept_ra and lease.ipv6:
        yield _Answer(interface.ra_overrides, lease.nameserver6, lease.domain)


# --- sysctls ------------------------------------------------------------------------------------


def _sysctls(interface: Interface) -> Iterator[tuple[str, int]]:
    if interface.accept_ra is not None:
        yield "ipv6 accept_ra", int(interface.accept_ra)
    if interface.ipv6_privacy is not None:
        yield "ipv6 use_tempaddr", 2 if interface.ipv6_privacy else 0
    if interface.link_local is not None or interface.ipv6_address_generation is not None:
        yield "ipv6 addr_gen_mode", _addr_gen_mode(interface)
    if interface.ipv6_mtu is not None:
        yield "ipv6 mtu", interface.ipv6_mtu
    for family, name, value in interface.sysctl:
        yield f"{family} {name}", value


def _addr_gen_mode(interface: Interface) -> int:
    """Give a number of IN6_ADDR_GEN_MODE_*, linux/if_link.h."""
    if not _asks_link_local(interface) or isinstance(interface.kind, Vrf):
        return 1
    return 2 if interface.ipv6_address_generation == "stable-privacy" else 0


def _forwarding(host: Host) -> State:
    """State that a host forwards for its guests, and otherwise not at all."""
    versions = {
        subnet.version
        for firewall in host.firewalls
        if firewall.mode != "isolated"
        for subnet in firewall.subnet
    }
    return {
        ("sysctl", "all", f"ipv{version} forwarding"): str(int(version in versions))
        for version in (4, 6)
    }
