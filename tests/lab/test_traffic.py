"""Who reaches whom: the two promises of networks of guests, kept by real packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest

from . import case
from .boot import RENDERERS
from .namespaces import Namespace, Sandbox
from .test_equality import CASES, SAMPLES
from .traffic import IMPATIENCE, address_of, ask_for_address, fetch, pings, serve, wait_for

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Nat:
    """The host of cases/nat.vnet.yaml, the world outside of it, and guests."""

    host: Sandbox
    outside: Namespace
    web: Namespace  # has a reservation, and its port 80 is published
    vm: Namespace  # in the same network
    other: Namespace  # in the other NAT network
    alone: Namespace  # in the isolated network


@pytest.fixture(scope="module", params=RENDERERS)
def nat(request: pytest.FixtureRequest, debian: Path) -> Iterator[Nat]:
    spec = CASES / f"nat{case.SUFFIX}"
    with case.booted(spec, request.param, debian, label="traffic-nat") as host:
        outside = host.wire
        outside.ip(
            "address add 203.0.113.1/24 dev eth0",
            "route add 192.168.122.0/24 via 203.0.113.2",  # one who knows where the guests are
        )
        world = Nat(
            host=host,
            outside=outside,
            web=host.guest("web", "br-vms", "52:54:00:00:00:10"),
            vm=host.guest("vm", "br-vms", "52:54:00:00:00:11"),
            other=host.guest("other", "br-others", "52:54:00:00:00:12"),
            alone=host.guest("alone", "br-alone", "52:54:00:00:00:13"),
        )
        ask_for_address(world.web, "web", duid=True)
        ask_for_address(world.vm, "vm")
        ask_for_address(world.other, "other")
        ask_for_address(world.alone, "alone")
        serve(outside, "outside")
        serve(world.web, "web")
        serve(host, "host")
        yield world


def test_nat_leases(nat: Nat) -> None:
    """A reservation holds although the guest sends a DUID; others get an address of the range."""
    assert address_of(nat.web) == "192.168.122.10/24"
    address = IPv4Interface(address_of(nat.vm))
    assert IPv4Interface("192.168.122.100/24") <= address <= IPv4Interface("192.168.122.200/24")
    assert "default via 192.168.122.1 " in nat.vm.read("ip", "route")


def test_nat_guest_reaches_outside(nat: Nat) -> None:
    """The world sees the host's address, never the guest's."""
    assert fetch(nat.vm, "203.0.113.1:80") == "outside sees 203.0.113.2"
    assert fetch(nat.other, "203.0.113.1:80") == "outside sees 203.0.113.2"
    assert pings(nat.vm, "203.0.113.1")


def test_nat_outside_reaches_no_guest(nat: Nat) -> None:
    """Not even with a route to the guests: it is the rules that stop it, as seen without them."""
    assert fetch(nat.outside, "192.168.122.10:80", IMPATIENCE) is None
    assert not pings(nat.outside, "192.168.122.10")
    nat.host.run("nft", "delete", "table", "inet", "vnetc_vms", log="nft.log")
    assert fetch(nat.outside, "192.168.122.10:80") == "web sees 203.0.113.1"
    nat.host.run("nft", "-f", "/etc/vnetc/vms.nft", log="nft.log")
    assert fetch(nat.outside, "192.168.122.10:80", IMPATIENCE) is None


def test_nat_published_port(nat: Nat) -> None:
    """The guest sees who asks."""
    assert fetch(nat.outside, "203.0.113.2:8080") == "web sees 203.0.113.1"


def test_nat_hairpin(nat: Nat) -> None:
    """A guest, and the host itself, reach the published port where the world finds it."""
    assert fetch(nat.vm, "203.0.113.2:8080") == "web sees 192.168.122.1"
    assert fetch(nat.host, "203.0.113.2:8080") is not None


def test_nat_networks_do_not_see_each_other(nat: Nat) -> None:
    assert fetch(nat.vm, "192.168.122.10:80") == "web sees " + address_of(nat.vm).split("/")[0]
    assert fetch(nat.other, "192.168.122.10:80", IMPATIENCE) is None
    assert not pings(nat.vm, address_of(nat.other).split("/")[0])


def test_isolated(nat: Nat) -> None:
    """An isolated guest reaches the host and nobody else."""
    assert fetch(nat.alone, "10.8.0.1:80") == "host sees " + address_of(nat.alone).split("/")[0]
    nat.alone.ip("route replace default via 10.8.0.1")
    assert fetch(nat.alone, "203.0.113.1:80", IMPATIENCE) is None
    assert fetch(nat.alone, "192.168.122.10:80", IMPATIENCE) is None


@dataclass(frozen=True)
class Lan:
    """The host of samples/kvm-bridge-static, a host of its LAN, and a guest."""

    host: Sandbox
    neighbour: Namespace
    vm: Namespace


@pytest.fixture(scope="module", params=RENDERERS)
def lan(request: pytest.FixtureRequest, debian: Path) -> Iterator[Lan]:
    spec = SAMPLES / f"kvm-bridge-static{case.SUFFIX}"
    with case.booted(spec, request.param, debian, label="traffic-bridge") as host:
        vm = host.guest("vm", "br0", "52:54:00:00:00:10")
        vm.ip("address add 192.168.1.50/24 dev eth0", "route add default via 192.168.1.1")
        host.wire.ip("address add 192.168.1.1/24 dev eth0")
        world = Lan(host=host, neighbour=host.wire, vm=vm)
        serve(world.neighbour, "neighbour")
        serve(world.vm, "vm")
        serve(world.host, "host")
        yield world


def test_bridge_guest_reaches_lan(lan: Lan) -> None:
    """The LAN sees the guest's own address."""
    assert fetch(lan.vm, "192.168.1.1:80") == "neighbour sees 192.168.1.50"


def test_bridge_lan_reaches_guest(lan: Lan) -> None:
    """The guest is a host of the LAN, and so is its host."""
    assert fetch(lan.neighbour, "192.168.1.50:80") == "vm sees 192.168.1.1"
    assert fetch(lan.neighbour, "192.168.1.110:80") == "host sees 192.168.1.1"
    assert fetch(lan.vm, "192.168.1.110:80") == "host sees 192.168.1.50"


@pytest.mark.parametrize("target", RENDERERS)
def test_router_advertisements(target: str, debian: Path) -> None:
    """A router on every wire: who listens gets an address and a way out, others nothing."""
    spec = CASES / f"ipv6{case.SUFFIX}"
    with case.booted(spec, target, debian, label="traffic-router") as host:
        for number, card in enumerate(host.nics):
            host.wire.ip(f"address add 2001:db8:f{number}::1/64 dev {card} nodad")
        advertise = [f"--dhcp-range=2001:db8:f{n}::,ra-only" for n in range(len(host.nics))]
        options = ["--conf-file=/dev/null", "--user=root", "--port=0", "--enable-ra"]
        host.wire.run("dnsmasq", *options, *advertise, log="wire.log")
        # the second card listens; the address is made of its MAC address, 02:00:00:00:01:02
        wait_for(lambda: "2001:db8:f1::ff:fe00:102/64" in addresses(host), "an address")
        wait_for(lambda: "default" in host.read("ip", "-6", "route"), "a default route")
        assert "dev eth1" in host.read("ip", "-6", "route", "show", "default")
        assert "temporary" in host.read("ip", "-6", "address", "show", "dev", "eth1")
        assert not [a for a in addresses(host) if a.startswith("2001:db8:f") and ":f1:" not in a]


def addresses(host: Namespace) -> list[str]:
    """List the IPv6 addresses of a host."""
    words = host.read("ip", "-6", "-brief", "address").split()
    return [str(IPv6Interface(word)) for word in words if ":" in word]
