"""Routes and rules that the kernel refuses by themselves: VN105, VN112."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.checks.shared_codes import mismatched_keys, out_of_range
from vnetc.checks.view import Subnets, View, single
from vnetc.model.diagnostics import Diagnostic, Label
from vnetc.model.host import Address, Route, Rule
from vnetc.model.kinds import Loopback, Vrf
from vnetc.model.values import IPAddress

# Types of routes that lead nowhere, ip-route(8).
_NOWHERE = ("blackhole", "unreachable", "prohibit", "throw")
# Scopes of routes whose destinations are no further than the link, ip-route(8).
_NEAR = ("link", "host")
_EVERY_WAY = ("global", "site", "link", "host")
# Types whose routes are for the host or the link (fib_props in net/ipv4/fib_semantics.c).
_SCOPES = {"local": ("host",), "broadcast": _NEAR, "anycast": _NEAR}


def _routes(view: View) -> Iterator[Route]:
    for interface in view.host.interfaces:
        yield from interface.routes


def check_ways(view: View) -> Iterator[Diagnostic]:
    """VN112: a gateway fits the type and the scope of its route, and `on-link` has a gateway."""
    for route in _routes(view):
        said = (("via", route.via), ("nexthops", route.nexthops), ("on-link", route.on_link))
        ways = [key for key, value in said if value]
        if route.type in _NOWHERE:
            for key in ways:
                yield _excluded(route, key, "type", f"a route of type `{route.type}` leads nowhere")
        elif ways == ["on-link"] and view.is_sound(route.path, "via", "nexthops"):
            yield mismatched_keys(
                "`on-link` has no effect without a gateway",
                (*route.path, "on-link"),
                "key",
                help="add `via:`, or remove `on-link`: a route without a gateway is on the link",
            )
        elif route.to.version == 4:  # IPv6 routes have no scope
            by, value = ("scope", route.scope) if route.scope in _NEAR else ("type", route.type)
            is_near = by == "scope" or route.type in _SCOPES
            for key in ways:
                if key != "on-link" and is_near:
                    reason = f"a route of {by} `{value}` ends on the link"
                    yield _excluded(route, key, by, reason)


def check_scopes(view: View) -> Iterator[Diagnostic]:
    """VN112: a route is not valid further than its type allows, and leads somewhere."""
    for route in _routes(view):
        scope, scopes = route.scope, _SCOPES.get(route.type, _EVERY_WAY)
        if route.to.version == 6 or scope is None or route.type in _NOWHERE or scope in scopes:
            continue
        said = () if route.type == "unicast" else (*route.path, "type")
        names = ", ".join(f"`{one}`" for one in scopes)
        yield mismatched_keys(
            f"a route of type `{route.type}` has no scope `{scope}`",
            (*route.path, "scope"),
            labels=(Label(text="because of this", path=said),) if said else (),
            help=f"remove `scope`; possible are {names}"
            if scopes[1:]
            else f"remove `scope`, or write {names}",
        )


def _excluded(route: Route, key: str, by: str, reason: str) -> Diagnostic:
    return mismatched_keys(
        f"{reason} and has no `{key}`",
        (*route.path, key),
        "key",
        labels=(Label(text="because of this", path=(*route.path, by)),),
        help=f"remove `{key}`, or `{by}`",
    )


def check_loopback(view: View) -> Iterator[Diagnostic]:
    """VN112: over the loopback no IPv6 route leads anywhere.

    The kernel refuses one with a gateway and turns one without into a route of type `unreachable`
    (fib6_nh_init and fib6_is_reject, net/ipv6/route.c).
    """
    for interface in view.host.interfaces:
        if isinstance(interface.kind, Loopback):
            for route in interface.routes:
                if route.to.version == 6 and route.type == "unicast":
                    yield mismatched_keys(
                        "an IPv6 route on the loopback leads nowhere",
                        route.path,
                        help="move the route to the interface that leads there, "
                        "or say what is meant: `type: local`, `type: unreachable`",
                    )


# What tells the addresses of an interface.
_TELLING = ("addresses", "subnet", "dhcp4", "dhcp6", "accept-ra", "routes")


def check_sources(view: View) -> Iterator[Diagnostic]:
    """VN112: the kernel refuses a route `from` an address that the host does not have."""
    interfaces = view.host.interfaces
    if view.broken or not all(view.is_sound(i.path, *_TELLING) for i in interfaces):
        return
    learns = {4} if any(i.dhcp4 for i in interfaces) else set[int]()
    learns |= {6} if any(i.dhcp6 or i.accept_ra is not False for i in interfaces) else set()
    own: dict[IPAddress, dict[str, Address]] = {}  # by VRF
    for interface, address in view.addresses():
        own.setdefault(address.address.ip, {})[view.domain(interface)] = address
    vrfs = {vrf.table: interface.name for interface, vrf in view.of_kind(Vrf)}
    local = Subnets(route.to for route in _routes(view) if route.type == "local")
    for interface in interfaces:
        for route in interface.routes:
            source = route.from_
            if (
                source is None
                or source.version in learns
                or source.version != route.to.version  # VN315 says it
                or source.is_link_local  # the interface makes it up
                or source.is_loopback
                or local.holds(single(source))
            ):
                continue
            # fib_valid_prefsrc in net/ipv4/fib_semantics.c: of the table, or of no VRF;
            # ip6_route_info_create in net/ipv6/route.c: of the VRF of the interface
            here = vrfs.get(route.table, "") if source.version == 4 else view.domain(interface)
            fitting = {here, ""} if source.version == 4 else {here}
            there = own.get(source, {})
            if not there:
                yield mismatched_keys(
                    f"`{source}` is no address of the host",
                    (*route.path, "from"),
                    label="not declared on any interface",
                    help="choose one of the host's addresses, or add it to an interface",
                )
            elif not fitting & there.keys():
                (vrf, address), *_ = there.items()
                yield mismatched_keys(
                    f"`{source}` is no address of the VRF `{here}`, which the route is in"
                    if here
                    else f"`{source}` is an address of a VRF, and the route is in none",
                    (*route.path, "from"),
                    labels=(
                        Label(
                            text=f"in the VRF `{vrf}`" if vrf else "in no VRF",
                            path=(*address.path, "address"),
                        ),
                    ),
                    help="choose an address of an interface of the same VRF",
                )


def _rules(view: View) -> Iterator[Rule]:
    for interface in view.host.interfaces:
        yield from interface.routing_policy


_IPV4_TOS = 0x1C  # IPTOS_TOS_MASK without the bits of ECN


def check_tos(view: View) -> Iterator[Diagnostic]:
    """VN105: the low two bits of the old TOS byte are ECN's (RFC 3168), and no rule sees them.

    Rules for IPv4 do not see the high three either (fib4_rule_configure, net/ipv4/fib_rules.c).
    """
    for rule in _rules(view):
        if rule.tos is not None and rule.tos & 3:
            yield out_of_range(
                f"`tos` {rule.tos} has bits of ECN: it is a multiple of 4",
                (*rule.path, "tos"),
                help=f"write `{rule.tos & ~3}`",
            )
        elif rule.tos is not None and rule.tos > _IPV4_TOS and 4 in rule.families:
            yield out_of_range(
                f"`tos` {rule.tos} is more than {_IPV4_TOS}, the most that a rule for IPv4 has",
                (*rule.path, "tos"),
                help="only a rule for IPv6 alone, which `from` or `to` makes it, can have more",
            )


_NO_PORT = 65535


def check_ports(view: View) -> Iterator[Diagnostic]:
    """VN105: no rule is for port 65535 (fib_rule_port_range_valid, include/net/fib_rules.h)."""
    for rule in _rules(view):
        said = (("source-port", rule.source_port), ("destination-port", rule.destination_port))
        for key, ports in said:
            if ports is not None and ports[1] == _NO_PORT:
                yield out_of_range(
                    f"the kernel has no rules for port {_NO_PORT}",
                    (*rule.path, key),
                    help=f"the last port that a rule can be for is {_NO_PORT - 1}",
                )


ROUTES = (check_ways, check_scopes, check_loopback, check_sources, check_tos, check_ports)
