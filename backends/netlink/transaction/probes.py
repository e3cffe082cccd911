"""Does the network still work: what must answer after a change, asked before it as well.

The edge. ICMP is spoken here, since ping(8) is a package of its own, and since a datagram socket for
it is allowed to those only whom net.ipv4.ping_group_range names, root not being among them.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import select
import socket
import struct
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from vnetc.backends.netlink.state import State
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BEFORE, AFTER = 1.0, 5.0  # seconds that an answer may take
_AGAIN = 0.5  # seconds between two attempts
_ECHO, _REPLY, _ECHO6, _REPLY6 = 8, 0, 128, 129  # RFC 792, RFC 4443
_ICMP = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_MAIN = "254"


class Probe(Record):
    """An address that must answer: to an echo request, or at a TCP port."""

    address: str  # one of IPv6 that means something on one device only has %device behind it
    port: int | None = None

    def __str__(self) -> str:
        if self.port is None:
            return f"ping:{self.address}"
        return f"tcp:{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"


def parse(text: str) -> Probe:
    """Read `ping:ADDRESS` or `tcp:ADDRESS:PORT`, an IPv6 address in brackets or not.

    Raises `ValueError` with what is wrong.
    """
    kind, _, rest = text.partition(":")
    if kind == "ping":
        return Probe(address=_address(rest))
    if kind == "tcp":
        address, colon, port = rest.rpartition(":")
        if not (colon and port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
            raise ValueError("a TCP probe is `tcp:ADDRESS:PORT`")
        return Probe(address=_address(address), port=int(port))
    raise ValueError("a probe is `ping:ADDRESS`, `tcp:ADDRESS:PORT` or `none`")


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None


def gateways(state: State) -> tuple[Probe, ...]:
    """List the default gateways of the main table as probes."""
    found: dict[str, None] = {}
    for key, attributes in state.items():
        if key[0] == "route" and key[2] == _MAIN and key[3] in ("0.0.0.0/0", "::/0"):
            hops: Any = attributes.get("nexthops") or [attributes]
            for hop in hops:
                via, dev = hop.get("via"), hop.get("dev")
                if isinstance(via, str):
                    local = ":" in via and ipaddress.ip_address(via).is_link_local
                    found[f"{via}%{dev}" if local else via] = None
    return tuple(Probe(address=address) for address in found)


def answering(probes: Iterable[Probe], seconds: float) -> frozenset[Probe]:
    """Ask all at once, again and again; give those that answered, soon if all did."""
    waiting = {probe: _Asking(probe) for probe in probes}
    answered: set[Probe] = set()
    start = now = time.monotonic()
    try:
        while waiting and now < start + seconds:
            sockets: dict[socket.socket, Probe] = {}
            next_time = start + seconds
            for probe, asking in waiting.items():
                asking.ask(now)
                next_time = min(next_time, asking.next_time)
                if asking.socket is not None:
                    sockets[asking.socket] = probe
            readable = [s for s, probe in sockets.items() if probe.port is None]
            writable = [s for s, probe in sockets.items() if probe.port is not None]
            ready = select.select(readable, writable, [], max(next_time - now, 0.001))
            for one in (*ready[0], *ready[1]):
                probe = sockets[one]
                if waiting[probe].answered():
                    waiting.pop(probe).close()
                    answered.add(probe)
            now = time.monotonic()
    finally:
        for asking in waiting.values():
            asking.close()
    return frozenset(answered)


class _Asking:
    """One probe under way."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.socket: socket.socket | None = None
        self.next_time = 0.0
        self.number = 0
        self.family = socket.AF_INET6 if ":" in probe.address else socket.AF_INET

    def ask(self, now: float) -> None:
        """Ask if it is time; what cannot even be asked, for want of a route, is asked again later."""
        if now < self.next_time:
            return
        self.next_time = now + _AGAIN
        try:
            place: Any = socket.getaddrinfo(
                self.probe.address, self.probe.port or 0, flags=socket.AI_NUMERICHOST
            )[0][4]
            if self.probe.port is None:
                self._ping(place)
            elif self.socket is None:
                self._connect(place)
        except OSError:
            self.close()

    def _ping(self, place: Any) -> None:
        if self.socket is None:
            protocol = socket.IPPROTO_ICMP
            if self.family == socket.AF_INET6:
                protocol = socket.IPPROTO_ICMPV6
            self.socket = socket.socket(
                self.family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol
            )
            self.socket.connect(place)  # so that only its own answers come, and errors too
        self.number = (self.number + 1) & 0xFFFF
        self.socket.send(_echo(self.family, self.number))

    def _connect(self, place: Any) -> None:
        self.socket = socket.socket(self.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        number = self.socket.connect_ex(place)
        if number not in (0, errno.EINPROGRESS):
            self.close()

    def answered(self) -> bool:
        """Tell whether what has come is the answer."""
        assert self.socket is not None
        try:
            if self.probe.port is None:
                return _is_reply(self.family, self.socket.recv(2048))
            if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                return True
        except BlockingIOError:
            return False
        except OSError:
            pass
        self.close()  # asked anew when it is time
        return False

    def close(self) -> None:
        if self.socket is not None:
            with suppress(OSError):
                self.socket.close()
            self.socket = None


def _identifier() -> int:
    return os.getpid() & 0xFFFF


def _echo(family: int, number: int) -> bytes:
    if family == socket.AF_INET6:  # the kernel fills in the checksum, RFC 3542 section 3.1
        return _ICMP.pack(_ECHO6, 0, 0, _identifier(), number)
    header = _ICMP.pack(_ECHO, 0, 0, _identifier(), number)
    return _ICMP.pack(_ECHO, 0, _checksum(header), _identifier(), number)


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def _is_reply(family: int, packet: bytes) -> bool:
    start = 0 if family == socket.AF_INET6 else (packet[0] & 0xF) * 4  # raw(7): IPv4's header, too
    if len(packet) < start + _ICMP.size:
        return False
    kind, _, _, identifier, _ = _ICMP.unpack_from(packet, start)
    reply = _REPLY6 if family == socket.AF_INET6 else _REPLY
    return bool(kind == reply and identifier == _identifier())


def choose(
    asked: Sequence[Probe], default: Collection[Probe]
) -> tuple[tuple[Probe, ...], tuple[str, ...]]:
    """Ask before the change; give what must answer after it, and what there is to say about that.

    What was asked for must answer even if it does not yet: that may be what the change is for. Of
    the gateways by default those count that do: there are networks where none answers.
    """
    answers = answering((*asked, *default), BEFORE)
    notes = [f"{probe} does not answer yet" for probe in asked if probe not in answers]
    notes += [
        f"{probe}, the gateway, does not answer: not asked after the change"
        for probe in default
        if probe not in answers
    ]
    return (*asked, *(probe for probe in default if probe in answers)), tuple(notes)
