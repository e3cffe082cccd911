"""What documents want of network devices, for each row of the support tables that is about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import vnetc
from vnetc.backends.devices import Devices
from vnetc.backends.ifupdown.devices import create, is_made
from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.objects.tuntap import resolve
from vnetc.backends.programs.ip_link import words
from vnetc.model.kinds import KINDS, Bond, Bridge, Wireguard
from vnetc.model.record import replace

from tests.support.rows import VALUES

# without those of which netlink says nothing here: other modules say them, or none does
_PREFIXES = (*KINDS, "vlan-flags", "qos-mapping", "port", "type", "interface")
_NOT_OURS = (
    "ethernet.",
    "wifi.",
    "wireguard.",
    "infiniband.",
    "type.wifi",
    "type.infiniband",
    "port.vlans",
    "port.pvid",
    "port.untagged",
    "port.mdb",
    "bridge.pvid",
    "bridge.untagged",
    "bridge.vlans",
)
_OF_INTERFACES = (
    "interface.vrf",
    "interface.macaddress",
    "interface.mtu",
    "interface.arp",
    "interface.multicast",
    "interface.all-multicast",
    "interface.promiscuous",
    "interface.group",
    "interface.activation",
    "interface.link-local",
)
# other values: of users that each machine has, and that the kernel takes
_VALUES = {
    **{
        f"{kind}.{who}": [f"{who}: root", f"{who}: daemon"]
        for kind in ("tun", "tap")
        for who in ("user", "group")
    },
    "bridge.group-forward-mask": ["group-forward-mask: 8", "group-forward-mask: 16384"],
}
# what the rows about all interfaces say of a card, of a device that is made
_OF_MADE = {
    f"made.{kind}.{key}": [
        f"interfaces: {{d: {{type: {kind}, {key}: {value}}}}}" for value in values
    ]
    for kind in ("bridge", "tap")  # of a tap, `group` is who may open it
    for key, values in {
        "arp": ("false", "true"),
        "multicast": ("false", "true"),
        "all-multicast": ("true", "false"),
        "promiscuous": ("true", "false"),
        "group": ("7", "0"),
        "mtu": ("1500", "1400"),
        "macaddress": ('"02:00:00:00:00:01"', '"02:00:00:00:00:02"'),
        "link-local": ("[]", "[ipv6]"),
    }.items()
    if (kind, key) != ("tap", "group")
}


def wanted(text: str) -> dict[str, dict[str, Any]]:
    """Give the devices that a document wants."""
    host = vnetc.load_host(f"version: 1\n{text}\n")
    devices = Devices(host)
    return {
        interface.name: dict(resolve([links.wanted(interface, devices)])[0][0].attributes)
        for interface in host.interfaces
    }


def cases() -> Iterator[tuple[str, list[str]]]:
    """Give each row with its two documents."""
    for row, (text, *values) in VALUES.items():
        if row.partition(".")[0] not in _PREFIXES or row.startswith(_NOT_OURS):
            continue
        if row.startswith("interface.") and row not in _OF_INTERFACES:
            continue
        said = _VALUES.get(row, values)
        if row.startswith("port."):  # not each kernel can filter VLANs
            text = text.replace("vlan-filtering: true, ", "")
        yield row, [text.replace("@", value) for value in said]
    yield from _OF_MADE.items()


def commands(text: str) -> dict[str, list[str]]:
    """Say how ip(8) makes the devices of a document that are made, without bonds' members."""
    host = vnetc.load_host(f"version: 1\n{text}\n")
    found: dict[str, list[str]] = {}
    for interface in host.interfaces:
        kind = interface.kind
        if isinstance(kind, Bridge):
            line = " ".join(("ip link add dev", interface.name, "type bridge", *words(kind)))
            found[interface.name] = [line]
        elif is_made(kind) and not isinstance(kind, Wireguard):
            kind = replace(kind, members=()) if isinstance(kind, Bond) else kind
            found[interface.name] = [*create(replace(interface, kind=kind))]
    return found
