"""The order in which ifupdown brings interfaces up: that of their stanzas."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from vnetc.model.host import Interface
from vnetc.model.kinds import Bond, Bridge, Veth, link_of


def order(all_interfaces: tuple[Interface, ...]) -> list[Interface]:
    """Put each interface after those it is made of, otherwise in the document's order.

    Also after those that its multipath routes lead through, unless these wait for it. Interfaces that
    contain each other, which is an error (VN203), do not wait for each other.
    """
    by_name = {interface.name: interface for interface in all_interfaces}
    position = {name: number for number, name in enumerate(by_name)}
    parts = {
        i.name: [p for p in (*_parts(i), *_other_end(i, position)) if p in by_name]
        for i in all_interfaces
    }
    endless = _endless(parts)
    done: dict[str, Interface] = {}
    for start in all_interfaces:
        # without recursion: interfaces may be stacked deeper than Python's calls
        waiting = [start]
        pending = {start.name}
        while waiting:
            interface = waiting[-1]
            missing = [
                name
                for name in parts[interface.name]
                if name not in done and not (name in endless and interface.name in endless)
            ]
            missing += [
                name
                for name in _led_through(interface)
                if name in by_name and name not in done and name not in pending
            ]
            if missing:
                waiting += (by_name[name] for name in reversed(missing))
                pending.update(missing)
            else:
                done[waiting.pop().name] = interface
    return list(done.values())


def _endless(parts: Mapping[str, list[str]]) -> set[str]:
    """Name the interfaces that contain each other, and those that contain these."""
    users: dict[str, list[str]] = {}
    for name, names in parts.items():
        for part in names:
            users.setdefault(part, []).append(name)
    left = {name: len(names) for name, names in parts.items()}
    free = [name for name, number in left.items() if number == 0]
    while free:
        for user in users.get(free.pop(), ()):
            left[user] -= 1
            if left[user] == 0:
                free.append(user)
    return {name for name, number in left.items() if number}


def _parts(interface: Interface) -> Iterator[str]:
    """Name the interfaces that must be there before this one."""
    match interface.kind:
        case Bridge(ports=names) | Bond(members=names):
            yield from names
        case kind:
            link = link_of(kind)
            if link is not None:
                yield link
    if interface.vrf is not None:
        yield interface.vrf


def _other_end(interface: Interface, position: Mapping[str, int]) -> Iterator[str]:
    """Name the end of a veth that makes both, for the one that stands behind it in the document."""
    kind = interface.kind
    if isinstance(kind, Veth) and position.get(kind.peer, math.inf) < position[interface.name]:
        yield kind.peer


def _led_through(interface: Interface) -> Iterator[str]:
    for route in interface.routes:
        for hop in route.nexthops:
            if hop.interface is not None:
                yield hop.interface


def comes_later(name: str, other: str, interfaces: tuple[Interface, ...]) -> bool:
    """Tell whether an interface comes up before another one."""
    names = [interface.name for interface in order(interfaces)]
    return other in names and names.index(name) < names.index(other)
