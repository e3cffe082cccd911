"""netplan's YAML, and drop-ins for what it has no key for.

netplan fills in what it is not told: `stp: true` as soon as a bridge has any parameter, so `stp` is
always written; a DHCP route metric of 100 and the server's MTU, which are vnetc's defaults too.
"""

from __future__ import annotations

from vnetc.backends.base import Devices, File, Version, has_rare, said_table
from vnetc.backends.formats import Section, Yaml, ini, yaml
from vnetc.backends.netplan.kinds import SECTIONS, foreign, native
from vnetc.backends.netplan.raw import merge_raw
from vnetc.backends.networkd import layer3
from vnetc.backends.networkd import sections as s
from vnetc.backends.networkd.kinds import NETDEV
from vnetc.backends.options import said
from vnetc.backends.services import companions, write_units
from vnetc.backends.services.secrets import (
    credential_path,
    credentials,
    secret_path,
    write_secrets,
)
from vnetc.cards import CardMatch
from vnetc.kinds import (
    Bond,
    Bridge,
    Card,
    Ethernet,
    Infiniband,
    Kind,
    Loopback,
    Tap,
    Tunnel,
    Veth,
    Vlan,
    VlanFlags,
    Vrf,
    Vxlan,
    Wifi,
    Wireguard,
    WireguardPeer,
)
from vnetc.model import Address, DhcpOverrides, Host, Interface, Route, Rule
from vnetc.record import Record, fields, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

YAML_PATH = "/etc/netplan/50-vnetc.yaml"
_NETWORKD = "/etc/systemd/network"
_WAIT_ONLINE = "/etc/systemd/system/systemd-networkd-wait-online.service.d/50-vnetc.conf"
_LARGEST = 0x7FFFFFFF  # netplan writes larger numbers as negative ones


def write(host: Host, version: Version) -> list[File]:
    """Write all files of a host."""
    # netplan complains of files that others can read
    files = [File(YAML_PATH, yaml(host.name, document(host, version)), 0o600)]
    devices = Devices(host)
    for interface in host.interfaces:
        if not _has_type(interface, version) and s.creates(devices, interface):
            path = f"{_NETWORKD}/10-vnetc-{interface.name}.netdev"
            files.append(File(path, ini(host.name, s.netdev(devices, interface))))
        dropins = {
            "link": _link_dropin(interface),
            "netdev": _netdev_dropin(interface) if _has_type(interface, version) else [],
            "network": network_dropin(devices, interface, version),
        }
        for kind, sections in dropins.items():
            if sections:
                path = f"{_NETWORKD}/10-netplan-{interface.name}.{kind}.d/50-vnetc.conf"
                files.append(File(path, ini(host.name, sections)))
    files += _wait_online(host, version)
    if has_rare(host):
        from vnetc.backends.services.link import link_files, write_passwords

        files += [*link_files(host), *write_passwords(host)]
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
        if interface.waited_for and _is_card(interface, version) and not _is_there(interface.kind)
    ]
    if version < (1, 0) or not names:
        return []
    command = f"/lib/systemd/systemd-networkd-wait-online{''.join(names)}"
    return [File(_WAIT_ONLINE, ini(host.name, [("Service", [("ExecStart", command)])]))]


def _is_there(kind: Kind) -> bool:
    """Tell whether a card has its name before any unit runs: not if a .link file gives it one."""
    return isinstance(kind, Infiniband) or (
        isinstance(kind, Card) and (kind.match is None or not kind.set_name)
    )


def document(host: Host, version: Version) -> dict[str, Yaml]:
    """Build the YAML document."""
    devices = Devices(host)
    network: dict[str, Any] = {"version": 2, "renderer": "networkd"}
    for interface in host.interfaces:
        section = network.setdefault(_section(interface, version), {})
        section[interface.name] = merge_raw(device(devices, interface, version), interface.raw)
    return {"network": merge_raw(network, host.raw)}


def _has_type(interface: Interface, version: Version) -> bool:
    """Tell whether netplan makes the device; of others vnetc writes a .netdev file."""
    kind = interface.kind
    match kind:
        case Tunnel(local=None) | Tunnel(remote=None) | Wireguard(peers=()):
            return False  # netplan wants them
        case Wireguard(peers=peers) if not all(_says_peer(peer) for peer in peers):
            return False
        case Vrf():
            return _is_bare(interface)
        case _:
            pass
    if isinstance(kind, Card | Loopback):
        return True
    _, since = SECTIONS.get(kind.type, ("", (99,)))
    return version >= since


def _says_peer(peer: WireguardPeer) -> bool:
    """Tell whether netplan has a peer as it is: with addresses, and without a key to share.

    Of a file with one it makes a line that systemd-networkd, which is not root, reads itself, and
    one in the YAML it writes to where everybody reads it (0.106; CVE-2022-4968).
    """
    return bool(peer.allowed_ips) and peer.preshared_key is None


def _is_bare(interface: Interface) -> bool:
    """Tell whether a VRF is no more than its table: netplan has no further keys for one."""
    said = replace(interface, description="", raw=None, sysctl=())
    return said == Interface(name=interface.name, path=(), kind=interface.kind)


def _is_card(interface: Interface, version: Version) -> bool:
    """Tell whether netplan takes the device for a network card: one that it does not make."""
    return interface.kind.type != "loopback" and _section(interface, version) == "ethernets"


def _section(interface: Interface, version: Version) -> str:
    if isinstance(interface.kind, Card | Loopback) or not _has_type(interface, version):
        return "ethernets"
    return SECTIONS[interface.kind.type][0]


def _kind(devices: Devices, interface: Interface) -> dict[str, Any]:
    """Build what the type of a device alone has, for one that netplan makes."""
    match interface.kind:
        case Bridge(ports=names) | Bond(members=names) as kind:
            return {"interfaces": list(names), "parameters": native(kind)}
        case Vrf() as kind:
            return {**native(kind), "interfaces": devices.of_vrf.get(interface.name, [])}
        case Veth(peer=peer):
            return {"peer": peer}
        case Vxlan() as kind:
            return {"mode": "vxlan", **native(kind)}
        case Wireguard() as kind:
            peers = [_peer(peer) for peer in kind.peers]
            keys = {"keys": {"private": secret_path(interface.name, kind.private_key)}}
            return {
                "mode": "wireguard",
                **native(kind),
                **keys,
                **({"peers": peers} if peers else {}),
            }
        case Ethernet() | Wifi() as kind:
            return _card(kind)
        case kind:
            return native(kind)


def _card(card: Card) -> dict[str, Any]:
    """Say which card keeps its name, and what udev has no word for (netplan-apply does it)."""
    out: dict[str, Any] = {}
    if card.match is not None and not card.set_name:
        out["match"] = native(card.match) or {"name": "*"}
    if isinstance(card, Ethernet) and card.virtual_functions is not None:
        switch = native(card.virtual_functions)
        if switch:  # netplan wants to know that there are any
            out |= {"virtual-function-count": card.virtual_functions.number, **switch}
    return out


def _peer(peer: WireguardPeer) -> dict[str, Any]:
    return {"keys": {"public": peer.public_key}, **native(peer)}


def device(devices: Devices, interface: Interface, version: Version) -> dict[str, Any]:
    """Build the mapping of one device."""
    out = _kind(devices, interface) if _has_type(interface, version) else {}
    if _section(interface, version) == "vrfs":
        return out
    if interface.macaddress is not None and _has_type(interface, version):
        out["macaddress"] = interface.macaddress
    if interface.mtu is not None and not isinstance(interface.kind, Bridge):
        out["mtu"] = interface.mtu
    if interface.activation != "auto":
        out["activation-mode"] = interface.activation
    if interface.optional is not None or not interface.waited_for:
        out["optional"] = not interface.waited_for
    if _is_card(interface, version) and _ignores_carrier(interface):
        out["ignore-carrier"] = True
    if not isinstance(interface.kind, Loopback):
        out |= _automatic(interface)
    addresses = _addresses(interface)
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
    routes = [_route(route) for route in interface.routes if _says_route(route)]
    if routes:
        out["routes"] = routes
    rules = [_rule(rule) for rule in interface.routing_policy if _says_rule(rule)]
    if rules:
        out["routing-policy"] = rules
    return out


def _automatic(interface: Interface) -> dict[str, Any]:
    """Say how the interface gets addresses by itself."""
    out: dict[str, Any] = {}
    if interface.dhcp4:
        out["dhcp4"] = True
    if interface.dhcp6:
        out["dhcp6"] = True
    if interface.dhcp4 and not interface.dhcp6:
        overrides = _overrides(interface.dhcp4_overrides)
        if not s.uses_mtu(interface):
            overrides["use-mtu"] = False
        if overrides:
            out["dhcp4-overrides"] = overrides
    if interface.link_local != ("ipv6",):
        out["link-local"] = list(interface.link_local)
    out["accept-ra"] = interface.accept_ra
    if interface.ipv6_privacy:
        out["ipv6-privacy"] = True
    return out


_OF_DHCP4 = frozenset(item.field for item in layer3.DHCP4)  # netplan has no keys for these


def _overrides(overrides: DhcpOverrides) -> dict[str, Any]:
    """List what differs from netplan's own choice, which is vnetc's default as well."""
    default = DhcpOverrides(path=overrides.path)
    return {
        field.replace("_", "-"): getattr(overrides, field)
        for field in fields(DhcpOverrides)
        if field not in _OF_DHCP4 and getattr(overrides, field) != getattr(default, field)
    }


def _says_addresses(interface: Interface) -> bool:
    """Tell whether netplan has keys for all options of the interface's addresses."""
    rest = layer3.split_addresses(interface)[1]
    # it writes those without options before the others, whatever their order
    return all(_says(a, _OF_ADDRESS) and not a.is_plain for a in rest)


def _addresses(interface: Interface) -> list[Any]:
    plain, rest = layer3.split_addresses(interface)
    listed: list[Any] = [str(a.address) for a in plain]
    if _says_addresses(interface):
        listed += [_address(a) for a in rest]
    return listed


def _address(address: Address) -> str | dict[str, Any]:
    options: dict[str, Any] = {}
    if address.preferred_lifetime is not None:
        options["lifetime"] = address.preferred_lifetime
    if address.label is not None:
        options["label"] = address.label
    return {str(address.address): options} if options else str(address.address)


def _says_route(route: Route) -> bool:
    return (
        _says(route, _OF_ROUTE)
        and _says_numbers(route.metric, route.table)
        and route.scope in (None, "global", "link", "host")
        # it leaves out a scope of `global`, which only of unicast routes is networkd's own
        and (route.scope != "global" or route.type == "unicast")
        # netplan wants a gateway of every other unicast route
        and (route.via is not None or route.type != "unicast" or route.scope in ("link", "host"))
    )


# fields that netplan(5) has keys for
_OF_ADDRESS = frozenset({"address", "label", "preferred_lifetime"})
_OF_ROUTE = frozenset(
    {
        *("to", "via", "from_", "on_link", "metric", "table", "type", "scope", "mtu"),
        *("congestion_window", "initrwnd"),
    }
)
_OF_RULE = frozenset({"priority", "from_", "to", "fwmark", "tos", "table"})


def _says(node: Record, known: frozenset[str]) -> bool:
    """Tell whether all that differs from its default is among the known fields."""
    return all(
        name in known or name in ("path", "stated") or getattr(node, name) == default
        for name, default in fields(type(node)).items()
    )


def _says_numbers(*numbers: int | None) -> bool:
    return all(number is None or number <= _LARGEST for number in numbers)


def _route(route: Route) -> dict[str, Any]:
    out: dict[str, Any] = {"to": "default" if _is_default(route) else str(route.to)}
    if route.via is not None:
        out["via"] = str(route.via)
    if route.from_ is not None:
        out["from"] = str(route.from_)
    if route.on_link:
        out["on-link"] = True
    if route.type != "unicast":
        out["type"] = route.type
    if route.scope is not None:
        out["scope"] = route.scope
    for key, value in (
        ("table", said_table(route)),
        ("metric", route.metric),
        ("mtu", route.mtu),
        ("congestion-window", route.congestion_window),
        ("advertised-receive-window", route.initrwnd),
    ):
        if value is not None:
            out[key] = value
    return out


def _is_default(route: Route) -> bool:
    return route.to.prefixlen == 0 and route.via is not None


def _says_rule(rule: Rule) -> bool:
    return (
        _says(rule, _OF_RULE)
        and (rule.from_ is not None or rule.to is not None)
        and rule.table is not None
        and _says_numbers(rule.priority, rule.table, rule.fwmark and rule.fwmark[0])
        and (rule.fwmark is None or rule.fwmark[1] == 0xFFFFFFFF)
    )


def _rule(rule: Rule) -> dict[str, Any]:
    out: dict[str, Any] = {"priority": rule.priority}
    for key, value in (("from", rule.from_), ("to", rule.to)):
        if value is not None:
            out[key] = str(value)
    if rule.fwmark is not None:
        out["mark"] = rule.fwmark[0]
    if rule.tos is not None:
        out["type-of-service"] = rule.tos
    out["table"] = rule.table
    return out


# --- drop-ins -------------------------------------------------------------------------------------


def _link_dropin(interface: Interface) -> list[Section]:
    """Take back what netplan puts into the .link file that it makes of a card's MTU: WakeOnLan=off."""
    kind = interface.kind
    if interface.mtu is None or not isinstance(kind, Card | Infiniband):
        return []
    if isinstance(kind, Card) and kind.match is not None and not _is_renamed(kind, kind.match):
        return []  # a .link file of vnetc's comes first
    if isinstance(kind, Infiniband) and kind.link is not None:
        return []  # made by networkd: there is no hardware of its own
    return [("Link", [("WakeOnLan", "")])]


def _is_renamed(card: Card, match: CardMatch) -> bool:
    """Tell whether vnetc's .link file finds a card by a name that it has no longer after that.

    The new name is an event of its own to udev, which applies what matches then but for names: here
    netplan's file (systemd 252, src/udev/net/link-config.c, SD_DEVICE_MOVE).
    """
    return card.set_name and match.name is not None


def _netdev_dropin(interface: Interface) -> list[Section]:
    """Write what netplan has no key for of a device that it makes."""
    kind = interface.kind
    sections: list[Section] = [("NetDev", s.initial_mtu(interface))]
    if type(kind) in NETDEV:
        group = NETDEV[type(kind)]
        options = [*said(kind, foreign(kind, group.options))]
        if isinstance(kind, Vlan):
            options += said(kind.flags, NETDEV[VlanFlags].options)
        elif isinstance(kind, Tunnel) and kind.link is not None:
            options.append(("Independent", "no"))
        elif isinstance(kind, Wireguard):
            options.append(("PrivateKeyFile", credential_path(interface.name)))
        sections.append((group.place, options))
    return [(name, options) for name, options in sections if options]


def _uppers(devices: Devices, interface: Interface, version: Version) -> s.Options:
    """Name the devices made on the interface, but for those whose `link` netplan knows."""
    known = {
        upper.name
        for upper in devices.upper.get(interface.name, ())
        if isinstance(upper.kind, Vlan | Vxlan)
    }
    return [(option, name) for option, name in s.uppers(devices, interface) if name not in known]


def _match(interface: Interface) -> s.Options:
    """Say what netplan cannot match a card by that keeps its name."""
    kind = interface.kind
    if not isinstance(kind, Card) or kind.match is None or kind.set_name or not kind.match.path_:
        return []
    return [("Path", " ".join(kind.match.path_))]


def _vrf(devices: Devices, interface: Interface, version: Version) -> s.Options:
    """Name the VRF of an interface, unless netplan makes it."""
    if interface.vrf is None or _section(devices.by_name[interface.vrf], version) == "vrfs":
        return []
    return [("VRF", interface.vrf)]


def _nameservers(interface: Interface) -> s.Options:
    """Say the servers again, in their order, if netplan would not: it puts IPv4 before IPv6."""
    servers = interface.nameservers.addresses
    if list(servers) == sorted(servers, key=lambda server: server.version):
        return []
    return [("DNS", ""), *(("DNS", str(server)) for server in servers)]


def _ignores_carrier(interface: Interface) -> bool:
    """Tell whether a card has something that netplan's own key is right for."""
    alone = replace(interface, qdiscs=())
    return s.keeps_without_carrier(alone)


def network_dropin(devices: Devices, interface: Interface, version: Version) -> list[Section]:
    """Write the sections that netplan has no keys for."""
    network = s.description(interface)
    if interface.ipv6_address_generation != "eui64" and "ipv6" in interface.link_local:
        network.append(("IPv6LinkLocalAddressGenerationMode", interface.ipv6_address_generation))
    if interface.activation != "auto" and not _is_card(interface, version):
        network.append(("ConfigureWithoutCarrier", "no"))  # netplan's own word is yes
    if _is_card(interface, version) and s.keeps_without_carrier(interface):
        # by netplan's own key it would wait for nothing at boot
        network += [] if _ignores_carrier(interface) else [("ConfigureWithoutCarrier", "yes")]
    network += s.own_sysctls(interface)
    network += layer3.network(interface)
    network += _uppers(devices, interface, version)
    if _section(interface, version) == "vrfs":
        network.append(("IPv6AcceptRA", "no"))
    network += _vrf(devices, interface, version)
    network += _nameservers(interface)
    servers = s.networkd_servers(devices, interface)
    for server in servers:
        network += s.serve(server)
    # netplan makes a bridge with its MTU, after which setting it again does not pin it
    mtu = interface.mtu if isinstance(interface.kind, Bridge) else None
    link: s.Options = [] if mtu is None else [("MTUBytes", str(mtu))]
    if isinstance(interface.kind, Tap) and interface.macaddress is not None:
        link.append(("MACAddress", interface.macaddress))
    link += layer3.link_flags(interface)
    sections: list[Section] = [("Match", _match(interface)), ("Link", link), ("Network", network)]
    if not _says_addresses(interface):
        sections += [layer3.address(a) for a in layer3.split_addresses(interface)[1]]
    sections += [layer3.route(r) for r in interface.routes if not _says_route(r)]
    sections += [layer3.rule(r) for r in interface.routing_policy if not _says_rule(r)]
    sections += layer3.neighbors(interface)
    if interface.dhcp4 and interface.dhcp6:
        # netplan insists on equal overrides for both
        sections.append(s.dhcp4(interface))
    elif interface.dhcp4:
        sections.append(("DHCPv4", [*said(interface.dhcp4_overrides, layer3.DHCP4)]))
    systemd = (255,) if version >= (1, 0) else (252,)
    if interface.dhcp6:
        sections.append(s.dhcp6(interface.dhcp6_overrides, systemd))
    if interface.accept_ra:
        sections.append(s.router_advertisement(interface, systemd))
    if interface.port is not None:
        # not by keys, since netplan 0.106 writes VLAN= lines below the [Bridge] that they make
        sections += layer3.port(devices, interface.port)
    if isinstance(interface.kind, Bridge):
        sections += layer3.bridge_vlans(interface.kind, interface.kind)
    sections += s.ipoib(interface)
    sections += s.flood(interface)
    sections += layer3.entries(interface)
    if interface.qdiscs:
        from vnetc.backends.networkd.qdiscs import qdiscs

        sections += qdiscs(interface)
    for server in servers:
        sections += s.dhcp_server(server)
    return [(name, options) for name, options in sections if options]
