"""Addresses, routes, rules, neighbours, databases and VLANs, put into a kernel and read back."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vnetc.backends.base import Devices
from vnetc.backends.netlink import addresses, bridging, neighbors, routes, rules
from vnetc.backends.netlink.objects import Key, State, Wanted
from vnetc.backends.netlink.wire import HEADER, IP, Message
from vnetc.model import Host
from vnetc.pipeline import analyse

from .netlink_lab import Lab, Refused, missing, namespace, run
from .rows import VALUES

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
in_kernel = pytest.mark.skipif(bool(missing()), reason=missing())


# --- plumbing -------------------------------------------------------------------------------------


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
        **dict(neighbors.read(bodies(neighbors.DUMPS), names)),
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
    order = sorted(items, key=lambda k: (k[0] == "route", k[0] == "route" and routes.order(items[k])))
    lab.sent([m for key in order for m in MODULES[key[0]].create(key, items[key], numbers)])


def remove(lab: Lab, items: Mapping[Key, Mapping[str, Any]]) -> None:
    """Remove objects, addresses last, since routes go with them."""
    numbers, state = index(lab), {**items}
    fallen = {other for key in items if key[0] == "address" for other in addresses.falls_with(key, state)}
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


# --- the rows -------------------------------------------------------------------------------------

# rows whose documents have more than the devices above, or need what not each kernel has
_OF_OTHERS = {
    "interface.mdb",
    *("port.vlans", "port.pvid", "port.untagged"),
    *("bridge.vlans", "bridge.pvid", "bridge.untagged"),
    *("fdb.vlan", "nexthop.interface"),
}
ROWS = {
    **addresses.ROWS,
    **routes.ROWS,
    **rules.ROWS,
    **neighbors.ROWS,
    **bridging.ROWS,
}
TESTED = sorted((set(ROWS) & set(VALUES)) - _OF_OTHERS)


@in_kernel
@pytest.mark.parametrize("row", TESTED)
def test_each_key_arrives_and_goes(row: str) -> None:
    text, *values = VALUES[row]
    hosts = [host_of(text.replace("@", value)) for value in values]
    with namespace() as lab:
        for host in hosts:
            devices(lab, host)
        links = links_of(lab)
        before = read(lab, links)
        first, second = ({item.key: item for item in wanted(host)} for host in hosts)
        create(lab, {key: item.attributes for key, item in first.items()})
        state = read(lab, links)
        assert not unmet(state, first.values())
        assert any(item.attributes != second.get(key) for key, item in first.items()) or second
        become(lab, state, second)
        state = read(lab, links)
        assert not unmet(state, second.values())
        assert not become(lab, state, second)
        remove(lab, {key: state[key] for key in second})
        assert static(read(lab, links)) == static(before)


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


# --- from each state to each other ----------------------------------------------------------------

# Documents of one interface each; the kernel goes from each of a group to each other of it.
_CARD = "interfaces: {eth0: {addresses: [192.0.2.2/24, '2001:db8::2/64'], %s}, eth1: {}}"
_ADDRESS4 = (
    *("192.0.2.7/24", "192.0.2.7/25", "192.0.2.7/32"),
    "{address: 192.0.2.7/32, peer: 198.51.100.1/32}",
    "{address: 192.0.2.7/32, peer: 198.51.100.1/24}",
    "{address: 192.0.2.7/32, peer: 198.51.100.2/24}",
    "{address: 192.0.2.7/24, broadcast: false}",
    "{address: 192.0.2.7/24, broadcast: 192.0.2.99}",
    "{address: 192.0.2.7/24, preferred-lifetime: 0}",
    "{address: 192.0.2.7/24, scope: link}",
    "{address: 192.0.2.7/24, route-metric: 50}",
    "{address: 192.0.2.7/24, route-metric: 60, noprefixroute: true}",
    "{address: 192.0.2.7/24, label: 'eth0:a', preferred-lifetime: 0}",
)
_ADDRESS6 = (
    *("'2001:db8::7/64'", "'2001:db8::7/48'"),
    "{address: '2001:db8::7/64', peer: '2001:db8:1::1/64'}",
    "{address: '2001:db8::7/128', peer: '2001:db8:1::2/128'}",
    "{address: '2001:db8::7/64', preferred-lifetime: 0}",
    "{address: '2001:db8::7/64', route-metric: 50}",
    "{address: '2001:db8::7/64', route-metric: 60, noprefixroute: true}",
    "{address: '2001:db8::7/64', home: true, duplicate-address-detection: false}",
    "{address: '2001:db8::7/64', manage-temporary: true}",
    "'fe80::7/64'",
)
_ROUTE4 = (
    "{to: 10.0.0.0/8, via: 192.0.2.1}",
    "{to: 10.0.0.0/8, via: 192.0.2.1, mtu: 1300, advmss: 1200, hop-limit: 9, quick-ack: true}",
    "{to: 10.0.0.0/8, via: 192.0.2.3, from: 192.0.2.2, realms: 3/7, protocol: bgp}",
    "{to: 10.0.0.0/8, scope: link, congestion-control: reno, mtu: 4000000}",
    "{to: 10.0.0.0/8, via: 203.0.113.1, on-link: true, protocol: static}",
    "{to: 10.0.0.0/8, via: '2001:db8::1'}",
    "{to: 10.0.0.0/8, via: 'fe80::1', on-link: true}",
    "{to: 10.0.0.0/8, nexthops: [{via: 192.0.2.8}, {via: 192.0.2.9, weight: 3}]}",
    "{to: 10.0.0.0/8, realms: 5, nexthops: [{via: 192.0.2.9}, {via: 192.0.2.8, on-link: true}]}",
    "{to: 10.0.0.0/8, nexthops: [{via: '2001:db8::1'}, {via: 192.0.2.9}]}",
    "{to: 10.0.0.0/8, scope: site}",
    *("{to: 10.0.0.0/8, type: blackhole}", "{to: 10.0.0.0/8, type: throw, metric: 0}"),
    *("{to: 10.0.0.0/8, type: unreachable}", "{to: 10.0.0.0/8, type: prohibit}"),
    "{to: 10.0.0.0/8, type: multicast, table: 9}",
    "{to: 10.0.0.0/8, type: local, table: main}",
    "{to: 10.0.0.0/8, type: broadcast, table: main}",
    "{to: 10.0.0.0/8, type: anycast, table: main}",
    "{to: 10.0.0.0/8, type: local}",
    "{to: default, via: 192.0.2.1, metric: 4294967295}",
    "{to: default, via: 192.0.2.1, table: 4294967295}",
)
_ROUTE6 = (
    "{to: '2001:db8:9::/48', via: '2001:db8::1'}",
    "{to: '2001:db8:9::/48', via: '2001:db8::1', preference: low, mtu: 1300, initrwnd: 5}",
    "{to: '2001:db8:9::/48', via: '2001:db8::3', metric: 1024, preference: high, protocol: bgp}",
    "{to: '2001:db8:9::/48', via: '2001:db8::3', metric: 7}",
    "{to: '2001:db8:9::/48'}",
    "{to: '2001:db8:9::/48', via: 'fe80::1', on-link: true}",
    "{to: '2001:db8:9::/48', via: 'fe80::1', source: '2001:db8:5::/48'}",
    "{to: '2001:db8:9::/48', nexthops: [{via: '2001:db8::8'}, {via: '2001:db8::9', weight: 3}]}",
    "{to: '2001:db8:9::/48', nexthops: [{via: '2001:db8::9'}, {via: 'fe80::1', interface: eth1}]}",
    *("{to: '2001:db8:9::/48', type: blackhole}", "{to: '2001:db8:9::/48', type: throw}"),
    *("{to: '2001:db8:9::/48', type: unreachable}", "{to: '2001:db8:9::/48', type: prohibit}"),
    "{to: '2001:db8:9::/48', type: multicast}",
    "{to: '2001:db8:9::/48', type: local, table: main}",
    "{to: '2001:db8:9::/48', type: anycast, table: main}",
    "{to: default, via: '2001:db8::1', table: 9}",
    "{to: '::1.2.3.4/128', via: '2001:db8::1'}",
)
_RULES = (
    "{priority: 7, table: 9}",
    "{priority: 7, table: 9, fwmark: 1}",
    "{priority: 7, table: 9, fwmark: 0x10/0xf0, from: 10.0.0.0/8, to: 192.0.2.0/24}",
    "{priority: 7, table: 9, from: '2001:db8::/32', tos: 8, ip-protocol: tcp}",
    "{priority: 7, table: 70000, source-port: 1-9, destination-port: 80, ip-protocol: udp}",
    "{priority: 7, table: main, uid-range: 5-9, iif: eth0, oif: eth1}",
    "{priority: 7, table: main, suppress-prefix-length: 0, suppress-interface-group: 3}",
    "{priority: 7, table: main, from: 0.0.0.0/0, protocol: bgp}",
    *("{priority: 7, goto: 9}", "{priority: 7, goto: 10}", "{priority: 7, l3mdev: true}"),
    *("{priority: 7, action: nop}", "{priority: 7, action: blackhole, invert: true, iif: lo}"),
    *("{priority: 7, action: unreachable}", "{priority: 7, action: prohibit, protocol: static}"),
    "{priority: 7, table: 9, from: 10.0.0.0/8, realms: 3/7}",
    "{priority: 4294967295, table: 9}",
)
GROUPS = {
    "rules": [f"interfaces: {{eth0: {{routing-policy: [{rule}]}}}}" for rule in _RULES],
    "ipv4 addresses": [f"interfaces: {{eth0: {{addresses: [{a}]}}}}" for a in _ADDRESS4],
    "ipv6 addresses": [f"interfaces: {{eth0: {{addresses: [{a}]}}}}" for a in _ADDRESS6],
    "ipv4 routes": [_CARD % f"routes: [{route}]" for route in _ROUTE4],
    "ipv6 routes": [_CARD % f"routes: [{route}]" for route in _ROUTE6],
}


@in_kernel
@pytest.mark.parametrize("group", GROUPS)
def test_the_kernel_goes_from_each_state_to_each_other(group: str) -> None:
    hosts = [host_of(text) for text in GROUPS[group]]
    wishes = [{item.key: item for item in wanted(host)} for host in hosts]
    with namespace() as lab:
        devices(lab, host_of("interfaces: {eth0: {}, eth1: {}}"))
        for first in wishes:
            for second in wishes:
                become(lab, read(lab), first)
                state = read(lab)
                assert not unmet(state, first.values())
                assert static(state).keys() == first.keys()
                become(lab, state, second)
                found = read(lab)
                assert not unmet(found, second.values()), first
                assert static(found).keys() == second.keys()
                assert not become(lab, found, second)


@in_kernel
def test_a_route_changes_at_once() -> None:
    """One message that replaces it, so that there is no moment without."""
    for texts, family in ((_ROUTE4, "ipv4"), (_ROUTE6, "ipv6")):
        items = [item for text in texts for item in wanted(host_of(_CARD % f"routes: [{text}]"))]
        known = [item for item in items if item.key[0] == "route"]
        for old in known:
            for new in known:
                if old.key == new.key and old.attributes != new.attributes:
                    sent = routes.change(old.key, old.attributes, new.attributes, {"eth0": 2, "eth1": 3})
                    gateways = all(i.attributes["via"] or i.attributes["nexthops"] for i in (old, new))
                    assert len(sent) == (1 if family == "ipv4" or gateways else 2)


@in_kernel
def test_what_routers_advertise_stays() -> None:
    """The kernel keeps it beside static routes of its metric, and so do our changes."""
    hosts = [host_of(_CARD % f"routes: [{route}]") for route in _ADVERTISED]
    with namespace() as lab:
        devices(lab, host_of("interfaces: {eth0: {}, eth1: {}}"))
        lab.ip("addr add fe80::1/64 dev eth0-far nodad")
        for name, value in {"accept_ra": 2, "accept_ra_from_local": 1}.items():
            Path(f"/proc/sys/net/ipv6/conf/eth0/{name}").write_text(str(value))
        advertise("eth0-far")
        deadline = time.monotonic() + 5
        while len(advertised := foreign(read(lab))) < 3:
            assert time.monotonic() < deadline, advertised
        for host in hosts:
            items = {item.key: item for item in wanted(host)}
            become(lab, read(lab), items)
            state = read(lab)
            assert not unmet(state, items.values())
            assert foreign(state).keys() == advertised.keys()


# routes with the destination and the metric of advertised ones
_ADVERTISED = [
    *("{to: default, via: '2001:db8::1', metric: 1024}", "{to: default, via: '2001:db8::1'}"),
    *("{to: default, via: '2001:db8::3'}", "{to: '::/0', type: blackhole, metric: 1024}"),
    *("{to: '::/0', metric: 1024}", "{to: default, via: '2001:db8::3', mtu: 1300}"),
    "{to: default, nexthops: [{via: '2001:db8::8'}, {via: '2001:db8::9'}]}",
    "{to: '2001:db8:5::/64', via: '2001:db8::9', metric: 256}",
]


def advertise(name: str) -> None:
    """Say on a link that this is a router, and what the prefix of the link is (RFC 4861)."""
    prefix = struct.pack(">BBBBIII", 3, 4, 64, 0xC0, 600, 600, 0) + IP.pack("2001:db8:5::")
    message = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 600, 0, 0) + prefix
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex(name)))


def foreign(state: State) -> State:
    return {k: v for k, v in state.items() if MODULES[k[0]].is_foreign(k, v)}


@in_kernel
def test_secondary_addresses_fall_with_the_first() -> None:
    with namespace() as lab:
        cards(lab, "eth0")
        for text in ("192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/25", "192.0.2.4/24", "192.0.3.4/24"):
            lab.ip(f"addr add {text} dev eth0")
        state = read(lab)
        first: Key = ("address", "eth0", "192.0.2.1/24")
        falls = addresses.falls_with(first, state)
        assert [key[2] for key in falls] == ["192.0.2.2/24", "192.0.2.4/24"]
        assert not addresses.falls_with(falls[0], state)
        promotes = {("sysctl", "net/ipv4/conf/eth0/promote_secondaries"): {"value": "1"}}
        assert not addresses.falls_with(first, {**state, **promotes})
        lab.sent(addresses.remove(first, state[first], index(lab)))
        assert read(lab).keys() == state.keys() - {first, *falls}


@in_kernel
@pytest.mark.parametrize(
    ("there", "new"),
    [
        ("'2001:db8::7/64'", "'2001:db8::7/48'"),
        ("192.0.2.7/24", "{address: 192.0.2.7/32, peer: 192.0.2.1/24}"),
        (
            "{address: 192.0.2.7/32, peer: 198.51.100.1/24}",
            "{address: 192.0.2.7/32, peer: 198.51.100.2/24}",
        ),
    ],
)
def test_addresses_that_are_one_to_the_kernel(there: str, new: str) -> None:
    with namespace() as lab:
        cards(lab, "eth0")
        old, item = (wanted(host_of(f"interfaces: {{eth0: {{addresses: [{text}]}}}}"))[0] for text in (there, new))
        create(lab, {old.key: old.attributes})
        state = read(lab)
        assert addresses.conflicts(item.key, state) == [old.key]
        with pytest.raises(Refused):
            create(lab, {item.key: item.attributes})
        remove(lab, {old.key: state[old.key]})
        create(lab, {item.key: item.attributes})
        assert not unmet(read(lab), [item])
        assert not addresses.conflicts(item.key, read(lab))


@in_kernel
def test_a_rule_is_not_taken_for_another_of_its_priority() -> None:
    words = (
        *("fwmark: 1, table: 9", "iif: lo, table: 9", "table: 8", "table: 9"),
        *("to: 10.0.0.0/8, table: 9", "fwmark: 1, table: 9, invert: true", "goto: 99", "goto: 98"),
        *("table: 9, suppress-prefix-length: 0", "l3mdev: true", "table: 9, protocol: 77"),
    )
    policy = ", ".join(f"{{priority: 7, {text}}}" for text in words)
    items = [i for i in wanted(host_of(f"interfaces: {{eth0: {{routing-policy: [{policy}]}}}}")) if i.key[1] == "ipv4"]
    with namespace() as lab:
        create(lab, {item.key: item.attributes for item in items})
        state = read(lab)
        assert state.keys() == {item.key for item in items}
        for key in state:
            hidden = [(other, state[other]) for other in rules.hides(key, state)]
            now = read(lab)
            lab.sent(rules.remove(key, state[key], {}, [(k, now[k]) for k in rules.hides(key, now)]))
            assert read(lab).keys() == state.keys() - {key}, hidden
            lab.sent(rules.create(key, state[key], {}))


@in_kernel
def test_what_the_kernel_makes_is_not_read_or_told_apart() -> None:
    with namespace() as lab:
        lab.ip("link set lo up")
        lab.ip("link add eth0 type veth peer name far")
        lab.ip("link set far up")
        lab.ip("link set eth0 up")
        lab.ip("link add br0 type bridge")
        lab.ip("link set far master br0")
        lab.ip("link set br0 up")
        lab.ip("link add vx type vxlan id 5 dstport 4789 remote 192.0.2.77")
        lab.ip("addr add 192.0.2.1/24 dev eth0 valid_lft 500 preferred_lft 400")
        lab.ip("route add default via 192.0.2.2 proto dhcp")
        state = read(lab, links_of(lab))
        assert not static(state)
        origins = {key[2]: found["origin"] for key, found in state.items() if key[0] == "address"}
        assert origins.pop("192.0.2.1/24") == "dynamic"
        assert set(origins.values()) == {"kernel"}
        assert len(origins) > 3
        assert {key[0] for key in state} == {"address", "route", "fdb", "mdb"} - {
            *([] if any(key[0] == "mdb" for key in state) else ["mdb"])
        }


# --- snapshots ------------------------------------------------------------------------------------

_MADE_BY_OTHERS = """
addr add 192.0.2.2/24 brd + dev eth0
addr add 192.0.2.3/24 dev eth0 label eth0:x
addr add 192.0.2.9 peer 198.51.100.1/24 dev eth0 scope link
addr add 203.0.113.1/24 dev eth1 valid_lft 5000 preferred_lft 4000
addr add 2001:db8::2/64 dev eth0 nodad
addr add 2001:db8:7::2/64 dev eth1 nodad home
addr add ff05::5/128 dev eth1 autojoin
addr add 2001:db8:8::2 peer 2001:db8:8::3/128 dev eth1 nodad preferred_lft 0
route add default via 192.0.2.1 proto bird metric 7 mtu lock 1300 rto_min 300ms
route add 10.0.0.0/8 dev eth0 tos 0x10 src 192.0.2.2 window 1000 rtt 30ms rttvar 20ms ssthresh 5 cwnd 9
route add 10.0.0.0/8 dev eth0
route append 10.0.0.0/8 dev eth1
route append 10.0.0.0/8 dev eth0 via 192.0.2.8
route append 10.0.0.0/8 dev eth0 via 192.0.2.9
route add 10.1.0.0/16 scope site via 192.0.2.4
route add 10.2.0.0/16 table 4000 nexthop via 192.0.2.4 realms 5 nexthop dev eth1 weight 9
route add 10.3.0.0/16 via inet6 2001:db8::9
route add 10.4.0.0/16 encap ip id 7 dst 10.4.0.0 dev eth0
route add throw 10.5.0.0/16
nexthop add id 7 via 192.0.2.4 dev eth0
route add 10.6.0.0/16 nhid 7
-6 route add 2001:db8:2::/48 via fe80::1 dev eth0 expires 600
-6 route add 2001:db8:3::/48 nexthop via 2001:db8::8 nexthop via fe80::1 dev eth1 weight 3
-6 route add 2001:db8:4::/48 dev eth0 pref high
-6 route append 2001:db8:4::/48 dev eth1
-6 route add 2001:db8:4::/48 dev eth1 from 2001:db8:5::/48 features ecn
-6 route add blackhole default metric 4000000000
-6 route add local 2001:db8:6::/48 dev lo
rule add from 10.0.0.0/8 tos 4 lookup 7 pref 3
rule add not fwmark 0x3/0x7 iif eth0 goto 100 pref 4
rule add tun_id 88 ipproto tcp dport 5-7 lookup 7 pref 5
-6 rule add dsfield 0x10 prohibit uidrange 0-5 pref 6
neigh add 192.0.2.44 lladdr 02:00:00:00:00:44 dev eth0 nud permanent router
neigh add 2001:db8::44 lladdr 02:00:00:00:00:44 dev eth0 nud permanent protocol zebra
neigh add proxy 192.0.2.45 dev eth0
neigh add proxy 2001:db8::45 dev eth0
"""
_DATABASES = """
fdb add 02:00:00:00:00:01 dev port master permanent
fdb add 02:00:00:00:00:02 dev port master static sticky
fdb add 02:00:00:00:00:03 dev port self permanent
fdb add 03:00:00:00:00:03 dev port self permanent
fdb add 02:00:00:00:00:05 dev br0 self permanent
fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.8 self permanent
fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.9 port 99 vni 8 via eth0 self permanent
fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.9 port 98 vni 8 via eth0 self permanent
fdb add 02:00:00:00:00:07 dev vx dst 192.0.2.9 self permanent
fdb add 02:00:00:00:00:08 dev vx dst 192.0.2.9 self static
fdb add 02:00:00:00:00:09 dev vx dst 192.0.2.9 self extern_learn
mdb add dev br0 port port grp 239.1.1.1 permanent
mdb add dev br0 port port grp 239.1.1.1 permanent vid 7
mdb add dev br0 port port grp ff05::77 permanent
mdb add dev br0 port port grp 03:00:5e:7f:00:01 permanent
"""


def made_by_others(lab: Lab) -> None:
    cards(lab, "eth0", "eth1", "port")
    lab.ip("link set lo up")
    lab.ip("link add br0 type bridge")
    lab.ip("link set dev port master br0")
    lab.ip("link set br0 addrgenmode none up")
    lab.ip("link add vx type vxlan id 5 dstport 4789 remote 192.0.2.77")
    for line in _MADE_BY_OTHERS.strip().splitlines():
        run(f"ip {line}")
    for line in _DATABASES.strip().splitlines():
        run(f"bridge {line}")


@in_kernel
def test_a_snapshot_brings_all_back() -> None:
    with namespace() as lab:
        made_by_others(lab)
        links = links_of(lab)
        snapshot = {k: v for k, v in read(lab, links).items() if v.get("origin") != "kernel" and v.get("state") != "temporary"}
        lines = len((_MADE_BY_OTHERS + _DATABASES).strip().splitlines())
        assert len(snapshot) == lines - 2  # an object of the nexthops; a blank line
        for key in [key for key in snapshot if key[0] != "address"]:
            lab.sent(MODULES[key[0]].remove(key, snapshot[key], index(lab)))
        remove(lab, {key: found for key, found in snapshot.items() if key[0] == "address"})
        assert not read(lab, links).keys() & snapshot.keys()
        for kind in MODULES:  # addresses come before routes
            create(lab, {key: found for key, found in snapshot.items() if key[0] == kind})
        again = read(lab, links)
        for found in (snapshot, again):
            for attributes in found.values():
                attributes.pop("lease", None)
        assert {key: again.get(key) for key in snapshot} == snapshot


# --- other programs' eyes -------------------------------------------------------------------------

_NUMBERED = "-N -j -d"  # protocols, tables and scopes as numbers


@in_kernel
def test_ip_and_bridge_see_the_same() -> None:
    with namespace() as lab:
        made_by_others(lab)
        state = read(lab, links_of(lab))
        seen = {
            ("address", link["ifname"], f"{a['local']}/{a['prefixlen']}"): a
            for link in json.loads(run(f"ip {_NUMBERED} addr"))
            for a in link["addr_info"]
        }
        ours = {key[:3]: found for key, found in state.items() if key[0] == "address"}
        assert ours.keys() == seen.keys()
        for key, found in ours.items():
            assert found["peer"] == seen[key].get("address")
            assert found.get("broadcast") == seen[key].get("broadcast")
            assert found.get("label") == seen[key].get("label")
            assert found["noprefixroute"] == seen[key].get("noprefixroute", False)
            assert found.get("lease") in (
                None,
                [seen[key]["valid_life_time"], seen[key]["preferred_life_time"]],
            )
        for family in ("ipv4", "ipv6"):
            listed = json.loads(run(f"ip -{family[3]} {_NUMBERED} route show table all"))
            theirs = [r for r in listed if r["protocol"] != "2"]
            mine = [(k, v) for k, v in state.items() if k[:2] == ("route", family)]
            assert len(theirs) == len(mine)
            assert sorted(map(_of_ip, theirs)) == sorted(_of_ours(k, v) for k, v in mine)
            listed = json.loads(run(f"ip -{family[3]} {_NUMBERED} rule"))
            priorities = {str(r["priority"]) for r in listed} - {"0", "32766", "32767"}
            assert {k[2] for k in state if k[:2] == ("rule", family)} == priorities
        for words, kind in (("neigh show nud permanent", "neighbor"), ("neigh show proxy", "neighbor-proxy")):
            listed = json.loads(run(f"ip -4 -j {words}")) + json.loads(run(f"ip -6 -j {words}"))
            macs = {(kind, n["dev"], n["dst"]): n.get("lladdr") for n in listed}
            assert macs == {k: v["macaddress"] for k, v in state.items() if k[0] == kind}
        groups = {
            (e["port"], e["grp"], e.get("vid", 0))
            for e in json.loads(run("bridge -j mdb"))[0]["mdb"]
            if e["port"] != "br0"
        }
        assert groups == {
            (k[2], k[3], int(k[4][5:]) if len(k) > 4 else 0) for k in state if k[0] == "mdb"
        }
        listed = [
            e
            for e in json.loads(run("bridge -j fdb"))
            if e.get("state") in ("permanent", "static") and not e["mac"].startswith(("33:33", "01:00"))
        ]
        own = {link["macaddress"] for link in links_of(lab).values()}
        entries = sorted((e["ifname"], e["mac"], e.get("dst", "")) for e in listed if e["mac"] not in own or "dst" in e)
        assert entries == sorted(
            (k[1], k[2], v["destination"] or "") for k, v in state.items() if k[0] == "fdb"
        )


def _of_ip(route: Mapping[str, Any]) -> tuple[str, ...]:
    gateway = route.get("gateway") or route.get("via", {}).get("host")
    hops = sorted(f"{h.get('gateway')} {h.get('dev')} {h['weight']}" for h in route.get("nexthops", []))
    metrics = {name: value for item in route.get("metrics", []) for name, value in item.items()}
    return (
        route["dst"].replace("default", "any").partition("/")[0],
        route.get("table", "254"),
        str(route.get("metric", 0)),
        route["protocol"],
        route.get("prefsrc", ""),
        str(gateway),
        str(None if route["type"] in ("6", "7", "8", "9") else route.get("dev")) if not hops else "",
        " ".join(hops),
        str(metrics.get("mtu")),
        str(metrics.get("window")),
    )


def _of_ours(key: Key, route: Mapping[str, Any]) -> tuple[str, ...]:
    to = "any" if key[3].endswith("/0") else key[3].partition("/")[0]
    hops = sorted(f"{h['via']} {h['dev']} {h['weight']}" for h in route["nexthops"] or [])
    return (
        to,
        key[2],
        key[4],
        str(route["proto"]),
        route["from"] or "",
        str(route["via"]),
        str(route["dev"]) if not hops else "",
        " ".join(hops),
        str(route["mtu"]),
        str(route["window"]),
    )


def test_what_is_written_is_read_back_and_pyroute2_agrees() -> None:
    rtmsg = pytest.importorskip("pyroute2.netlink.rtnl.rtmsg").rtmsg
    names = {1: "lo", 2: "eth0", 3: "eth1"}
    numbers = {name: number for number, name in names.items()}

    @settings(max_examples=150, deadline=None)
    @given(_routes())
    def check(item: tuple[Key, dict[str, Any]]) -> None:
        key, route = item
        (message,) = routes.create(key, route, numbers)
        assert dict(routes.read([message.body], names)) == {key: route}
        size = len(message.body) + 16
        theirs = rtmsg(HEADER.pack(size, message.type, 0, 0, 0) + message.body)
        theirs.decode()
        to, _, length = key[3].partition("/")
        assert theirs["dst_len"] == int(length)
        assert ip_address(theirs.get_attr("RTA_DST") or ("::" if ":" in to else "0.0.0.0")) == ip_address(to)
        assert theirs.get_attr("RTA_TABLE") == int(key[2])
        assert theirs.get_attr("RTA_PRIORITY") == int(key[4])
        assert theirs["proto"] == route["proto"]
        assert theirs.get_attr("RTA_OIF") == numbers.get(route["dev"])
        assert theirs.get_attr("RTA_PREFSRC") == route["from"]
        metrics = theirs.get_attr("RTA_METRICS")
        assert (metrics and metrics.get_attr("RTAX_MTU")) == route["mtu"]
        assert (metrics and metrics.get_attr("RTAX_HOPLIMIT")) == route["hop-limit"]
        hops = theirs.get_attr("RTA_MULTIPATH") or []
        assert [(h["hops"] + 1, h["oif"]) for h in hops] == [
            (h["weight"], numbers[h["dev"]]) for h in route["nexthops"] or []
        ]

    check()


_32_BITS = st.integers(1, (1 << 32) - 1)


def _some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def _routes(draw: st.DrawFn) -> tuple[Key, dict[str, Any]]:
    family = draw(st.sampled_from([addresses.AF_INET, addresses.AF_INET6]))
    version = 4 if family == addresses.AF_INET else 6
    bits = 32 if version == 4 else 128
    address = st.ip_addresses(v=version).map(str)
    via = address if version == 6 else st.ip_addresses().map(str)
    length = draw(st.integers(0, bits))
    to = ip_network((draw(st.integers(0, (1 << bits) - 1)) >> (bits - length) << (bits - length), length))
    if version == 6 and to.version == 4:
        to = ip_network(f"2001:db8::/{length}", strict=False)
    route: dict[str, Any] = {
        **routes.DEFAULTS[family],
        "metric": draw(st.integers(0, (1 << 32) - 1)),
        "proto": draw(st.sampled_from([0, 3, 4, 118])),
        "from": draw(_some(address)),
        **{
            name: draw(_some(_32_BITS))
            for name in ("mtu", "advmss", "hop-limit", "locked", "features", "nexthop-id")
        },
        "congestion-control": draw(_some(st.sampled_from(["reno", "bbr"]))),
        "quick-ack": draw(st.booleans()),
    }
    if version == 4:
        route["scope"] = draw(st.sampled_from(["global", "link", "host", "site", 7]))
        route["realms"] = draw(_some(st.lists(st.integers(0, 65535), min_size=2, max_size=2)))
        route["tos"] = draw(st.sampled_from([0, 4, 16]))
    else:
        route["preference"] = draw(st.sampled_from(["low", "medium", "high"]))
        route["source"] = draw(_some(st.just("2001:db8:5::/48")))
    devices = st.sampled_from(["eth0", "eth1"])
    if route["nexthop-id"] is None and draw(st.booleans()):
        route["type"] = draw(st.sampled_from(["unicast", "local", "multicast"]))
        route["dev"], route["via"] = draw(devices), draw(_some(via))
        route["on-link"] = draw(st.booleans())
    elif route["nexthop-id"] is None and draw(st.booleans()):
        hop = st.fixed_dictionaries(
            {"dev": devices, "via": via, "weight": st.integers(1, 256), "on-link": st.booleans()}
        )
        hops = draw(st.lists(hop, min_size=2, max_size=5))
        route["nexthops"] = sorted(hops, key=lambda h: (h["dev"], h["via"], str(h["weight"])))
    else:
        route["type"] = draw(st.sampled_from(["blackhole", "throw", "prohibit"]))
    key: Key = ("route", f"ipv{version}", str(draw(_32_BITS)), str(to), str(route["metric"]))
    if route.get("tos"):
        key = (*key, f"tos {route['tos']}")
    if route.get("source"):
        key = (*key, f"from {route['source']}")
    return key, route


# --- speed ----------------------------------------------------------------------------------------


def test_reading_keeps_up_with_the_kernel() -> None:
    names = {2: "eth0"}
    numbers = {"eth0": 2}
    many = []
    for number in range(2500):
        to4, to6 = IPv4Address(0x0A000000 + number * 256), IPv6Address((0x20010DB8 << 96) + (number << 64))
        many += [
            {"key": ("route", "ipv4", "254", f"{to4}/24", "0"), "via": "192.0.2.1"},
            {"key": ("route", "ipv6", "254", f"{to6}/64", "1024"), "via": "2001:db8::1", "metric": 1024},
        ]
    bodies = [routes.create(r.pop("key"), {**r, "dev": "eth0"}, numbers)[0].body for r in many]  # type: ignore[arg-type]
    best = min(_seconds(lambda: len(dict(routes.read(bodies, names)))) for _ in range(5))
    assert best < 0.12, f"{best * 1000:.0f} ms for 5,000 routes"
    keys: list[Key] = [("address", "eth0", f"10.0.{n >> 8}.{n & 255}/16") for n in range(1000)]
    bodies = [addresses.create(key, {}, numbers)[0].body for key in keys]
    best = min(_seconds(lambda: len(dict(addresses.read(bodies, names)))) for _ in range(5))
    assert best < 0.03, f"{best * 1000:.0f} ms for 1,000 addresses"


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
