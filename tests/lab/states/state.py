"""Read the state of a kernel back and write it down so that two of them can be compared.

A state maps a key to a text. A key says what kind of thing it is about, whose it is, and which one:

    ("link", "br0", "mtu")                                   "1500"
    ("address", "br0", "192.168.1.110/24")                   "scope global"
    ("route", "ipv4 table 254", "10.20.0.0/16 dev br0 metric 50")    "scope global via 192.168.1.2"
    ("rule", "ipv4", "100")                                  "src=198.51.100.3 table=100"
    ("vlan", "eth1", "100")                                  "egress untagged pvid"
    ("dns", "eth0", "servers")                               "192.0.2.53 192.0.2.54"

Left out is what says nothing about a configuration: indexes, handles, counters, timers, queues,
and the routes that the kernel itself makes of addresses in table `local`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv6Interface, ip_interface
from types import MappingProxyType
from typing import Any, TypeAlias

from .qdiscs import read_qdiscs

Key: TypeAlias = tuple[str, str, str]
State: TypeAlias = dict[Key, str]
Json: TypeAlias = Mapping[str, Any]

LOCAL_TABLE = "255"
KERNEL, ROUTER = "2", "9"  # RTPROT_KERNEL, RTPROT_RA, linux/rtnetlink.h
# What is else in table `local` a VRF has in its own table.
_OF_ADDRESSES = ("local", "broadcast", "anycast", "multicast")
LINK_LOCAL = "link-local, of the MAC address"
STABLE_LINK_LOCAL = "link-local, of a secret"
TUNNEL_LINK_LOCAL = "link-local, of an IPv4 address"
# The kernel moves these between devices and `lo` as it likes.
DEVICELESS = ("blackhole", "unreachable", "prohibit", "throw")
# ip(8) prints these of a device or a port beside their settings.
_NO_SETTING = {
    # bridges and their ports
    *("bridge_id", "root_id", "root_port", "root_path_cost", "port id", "no", "state"),
    *("designated_port", "designated_cost"),
    *("topology_change", "topology_change_detected"),
    *("topology_change_ack", "config_pending", "group_fwd_mask_str", "hold_timer", "hello_timer"),
    *("message_age_timer", "forward_delay_timer", "tcn_timer", "topology_change_timer", "gc_timer"),
    *("fdb_n_learned", "designated_bridge"),
    *("mcast_querier_state_ipv4", "mcast_querier_state_ipv6"),  # who asked last
    *("numqueues", "numdisabled"),  # of tun and tap: what programs have opened
    "reserved_bits",  # of VXLANs: what their other settings leave of the header
    # bonds and what they are made of
    *("active_slave", "ad_info", "mii_status", "link_failure_count", "perm_hwaddr"),
    *("ad_aggregator_id", "ad_actor_oper_port_state", "ad_actor_oper_port_state_str"),
    *("ad_partner_oper_port_state", "ad_partner_oper_port_state_str"),
}
# What it means that ip(8) says nothing of these.
_SILENCE: Mapping[str, Mapping[str, Any]] = {
    "vxlan": {
        "ttl": "inherit",
        **dict.fromkeys(("proxy", "rsc", "l2miss", "l3miss"), False),
        **dict.fromkeys(("remcsum_tx", "remcsum_rx"), False),
    },
    "geneve": {"ttl": "inherit", "inner_proto_inherit": False},
}
FOREVER = 0xFFFFFFFF  # INFINITY_LIFE_TIME, net/addrconf.h
# Fallback devices, which appear in every namespace once a module is loaded.
_FALLBACK = frozenset(
    {
        *("tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip_vti0"),
        *("ip6tnl0", "ip6gre0", "ip6_vti0"),
    }
)


def interpret(raw: Mapping[str, str], cards: Iterable[str]) -> State:
    """Read what a runner collected of a host with such network cards."""
    state: State = {}
    links: dict[str, Json] = {}
    for family in ("4", "6"):
        documents = [json.loads(line) for line in raw[f"ip{family}"].splitlines() if line.strip()]
        if family == "4":
            links = {link["ifname"]: link for link in documents.pop(0)}
            for link in links.values():
                state.update(_link(link, cards, links))
            state.update(_features(raw.get("features", ""), cards))
        addresses, routes, rules, neighbours, proxies = documents
        state.update(_addresses(addresses, links))
        state.update(_routes(f"ipv{family}", routes))
        state.update(_rules(f"ipv{family}", rules))
        state.update({("neighbour", n["dev"], n["dst"]): n["lladdr"] for n in neighbours})
        state.update({("neighbour", n["dev"], n["dst"]): "proxy" for n in proxies})
    state.update(_vlans(json.loads(raw["vlan"] or "[]"), links))
    state.update(_fdb(json.loads(raw["fdb"] or "[]"), links))
    state.update(_wireguard(raw["wireguard"]))
    # where a kernel has no bridges bridge(8) breaks off in the middle
    state.update(_mdb(json.loads(raw["mdb"] if raw["mdb"].endswith("]\n") else "[]")))
    state.update(read_qdiscs(raw.get("qdisc", ""), raw.get("class", "")))
    state.update(_nft(json.loads(raw["nft"])["nftables"]))
    state.update(_sysctls(raw["sysctl"]))
    names = {str(link["ifindex"]): name for name, link in links.items()}
    state.update(_records(raw, names))
    state.update(_boot(raw, names))
    state.update(_leases(raw["leases"]))
    state.update(_wpa(raw.get("wpa", "")))
    return {key: value for key, value in state.items() if key[1] not in _FALLBACK}


_OF_CARDS = ("txqlen", "gso_max_size", "gso_max_segs")


def _link(link: Json, nics: Iterable[str], names: Json) -> Iterator[tuple[Key, str]]:
    name = link["ifname"]
    info = link.get("linkinfo", {})
    kind = info.get("info_kind", "loopback" if "LOOPBACK" in link["flags"] else "")
    settings = {
        "kind": "ethernet" if name in nics else kind,
        "up": "UP" in link["flags"],
        "mtu": link["mtu"],
        "mac": link.get("address"),  # WireGuard and tun have none
        "master": link.get("master"),
        "alias": link.get("ifalias"),
        "arp": "NOARP" not in link["flags"],
        "multicast": "MULTICAST" in link["flags"],
        "allmulticast": "ALLMULTI" in link["flags"],
        "promiscuous": "PROMISC" in link["flags"],
        "group": link["group"],
        "linked to": link["link"] if link.get("link") in names else None,
    }
    if name in nics:
        settings |= {word: link.get(word) for word in _OF_CARDS}
    settings |= {**_SILENCE.get(kind, {}), **_data(kind, info.get("info_data", {}))}
    if kind == "vxlan":  # the newer ip(8) says no more of it than its word
        settings["gbp"] = "gbp" in info["info_data"]
    settings |= {f"port {k}": v for k, v in info.get("info_slave_data", {}).items()}
    for what, value in settings.items():
        if value is not None and not {what, what.removeprefix("port ")} & _NO_SETTING:
            yield ("link", name, what), value if isinstance(value, str) else json.dumps(value)


def _features(text: str, nics: Iterable[str]) -> Iterator[tuple[Key, str]]:
    """Read what ethtool(8) says of network cards, each below a line with its name."""
    name = ""
    for line in text.splitlines():
        word, _, value = line.partition(":")
        if word.startswith("Features for "):
            name = word.removeprefix("Features for ")
        elif name in nics:
            yield ("link", name, f"feature {word.strip()}"), value.split()[0]


def _wpa(text: str) -> Iterator[tuple[Key, str]]:
    """Read what wpa_supplicant says of networks; what it was not told, it does not know."""
    for line in text.splitlines():
        name, word, value = line.split(" ", 2)
        if value != "FAIL":
            yield ("wpa", name, word), value


_VLAN_FLAGS = ("reorder_hdr", "gvrp", "mvrp", "loose_binding", "bridge_binding")


def _data(kind: str, data: Json) -> dict[str, Any]:
    """Spell what only a kind of device has: one setting for each flag of a VLAN, lists as texts."""
    settings = dict(data)
    if kind == "vlan":
        flags = {flag.lower() for flag in settings.pop("flags", [])}
        settings |= {f"flag {flag}": flag in flags for flag in _VLAN_FLAGS}
    for word, value in settings.items():
        if word in ("ingress_qos", "egress_qos"):
            pairs = sorted((pair["from"], pair["to"]) for pair in value)
            settings[word] = " ".join(f"{first}:{second}" for first, second in pairs)
        elif word == "macaddr_data":  # a set: the kernel hashes them
            settings[word] = " ".join(sorted(value))
        elif word == "arp_ip_target":
            settings[word] = " ".join(value)
    return settings


def _addresses(addressed: Iterable[Json], links: Mapping[str, Json]) -> Iterator[tuple[Key, str]]:
    for link in addressed:
        info = links.get(link["ifname"], {}).get("linkinfo", {})
        for address in link.get("addr_info", []):
            name = _address_name(address, info.get("info_kind", ""))
            yield ("address", link["ifname"], name), _address(link, address)


def _address_name(address: Json, kind: str) -> str:
    text = f"{address['local']}/{address['prefixlen']}"
    own = ip_interface(text)
    if not isinstance(own, IPv6Interface) or own.network.prefixlen != 64:
        return text
    # EUI-64 has ff:fe in the middle of the MAC address (RFC 4291, appendix A)
    # or, of ipvlans, which share one, the number of the device (addrconf_ifid_eui48)
    eui64 = own.ip.packed[11:13] == b"\xff\xfe" or kind == "ipvlan"
    if own.is_link_local:
        if kind in _TUNNELS and _holds_ipv4(own.ip.packed[8:]):
            return TUNNEL_LINK_LOCAL
        stable = "stable-privacy" in address or own.ip.packed[8:12] != bytes(4)
        return LINK_LOCAL if eui64 else STABLE_LINK_LOCAL if stable else text
    if "dynamic" not in address:
        return text
    host = int(own.ip) & (1 << 64) - 1
    origin = "chance" if "temporary" in address else "the MAC address" if eui64 else "a secret"
    if host < 1 << 32 and origin == "a secret":
        origin = f"the token {host:#x}"
    return advertised(str(own.network), origin)


# which have no MAC address: of those of the host, or of the tunnel's own (add_v4_addrs, net/ipv6/addrconf.c)
_TUNNELS = ("gre", "ipip", "sit", "vti")


def _holds_ipv4(identifier: bytes) -> bool:
    """Tell whether an interface identifier is an IPv4 address, as such or as of ISATAP (RFC 5214)."""
    isatap = identifier[0] & ~2 == 0 and identifier[1:4] == b"\0\x5e\xfe"
    return isatap or (identifier[:4] == bytes(4) and identifier[4] != 0)


ADVERTISED = re.compile(r"/64, of ")


def advertised(prefix: str, origin: str) -> str:
    """Name the address that an interface makes of a prefix that a router advertises."""
    return f"{prefix}, of {origin}"


def _address(link: Json, address: Json) -> str:
    flags = {name for name, value in address.items() if value is True}
    # 0 is a flag, `deprecated`; other numbers run down
    preferred = address["preferred_life_time"]
    flags |= {"preferred for a time"} if preferred not in (0, FOREVER) else set()
    own = ip_interface(f"{address['local']}/{address['prefixlen']}").network
    broadcast = address.get("broadcast", False)
    return describe_address(
        scope=str(SCOPES.get(address["scope"], address["scope"])),
        peer=address.get("address"),
        label=address.get("label", "") if address.get("label") != link["ifname"] else "",
        broadcast=broadcast == str(own.broadcast_address) or broadcast,
        # that of a leased one is the client's affair, as the route that it belongs to
        metric=0 if address.get("dynamic") else address.get("metric", 0),
        flags=flags,
    )


# linux/rtnetlink.h; ip(8) writes a scope as a number only for routes
SCOPES = {"0": "global", "200": "site", "253": "link", "254": "host", "255": "nowhere"}
TYPES = dict(
    enumerate(
        [
            "unspec",
            "unicast",
            "local",
            "broadcast",
            "anycast",
            "multicast",
            "blackhole",
            "unreachable",
            "prohibit",
            "throw",
            "nat",
        ]
    )
)


def describe_address(
    *,
    scope: str,
    peer: str | None = None,
    label: str = "",
    broadcast: bool | str = False,
    metric: int = 0,
    flags: Iterable[str] = (),
) -> str:
    """Say all of an address besides itself; a label equal to the device's name is none.

    A broadcast address other than the last one of the subnet is a text.
    """
    words = [f"scope {scope}"]
    words += [f"peer {peer}"] if peer else []
    words += [f"label {label}"] if label else []
    words += ["broadcast"] if broadcast is True else [f"broadcast {broadcast}"] if broadcast else []
    words += [f"metric {metric}"] if metric else []
    return " ".join([*words, *sorted(flags)])


def _routes(family: str, routes: Iterable[Json]) -> Iterator[tuple[Key, str]]:
    for route in routes:
        table = route.get("table", "254")
        made = route["protocol"] == KERNEL
        if made and (table == LOCAL_TABLE or TYPES[int(route["type"])] in _OF_ADDRESSES):
            continue
        hops = [
            describe_hop(h.get("gateway"), h["weight"], "onlink" in h["flags"], h["dev"])
            for h in route.get("nexthops", [])
        ]
        yield (
            (
                "route",
                f"{family} table {table}",
                route_name(
                    type=TYPES[int(route["type"])],
                    to=route["dst"],
                    device=route.get("dev") or (route["nexthops"][0]["dev"] if hops else None),
                    metric=route.get("metric", 0),
                ),
            ),
            describe_route(
                scope=SCOPES[route["scope"]] if family == "ipv4" else "",
                via=route.get("gateway"),
                source=route.get("prefsrc"),
                metrics={k: v for m in route.get("metrics", []) for k, v in m.items()},
                on_link="onlink" in route.get("flags", []),
                origin=route["protocol"],
                source_network=route.get("from"),
                preference=route.get("pref", ""),
                realms=_realms(route.get("flow", {})),
                hops=hops,
            ),
        )


def _realms(flow: Json) -> str:
    return f"{flow.get('from', 0)}/{flow['to']}" if flow else ""


def route_name(*, type: str, to: str, device: str | None, metric: int) -> str:
    """Name a route by what tells it from others of its table."""
    words = [to] if type == "unicast" else [type, to]
    words += [f"dev {device}"] if device and type not in DEVICELESS else []
    words += [f"metric {metric}"] if metric else []
    return " ".join(words)


def describe_route(
    *,
    scope: str,
    via: str | None = None,
    source: str | None = None,
    metrics: Mapping[str, Any] = MappingProxyType({}),
    on_link: bool = False,
    origin: str = "",
    source_network: str | None = None,
    preference: str = "",
    realms: str = "",
    hops: Iterable[str] = (),
) -> str:
    """Say all of a route besides its name; `scope` is of IPv4 alone."""
    words = [f"scope {scope}"] if scope else []
    words += [f"via {via}"] if via else []
    words += [f"src {source}"] if source else []
    words += [f"from {source_network}"] if source_network else []
    words += [f"proto {origin}"] if origin else []
    words += [f"pref {preference}"] if preference not in ("", "medium") else []
    words += [f"realms {realms}"] if realms else []
    words += [f"{name} {value}" for name, value in sorted(metrics.items())]
    words += ["onlink"] if on_link else []
    return " ".join([*words, *hops])


def describe_hop(via: str | None, weight: int, on_link: bool, device: str) -> str:
    """Say one way of a multipath route."""
    return f"nexthop via {via} dev {device} weight {weight}" + " onlink" * on_link


def _rules(family: str, rules: Iterable[Json]) -> Iterator[tuple[Key, str]]:
    by_priority: dict[int, list[str]] = defaultdict(list)
    for rule in rules:
        by_priority[rule["priority"]].append(describe_rule(rule))
    for priority, texts in by_priority.items():
        yield ("rule", family, str(priority)), "; ".join(sorted(texts))


def describe_rule(rule: Json) -> str:
    """Say all of a rule besides its priority, in the words of `ip -json rule`."""
    left_out = ("priority", "iif_detached", "oif_detached")
    whole = (("sport_mask", "0xffff"), ("dport_mask", "0xffff"))  # said by newer kernels
    said = (item for item in sorted(rule.items()) if item[0] not in left_out and item not in whole)
    return " ".join(f"{k}={v}" for k, v in said)


def _vlans(ports: Iterable[Json], links: Mapping[str, Json]) -> Iterator[tuple[Key, str]]:
    """Read the VLANs of bridges that filter by them and of their ports: others ignore them."""
    filters = {
        name
        for name, link in links.items()
        if link.get("linkinfo", {}).get("info_data", {}).get("vlan_filtering")
    }
    for port in ports:
        if filters.isdisjoint({port["ifname"], links[port["ifname"]].get("master")}):
            continue
        for vlan in port["vlans"]:
            for vid in range(vlan["vlan"], vlan.get("vlanEnd", vlan["vlan"]) + 1):
                flags = [flag.lower() for flag in vlan.get("flags", [])]
                yield ("vlan", port["ifname"], str(vid)), describe_vlan(flags)


def describe_vlan(flags: Iterable[str]) -> str:
    """Say how a port carries a VLAN: `pvid`, `egress untagged`, both or neither."""
    return " ".join(sorted(flags))


def _fdb(entries: Iterable[Json], links: Mapping[str, Json]) -> Iterator[tuple[Key, str]]:
    """Read the entries that someone made; the kernel makes those of groups and of its own ports."""
    own = {link.get("address") for name, link in links.items() if name != "lo"}
    entries = [*entries]
    # one of no VLAN is one of each that its port carries as well (br_fdb_add)
    everywhere = {(e["ifname"], e["mac"]) for e in entries if "vlan" not in e}
    for entry in entries:
        if "vlan" in entry and (entry["ifname"], entry["mac"]) in everywhere:
            continue
        mac, kept = entry["mac"], entry.get("state") in ("permanent", "static")
        if kept and mac not in own and not int(mac[:2], 16) & 1:  # the bit of groups, IEEE 802
            words = [mac, *(f"{w} {entry[w]}" for w in ("vlan", "dst") if w in entry)]
            # where it leads is a part of what an entry of a VXLAN is
            more = [f"{w} {entry[w]}" for w in ("port", "vni", "viaIf") if w in entry]
            flags = " ".join([entry["state"], *entry["flags"], *more])
            yield ("fdb", entry["ifname"], " ".join(words)), flags


def _wireguard(lines: str) -> Iterator[tuple[Key, str]]:
    """Read what wg(8) dumps: a line of five words for a device, one of nine for each of its peers."""
    for line in lines.splitlines():
        match line.split("\t"):
            case [name, private_key, _, port, mark]:
                yield ("wireguard", name, "private key"), fingerprint(private_key)
                yield ("wireguard", name, "port"), port
                if mark != "off":
                    yield ("wireguard", name, "mark"), str(int(mark, 16))
            case [name, public_key, psk, endpoint, networks, _, _, _, keepalive]:
                yield (
                    ("wireguard", name, f"peer {public_key}"),
                    describe_peer(
                        networks=[] if networks == "(none)" else networks.split(","),
                        preshared_key=None if psk == "(none)" else psk,
                        endpoint=None if endpoint == "(none)" else endpoint,
                        keepalive=None if keepalive == "off" else keepalive,
                    ),
                )
            case words:
                raise ValueError(f"wg(8) dumps {len(words)} words")


def fingerprint(secret: str) -> str:
    """Tell one secret from another without saying it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def describe_peer(
    *,
    networks: Iterable[str],
    preshared_key: str | None = None,
    endpoint: str | None = None,
    keepalive: str | None = None,
) -> str:
    """Say all of a peer of WireGuard besides its public key."""
    words = [f"allowed-ips {','.join(sorted(networks))}"]
    words += [f"preshared-key {fingerprint(preshared_key)}"] if preshared_key else []
    words += [f"endpoint {endpoint}"] if endpoint else []
    words += [f"keepalive {keepalive}"] if keepalive else []
    return " ".join(words)


def _mdb(bridges: Iterable[Json]) -> Iterator[tuple[Key, str]]:
    """Read the entries that someone made of groups; those that are heard of come and go."""
    for bridge in bridges:
        for entry in bridge["mdb"]:
            if entry["state"] == "permanent":
                vid = f" vid {entry['vid']}" if "vid" in entry else ""
                yield ("mdb", entry["port"], f"{entry['grp']}{vid}"), "permanent"


def _nft(objects: Iterable[Json]) -> Iterator[tuple[Key, str]]:
    rules: dict[str, int] = defaultdict(int)
    for item in objects:
        ((kind, body),) = item.items()
        if kind == "metainfo":
            continue
        table = f"{body['family']} {body['name' if kind == 'table' else 'table']}"
        name = body.get("name", "")
        if kind == "rule":
            place = f"{table} {body['chain']}"
            rules[place] += 1
            name = f"{body['chain']} {rules[place]}"
        yield ("nft", table, f"{kind} {name}"), json.dumps(_settings(body), sort_keys=True)


def _settings(value: Any) -> Any:
    """Drop what nft counts or numbers."""
    match value:
        case {"counter": dict(), **rest}:
            return {"counter": None, **rest}
        case dict():
            return {k: _settings(v) for k, v in value.items() if k != "handle"}
        case list():
            return [_settings(item) for item in value]
        case _:
            return value


def _sysctls(lines: str) -> Iterator[tuple[Key, str]]:
    for line in lines.splitlines():
        path, _, value = line.partition(":")
        _, _, _, _, family, part, device, name = path.split("/", 7)
        family = family if part == "conf" else f"{family}-{part}"
        yield ("sysctl", device, f"{family} {name}"), value


# --- what programs were told, where the kernel is not ---------------------------------------------

# networkd's word -> what is said of the link
_OF_NETWORKD = {
    "DNS": ("dns", "servers"),
    "DOMAINS": ("dns", "search"),
    "ROUTE_DOMAINS": ("dns", "domains"),
    "NTP": ("ntp", "servers"),
    "DNS_DEFAULT_ROUTE": ("dns", "default route"),
    "LLMNR": ("dns", "llmnr"),
    "MDNS": ("dns", "multicast dns"),
    "DNS_OVER_TLS": ("dns", "over tls"),
    "DNSSEC": ("dns", "dnssec"),
}
# which is there whether or not anything was said
_UNSAID = {("LLMNR", "yes"), ("MDNS", "no")}
_OWN = re.compile(r"\.(inet6?|vnetc)$")  # the records of what the document says
_OF_CLIENT = re.compile(r"\.(dhcp6?|ra)$")  # dhcpcd's
# resolv.conf(5); what is handed over for a link
_OF_RESOLVCONF = {"nameserver": ("dns", "servers"), "search": ("dns", "search")}


def _records(raw: Mapping[str, str], names: Mapping[str, str]) -> State:
    """Read which servers a link has for names and time.

    Of what networkd keeps for resolved and timesyncd, or what ifupdown's hooks hand to
    resolvconf(8). `names` are the links' by their indexes.
    """
    said: dict[Key, list[str]] = defaultdict(list)
    for record, line in _lines(raw["networkd"]):
        word, _, value = line.partition("=")
        if word in _OF_NETWORKD and (word, value) not in _UNSAID:
            kind, what = _OF_NETWORKD[word]
            said[kind, names.get(record, record), what] += value.split()
    # NAME.inet is ifupdown's, NAME.vnetc vnetc's, NAME or NAME.dhcp the DHCP client's. The document's own come
    # first here: which of the two a host asks first the document does not say.
    by_source = sorted(_lines(raw["resolvconf"]), key=lambda line: not _OWN.search(line[0]))
    for record, line in by_source:
        word, *values = line.split()
        if word in _OF_RESOLVCONF:
            kind, what = _OF_RESOLVCONF[word]
            said[kind, _OF_CLIENT.sub("", _OWN.sub("", record)), what] += values
    # networkd says twice what it has heard by DHCPv6 and from a router
    return {key: " ".join(dict.fromkeys(values)) for key, values in said.items() if values}


# a name alone, or `auto` before it
_AUTO = re.compile(r"^(?:auto )?(\S+)$", re.MULTILINE)


def _boot(raw: Mapping[str, str], names: Mapping[str, str]) -> Iterator[tuple[Key, str]]:
    """Read which links a boot waits for.

    systemd-networkd-wait-online(8) waits for those that networkd calls required; netplan 1.1 names
    them to it instead. networking.service waits until ifupdown is done with its own list.
    """
    if raw["networkd"]:
        required = "REQUIRED_FOR_ONLINE="
        waits = {
            names[record]
            for record, line in _lines(raw["networkd"])
            if line.startswith(required) and line != f"{required}no"
        }
        if raw["wait_online"]:
            waits &= set(re.findall(r" -i ([^:\s]+)", raw["wait_online"]))
    else:
        waits = set(_AUTO.findall(raw["ifquery"]))
    for name in waits - {"lo"}:  # which is up before anything can wait
        yield ("boot", name, "waits"), "true"


def _leases(text: str) -> Iterator[tuple[Key, str]]:
    """Read the names that the host's DHCP clients gave, from dnsmasq's list: time MAC address name."""
    for record, line in _lines(text):
        words = line.split()
        if len(words) == 5 and "." in words[2] and words[3] != "*":
            yield ("lease", record.removesuffix(".leases"), "hostname"), words[3]
        if len(words) == 5 and words[4] == f"01:{words[1]}":
            yield ("lease", record.removesuffix(".leases"), "client"), "its MAC address"


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Give the lines of files, each with its file's name."""
    for line in text.splitlines():
        path, _, content = line.partition(":")
        if content.strip():
            yield path.rpartition("/")[2], content
