"""The three programs that read /etc/network/interfaces, and where they part ways.

The classic one is the base; the others override what they say differently. A dialect decides which
options a stanza has. What it has no option for becomes a command, the same in each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from vnetc.backends.devices import Devices
from vnetc.backends.ifupdown import bonds, commands, methods, ports, vlans
from vnetc.backends.ifupdown.devices import create, is_made
from vnetc.backends.ifupdown.methods import Layer3
from vnetc.backends.ifupdown.mtu import is_pinned, mtu_of
from vnetc.backends.ifupdown.stanzas import Line
from vnetc.backends.ifupdown.vlans import BridgeVlans
from vnetc.backends.ifupdown.words import (
    BOND_CLASSIC,
    BOND_IFUPDOWN2,
    BOND_IFUPDOWN_NG,
    BRIDGE_CLASSIC,
    BRIDGE_IFUPDOWN2,
    BRIDGE_IFUPDOWN_NG,
    PORT_CLASSIC,
    PORT_IFUPDOWN2,
    Makes,
    dummy,
    seen,
    vlan,
    vlan_of_name,
    vlan_of_protocol,
    vrf,
    vxlan,
    vxlan_ng,
    wireguard,
)
from vnetc.backends.kernel_defaults import said_vlans
from vnetc.backends.options import Option, spelled
from vnetc.backends.programs.dhclient import is_hooked, write_hooks
from vnetc.backends.programs.ip_link import IP_LINK
from vnetc.backends.spelling import dotted
from vnetc.backends.support import key
from vnetc.backends.target import File
from vnetc.model.host import Address, Host, Interface
from vnetc.model.kinds import Bond, Bridge, Card, Ethernet, Ifb, Veth, Vxlan
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

Options = list[Line]
_OF_METHOD = {
    "static": frozenset({"hwaddress", "mtu"}),
    "manual": frozenset({"hwaddress", "mtu"}),
    "dhcp": frozenset({"hwaddress"}),
}


class Classic:
    """ifupdown 0.8 with the hooks of bridge-utils.

    `dhcpcd`: the client of its release is dhcpcd(8), as from Debian 13 on, and not dhclient(8).
    """

    unsafe: ClassVar[str] = ""
    hotplug: ClassVar[bool] = True
    bridge_words: ClassVar[tuple[Option, ...]] = BRIDGE_CLASSIC
    bond_words: ClassVar[Mapping[str, str]] = BOND_CLASSIC
    bond_unknown: ClassVar[frozenset[str]] = frozenset()  # values that the program does not know
    bond_between: ClassVar[str] = " "  # between the addresses of `bond-arp-ip-target`
    takes_down: ClassVar[bool] = False  # takes cards down before `down` lines run
    has_metric: ClassVar[bool] = True  # an option says the metric of a lease
    makes_all_bridges: ClassVar[bool] = True  # none has to be made by commands alone
    reloads: ClassVar[bool] = False  # runs `up` lines again when a file has changed
    shares_vlans: ClassVar[bool] = False  # what a bridge says of VLANs is of its ports alone
    made: ClassVar[tuple[Makes, ...]] = (vlan_of_name,)
    of_method: ClassVar[Mapping[str, frozenset[str]]] = _OF_METHOD

    def __init__(self, *, dhcpcd: bool = False) -> None:
        """Choose the DHCP client."""
        self.dhcpcd = dhcpcd

    def start(self, interface: Interface, lines: Sequence[Line], devices: Devices) -> str:
        """Say when an interface comes up: at boot, when udev sees it, or when asked for.

        What is in a bridge or bond comes up with that. The classic one then runs nothing of its
        stanza, but gives it the MTU of what it is in.
        """
        if interface.activation == "manual":
            return ""
        if interface.optional is True and self.hotplug:
            return "allow-hotplug"
        card = isinstance(interface.kind, Card) and interface.optional is None
        with_it = card and interface.claim is not None
        return "" if with_it and self._comes_along(interface, lines, devices) else "auto"

    def _comes_along(self, interface: Interface, lines: Sequence[Line], devices: Devices) -> bool:
        claim = interface.claim
        master = None if claim is None else devices.by_name.get(claim.master)
        has_its_mtu = (
            master is not None and master.mtu == interface.mtu and not is_pinned(master, devices)
        )
        return all(line.word == "mtu" and has_its_mtu for line in lines)

    def layer3(self, interface: Interface, devices: Devices) -> Layer3:
        """Say addresses and gateways: in a stanza for each address."""
        del devices
        return methods.classic(interface, dhcpcd=self.dhcpcd)

    def hooks(self, host: Host) -> list[File]:
        """Give the hooks of dhclient(8), where that is the client."""
        return [] if self.dhcpcd else write_hooks(host, metrics=not self.has_metric)

    def has_addrgen(self, interface: Interface) -> bool:
        """Tell whether an option says that an interface has no IPv6 link-local address."""
        del interface
        return False

    def without_alias(self, interface: Interface) -> Interface:
        """Give an interface without what an option says of its alias."""
        return interface

    def left(self, interface: Interface, layer3: Layer3) -> Sequence[Address]:
        """Give the addresses that a card keeps when it goes down: those that commands gave it."""
        del interface
        return layer3.addresses if layer3.parts[0].method == "manual" else ()

    def nameservers(self, interface: Interface) -> Options:
        """Say name servers and search domains, which the hook of resolvconf(8) takes."""
        servers, domains = interface.nameservers.addresses, interface.nameservers.search
        options: Options = []
        if servers:
            options.append(Line("dns-nameservers", " ".join(map(str, servers))))
        if domains:
            options.append(Line("dns-search", " ".join(domains)))
        return options

    def early(self, interface: Interface) -> str:
        """Name the hook for what must hold before an interface is up."""
        del interface
        return "pre-up"

    def waits(self, interface: Interface, layer3: Layer3, early: Sequence[Line]) -> bool:
        """Tell whether a bridge or bond must be there before the program would make it.

        `early` is what is said of it before it is up.
        """
        del layer3
        return _counts_per_port(interface) or any(line.word == "pre-up" for line in early)

    def link(self, interface: Interface, layer3: Layer3, devices: Devices) -> Options:
        """Set MAC address and MTU, by the options that the method knows (interfaces(5))."""
        known = self.of_method.get(layer3.parts[0].method, frozenset())
        if is_pinned(interface, devices):
            known -= {"mtu"}
        said = {"hwaddress": _later_mac(interface), "mtu": interface.mtu}
        options = [Line(w, str(v)) for w, v in said.items() if v is not None and w in known]
        rest = {w: v for w, v in said.items() if w not in known}
        mac, mtu = rest.get("hwaddress"), rest.get("mtu")
        hook = self.early(interface)
        if is_pinned(interface, devices):
            options += _set_link(hook, interface, None, interface.initial_mtu)
        return options + _set_link(
            hook,
            interface,
            None if mac is None else str(mac),
            None if mtu is None else int(mtu),
        )

    def bridge(
        self, interface: Interface, bridge: Bridge, devices: Devices, *, early: bool
    ) -> Options:
        """Make a bridge and its ports.

        If something must hold before it is up (`early`), it is made before the hook of bridge-utils
        would do so, which brings it up at once. The hook takes what it finds.
        """
        # the hook reads this word only of a bridge that it makes itself (bridge-utils' ifupdown.sh)
        lost = early and not self.reloads
        late = frozenset({"vlan_filtering"}) if lost else frozenset[str]()
        words = [item for item in self.bridge_words if item.field not in late]
        native = [*spelled(bridge, words)]
        fields = {item.field for item, _ in native}
        return [
            Line("bridge-ports", " ".join(bridge.ports) or "none"),
            *(Line(item.word, text) for item, text in native),
            *([Line("bridge-maxwait", "0")] if _waits_in_vain(bridge, devices) else []),
            *self.guests(),
            *self.ports(bridge, devices)[0],
            *([_new_bridge(interface, bridge, fields)] if early else []),
            *([] if early else _set_bridge("up", interface, _rest_of_bridge(bridge, fields))),
        ]

    def guests(self) -> Options:
        """Have a bridge keep ports that guests bring along."""
        return []

    def ports(self, bridge: Bridge, devices: Devices) -> tuple[Options, dict[str, frozenset[str]]]:
        """Say in a bridge's stanza what its ports are; tell which fields of which port that says."""
        return ports.for_one(bridge, devices, PORT_CLASSIC)

    def vlans(self, interface: Interface, bridge: Bridge, devices: Devices) -> BridgeVlans | None:
        """Give what options say of the VLANs of a bridge and its ports, None if there are none."""
        del interface, bridge, devices
        return None

    def bond(self, interface: Interface, bond: Bond, *, early: bool) -> Options:
        """Make a bond and take its members in.

        What has no option must be said before it has members: then a command makes it first. So it does
        if something must hold before it is up (`early`).
        """
        native = bonds.native(bond, self.bond_words, self.bond_unknown, self.bond_between)
        rest = [field for field in bonds.said_of(bond) if field not in native]
        rest_of_it = self._rest_of_bond(interface, bond, rest, early=early)
        return [*self._members(bond), *native.values(), *rest_of_it]

    def _members(self, bond: Bond) -> Options:
        return [Line("bond-slaves", " ".join(bond.members) or "none")]

    def _rest_of_bond(
        self, interface: Interface, bond: Bond, rest: Sequence[str], *, early: bool
    ) -> Options:
        """Make the bond before the program would, if it must be more than its options say."""
        return [bonds.create(interface, bond, rest)] if rest or early else []

    def member(self, interface: Interface, devices: Devices) -> Options:
        """Say in the stanza of a member what its bond must be before that takes it in."""
        del interface, devices
        return []

    def makes(self, interface: Interface) -> Options | None:
        """Give the options by which the program makes a device, None if commands have to."""
        found = (options for make in self.made if (options := make(interface)) is not None)
        return next(found, None)

    def second_end(self, interface: Interface) -> Options:
        """Have an end of a veth that another stanza makes; that one comes up before."""
        del interface
        return []

    def vrf(self, interface: Interface, devices: Devices) -> Options:
        """Put an interface into its VRF."""
        del devices
        return _set_vrf("pre-up", interface)


# what libvirt, QEMU, LXC, Xen and Proxmox call the devices of guests
_GUESTS = "^(tap|vnet|veth|vif|fwpr|fwln)"
_MTUS = range(552, 9217)  # what `ifup --syntax-check` of ifupdown2 takes


class Ifupdown2(Classic):
    """ifupdown2 3.0: it resets to its own defaults what is not said by options."""

    unsafe = "\\%"  # it eats any backslash, and has Mako read a file with a percent sign
    hotplug = False
    bridge_words = BRIDGE_IFUPDOWN2
    bond_words = BOND_IFUPDOWN2
    bond_unknown = frozenset({"vlan+srcmac"})
    takes_down = True
    has_metric = False
    reloads = True
    shares_vlans = True
    made = (vlan_of_protocol, seen(dummy), vxlan, vrf, seen(wireguard))

    def layer3(self, interface: Interface, devices: Devices) -> Layer3:
        """Say addresses of both families in one stanza if there are name servers, else in two.

        With two it forgets the name servers; of one, Proxmox's reader keeps a single address.
        Not with a `metric`: an edit of it leaves the old route beside the new one. Not of a device that
        a line before has made: it may not have seen that yet. Without `address-purge no` it would
        take away what commands add.
        """
        found = (
            methods.by_commands(interface)
            if self._has_not_seen(interface) or self._enslaves(interface, devices)
            else methods.one_stanza(interface, besides=("on_link",), beside_dhcp=False)
        )
        if found.addresses:
            (part,) = found.parts
            part = replace(part, lines=[*part.lines, Line("address-purge", "no")])
            return replace(found, parts=[part])
        servers = interface.nameservers
        return found if servers.addresses or servers.search else methods.by_family(found)

    def _has_not_seen(self, interface: Interface) -> bool:
        return is_made(interface.kind) and self.makes(interface) is None

    def second_end(self, interface: Interface) -> Options:
        """Make a veth unless it is there, which is no failure: either end may come up first."""
        path = dotted(interface.path)
        return [Line("pre-up", command, (path,)) for command in create(interface)]

    def vrf(self, interface: Interface, devices: Devices) -> Options:
        """Put an interface into its VRF, by an option if it is one that it has made itself.

        Without this option it takes the interface out again after `pre-up`.
        """
        if self._enslaves(interface, devices):
            return _set_vrf("up", interface)
        return [Line("vrf", str(interface.vrf))]

    def _enslaves(self, interface: Interface, devices: Devices) -> bool:
        """Tell whether a command puts an interface into its VRF: no IPv6 address outlives that."""
        if interface.vrf is None:
            return False
        master = devices.by_name.get(interface.vrf)
        return master is None or self._has_not_seen(master) or self._has_not_seen(interface)

    def _comes_along(self, interface: Interface, lines: Sequence[Line], devices: Devices) -> bool:
        return True

    def early(self, interface: Interface) -> str:
        """Name the hook for what must hold before an interface is up: it brings bridges up at once."""
        return "up" if isinstance(interface.kind, Bridge) else "pre-up"

    def has_addrgen(self, interface: Interface) -> bool:
        """Tell whether `ipv6-addrgen` says that an interface has no link-local address."""
        return _lacks_link_local(interface) and not self._has_not_seen(interface)

    def without_alias(self, interface: Interface) -> Interface:
        """Give an interface without its alias, which it takes away unless an option says it."""
        kind = interface.kind
        if not isinstance(kind, Ethernet):
            return interface
        return replace(interface, kind=replace(kind, alias=None))

    def left(self, interface: Interface, layer3: Layer3) -> Sequence[Address]:
        """Give the addresses that a card keeps: all of them, with `address-purge no`."""
        return interface.addresses if layer3.addresses else ()

    def guests(self) -> Options:
        """Have a bridge keep ports that guests bring along: a reload takes all others off it."""
        return [Line("bridge-ports-condone-regex", _GUESTS)]

    def ports(self, bridge: Bridge, devices: Devices) -> tuple[Options, dict[str, frozenset[str]]]:
        """Say in a bridge's stanza what its ports are, all in one line for each field."""
        return ports.for_all(bridge, devices, PORT_IFUPDOWN2)

    def vlans(self, interface: Interface, bridge: Bridge, devices: Devices) -> BridgeVlans | None:
        """Say the VLANs of each port, those that all have in the bridge's stanza.

        A VXLAN that it makes is a port only with `bridge-access` (addons/bridge.py).
        """

        def is_vxlan(port: Interface) -> bool:
            return isinstance(port.kind, Vxlan) and self.makes(port) is not None

        said = vlans.of_ports(bridge, devices, is_vxlan)
        own = vlans.besides_uppers(devices, interface, bridge)
        return BridgeVlans(bridge=vlans.for_all(said), ports=said, own=own)

    def _rest_of_bond(
        self, interface: Interface, bond: Bond, rest: Sequence[str], *, early: bool
    ) -> Options:
        """Set what has no option after the bond has its members, which is before `pre-up` lines."""
        before = bonds.BEFORE_MEMBERS if bond.members else frozenset[str]()
        late = [field for field in rest if field not in before]
        if len(late) < len(rest) and bond.primary is not None:
            late.append("primary")  # it leaves out what a bond that is there has none of yet
        return bonds.change(interface, bond, late)

    def member(self, interface: Interface, devices: Devices) -> Options:
        """Make the bond in the stanza of its first member, if it must be more than options say."""
        bond = None if interface.member is None else devices.by_name.get(interface.member.bond)
        kind = None if bond is None else bond.kind
        if bond is None or not isinstance(kind, Bond) or kind.members[0] != interface.name:
            return []
        return bonds.create_early(bond, kind)

    def link(self, interface: Interface, layer3: Layer3, devices: Devices) -> Options:
        """Say MAC address, MTU and link-local addresses by options.

        A device that a line before has made it may not have seen yet, and then sets neither.
        """
        options: Options = []
        mtu = interface.mtu
        bond = None if interface.member is None else devices.by_name.get(interface.member.bond)
        if mtu is None and bond is not None:
            mtu = bond.mtu  # a reload sets members back to 1500 otherwise
        elif mtu is None and self._has_not_seen(interface):
            mtu = mtu_of(interface.name, devices)  # what it has not made itself gets 1500 otherwise
        if self._has_not_seen(interface):
            options += _set_link("pre-up", interface, _later_mac(interface), interface.mtu)
        elif isinstance(interface.kind, Bond):
            # by `hwaddress` a member stays down now and then
            options += _set_link("pre-up", interface, interface.macaddress, None)
        elif interface.macaddress is not None:
            options.append(Line("hwaddress", interface.macaddress))
        if isinstance(interface.kind, Ethernet) and interface.kind.alias is not None:
            options.append(Line("alias", interface.kind.alias))
        if is_pinned(interface, devices):
            options += _set_link("up", interface, None, interface.initial_mtu)
            options += _set_link("up", interface, None, mtu)
        elif mtu is not None and mtu not in _MTUS:
            options += _set_link("up", interface, None, mtu)
        elif mtu is not None:
            options.append(Line("mtu", str(mtu)))
        if _lacks_link_local(interface):
            options.append(Line("ipv6-addrgen", "off"))
        return options


class IfupdownNg(Classic):
    """ifupdown-ng from 0.11 on: what its executors do otherwise than meant, commands say."""

    unsafe = "#"  # it begins a comment anywhere
    hotplug = False
    bridge_words = BRIDGE_IFUPDOWN_NG
    bond_words = BOND_IFUPDOWN_NG
    bond_between = ","
    takes_down = True
    has_metric = False
    makes_all_bridges = False
    made = (vlan, dummy, vxlan_ng)
    of_method = dict.fromkeys(_OF_METHOD, _OF_METHOD["static"])  # its executor `link` runs always
    dhcp_program: ClassVar[str] = "dhclient"  # to do what the document says of a lease

    def _comes_along(self, interface: Interface, lines: Sequence[Line], devices: Devices) -> bool:
        return True

    def _members(self, bond: Bond) -> Options:
        """Name the members; `none` it takes for one."""
        return [Line("bond-members", " ".join(bond.members))] if bond.members else []

    def waits(self, interface: Interface, layer3: Layer3, early: Sequence[Line]) -> bool:
        """Tell whether a bridge must be told of IPv6 before it is up.

        It makes bonds and bridges before `pre-up` lines run, but brings bridges up then too.
        """
        del early
        return isinstance(interface.kind, Bridge) and bool(
            _counts_per_port(interface)
            or layer3.settings
            or interface.link_local is not None
            or interface.ipv6_address_token is not None
        )

    def layer3(self, interface: Interface, devices: Devices) -> Layer3:
        """Say addresses of both families in one stanza.

        It has no word for a gateway that is in no subnet: beside `gateway`, `pointopoint` makes the IPv4
        address that of a tunnel (`ip addr add … peer …`), and the route needs `onlink` no more.

        It takes dhcpcd(8) first, which reads no hook of dhclient and takes advertisements too.
        """
        metric = interface.dhcp4_overrides.route_metric if self.has_metric else None
        found = methods.one_stanza(interface, besides=("metric",), beside_dhcp=True, metric=metric)
        (part,) = found.parts
        if part.method != "dhcp" or not (is_hooked(interface) or interface.accept_ra is False):
            return found
        part = replace(part, lines=[Line("dhcp-program", self.dhcp_program), *part.lines])
        return replace(found, parts=[part])

    def second_end(self, interface: Interface) -> Options:
        """Have the other end of a veth come up before."""
        kind = interface.kind
        return [Line("requires", kind.peer)] if isinstance(kind, Veth) else []

    def ports(self, bridge: Bridge, devices: Devices) -> tuple[Options, dict[str, frozenset[str]]]:
        """Leave ports to commands: its executor sets what it says of them on the bridge itself."""
        del bridge, devices
        return [], {}

    def vlans(self, interface: Interface, bridge: Bridge, devices: Devices) -> BridgeVlans | None:
        """Say the VLANs of each port, and in the bridge's stanza those of the bridge itself."""
        del interface
        said = vlans.of_ports(bridge, devices, lambda _: False)
        own = vlans.own_words(bridge, said)
        left = vlans.rest(bridge, bridge, own) if own else said_vlans(bridge, bridge)
        return BridgeVlans(bridge=own, ports=said, own=left)

    def nameservers(self, interface: Interface) -> Options:
        """Tell resolvconf(8) by commands: its hook wants ADDRFAM, which ifupdown-ng does not set."""
        servers, domains = interface.nameservers.addresses, interface.nameservers.search
        lines = [f"nameserver {server}" for server in servers]
        lines += [f"search {' '.join(domains)}"] if domains else []
        if not lines:
            return []
        told = " ".join(f"'{line}'" for line in lines)
        keys = (dotted((*interface.path, "nameservers")),)
        return [
            Line("up", f"printf '%s\\n' {told} | resolvconf -a {interface.name}.inet", keys),
            Line("down", f"resolvconf -d {interface.name}.inet", keys),
        ]

    def bridge(
        self, interface: Interface, bridge: Bridge, devices: Devices, *, early: bool
    ) -> Options:
        """Make a bridge and its ports.

        By commands if something must hold before it is up (`early`): its executor brings it up before
        any `pre-up` line.
        """
        if not early:
            return super().bridge(interface, bridge, devices, early=False)
        options: Options = []
        if bridge.ports:
            options.append(Line("requires", " ".join(bridge.ports)))
        options.append(_new_bridge(interface, bridge, frozenset()))
        ports = (dotted((*interface.path, "ports")),)
        for port in bridge.ports:
            command = f"ip link set dev {port} master {interface.name} up"
            options.append(Line("pre-up", command, ports))
        gone = (dotted(interface.path),)
        return [*options, Line("post-down", commands.remove(interface.name), gone)]


class OnAlpine(IfupdownNg):
    """ifupdown-ng on Alpine Linux, which has udhcpc(8) of busybox and no dhclient.

    udhcpc gets the stanza's options in its environment, and its script there (main/busybox of aports)
    reads IF_METRIC; it neither asks for an MTU nor sets one, and leaves IPv6 to the kernel.
    """

    has_metric = True
    dhcp_program = "udhcpc"

    def hooks(self, host: Host) -> list[File]:
        """Give none: it needs none."""
        del host
        return []


def _set_vrf(hook: str, interface: Interface) -> Options:
    command = f"ip link set dev {interface.name} master {interface.vrf}"
    return [Line(hook, command, (dotted((*interface.path, "vrf")),))]


def _rest_of_bridge(bridge: Bridge, native: Collection[str]) -> dict[str, str]:
    rest = [item for item in IP_LINK[Bridge].options if item.field not in native]
    return {item.field: text for item, text in spelled(bridge, rest)}


def _set_bridge(hook: str, interface: Interface, said: Mapping[str, str]) -> Options:
    """Set with ip-link(8) what there is no option for."""
    keys = tuple(dotted((*interface.path, key(field))) for field in said)
    command = f"ip link set dev {interface.name} type bridge {' '.join(said.values())}"
    return [Line(hook, command, keys)] if said else []


def _lacks_link_local(interface: Interface) -> bool:
    """Tell whether the document says that an interface has no IPv6 link-local address."""
    return interface.link_local is not None and "ipv6" not in interface.link_local


def _counts_per_port(interface: Interface) -> bool:
    """Tell whether a bridge says what it takes only before its ports have VLANs.

    br_vlan_set_stats_per_port, net/bridge/br_vlan.c
    """
    kind = interface.kind
    return isinstance(kind, Bridge) and kind.vlan_stats_per_port is not None


def _waits_in_vain(bridge: Bridge, devices: Devices) -> bool:
    """Tell whether the hook would wait for ports to forward of which none has a carrier by itself."""
    ports = [devices.by_name[name] for name in bridge.ports if name in devices.by_name]
    return bool(ports) and all(port.lacks_carrier for port in ports)


def _new_bridge(interface: Interface, bridge: Bridge, native: Collection[str]) -> Line:
    """Make a bridge with all that there is no option for; `native` are the fields that have one."""
    said = _rest_of_bridge(bridge, native)
    words = ["type bridge", *said.values()]
    if bridge.vlan_stats_per_port is not None:
        words.append(f"vlan_stats_per_port {int(bridge.vlan_stats_per_port)}")
    keys = tuple(dotted((*interface.path, key(field))) for field in said)
    command = commands.create(interface.name, " ".join(words))
    return Line("pre-up", command, keys or (dotted(interface.path),))


def _later_mac(interface: Interface) -> str | None:
    """Give the MAC address that a device gets once it is made; an ifb is made with it."""
    return None if isinstance(interface.kind, Ifb) else interface.macaddress


def _set_link(hook: str, interface: Interface, macaddress: str | None, mtu: int | None) -> Options:
    said = [
        (word, name, value)
        for word, name, value in (("address", "macaddress", macaddress), ("mtu", "mtu", mtu))
        if value is not None
    ]
    words = " ".join(f"{word} {value}" for word, _, value in said)
    keys = tuple(dotted((*interface.path, name)) for _, name, _ in said)
    return [Line(hook, f"ip link set dev {interface.name} {words}", keys)] if said else []
