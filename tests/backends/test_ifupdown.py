"""The three dialects of /etc/network/interfaces: exact stanzas, and what the real programs say."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest
from vnetc.backends import load
from vnetc.backends.express import express
from vnetc.backends.support import rows
from vnetc.model.host import (
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
from vnetc.model.kinds import Bridge, Dummy, Ethernet, Kind, Loopback, Veth, Vlan
from vnetc.model.record import replace

from tests.lab.trials import validators

DIALECTS = ("ifupdown", "ifupdown2", "ifupdown-ng")


def interface(name: str, kind: Kind, **fields: Any) -> Interface:
    return Interface(name=name, path=("interfaces", name), kind=kind, **fields)


def address(text: str, **fields: Any) -> Address:
    return Address(path=(), address=ip_interface(text), **fields)


def route(to: str, **fields: Any) -> Route:
    return Route(path=(), to=ip_network(to), **fields)


def port(name: str, bridge: str, **fields: Any) -> Interface:
    path = ("interfaces", bridge, "ports", name)
    return interface(name, Ethernet(), link_local=(), port=Port(path=path, bridge=bridge, **fields))


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
    expressible, refused = express(host, target, target.programs)
    assert refused == []
    (text,) = (
        file.content
        for file in target.write(expressible, target.default)
        if file.path == "/etc/network/interfaces"
    )
    return text


def stanza(text: str, name: str) -> str:
    """Give the stanzas of an interface, with what stands before them."""
    found = [part for part in text.split("\n\n") if f"iface {name} " in part]
    return "\n\n".join(part.strip("\n") for part in found)


def refusals(host: Host, dialect: str) -> list[str]:
    target = load(dialect)
    return [d.code for d in express(host, target, target.programs)[1]]


STANZAS: list[tuple[Host, str, str, str]] = [
    (
        STATIC,
        "ifupdown",
        "br0",
        """\
# the LAN
auto br0
iface br0 inet static
    address 192.168.1.110/24
    gateway 192.168.1.1
    bridge-ports eth0
    bridge-stp off
    bridge-fd 0

iface br0 inet6 static
    address 2001:db8::110/64
    accept_ra 2
    autoconf 1""",
    ),
    (
        STATIC,
        "ifupdown",
        "eth0",
        """\
auto eth0
iface eth0 inet manual
    # interfaces.eth0.link-local
    pre-up sysctl -q -e -w net/ipv6/conf/eth0/addr_gen_mode=1""",
    ),
    (
        STATIC,
        "ifupdown2",
        "br0",
        """\
# the LAN
auto br0
iface br0 inet static
    address 192.168.1.110/24
    gateway 192.168.1.1
    bridge-ports eth0
    bridge-stp off
    bridge-fd 0
    bridge-ports-condone-regex ^(tap|vnet|veth|vif|fwpr|fwln)

iface br0 inet6 static
    address 2001:db8::110/64
    # interfaces.br0.accept-ra
    up sysctl -q -e -w net/ipv6/conf/br0/accept_ra=2 net/ipv6/conf/br0/autoconf=1""",
    ),
    (
        STATIC,
        "ifupdown2",
        "eth0",
        """\
iface eth0 inet manual
    ipv6-addrgen off""",
    ),
    (
        STATIC,
        "ifupdown-ng",
        "br0",
        """\
# the LAN
auto br0
iface br0 inet static
    address 192.168.1.110/24
    address 2001:db8::110/64
    gateway 192.168.1.1
    requires eth0
    # interfaces.br0.stp
    # interfaces.br0.forward-delay
    pre-up ip link add name br0 type bridge stp_state 0 forward_delay 0
    # interfaces.br0.ports
    pre-up ip link set dev eth0 master br0 up
    # interfaces.br0.accept-ra
    pre-up sysctl -q -e -w net/ipv6/conf/br0/accept_ra=2 net/ipv6/conf/br0/autoconf=1
    # interfaces.br0
    post-down ip link del dev br0""",
    ),
    (
        DHCP,
        "ifupdown",
        "br0",
        """\
auto br0
iface br0 inet dhcp
    bridge-ports eth0
    bridge-stp off
    hwaddress 02:00:00:00:00:99
    # interfaces.br0
    pre-up ip link add name br0 type bridge
    # interfaces.br0.mtu
    pre-up ip link set dev br0 mtu 1400""",
    ),
    (
        DHCP,
        "ifupdown-ng",
        "br0",
        """\
auto br0
iface br0 inet dhcp
    dhcp-program dhclient
    bridge-ports eth0
    bridge-stp off
    hwaddress 02:00:00:00:00:99
    # interfaces.br0.mtu
    pre-up ip link set dev br0 mtu 1400""",
    ),
    (
        replace(DHCP, interfaces=(replace(DHCP.interfaces[0], mtu=1400), DHCP.interfaces[1])),
        "ifupdown-ng",
        "br0",
        """\
auto br0
iface br0 inet dhcp
    dhcp-program dhclient
    bridge-ports eth0
    bridge-stp off
    hwaddress 02:00:00:00:00:99
    mtu 1400""",
    ),
    (
        NAT,
        "ifupdown",
        "vms",
        """\
auto vms
iface vms inet static
    address 192.168.122.1/24
    bridge-ports none
    bridge-stp off
    up nft -f /etc/vnetc/vms.nft
    up sysctl -q -e -p /etc/sysctl.d/60-vnetc.conf
    up start-stop-daemon --start --quiet --oknodo --pidfile /run/vnetc-dnsmasq-vms.pid --exec \
/usr/sbin/dnsmasq -- --conf-file=/etc/vnetc/vms.dnsmasq.conf
    down start-stop-daemon --stop --quiet --oknodo --retry 5 --pidfile \
/run/vnetc-dnsmasq-vms.pid --exec /usr/sbin/dnsmasq
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
    mtu 1500
    up ip addr replace 192.0.2.11/24 dev eth0 label eth0:x
    up ip addr replace 10.1.1.1 peer 10.1.1.2/32 dev eth0
    up ip addr replace 10.2.2.1/31 dev eth0 scope link noprefixroute
    up ip neigh replace 192.0.2.77 lladdr 02:00:00:00:00:78 dev eth0 nud permanent
    up ip route replace blackhole 10.99.0.0/16
    up ip route replace default via 192.0.2.1 dev eth0 metric 50 table 100
    up ip route replace 10.97.0.0/16 via 172.31.0.1 dev eth0 onlink
    up ip route replace 10.95.0.0/16 nexthop via 192.0.2.4 dev eth0 weight 2 nexthop via \
192.0.2.5 dev eth0 weight 1
    up ip rule add priority 1000 from 192.0.2.10/32 lookup 100
    up ip rule add priority 1001 not fwmark 16/255 dport 80 uidrange 1000-2000 prohibit
    # interfaces.eth0.sysctl.ipv4.rp_filter
    up sysctl -q -w net/ipv4/conf/eth0/rp_filter=2
    down ip rule del priority 1000 from 192.0.2.10/32 lookup 100
    down ip rule del priority 1001 not fwmark 16/255 dport 80 uidrange 1000-2000 prohibit
    down ip route del blackhole 10.99.0.0/16 || true

iface eth0 inet6 static
    address 2001:db8::10/64
    preferred-lifetime 0
    up ip -6 route replace 2001:db8:5::/48 dev eth0 src 2001:db8::10 mtu 1300
    up ip -6 rule add priority 1001 not fwmark 16/255 dport 80 uidrange 1000-2000 prohibit
    down ip -6 rule del priority 1001 not fwmark 16/255 dport 80 uidrange 1000-2000 prohibit""",
    ),
    (
        EVERYTHING,
        "ifupdown2",
        "storage",
        """\
auto storage
iface storage inet manual
    vlan-raw-device eth0
    vlan-id 20
    vlan-protocol 802.1ad
    mtu 1400""",
    ),
    (
        EVERYTHING,
        "ifupdown",
        "trunk",
        """\
auto trunk
iface trunk inet manual
    bridge-ports eth1 va
    bridge-stp on
    bridge-vlan-aware yes
    bridge-pathcost eth1 7
    # interfaces.trunk.ports.eth1.vlans
    # interfaces.trunk.ports.eth1.pvid
    up bridge vlan add dev eth1 vid 10
    up bridge vlan add dev eth1 vid 11 pvid
    up bridge vlan add dev eth1 vid 12
    # interfaces.trunk.ports.eth1
    up bridge link set dev eth1 hairpin on""",
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


@pytest.mark.parametrize("dialect", DIALECTS)
def test_interfaces_that_contain_each_other_come_to_an_end(dialect: str) -> None:
    """The routes' row asks for the order of interfaces, also where that of others is an error."""
    hops = (
        Nexthop(path=(), via=ip_address("198.51.100.1")),
        Nexthop(path=(), via=ip_address("192.0.2.1"), interface="eth1"),
    )
    host = Host(
        name="h",
        interfaces=(
            interface("a", Vlan(id=3, link="b")),
            interface("b", Vlan(id=3, link="a")),
            interface("eth1", Ethernet()),
            interface("eth0", Ethernet(), routes=(route("10.0.0.0/8", nexthops=hops),)),
        ),
    )
    assert not refusals(host, dialect)


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


@pytest.mark.parametrize(
    ("milliseconds", "seconds", "hundredths"),
    [(0, "0", "0"), (1500, "1.5", "150"), (86_400_010, "86400.01", "8640001")],
)
def test_times_keep_their_units(milliseconds: int, seconds: str, hundredths: str) -> None:
    host = Host(name="h", interfaces=(interface("br0", Bridge(ageing_time=milliseconds)),))
    assert f"    bridge-ageing {seconds}" in write(host, "ifupdown").splitlines()
    assert f"ageing_time {hundredths}\n" in write(host, "ifupdown-ng")


def test_dns_reaches_all() -> None:
    servers = Nameservers(path=(), addresses=(ip_address("8.8.8.8"),), search=("example.org",))
    host = Host(name="h", interfaces=(replace(NIC, nameservers=servers),))
    for dialect in ("ifupdown", "ifupdown2"):
        lines = stanza(write(host, dialect), "eth0").splitlines()
        assert "    dns-nameservers 8.8.8.8" in lines
        assert "    dns-search example.org" in lines
    # its hooks do not run (interfaces-ng has no ADDRFAM)
    assert [line for line in write(host, "ifupdown-ng").splitlines() if "resolvconf" in line] == [
        "    up printf '%s\\n' 'nameserver 8.8.8.8' 'search example.org' | resolvconf -a eth0.inet",
        "    down resolvconf -d eth0.inet",
    ]


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
    # interfaces.eth0.raw.ifupdown.pre-up
    pre-up echo pre
    # interfaces.eth0.raw.ifupdown.up
    up echo up"""
    )
    assert write(host, "ifupdown").endswith("\n\nsource interfaces.d/*\n")
    assert "echo up" not in write(host, "ifupdown2")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_description_is_no_more_than_a_comment(dialect: str, tmp_path: Path) -> None:
    text = "100% $(reboot) \\\nauto eth9 # ${x} `y` \\"
    written = write(Host(name="h", interfaces=(replace(NIC, description=text),)), dialect)
    said = "# 100? $(reboot) ??auto eth9 # $?x? `y` ?"
    assert stanza(written, "eth0").splitlines()[0] == said
    assert CHECKS[dialect](written, tmp_path) == []


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
