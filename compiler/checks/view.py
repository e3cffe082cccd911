"""What checks look at: the host, with the look-ups that several of them need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, ip_network

from vnetc.model.diagnostics import Diagnostic, Label, Part, Path
from vnetc.model.host import MAIN_TABLE, Address, Host, Interface, Port
from vnetc.model.kinds import (
    Bridge,
    Geneve,
    Infiniband,
    Ipvlan,
    Kind,
    Loopback,
    Tun,
    Tunnel,
    Vrf,
    Wireguard,
)
from vnetc.model.record import fields
from vnetc.model.values import IPAddress, IPNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    K = TypeVar("K")


class View:
    """A host and its interfaces by name."""

    def __init__(
        self, host: Host, broken: frozenset[str], earlier: Iterable[Diagnostic] = ()
    ) -> None:
        """Index the host.

        `broken` are names that exist but about which nothing is known, `earlier` what was wrong
        with the document before it became this host, which then lacks it.
        """
        self.host = host
        self.broken = broken
        errors = [found for found in earlier if found.severity == "error"]
        # what the parser drops, the second of two equal keys, say, may stand anywhere
        self.incomplete = any(found.code < "VN1" for found in errors)
        self._wrong = {found.path[:n] for found in errors for n in range(len(found.path) + 1)}
        self._misspelt = {found.path[:-1] for found in errors if found.code in ("VN101", "VN110")}
        self.interfaces: dict[str, Interface] = {}
        for interface in host.interfaces:
            self.interfaces.setdefault(interface.name, interface)

    def is_sound(self, path: Path, *keys: str) -> bool:
        """Tell whether a mapping says at these keys what its author meant to say.

        Not if something in their values was wrong, or if an unknown key may be one of them. Only
        then the lack of a value is worth a diagnostic.
        """
        return not (
            self.incomplete
            or path in self._misspelt
            or any((*path, key) in self._wrong for key in keys)
        )

    def addresses(self) -> Iterator[tuple[Interface, Address]]:
        """Run through all addresses of the host."""
        for interface in self.host.interfaces:
            for address in interface.addresses:
                yield interface, address

    def domain(self, interface: Interface) -> str:
        """Name the VRF whose routes an interface has, "" if it is in none.

        What a port receives is its bridge's, or its bond's; a VRF has its own routes.
        """
        seen: set[str] = set()
        while interface.claim is not None and interface.name not in seen:
            seen.add(interface.name)
            master = self.interfaces.get(interface.claim.master)
            if master is None:
                break
            interface = master
        return interface.name if isinstance(interface.kind, Vrf) else interface.vrf or ""

    def home(self, interface: Interface) -> int:
        """Give the routing table that the subnets of an interface are in."""
        vrf = self.interfaces.get(self.domain(interface))
        return vrf.kind.table if vrf is not None and isinstance(vrf.kind, Vrf) else MAIN_TABLE

    def ports(self) -> Iterator[Port]:
        """Run through all ports that bridges ask for."""
        return (claim for _, claim in self.host.claims if isinstance(claim, Port))

    def of_kind(self, cls: type[K]) -> Iterator[tuple[Interface, K]]:
        """Run through all interfaces of a kind."""
        for interface in self.host.interfaces:
            if isinstance(interface.kind, cls):
                yield interface, interface.kind

    def bridges(self) -> Iterator[tuple[Interface, Bridge]]:
        """Run through all bridges."""
        return self.of_kind(Bridge)


class Subnets:
    """Networks by what they hold: a look-up takes one step for each prefix length in use."""

    def __init__(self, networks: Iterable[IPNetwork]) -> None:
        """Index the networks."""
        self._known = set(networks)
        self._lengths = sorted({(n.version, n.prefixlen) for n in self._known}, reverse=True)

    def around(self, inner: IPNetwork) -> Iterator[IPNetwork]:
        """Run through the networks that hold all of another one, the narrowest first."""
        for version, length in self._lengths:
            if version == inner.version and length <= inner.prefixlen:
                outer = inner.supernet(new_prefix=length)
                if outer in self._known:
                    yield outer

    def holds(self, inner: IPNetwork) -> bool:
        """Tell whether one of the networks holds all of another one."""
        return next(self.around(inner), None) is not None


def single(address: IPAddress) -> IPNetwork:
    """Give the network that holds one address only."""
    return ip_network(address)


def connected(interface: Interface, home: int) -> dict[int, list[IPNetwork]]:
    """List what can be reached through an interface without a gateway, by routing table."""
    subnets: dict[int, list[IPNetwork]] = {home: []}
    for address in interface.addresses:
        if not address.noprefixroute:
            subnets[home].append((address.peer or address.address).network)
    for route in interface.routes:
        if route.via is None and not route.nexthops and route.type == "unicast":
            subnets.setdefault(route.table, []).append(route.to)
    return subnets


def learns_addresses(interface: Interface, version: int) -> bool:
    """Tell whether the interface has subnets that only DHCP or a router will tell.

    A host with an IPv6 address of its own has its gateway there, even if it listens to routers.
    """
    if version == 4:
        return interface.dhcp4
    own = any(address.address.version == 6 for address in interface.addresses)
    return interface.dhcp6 or (interface.accept_ra is not False and not own)


def subnet_name(subnet: IPNetwork) -> str:
    """Say what kind of network it is."""
    return f"the {'IPv4' if isinstance(subnet, IPv4Network) else 'IPv6'} network `{subnet}`"


def carries_ethernet(kind: Kind) -> bool:
    """Tell whether a device of a kind sends and receives Ethernet frames."""
    match kind:
        case Tunnel():
            return kind.mode in ("gretap", "ip6gretap")
        case Geneve():
            return not kind.inherit_inner_protocol
        case _:
            return not isinstance(kind, (Loopback, Vrf, Ipvlan, Tun, Wireguard, Infiniband))


def place(interface: Interface, key: str) -> tuple[Path, Part]:
    """Give the place of a key of its kind, or of the interface if the key need not be there."""
    field = key.replace("-", "_")
    if getattr(interface.kind, field) == fields(type(interface.kind))[field]:
        return interface.path, "key"
    return (*interface.path, key), "value"


def label_at(text: str, where: tuple[Path, Part]) -> Label:
    """Make a label for a place."""
    path, part = where
    return Label(text=text, path=path, part=part)
