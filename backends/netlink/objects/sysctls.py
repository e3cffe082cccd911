"""Kernel parameters: what each device does with IPv6 by itself, what a document sets, forwarding.

A key is the path below /proc/sys, with slashes, since names of devices may have dots. The value is
the text that the kernel gives, without the newline.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator

from vnetc.backends.netlink.links import defaults as newborn
from vnetc.backends.netlink.objects.services import NETWORKD
from vnetc.backends.netlink.state import Key, State, Wanted
from vnetc.backends.services.sysctl import autoconfiguration, forwarding, sysctl_key
from vnetc.model.diagnostics import Path
from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Loopback

ROOT = "/proc/sys"
_LONGEST = 4096  # bytes of a value; proc_dointvec and its like give all of it at once


def wanted(host: Host, client: str | None = None) -> Iterator[Wanted]:
    """List the parameters of all devices, then forwarding for guests.

    systemd-networkd as the DHCP `client` has what it asks for take advertisements as it likes.
    """
    for interface in host.interfaces:
        theirs = interface.dhcp4 and client == NETWORKD
        if not isinstance(interface.kind, Loopback) and not theirs:
            yield from _autoconfiguration(interface)
        if interface.activation == "auto" and interface.ipv6_mtu is not None:
            key = f"net/ipv6/conf/{interface.name}/mtu"
            yield _wanted(key, interface.ipv6_mtu, (*interface.path, "ipv6-mtu"))
        for family, name, number in interface.sysctl:
            key = sysctl_key(family, interface.name, name)
            yield _wanted(key, number, (*interface.path, "sysctl"))
    paths = {f.path for f in host.firewalls if f.mode != "isolated"}
    for setting in forwarding(host):
        name, _, value = setting.partition("=")
        yield _wanted(name.replace(".", "/"), int(value), min(paths))


def _autoconfiguration(interface: Interface) -> Iterator[Wanted]:
    """Say what a device does of itself, as far as the document does."""
    for name, value in autoconfiguration(interface).items():
        key = "ipv6-privacy" if name == "use_tempaddr" else "accept-ra"
        yield _wanted(f"net/ipv6/conf/{interface.name}/{name}", value, (*interface.path, key))


def _wanted(name: str, value: int, path: Path) -> Wanted:
    return Wanted(("sysctl", name), {"value": str(value)}, path)


def read(keys: Iterable[Key], *, root: str = ROOT) -> State:
    """Read parameters; one that this kernel or host does not have is left out."""
    state: State = {}
    for key in keys:
        value = _read(f"{root}/{key[1]}")
        if value is not None:
            state[key] = {"value": value}
    return state


def _read(path: str) -> str | None:
    # there are several for each device, and a file object costs more than all the rest
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, _LONGEST).decode("ascii").strip()
        finally:
            os.close(fd)
    except (OSError, ValueError):
        return None


def write(key: Key, value: str, *, root: str = ROOT) -> None:
    """Set a parameter. Raises `OSError`; a kernel without IPv6 has no parameters of it."""
    try:
        fd = os.open(f"{root}/{key[1]}", os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    except FileNotFoundError:
        if key[1].startswith("net/ipv6/") and not _has_ipv6(root):
            return
        raise
    try:
        os.write(fd, value.encode("ascii"))
    finally:
        os.close(fd)


def _has_ipv6(root: str) -> bool:
    return _read(f"{root}/net/ipv6/conf/all/forwarding") is not None


def default(key: Key, *, root: str = ROOT) -> str | None:
    """Give what a new device has of a parameter, None if it is not one of devices."""
    parts = key[1].split("/")
    if len(parts) != 5:
        return None
    return _read(f"{root}/{'/'.join((*parts[:3], 'default', parts[4]))}")


_FORWARDING = {"ipv4": "net/ipv4/ip_forward", "ipv6": "net/ipv6/conf/all/forwarding"}


def host_wide(key: Key) -> Key:
    """Give the parameter that changes one of a device too (inet_forward_change), itself if none."""
    parts = key[1].split("/") if key[0] == "sysctl" else []
    if len(parts) == 5 and parts[4] == "forwarding" and parts[3] != "all":
        return ("sysctl", _FORWARDING[parts[1]])
    return key


def promoting(devices: Iterable[str]) -> set[Key]:
    """Name what decides whether the other addresses of a subnet stay when the first one goes."""
    return {("sysctl", f"net/ipv4/conf/{name}/promote_secondaries") for name in devices}


def names(keys: Collection[Key]) -> list[Key]:
    """Pick the keys of parameters, and add what new devices have of them."""
    found = [key for key in keys if key[0] == "sysctl"]
    return [*found, *newborn.KEYS] if found else []
