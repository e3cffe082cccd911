"""Connections that run while apply changes things: those of guests, and the host's own.

Four of them for what is not related to them: of a guest at a bridge, of one behind a NAT network, to
one that is published there, and the host's. Then those that a change is about: an address that moves
to a bridge, routes that move to other gateways and devices.
"""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest

from tests.lab.trials.reload import put

from .box import WORLD, Box, Connection, boxed, go_on, ip, output
from .host import wait

pytestmark = pytest.mark.usefixtures("sandboxes")

# Guests bring their own devices, as libvirt does: no document names vnet0 and vnet1.
GUESTS = {"vnet0": ("guest0", "br0"), "vnet1": ("guest1", "vms")}
BASE: dict[str, Any] = {
    "version": 1,
    "interfaces": {
        "eth0": {},
        "br0": {
            "type": "bridge",
            "ports": ["eth0"],
            "addresses": ["203.0.113.2/24"],
            "routes": [{"to": "default", "via": "203.0.113.1"}],
        },
        "eth1": {"addresses": ["198.51.100.2/24"]},
        "eth2": {},
        "br1": {"type": "bridge", "addresses": ["10.1.0.1/24"]},
        "v0": {"type": "veth", "peer": "v1"},
        "v1": {"type": "veth", "peer": "v0"},
    },
    "networks": {
        "vms": {
            "mode": "nat",
            "subnet": "192.168.122.0/24",
            "dhcp": {"range": "192.168.122.100 - 192.168.122.200"},
            "publish": [{"protocol": "tcp", "port": 8080, "to": "192.168.122.10:80"}],
        },
        "lab": {
            "mode": "nat",
            "subnet": "10.5.0.0/24",
            "dhcp": {"range": "10.5.0.100 - 10.5.0.200"},
            "publish": [{"protocol": "tcp", "port": 8081, "to": "10.5.0.10:80"}],
        },
    },
}
# What changes, where, and to what; None takes it away.
UNRELATED: dict[str, tuple[str, Any]] = {
    # the bridge that carries the traffic
    "ageing time": ("interfaces br0 ageing-time", "100s"),
    "forward delay": ("interfaces br0 forward-delay", "4s"),
    "hello time": ("interfaces br0 hello-time", "1s"),
    "maximum age": ("interfaces br0 max-age", "12s"),
    "priority": ("interfaces br0 priority", 4096),
    "STP that is off": ("interfaces br0 stp", False),
    "forwarded groups": ("interfaces br0 group-forward-mask", 8),
    "snooping": ("interfaces br0 multicast-snooping", False),
    "querier": ("interfaces br0 multicast-querier", True),
    "query interval": ("interfaces br0 multicast-query-interval", "60s"),
    "description": ("interfaces br0 description", "guests"),
    "second address": ("interfaces br0 addresses", ["203.0.113.2/24", "203.0.113.3/24"]),
    "address of IPv6": ("interfaces br0 addresses", ["203.0.113.2/24", "2001:db8::2/64"]),
    "further subnet": ("interfaces br0 addresses", ["203.0.113.2/24", "10.9.0.1/24"]),
    "sysctl": ("interfaces br0 sysctl", {"ipv4": {"proxy_arp": 1}}),
    "neighbour": (
        "interfaces br0 neighbors",
        [{"address": "203.0.113.77", "macaddress": "52:54:00:00:00:77"}],
    ),
    "further route": (
        "interfaces br0 routes",
        [{"to": "default", "via": "203.0.113.1"}, {"to": "10.7.0.0/16", "via": "203.0.113.9"}],
    ),
    "rule": (
        "interfaces br0 routing-policy",
        [{"priority": 100, "from": "10.88.0.0/16", "table": 100}],
    ),
    "further port": ("interfaces br0 ports", ["eth0", "eth2"]),
    "port option of another": ("interfaces br0 ports", {"eth0": {}, "v0": {"hairpin": True}}),
    # other devices
    "MTU of a card": ("interfaces eth1 mtu", 1400),
    "MTU of a bridge": ("interfaces br1 mtu", 1400),
    "address of a card": ("interfaces eth1 addresses", ["198.51.100.3/25"]),
    "address of a card that goes": ("interfaces eth1 addresses", []),
    "route of a card": ("interfaces eth1 routes", [{"to": "10.8.0.0/16", "via": "198.51.100.9"}]),
    "card that is off": ("interfaces eth1", {"activation": "off"}),
    "card that leaves": ("interfaces eth1", None),
    "MAC address": ("interfaces br1 macaddress", "52:54:00:00:00:01"),
    "STP of another bridge": ("interfaces br1 stp", True),
    "bridge that goes": ("interfaces br1", None),
    "new bridge": ("interfaces br2", {"type": "bridge", "addresses": ["10.2.0.1/24"]}),
    "port of another bridge": ("interfaces br1 ports", ["eth2"]),
    "new VXLAN": (
        "interfaces vx0",
        {"type": "vxlan", "id": 7, "local": "198.51.100.2", "remote": "198.51.100.9"},
    ),
    "new MACVLAN": ("interfaces mv0", {"type": "macvlan", "link": "eth1", "mode": "bridge"}),
    "new tap": ("interfaces tap0", {"type": "tap"}),
    "loopback": ("interfaces lo", {"type": "loopback", "addresses": ["192.0.2.1/32"]}),
    # networks
    "new NAT network": ("networks web", {"mode": "nat", "subnet": "10.6.0.0/24"}),
    "new isolated network": ("networks web", {"mode": "isolated", "subnet": "10.6.0.0/24"}),
    "NAT network that goes": ("networks lab", None),
    "what another publishes": (
        "networks lab publish",
        [{"protocol": "udp", "port": 53, "to": "10.5.0.10:53"}],
    ),
    "subnet of another": ("networks lab", {"mode": "nat", "subnet": "10.55.0.0/24"}),
    "range of another": ("networks lab dhcp range", "10.5.0.50 - 10.5.0.60"),
    "range of its own": ("networks vms dhcp range", "192.168.122.50 - 192.168.122.60"),
    "reservation": (
        "networks vms dhcp reservations",
        [{"macaddress": "52:54:00:00:00:10", "address": "192.168.122.10"}],
    ),
    "no DHCP": ("networks vms dhcp", None),
    "one more published": (
        "networks vms publish",
        [
            {"protocol": "tcp", "port": 8080, "to": "192.168.122.10:80"},
            {"protocol": "tcp", "port": 8443, "to": "192.168.122.10:443"},
        ],
    ),
    "IPv6 of the network": ("networks vms subnet", ["192.168.122.0/24", "fd00:5::/64"]),
    "its addresses": (
        "networks vms addresses",
        ["192.168.122.1/24", "192.168.122.254/24"],
    ),
}
_NOTHING = {"STP that is off", "description"}  # nothing is to be done
_STAYS = {"MAC address"}  # what the kernel chose before, it does not choose again
_LONGEST = 200  # ms
_ATTEMPTS = 3  # a machine that is busy elsewhere makes pauses too, but not each time


def changed(document: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Give a document that differs in one key."""
    found = copy.deepcopy(document)
    put(found, place, value)
    return found


@pytest.fixture(scope="module")
def suffered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Try all of them on one host, there and back; give what each connection suffered."""
    path = tmp_path_factory.mktemp("traffic") / "found.json"

    def body(box: Box) -> None:
        _guests(box)
        connections = {
            "bridged": Connection("guest0", WORLD, "203.0.113.1"),
            "NAT": Connection("guest1", WORLD, "203.0.113.1"),
            "published": Connection(WORLD, "guest1", "203.0.113.2", 8080),
            "host": Connection(None, WORLD, "203.0.113.1"),
        }
        found: dict[str, Any] = {"control": _control(connections)}
        for name, (place, value) in UNRELATED.items():
            codes, said, one_by_one = set[int](), list[list[str]](), dict[str, Any]()
            # what stays is changed once alone
            for _ in range(1 if name in _STAYS else _ATTEMPTS):
                before = {kind: one.mark() for kind, one in connections.items()}
                done = [box.put(changed(BASE, place, value)), box.put(BASE)]
                go_on([*connections.values()])
                codes |= {one.code for one in done}
                said.append([one.text for one in done])
                one_by_one = {kind: one.suffered(before[kind]) for kind, one in connections.items()}
                if all(map(_is_untouched, one_by_one.values())):
                    break
            found[name] = {"codes": [*codes], "said": said, "suffered": one_by_one}
        path.write_text(json.dumps(found))

    boxed(body)
    return dict(json.loads(path.read_text()))


def _guests(box: Box) -> None:
    done = box.put(BASE)
    assert done.code == 0, done.text
    ip("address add 203.0.113.1/24 dev eth0", netns=WORLD)
    for device, (guest, bridge) in GUESTS.items():
        ip(f"netns add {guest}", f"link add {device} type veth peer eth0 netns {guest}")
        ip("link set lo up", "link set eth0 up", netns=guest)
        ip(f"link set {device} master {bridge} up")
    ip("address add 203.0.113.10/24 dev eth0", netns="guest0")
    ip(
        "address add 192.168.122.10/24 dev eth0",
        "route add default via 192.168.122.1",
        netns="guest1",
    )


def _control(connections: dict[str, Connection]) -> dict[str, Any]:
    """Interrupt them for a moment: what is measured must show it."""
    before = {kind: one.mark() for kind, one in connections.items()}
    ip("link set eth0 down")
    time.sleep(0.5)
    ip("link set eth0 up")
    time.sleep(2)  # until the patience of the senders ends again
    found = {kind: one.suffered(before[kind]) for kind, one in connections.items()}
    wait(lambda: _is_calm([*connections.values()]), 60)
    return found


def _is_calm(connections: list[Connection]) -> bool:
    """Tell whether connections suffer nothing for a while."""
    marks = [one.mark() for one in connections]
    go_on(connections)
    suffered = [one.suffered(mark) for one, mark in zip(connections, marks, strict=True)]
    return all(map(_is_untouched, suffered))


def _is_untouched(one: dict[str, Any]) -> bool:
    return one["retransmitted"] == one["timeouts"] == one["error"] == 0 and one["gap"] < _LONGEST


@pytest.mark.parametrize("name", UNRELATED)
def test_connections_survive_what_is_unrelated(name: str, suffered: dict[str, Any]) -> None:
    found = suffered[name]
    assert found["codes"] == [0], found["said"]
    for texts in found["said"]:
        nothing = [text.startswith("nothing to change") for text in texts]
        assert nothing == [name in _NOTHING, name in _NOTHING | _STAYS], texts
    for kind, one in found["suffered"].items():
        assert _is_untouched(one), (kind, one)


def test_an_interruption_would_be_seen(suffered: dict[str, Any]) -> None:
    for kind, one in suffered["control"].items():
        assert one["gap"] > _LONGEST and one["retransmitted"] and one["timeouts"], (kind, one)


# --- what is about the connection -----------------------------------------------------------------

_DEFAULT = {"to": "default", "via": "203.0.113.1"}
_SECOND = {"to": "default", "via": "203.0.113.254"}  # the world's second address there
_DETOUR = {"to": "default", "via": "198.51.100.1"}  # at the other card


def _card(*routes: dict[str, Any], address: Any = "203.0.113.2/24", **more: Any) -> dict[str, Any]:
    """Give a host with an address on its card, and a second card."""
    return _host(eth0={"addresses": [address], "routes": [*routes], **more})


def _bridge(
    *routes: dict[str, Any], address: Any = "203.0.113.2/24", **more: Any
) -> dict[str, Any]:
    """Give the same with the card as a port of a bridge."""
    port = {"type": "bridge", "ports": ["eth0"], "addresses": [address], "routes": [*routes]}
    return _host(eth0={}, br0={**port, **more})


def _host(**interfaces: Any) -> dict[str, Any]:
    second = {"addresses": ["198.51.100.2/24"]}
    return {"version": 1, "interfaces": {"eth1": second, **interfaces}}


def _at_second(*routes: dict[str, Any]) -> dict[str, Any]:
    found = _card()
    found["interfaces"]["eth1"]["routes"] = [*routes]
    return found


_NEAR, _FAR, _V6 = "203.0.113.1", "198.18.0.1", "2001:db8::1"
_6 = "2001:db8::2/64"
MOVES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "address to a bridge": (_NEAR, _card(), _bridge()),
    "address and route to a bridge": (_FAR, _card(_DEFAULT), _bridge(_DEFAULT)),
    "bridge with options": (_FAR, _card(_DEFAULT), _bridge(_DEFAULT, **{"ageing-time": "60s"})),
    # not asked for again: the kernel would not use it for a second or two, addrconf_dad_start
    "address of IPv6 to a bridge": (_V6, _card(address=_6), _bridge(address=_6)),
    "other gateway": (_FAR, _card(_DEFAULT), _card(_SECOND)),
    "other metric": (_FAR, _card(_DEFAULT), _card({**_DEFAULT, "metric": 50})),
    "other card": (_FAR, _card(_DEFAULT), _at_second(_DETOUR)),
    "gateways at both": (
        _FAR,
        _card(_DEFAULT),
        _card({"to": "default", "nexthops": [{"via": "203.0.113.1"}, {"via": "203.0.113.254"}]}),
    ),
    "rule and table": (
        _FAR,
        _card(_DEFAULT),
        _card(
            {**_SECOND, "table": 100},
            **{"routing-policy": [{"priority": 100, "from": "203.0.113.2/32", "table": 100}]},
        ),
    ),
    "shorter prefix": (_NEAR, _card(), _card(address="203.0.113.2/25")),
    "MTU": (_FAR, _card(_DEFAULT), _card(_DEFAULT, mtu=1400)),
}


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Make all moves with a connection of the host, there and back."""
    path = tmp_path_factory.mktemp("moves") / "found.json"

    def body(box: Box) -> None:
        ip(
            "address add 203.0.113.1/24 dev eth0",
            "address add 203.0.113.254/24 dev eth0",
            "address add 2001:db8::1/64 dev eth0 nodad",
            "address add 198.51.100.1/24 dev eth1",
            "address add 198.18.0.1/32 dev lo",
            netns=WORLD,
        )
        for place in ("all", "eth0", "eth1", "default"):  # ways there and back may differ
            output(f"sysctl -qw net.ipv4.conf.{place}.rp_filter=0")
        found: dict[str, Any] = {}
        for name, (address, before, after) in MOVES.items():
            for _ in range(_ATTEMPTS):
                found[name] = _move(box, address, before, after)
                if not any(one["timeouts"] or one["gap"] >= _LONGEST for one in found[name]):
                    break
        # a control: as one who does it by hand does it
        box.start(_card(_DEFAULT))
        connection = Connection(None, WORLD, _FAR)
        mark = connection.mark()
        ip("address flush dev eth0", "link add br0 type bridge", "link set eth0 master br0")
        time.sleep(0.5)
        ip(
            "link set br0 up",
            "address add 203.0.113.2/24 dev br0",
            "route add default via 203.0.113.1",
        )
        time.sleep(2)
        found["control"] = [connection.suffered(mark)]
        path.write_text(json.dumps(found))

    boxed(body)
    return dict(json.loads(path.read_text()))


def _move(
    box: Box, address: str, before: dict[str, Any], after: dict[str, Any]
) -> list[dict[str, Any]]:
    """Move an address or a route there and back, and say what a connection has suffered."""
    box.start(before)
    wait(lambda: "tentative" not in output("ip -6 address show dev eth0"))
    connection = Connection(None, WORLD, address)
    found = []
    for document in (after, before):
        mark = connection.mark()
        done = box.put(document)
        go_on([connection])
        found.append({**connection.suffered(mark), "code": done.code, "said": done.text})
    connection.close()
    return found


@pytest.mark.parametrize("name", MOVES)
def test_no_sender_loses_patience_when_its_address_or_route_moves(
    name: str, moved: dict[str, Any]
) -> None:
    for one in moved[name]:
        assert one["code"] == 0, one["said"]
        assert not one["said"].startswith("nothing"), one["said"]
        assert one["error"] == one["timeouts"] == 0, one
        assert one["gap"] < _LONGEST, one


def test_one_who_does_it_by_hand_loses_it(moved: dict[str, Any]) -> None:
    (one,) = moved["control"]
    assert one["timeouts"] and one["gap"] > _LONGEST, one
