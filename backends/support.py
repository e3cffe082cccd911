"""Support tables: what a target can express of each field of the model, in which words, and since when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from vnetc.backends.devices import Devices
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
from vnetc.model.host import (
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
from vnetc.model.kinds import KINDS, Ethernet, QosMapping, VlanFlags, Wifi, WireguardPeer
from vnetc.model.record import Record, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

Version: TypeAlias = tuple[int, ...]
# program -> version: of what a host has, or of what a row needs at least. The kernel is `linux`.
Programs: TypeAlias = Mapping[str, Version]
EVER: Programs = {}
# Programs that no target is named after, as people call them.
TITLES: Mapping[str, str] = {"iproute2": "iproute2", "linux": "Linux"}
Refuses: TypeAlias = Callable[["Context"], bool]


class Limit(Record):
    """A value or combination that a target cannot say, and why.

    With `before` it can, as soon as no program is older than the version named there.
    """

    reason: str
    refuses: Refuses
    before: Programs = EVER


class Support(Record):
    """One row of a support table.

    `how` names the target's own option and is empty if it has none; `reason` then says why not.
    `since` names the programs that must not be older, the target's own first.
    `silence` is the value that the target has without being told: it is never refused.
    """

    how: str = ""
    reason: str = ""
    since: Programs = EVER
    limits: tuple[Limit, ...] = ()
    silence: Any = None

    def __init__(
        self,
        *,
        how: str = "",
        reason: str = "",
        since: Programs = EVER,
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
    programs: Programs


class IncompleteTable(Exception):
    """A support table lacks rows, or has some that are of no key; the text names them."""


def require_rows(table: Mapping[str, Support], rows: Iterable[str]) -> None:
    """Raise `IncompleteTable` if a part of a table has other rows than these."""
    wrong = table.keys() ^ set(rows)
    if wrong:
        raise IncompleteTable(f"missing, or of no key: {', '.join(sorted(wrong))}")


def exact(how: str, *limits: Limit, since: Programs = EVER, silence: Any = None) -> Support:
    """The target says it, in these words."""
    return Support(how=how, since=since, limits=limits, silence=silence)


def unsupported(reason: str, *, silence: Any = None) -> Support:
    """The target cannot say it, but for the value that it has without being told."""
    return Support(reason=reason, silence=silence)


def version_text(version: Version) -> str:
    """Spell a version as programs do: `6.1`."""
    return ".".join(map(str, version))


def systemd(version: int) -> Programs:
    """Need a version of systemd, as its manual pages say in "Added in version"."""
    return {"systemd": (version,)}


def too_old(programs: Programs, needed: Programs) -> str:
    """Name the first program that is older than needed, or give an empty text."""
    return next((name for name, version in needed.items() if programs[name] < version), "")


def limit(reason: str, refuses: Refuses, *, before: Programs = EVER) -> Limit:
    """Exclude what `refuses` holds for, while a program is older than in `before` if that is given."""
    return Limit(reason=reason, refuses=refuses, before=before)


def whole_seconds(field: str) -> Limit:
    """Refuse a time that the kernel counts in seconds, and that is none."""
    return limit(
        "the kernel counts seconds", lambda context: getattr(context.node, field) % 1000 != 0
    )


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


def rare_rows() -> list[str]:
    """List the names of the rows of `Target.rare`."""
    from vnetc.model.qdiscs import RECORDS

    return [*_rows_of(*_RARE, *RECORDS)]


def _types() -> Iterator[str]:
    return (f"type.{name}" for name in KINDS)


def _rows_of(*classes: type[Record]) -> Iterator[str]:
    return (f"{word_of(cls)}.{key(name)}" for cls in classes for name in row_fields(cls))
