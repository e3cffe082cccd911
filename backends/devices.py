"""Look-ups over the devices of a host."""

from __future__ import annotations

from vnetc.model.host import Host, Interface
from vnetc.model.kinds import link_of


class Devices:
    """Look-ups over the interfaces of a host, made once: a search for each would be quadratic."""

    def __init__(self, host: Host) -> None:
        """Index the host's interfaces."""
        self.by_name = {interface.name: interface for interface in host.interfaces}
        self.position = {name: number for number, name in enumerate(self.by_name)}
        self.dhcp_servers = host.dhcp_servers
        self.forwards = any(firewall.mode != "isolated" for firewall in host.firewalls)
        self.upper: dict[str, list[Interface]] = {}  # by the interface that they are made on
        self.of_vrf: dict[str, list[str]] = {}
        for interface in host.interfaces:
            if interface.vrf is not None:
                self.of_vrf.setdefault(interface.vrf, []).append(interface.name)
            link = link_of(interface.kind)
            if link is not None:
                self.upper.setdefault(link, []).append(interface)
