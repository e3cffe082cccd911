"""The network that a host's cards are plugged into: a DHCP server for each interface that asks."""

from __future__ import annotations

from ipaddress import IPv4Interface

from vnetc.model import Bridge, Ethernet, Host, Interface

from .expect import Lease
from .namespaces import LabError, Sandbox


def cards(host: Host) -> tuple[str, ...]:
    """List the network cards that a host must have."""
    return tuple(i.name for i in host.interfaces if isinstance(i.kind, Ethernet))


def lease(number: int) -> Lease:
    """Give the only lease of the `number`th DHCP server."""
    return Lease(IPv4Interface(f"198.18.{number}.50/24"), f"198.18.{number}.1")


def leases(host: Host) -> dict[str, Lease]:
    """Give the lease of each interface that asks for one."""
    asking = [i.name for i in host.interfaces if i.dhcp4]
    return {name: lease(number) for number, name in enumerate(asking)}


def serve(box: Sandbox, host: Host) -> None:
    """Start the DHCP servers on the wire."""
    by_name = {i.name: i for i in host.interfaces}
    for name, given in leases(host).items():
        card = _card(by_name[name], by_name)
        box.wire.ip(f"address add {given.router}/24 dev {card}")
        box.wire.run(
            "dnsmasq",
            "--conf-file=/dev/null",
            "--user=root",
            "--port=0",
            f"--interface={card}",
            "--bind-interfaces",
            "--no-ping",  # else three seconds for each lease
            f"--dhcp-range={given.address.ip},{given.address.ip},1h",
            f"--dhcp-leasefile=/run/wire-{name}.leases",
            f"--pid-file=/run/wire-{name}.pid",
            log="wire.log",
        )


def _card(interface: Interface, by_name: dict[str, Interface]) -> str:
    """Find the network card that an interface's packets leave by."""
    match interface.kind:
        case Ethernet():
            return interface.name
        case Bridge(ports=ports):
            return next(p for p in ports if isinstance(by_name[p].kind, Ethernet))
        case _:
            raise LabError(f"the lab has no DHCP server behind a {interface.kind.type}")
