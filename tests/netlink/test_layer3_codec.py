"""The messages of addresses, routes and VLANs, and what documents want of them: without a kernel."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vnetc.backends.netlink.objects import addresses, bridging, routes
from vnetc.backends.netlink.state import Key, State
from vnetc.backends.netlink.wire.messages import HEADER, attribute, nest
from vnetc.backends.support import rows

from .layer3_cases import BRIDGE, CARD, ROUTES4, ROUTES6
from .layer3_lab import ROWS, host_of, wanted

# --- what documents say ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1/24", "192.0.2.255"),
        ("192.0.2.1/30", "192.0.2.3"),
        *((address, None) for address in ("192.0.2.1/31", "192.0.2.1/32")),
        ("{address: 192.0.2.1/24, broadcast: false}", None),
        ("{address: 192.0.2.1/24, broadcast: 192.0.2.9}", "192.0.2.9"),
        ("{address: 192.0.2.1/32, peer: 198.51.100.1/24}", None),
    ],
)
def test_broadcast_addresses(address: str, expected: str | None) -> None:
    (item,) = wanted(host_of(f"interfaces: {{eth0: {{addresses: [{address}]}}}}"))
    assert item.attributes["broadcast"] == expected
    wireguard = (
        f"{{type: wireguard, private-key: {{file: /k}}, link-local: [], addresses: [{address}]}}"
    )
    (item,) = wanted(host_of(f"interfaces: {{wg0: {wireguard}}}"))
    assert item.attributes["broadcast"] == (expected if "broadcast" in address else None)


def test_routes_of_a_vrf_are_of_its_table() -> None:
    host = host_of(
        "interfaces: {red: {type: vrf, table: 1001, routes: [{to: 0.0.0.0/0, type: unreachable}]}, "
        "eth0: {vrf: red, addresses: [192.0.2.2/24], routes: [{to: default, via: 192.0.2.1}]}}"
    )
    assert {item.key[2] for item in wanted(host) if item.key[0] == "route"} == {"1001"}


def test_ways_are_made_before_what_leads_through_them() -> None:
    texts = (
        *("{to: 10.1.0.0/16, scope: host, type: local}", "{to: 10.2.0.0/16}"),
        *("{to: 10.3.0.0/16, via: 10.2.0.1, scope: site}", "{to: 10.4.0.0/16, via: 10.3.0.1}"),
    )
    items = [wanted(host_of(CARD % f"routes: [{text}]"))[-1] for text in texts]
    orders = [routes.order(item.attributes) for item in items]
    assert orders == sorted(set(orders))


def test_the_rows_are_those_of_these_classes() -> None:
    words = ("address", "route", "nexthop", "rule", "neighbor", "fdb", "mdb")
    expected = {row for row in rows() if row.partition(".")[0] in words}
    others = {row for row in ROWS if row not in expected}
    assert expected <= ROWS.keys()
    assert others == {
        *(
            f"interface.{key}"
            for key in ("addresses", "routes", "routing-policy", "neighbors", "fdb")
        ),
        *(
            f"{owner}.{key}"
            for owner in ("port", "bridge")
            for key in ("vlans", "pvid", "untagged")
        ),
        *("port.mdb", "vxlan.remotes"),
    }


def test_a_route_changes_at_once() -> None:
    """One message that replaces it, so that there is no moment without."""
    for texts, family in ((ROUTES4, "ipv4"), (ROUTES6, "ipv6")):
        items = [item for text in texts for item in wanted(host_of(CARD % f"routes: [{text}]"))]
        known = [item for item in items if item.key[0] == "route"]
        for old in known:
            for new in known:
                if old.key == new.key and old.attributes != new.attributes:
                    sent = routes.change(
                        old.key, old.attributes, new.attributes, {"eth0": 2, "eth1": 3}
                    )
                    gateways = all(
                        i.attributes["via"] or i.attributes["nexthops"] for i in (old, new)
                    )
                    assert len(sent) == (1 if family == "ipv4" or gateways else 2)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("", "", ""), {("br0", 1): "pvid untagged", ("eth0", 1): "pvid untagged"}),
        (("", "default-pvid: 0,", ""), {}),
        (
            ("", "default-pvid: 0,", "vlans: [3-4], pvid: 4, untagged: [3]"),
            {("eth0", 3): "untagged", ("eth0", 4): "pvid"},
        ),
        (
            ("", "default-pvid: 5,", "vlans: [3]"),
            {("br0", 5): "pvid untagged", ("eth0", 3): "", ("eth0", 5): "pvid untagged"},
        ),
        (
            ("", "", "pvid: 9"),
            {("br0", 1): "pvid untagged", ("eth0", 1): "untagged", ("eth0", 9): "pvid"},
        ),
    ],
)
def test_ports_carry_the_default_vlan(words: tuple[str, ...], expected: dict[Any, str]) -> None:
    found = {
        (item.key[1], int(item.key[2])): " ".join(
            flag for flag in ("pvid", "untagged") if item.attributes[flag]
        )
        for item in wanted(host_of(BRIDGE % words))
    }
    assert found == expected


def test_ranges_of_vlans_are_read() -> None:
    """As a kernel that compresses them writes them, and each as it is sent."""
    names, numbers = {5: "br0", 6: "eth0"}, {"br0": 5, "eth0": 6}
    links: State = {("link", "br0"): {"bridge.vlan-filtering": True}}
    infos = [(0x06, 1), (0x08, 10), (0x10, 12), (0x04, 20)]
    spec = nest(26, *(attribute(2, struct.pack("=HH", *info)) for info in infos))
    body = struct.pack("=BBHiII", 7, 0, 1, 6, 0, 0) + attribute(10, struct.pack("=I", 5)) + spec
    state = dict(bridging.read_vlans([body], names, links))
    assert [int(key[2]) for key in state] == [1, 10, 11, 12, 20]
    assert not any(bridging.is_foreign(key, found) for key, found in state.items())
    for key, found in state.items():
        (message,) = bridging.create(key, found, numbers)
        sent = message.body[:16] + attribute(10, struct.pack("=I", 5)) + message.body[16:]
        assert dict(bridging.read_vlans([sent], names, links)) == {key: found}
    plain = dict(bridging.read_vlans([body], names, {}))
    assert all(bridging.is_foreign(key, found) for key, found in plain.items())


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
        assert ip_address(
            theirs.get_attr("RTA_DST") or ("::" if ":" in to else "0.0.0.0")
        ) == ip_address(to)
        assert theirs.get_attr("RTA_TABLE") == int(key[2])
        assert theirs.get_attr("RTA_PRIORITY") == int(key[4])
        assert theirs["proto"] == route["proto"]
        assert theirs.get_attr("RTA_OIF") == numbers.get(route["dev"])
        assert _ip(theirs.get_attr("RTA_PREFSRC")) == _ip(route["from"])
        metrics = theirs.get_attr("RTA_METRICS")
        assert (metrics and metrics.get_attr("RTAX_MTU")) == route["mtu"]
        assert (metrics and metrics.get_attr("RTAX_HOPLIMIT")) == route["hop-limit"]
        hops = theirs.get_attr("RTA_MULTIPATH") or []
        assert [(h["hops"] + 1, h["oif"]) for h in hops] == [
            (h["weight"], numbers[h["dev"]]) for h in route["nexthops"] or []
        ]

    check()


def _ip(text: str | None) -> Any:
    """Read an address: not all spell one that holds an IPv4 address alike."""
    return text and ip_address(text)


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
    to = ip_network(
        (draw(st.integers(0, (1 << bits) - 1)) >> (bits - length) << (bits - length), length)
    )
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
        to4, to6 = (
            IPv4Address(0x0A000000 + number * 256),
            IPv6Address((0x20010DB8 << 96) + (number << 64)),
        )
        many += [
            {"key": ("route", "ipv4", "254", f"{to4}/24", "0"), "via": "192.0.2.1"},
            {
                "key": ("route", "ipv6", "254", f"{to6}/64", "1024"),
                "via": "2001:db8::1",
                "metric": 1024,
            },
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
