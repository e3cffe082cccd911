"""How long a TCP connection pauses when its address moves from a card to a bridge."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from namespaces import CLONE_NEWNET, unshare

CONTROL, MOVED, TIMEOUTS = "nothing changes", "the address moves", "timeouts"
OURS, PEER, PORT = "192.0.2.10", "192.0.2.1", 5001
_RUNS = 8
_STEP = 0.001  # seconds from one word to the next
_BEFORE, _SPAN = 0.2, 1.0  # seconds of a connection until the command starts, and at least
_CARD = f"""\
version: 1
host: moving
interfaces:
  eth0:
    addresses: [{OURS}/24]
    routes:
      - {{to: default, via: {PEER}}}
"""
_BRIDGE = f"""\
version: 1
host: moving
interfaces:
  eth0: {{}}
  br0:
    type: bridge
    ports: [eth0]
    addresses: [{OURS}/24]
    routes:
      - {{to: default, via: {PEER}}}
"""


def pauses(vnetc: str, work: Path) -> dict[str, list[float]]:
    """Give the longest pauses in milliseconds, of runs in turns, and the timeouts of both ends."""
    card, bridge = work / "card.vnet.yaml", work / "bridge.vnet.yaml"
    card.write_text(_CARD)
    bridge.write_text(_BRIDGE)
    found: dict[str, list[float]] = {CONTROL: [], MOVED: [], TIMEOUTS: []}
    apply = [vnetc, "apply", "--yes", "--probe", "none"]
    with _peer() as peer:
        subprocess.run([*apply, str(card)], check=True, stdout=subprocess.DEVNULL)
        for _ in range(_RUNS):
            for name, document in ((CONTROL, card), (MOVED, bridge)):
                found[name].append(_pause([*apply, str(document)]))
                subprocess.run([*apply, str(card)], check=True, stdout=subprocess.DEVNULL)
        found[TIMEOUTS] = [_timeouts("self"), _timeouts(str(peer))]
    return found


def _timeouts(process: str) -> int:
    """Count TCP's timeouts in the network namespace of a process (proc_pid_net(5), TCPTimeouts)."""
    lines = Path(f"/proc/{process}/net/netstat").read_text().splitlines()
    names, numbers = (line.split() for line in lines if line.startswith("TcpExt:"))
    return int(dict(zip(names, numbers, strict=True))["TCPTimeouts"])


def _pause(command: list[str]) -> float:
    """Run a command while a connection is busy; give its longest pause."""
    longest = 0.0
    with socket.create_connection((PEER, PORT), source_address=(OURS, 0)) as talk:
        talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        process = None
        start = last = time.perf_counter()
        while process is None or process.poll() is None or last < start + _SPAN:
            talk.sendall(b"x")
            talk.recv(1)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
            if process is None and now > start + _BEFORE:
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
                last = time.perf_counter()  # to start it is no pause
            time.sleep(_STEP)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return longest * 1e3


@contextmanager
def _peer() -> Iterator[int]:
    """Have a neighbour in a namespace of its own, who repeats what it is told; give its process."""
    readable, writable = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            unshare(CLONE_NEWNET)
            os.write(writable, b"x")
            _repeat()
        finally:
            os._exit(1)
    try:
        os.read(readable, 1)
        _ip(f"link add eth0 type veth peer name card netns {process}")
        yield process
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _repeat() -> None:
    while "card" not in (name for _, name in socket.if_nameindex()):
        time.sleep(0.01)
    _ip(f"address add {PEER}/24 dev card")
    _ip("link set card up")
    with socket.create_server((PEER, PORT)) as server:
        while True:
            talk, _ = server.accept()
            with talk:
                talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while said := talk.recv(64):
                    talk.sendall(said)


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)
