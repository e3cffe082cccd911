"""What the kernel takes along with what apply changes: others have it afterwards, or all is as before.

What ip(8) shows of it before a change is compared with what it shows after.
"""

from __future__ import annotations

import signal
from typing import Any

import pytest
from vnetc.backends.netlink.objects import addresses

from tests.support import namespaces

from .box import WORLD, Box, Connection, after_step, boxed, go_on, ip, myself, once, output
from .others import (
    ADDRESSES,
    ALL,
    MORE_ADDRESSES,
    NEIGHBORS,
    SAID,
    V4,
    V6,
    bridge,
    card,
    done,
    first_address,
    lost,
    many,
    put_there,
    same,
    seen,
    settle,
)

pytestmark = pytest.mark.skipif(namespaces.missing() is not None, reason=str(namespaces.missing()))

# --- what falls by the kernel's doing --------------------------------------------------------------


@pytest.mark.parametrize(
    "theirs",
    [
        "route add default via 192.0.2.1",
        "route add default via 192.0.2.1 metric 100 proto 16",
        "route add default via 192.0.2.1 table 100",
        "route add default nexthop via 192.0.2.1 nexthop via 192.0.2.2",
    ],
)
def test_a_default_route_is_never_lost(theirs: str) -> None:
    """The document takes away what it needs: refused, until it says the route or that it may go."""

    def body(box: Box) -> None:
        put_there(["address add 192.0.2.10/24 dev eth0", theirs])
        before = seen(box, kernel=True)
        found = box.put(bridge(), "--yes")
        assert found.code == 2, found.text
        assert "VN618" in found.text and "route default" in found.text, found.text
        same(before, seen(box, kernel=True))
        if "proto 16" in theirs:
            ip("route delete default metric 100")
        done(box, bridge(), "--prune-foreign")
        assert not box.ip("route show table all default")

    boxed(body)


def test_nor_one_whose_source_goes() -> None:
    def body(box: Box) -> None:
        put_there(["address add 198.51.100.1/24 dev eth1"])
        done(box, card(V4, "192.0.2.77/24"))
        put_there(["route add default via 198.51.100.8 src 192.0.2.77"])
        before = seen(box, kernel=True)
        found = box.put(card(V4), "--yes")
        assert found.code == 2 and "VN618" in found.text, found.text
        same(before, seen(box, kernel=True))
        done(box, card("192.0.2.77/24"))
        assert box.ip("route show default")

    boxed(body)


def test_a_default_route_that_the_document_has_another_of_is_in_the_plan() -> None:
    def body(box: Box) -> None:
        put_there(
            ["address add 192.0.2.10/24 dev eth0", "route add default via 192.0.2.1 metric 100"]
        )
        document = bridge(routes=[{"to": "default", "via": "192.0.2.1"}])
        steps = [s for s in box.steps(document) if s["key"][0] == "route"]
        assert [(s["action"], s["key"][4], s["impact"]) for s in steps] == [
            ("+", "0", "seamless"),
            ("-", "100", "disruptive"),
        ]
        done(box, document)
        (route,) = box.ip("route show default")
        assert route["dev"] == "br0"
        assert box.vnetc("rollback").code == 0
        (route,) = box.ip("route show default")
        assert (route["dev"], route["metric"]) == ("eth0", 100)

    boxed(body)


def test_what_needs_no_address_of_its_device_lives_on_without() -> None:
    """The last address moves away: the kernel flushes the routes and the neighbours of the card."""

    def body(box: Box) -> None:
        theirs = [
            "route add 10.4.0.0/16 dev eth0 table 4000 proto 186",
            "route add 203.0.113.1 dev eth0",
            "route add default via 203.0.113.1 dev eth0",
            "route add 10.5.0.0/16 via 203.0.113.9 dev eth0 onlink",
            "neighbor add 203.0.113.50 lladdr 02:00:00:00:00:50 dev eth0 nud permanent",
            "neighbor add proxy 203.0.113.51 dev eth0",
        ]
        put_there(["address add 192.0.2.10/24 dev eth0"], theirs, many(500)[:500])
        before = seen(box)
        text = done(box, bridge())
        after = seen(box)
        gone = [entry for entry in lost(before, after) if '"local": ' not in entry]
        assert len(gone) == 500 and all('"protocol": "186"' in entry for entry in gone), text
        assert box.vnetc("rollback").code == 0
        same(before, seen(box))

    boxed(body)


def test_the_last_address_is_replaced_and_all_routes_live_on() -> None:
    """Another address, another prefix length, another peer; none of them is said of the routes."""

    def body(box: Box) -> None:
        put_there(["address add 192.0.2.10/24 dev eth0", "address add 2001:db8::10/64 dev eth0"])
        put_there(
            ["route add default via 192.0.2.1", "route add default via 2001:db8::1"], many(50)
        )
        done(box, card(V4, V6), "--adopt")
        before = seen(box)
        for some in (
            ["192.0.2.11/24", "2001:db8::11/64"],
            ["192.0.2.11/25", "2001:db8::11/48"],
            ["192.0.2.12/24", "2001:db8::11/64"],
            [{"address": "192.0.2.12/24", "peer": "192.0.2.1/24"}, V6],
            [{"address": "192.0.2.12/24", "peer": "192.0.2.2/24"}, V6],
            [V4, V6],
        ):
            done(box, card(*some))
            gone = [entry for entry in lost(before, seen(box)) if '"local": ' not in entry]
            assert not gone, some

    boxed(body)


def test_an_order_of_addresses_costs_no_route() -> None:
    def body(box: Box) -> None:
        put_there(ALL)
        done(box, card())
        before = seen(box)
        assert first_address(box) == "192.0.2.10"
        done(box, card("192.0.2.12/24", V4))
        assert first_address(box) == "192.0.2.12"
        gone = [entry for entry in lost(before, seen(box)) if '"local": ' not in entry]
        assert not gone
        assert box.vnetc("rollback").code == 0
        same(before, seen(box))
        assert first_address(box) == "192.0.2.10"

    boxed(body)


def test_a_device_on_the_card_keeps_its_routes() -> None:
    def body(box: Box) -> None:
        put_there(ALL)
        ip("link add mv0 link eth0 type macvlan", "link set mv0 up")
        put_there(
            ["address add 10.66.0.1/24 dev mv0", "address add 2001:db8:66::1/64 dev mv0"],
            [
                "route add 10.77.0.0/16 via 10.66.0.9",
                "route add 2001:db8:77::/48 via 2001:db8:66::9",
            ],
        )
        done(box, card())
        before = seen(box)
        for said in ("label", "other subnet of IPv6"):
            for more in ({}, {"mtu": 1400}, {"mtu": 1280}):
                done(box, card(SAID[said][0], **more))
                gone = [entry for entry in lost(before, seen(box)) if '"local": ' not in entry]
                assert not gone, (said, more)

    boxed(body)


VXLAN = {"type": "vxlan", "id": 7, "group": "239.1.1.1", "link": "eth0", "accept-ra": False}


def vxlan(**more: Any) -> dict[str, Any]:
    return {"version": 1, "interfaces": {"eth0": {"addresses": [V4]}, "vx0": {**VXLAN, **more}}}


ON_VXLAN = (
    "address add 10.5.0.1/24 dev vx0",
    "address add 2001:db8:5::1/64 dev vx0",
    "address add 2001:db8:5::2/64 dev vx0 preferred_lft 0",
    "route add default via 10.5.0.9",
    "route add default via 10.5.0.9 table 100 proto 16",
    "route add 10.6.0.0/16 via 10.5.0.9 proto 186",
    "route add 10.7.0.0/16 nexthop via 10.5.0.9 nexthop via 192.0.2.9",
    "route add 10.8.0.0/16 dev eth0 src 10.5.0.1",
    "nexthop add id 5 via 10.5.0.9 dev vx0",
    "nexthop add id 6 via 192.0.2.9 dev eth0",
    "nexthop add id 7 group 5/6,3",
    "nexthop add id 8 group 5",
    "route add 10.9.0.0/16 nhid 5",
    "route add 10.10.0.0/16 nhid 7",
    "route add 10.11.0.0/16 nhid 8",
    "route add default via 2001:db8:5::9",
    "route add 2001:db8:6::/48 via 2001:db8:5::9 src 2001:db8:5::1",
    "route add 2001:db8:7::/48 nexthop via 2001:db8:5::9 nexthop via 2001:db8::9 dev eth0 onlink",
    "route add 2001:db8:9::/48 via 2001:db8:5::9 expires 900",
    "neighbor add 10.5.0.50 lladdr 02:00:00:00:00:50 dev vx0 nud permanent",
    "neighbor add 2001:db8:5::50 lladdr 02:00:00:00:00:50 dev vx0 nud permanent",
    "neighbor add proxy 10.5.0.51 dev vx0",
    "neighbor add proxy 2001:db8:5::51 dev vx0",
)


@pytest.mark.parametrize(
    "more", [{"group": "239.1.1.2"}, {"id": 8}], ids=["down for a moment", "made anew"]
)
def test_what_is_on_a_device_that_goes_down_comes_back(more: dict[str, Any]) -> None:
    def body(box: Box) -> None:
        ip("link set eth0 up")
        done(box, vxlan())
        put_there(ON_VXLAN[:3])
        put_there(ON_VXLAN[3:])
        before = seen(box)
        done(box, vxlan(**more))
        same(before, seen(box))
        assert box.vnetc("rollback").code == 0
        same(before, seen(box))

    boxed(body)


@pytest.mark.parametrize(
    "theirs",
    [
        ["address add 2001:db8::10/64 dev eth0"],
        ["route add 2001:db8:2::/48 via fe80::1 dev eth0"],
        ["route add default via fe80::1 dev eth0 table 100"],
        ["neighbor add 2001:db8::50 lladdr 02:00:00:00:00:50 dev eth0 nud permanent"],
        ["neighbor add 2001:db8::50 lladdr 02:00:00:00:00:50 dev eth0 nud noarp"],
        ["address add 2001:db8::11/64 dev eth0 nodad valid_lft 30000 preferred_lft 20000"],
        ["route add 2001:db8:1::/48 via 2001:db8::7 proto kernel"],
        ["neighbor add proxy 2001:db8::50 dev eth0"],
        many(3)[3:],
    ],
)
def test_the_end_of_ipv6_is_refused_where_others_have_it(theirs: list[str]) -> None:
    """Nobody could bring it back."""

    def body(box: Box) -> None:
        put_there([ADDRESSES[1]] if "via 2001:db8::7" in theirs[0] else [], theirs)
        done(box, card())
        before = seen(box, kernel=True)
        found = box.put(card(mtu=1200), "--yes")
        assert found.code == 2 and "VN618" in found.text, found.text
        same(before, seen(box, kernel=True))
        ip("address flush dev eth0", "route flush dev eth0 table all proto 3")
        output("ip -6 route flush table all proto 186")
        output("ip -6 route flush table all proto 3")
        output("ip -6 route flush table all proto kernel via 2001:db8::7")
        output("ip neighbor flush dev eth0 nud permanent")
        output("ip neighbor flush dev eth0 nud noarp")
        output(
            "ip -6 neighbor delete proxy 2001:db8::50 dev eth0" if "proxy" in theirs[0] else "true"
        )
        assert box.put(card(mtu=1200), "--yes").code == 0

    boxed(body)


def test_a_side_effect_that_nobody_foresaw_undoes_all() -> None:
    """A bridge of others has the MTU of its port, and that of the card that it is made on.

    Below 1280 it has no IPv6.
    """

    def body(box: Box) -> None:
        ip("link set eth0 up", "link add mv0 link eth0 type macvlan", "link add br9 type bridge")
        ip("link set mv0 master br9 up", "link set mv0 addrgenmode none", "link set br9 up")
        done(box, card())
        put_there(["address add 2001:db8::10/64 dev br9"])
        put_there(["route add 2001:db8:1::/48 via 2001:db8::7"])
        before, links = seen(box), box.ip("link show")
        found = box.put(card(mtu=1200), "--yes")
        assert found.code == 1 and "VN619" in found.text, found.text
        assert "br9 2001:db8::10/64" in found.text
        settle()
        same(before, seen(box))
        assert box.ip("link show") == links

    boxed(body)


def test_what_goes_while_apply_is_at_work_is_put_back() -> None:
    def body(box: Box) -> None:
        put_there(ALL, many(10))
        done(box, card())
        before = seen(box)
        done_by_others = after_step(0, once(lambda: output("ip route flush proto 186")))
        found = box.put(card({"address": V4, "label": "eth0:1"}), "--yes", prepare=done_by_others)
        assert found.code == 0, found.text
        assert [entry for entry in lost(before, seen(box)) if '"local": ' not in entry] == []

    boxed(body)


# --- traffic ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("promote", [0, 1])
def test_connections_live_on_while_their_address_is_made_anew(promote: int) -> None:
    def body(box: Box) -> None:
        output(f"sysctl -qw net.ipv4.conf.all.promote_secondaries={promote}")
        ip(
            "address add 192.0.2.1/24 dev eth0",
            "address add 2001:db8::1/64 dev eth0 nodad",
            "address add 198.18.0.1/32 dev lo",
            netns=WORLD,
        )
        put_there(ADDRESSES, MORE_ADDRESSES, ["route add default via 192.0.2.1"])
        done(box, card())
        near, far = Connection(None, WORLD, "192.0.2.1"), Connection(None, WORLD, "198.18.0.1")
        six, second = Connection(None, WORLD, "2001:db8::1"), Connection(WORLD, None, "192.0.2.11")
        for said in ("label", "broadcast", "metric", "other subnet of IPv6", "peer of IPv6"):
            for document in (card(SAID[said][0]), card()):
                connections = (near, far, six, second)
                marks = [one.mark() for one in connections]
                done(box, document)
                go_on(connections)
                for one, mark in zip(connections, marks, strict=True):
                    suffered = one.suffered(mark)
                    assert suffered["error"] == suffered["timeouts"] == 0, (said, suffered)

    boxed(body)


# --- what goes wrong --------------------------------------------------------------------------------


def test_a_scope_that_others_in_the_subnet_cannot_have_is_refused() -> None:
    def body(box: Box) -> None:
        put_there(ALL)
        done(box, card())
        before = seen(box, kernel=True)
        found = box.put(card({"address": V4, "scope": "link"}), "--yes")
        assert found.code == 2 and "VN618" in found.text and "one scope" in found.text, found.text
        same(before, seen(box, kernel=True))

    boxed(body)


CHANGES: dict[str, dict[str, Any]] = {
    "label": card({"address": V4, "label": "eth0:1"}),
    "order": card("192.0.2.12/24", V4),
    "peer": card({"address": "10.9.0.1/32", "peer": "10.9.0.2/32", "broadcast": "10.9.0.9"}),
    "subnet of IPv6": card("2001:db8::10/48"),
    "to a bridge": bridge(
        addresses=[V4, "192.0.2.11/24", "192.0.2.12/24"],
        routes=[{"to": "default", "via": "192.0.2.1"}],
    ),
}
CHANGES["to a bridge"]["interfaces"]["br0"]["routes"] += [
    {"to": "default", "via": "192.0.2.7", "table": 100}
]


@pytest.mark.parametrize("name", CHANGES)
def test_killed_after_each_step(name: str) -> None:
    """Nothing of others is lost, and no address that held a place is left."""

    def body(box: Box) -> None:
        put_there(ALL, many(20))
        done(box, card())
        before, document = seen(box), CHANGES[name]
        for step in range(len(box.steps(document))):
            prepare = after_step(step, myself(signal.SIGKILL))
            assert box.put(document, "--yes", prepare=prepare).code == -signal.SIGKILL
            box.settled()
            settle()
            same(before, seen(box))
        done(box, document)
        assert box.vnetc("rollback").code == 0
        settle()
        same(before, seen(box))

    boxed(body)


def test_a_kernel_that_does_not_take_an_address_back() -> None:
    """The request that makes it anew fails: all falls that stood on it, and all comes back."""

    def body(box: Box) -> None:
        put_there([ADDRESSES[0], *MORE_ADDRESSES[:3]], ["route add default via 192.0.2.1"])
        put_there(many(1000)[:1000], NEIGHBORS[:1], NEIGHBORS[2:3])
        done(box, card())
        before = seen(box, kernel=True)
        plain = addresses.make_anew

        def broken(anew: Any, index: Any) -> Any:
            """Ask for labels that are too long."""
            return plain([(key, {**said, "label": "x" * 16}) for key, said in anew], index)

        def prepare() -> None:
            first = [broken]
            addresses.make_anew = lambda *words: (first.pop() if first else plain)(*words)

        document = card({"address": V4, "label": "eth0:1"})
        found = box.put(document, "--yes", prepare=prepare)
        assert found.code == 1 and "VN608" in found.text, found.text
        same(before, seen(box, kernel=True))

    boxed(body)
