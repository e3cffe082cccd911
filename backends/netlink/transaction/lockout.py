"""Would a plan saw off the branch that its user sits on: the SSH session that the command came by.

`danger` is a pure function of the state, the steps and the two ends of the session; `session` finds
those ends.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence

from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import Attributes, Key, State
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAIN = "254"
_DAEMONS = ("sshd", "sshd-session", "sshd-auth", "dropbear")
# What may change on a device that carries packets without a packet being lost.
_HARMLESS = frozenset({"alias", "group", "promiscuous", "multicast", "all-multicast"})


class Session(Record, kw_only=False):
    """The two ends of a connection, and the device if an address means something only there."""

    peer: str
    local: str
    device: str | None = None


def danger(state: State, steps: Sequence[Step], session: Session) -> Step | None:
    """Give the first step that touches what carries the session, None if none does."""
    local, peer = _plain(session.local), _plain(session.peer)
    holders = {key[1] for key in state if key[0] == "address" and _address(key) == local}
    if not holders:
        return None  # it ends in another namespace, or has ended
    way, on_link = _way(state, peer)
    devices = holders | on_link
    if session.device is not None:
        devices.add(session.device)
    gateways: set[Ip] = set()
    if way is not None:
        devices |= set(_devices(state[way]))
        gateways = set(_gateways(state[way]))
    sources = {local} | _sources(state, devices, gateways)
    devices = _carriers(state, devices)
    for step in steps:
        if _touches(step, devices, sources, peer, way):
            return step
    return None


def _touches(step: Step, devices: set[str], sources: set[Ip], peer: Ip, way: Key | None) -> bool:
    match step.key[0]:
        case "link":
            if step.action == "+" or step.key[1] not in devices:
                return False
            return step.action != "~" or not _HARMLESS.issuperset(step.changes)
        case "address":
            if _address(step.key) not in sources:
                return False
            return step.action in "-!" or step.impact != "seamless"
        case "route":
            return _leads_to(step, peer, way)
        case "rule":
            return step.key[1] == _family(peer)
        case _:
            return step.impact == "disruptive" and len(step.key) > 1 and step.key[1] in devices


def _leads_to(step: Step, peer: Ip, way: Key | None) -> bool:
    """Tell whether a step changes the route to the peer, or puts another one before it."""
    if step.key == way:
        return True
    if step.key[1] != _family(peer):
        return False
    if _is_default(step.key):
        return step.action != "+" or (way is not None and _is_default(way))
    network = _network(step.key)
    if network is None or peer not in network:
        return False
    current = None if way is None else _network(way)
    return current is None or network.prefixlen >= current.prefixlen


def _way(state: State, peer: Ip) -> tuple[Key | None, set[str]]:
    """Give the route of the main table to an address: the longest prefix, then the lowest metric.

    The kernel's own routes to neighbours are no part of a state: they follow from addresses. If one
    of them it is, there is no other to name, but there are the devices.
    """
    best: Key | None = None
    rank: tuple[int, int] = (-1, 0)
    for key, attributes in state.items():
        if key[0] == "route" and key[1] == _family(peer) and key[2] == _MAIN:
            network = _network(key)
            if network is not None and peer in network:
                metric = attributes.get("metric")
                this = (network.prefixlen, -metric if isinstance(metric, int) else 0)
                if best is None or this > rank:
                    best, rank = key, this
    lengths: dict[str, int] = {}
    for key in state:
        if key[0] == "address" and peer in (network := ipaddress.ip_interface(key[2]).network):
            lengths[key[1]] = max(network.prefixlen, lengths.get(key[1], 0))
    longest = max(lengths.values(), default=-1)
    if longest < rank[0] or longest < 0:
        return best, set()
    return None, {device for device, length in lengths.items() if length == longest}


def _network(key: Key) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if _is_default(key):
        return ipaddress.ip_network("0.0.0.0/0" if key[1] == "ipv4" else "::/0")
    try:
        return ipaddress.ip_network(key[3], strict=False)
    except ValueError:
        return None


def _is_default(key: Key) -> bool:
    return key[3] in ("0.0.0.0/0", "::/0")


def _family(address: Ip) -> str:
    return f"ipv{address.version}"


def _hops(route: Attributes) -> Iterator[Mapping[str, Any]]:
    hops: Any = route.get("nexthops") or [route]
    yield from hops


def _devices(route: Attributes) -> Iterator[str]:
    for hop in _hops(route):
        if isinstance(hop.get("dev"), str):
            yield hop["dev"]


def _gateways(route: Attributes) -> Iterator[Ip]:
    for hop in _hops(route):
        if isinstance(hop.get("via"), str):
            yield ipaddress.ip_address(hop["via"])


def _sources(state: State, devices: set[str], gateways: set[Ip]) -> set[Ip]:
    """Give the host's own addresses that make the gateways its neighbours."""
    return {
        _address(key)
        for key in state
        if key[0] == "address"
        and key[1] in devices
        and any(gateway in ipaddress.ip_network(key[2], strict=False) for gateway in gateways)
    }


def _carriers(state: State, devices: set[str]) -> set[str]:
    """Add to devices those that carry their packets: what they are made on, ports, VRFs."""
    ports: dict[str, list[str]] = {}
    for key, attributes in state.items():
        if key[0] == "link" and isinstance(attributes.get("master"), str):
            ports.setdefault(str(attributes["master"]), []).append(key[1])
    found: set[str] = set()
    waiting = list(devices)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        link = state.get(("link", name), {})
        if link.get("kind") != "vrf":  # its other members carry nothing of this
            waiting += ports.get(name, ())
        for above in (link.get("link"), link.get("master")):
            if isinstance(above, str):
                kind = state.get(("link", above), {}).get("kind")
                if above == link.get("link") or kind == "vrf":
                    waiting.append(above)
    return found


def _address(key: Key) -> Ip:
    return ipaddress.ip_interface(key[2]).ip


def _plain(text: str) -> Ip:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


# --- the session ------------------------------------------------------------------------------


def session(pid: int | None = None, *, proc: str = "/proc") -> Session | None:
    """Find the SSH session that a process belongs to, by itself and what it descends from.

    sudo(8) takes SSH_CONNECTION out of the environment, but the shell before it still has it; a
    daemon of SSH in between has the connection itself.
    """
    number = os.getpid() if pid is None else pid
    while number > 1:
        said = _environment(proc, number).get("SSH_CONNECTION", "").split()
        found = _said(said) if len(said) == 4 else None
        if found is None and _name(proc, number) in _DAEMONS:
            found = _connection(proc, number)
        if found is not None:
            return found
        number = _parent(proc, number)
    return None


def _said(words: Sequence[str]) -> Session | None:
    peer, _, local, _ = words
    try:
        _plain(peer)
        _plain(local)
    except ValueError:
        return None
    return Session(peer, local, peer.partition("%")[2] or None)


def _environment(proc: str, pid: int) -> dict[str, str]:
    text = _content(f"{proc}/{pid}/environ").decode(errors="replace")
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)


def _name(proc: str, pid: int) -> str:
    return _content(f"{proc}/{pid}/comm").decode(errors="replace").strip()


def _parent(proc: str, pid: int) -> int:
    # proc_pid_stat(5): the second field is a name in parentheses, which may hold any character
    fields = _content(f"{proc}/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _connection(proc: str, pid: int) -> Session | None:
    """Find the connection that a process holds, in the tables of TCP."""
    inodes: set[str] = set()
    try:
        for name in os.listdir(f"{proc}/{pid}/fd"):
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"{proc}/{pid}/fd/{name}"))
            if match:
                inodes.add(match[1])
    except OSError:
        return None
    for table in ("tcp", "tcp6"):
        for line in _content(f"{proc}/{pid}/net/{table}").decode().splitlines()[1:]:
            fields = line.split()
            if (
                fields[3] == "01" and fields[9] in inodes
            ):  # TCP_ESTABLISHED, include/net/tcp_states.h
                return Session(_end(fields[2]), _end(fields[1]))
    return None


def _end(text: str) -> str:
    """Read an address of /proc/net/tcp: hexadecimal words in the machine's own order."""
    digits = text.partition(":")[0]
    words = [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]
    data = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, data)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
