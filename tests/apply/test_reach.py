"""Whether a change cuts off the session that makes it, and who must answer after it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import State
from vnetc.backends.netlink.transaction import lockout, probes
from vnetc.backends.netlink.transaction.lockout import Session
from vnetc.backends.netlink.transaction.namespaces import Namespace
from vnetc.backends.netlink.transaction.probes import Probe

from tests.netlink.plan_steps import ADDRESS, BR0, DEFAULT, ETH0, FAR, changed, made, removed

HERE = Namespace(name="host", inode=1, boot="b00t")

# --- the session ------------------------------------------------------------------------------

STATE: State = {
    ETH0: {"kind": "ethernet", "up": True, "master": None},
    ("link", "eth1"): {"kind": "ethernet", "up": True, "master": "bond0"},
    ("link", "bond0"): {"kind": "bond", "up": True, "master": None},
    ("link", "vlan9"): {"kind": "vlan", "up": True, "link": "bond0", "master": "red"},
    ("link", "red"): {"kind": "vrf", "up": True},
    ("link", "other"): {"kind": "dummy", "up": True, "master": "red"},
    ADDRESS: {"scope": "global"},
    ("address", "eth0", "192.0.2.11/24"): {"scope": "global"},
    ("address", "vlan9", "198.51.100.1/24"): {},
    ("address", "vlan9", "2001:db8::1/64"): {},
    DEFAULT: {"via": "192.0.2.1", "dev": "eth0", "metric": 0},
    FAR: {"via": "198.51.100.9", "dev": "vlan9", "metric": 0},
}
FROM_AFAR = Session(peer="8.8.8.8", local="192.0.2.10")
FROM_NEARBY = Session(peer="192.0.2.77", local="192.0.2.10")
ON_VLAN = Session(peer="203.0.113.5", local="::ffff:198.51.100.1")


@pytest.mark.parametrize("session", [FROM_AFAR, FROM_NEARBY])
@pytest.mark.parametrize(
    "step",
    [
        removed(ADDRESS),
        changed(ETH0, STATE[ETH0], master="br0"),
        changed(ETH0, STATE[ETH0], up=False),
        changed(DEFAULT, STATE[DEFAULT], dev="br0"),
        removed(DEFAULT),
        removed(ETH0),
        Step(action="!", key=ETH0, before={}, after={}),
        made(("rule", "ipv4", "100", ""), table=100),
    ],
)
def test_what_carries_the_session_is_not_touched(session: Session, step: Step) -> None:
    harmless = made(BR0, kind="bridge")
    assert lockout.danger(STATE, [harmless, step], session) is step


@pytest.mark.parametrize("session", [FROM_AFAR, FROM_NEARBY])
@pytest.mark.parametrize(
    "step",
    [
        made(BR0, kind="bridge"),
        made(("address", "eth0", "192.0.2.99/24")),
        removed(("address", "vlan9", "198.51.100.1/24")),
        changed(("link", "bond0"), {}, mtu=9000),
        changed(ETH0, STATE[ETH0], alias="uplink"),
        changed(ADDRESS, STATE[ADDRESS], label="eth0:1"),
        removed(FAR),
        made(("route", "ipv4", "100", "0.0.0.0/0", "0"), dev="other"),
        made(("route", "ipv6", "254", "::/0", "1024"), dev="eth0"),
        made(("rule", "ipv6", "100", ""), table=100),
    ],
)
def test_what_does_not_carry_it_may_change(session: Session, step: Step) -> None:
    expected = step if step.key[0] == "route" and step.key[2] == "100" else None
    assert lockout.danger(STATE, [step], session) in (None, expected)


@pytest.mark.parametrize("name", ["vlan9", "bond0", "eth1", "red"])
def test_all_that_is_below_carries_it(name: str) -> None:
    step = changed(("link", name), STATE["link", name], mtu=9000)
    assert lockout.danger(STATE, [step], ON_VLAN) is step


def test_a_vrf_s_other_devices_carry_nothing_of_it() -> None:
    assert lockout.danger(STATE, [removed(("link", "other"))], ON_VLAN) is None


def test_a_route_that_goes_before_the_present_one() -> None:
    closer = made(("route", "ipv4", "254", "8.0.0.0/8", "0"), dev="bond0")
    wider = made(("route", "ipv4", "254", "203.0.0.0/8", "0"), dev="bond0")
    assert lockout.danger(STATE, [closer], FROM_AFAR) is closer
    assert lockout.danger(STATE, [wider], ON_VLAN) is None


def test_the_address_that_reaches_the_gateway() -> None:
    session = Session(peer="203.0.113.5", local="198.51.100.1")
    step = removed(("address", "vlan9", "198.51.100.1/24"))
    assert lockout.danger(STATE, [step], session) is step


def test_a_session_that_ends_elsewhere_is_in_no_danger() -> None:
    elsewhere = Session(peer="8.8.8.8", local="10.9.8.7")
    assert lockout.danger(STATE, [removed(ETH0)], elsewhere) is None


def process(proc: Path, pid: int, parent: int, name: str, environment: str = "") -> None:
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "net").mkdir()
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} 1 1\n")
    (folder / "comm").write_text(f"{name}\n")
    (folder / "environ").write_text(environment)


def test_the_session_is_found_by_the_environment_of_an_ancestor(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, "bash", "A=b\0SSH_CONNECTION=8.8.8.8 5 192.0.2.10 22\0")
    process(tmp_path, 11, 10, ") S 1 (sudo", "A=b\0")
    process(tmp_path, 12, 11, "vnetc")
    assert lockout.session(12, proc=str(tmp_path)) == FROM_AFAR


def test_the_session_is_found_by_the_socket_of_its_daemon(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, "sshd-session")
    process(tmp_path, 12, 10, "vnetc")
    (tmp_path / "10/fd/4").symlink_to("socket:[4711]")
    table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n"
    line = (
        "   0: 0A0200C0:0016 08080808:9C40 01 00000000:00000000 00:00000000 00000000 0 0 4711 1\n"
    )
    (tmp_path / "10/net/tcp").write_text(table + line)
    assert lockout.session(12, proc=str(tmp_path)) == FROM_AFAR


def test_a_link_local_session_is_on_its_device(tmp_path: Path) -> None:
    said = "SSH_CONNECTION=fe80::2%eth0 5 fe80::1%eth0 22\0"
    process(tmp_path, 12, 1, "bash", said)
    session = lockout.session(12, proc=str(tmp_path))
    assert session is not None and session.device == "eth0"
    state: State = {ETH0: {}, ("address", "eth0", "fe80::1/64"): {}}
    assert lockout.danger(state, [removed(ETH0)], session) is not None


def test_no_session(tmp_path: Path) -> None:
    process(tmp_path, 12, 1, "cron", "SSH_CONNECTION=nonsense\0")
    assert lockout.session(12, proc=str(tmp_path)) is None


# --- probes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "probe"),
    [
        ("ping:192.0.2.1", Probe(address="192.0.2.1")),
        ("ping:2001:DB8::1", Probe(address="2001:db8::1")),
        ("ping:[2001:db8::1]", Probe(address="2001:db8::1")),
        ("ping:fe80::1%eth0", Probe(address="fe80::1%eth0")),
        ("tcp:192.0.2.1:22", Probe(address="192.0.2.1", port=22)),
        ("tcp:[2001:db8::1]:22", Probe(address="2001:db8::1", port=22)),
    ],
)
def test_probes_are_read(text: str, probe: Probe) -> None:
    assert probes.parse(text) == probe
    assert probes.parse(str(probe)) == probe


@pytest.mark.parametrize(
    "text",
    [
        *("", "ping", "ping:", "ping:host", "udp:::1:1", "tcp:host:22", "tcp:::", "tcp:192.0.2.1"),
        *(f"tcp:192.0.2.1:{port}" for port in ("", "0", "65536", "x", "9" * 5000)),
    ],
)
def test_what_is_no_probe_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        probes.parse(text)


def test_the_gateways_of_a_state() -> None:
    state: State = {
        DEFAULT: {"via": "192.0.2.1", "dev": "eth0"},
        FAR: {"via": "198.51.100.9", "dev": "vlan9"},
        ("route", "ipv6", "254", "::/0", "1024"): {"via": "fe80::1", "dev": "eth0"},
        ("route", "ipv4", "100", "0.0.0.0/0", "0"): {"via": "10.0.0.1", "dev": "eth0"},
        ("route", "ipv4", "254", "0.0.0.0/0", "9"): {
            "via": None,
            "nexthops": [{"via": "192.0.2.2", "dev": "a"}, {"via": "192.0.2.3", "dev": "b"}],
        },
        ("route", "ipv4", "254", "0.0.0.0/0", "10"): {"via": None, "dev": "ppp0"},
    }
    addresses = [probe.address for probe in probes.gateways(state)]
    assert addresses == ["192.0.2.1", "fe80::1%eth0", "192.0.2.2", "192.0.2.3"]


@contextmanager
def listening(family: socket.AddressFamily, address: str) -> Iterator[int]:
    with closing(socket.socket(family)) as server:
        server.bind((address, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_answers_or_does_not() -> None:
    with listening(socket.AF_INET, "127.0.0.1") as port:
        there = Probe(address="127.0.0.1", port=port)
        assert probes.answering([there], 5) == {there}
    assert probes.answering([there], 0.3) == frozenset()


def test_a_port_may_answer_later() -> None:
    with closing(socket.socket()) as server:
        server.bind(("127.0.0.1", 0))
        probe = Probe(address="127.0.0.1", port=server.getsockname()[1])
        timer = threading.Timer(0.3, server.listen)
        timer.start()
        assert probes.answering([probe], 5) == {probe}
        timer.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets need root")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_ping_is_answered(address: str) -> None:
    probe = Probe(address=address)
    assert probes.answering([probe], 2) == {probe}


def test_gateways_that_do_not_answer_are_not_asked_again() -> None:
    with listening(socket.AF_INET, "127.0.0.1") as port:
        there = Probe(address="127.0.0.1", port=port)
        silent = Probe(address="127.0.0.1", port=1)
        kept, notes = probes.choose([silent], [there, Probe(address="127.0.0.1", port=2)])
    assert kept == (silent, there)
    assert notes == (
        "tcp:127.0.0.1:1 does not answer yet",
        "tcp:127.0.0.1:2, the gateway, does not answer: not asked after the change",
    )
