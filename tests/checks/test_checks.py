"""What the checks let pass, and that many findings take no longer each than few."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest
from vnetc import check_text, compile_text

LAWFUL = {
    "one /32 on the uplink and on the bridge of routed guests": """
  eth0:
    addresses: [203.0.113.5/32]
    routes: [{to: default, via: 172.31.1.1, on-link: true}]
  vmbr0: {type: bridge, addresses: [203.0.113.5/32]}
  vmbr1: {type: bridge, addresses: ["2001:db8::2/128"]}
  vmbr2: {type: bridge, addresses: ["2001:db8::2/128"]}
""",
    "an address of a subnet as a /32 on the guests' bridge": """
  eth0:
    addresses: [203.0.113.5/26]
    routes: [{to: default, via: 203.0.113.1}]
  vmbr0: {type: bridge, addresses: [203.0.113.5/32]}
""",
    "VLANs in VLANs have the MTU of the link": """
  eth0: {mtu: 9000}
  outer: {type: vlan, id: 100, link: eth0, protocol: 802.1ad}
  inner: {type: vlan, id: 10, link: outer, mtu: 9000}
  six: {type: vlan, id: 11, link: outer, ipv6-mtu: 8000, addresses: ["2001:db8::1/64"]}
""",
    "a bridge with a larger MTU than guests may have": """
  eth0: {mtu: 9000}
  tap0: {type: tap}
  vx0: {type: vxlan, id: 7, link: eth0}
  br0: {type: bridge, ports: [eth0, tap0, vx0], mtu: 9000}
  br1: {type: bridge, mtu: 9000}
""",
    "a bridge over a bond whose members have its MTU": """
  eth0: {}
  eth1: {}
  bond0: {type: bond, members: [eth0, eth1], mtu: 9000}
  br0: {type: bridge, ports: [bond0], mtu: 9000}
""",
    "a bridge with a smaller MTU than its port": """
  eth0: {mtu: 9000}
  br0: {type: bridge, ports: [eth0], mtu: 1500}
""",
    "a router that listens": """
  eth0: {dhcp4: true, accept-ra: true}
  eth1: {dhcp4: true, dhcp4-overrides: {route-metric: 5000}}
networks: {vms: {mode: nat, subnet: "2001:db8:5::/64"}}
""",
    "a router whose gateway is said": """
  eth0: {dhcp4: true}
  eth1: {addresses: ["2001:db8::2/64"], routes: [{to: default, via: "2001:db8::1"}]}
networks: {vms: {mode: routed, subnet: "2001:db8:5::/64"}}
""",
    "a router that shall not listen": """
  eth0: {dhcp4: true, accept-ra: false}
  eth1: {addresses: [192.0.2.2/24]}
networks: {vms: {mode: nat, subnet: "fd00:5::/64"}}
""",
    "guests whose IPv6 stays inside": """
  eth0: {dhcp4: true}
networks:
  inside: {mode: isolated, subnet: "fd00:5::/64"}
  outside: {mode: nat, subnet: 10.5.0.0/24}
""",
    "a gateway by a route to it": """
  eth0:
    addresses: [203.0.113.5/32]
    routes: [{to: default, via: 172.31.1.1}, {to: 172.31.1.1/32}]
""",
    "several tables": """
  eth0:
    addresses: [192.168.1.5/24]
    routes:
      - {to: 10.0.0.1/32}
      - {to: default, via: 192.168.1.1}
      - {to: default, via: 192.168.1.1, table: 100}
      - {to: default, via: 10.0.0.1, table: 101}
      - {to: 10.0.0.2/32, table: 102}
      - {to: default, via: 10.0.0.2, table: 102, from: 192.168.1.5}
    routing-policy: [{priority: 100, from: 192.168.1.5/32, table: 100, tos: 8}]
""",
    "the ends of a /31 are hosts": """
  eth0:
    addresses: [192.0.2.1/31]
    routes: [{to: default, via: 192.0.2.0}]
""",
    "an address from DHCP as a source": """
  eth0: {dhcp4: true, routes: [{to: 10.0.0.0/8, via: 192.0.2.1, from: 192.0.2.2}]}
""",
    "an address that moves between hosts": """
  eth0: {}
networks:
  vms:
    mode: nat
    subnet: 10.9.0.0/24
    addresses: [10.9.0.1/24, 10.9.0.9/32]
    uplink: eth0
""",
    "a bond that asks by ARP, and one that asks for links": """
  eth0: {}
  eth1: {}
  eth2: {}
  asks: {type: bond, members: [eth0], arp-interval: 1s, arp-ip-targets: [192.0.2.1], arp-validate: all}
  looks:
    type: bond
    mode: balance-alb
    members: [eth1, eth2]
    primary: eth2
    mii-monitor-interval: 50ms
    up-delay: 150ms
    peer-notify-delay: 0
    dynamic-transmit-load-balancing: false
    macaddress: "02:00:00:00:00:01"
    dhcp4: true
""",
    "VLANs of ports and members, macvlans of bridges and bonds": """
  eth0: {}
  eth1: {}
  br0: {type: bridge, ports: [eth0]}
  lag: {type: bond, members: [eth1]}
  of-port: {type: vlan, id: 5, link: eth0}
  of-member: {type: vlan, id: 5, link: eth1}
  of-bridge: {type: macvlan, link: br0}
  of-bond: {type: ipvlan, link: lag}
  of-vlan: {type: macvlan, link: of-port}
""",
    "macvlans of macvlans, ipvlans of ipvlans": """
  eth0: {mtu: 9000}
  eth1: {}
  a: {type: macvlan, link: eth0, mode: bridge}
  b: {type: macvtap, link: a, mode: private, mtu: 9000}
  c: {type: macvlan, link: eth0, mode: source, source-macaddresses: ["02:00:00:00:00:01"]}
  d: {type: ipvlan, link: eth1, mode: l2, dhcp6: true}
  e: {type: ipvlan, link: d, mode: l2, mtu: 9000}
""",
    "what follows the ports of its bridge": """
  br0: {type: bridge, vlan-filtering: true, vlans: [5]}
  v: {type: vlan, id: 5, link: br0, flags: {bridge-binding: true}, egress-qos-map: [{from: 9, to: 7}]}
""",
    "bridges, bonds and VLANs in VRFs": """
  eth0: {}
  eth1: {}
  br0: {type: bridge, ports: [eth0], vrf: red}
  lag: {type: bond, members: [eth1], vrf: red}
  v: {type: vlan, id: 5, link: lag, vrf: blue}
  red: {type: vrf, table: 1000, macaddress: "02:00:00:00:00:01"}
  blue: {type: vrf, table: 1001, mtu: 9000}
""",
    "tunnels with one end, or with other keys or links": """
  eth0: {addresses: [192.0.2.1/24, "2001:db8::1/64"]}
  eth1: {}
  a: {type: tunnel, mode: gre, local: 192.0.2.1}
  b: {type: tunnel, mode: gre, local: 192.0.2.1, key: 7}
  c: {type: tunnel, mode: gre, local: 192.0.2.1, input-key: 8, output-key: 7}
  d: {type: tunnel, mode: gre, local: 192.0.2.1, key: 7, link: eth1}
  e: {type: tunnel, mode: gretap, local: 192.0.2.1, key: 7, ttl: 5, path-mtu-discovery: false}
  f: {type: tunnel, mode: gre, local: 192.0.2.1, remote: 224.0.0.5}
  g: {type: tunnel, mode: ipip, remote: 192.0.2.9, ttl: inherit, path-mtu-discovery: false}
  h: {type: tunnel, mode: vti6, key: 1.2.3.4}
  i: {type: tunnel, mode: ip6gre, remote: "2001:db8::1", allow-local-remote: true}
""",
    "VXLANs and Geneves that share a port": """
  eth0: {}
  a: {type: vxlan, id: 1, remote: 192.0.2.2}
  b: {type: vxlan, id: 2, remotes: [192.0.2.2, 192.0.2.3]}
  c: {type: vxlan, id: 1, remote: "2001:db8::2", udp6-zero-checksum-transmit: true, flow-label: 5}
  d: {type: vxlan, id: 1, remote: 192.0.2.2, port: 4790, group-policy: true}
  e: {type: vxlan, id: 3, group: 239.0.0.1, link: eth0, mtu: 1450}
  f: {type: vxlan, id: 4, local: "fe80::1", group: "ff02::5", link: eth0}
  g: {type: vxlan, id: 5, local: "2001:db8::1", remotes: ["2001:db8::2"]}
  h: {type: geneve, id: 1, remote: 192.0.2.2}
  i: {type: geneve, id: 1, remote: 192.0.2.3}
  j: {type: wireguard, private-key: {file: /etc/j.key}, port: 51820}
  k: {type: wireguard, private-key: {file: /etc/k.key}}
""",
    "overlapping networks of WireGuard peers": """
  w:
    type: wireguard
    private-key: {file: /etc/w.key}
    peers:
      - {public-key: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=, allowed-ips: [10.0.0.0/8]}
      - {public-key: TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=, allowed-ips: [10.1.0.0/16]}
""",
    "the same subnets, addresses and default routes in several VRFs": """
  eth0: {vrf: red, addresses: [192.0.2.1/24], routes: [{to: default, via: 192.0.2.254}]}
  eth1: {}
  br0:
    type: bridge
    ports: [eth1]
    vrf: blue
    addresses: [192.0.2.1/24, "2001:db8::1/64"]
    routes: [{to: default, via: 192.0.2.254}, {to: 10.0.0.0/8, via: 192.0.2.254, from: 192.0.2.1}]
  eth2: {}
  lag:
    type: bond
    members: [eth2]
    addresses: [192.0.3.1/23, "2001:db8::1/64"]
    routes: [{to: default, via: 192.0.2.254, from: 192.0.3.1}]
  red: {type: vrf, table: 1000, addresses: [192.0.2.1/32]}
  blue: {type: vrf, table: 1001}
""",
    "a cable between two VRFs": """
  a:
    type: veth
    peer: b
    vrf: red
    addresses: [192.0.2.1/30]
    routes: [{to: 10.1.0.0/16, via: 192.0.2.2}, {to: 10.2.0.0/16, via: 192.0.2.2, table: 77}]
  b:
    type: veth
    peer: a
    vrf: blue
    addresses: [192.0.2.2/30]
    routes: [{to: 10.0.0.0/16, via: 192.0.2.1}]
  red: {type: vrf, table: 1000}
  blue: {type: vrf, table: 1001}
""",
    "ways through several interfaces": """
  eth0:
    addresses: [192.0.2.1/24]
    routes:
      - to: default
        nexthops: [{via: 192.0.2.254}, {via: 198.51.100.254, interface: eth1}, {via: 203.0.113.254, interface: eth2}]
  eth1: {addresses: [198.51.100.1/24]}
  eth2: {dhcp4: true}
""",
    "members of bonds that keep what they have": """
  eth0: {mtu: 9000, macaddress: "02:00:00:00:00:01"}
  eth1: {macaddress: "02:00:00:00:00:02"}
  eth2: {macaddress: "02:00:00:00:00:03", mtu: 1500}
  lag: {type: bond, members: [eth0], mtu: 9000, macaddress: "02:00:00:00:00:01"}
  alb: {type: bond, mode: balance-alb, members: [eth1]}
  pair: {type: bond, mode: active-backup, members: [eth2], fail-over-mac-policy: active}
  of-member: {type: vlan, id: 5, link: eth0, mtu: 9000}
""",
    "a gretap as a member has the bond's MTU": """
  tap: {type: tunnel, mode: gretap, local: 192.0.2.1, remote: 192.0.2.2}
  lag: {type: bond, members: [tap]}
""",
    "forwarding entries and backup ports": """
  eth0: {fdb: [{macaddress: "02:00:00:00:00:01", owner: master, state: static, vlan: 5}]}
  eth1: {fdb: [{macaddress: "02:00:00:00:00:02"}]}
  vx:
    type: vxlan
    id: 5
    fdb: [{macaddress: "02:00:00:00:00:03", destination: 192.0.2.7, vni: 6, port: 4790, link: eth1}]
  br0: {type: bridge, vlan-filtering: true, ports: {eth0: {backup-port: vx, vlans: [5]}, vx: {}}}
""",
    "scopes of routes": """
  eth0:
    addresses: [192.0.2.1/24]
    routes:
      - {to: 10.0.0.0/16, type: local, scope: host}
      - {to: 10.1.0.0/16, type: broadcast, scope: link}
      - {to: 10.2.0.0/16, type: anycast, scope: host}
      - {to: 10.3.0.0/16, type: multicast, scope: site, via: 192.0.2.2}
      - {to: 10.4.0.0/16, type: throw, scope: nowhere}
""",
    "a vti beside tunnels of other ends or protocols": """
  a: {type: tunnel, mode: vti, local: 192.0.2.1, remote: 192.0.2.2}
  b: {type: tunnel, mode: gre, local: 192.0.2.1, remote: 192.0.2.2}
  c: {type: tunnel, mode: ipip, local: 192.0.2.1, remote: 192.0.2.3}
  d: {type: tunnel, mode: sit, local: 192.0.2.1}
  e: {type: tunnel, mode: sit, remote: 192.0.2.1}
""",
    "a card and its partitions": """
  ib0: {type: infiniband}
  a: {type: infiniband, link: ib0, partition-key: 5}
  b: {type: infiniband, link: ib0, mode: connected, mtu: 65520}
""",
}


@pytest.mark.parametrize("case", LAWFUL)
def test_lawful_documents_pass(case: str) -> None:
    assert check_text(f"version: 1\ninterfaces:{LAWFUL[case]}") == ()


def _gateways(n: int) -> str:
    return "".join(
        f"  e{i}:\n    addresses: [10.{i >> 8}.{i & 255}.1/24]\n"
        f"    routes: [{{to: 100.{i >> 8}.{i & 255}.0/24, via: 192.0.2.1}}]\n"
        for i in range(n)
    )


def _undeclared(n: int) -> str:
    ports = ", ".join(f"port{i}" for i in range(n))
    devices = "".join(f"  eth{i}: {{}}\n" for i in range(n))
    return f"{devices}  br0: {{type: bridge, ports: [{ports}]}}\n"


def _networks(n: int) -> str:
    return "  eth0: {}\nnetworks:\n" + "".join(
        f"  n{i}: {{mode: nat, subnet: 10.{i >> 8}.{i & 255}.0/24, uplink: eth0}}\n"
        for i in range(n)
    )


def _routes(n: int) -> str:
    return "  eth0:\n    addresses: [192.168.1.5/24]\n    routes:\n" + "".join(
        f"      - {{to: 10.{i >> 8}.{i & 255}.0/24, via: 192.168.1.1}}\n"
        f"      - {{to: 11.{i >> 8}.{i & 255}.0/24}}\n"
        for i in range(n // 2)
    )


def _published(n: int) -> str:
    return (
        "  eth0: {}\nnetworks:\n  vms:\n    mode: nat\n    subnet: 10.9.0.0/24\n    publish:\n"
        + "".join(f"      - {{protocol: tcp, port: {i + 1}, to: 10.9.0.9}}\n" for i in range(n))
    )


def _tunnels(n: int) -> str:
    return "".join(
        f"  t{i}: {{type: tunnel, mode: gre, local: 192.0.2.1, key: {i}}}\n"
        f"  x{i}: {{type: vxlan, id: {i + 1}, remote: 192.0.2.2}}\n"
        for i in range(n // 2)
    )


def _macvlans(n: int) -> str:
    return "  eth0: {}\n" + "".join(
        f"  m{i}: {{type: macvlan, link: eth0, mtu: 1400}}\n" for i in range(n)
    )


LARGE: dict[Callable[[int], str], int] = {
    _gateways: 3_000,
    _undeclared: 2_000,
    _networks: 2_000,
    _routes: 10_000,
    _published: 5_000,
    _tunnels: 3_000,
    _macvlans: 3_000,
}


def _seconds(source: str) -> float:
    gc.collect()
    gc.disable()  # as the command line does
    before = time.process_time()
    check_text(source)
    taken = time.process_time() - before
    gc.enable()
    return taken


@pytest.mark.parametrize("make", LARGE, ids=lambda make: make.__name__.strip("_"))
def test_twice_as_much_takes_about_twice_as_long(make: Callable[[int], str]) -> None:
    few, many = (f"version: 1\ninterfaces:\n{make(n)}" for n in (LARGE[make] // 2, LARGE[make]))
    # the shortest run is the one that other work on the machine disturbed least
    assert min(_seconds(many) for _ in range(4)) < 3.2 * min(_seconds(few) for _ in range(4))


CUT_OFF = """\
version: 1
interfaces:
  eth0: {}
  vmbr0: {type: bridge, vlan-filtering: true, ports: {eth0: {vlans: [2-4094]}}}
  vmbr0.50: {type: vlan, id: 50, link: vmbr0}
"""


@pytest.mark.parametrize(
    ("target", "codes"), [(None, ["VN425"]), ("ifupdown", ["VN425"]), ("ifupdown2", [])]
)
def test_a_warning_comes_where_it_is_true(target: str | None, codes: list[str]) -> None:
    """ifupdown2 adds the VLAN of `vmbr0.50` to `vmbr0` by itself."""
    assert [d.code for d in check_text(CUT_OFF, target=target)] == codes
    if target is not None:
        assert [d.code for d in compile_text(CUT_OFF, target=target).diagnostics] == codes


def test_a_vlan_of_another_name_is_cut_off_on_all() -> None:
    source = CUT_OFF.replace("vmbr0.50", "mgmt")
    assert [d.code for d in check_text(source, target="ifupdown2")] == ["VN425"]


@pytest.mark.parametrize("target", [None, "ifupdown2"])
def test_a_comment_for_what_does_not_hold_is_not_useless(target: str | None) -> None:
    source = CUT_OFF.replace("vmbr0}", "vmbr0} # vnetc: ignore[VN425]")
    assert not check_text(source, target=target)
