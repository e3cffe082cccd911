"""A kernel made of plain data: what a state becomes when steps are taken.

It knows no more than the planner's tests need: what a new device has, and what goes with one.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_interface
from typing import Any

from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.objects import routes
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import Key, State

UP = {"up": True, "master": None, "master-kind": None, "link": None, "mtu": 1500}


def device(kind: str, **said: Any) -> dict[str, Any]:
    """Give a device as the kernel would have it, with what is said of it."""
    own = {name.replace("__", ".").replace("_", "-"): value for name, value in said.items()}
    return {**UP, "kind": kind, "address-generation": 0, **links.defaults(kind, own), **own}


def take(state: State, steps: Iterable[Step]) -> State:
    """Give the state after steps."""
    now: dict[Key, Any] = dict(state)
    for step in steps:
        following = [name for name, least in _least(now).items() if _mtu(now, name) == least]
        _take(now, step)
        for name, least in _least(now).items():
            if name in following and step.key != ("link", name):  # br_mtu_auto_adjust
                now["link", name] = {**now["link", name], "mtu": least}
    return now


def _least(now: State) -> dict[str, int]:
    """Give the MTU that each bridge has if its own was never set."""
    links = {key[1]: found for key, found in now.items() if key[0] == "link"}
    return {
        name: min((p["mtu"] for p in links.values() if p["master"] == name), default=1500)
        for name, found in links.items()
        if found["kind"] == "bridge"
    }


def _mtu(now: State, name: str) -> Any:
    return now["link", name]["mtu"]


def _take(now: dict[Key, Any], step: Step) -> None:
    if step.action in "!-":
        now.pop(step.key, None)
        if step.key[0] == "link":
            _fall(now, step.key[1])
        for key in step.falls if step.key[0] == "address" else ():
            now.pop(key, None)
        if step.key[0] == "address" and not step.holds:
            _flush(now, step.key)
    if step.after is None:
        return
    for key, _ in step.anew:
        now.pop(key, None)
    for key, found in step.anew:
        now[key] = {**found, "secondary": _is_later(now, key)}
    if step.anew:
        return
    if step.action != "~" and step.key[0] == "link":
        new = {**UP, "up": False, "address-generation": 0}
        kind = str(step.after["kind"])
        now[step.key] = {**new, **links.defaults(kind, step.after), **step.after}
        for key, found in [*now.items()]:
            if key[0] == "sysctl" and "/default/" in key[1]:
                now["sysctl", key[1].replace("default", step.key[1])] = found
        default = step.after.get("bridge.default-pvid", 1)
        if step.after.get("bridge.vlan-filtering") and default:
            now["vlan", step.key[1], str(default)] = {"pvid": True, "untagged": True, "self": True}
        peer = step.after.get("peer")
        if kind == "veth" and isinstance(peer, str):
            own = {**new, "kind": kind, "peer": step.key[1], **links.defaults(kind, {})}
            now.setdefault(("link", peer), own)
        return
    now[step.key] = {**now.get(step.key, {}), **step.after}
    if step.key[0] == "link":
        _follow(now, step)


def _flush(now: dict[Key, Any], gone: Key) -> None:
    """Take away what the kernel does when the last IPv4 address of a device has gone, or a source."""
    own = gone[2].partition("/")[0]
    addresses = [key for key in now if key[0] == "address" and ":" not in key[2]]
    alone = ":" not in own and not any(key[1] == gone[1] for key in addresses)
    lost = not any(key[2].partition("/")[0] == own for key in addresses)
    for key, found in [*now.items()]:
        if key[:2] == ("route", "ipv4"):
            ways = routes.devices(found)
            if (alone and ways and set(ways) == {gone[1]}) or (
                lost and found.get("from") == own and key[2] == "254"
            ):
                del now[key]
        elif alone and key[0] in ("neighbor", "neighbor-proxy") and key[1] == gone[1]:
            now.pop(key if ":" not in key[2] else (), None)


def _is_later(now: dict[Key, Any], key: Key) -> bool:
    """Tell whether an IPv4 address is not the first one of its subnet."""
    subnet = ip_interface(key[-1]).network
    return any(
        other[:2] == key[:2] and ip_interface(other[-1]).network == subnet
        for other in now
        if other[0] == "address" and ":" not in other[2]
    )


def _fall(now: dict[Key, Any], name: str) -> None:
    """Take away what is on a device that is gone, and let go of its ports."""
    for key, found in [*now.items()]:
        if key not in now:
            continue
        if key[0] == "link":
            if name in (found.get("link"), found.get("peer")):
                del now[key]
                _fall(now, key[1])
            elif found.get("master") == name:
                closed = {"up": False} if found.get("master-kind") == "bond" else {}
                now[key] = {**found, "master": None, "master-kind": None, **closed}
        elif key[0] == "route":
            if name in routes.devices(found):
                del now[key]
        elif key[0] == "sysctl":
            if f"/{name}/" in key[1]:
                del now[key]
        elif key[0] not in ("rule", "nexthop") and key[1] == name:
            del now[key]


def _vlans(now: dict[Key, Any], name: str) -> list[str]:
    """List the VLANs on a device, and what is on those, that go down with it."""
    found = [k[1] for k, v in now.items() if k[0] == "link" and v.get("link") == name]
    own = [n for n in found if now["link", n]["kind"] == "vlan"]
    own = [n for n in own if not now["link", n].get("vlan-flags.loose-binding")]
    return [*own, *(other for one in own for other in _vlans(now, one))]


def _follow(now: dict[Key, Any], step: Step) -> None:
    """Do what a device that goes down, or becomes a port, brings with it."""
    assert step.before is not None and step.after is not None
    name = step.key[1]
    if step.before.get("up") and not step.after.get("up"):
        off = {name, *(other for other in _vlans(now, name))}
        for key, found in [*now.items()]:
            if (
                (key[0] == "address" and key[1] in off and ":" in key[2])
                or (key[0] in ("neighbor", "neighbor-proxy") and key[1] in off)
                or (key[0] == "route" and (ways := set(routes.devices(found))) and ways <= off)
            ):
                del now[key]
    if step.before.get("master") != step.after.get("master"):
        if step.after.get("master-kind") == "bond":
            now[step.key] |= {"up": True}
        bridge = now.get(("link", str(step.after.get("master"))), {})
        for key in [k for k in now if k[:2] == ("vlan", name)]:
            del now[key]
        default = bridge.get("bridge.default-pvid", 1)
        if bridge.get("bridge.vlan-filtering") and default:
            now["vlan", name, str(default)] = {"pvid": True, "untagged": True, "self": False}
        if bridge.get("kind") == "bridge":
            now[step.key] |= {n: v for n, v in links.port_defaults().items() if n not in step.after}
