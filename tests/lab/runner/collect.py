"""What programs print of the kernel's state and of their own, as text; lab/state.py reads it."""

from __future__ import annotations

from .sandbox import Sandbox
from .wire import LEASES

# For `ip -batch`: one process for all. Links are the same in both families.
_OBJECTS = "addr show\nroute show table all\nrule show\nneigh show nud permanent\n"
_WAIT_ONLINE = "/run/systemd/system/systemd-networkd-wait-online.service.d"
_COMMANDS = {
    "ip4": (("ip", "-N", "-d", "-j", "-4", "-b", "-"), f"link show\n{_OBJECTS}"),
    "ip6": (("ip", "-N", "-d", "-j", "-6", "-b", "-"), _OBJECTS),
    "vlan": (("bridge", "-j", "vlan"), ""),
    "fdb": (("bridge", "-j", "fdb", "show"), ""),
    "nft": (("nft", "-j", "list", "ruleset"), ""),
    # What networkd keeps for resolved and timesyncd; what ifupdown hands to openresolv.
    "records": (
        ("grep", "-rHs", "^[^#]", "/run/systemd/netif/links", "/run/resolvconf/interfaces"),
        "",
    ),
    # What booting waits for: said by netplan 1.1, and by ifupdown.
    "wait_online": (("grep", "-rhs", "^ExecStart=/", _WAIT_ONLINE), ""),
    "ifquery": (("ifquery", "--list", "-a"), ""),
    "leases": (("grep", "-rHs", "", LEASES), ""),
    "sysctl": (("grep", "-rs", "", "/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/conf"), ""),
}


def collect(box: Sandbox) -> dict[str, str]:
    """Ask a sandbox's host for all of its state."""
    return {name: box.read(*argv, text=text) for name, (argv, text) in _COMMANDS.items()}
