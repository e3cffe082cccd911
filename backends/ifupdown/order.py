"""The order in which ifupdown brings interfaces up: that of their stanzas."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.kinds import Bond, Bridge, link_of
from vnetc.model import Interface


def order(all_interfaces: tuple[Interface, ...]) -> list[Interface]:
    """Put each interface after those it is made of, otherwise in the document's order.

    Also after those that its multipath routes lead through, unless these wait for it.
    """
    by_name = {interface.name: interface for interface in all_interfaces}
    done: dict[str, Interface] = {}
    for start in all_interfaces:
        # without recursion: interfaces may be stacked deeper than Python's calls
        waiting = [start]
        pending = {start.name}
        while waiting:
            interface = waiting[-1]
            missing = [name for name in _parts(interface) if name in by_name and name not in done]
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


def _led_through(interface: Interface) -> Iterator[str]:
    for route in interface.routes:
        for hop in route.nexthops:
            if hop.interface is not None:
                yield hop.interface


def comes_later(name: str, other: str, interfaces: tuple[Interface, ...]) -> bool:
    """Tell whether an interface comes up before another one."""
    names = [interface.name for interface in order(interfaces)]
    return other in names and names.index(name) < names.index(other)
