"""Parts of random documents: addresses, routes, rules, raw text; and how many are drawn."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

THOROUGH = os.environ.get("VNETC_HYPOTHESIS") == "thorough"
_COMMON: dict[str, Any] = {
    "deadline": None,
    "report_multiple_bugs": False,
    "suppress_health_check": list(HealthCheck),
}
settings.register_profile(
    "ci", **_COMMON, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.register_profile("thorough", **_COMMON)  # looks for the smallest example too
settings.load_profile("thorough" if THOROUGH else "ci")


def examples(count: int) -> settings:
    """Try so many examples, fifty times as many if VNETC_HYPOTHESIS is `thorough`."""
    return settings(max_examples=count * (50 if THOROUGH else 1))


Document = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

# Names that a reader could take for something else: numbers, booleans, words of ip(8) and bridge(8).
# No plain numbers, which systemd refuses: those are in test_support.py.
NAMES = (
    *("eth0", "eth1", "eth2", "enp3s0", "br0", "br-lan", "vms", "lab"),
    *("a.b", "1e3", "3com", "no", "null", "y", "on", "none", "all0", "regex", "auto", "iface"),
    *("br", "dev", "up", "_", "x-", "x.", "any", "master", "E0", "fifteen-letters"),
)
DOMAINS = ("example.net", "lan", "a.b.example", "no", "xn--bcher-kva.example", "1.2.3")
HOSTNAMES = ("web", "db-1", "no", "0", "x")
DURATIONS = {
    "forward-delay": ("2s", "4s", "15s", "30s"),
    "hello-time": ("1s", "2000ms", "1500ms", "10s"),
    "max-age": ("6s", "20s", "40s"),
    "ageing-time": (0, "0", "300s", "5m", "1h", "1d"),
}


def text_of(document: Document) -> str:
    """Spell a document: JSON is YAML."""
    return json.dumps(document, ensure_ascii=False)


def optional(draw: Draw, **keys: st.SearchStrategy[Any]) -> Document:
    """Draw a mapping in which each key may be absent; `_` in a keyword stands for `-`."""
    present = draw(st.integers(0, 2 ** len(keys) - 1))  # one bit for each: a set costs ten draws
    return {
        key.replace("_", "-"): draw(strategy)
        for bit, (key, strategy) in enumerate(keys.items())
        if present >> bit & 1
    }


booleans = st.booleans()
macs = st.integers(0, 2**32 - 1).map(
    lambda n: "52:54:" + ":".join(f"{byte:02x}" for byte in n.to_bytes(4, "big"))
)
tables = st.one_of(st.sampled_from(["main", "local", "default"]), st.integers(1, 4294967295))
descriptions = st.one_of(
    st.sampled_from(["", "uplink", "the LAN", "# no comment", '50% $(off) `x` "y" \\']),
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20),
)
bits = st.integers(0, 1)
sysctls = {
    "ipv4": {"rp_filter": bits, "proxy_arp": bits, "arp_ignore": bits, "forwarding": bits},
    "ipv6": {"proxy_ndp": bits, "hop_limit": st.integers(1, 255), "dad_transmits": bits},
}


def v4(number: int, host: int) -> str:
    return f"10.{number}.0.{host}"


def v6(number: int, host: int) -> str:
    return f"2001:db8:{number:x}::{host:x}"


@st.composite
def address_items(draw: Draw, number: int, name: str, *, guests: bool = False) -> list[Any]:
    """Draw addresses of the subnets of an interface, the first of each family plain."""
    items: list[Any] = []
    for host in range(2, 2 + draw(st.integers(0, 3))):
        ipv6 = draw(booleans)
        address = f"{v6(number, host)}/64" if ipv6 else f"{v4(number, host)}/24"
        if draw(booleans):
            items.append(address)
            continue
        options = optional(
            draw,
            scope=st.sampled_from(["global", "link", "host"]),
            preferred_lifetime=st.just(0),
            noprefixroute=booleans,
            **({"home": booleans} if ipv6 else {"broadcast": st.sampled_from([False, "10.9.9.9"])}),
        )
        if not ipv6 and draw(booleans):
            options["label"] = draw(st.sampled_from([f"{name}:0"[-15:], "web", name]))
        if draw(booleans) and not guests:
            length = 128 if ipv6 else 32
            peer = v6(number, host + 100) if ipv6 else v4(number, host + 100)
            address, options["peer"] = f"{address.partition('/')[0]}/{length}", f"{peer}/{length}"
        items.append({"address": address, **options})
    return items


@st.composite
def routes(draw: Draw, number: int, index: int, own: Sequence[str], name: str) -> Document:
    """Draw a route to a network that no other route leads to, or a default route.

    `own` are addresses of the host, which it may come from; `name` is the interface's.
    """
    ipv6 = draw(booleans)
    kind = draw(st.sampled_from(["via", "via", "default", "nexthops", "link", "special"]))
    if ipv6 and name == "lo":
        kind = "special"  # the loopback leads nowhere else
    gateways = [v6(number, n) if ipv6 else v4(number, n) for n in (201, 202, 203)]
    sources = [address for address in own if (":" in address) == ipv6]
    to = f"2001:db8:f{number:x}:{index}::/64" if ipv6 else f"172.{16 + number}.{index}.0/24"
    route: Document = optional(
        draw,
        **({"from": st.sampled_from(sources)} if sources else {}),
        metric=st.integers(1, 4294967295),
        table=tables,
        mtu=st.integers(1280, 9000),
        advmss=st.integers(1, 65495),
        congestion_window=st.integers(1, 1023),
        initrwnd=st.integers(1, 1023),
        quick_ack=booleans,
        protocol=st.one_of(st.sampled_from(["bgp", "babel"]), st.integers(186, 189)),
        **({"preference": st.sampled_from(["low", "high"])} if ipv6 else {}),
    )
    if kind == "default":
        to, route["metric"] = "default", 1000 + 10 * number + index
    route = {"to": to, **route}
    if kind in ("via", "default"):
        route |= {"via": gateways[0], "on-link": True}
    elif kind == "nexthops":
        route["nexthops"] = [
            {"via": gateway, **optional(draw, weight=st.integers(1, 256))}
            for gateway in gateways[: draw(st.integers(2, 3))]
        ]
    elif kind == "link":
        if not ipv6:
            route["scope"] = draw(st.sampled_from(["link", "global", "site", "host"]))
    else:
        route["type"] = draw(
            st.sampled_from(["blackhole", "unreachable", "prohibit", "throw", "local", "multicast"])
        )
    return route


@st.composite
def rules(draw: Draw, number: int, index: int, names: Sequence[str]) -> Document:
    """Draw a routing rule with a priority of its own."""
    ipv6 = draw(booleans)
    networks = st.sampled_from(
        ["2001:db8:a::/48", f"{v6(number, 2)}/128"] if ipv6 else ["10.0.0.0/8", "192.0.2.9/32"]
    )
    ports = st.one_of(st.integers(1, 65534), st.just("8000-8010"))
    rule = optional(
        draw,
        **{"from": networks},
        to=networks,
        iif=st.sampled_from(["lo", *names]),
        oif=st.sampled_from(names),
        fwmark=st.one_of(st.integers(1, 4294967295), st.sampled_from(["0x10/0xff", "7", "0xf"])),
        tos=st.integers(1, 7).map(lambda n: 4 * n),  # of IPv4, three bits
        ip_protocol=st.one_of(st.sampled_from(["tcp", "udp", "icmp"]), st.integers(1, 255)),
        source_port=ports,
        destination_port=ports,
        uid_range=st.one_of(st.integers(0, 4294967294), st.just("1000-1999")),
        invert=booleans,
    )
    if draw(booleans):
        rule |= {"table": draw(tables)}
        rule |= optional(draw, suppress_prefix_length=st.integers(0, 32))
    else:
        rule["action"] = draw(st.sampled_from(["blackhole", "unreachable", "prohibit"]))
    return {"priority": 100 * number + index + 1, **rule}


def overrides(draw: Draw, *, version: int) -> Document:
    keys: dict[str, st.SearchStrategy[Any]] = {
        "use_dns": booleans,
        "use_ntp": booleans,
        "use_hostname": booleans,
        "use_domains": st.sampled_from([True, False, "route"]),
        "send_hostname": booleans,
        "hostname": st.sampled_from(HOSTNAMES),
    }
    if version == 4:
        keys |= {
            "route_metric": st.integers(0, 4294967295),
            "use_routes": booleans,
            "use_mtu": booleans,
        }
    return optional(draw, **keys)


def nameservers(draw: Draw) -> Document:
    addresses = st.sampled_from(["9.9.9.9", "192.0.2.53", "2001:db8::53", "fe80::53"])
    return optional(
        draw,
        addresses=st.lists(addresses, unique=True, max_size=3),
        search=st.lists(st.sampled_from(DOMAINS), unique=True, max_size=3),
    )


def raw_interface(draw: Draw) -> Document:
    """Draw keys that the targets know and vnetc does not set."""
    stanza = {
        "pre-up": ["true"],
        "up": ["echo a b", "ip link show"],
        "down": ["true"],
        "post-down": ["echo c"],
        "options": {"x-number": 7, "x_word": "y", "x-truth": True},
    }
    networkd = [
        {"Network": {"LLMNR": False, "NTP": ["192.0.2.1", "192.0.2.2"]}},
        {"Network": {"MulticastDNS": "resolve"}, "Link": {"AllMulticast": True}},
    ]
    return optional(
        draw,
        networkd=st.sampled_from(networkd),
        netplan=st.sampled_from([{"critical": True}, {"dhcp-identifier": "mac"}]),
        ifupdown=st.just(stanza),
        ifupdown2=st.just(stanza),
        ifupdown_ng=st.just(stanza),
    )


def raw_host(draw: Draw) -> Document:
    text = st.sampled_from(["# a comment", "source /etc/network/more\n", ""])
    return optional(
        draw,
        networkd=st.just({"Network": {"ManageForeignRoutes": False}}),
        netplan=st.just({"openvswitch": {}}),
        ifupdown=text,
        ifupdown2=text,
    )
