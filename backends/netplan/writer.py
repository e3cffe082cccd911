"""netplan's YAML, and the files beside it for what it has no key for.

netplan fills in what it is not told: `stp: true` as soon as a bridge has any parameter, so `stp` is
always written.
"""

from __future__ import annotations

from vnetc.backends.devices import Devices
from vnetc.backends.formats import ini
from vnetc.backends.netplan.block import Commented, Yaml, yaml
from vnetc.backends.netplan.devices import (
    has_type,
    is_card,
    is_infiniband,
    is_named,
    is_there,
    kind_of,
    said_of_port,
    section_of,
)
from vnetc.backends.netplan.dropins import netdev_dropin, network_dropin, systemd_of
from vnetc.backends.netplan.kinds import native
from vnetc.backends.netplan.layer3 import (
    addresses_of,
    automatic,
    is_silenced,
    rest_of,
    route,
    rule,
    says_route,
    says_rule,
)
from vnetc.backends.netplan.raw import merge_raw
from vnetc.backends.networkd import sections as s
from vnetc.backends.networkd.writer import CONF_PATH
from vnetc.backends.services import companions, write_units
from vnetc.backends.services.paths import file_stem
from vnetc.backends.services.secrets import credentials, write_secrets
from vnetc.backends.support import Version
from vnetc.backends.target import File, has_rare
from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Bridge, Loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

YAML_PATH = "/etc/netplan/50-vnetc.yaml"
_NETWORKD = "/etc/systemd/network"
_WAIT_ONLINE = "/etc/systemd/system/systemd-networkd-wait-online.service.d/50-vnetc.conf"


def write(host: Host, version: Version) -> list[File]:
    """Write all files of a host."""
    # netplan complains of files that others can read
    files = [File(YAML_PATH, yaml(host.name, document(host, version)), 0o600)]
    devices = Devices(host)
    for interface in host.interfaces:
        if not has_type(interface, version) and s.creates(devices, interface):
            path = f"{file_stem(interface)}.netdev"
            files.append(File(path, ini(host.name, s.netdev(devices, interface))))
        dropins = {
            "netdev": netdev_dropin(interface) if has_type(interface, version) else [],
            "network": network_dropin(devices, interface, version),
        }
        for kind, sections in dropins.items():
            if sections:
                path = f"{_NETWORKD}/10-netplan-{interface.name}.{kind}.d/50-vnetc.conf"
                from vnetc.backends.netplan.origin import keys_of

                places = [node.path for node in rest_of(interface)] if kind == "network" else []
                keys = keys_of(devices, interface, sections, places)
                files.append(File(path, ini(host.name, sections, keys)))
    conf = s.keeps_foreign(host, systemd_of(version))
    if conf:
        files.append(File(CONF_PATH, ini(host.name, conf, ["foreign"])))
    files += _wait_online(host, version)
    if has_rare(host):
        from vnetc.backends.services.link import link_files, write_passwords

        others = [i for i in host.interfaces if not is_named(i)]
        files += [*link_files(host.name, others), *write_passwords(host)]
    files += [*companions(host, s.other_sysctls(host)), *write_secrets(host)]
    return [*files, *write_units(host, credentials(host))]


def _wait_online(host: Host, version: Version) -> list[File]:
    """Have booting wait for the devices that netplan takes for cards.

    Since 1.0 it names to systemd-networkd-wait-online(8) what to wait for: of cards those that are
    there when it generates its files, before networkd has made any device.
    """
    names = [
        f" -i {interface.name}"
        for interface in host.interfaces
        if interface.waited_for and is_card(interface, version) and not is_there(interface)
    ]
    if version < (1, 0) or not names:
        return []
    command = f"/lib/systemd/systemd-networkd-wait-online{''.join(names)}"
    return [File(_WAIT_ONLINE, ini(host.name, [("Service", [("ExecStart", command)])]))]


def document(host: Host, version: Version) -> dict[str, Yaml]:
    """Build the YAML document."""
    devices = Devices(host)
    sections: dict[str, Any] = {"ethernets": {}}  # the first, since others are made of them
    for interface in host.interfaces:
        section = sections.setdefault(section_of(interface, version), {})
        keys = merge_raw(device(devices, interface, version), interface.raw)
        section[interface.name] = Commented(interface.description, keys)
    filled = {name: section for name, section in sections.items() if section}
    network = {"version": 2, "renderer": "networkd", **filled}
    return {"network": merge_raw(network, host.raw)}


def device(devices: Devices, interface: Interface, version: Version) -> dict[str, Any]:
    """Build the mapping of one device."""
    by_keys = has_type(interface, version) or is_infiniband(interface.kind)
    out = kind_of(devices, interface) if by_keys else {}
    if section_of(interface, version) == "vrfs":
        return out
    if is_silenced(interface):
        out["dhcp4"] = False
    if interface.macaddress is not None and has_type(interface, version):
        out["macaddress"] = interface.macaddress
    if interface.mtu is not None and not isinstance(interface.kind, Bridge):
        out["mtu"] = interface.mtu
    if interface.activation != "auto":
        out["activation-mode"] = interface.activation
    if interface.activation == "auto" and not interface.waited_for:
        out["optional"] = True
    if interface.port is not None and "neigh_suppress" in said_of_port(devices, interface):
        out |= native(interface.port)
    ignores = s.ignores_carrier(interface)
    # of a device that it makes netplan says so itself
    if ignores is not None and (
        is_card(interface, version) or interface.ignore_carrier is not None
    ):
        out["ignore-carrier"] = ignores
    if not isinstance(interface.kind, Loopback):
        out |= automatic(interface)
    addresses = addresses_of(interface)
    if addresses:
        out["addresses"] = addresses
    servers = interface.nameservers
    if servers.addresses or servers.search:
        out["nameservers"] = {
            key: value
            for key, value in (
                ("addresses", [str(a) for a in servers.addresses]),
                ("search", list(servers.search)),
            )
            if value
        }
    routes = [route(item) for item in interface.routes if says_route(item)]
    if routes:
        out["routes"] = routes
    rules = [rule(item) for item in interface.routing_policy if says_rule(item)]
    if rules:
        out["routing-policy"] = rules
    return out
