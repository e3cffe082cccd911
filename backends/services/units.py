"""systemd units that load the rulesets and run the DHCP servers, for targets without hooks.

A drop-in of systemd-networkd.service wants them, so that nothing needs to be enabled
(systemd.unit(5)). `nft -f` runs before any interface is up: there is no moment without the rules.
PartOf= and ReloadPropagatedFrom= bring the rules back after nftables.service flushed all tables.
None of them reads networkd's files, which netplan-configure.service writes since netplan 1.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from vnetc.backends.formats import Section, ini
from vnetc.backends.services.dnsmasq import dnsmasq_path, dnsmasq_pidfile
from vnetc.backends.services.nftables import nft_path, nft_table
from vnetc.backends.target import File, has_rare
from vnetc.model.host import DhcpServer, Firewall, Host

_DIRECTORY = "/etc/systemd/system"


def write_units(host: Host, service: Sequence[tuple[str, str]] = ()) -> list[File]:
    """Write the units of a host's networks and the drop-in that starts them.

    `service` are further options of systemd-networkd.service.
    """
    units = {f"vnetc-firewall-{f.name}.service": _firewall(f) for f in host.firewalls}
    units |= {
        f"vnetc-dnsmasq-{d.name}.service": _dnsmasq(d)
        for d in host.dhcp_servers
        if d.server == "dnsmasq"
    }
    if has_rare(host):
        from vnetc.backends.services.wpa import units as wpa_units

        units |= wpa_units(host)
    dropin: list[Section] = [
        ("Unit", [("Wants", name) for name in units]),
        ("Service", list(service)),
    ]
    if not any(options for _, options in dropin):
        return []
    files = [
        File(f"{_DIRECTORY}/{name}", ini(host.name, sections)) for name, sections in units.items()
    ]
    path = f"{_DIRECTORY}/systemd-networkd.service.d/50-vnetc.conf"
    return [*files, File(path, ini(host.name, dropin))]


def _firewall(firewall: Firewall) -> list[Section]:
    load = f"/usr/sbin/nft -f {nft_path(firewall)}"
    return [
        (
            "Unit",
            [
                ("Description", f"Firewall of the network {firewall.name}"),
                ("DefaultDependencies", "no"),
                ("After", "nftables.service"),
                ("PartOf", "nftables.service"),
                ("ReloadPropagatedFrom", "nftables.service"),
                ("Before", "network-pre.target shutdown.target"),
                ("Wants", "network-pre.target"),
                ("Conflicts", "shutdown.target"),
            ],
        ),
        (
            "Service",
            [
                ("Type", "oneshot"),
                ("RemainAfterExit", "yes"),
                ("ExecStart", load),
                ("ExecReload", load),
                ("ExecStop", f"/usr/sbin/nft delete table inet {nft_table(firewall)}"),
            ],
        ),
    ]


def _dnsmasq(server: DhcpServer) -> list[Section]:
    return [
        (
            "Unit",
            [
                ("Description", f"DHCP and DNS for the network {server.name}"),
                ("After", "network.target"),
            ],
        ),
        (
            "Service",
            [
                ("Type", "forking"),
                ("PIDFile", dnsmasq_pidfile(server)),
                ("ExecStart", f"/usr/sbin/dnsmasq --conf-file={dnsmasq_path(server)}"),
                ("Restart", "on-failure"),
            ],
        ),
    ]
