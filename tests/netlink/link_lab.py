"""Bring devices of a namespace to what is wanted, with nothing but links.py; and try how they change.

It imports no test framework and no compiler: it also runs in the virtual machine of the lab, on
wanted attributes as JSON.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.objects import tuntap
from vnetc.backends.netlink.state import Key

from .lab import Lab, Refused

Links: TypeAlias = Mapping[str, Mapping[str, Any]]  # name -> attributes wanted

PHASES = ("device", "master", "port", "up")


def state(lab: Lab) -> dict[Key, dict[str, Any]]:
    """Read all devices."""
    bodies = lab.dump(*links.DUMP)
    return dict(links.read(bodies, links.names(bodies)))


def index(lab: Lab) -> dict[str, int]:
    return {name: number for number, name in links.names(lab.dump(*links.DUMP)).items()}


def _depth(name: str, wanted: Links) -> int:
    link = wanted.get(name, {}).get("link")
    return 1 + _depth(link, wanted) if isinstance(link, str) else 0


def _ordered(wanted: Links) -> list[str]:
    return sorted(wanted, key=lambda name: _depth(name, wanted))


def plug(lab: Lab, wanted: Links) -> None:
    """Make cards, of cables, whose MAC addresses are always the same."""
    for number, (name, attributes) in enumerate(wanted.items()):
        if attributes["kind"] == "ethernet" and ("link", name) not in state(lab):
            mac = f"02:00:00:00:01:{number:02x}"
            made = {"kind": "veth", "peer": f"{name}-peer", "macaddress": mac}
            lab.sent(links.create(("link", name), made, {}))


def make(lab: Lab, wanted: Links) -> None:
    """Make what is not there."""
    for name in _ordered(wanted):
        key = ("link", name)
        if key in state(lab):
            continue
        attributes = wanted[name]
        if links.is_made_by_ioctl(attributes):
            tuntap.create(name, attributes)
        lab.sent(links.create(key, attributes, index(lab)))


def settle(lab: Lab, wanted: Links) -> int:
    """Change what is other than wanted, phase after phase; give the number of messages."""
    messages = 0
    for phase in PHASES:
        now = state(lab)
        numbers = {key[1]: found["ifindex"] for key, found in now.items()}
        for name in _ordered(wanted):
            new = {n: v for n, v in wanted[name].items() if links.phase(n) == phase}
            made = links.change(("link", name), now[("link", name)], new, numbers)
            messages += lab.sent(made)
    return messages


def differences(lab: Lab, wanted: Links) -> dict[str, tuple[Any, Any]]:
    """Give what is other than wanted: what it is, and what was wanted."""
    now = state(lab)
    return {
        f"{name} {word}": (now[("link", name)].get(word), attributes[word])
        for name, attributes in wanted.items()
        for word in links.differing(now[("link", name)], attributes)
    }


def down(lab: Lab, names: Sequence[str]) -> None:
    for name in names:
        number = index(lab)[name]
        lab.sent(links.change(("link", name), {"up": True}, {"up": False}, {name: number}))


def observe(lab: Lab, first: Links, second: Links) -> str:
    """Tell how the kernel takes the change from one to the other: an `Impact`, or why none."""
    reason = ""
    for impact in ("live", "down", "empty"):
        start(lab, first)
        changed = [n for n in second if links.differing(state(lab)[("link", n)], second[n])]
        if impact in ("down", "empty"):
            down(lab, changed)
        if impact == "empty":
            loose = {n: {"master": None} for n, a in first.items() if a.get("master") in changed}
            settle(lab, loose)
        try:
            settle(lab, second)
        except Refused as refused:
            reason = reason or str(refused)
            continue
        if differences(lab, second):
            reason = reason or f"in silence: {differences(lab, second)}"
            continue
        return impact
    return f"recreate: {reason}"


def start(lab: Lab, wanted: Links) -> None:
    """Begin anew: nothing but what is wanted, brought to that."""
    for (_, name), attributes in state(lab).items():
        if attributes["kind"] not in links.CARDS:
            with contextlib.suppress(Refused):  # fallback tunnels stay
                lab.sent(links.remove(("link", name), attributes, index(lab)))
    plug(lab, wanted)
    make(lab, wanted)
    settle(lab, wanted)


def unusual(lab: Lab, wanted: Links) -> dict[str, tuple[Any, Any]]:
    """Give what devices have of what is not wanted, that is other than `defaults` says."""
    now = state(lab)
    usual = {
        name: links.defaults(str(attributes["kind"]), attributes)
        | (links.port_defaults() if attributes.get("master-kind") == "bridge" else {})
        for name, attributes in wanted.items()
        if attributes["kind"] not in links.CARDS or attributes.get("master-kind") == "bridge"
    }
    return {
        f"{name} {word}": (now[("link", name)].get(word), value)
        for name, values in usual.items()
        for word, value in values.items()
        if word not in wanted[name] and now[("link", name)].get(word) != value
    }


def by_ip(lab: Lab, name: str, commands: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """Make a device anew as ip(8) does, give what is other of its kind: ours, and ip(8)'s."""
    key = ("link", name)
    ours = state(lab)[key]
    lab.sent(links.remove(key, ours, index(lab)))
    for command in commands:
        subprocess.run(["sh", "-e", "-c", command], check=True)
    theirs = state(lab)[key]
    return {
        word: (ours.get(word), theirs.get(word))
        for word in {*ours, *theirs}
        if ("." in word or word in ("kind", "link", "peer"))
        and links.phase(word) == "device"
        and ours.get(word) != theirs.get(word)
    }


def restored(lab: Lab, wanted: Links) -> dict[str, tuple[Any, Any]]:
    """Take all that is made away, make it anew of what was read, and give what is other then."""
    before = state(lab)
    made = {
        name: {n: v for n, v in before[("link", name)].items() if n != "ifindex"}
        for name, attributes in wanted.items()
        if attributes["kind"] not in links.CARDS
    }
    for name in made:
        key = ("link", name)
        if key in state(lab):
            lab.sent(links.remove(key, before[key], index(lab)))
    make(lab, made)
    everything = {
        name: {n: v for n, v in before[("link", name)].items() if n != "ifindex"}
        for name in (*wanted,)
    }
    settle(lab, everything)
    return differences(lab, everything)
