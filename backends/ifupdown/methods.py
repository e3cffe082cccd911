"""How each dialect says addresses and gateways: stanzas, their methods and options (interfaces(5)).

What its options cannot say is left to commands. The order of addresses is kept: the first of a subnet
is the one that the host speaks from, so behind one that needs a command all others need one too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import takewhile

from vnetc.backends.ifupdown.stanzas import Line
from vnetc.backends.services import autoconfiguration
from vnetc.backends.spelling import dotted
from vnetc.model.host import Address, Interface, Route
from vnetc.model.kinds import Loopback
from vnetc.model.record import Record, replace

FAMILIES = {4: "inet", 6: "inet6"}


class Part(Record, kw_only=False):
    """One stanza of an interface: its family, its method, and what these need."""

    family: str
    method: str
    lines: Sequence[Line] = ()


class Layer3(Record):
    """The stanzas of an interface, and what is left for commands.

    `settings` are the kernel's of IPv6, by their names in net/ipv6/conf/, that no option says;
    `client` starts and stops a DHCP client that the method does not. `settled`: a method waits until
    IPv6 addresses can be the source of routes.
    """

    parts: Sequence[Part]
    addresses: Sequence[Address]
    routes: Sequence[Route]
    settings: Mapping[str, int]
    client: Sequence[Line] = ()
    settled: bool = False


def classic(interface: Interface, *, dhcpcd: bool) -> Layer3:
    """Give a stanza to each address; the gateway of a family stands in its first one.

    With `dhcpcd` as the client of the release (dhcpcd(8)), a command starts it where it must be told
    what the method `dhcp` has no option for.
    """
    settings = autoconfiguration(interface)
    parts: list[Part] = []
    if isinstance(interface.kind, Loopback):
        parts.append(Part("inet", "loopback"))
    client = _dhcpcd(interface) if dhcpcd and interface.dhcp4 else []
    if interface.dhcp4:
        by_method = Part("inet", "dhcp", _metric(interface.dhcp4_overrides.route_metric))
        parts.append(Part("inet", "manual") if client else by_method)
    said: list[Address] = []
    used: list[Route] = []
    for version, family in FAMILIES.items():
        addresses = _first_of(interface, version, _OF_CLASSIC[version])
        gateway = _gateway(interface, addresses, ("metric", "on_link"))
        said += addresses
        for number, address in enumerate(addresses):
            lines = [*_address(address)]
            if number == 0 and gateway is not None:
                used.append(gateway)
                lines += [Line("gateway", str(gateway.via)), *_metric(gateway.metric)]
            if number == 0 and version == 6:
                lines += [Line(_OF_IPV6[name], str(value)) for name, value in settings.items()]
                settings = {}
            parts.append(Part(family, "static", lines))
    if interface.accept_ra and settings:
        lines = (
            [Line("privext", str(settings["use_tempaddr"]))] if "use_tempaddr" in settings else []
        )
        parts.append(Part("inet6", "auto", lines))
        settings = {}
    return Layer3(
        parts=parts or [Part("inet", "manual")],
        addresses=[a for a in interface.addresses if a not in said],
        routes=[r for r in interface.routes if r not in used],
        settings=settings,
        client=client,
        settled=all(a in said for a in interface.addresses if a.address.version == 6),
    )


# net/ipv6/conf/ -> the option of `inet6 static`
_OF_IPV6 = {"accept_ra": "accept_ra", "autoconf": "autoconf", "use_tempaddr": "privext"}
# what an address may say besides, by its family
_OF_CLASSIC = {
    4: frozenset({"broadcast", "scope"}),
    6: frozenset({"preferred_lifetime"}),
}


def one_stanza(
    interface: Interface,
    *,
    besides: Collection[str],
    beside_dhcp: bool,
    metric: int | None = None,
) -> Layer3:
    """Say addresses of both families in one stanza, as ifupdown2 and ifupdown-ng read them.

    `besides` are fields that the options of a gateway may say too. `beside_dhcp`: addresses hold beside
    the method `dhcp`. ifupdown2 ignores them there; with a stanza for each it takes them off, and puts
    them on again, whenever the file is read (_pre_up in addons/address.py).
    `metric` is that of a lease: there is one `metric` for all of a stanza.
    """
    settings = autoconfiguration(interface)
    asks = interface.dhcp4
    lines: list[Line] = []
    said: list[Address] = []
    used: list[Route] = []
    if beside_dhcp or not asks:
        for version in FAMILIES:
            addresses = _first_of(interface, version, frozenset())
            said += addresses
            lines += [Line("address", str(address.address)) for address in addresses]
        for version in FAMILIES:
            own = [a for a in said if a.address.version == version]
            gateway = _gateway(interface, own, besides)
            if gateway is None or ((used or metric is not None) and gateway.metric != metric):
                continue
            metric = gateway.metric
            used.append(gateway)
            lines.append(Line("gateway", str(gateway.via)))
    lines += _metric(metric)
    method = "dhcp" if asks else "static" if said else "manual"
    if isinstance(interface.kind, Loopback):
        method = "loopback"
    return Layer3(
        parts=[Part("inet", method, lines)],
        addresses=[a for a in interface.addresses if a not in said],
        routes=[r for r in interface.routes if r not in used],
        settings=settings,
    )


def _dhcpcd(interface: Interface) -> list[Line]:
    """Start and stop dhcpcd(8) with options that the method `dhcp` does not give it.

    By itself it takes router advertisements too, and what a lease says of MTU and domains. An option
    behind `-O` is dropped from any answer, also if the server sends it unasked.
    """
    said = interface.dhcp4_overrides
    families = "-4 " if interface.accept_ra is False else ""
    options = (
        (families, "accept-ra"),
        ("-O interface_mtu " if interface.mtu is not None else "", "mtu"),
        (
            "-O domain_name,domain_search " if said.use_domains is False else "",
            "dhcp4-overrides.use-domains",
        ),
    )
    if not any(words for words, _ in options):
        return []
    metric = "" if said.route_metric is None else f"-m {said.route_metric} "
    told = [*options, (metric, "dhcp4-overrides.route-metric")]
    keys = ["dhcp4", *(key for words, key in told if words)]
    words = "".join(words for words, _ in told)
    above = tuple(dotted((*interface.path, *key.split("."))) for key in keys)
    return [
        Line("up", f"dhcpcd {words}{interface.name}", above, FAMILIES[4]),
        Line("down", f"dhcpcd {families}-k {interface.name}", above, FAMILIES[4]),
    ]


def by_family(layer3: Layer3) -> Layer3:
    """Give each family a stanza of its own."""
    (part,) = layer3.parts
    if part.method != "static":
        return layer3
    ipv6 = [line for line in part.lines if ":" in line.value]
    ipv4 = [line for line in part.lines if line not in ipv6]
    parts = [Part("inet", "static", ipv4), Part("inet6", "static", ipv6)]
    return replace(layer3, parts=[part for part in parts if part.lines])


def by_commands(interface: Interface) -> Layer3:
    """Leave all addresses and routes to commands, but for those of a lease."""
    method = "dhcp" if interface.dhcp4 else "manual"
    return Layer3(
        parts=[Part("inet", method)],
        addresses=interface.addresses,
        routes=interface.routes,
        settings=autoconfiguration(interface),
    )


def _first_of(interface: Interface, version: int, options: frozenset[str]) -> list[Address]:
    """Give the first addresses of a family that say no more than some options can."""
    own = [a for a in interface.addresses if a.address.version == version]
    return [*takewhile(lambda address: _says(address, options), own)]


def _says(address: Address, options: frozenset[str]) -> bool:
    if address.broadcast is False:
        return False
    return replace(address, stated=(), **dict.fromkeys(options)) == Address(
        path=address.path, address=address.address
    )


def _address(address: Address) -> Iterator[Line]:
    yield Line("address", str(address.address))
    if address.broadcast:
        yield Line("broadcast", str(address.broadcast))
    if address.scope is not None:
        yield Line("scope", str(address.scope))
    if address.preferred_lifetime is not None:
        yield Line("preferred-lifetime", str(address.preferred_lifetime))


def _metric(metric: int | None) -> list[Line]:
    return [] if metric is None else [Line("metric", str(metric))]


def _gateway(
    interface: Interface, addresses: Sequence[Address], besides: Collection[str]
) -> Route | None:
    """Find the route that `gateway` says: it is set as soon as these addresses are there.

    `besides` are fields that the program's word for a gateway may say too.
    """
    for route in interface.routes:
        near = any(
            route.via is not None
            and route.via.version == address.address.version
            and (route.via in address.address.network or route.via.is_link_local or route.on_link)
            for address in addresses
        )
        if near and _is_gateway(route, besides):
            return route
    return None


def _is_gateway(route: Route, besides: Collection[str]) -> bool:
    """Tell whether a route is no more than a default gateway of the table `main`."""
    plain = Route(
        path=route.path,
        to=route.to,
        via=route.via,
        stated=route.stated,
        **{name: getattr(route, name) for name in besides},
    )
    return route.to.prefixlen == 0 and route == plain
