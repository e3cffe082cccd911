"""What others put on a host beside the document, and how to see that it lives on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .box import Box, ip, output
from .host import wait

# As ip-address(8) makes them: no broadcast address, no protocol, the label of the device.
ADDRESSES = (
    "address add 192.0.2.10/24 dev eth0",
    "address add 2001:db8::10/64 dev eth0 nodad",
)
MORE_ADDRESSES = (
    "address add 192.0.2.11/24 dev eth0",
    "address add 192.0.2.12/24 brd + dev eth0 label eth0:b",
    "address add 10.9.0.1 peer 10.9.0.2/32 dev eth0",
    "address add 198.51.100.1/24 dev eth1",
    "address add 2001:db8::11/64 dev eth0",
    "address add 2001:db8::12/64 dev eth0 nodad preferred_lft 0",
    "address add 2001:db8:1::1/64 dev eth1 nodad",
)
ROUTES = (
    "route add default via 192.0.2.1",
    "route add default via 192.0.2.2 metric 200 proto 16",
    "route add 10.2.0.0/16 via 192.0.2.7 proto 186",
    "route add 10.3.0.0/16 via 192.0.2.7 table 100 proto 186 metric 20 mtu 1400",
    "route add default via 192.0.2.7 table 100",
    "route add 10.4.0.0/16 dev eth0 table 4000",
    "route add 10.5.0.0/16 via 192.0.2.7 src 192.0.2.10",
    "route add 10.5.0.0/16 dev eth1 table 100 src 192.0.2.10",
    "route add 10.6.0.0/16 dev eth1 src 192.0.2.10",
    "route add 10.7.0.0/16 nexthop via 192.0.2.8 nexthop via 198.51.100.8 weight 3",
    "route add blackhole 10.8.0.0/16",
    "route add unreachable 10.8.0.0/16 table 100",
    "nexthop add id 5 via 192.0.2.9 dev eth0",
    "nexthop add id 6 via 198.51.100.9 dev eth1",
    "nexthop add id 7 group 5/6,2",
    "route add 10.10.0.0/16 nhid 5",
    "route add 10.11.0.0/16 nhid 7",
    "route append 10.12.0.0/16 via 192.0.2.7",
    "route append 10.12.0.0/16 via 192.0.2.8",
    "route add default via 2001:db8::1",
    "route add 2001:db8:2::/48 via 2001:db8::7 proto 186",
    "route add 2001:db8:3::/48 via 2001:db8::7 table 100 metric 20",
    "route add 2001:db8:4::/48 dev eth0 table 4000",
    "route add 2001:db8:5::/48 via 2001:db8::7 src 2001:db8::10",
    "route add 2001:db8:6::/48 dev eth1 src 2001:db8::10",
    "route add 2001:db8:7::/48 nexthop via 2001:db8::8 nexthop via 2001:db8:1::8 weight 3",
    "route add blackhole 2001:db8:8::/48",
    "route add 2001:db8:9::/48 via 2001:db8::7 expires 900",
    "nexthop add id 16 via 2001:db8::9 dev eth0",
    "route add 2001:db8:10::/48 nhid 16",
)
NEIGHBORS = (
    "neighbor add 192.0.2.50 lladdr 02:00:00:00:00:50 dev eth0 nud permanent",
    "neighbor add 2001:db8::50 lladdr 02:00:00:00:00:50 dev eth0 nud permanent router",
    "neighbor add proxy 192.0.2.51 dev eth0",
    "neighbor add proxy 2001:db8::51 dev eth0",
    # as daemons of EVPN set them
    "neighbor add 192.0.2.53 lladdr 02:00:00:00:00:53 dev eth0 nud noarp",
    "neighbor add 192.0.2.54 lladdr 02:00:00:00:00:54 dev eth0 nud permanent extern_learn",
    "neighbor add 2001:db8::53 lladdr 02:00:00:00:00:53 dev eth0 nud noarp extern_learn router",
)
RULES = (
    "rule add from 192.0.2.10 lookup 100 priority 1000",
    "rule add iif eth0 lookup 4000 priority 1001 protocol 186",
    "-6 rule add from 2001:db8::10 lookup 100 priority 1000",
)
ALL = (*ADDRESSES, *MORE_ADDRESSES, *ROUTES, *NEIGHBORS, *RULES)


def many(count: int) -> list[str]:
    """Give routes of a routing daemon, as many of each family."""
    return [
        *(f"route add 10.{100 + n // 256}.{n % 256}.0/24 via 192.0.2.7 proto 186" for n in range(count)),
        *(f"route add 2001:db8:f:{n:x}::/64 via 2001:db8::7 proto 186" for n in range(count)),
    ]  # fmt: skip


def put_there(*commands: Sequence[str]) -> None:
    """Bring the cards up and have others put things on them."""
    ip("link set eth0 up", "link set eth1 up")
    lines = [line for group in commands for line in group]
    ip(*(line for line in lines if line[0] != "-"))
    for line in lines:
        if line[0] == "-":  # `ip -batch` takes no options for a line
            output(f"ip {line}")
    settle()


def settle() -> None:
    """Wait for the kernel to have its own addresses, and to have asked for all."""
    wait(lambda: "fe80:" in output("ip -6 address show dev eth0"))
    wait(lambda: "tentative" not in output("ip -6 address show"))


def seen(box: Box, *, kernel: bool = False) -> dict[str, Any]:
    """Give what ip(8) shows of it all, without what the kernel makes of addresses and counts down."""
    found = {
        "routes": box.ip("-N -d -4 route show table all"),
        "routes of IPv6": box.ip("-N -d -6 route show table all"),
        "rules": box.ip("-N -4 -d rule show"),
        "rules of IPv6": box.ip("-N -6 -d rule show"),
        **{
            f"{state} neighbours{of}": [
                neighbor
                for neighbor in box.ip(f"{family} neighbor show nud {state}")
                if not int(neighbor["lladdr"][:2], 16) & 1  # of groups, the kernel's
            ]
            for state in ("permanent", "noarp")
            for family, of in (("-4", ""), ("-6", " of IPv6"))
        },
        "proxies": box.ip("neighbor show proxy"),
        "proxies of IPv6": box.ip("-6 neighbor show proxy"),
        "nexthops": box.ip("-N -d nexthop show"),
        "addresses": [
            {"dev": link["ifname"], **address}
            for link in box.ip("-d address show")
            for address in link["addr_info"]
            if not address["local"].startswith("fe80:")
        ],
    }
    for kind in ("routes", "routes of IPv6"):
        for route in found[kind]:  # in whichever order its ways are
            route.get("nexthops", []).sort(key=json.dumps)
    return {
        kind: sorted(
            json.dumps(_still(entry), sort_keys=True)
            for entry in entries
            if kernel or entry.get("protocol") not in _KERNEL
        )
        for kind, entries in found.items()
    }


def _still(entry: dict[str, Any]) -> dict[str, Any]:
    """Take out what counts down; of a lifetime, the seconds that a test takes."""
    return {
        key: -(-value // 100) * 100 if key.endswith("_life_time") else value
        for key, value in entry.items()
        if key not in _COUNTED
    }


_KERNEL = ("1", "2", "kernel_ll")  # RTPROT_REDIRECT, RTPROT_KERNEL, IFAPROT_KERNEL_LL
_COUNTED = frozenset({"expires", "flags", "tentative", "dadfailed", "pad"})


def lost(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """List what was there before and is not any more."""
    return [entry for kind in before for entry in before[kind] if entry not in after[kind]]


def first_address(box: Box, device: str = "eth0") -> str:
    """Give the address that the host speaks from to a neighbour."""
    return str(box.ip(f"route get 192.0.2.99 oif {device}")[0]["prefsrc"])


# --- documents, and to apply them ------------------------------------------------------------------

V4, V6 = "192.0.2.10/24", "2001:db8::10/64"


def card(*addresses: Any, **more: Any) -> dict[str, Any]:
    own = {"accept-ra": False, "addresses": [*addresses], **more}
    return {"version": 1, "interfaces": {"eth0": own}}


def same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert before == after, "\n".join(["lost:", *lost(before, after), "new:", *lost(after, before)])


def done(box: Box, document: dict[str, Any], *options: str, code: int = 0) -> str:
    found = box.put(document, "--yes", *options)
    assert found.code == code, found.text
    if code == 0:
        again = box.put(document, "--yes")
        assert again.text.startswith("nothing to change"), again.text
    return found.text


BRIDGE: dict[str, Any] = {"type": "bridge", "ports": ["eth0"], "accept-ra": False}


def bridge(**more: Any) -> dict[str, Any]:
    br0 = {**BRIDGE, "addresses": [V4], **more}
    return {"version": 1, "interfaces": {"eth0": {"accept-ra": False}, "br0": br0}}


# what a document says of an address, and how ip(8) shows it
SAID: dict[str, tuple[dict[str, Any], str, Any]] = {
    "label": ({"address": V4, "label": "eth0:1"}, "label", "eth0:1"),
    "scope": ({"address": V4, "scope": "link"}, "scope", "link"),
    "broadcast": ({"address": V4, "broadcast": "192.0.2.9"}, "broadcast", "192.0.2.9"),
    "no prefix route": ({"address": V4, "noprefixroute": True}, "noprefixroute", True),
    "deprecated": ({"address": V4, "preferred-lifetime": 0}, "deprecated", True),
    "metric": ({"address": V4, "route-metric": 50}, "metric", 50),
    "no prefix route of IPv6": ({"address": V6, "noprefixroute": True}, "noprefixroute", True),
    "deprecated of IPv6": ({"address": V6, "preferred-lifetime": 0}, "deprecated", True),
    "metric of IPv6": ({"address": V6, "route-metric": 50}, "metric", 50),
    "home": ({"address": V6, "home": True}, "home", True),
    "peer of IPv6": ({"address": V6, "peer": "2001:db8:77::1/64"}, "address", "2001:db8:77::1"),
    "other subnet of IPv6": ({"address": "2001:db8::10/48"}, "prefixlen", 48),
}
