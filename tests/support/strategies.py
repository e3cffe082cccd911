"""Random valid documents over the whole language, for the property tests.

Interfaces are numbered: the number picks subnets, routes and rule priorities that are nobody
else's, so that the checks have nothing to say of a document and next to none is drawn in vain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any

from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from vnetc.pipeline import check_text

from .drawing import (
    DOMAINS,
    DURATIONS,
    NAMES,
    Document,
    Draw,
    address_items,
    booleans,
    descriptions,
    macs,
    nameservers,
    optional,
    overrides,
    raw_host,
    raw_interface,
    routes,
    rules,
    sysctls,
    tables,
    text_of,
    v4,
    v6,
)
from .kind_rows import kind_rows


@st.composite
def devices(draw: Draw, number: int, name: str, names: Sequence[str], *, mode: str) -> Document:
    """Draw the keys that an interface of any type has.

    `mode` is `lo`, `port`, `free`, or `guests` for the bridge of a network whose subnets say which
    addresses it may have.
    """
    device = optional(
        draw,
        description=descriptions,
        mtu=st.integers(1300, 1400),
        sysctl=st.just(None),
        raw=st.just(None),
    )
    if "sysctl" in device:
        device["sysctl"] = {
            family: draw(st.fixed_dictionaries({}, optional=values))
            for family, values in sysctls.items()
            if draw(booleans)
        }
    if "raw" in device:
        device["raw"] = raw_interface(draw)
    if mode != "lo":
        device |= optional(draw, macaddress=macs, optional=booleans)
    if mode != "port":
        if draw(booleans):
            device["nameservers"] = nameservers(draw)
        if draw(booleans) and mode != "guests":
            device["addresses"] = draw(address_items(number, name))
        if draw(booleans):
            items = device.get("addresses", ())
            own = [i if isinstance(i, str) else i["address"] for i in items]
            own = [address.partition("/")[0] for address in own]
            device["routes"] = [
                draw(routes(number, n, own, name)) for n in range(draw(st.integers(0, 3)))
            ]
        if draw(booleans):
            device["routing-policy"] = [
                draw(rules(number, n, names)) for n in range(draw(st.integers(0, 3)))
            ]
    if mode in ("free", "guests"):
        device |= _automatic(draw, number)
    active = ("addresses", "dhcp4", "dhcp6", "routes", "neighbors")
    if mode != "lo" and draw(booleans):
        plain = mode != "guests" and not any(device.get(key) for key in active)
        device["activation"] = draw(
            st.sampled_from(["auto", "manual", *(["off"] if plain else [])])
        )
        if device["activation"] != "auto":
            device.pop("optional", None)  # nobody waits for it
    return device


def _automatic(draw: Draw, number: int) -> Document:
    """Draw what an interface that is no port says of addresses that it gets by itself."""
    device = optional(
        draw,
        dhcp4=booleans,
        link_local=st.lists(st.sampled_from(["ipv4", "ipv6"]), unique=True),
        ipv6_privacy=booleans,
        ipv6_mtu=st.integers(1280, 1300),
    )
    if "ipv6" in device.get("link-local", ["ipv6"]):  # these have no effect without
        device |= optional(
            draw,
            dhcp6=booleans,
            accept_ra=booleans,
            ipv6_address_generation=st.sampled_from(["eui64", "stable-privacy"]),
        )
    if device.get("dhcp4") and draw(booleans):
        device["dhcp4-overrides"] = overrides(draw, version=4)
    if device.get("dhcp6") and draw(booleans):
        device["dhcp6-overrides"] = overrides(draw, version=6)
    if device.get("accept-ra") and draw(booleans):
        device["ra-overrides"] = optional(
            draw,
            use_dns=booleans,
            use_domains=st.sampled_from([True, False, "route"]),
            table=tables,
        )
    if draw(booleans):
        device["neighbors"] = [
            {
                "address": v4(number, n) if draw(booleans) else v6(number, n),
                "macaddress": draw(macs),
            }
            for n in range(210, 210 + draw(st.integers(1, 2)))
        ]
    return device


def vlan_settings(draw: Draw) -> Document:
    """Draw `vlans`, `pvid` and `untagged` of a port, of which the first holds the others."""
    return draw(
        st.sampled_from(
            [
                {},
                {"vlans": [10]},
                {"vlans": ["20-30", 5], "untagged": [25]},
                {"vlans": [7, 8], "pvid": 7, "untagged": [7]},
                {"vlans": [1, "4090-4094"], "pvid": 1},
            ]
        )
    )


def bridge_keys(draw: Draw, ports: Sequence[str]) -> Document:
    """Draw what only a bridge says."""
    keys: dict[str, st.SearchStrategy[Any]] = {
        key.replace("-", "_"): st.sampled_from(values) for key, values in DURATIONS.items()
    }
    bridge = optional(
        draw,
        **keys,
        stp=booleans,
        priority=st.integers(0, 65535),
        vlan_filtering=booleans,
        multicast_snooping=booleans,
        multicast_querier=booleans,
    )
    filters = bridge.get("vlan-filtering", False)
    if filters:
        bridge |= optional(
            draw,
            vlan_protocol=st.sampled_from(["802.1q", "802.1ad"]),
            default_pvid=st.integers(0, 4094),
        )
        bridge |= vlan_settings(draw)
    if ports and draw(booleans):
        bridge["ports"] = {port: _port(draw, filters) if draw(booleans) else None for port in ports}
    elif ports or draw(booleans):
        bridge["ports"] = list(ports)
    return bridge


def _port(draw: Draw, filters: bool) -> Document:
    settings = optional(
        draw,
        path_cost=st.integers(1, 65535),
        priority=st.integers(0, 63),
        hairpin=booleans,
        learning=booleans,
        isolated=booleans,
        neigh_suppress=booleans,
    )
    return settings | (vlan_settings(draw) if filters else {})


def dhcp_keys(draw: Draw, number: int, families: str) -> Document:
    """Draw the DHCP server of a network that has the subnet 192.168.<number>.0/24."""
    base = f"192.168.{number}"
    dhcp = optional(
        draw,
        lease_time=st.sampled_from(["2m", "1h", "12h", "1d", "150000ms"]),
        nameservers=st.lists(st.sampled_from(["9.9.9.9", f"{base}.1"]), unique=True),
        domain=st.sampled_from(DOMAINS),
        server=st.sampled_from(["dnsmasq", "dnsmasq", "networkd"]),
    )
    if "4" not in families:
        return dhcp
    dhcp |= optional(
        draw,
        range=st.sampled_from([f"{base}.100 - {base}.200", f"{base}.50-{base}.50"]),
        router=st.sampled_from([f"{base}.1", f"{base}.2", False]),
    )
    if draw(booleans):
        dhcp["reservations"] = [
            {
                "macaddress": f"52:54:00:00:{number:02x}:{host:02x}",
                "address": f"{base}.{host}",
                **({"hostname": f"guest-{host}"} if draw(booleans) else {}),
            }
            for host in range(10, 10 + draw(st.integers(0, 3)))
        ]
    return dhcp


def publish_items(draw: Draw, number: int, families: str) -> list[Document]:
    items: list[Document] = []
    for index in range(draw(st.integers(0, 3))):
        port = 1000 * number + 20 * index + 1
        guests = [f"192.168.{number}.{10 + index}"] * ("4" in families)
        guests += [f"[fd00:{number:x}::10]", f"fd00:{number:x}::11"] * ("6" in families)
        ranged = draw(booleans)
        chosen = draw(st.sampled_from(guests))
        if not ranged and ("." in chosen or "[" in chosen) and draw(booleans):
            chosen += ":80"
        items.append(
            {
                "protocol": draw(st.sampled_from(["tcp", "udp"])),
                "port": f"{port}-{port + 5}" if ranged else port,
                "to": chosen,
            }
        )
    return items


@st.composite
def networks(draw: Draw, number: int, name: str, names: Sequence[str], free: list[str]) -> Document:
    """Draw a network; what it takes as a port is removed from `free`."""
    mode = draw(st.sampled_from(["bridge", "nat", "nat", "routed", "isolated"]))
    if mode == "bridge" and not free:
        mode = "nat"
    network: Document = {"mode": mode}
    if mode == "bridge":
        network["uplink"] = free.pop()
        device = draw(devices(number, name, names, mode="free"))
        return network | device | bridge_keys(draw, ())
    families = draw(st.sampled_from(["4", "46", "6"]))
    subnets = [f"192.168.{number}.0/24"] * ("4" in families)
    subnets += [f"fd00:{number:x}::/64"] * ("6" in families)
    network["subnet"] = subnets if draw(booleans) or len(subnets) > 1 else subnets[0]
    if draw(booleans) and "4" in families:
        network["addresses"] = [f"192.168.{number}.2/24"]
    if draw(booleans):
        network["dhcp"] = False if draw(booleans) else dhcp_keys(draw, number, families)
    if mode != "isolated" and names and draw(booleans):
        network["uplink"] = draw(st.sampled_from(names))
    if mode == "nat" and draw(booleans):
        network["publish"] = publish_items(draw, number, families)
    device = draw(devices(number, name, names, mode="guests"))
    return network | device | bridge_keys(draw, ())


# Of these a device has one at most.
_EXCLUSIVE = (
    {"remote", "group", "remotes"},
    {"key", "input-key", "output-key"},
    {"arp-interval", "mii-monitor-interval", "up-delay", "down-delay", "peer-notify-delay"},
)


@cache
def _templates() -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Give, of each type, devices with a place for keys, and the keys that may stand there."""
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for row, (text, *values) in kind_rows():
        kind = row.partition(".")[0]
        if kind in _DRAWN_BY_TEMPLATE:
            found.setdefault(kind, {}).setdefault(text, []).append((values[0], values[1]))
    return found


_DRAWN_BY_TEMPLATE = (
    *("bond", "vxlan", "geneve", "vrf", "macvlan", "macvtap", "ipvlan", "tun", "tap"),
    *("wireguard", "tunnel"),
)


@st.composite
def special_devices(draw: Draw, number: int, name: str) -> Document:
    """Draw a device that is neither card nor bridge, with the cards that it is made on."""
    templates = _templates()[draw(st.sampled_from(_DRAWN_BY_TEMPLATE))]
    text = draw(st.sampled_from(sorted(templates)))
    chosen: dict[str, str] = {}
    for pair in draw(st.lists(st.sampled_from(templates[text]), max_size=4)):
        value = draw(st.sampled_from(pair))
        key = value.partition(":")[0]
        if not any(key in group and group & chosen.keys() for group in _EXCLUSIVE):
            chosen[key] = value
    filled = text.replace("@", ", ".join(chosen.values()) or "description: x")
    loaded: Document = YAML(typ="safe", pure=True).load(filled)
    names = {other: f"{other}x{number}" for other in loaded["interfaces"]} | {"d": name}
    renamed = json.loads(
        re.sub(r'"(eth[01]|d|br)"', lambda m: f'"{names[m[1]]}"', json.dumps(loaded))
    )
    device = renamed["interfaces"][name]
    if draw(booleans):
        device["addresses"] = [f"{v4(number, 2)}/24"]
    if draw(booleans):
        device["mtu"] = 1300
    interfaces: Document = renamed["interfaces"]
    return interfaces


@st.composite
def documents(draw: Draw) -> Document:
    """Draw a valid document: one about which no check has anything to say but warnings."""
    counts = {
        "ethernet": draw(st.integers(1, 3)),
        "dummy": draw(st.integers(0, 1)),
        "veth": 2 * draw(st.integers(0, 1)),
        "vlan": draw(st.integers(0, 2)),
        "bridge": draw(st.integers(0, 1)),
        "network": draw(st.integers(0, 2)),
    }
    names = draw(st.permutations(NAMES))[: sum(counts.values())]
    numbers = count(1)
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    of_kind: dict[str, list[str]] = {kind: [] for kind in counts}
    for kind, name in zip(kinds, names, strict=True):
        of_kind[kind].append(name)
    devices_of_host = [*names[: len(names) - counts["network"]]]

    can_be_port = [n for kind in ("ethernet", "dummy", "veth", "vlan") for n in of_kind[kind]]
    free = list(draw(st.permutations(can_be_port)))
    ports: dict[str, list[str]] = {}
    for bridge in of_kind["bridge"]:
        ports[bridge] = [free.pop() for _ in range(draw(st.integers(0, min(2, len(free)))))]
    drawn_networks = {
        name: draw(networks(next(numbers), name, devices_of_host, free))
        for name in of_kind["network"]
    }
    taken = {port for group in ports.values() for port in group}
    taken |= {n["uplink"] for n in drawn_networks.values() if n["mode"] == "bridge"}
    for network in drawn_networks.values():
        if network["mode"] != "bridge" and network.get("uplink") in taken:
            del network["uplink"]  # a port is no way out

    interfaces: Document = {}
    if draw(booleans):
        lo = draw(devices(next(numbers), "lo", devices_of_host, mode="lo"))
        interfaces["lo"] = {"type": "loopback", **lo}
    links = [*of_kind["ethernet"], *of_kind["dummy"]]
    for kind, name in zip(kinds, names, strict=True):
        if kind == "network":
            continue
        mode = "port" if name in taken else "free"
        device: Document = {} if kind == "ethernet" else {"type": kind}
        match kind:
            case "vlan":
                device |= {
                    "id": 10 * len(interfaces) + draw(st.integers(1, 9)),
                    "link": draw(st.sampled_from(links)),
                }
                device |= optional(draw, protocol=st.sampled_from(["802.1q", "802.1ad"]))
            case "veth":
                device["peer"] = next(n for n in of_kind["veth"] if n != name)
            case "bridge":
                device |= bridge_keys(draw, ports[name])
            case _:
                pass
        device |= draw(devices(next(numbers), name, devices_of_host, mode=mode))
        link = interfaces.get(device.get("link")) or {}
        if link.get("activation", "auto") != "auto":
            device["activation"] = "manual"  # it cannot be up
            device.pop("optional", None)
        if kind == "vlan" and "mtu" in device:
            device["mtu"] = 1300
        interfaces[name] = None if device == {} and draw(booleans) else device

    for extra in range(draw(st.integers(0, 2))):
        interfaces |= draw(special_devices(next(numbers), f"x{extra}"))

    document: Document = {"version": 1, "interfaces": interfaces}
    document |= optional(draw, host=st.sampled_from(["kvm1", "a.b-c", "0"]))
    if drawn_networks:
        document["networks"] = drawn_networks
        for name, network in drawn_networks.items():
            if draw(booleans):
                network["bridge"] = f"br.{list(drawn_networks).index(name)}"
    if draw(booleans):
        document["target"] = draw(
            st.sampled_from(["netplan", {"name": "networkd", "version": 252}, {"name": "ifupdown"}])
        )
    if draw(booleans):
        document["raw"] = raw_host(draw)
    errors = [d for d in check_text(text_of(without_target(document))) if d.severity == "error"]
    assume(not errors)
    return document


def without_target(document: Document) -> Document:
    """Leave the target to the caller."""
    return {key: value for key, value in document.items() if key != "target"}


@cache
def corpus(count: int) -> list[Document]:
    """Draw documents for tests that hand many to one run of a program; always the same ones."""
    found: list[Document] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate])
    @given(documents())
    def collect(document: Document) -> None:
        found.append(document)

    collect()
    return found[:count]
