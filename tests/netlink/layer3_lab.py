"""What the tests of addresses, routes and the like share: from a document to a kernel and back."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest
from vnetc.backends.devices import Devices
from vnetc.backends.netlink.objects import addresses, bridging, neighbors, routes, rules
from vnetc.backends.netlink.state import Key, State, Wanted
from vnetc.backends.netlink.wire.messages import Message
from vnetc.model.host import Host
from vnetc.pipeline import analyse

from .lab import Lab, missing, run
from .layer3_cases import DATABASES, MADE_BY_OTHERS

MODULES: Mapping[str, ModuleType] = {
    "address": addresses,
    "route": routes,
    "rule": rules,
    "neighbor": neighbors,
    "neighbor-proxy": neighbors,
    "fdb": bridging,
    "mdb": bridging,
    "vlan": bridging,
}
ROWS = {
    **addresses.ROWS,
    **routes.ROWS,
    **rules.ROWS,
    **neighbors.ROWS,
    **bridging.ROWS,
}
in_kernel = pytest.mark.skipif(bool(missing()), reason=missing())


def host_of(document: str) -> Host:
    analysis = analyse(f"version: 1\n{document}\n", name="test")
    assert analysis.host is not None, analysis
    return analysis.host


def wanted(host: Host) -> list[Wanted]:
    devices = Devices(host)
    return [
        item
        for interface in host.interfaces
        for part in (
            addresses.wanted(interface),
            routes.wanted(interface),
            rules.wanted(interface),
            neighbors.wanted(interface),
            bridging.wanted(interface, devices),
        )
        for item in part
    ]


def read(lab: Lab, links: State | None = None) -> State:
    """Read all that these modules know of a namespace."""
    links = {} if links is None else links
    names = {number: name for name, number in index(lab).items()}

    def bodies(dumps: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
        for type, body in dumps:
            yield from lab.dump(type, body)

    return {
        **dict(addresses.read(bodies(addresses.DUMPS), names)),
        **dict(routes.read(bodies(routes.DUMPS), names)),
        **dict(rules.read(bodies(rules.DUMPS))),
        **dict(neighbors.read(bodies(neighbors.DUMPS), names, {})),
        **dict(bridging.read_fdb(bodies(bridging.FDB_DUMPS), names, links)),
        **dict(bridging.read_mdb(bodies(bridging.MDB_DUMPS), names)),
        **dict(bridging.read_vlans(bodies(bridging.VLAN_DUMPS), names, links)),
    }


def links_of(lab: Lab) -> State:
    found: State = {}
    for link in lab.ip("-d link"):
        data = link.get("linkinfo", {}).get("info_data", {})
        found["link", link["ifname"]] = {
            "macaddress": link.get("address"),
            "bridge.vlan-filtering": bool(data.get("vlan_filtering")),
            "vxlan.remote": data.get("remote"),
            "vxlan.group": data.get("group"),
        }
    return found


def index(lab: Lab) -> dict[str, int]:
    del lab
    return {name: number for number, name in socket.if_nameindex()}


def create(lab: Lab, items: Mapping[Key, Mapping[str, Any]]) -> None:
    """Make objects, devices' routes before those through gateways."""
    numbers = index(lab)
    order = sorted(
        items, key=lambda k: (k[0] == "route", k[0] == "route" and routes.order(items[k]))
    )
    lab.sent([m for key in order for m in MODULES[key[0]].create(key, items[key], numbers)])


def remove(lab: Lab, items: Mapping[Key, Mapping[str, Any]]) -> None:
    """Remove objects, addresses last, since routes go with them."""
    numbers, state = index(lab), {**items}
    fallen = {
        other for key in items if key[0] == "address" for other in addresses.falls_with(key, state)
    }
    order = sorted(items.keys() - fallen, key=lambda key: key[0] == "address")
    for key in order:
        lab.sent(MODULES[key[0]].remove(key, items[key], numbers))


def unmet(state: State, items: Iterable[Wanted]) -> list[Any]:
    """List what is wanted and not so, marks included."""
    return [
        (item.key, name, value, state.get(item.key, {}).get(name))
        for item in items
        for name, value in item.attributes.items()
        if item.key not in state or state[item.key].get(name) != value
    ]


def static(state: State) -> State:
    """Leave out what the kernel and daemons make."""
    return {k: v for k, v in state.items() if not MODULES[k[0]].is_foreign(k, v)}


def cards(lab: Lab, *names: str) -> None:
    """Make network cards, each with a carrier, and without a link-local address."""
    for name in names:
        lab.ip(f"link add name {name} type veth peer name {name}-far")
        for end in (name, f"{name}-far"):
            lab.ip(f"link set dev {end} addrgenmode none up")


def devices(lab: Lab, host: Host) -> None:
    """Make the devices of a document as far as these tests need them."""
    there = index(lab)
    for interface in host.interfaces:
        match interface.kind.type:
            case "ethernet" if interface.name not in there:
                cards(lab, interface.name)
            case "bridge" if interface.name not in there:
                lab.ip(f"link add name {interface.name} type bridge mcast_snooping 1")
            case "vxlan" if interface.name not in there:
                lab.ip(f"link add name {interface.name} type vxlan id 5 dstport 4789")
    for interface in host.interfaces:
        if interface.port is not None:
            lab.ip(f"link set dev {interface.name} master {interface.port.bridge}")
        lab.ip(f"link set dev {interface.name} addrgenmode none up")


def become(lab: Lab, state: State, items: Mapping[Key, Wanted]) -> int:
    """Go from a state to another set of wishes; give the number of messages."""
    gone = {k: v for k, v in static(state).items() if k not in items and made_here(k, v)}
    remove(lab, gone)
    numbers = index(lab)
    messages: list[Message] = []
    for key, item in items.items():
        module = MODULES[key[0]]
        if key in state:
            messages += module.change(key, state[key], item.attributes, numbers)
        else:
            messages += module.create(key, item.attributes, numbers)
    return lab.sent(messages) + len(gone)


def made_here(key: Key, attributes: Mapping[str, Any]) -> bool:
    return key[0] in ("fdb", "mdb") or attributes.get("proto") not in (None, 0)


def foreign(state: State) -> State:
    return {k: v for k, v in state.items() if MODULES[k[0]].is_foreign(k, v)}


def made_by_others(lab: Lab) -> None:
    cards(lab, "eth0", "eth1", "port")
    lab.ip("link set lo up")
    lab.ip("link add br0 type bridge")
    lab.ip("link set dev port master br0")
    lab.ip("link set br0 addrgenmode none up")
    lab.ip("link add vx type vxlan id 5 dstport 4789 remote 192.0.2.77")
    for line in MADE_BY_OTHERS.strip().splitlines():
        run(f"ip {line}")
    for line in DATABASES.strip().splitlines():
        run(f"bridge {line}")
