"""What a host needs for an output beside the target's own program: packages, and what else to know.

It is read off the files as they are written: options that a helper package's hooks take, programs that
commands call, files that a program reads. The same words need the same packages, whoever wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from vnetc.backends.formats import comment_text
from vnetc.backends.systems import System
from vnetc.backends.target import File
from vnetc.model.host import Host
from vnetc.model.kinds import Bond, Bridge, Ethernet, Vrf, Wifi
from vnetc.model.record import Record

# ifupdown2 writes its map of VRFs there, and VRFs fail without it
RT_TABLES = "mkdir -p /etc/iproute2/rt_tables.d (without it ifreload exits with 1)"
# addons/bridge.py
TWO_AWARE = (
    "multiple_vlan_aware_bridge_support=1 in /etc/network/ifupdown2/ifupdown2.conf "
    "(without it ifupdown2 takes one VLAN-aware bridge)"
)
HOOKS = frozenset({"pre-up", "up", "down", "post-down"})
_INTERFACES = "/etc/network/interfaces"
# The file whose head says what is needed: the first that begins so.
_MAIN = (_INTERFACES, "/etc/netplan/", "/etc/systemd/network/")

# target -> what options of interfaces(5) begin with -> what their hooks, or the program, need
OF_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "ifupdown": {
        "bond": "ifenslave",
        "bridge": "bridge-utils",
        "dns": "resolvconf",
        "ethernet": "ethtool",
        "link": "ethtool",
        "vlan": "vlan",
        "wpa": "wpasupplicant",
    },
    # it warns of bridges without brctl(8) (addons/bridge.py)
    "ifupdown2": {"bridge": "bridge-utils", "dns": "resolvconf"},
    "ifupdown-ng": {"bond": "bond-executor", "bridge": "bridge-executor"},
}

# a program that a command calls -> its package
OF_PROGRAMS: Mapping[str, str] = {
    "bridge": "iproute2",
    "dhclient": "isc-dhcp-client",
    "dhcpcd": "dhcp-client",
    "dnsmasq": "dnsmasq-base",
    "ethtool": "ethtool",
    "ip": "iproute2",
    "nft": "nftables",
    "resolvconf": "resolvconf",
    "sysctl": "procps",
    "tc": "iproute2",
    "udhcpc": "dhcp-client",
    "wg": "wireguard-tools",
    "wpa_supplicant": "wpasupplicant",
}
# Where a command begins: at the start of a line, or behind a sign or word of the shell, or `--exec`.
PROGRAM = re.compile(r"(?:^|[;&|({]|\b(?:do|then|else|exec)\b)\s*(?:/\S*/)?([a-z][a-z0-9_.-]*)")

# what the path of a file begins and ends with -> what reads it
_OF_FILES: Sequence[tuple[str, str, str]] = (
    ("/etc/vnetc/", ".nft", "nftables"),
    ("/etc/vnetc/", ".dnsmasq.conf", "dnsmasq-base"),
    ("/etc/dhcp/dhclient-", "", "isc-dhcp-client"),
    ("/etc/wpa_supplicant/", "", "wpasupplicant"),
    ("/etc/systemd/network/", ".link", "systemd-udevd"),
)


def _resolves(host: Host) -> bool:
    return any(i.nameservers.addresses or i.nameservers.search for i in host.interfaces)


def _authenticates(host: Host) -> bool:
    return any(
        isinstance(i.kind, Wifi) or (isinstance(i.kind, Ethernet) and i.kind.auth is not None)
        for i in host.interfaces
    )


def _asks(host: Host) -> bool:
    return any(i.dhcp4 for i in host.interfaces)


# target -> what a host needs by what it says, where files do not show it
_OF_HOSTS: Mapping[str, Mapping[str, Callable[[Host], bool]]] = {
    "networkd": {"resolver": _resolves},
    "netplan": {"resolver": _resolves, "wpasupplicant": _authenticates},
    "netlink": {
        "dhcp-client": _asks,
        "dnsmasq-base": lambda host: any(d.server == "dnsmasq" for d in host.dhcp_servers),
        "nftables": lambda host: bool(host.firewalls),
        "resolvconf": _resolves,
        "wpasupplicant": _authenticates,
    },
}


class Needs(Record):
    """What a host needs: packages by the system's names, and what is to be done once, with the reason.

    `missing` are needs that the system has no package for.
    """

    packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def needs(host: Host, target: str, system: System, files: Sequence[File]) -> Needs:
    """Say what the files of a host need on a system."""
    found: set[str] = set()
    for file in files:
        found.update(
            need
            for start, end, need in _OF_FILES
            if file.path.startswith(start) and file.path.endswith(end)
        )
        if file.path == _INTERFACES:
            found |= _of_interfaces(file.content, OF_OPTIONS[target])
    found.update(need for need, holds in _OF_HOSTS.get(target, {}).items() if holds(host))
    if "dhcp-client" in found and target == "ifupdown2":  # it knows no other
        found.add("isc-dhcp-client")
    if "isc-dhcp-client" in found:
        found.discard("dhcp-client")
    names = {system.packages[need] for need in found if need in system.packages}
    return Needs(
        packages=tuple(sorted(names - {""})),
        notes=tuple(_notes(host, target, system)),
        missing=tuple(sorted(need for need in found if need not in system.packages)),
    )


def _of_interfaces(text: str, options: Mapping[str, str]) -> set[str]:
    """Say what a file of interfaces(5) needs."""
    found: set[str] = set()
    for line in text.splitlines():
        word, _, value = line.strip().partition(" ")
        if word in HOOKS:
            found |= {OF_PROGRAMS[p] for p in PROGRAM.findall(value) if p in OF_PROGRAMS}
        elif word == "iface":
            if value.endswith(" dhcp"):
                found.add("dhcp-client")
        elif word == "dhcp-program":
            found.add(OF_PROGRAMS[value])
        elif not word.startswith("#"):
            need = options.get(word.partition("-")[0])
            if need is not None and "-" in word:
                found.add(need)
    return found


def possible(target: str) -> set[str]:
    """Give all that any output for a target may need."""
    found = {need for _, _, need in _OF_FILES} | {*_OF_HOSTS.get(target, ())}
    found.discard("isc-dhcp-client")  # for hooks that the ifupdowns alone have
    if target in OF_OPTIONS:
        found |= {*OF_OPTIONS[target].values(), *OF_PROGRAMS.values(), "dhcp-client"}
    if target == "ifupdown2":
        found.remove("dhcp-client")
    return found


def _notes(host: Host, target: str, system: System) -> Iterator[str]:
    if target != "ifupdown2":
        return
    if not system.has_rt_tables and any(
        isinstance(i.kind, Bridge | Bond | Vrf) for i in host.interfaces
    ):
        yield RT_TABLES
    aware = [i for i in host.interfaces if isinstance(i.kind, Bridge) and i.kind.vlan_filtering]
    if len(aware) > 1:
        yield TWO_AWARE


def stays(text: str) -> list[str]:
    """List the keys that a file of interfaces(5) says by commands, from the comments above them.

    `ifreload` does not undo these when their lines go (`ifreload_down_changed=0`). A whole device is
    removed with its stanza.
    """
    keys: dict[str, None] = {}
    above: list[str] = []
    for line in text.splitlines():
        if line.startswith("    # "):
            above.append(re.sub(r"\[\d+\].*", "", line[6:]))
            continue
        word = line.strip().partition(" ")[0]
        if word in ("pre-up", "up"):
            keys.update(dict.fromkeys(above))
        if word not in HOOKS:
            above = []
    return [*keys]


# A veth has nothing that could be changed.
_MAKES = re.compile(r"pre-up ip (?:link|tuntap) add (?!.* type veth )")


def fixed(text: str) -> list[str]:
    """List the keys of what commands make in a file of interfaces(5).

    When they change, `ifreload` finds a device of that name and leaves it as it is. Of what options
    make `ifquery --check` tells.
    """
    keys: dict[str, None] = {}
    above: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("# "):
            above.append(line[2:])
            continue
        if _MAKES.match(line):
            keys.update(dict.fromkeys(above))
        above = []
    return [*keys]


def headed(host: Host, target: str, files: Sequence[File], found: Needs) -> list[File]:
    """Say at the head of the main file, below its first line, what the host needs."""
    main = next((f for start in _MAIN for f in files if f.path.startswith(start)), None)
    if main is None:
        return [*files]
    lines = [f"needs: {' '.join(found.packages)}"] if found.packages else []
    lines += [f"once: {note}" for note in found.notes]
    if target == "ifupdown2":
        whole = {i.name for i in host.interfaces}
        keys = [k for k in stays(main.content) if k.removeprefix("interfaces.") not in whole]
        lines += [f"ifreload does not undo, when they go: {', '.join(keys)}"] if keys else []
        made = fixed(main.content)
        lines += [f"ifreload leaves as they were made: {', '.join(made)}"] if made else []
    if not lines:
        return [*files]
    first, _, rest = main.content.partition("\n")
    head = "".join(f"# {comment_text(line)}\n" for line in lines)
    new = File(main.path, f"{first}\n{head}{rest}", main.mode)
    return [new if file is main else file for file in files]
