"""Which keys of the document a drop-in says, for the comment at its head.

The support table says of each row by which option of networkd it is said; read the other way round
it says of each option whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from vnetc.backends.devices import Devices
from vnetc.backends.formats import Section
from vnetc.backends.spelling import dotted
from vnetc.backends.support import key, row_fields, word_of
from vnetc.model.diagnostics import Path
from vnetc.model.host import Interface, Port
from vnetc.model.kinds import link_of
from vnetc.model.record import MISSING, Record, fields

# networkd's sections that keys of these do not say, though their words do of others
_NOT_OF = {
    "dhcp4-overrides": frozenset({"DHCPv6", "IPv6AcceptRA"}),
    "dhcp6-overrides": frozenset({"DHCPv4"}),
}
_SAID = re.compile(r"\[(\w+)\]|(\w+)=")


@cache
def _rows() -> dict[str, frozenset[tuple[str, str]]]:
    """Give, by row, the sections and options that it may be said by; a section alone has no option."""
    from vnetc.backends.netplan.support import SUPPORT

    found: dict[str, frozenset[tuple[str, str]]] = {}
    for name, row in SUPPORT.items():
        section, words = "", set[tuple[str, str]]()
        for match in _SAID.finditer(row.how):
            section = match[1] or section
            words.add((section, match[2] or ""))
        found[name] = frozenset(words)
    # the only rare row that a drop-in says, but for those of queueing disciplines
    return {**found, "match.path": frozenset({("Match", "Path")})}


def _disciplines() -> frozenset[tuple[str, str]]:
    from vnetc.backends.networkd.qdiscs import SECTIONS

    return frozenset((group.place, "") for group in SECTIONS.values())


def keys_of(
    devices: Devices, interface: Interface, sections: Iterable[Section], entries: Iterable[Path]
) -> list[str]:
    """List the keys that sections say, as paths of the document with dots.

    `entries` are the places of the addresses, routes and rules among them.
    """
    written = {(name, option) for name, options in sections for option, _ in options}
    written |= {(name, "") for name, _ in sections}
    rows = _rows()
    if interface.qdiscs:
        rows = {**rows, "interface.qdiscs": _disciplines()}
    found = [*entries]
    for path, record, told in _records(devices, interface):
        for field in told:
            default = fields(type(record))[field]
            if default is not MISSING and getattr(record, field) == default:
                continue
            said = rows.get(f"{word_of(type(record))}.{key(field)}", frozenset())
            said -= {pair for pair in said if pair[0] in _NOT_OF.get(str(path[-1]), ())}
            options = {pair for pair in said if pair[1]}
            if written & (options or said):
                found.append((*path, key(field)))
    if ("DHCPServer", "") in written:
        found += ((*d.path, "server") for d in devices.dhcp_servers if d.bridge == interface.name)
    return [*dict.fromkeys(map(dotted, found))]


# of an interface, in place of which keys below or entries of them are named
_WHOLES = frozenset(
    {
        *("dhcp4_overrides", "dhcp6_overrides", "ra_overrides", "nameservers"),
        *("addresses", "routes", "routing_policy"),
    }
)


def _records(
    devices: Devices, interface: Interface
) -> Iterator[tuple[Path, Record, Iterable[str]]]:
    """Give the records whose keys an interface's drop-ins may say: place, record, its fields."""
    path, kind = interface.path, interface.kind
    yield path, interface, (name for name in row_fields(Interface) if name not in _WHOLES)
    yield path, kind, row_fields(type(kind))
    parts: list[tuple[str, object]] = [
        ("match", getattr(kind, "match", None)),
        ("flags", getattr(kind, "flags", None)),
        ("dhcp4-overrides", interface.dhcp4_overrides),
        ("dhcp6-overrides", interface.dhcp6_overrides),
        ("ra-overrides", interface.ra_overrides),
        ("nameservers", interface.nameservers),
    ]
    for word, part in parts:
        if isinstance(part, Record):
            yield (*path, word), part, row_fields(type(part))
    if interface.port is not None:
        yield interface.port.path, interface.port, row_fields(Port)
    for upper in devices.upper.get(interface.name, ()):
        if link_of(upper.kind) is not None:
            yield upper.path, upper.kind, ("link",)
