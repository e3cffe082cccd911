"""Networks of guests and their services: VN308 to VN313, VN316, VN318."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv6Network

from vnetc.checks.view import View
from vnetc.diagnostics import Diagnostic, Label, Path, diagnostic
from vnetc.model import DhcpServer, Firewall, IPNetwork, PublishedPort, Reservation
from vnetc.scalars import guest_range

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
    """VN105: dnsmasq raises a shorter lease time to two minutes without a word."""
    for server, _ in _servers(view):
        if not _SHORTEST_LEASE <= server.lease_time <= _LONGEST_LEASE:
            yield diagnostic(
                "VN105",
                "a lease is valid for two minutes at least, and for 49710 days at most",
                (*server.path, "lease-time"),
                help="write a time from `2m` to `49710d`",
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
    """VN301: guests reach a router only in their own subnet."""
    for server, subnet_path in _servers(view):
        if (
            server.router is not None
            and (server.subnet is None or server.router not in server.subnet)
            and view.is_sound(("networks", server.name), "subnet")
        ):
            yield diagnostic(
                "VN301",
                f"the router `{server.router}` is outside the guests' subnet",
                (*server.path, "router"),
                labels=(Label(text="the subnet", path=subnet_path),),
                help="choose an address in the subnet, or `false` for none",
            )


def check_published(view: View) -> Iterator[Diagnostic]:
    """VN312, VN313: a port leads to one guest of its own network."""
    seen: list[PublishedPort] = []
    for firewall in view.host.firewalls:
        has_subnet = view.is_sound(firewall.path, "subnet")
        for port in firewall.publish:
            if has_subnet and not any(port.to in subnet for subnet in firewall.subnet):
                yield diagnostic(
                    "VN313",
                    f"`{port.to}` is not in the subnet of `{firewall.name}`",
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
            for other in seen:
                if _collide(port, other):
                    yield diagnostic(
                        "VN312",
                        f"the {port.protocol} port {_ports(port)} is published twice",
                        (*port.path, "port"),
                        labels=(Label(text="first here", path=(*other.path, "port")),),
                        help="choose another port of the host",
                    )
                    break
            seen.append(port)


def _collide(one: PublishedPort, other: PublishedPort) -> bool:
    return (
        one.protocol == other.protocol
        and one.to.version == other.to.version
        and one.ports[0] <= other.ports[1]
        and other.ports[0] <= one.ports[1]
    )


def _ports(port: PublishedPort) -> str:
    first, last = port.ports
    return str(first) if first == last else f"{first}-{last}"


def check_own_addresses(view: View) -> Iterator[Diagnostic]:
    """VN316: the host's address on the bridge is in the guests' subnet, with its prefix length."""
    for firewall in view.host.firewalls:
        bridge = view.interfaces.get(firewall.bridge)
        if bridge is None or not view.is_sound(firewall.path, "subnet"):
            continue
        for address in bridge.addresses:
            network = address.address.network
            if address.address.version == 6 and address.address.ip.is_link_local:
                continue
            if network in firewall.subnet:
                continue
            around = next((s for s in firewall.subnet if address.address.ip in s), None)
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
    """VN305: the subnets of networks and of each other do not overlap."""
    seen: list[tuple[Firewall, IPNetwork, Path]] = []
    for firewall in view.host.firewalls:
        for index, subnet in enumerate(firewall.subnet):
            path = _subnet_path(view, firewall, index)
            for other, known, where in seen:
                if subnet.version == known.version and subnet.overlaps(known):
                    own = {a.version for a in firewall.addresses}
                    if other is not firewall and subnet.version in own:
                        continue  # the addresses overlap too, and check_overlaps says so
                    yield diagnostic(
                        "VN305",
                        f"`{subnet}` overlaps `{known}` of `{other.name}`",
                        path,
                        labels=(Label(text="the other subnet", path=where),),
                        help="give each its own",
                    )
            seen.append((firewall, subnet, path))


GUESTS: tuple[Callable[[View], Iterator[Diagnostic]], ...] = (
    check_ranges,
    check_leases,
    check_reservations,
    check_router,
    check_published,
    check_own_addresses,
    check_room,
    check_subnets,
)
