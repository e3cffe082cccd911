"""A netlink socket: dumps that are consistent, and requests in batches with an answer each.

The edge: besides programs.py and tuntap.py the only place where messages meet the kernel. A
`sendmsg` with several requests is worked off in order before it returns, even if the sender is
killed meanwhile, and a failed request does not stop the ones behind it (af_netlink.c,
netlink_rcv_skb): so what must not be half done goes into one.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Sequence

from vnetc.backends.netlink.wire.messages import (
    HEADER,
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    Message,
    attributes,
)
from vnetc.model.record import Record

ROUTE, GENERIC = 0, 16  # NETLINK_ROUTE, NETLINK_GENERIC, linux/netlink.h
BATCH = 128  # requests of one sendmsg: their answers must fit into the receive buffer

_SOL_NETLINK = 270
_CAP_ACK, _EXT_ACK, _GET_STRICT_CHK = 10, 11, 12
_SO_RCVBUFFORCE = 33
_ACK_TLVS, _CAPPED = 0x200, 0x100  # flags of an answer
_ATTR_MSG = 1  # NLMSGERR_ATTR_MSG
_ATTEMPTS = 50  # for a dump that something changes meanwhile
_ERRNO = struct.Struct("=i")
_BUFFER = 1 << 18


class Answer(Record, kw_only=False):
    """What the kernel says to a request: 0 or an errno, its own words, and what it sent back."""

    errno: int
    text: str = ""
    reply: bytes = b""


_DONE = Answer(0)  # what the kernel says to nearly all requests


class DumpInterrupted(Exception):
    """Something changed the kernel's tables during each of many attempts to read them."""


class Netlink:
    """A socket of one family of netlink, in the network namespace it is made in."""

    def __init__(self, family: int = ROUTE) -> None:
        """Open the socket. Raises `OSError`."""
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family
        )
        for option in (_CAP_ACK, _EXT_ACK, _GET_STRICT_CHK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 22)
        except PermissionError:  # reading needs no privilege, only patience
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((0, 0))
        self._sequence = 0
        self.sent = 0  # requests that may change something

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def dump(self, type: int, body: bytes) -> list[bytes]:
        """Give what follows the header of each object of a kind.

        Begins again while the kernel says that it changed during the dump (NLM_F_DUMP_INTR).
        Raises `OSError` with the kernel's errno, `DumpInterrupted`.
        """
        for _ in range(_ATTEMPTS):
            found = self._dump(type, body)
            if found is not None:
                return found
        raise DumpInterrupted(f"dump {type} was interrupted {_ATTEMPTS} times")

    def _dump(self, type: int, body: bytes) -> list[bytes] | None:
        self._sequence += 1
        size = HEADER.size + len(body)
        flags = NLM_F_REQUEST | NLM_F_DUMP
        self._socket.send(HEADER.pack(size, type, flags, self._sequence, 0) + body)
        found: list[bytes] = []
        whole = True
        unpack, start = HEADER.unpack_from, HEADER.size
        while True:
            data = self._socket.recv(_BUFFER)
            place, end = 0, len(data)
            while place < end:
                size, kind, flags, sequence, _ = unpack(data, place)
                content = data[place + start : place + size]
                place += (size + 3) & ~3
                if sequence != self._sequence:
                    continue  # left over from a dump that was given up
                if flags & NLM_F_DUMP_INTR:
                    whole = False
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    code = _ERRNO.unpack_from(content)[0] if content else 0
                    if code:
                        raise OSError(-code, os.strerror(-code))
                    return found if whole else None
                found.append(content)

    def send(self, messages: Sequence[Message], *, batch: int = BATCH) -> list[Answer]:
        """Send requests, `batch` of them at a time, and give the answer to each.

        Stops after a batch in which one failed: what was not sent has no answer. Raises `OSError`
        if the answers are lost, when nobody knows what was done.
        """
        answers: list[Answer] = []
        for place in range(0, len(messages), batch):
            some = self._exchange(messages[place : place + batch])
            answers += some
            if any(answer.errno for answer in some):
                break
        return answers

    def _exchange(self, messages: Iterable[Message]) -> list[Answer]:
        first = self._sequence + 1
        parts: list[bytes] = []
        for message in messages:
            self._sequence += 1
            flags = message.flags | NLM_F_REQUEST | NLM_F_ACK
            size = HEADER.size + len(message.body)
            parts += [HEADER.pack(size, message.type, flags, self._sequence, 0), message.body]
            if size & 3:
                parts.append(b"\0" * (-size & 3))
        self._socket.send(b"".join(parts))
        count = self._sequence - first + 1
        self.sent += count
        answers: dict[int, Answer] = {}
        replies: dict[int, bytes] = {}
        while len(answers) < count:
            data = self._socket.recv(_BUFFER)
            place, end = 0, len(data)
            while place < end:
                size, kind, flags, sequence, _ = HEADER.unpack_from(data, place)
                content = data[place + HEADER.size : place + size]
                place += (size + 3) & ~3
                if sequence < first:
                    continue
                if kind == NLMSG_ERROR:
                    code = -_ERRNO.unpack_from(content)[0]
                    if code == 0 and not flags & _ACK_TLVS and sequence not in replies:
                        answers[sequence] = _DONE
                        continue
                    text = _words(content, flags)
                    answers[sequence] = Answer(code, text, replies.get(sequence, b""))
                else:
                    replies[sequence] = content
        return [answers[number] for number in sorted(answers)]


def _words(content: bytes, flags: int) -> str:
    """Read the kernel's own message, which stands behind what it repeats of the request."""
    if not flags & _ACK_TLVS:
        return ""
    size = HEADER.unpack_from(content, 4)[0]
    start = 4 + (HEADER.size if flags & _CAPPED else (size + 3) & ~3)
    for number, payload in attributes(content, start):
        if number == _ATTR_MSG:
            return payload.split(b"\0")[0].decode(errors="replace")
    return ""
