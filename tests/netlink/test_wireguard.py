"""WireGuard over generic netlink: pyroute2 reads what is sent, and wg(8) what came of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import vnetc
from vnetc.backends.netlink.objects import programs, wireguard
from vnetc.backends.netlink.objects.calls import Problem
from vnetc.backends.netlink.objects.fingerprints import remember
from vnetc.backends.netlink.state import State
from vnetc.backends.netlink.wire.messages import HEADER, U32, Message, attribute
from vnetc.model.cards import Secret
from vnetc.model.host import Host
from vnetc.model.record import replace

from tests.apply.program_steps import in_sandbox, ip
from tests.lab.machines import tree, vm
from tests.support.namespaces import sandboxed

from . import wireguard_cycle as wg


def decoded(message: Message) -> Any:
    """Have pyroute2 read what follows the header of a message."""
    from pyroute2.netlink.generic.wireguard import wgmsg

    size = HEADER.size + len(message.body)
    oracle = wgmsg(HEADER.pack(size, message.type, message.flags, 1, 0) + message.body)
    oracle.decode()
    return oracle


def test_wireguard_messages_are_those_of_pyroute2() -> None:
    messages = [
        message
        for key, new in wg.said(wg.FIRST).items()
        for message in wireguard.create(key, new, {}, family=77, keys=wg.KEYS)
    ]
    device, one, *other = map(decoded, messages)
    assert {message.type for message in messages} == {77}
    assert device["cmd"] == 1
    assert device.get_attr("WGDEVICE_A_IFNAME") == "wg0"
    assert device.get_attr("WGDEVICE_A_LISTEN_PORT") == 51821
    assert device.get_attr("WGDEVICE_A_FWMARK") == 0x10
    private = wireguard.clamp(wg.MATERIAL[wg.PRIVATE])
    assert device.get_attr("WGDEVICE_A_PRIVATE_KEY") == wireguard.encode_key(private).encode()
    (peer,) = one.get_attr("WGDEVICE_A_PEERS")
    assert peer.get_attr("WGPEER_A_PUBLIC_KEY") == wg.ONE.encode()
    assert peer.get_attr("WGPEER_A_PRESHARED_KEY") == (wg.SHARED.text or "").encode()
    assert peer.get_attr("WGPEER_A_ENDPOINT")["addr"] == "192.0.2.9"
    assert peer.get_attr("WGPEER_A_ENDPOINT")["port"] == 51820
    assert peer.get_attr("WGPEER_A_FLAGS") == 2
    assert [network["addr"] for network in peer.get_attr("WGPEER_A_ALLOWEDIPS")] == [
        "192.0.2.0/24",
        "2001:db8::/64",
    ]
    peers = [message.get_attr("WGDEVICE_A_PEERS")[0] for message in other]
    assert [peer.get_attr("WGPEER_A_FLAGS") for peer in peers] == [2, 4, 4]
    networks = [n["addr"] for peer in peers for n in peer.get_attr("WGPEER_A_ALLOWEDIPS")]
    assert networks == sorted(wg.MANY)
    assert peers[0].get_attr("WGPEER_A_ENDPOINT")["addr"] == "2001:db8::9"
    assert peers[0].get_attr("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL") == 25


def test_wireguard_dumps_that_come_in_parts_are_put_together() -> None:
    wanted = wg.said(wg.FIRST)
    first, *others = (
        message.body
        for key, new in wanted.items()
        for message in wireguard.create(key, new, {}, family=77, keys=wg.KEYS)
    )
    # as the kernel has it: name and number of the device in the first part alone
    name = len(attribute(2, b"wg0\0"))
    bodies = [first + attribute(1, U32.pack(5)), *(b[:4] + b[4 + name :] for b in others)]
    found = dict(wireguard.read(bodies, {}))
    assert wg.includes(found, wanted)
    assert ("wireguard", "renamed") in dict(wireguard.read(bodies, {5: "renamed"}))
    assert wireguard.secrets(bodies).items() <= wg.KEYS.items()


def test_wireguard_states_hold_no_keys() -> None:
    text = str(wg.said(wg.FIRST))
    for key in wg.KEYS.values():
        assert wireguard.encode_key(key) not in text
        assert key.hex() not in text
    assert wireguard.lacking(wg.said(wg.FIRST).values(), {}) <= wg.KEYS.keys()
    assert wireguard.lacking(wg.said(wg.FIRST).values(), wg.KEYS) == set()


def test_wireguard_endpoints_are_looked_up_and_followed() -> None:
    names = wg.device([wg.peer(wg.ONE, endpoint=("localhost", 7))])
    wanted = [*wireguard.wanted(names, wg.MATERIAL)]
    peer = wanted[1]
    found, problems = programs.look_up(wanted)
    assert problems == []
    assert {"127.0.0.1:7", "[::1]:7"} & {*found["localhost", 7]}
    found = {("localhost", 7): ["192.0.2.1:7", "[2001:db8::1]:7"]}

    def settle(state: State, asked: str = "") -> object:
        remembered = {peer.key: {"asked": asked}}
        return wireguard.settle(wanted, state, remembered, found)[1].attributes["endpoint"]

    assert settle({}) == "192.0.2.1:7"
    assert settle(wg.moved(peer, "[2001:db8::1]:7")) == "[2001:db8::1]:7"
    assert settle(wg.moved(peer, "198.51.100.1:9")) == "192.0.2.1:7"
    assert settle(wg.moved(peer, "198.51.100.1:9"), "localhost:7") == "198.51.100.1:9"
    assert remember(peer.key, peer.attributes, {}) == {"asked": "localhost:7"}
    _, (problem,) = programs.look_up(
        wireguard.wanted(wg.device([wg.peer(wg.ONE, endpoint=("a..b", 7))]), {})
    )
    assert "a..b" in problem.text


@pytest.mark.parametrize("text", ["", "AAAA", "not base64 at all!", "A" * 44])
def test_what_is_no_key_is_said_without_its_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text)
    secret = Secret(path=("here",), file=str(tmp_path / "key"))
    kind = replace(wg.FIRST.kind, private_key=secret, peers=())
    _, (problem,) = programs.read_secrets(
        Host(name="h", interfaces=(replace(wg.FIRST, kind=kind),))
    )
    assert problem == Problem(("here",), f"{tmp_path}/key is no key")
    (tmp_path / "key").unlink()
    _, (problem,) = programs.read_secrets(
        Host(name="h", interfaces=(replace(wg.FIRST, kind=kind),))
    )
    assert problem.text == f"{tmp_path}/key: No such file or directory"


@in_sandbox
def test_wireguard_on_this_kernel() -> None:
    words = ["unshare", "--net", "ip", "link", "add", "wg0", "type", "wireguard"]
    if subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this kernel has no WireGuard")

    def body() -> None:
        ip("link", "add", "wg0", "type", "wireguard")
        wg.cycle()

    sandboxed(body)


@pytest.mark.lab
def test_wireguard_on_debians_kernel(tmp_path: Path) -> None:
    """Beside wg(8), which this kernel may have no use for."""
    if reason := vm.missing():
        pytest.skip(f"lab: {reason}")
    job = tmp_path / "job"
    shutil.copytree(Path(vnetc.__file__).parent, job / "vnetc")
    shutil.copy(wg.__file__, job / "cycle.py")
    command = (
        "command -v wg && ip link add wg0 type wireguard && "
        "PYTHONPATH=. python3 -c 'import cycle; cycle.cycle()'"
    )
    vm.run(vm.prepare({"debian": tree.build()}), job, command, tmp_path / "out", 120)
