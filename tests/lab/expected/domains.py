"""What a kernel makes of VRFs and of carriers, in the words of state.py: a part of what is expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vnetc.model.host import MAIN_TABLE, Host, Interface
from vnetc.model.kinds import Bond, Bridge, Tap, Tun, Veth, Vrf, link_of

from tests.lab.states.state import LINK_LOCAL, STABLE_LINK_LOCAL, Key, State, describe_rule

from .routes import expect_route

_L3MDEV_PRIORITY = 1000  # FIB_RULE_PREF of drivers/net/vrf.c


def expect_vrf_rules(host: Host) -> State:
    """State the rules that come with the first VRF and stay (vrf_add_fib_rules)."""
    if not any(isinstance(interface.kind, Vrf) for interface in host.interfaces):
        return {}
    rule = describe_rule({"src": "all", "l3mdev": None})
    return {("rule", family, str(_L3MDEV_PRIORITY)): rule for family in ("ipv4", "ipv6")}


def vrf_tables(host: Host) -> dict[str, int]:
    """Give the table of each interface that is a VRF or in one."""
    tables = {i.name: i.kind.table for i in host.interfaces if isinstance(i.kind, Vrf)}
    return tables | {i.name: tables[i.vrf] for i in host.interfaces if i.vrf in tables}


def in_its_table(interface: Interface, state: State, tables: Mapping[str, int]) -> State:
    """Put the routes that come with addresses into the table of the VRF (l3mdev_fib_table)."""
    table = tables.get(interface.name, MAIN_TABLE)
    said = {expect_route(interface.name, route)[0] for route in interface.routes}
    main = f" table {MAIN_TABLE}"

    def place(key: Key) -> Key:
        kind, whose, what = key
        moves = kind == "route" and whose.endswith(main) and key not in said
        return (kind, f"{whose.removesuffix(main)} table {table}", what) if moves else key

    return {place(key): value for key, value in state.items()}


def without_link_local(host: Host) -> frozenset[str]:
    """Name the interfaces that get no link-local address by themselves.

    A VRF is no link (addrconf_addr_gen, net/ipv6/addrconf.c), and a link needs a carrier: nobody
    has opened a tun or tap, a bond without members has none, and what is made of others has theirs.
    """
    by_name = {interface.name: interface for interface in host.interfaces}
    found = {i.name for i in host.interfaces if isinstance(i.kind, Tun | Tap)}
    found |= {i.name for i in host.interfaces if i.activation != "auto"}
    while more := {
        i.name
        for i in host.interfaces
        if i.name not in found and (below := [*_carriers(i)]) and found.issuperset(below)
        if all(name in by_name for name in below)
    } | {
        i.name
        for i in host.interfaces
        if i.name not in found and isinstance(i.kind, Bond) and not i.kind.members
    }:
        found |= more
    return frozenset(found | {i.name for i in host.interfaces if isinstance(i.kind, Vrf)})


def _carriers(interface: Interface) -> Iterator[str]:
    """Name the interfaces of which one must have a carrier, or be up, for this one to have one."""
    match interface.kind:
        case Bridge(ports=names) | Bond(members=names):
            yield from names
        case Veth(peer=peer):
            yield peer
        case kind:
            link = link_of(kind)
            if link is not None:
                yield link


def drop_link_local(state: State, name: str) -> State:
    """Leave out the link-local address of an interface, and the route that comes with it."""
    return {
        (kind, whose, what): value
        for (kind, whose, what), value in state.items()
        if not (kind == "address" and whose == name and what in (LINK_LOCAL, STABLE_LINK_LOCAL))
        and not (kind == "route" and what.startswith(f"fe80::/64 dev {name} "))
    }
