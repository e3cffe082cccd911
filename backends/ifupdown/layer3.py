"""What ip(8) and bridge(8) call the options of routes, rules, addresses, neighbours and ports.

Rows of the support table and words of commands.py at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vnetc.backends.ifupdown.order import comes_later
from vnetc.backends.options import Group, Groups, Option, elsewhere, option, said
from vnetc.backends.programs.ip_link import ROUTERS, only, say, switch
from vnetc.backends.spelling import pair, slash, span
from vnetc.backends.support import Context, limit
from vnetc.model.host import (
    Address,
    FdbEntry,
    Interface,
    MdbEntry,
    Neighbor,
    Nexthop,
    Port,
    Route,
    Rule,
)
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def phrases(node: Record, options: Iterable[Option]) -> Iterator[str]:
    """Spell what a node says of some options."""
    return (text for _, text in said(node, options))


def _milliseconds(value: int) -> str:
    return f"{value}ms"


def _unless(field: str, word: str, default: str) -> Option:
    return option(field, word, lambda value: None if value == default else f"{word} {value}")


def _foreign_label(context: Context) -> bool:
    interface, label = context.interface, context.node.label
    return interface is not None and not label.startswith(interface.name)


def _same_priority(context: Context) -> bool:
    """Whether deleting this rule by what it says could hit another one."""
    others = (
        rule
        for interface in context.host.interfaces
        for rule in interface.routing_policy
        if rule is not context.node
    )
    return any(
        rule.priority == context.node.priority and set(rule.families) & set(context.node.families)
        for rule in others
    )


def _asks_by_arp(context: Context) -> bool:
    address: Address = context.node
    return address.address.version == 4 and address.duplicate_address_detection is True


def _waits_for_this(context: Context) -> bool:
    interface, other = context.interface, context.node.interface
    return interface is not None and comes_later(interface.name, other, context.host.interfaces)


LINK = (
    say("arp", "arp", switch),
    say("multicast", "multicast", switch),
    say("all_multicast", "allmulticast", switch),
    say("promiscuous", "promisc", switch),
    say("group", "group"),
)
ADDRESS = (
    say("label", "label"),
    say("scope", "scope"),
    say("preferred_lifetime", "preferred_lft"),
    say("route_metric", "metric"),
    only("noprefixroute", "noprefixroute"),
    only("home", "home"),
    only("manage_temporary", "mngtmpaddr"),
)
ROUTE_BEFORE_TABLE = (say("metric", "metric"),)
ROUTE_AFTER_TABLE = (
    say("scope", "scope"),
    say("from_", "src"),
    say("source", "from"),
    _unless("preference", "pref", "medium"),
    say("realms", "realms", slash),
    say("mtu", "mtu"),
    say("advmss", "advmss"),
    say("congestion_window", "initcwnd"),
    say("initrwnd", "initrwnd"),
    say("hop_limit", "hoplimit"),
    say("congestion_control", "congctl"),
    say("retransmission_timeout", "rto_min", _milliseconds),
    only("quick_ack", "quickack 1"),
    only("fast_open_no_cookie", "fastopen_no_cookie 1"),
)
RULE = (
    only("invert", "not"),
    say("from_", "from"),
    say("to", "to"),
    say("iif", "iif"),
    say("oif", "oif"),
    say("fwmark", "fwmark", slash),
    say("tos", "tos", hex),
    say("ip_protocol", "ipproto"),
    say("source_port", "sport", span),
    say("destination_port", "dport", span),
    say("uid_range", "uidrange", pair),
    only("l3mdev", "l3mdev"),
    say("table", "lookup"),
    say("suppress_prefix_length", "suppress_prefixlength"),
    say("suppress_interface_group", "suppress_ifgroup"),
    say("realms", "realms", slash),
    say("goto", "goto"),
)
BRIDGE_LINK = (
    say("path_cost", "cost"),
    say("priority", "priority"),
    say("hairpin", "hairpin", switch, silence=False),
    say("learning", "learning", switch, silence=True),
    say("isolated", "isolated", switch, silence=False),
    say("neigh_suppress", "neigh_suppress", switch, silence=False),
)
# ip-link(8); bridge(8) has not all of them
BRIDGE_SLAVE = (
    say("unicast_flood", "flood", switch, silence=True),
    say("multicast_flood", "mcast_flood", switch, silence=True),
    say("broadcast_flood", "bcast_flood", switch, silence=True),
    say("multicast_to_unicast", "mcast_to_unicast", switch, silence=False),
    say("multicast_router", "mcast_router", ROUTERS.__getitem__, silence="query"),
    say("fast_leave", "fastleave", switch, silence=False),
    say("bpdu_guard", "guard", switch, silence=False),
    say("root_block", "root_block", switch, silence=False),
    say("proxy_arp", "proxy_arp", switch, silence=False),
    say("proxy_arp_wifi", "proxy_arp_wifi", switch, silence=False),
    say("locked", "locked", switch, silence=False),
    say("vlan_tunnel", "vlan_tunnel", switch, silence=False),
    say("group_forward_mask", "group_fwd_mask", silence=0),
    say("backup_port", "backup_port"),
)
FDB = (
    say("vlan", "vlan"),
    say("destination", "dst"),
    say("port", "port"),
    say("vni", "vni"),
    say("link", "via"),
)


def _all(how: str, options: tuple[Option, ...]) -> tuple[Option, ...]:
    """Name the command in the rows of options."""
    return tuple(
        elsewhere(item.field, f"{how} {item.word}", *item.limits, silence=item.silence)
        for item in options
    )


def _done(*rows: tuple[str, str]) -> tuple[Option, ...]:
    return tuple(elsewhere(field, how) for field, how in rows)


_ROUTE = "up ip route replace"
_RULE = "up ip rule add"
_FDB = "up bridge fdb replace"
LAYER3: Groups = {
    Interface: Group("", _all("pre-up ip link set", LINK)),
    Port: Group(
        "",
        (
            *_all("up bridge link set", BRIDGE_LINK),
            *_all("up ip link set type bridge_slave", BRIDGE_SLAVE),
            *_done(
                ("vlans", "up bridge vlan add vid"),
                ("pvid", "up bridge vlan add pvid"),
                ("untagged", "up bridge vlan add untagged"),
                ("mdb", "up bridge mdb add"),
            ),
        ),
    ),
    Address: Group(
        "",
        (
            *_done(
                ("address", "address, up ip addr replace"),
                ("peer", "up ip addr replace peer"),
                ("broadcast", "up ip addr replace brd"),
            ),
            *_all("up ip addr replace", ADDRESS[1:]),
            elsewhere(
                "label",
                "up ip addr replace label",
                limit("ip(8) takes only labels that begin with the device's name", _foreign_label),
            ),
            elsewhere(
                "duplicate_address_detection",
                "up ip addr replace nodad",
                limit("neither ifupdown nor the kernel asks for IPv4 addresses", _asks_by_arp),
            ),
        ),
    ),
    Route: Group(
        "",
        (
            *_done(
                ("to", f"gateway, {_ROUTE}"),
                ("via", f"gateway, {_ROUTE} via"),
                ("on_link", f"{_ROUTE} onlink"),
                ("table", f"{_ROUTE} table"),
                ("type", f"{_ROUTE} <type>"),
                ("protocol", f"{_ROUTE} proto"),
                ("nexthops", f"{_ROUTE} nexthop"),
            ),
            *_all(_ROUTE, ROUTE_BEFORE_TABLE + ROUTE_AFTER_TABLE),
        ),
    ),
    Nexthop: Group(
        "",
        (
            *_done(
                ("via", f"{_ROUTE} nexthop via"),
                ("weight", f"{_ROUTE} nexthop weight"),
                ("on_link", f"{_ROUTE} nexthop onlink"),
            ),
            elsewhere(
                "interface",
                f"{_ROUTE} nexthop dev",
                limit("the other interface can only come up after this one", _waits_for_this),
            ),
        ),
    ),
    Rule: Group(
        "",
        (
            elsewhere(
                "priority",
                f"{_RULE} priority",
                limit(
                    "ip-rule(8) cannot safely delete one of two rules of one priority",
                    _same_priority,
                ),
            ),
            *_all(_RULE, RULE),
            *_done(("action", f"{_RULE} <action>"), ("protocol", f"{_RULE} protocol")),
        ),
    ),
    Neighbor: Group(
        "",
        _done(
            ("address", "up ip neigh replace"),
            ("macaddress", "up ip neigh replace lladdr"),
            ("proxy", "up ip neigh replace proxy"),
        ),
    ),
    FdbEntry: Group(
        "",
        (
            *_done(
                ("macaddress", _FDB),
                ("owner", f"{_FDB} <owner>"),
                ("state", f"{_FDB} <state>"),
            ),
            *_all(_FDB, FDB),
        ),
    ),
    MdbEntry: Group(
        "", _done(("group", "up bridge mdb add grp"), ("vlan", "up bridge mdb add vid"))
    ),
}


def describe(place: str, word: str) -> str:
    """Say in a row of the support table how a word is said: as it stands."""
    return f"{place} {word}".strip()


def fdb(entry: FdbEntry, name: str) -> str:
    """Set an entry of a forwarding database (bridge(8))."""
    # a group may have several destinations, and only of those `append` adds one
    many = entry.destination is not None and _is_group(entry.macaddress)
    words: list[Any] = [
        f"bridge fdb {'append' if many else 'replace'} {entry.macaddress} dev {name}",
        *phrases(entry, FDB),
        entry.owner,
        entry.state,
    ]
    return " ".join(words)


def forget_fdb(entry: FdbEntry, name: str) -> str:
    """Delete an entry of a forwarding database, which a card keeps when it goes down."""
    words = [f"bridge fdb del {entry.macaddress} dev {name}", *phrases(entry, FDB), entry.owner]
    return " ".join(words)


def _is_group(macaddress: str) -> bool:
    return bool(int(macaddress[:2], 16) & 1) or macaddress == "00:00:00:00:00:00"


def mdb(entry: MdbEntry, bridge: str, name: str) -> str:
    """Set an entry of a bridge's multicast database (bridge(8))."""
    vid = "" if entry.vlan is None else f" vid {entry.vlan}"
    spec = f"dev {bridge} port {name} grp {entry.group}"
    return f"bridge mdb del {spec}{vid} 2>/dev/null; bridge mdb add {spec} permanent{vid}"
