"""Flows: datagrams that go from host to host all the time, and how many of them do not arrive.

A lost one is lost whatever the machine has to do besides, while a late one says only that it was busy.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from .sandbox import LIMIT, LabError, Namespace

TICK = 0.02  # seconds between two datagrams
AFTER = 5  # what comes behind the last one that counts tells that it has had its time
PATIENCE = 3.0  # seconds, where nothing comes any more
PORT = 4000
_NUMBER = struct.Struct("!q")


@dataclass
class _Flow:
    name: str
    sender: socket.socket
    receiver: socket.socket
    to: tuple[str, int]
    arrived: set[int] = field(default_factory=set)


class Flows:
    """The flows of a scenario, each from one host to another."""

    def __init__(
        self,
        said: Sequence[tuple[str, str]] = (),
        hosts: Mapping[str, Namespace] = MappingProxyType({}),
        address_of: Callable[[str], str] = str,
    ) -> None:
        """Open the sockets: each of them stays in the namespace that it was made in."""
        self._sockets = ExitStack()
        self._flows: list[_Flow] = []
        self._sent = 0
        self._ended = False
        self._thread = threading.Thread(target=self._go, daemon=True)
        for number, (source, target) in enumerate(said):
            to = (address_of(target), PORT + number)
            receiver = self._socket(hosts[target])
            receiver.bind(("", to[1]))
            self._flows.append(
                _Flow(f"{source} -> {target}", self._socket(hosts[source]), receiver, to)
            )

    def _socket(self, host: Namespace) -> socket.socket:
        with host.entered():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets.enter_context(made)
        made.setblocking(False)
        return made

    def __enter__(self) -> Self:
        if self._flows:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        if self._flows:
            self._thread.join()
        self._sockets.close()

    def _go(self) -> None:
        while not self._ended:
            number = self._sent + 1
            for flow in self._flows:
                with suppress(OSError):  # which nobody will receive
                    flow.sender.sendto(_NUMBER.pack(number), flow.to)
            self._sent = number
            for flow in self._flows:
                with suppress(BlockingIOError):
                    while True:
                        flow.arrived.add(*_NUMBER.unpack(flow.receiver.recv(64)))
            time.sleep(TICK)

    def mark(self) -> int:
        """Begin to measure."""
        return self._sent

    def lost(self, mark: int) -> dict[str, int]:
        """Tell of each flow how many have not arrived that were sent since a mark."""
        last = self._sent
        self._wait(lambda: self._sent > last + AFTER)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if all(max(flow.arrived, default=0) > last for flow in self._flows):
                break
            time.sleep(TICK)
        numbers = range(mark + 1, last + 1)
        return {
            flow.name: sum(number not in flow.arrived for number in numbers) for flow in self._flows
        }

    def _wait(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT
        while self._flows and not done():
            if time.monotonic() > end:
                raise LabError("no flow goes on")
            time.sleep(TICK)
