"""Devices of every type in every position that the language allows, with every key in turn.

A *position* is what a device is to others: a port, a member, the link of another, a part of a VRF,
an uplink. A key that is expressed in one position and dropped in another is a lie that no test of
keys alone can see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache

from vnetc.language.tree import parse
from vnetc.model.record import Record
from vnetc.pipeline import check_text

from .drawing import Document, text_of
from .kind_rows import device_documents
from .rows import VALUES

_OF_GUESTS = ("nat", "routed", "isolated")


def read(text: str) -> Document:
    document: Document = parse(f"version: 1\n{text}\n").data
    return document


def is_right(document: Document) -> bool:
    """Tell whether the checks let a document through."""
    return all(d.severity != "error" for d in check_text(text_of(document), allow_hooks=True))


class Device(Record, kw_only=False):
    """A document, and the device in it that a test is about: its section and name."""

    document: Document
    section: str
    name: str

    @property
    def type(self) -> str:
        """The device's type."""
        found: str = self.keys(self.document).get("type", "ethernet")
        return found

    def keys(self, document: Document) -> Document:
        """Give the device's mapping in a document, to be filled in."""
        section = document.setdefault(self.section, {})
        if section.get(self.name) is None:
            section[self.name] = {}
        found: Document = section[self.name]
        return found


# --- devices of every type ------------------------------------------------------------------------

_INTERFACES = {
    "ethernet": "d: {}",
    "loopback": "lo: {type: loopback}",
    "veth": "d: {type: veth, peer: e}, e: {type: veth, peer: d}",
    "veth, second end": "c: {type: veth, peer: d}, d: {type: veth, peer: c}",
    "wifi": "d: {type: wifi, access-points: {cafe: {}}}",
    "infiniband, card": "d: {type: infiniband}",
    **device_documents(),
}
DEVICES = {
    kind: Device(read(f"interfaces: {{{text}}}"), "interfaces", "lo" if kind == "loopback" else "d")
    for kind, text in _INTERFACES.items()
} | {
    f"network, {mode}": Device(read(text % mode), "networks", "d")
    for mode, text in (
        ("bridge", "interfaces: {eth0: {}}\nnetworks: {d: {mode: %s, uplink: eth0}}"),
        *((m, "networks: {d: {mode: %s, subnet: 10.99.0.0/24}}") for m in _OF_GUESTS),
    )
}


# --- positions ------------------------------------------------------------------------------------

# the type of a device made on another -> one; `@` is its link
_UPPERS = {
    "vlan": "{type: vlan, id: 70, link: @}",
    "vxlan": "{type: vxlan, id: 71, local: 192.0.2.71, link: @}",
    "macvlan": "{type: macvlan, link: @}",
    "macvtap": "{type: macvtap, link: @}",
    "ipvlan": "{type: ipvlan, link: @}",
    "tunnel": "{type: tunnel, mode: gre, local: 192.0.2.71, remote: 192.0.2.72, link: @}",
    "infiniband": "{type: infiniband, partition-key: 7, link: @}",
}


def _link(kind: str) -> str:
    return "lo" if kind == "loopback" else "p"


def _as_link(device: str) -> str:
    """Rename a device and the other end of its cable, so that it can be another's link."""
    return re.sub(r"\b[cde]\b", lambda match: {"d": "p"}.get(match[0], f"q{match[0]}"), device)


# position -> what names the device, which is `@` there
POSITIONS = {
    "port": "interfaces: {zbr: {type: bridge, ports: [@]}}",
    "port with VLANs": (
        "interfaces: {zbr: {type: bridge, vlan-filtering: true, ports: {@: {vlans: [10]}}}}"
    ),
    "member": "interfaces: {zbond: {type: bond, members: [@]}}",
    "part of a VRF": "interfaces: {zred: {type: vrf, table: 99}, @: {vrf: zred}}",
    "uplink of a bridge": "networks: {zlan: {mode: bridge, uplink: @}}",
    "uplink of a network": "networks: {znat: {mode: nat, subnet: 10.98.0.0/24, uplink: @}}",
    **{f"link of {kind}": f"interfaces: {{z{kind}: {text}}}" for kind, text in _UPPERS.items()},
    # `p` is what is called `d` above, and `q` its other end
    **{
        f"on {kind}": f"interfaces: {{{_as_link(text)}, @: {{link: {_link(kind)}}}}}"
        for kind, text in _INTERFACES.items()
    },
}
# What can be made on one device at once: one document tries a key of it below all of them.
_TOGETHER = (
    ("link of vlan", "link of vxlan", "link of macvlan", "link of tunnel"),
    ("link of ipvlan",),
    ("link of macvtap",),
    ("link of infiniband",),
)


@cache
def _position(position: str, name: str) -> Document:
    return read(POSITIONS[position].replace("@", name))


def place(device: Device, positions: tuple[str, ...]) -> Device:
    """Put a device into positions."""
    document = deepcopy(device.document)
    for position in positions:
        more = _position(position, device.name)
        for section in ("interfaces", "networks"):
            for name, entry in more.get(section, {}).items():
                if name == device.name:
                    device.keys(document).update(entry)
                else:
                    document.setdefault(section, {})[name] = entry
    return Device(document, device.section, device.name)


def swap(device: Device, position: str) -> Document:
    """Give the document of a device in a position, with a card `zz` in the place of what is named.

    That is the device itself or, if it is made on another, its link.
    """
    if position.startswith("on "):
        document = place(device, (position,)).document
        device.keys(document)["link"] = "zz"
    else:
        document = deepcopy(device.document)
        entries = _position(position, "zz")
        for section in ("interfaces", "networks"):
            document.setdefault(section, {}).update(deepcopy(entries.get(section, {})))
    document.setdefault("interfaces", {}).setdefault("zz", {})
    return document


@cache
def positions_of(kind: str) -> tuple[str, ...]:
    """List the positions that the language allows a type of device to be in."""
    has_link = "link" in DEVICES[kind].keys(DEVICES[kind].document) or kind in _UPPERS
    return tuple(
        position
        for position in POSITIONS
        if (has_link or not position.startswith("on "))
        and is_right(place(DEVICES[kind], (position,)).document)
    )


def groups_of(kind: str) -> Iterator[tuple[str, ...]]:
    """List the positions in which to try the keys of a type of device; some go together."""
    right = positions_of(kind)
    yield ()
    together = {position for group in _TOGETHER for position in group}
    yield from ((position,) for position in right if position not in together)
    for group in _TOGETHER:
        if found := tuple(position for position in group if position in right):
            yield found


# --- keys -----------------------------------------------------------------------------------------

# What every type of device may have: words of the rows that are tried on each.
_COMMON = frozenset(
    {
        *("interface", "address", "route", "nexthop", "rule", "neighbor", "fdb", "nameservers"),
        *("dhcp-overrides", "ra-overrides"),
    }
)


class Variants(Record, kw_only=False):
    """Documents for a row of the support tables: without its key, and with each of two values."""

    bare: Document
    one: Document
    other: Document
    name: str  # of the interface that has the key


@cache
def variants(row: str) -> Variants | None:
    """Give the documents for a row, None if its key is of no interface."""
    text, *values = VALUES[row]
    one, other = (read(text.replace("@", value)) for value in values)
    bare = read(text.replace(", @", "").replace("@", ""))
    here, there = one.get("interfaces") or {}, other.get("interfaces") or {}
    names = [name for name in here if name in there and here[name] != there[name]]
    return Variants(bare, one, other, names[0]) if len(names) == 1 else None


def _moved(document: Document, name: str, device: Device) -> Document:
    """Give a device the keys that another has in a document of its own."""
    made = deepcopy(device.document)
    for other, entry in (document.get("interfaces") or {}).items():
        if other != name:
            made.setdefault("interfaces", {}).setdefault(other, deepcopy(entry))
    keys = dict((document["interfaces"] or {}).get(name) or {})
    keys.pop("type", None)
    device.keys(made).update(deepcopy(keys))
    return made


def rows_of(kind: str, *, whole: bool) -> Iterator[tuple[str, Variants]]:
    """Give the documents of the rows that are tried on a type of device.

    Without `whole`, only those of keys that stand at the device itself: what holds such a key holds
    those below it, wherever the device is.
    """
    device = DEVICES[kind]
    for row in VALUES:
        word = row.partition(".")[0]
        found = variants(row)
        if found is None or not (whole or word in ("interface", device.type)):
            continue
        if word in _COMMON:
            documents = (
                _moved(document, found.name, device)
                for document in (found.bare, found.one, found.other)
            )
            yield row, Variants(*documents, device.name)
        elif device.section == "interfaces":
            own = (found.one["interfaces"][found.name] or {}).get("type", "ethernet")
            if own == device.type:
                yield row, found


def difference(
    one: object, other: object, path: tuple[str | int, ...] = ()
) -> tuple[str | int, ...]:
    """Give the path of the one value in which two documents differ, or of what holds all of them."""
    match one, other:
        case dict(), dict():
            keys = [
                k for k in {**one, **other} if k not in one or k not in other or one[k] != other[k]
            ]
        case list(), list() if len(one) == len(other):
            keys = [k for k in range(len(one)) if one[k] != other[k]]
        case _:
            return path
    if len(keys) != 1 or (isinstance(one, dict) and not (keys[0] in one and keys[0] in other)):
        return path
    return difference(one[keys[0]], other[keys[0]], (*path, keys[0]))  # type: ignore[index]
