"""The sysctl file: forwarding, and what interfaces ask for (sysctl.d(5))."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.formats import header
from vnetc.backends.target import File
from vnetc.model.host import Host, Interface
from vnetc.model.values import Sysctls

SYSCTL_PATH = "/etc/sysctl.d/60-vnetc.conf"

_FORWARDING = {4: "net.ipv4.ip_forward=1", 6: "net.ipv6.conf.all.forwarding=1"}


def sysctl_key(family: str, name: str, key: str) -> str:
    """Name a setting of an interface; `family` is `ipv4`, `ipv4-neigh` and so on."""
    protocol, _, part = family.partition("-")
    return f"net/{protocol}/{part or 'conf'}/{name}/{key}"


def forwarding(host: Host) -> tuple[str, ...]:
    """List the settings that let guests' packets through the host, by the families they use."""
    versions = {
        subnet.version
        for firewall in host.firewalls
        if firewall.mode != "isolated"
        for subnet in firewall.subnet
    }
    return tuple(_FORWARDING[version] for version in sorted(versions))


def autoconfiguration(interface: Interface) -> dict[str, int]:
    """Give the settings of net/ipv6/conf/NAME/ that the document says something of.

    `accept_ra` 2: also on a host that forwards (kernel documentation, networking/ip-sysctl).
    """
    settings: dict[str, int] = {}
    if interface.accept_ra is not None:
        settings |= {
            "accept_ra": 2 if interface.accept_ra else 0,
            "autoconf": int(interface.accept_ra),
        }
    if interface.ipv6_privacy is not None:
        settings["use_tempaddr"] = 2 if interface.ipv6_privacy else 0
    return settings


def write_sysctl(host: Host, interface_sysctls: Mapping[str, Sysctls]) -> list[File]:
    """Write the sysctl file, or nothing if there is nothing to set."""
    lines = list(forwarding(host))
    # with slashes, since a name may have dots; udev sets these when the device appears
    lines += [
        f"{sysctl_key(family, name, key)}={value}"
        for name, settings in interface_sysctls.items()
        for family, key, value in settings
    ]
    return [File(SYSCTL_PATH, header(host.name) + "\n".join(lines) + "\n")] if lines else []
