"""What netplan(5) has keys for of addresses, leases, routes and rules; of the rest drop-ins say."""

from __future__ import annotations

from collections.abc import Callable

from vnetc.backends.formats import Section
from vnetc.backends.kernel_defaults import said_table
from vnetc.backends.networkd import layer3
from vnetc.backends.networkd import sections as s
from vnetc.backends.options import Option
from vnetc.backends.support import key
from vnetc.model.host import Address, DhcpOverrides, Interface, Route, Rule
from vnetc.model.kinds import Card
from vnetc.model.record import Record, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGEST = 0x7FFFFFFF  # netplan writes larger numbers as negative ones


def is_silenced(interface: Interface) -> bool:
    """Tell whether a card must be said to have no DHCP.

    netplan merges its files, and what an installer or cloud-init wrote asks for DHCP.
    """
    if not isinstance(interface.kind, Card) or interface.dhcp4:
        return False
    static = any(address.address.version == 4 for address in interface.addresses)
    return static or interface.claim is not None


def automatic(interface: Interface) -> dict[str, Any]:
    """Say how the interface gets addresses by itself."""
    out: dict[str, Any] = {}
    if interface.dhcp4:
        out["dhcp4"] = True
    if interface.dhcp6:
        out["dhcp6"] = True
    out |= overrides(interface) or {}
    if interface.link_local is not None:
        out["link-local"] = list(interface.link_local)
    if interface.accept_ra is not None:
        out["accept-ra"] = interface.accept_ra
    if interface.ipv6_privacy is not None:
        out["ipv6-privacy"] = interface.ipv6_privacy
    return out


def overrides(interface: Interface) -> dict[str, Any] | None:
    """Say what to do with leases; None if netplan has no keys for it.

    netplan(5): "If both dhcp4 and dhcp6 are true, the networkd backend requires that dhcp4-overrides
    and dhcp6-overrides contain the same keys and values." What it writes of `use-hostname` networkd
    reads for DHCPv4 alone.
    """
    said4 = _values(s.dhcp4_overrides(interface), layer3.DHCP4_KEYS) if interface.dhcp4 else {}
    said6 = _values(interface.dhcp6_overrides, layer3.DHCP6_KEYS) if interface.dhcp6 else {}
    if (interface.dhcp4 and interface.dhcp6 and said4 != said6) or "use-hostname" in said6:
        return None
    found = {"dhcp4-overrides": said4, "dhcp6-overrides": said6}
    return {word: values for word, values in found.items() if values}


def _values(node: DhcpOverrides, options: tuple[Option, ...]) -> dict[str, Any]:
    values = {key(item.field): getattr(node, item.field) for item in options}
    return {word: value for word, value in values.items() if value is not None}


def says_addresses(interface: Interface) -> bool:
    """Tell whether netplan has keys for all options of the interface's addresses."""
    rest = layer3.split_addresses(interface)[1]
    # it writes those without options before the others, whatever their order
    return all(_says(a, _OF_ADDRESS) and not a.is_plain for a in rest)


def addresses_of(interface: Interface) -> list[Any]:
    """Write the `addresses` of an interface."""
    plain, rest = layer3.split_addresses(interface)
    listed: list[Any] = [str(a.address) for a in plain]
    if says_addresses(interface):
        listed += [_address(a) for a in rest]
    return listed


def _address(address: Address) -> str | dict[str, Any]:
    options: dict[str, Any] = {}
    if address.preferred_lifetime is not None:
        options["lifetime"] = address.preferred_lifetime
    if address.label is not None:
        options["label"] = address.label
    return {str(address.address): options} if options else str(address.address)


def says_route(route: Route) -> bool:
    """Tell whether netplan has keys for all that is said of a route."""
    return (
        _says(route, _OF_ROUTE)
        and _says_numbers(route.metric, route.table)
        and route.scope in (None, "global", "link", "host")
        # it leaves out a scope of `global`, which only of unicast routes is networkd's own
        and (route.scope != "global" or route.type == "unicast")
        # of a unicast route without a gateway it takes the scope for `link`
        and (route.via is not None or route.type != "unicast" or route.scope != "global")
    )


# fields that netplan(5) has keys for
_OF_ADDRESS = frozenset({"address", "label", "preferred_lifetime"})
_OF_ROUTE = frozenset(
    {
        *("to", "via", "from_", "on_link", "metric", "table", "type", "scope", "mtu"),
        *("congestion_window", "initrwnd"),
    }
)
_OF_RULE = frozenset({"priority", "from_", "to", "fwmark", "tos", "table"})


def _says(node: Record, known: frozenset[str]) -> bool:
    """Tell whether all that differs from its default is among the known fields."""
    return all(
        name in known or name in ("path", "stated") or getattr(node, name) == default
        for name, default in fields(type(node)).items()
    )


def _says_numbers(*numbers: int | None) -> bool:
    return all(number is None or number <= _LARGEST for number in numbers)


def route(item: Route) -> dict[str, Any]:
    """Write an entry of `routes`."""
    out: dict[str, Any] = {"to": "default" if _is_default(item) else str(item.to)}
    if item.via is not None:
        out["via"] = str(item.via)
    if item.from_ is not None:
        out["from"] = str(item.from_)
    if item.on_link:
        out["on-link"] = True
    if item.type != "unicast":
        out["type"] = item.type
    if layer3.needs_scope(item):
        out["scope"] = item.scope
    for word, value in (
        ("table", said_table(item)),
        ("metric", item.metric),
        ("mtu", item.mtu),
        ("congestion-window", item.congestion_window),
        ("advertised-receive-window", item.initrwnd),
    ):
        if value is not None:
            out[word] = value
    return out


def _is_default(route: Route) -> bool:
    return route.to.prefixlen == 0 and route.via is not None


def says_rule(rule: Rule) -> bool:
    """Tell whether netplan has keys for all that is said of a rule."""
    return (
        _says(rule, _OF_RULE)
        and (rule.from_ is not None or rule.to is not None)
        and rule.table is not None
        and _says_numbers(rule.priority, rule.table, rule.fwmark and rule.fwmark[0])
        and (rule.fwmark is None or rule.fwmark[1] == 0xFFFFFFFF)
    )


def rule(item: Rule) -> dict[str, Any]:
    """Write an entry of `routing-policy`."""
    out: dict[str, Any] = {"priority": item.priority}
    for word, value in (("from", item.from_), ("to", item.to)):
        if value is not None:
            out[word] = str(value)
    if item.fwmark is not None:
        out["mark"] = item.fwmark[0]
    if item.tos is not None:
        out["type-of-service"] = item.tos
    out["table"] = item.table
    return out


LAYER3_SECTIONS: dict[type[Record], Callable[[Any], Section]] = {
    Address: layer3.address,
    Route: layer3.route,
    Rule: layer3.rule,
}


def rest_of(interface: Interface) -> list[Address | Route | Rule]:
    """List the addresses, routes and rules that netplan has no keys for."""
    by_keys = says_addresses(interface)
    return [
        *([] if by_keys else layer3.split_addresses(interface)[1]),
        *(route for route in interface.routes if not says_route(route)),
        *(rule for rule in interface.routing_policy if not says_rule(rule)),
    ]
