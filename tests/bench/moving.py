"""How long a TCP connection pauses when its address moves from a card to a bridge."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CONTROL, MOVED = "nothing changes", "the address moves"
OURS, PEER, PORT = "192.0.2.10", "192.0.2.1", 5001
_RUNS = 8
_STEP = 0.001  # seconds from one word to the next
_SPAN = 1.5  # seconds of a connection
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
    """Give the longest pauses in milliseconds, of runs in turns."""
    card, bridge = work / "card.vnet.yaml", work / "bridge.vnet.yaml"
    card.write_text(_CARD)
    bridge.write_text(_BRIDGE)
    found: dict[str, list[float]] = {CONTROL: [], MOVED: []}
    for _ in range(_RUNS):
        for name, document in ((CONTROL, card), (MOVED, bridge)):
            with _peer() as answer:
                _apply(vnetc, card)
                found[name].append(_pause(answer, [vnetc, *_words(document)]))
                _apply(vnetc, card)  # back: the bridge goes
    return found


def _words(document: Path) -> list[str]:
    return ["apply", str(document), "--yes", "--probe", "none"]


def _apply(vnetc: str, document: Path) -> None:
    subprocess.run([vnetc, *_words(document)], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _peer() -> Iterator[int]:
    """Have a neighbour in a namespace of its own, who repeats what it is told; give its process."""
    process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    try:
        space = f"/proc/{process.pid}/ns/net"
        while os.readlink(space) == os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        _ip(f"link add eth0 type veth peer name card netns {process.pid}")
        for words in (f"address add {PEER}/24 dev card", "link set card up"):
            enter = ["nsenter", f"--net={space}", "ip", *words.split()]
            subprocess.run(enter, check=True)
        yield process.pid
    finally:
        process.kill()
        process.wait()
        with suppress(subprocess.CalledProcessError):
            _ip("link delete eth0")


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)
