"""What a document leaves to the target: each property, with the keys that would say it.

It is compared only where one of its keys is said. Nothing else is left out: an address, route, rule,
neighbour, server or queueing discipline that the document does not ask for is still one too many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from vnetc.model.host import Host, Interface
from vnetc.model.kinds import KINDS, Bond, Bridge, Geneve, Tunnel, Vrf, Vxlan, Wireguard, link_of
from vnetc.model.record import Record

from tests.lab.expected.domains import without_link_local
from tests.lab.expected.host import shown_address
from tests.lab.expected.routes import expect_route, expect_rule

from .differences import Fact, owner_of
from .state import ADVERTISED, LINK_LOCAL, ROUTER, STABLE_LINK_LOCAL, TUNNEL_LINK_LOCAL, Key, State

Entry = tuple[Key, str]


@dataclass(frozen=True)
class Unsaid:
    """A property of some facts, and the keys that say it.

    A key is one of the interface, one of a mapping of it (`dhcp4-overrides.use-dns`), one of its type
    (`vxlan.udp-checksum`), or one of the address, route or rule that the fact is about (`addresses.broadcast`). `rest` gives what the
    facts still say without the property, None for nothing.
    """

    what: str
    keys: tuple[str, ...]
    holds: Callable[[_About], bool]
    rest: Callable[[_About], Entry | None]


@dataclass(frozen=True)
class _About:
    """A fact, and what of the document it is about."""

    fact: Fact
    host: _Index

    @property
    def key(self) -> Key:
        return self.fact.key

    @property
    def value(self) -> str:
        return self.fact.value

    @property
    def interface(self) -> Interface | None:
        return self.fact.interface

    @cached_property
    def nodes(self) -> tuple[Record, ...]:
        """The addresses, routes or rules of the document that the fact is about."""
        return self.host.nodes.get(self.key, ())

    def is_said(self, key: str) -> bool:
        """Tell whether the document has a key about the fact."""
        group, _, name = key.rpartition(".")
        if group in ("addresses", "routes", "routing-policy"):
            return any(_value(node, name) is not None for node in self.nodes)
        if self.interface is None:
            return False
        if group in KINDS:
            kind = self.interface.kind
            return kind.type == group and _value(kind, name) is not None
        if group.startswith("sysctl."):
            return False  # the property itself looks whether it is said
        node = _value(self.interface, group) if group else self.interface
        return _value(node, name) is not None


class _Index:
    """The facts that a document's addresses, routes and rules are expected to be."""

    def __init__(self, host: Host) -> None:
        self.by_name = {interface.name: interface for interface in host.interfaces}
        self.dark = without_link_local(host)
        self.nodes: dict[Key, tuple[Record, ...]] = {}
        for interface in host.interfaces:
            for address in interface.addresses:
                self._add(("address", interface.name, shown_address(address)), address)
            for route in interface.routes:
                self._add(expect_route(interface.name, route)[0], route)
            for rule in interface.routing_policy:
                for key, _ in expect_rule(rule):
                    self._add(key, rule)

    def _add(self, key: Key, node: Record) -> None:
        self.nodes[key] = (*self.nodes.get(key, ()), node)

    def follows_a_tunnel(self, interface: Interface) -> bool:
        """Tell whether an interface has its MTU from a tunnel: it is one, on one, or has one for a port."""
        match interface.kind:
            case Geneve() | Tunnel() | Vxlan() | Wireguard():
                return True
            case Bridge(ports=names) | Bond(members=names):
                below = names
            case kind:
                below = tuple(name for name in (link_of(kind),) if name is not None)
        return any(
            self.follows_a_tunnel(self.by_name[name]) for name in below if name in self.by_name
        )


def _value(node: Record, key: str) -> object:
    return getattr(node, key.replace("-", "_"))


def without_unsaid(state: State, host: Host) -> State:
    """Give what is left of a state without what the document leaves to the target."""
    index = _Index(host)
    left: State = {}
    for key, value in state.items():
        about = _About(Fact(key, value, index.by_name.get(owner_of(key))), index)
        entry = _left(about)
        if entry is not None:
            left[entry[0]] = entry[1]
    return left


def traces(state: State, host: Host) -> Iterator[tuple[str, str, str]]:
    """Tell what a document leaves to the target, and what that did: property, what about, value."""
    index = _Index(host)
    for key, value in state.items():
        start = _About(Fact(key, value, index.by_name.get(owner_of(key))), index)
        before: Entry = (key, value)
        for unsaid, after in _steps(start):
            (*_, old_what), old_value = before
            whose = owner_of(before[0])
            if after is None:
                yield unsaid.what, f"{whose}: {old_what}", old_value
                break
            (_, _, what), value = after
            lost = (old_what, what) if old_what != what else (old_value, value)
            yield unsaid.what, f"{whose}: {what}", _lost(*lost)
            before = after


def _lost(before: str, after: str) -> str:
    """Give the words of a text that another one lacks."""
    kept = after.split()
    words: list[str] = []
    for word in before.split():
        if word in kept:
            kept.remove(word)
        else:
            words.append(word)
    return " ".join(words)


def _left(about: _About) -> Entry | None:
    entries = [entry for _, entry in _steps(about)]
    return entries[-1] if entries else (about.key, about.value)


def _steps(about: _About) -> Iterator[tuple[Unsaid, Entry | None]]:
    """Take out of a fact what the document leaves to the target, property by property."""
    for unsaid in UNSAID:
        if unsaid.holds(about) and not any(about.is_said(key) for key in unsaid.keys):
            entry = unsaid.rest(about)
            if entry == (about.key, about.value):
                continue
            yield unsaid, entry
            if entry is None:
                return
            key, value = entry
            about = _About(Fact(key, value, about.interface), about.host)
            about.__dict__["nodes"] = about.host.nodes.get(key, about.nodes)


def _is_forwarding_of_a_bridge(about: _About) -> bool:
    """Tell whether it is about forwarding on a bridge of which the document says nothing."""
    interface = about.interface
    said = {f"{family} {key}" for family, key, _ in interface.sysctl} if interface else set[str]()
    forwarding = _is("sysctl", "ipv4 forwarding", "ipv6 forwarding")(about)
    bridge = interface is not None and isinstance(interface.kind, Bridge)
    return forwarding and bridge and about.key[2] not in said


_METRIC = r" metric \d+$"


def _nothing(about: _About) -> None:
    return None


def _but(pattern: str) -> Callable[[_About], Entry]:
    """Leave a part of the value out."""
    return lambda about: (about.key, re.sub(pattern, "", about.value).strip())


def _unnamed(pattern: str) -> Callable[[_About], Entry]:
    """Leave a part of the name out."""
    return lambda about: ((*about.key[:2], re.sub(pattern, "", about.key[2])), about.value)


def _usual_metric(about: _About) -> Entry:
    """Give a route the metric that the kernel gives it."""
    kind, whose, what = about.key
    usual = " metric 1024" if whose.startswith("ipv6 ") else ""
    return (kind, whose, re.sub(_METRIC, usual, what)), about.value


def _is_gateway_of_ifupdown_ng(about: _About) -> bool:
    kind, _, what = about.key
    return kind == "route" and what.startswith("default dev ") and what.endswith(" metric 1")


def _is(kind: str, *whats: str) -> Callable[[_About], bool]:
    return lambda about: about.key[0] == kind and about.key[2] in whats


def _of_the_document(kind: str) -> Callable[[_About], bool]:
    return lambda about: about.key[0] == kind and bool(about.nodes)


def _is_link_local(about: _About) -> bool:
    kind, _, what = about.key
    names = (LINK_LOCAL, STABLE_LINK_LOCAL, TUNNEL_LINK_LOCAL)
    return (kind == "address" and what in names) or (
        kind == "route" and what.startswith("fe80::/64 dev ")
    )


def _is_leased_route(about: _About) -> bool:
    """Tell whether a route came with an address of DHCPv4."""
    asks = about.interface is not None and about.interface.dhcp4
    ipv4 = about.key[0] == "route" and about.key[1].startswith("ipv4 ")
    return bool(asks) and ipv4 and not about.nodes


def _is_advertised(about: _About) -> bool:
    """Tell whether an address or route comes of a router's advertisement."""
    kind, whose, what = about.key
    if about.interface is None or about.interface.accept_ra is False:
        return False
    if kind == "address":
        return ADVERTISED.search(what) is not None
    if kind != "route" or about.nodes or not whose.startswith("ipv6 ") or _is_link_local(about):
        return False
    own = {str(a.address.network) for a in about.interface.addresses}
    by_the_kernel = "proto 2" in about.value and what.split()[0] not in own and "/64 dev " in what
    return f"proto {ROUTER}" in about.value or by_the_kernel


def _is_advertised_route(about: _About) -> bool:
    return about.key[0] == "route" and _is_advertised(about)


def _is_mtu(about: _About) -> bool:
    """Tell whether it is an MTU: of the link, or of IPv6, which follows it."""
    return _is("link", "mtu")(about) or (
        _is("sysctl", "ipv6 mtu")(about) and not about.is_said("ipv6-mtu")
    )


def _is_of_dhcp6(about: _About) -> bool:
    """Tell whether an address is a lease of DHCPv6, for which a router's word is enough."""
    kind, _, what = about.key
    leased = kind == "address" and re.fullmatch(r"2001:db8:[0-9a-f]+::50/128", what) is not None
    return leased and about.interface is not None and about.interface.accept_ra is not False


def _lease_has_mtu(about: _About) -> bool:
    interface = about.interface
    return _is_mtu(about) and interface is not None and interface.dhcp4


def _has_mtu_of_a_tunnel(about: _About) -> bool:
    interface = about.interface
    return _is_mtu(about) and interface is not None and about.host.follows_a_tunnel(interface)


def _is_mtu_of_a_vrf(about: _About) -> bool:
    interface = about.interface
    return _is_mtu(about) and interface is not None and isinstance(interface.kind, Vrf)


def _asks(about: _About) -> bool:
    interface = about.interface
    return interface is not None and bool(
        interface.dhcp4 or interface.dhcp6 or interface.accept_ra is not False
    )


def _has_leased_domain(about: _About) -> bool:
    return _is("dns", "search", "domains")(about) and _asks(about)


def _without_words(pattern: str) -> Callable[[_About], Entry | None]:
    """Leave words of a list out, and all of it if no other is left."""

    def rest(about: _About) -> Entry | None:
        words = [word for word in about.value.split() if not re.fullmatch(pattern, word)]
        return (about.key, " ".join(words)) if words else None

    return rest


def _learns_servers_of_routers_alone(about: _About) -> bool:
    interface = about.interface
    return (
        _is("dns", "servers")(about)
        and interface is not None
        and interface.accept_ra is not False
        and not (interface.dhcp6 and interface.dhcp6_overrides.use_dns is not False)
    )


def _lacks_carrier(about: _About) -> bool:
    return about.key[0] == "boot" and about.interface is not None and about.interface.lacks_carrier


def _is_dark(about: _About) -> bool:
    """Tell whether something is on an interface that has no carrier, though it might have one."""
    interface = about.interface
    return (
        about.key[0] in ("address", "route", "neighbour")
        and interface is not None
        and interface.name in about.host.dark
        and interface.activation == "auto"
        and not interface.lacks_carrier
        and not isinstance(interface.kind, Vrf)
    )


UNSAID = (
    Unsaid(
        "addresses and routes of an interface without a carrier",
        ("ignore-carrier",),
        _is_dark,
        _nothing,
    ),
    Unsaid(
        "who made a rule",
        ("routing-policy.protocol",),
        lambda about: about.key[0] == "rule",
        _but(r" ?\bprotocol=\d+"),
    ),
    Unsaid(
        "the broadcast address of an IPv4 address",
        ("addresses.broadcast",),
        _of_the_document("address"),
        _but(r" broadcast( [0-9.]+)?(?= |$)"),
    ),
    Unsaid(
        "whether an interface has an IPv6 link-local address",
        ("link-local", "ipv6-address-generation"),
        _is_link_local,
        _nothing,
    ),
    Unsaid(
        "how an interface makes IPv6 addresses",
        ("link-local", "ipv6-address-generation"),
        _is("sysctl", "ipv6 addr_gen_mode"),
        _nothing,
    ),
    Unsaid(
        "whether the kernel listens to router advertisements",
        ("accept-ra",),
        _is("sysctl", "ipv6 accept_ra", "ipv6 autoconf"),
        _nothing,
    ),
    Unsaid(
        "addresses and routes of router advertisements", ("accept-ra",), _is_advertised, _nothing
    ),
    Unsaid(
        "the metric of routes that a router advertises",
        ("ra-overrides.route-metric", "dhcp6-overrides.route-metric"),
        _is_advertised_route,
        _unnamed(_METRIC),
    ),
    Unsaid(
        "who made a route",
        ("routes.protocol",),
        lambda about: about.key[0] == "route",
        _but(r" ?\bproto \d+"),
    ),
    Unsaid(
        "DNS servers of router advertisements",
        ("ra-overrides.use-dns", "dhcp6"),
        _learns_servers_of_routers_alone,
        _without_words(r"2001:db8:[0-9a-f]+::53"),
    ),
    Unsaid(
        "whether packets are forwarded from a bridge",
        ("sysctl.ipv4.forwarding", "sysctl.ipv6.forwarding"),
        _is_forwarding_of_a_bridge,
        _nothing,
    ),
    Unsaid(
        "how many groups a bridge's multicast table has at most",
        ("bridge.multicast-hash-max",),
        _is("link", "mcast_hash_max"),
        _nothing,
    ),
    Unsaid(
        "what a port does for multicast routers, which ifupdown2 says of the ports that are VXLANs",
        ("port.multicast-router",),
        _is("link", "port multicast_router"),
        _nothing,
    ),
    Unsaid(
        "the metric of a default route",
        ("routes.metric",),
        _is_gateway_of_ifupdown_ng,
        _usual_metric,
    ),
    Unsaid(
        "temporary IPv6 addresses",
        ("ipv6-privacy",),
        _is("sysctl", "ipv6 use_tempaddr"),
        _nothing,
    ),
    Unsaid(
        "the metric of leased routes",
        ("dhcp4-overrides.route-metric",),
        _is_leased_route,
        _unnamed(_METRIC),
    ),
    Unsaid("a lease of DHCPv6 that a router speaks of", ("dhcp6",), _is_of_dhcp6, _nothing),
    Unsaid(
        "UDP checksums of a VXLAN or GENEVE tunnel over IPv4",
        ("vxlan.udp-checksum", "geneve.udp-checksum"),
        _is("link", "udp_csum"),
        _nothing,
    ),
    Unsaid("the MTU of a lease", ("mtu", "dhcp4-overrides.use-mtu"), _lease_has_mtu, _nothing),
    Unsaid(
        "the MTU of a lease, of its routes",
        ("mtu", "dhcp4-overrides.use-mtu"),
        _is_leased_route,
        _but(r" mtu \d+"),
    ),
    Unsaid("the MTU of a tunnel, and of what is on it", ("mtu",), _has_mtu_of_a_tunnel, _nothing),
    Unsaid("the MTU of a VRF", ("mtu",), _is_mtu_of_a_vrf, _nothing),
    Unsaid(
        "the domain of a lease or a router",
        (
            "dhcp4-overrides.use-domains",
            "dhcp6-overrides.use-domains",
            "ra-overrides.use-domains",
        ),
        _has_leased_domain,
        _without_words(r"lan\d+\.example"),
    ),
    Unsaid(
        "time servers of a lease",
        ("dhcp4-overrides.use-ntp", "dhcp6-overrides.use-ntp"),
        _is("ntp", "servers"),
        _without_words(r"198\.18\.\d+\.123|2001:db8:[0-9a-f]+::123"),
    ),
    Unsaid(
        "the name that a DHCPv4 client tells the server",
        ("dhcp4-overrides.send-hostname", "dhcp4-overrides.hostname"),
        _is("lease", "hostname"),
        _nothing,
    ),
    Unsaid(
        "whether booting waits for a port or member by itself",
        ("optional",),
        lambda about: (
            about.key[0] == "boot"
            and about.interface is not None
            and about.interface.claim is not None
        ),
        _nothing,
    ),
    Unsaid(
        "whether booting waits for what has no carrier by itself",
        ("optional",),
        _lacks_carrier,
        _nothing,
    ),
)
