"""Neighbours that someone set, and addresses that the host answers for: linux/neighbour.h.

What the kernel learns of neighbours comes and goes, and is not read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from vnetc.backends.netlink.objects.addresses import AF_INET, AF_INET6
from vnetc.backends.netlink.state import PROTOCOL, Attributes, Index, Key, State, Value, Wanted
from vnetc.backends.netlink.wire.messages import (
    IP,
    MAC,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    U32,
    Message,
    attribute,
    attributes,
)
from vnetc.backends.support import Support, exact
from vnetc.model.diagnostics import Path
from vnetc.model.host import Interface

RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
HEADER = struct.Struct("=BBHiHBB")  # ndmsg: family, 0, 0, device, state, flags, type
_PROXY, _LEARNED, _ROUTER = 0x08, 0x10, 0x80  # NTF_…
_NOARP, PERMANENT = 0x40, 0x80  # NUD_…
_MANAGED = 1  # NTF_EXT_MANAGED: the kernel keeps looking for it (Linux 5.16)
# those that are there, then those that the host answers for (neigh_dump_info)
DUMPS = tuple((RTM_GETNEIGH, HEADER.pack(0, 0, 0, 0, 0, flags, 0)) for flags in (0, _PROXY))

_DST, _LLADDR, _PROTOCOL, _FLAGS = 1, 2, 12, 15  # NDA_…
# What a neighbour is about which nobody says anything.
DEFAULTS: Mapping[str, Value] = {
    "macaddress": None,
    "router": False,
    "noarp": False,
    "learned": False,  # by a daemon, for instance of EVPN
    "managed": False,
}


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
        unsaid = frozenset(attributes.keys() - places.keys() - {"noarp", "managed"})
        yield Wanted(key, attributes, neighbor.path, places, unsaid)


def read(
    bodies: Iterable[bytes], names: Mapping[int, str], links: State
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read the answers to both dumps.

    `names` are the devices' by their numbers, `links` the devices with their attributes.
    """
    for body in bodies:
        family, _, _, number, state, flags, _ = HEADER.unpack_from(body)
        device = names.get(number)
        proxy = bool(flags & _PROXY)
        if family not in (AF_INET, AF_INET6) or device is None:
            continue
        found = dict(attributes(body, HEADER.size))
        managed = _FLAGS in found and bool(U32.unpack(found[_FLAGS]) & _MANAGED)
        mac = MAC.unpack(found[_LLADDR]) if found.get(_LLADDR) and not managed else None
        set_by_someone = (
            state & PERMANENT
            or managed
            or (state & _NOARP and not _is_of_kernel(mac, links.get(("link", device), {})))
        )
        if not proxy and not set_by_someone:
            continue
        neighbor: dict[str, Value] = {
            "macaddress": mac,
            "router": bool(flags & _ROUTER),
            "noarp": bool(state & _NOARP),
            "learned": bool(flags & _LEARNED),
            "managed": managed,
            "proto": found[_PROTOCOL][0] if _PROTOCOL in found else 0,
        }
        kind = "neighbor-proxy" if proxy else "neighbor"
        yield (kind, device, IP.unpack(found[_DST])), neighbor


def _is_of_kernel(mac: str | None, link: Attributes) -> bool:
    """Tell whether the kernel made a neighbour that is never asked for (arp_constructor).

    It does of groups, of broadcast addresses, and on a device without ARP of all, with its own MAC.
    """
    return mac is None or bool(int(mac[:2], 16) & 1) or mac == link.get("macaddress")


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether the kernel made the neighbour: those that it makes are not read."""
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
    how |= _LEARNED if attributes.get("learned") else 0
    state = _NOARP if attributes.get("noarp") else PERMANENT
    managed = bool(attributes.get("managed"))
    body = _start(key, 0 if proxy or managed else state, how, index)
    if managed:
        body += attribute(_FLAGS, U32.pack(_MANAGED))
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
