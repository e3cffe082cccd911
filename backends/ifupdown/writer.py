"""Write /etc/network/interfaces: the stanzas of each device, its parts before it.

Lines stand in the order in which they run: the device and its settings (`pre-up`, in its first
stanza), what the methods do, then the `up` lines: what is of IPv4 or IPv6 in the last stanza of that
family, all else in the very last. Devices made by commands are removed in `post-down`, of the last one
too. With two stanzas `ifdown` deletes a bridge in the first and says of the second that there is none;
nothing is left.

Ports have stanzas of their own: a setting that fails on one does not keep its bridge down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from vnetc.backends import services
from vnetc.backends.devices import Devices
from vnetc.backends.ifupdown import commands
from vnetc.backends.ifupdown import devices as made
from vnetc.backends.ifupdown.dialects import Classic, Options
from vnetc.backends.ifupdown.layer3 import fdb, forget_fdb
from vnetc.backends.ifupdown.methods import FAMILIES, Layer3
from vnetc.backends.ifupdown.order import order
from vnetc.backends.ifupdown.raw import raw_lines, tail
from vnetc.backends.ifupdown.silence import without_silence
from vnetc.backends.ifupdown.stanzas import HOOKS, Line, Stanza, interfaces
from vnetc.backends.ifupdown.vlans import BridgeVlans, Told, keys, rest
from vnetc.backends.kernel_defaults import said_vlans
from vnetc.backends.services.secrets import write_secrets
from vnetc.backends.spelling import dotted
from vnetc.backends.target import File, has_rare
from vnetc.model.diagnostics import Path
from vnetc.model.host import Host, Interface, Port, Route
from vnetc.model.kinds import Bond, Bridge, Card, Ethernet, Veth, Vrf, Wifi
from vnetc.model.record import replace
from vnetc.model.values import Sysctls

PATH = "/etc/network/interfaces"
_LOOPBACK = Stanza(name="lo", method="loopback")


def write(host: Host, dialect: Classic, target: str) -> list[File]:
    """Write the files of a host in one dialect; `target` is its key in `raw`."""
    host = without_silence(host, dialect)
    devices = Devices(host)
    found = [
        stanza
        for interface in order(host.interfaces)
        for stanza in stanzas(host, devices, interface, dialect, raw_lines(interface, target))
    ]
    if all(item.name != "lo" for item in found):
        found.insert(0, _LOOPBACK)
    text = interfaces(host.name, found, unsafe=dialect.unsafe, tail=tail(host, target))
    files = [
        File(PATH, text),
        *dialect.hooks(host),
        *write_secrets(host),
    ]
    if has_rare(host):
        from vnetc.backends.services.link import link_files, write_passwords

        files += [*link_files(host.name, host.interfaces, settings=False), *write_passwords(host)]
    return files + services.companions(host, _guests(host))


def stanzas(
    host: Host,
    devices: Devices,
    interface: Interface,
    dialect: Classic,
    raw: Iterable[Line] = (),
) -> list[Stanza]:
    """Write the stanzas of an interface; `raw` are lines that the document gives for it."""
    layer3 = _layer3(host, devices, interface, dialect)
    device = _device(host, devices, interface, dialect, layer3)
    before = [*dialect.nameservers(interface), *device, *raw]
    before += _after(host, devices, interface, dialect, layer3)
    # sorted() keeps the order of equals
    lines = sorted(before, key=lambda line: HOOKS.get(line.word, 0))
    early = [line for line in lines if HOOKS.get(line.word, 0) < HOOKS["up"]]
    late = [line for line in lines if HOOKS.get(line.word, 0) >= HOOKS["up"]]
    last = {part.family: number for number, part in enumerate(layer3.parts)}
    end = len(layer3.parts) - 1
    return [
        Stanza(
            name=interface.name,
            family=part.family,
            method=part.method,
            start=dialect.start(interface, lines, devices) if number == 0 else "",
            comment=interface.description if number == 0 else "",
            lines=[
                *part.lines,
                *(early if number == 0 else ()),
                *(line for line in late if last.get(line.family, end) == number),
            ],
        )
        for number, part in enumerate(layer3.parts)
    ]


def _is_card(interface: Interface) -> bool:
    """Tell whether a device stays when it goes down, with what it was told."""
    return isinstance(interface.kind, Card)


def _layer3(host: Host, devices: Devices, interface: Interface, dialect: Classic) -> Layer3:
    layer3 = dialect.layer3(interface, devices)
    if any(firewall.bridge == interface.name for firewall in host.firewalls):
        return replace(layer3, settings={})  # they are in the host's file
    return layer3


def _lines(hook: str, path: Path, texts: Iterable[str], version: int | None = None) -> Options:
    """Give commands that all say one key; `version` is that of IP, if they are of one."""
    family = "" if version is None else FAMILIES[version]
    return [Line(hook, text, (dotted(path),), family) for text in texts]


def _after(
    host: Host, devices: Devices, interface: Interface, dialect: Classic, layer3: Layer3
) -> Options:
    """Give what is done when the device is up, and undone when it goes down."""
    name, path = interface.name, interface.path
    # the kernel takes a gateway only after the route that leads to it
    routes = sorted(layer3.routes, key=lambda r: r.via is not None or bool(r.nexthops))
    options: Options = [*_network_up(host, name), *_ports_up(host, devices, interface, dialect)]
    native = dialect.makes(interface)
    if native is None:
        options += _lines("up", (*path, "remotes"), made.flood(interface))
    for entry in interface.fdb:
        if entry.owner == "self":
            options += _lines("up", entry.path, [fdb(entry, name)])
            if _is_card(interface):
                options += _lines("down", entry.path, [forget_fdb(entry, name)])
    if interface.qdiscs:
        from vnetc.backends.programs import tc as qdiscs

        options += _lines("up", (*path, "qdiscs"), qdiscs.up(interface))
        if not made.is_made(interface.kind):
            options += _lines("down", (*path, "qdiscs"), qdiscs.down(interface))
    options += layer3.client
    options += _addressed(interface, dialect, layer3, routes)
    options += _services_up(host, name)
    options += _sysctls(interface)
    if interface.activation == "off":
        options += _lines("up", (*path, "activation"), [f"ip link set dev {name} down"])
    options += _network_down(host, name)
    for route in routes:
        if route.type in commands.DEVICELESS:
            # with the address of its source, the kernel has taken it away already
            gone = f"{commands.route('del', route, name)} || true"
            options += _lines("down", route.path, [gone], _version(route))
    if _is_card(interface):
        # the kernel takes those of IPv6 away with the card, and with the first of a subnet the others
        may_be_gone = " || true" if dialect.takes_down else ""
        for address in reversed(dialect.left(interface, layer3)):
            version = address.address.version
            if version == 4 or not dialect.takes_down:
                gone = f"{commands.remove_address(address, name)}{may_be_gone}"
                options += _lines("down", address.path, [gone], version)
    if native is None and not _is_second_end(devices, interface):
        options += _lines("post-down", path, _remove(interface))
    return options


def _addressed(
    interface: Interface, dialect: Classic, layer3: Layer3, routes: Sequence[Route]
) -> Options:
    """Set addresses, neighbours, routes and rules: each in the stanzas of its version of IP."""
    name = interface.name
    options: Options = []
    for address in layer3.addresses:
        there = commands.replace_address(address, name)
        options += _lines("up", address.path, [there], address.address.version)
    for neighbor in interface.neighbors:
        of = neighbor.address.version
        options += _lines("up", neighbor.path, [commands.replace_neighbor(neighbor, name)], of)
        if neighbor.macaddress is None and not dialect.takes_down:
            gone = [f"ip neigh del proxy {neighbor.address} dev {name}"]
            options += _lines("down", neighbor.path, gone if _is_card(interface) else [], of)
    sources = [r.path for r in routes if r.from_ is not None and r.to.version == 6]
    if sources and not layer3.settled:
        options += _lines("up", sources[0], [commands.wait_for_addresses(name)], 6)
    for route in routes:
        there = commands.route("replace", route, name)
        options += _lines("up", route.path, [there], _version(route))
    rules = [(r, version) for r in interface.routing_policy for version in r.families]
    if dialect.reloads:
        # before the first is there: several may have one priority
        for rule, version in rules:
            options += _lines("up", rule.path, [commands.forget_rule(rule, version)], version)
    for rule, version in rules:
        options += _lines("up", rule.path, [commands.rule("add", rule, version)], version)
        options += _lines("down", rule.path, [commands.rule("del", rule, version)], version)
    return options


def _version(route: Route) -> int:
    """Tell of which IP the addresses are that must be there before a route."""
    hops = [route.via, *(hop.via for hop in route.nexthops)]
    return max(route.to.version, *(hop.version for hop in hops if hop is not None), 4)


def _device(
    host: Host, devices: Devices, interface: Interface, dialect: Classic, layer3: Layer3
) -> Options:
    """Make a device, and set all that must hold before it is up."""
    kind = interface.kind
    early = _early(devices, interface, dialect, layer3)
    waits = dialect.waits(interface, layer3, early)
    if isinstance(kind, Bridge):
        said = _vlans(host, devices, interface, dialect)
        aware = [] if said is None else [Line(word, text) for word, text in said.bridge.items()]
        return [*dialect.bridge(interface, kind, devices, early=waits), *aware, *early]
    early = [*_vlans_of_port(host, devices, interface, dialect), *early]
    if isinstance(kind, Bond):
        return [*dialect.bond(interface, kind, early=waits), *early]
    if _is_second_end(devices, interface):
        return [*dialect.second_end(interface), *early]
    path = interface.path
    native = dialect.makes(interface)
    rest: Options = []
    for place, command in made.configure(interface, native=native is not None):
        rest += _lines("pre-up", place, [command])
    if native is None:
        bare = dialect.without_alias(interface)
        native = _lines("pre-up", path, made.create(bare))
        for field, command in made.settings_of_card(bare):
            native += _lines("pre-up", (*path, field), [command])
    return [*native, *rest, *early]


def _is_second_end(devices: Devices, interface: Interface) -> bool:
    """Tell whether it is the end of a veth that comes, and goes, with the other one."""
    kind = interface.kind
    place = devices.position
    return (
        isinstance(kind, Veth) and kind.peer in place and place[kind.peer] < place[interface.name]
    )


def _early(devices: Devices, interface: Interface, dialect: Classic, layer3: Layer3) -> Options:
    """Set what must hold before a device is up, but for what makes it."""
    name, path = interface.name, interface.path
    hook = dialect.early(interface)
    early: Options = [*dialect.member(interface, devices)]
    early += dialect.link(interface, layer3, devices)
    early += _lines(hook, path, commands.link_flags(interface))
    if interface.vrf is not None:
        early += dialect.vrf(interface, devices)
    early += _ipv6(interface, layer3.settings, hook, by_option=dialect.has_addrgen(interface))
    if interface.ipv6_address_token is not None:
        # before it is up: of a prefix that is known already there is an address without it
        token = f"ip token set {interface.ipv6_address_token} dev {name}"
        early += _lines(hook, (*path, "ipv6-address-token"), [token])
    return early


def _vlans(host: Host, devices: Devices, bridge: Interface, dialect: Classic) -> BridgeVlans | None:
    """Give what options say of the VLANs of a bridge and its ports, None if none has an effect.

    On ifupdown-ng they have one only on a bridge that it makes.
    """
    kind = bridge.kind
    if not isinstance(kind, Bridge) or not kind.vlan_filtering:
        return None
    if not dialect.makes_all_bridges:
        layer3 = _layer3(host, devices, bridge, dialect)
        if dialect.waits(bridge, layer3, _early(devices, bridge, dialect, layer3)):
            return None
    return dialect.vlans(bridge, kind, devices)


def _vlans_of_port(host: Host, devices: Devices, interface: Interface, dialect: Classic) -> Options:
    """Say the VLANs of a port, but for what its bridge says for all."""
    master = None if interface.port is None else devices.by_name.get(interface.port.bridge)
    said = None if master is None else _vlans(host, devices, master, dialect)
    if said is None:
        return []
    words = said.ports[interface.name]
    common = said.bridge if dialect.shares_vlans else {}
    return [Line(word, text) for word, text in words.items() if word not in common]


# net/ipv6/conf/ -> the key that says it
_KEYS = {
    "accept_ra": "accept-ra",
    "autoconf": "accept-ra",
    "use_tempaddr": "ipv6-privacy",
    "addr_gen_mode": "link-local",
}


def _ipv6(
    interface: Interface, settings: Mapping[str, int], hook: str, *, by_option: bool
) -> Options:
    """Say how an interface gets IPv6 addresses of its own, as far as the document does.

    `-e`: a kernel without IPv6 has no such keys. `by_option`: an option says that it has none.
    """
    if interface.link_local is not None and not by_option:
        # a VRF gets none (addrconf_addr_gen, net/ipv6/addrconf.c); systemd-networkd says so too
        links = "ipv6" in interface.link_local and not isinstance(interface.kind, Vrf)
        settings = {**settings, "addr_gen_mode": 0 if links else 1}
    if not settings:
        return []
    prefix = f"net/ipv6/conf/{interface.name}"
    text = commands.sysctl(*(f"{prefix}/{k}={v}" for k, v in settings.items()), missing_ok=True)
    keys = tuple(dict.fromkeys(dotted((*interface.path, _KEYS[k])) for k in settings))
    return [Line(hook, text, keys)]


def _sysctls(interface: Interface) -> Options:
    options: Options = []
    if interface.ipv6_mtu is not None:
        # the kernel resets it when the carrier comes (addrconf_notify, net/ipv6/addrconf.c)
        texts = [] if interface.lacks_carrier else [commands.wait_for_carrier(interface.name)]
        texts.append(commands.sysctl(f"net/ipv6/conf/{interface.name}/mtu={interface.ipv6_mtu}"))
        options += _lines("up", (*interface.path, "ipv6-mtu"), texts, 6)
    said = [
        (f"{services.sysctl_key(f, interface.name, k)}={v}", f, k) for f, k, v in interface.sysctl
    ]
    if said:
        proxies = [n.path for n in interface.neighbors if n.macaddress is None]
        keys = tuple(
            # a proxy asks for it
            dotted(
                proxies[0]
                if key == "proxy_ndp" and proxies
                else (*interface.path, "sysctl", f, key)
            )
            for _, f, key in said
        )
        (family, *others) = {f for _, f, _ in said}
        only = "" if others else {"ipv4": FAMILIES[4], "ipv6": FAMILIES[6]}[family]
        options.append(Line("up", commands.sysctl(*(text for text, _, _ in said)), keys, only))
    return options


def _ports_up(host: Host, devices: Devices, interface: Interface, dialect: Classic) -> Options:
    kind = interface.kind
    if not isinstance(kind, Bridge):
        return []
    options: Options = []
    _, said = dialect.ports(kind, devices)
    vlans = _vlans(host, devices, interface, dialect)
    for name in kind.ports:
        port = devices.by_name.get(name)  # none if the port itself is refused
        if port is None or port.port is None:
            continue
        told = (
            said_vlans(port.port, kind)
            if vlans is None
            else rest(port.port, kind, vlans.ports[name])
        )
        options += _vlan_lines(name, port.port.path, port.port, told)
        settings = commands.bridge_port(port.port, name, said.get(name, ()))
        options += _lines("up", port.port.path, settings)
        for entry in port.fdb:
            if entry.owner == "master":
                options += _lines("up", entry.path, [fdb(entry, name)])
    told = said_vlans(kind, kind) if vlans is None else vlans.own
    return options + _vlan_lines(interface.name, interface.path, kind, told)


def _vlan_lines(name: str, path: Path, item: Port | Bridge, told: Told) -> Options:
    """Tell the VLANs of a port, or of a bridge itself."""
    said = tuple(dotted((*path, key)) for key in keys(item, told))
    texts = commands.bridge_vlans(name, *told, own=isinstance(item, Bridge))
    return [Line("up", text, said) for text in texts]


def _network_up(host: Host, name: str) -> Options:
    """Load the rules of a network of guests before anything can pass; they need no address."""
    options: Options = []
    for firewall in host.firewalls:
        if firewall.bridge == name:
            options += _lines("up", firewall.path, [f"nft -f {services.nft_path(firewall)}"], 4)
            # `-e`: other networks' bridges may not be there yet
            settings = f"sysctl -q -e -p {services.SYSCTL_PATH}"
            options += _lines("up", firewall.path, [settings], 4)
    return options


def _guests(host: Host) -> dict[str, Sysctls]:
    """Give the settings of bridges of guests, which stand beside the host's forwarding."""
    by_name = {interface.name: interface for interface in host.interfaces}
    found = (by_name[f.bridge] for f in host.firewalls if f.bridge in by_name)
    return {
        i.name: tuple(
            ("ipv6", name, value) for name, value in services.autoconfiguration(i).items()
        )
        for i in found
    }


def _services_up(host: Host, name: str) -> Options:
    options: Options = []
    for server in host.dhcp_servers:
        if server.bridge == name:
            pidfile = services.dnsmasq_pidfile(server)
            arguments = f"--conf-file={services.dnsmasq_path(server)}"
            start = commands.start_daemon("dnsmasq", pidfile, arguments)
            options += _lines("up", server.path, [start], 4)
    return options


def _network_down(host: Host, name: str) -> Options:
    options: Options = []
    for server in host.dhcp_servers:
        if server.bridge == name:
            stop = commands.stop_daemon("dnsmasq", services.dnsmasq_pidfile(server))
            options += _lines("down", server.path, [stop], 4)
    for firewall in host.firewalls:
        if firewall.bridge == name:
            gone = f"nft delete table inet {services.nft_table(firewall)} || true"
            options += _lines("down", firewall.path, [gone], 4)
    return options


def _remove(interface: Interface) -> Iterator[str]:
    if isinstance(interface.kind, Ethernet | Wifi) and interface.kind != Ethernet():
        from vnetc.backends.ifupdown.authentication import stop_authentication

        yield from stop_authentication(interface)
    if made.is_made(interface.kind):
        yield commands.remove(interface.name)
