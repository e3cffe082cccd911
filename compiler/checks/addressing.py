"""Addresses, routes and rules: VN301 to VN306, VN314, VN315, VN319, VN320."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.checks.shared_codes import mixed_families, no_host_address, outside_subnet, overlapping
from vnetc.checks.view import Subnets, View, connected, learns_addresses, single
from vnetc.language.scalars import TABLES
from vnetc.model.diagnostics import Diagnostic, Label, Path, diagnostic
from vnetc.model.host import MAIN_TABLE, Address, Firewall, Interface, Route, Rule
from vnetc.model.kinds import Loopback
from vnetc.model.record import Node
from vnetc.model.values import IPAddress, IPInterface, IPNetwork


class _Gateway(Node, kw_only=False):
    """A gateway of a route, and the interface that leads to it."""

    address: IPAddress
    interface: Interface
    table: int
    on_link: bool
    path: Path


def _gateways(view: View) -> Iterator[_Gateway]:
    for interface in view.host.interfaces:
        for route in interface.routes:
            if route.via is not None:
                path = (*route.path, "via")
                yield _Gateway(route.via, interface, route.table, route.on_link, path)
            for hop in route.nexthops:
                way = interface if hop.interface is None else view.interfaces.get(hop.interface)
                if way is not None:
                    on_link = route.on_link or hop.on_link
                    yield _Gateway(hop.via, way, route.table, on_link, (*hop.path, "via"))


def _own(view: View) -> dict[tuple[str, IPAddress], Address]:
    """Find the host's addresses by the VRF that they are in; to the others they are strangers'."""
    return {(view.domain(i), address.address.ip): address for i, address in view.addresses()}


def check_gateways(view: View) -> Iterator[Diagnostic]:
    """VN301, VN303: a gateway is a host that a subnet of the interface holds.

    The kernel looks for the way to it in the route's own table, then as for any packet, which
    finds the VRF's and the main table (fib_check_nh_v4_gw in net/ipv4/fib_semantics.c).
    """
    gateways = list(_gateways(view))
    if not gateways:
        return
    host, links = _own(view), _Links(view)
    for gateway in gateways:
        interface, address, path = gateway.interface, gateway.address, gateway.path
        if not view.is_sound(interface.path, "addresses", "subnet", "routes", "dhcp4", "dhcp6"):
            continue
        if (view.domain(interface), address) in host:  # VN302 says it
            continue
        reason = _no_gateway(address) or links.edges[interface.name].get(address)
        if reason is not None:
            yield no_host_address(
                f"the gateway `{address}` {reason}",
                path,
                help="a gateway is another host of the subnet",
            )
            continue
        tables = links.tables[interface.name]
        asked = (gateway.table, view.home(interface), MAIN_TABLE)
        if (
            gateway.on_link
            or (address.version == 6 and address.is_link_local)
            or any(table in tables and tables[table].holds(single(address)) for table in asked)
            or learns_addresses(interface, address.version)
        ):
            continue
        own = [a for a in interface.addresses if a.address.version == address.version]
        yield outside_subnet(
            f"the gateway `{address}` is outside every subnet of `{interface.name}`",
            path,
            label="not reachable from here",
            labels=tuple(
                Label(
                    text=f"`{interface.name}` is in {a.address.network}",
                    path=_address_path(a),
                )
                for a in own
            ),
            help=_gateway_help(links, interface, address, own),
        )


class _Links:
    """What is on the link of each interface, by routing table, and whose link an address is on."""

    def __init__(self, view: View) -> None:
        self.tables: dict[str, dict[int, Subnets]] = {}
        self.edges: dict[str, dict[IPAddress, str]] = {}
        self._owners: dict[IPNetwork, Interface] = {}
        for interface in view.host.interfaces:
            home = view.home(interface)
            subnets = connected(interface, home)
            self.tables[interface.name] = {table: Subnets(of) for table, of in subnets.items()}
            self.edges[interface.name] = _edges(interface)
            for subnet in subnets[home]:
                self._owners.setdefault(subnet, interface)
        self._subnets = Subnets(self._owners)

    def owner(self, gateway: IPAddress) -> Interface | None:
        """Find the interface in whose subnet a gateway is."""
        subnet = next(self._subnets.around(single(gateway)), None)
        return None if subnet is None else self._owners[subnet]

    def only_in(self, interface: Interface, gateway: IPAddress) -> int | None:
        """Find the table whose routes alone lead to a gateway."""
        for table, subnets in self.tables[interface.name].items():
            if subnets.holds(single(gateway)):
                return table
        return None


def _gateway_help(
    links: _Links, interface: Interface, gateway: IPAddress, own: list[Address]
) -> str:
    table = links.only_in(interface, gateway)
    if table is not None:
        name = _TABLE_NAMES.get(table, table)
        return f"the route to it is in table `{name}`: put both into one table"
    other = links.owner(gateway)
    if other is not None:
        return f"it is in a subnet of `{other.name}`: the route belongs there"
    way_out = (
        "correct the gateway or the address"
        if own
        else f"give `{interface.name}` an IPv{gateway.version} address"
    )
    return f"{way_out}; if the gateway really is on the link, add `on-link: true`"


def _no_gateway(gateway: IPAddress) -> str | None:
    """Say why an address is no host's on any link, or None."""
    if gateway.is_unspecified:
        return "stands for no address at all"
    if gateway.is_multicast:
        return "is a multicast address"
    return "is a loopback address" if gateway.is_loopback else None


def _edges(interface: Interface) -> dict[IPAddress, str]:
    """Say of the first and the last address of each IPv4 subnet why it is no host's."""
    edges: dict[IPAddress, str] = {}
    for address in interface.addresses:
        subnet = (address.peer or address.address).network
        if subnet.version == 4 and subnet.prefixlen < subnet.max_prefixlen - 1:  # RFC 3021
            edges[subnet.network_address] = f"is the network address of `{subnet}`"
            edges[subnet.broadcast_address] = f"is the broadcast address of `{subnet}`"
    return edges


def check_own_gateway(view: View) -> Iterator[Diagnostic]:
    """VN302: the kernel takes an IPv4 gateway of its own for "all is on the link"."""
    own = _own(view)
    for gateway in _gateways(view):
        address = own.get((view.domain(gateway.interface), gateway.address))
        if address is not None:
            yield diagnostic(
                "VN302",
                f"the gateway `{gateway.address}` is the host itself",
                gateway.path,
                labels=(Label(text="its own address", path=_address_path(address)),),
                help="a gateway is another host of the subnet",
            )


def _impossible(interface: Interface, address: IPInterface) -> str | None:
    """Say why no host can have an address, or None."""
    ip, subnet = address.ip, address.network
    if ip.is_unspecified:
        return "stands for no address at all"
    if ip.is_multicast:
        return "is a multicast address"
    if ip.is_loopback and not isinstance(interface.kind, Loopback):
        return "is a loopback address, which only `lo` has"
    if subnet.prefixlen >= subnet.max_prefixlen - 1:  # RFC 3021, RFC 6164: both are hosts
        return None
    if ip == subnet.network_address:
        word = "network" if ip.version == 4 else "subnet-router anycast"
        return f"is the {word} address of `{subnet}`"
    if ip.version == 4 and ip == subnet.broadcast_address:
        return f"is the broadcast address of `{subnet}`"
    return None


def check_host_addresses(view: View) -> Iterator[Diagnostic]:
    """VN303: a network, a broadcast or a multicast address is no host's."""
    for interface, address in view.addresses():
        reason = _impossible(interface, address.address)
        if reason is not None:
            first = address.address.network.network_address + 1
            yield no_host_address(
                f"`{address.address.ip}` {reason}",
                _address_path(address),
                help=f"the first host of the subnet is `{first}`"
                if "address of" in reason
                else "choose the address of one host",
            )


def check_unique_addresses(view: View) -> Iterator[Diagnostic]:
    """VN304: one address in a subnet, one interface of a VRF or of none.

    IPv6 link-local addresses repeat, and so do addresses without a subnet (/32, /128), which routed
    hosts have on each interface to their guests.
    """
    in_subnet: dict[tuple[str, IPAddress], tuple[Interface, Address]] = {}
    on_interface: dict[tuple[IPAddress, str], tuple[Interface, Address]] = {}
    for interface, address in view.addresses():
        ip, subnet = address.address.ip, (address.peer or address.address).network
        if ip.version == 6 and ip.is_link_local:
            continue
        known = on_interface.get((ip, interface.name))
        if known is None and subnet.prefixlen < subnet.max_prefixlen:
            known = in_subnet.setdefault((view.domain(interface), ip), (interface, address))
        on_interface.setdefault((ip, interface.name), (interface, address))
        if known is None or known[1] is address:
            continue
        other, first = known
        if other is interface and address.path[2:3] == ("subnet",):
            continue  # the first address of two overlapping subnets: VN305 says it
        yield diagnostic(
            "VN304",
            f"`{ip}` is an address of `{other.name}` already",
            _address_path(address),
            labels=(Label(text="first here", path=_address_path(first)),),
            help="remove one of them",
        )


def check_overlaps(view: View) -> Iterator[Diagnostic]:
    """VN305: two interfaces in one subnet fight for its route; single hosts do not.

    Those in different VRFs do not either: each has a table of its own.
    """
    nets = sorted(
        (
            (
                (view.domain(i), a.address.version),
                int(n.network_address),
                -int(n.broadcast_address),
                i.name,
                a,
                n,
            )
            for i, a in view.addresses()
            if not a.noprefixroute
            and (n := (a.peer or a.address).network).prefixlen < n.max_prefixlen
            and not (n.version == 6 and n.is_link_local)
        ),
        key=lambda item: item[:4],
    )
    widest = None
    for item in nets:
        where, start, end, name, address, subnet = item
        if widest is not None and widest[0] == where and start <= -widest[2]:
            same = address.address.ip == widest[4].address.ip  # VN304 says it
            if widest[3] != name and not same:
                yield overlapping(
                    f"`{subnet}` of `{name}` overlaps `{widest[5]}` of `{widest[3]}`",
                    _address_path(address),
                    labels=(Label(text=f"in `{widest[5]}`", path=_address_path(widest[4])),),
                    help="give the interfaces subnets of their own, or one of them a /32 or /128",
                )
            if -end <= -widest[2]:
                continue
        widest = item


_TABLE_NAMES = {number: name for name, number in TABLES.items()}


def check_duplicate_routes(view: View) -> Iterator[Diagnostic]:
    """VN306: of two routes with one destination and metric in a table, only one can be there."""
    first: dict[tuple[IPNetwork, int, int], Path] = {}
    for interface in view.host.interfaces:
        for route in interface.routes:
            # rtnetlink: IPv6 routes without a metric get IP6_RT_PRIO_USER, 1024
            metric = route.metric or (1024 if route.to.version == 6 else 0)
            identity = route.to, route.table, metric
            if identity in first:
                what = "default routes" if route.to.prefixlen == 0 else f"routes to `{route.to}`"
                table = _TABLE_NAMES.get(route.table, route.table)
                yield diagnostic(
                    "VN306",
                    f"two {what} with the same metric in table `{table}`",
                    route.path,
                    labels=(Label(text="the other one", path=first[identity]),),
                    help="give one of them a higher `metric`, or use `nexthops` for several ways",
                )
            else:
                first[identity] = route.path


def check_leased_uplinks(view: View) -> Iterator[Diagnostic]:
    """VN320: which of two leased default routes with one metric is used is left to chance.

    What a document does not say is the target's own, and so the same for both.
    """
    first: dict[tuple[int, int | None], Path] = {}
    for interface in view.host.interfaces:
        overrides = interface.dhcp4_overrides
        takes = overrides.use_routes if overrides.use_gateway is None else overrides.use_gateway
        asks = interface.dhcp4 and interface.claim is None and interface.activation != "off"
        if (
            not asks
            or takes is False
            or not view.is_sound(interface.path, "dhcp4-overrides", "vrf")
        ):
            continue
        table = view.home(interface) if overrides.table is None else overrides.table
        metric = overrides.route_metric
        own = (*overrides.path, "route-metric")
        path = (*interface.path, "dhcp4") if metric is None else own
        identity = table, metric
        if identity not in first:
            first[identity] = path
            continue
        yield diagnostic(
            "VN320",
            f"the default route of `{interface.name}` has the same metric as another leased one",
            path,
            "key" if metric is None else "value",
            labels=(Label(text="the other one", path=first[identity]),),
            help="say which goes first: a higher `dhcp4-overrides: {route-metric: …}` stands by",
        )


def check_guest_routes(view: View) -> Iterator[Diagnostic]:
    """VN314: guests whose subnet is routed elsewhere too are not reached."""
    if not view.host.firewalls:
        return
    leading: dict[IPNetwork, list[tuple[Interface, Route]]] = {}
    for interface in view.host.interfaces:
        for route in interface.routes:
            if route.to.prefixlen > 0:
                leading.setdefault(route.to, []).append((interface, route))
    homes = {i.name: view.home(i) for i in view.host.interfaces}
    guests: dict[IPNetwork, list[Firewall]] = {}
    for firewall in view.host.firewalls:
        for subnet in firewall.subnet:
            guests.setdefault(subnet, []).append(firewall)
    wider, narrower = Subnets(leading), Subnets(guests)
    pairs = {(to, subnet): None for subnet in guests for to in wider.around(subnet)}
    pairs |= {(to, subnet): None for to in leading for subnet in narrower.around(to)}
    said: set[tuple[Path, str]] = set()
    for to, subnet in pairs:
        for firewall in guests[subnet]:
            for interface, route in leading[to]:
                elsewhere = route.table != homes.get(firewall.bridge, MAIN_TABLE)
                is_its_own = interface.name == firewall.bridge
                if elsewhere or is_its_own or (route.path, firewall.name) in said:
                    continue
                said.add((route.path, firewall.name))
                yield diagnostic(
                    "VN314",
                    f"the route to `{to}` covers guests of `{firewall.name}`",
                    (*route.path, "to"),
                    labels=(Label(text="their subnet", path=(*firewall.path, "subnet")),),
                    help="give the guests another subnet",
                )


def check_families(view: View) -> Iterator[Diagnostic]:
    """VN315: IPv4 and IPv6 do not mix within a route, a rule or an address."""
    for interface in view.host.interfaces:
        for address in interface.addresses:
            if address.peer is not None:
                first = address.address.version, _address_path(address)
                yield from _same_family(
                    "address", *first, address.peer.version, (*address.path, "peer")
                )
            if address.label is not None and address.address.version == 6:
                yield mixed_families(
                    "labels exist for IPv4 addresses only",
                    (*address.path, "label"),
                    help="remove the label",
                )
        for route in interface.routes:
            first = route.to.version, (*route.path, "to")
            for value, key in ((route.via, "via"), (route.from_, "from")):
                if value is not None:
                    yield from _same_family("route", *first, value.version, (*route.path, key))
            for hop in route.nexthops:
                yield from _same_family("route", *first, hop.via.version, (*hop.path, "via"))
        for rule in interface.routing_policy:
            if rule.from_ is not None and rule.to is not None:
                first = rule.from_.version, (*rule.path, "from")
                yield from _same_family("rule", *first, rule.to.version, (*rule.path, "to"))


def _same_family(
    what: str, version: int, first: Path, other: int, path: Path
) -> Iterator[Diagnostic]:
    if version != other:
        yield mixed_families(
            f"IPv{version} and IPv{other} in one {what}",
            path,
            label=f"IPv{other}",
            labels=(Label(text=f"IPv{version}", path=first),),
            help=f"keep to one family, and write another {what} for the other",
        )


def check_duplicate_rules(view: View) -> Iterator[Diagnostic]:
    """VN319: the kernel refuses a rule that it has."""
    first: dict[Rule, Rule] = {}
    for interface in view.host.interfaces:
        for rule in interface.routing_policy:
            if rule in first:
                yield diagnostic(
                    "VN319",
                    f"this rule is there already, with priority {rule.priority}",
                    rule.path,
                    labels=(Label(text="first here", path=first[rule].path),),
                    help="remove one of them",
                )
            else:
                first[rule] = rule


def _address_path(address: Address) -> Path:
    """Point at the text of an address, in either of its forms."""
    return (*address.path, "address")


ADDRESSING = (
    check_gateways,
    check_own_gateway,
    check_host_addresses,
    check_unique_addresses,
    check_overlaps,
    check_duplicate_routes,
    check_leased_uplinks,
    check_guest_routes,
    check_families,
    check_duplicate_rules,
)
