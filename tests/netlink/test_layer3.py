"""Addresses, routes, rules, neighbours, databases and VLANs, put into a kernel and read back."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from vnetc.backends.netlink.objects import addresses, rules
from vnetc.backends.netlink.state import Key
from vnetc.backends.netlink.wire.messages import IP

from tests.support.rows import VALUES

from .lab import Refused, namespace, run
from .layer3_cases import ADVERTISED, BRIDGE, CARD, DATABASES, GROUPS, MADE_BY_OTHERS, VLANS
from .layer3_lab import (
    MODULES,
    ROWS,
    become,
    cards,
    create,
    devices,
    foreign,
    host_of,
    in_kernel,
    index,
    links_of,
    made_by_others,
    read,
    remove,
    static,
    unmet,
    wanted,
)

# --- the rows -------------------------------------------------------------------------------------

# rows whose documents need DHCP servers, or bridges that know VLANs
_OF_OTHERS = {
    *("port.vlans", "port.pvid", "port.untagged"),
    *("bridge.vlans", "bridge.pvid", "bridge.untagged"),
    *("fdb.vlan", "nexthop.interface"),
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
        assert [(i.key, i.attributes) for i in first.values()] != [
            (i.key, i.attributes) for i in second.values()
        ]
        create(lab, {key: item.attributes for key, item in first.items()})
        state = read(lab, links)
        assert not unmet(state, first.values())
        become(lab, state, second)
        state = read(lab, links)
        assert not unmet(state, second.values())
        assert not become(lab, state, second)
        remove(lab, {key: state[key] for key in second})
        assert static(read(lab, links)) == static(before)


# --- from each state to each other -----------------------------------------------------------------


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
def test_what_routers_advertise_stays() -> None:
    """The kernel keeps it beside static routes of its metric, and so do our changes."""
    hosts = [host_of(CARD % f"routes: [{route}]") for route in ADVERTISED]
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


@in_kernel
def test_the_kernel_goes_from_each_set_of_vlans_to_each_other() -> None:
    wishes = [{i.key: i for i in wanted(host_of(BRIDGE % words))} for words in VLANS]
    with namespace() as lab:
        cards(lab, "eth0")
        try:
            lab.ip("link add br0 type bridge vlan_filtering 1")
        except AssertionError as error:
            pytest.skip(f"this kernel's bridges know no VLANs: {error}")
        lab.ip("link set dev eth0 master br0")
        lab.ip("link set dev br0 addrgenmode none up")
        links = links_of(lab)
        for first in wishes:
            for second in wishes:
                become(lab, read(lab, links), first)
                become(lab, read(lab, links), second)
                state = read(lab, links)
                assert not unmet(state, second.values())
                assert static(state).keys() == second.keys()
                assert not become(lab, state, second)


# --- what the kernel makes of it -------------------------------------------------------------------


def advertise(name: str) -> None:
    """Say on a link that this is a router, and what the prefix of the link is (RFC 4861)."""
    prefix = struct.pack(">BBBBIII", 3, 4, 64, 0xC0, 600, 600, 0) + IP.pack("2001:db8:5::")
    message = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 600, 0, 0) + prefix
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex(name)))


@in_kernel
def test_secondary_addresses_fall_with_the_first() -> None:
    with namespace() as lab:
        cards(lab, "eth0")
        for text in (
            "192.0.2.1/24",
            "192.0.2.2/24",
            "192.0.2.3/25",
            "192.0.2.4/24",
            "192.0.3.4/24",
        ):
            lab.ip(f"addr add {text} dev eth0")
        state = read(lab)
        first: Key = ("address", "eth0", "192.0.2.1/24")
        falls = addresses.falls_with(first, state)
        assert [key[2] for key in falls] == ["192.0.2.2/24", "192.0.2.4/24"]
        assert not addresses.falls_with(falls[0], state)
        new: Key = ("address", "eth0", "192.0.2.9/24")
        assert addresses.becomes_secondary(new, state)
        assert not addresses.becomes_secondary(("address", "eth0", "192.0.9.9/24"), state)
        assert new in addresses.falls_with(first, {**state, new: {"secondary": True}})
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
        old, item = (
            wanted(host_of(f"interfaces: {{eth0: {{addresses: [{text}]}}}}"))[0]
            for text in (there, new)
        )
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
    items = [
        i
        for i in wanted(host_of(f"interfaces: {{eth0: {{routing-policy: [{policy}]}}}}"))
        if i.key[1] == "ipv4"
    ]
    with namespace() as lab:
        create(lab, {item.key: item.attributes for item in items})
        state = read(lab)
        assert state.keys() == {item.key for item in items}
        for key in state:
            hidden = [(other, state[other]) for other in rules.hides(key, state)]
            now = read(lab)
            lab.sent(
                rules.remove(key, state[key], {}, [(k, now[k]) for k in rules.hides(key, now)])
            )
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


# --- snapshots -------------------------------------------------------------------------------------


@in_kernel
def test_a_snapshot_brings_all_back() -> None:
    with namespace() as lab:
        made_by_others(lab)
        links = links_of(lab)
        snapshot = {
            k: v
            for k, v in read(lab, links).items()
            if v.get("origin") != "kernel" and v.get("state") != "temporary"
        }
        lines = len((MADE_BY_OTHERS + DATABASES).strip().splitlines())
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


# --- other programs' eyes --------------------------------------------------------------------------

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
        for words, kind in (
            ("neigh show nud permanent", "neighbor"),
            ("neigh show proxy", "neighbor-proxy"),
        ):
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
            if e.get("state") in ("permanent", "static")
            and not e["mac"].startswith(("33:33", "01:00"))
        ]
        own = {link["macaddress"] for link in links_of(lab).values()}
        entries = sorted(
            (e["ifname"], e["mac"], e.get("dst", ""))
            for e in listed
            if e["mac"] not in own or "dst" in e
        )
        assert entries == sorted(
            (k[1], k[2], v["destination"] or "") for k, v in state.items() if k[0] == "fdb"
        )


def _of_ip(route: Mapping[str, Any]) -> tuple[str, ...]:
    gateway = route.get("gateway") or route.get("via", {}).get("host")
    hops = sorted(
        f"{h.get('gateway')} {h.get('dev')} {h['weight']}" for h in route.get("nexthops", [])
    )
    metrics = {name: value for item in route.get("metrics", []) for name, value in item.items()}
    return (
        route["dst"].replace("default", "any").partition("/")[0],
        route.get("table", "254"),
        str(route.get("metric", 0)),
        route["protocol"],
        route.get("prefsrc", ""),
        str(gateway),
        str(None if route["type"] in ("6", "7", "8", "9") else route.get("dev"))
        if not hops
        else "",
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
