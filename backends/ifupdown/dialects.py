"""The three programs that read /etc/network/interfaces, and where they part ways.

The classic one is the base; the others override what they say differently. A dialect decides which
options a stanza has. What it has no option for becomes a command, the same in each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from vnetc.backends.ifupdown import commands
from vnetc.model import MAIN_TABLE, Address, Bridge, Interface, Loopback, Route

Options = list[tuple[str, str]]

# model field -> word of ip-link(8)
_BRIDGE_WORDS: Mapping[str, str] = {
    "stp": "stp_state",
    "forward_delay": "forward_delay",
    "hello_time": "hello_time",
    "max_age": "max_age",
    "ageing_time": "ageing_time",
    "priority": "priority",
    "vlan_filtering": "vlan_filtering",
    "vlan_protocol": "vlan_protocol",
    "default_pvid": "vlan_default_pvid",
    "multicast_snooping": "mcast_snooping",
    "multicast_querier": "mcast_querier",
}
TIMES = frozenset({"forward_delay", "hello_time", "max_age", "ageing_time"})


class Classic:
    """ifupdown 0.8 with the hooks of bridge-utils."""

    unsafe: ClassVar[str] = ""
    hotplug: ClassVar[bool] = True
    removes_bridges: ClassVar[bool] = True  # at `ifdown`, by itself
    # model field -> option of bridge-utils-interfaces(5); the hook runs after the `pre-up` lines
    bridge_options: ClassVar[Mapping[str, str]] = {
        "stp": "bridge-stp",
        "forward_delay": "bridge-fd",
        "hello_time": "bridge-hello",
        "max_age": "bridge-maxage",
        "ageing_time": "bridge-ageing",
        "priority": "bridge-bridgeprio",
    }

    def start(self, interface: Interface) -> str:
        """Say when an interface comes up: at boot, when udev sees it, or when asked for."""
        if interface.activation == "manual":
            return ""
        return "allow-hotplug" if interface.optional is True and self.hotplug else "auto"

    def layer3(
        self, interface: Interface
    ) -> tuple[str, Options, Sequence[Address], Sequence[Route]]:
        """Give the method, its options, and the addresses and routes left for commands."""
        addresses, routes = interface.addresses, interface.routes
        if isinstance(interface.kind, Loopback):
            return "loopback", [], addresses, routes
        if interface.dhcp4:
            metric = str(interface.dhcp4_overrides.route_metric)
            return "dhcp", [("metric", metric)], addresses, routes
        first = next((a for a in addresses if a.address.version == 4), None)
        if first is None or not is_plain(first):
            return "manual", [], addresses, routes
        options = [("address", str(first.address))]
        gateway = next((r for r in routes if is_gateway(r)), None)
        if gateway is not None:
            options.append(("gateway", str(gateway.via)))
        return (
            "static",
            options,
            [a for a in addresses if a is not first],
            [r for r in routes if r is not gateway],
        )

    def bridge(self, name: str, bridge: Bridge) -> Options:
        """Make a bridge and its ports.

        It is made before the hook of bridge-utils would do so, since the hook also brings it up:
        too late for settings that decide which addresses it gets. The hook takes what it finds.
        """
        options = [("bridge-ports", " ".join(bridge.ports) or "none")]
        options += [
            (option, value)
            for field, option in self.bridge_options.items()
            if (value := _native(bridge, field)) is not None
        ]
        options += [("bridge-maxwait", "0"), ("pre-up", commands.create(name, "type bridge"))]
        return options + self._bridge_link(name, bridge)

    def _bridge_link(self, name: str, bridge: Bridge) -> Options:
        """Set with ip-link(8) what there is no option for."""
        words = [
            f"{word} {value}"
            for field, word in _BRIDGE_WORDS.items()
            if field not in self.bridge_options and (value := _iproute(bridge, field)) is not None
        ]
        return (
            [("pre-up", f"ip link set dev {name} type bridge {' '.join(words)}")] if words else []
        )


class Ifupdown2(Classic):
    """ifupdown2 3.0: several addresses, its own bridge code; eats backslashes, runs Mako on `%`."""

    unsafe = "\\%"
    hotplug = False


class IfupdownNg(Classic):
    """ifupdown-ng 0.11: executors that do less than they say, so commands wherever that matters."""

    unsafe = "#"
    hotplug = False
    removes_bridges = False
    bridge_options: ClassVar[Mapping[str, str]] = {}

    def layer3(
        self, interface: Interface
    ) -> tuple[str, Options, Sequence[Address], Sequence[Route]]:
        """Leave all to commands: `static` sets no broadcast address and a metric of 1."""
        method = "loopback" if isinstance(interface.kind, Loopback) else "manual"
        return method, [], interface.addresses, interface.routes

    def bridge(self, name: str, bridge: Bridge) -> Options:
        """Make a bridge without its executor, which brings it up before any `pre-up` line."""
        options: Options = [("requires", " ".join(bridge.ports))] if bridge.ports else []
        options.append(("pre-up", commands.create(name, "type bridge")))
        options += self._bridge_link(name, bridge)
        for port in bridge.ports:
            options += [
                ("pre-up", f"ip link set dev {port} master {name}"),
                ("pre-up", f"ip link set dev {port} up"),
            ]
        return options


def is_plain(address: Address) -> bool:
    """Whether an address is no more than the `address` option of a stanza says."""
    return (
        address.label is None
        and address.peer is None
        and address.scope == "global"
        and address.preferred_lifetime is None
        and not address.noprefixroute
    )


def is_gateway(route: Route) -> bool:
    """Whether a route is no more than the `gateway` option of an IPv4 stanza says."""
    return (
        route.to.version == 4
        and route.to.prefixlen == 0
        and route.via is not None
        and route == Route(path=route.path, to=route.to, via=route.via, table=MAIN_TABLE)
    )


def _native(bridge: Bridge, field: str) -> str | None:
    value = getattr(bridge, field)
    if value is None:
        return None
    if field in TIMES:
        return f"{value / 1000:g}"  # seconds
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _iproute(bridge: Bridge, field: str) -> str | None:
    value = getattr(bridge, field)
    if value is None or (field == "vlan_filtering" and value is False):
        return None
    if field in TIMES:
        return str(value // 10)  # hundredths of a second, the kernel's USER_HZ
    return str(int(value)) if isinstance(value, bool) else str(value)
