"""What all back ends share: files, outputs and support tables.

A target is data first. Its table says of each model field how the target says it, since which of
its versions, or why it cannot. `express` (express.py) turns that into diagnostics before a writer runs; the
matrix of `vnetc targets` and of the docs is the same data. A writer sees only what the table lets
through, so it never has to refuse or drop anything itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from vnetc.model.cards import (
    AccessPoint,
    Auth,
    CardMatch,
    Channels,
    Coalesce,
    LinkSettings,
    Offload,
    Queues,
    Rings,
    VirtualFunction,
    VirtualFunctions,
)
from vnetc.model.diagnostics import Diagnostic
from vnetc.model.host import (
    MAIN_TABLE,
    Address,
    DhcpOverrides,
    DhcpServer,
    FdbEntry,
    Firewall,
    Host,
    Interface,
    MdbEntry,
    Nameservers,
    Neighbor,
    Nexthop,
    Port,
    PublishedPort,
    RaOverrides,
    Reservation,
    Route,
    Rule,
)
from vnetc.model.kinds import (
    KINDS,
    Bridge,
    Ethernet,
    QosMapping,
    VlanFlags,
    Wifi,
    WireguardPeer,
    link_of,
)
from vnetc.model.record import Record, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from vnetc.backends.deployment import Deployment
    from vnetc.backends.systems import System

Version: TypeAlias = tuple[int, ...]
Ranges: TypeAlias = tuple[tuple[int, int], ...]
Refuses: TypeAlias = Callable[["Context"], bool]


class File(Record, kw_only=False):
    """A file of the target host: absolute path, text, permission bits."""

    path: str
    content: str
    mode: int = 0o644


class Output(Record):
    """What a compilation gives. `files` is empty if any diagnostic is an error.

    `packages` are what the files need beside the target's own program, by the names of `system`
    (`debian-12`); `notes` is what is to be done once on the host, with the reason.
    """

    host: str
    target: str
    files: tuple[File, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    system: str = ""
    packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Limit(Record):
    """A value or combination that a target cannot say, and why; `before`: only in versions before."""

    reason: str
    refuses: Refuses
    before: Version = ()


class Support(Record):
    """One row of a support table.

    `how` names the target's own option and is empty if it has none; `reason` then says why not.
    `silence` is the value that the target has without being told: it is never refused.
    """

    how: str = ""
    reason: str = ""
    since: Version = ()
    limits: tuple[Limit, ...] = ()
    silence: Any = None

    def __init__(
        self,
        *,
        how: str = "",
        reason: str = "",
        since: Version = (),
        limits: tuple[Limit, ...] = (),
        silence: Any = None,
    ) -> None:
        """Fill in the fields: by hand, since hundreds are made at each start."""
        filled = {
            "how": how,
            "reason": reason,
            "since": since,
            "limits": limits,
            "silence": silence,
        }
        object.__setattr__(self, "__dict__", filled)


class Context(Record):
    """What a `Limit` may look at: a node, the interface it belongs to (if any) and the host."""

    node: Any
    interface: Interface | None
    host: Host
    devices: Devices
    version: Version


class Target(Record):
    """A back end. `write` gets a host that the table lets through; paths of its files are unique.

    `check_raw` finds `raw` text of the host that the target's format cannot carry, or that
    contradicts what the writer says itself. `deployment` gives what to do with files that have
    changed, None if that is not for a person to do. `on` gives the target on an operating system that has
    it in the version that is compiled for. `holds` tells whether a finding about the document alone
    is true on the target. `rare` gives the rows about queueing disciplines and the
    settings of cards, which few documents have, so that the others need not wait for them.
    """

    name: str
    title: str
    default: Version
    oldest: Version
    newest: Version
    common: Mapping[str, Support]
    rare: Callable[[], Mapping[str, Support]]
    write: Callable[[Host, Version], list[File]]
    check_raw: Callable[[Host, Version], list[Diagnostic]] = lambda host, version: []
    deployment: Callable[[], Deployment | None] = lambda: None
    on: Callable[[Target, System], Target] = lambda target, system: target
    holds: Callable[[Diagnostic], bool] = lambda found: True

    @property
    def support(self) -> Mapping[str, Support]:
        """The whole support table. Raises `IncompleteTable` if it is not whole."""
        return {**_whole(self.rare), **self.common}


class IncompleteTable(Exception):
    """A support table lacks rows, or has some that are of no key; the text names them."""


def require_rows(table: Mapping[str, Support], rows: Iterable[str]) -> None:
    """Raise `IncompleteTable` if a part of a table has other rows than these."""
    wrong = table.keys() ^ set(rows)
    if wrong:
        raise IncompleteTable(f"missing, or of no key: {', '.join(sorted(wrong))}")


@cache
def _whole(rare: Callable[[], Mapping[str, Support]]) -> Mapping[str, Support]:
    """Give the rare rows of a target, which are looked through once in a process."""
    from vnetc.model.qdiscs import RECORDS

    table = rare()
    require_rows(table, _rows_of(*_RARE, *RECORDS))
    return table


def has_rare(host: Host) -> bool:
    """Tell whether a host has what `Target.rare` is about."""
    return any(
        interface.qdiscs
        or isinstance(interface.kind, Wifi)
        or (isinstance(interface.kind, Ethernet) and interface.kind != _BARE)
        for interface in host.interfaces
    )


_BARE = Ethernet()


class Devices:
    """Look-ups over the interfaces of a host, made once: a search for each would be quadratic."""

    def __init__(self, host: Host) -> None:
        """Index the host's interfaces."""
        self.by_name = {interface.name: interface for interface in host.interfaces}
        self.position = {name: number for number, name in enumerate(self.by_name)}
        self.dhcp_servers = host.dhcp_servers
        self.forwards = any(firewall.mode != "isolated" for firewall in host.firewalls)
        self.upper: dict[str, list[Interface]] = {}  # by the interface that they are made on
        self.of_vrf: dict[str, list[str]] = {}
        for interface in host.interfaces:
            if interface.vrf is not None:
                self.of_vrf.setdefault(interface.vrf, []).append(interface.name)
            link = link_of(interface.kind)
            if link is not None:
                self.upper.setdefault(link, []).append(interface)


def exact(how: str, *limits: Limit, since: Version = (), silence: Any = None) -> Support:
    """The target says it, in these words."""
    return Support(how=how, since=since, limits=limits, silence=silence)


def unsupported(reason: str, *, silence: Any = None) -> Support:
    """The target cannot say it, but for the value that it has without being told."""
    return Support(reason=reason, silence=silence)


def limit(reason: str, refuses: Refuses, *, before: Version = ()) -> Limit:
    """Exclude what `refuses` holds for, in versions older than `before` if that is given."""
    return Limit(reason=reason, refuses=refuses, before=before)


def whole_seconds(field: str) -> Limit:
    """Refuse a time that the kernel counts in seconds, and that is none."""
    return limit(
        "the kernel counts seconds", lambda context: getattr(context.node, field) % 1000 != 0
    )


# linux/rtnetlink.h: where routes of these types go unless a table is said, RT_TABLE_LOCAL
_OF_TABLE_LOCAL = frozenset({"local", "broadcast", "anycast"})


def said_table(route: Route) -> int | None:
    """Give the table that a target must be told, None if it takes it by itself (ip-route(8))."""
    implied = route.table == MAIN_TABLE and route.type not in _OF_TABLE_LOCAL
    return None if implied else route.table


# What the kernel does with router advertisements, by the fields of `ra-overrides`
# (kernel documentation, networking/ip-sysctl): it takes routes and prefixes, but no servers.
KERNEL_RA: Mapping[str, Any] = {
    "use-dns": False,
    "use-domains": False,
    "use-gateway": True,
    "use-autonomous-prefix": True,
    "use-on-link-prefix": True,
    "table": MAIN_TABLE,
    "route-metric": 1024,  # IP6_RT_PRIO_USER
}

_DEFAULT_PVID = 1  # br_vlan_init() of net/bridge/br_vlan.c


def default_vlan(bridge: Bridge) -> int:
    """Give the VLAN of frames without a tag on what says nothing of VLANs, 0 for none."""
    return _DEFAULT_PVID if bridge.default_pvid is None else bridge.default_pvid


def carried_vlans(item: Port | Bridge, bridge: Bridge) -> tuple[Ranges, int | None, Ranges]:
    """Give `vlans`, `pvid` and `untagged` of a port, or of the bridge device, with the default VLAN.

    It is the `pvid` unless there is another one, and leaves untagged unless the item lists it. What
    says nothing of VLANs has it from the kernel; of the rest systemd-networkd 257 would remove it.
    """
    vlans, pvid, untagged = item.vlans, item.pvid, item.untagged
    default = default_vlan(bridge)
    if not default or not (vlans or untagged or pvid is not None):
        return vlans, pvid, untagged
    if pvid != default and not any(first <= default <= last for first, last in vlans):
        also = ((default, default),)
        vlans, untagged = tuple(sorted(vlans + also)), tuple(sorted(untagged + also))
    return vlans, default if pvid is None else pvid, untagged


def said_vlans(item: Port | Bridge, bridge: Bridge) -> tuple[Ranges, int | None, Ranges]:
    """Give what must be told of the VLANs of a port, or of the bridge device, to who adds them.

    What is added without being the PVID is none any more, also the default VLAN.
    """
    if any(first <= default_vlan(bridge) <= last for first, last in item.vlans):
        return carried_vlans(item, bridge)
    return item.vlans, item.pvid, item.untagged


# model class -> the word its rows begin with, if the class does not say it itself; `interface.mtu`, `port.isolated`, ...
ROWS: dict[type[Record], str] = {
    Interface: "interface",
    **{cls: name for name, cls in KINDS.items()},
    CardMatch: "match",
    Offload: "offload",
    LinkSettings: "link-settings",
    Rings: "rings",
    Channels: "channels",
    Queues: "queues",
    Coalesce: "coalesce",
    VirtualFunctions: "virtual-functions",
    VirtualFunction: "virtual-function",
    Auth: "auth",
    AccessPoint: "access-point",
    VlanFlags: "vlan-flags",
    QosMapping: "qos-mapping",
    WireguardPeer: "wireguard-peer",
    Port: "port",
    Address: "address",
    Route: "route",
    Nexthop: "nexthop",
    Rule: "rule",
    Neighbor: "neighbor",
    FdbEntry: "fdb",
    MdbEntry: "mdb",
    DhcpOverrides: "dhcp-overrides",
    RaOverrides: "ra-overrides",
    Nameservers: "nameservers",
    Firewall: "network",
    PublishedPort: "publish",
    DhcpServer: "dhcp",
    Reservation: "reservation",
    Host: "host",
}

# The classes of `Target.rare`, beside those of queueing disciplines.
_RARE: frozenset[type[Record]] = frozenset(
    {
        *(Ethernet, Wifi, CardMatch, Offload, LinkSettings, Rings, Channels, Queues, Coalesce),
        *(VirtualFunctions, VirtualFunction, Auth, AccessPoint),
    }
)

# Fields that carry structure, not a key of the document: they need no row.
STRUCTURE: dict[type[Record], frozenset[str]] = {
    Interface: frozenset({"name", "path", "kind", "port", "member"}),
    Port: frozenset({"path", "bridge"}),
    **dict.fromkeys((Address, Route, Nexthop), frozenset({"path", "stated"})),
    AccessPoint: frozenset({"path", "name"}),
    Firewall: frozenset({"name", "path", "bridge", "addresses"}),
    DhcpServer: frozenset(
        {"name", "path", "bridge", "subnet", "address", "prefixes", "forwards_dns"}
    ),
    Host: frozenset({"name", "interfaces", "claims", "firewalls", "dhcp_servers"}),
}
_PATH = frozenset({"path"})


def word_of(cls: type[Record]) -> str:
    """Give the word that the rows of a model class begin with, an empty one if it has none."""
    word: str = ROWS[cls] if cls in ROWS else getattr(cls, "row", "")
    return word


def key(field: str) -> str:
    """Give the document's spelling of a model field."""
    return field.rstrip("_").replace("_", "-")


def row_fields(cls: type[Record]) -> list[str]:
    """List the fields of a model class that every support table must have a row for."""
    return [name for name in fields(cls) if name not in STRUCTURE.get(cls, _PATH)]


def rows() -> list[str]:
    """List the names of all rows that a support table must have, types first."""
    from vnetc.model.qdiscs import RECORDS

    return [*_types(), *_rows_of(*ROWS, *RECORDS)]


def common_rows() -> list[str]:
    """List the names of the rows of `Target.common`."""
    return [*_types(), *_rows_of(*(cls for cls in ROWS if cls not in _RARE))]


def _types() -> Iterator[str]:
    return (f"type.{name}" for name in KINDS)


def _rows_of(*classes: type[Record]) -> Iterator[str]:
    return (f"{word_of(cls)}.{key(name)}" for cls in classes for name in row_fields(cls))
