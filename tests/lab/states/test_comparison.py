"""The lab sees what is wrong: programs' text is read right, and each kind of fault is found out."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.lab.case import Case, leases
from tests.lab.expected.by_hand import lacking, values
from tests.lab.expected.host import Lease, expect
from tests.lab.experiments import cases

from .comparison import compare, unequal
from .state import Key, State, interpret

DOCUMENT = """
version: 1
interfaces:
  eth0:
    addresses: [192.0.2.2/24, "2001:db8:7::2/64"]
    accept-ra: false
    nameservers: {addresses: [192.0.2.53, 192.0.2.54], search: [example.com]}
    routes: [{to: 10.0.0.0/8, via: 192.0.2.1, scope: site}]
  eth1:
    dhcp4: true
    dhcp4-overrides: {use-domains: route, use-mtu: true, send-hostname: true}
    accept-ra: false
  eth2:
    accept-ra: true
    ra-overrides: {table: 100}
    ipv6-address-generation: stable-privacy
  eth3: {}
  br0:
    type: bridge
    vlan-filtering: true
    ports: {eth3: {vlans: [10], pvid: 20, untagged: [20]}}
    vlans: [10]
    optional: false
"""
CASE = Case("comparison", DOCUMENT)
ROUTE = ("route", "ipv4 table 254", "10.0.0.0/8 dev eth0")


def specification() -> State:
    """State what the document above demands."""
    return expect(CASE.host, leases(CASE.host))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (("address", "eth0", "192.0.2.2/24"), None),
        (("address", "eth0", "192.0.2.2/24"), "scope global broadcast deprecated"),
        (("address", "eth0", "192.0.2.2/24"), "scope global broadcast dynamic"),
        (("address", "eth0", "192.0.2.9/24"), "scope global broadcast"),
        (("address", "eth1", "198.18.0.50/24"), "scope global broadcast"),
        (("address", "eth2", "2001:db8:2::/64, of a secret"), None),
        (("address", "eth2", "2001:db8:2::/64, of the MAC address"), "scope global dynamic"),
        (ROUTE, None),
        (ROUTE, "scope global via 192.0.2.1"),
        (ROUTE, "scope site via 192.0.2.3"),
        (("route", "ipv4 table 7", "10.0.0.0/8 dev eth0"), "scope link"),
        (("route", "ipv6 table 254", "default dev eth2 metric 1024"), "via fe80::ff:fe00:203"),
        (("rule", "ipv4", "100"), "src=all table=7"),
        (("neighbour", "br0", "192.0.2.9"), "52:54:00:00:00:01"),
        (("link", "eth3", "master"), None),
        (("link", "eth0", "up"), "false"),
        (("link", "br1", "kind"), "bridge"),
        (("link", "br0", "mtu"), "1400"),
        (("link", "eth1", "mtu"), "1500"),
        (("link", "br0", "vlan_filtering"), "0"),
        (("link", "bond0", "mode"), "802.3ad"),
        (("vlan", "eth3", "10"), None),
        (("vlan", "eth3", "10"), "egress untagged"),
        (("vlan", "eth3", "20"), "egress untagged"),
        (("vlan", "eth3", "1"), "egress untagged pvid"),
        (("vlan", "eth3", "30"), ""),
        (("vlan", "br0", "10"), None),
        (("fdb", "eth3", "52:54:00:00:00:01 vlan 10"), "static"),
        (("dns", "eth0", "servers"), None),
        (("dns", "eth0", "servers"), "192.0.2.54 192.0.2.53"),
        (("dns", "eth0", "search"), "example.com example.net"),
        (("dns", "eth1", "search"), "lan0.example"),
        (("dns", "eth1", "domains"), None),
        (("ntp", "eth0", "servers"), "192.0.2.123"),
        (("lease", "eth1", "hostname"), "localhost"),
        (("boot", "br0", "waits"), None),
        (("sysctl", "all", "ipv4 forwarding"), "1"),
        (("sysctl", "eth2", "ipv6 addr_gen_mode"), "0"),
        (("nft", "inet vnetc_lan", "table vnetc_lan"), "{}"),
    ],
)
def test_comparison_finds(key: Key, value: str | None) -> None:
    """One renderer of two that lacks something, has it otherwise or has more of it is found out."""
    right = specification()
    wrong = {k: v for k, v in right.items() if k != key}
    if value is not None:
        wrong[key] = value
    assert right != wrong
    assert not compare(CASE.host, right, {"one": right, "two": right})
    assert compare(CASE.host, right, {"one": right, "two": wrong}).startswith(" ".join(key))


def _link(name: str, number: int, **more: object) -> dict[str, object]:
    return {
        "ifname": name,
        "ifindex": number,
        "flags": ["UP"],
        "mtu": 1500,
        "group": "0",
        "address": f"02:00:00:00:00:{number:02x}",
        **more,
    }


def _address(local: str, length: int, **more: object) -> dict[str, object]:
    forever = 0xFFFFFFFF
    lifetimes = {"valid_life_time": forever, "preferred_life_time": forever}
    return {"local": local, "prefixlen": length, "scope": "0", **lifetimes, **more}


_EMPTY = (
    *("vlan", "fdb", "mdb", "wireguard", "sysctl", "networkd", "resolvconf", "wait_online"),
    *("ifquery", "leases"),
)


def _raw(
    links: list[dict[str, object]] | None = None,
    addresses: Mapping[str, list[dict[str, object]]] | None = None,
    **texts: str,
) -> dict[str, str]:
    """Give what a runner collects of a host that has little."""
    listed = [{"ifname": n, "addr_info": a} for n, a in (addresses or {}).items()]
    rest = [json.dumps(part) for part in (listed, [], [], [], [])]
    ip4 = "\n".join([json.dumps(links or []), *rest])
    empty = dict.fromkeys(_EMPTY, "")
    return {"ip4": ip4, "ip6": "[]\n[]\n[]\n[]\n[]", "nft": '{"nftables": []}', **empty, **texts}


FILTER = _link("br0", 1, linkinfo={"info_kind": "bridge", "info_data": {"vlan_filtering": 1}})
PLAIN = _link("br1", 2, linkinfo={"info_kind": "bridge", "info_data": {"vlan_filtering": 0}})
PORT = _link("eth0", 3, master="br0")
VLANS = [
    {"ifname": "eth0", "vlans": [{"vlan": 1, "flags": ["PVID", "Egress Untagged"]}]},
    {"ifname": "br0", "vlans": [{"vlan": 10, "vlanEnd": 12}]},
    {"ifname": "br1", "vlans": [{"vlan": 1}]},
]
FDB = [
    {"mac": "02:00:00:00:00:03", "ifname": "eth0", "flags": [], "state": "permanent"},
    {"mac": "33:33:00:00:00:01", "ifname": "eth0", "flags": ["self"], "state": "permanent"},
    {"mac": "52:54:00:00:00:01", "ifname": "eth0", "flags": []},
    {
        "mac": "52:54:00:00:00:02",
        "ifname": "eth0",
        "flags": [],
        "state": "static",
        "vlan": 10,
    },
    {
        "mac": "00:00:00:00:00:00",
        "ifname": "vx0",
        "dst": "192.0.2.9",
        "flags": ["self"],
        "state": "permanent",
    },
]
MDB = [
    {
        "mdb": [
            {"port": "eth0", "grp": "239.1.1.1", "vid": 10, "state": "permanent"},
            {"port": "br0", "grp": "ff02::6a", "state": "temp"},
        ]
    }
]
NETWORKD = """\
/run/systemd/netif/links/3:REQUIRED_FOR_ONLINE=no
/run/systemd/netif/links/3:DNS=192.0.2.53 2001:db8::53
/run/systemd/netif/links/3:NTP=
/run/systemd/netif/links/3:ROUTE_DOMAINS=example.com
/run/systemd/netif/links/1:REQUIRED_FOR_ONLINE=yes
/run/systemd/netif/links/2:REQUIRED_FOR_ONLINE=yes
"""
WAIT_ONLINE = (
    "10-netplan.conf:ExecStart=/lib/systemd/systemd-networkd-wait-online -i br1:degraded\n"
)
RESOLVCONF = """\
/run/resolvconf/interfaces/eth0.inet:# Generated by ifup for eth0.inet
/run/resolvconf/interfaces/eth0.inet:search example.com
/run/resolvconf/interfaces/eth0.inet:nameserver 192.0.2.53
/run/resolvconf/interfaces/eth0:nameserver 192.0.2.54
"""
LEASES = """\
/run/wire/eth0.leases:1795394107 02:00:00:00:00:03 198.18.0.50 other ff:01
/run/wire/eth1.leases:1795394107 02:00:00:00:00:04 198.18.1.50 * ff:02
/run/wire/eth2.leases:duid 00:01:00:01:32:96:38:a8:02:00:00:00:01:02
/run/wire/eth2.leases:1795394107 1 2001:db8:3::50 lab 00:02
"""


def test_boot_is_not_of_netlink() -> None:
    """Of what is not a renderer's affair it says nothing, and that is no difference."""
    whole = specification()
    less = {key: value for key, value in whole.items() if key[0] != "boot"}
    assert compare(CASE.host, whole, {"networkd": whole, "netlink": less}) == ""
    assert "boot br0 waits" in compare(CASE.host, whole, {"networkd": less, "netlink": less})


def test_unequal() -> None:
    """What one of two states has and the other has not is a difference, also what nobody expects."""
    whole = specification()
    more = {**whole, ("nft", "inet left", "table left"): "{}"}
    assert unequal(CASE.host, {"before": whole, "after": dict(whole)}) == []
    assert unequal(CASE.host, {"before": whole, "after": more}) == [
        "nft inet left table left\n  before  -\n  after   {}"
    ]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (
            _raw([FILTER, PLAIN, PORT], vlan=json.dumps(VLANS)),
            {
                ("vlan", "eth0", "1"): "egress untagged pvid",
                **{("vlan", "br0", vid): "" for vid in ("10", "11", "12")},
            },
        ),
        (
            _raw([FILTER, PORT], fdb=json.dumps(FDB)),
            {
                ("fdb", "eth0", "52:54:00:00:00:02 vlan 10"): "static",
                ("fdb", "vx0", "00:00:00:00:00:00 dst 192.0.2.9"): "permanent self",
            },
        ),
        (
            _raw([FILTER, PORT], mdb=json.dumps(MDB) + "\n"),
            {("mdb", "eth0", "239.1.1.1 vid 10"): "permanent"},
        ),
        (
            _raw([FILTER, PLAIN, PORT], networkd=NETWORKD),
            {
                ("dns", "eth0", "servers"): "192.0.2.53 2001:db8::53",
                ("dns", "eth0", "domains"): "example.com",
                ("boot", "br0", "waits"): "true",
                ("boot", "br1", "waits"): "true",
            },
        ),
        (
            _raw([FILTER, PLAIN, PORT], networkd=NETWORKD, wait_online=WAIT_ONLINE),
            {
                ("dns", "eth0", "servers"): "192.0.2.53 2001:db8::53",
                ("dns", "eth0", "domains"): "example.com",
                ("boot", "br1", "waits"): "true",
            },
        ),
        (
            _raw([PORT], resolvconf=RESOLVCONF, ifquery="lo\neth0\n"),
            {
                ("dns", "eth0", "servers"): "192.0.2.53 192.0.2.54",
                ("dns", "eth0", "search"): "example.com",
                ("boot", "eth0", "waits"): "true",
            },
        ),
        (_raw(leases=LEASES), {("lease", "eth0", "hostname"): "other"}),
        (
            _raw(
                addresses={
                    "eth0": [
                        _address("192.0.2.2", 24, broadcast="192.0.2.255"),
                        _address("192.0.2.3", 32, preferred_life_time=0, deprecated=True),
                        _address("198.18.0.50", 24, preferred_life_time=3583, dynamic=True),
                        _address("fe80::ff:fe00:3", 64, scope="253"),
                        _address("fe80::1", 64, scope="253"),
                        _address("2001:db8:1::ff:fe00:3", 64, dynamic=True),
                        _address("2001:db8:1:0:a1b2::1234", 64, dynamic=True),
                        _address("2001:db8:1::77", 64, dynamic=True, metric=9),
                        _address("192.0.2.4", 24, broadcast="192.0.2.9", metric=7),
                        _address("2001:db8:1::5678", 64, dynamic=True, temporary=True),
                        _address("2001:db8:1::ff:fe00:4", 64),
                    ]
                }
            ),
            {
                ("address", "eth0", "192.0.2.2/24"): "scope global broadcast",
                ("address", "eth0", "192.0.2.3/32"): "scope global deprecated",
                ("address", "eth0", "198.18.0.50/24"): (
                    "scope global dynamic preferred for a time"
                ),
                ("address", "eth0", "link-local, of the MAC address"): "scope link",
                ("address", "eth0", "fe80::1/64"): "scope link",
                ("address", "eth0", "2001:db8:1::/64, of the MAC address"): "scope global dynamic",
                ("address", "eth0", "2001:db8:1::/64, of a secret"): "scope global dynamic",
                ("address", "eth0", "2001:db8:1::/64, of the token 0x77"): "scope global dynamic",
                ("address", "eth0", "192.0.2.4/24"): "scope global broadcast 192.0.2.9 metric 7",
                ("address", "eth0", "2001:db8:1::/64, of chance"): "scope global dynamic temporary",
                ("address", "eth0", "2001:db8:1::ff:fe00:4/64"): "scope global",
            },
        ),
    ],
    ids=["vlan", "fdb", "mdb", "networkd", "netplan", "resolvconf", "lease", "address"],
)
def test_interpret(raw: Mapping[str, str], found: State) -> None:
    """What the programs print comes out as the state that it means, and nothing besides."""
    state = interpret(raw, ("eth0",))
    assert {key: value for key, value in state.items() if key[0] != "link"} == found


def test_kind_data() -> None:
    """Of any kind of link its settings are read, and what only runs is not."""
    info = {"info_kind": "bond", "info_data": {"mode": "802.3ad", "active_slave": "eth0"}}
    state = interpret(_raw([_link("bond0", 1, linkinfo=info)]), ())
    assert state["link", "bond0", "mode"] == "802.3ad"
    assert ("link", "bond0", "active_slave") not in state


def test_lease() -> None:
    """Two interfaces never get the same, and a router's address is made of its MAC address."""
    one, two = Lease(0, 1), Lease(1, 2)
    assert one.address.network != two.address.network
    assert one.prefix != two.prefix
    assert two.router6 == "fe80::ff:fe00:202"


def test_values_by_hand_are_of_cases() -> None:
    assert values().keys() <= {case.name for case in cases()}
    assert sum(map(len, values().values())) >= 30


def test_a_value_by_hand_is_looked_for() -> None:
    """Whatever the lab's own reading makes of it."""
    route = {"dst": "10.20.0.0/16", "dev": "eth0", "flow": {"from": "3", "to": "7"}}
    turned = {**route, "flow": {"from": "7", "to": "3"}}
    rule = {"priority": 100, "src": "10.0.0.0", "srclen": 8, "table": "7", "protocol": "186"}
    rule |= {"flow_from": "3", "flow_to": "7"}
    right = {"ip4": f"{json.dumps([route])}\n{json.dumps([rule])}"}
    wrong = {"ip4": f"{json.dumps([turned])}\n{json.dumps([rule])}"}
    assert not list(lacking("routes-ifupdown", right))
    (found,) = lacking("routes-ifupdown", wrong)
    assert "flow" in found
