"""The files of systemd-networkd: one .network for each interface, one .netdev for each virtual one."""

from __future__ import annotations

from vnetc.backends.devices import Devices
from vnetc.backends.formats import Section, ini
from vnetc.backends.networkd import layer3
from vnetc.backends.networkd import sections as s
from vnetc.backends.networkd.raw import merge_raw
from vnetc.backends.services import companions, write_units
from vnetc.backends.services.paths import file_stem
from vnetc.backends.services.secrets import credentials, write_secrets
from vnetc.backends.support import Version
from vnetc.backends.target import File, has_rare
from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Bridge

CONF_PATH = "/etc/systemd/networkd.conf.d/50-vnetc.conf"


def write(host: Host, version: Version) -> list[File]:
    """Write all files of a host."""
    devices = Devices(host)
    files: list[File] = []
    for interface in host.interfaces:
        stem = file_stem(interface)
        if s.creates(devices, interface):
            files.append(File(f"{stem}.netdev", ini(host.name, s.netdev(devices, interface))))
        sections = merge_raw(network_sections(devices, interface, version), interface.raw)
        files.append(File(f"{stem}.network", ini(host.name, sections)))
    keeps = s.keeps_foreign(host, version)
    conf = merge_raw(keeps, host.raw)
    if conf:
        files.append(File(CONF_PATH, ini(host.name, conf, ["foreign"] if keeps else [])))
    files += [*companions(host, s.other_sysctls(host)), *write_secrets(host)]
    if has_rare(host):
        from vnetc.backends.services.link import link_files, write_passwords

        files += [*link_files(host.name, host.interfaces), *write_passwords(host)]
    return [*files, *write_units(host, credentials(host))]


def network_sections(devices: Devices, interface: Interface, version: Version) -> list[Section]:
    """Write the sections of an interface's .network file."""
    servers = s.networkd_servers(devices, interface)
    network = s.network(devices, interface)
    for server in servers:
        network += s.serve(server)
    sections: list[Section] = [
        ("Match", s.match(interface)),
        ("Link", s.link(interface)),
        ("Network", network),
    ]
    sections += [layer3.address(a) for a in layer3.split_addresses(interface)[1]]
    sections += [layer3.route(r) for r in layer3.split_routes(interface)[1]]
    sections += [layer3.rule(r) for r in interface.routing_policy]
    sections += layer3.neighbors(interface)
    sections.append(s.dhcp4(interface))
    sections.append(s.dhcp6(devices, interface, version))
    sections.append(s.router_advertisement(interface))
    if interface.port is not None:
        sections += layer3.port(devices, interface.port, version)
    if isinstance(interface.kind, Bridge):
        sections += layer3.bridge_vlans(interface.kind, interface.kind, version)
    sections += s.ipoib(interface)
    sections += s.flood(interface)
    sections += layer3.entries(interface)
    if interface.qdiscs:
        from vnetc.backends.networkd.qdiscs import qdiscs

        sections += qdiscs(interface)
    for server in servers:
        sections += s.dhcp_server(interface, server)
    return sections
