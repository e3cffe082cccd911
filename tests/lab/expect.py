"""What the specification says the kernel must hold, in the words of state.py.

Written from the language alone, without a look at any back end: three renderers that agree on a
mistake still differ from this. It states every address, route, rule and neighbour, so that one
more is a difference too; of a link and of sysctls it states what the document does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, ip_interface

from vnetc.model import (
    Address,
    Bridge,
    Host,
    Interface,
    IPInterface,
    IPNetwork,
    Loopback,
    Port,
    Route,
    Rule,
    Veth,
    Vlan,
)

from .state import (
    LINK_LOCAL,
    Json,
    Key,
    State,
    describe_address,
    describe_hop,
    describe_route,
    describe_rule,
    route_name,
)

ROUTE_METRIC = {4: 0, 6: 1024}  # of a route without one; IP6_RT_PRIO_USER
CONNECTED_METRIC = {4: 0, 6: 256}  # IP6_RT_PRIO_ADDRCONF
MAIN = "table 254"


@dataclass(frozen=True)
class Lease:
    """What the DHCP server on the wire gives to an interface."""

    address: IPv4Interface
    router: str

    @classmethod
    def of(cls, address: str, router: str) -> Lease:
        """Make one of an address of a /24."""
        return cls(IPv4Interface(f"{address}/24"), router)


# Kinds of things of which there is nothing but what the specification says.
CLOSED = frozenset({"address", "route", "rule", "neighbour"})
CLOSED_LINK = frozenset({"kind", "master"})


# As `ip -N` prints them.
_ETHERTYPES = {"802.1q": f"[{0x8100}]", "802.1ad": f"[{0x88A8}]"}


def closed(key: Key) -> bool:
    """Tell whether what `key` names must not exist unless it is expected."""
    kind, _, what = key
    return kind in CLOSED or (kind == "link" and what in CLOSED_LINK)


def expect(host: Host, leases: Mapping[str, Lease]) -> State:
    """State what the kernel of a booted host must hold."""
    state: State = {("link", "lo", "kind"): "loopback", ("link", "lo", "up"): "true"}
    for address in ("127.0.0.1/8", "::1/128"):
        state["address", "lo", address] = describe_address(scope="host")
    state.update(_default_rules())
    for interface in host.interfaces:
        name = interface.name
        state.update((("link", name, w), v) for w, v in _link(interface).items())
        state.update(_addresses(interface))
        state.update(_route(name, route) for route in interface.routes)
        state.update(pair for rule in interface.routing_policy for pair in _rule(rule))
        state.update(
            (("neighbour", name, str(n.address)), n.macaddress) for n in interface.neighbors
        )
        state.update((("sysctl", name, w), str(v)) for w, v in _sysctls(interface))
        if interface.dhcp4:
            state.update(_leased(interface, leases[name]))
    state.update(_forwarding(host))
    return state


# --- links --------------------------------------------------------------------------------------


def _link(interface: Interface) -> dict[str, str]:
    settings = {"kind": interface.kind.type, "up": "true"}
    if interface.macaddress is not None:
        settings["mac"] = interface.macaddress
    if interface.mtu is not None:
        settings["mtu"] = str(interface.mtu)
    match interface.kind:
        case Bridge():
            settings |= _bridge(interface.kind)
        case Veth(peer=peer):
            settings["linked to"] = peer
        case Vlan(link=link, id=vid, protocol=protocol):
            settings |= {"linked to": link, "id": str(vid), "protocol": _ETHERTYPES[protocol]}
        case _:
            pass
    if interface.port is not None:
        settings |= {"master": interface.port.bridge, **_port(interface.port)}
    return settings


def _bridge(bridge: Bridge) -> dict[str, str]:
    settings = {
        "stp_state": int(bridge.stp),
        "vlan_filtering": int(bridge.vlan_filtering),
        "forward_delay": _centiseconds(bridge.forward_delay),
        "hello_time": _centiseconds(bridge.hello_time),
        "max_age": _centiseconds(bridge.max_age),
        "ageing_time": _centiseconds(bridge.ageing_time),
        "priority": bridge.priority,
        "vlan_default_pvid": bridge.default_pvid,
        "mcast_snooping": _bit(bridge.multicast_snooping),
        "mcast_querier": _bit(bridge.multicast_querier),
    }
    return {name: str(value) for name, value in settings.items() if value is not None}


def _centiseconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds // 10  # USER_HZ


def _bit(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _port(port: Port) -> dict[str, str]:
    settings = {
        "cost": port.path_cost,
        "priority": port.priority,
        "hairpin": port.hairpin,
        "learning": port.learning,
        "isolated": port.isolated,
        "neigh_suppress": port.neigh_suppress,
    }
    return {f"port {k}": str(v).lower() for k, v in settings.items() if v is not None}


# --- addresses ----------------------------------------------------------------------------------


def _addresses(interface: Interface) -> Iterator[tuple[Key, str]]:
    """State the addresses and the routes that come with them."""
    name = interface.name
    primary: dict[tuple[IPNetwork, bool], Address] = {}
    for address in interface.addresses:
        shown = _shown(address)
        subnet = address.address.network if address.peer is None else address.peer.network
        # A second IPv4 address of a subnet is a "secondary" one (inet_insert_ifa)
        first = primary.setdefault((subnet, address.peer is None), address)
        flags = {
            "deprecated": address.preferred_lifetime == 0,
            "noprefixroute": address.noprefixroute,
            "secondary": first is not address and subnet.version == 4,
        }
        yield (
            ("address", name, shown),
            describe_address(
                scope=_address_scope(address),
                peer=None if address.peer is None else str(address.peer.ip),
                label=address.label or "",
                broadcast=address.peer is None and _has_broadcast(address.address),
                flags=[flag for flag, holds in flags.items() if holds],
            ),
        )
        if first is address and not address.noprefixroute:
            yield from _connected(interface, subnet, str(address.address.ip))
    if _has_link_local(interface):
        yield ("address", name, LINK_LOCAL), describe_address(scope="link")
        link_local = ip_interface("fe80::/64").network
        yield from _connected(interface, link_local, "fe80::")


def _shown(address: Address) -> str:
    """Spell an address as the kernel does: its own with the prefix of the other end."""
    prefix = (address.address if address.peer is None else address.peer).network.prefixlen
    return f"{address.address.ip}/{prefix}"


def _address_scope(address: Address) -> str:
    own = address.address.ip
    if own.version == 6:  # the kernel tells it from the address (ipv6_addr_scope)
        return "link" if own.is_link_local else "global"
    return address.scope


def _has_broadcast(address: IPInterface) -> bool:
    return address.version == 4 and address.network.prefixlen <= 30  # RFC 3021


def _has_link_local(interface: Interface) -> bool:
    return (
        "ipv6" in interface.link_local
        and interface.port is None
        and not isinstance(interface.kind, Loopback)
    )


def _connected(interface: Interface, subnet: IPNetwork, source: str) -> Iterator[tuple[Key, str]]:
    """State the route that the kernel makes of an address."""
    if subnet.version == 4 and subnet.prefixlen == 32 and source == str(subnet.network_address):
        return
    name = route_name(
        type="unicast",
        to=_destination(subnet),
        device=interface.name,
        metric=CONNECTED_METRIC[subnet.version],
    )
    text = describe_route(scope="link", source=source) if subnet.version == 4 else ""
    yield ("route", f"ipv{subnet.version} {MAIN}", name), text


def _leased(interface: Interface, lease: Lease) -> Iterator[tuple[Key, str]]:
    name = interface.name
    yield (
        ("address", name, str(lease.address)),
        describe_address(scope="global", broadcast=True, flags=["dynamic"]),
    )
    yield from _connected(interface, lease.address.network, str(lease.address.ip))
    if interface.dhcp4_overrides.use_routes:
        metric = interface.dhcp4_overrides.route_metric
        default = route_name(type="unicast", to="default", device=name, metric=metric)
        yield ("route", f"ipv4 {MAIN}", default), describe_route(scope="global", via=lease.router)


# --- routes and rules ---------------------------------------------------------------------------


def _route(interface: str, route: Route) -> tuple[Key, str]:
    version = route.to.version
    metrics = {
        "mtu": route.mtu,
        "advmss": route.advmss,
        "initcwnd": route.congestion_window,
        "initrwnd": route.initrwnd,
    }
    key = (
        "route",
        f"ipv{version} table {route.table}",
        route_name(
            type=route.type,
            to=_destination(route.to),
            device=interface,
            metric=ROUTE_METRIC[version] if route.metric is None else route.metric,
        ),
    )
    text = describe_route(
        scope=_scope(route) if version == 4 else "",
        via=None if route.via is None else str(route.via),
        source=None if route.from_ is None else str(route.from_),
        metrics={name: value for name, value in metrics.items() if value is not None},
        on_link=route.on_link and not route.nexthops,
        hops=[describe_hop(str(h.via), h.weight, route.on_link) for h in route.nexthops],
    )
    return key, text


def _destination(network: IPNetwork) -> str:
    if network.prefixlen == 0:
        return "default"
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return str(network)


def _scope(route: Route) -> str:
    """Give the scope of an IPv4 route; ip-route(8) has these defaults."""
    if route.scope is not None:
        return route.scope
    if route.type in ("local", "nat"):
        return "host"
    if route.type in ("broadcast", "multicast", "anycast"):
        return "link"
    direct = route.via is None and not route.nexthops
    return "link" if route.type == "unicast" and direct else "global"


_ACTIONS = {"blackhole": "6", "unreachable": "7", "prohibit": "8"}  # linux/fib_rules.h


def _rule(rule: Rule) -> Iterator[tuple[Key, str]]:
    said: dict[str, object] = {"src": "all"}
    for word, network in (("src", rule.from_), ("dst", rule.to)):
        if network is not None:
            said[word] = network.network_address
            if network.prefixlen < network.max_prefixlen:
                said[f"{word}len"] = network.prefixlen
    if rule.fwmark is not None:
        mark, mask = rule.fwmark
        said["fwmark"] = hex(mark)
        if mask != 0xFFFFFFFF:
            said["fwmask"] = hex(mask)
    for word, span in (("sport", rule.source_port), ("dport", rule.destination_port)):
        said |= _span(word, span)
    if rule.uid_range is not None:
        said["uid_start"], said["uid_end"] = rule.uid_range
    if rule.invert:
        said["not"] = None
    plain = {
        "iif": rule.iif,
        "oif": rule.oif,
        "tos": None if rule.tos is None else f"{rule.tos:#04x}",
        "ipproto": None if rule.ip_protocol is None else f"ipproto-{rule.ip_protocol}",
        "suppress_prefixlen": rule.suppress_prefix_length,
        "table": rule.table,
        "action": None if rule.action is None else _ACTIONS[rule.action],
    }
    said |= {word: value for word, value in plain.items() if value is not None}
    for version in rule.families:
        yield ("rule", f"ipv{version}", str(rule.priority)), describe_rule(said)


def _span(word: str, span: tuple[int, int] | None) -> Json:
    if span is None:
        return {}
    first, last = span
    return {word: first} if first == last else {f"{word}_start": first, f"{word}_end": last}


def _default_rules() -> State:
    """State the rules of every network namespace, ip-rule(8)."""
    tables = {("ipv4", "0"): 255, ("ipv4", "32766"): 254, ("ipv4", "32767"): 253}
    tables |= {("ipv6", "0"): 255, ("ipv6", "32766"): 254}
    return {
        ("rule", family, priority): describe_rule({"src": "all", "table": table})
        for (family, priority), table in tables.items()
    }


# --- sysctls ------------------------------------------------------------------------------------


def _sysctls(interface: Interface) -> Iterator[tuple[str, int]]:
    if not isinstance(interface.kind, Loopback):
        yield "ipv6 accept_ra", int(interface.accept_ra)
        yield "ipv6 use_tempaddr", 2 if interface.ipv6_privacy else 0
    if interface.ipv6_mtu is not None:
        yield "ipv6 mtu", interface.ipv6_mtu
    for family, name, value in interface.sysctl:
        yield f"{family} {name}", value


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
