"""What a host wants of the kernel, all of it: each object with the key of the document behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vnetc.backends.devices import Devices
from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.objects import (
    addresses,
    bridging,
    neighbors,
    routes,
    rules,
    services,
    sysctls,
    wireguard,
)
from vnetc.backends.netlink.state import Wanted
from vnetc.backends.target import has_rare
from vnetc.model.host import Host, Interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.model.cards import Secret


def wanted(
    host: Host, material: Mapping[Secret, bytes] | None = None, *, client: str | None = None
) -> list[Wanted]:
    """List the objects of a host in the document's order.

    `material` has the secrets of its documents, as far as they were read; `client` is the host's
    DHCP client. Of an interface that is not brought up there is no more than the device.
    """
    devices = Devices(host)
    found: list[Wanted] = []
    for interface in host.interfaces:
        found.append(links.wanted(interface, devices))
        found += wireguard.wanted(interface, material or {})
        found += bridging.wanted(interface, devices)
        found += services.wanted_resolver(interface)
        if interface.activation == "auto":
            found += _layer3(host, interface)
    if has_rare(host):
        found += _rare(host, material or {})
    found += sysctls.wanted(host, client)
    found += services.wanted_networks(host)
    found += services.wanted_files(host, client)
    return found


def _layer3(host: Host, interface: Interface) -> Iterator[Wanted]:
    yield from addresses.wanted(interface)
    yield from routes.wanted(interface)
    yield from rules.wanted(interface)
    yield from neighbors.wanted(interface)
    yield from services.wanted_dhcp(host, interface)


def _rare(host: Host, material: Mapping[Secret, bytes]) -> Iterator[Wanted]:
    from vnetc.backends.netlink.objects import cards, qdiscs

    for interface in host.interfaces:
        yield from cards.wanted(interface, material)
        if interface.activation == "auto":
            yield from qdiscs.wanted(interface)
