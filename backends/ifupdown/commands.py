"""The commands of ip(8), bridge(8) and sysctl(8) for what interfaces(5) has no word for.

They are those that handbooks have: `replace` where iproute2 has it, `add` with a `del` for when the
interface goes down where it has not. A name always follows `dev` or `name`: without,
iproute2 takes a bridge called `br` for an abbreviated keyword. No command has a character that any
dialect changes (backslash, percent sign, hash, `$IFACE`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

from vnetc.backends.ifupdown.layer3 import (
    ADDRESS,
    BRIDGE_LINK,
    BRIDGE_SLAVE,
    LINK,
    ROUTE_AFTER_TABLE,
    ROUTE_BEFORE_TABLE,
    RULE,
    mdb,
    phrases,
)
from vnetc.backends.kernel_defaults import said_table
from vnetc.backends.spelling import span
from vnetc.model.host import Address, Interface, Neighbor, Nexthop, Port, Route, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

# ip-route(8): these types forbid a device
DEVICELESS = frozenset({"blackhole", "unreachable", "prohibit", "throw"})
Ranges = Sequence[tuple[int, int]]


def ip(version: int) -> str:
    """Spell ip(8) for one address family."""
    return "ip" if version == 4 else "ip -6"


def replace_address(address: Address, name: str) -> str:
    """Add an address, or change one that is there (ip-address(8))."""
    local = address.address
    words = [f"{ip(local.version)} addr replace"]
    if address.peer is not None:
        words.append(f"{local.ip} peer {address.peer}")
    else:
        words.append(str(local))
    if address.broadcast:
        words.append(f"brd {address.broadcast}")
    words += [f"dev {name}", *phrases(address, ADDRESS)]
    if address.duplicate_address_detection is False and local.version == 6:
        words.append("nodad")
    return " ".join(words)


def remove_address(address: Address, name: str) -> str:
    """Take an address away (ip-address(8))."""
    local = address.address
    which = str(local) if address.peer is None else f"{local.ip} peer {address.peer}"
    return f"{ip(local.version)} addr del {which} dev {name}"


def route(action: Literal["replace", "del"], route: Route, name: str) -> str:
    """Set or delete a route of the device `name` (ip-route(8))."""
    words = [f"{ip(route.to.version)} route {action}"]
    if route.type != "unicast":
        words.append(route.type)
    words.append("default" if route.to.prefixlen == 0 else str(route.to))
    if route.via is not None:
        words.append(f"via {route.via}")
    if route.type not in DEVICELESS and not route.nexthops:
        words.append(f"dev {name}")
        if route.on_link:
            words.append("onlink")
    if route.protocol is not None:
        words.append(f"proto {route.protocol}")
    words += phrases(route, ROUTE_BEFORE_TABLE)
    table = said_table(route)
    if table is not None:
        words.append(f"table {table}")
    words += phrases(route, ROUTE_AFTER_TABLE)
    words += [_nexthop(hop, name, route.on_link) for hop in route.nexthops]
    return " ".join(words)


def _nexthop(hop: Nexthop, name: str, on_link: bool) -> str:
    onlink = " onlink" if on_link or hop.on_link else ""
    return f"nexthop via {hop.via} dev {hop.interface or name} weight {hop.weight}{onlink}"


def rule(action: Literal["add", "del"], rule: Rule, version: int) -> str:
    """Add or delete a rule in one of its families (ip-rule(8))."""
    return f"{ip(version)} rule {action} {_rule(rule)}"


def forget_rule(rule: Rule, version: int) -> str:
    """Delete a rule of this priority, whatever else it says; none is no failure."""
    return f"{ip(version)} rule del priority {rule.priority} || true"


def _rule(rule: Rule) -> str:
    words = [f"priority {rule.priority}", *phrases(rule, RULE)]
    if rule.action is not None:
        words.append(rule.action)
    if rule.protocol is not None:
        words.append(f"protocol {rule.protocol}")
    return " ".join(words)


def replace_neighbor(neighbor: Neighbor, name: str) -> str:
    """Set a permanent neighbour entry (ip-neighbour(8))."""
    if neighbor.macaddress is None:
        return f"ip neigh replace proxy {neighbor.address} dev {name}"
    return (
        f"ip neigh replace {neighbor.address} lladdr {neighbor.macaddress} dev {name} nud permanent"
    )


def bridge_port(port: Port, name: str, said: Collection[str] = ()) -> list[str]:
    """Set what a port of a bridge is, after it became one (bridge(8)), but for its VLANs.

    `said` are fields that options say.
    """
    settings: list[str] = []
    for command, options in (
        (f"bridge link set dev {name}", BRIDGE_LINK),
        (f"ip link set dev {name} type bridge_slave", BRIDGE_SLAVE),
    ):
        words = [*phrases(port, [item for item in options if item.field not in said])]
        if words:
            settings.append(" ".join((command, *words)))
    return [*settings, *(mdb(entry, port.bridge, name) for entry in port.mdb)]


def link_flags(interface: Interface) -> list[str]:
    """Set what the kernel keeps as flags of a link (ip-link(8))."""
    words = [*phrases(interface, LINK)]
    return [f"ip link set dev {interface.name} {' '.join(words)}"] if words else []


def bridge_vlans(
    name: str, vlans: Ranges, pvid: int | None, untagged: Ranges, *, own: bool = False
) -> list[str]:
    """Let a port carry VLANs, one command for each run of equal flags; `own`: the bridge itself.

    The port carries its `pvid` too, whether or not `vlans` says so, as systemd.network(5) has it.
    """
    plain = _vids(untagged)
    carried = sorted(_vids(vlans) | ({pvid} if pvid is not None else set()))

    def run(item: tuple[int, int]) -> tuple[int, bool, bool]:
        index, vid = item
        return vid - index, vid == pvid, vid in plain

    commands: list[str] = []
    for (_, is_pvid, is_untagged), group in groupby(enumerate(carried), run):
        vids = [vid for _, vid in group]
        flags = (" pvid" * is_pvid) + (" untagged" * is_untagged) + (" self" * own)
        commands.append(f"bridge vlan add dev {name} vid {span((vids[0], vids[-1]))}{flags}")
    return commands


def _vids(ranges: Ranges) -> set[int]:
    return {vid for first, last in ranges for vid in range(first, last + 1)}


def sysctl(*assignments: str, missing_ok: bool = False) -> str:
    """Set kernel parameters (sysctl(8)); a device's have slashes, since its name may have dots."""
    return f"sysctl -q{' -e' if missing_ok else ''} -w {' '.join(assignments)}"


def remove(name: str) -> str:
    """Remove a device."""
    return f"ip link del dev {name}"


def create(name: str, link: str) -> str:
    """Make a device; `link` is what ip-link(8) wants besides the name.

    ifupdown2 runs it again at each `ifreload -a`, and swallows "File exists" (`ignore_error`,
    ifupdownaddons/modulebase.py): 3.0.0 says nothing and exits with 0, and the device stays as it is.
    """
    return f"ip link add name {name} {link}"


def default_sysctl(family: str, name: str, key: str) -> str:
    """Give a device what the kernel gives new ones."""
    directory = f"/proc/sys/net/{family}/conf/default"
    return f'sysctl -q -e -w "net/{family}/conf/{name}/{key}=$(cat {directory}/{key})"'


def start_daemon(program: str, pidfile: str, arguments: str) -> str:
    """Start a daemon unless the process that `pidfile` names is one (start-stop-daemon(8))."""
    which = f"--pidfile {pidfile} --exec /usr/sbin/{program}"
    return f"start-stop-daemon --start --quiet --oknodo {which} -- {arguments}"


def stop_daemon(program: str, pidfile: str) -> str:
    """Stop a daemon and wait for its end, so that a start right after does not meet it."""
    which = f"--pidfile {pidfile} --exec /usr/sbin/{program}"
    return f"start-stop-daemon --stop --quiet --oknodo --retry 5 {which}"


def wait_for_addresses(name: str) -> str:
    """Wait up to 5 s for duplicate address detection: till then an address is no route's source."""
    tentative = f"ip -6 addr show dev {name} tentative"
    return (
        f"n=50; while [ $n -gt 0 ] && {tentative} | grep -q inet6; do sleep 0.1; n=$((n-1)); done"
    )


def wait_for_carrier(name: str) -> str:
    """Wait up to 5 s for a carrier: when it comes, the kernel sets some settings anew."""
    seen = f"grep -q 1 /sys/class/net/{name}/carrier"
    return f"timeout 5 sh -c 'until {seen}; do sleep 0.1; done' || true"
