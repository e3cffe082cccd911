"""Addresses, routes and rules: VN301 to VN307, VN314, VN315, VN319."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.checks.view import View, connected, is_connected, learns_addresses
from vnetc.diagnostics import Diagnostic, Label, Path, diagnostic
from vnetc.model import (
    MAIN_TABLE,
    Address,
    Interface,
    IPAddress,
    IPInterface,
    IPNetwork,
    Loopback,
    Route,
    Rule,
)
from vnetc.scalars import TABLES


def _gateways(interface: Interface) -> Iterator[tuple[Route, IPAddress, Path]]:
    for route in interface.routes:
        if route.via is not None:
            yield route, route.via, (*route.path, "via")
        for hop in route.nexthops:
            yield route, hop.via, (*hop.path, "via")


def check_gateways(view: View) -> Iterator[Diagnostic]:
    """VN301: the kernel refuses a gateway that no subnet of the interface holds."""
    host = {address.address.ip for _, address in view.addresses()}
    for interface in view.host.interfaces:
        if not view.is_sound(interface.path, "addresses", "subnet", "routes", "dhcp4", "dhcp6"):
            continue
        for route, gateway, path in _gateways(interface):
            if (
                route.on_link
                or gateway in host  # VN302 says it
                or is_connected(interface, gateway)
                or learns_addresses(interface, gateway.version)
            ):
                continue
            own = [a for a in interface.addresses if a.address.version == gateway.version]
            yield diagnostic(
                "VN301",
                f"the gateway `{gateway}` is outside every subnet of `{interface.name}`",
                path,
                label="not reachable from here",
                labels=tuple(
                    Label(
                        text=f"`{interface.name}` is in {a.address.network}",
                        path=_address_path(a),
                    )
                    for a in own
                ),
                help=_gateway_help(view, interface, gateway, own),
            )


def _gateway_help(view: View, interface: Interface, gateway: IPAddress, own: list[Address]) -> str:
    for other in view.host.interfaces:
        if other is not interface and any(gateway in subnet for subnet in connected(other)):
            return f"it is in a subnet of `{other.name}`: the route belongs there"
    way_out = (
        "correct the gateway or the address"
        if own
        else f"give `{interface.name}` an IPv{gateway.version} address"
    )
    return f"{way_out}; if the gateway really is on the link, add `on-link: true`"


def check_own_gateway(view: View) -> Iterator[Diagnostic]:
    """VN302: the kernel takes an IPv4 gateway of its own for "all is on the link"."""
    own = {address.address.ip: address for _, address in view.addresses()}
    for interface in view.host.interfaces:
        for _, gateway, path in _gateways(interface):
            address = own.get(gateway)
            if address is not None:
                yield diagnostic(
                    "VN302",
                    f"the gateway `{gateway}` is the host itself",
                    path,
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
            yield diagnostic(
                "VN303",
                f"`{address.address.ip}` {reason}",
                _address_path(address),
                help=f"the first host of the subnet is `{first}`"
                if "address of" in reason
                else "choose the address of one host",
            )


def check_unique_addresses(view: View) -> Iterator[Diagnostic]:
    """VN304: one address, one interface; only IPv6 link-local addresses repeat."""
    first: dict[IPAddress, tuple[Interface, Address]] = {}
    for interface, address in view.addresses():
        ip = address.address.ip
        if ip.version == 6 and ip.is_link_local:
            continue
        if ip in first:
            other, known = first[ip]
            if other is interface and address.path[2:3] == ("subnet",):
                continue  # the first address of two overlapping subnets: VN305 says it
            yield diagnostic(
                "VN304",
                f"`{ip}` is an address of `{other.name}` already",
                _address_path(address),
                labels=(Label(text="first here", path=_address_path(known)),),
                help="remove one of them",
            )
        else:
            first[ip] = interface, address


def check_overlaps(view: View) -> Iterator[Diagnostic]:
    """VN305: two interfaces in one subnet fight for its route; single hosts do not."""
    nets = sorted(
        (
            (a.address.version, int(n.network_address), -int(n.broadcast_address), i.name, a, n)
            for i, a in view.addresses()
            if not a.noprefixroute
            and (n := (a.peer or a.address).network).prefixlen < n.max_prefixlen
            and not (n.version == 6 and n.is_link_local)
        ),
        key=lambda item: item[:4],
    )
    widest = None
    for item in nets:
        version, start, end, name, address, subnet = item
        if widest is not None and widest[0] == version and start <= -widest[2]:
            same = address.address.ip == widest[4].address.ip  # VN304 says it
            if widest[3] != name and not same:
                yield diagnostic(
                    "VN305",
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


def check_guest_routes(view: View) -> Iterator[Diagnostic]:
    """VN314: guests whose subnet is routed elsewhere too are not reached."""
    for firewall in view.host.firewalls:
        for interface in view.host.interfaces:
            if interface.name == firewall.bridge:
                continue
            for route in interface.routes:
                if route.to.prefixlen == 0 or route.table != MAIN_TABLE:
                    continue
                if any(_overlap(route.to, subnet) for subnet in firewall.subnet):
                    yield diagnostic(
                        "VN314",
                        f"the route to `{route.to}` covers guests of `{firewall.name}`",
                        (*route.path, "to"),
                        labels=(Label(text="their subnet", path=(*firewall.path, "subnet")),),
                        help="give the guests another subnet",
                    )


def _overlap(one: IPNetwork, other: IPNetwork) -> bool:
    return one.version == other.version and (
        one.network_address in other or other.network_address in one
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
                yield diagnostic(
                    "VN315",
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
        yield diagnostic(
            "VN315",
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
    check_guest_routes,
    check_families,
    check_duplicate_rules,
)
