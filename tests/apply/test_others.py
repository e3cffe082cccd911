"""Apply leaves alone what others put on the host's devices, and does to it what the document says.

What ip(8) shows of it before a change is compared with what it shows after.
"""

from __future__ import annotations

import pytest

from tests.support import namespaces

from .box import WORLD, Box, boxed, ip, output
from .host import wait
from .others import (
    ADDRESSES,
    ALL,
    MORE_ADDRESSES,
    NEIGHBORS,
    ROUTES,
    RULES,
    SAID,
    V4,
    V6,
    card,
    done,
    first_address,
    lost,
    many,
    put_there,
    same,
    seen,
)

pytestmark = pytest.mark.skipif(namespaces.missing() is not None, reason=str(namespaces.missing()))

# --- what the document does not say ---------------------------------------------------------------


def test_what_the_document_does_not_say_is_no_reason_to_touch_anything() -> None:
    """Broadcast, label, scope, flags, lifetimes, metrics, marks: others chose them."""

    def body(box: Box) -> None:
        theirs = (
            "address add 192.0.2.10/24 dev eth0 scope link label eth0:x metric 77 noprefixroute",
            "address add 192.0.2.11/25 brd 192.0.2.9 dev eth0 preferred_lft 0",
            "address add 10.9.0.1 peer 10.9.0.2/24 dev eth0",
            "address add 2001:db8::10/64 dev eth0 nodad noprefixroute metric 77 home",
            "address add 2001:db8::11 peer 2001:db8:1::1/64 dev eth0 nodad preferred_lft 0",
            "route add 10.0.0.0/8 dev eth0 proto 186 scope host src 192.0.2.10 mtu 1400 realms 3",
            "route add 10.1.0.0/16 via 192.0.2.7 onlink dev eth0 quickack 1 advmss 1000",
            (
                "route add 10.2.0.0/16 nexthop via 192.0.2.8 dev eth0 onlink weight 9 "
                "nexthop via 192.0.2.7 dev eth0 onlink"
            ),
            "nexthop add id 5 via 192.0.2.7 dev eth0 onlink",
            "route add 10.3.0.0/16 nhid 5",
            "route add 2001:db8:9::/48 via fe80::1 dev eth0 onlink pref high proto 186 hoplimit 9",
            "rule add from 192.0.2.10 lookup 100 priority 1000 protocol 186",
            "neighbor add 2001:db8::50 lladdr 02:00:00:00:00:50 dev eth0 nud permanent router",
            "neighbor add proxy 192.0.2.51 dev eth0",
        )
        put_there(theirs)
        document = card(
            *(V4, "192.0.2.11/25", "10.9.0.1/24", V6, "2001:db8::11/64"),
            routes=[
                {"to": "10.0.0.0/8"},
                {"to": "10.1.0.0/16", "via": "192.0.2.7"},
                {"to": "10.2.0.0/16", "nexthops": [{"via": "192.0.2.8"}, {"via": "192.0.2.7"}]},
                {"to": "10.3.0.0/16", "via": "192.0.2.7"},
                {"to": "2001:db8:9::/48", "via": "fe80::1"},
            ],
            **{
                "routing-policy": [{"priority": 1000, "from": "192.0.2.10/32", "table": 100}],
                "neighbors": [
                    {"address": "2001:db8::50", "macaddress": "02:00:00:00:00:50"},
                    {"address": "192.0.2.51", "proxy": True},
                ],
            },
        )
        done(box, card())
        before = seen(box, kernel=True)
        assert box.steps(document) == []
        done(box, document)
        assert seen(box, kernel=True) == before
        # and it is nobody's to remove, when the document is silent again
        done(box, card())
        assert seen(box, kernel=True) == before

    boxed(body)


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ({"arp": False}, ()),
        ({"macaddress": "02:00:00:00:aa:01"}, ("neighbor add 192.0.2.55 dev eth0 managed",)),
    ],
)
def test_neighbours_survive_what_makes_the_kernel_forget(
    said: dict[str, object], more: tuple[str, ...]
) -> None:
    def body(box: Box) -> None:
        put_there(ADDRESSES, NEIGHBORS, more)
        done(box, card())
        before = seen(box)
        done(box, card(**said))
        assert not lost(before, seen(box))
        assert ("managed" in output("ip neighbor show")) is bool(more)

    boxed(body)


def test_an_address_that_was_lent_is_given_up_at_peace() -> None:
    """A document that has it makes it last; when it is silent again, nobody can lend it anew."""

    def body(box: Box) -> None:
        lent = "dev eth0 valid_lft 3000 preferred_lft 2000"
        put_there(
            [f"address add 192.0.2.11/24 {lent}", f"address add 2001:db8::11/64 {lent} nodad"]
        )
        done(box, card())
        done(box, card("192.0.2.11/24", "2001:db8::11/64"))
        assert "dynamic" not in output("ip address show dev eth0")
        done(box, card())
        done(box, card(mtu=1400))

    boxed(body)


@pytest.mark.parametrize("promote", [0, 1])
@pytest.mark.parametrize("name", SAID)
def test_what_it_says_of_an_address_is_done_to_that_alone(name: str, promote: int) -> None:
    said, word, value = SAID[name]
    local = said["address"].partition("/")[0]
    # the kernel has addresses of one subnet in one scope only
    further = [line for line in MORE_ADDRESSES if name != "scope" or " 192.0.2." not in line]

    def body(box: Box) -> None:
        output(f"sysctl -qw net.ipv4.conf.all.promote_secondaries={promote}")
        put_there(ADDRESSES, further, ROUTES, NEIGHBORS, RULES)
        done(box, {"version": 1, "interfaces": {"eth0": {}}})
        before, source = seen(box), first_address(box)
        text = done(box, card(said))
        after = seen(box)
        gone = [entry for entry in lost(before, after) if f'"local": "{local}"' not in entry]
        assert not gone, (gone, text)
        assert [len(after[kind]) for kind in after] == [len(before[kind]) for kind in before]
        (address,) = [
            a for a in box.ip("address show dev eth0")[0]["addr_info"] if a["local"] == local
        ]
        assert address[word] == value
        if name != "no prefix route":  # then there is none to take it from
            assert first_address(box) == source
        assert box.vnetc("rollback").code == 0
        same(before, seen(box))

    boxed(body)


def test_what_it_says_of_an_address_no_more_goes_back_to_what_it_was() -> None:
    def body(box: Box) -> None:
        put_there(ALL)
        done(box, card())
        before = seen(box, kernel=True)
        for said, *_ in SAID.values():
            if said["address"] in (V4, V6) and "peer" not in said and "scope" not in said:
                done(box, card(said))
        assert seen(box) != before
        for document in (card(V4, V6), card()):
            done(box, document)
            assert seen(box, kernel=True) == before

    boxed(body)


def test_a_default_that_is_written_out_is_said() -> None:
    def body(box: Box) -> None:
        put_there(["address add 192.0.2.10/24 dev eth0 noprefixroute scope link"])
        done(box, card(V4))
        assert box.steps(card({"address": V4, "scope": "link"})) == []
        done(box, card({"address": V4, "noprefixroute": False, "scope": "global"}))
        (address, *_) = box.ip("-4 address show dev eth0")[0]["addr_info"]
        assert address["scope"] == "global" and "noprefixroute" not in address

    boxed(body)


def test_a_route_of_others_is_changed_in_what_is_said_and_stays_theirs() -> None:
    def body(box: Box) -> None:
        put_there(ADDRESSES, ["route add default via 192.0.2.1 proto 186 mtu 1400 src 192.0.2.10"])
        done(box, card())
        before = seen(box)
        done(box, card(V4, routes=[{"to": "default", "via": "192.0.2.2", "advmss": 1000}]))
        (route,) = box.ip("-N -d route show default")
        assert (route["gateway"], route["protocol"], route["prefsrc"]) == (
            *("192.0.2.2", "186", "192.0.2.10"),
        )
        assert route["metrics"] == [{"mtu": 1400, "advmss": 1000}]
        done(box, card())
        assert seen(box) == before

    boxed(body)


def test_an_address_of_ours_follows_the_document_in_all() -> None:
    def body(box: Box) -> None:
        ip("link set eth0 up", "link set eth1 up")
        done(box, card({"address": V4, "label": "eth0:1", "broadcast": False}))
        put_there(["route add default via 192.0.2.1"], many(5)[:5])
        before = seen(box)["routes"]
        done(box, card(V4))
        (address, *_) = box.ip("-4 address show dev eth0")[0]["addr_info"]
        assert (address["label"], address["broadcast"]) == ("eth0", "192.0.2.255")
        assert seen(box)["routes"] == before

    boxed(body)


@pytest.mark.parametrize("promote", [0, 1])
def test_addresses_of_others_stay_behind_one_of_ours_that_goes(promote: int) -> None:
    def body(box: Box) -> None:
        output(f"sysctl -qw net.ipv4.conf.all.promote_secondaries={promote}")
        ip("link set eth0 up")
        done(box, card(V4, "192.0.2.20/24"))
        put_there(
            ["address add 192.0.2.11/24 dev eth0", "address add 192.0.2.12/24 dev eth0"],
            ["route add default via 192.0.2.1", "route add 10.0.0.0/8 dev eth0 src 192.0.2.11"],
            many(5)[:5],
        )
        before = seen(box)
        done(box, card("192.0.2.20/24"))
        done(box, card())
        gone = [entry for entry in lost(before, seen(box)) if '"local": ' not in entry]
        assert not gone
        after = [a["local"] for a in box.ip("-4 address show dev eth0")[0]["addr_info"]]
        assert after == ["192.0.2.11", "192.0.2.12"]

    boxed(body)


def test_an_address_that_somebody_else_has_is_left_as_it_is() -> None:
    """Of which others are still asked (tentative), or have answered (dadfailed)."""

    def body(box: Box) -> None:
        put_there([])
        done(box, card())
        ip("address add 2001:db8::66/64 dev eth0 nodad", netns=WORLD)
        ip("address add 2001:db8::66/64 dev eth0")
        for word in ("tentative", "dadfailed"):
            wait(lambda word=word: word in output("ip -6 address show dev eth0"))
            assert box.steps(card("2001:db8::66/64")) == []

    boxed(body)


# --- many ------------------------------------------------------------------------------------------

MANY = 5000


@pytest.mark.parametrize("name", [None, "label", "scope", "no prefix route of IPv6", "home"])
def test_five_thousand_routes_live_on(name: str | None) -> None:
    def body(box: Box) -> None:
        put_there(ADDRESSES, ["route add default via 192.0.2.1"], many(MANY))
        done(box, {"version": 1, "interfaces": {"eth0": {}}})
        before = seen(box, kernel=True)
        assert len(box.ip("route show table main proto 186")) == MANY
        done(box, card(V4, V6) if name is None else card(SAID[name][0]))
        after = seen(box, kernel=True)
        gone = [entry for entry in lost(before, after) if '"local": ' not in entry]
        assert len(gone) == (name == "no prefix route of IPv6"), gone
        assert [entry for entry in lost(after, before) if '"local": ' not in entry] == []

    boxed(body)
