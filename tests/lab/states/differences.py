"""What may differ between the renderers, each with its reason. Everything else must be equal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Bond, Bridge, Vrf, Wireguard

from tests.lab.expected.domains import without_link_local

from .state import LINK_LOCAL, Key, State


@dataclass(frozen=True)
class Fact:
    """An entry of a state, with the interface of the document it is about, if it is about one."""

    key: Key
    value: str
    interface: Interface | None
    is_dead: bool = False  # nothing can give that interface a carrier


@dataclass(frozen=True)
class Difference:
    """Facts that are not compared as they are: `instead` of their value, None for not at all."""

    reason: str
    holds: Callable[[Fact], bool]
    instead: Callable[[str], str] | None = None


# renderer -> kind of things that are not its affair -> why
BEYOND: Mapping[str, Mapping[str, str]] = {
    "netlink": {"boot": "it changes a running host; a boot waits for nothing that it does"},
}


def is_beyond(target: str, key: Key, host: Host) -> bool:
    """Tell whether a thing is not a renderer's affair, or one where it has a known limit."""
    if key[0] in BEYOND.get(target, ()):
        return True
    # ifupdown2 puts the table `local` behind all rules as soon as it makes a VRF (addons/vrf.py), and
    # gives a bridge a MAC address of its own choice, of which the kernel may keep an entry.
    if target == "ifupdown2" and key[0] == "rule" and key[2] in ("0", "32765"):
        return any(isinstance(interface.kind, Vrf) for interface in host.interfaces)
    bridges = {i.name for i in host.interfaces if isinstance(i.kind, Bridge)}
    if target == "ifupdown2" and key[0] == "fdb" and owner_of(key) in bridges:
        return True
    # By the option `metric`, dhclient-script(8) gives one to the route to the router of a lease, and
    # Debian's hook for RFC 3442 gives none to those that a server lists: of two such leases, the
    # second default route is not made (docs/adr/0011-ifupdown-words.md).
    interface = next((i for i in host.interfaces if i.name == owner_of(key)), None)
    return (
        target == "ifupdown"
        and key[0] == "route"
        and interface is not None
        and interface.dhcp4
        and interface.dhcp4_overrides.route_metric is not None
    )


def without_differences(state: State, host: Host) -> State:
    """Give what is left of a state to compare."""
    by_name = {interface.name: interface for interface in host.interfaces}
    left: State = {}
    dead = without_link_local(host)
    for key, value in state.items():
        interface = by_name.get(owner_of(key))
        for difference in DIFFERENCES:
            if difference.holds(Fact(key, value, interface, owner_of(key) in dead)):
                if difference.instead is None:
                    break
                value = difference.instead(value)
        else:
            left[key] = value
    return left


def owner_of(key: Key) -> str:
    """Name the interface that a key is about."""
    kind, subject, what = key
    words = what.split()
    return words[words.index("dev") + 1] if kind == "route" and "dev" in words else subject


def _is(kind: str, *whats: str) -> Callable[[Fact], bool]:
    return lambda fact: fact.key[0] == kind and fact.key[2] in whats


def _has_own_mac(fact: Fact) -> bool:
    return (
        _is("link", "mac")(fact)
        and fact.interface is not None
        and fact.interface.macaddress is None
    )


def _speed_of_a_bond(fact: Fact) -> bool:
    return (
        _is("link", "port cost")(fact)
        and fact.interface is not None
        and isinstance(fact.interface.kind, Bond)
        and (fact.interface.port is None or fact.interface.port.path_cost is None)
    )


def _default_route(fact: Fact) -> bool:
    return fact.key[0] == "route" and fact.key[2].startswith("default")


def _of_a_lease(fact: Fact) -> bool:
    return fact.key[0] == "route" and fact.interface is not None and fact.interface.dhcp4


def _is_leased(fact: Fact) -> bool:
    leases = fact.interface is not None and bool(fact.interface.dhcp4)
    return fact.key[0] == "address" and leases


def _link_local_without_carrier(fact: Fact) -> bool:
    return (
        fact.interface is not None
        and isinstance(fact.interface.kind, Bridge)
        and (not fact.interface.kind.ports or fact.is_dead)
        and (fact.key[2] == LINK_LOCAL or fact.key[2].startswith("fe80::/64 "))
    )


def _is_port(fact: Fact) -> bool:
    return fact.interface is not None and fact.interface.port is not None


def _is_activated(fact: Fact, how: str) -> bool:
    return fact.interface is not None and fact.interface.activation == how


def _ages_early(fact: Fact) -> bool:
    kind = None if fact.interface is None else fact.interface.kind
    return _is("link", "ageing_time")(fact) and isinstance(kind, Bridge) and kind.stp


def _drawn_at_random(fact: Fact) -> bool:
    kind, _, what = fact.key
    return (
        kind in ("address", "route")
        and what.startswith("169.254.")
        and fact.interface is not None
        and "ipv4" in (fact.interface.link_local or ())
    )


def _any_port(fact: Fact) -> bool:
    kind = None if fact.interface is None else fact.interface.kind
    return _is("wireguard", "port")(fact) and isinstance(kind, Wireguard) and kind.port is None


def _was_open(fact: Fact) -> bool:
    return (
        fact.interface is not None
        and isinstance(fact.interface.kind, Wireguard)
        and fact.interface.activation == "off"
        and _is("sysctl", "ipv4 send_redirects")(fact)
    )


DIFFERENCES = (
    Difference(
        "WireGuard turns redirects off when its device first comes up (wg_open), and ifupdown "
        "brings one up that it then turns off",
        _was_open,
    ),
    Difference(
        "WireGuard takes any free port unless the document says one (wg(8))",
        _any_port,
    ),
    Difference(
        "an IPv4 link-local address is drawn at random (RFC 3927)",
        _drawn_at_random,
    ),
    Difference(
        "booting waits for an interface that is off as long as ifupdown takes to turn it off",
        lambda fact: fact.key[0] == "boot" and _is_activated(fact, "off"),
    ),
    Difference(
        "of an interface that is brought up by hand networkd sets all that it can beforehand, "
        "ifupdown nothing",
        lambda fact: (
            (fact.key[0] in ("sysctl", "dns") or _is("link", "mac", "mtu")(fact))
            and _is_activated(fact, "manual")
        ),
    ),
    Difference(
        "ifupdown2 turns IPv6 off on the ports of a bridge, which have no addresses anyway",
        lambda fact: _is("sysctl", "ipv6 disable_ipv6")(fact) and _is_port(fact),
    ),
    Difference(
        "while a spanning tree changes the kernel forgets addresses after twice the forward delay, "
        "and prints that time (net/bridge/br_stp.c)",
        _ages_early,
    ),
    Difference(
        "the kernel takes the cost of a port from the speed that it has when its carrier comes, "
        "and which members a bond then has is chance (br_port_carrier_check in net/bridge)",
        _speed_of_a_bond,
    ),
    Difference(
        "a virtual device has a random MAC address unless the document says one",
        _has_own_mac,
    ),
    Difference(
        "a bridge without ports has a carrier until networkd, but not iproute2, makes the kernel "
        "look; without one it has no link-local address before its first guest",
        _link_local_without_carrier,
    ),
    Difference(
        "ifupdown's `gateway` is always on-link (inet.defn), which changes nothing for a gateway "
        "in a connected subnet",
        _default_route,
        instead=lambda value: value.removesuffix(" onlink"),
    ),
    Difference(
        "networkd promotes secondary addresses on every link it manages; it matters only when an "
        "address is removed, and nothing removes one here",
        _is("sysctl", "ipv4 promote_secondaries"),
    ),
    Difference(
        "a rule with an action looks into no table; networkd writes one all the same",
        lambda fact: fact.key[0] == "rule" and fact.value.startswith(("action=", "goto=", "nop=")),
        instead=lambda value: re.sub(r" table=254\b", "", value),
    ),
    Difference(
        "whether the kernel or the DHCP client makes the route to the leased subnet, and one to "
        "the server, is the client's affair",
        lambda fact: _of_a_lease(fact) and fact.value.startswith("scope link"),
    ),
    Difference(
        "the same: dhcpcd makes that route itself, and tells the kernel not to",
        lambda fact: _is_leased(fact) and " dynamic noprefixroute" in fact.value,
        instead=lambda value: value.replace(" noprefixroute", ""),
    ),
    Difference(
        "networkd names the leased address as the source of the routes it got with it, dhclient "
        "leaves it to the kernel, which takes the same",
        lambda fact: _of_a_lease(fact) and " via " in fact.value,
        instead=lambda value: re.sub(r" src \S+$", "", value),
    ),
    Difference(
        "networkd listens to router advertisements itself and turns the kernel off (0); else the "
        "kernel listens, also when it forwards (2)",
        lambda fact: (
            _is("sysctl", "ipv6 accept_ra")(fact)
            and fact.interface is not None
            and fact.interface.accept_ra
        ),
    ),
    Difference(
        "no router advertises anything on the loopback",
        lambda fact: (
            _is("sysctl", "ipv6 accept_ra", "ipv6 use_tempaddr")(fact) and fact.key[1] == "lo"
        ),
    ),
    Difference(
        "without router advertisements, or with networkd's own handling of them, the kernel makes "
        "no addresses of prefixes whatever this says",
        _is("sysctl", "ipv6 autoconf"),
    ),
)
