"""Operating systems as versions: what each has of the targets' programs, and of what these call.

People know their release, not the version of a program. `source` says where a row's facts are from;
`seen` is whether the lab runs that system. Debian's rows are from its packages' versions, priorities
and dependencies. A target without a version is none that the system has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from vnetc.backends.support import Programs, Version

Packages: TypeAlias = Mapping[str, str]

# What an output may need -> the package that has it. Needs are named as Debian's packages are, but for
# `dhcp-client`, any of them, `resolver`, what takes name servers from systemd-networkd, and the
# executors(7) of ifupdown-ng.
_DEBIAN_11: Packages = {
    need: need
    for need in (
        *("bridge-utils", "dnsmasq-base", "ethtool", "ifenslave", "isc-dhcp-client", "nftables"),
        *("procps", "resolvconf", "vlan", "wireguard-tools", "wpasupplicant"),
    )
} | {
    "bond-executor": "",
    "bridge-executor": "",
    "dhcp-client": "isc-dhcp-client",  # recommended by ifupdown, and of priority `important`
    "iproute2": "",  # which all programs depend on
    "resolver": "",  # part of systemd
    "systemd-udevd": "",  # package udev, of priority `important`
}
_DEBIAN_12: Packages = {**_DEBIAN_11, "resolver": "systemd-resolved"}
# isc-dhcp-client is no longer of priority `important`; ifupdown recommends dhcpcd-base
_DEBIAN_13: Packages = {**_DEBIAN_12, "dhcp-client": "dhcpcd-base"}
# main/ifupdown-ng of aports leaves bridges and bonds to scripts of these packages. It has no
# systemd-udevd, and no dhclient with Debian's hooks.
_ALPINE: Packages = {
    "bond-executor": "bonding",
    "bridge-executor": "bridge",
    "dhcp-client": "",  # udhcpc of busybox
    "dnsmasq-base": "dnsmasq",
    "ethtool": "ethtool",
    "iproute2": "iproute2",
    "nftables": "nftables",
    "procps": "procps-ng",
    "resolvconf": "openresolv",
    "wireguard-tools": "wireguard-tools-wg",
    "wpasupplicant": "wpa_supplicant",
}


class System(Record):
    """An operating system: versions of the targets' programs, and packages.

    `versions` are by the target's name, that of netlink is the kernel's. `packages` lacks what the system
    does not have; a name is empty where nothing need be installed.
    `codename` is what people may call it instead.
    """

    name: str
    title: str
    versions: Mapping[str, Version]
    iproute2: Version
    packages: Packages
    source: str
    seen: bool = False
    codename: str = ""
    has_rt_tables: bool = True  # iproute2 has a directory /etc/iproute2/rt_tables.d

    def programs(self, program: str, version: Version) -> Programs:
        """Give the versions that rows of support tables are about, one program's as asked for."""
        return {"iproute2": self.iproute2, "linux": self.versions["netlink"], program: version}


_LISTS = "packages of main"
_PVE = "`pveversion -v` as users post it (ifupdown2 +pmx, kernel), "
_APORTS = "gitlab.alpinelinux.org/alpine/aports, main/ifupdown-ng; alpinelinux.org/posts"

_ROWS = (
    System(
        name="debian-11",
        title="Debian 11",
        codename="bullseye",
        versions={
            "ifupdown": (0, 8, 36),
            "ifupdown2": (3, 0, 0),
            "netlink": (5, 10),
            "networkd": (247,),
        },
        iproute2=(5, 10),
        packages=_DEBIAN_11,
        source=_LISTS,
    ),
    System(
        name="debian-12",
        title="Debian 12",
        codename="bookworm",
        versions={
            "ifupdown": (0, 8, 41),
            "ifupdown2": (3, 0, 0),
            "ifupdown-ng": (0, 11, 4),
            "netlink": (6, 1),
            "netplan": (0, 106),
            "networkd": (252,),
        },
        iproute2=(6, 1),
        packages=_DEBIAN_12,
        source=_LISTS,
        seen=True,
    ),
    System(
        name="debian-13",
        title="Debian 13",
        codename="trixie",
        versions={
            "ifupdown": (0, 8, 44),
            "ifupdown2": (3, 0, 0),
            "ifupdown-ng": (0, 12, 1),
            "netlink": (6, 12),
            "netplan": (1, 1, 2),
            "networkd": (257,),
        },
        iproute2=(6, 15),
        packages=_DEBIAN_13,
        source=_LISTS,
        seen=True,
        has_rt_tables=False,
    ),
    System(
        name="ubuntu-22.04",
        title="Ubuntu 22.04",
        codename="jammy",
        versions={
            "ifupdown": (0, 8, 36),
            "netlink": (5, 15),
            "netplan": (0, 106, 1),
            "networkd": (249,),
        },
        iproute2=(5, 15),
        packages=_DEBIAN_11,
        source="github.com/pop-os/repo-release/pull/514 (systemd), "
        "github.com/canonical/core-base/pull/261 (netplan)",
    ),
    System(
        name="ubuntu-24.04",
        title="Ubuntu 24.04",
        codename="noble",
        versions={
            "ifupdown": (0, 8, 41),
            "netlink": (6, 8),
            "netplan": (1, 0),  # as released; the update to 1.1.2 came without another systemd
            "networkd": (255,),
        },
        iproute2=(6, 1),
        packages=_DEBIAN_13,
        source="github.com/pop-os/repo-release/pull/514 (systemd), "
        "github.com/voxpupuli/puppet-systemd/pull/525 (systemd-resolved)",
    ),
    System(
        name="ubuntu-26.04",
        title="Ubuntu 26.04",
        codename="resolute",
        versions={"netlink": (7, 0), "netplan": (1, 2), "networkd": (259,)},
        iproute2=(6, 18),
        packages=_DEBIAN_13,
        source="github.com/ubuntu/ubuntu-release-notes/pull/57 (systemd), "
        "github.com/voxpupuli/puppet-systemd/pull/625 (systemd-resolved)",
    ),
    System(
        name="proxmox-8",
        title="Proxmox VE 8",
        versions={"ifupdown": (0, 8, 41), "ifupdown2": (3, 2, 0), "netlink": (6, 8)},
        iproute2=(6, 1),
        packages=_DEBIAN_12,
        source=f"{_PVE}on Debian 12",
    ),
    System(
        name="proxmox-9",
        title="Proxmox VE 9",
        versions={"ifupdown": (0, 8, 44), "ifupdown2": (3, 3, 0), "netlink": (6, 14)},
        iproute2=(6, 15),
        packages=_DEBIAN_13,
        source=f"{_PVE}on Debian 13",
        has_rt_tables=False,
    ),
    System(
        name="alpine-3.21",
        title="Alpine Linux 3.21",
        versions={"ifupdown-ng": (0, 12, 1), "netlink": (6, 12)},
        iproute2=(6, 11),
        packages=_ALPINE,
        source=f"{_APORTS}/Alpine-3.21.0-released.html",
    ),
    System(
        name="alpine-3.22",
        title="Alpine Linux 3.22",
        versions={"ifupdown-ng": (0, 12, 1), "netlink": (6, 12)},
        iproute2=(6, 14),
        packages=_ALPINE,
        source=f"{_APORTS}/Alpine-3.22.0-released.html",
    ),
    System(
        name="alpine-3.23",
        title="Alpine Linux 3.23",
        versions={"ifupdown-ng": (0, 12, 1), "netlink": (6, 18)},
        iproute2=(6, 17),
        packages=_ALPINE,
        source=f"{_APORTS}/Alpine-3.23.0-released.html",
    ),
)
SYSTEMS: Mapping[str, System] = {system.name: system for system in _ROWS}
DEFAULT = "debian-12"


def system_of(target: str, version: Version) -> System:
    """Give the Debian whose packages are meant by a version of a target's program.

    It is the one with that version, or with the newest before it. The default is preferred.
    """
    return max(
        _debians(target, version), key=lambda s: (s.versions.get(target, ()), s.name == DEFAULT)
    )


def _debians(target: str, version: Version) -> Iterator[System]:
    yield SYSTEMS[DEFAULT]
    for system in SYSTEMS.values():
        own = system.versions.get(target)
        if system.name.startswith("debian-") and own is not None and own <= version:
            yield system
