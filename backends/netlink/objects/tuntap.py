"""Tun and tap devices, which netlink shows and removes but does not make: ioctls of /dev/net/tun.

The edge. tun_set_iff and __tun_chr_ioctl of drivers/net/tun.c.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from vnetc.backends.netlink.objects.calls import Problem
from vnetc.backends.netlink.state import Attributes, Wanted
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.netlink.state import Value

# linux/if_tun.h
_TUNSETIFF, _TUNSETPERSIST, _TUNSETOWNER, _TUNSETGROUP = (
    0x400454CA,
    0x400454CB,
    0x400454CC,
    0x400454CE,
)
_IFF_TUN, _IFF_TAP, _IFF_MULTI_QUEUE = 0x1, 0x2, 0x100
_IFF_NO_PI, _IFF_VNET_HDR, _IFF_TUN_EXCL = 0x1000, 0x4000, 0x8000
_REQUEST = struct.Struct("16sH22x")  # struct ifreq


def create(name: str, attributes: Attributes) -> None:
    """Make a device that stays when this program ends. Raises `OSError`, `LookupError`."""
    import fcntl

    kind = str(attributes["kind"])
    users = {name: _number(kind, name, attributes) for name in ("user", "group")}
    flags = _IFF_TUN_EXCL | (_IFF_TAP if kind == "tap" else _IFF_TUN)
    flags |= 0 if attributes.get(f"{kind}.packet-info") else _IFF_NO_PI
    flags |= _IFF_VNET_HDR if attributes.get(f"{kind}.vnet-header") else 0
    flags |= _IFF_MULTI_QUEUE if attributes.get(f"{kind}.multi-queue") else 0
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _TUNSETIFF, _REQUEST.pack(name.encode(), flags))
        for request, who in ((_TUNSETOWNER, users["user"]), (_TUNSETGROUP, users["group"])):
            if who is not None:
                fcntl.ioctl(device, request, who)
        fcntl.ioctl(device, _TUNSETPERSIST, 1)
    finally:
        os.close(device)


def _number(kind: str, what: str, attributes: Attributes) -> int | None:
    value = attributes.get(f"{kind}.{what}")
    return value if value is None or isinstance(value, int) else _look_up(what, str(value))


def _look_up(what: str, name: str) -> int:
    import grp
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid if what == "user" else grp.getgrnam(name).gr_gid
    except KeyError:
        raise LookupError(f"there is no {what} `{name}`") from None


def resolve(wanted: Iterable[Wanted]) -> tuple[list[Wanted], list[Problem]]:
    """Give devices with the numbers of their users, as the kernel says them."""
    found: list[Wanted] = []
    problems: list[Problem] = []
    for item in wanted:
        kind = item.attributes.get("kind")
        if kind in ("tun", "tap"):
            item, unknown = _resolved(str(kind), item)
            problems += unknown
        found.append(item)
    return found, problems


def _resolved(kind: str, wanted: Wanted) -> tuple[Wanted, list[Problem]]:
    numbers: dict[str, Value] = {}
    problems: list[Problem] = []
    for what in ("user", "group"):
        name = f"{kind}.{what}"
        try:
            if (number := _number(kind, what, wanted.attributes)) is not None:
                numbers[name] = number
        except LookupError as error:
            path = wanted.places.get(name, wanted.path)
            problems.append(Problem(path, str(error.args[0])))
    return replace(wanted, attributes={**wanted.attributes, **numbers}), problems
