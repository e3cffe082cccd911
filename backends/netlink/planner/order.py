"""The order in which steps are taken.

New before old: what replaces something is there before that goes, so that an address or a route
moves without a gap. From `DEVICE` to `UNLINK` all but a few steps are netlink messages, which go
into one `sendmsg`. A ruleset is loaded before anything can pass and goes after nothing can.
"""

from __future__ import annotations

from enum import IntEnum

from vnetc.backends.netlink.state import Key


class Phase(IntEnum):
    """When a step is taken."""

    FILE = 1
    FIREWALL = 2
    STOP = 3  # programs of devices that go
    EARLY = 4  # devices that stand in the way of new ones: two VLANs of one number
    RAISE = 5  # the MTU of devices that others are made on
    CREATE = 6  # devices, what they are made on first
    SYSCTL = 7  # of devices, before they come up
    SETTING = 8  # WireGuard, queueing disciplines, cards
    LOWER = 9  # devices that must be down for a change
    DEVICE = 10
    MASTER = 11
    PORT = 12
    VLAN = 13
    UP = 14
    CONFLICT = 15  # addresses that stand in the way of new ones
    ADDRESS = 16
    NEIGHBOR = 17  # also forwarding databases
    ROUTE = 18
    RULE = 19
    REMOVE_RULE = 20
    REMOVE_ROUTE = 21
    REMOVE_ADDRESS = 22
    AGAIN = 23  # addresses that went with others
    REMOVE = 24
    DOWN = 25
    UNLINK = 26
    FORWARDING = 27
    SERVICE = 28  # programs that need the addresses
    REMOVE_LAST = 29
    LAST = 30  # kernel parameters that depend on all else: an IPv6 MTU


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
    "nexthop": Phase.ROUTE,  # among them
    "rule": Phase.RULE,
}
_REMOVALS = {
    "rule": Phase.REMOVE_RULE,
    "route": Phase.REMOVE_ROUTE,
    "address": Phase.REMOVE_ADDRESS,
    "dnsmasq": Phase.EARLY,
    "dhcp": Phase.STOP,  # as long as its word still reaches the server
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
