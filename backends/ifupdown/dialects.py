"""The three programs that read /etc/network/interfaces, and where they part ways.

The classic one is the base; the others override what they say differently. A dialect decides which
options a stanza has. What it has no option for becomes a command, the same in each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from vnetc.backends.ifupdown import commands
from vnetc.backends.ifupdown.devices import is_made
from vnetc.backends.ifupdown.kinds import BRIDGE_OPTIONS, IP_LINK
from vnetc.backends.options import said
from vnetc.kinds import Bridge, Ifb, Loopback, Vrf
from vnetc.model import MAIN_TABLE, Address, Interface, Route
from vnetc.record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

Options = list[tuple[str, str]]
_VRF_MTU = 65575  # the kernel's default, IP6_MAX_MTU (drivers/net/vrf.c)


class Layer3(Record):
    """The method of a stanza, its options, and the addresses and routes left for commands."""

    method: str
    options: Sequence[tuple[str, str]] = ()
    addresses: Sequence[Address]
    routes: Sequence[Route]


class Classic:
    """ifupdown 0.8 with the hooks of bridge-utils."""

    unsafe: ClassVar[str] = ""
    hotplug: ClassVar[bool] = True
    removes_bridges: ClassVar[bool] = True  # at `ifdown`, by itself
    bridge_options: ClassVar[Mapping[str, str]] = BRIDGE_OPTIONS
    bridge_hook: ClassVar[str] = "pre-up"  # when commands may set the rest
    vrf_hook: ClassVar[str] = "pre-up"

    def start(self, interface: Interface) -> str:
        """Say when an interface comes up: at boot, when udev sees it, or when asked for."""
        if interface.activation == "manual":
            return ""
        return "allow-hotplug" if interface.optional is True and self.hotplug else "auto"

    def layer3(self, interface: Interface) -> Layer3:
        """Say addresses and the default route: the first of IPv4 by options, others by commands.

        The options run before all commands, so the gateway must be one that the address reaches.
        """
        everything = Layer3(method="manual", addresses=interface.addresses, routes=interface.routes)
        if isinstance(interface.kind, Loopback):
            return replace(everything, method="loopback")
        if interface.dhcp4:
            metric = interface.dhcp4_overrides.route_metric
            options = [] if metric is None else [("metric", str(metric))]
            return replace(everything, method="dhcp", options=options)
        first = next((a for a in interface.addresses if a.address.version == 4), None)
        if first is None or not first.is_plain:
            return everything
        gateway = next((r for r in interface.routes if _is_gateway(r, first)), None)
        options = [("address", str(first.address))]
        if gateway is not None:
            options.append(("gateway", str(gateway.via)))
        return Layer3(
            method="static",
            options=options,
            addresses=[a for a in interface.addresses if a is not first],
            routes=[r for r in interface.routes if r is not gateway],
        )

    def link(self, interface: Interface) -> Options:
        """Set MAC address and MTU.

        By a command, since the method `dhcp` knows no `mtu`, and the hook of bridge-utils gives
        that of a bridge to its ports too.
        """
        return _set_link("pre-up", interface.name, _later_mac(interface), interface.mtu)

    def bridge(self, interface: Interface, bridge: Bridge) -> Options:
        """Make a bridge and its ports.

        It is made before the hook of bridge-utils would do so, since the hook also brings it up:
        too late for settings that decide which addresses it gets. The hook takes what it finds.
        """
        return [
            ("bridge-ports", " ".join(bridge.ports) or "none"),
            *(
                (option, value)
                for field, option in self.bridge_options.items()
                if (value := _native(bridge, field)) is not None
            ),
            ("bridge-maxwait", "0"),
            ("pre-up", commands.create(interface.name, _new_bridge(interface))),
            *self.bridge_rest(interface.name, bridge),
        ]

    def bridge_rest(self, name: str, bridge: Bridge) -> Options:
        """Set with ip-link(8) what there is no option for."""
        options = IP_LINK[Bridge].options
        rest = [o for o in options if o.field not in self.bridge_options]
        words = [text for _, text in said(bridge, rest)]
        command = f"ip link set dev {name} type bridge {' '.join(words)}"
        return [(self.bridge_hook, command)] if words else []


class Ifupdown2(Classic):
    """ifupdown2 3.0: it resets to its own defaults what is not said by options."""

    unsafe = "\\%"  # it eats any backslash, and has Mako read a file with a percent sign
    hotplug = False
    bridge_hook = "up"
    # After `pre-up` it takes devices without its option `vrf` out of VRFs, and with it, it brings
    # them up before their VRF.
    vrf_hook = "up"

    def layer3(self, interface: Interface) -> Layer3:
        """Leave all to commands: its own broadcast address and `metric` of DHCP do not work.

        Without `address-purge no` it would take away and give back all of them at each `ifup`.
        """
        return _by_commands(interface, ("address-purge", "no"))

    def link(self, interface: Interface) -> Options:
        """Say MTU and link-local addresses by options, which it resets otherwise.

        It takes no `mtu` of a bridge, and gives it 1500 until the command sets another; a VRF too.
        """
        # it may not have seen yet a device that a line before has made, and then sets no MTU
        unseen = is_made(interface.kind) and not isinstance(interface.kind, Bridge)
        mtu = interface.mtu if unseen else None
        options = _set_link("pre-up", interface.name, _later_mac(interface), mtu)
        if isinstance(interface.kind, Bridge):
            options += _set_link("up", interface.name, None, interface.initial_mtu)
            options += _set_link("up", interface.name, None, interface.mtu)
        elif interface.mtu is not None:
            options.append(("mtu", str(interface.mtu)))
        elif isinstance(interface.kind, Vrf):
            options += _set_link("up", interface.name, None, _VRF_MTU)
        if interface.link_local is not None and "ipv6" not in interface.link_local:
            options.append(("ipv6-addrgen", "off"))
        return options

    def bridge(self, interface: Interface, bridge: Bridge) -> Options:
        """Undo what it does to a bridge unasked: a small multicast table, forwarding of its own."""
        return [
            *super().bridge(interface, bridge),
            ("bridge-hashmax", "4096"),
            ("up", commands.default_sysctl("ipv4", interface.name, "forwarding")),
            ("up", commands.default_sysctl("ipv6", interface.name, "forwarding")),
        ]


class IfupdownNg(Classic):
    """ifupdown-ng 0.11: its executors do other things than meant, so commands say nearly all."""

    unsafe = "#"  # it begins a comment anywhere
    hotplug = False
    removes_bridges = False
    bridge_options: ClassVar[Mapping[str, str]] = {}  # it takes seconds for hundredths of them

    def layer3(self, interface: Interface) -> Layer3:
        """Leave all to commands: `static` sets no broadcast address and a metric of 1."""
        return _by_commands(interface)

    def bridge(self, interface: Interface, bridge: Bridge) -> Options:
        """Make a bridge without its executor, which brings it up before any `pre-up` line."""
        options: Options = [("requires", " ".join(bridge.ports))] if bridge.ports else []
        options.append(("pre-up", commands.create(interface.name, _new_bridge(interface))))
        options += self.bridge_rest(interface.name, bridge)
        for port in bridge.ports:
            options += [
                ("pre-up", f"ip link set dev {port} master {interface.name}"),
                ("pre-up", f"ip link set dev {port} up"),
            ]
        return options


def _new_bridge(interface: Interface) -> str:
    mtu = interface.initial_mtu
    words = ["type bridge"] if mtu is None else [f"mtu {mtu} type bridge"]
    kind = interface.kind
    if isinstance(kind, Bridge) and kind.vlan_stats_per_port is not None:
        # not once a port has VLANs (br_vlan_set_stats_per_port, net/bridge/br_vlan.c)
        words.append(f"vlan_stats_per_port {int(kind.vlan_stats_per_port)}")
    return " ".join(words)


def _later_mac(interface: Interface) -> str | None:
    """Give the MAC address that a device gets once it is made; an ifb is made with it."""
    return None if isinstance(interface.kind, Ifb) else interface.macaddress


def _set_link(hook: str, name: str, macaddress: str | None, mtu: int | None) -> Options:
    words = [
        f"{word} {value}"
        for word, value in (("address", macaddress), ("mtu", mtu))
        if value is not None
    ]
    return [(hook, f"ip link set dev {name} {' '.join(words)}")] if words else []


def _by_commands(interface: Interface, *options: tuple[str, str]) -> Layer3:
    lines = [*options]
    if interface.dhcp4:
        metric = interface.dhcp4_overrides.route_metric
        start, stop = commands.dhclient(interface.name, metric)
        lines += [("up", start), ("down", stop)]
    return Layer3(
        method="loopback" if isinstance(interface.kind, Loopback) else "manual",
        options=lines,
        addresses=interface.addresses,
        routes=interface.routes,
    )


def _is_gateway(route: Route, address: Address) -> bool:
    """Whether a route is no more than the `gateway` option beside an IPv4 address says."""
    return (
        route.to.version == 4
        and route.to.prefixlen == 0
        and route.via is not None
        and route.via in address.address.network
        and route == Route(path=route.path, to=route.to, via=route.via, table=MAIN_TABLE)
    )


def _native(bridge: Bridge, field: str) -> str | None:
    value = getattr(bridge, field)
    if value is None:
        return None
    if field in _TIMES:
        return str(Decimal(value) / 1000)  # seconds
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


_TIMES = frozenset({"forward_delay", "hello_time", "max_age", "ageing_time"})
