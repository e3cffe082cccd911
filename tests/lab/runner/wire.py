"""The network that a host's cards are plugged into: a DHCP server for each interface that asks."""

from __future__ import annotations

from dataclasses import dataclass

from .sandbox import Sandbox


@dataclass(frozen=True)
class Server:
    """A DHCP server behind a card: it has one lease to give, and is the router."""

    interface: str  # the one that asks
    card: str  # the one its packets leave by
    address: str  # of the lease
    router: str


def serve(box: Sandbox, servers: tuple[Server, ...]) -> None:
    """Start the DHCP servers on the wire."""
    for server in servers:
        box.wire.ip(f"address add {server.router}/24 dev {server.card}")
        box.wire.run(
            "dnsmasq",
            "--conf-file=/dev/null",
            "--user=root",
            "--port=0",
            f"--interface={server.card}",
            "--bind-interfaces",
            "--no-ping",  # else three seconds for each lease
            f"--dhcp-range={server.address},{server.address},1h",
            f"--dhcp-leasefile=/run/wire-{server.interface}.leases",
            f"--pid-file=/run/wire-{server.interface}.pid",
            log="wire.log",
        )
