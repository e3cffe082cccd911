"""What the checks let pass, and that many findings take no longer each than few."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest
from vnetc import check_text

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
    "a bridge with a larger MTU than its ports": """
  eth0: {}
  br0: {type: bridge, ports: [eth0], mtu: 9000}
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


LARGE: dict[Callable[[int], str], int] = {
    _gateways: 3_000,
    _undeclared: 2_000,
    _networks: 2_000,
    _routes: 10_000,
    _published: 5_000,
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
