"""Objects that routes of others lead through, ip-nexthop(8): linux/nexthop.h.

No document asks for them, but they go with their device, and the routes with them
(nexthop_flush_dev in net/ipv4/nexthop.c): so they are read, and put back as they were.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping

from vnetc.backends.netlink.state import Attributes, Index, Key, Value
from vnetc.backends.netlink.wire.messages import (
    IP,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    U32,
    Message,
    attribute,
    attributes,
    keep,
    put_back,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NEW, _DELETE, _GET = 104, 105, 106  # RTM_…NEXTHOP
_HEADER = struct.Struct("=BBBBI")  # nhmsg: family, scope, protocol, 0, flags
DUMPS = ((_GET, bytes(_HEADER.size)),)

_ID, _GROUP, _OIF, _GATEWAY = 1, 2, 5, 6  # NHA_…
# what the kernel says of them and takes from nobody: groups, master, buckets, counters
_UNKEPT = frozenset({9, 10, 13, 14, 16, 17})
_KNOWN = _UNKEPT.union((_ID, _GROUP, _OIF, _GATEWAY))
_MEMBER = struct.Struct("=IBBH")  # nexthop_grp: object, weight - 1, its upper byte, 0
_ONLINK = 0x4  # RTNH_F_ONLINK


def read(
    bodies: Iterable[bytes], names: Mapping[int, str]
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read nexthops; `names` are the devices' by their numbers."""
    for body in bodies:
        family, _, proto, _, flags = _HEADER.unpack_from(body)
        found = dict(attributes(body, _HEADER.size))
        device = names.get(U32.unpack(found[_OIF])) if _OIF in found else None
        if _OIF in found and device is None:
            continue
        members = found.get(_GROUP, b"")
        nexthop: dict[str, Value] = {
            "family": 0 if members else family,
            "dev": device,
            "via": IP.unpack(found[_GATEWAY]) if _GATEWAY in found else None,
            "on-link": bool(flags & _ONLINK),
            "group": [[*member[:3]] for member in _MEMBER.iter_unpack(members)] or None,
            "proto": proto,
            "others": keep(found, _KNOWN),
        }
        yield ("nexthop", str(U32.unpack(found[_ID]))), nexthop


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether the kernel made the object by itself: it makes none."""
    return False


def members(attributes: Attributes) -> list[Key]:
    """List the objects that one is a group of."""
    group: Any = attributes["group"] or ()
    return [("nexthop", str(member[0])) for member in group]


def without(attributes: Attributes, gone: Collection[Key]) -> Attributes:
    """Give a group as it is when members have gone (remove_nh_grp_entry)."""
    group: Any = attributes["group"] or ()
    left = [member for member in group if ("nexthop", str(member[0])) not in gone]
    return {**attributes, "group": left or None}


def order(attributes: Attributes) -> int:
    """Say when one is made: after the ways to gateways, before what leads through it; groups last.

    See `order` in routes.py.
    """
    return 4 * 255 + (2 if attributes["group"] else 1)


def create(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Make an object."""
    return [_message(NLM_F_CREATE | NLM_F_EXCL, key, attributes, index)]


def change(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    """Change an object in place."""
    if all(old.get(name) == value for name, value in new.items()):
        return []
    return [_message(NLM_F_CREATE | NLM_F_REPLACE, key, new, index)]


def remove(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Remove an object."""
    body = bytes(_HEADER.size) + attribute(_ID, U32.pack(int(key[1])))
    return [Message(type=_DELETE, flags=0, body=body)]


def _message(flags: int, key: Key, attributes: Attributes, index: Index) -> Message:
    said: dict[str, Any] = {**attributes}
    parts = [attribute(_ID, U32.pack(int(key[1])))]
    if said["group"]:
        group = b"".join(_MEMBER.pack(*member, 0) for member in said["group"])
        parts.append(attribute(_GROUP, group))
    if said["dev"] is not None:
        parts.append(attribute(_OIF, U32.pack(index[said["dev"]])))
    if said["via"] is not None:
        parts.append(attribute(_GATEWAY, IP.pack(said["via"])))
    parts += put_back(said["others"])
    how = _ONLINK if said["on-link"] else 0
    header = _HEADER.pack(said["family"], 0, said["proto"], 0, how)
    return Message(type=_NEW, flags=flags, body=header + b"".join(parts))
