"""The files beside a target's own: what makes a network of guests work, and authenticates cards.

One nftables table and one dnsmasq for each network, so that loading, changing or removing one
network never touches another, nor other software's rules.
"""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.services.dnsmasq import dnsmasq_path, dnsmasq_pidfile, write_dnsmasq
from vnetc.backends.services.nftables import nft_path, nft_table, write_nftables
from vnetc.backends.services.sysctl import (
    SYSCTL_PATH,
    autoconfiguration,
    forwarding,
    sysctl_key,
    write_sysctl,
)
from vnetc.backends.services.units import write_units
from vnetc.backends.target import File, has_rare
from vnetc.model.host import Host
from vnetc.model.values import Sysctls

__all__ = [
    "SYSCTL_PATH",
    "autoconfiguration",
    "companions",
    "dnsmasq_path",
    "dnsmasq_pidfile",
    "forwarding",
    "nft_path",
    "nft_table",
    "sysctl_key",
    "write_units",
]


def companions(host: Host, interface_sysctls: Mapping[str, Sysctls]) -> list[File]:
    """Write the nftables, dnsmasq and sysctl files of a host.

    `interface_sysctls` are, by interface, those that the target does not set itself.
    """
    files = [write_nftables(host.name, firewall) for firewall in host.firewalls]
    files += [
        write_dnsmasq(host.name, server)
        for server in host.dhcp_servers
        if server.server == "dnsmasq"
    ]
    if has_rare(host):
        from vnetc.backends.services.wpa import write_wpa

        files += write_wpa(host)
    return files + write_sysctl(host, interface_sysctls)
