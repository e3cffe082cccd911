"""The network that a host's cards are plugged into: servers for the interfaces that ask."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .sandbox import Sandbox

# The host's own, which its DHCP clients send.
HOSTNAME = "lab"
LEASES = Path("/run/wire")  # a file NAME.leases for each interface that asks


@dataclass(frozen=True)
class Server:
    """A DHCP server and router behind a card, made by dnsmasq(8)."""

    interface: str  # the one that asks
    card: str  # the one its packets leave by
    addresses: Sequence[str]  # of the server, with their prefix lengths
    options: Sequence[str]  # of dnsmasq


def serve(box: Sandbox, servers: Sequence[Server]) -> None:
    """Start the servers on the wire, and name the host that asks them."""
    socket.sethostname(HOSTNAME)  # which is the sandbox's own
    LEASES.mkdir()
    box.advertised = frozenset(s.interface for s in servers if any(":" in a for a in s.addresses))
    for server in servers:
        box.wire.ip(
            *(f"address add {address} dev {server.card} nodad" for address in server.addresses)
        )
        box.wire.run(
            "dnsmasq",
            "--conf-file=/dev/null",
            "--user=root",
            "--port=0",
            f"--interface={server.card}",
            "--bind-interfaces",
            "--no-ping",  # else three seconds for each lease
            f"--dhcp-leasefile={LEASES}/{server.interface}.leases",
            f"--pid-file=/run/wire-{server.interface}.pid",
            *server.options,
            log="wire.log",
        )
