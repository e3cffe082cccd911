"""Steps of a plan, and the objects that they are about, for tests that need no kernel."""

from __future__ import annotations

from typing import Any

from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import Key

BR0: Key = ("link", "br0")
ETH0: Key = ("link", "eth0")
ADDRESS: Key = ("address", "eth0", "192.0.2.10/24")
ON_BRIDGE: Key = ("address", "br0", "192.0.2.10/24")
DEFAULT: Key = ("route", "ipv4", "254", "0.0.0.0/0", "0")
FAR: Key = ("route", "ipv4", "254", "203.0.113.0/24", "0")
SYSCTL: Key = ("sysctl", "net/ipv6/conf/eth0/accept_ra")


def made(key: Key, **after: Any) -> Step:
    return Step(action="+", key=key, before=None, after=after)


def changed(key: Key, before: dict[str, Any], **after: Any) -> Step:
    return Step(action="~", key=key, before=before, after={**before, **after})


def removed(key: Key, **before: Any) -> Step:
    return Step(action="-", key=key, before=before, after=None, impact="disruptive")
