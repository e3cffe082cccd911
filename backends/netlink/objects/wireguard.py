"""WireGuard devices and their peers, by the generic netlink family `wireguard` (linux/wireguard.h).

A state holds no key: what stands for one is the SHA-256 of its 32 bytes, of a private key as the
kernel keeps it. Keys are handed in beside the attributes when messages are made, by fingerprint.
The number of the family, which the kernel chooses, is asked for with `ask_family`.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from vnetc.backends.netlink.state import Attributes, Index, Key, State, Value, Wanted
from vnetc.backends.netlink.wire.messages import (
    NLM_F_DUMP,
    TEXT,
    U8,
    U16,
    U32,
    Codec,
    Message,
    attribute,
    attributes,
    nest,
)
from vnetc.backends.spelling import endpoint as spell_endpoint
from vnetc.backends.support import Support, exact
from vnetc.model.cards import Secret
from vnetc.model.data import is_list
from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Wireguard, WireguardPeer
from vnetc.model.record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Keys: TypeAlias = Mapping[str, bytes]  # fingerprint -> key
    Material: TypeAlias = Mapping[Secret, bytes]  # what is in the document's or its files' secrets

FAMILY = "wireguard"
KEY_LENGTH = 32  # WG_KEY_LEN
_NO_KEY = bytes(KEY_LENGTH)

# linux/genetlink.h
GENERIC_CONTROL = 16  # GENL_ID_CTRL
_CONTROL_GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 3, 1, 2
_GENERIC = struct.Struct("=BBH")  # command, version, reserved

# linux/wireguard.h
_GET, _SET = 0, 1
_IFINDEX, _IFNAME, _PEERS = 1, 2, 8
_PUBLIC_KEY, _PEER_FLAGS, _ALLOWED_IPS = 1, 3, 9
_REMOVE_ME, _REPLACE_ALLOWED_IPS, _UPDATE_ONLY = 1, 2, 4
_IP_FAMILY, _IP_ADDRESS, _IP_LENGTH = 1, 2, 3

# Of an attribute the length has 16 bits: one of 28 bytes for each allowed IPv6 network
_AT_ONCE = 1000


def fingerprint(key: bytes) -> str:
    """Give what stands for a key in a state."""
    return sha256(key).hexdigest()


def clamp(key: bytes) -> bytes:
    """Give a private key as the kernel keeps it (curve25519_clamp_secret)."""
    return bytes([key[0] & 0xF8]) + key[1:31] + bytes([key[31] & 0x7F | 0x40])


def decode_key(text: str) -> bytes:
    """Read a key as wg(8) writes it. Raises `ValueError`."""
    import base64

    key = base64.b64decode(text.strip(), validate=True)
    if len(key) != KEY_LENGTH:
        raise ValueError(f"a key has {KEY_LENGTH} bytes, this has {len(key)}")
    return key


def encode_key(key: bytes) -> str:
    """Write a key as wg(8) does."""
    import base64

    return base64.b64encode(key).decode()


def keyring(material: Iterable[bytes]) -> dict[str, bytes]:
    """Give keys by their fingerprints, each also as the kernel keeps it if it is a private one."""
    return {
        fingerprint(key): key
        for whole in material
        if len(whole) == KEY_LENGTH
        for key in (whole, clamp(whole))
    }


# --- how values stand in attributes ---------------------------------------------------------------

_IPV4_END, _IPV6_END = struct.Struct("=H2s4s8x"), struct.Struct("=H2sI16sI")  # sockaddr_in, …_in6


def _pack_endpoint(text: str) -> bytes:
    host, _, port = text.rpartition(":")
    host, _, scope = host.strip("[]").partition("%")
    number = int(port).to_bytes(2, "big")
    if ":" in host:
        address = socket.inet_pton(socket.AF_INET6, host)
        return _IPV6_END.pack(socket.AF_INET6, number, 0, address, int(scope or 0))
    return _IPV4_END.pack(socket.AF_INET, number, socket.inet_pton(socket.AF_INET, host))


def _unpack_endpoint(data: bytes) -> str:
    if len(data) == _IPV6_END.size:
        _, port, _, address, scope = _IPV6_END.unpack(data)
        host = socket.inet_ntop(socket.AF_INET6, address) + (f"%{scope}" if scope else "")
    else:
        _, port, address = _IPV4_END.unpack(data[: _IPV4_END.size])
        host = socket.inet_ntop(socket.AF_INET, address)
    return spell_endpoint((host, int.from_bytes(port, "big")))


def _pack_networks(networks: Sequence[str]) -> bytes:
    found: list[bytes] = []
    for network in networks:
        address, _, length = network.partition("/")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        found.append(
            nest(
                0,
                attribute(_IP_FAMILY, U16.pack(family)),
                attribute(_IP_ADDRESS, socket.inet_pton(family, address)),
                attribute(_IP_LENGTH, U8.pack(int(length))),
            )
        )
    return b"".join(found)


def _unpack_networks(data: bytes) -> list[str]:
    found: list[str] = []
    for _, network in attributes(data):
        said = dict(attributes(network))
        family = socket.AF_INET6 if len(said[_IP_ADDRESS]) == 16 else socket.AF_INET
        found.append(f"{socket.inet_ntop(family, said[_IP_ADDRESS])}/{said[_IP_LENGTH][0]}")
    return found


ENDPOINT = Codec(_pack_endpoint, _unpack_endpoint)
NETWORKS = Codec(_pack_networks, _unpack_networks)


class Field(Record, kw_only=False):
    """An attribute of a device or peer: its number and what it is if nobody says it.

    Without a codec it is a secret.
    """

    number: int
    codec: Codec | None
    default: Value


DEVICE: Mapping[str, Field] = {
    "private-key": Field(3, None, None),
    "port": Field(6, U16, 0),
    "mark": Field(7, U32, 0),
}
PEER: Mapping[str, Field] = {
    "preshared-key": Field(2, None, None),
    "endpoint": Field(4, ENDPOINT, None),
    "keepalive": Field(5, U16, 0),
    "allowed-ips": Field(_ALLOWED_IPS, NETWORKS, []),
}
_TABLES = {"wireguard": DEVICE, "wireguard-peer": PEER}

ROWS: Mapping[str, Support] = {
    "wireguard.private-key": exact("WGDEVICE_A_PRIVATE_KEY"),
    "wireguard.port": exact("WGDEVICE_A_LISTEN_PORT"),
    "wireguard.mark": exact("WGDEVICE_A_FWMARK"),
    "wireguard.peers": exact("WGDEVICE_A_PEERS"),
    "wireguard-peer.public-key": exact("WGPEER_A_PUBLIC_KEY"),
    "wireguard-peer.preshared-key": exact("WGPEER_A_PRESHARED_KEY"),
    "wireguard-peer.endpoint": exact("WGPEER_A_ENDPOINT"),
    "wireguard-peer.allowed-ips": exact("WGPEER_A_ALLOWEDIPS"),
    "wireguard-peer.keepalive": exact("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL"),
}


# --- the model ------------------------------------------------------------------------------------


def secrets_of(host: Host) -> Iterator[Secret]:
    """Give the secrets of a host's WireGuard devices."""
    for interface in host.interfaces:
        kind = interface.kind
        if isinstance(kind, Wireguard):
            yield kind.private_key
            yield from (p.preshared_key for p in kind.peers if p.preshared_key is not None)


def wanted(interface: Interface, material: Material) -> Iterator[Wanted]:
    """List the settings of a WireGuard device, and its peers.

    What is not said goes back to nothing, but for the port, which is then the kernel's choice, and
    the endpoint, which is then where the peer was heard last. A secret that is not in `material` is
    left as it is.
    """
    kind = interface.kind
    if not isinstance(kind, Wireguard):
        return
    path, name = interface.path, interface.name
    said: dict[str, Value] = {"mark": kind.mark or 0}
    if kind.port is not None:
        said["port"] = kind.port
    if kind.private_key in material:
        said["private-key"] = fingerprint(clamp(material[kind.private_key]))
    yield Wanted(
        ("wireguard", name), said, path, {word: (*path, word) for word in said if word != "peers"}
    )
    for peer in kind.peers:
        yield Wanted(("wireguard-peer", name, peer.public_key), _peer(peer, material), peer.path)


def _peer(peer: WireguardPeer, material: Material) -> dict[str, Value]:
    said: dict[str, Value] = {
        "keepalive": peer.keepalive or 0,
        "allowed-ips": [*sorted(map(str, peer.allowed_ips))],
    }
    if peer.endpoint is not None:
        said["endpoint"] = spell_endpoint(peer.endpoint)
    if peer.preshared_key is None:
        said["preshared-key"] = None
    elif peer.preshared_key in material:
        said["preshared-key"] = fingerprint(material[peer.preshared_key])
    return said


def hosts(wanted: Iterable[Wanted]) -> set[tuple[str, int]]:
    """List host and port of endpoints, which are names or addresses."""
    return {
        (host.strip("[]"), int(port))
        for item in wanted
        if item.key[0] == "wireguard-peer" and (said := item.attributes.get("endpoint"))
        for host, _, port in (str(said).rpartition(":"),)
    }


def settle(
    wanted: Iterable[Wanted],
    state: State,
    remembered: Mapping[Key, Attributes],
    found: Mapping[tuple[str, int], Sequence[str]],
) -> list[Wanted]:
    """Put addresses in the place of endpoints' names; `found` has those of a host and port.

    An endpoint is only where to begin: WireGuard follows a peer that moves. So one that the document
    still says as when it was last applied (`remembered`) is what the kernel has of it; of a name
    that has not been applied yet, whichever of its addresses the kernel has, else the first.
    """
    return [_settle(item, state, remembered, found) for item in wanted]


def _settle(
    item: Wanted,
    state: State,
    remembered: Mapping[Key, Attributes],
    found: Mapping[tuple[str, int], Sequence[str]],
) -> Wanted:
    said = item.attributes.get("endpoint")
    if item.key[0] != "wireguard-peer" or not isinstance(said, str):
        return item
    now = state.get(item.key, {}).get("endpoint")
    host, _, port = said.rpartition(":")
    addresses = found.get((host.strip("[]"), int(port)), ())
    as_before = remembered.get(item.key, {}).get("asked") == said
    if now is not None and (as_before or now in addresses):
        chosen: Value = now
    else:
        chosen = addresses[0] if addresses else said
    return replace(item, attributes={**item.attributes, "endpoint": chosen})


# --- the kernel -----------------------------------------------------------------------------------


def _generic(command: int, *body: bytes, version: int = 1) -> bytes:
    return _GENERIC.pack(command, version, 0) + b"".join(body)


def ask_family(name: str = FAMILY) -> Message:
    """Ask for the number of a generic family; the kernel loads its module (ctrl_getfamily)."""
    body = _generic(_CONTROL_GET_FAMILY, attribute(_FAMILY_NAME, TEXT.pack(name)))
    return Message(GENERIC_CONTROL, 0, body)


def family_of(answer: bytes) -> int:
    """Read the number of a generic family from what the kernel answers."""
    number: int = U16.unpack(dict(attributes(answer, _GENERIC.size))[_FAMILY_ID])
    return number


def dump(device: str, family: int) -> Message:
    """Ask for all of a device."""
    body = _generic(_GET, attribute(_IFNAME, TEXT.pack(device)))
    return Message(family, NLM_F_DUMP, body)


class _Reader:
    """Puts the parts of an answer together: a long list of peers or networks comes in several."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.names = names
        self.keys: dict[str, bytes] = {}
        self.state: State = {}
        self.device = ""

    def read(self, body: bytes) -> None:
        said = dict(attributes(body, _GENERIC.size))
        if _IFNAME in said:
            number: int = U32.unpack(said[_IFINDEX])
            self.device = self.names.get(number) or TEXT.unpack(said[_IFNAME])
            self.state["wireguard", self.device] = self.values(said, DEVICE)
        for _, peer in attributes(said.get(_PEERS, b"")):
            self.read_peer(dict(attributes(peer)))

    def read_peer(self, said: Mapping[int, bytes]) -> None:
        key = ("wireguard-peer", self.device, encode_key(said[_PUBLIC_KEY]))
        networks = _unpack_networks(said.get(_ALLOWED_IPS, b""))
        if key in self.state:  # the rest of what did not fit (wg_get_device_dump)
            before = self.state[key]["allowed-ips"]
            assert is_list(before)
            networks = [*before, *networks]
        else:
            self.state[key] = self.values(said, PEER)
        self.state[key]["allowed-ips"] = [*sorted(networks)]

    def values(self, said: Mapping[int, bytes], table: Mapping[str, Field]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for name, field in table.items():
            data = said.get(field.number)
            if field.codec is None:
                found[name] = self.secret(data or _NO_KEY)
            elif data is not None:
                found[name] = field.codec.unpack(data)
            elif field.default is not None:
                found[name] = field.default
        return found

    def secret(self, key: bytes) -> str | None:
        if key == _NO_KEY:
            return None
        self.keys[fingerprint(key)] = key
        return fingerprint(key)


def _read(bodies: Iterable[bytes], names: Mapping[int, str]) -> _Reader:
    reader = _Reader(names)
    for body in bodies:
        reader.read(body)
    return reader


def read(
    bodies: Iterable[bytes], names: Mapping[int, str]
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Give devices and peers from the dumps of one or several devices."""
    yield from _read(bodies, names).state.items()


def secrets(bodies: Iterable[bytes]) -> dict[str, bytes]:
    """Give the keys of the same dumps by their fingerprints: what restoring a device needs."""
    return _read(bodies, {}).keys


def create(
    key: Key, attributes: Attributes, index: Index, *, family: int, keys: Keys
) -> list[Message]:
    """Set up a device that was just made, or add a peer. Raises `KeyError` without a key."""
    return _messages(key, attributes, 0, family, keys)


def change(
    key: Key, old: Attributes, new: Attributes, index: Index, *, family: int, keys: Keys
) -> list[Message]:
    """Set what differs. A peer whose endpoint is to be none is made anew: it cannot be taken away."""
    table = _TABLES[key[0]]
    said = {
        name: value
        for name, value in new.items()
        if name in table and value != old.get(name, table[name].default)
    }
    if not said:
        return []
    if said.get("endpoint", "") is None:
        return [*remove(key, old, index, family=family), *_messages(key, new, 0, family, keys)]
    return _messages(key, said, _UPDATE_ONLY, family, keys)


def remove(
    key: Key,
    attributes: Attributes,
    index: Index,
    *,
    family: int,
    keys: Keys | None = None,
) -> list[Message]:
    """Take a peer away, or let a device that stays forget its key."""
    if key[0] == "wireguard-peer":
        return [_peer_message(key, _REMOVE_ME, [], family)]
    nothing: Attributes = {name: field.default for name, field in DEVICE.items()}
    return _messages(key, nothing, 0, family, {}) if key[1] in index else []


def _messages(key: Key, said: Attributes, flags: int, family: int, keys: Keys) -> list[Message]:
    if key[0] == "wireguard":
        body = [_encode(DEVICE[n], value, keys) for n, value in said.items() if n in DEVICE]
        return [_device_message(key, body, family)]
    networks = said.get("allowed-ips")
    parts = [
        _encode(PEER[n], value, keys)
        for n, value in said.items()
        if n in PEER and n != "allowed-ips" and (value is not None or PEER[n].codec is None)
    ]
    if not is_list(networks):
        return [_peer_message(key, flags, parts, family)]
    # the first replaces them all, whatever there is
    heads = [(flags | _REPLACE_ALLOWED_IPS, parts)]
    heads += [(_UPDATE_ONLY, [])] * ((len(networks) - 1) // _AT_ONCE)
    return [
        _peer_message(
            key,
            head,
            [*body, nest(_ALLOWED_IPS, NETWORKS.pack(networks[start : start + _AT_ONCE]))],
            family,
        )
        for start, (head, body) in zip(range(0, len(networks) or 1, _AT_ONCE), heads, strict=True)
    ]


def _encode(field: Field, value: Value, keys: Keys) -> bytes:
    if field.codec is not None:
        return attribute(field.number, field.codec.pack(value))
    return attribute(field.number, _NO_KEY if value is None else keys[str(value)])


def _device_message(key: Key, body: Sequence[bytes], family: int) -> Message:
    return Message(family, 0, _generic(_SET, attribute(_IFNAME, TEXT.pack(key[1])), *body))


def _peer_message(key: Key, flags: int, body: Sequence[bytes], family: int) -> Message:
    head = attribute(_PUBLIC_KEY, decode_key(key[2])) + attribute(_PEER_FLAGS, U32.pack(flags))
    return _device_message(key, [nest(_PEERS, nest(0, head, *body))], family)


def lacking(attributes: Iterable[Attributes], keys: Collection[str]) -> set[str]:
    """List the fingerprints among attributes that no key is known of."""
    found = [said.get(word) for said in attributes for word in ("private-key", "preshared-key")]
    return {print for print in found if isinstance(print, str) and print not in keys}
