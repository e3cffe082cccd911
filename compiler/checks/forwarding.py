"""Ports of bridges and forwarding databases: VN214, VN315, VN423.

What the kernel refuses or ignores was measured with Linux 6.18 and iproute2 6.1, whose bridge(8) says
what an entry consists of.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.checks.shared_codes import mixed_families
from vnetc.checks.tunnels import outer_version
from vnetc.checks.view import View
from vnetc.model.diagnostics import Diagnostic, Label, diagnostic
from vnetc.model.host import FdbEntry, Interface, Port
from vnetc.model.kinds import Bridge, Ethernet, Vxlan


def check_backup_ports(view: View) -> Iterator[Diagnostic]:
    """VN214: frames for a port without carrier leave by another port (nbp_backup_change)."""
    ports = {(claim.master, name) for name, claim in view.host.claims if isinstance(claim, Port)}
    for name, port in view.host.claims:
        backup = port.backup_port if isinstance(port, Port) else None
        if backup is None or backup not in view.interfaces:  # VN201 says it
            continue
        bridge = view.interfaces.get(port.master)
        if bridge is None or not view.is_sound(bridge.path, "ports", "uplink"):
            continue
        if backup == name or (port.master, backup) not in ports:
            yield diagnostic(
                "VN214",
                f"`{name}` is its own backup port"
                if backup == name
                else f"the backup port `{backup}` is no port of `{port.master}`",
                (*port.path, "backup-port"),
                labels=()
                if backup == name
                else (Label(text="declared here", path=view.interfaces[backup].path, part="key"),),
                help=f"name another port of `{port.master}`",
            )


# What tells a tunnel how to send a frame.
_OF_TUNNELS = ("destination", "port", "vni", "link")


def check_fdb(view: View) -> Iterator[Diagnostic]:
    """VN315, VN423: an entry has what its database knows; to others the kernel is silent."""
    for interface in view.host.interfaces:
        for entry in interface.fdb:
            if not view.is_sound(interface.path, "type") or not view.is_sound(entry.path, "owner"):
                continue
            if entry.owner == "master":
                yield from _of_bridge(view, interface, entry)
            elif isinstance(interface.kind, Vxlan):
                yield from _of_vxlan(view, interface.kind, entry)
            else:
                yield from _of_device(interface, entry)


def _of_bridge(view: View, interface: Interface, entry: FdbEntry) -> Iterator[Diagnostic]:
    yield from _without_tunnel(interface, entry, "an entry of a bridge leads to a port alone")
    if interface.port is None and not view.broken:
        yield diagnostic(
            "VN423",
            f"`{interface.name}` is a port of no bridge, whose entry this could be",
            (*entry.path, "owner"),
            help="add it to the `ports` of a bridge, or remove `owner`",
        )


def _of_vxlan(view: View, vxlan: Vxlan, entry: FdbEntry) -> Iterator[Diagnostic]:
    if entry.destination is None and view.is_sound(entry.path, "destination"):
        yield diagnostic(
            "VN423",
            "an entry of a VXLAN needs `destination`",
            entry.path,
            help="add it, or `owner: master` if the bridge is meant",
        )
    elif entry.destination is not None and entry.destination.version != outer_version(vxlan):
        version = outer_version(vxlan)
        yield mixed_families(
            f"`{entry.destination}` is not an IPv{version} address, which the tunnel's are",
            (*entry.path, "destination"),
            help=f"write an IPv{version} address",
        )
    if entry.vlan is not None:
        yield diagnostic(
            "VN423",
            "an entry of a VXLAN is of no VLAN",
            (*entry.path, "vlan"),
            "key",
            help="remove `vlan`, or add `owner: master` if the bridge is meant",
        )


def _of_device(interface: Interface, entry: FdbEntry) -> Iterator[Diagnostic]:
    yield from _without_tunnel(interface, entry, f"`{interface.name}` is no VXLAN")
    # ndo_dflt_fdb_add in net/core/rtnetlink.c; cards have their own
    if entry.vlan is not None and not isinstance(interface.kind, Bridge | Ethernet):
        yield diagnostic(
            "VN423",
            f"`{interface.name}` keeps no entries of VLANs",
            (*entry.path, "vlan"),
            "key",
            help="remove `vlan`, or add `owner: master` if the bridge is meant",
        )


def _without_tunnel(interface: Interface, entry: FdbEntry, reason: str) -> Iterator[Diagnostic]:
    for key in _OF_TUNNELS:
        if getattr(entry, key) is not None:
            yield diagnostic(
                "VN423",
                f"`{key}` has no effect: {reason}",
                (*entry.path, key),
                "key",
                labels=(Label(text="because of this", path=(*entry.path, "owner")),)
                if entry.owner == "master"
                else (Label(text="declared here", path=interface.path, part="key"),),
                help="remove it",
            )


FORWARDING = (check_backup_ports, check_fdb)
