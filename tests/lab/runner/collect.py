"""What programs print of the kernel's state and keep of their own, as text; state.py reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .sandbox import Sandbox
from .wire import LEASES

# For `ip -batch`: one process for all. Links are the same in both families.
_OBJECTS = (
    "addr show\nroute show table all\nrule show\nneigh show nud permanent\nneigh show proxy\n"
)
_SYSCTLS = [f"/proc/sys/net/{f}/{part}" for f in ("ipv4", "ipv6") for part in ("conf", "neigh")]
_COMMANDS = {
    "ip4": (("ip", "-N", "-d", "-j", "-4", "-b", "-"), f"link show\n{_OBJECTS}"),
    "ip6": (("ip", "-N", "-d", "-j", "-6", "-b", "-"), _OBJECTS),
    "vlan": (("bridge", "-j", "vlan"), ""),
    "fdb": (("bridge", "-j", "fdb", "show"), ""),
    "mdb": (("bridge", "-j", "mdb", "show"), ""),
    "wireguard": (("wg", "show", "all", "dump"), ""),
    "qdisc": (("tc", "-d", "-s", "qdisc", "show"), ""),
    "nft": (("nft", "-j", "list", "ruleset"), ""),
    "sysctl": (("grep", "-rs", "", *_SYSCTLS), ""),
    "features": (
        ("sh", "-c", 'for d in /sys/class/net/*/; do ethtool -k "$(basename "$d")"; done'),
        "",
    ),
}
# What networking.service waits for; ifupdown2 also says what it finds otherwise than in the file.
_IFQUERY = {False: ("ifquery", "--list", "-a"), True: ("ifquery", "--check", "-a")}
_OF_IFUPDOWN2 = Path("/usr/sbin/ifreload")
# Their lines are written as grep(1) does: the path, a colon, the line.
_FILES = {
    "networkd": "/run/systemd/netif/links/*",  # what it keeps for resolved and timesyncd
    "resolvconf": "/run/resolvconf/[ik][ne][ty]*/*",  # interfaces, or keys: what openresolv was told
    "wait_online": "/*/systemd/*/systemd-networkd-wait-online.service.d/*",
    "leases": f"{LEASES}/*",
    "carriers": "/sys/class/net/*/carrier_changes",
}


def collect(box: Sandbox, *, of_boot: bool = False) -> dict[str, str]:
    """Ask a sandbox's host for all of its state, and for what was told to its boot."""
    printed = {name: box.read(*argv, text=text) for name, (argv, text) in _COMMANDS.items()}
    printed["class"] = _classes(box, printed["qdisc"])
    printed["wpa"] = "".join(_wpa(box))
    printed["processes"] = "".join(sorted(_processes()))
    printed["ifquery"] = box.read(*_IFQUERY[_OF_IFUPDOWN2.exists()]) if of_boot else ""
    return printed | {name: _lines(pattern) for name, pattern in _FILES.items()}


def _processes() -> Iterator[str]:
    """List the processes that run in the host's namespace, but for the runner's own."""
    this = os.readlink("/proc/self/ns/net")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if os.readlink(process / "ns/net") == this and b"runner" not in words:
                yield f"{b' '.join(words).decode(errors='replace').strip()}\n"
        except OSError:  # it has ended
            continue


_CONTROL = Path("/run/wpa_supplicant")  # ctrl_interface= of wpa_supplicant.conf(5)
_WPA = (
    *("key_mgmt", "ieee80211w", "eap", "identity", "anonymous_identity", "password", "phase2"),
    *("ca_cert", "client_cert", "private_key", "private_key_passwd", "eapol_flags"),
)


def _wpa(box: Sandbox) -> Iterator[str]:
    """Ask each wpa_supplicant for the network that it tries to join; of secrets it says `*`."""
    for socket in sorted(_CONTROL.glob("*")):
        ask = ("wpa_cli", "-p", str(_CONTROL), "-i", socket.name, "get_network", "0")
        yield from (f"{socket.name} {word} {box.read(*ask, word).strip()}\n" for word in _WPA)


def _classes(box: Sandbox, qdiscs: str) -> str:
    """Ask for the classes of each device where somebody may have made some."""
    words = [line.split() for line in qdiscs.splitlines() if line.startswith("qdisc ")]
    names = dict.fromkeys(w[4] for w in words if w[1] in ("drr", "htb", "qfq"))
    return "".join(
        f"{name} {line}\n"
        for name in names
        for line in box.read("tc", "-d", "class", "show", "dev", name).splitlines()
    )


def _lines(pattern: str) -> str:
    return "".join(
        f"{file}:{line}\n"
        for file in sorted(Path("/").glob(pattern.removeprefix("/")))
        for line in file.read_text().splitlines()
    )
