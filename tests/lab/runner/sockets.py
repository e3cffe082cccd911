"""Servers and clients inside of network namespaces, without a process for each.

A socket stays in the network namespace that it was made in, wherever it is used then. In an
emulated machine a Python that only starts takes longer than all the talk of a scenario.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from .sandbox import LIMIT, Namespace

IPV6_TRANSPARENT = 75  # linux/in6.h

QUESTION = b"?"
LONGEST = 4096
PAUSE = 0.2  # seconds before the next try
ATTEMPT = 5.0  # seconds for one; a lost packet is sent again sooner by another one

_PROTOCOLS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
PROTOCOLS = frozenset(_PROTOCOLS)


@dataclass(frozen=True)
class Client:
    """How a host asks.

    `source` is an address to ask from, which need not be the host's own; `mark` is that of
    SO_MARK, and `device` that of SO_BINDTODEVICE, socket(7).
    """

    host: Namespace
    protocol: str = "tcp"
    source: str = ""
    mark: int = 0
    device: str = ""

    def socket(self, to: str) -> socket.socket:
        """Make a socket to talk to an address with. Raises `OSError`."""
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        with self.host.entered():
            made = socket.socket(family, _PROTOCOLS[self.protocol])
        try:
            if self.protocol == "udp" and family == socket.AF_INET:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if self.mark:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.mark)
            if self.device:
                option = socket.SO_BINDTODEVICE
                made.setsockopt(socket.SOL_SOCKET, option, self.device.encode())
            if self.source:
                if family == socket.AF_INET6:
                    made.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
                else:
                    made.setsockopt(socket.IPPROTO_IP, socket.IP_TRANSPARENT, 1)
                made.bind((self.source, 0))
        except OSError:
            made.close()
            raise
        return made

    def ask(self, to: tuple[str, int], patience: float) -> str:
        """Give what a server answers, nothing if it cannot be reached within some seconds."""
        try:
            with self.socket(to[0]) as asking:
                asking.settimeout(patience)
                asking.connect(to)
                if self.protocol == "udp":
                    asking.sendall(QUESTION)
                else:
                    asking.settimeout(LIMIT)  # it is there: a late answer is one, too
                return asking.recv(LONGEST).decode()
        except OSError:
            return ""

    def ask_until(self, to: tuple[str, int], patience: float) -> tuple[str, float]:
        """Ask again and again; give the answer and how long it took, without the vain tries."""
        end = time.monotonic() + patience
        while True:
            start = time.monotonic()
            answer = self.ask(to, min(ATTEMPT, patience))
            if answer or time.monotonic() > end:
                return answer, time.monotonic() - start
            time.sleep(PAUSE)

    def tell(self, to: tuple[str, int], what: bytes) -> None:
        """Send one datagram that no server answers. Raises `OSError`."""
        with self.socket(to[0]) as telling:
            telling.sendto(what, to)


class Servers:
    """What answers `<host>:<port> sees <address of the client>`, and hears what is only told.

    `heard` is, for each text that was told, who heard it and from which address, in order.
    """

    def __init__(self) -> None:
        self.heard: dict[bytes, list[tuple[str, str]]] = {}
        self._sockets = ExitStack()
        self._selector = self._sockets.enter_context(selectors.DefaultSelector())
        end, self._end = socket.socketpair()
        self._sockets.enter_context(end)
        self._selector.register(end, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def add(self, name: str, host: Namespace, port: int) -> None:
        """Let a host answer on a port, over TCP and UDP, IPv4 and IPv6."""
        for kind, answer in (
            (socket.SOCK_STREAM, self._accept),
            (socket.SOCK_DGRAM, self._receive),
        ):
            with host.entered():
                server = self._sockets.enter_context(socket.socket(socket.AF_INET6, kind))
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                server.listen(16)
            self._selector.register(server, selectors.EVENT_READ, (answer, name, port))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close all sockets; one that is open would keep its namespace alive."""
        self._end.close()
        self._thread.join()
        self._sockets.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:  # the other end is closed
                    return
                answer, name, port = key.data
                try:
                    answer(key.fileobj, name, port)
                except OSError:
                    continue  # the client went away, or cannot be reached: it has no answer

    def _accept(self, server: socket.socket, name: str, port: int) -> None:
        client, address = server.accept()
        with client:
            client.sendall(_answer(name, port, address[0]))

    def _receive(self, server: socket.socket, name: str, port: int) -> None:
        text, address = server.recvfrom(LONGEST)
        if text == QUESTION:
            server.sendto(_answer(name, port, address[0]), address)
        else:
            self.heard.setdefault(text, []).append((name, _plain(address[0])))


def _answer(name: str, port: int, client: str) -> bytes:
    return f"{name}:{port} sees {_plain(client)}".encode()


def _plain(address: str) -> str:
    """Spell an IPv4 address as such; to a socket of IPv6 it is a mapped one, ipv6(7)."""
    return address.removeprefix("::ffff:")
