"""The order in which steps are taken.

New before old: what replaces something is there before that goes, so that an address or a route
moves without a gap. From `DEVICE` to `UNLINK` all but a few steps are netlink messages, which go
into one `sendmsg`. A ruleset is loaded before anything can pass and goes after nothing can.
"""

from __future__ import annotations

from enum import IntEnum

from vnetc.backends.netlink.objects import Key


class Phase(IntEnum):
    """When a step is taken."""

    FILE = 1
    FIREWALL = 2
    EARLY = 3  # devices that stand in the way of new ones: two VLANs of one number
    RAISE = 4  # the MTU of devices that others are made on
    CREATE = 5  # devices, what they are made on first
    SYSCTL = 6  # of devices, before they come up
    SETTING = 7  # WireGuard, queueing disciplines, cards
    LOWER = 8  # devices that must be down for a change
    DEVICE = 9
    MASTER = 10
    PORT = 11
    VLAN = 12
    UP = 13
    CONFLICT = 14  # addresses that stand in the way of new ones
    ADDRESS = 15
    NEIGHBOR = 16  # also forwarding databases
    ROUTE = 17
    RULE = 18
    REMOVE_RULE = 19
    REMOVE_ROUTE = 20
    REMOVE_ADDRESS = 21
    AGAIN = 22  # addresses that went with others
    REMOVE = 23
    DOWN = 24
    UNLINK = 25
    FORWARDING = 26
    SERVICE = 27  # programs that need the addresses
    REMOVE_LAST = 28
    LAST = 29  # kernel parameters that depend on all else: an IPv6 MTU


_PHASES = {
    "file": Phase.FILE,
    "nft": Phase.FIREWALL,
    "wireguard": Phase.SETTING,
    "wireguard-peer": Phase.SETTING,
    "qdisc": Phase.SETTING,
    "card": Phase.SETTING,
    "vlan": Phase.VLAN,
    "address": Phase.ADDRESS,
    "neighbor": Phase.NEIGHBOR,
    "neighbor-proxy": Phase.NEIGHBOR,
    "fdb": Phase.NEIGHBOR,
    "mdb": Phase.NEIGHBOR,
    "route": Phase.ROUTE,
    "rule": Phase.RULE,
}
_REMOVALS = {
    "rule": Phase.REMOVE_RULE,
    "route": Phase.REMOVE_ROUTE,
    "address": Phase.REMOVE_ADDRESS,
    "dnsmasq": Phase.EARLY,
    "nft": Phase.REMOVE_LAST,
    "file": Phase.REMOVE_LAST,
    "sysctl": Phase.REMOVE_LAST,
}
_BEFORE_UP = frozenset({"accept_ra", "autoconf", "use_tempaddr", "addr_gen_mode"})


def phase_of(key: Key, *, removal: bool = False) -> Phase:
    """Say when an object other than a link is made or changed, or removed."""
    if removal:
        return _REMOVALS.get(key[0], Phase.REMOVE)
    if key[0] == "sysctl":
        parts = key[1].split("/")
        if parts[-1] in _BEFORE_UP:
            return Phase.SYSCTL
        return Phase.FORWARDING if len(parts) == 3 or parts[3] == "all" else Phase.LAST
    return _PHASES.get(key[0], Phase.SERVICE)
