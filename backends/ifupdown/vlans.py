"""The VLANs of a bridge that filters, by options of ifupdown2 and ifupdown-ng.

A port carries the VLANs of `bridge-vids` with their tags, and that of `bridge-pvid` without, which is
1 unless it is said; `bridge-access` is this one alone, `bridge-allow-untagged no` takes it away. What
else leaves without its tag, or a PVID that leaves with it, bridge(8) corrects behind them: a reload of
ifupdown2 takes away VLANs that no option names, but does not look at how they leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from vnetc.backends.devices import Devices
from vnetc.backends.kernel_defaults import carried_vlans, default_vlan, said_vlans
from vnetc.backends.spelling import span
from vnetc.model.host import Interface, Port
from vnetc.model.kinds import Bridge, Vlan
from vnetc.model.record import Record
from vnetc.model.values import Ranges

Words = dict[str, str]  # option -> value
Told = tuple[Ranges, "int | None", Ranges]  # `vlans`, `pvid` and `untagged`


class BridgeVlans(Record):
    """What options say of the VLANs of a bridge, and what they leave of the bridge's own."""

    bridge: Words  # in its stanza
    ports: Mapping[str, Words]  # in that of each
    own: Told  # by commands


_PVID = 1  # of a port that says none, with both programs
_INHERITED = ("bridge-vids", "bridge-pvid")  # by ports that say none of their own


def words(item: Port | Bridge, bridge: Bridge, *, alone: bool = False) -> Words:
    """Say the VLANs of a port, or of the bridge device; `alone`: of one that takes no other option.

    This is `bridge-access`, without which ifupdown2 refuses a VXLAN as a port.
    """
    vlans, pvid, _ = _carried(item, bridge)
    tagged = " ".join(map(span, _without(vlans, pvid)))
    if alone or (item.pvid is not None and not tagged):
        return {} if pvid is None else {"bridge-access": str(pvid)}
    said = {"bridge-vids": tagged} if tagged else {}
    if pvid is None:
        said["bridge-allow-untagged"] = "no"
    elif pvid != _PVID:
        said["bridge-pvid"] = str(pvid)
    return said


def rest(item: Port | Bridge, bridge: Bridge, said: Words) -> Told:
    """Give what must be told of VLANs that options do not say as they are."""
    vlans, pvid, untagged = _carried(item, bridge)
    tagged = _without(vlans, pvid) if "bridge-vids" in said else ()
    plain = set(_numbers(untagged))
    lacking = set(_numbers(vlans)) - set(_numbers(tagged)) - {pvid}
    wrong = sorted(lacking | (plain & set(_numbers(tagged))))
    other = pvid if pvid is not None and pvid not in plain else None
    return tuple((vid, vid) for vid in wrong), other, tuple((v, v) for v in wrong if v in plain)


def of_ports(
    bridge: Bridge, devices: Devices, alone: Callable[[Interface], bool]
) -> dict[str, Words]:
    """Say the VLANs of each port; `alone` tells whether it takes no other option than `bridge-access`."""
    ports = (devices.by_name[name] for name in bridge.ports if name in devices.by_name)
    return {
        port.name: words(port.port, bridge, alone=alone(port))
        for port in ports
        if port.port is not None
    }


def for_all(ports: Mapping[str, Words]) -> Words:
    """Give what a bridge of ifupdown2 says for all its ports, which have it unless they say their own."""
    every = [*ports.values()]
    return {
        word: every[0][word]
        for word in _INHERITED
        if every and word in every[0] and all(said.get(word) == every[0][word] for said in every)
    }


def own_words(bridge: Bridge, ports: Mapping[str, Words]) -> Words:
    """Say the VLANs of a bridge itself, as ifupdown-ng reads them.

    Nothing if ports that say none of their own would have them too (ifupdown-ng.conf(5)).
    """
    if not (bridge.vlans or bridge.untagged or bridge.pvid is not None):
        return {}
    said = words(bridge, bridge)
    lacking = (
        word not in port and "bridge-access" not in port
        for word in _INHERITED
        if word in said
        for port in ports.values()
    )
    return {} if any(lacking) else said


def besides_uppers(devices: Devices, interface: Interface, bridge: Bridge) -> Told:
    """Give what must be told of a bridge itself, which ifupdown2 lets carry the VLANs made on it."""
    made = {
        upper.kind.id
        for upper in devices.upper.get(interface.name, ())
        if isinstance(upper.kind, Vlan) and upper.name == f"{interface.name}.{upper.kind.id}"
    }
    vlans, pvid, untagged = said_vlans(bridge, bridge)
    made -= {pvid, *_numbers(untagged)}
    for vid in made:
        vlans = _without(vlans, vid)
    return vlans, pvid, untagged


def keys(item: Port | Bridge, told: Told) -> list[str]:
    """Name the keys of a port, or of a bridge, that are behind what is told of its VLANs."""
    vlans, pvid, _ = told
    plain = set(_numbers(item.untagged))
    listed = set(_numbers(item.vlans)) | plain
    vids = {*_numbers(vlans), *([] if pvid is None else [pvid])}
    moved = pvid is not None or not vids <= listed  # the default VLAN is no PVID any more
    found = {
        "vlans": bool((vids - plain - {pvid}) & listed) or (moved and item.pvid is None),
        "pvid": moved and item.pvid is not None,
        "untagged": bool(vids & plain),
    }
    return [name for name, holds in found.items() if holds]


def _carried(item: Port | Bridge, bridge: Bridge) -> Told:
    vlans, pvid, untagged = carried_vlans(item, bridge)
    default = default_vlan(bridge)
    if default and not vlans and pvid is None:
        return (), default, ((default, default),)
    return vlans, pvid, untagged


def _without(ranges: Ranges, vid: int | None) -> Ranges:
    if vid is None:
        return ranges
    parts = ((first, min(last, vid - 1)) for first, last in ranges)
    others = ((max(first, vid + 1), last) for first, last in ranges)
    return tuple(sorted({(first, last) for first, last in (*parts, *others) if first <= last}))


def _numbers(ranges: Ranges) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)
