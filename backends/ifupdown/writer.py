"""Write /etc/network/interfaces: one stanza for each device, its parts before it.

One stanza only: with a second one for IPv6, `ifdown` deletes a bridge in the first and then
stumbles over it in the second (bridge-utils-interfaces(5) says so too). Its lines stand in the
order in which they run: the device and its settings (`pre-up`), what its method does, then the
`up` lines. Devices made by commands are removed in `post-down`.

Ports have stanzas of their own: a setting that fails on one does not keep its bridge down.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.backends import services
from vnetc.backends.base import Devices, File, carried_vlans, has_rare
from vnetc.backends.ifupdown import commands
from vnetc.backends.ifupdown import devices as made
from vnetc.backends.ifupdown.dhclient import write_hooks
from vnetc.backends.ifupdown.dialects import Classic, Options
from vnetc.backends.ifupdown.layer3 import fdb
from vnetc.backends.ifupdown.order import order
from vnetc.backends.ifupdown.raw import HOOKS, raw_options, raw_text
from vnetc.backends.ifupdown.stanzas import Stanza, interfaces
from vnetc.backends.services.secrets import write_secrets
from vnetc.kinds import Bridge, Card, Ethernet, Vrf, Wifi
from vnetc.model import Host, Interface
from vnetc.record import replace

PATH = "/etc/network/interfaces"
_LOOPBACK = Stanza(name="lo", method="loopback")
_STATE = "/var/lib/vnetc"  # where dnsmasq keeps its leases


def write(host: Host, dialect: Classic, target: str) -> list[File]:
    """Write the files of a host in one dialect; `target` is its key in `raw`."""
    devices = Devices(host)
    stanzas = [
        _ordered(stanza(host, devices, i, dialect), raw_options(i.raw, target))
        for i in order(host.interfaces)
    ]
    if all(item.name != "lo" for item in stanzas):
        stanzas.insert(0, _LOOPBACK)
    tail = raw_text(host.raw, target)
    text = interfaces(host.name, stanzas, unsafe=dialect.unsafe, tail=tail)
    files = [File(PATH, text), *write_hooks(host), *write_secrets(host)]
    if has_rare(host):
        from vnetc.backends.services.link import link_files, write_passwords

        files += [*link_files(host.name, host.interfaces, settings=False), *write_passwords(host)]
    return files + services.companions(host, {})


def _ordered(stanza: Stanza, raw: Options) -> Stanza:
    """Add raw options, and put all into the order in which they run."""
    options = sorted((*stanza.options, *raw), key=lambda option: HOOKS.get(option[0], 0))
    return replace(stanza, options=options)


def stanza(host: Host, devices: Devices, interface: Interface, dialect: Classic) -> Stanza:
    """Write the stanza of an interface, without what `raw` adds."""
    name, layer3 = interface.name, dialect.layer3(interface)
    addresses = layer3.addresses
    # the kernel takes a gateway only after the route that leads to it
    routes = sorted(layer3.routes, key=lambda r: r.via is not None or bool(r.nexthops))
    options: Options = [*layer3.options]
    options += _nameservers(interface)
    options += _device(interface, dialect)
    options += [("up", line) for line in _network_up(host, name)]
    options += [("up", line) for line in _ports_up(devices, interface)]
    options += [("up", line) for line in made.flood(interface)]
    options += [("up", fdb(e, name)) for e in interface.fdb if e.owner == "self"]
    if interface.qdiscs:
        from vnetc.backends.ifupdown import qdiscs

        options += [("up", line) for line in qdiscs.up(interface)]
        if not made.is_made(interface.kind):
            options += [("down", line) for line in qdiscs.down(interface)]
    options += [("up", commands.replace_address(a, name)) for a in addresses]
    options += [("up", commands.replace_neighbor(n, name)) for n in interface.neighbors]
    if any(r.from_ is not None and r.to.version == 6 for r in routes):
        options.append(("up", commands.wait_for_addresses(name)))
    options += [("up", commands.route("replace", route, name)) for route in routes]
    rules = [pair for rule in interface.routing_policy for pair in commands.rules(rule)]
    options += [("up", f"{delete} 2>/dev/null; {add}") for add, delete in rules]
    options += [("up", line) for line in _services_up(host, name)]
    options += [("up", line) for line in _sysctls(interface)]
    if interface.activation == "off":
        options.append(("up", f"ip link set dev {name} down"))
    options += [("down", line) for line in _network_down(host, name)]
    options += [("down", f"{delete} || true") for _, delete in rules]
    options += [
        ("down", f"{commands.route('del', route, name)} || true")
        for route in routes
        if route.type in commands.DEVICELESS
    ]
    if layer3.method != "static" and _keeps_addresses(interface):
        options.append(("down", f"ip -4 addr flush dev {name}"))
    options += [("post-down", line) for line in _remove(interface, dialect)]
    return Stanza(
        name=name,
        method=layer3.method,
        start=dialect.start(interface),
        comment=interface.description,
        options=options,
    )


def _nameservers(interface: Interface) -> Options:
    servers = interface.nameservers
    options: Options = []
    if servers.addresses:
        options.append(("dns-nameservers", " ".join(map(str, servers.addresses))))
    if servers.search:
        options.append(("dns-search", " ".join(servers.search)))
    return options


def _device(interface: Interface, dialect: Classic) -> Options:
    """Make a device, and set all that must hold before it is up."""
    name, kind = interface.name, interface.kind
    options: Options = []
    if isinstance(kind, Bridge):
        options += dialect.bridge(interface, kind)
    else:
        options += [("pre-up", line) for line in made.create(interface)]
    options += dialect.link(interface)
    options += [("pre-up", line) for line in commands.link_flags(interface)]
    if interface.vrf is not None:
        options.append((dialect.vrf_hook, f"ip link set dev {name} master {interface.vrf}"))
    options += [("pre-up", line) for line in _ipv6(interface)]
    if interface.ipv6_address_token is not None:
        # before it is up: of a prefix that is known already there is an address without it
        options.append(("pre-up", f"ip token set {interface.ipv6_address_token} dev {name}"))
    return options


def _ipv6(interface: Interface) -> Iterator[str]:
    """Say how an interface gets IPv6 addresses of its own, as far as the document does.

    `-e`: a kernel without IPv6 has no such keys.
    """
    settings = services.autoconfiguration(interface)
    if interface.link_local is not None:
        # a VRF gets none (addrconf_addr_gen, net/ipv6/addrconf.c); systemd-networkd says so too
        links = "ipv6" in interface.link_local and not isinstance(interface.kind, Vrf)
        settings["addr_gen_mode"] = 0 if links else 1
    if settings:
        prefix = f"net/ipv6/conf/{interface.name}"
        yield commands.sysctl(*(f"{prefix}/{k}={v}" for k, v in settings.items()), missing_ok=True)


def _sysctls(interface: Interface) -> Iterator[str]:
    # the kernel resets the IPv6 MTU whenever the link's changes or it comes up
    if interface.ipv6_mtu is not None:
        yield commands.sysctl(f"net/ipv6/conf/{interface.name}/mtu={interface.ipv6_mtu}")
    for family, key, value in interface.sysctl:
        setting = services.sysctl_key(family, interface.name, key)
        yield commands.sysctl(f"{setting}={value}")


def _ports_up(devices: Devices, interface: Interface) -> Iterator[str]:
    kind = interface.kind
    if not isinstance(kind, Bridge):
        return
    for name in kind.ports:
        port = devices.by_name.get(name)  # none if the port itself is refused
        if port is not None and port.port is not None:
            yield from commands.bridge_port(port.port, kind, name)
            yield from (fdb(e, name) for e in port.fdb if e.owner == "master")
    yield from commands.bridge_vlans(interface.name, *carried_vlans(kind, kind), own=True)


def _network_up(host: Host, name: str) -> Iterator[str]:
    """Load the rules of a network of guests before anything can pass."""
    firewalls = [f for f in host.firewalls if f.bridge == name]
    for firewall in firewalls:
        yield f"nft -f {services.nft_path(firewall)}"
    forwarding = services.forwarding(host)
    if firewalls and forwarding:
        yield commands.sysctl(*forwarding)


def _services_up(host: Host, name: str) -> Iterator[str]:
    for server in host.dhcp_servers:
        if server.bridge == name:
            yield f"mkdir -p {_STATE}"
            pidfile = services.dnsmasq_pidfile(server)
            arguments = f"--conf-file={services.dnsmasq_path(server)}"
            yield commands.start_daemon("dnsmasq", pidfile, arguments)


def _network_down(host: Host, name: str) -> Iterator[str]:
    for server in host.dhcp_servers:
        if server.bridge == name:
            yield commands.stop_daemon(services.dnsmasq_pidfile(server))
    for firewall in host.firewalls:
        if firewall.bridge == name:
            yield f"nft delete table inet {services.nft_table(firewall)} || true"


def _keeps_addresses(interface: Interface) -> bool:
    """Whether addresses stay when the device goes down: those of IPv4 on a card do."""
    return isinstance(interface.kind, Card) and any(
        address.address.version == 4 for address in interface.addresses
    )


def _remove(interface: Interface, dialect: Classic) -> Iterator[str]:
    by_itself = isinstance(interface.kind, Bridge) and dialect.removes_bridges
    if isinstance(interface.kind, Ethernet | Wifi) and interface.kind != Ethernet():
        from vnetc.backends.ifupdown.cards import stop_authentication

        yield from stop_authentication(interface)
    if made.is_made(interface.kind) and not by_itself:
        yield commands.remove(interface.name)
