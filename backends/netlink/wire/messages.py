"""Netlink's messages as bytes: headers, attributes and the types of their values (netlink(7)).

A message is built by `message` from a family's own header and attributes, and taken apart by
`attributes`. A `Codec` turns one kind of value into bytes and back, so that one table of attributes
serves both directions: what is written can always be read back and compared.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address

from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# linux/netlink.h
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_ECHO, NLM_F_DUMP_INTR = 0x1, 0x2, 0x4, 0x8, 0x10
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
NLM_F_DUMP = 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED, _NLA_TYPE = 0x8000, 0x3FFF
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
_MAY_EMBED = bytes(10)  # how IPv6 addresses begin that inet_ntop(3) may end with an IPv4 address


class Message(Record, kw_only=False):
    """A request: its type (RTM_..., or a generic family's number), flags and what follows the header.

    `flags` need neither NLM_F_REQUEST nor NLM_F_ACK.
    """

    type: int
    flags: int
    body: bytes


def attribute(number: int, payload: bytes) -> bytes:
    """Build an attribute, padded to four bytes."""
    size = len(payload) + 4
    return _ATTRIBUTE.pack(size, number) + payload + _PADDING[size & 3]


def nest(number: int, *inner: bytes) -> bytes:
    """Build an attribute of attributes."""
    return attribute(number | NLA_F_NESTED, b"".join(inner))


def attributes(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Take attributes apart: number without flags, and payload."""
    unpack, end = _ATTRIBUTE.unpack_from, len(data)
    while start + 4 <= end:
        size, number = unpack(data, start)
        if size < 4:
            return
        yield number & _NLA_TYPE, data[start + 4 : start + size]
        start += (size + 3) & ~3


class Codec(Record, kw_only=False):
    """How values of one type stand in an attribute; `show` is how a plan prints them."""

    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]
    show: Callable[[Any], str] = str


def _number(format: str) -> Codec:
    form = struct.Struct(format)
    # some kernels pad or widen an attribute: what is read may be longer
    return Codec(form.pack, lambda data: form.unpack_from(data)[0])


U8, U16, U32, U64 = (_number(f"={letter}") for letter in "BHIQ")
S32 = _number("=i")
BE16, BE32 = _number(">H"), _number(">I")
BOOL = Codec(lambda value: bytes([bool(value)]), lambda data: bool(data[0]))  # one byte, 0 or 1
FLAG = Codec(lambda value: b"", lambda data: True)  # is there, or is not
# names of devices are bytes of any kind (dev_valid_name)
TEXT = Codec(
    lambda text: text.encode(errors="surrogateescape") + b"\0",
    lambda data: data.split(b"\0")[0].decode(errors="surrogateescape"),
)
MAC = Codec(lambda mac: bytes.fromhex(mac.replace(":", "")), lambda data: data.hex(":"))


def _ip_bytes(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def _ip_text(data: bytes) -> str:
    if len(data) == 4:
        return socket.inet_ntop(socket.AF_INET, data)
    if data.startswith(_MAY_EMBED):
        return str(ip_address(data))  # as the model spells it: ::1.2.3.4 has no dots there
    return socket.inet_ntop(socket.AF_INET6, data)


IP = Codec(_ip_bytes, _ip_text)  # IPv4 or IPv6, as its length says


def enum(*names: str, codec: Codec = U8) -> Codec:
    """Give numbers names: those of the model, the first is 0. An unknown number stays one."""
    numbers = {name: number for number, name in enumerate(names)}

    def name(data: bytes) -> Any:
        number: int = codec.unpack(data)
        return names[number] if number < len(names) else number

    return Codec(lambda value: codec.pack(numbers.get(value, value)), name)


def keep(found: Mapping[int, bytes], known: frozenset[int]) -> dict[str, Any] | None:
    """Keep attributes that nobody here knows, to put them back as they are."""
    if found.keys() <= known:
        return None
    return {str(number): data.hex() for number, data in found.items() if number not in known}


def put_back(others: Mapping[str, str] | None) -> list[bytes]:
    """Build the attributes that were kept."""
    return [attribute(int(n), bytes.fromhex(data)) for n, data in (others or {}).items()]
