"""Permanent neighbours, and addresses that the host answers for: linux/neighbour.h.

What the kernel learns of neighbours comes and goes, and is not read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from vnetc.backends.base import Support, exact
from vnetc.backends.netlink.addresses import AF_INET, AF_INET6
from vnetc.backends.netlink.objects import PROTOCOL, Attributes, Index, Key, Value, Wanted
from vnetc.backends.netlink.wire import (
    IP,
    MAC,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Message,
    attribute,
    attributes,
)
from vnetc.diagnostics import Path
from vnetc.model import Interface

RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
HEADER = struct.Struct("=BBHiHBB")  # ndmsg: family, 0, 0, device, state, flags, type
_PROXY, _ROUTER = 0x08, 0x80  # NTF_…
PERMANENT = 0x80  # NUD_PERMANENT
# those that are there, then those that the host answers for (neigh_dump_info)
DUMPS = tuple((RTM_GETNEIGH, HEADER.pack(0, 0, 0, 0, 0, flags, 0)) for flags in (0, _PROXY))

_DST, _LLADDR, _PROTOCOL = 1, 2, 12  # NDA_…
# What a neighbour is about which nobody says anything.
DEFAULTS: Mapping[str, Value] = {"macaddress": None, "router": False}


def wanted(interface: Interface) -> Iterator[Wanted]:
    """Give the neighbours of an interface."""
    for neighbor in interface.neighbors:
        kind = "neighbor-proxy" if neighbor.proxy else "neighbor"
        attributes: dict[str, Value] = {**DEFAULTS, "proto": PROTOCOL}
        places: dict[str, Path] = {}
        if neighbor.macaddress is not None:
            attributes["macaddress"] = neighbor.macaddress
            places["macaddress"] = (*neighbor.path, "macaddress")
        key = (kind, interface.name, str(neighbor.address))
        unsaid = frozenset(attributes.keys() - places.keys())
        yield Wanted(key, attributes, neighbor.path, places, unsaid)


def read(
    bodies: Iterable[bytes], names: Mapping[int, str]
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read the answers to both dumps; `names` are the devices' by their numbers."""
    for body in bodies:
        family, _, _, number, state, flags, _ = HEADER.unpack_from(body)
        device = names.get(number)
        proxy = bool(flags & _PROXY)
        if family not in (AF_INET, AF_INET6) or device is None:
            continue
        if not proxy and not state & PERMANENT:
            continue
        found = dict(attributes(body, HEADER.size))
        neighbor: dict[str, Value] = {
            "macaddress": MAC.unpack(found[_LLADDR]) if found.get(_LLADDR) else None,
            "router": bool(flags & _ROUTER),
            "proto": found[_PROTOCOL][0] if _PROTOCOL in found else 0,
        }
        kind = "neighbor-proxy" if proxy else "neighbor"
        yield (kind, device, IP.unpack(found[_DST])), neighbor


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether the kernel made the neighbour: it makes no permanent ones."""
    return False


def is_ours(key: Key, attributes: Attributes) -> bool:
    """Tell whether the neighbour has the mark that only vnetc makes."""
    return attributes.get("proto") == PROTOCOL


def create(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Make a neighbour, also where the kernel knows it already: what it has learned is no key."""
    return [_message(NLM_F_CREATE | NLM_F_REPLACE, key, attributes, index)]


def change(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    """Change a neighbour in place."""
    same = all(old.get(name) == value for name, value in new.items())
    return [] if same else create(key, new, index)


def remove(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Remove a neighbour."""
    flags = _PROXY if key[0] == "neighbor-proxy" else 0
    return [Message(type=RTM_DELNEIGH, flags=0, body=_start(key, 0, flags, index))]


def _start(key: Key, state: int, flags: int, index: Index) -> bytes:
    address = IP.pack(key[2])
    family = AF_INET if len(address) == 4 else AF_INET6
    header = HEADER.pack(family, 0, 0, index[key[1]], state, flags, 0)
    return header + attribute(_DST, address)


def _message(flags: int, key: Key, attributes: Attributes, index: Index) -> Message:
    proxy = key[0] == "neighbor-proxy"
    how = (_PROXY if proxy else 0) | (_ROUTER if attributes.get("router") else 0)
    body = _start(key, 0 if proxy else PERMANENT, how, index)
    mac = attributes.get("macaddress")
    if mac is not None:
        body += attribute(_LLADDR, MAC.pack(mac))
    proto = attributes.get("proto", PROTOCOL)
    body += attribute(_PROTOCOL, bytes([proto if isinstance(proto, int) else PROTOCOL]))
    return Message(type=RTM_NEWNEIGH, flags=flags, body=body)


ROWS: Mapping[str, Support] = {
    "interface.neighbors": exact("RTM_NEWNEIGH"),
    "neighbor.address": exact("NDA_DST"),
    "neighbor.macaddress": exact("NDA_LLADDR"),
    "neighbor.proxy": exact("NTF_PROXY"),
}
