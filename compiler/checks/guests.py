"""Networks of guests and their services: VN308 to VN313, VN316, VN318, VN426."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv6Network

from vnetc.checks.shared_codes import mismatched_keys, out_of_range, outside_subnet, overlapping
from vnetc.checks.view import View, carries_ethernet
from vnetc.language.scalars import guest_range
from vnetc.model.diagnostics import Diagnostic, Label, Part, Path, diagnostic
from vnetc.model.host import DhcpServer, Firewall, PublishedPort, Reservation, Route
from vnetc.model.kinds import Loopback
from vnetc.model.values import IPAddress, IPNetwork

# dnsmasq(8): "The minimum lease time is two minutes."
_SHORTEST_LEASE = 120_000
# 32 bits of seconds, of which all ones mean forever (RFC 2131)
_LONGEST_LEASE = 0xFFFFFFFE * 1000


def _servers(view: View) -> Iterator[tuple[DhcpServer, Path]]:
    for server in view.host.dhcp_servers:
        yield server, ("networks", server.name, "subnet")


def check_ranges(view: View) -> Iterator[Diagnostic]:
    """VN308, VN309: a pool lies in the subnet and leaves out the host."""
    for server, subnet_path in _servers(view):
        path = (*server.path, "range")
        if server.range is None:
            continue
        first, last = server.range
        subnet = server.subnet
        if subnet is None and not view.is_sound(("networks", server.name), "subnet"):
            continue
        if subnet is None or first not in subnet or last not in subnet:
            yield diagnostic(
                "VN308",
                f"the DHCP range {first} - {last} has no IPv4 subnet"
                if subnet is None
                else f"the DHCP range {first} - {last} is not within `{subnet}`",
                path,
                labels=(Label(text="the subnet", path=subnet_path),),
                help="add an IPv4 subnet, or remove the range"
                if subnet is None
                else "choose first and last address within the subnet",
            )
            continue
        bridge = view.interfaces.get(server.bridge)
        addresses = () if bridge is None else bridge.addresses
        free = guest_range(subnet, (own.address.ip for own in addresses))
        help = "" if free is None else f"guests can have `{free[0]} - {free[1]}`"
        edges = {subnet.network_address: "network", subnet.broadcast_address: "broadcast"}
        edge = first if first in edges else last
        if edge in edges:
            yield diagnostic(
                "VN308",
                f"the DHCP range holds `{edge}`, the {edges[edge]} address",
                path,
                labels=(Label(text="the subnet", path=subnet_path),),
                help=help,
            )
            continue
        for own in addresses:
            implied = own.path[:3] == subnet_path
            if own.address.version == 4 and int(first) <= int(own.address.ip) <= int(last):
                yield diagnostic(
                    "VN309",
                    f"the DHCP range holds `{own.address.ip}`, the host's own address",
                    path,
                    labels=(
                        Label(
                            text="the host takes its first address"
                            if implied
                            else "the host's address",
                            path=(*own.path, "address"),
                        ),
                    ),
                    help=help,
                )


def check_leases(view: View) -> Iterator[Diagnostic]:
    """VN105: dnsmasq raises a shorter lease time to two minutes and cuts it to whole seconds."""
    for server, _ in _servers(view):
        if not _SHORTEST_LEASE <= server.lease_time <= _LONGEST_LEASE:
            yield out_of_range(
                "a lease is valid for two minutes at least, and for 49710 days at most",
                (*server.path, "lease-time"),
                help="write a time from `2m` to `49710d`",
            )
        elif server.lease_time % 1000:
            yield out_of_range(
                "a lease is valid for whole seconds",
                (*server.path, "lease-time"),
                help=f"write `{server.lease_time // 1000 + 1}s`",
            )


def check_reservations(view: View) -> Iterator[Diagnostic]:
    """VN310, VN311: a reservation is in the subnet, and its parts are nobody else's."""
    for server, subnet_path in _servers(view):
        first: dict[tuple[str, object], Path] = {}
        has_subnet = view.is_sound(("networks", server.name), "subnet")
        bridge = view.interfaces.get(server.bridge)
        own = (
            {} if bridge is None else {a.address.ip: (*a.path, "address") for a in bridge.addresses}
        )
        for reservation in server.reservations:
            if has_subnet:
                yield from _reserved_in_subnet(server, reservation, subnet_path)
            if reservation.address in own:
                yield diagnostic(
                    "VN311",
                    f"`{reservation.address}` is the host's own address",
                    (*reservation.path, "address"),
                    labels=(Label(text="the host's address", path=own[reservation.address]),),
                    help="reserve another address",
                )
            for key, value in _identity(reservation):
                path = (*reservation.path, key)
                if (key, value) in first:
                    yield diagnostic(
                        "VN311",
                        f"two reservations have the {key} `{value}`",
                        path,
                        labels=(Label(text="first here", path=first[key, value]),),
                        help="remove or change one of them",
                    )
                else:
                    first[key, value] = path


def _reserved_in_subnet(
    server: DhcpServer, reservation: Reservation, subnet_path: Path
) -> Iterator[Diagnostic]:
    subnet, address = server.subnet, reservation.address
    edges = () if subnet is None else (subnet.network_address, subnet.broadcast_address)
    if subnet is not None and address in subnet and address not in edges:
        return
    yield diagnostic(
        "VN310",
        f"the reserved `{address}` is not a host of the subnet",
        (*reservation.path, "address"),
        labels=(Label(text="the subnet", path=subnet_path),),
        help="" if subnet is None else f"choose an address in `{subnet}`",
    )


def _identity(reservation: Reservation) -> Iterator[tuple[str, object]]:
    yield "macaddress", reservation.macaddress
    yield "address", reservation.address
    if reservation.hostname is not None:
        yield "hostname", reservation.hostname.lower()


def check_router(view: View) -> Iterator[Diagnostic]:
    """VN301, VN309, VN311: the router is a host of the guests' subnet, and no guest."""
    for server, subnet_path in _servers(view):
        router, subnet = server.router, server.subnet
        if router is None or not view.is_sound(("networks", server.name), "subnet"):
            continue
        path, said = (*server.path, "router"), Label(text="the subnet", path=subnet_path)
        edge = None if subnet is None else _edge(router, subnet)
        if subnet is None or router not in subnet or edge is not None:
            yield outside_subnet(
                f"the router `{router}` is outside the guests' subnet"
                if edge is None
                else f"the router `{router}` is the {edge} address of the guests' subnet",
                path,
                labels=(said,),
                help="choose an address in the subnet, or `false` for none",
            )
            continue
        bridge = view.interfaces.get(server.bridge)
        own = () if bridge is None else tuple(a.address.ip for a in bridge.addresses)
        if router in own:
            continue  # VN309 and VN311 say it of the host's addresses
        pool = server.range
        if pool is not None and pool[0] <= router <= pool[1]:
            free = guest_range(subnet, (*own, router))
            yield diagnostic(
                "VN309",
                f"the DHCP range {pool[0]} - {pool[1]} holds the router `{router}`",
                path,
                labels=(Label(text="the range", path=(*server.path, "range")),),
                help="" if free is None else f"guests can have `{free[0]} - {free[1]}`",
            )
        for reservation in server.reservations:
            if reservation.address == router:
                yield diagnostic(
                    "VN311",
                    f"`{router}` is the router's address",
                    (*reservation.path, "address"),
                    labels=(Label(text="the router", path=path),),
                    help="reserve another address",
                )


def _edge(address: IPAddress, subnet: IPNetwork) -> str | None:
    """Say what the first and the last address of an IPv4 subnet are, None of its hosts."""
    if address.version == 4 and subnet.prefixlen < subnet.max_prefixlen - 1:  # RFC 3021
        edges = {subnet.network_address: "network", subnet.broadcast_address: "broadcast"}
        return edges.get(address)
    return None


def check_uplinks(view: View) -> Iterator[Diagnostic]:
    """VN112: guests' packets leave the host by the uplink, so it is an interface with a way out."""
    for firewall in view.host.firewalls:
        uplink = None if firewall.uplink is None else view.interfaces.get(firewall.uplink)
        if uplink is None:
            continue
        labels: tuple[Label, ...] = ()
        if uplink.name == firewall.bridge:
            reason = f"`{uplink.name}` is the bridge of the guests themselves"
            help = "name the interface to the other hosts, or remove `uplink`"
        elif isinstance(uplink.kind, Loopback):
            reason = f"`{uplink.name}` is the loopback device, nothing leaves the host by it"
            help = "name the interface to the other hosts, or remove `uplink`"
        elif uplink.claim is not None:
            claim, bridge = uplink.claim, uplink.claim.master
            role, what = ("port", "bridge") if uplink.member is None else ("member", "bond")
            reason = f"`{uplink.name}` is a {role} of `{bridge}`, traffic leaves by the {what}"
            part: Part = "value" if claim.path[-1] == "uplink" else "key"
            labels = (Label(text=f"a {role} by this", path=claim.path, part=part),)
            help = (
                f"remove the {role}, or name another uplink"
                if bridge == firewall.bridge
                else f"write `uplink: {bridge}`"
            )
        else:
            continue
        yield mismatched_keys(reason, (*firewall.path, "uplink"), labels=labels, help=help)


def check_published(view: View) -> Iterator[Diagnostic]:
    """VN313: a port leads to a guest of its own network."""
    for firewall in view.host.firewalls:
        has_subnet = view.is_sound(firewall.path, "subnet")
        for port in firewall.publish:
            around = next((subnet for subnet in firewall.subnet if port.to in subnet), None)
            edge = None if around is None else _edge(port.to, around)
            if (has_subnet and around is None) or edge is not None:
                yield diagnostic(
                    "VN313",
                    f"`{port.to}` is not in the subnet of `{firewall.name}`"
                    if edge is None
                    else f"`{port.to}` is the {edge} address of `{around}`, not a guest",
                    (*port.path, "to"),
                    labels=(Label(text="the subnet", path=(*firewall.path, "subnet")),),
                    help="publish to a guest of this network",
                )
            elif port.to in firewall.addresses:
                yield diagnostic(
                    "VN313",
                    f"`{port.to}` is the host itself, not a guest",
                    (*port.path, "to"),
                    help="a port of the host needs no publishing",
                )


def check_published_once(view: View) -> Iterator[Diagnostic]:
    """VN312: a port of the host leads to one guest."""
    ports = [port for firewall in view.host.firewalls for port in firewall.publish]
    # sorted, only the one that reaches furthest so far can still hold the next one's first port
    order = sorted(
        (port.protocol, port.to.version, *port.ports, index) for index, port in enumerate(ports)
    )
    said: set[int] = set()
    furthest = None
    for item in order:
        protocol, version, first, last, index = item
        if furthest is not None and furthest[:2] == (protocol, version) and first <= furthest[3]:
            earlier, later = sorted((furthest[4], index))
            if later not in said:
                said.add(later)
                yield diagnostic(
                    "VN312",
                    f"the {protocol} port {_ports(ports[later])} is published twice",
                    (*ports[later].path, "port"),
                    labels=(Label(text="first here", path=(*ports[earlier].path, "port")),),
                    help="choose another port of the host",
                )
            if last <= furthest[3]:
                continue
        furthest = item


def _ports(port: PublishedPort) -> str:
    first, last = port.ports
    return str(first) if first == last else f"{first}-{last}"


def check_own_addresses(view: View) -> Iterator[Diagnostic]:
    """VN316: the host's address is in the guests' subnet, with its prefix length or alone."""
    for firewall in view.host.firewalls:
        bridge = view.interfaces.get(firewall.bridge)
        if bridge is None or not view.is_sound(firewall.path, "subnet"):
            continue
        for address in bridge.addresses:
            network = address.address.network
            if address.address.version == 6 and address.address.ip.is_link_local:
                continue
            around = next((s for s in firewall.subnet if address.address.ip in s), None)
            is_single = around is not None and network.prefixlen == network.max_prefixlen
            if network in firewall.subnet or is_single:  # a single address moves between hosts
                continue
            yield diagnostic(
                "VN316",
                f"`{address.address}` is not in the subnet of `{firewall.name}`"
                if around is None
                else f"`{address.address}` has another prefix length than the guests' subnet",
                (*address.path, "address"),
                labels=(Label(text="the subnet", path=(*firewall.path, "subnet")),),
                help="choose an address of the subnet"
                if around is None
                else f"write `{address.address.ip}/{around.prefixlen}`",
            )


def check_room(view: View) -> Iterator[Diagnostic]:
    """VN318: a subnet has room for the host and a guest; SLAAC needs 64 bits (RFC 4862)."""
    serves = {server.name: server for server in view.host.dhcp_servers}
    for firewall in view.host.firewalls:
        for index, subnet in enumerate(firewall.subnet):
            reason = _cramped(firewall, subnet, advertised=firewall.name in serves)
            if reason is not None:
                yield diagnostic(
                    "VN318",
                    f"`{subnet}` {reason[0]}",
                    _subnet_path(view, firewall, index),
                    help=reason[1],
                )


def _domain(view: View, firewall: Firewall) -> str:
    bridge = view.interfaces.get(firewall.bridge)
    return "" if bridge is None else view.domain(bridge)


def _subnet_path(view: View, firewall: Firewall, index: int) -> Path:
    """Point at one of several subnets, if none of them was left out."""
    path = (*firewall.path, "subnet")
    several = len(firewall.subnet) > 1 and view.is_sound(firewall.path, "subnet")
    return (*path, index) if several else path


def _cramped(firewall: Firewall, subnet: IPNetwork, advertised: bool) -> tuple[str, str] | None:
    if subnet.prefixlen > subnet.max_prefixlen - 2:
        return (
            "has no room for the host and a guest",
            f"use a /{subnet.max_prefixlen - 2} or larger",
        )
    if isinstance(subnet, IPv6Network) and advertised and subnet.prefixlen != 64:
        return (
            "cannot be advertised to guests: automatic addresses need a /64",
            "use a /64, or `dhcp: false`",
        )
    return None


def check_subnets(view: View) -> Iterator[Diagnostic]:
    """VN305: the subnets of networks and of each other do not overlap, but in different VRFs."""
    subnets = [
        (subnet, firewall, _subnet_path(view, firewall, index), domain)
        for firewall in view.host.firewalls
        for domain in (_domain(view, firewall),)
        for index, subnet in enumerate(firewall.subnet)
    ]
    # of two subnets that overlap one holds the other: sorted, it comes first
    subnets.sort(
        key=lambda item: (item[3], item[0].version, int(item[0].network_address), item[0].prefixlen)
    )
    widest: tuple[IPNetwork, Firewall, Path, str] | None = None
    for item in subnets:
        subnet, firewall, path, domain = item
        if (
            widest is None
            or (widest[3], widest[0].version) != (domain, subnet.version)
            or not subnet.overlaps(widest[0])
        ):
            widest = item
            continue
        known, other, where, _ = widest
        if other is not firewall and subnet.version in {a.version for a in firewall.addresses}:
            continue  # the addresses overlap too, and check_overlaps says so
        yield overlapping(
            f"`{subnet}` overlaps `{known}` of `{other.name}`",
            path,
            labels=(Label(text="the other subnet", path=where),),
            help="give each its own",
        )


def check_listening(view: View) -> Iterator[Diagnostic]:
    """VN426: a host that forwards IPv6 takes no router advertisements unless told to.

    Once for a host, and only if no other way out is said: a default route, or an interface that listens.
    """
    routed = [f for f in view.host.firewalls if f.mode != "isolated" and _ipv6(f) is not None]
    ways_out = (
        i.accept_ra or any(_is_default(route, 6) for route in i.routes)
        for i in view.host.interfaces
    )
    if not routed or any(ways_out):
        return
    named = {firewall.uplink for firewall in routed if firewall.uplink is not None}
    guests = {firewall.bridge for firewall in view.host.firewalls}
    for interface in view.host.interfaces:
        leads_out = (
            interface.dhcp4 or interface.dhcp6 or any(_is_default(r, 4) for r in interface.routes)
        )
        if (
            (interface.name in named or (leads_out and not named))
            and interface.name not in guests
            and interface.accept_ra is None
            and interface.claim is None
            and interface.activation != "off"
            and (interface.link_local is None or "ipv6" in interface.link_local)
            and carries_ethernet(interface.kind)
            and view.is_sound(interface.path, "accept-ra", "routes", "type")
        ):
            yield diagnostic(
                "VN426",
                f"`{interface.name}` does not listen to IPv6 routers, since the host is one itself",
                interface.path,
                "key",
                labels=(Label(text="by this network", path=(*routed[0].path, "subnet")),),
                help="say `accept-ra: true` if its IPv6 comes from a router, else `accept-ra: false`",
            )
            return


def _ipv6(firewall: Firewall) -> IPNetwork | None:
    return next((subnet for subnet in firewall.subnet if subnet.version == 6), None)


def _is_default(route: Route, version: int) -> bool:
    return route.to.prefixlen == 0 and route.to.version == version


GUESTS: tuple[Callable[[View], Iterator[Diagnostic]], ...] = (
    check_ranges,
    check_leases,
    check_reservations,
    check_router,
    check_uplinks,
    check_published,
    check_published_once,
    check_own_addresses,
    check_room,
    check_subnets,
    check_listening,
)
