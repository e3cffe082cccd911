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
    CREATE = 4  # devices, what they are made on first
    SYSCTL = 5  # of devices, before they come up
    SETTING = 6  # WireGuard, queueing disciplines, cards
    LOWER = 7  # devices that must be down for a change
    DEVICE = 8
    MASTER = 9
    PORT = 10
    VLAN = 11
    UP = 12
    CONFLICT = 13  # addresses that stand in the way of new ones
    ADDRESS = 14
    NEIGHBOR = 15  # also forwarding databases
    ROUTE = 16
    RULE = 17
    REMOVE_RULE = 18
    REMOVE_ROUTE = 19
    REMOVE_ADDRESS = 20
    AGAIN = 21  # addresses that went with others
    REMOVE = 22
    DOWN = 23
    UNLINK = 24
    FORWARDING = 25
    SERVICE = 26  # programs that need the addresses
    REMOVE_LAST = 27
    LAST = 28  # kernel parameters that depend on all else: an IPv6 MTU


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
