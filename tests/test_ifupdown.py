"""The three dialects of /etc/network/interfaces: exact stanzas, and what the real programs say."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest
from vnetc.backends import load
from vnetc.backends.base import express, rows
from vnetc.backends.ifupdown.stanzas import Stanza, interfaces
from vnetc.kinds import Bridge, Dummy, Ethernet, Kind, Loopback, Veth, Vlan
from vnetc.model import (
    Address,
    DhcpServer,
    Firewall,
    Host,
    Interface,
    Nameservers,
    Neighbor,
    Nexthop,
    Port,
    Route,
    Rule,
)
from vnetc.record import replace

from .lab import validators

DIALECTS = ("ifupdown", "ifupdown2", "ifupdown-ng")


def interface(name: str, kind: Kind, **fields: Any) -> Interface:
    return Interface(name=name, path=("interfaces", name), kind=kind, **fields)


def address(text: str, **fields: Any) -> Address:
    return Address(path=(), address=ip_interface(text), **fields)


def route(to: str, **fields: Any) -> Route:
    return Route(path=(), to=ip_network(to), **fields)


def port(name: str, bridge: str, **fields: Any) -> Interface:
    return interface(name, Ethernet(), link_local=(), port=Port(path=(), bridge=bridge, **fields))


GATEWAY = route("0.0.0.0/0", via=ip_address("192.168.1.1"))
STATIC = Host(
    name="kvm1",
    interfaces=(
        interface(
            "br0",
            Bridge(ports=("eth0",), forward_delay=0),
            description="the LAN",
            addresses=(address("192.168.1.110/24"), address("2001:db8::110/64")),
            accept_ra=True,
            routes=(GATEWAY,),
        ),
        port("eth0", "br0"),
    ),
)
DHCP = Host(
    name="kvm1",
    interfaces=(
        port("eth0", "br0"),
        interface(
            "br0", Bridge(ports=("eth0",)), dhcp4=True, macaddress="02:00:00:00:00:99", mtu=1400
        ),
    ),
)
NAT = Host(
    name="kvm1",
    interfaces=(interface("vms", Bridge(), addresses=(address("192.168.122.1/24"),)),),
    firewalls=(
        Firewall(
            name="vms",
            path=(),
            mode="nat",
            bridge="vms",
            subnet=(ip_network("192.168.122.0/24"),),
            addresses=(ip_address("192.168.122.1"),),
        ),
    ),
    dhcp_servers=(
        DhcpServer(
            name="vms",
            path=(),
            bridge="vms",
            subnet=ip_network("192.168.122.0/24"),
            address=ip_address("192.168.122.1"),
        ),
    ),
)
EVERYTHING = Host(
    name="kvm1",
    interfaces=(
        interface("trunk", Bridge(ports=("eth1", "va"), stp=True, vlan_filtering=True)),
        port("eth1", "trunk", path_cost=7, hairpin=True, vlans=((10, 12),), pvid=11),
        interface("va", Veth(peer="vb"), port=Port(path=(), bridge="trunk"), link_local=()),
        interface("vb", Veth(peer="va"), macaddress="02:00:00:00:00:55"),
        interface("lo", Loopback(), addresses=(address("10.255.0.1/32"),)),
        interface("d0", Dummy(), ipv6_mtu=1300, ipv6_privacy=True),
        interface("eth0.10", Vlan(id=10, link="eth0"), dhcp4=True),
        interface("storage", Vlan(id=20, link="eth0", protocol="802.1ad"), mtu=1400),
        interface(
            "eth0",
            Ethernet(),
            mtu=1500,
            addresses=(
                address("192.0.2.10/24"),
                address("192.0.2.11/24", label="eth0:x"),
                address("10.1.1.1/32", peer=ip_interface("10.1.1.2/32")),
                address("10.2.2.1/31", scope="link", noprefixroute=True),
                address("2001:db8::10/64", preferred_lifetime=0),
            ),
            routes=(
                route("0.0.0.0/0", via=ip_address("192.0.2.1"), metric=50, table=100),
                route("10.97.0.0/16", via=ip_address("172.31.0.1"), on_link=True),
                route("10.99.0.0/16", type="blackhole"),
                route(
                    "10.95.0.0/16",
                    nexthops=(
                        Nexthop(path=(), via=ip_address("192.0.2.4"), weight=2),
                        Nexthop(path=(), via=ip_address("192.0.2.5")),
                    ),
                ),
                route("2001:db8:5::/48", from_=ip_address("2001:db8::10"), mtu=1300),
            ),
            routing_policy=(
                Rule(path=(), priority=1000, from_=ip_network("192.0.2.10/32"), table=100),
                Rule(
                    path=(),
                    priority=1001,
                    fwmark=(16, 255),
                    destination_port=(80, 80),
                    uid_range=(1000, 2000),
                    invert=True,
                    action="prohibit",
                ),
            ),
            neighbors=(
                Neighbor(path=(), address=ip_address("192.0.2.77"), macaddress="02:00:00:00:00:78"),
            ),
            sysctl=(("ipv4", "rp_filter", 2),),
        ),
    ),
)
HOSTS = {"static": STATIC, "dhcp": DHCP, "nat": NAT, "everything": EVERYTHING}


def write(host: Host, dialect: str) -> str:
    """Give the interfaces file of a host that the dialect can express."""
    target = load(dialect)
    expressible, refused = express(host, target, target.default)
    assert refused == []
    (text,) = (
        file.content
        for file in target.write(expressible, target.default)
        if file.path == "/etc/network/interfaces"
    )
    return text


def stanza(text: str, name: str) -> str:
    """Give one stanza of a file, with what stands before it."""
    (found,) = (part for part in text.split("\n\n") if f"iface {name} " in part)
    return found.rstrip("\n")


def refusals(host: Host, dialect: str) -> list[str]:
    target = load(dialect)
    return [d.code for d in express(host, target, target.default)[1]]


def ipv6(name: str, **settings: int) -> str:
    """Spell the line that sets how `name` gets IPv6 addresses of its own."""
    words = (f"net/ipv6/conf/{name}/{key}={value}" for key, value in settings.items())
    return f"    pre-up sysctl -q -e -w {' '.join(words)}"


CREATE_BR0 = '    pre-up [ -d "/sys/class/net/br0" ] || ip link add name br0 type bridge'
DHCLIENT_FILES = "-pf /run/vnetc-dhclient-br0.pid -lf /var/lib/dhcp/dhclient.br0.leases"
DHCLIENT = f"""\
    up grep -qsx dhclient "/proc/$(cat /run/vnetc-dhclient-br0.pid 2>/dev/null)/comm" \
|| dhclient -4 -i {DHCLIENT_FILES} br0
    down dhclient -4 -r {DHCLIENT_FILES} br0 || true"""

STANZAS: list[tuple[Host, str, str, str]] = [
    (
        STATIC,
        "ifupdown",
        "br0",
        f"""\
# the LAN
auto br0
iface br0 inet static
    address 192.168.1.110/24
    gateway 192.168.1.1
    bridge-ports eth0
    bridge-stp off
    bridge-fd 0
    bridge-maxwait 0
{CREATE_BR0}
{ipv6("br0", accept_ra=2, autoconf=1)}
    up ip -6 addr replace 2001:db8::110/64 dev br0""",
    ),
    (
        STATIC,
        "ifupdown",
        "eth0",
        f"""\
auto eth0
iface eth0 inet manual
{ipv6("eth0", addr_gen_mode=1)}""",
    ),
    (
        STATIC,
        "ifupdown2",
        "br0",
        f"""\
# the LAN
auto br0
iface br0 inet manual
    address-purge no
    bridge-ports eth0
    bridge-stp off
    bridge-fd 0
    bridge-maxwait 0
    bridge-hashmax 4096
{CREATE_BR0}
{ipv6("br0", accept_ra=2, autoconf=1)}
    up sysctl -q -e -w "net/ipv4/conf/br0/forwarding=\
$(cat /proc/sys/net/ipv4/conf/default/forwarding)"
    up sysctl -q -e -w "net/ipv6/conf/br0/forwarding=\
$(cat /proc/sys/net/ipv6/conf/default/forwarding)"
    up ip addr replace 192.168.1.110/24 dev br0
    up ip -6 addr replace 2001:db8::110/64 dev br0
    up ip route replace default via 192.168.1.1 dev br0""",
    ),
    (
        STATIC,
        "ifupdown2",
        "eth0",
        f"""\
auto eth0
iface eth0 inet manual
    address-purge no
    ipv6-addrgen off
{ipv6("eth0", addr_gen_mode=1)}""",
    ),
    (
        STATIC,
        "ifupdown-ng",
        "br0",
        f"""\
# the LAN
auto br0
iface br0 inet manual
    requires eth0
{CREATE_BR0}
    pre-up ip link set dev br0 type bridge stp_state 0 forward_delay 0
    pre-up ip link set dev eth0 master br0
    pre-up ip link set dev eth0 up
{ipv6("br0", accept_ra=2, autoconf=1)}
    up ip addr replace 192.168.1.110/24 dev br0
    up ip -6 addr replace 2001:db8::110/64 dev br0
    up ip route replace default via 192.168.1.1 dev br0
    post-down [ ! -d "/sys/class/net/br0" ] || ip link del dev br0""",
    ),
    (
        DHCP,
        "ifupdown",
        "br0",
        f"""\
auto br0
iface br0 inet dhcp
    bridge-ports eth0
    bridge-stp off
    bridge-maxwait 0
{CREATE_BR0}
    pre-up ip link set dev br0 address 02:00:00:00:00:99 mtu 1400""",
    ),
    (
        DHCP,
        "ifupdown-ng",
        "br0",
        f"""\
auto br0
iface br0 inet manual
    requires eth0
{CREATE_BR0}
    pre-up ip link set dev br0 type bridge stp_state 0
    pre-up ip link set dev eth0 master br0
    pre-up ip link set dev eth0 up
    pre-up ip link set dev br0 address 02:00:00:00:00:99 mtu 1400
{DHCLIENT}
    post-down [ ! -d "/sys/class/net/br0" ] || ip link del dev br0""",
    ),
    (
        NAT,
        "ifupdown",
        "vms",
        f"""\
auto vms
iface vms inet static
    address 192.168.122.1/24
    bridge-ports none
    bridge-stp off
    bridge-maxwait 0
{CREATE_BR0.replace("br0", "vms")}
    up nft -f /etc/vnetc/vms.nft
    up sysctl -q -w net.ipv4.ip_forward=1
    up mkdir -p /var/lib/vnetc
    up grep -qsx dnsmasq "/proc/$(cat /run/vnetc-dnsmasq-vms.pid 2>/dev/null)/comm" \
|| dnsmasq --conf-file=/etc/vnetc/vms.dnsmasq.conf
    down p=$(cat /run/vnetc-dnsmasq-vms.pid) && kill "$p" \
&& while kill -0 "$p" 2>/dev/null; do sleep 0.1; done || true
    down nft delete table inet vnetc_vms || true""",
    ),
    (
        EVERYTHING,
        "ifupdown",
        "eth0",
        """\
auto eth0
iface eth0 inet static
    address 192.0.2.10/24
    pre-up ip link set dev eth0 mtu 1500
    up ip addr replace 192.0.2.11/24 dev eth0 label eth0:x
    up ip addr replace 10.1.1.1 peer 10.1.1.2/32 dev eth0
    up ip addr replace 10.2.2.1/31 dev eth0 scope link noprefixroute
    up ip -6 addr replace 2001:db8::10/64 dev eth0 preferred_lft 0
    up ip neigh replace 192.0.2.77 lladdr 02:00:00:00:00:78 dev eth0 nud permanent
    up n=50; while [ $n -gt 0 ] && ip -6 addr show dev eth0 tentative | grep -q inet6; \
do sleep 0.1; n=$((n-1)); done
    up ip route replace blackhole 10.99.0.0/16
    up ip -6 route replace 2001:db8:5::/48 dev eth0 src 2001:db8::10 mtu 1300
    up ip route replace default via 192.0.2.1 dev eth0 metric 50 table 100
    up ip route replace 10.97.0.0/16 via 172.31.0.1 dev eth0 onlink
    up ip route replace 10.95.0.0/16 \
nexthop via 192.0.2.4 dev eth0 weight 2 nexthop via 192.0.2.5 dev eth0 weight 1
    up ip rule del priority 1000 from 192.0.2.10/32 lookup 100 2>/dev/null; \
ip rule add priority 1000 from 192.0.2.10/32 lookup 100
    up ip rule del priority 1001 not fwmark 16/255 dport 80 uidrange 1000-2000 prohibit \
2>/dev/null; ip rule add priority 1001 not fwmark 16/255 dport 80 \
uidrange 1000-2000 prohibit
    up ip -6 rule del priority 1001 not fwmark 16/255 dport 80 uidrange 1000-2000 prohibit \
2>/dev/null; ip -6 rule add priority 1001 not fwmark 16/255 dport 80 \
uidrange 1000-2000 prohibit
    up sysctl -q -w net/ipv4/conf/eth0/rp_filter=2
    down ip rule del priority 1000 from 192.0.2.10/32 lookup 100 || true
    down ip rule del priority 1001 not fwmark 16/255 dport 80 uidrange 1000-2000 prohibit \
|| true
    down ip -6 rule del priority 1001 not fwmark 16/255 dport 80 uidrange 1000-2000 prohibit \
|| true
    down ip route del blackhole 10.99.0.0/16 || true""",
    ),
    (
        EVERYTHING,
        "ifupdown2",
        "storage",
        """\
auto storage
iface storage inet manual
    address-purge no
    mtu 1400
    pre-up [ -d "/sys/class/net/storage" ] || \
ip link add name storage link eth0 type vlan proto 802.1ad id 20
    pre-up ip link set dev storage mtu 1400
    post-down [ ! -d "/sys/class/net/storage" ] || ip link del dev storage""",
    ),
    (
        EVERYTHING,
        "ifupdown",
        "trunk",
        f"""\
auto trunk
iface trunk inet manual
    bridge-ports eth1 va
    bridge-stp on
    bridge-maxwait 0
{CREATE_BR0.replace("br0", "trunk")}
    pre-up ip link set dev trunk type bridge vlan_filtering 1
    up bridge link set dev eth1 cost 7 hairpin on
    up bridge vlan add dev eth1 vid 1 untagged
    up bridge vlan add dev eth1 vid 10
    up bridge vlan add dev eth1 vid 11 pvid
    up bridge vlan add dev eth1 vid 12""",
    ),
]


@pytest.mark.parametrize(
    ("host", "dialect", "name", "expected"),
    STANZAS,
    ids=[f"{host_dialect}-{name}-{i}" for i, (_, host_dialect, name, _) in enumerate(STANZAS)],
)
def test_stanza(host: Host, dialect: str, name: str, expected: str) -> None:
    assert stanza(write(host, dialect), name) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_table_has_every_row(dialect: str) -> None:
    assert set(load(dialect).support) == set(rows())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_file_begins_with_what_made_it_and_with_lo(dialect: str) -> None:
    lines = write(STATIC, dialect).splitlines()
    assert lines[0] == "# kvm1: made by vnetc; change the spec, not this file."
    assert lines[1:4] == ["", "auto lo", "iface lo inet loopback"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_parts_stand_before_their_users(dialect: str) -> None:
    text = write(EVERYTHING, dialect)
    places = {
        name: text.index(f"iface {name} ")
        for name in ("eth0", "eth0.10", "storage", "eth1", "va", "trunk")
    }
    assert places["eth0"] < places["eth0.10"]
    assert places["eth0"] < places["storage"]
    assert places["eth1"] < places["va"] < places["trunk"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("br.5", Bridge()),  # ifupdown would make a VLAN of `br`
        ("eth0.7", Vlan(id=10, link="eth0")),
        ("eth0.10", Vlan(id=10, link="eth1")),
        ("eth0.010", Vlan(id=10, link="eth0")),
        ("eth0.10", Vlan(id=10, link="eth0", protocol="802.1ad")),
        ("eth0.10.20", Vlan(id=20, link="eth0.10")),  # classic: VLAN 10 of eth0
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_misleading_dot_is_refused(dialect: str, name: str, kind: Kind) -> None:
    host = Host(name="h", interfaces=(interface(name, kind),))
    assert refusals(host, dialect) == ["VN503"]


NIC = interface("eth0", Ethernet())
BRIDGE = interface("br0", Bridge(ports=("eth0",)))
REFUSED: list[tuple[str, str, Interface]] = [
    ("ifupdown", "VN501", replace(NIC, dhcp6=True)),
    ("ifupdown", "VN501", replace(NIC, ipv6_address_generation="stable-privacy")),
    ("ifupdown", "VN503", replace(NIC, link_local=("ipv4",))),
    ("ifupdown", "VN503", replace(BRIDGE, optional=True)),
    ("ifupdown", "VN503", replace(BRIDGE, activation="manual")),
    ("ifupdown", "VN503", replace(NIC, activation="off", port=Port(path=(), bridge="br0"))),
    ("ifupdown", "VN503", replace(BRIDGE, kind=Bridge(ports=("none",)))),
    ("ifupdown", "VN503", replace(BRIDGE, kind=Bridge(forward_delay=1005))),
    ("ifupdown", "VN503", replace(NIC, addresses=(address("10.0.0.1/24", label="other"),))),
    ("ifupdown2", "VN503", replace(NIC, optional=True)),
    ("ifupdown-ng", "VN503", replace(NIC, optional=True)),
]


@pytest.mark.parametrize(("dialect", "code", "refused"), REFUSED)
def test_inexpressible_is_refused(dialect: str, code: str, refused: Interface) -> None:
    assert refusals(Host(name="h", interfaces=(refused,)), dialect) == [code]


def test_rules_of_one_priority_are_refused() -> None:
    rules = tuple(
        Rule(path=(), priority=5, from_=ip_network(text), table=9)
        for text in ("10.0.0.0/8", "10.1.0.0/16")
    )
    host = Host(name="h", interfaces=(replace(NIC, routing_policy=rules),))
    assert refusals(host, "ifupdown") == ["VN503", "VN503"]


def test_bridge_that_inherits_its_mtu_is_refused_by_ifupdown2_only() -> None:
    host = Host(name="h", interfaces=(replace(NIC, mtu=9000), BRIDGE))
    assert [refusals(host, dialect) for dialect in DIALECTS] == [[], ["VN503"], []]


@pytest.mark.parametrize(
    ("milliseconds", "seconds", "hundredths"),
    [(0, "0", "0"), (1500, "1.5", "150"), (86_400_010, "86400.01", "8640001")],
)
def test_times_keep_their_units(milliseconds: int, seconds: str, hundredths: str) -> None:
    host = Host(name="h", interfaces=(interface("br0", Bridge(ageing_time=milliseconds)),))
    assert f"    bridge-ageing {seconds}" in write(host, "ifupdown").splitlines()
    assert f"ageing_time {hundredths}\n" in write(host, "ifupdown-ng")


def test_dns_reaches_only_dialects_whose_hooks_run() -> None:
    servers = Nameservers(path=(), addresses=(ip_address("8.8.8.8"),), search=("example.org",))
    host = Host(name="h", interfaces=(replace(NIC, nameservers=servers),))
    for dialect in ("ifupdown", "ifupdown2"):
        lines = stanza(write(host, dialect), "eth0").splitlines()
        assert "    dns-nameservers 8.8.8.8" in lines
        assert "    dns-search example.org" in lines
    assert set(refusals(host, "ifupdown-ng")) == {"VN501"}


@pytest.mark.parametrize(
    ("activation", "optional", "start", "last"),
    [
        ("auto", None, "auto eth0", ""),
        ("auto", False, "auto eth0", ""),
        ("auto", True, "allow-hotplug eth0", ""),
        ("manual", None, "iface eth0 inet manual", ""),
        ("off", None, "auto eth0", "    up ip link set dev eth0 down"),
    ],
)
def test_start(activation: Any, optional: bool | None, start: str, last: str) -> None:
    host = Host(name="h", interfaces=(replace(NIC, activation=activation, optional=optional),))
    lines = stanza(write(host, "ifupdown"), "eth0").splitlines()
    assert lines[0] == start
    assert lines[-1] == (last or "iface eth0 inet manual")


def test_raw_text_goes_where_it_belongs() -> None:
    raw = {
        "ifupdown": {"up": ["echo up"], "pre-up": ["echo pre"], "options": {"wpa-driver": "x"}},
        "ifupdown2": {"up": ["echo other"]},
    }
    host = Host(
        name="h",
        interfaces=(replace(NIC, raw=raw),),
        raw={"ifupdown": "source interfaces.d/*"},
    )
    assert (
        stanza(write(host, "ifupdown"), "eth0")
        == """\
auto eth0
iface eth0 inet manual
    wpa-driver x
    pre-up echo pre
    up echo up"""
    )
    assert write(host, "ifupdown").endswith("\n\nsource interfaces.d/*\n")
    assert "echo up" not in write(host, "ifupdown2")


@pytest.mark.parametrize(
    ("value", "unsafe"),
    [
        ("", ""),
        (" a", ""),
        ("a\nauto eth9", ""),
        ("a\x00", ""),
        ("a\\", ""),
        ("a\\b", "\\%"),
        ("50%", "\\%"),
        ("a # b", "#"),
    ],
)
def test_stanza_refuses_what_a_dialect_cannot_carry(value: str, unsafe: str) -> None:
    with pytest.raises(ValueError, match="not a value"):
        interfaces(
            "h", [Stanza(name="eth0", method="manual", options=[("up", value)])], unsafe=unsafe
        )


@pytest.mark.parametrize("name", ["", "x;y", "$x", "a b", "a\nb", "-x"])
def test_stanza_refuses_a_name_that_is_code(name: str) -> None:
    with pytest.raises(ValueError, match="not a word"):
        interfaces("h", [Stanza(name=name, method="manual")])


def test_description_is_no_more_than_a_comment() -> None:
    text = "100% $(reboot) \\\nauto eth9 # {x}"
    host = Host(name="h", interfaces=(replace(NIC, description=text),))
    assert stanza(write(host, "ifupdown2"), "eth0").splitlines()[0] == (
        "# 100? ?(reboot) ??auto eth9 ? ?x?"
    )


Check = Callable[[str, Path], list[str]]
CHECKS: dict[str, Check] = {
    "ifupdown": validators.check_classic,
    "ifupdown2": validators.check_ifupdown2,
    "ifupdown-ng": validators.check_ifupdown_ng,
}
# What each program must complain about: a validator that accepts all proves nothing.
WRONG = {
    "ifupdown": "auto eth0\niface eth0 inet nonsense\n",
    "ifupdown2": "auto eth0\niface eth0 inet manual\n    bridge-prts eth1\n",
    "ifupdown-ng": "auto eth0\niface eth0 inet manual\n    up echo a # b\n",
}


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_real_program_accepts(dialect: str, name: str, tmp_path: Path) -> None:
    assert CHECKS[dialect](write(HOSTS[name], dialect), tmp_path) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_real_program_refuses(dialect: str, tmp_path: Path) -> None:
    assert CHECKS[dialect](WRONG[dialect], tmp_path) != []
