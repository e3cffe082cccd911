"""Trees that the tests write, and what a user sees of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vnetc.backends.target import File
from vnetc.output import tree

Hosts = Mapping[str, Sequence[File]]

NETPLAN: Hosts = {
    "": [
        File("/etc/netplan/60-vnetc.yaml", "network: {version: 2}\n", 0o600),
        File("/etc/sysctl.d/60-vnetc.conf", "net.ipv4.ip_forward = 1\n"),
        File("/etc/both", "the same\n"),
    ]
}
NETWORKD: Hosts = {
    "": [
        File("/etc/systemd/network/10-br0.netdev", "[NetDev]\nName=br0\n"),
        File("/etc/systemd/network/10-br0.network", "[Match]\nName=br0\n"),
        File("/etc/sysctl.d/60-vnetc.conf", "net.ipv4.ip_forward = 0\n", 0o640),
        File("/etc/both", "the same\n"),
    ]
}
TWO_HOSTS: Hosts = {"kvm1": NETPLAN[""], "kvm2": NETWORKD[""]}


def contents(directory: Path) -> dict[str, Any]:
    """Give what a user sees: names, kinds, modes, bytes."""
    seen: dict[str, Any] = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        seen[str(path.relative_to(directory))] = (oct(status.st_mode), content)
    return seen


def identities(directory: Path) -> dict[str, Any]:
    """Give what shows whether a file was touched: inode and time of change of its content."""
    return {
        str(path.relative_to(directory)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file()
    }


def paths(changes: Sequence[tree.Change]) -> list[str]:
    return [change.path for change in changes]


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def filled_folder(place: Path) -> None:
    place.mkdir()
    (place / "mine").write_text("mine")
