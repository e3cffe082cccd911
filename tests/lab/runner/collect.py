"""What programs print of the kernel's state and keep of their own, as text; state.py reads it."""

from __future__ import annotations

import json
from pathlib import Path

from .sandbox import Sandbox
from .wire import LEASES

# For `ip -batch`: one process for all. Links are the same in both families.
_OBJECTS = "addr show\nroute show table all\nrule show\nneigh show nud permanent\nneigh show proxy\n"
_SYSCTLS = [f"/proc/sys/net/{f}/{part}" for f in ("ipv4", "ipv6") for part in ("conf", "neigh")]
_COMMANDS = {
    "ip4": (("ip", "-N", "-d", "-j", "-4", "-b", "-"), f"link show\n{_OBJECTS}"),
    "ip6": (("ip", "-N", "-d", "-j", "-6", "-b", "-"), _OBJECTS),
    "vlan": (("bridge", "-j", "vlan"), ""),
    "fdb": (("bridge", "-j", "fdb", "show"), ""),
    "mdb": (("bridge", "-j", "mdb", "show"), ""),
    "wireguard": (("wg", "show", "all", "dump"), ""),
    "qdisc": (("tc", "-j", "qdisc", "show"), ""),
    "nft": (("nft", "-j", "list", "ruleset"), ""),
    "sysctl": (("grep", "-rs", "", *_SYSCTLS), ""),
    "ifquery": (("ifquery", "--list", "-a"), ""),  # what networking.service waits for
}
# Their lines are written as grep(1) does: the path, a colon, the line.
_FILES = {
    "networkd": "/run/systemd/netif/links/*",  # what it keeps for resolved and timesyncd
    "resolvconf": "/run/resolvconf/interfaces/*",  # what openresolv was told
    "wait_online": "/*/systemd/system/systemd-networkd-wait-online.service.d/*",
    "leases": f"{LEASES}/*",
}


def collect(box: Sandbox) -> dict[str, str]:
    """Ask a sandbox's host for all of its state."""
    printed = {name: box.read(*argv, text=text) for name, (argv, text) in _COMMANDS.items()}
    printed["class"] = _classes(box, printed["qdisc"])
    return printed | {name: _lines(pattern) for name, pattern in _FILES.items()}


def _classes(box: Sandbox, qdiscs: str) -> str:
    """Ask for the classes of each device that has a discipline of its own."""
    own = {q["dev"]: q for q in json.loads(qdiscs or "[]") if q["handle"] != "0:"}
    shown = {name: box.read("tc", "-j", "class", "show", "dev", name) for name in own}
    return json.dumps({name: json.loads(text or "[]") for name, text in shown.items()})


def _lines(pattern: str) -> str:
    return "".join(
        f"{file}:{line}\n"
        for file in sorted(Path("/").glob(pattern.removeprefix("/")))
        for line in file.read_text().splitlines()
    )
