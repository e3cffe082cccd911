"""A WireGuard device through all that happens to one, on the kernel of this namespace."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from vnetc.backends.netlink.objects import wireguard
from vnetc.backends.netlink.state import State, Wanted
from vnetc.backends.netlink.wire.messages import Message
from vnetc.backends.netlink.wire.socket import GENERIC, Netlink
from vnetc.model.cards import Secret
from vnetc.model.host import Interface
from vnetc.model.kinds import Wireguard, WireguardPeer

PRIVATE, SHARED = (Secret(path=(), text=wireguard.encode_key(bytes([n]) * 32)) for n in (0xFF, 2))
MATERIAL = {secret: wireguard.decode_key(secret.text or "") for secret in (PRIVATE, SHARED)}
KEYS = wireguard.keyring(MATERIAL.values())
ONE, OTHER = (wireguard.encode_key(bytes([n]) * 32) for n in (7, 8))


def device(peers: Sequence[WireguardPeer], **fields: Any) -> Interface:
    kind = Wireguard(private_key=PRIVATE, peers=tuple(peers), **fields)
    return Interface(name="wg0", path=("interfaces", "wg0"), kind=kind)


def peer(key: str, *networks: str, **fields: Any) -> WireguardPeer:
    allowed = tuple(map(ip_network, networks))
    return WireguardPeer(path=(), public_key=key, allowed_ips=allowed, **fields)


# more networks than a message of the kernel holds, or one attribute of ours
MANY = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(2500)]
FIRST = device(
    [
        peer(
            ONE,
            "2001:db8::/64",
            "192.0.2.0/24",
            preshared_key=SHARED,
            endpoint=("192.0.2.9", 51820),
        ),
        peer(OTHER, *MANY, keepalive=25, endpoint=("2001:db8::9", 7)),
    ],
    port=51821,
    mark=0x10,
)
SECOND = device([peer(ONE, "192.0.2.0/25", endpoint=("192.0.2.10", 51820))], port=51822)


def said(interface: Interface) -> State:
    return {w.key: dict(w.attributes) for w in wireguard.wanted(interface, MATERIAL)}


class Kernel:
    def __init__(self) -> None:
        self.socket = Netlink(GENERIC)
        (answer,) = self.socket.send([wireguard.ask_family()])
        assert not answer.errno, answer.text
        self.family = wireguard.family_of(answer.reply)

    def bodies(self) -> list[bytes]:
        message = wireguard.dump("wg0", self.family)
        return self.socket.dump(message.type, message.body)

    def read(self) -> State:
        return dict(wireguard.read(self.bodies(), {}))

    def send(self, messages: Sequence[Message]) -> None:
        for answer in self.socket.send(messages):
            assert not answer.errno, (answer.errno, answer.text)

    def apply(self, wanted: State) -> int:
        now = self.read()
        messages: list[Message] = []
        for key, new in wanted.items():
            if key in now:
                messages += wireguard.change(
                    key, now[key], {**now[key], **new}, {}, family=self.family, keys=KEYS
                )
            else:
                messages += wireguard.create(key, new, {}, family=self.family, keys=KEYS)
        for key in now.keys() - wanted.keys():
            messages += wireguard.remove(key, now[key], {"wg0": 1}, family=self.family)
        self.send(messages)
        return len(messages)


def includes(state: State, wanted: State) -> bool:
    return state.keys() == wanted.keys() and all(
        state[key].get(name) == value for key, new in wanted.items() for name, value in new.items()
    )


def shown(*words: str) -> str:
    done = subprocess.run(["wg", "show", "wg0", *words], check=True, capture_output=True, text=True)
    return done.stdout


def cycle() -> None:
    kernel = Kernel()
    kernel.apply(said(FIRST))
    snapshot = kernel.read()
    assert includes(snapshot, said(FIRST))
    assert kernel.apply(said(FIRST)) == 0
    if shutil.which("wg") is not None:
        clamped = wireguard.clamp(MATERIAL[PRIVATE])
        assert shown("private-key").strip() == wireguard.encode_key(clamped)
        assert shown("listen-port").strip() == "51821"
        assert shown("fwmark").strip() == "0x10"
        assert f"{ONE}\t{SHARED.text}" in shown("preshared-keys").splitlines()
        assert f"{OTHER}\t[2001:db8::9]:7" in shown("endpoints").splitlines()
        assert f"{OTHER}\t25" in shown("persistent-keepalive").splitlines()
        allowed = dict(line.split("\t") for line in shown("allowed-ips").splitlines())
        assert sorted(allowed[OTHER].split()) == sorted(MANY)
        assert sorted(allowed[ONE].split()) == ["192.0.2.0/24", "2001:db8::/64"]

    assert kernel.apply(said(SECOND)) == 3  # device, peer, and one peer less
    assert includes(kernel.read(), said(SECOND))
    # an endpoint goes only with its peer
    wanted = said(SECOND)
    wanted["wireguard-peer", "wg0", ONE]["endpoint"] = None
    assert kernel.apply(wanted) == 2
    assert "endpoint" not in kernel.read()["wireguard-peer", "wg0", ONE]

    # the way back, with the keys that the kernel itself gave
    kernel.apply(snapshot)
    assert kernel.read() == snapshot
    found = wireguard.secrets(kernel.bodies())
    assert found.items() <= KEYS.items()
    assert len(found) == 2
    kernel.send(wireguard.remove(("wireguard", "wg0"), {}, {"wg0": 1}, family=kernel.family))
    forgotten = kernel.read()["wireguard", "wg0"]
    assert forgotten == {"private-key": None, "port": forgotten["port"], "mark": 0}


def moved(item: Wanted, endpoint: str) -> State:
    """Give a state in which a peer was heard from somewhere."""
    return {item.key: {**item.attributes, "endpoint": endpoint}}
