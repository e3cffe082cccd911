"""Network namespaces for tests that talk to the kernel: each has its own, and leaves nothing.

with namespace() as lab:
    lab.sent(links.create(...))
    lab.dump(RTM_GETLINK, body)
    lab.ip("-d link show")
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from vnetc.backends.netlink.wire.messages import Message
from vnetc.backends.netlink.wire.socket import Netlink

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_LIBC = ctypes.CDLL(None, use_errno=True)


class Refused(AssertionError):
    """The kernel did not take a message."""

    def __init__(self, number: int, errno: int, text: str) -> None:
        super().__init__(f"message {number}: {os.strerror(errno)}{text and f' ({text})'}")
        self.number, self.errno, self.text = number, errno, text


class Lab:
    """The namespace that the test runs in, with a socket there."""

    def __init__(self) -> None:
        self.socket = Netlink()

    def sent(self, messages: Sequence[Message]) -> int:
        """Send messages and give their number; raise `Refused` at the first that fails."""
        for number, answer in enumerate(self.socket.send(messages)):
            if answer.errno:
                raise Refused(number, answer.errno, answer.text)
        return len(messages)

    def dump(self, type: int, body: bytes) -> list[bytes]:
        """Give what follows the headers of all objects of a kind."""
        return self.socket.dump(type, body)

    def ip(self, words: str) -> Any:
        """Run ip(8), for what is JSON if it prints any."""
        return json.loads(run(f"ip -j {words}") or "null")


def run(command: str) -> str:
    """Run a program in the namespace, give what it prints."""
    done = subprocess.run(command.split(), capture_output=True, check=False, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr.strip()}"
    return done.stdout


@contextmanager
def namespace() -> Iterator[Lab]:
    """Run what is inside in a new network namespace, which goes when it ends."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _call(_LIBC.unshare(_CLONE_NEWNET))
        lab = Lab()
        try:
            yield lab
        finally:
            lab.socket.close()
            _call(_LIBC.setns(home, _CLONE_NEWNET))
    finally:
        os.close(home)


@cache
def missing() -> str:
    """Say why no namespace can be made, nothing if it can."""
    if os.geteuid() != 0:
        return "needs root"
    try:
        with namespace():
            return ""
    except OSError as error:
        return f"this machine does not let root make network namespaces: {error}"


def _call(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
