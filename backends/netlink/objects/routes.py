"""Routes of all tables: rtnetlink(7), linux/rtnetlink.h.

The kernel tells an IPv4 route from others by table, destination, type of service and metric
(fib_find_alias in net/ipv4/fib_trie.c), an IPv6 one by table, destination, source and metric
(fib6_add_rt2node in net/ipv6/ip6_fib.c): so does the key. Where it has several such routes all the
same, made by `ip route append` or of router advertisements, the keys of those that are not vnetc's
go on with their device, and with their gateway if need be.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from vnetc.backends.netlink.objects.addresses import AF_INET, AF_INET6, SCOPES, number_of
from vnetc.backends.netlink.objects.route_metrics import METRIC_OF, METRICS, SWITCH
from vnetc.backends.netlink.state import PROTOCOL, Attributes, Index, Key, Value, Wanted
from vnetc.backends.netlink.wire.messages import (
    IP,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    U8,
    U16,
    U32,
    Codec,
    Message,
    attribute,
    attributes,
    keep,
    nest,
    put_back,
)
from vnetc.backends.support import Context, Support, exact, limit
from vnetc.model.host import Interface, Nexthop, Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
# rtmsg: family, lengths of destination and source, type of service, table, protocol, scope, type,
# flags
_HEADER = struct.Struct("=8BI")
DUMPS = ((RTM_GETROUTE, bytes(_HEADER.size)),)

_DST, _SRC, _IIF, _OIF, _GATEWAY, _PRIORITY, _PREFSRC = 1, 2, 3, 4, 5, 6, 7  # RTA_…
_METRICS, _MULTIPATH, _FLOW, _CACHEINFO, _TABLE, _VIA = 8, 9, 11, 12, 15, 18
_PREF, _EXPIRES, _PAD, _NH_ID = 20, 23, 24, 30
# The kernel's own, or of no meaning for what a route is to be: they are not kept.
_UNKEPT = frozenset({_IIF, _CACHEINFO, _EXPIRES, _PAD, 10, 13, 14, 17})
_CACHED = struct.Struct("=IIi")  # rta_cacheinfo: users, when last used, how long it lasts
_TICKS = 100  # USER_HZ: of a second
_ONLINK, _CLONED = 0x4, 0x200  # RTNH_F_ONLINK, RTM_F_CLONED
_NEXTHOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, weight - 1, device
_COMPAT_TABLE = 252  # RT_TABLE_COMPAT: the number is in an attribute

_KERNEL_PROTOCOLS = frozenset({1, 2})  # RTPROT_REDIRECT, RTPROT_KERNEL
_ADVERTISED = 9  # RTPROT_RA
_OTHERS = frozenset({_ADVERTISED, 16})  # RTPROT_DHCP
# RTPROT_UNSPEC, RTPROT_BOOT, RTPROT_STATIC: someone made it, and ours
UNSAID = frozenset({0, 3, 4, PROTOCOL})

_TYPES: tuple[str, ...] = (
    *("unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole"),
    *("unreachable", "prohibit", "throw", "nat"),
)
_TYPE_NUMBERS = {name: number for number, name in enumerate(_TYPES)}
# ip-route(8): these have no device, whatever the kernel says of `lo`
DEVICELESS = frozenset({"blackhole", "unreachable", "prohibit", "throw"})
_SCOPE_NAMES: dict[int, Value] = {number: name for name, number in SCOPES.items()}
_PREFERENCES = {"medium": 0, "high": 1, "low": 3}  # ICMPV6_ROUTER_PREF_…, RFC 4191
_PREFERENCE_NAMES: dict[int, Value] = {number: name for name, number in _PREFERENCES.items()}
_FAMILIES = {"ipv4": AF_INET, "ipv6": AF_INET6}
_FAMILY_NAMES = {AF_INET: "ipv4", AF_INET6: "ipv6"}
_DEFAULT_METRIC = {AF_INET: 0, AF_INET6: 1024}  # IP6_RT_PRIO_USER
_ANY = {AF_INET: "0.0.0.0", AF_INET6: "::"}
_LARGEST_MTU = 65535 - 15  # ip_metrics_convert, net/ipv4/metrics.c

REALMS = Codec(
    lambda realms: U32.pack(realms[0] << 16 | realms[1]),
    lambda data: [U32.unpack(data) >> 16, U32.unpack(data) & 0xFFFF],
)

_COMMON: dict[str, Value] = {
    "type": "unicast",
    "dev": None,
    "via": None,
    "on-link": False,
    "nexthops": None,
    "from": None,
    "metric": None,  # that of the family
    "protocol": None,  # nobody's in particular
    "nexthop-id": None,  # of an object of its own, ip-nexthop(8)
    "others": None,  # attributes that nobody here knows, as they are
    **{item.name: False if item.codec is SWITCH else None for item in METRICS},
}
# What a route is about which nobody says anything.
DEFAULTS: Mapping[int, Mapping[str, Value]] = {
    AF_INET: {**_COMMON, "scope": "global", "realms": None, "metric": 0, "tos": 0},
    AF_INET6: {**_COMMON, "preference": "medium", "source": None, "metric": 1024},
}
_KNOWN = _UNKEPT.union(
    (_DST, _SRC, _OIF, _GATEWAY, _PRIORITY, _PREFSRC, _METRICS, _MULTIPATH, _FLOW, _TABLE),
    (_VIA, _PREF, _NH_ID),
)


# --- from the model -------------------------------------------------------------------------------


def wanted(interface: Interface) -> Iterator[Wanted]:
    """Give the routes of an interface."""
    for route in interface.routes:
        family = AF_INET if route.to.version == 4 else AF_INET6
        attributes = _attributes(route, family, interface.name)
        key = _key(family, str(route.table), str(route.to), attributes)
        unsaid = frozenset(_unsaid(route, attributes))
        yield Wanted(key, attributes, route.path, dict(_places(route)), unsaid)


def _key(family: int, table: str, to: str, attributes: Attributes) -> Key:
    key = ("route", _FAMILY_NAMES[family], table, to, str(attributes["metric"]))
    if attributes.get("tos"):
        return (*key, f"tos {attributes['tos']}")
    if attributes.get("source") is not None:
        return (*key, f"from {attributes['source']}")
    return key


def _attributes(route: Route, family: int, name: str) -> dict[str, Value]:
    deviceless = route.type in DEVICELESS or bool(route.nexthops)
    metric = _DEFAULT_METRIC[family] if not route.metric else route.metric
    said: dict[str, Value] = {
        **DEFAULTS[family],
        "type": route.type,
        "dev": None if deviceless else name,
        "via": None if route.via is None else str(route.via),
        "on-link": route.on_link and not deviceless,
        "from": None if route.from_ is None else str(route.from_),
        "metric": metric,
        "protocol": None if route.protocol in UNSAID else route.protocol,
        "proto": PROTOCOL if route.protocol is None else route.protocol,
        **{
            item.name: value
            for item in METRICS
            if item.field and (value := getattr(route, item.field)) is not None
        },
    }
    if route.mtu is not None:
        said["mtu"] = min(route.mtu, _LARGEST_MTU)
    realms: Value = None if route.realms is None else [*route.realms]
    if route.nexthops:
        hops = [
            _hop(hop, route, name, realms if family == AF_INET else None) for hop in route.nexthops
        ]
        said["nexthops"] = _sorted(hops)
    if family == AF_INET:
        said["scope"] = _scope(route)
        said["realms"] = None if route.nexthops else realms
    else:
        said["preference"] = route.preference
        said["source"] = None if route.source is None else str(route.source)
    return said


def _hop(hop: Nexthop, route: Route, name: str, realms: Value) -> dict[str, Any]:
    said: dict[str, Any] = {
        "dev": hop.interface or name,
        "via": str(hop.via),
        "weight": hop.weight,
        "on-link": route.on_link or hop.on_link,
    }
    return said if realms is None else {**said, "realms": realms}


def _sorted(hops: Iterable[dict[str, Any]]) -> list[Value]:
    """Put the ways of a route in order: that of IPv6 ones changes with every change."""

    def place(hop: dict[str, Any]) -> tuple[str, ...]:
        return str(hop["dev"]), str(hop["via"]), str(hop["weight"])

    return [*sorted(hops, key=place)]


def _scope(route: Route) -> str:
    """Give the scope of an IPv4 route; ip-route(8) has these defaults."""
    if route.scope is not None:
        return route.scope
    if route.type in ("local", "nat"):
        return "host"
    if route.type in ("broadcast", "multicast", "anycast"):
        return "link"
    direct = route.via is None and not route.nexthops
    return "link" if route.type == "unicast" and direct else "global"


_PLACES = {
    "type": "type",
    "via": "via",
    "on_link": "on-link",
    "from_": "from",
    "metric": "metric",
    "nexthops": "nexthops",
    "scope": "scope",
    "protocol": "protocol",
    "realms": "realms",
    "preference": "preference",
    **{item.field: item.name for item in METRICS if item.field},
}
_UNSAID_ROUTE = Route.__dict__["_defaults"]


def _places(route: Route) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for field, name in _PLACES.items():
        if name in route.stated or getattr(route, field) != _UNSAID_ROUTE[field]:
            yield name, (*route.path, name)


# where a route leads, and what of it is about the way there
WAY = frozenset({"type", "dev", "via", "nexthops"})
_OF_WAY = frozenset({"scope", "on-link", "nexthop-id", "realms", "others"})


def _unsaid(route: Route, attributes: Attributes) -> Iterator[str]:
    """Name what a document does not say of a route. Where it leads it always says."""
    places = dict(_places(route)).keys() | {*WAY, "metric", "source", "tos"}
    said = {*places, "proto"} if "protocol" in places else places
    yield from attributes.keys() - said
    for name in ("weight", "on-link"):
        if name not in said and not any(name in hop.stated for hop in route.nexthops):
            yield f"nexthops.{name}"


def said(wanted: Attributes, unsaid: frozenset[str], now: Attributes) -> dict[str, Value]:
    """Give what a route that others made is to be: of its way what belongs to that, else what is said."""
    found = {name: value for name, value in wanted.items() if name not in unsaid}
    hops: Any = wanted["nexthops"]
    if hops:
        there: Any = {(hop["dev"], hop["via"]): hop for hop in _hops(now)}
        found["nexthops"] = _sorted(
            {
                **there.get((hop["dev"], hop["via"]), {}),
                **{
                    name: value
                    for name, value in hop.items()
                    if f"nexthops.{name}" not in unsaid or (hop["dev"], hop["via"]) not in there
                },
            }
            for hop in hops
        )
    if any(now.get(name) != found[name] for name in WAY):
        found |= {name: wanted[name] for name in _OF_WAY if name in wanted}
    return found


# --- from the kernel ------------------------------------------------------------------------------


def read(
    bodies: Iterable[bytes], names: Mapping[int, str]
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read routes; `names` are the devices' by their numbers.

    The kernel's own ones, which follow addresses, are left out, and what it has learned of them.
    """
    found: dict[Key, dict[str, Value]] = {}
    for body in bodies:
        item = _decode(body, names)
        if item is None:
            continue
        key, route = item
        if key in found:
            if is_ours(key, route):  # ours has the plain key, whichever comes first
                found[key], route = route, found[key]
            key = _other_key(key, route, found)
        found[key] = route
    yield from found.items()


def _other_key(key: Key, route: Attributes, found: Mapping[Key, Attributes]) -> Key:
    """Tell a route from another of its identity, by its device, its gateway, at last by a number."""
    for name in ("dev", "via"):
        if route[name] is not None:
            key = (*key, f"{name} {route[name]}")
            if key not in found:
                return key
    number = 2
    while (*key, str(number)) in found:
        number += 1
    return (*key, str(number))


def _decode(body: bytes, names: Mapping[int, str]) -> tuple[Key, dict[str, Value]] | None:
    family, length, source_length, tos, table, proto, scope, kind_number, flags = (
        _HEADER.unpack_from(body)
    )
    if flags & _CLONED or proto in _KERNEL_PROTOCOLS or family not in DEFAULTS:
        return None
    found = dict(attributes(body, _HEADER.size))
    text, number = IP.unpack, U32.unpack
    metric = number(found[_PRIORITY]) if _PRIORITY in found else 0
    kind: str = _TYPES[int(kind_number)] if kind_number < len(_TYPES) else str(kind_number)
    route: dict[str, Value] = {
        **DEFAULTS[family],
        "type": kind,
        "on-link": bool(flags & _ONLINK),
        "metric": metric,
        "proto": proto,
    }
    if proto not in UNSAID:
        route["protocol"] = proto
    if _OIF in found and kind not in DEVICELESS:
        device = names.get(number(found[_OIF]))
        if device is None:
            return None
        route["dev"] = device
    if _GATEWAY in found:
        route["via"] = text(found[_GATEWAY])
    elif _VIA in found:
        route["via"] = text(found[_VIA][2:])
    if _PREFSRC in found:
        route["from"] = text(found[_PREFSRC])
    if _METRICS in found:
        for which, data in attributes(found[_METRICS]):
            item = METRIC_OF.get(which)
            if item is not None:
                route[item.name] = item.codec.unpack(data)
    if _MULTIPATH in found:
        route["nexthops"] = _sorted(_decode_hops(found[_MULTIPATH], names))
    if _NH_ID in found:
        route["nexthop-id"] = number(found[_NH_ID])
    route["others"] = keep(found, _KNOWN)
    to = f"{text(found[_DST]) if _DST in found else _ANY[family]}/{length}"
    name = str(number(found[_TABLE]) if _TABLE in found else table)
    key: Key = ("route", _FAMILY_NAMES[family], name, to, str(metric))
    if family == AF_INET:
        route["scope"] = _SCOPE_NAMES.get(scope, scope)
        if tos:
            route["tos"] = tos
            key = (*key, f"tos {tos}")
        if _FLOW in found:
            route["realms"] = REALMS.unpack(found[_FLOW])
        return key, route
    if _CACHEINFO in found and (left := _CACHED.unpack_from(found[_CACHEINFO])[2]):
        route["lease"] = max(1, left // _TICKS)
    if _PREF in found:
        route["preference"] = _PREFERENCE_NAMES.get(found[_PREF][0], found[_PREF][0])
    if source_length:
        route["source"] = f"{text(found[_SRC])}/{source_length}"
        key = (*key, f"from {route['source']}")
    if proto == _ADVERTISED:  # it stands beside others of its metric (rt6_add_dflt_router)
        key = (*key, f"dev {route['dev']}", f"via {route['via']}")
    return key, route


def _decode_hops(data: bytes, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    place = 0
    while place + _NEXTHOP.size <= len(data):
        size, flags, weight, number = _NEXTHOP.unpack_from(data, place)
        found = dict(attributes(data[place : place + size], _NEXTHOP.size))
        via = found.get(_GATEWAY) or found.get(_VIA, b"")[2:]
        hop: dict[str, Any] = {
            "dev": names.get(number),
            "via": IP.unpack(via) if via else None,
            "weight": weight + 1,
            "on-link": bool(flags & _ONLINK),
        }
        if _FLOW in found:
            hop["realms"] = REALMS.unpack(found[_FLOW])
        others = keep(found, _KNOWN)
        if others is not None:
            hop["others"] = others
        yield hop
        place += (size + 3) & ~3


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether a daemon or the kernel made the route of what the network told it."""
    return attributes.get("proto") in _OTHERS


def is_ours(key: Key, attributes: Attributes) -> bool:
    """Tell whether the route has the mark that only vnetc makes."""
    return attributes.get("proto") == PROTOCOL


def devices(attributes: Attributes) -> tuple[str, ...]:
    """Name the devices that a route leads through."""
    names = dict.fromkeys([attributes.get("dev"), *(hop["dev"] for hop in _hops(attributes))])
    return tuple(name for name in names if isinstance(name, str))


def _hops(attributes: Attributes) -> Sequence[Mapping[str, Any]]:
    hops: Any = attributes.get("nexthops") or ()
    return tuple(hops)


def without(attributes: Attributes, gone: Collection[str]) -> Attributes:
    """Give an IPv6 route as it is when devices that some of its ways lead through have gone."""
    left = [hop for hop in _hops(attributes) if hop["dev"] not in gone]
    if len(left) > 1:
        return {**attributes, "nexthops": _sorted(map(dict, left))}
    (hop,) = left
    return {**attributes, "nexthops": None, **{n: hop[n] for n in ("dev", "via", "on-link")}}


def order(attributes: Attributes) -> int:
    """Say when a route is made: the ways to gateways before what leads through those.

    The kernel looks a gateway up among routes of a narrower scope (fib_check_nh_v4_gw in
    net/ipv4/fib_semantics.c), or without a gateway of their own (ip6_route_check_nh).
    """
    scope: Any = attributes.get("scope", "global")
    leads = any(attributes.get(name) for name in ("via", "nexthops", "nexthop-id"))
    return 4 * (255 - SCOPES.get(scope, 0)) + 3 * leads


def awaits(key: Key, attributes: Attributes) -> str | None:
    """Name the IPv6 address that must be past duplicate address detection before this is made."""
    source = attributes.get("from")
    return source if isinstance(source, str) and key[1] == "ipv6" else None


# --- to the kernel --------------------------------------------------------------------------------


def create(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Make a route.

    An IPv6 one may stand beside one that a router advertises, and what has a longer key beside
    others of its identity.
    """
    beside = key[1] == "ipv6" or len(key) > len(_identity(key, attributes))
    flags = NLM_F_CREATE | (NLM_F_APPEND if beside else NLM_F_EXCL)
    return [_message(RTM_NEWROUTE, flags, key, attributes, index)]


def change(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    """Change a route at once: the kernel replaces it by the new one.

    An IPv6 one that has or gets no gateway is no candidate for several ways (rt6_qualify_for_ecmp),
    and of those the kernel would replace the first it finds, perhaps one that a router advertises.
    """
    if all(old.get(name) == value for name, value in new.items()):
        return []
    alone = key[1] == "ipv4" or (_has_gateway(old) and _has_gateway(new))
    if alone and len(key) == len(_identity(key, new)):
        return [_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, key, new, index)]
    return [*remove(key, old, index), *create(key, new, index)]


def remove(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Remove a route, and no other one like it."""
    return [_message(RTM_DELROUTE, 0, key, attributes, index)]


def _identity(key: Key, attributes: Attributes) -> Key:
    return _key(_FAMILIES[key[1]], key[2], key[3], {**DEFAULTS[_FAMILIES[key[1]]], **attributes})


def _has_gateway(attributes: Attributes) -> bool:
    plain = attributes.get("type", "unicast") not in DEVICELESS
    return plain and (attributes.get("via") is not None or bool(_hops(attributes)))


def _message(type: int, flags: int, key: Key, attributes: Attributes, index: Index) -> Message:
    family = _FAMILIES[key[1]]
    said: dict[str, Any] = {**DEFAULTS[family], **attributes}
    table = int(key[2])
    to, _, length = key[3].partition("/")
    parts = [attribute(_TABLE, U32.pack(table)), attribute(_PRIORITY, U32.pack(int(key[4])))]
    source_length = 0
    if length != "0":
        parts.append(attribute(_DST, IP.pack(to)))
    if said.get("source") is not None:
        source, _, bits = said["source"].partition("/")
        source_length = int(bits)
        parts.append(attribute(_SRC, IP.pack(source)))
    parts += _ways(said, index)
    if said["from"] is not None:
        parts.append(attribute(_PREFSRC, IP.pack(said["from"])))
    if said.get("realms") is not None:
        parts.append(attribute(_FLOW, REALMS.pack(said["realms"])))
    if said.get("preference", "medium") != "medium":
        number = number_of(_PREFERENCES, said["preference"])
        parts.append(attribute(_PREF, U8.pack(number)))
    metrics = [
        attribute(item.number, item.codec.pack(value))
        for item in METRICS
        if (value := said[item.name]) is not None and value is not False
    ]
    if metrics:
        parts.append(nest(_METRICS, *metrics))
    if said.get("lease") is not None:
        parts.append(attribute(_EXPIRES, U32.pack(said["lease"])))
    parts += put_back(said["others"])
    header = _HEADER.pack(
        family,
        int(length),
        source_length,
        said.get("tos", 0),
        table if table < 256 else _COMPAT_TABLE,
        said.get("proto", PROTOCOL),
        number_of(SCOPES, said.get("scope", "global")),
        number_of(_TYPE_NUMBERS, said["type"]),
        _ONLINK if said["on-link"] else 0,
    )
    return Message(type=type, flags=flags, body=header + b"".join(parts))


def _ways(said: Mapping[str, Any], index: Index) -> list[bytes]:
    """Say where a route leads."""
    if said["nexthop-id"] is not None:
        return [attribute(_NH_ID, U32.pack(said["nexthop-id"]))]
    if said["nexthops"]:
        return [nest(_MULTIPATH, *(_encode_hop(hop, said, index) for hop in said["nexthops"]))]
    parts: list[bytes] = []
    if said["via"] is not None:
        parts.append(_gateway(said["via"], said))
    if said["dev"] is not None:
        parts.append(attribute(_OIF, U32.pack(index[said["dev"]])))
    return parts


def _gateway(via: str, said: Mapping[str, Any]) -> bytes:
    """Say a gateway; one of the other family needs to say so."""
    data = IP.pack(via)
    if "scope" in said and len(data) == 16:
        return attribute(_VIA, U16.pack(AF_INET6) + data)
    return attribute(_GATEWAY, data)


def _encode_hop(hop: Mapping[str, Any], said: Mapping[str, Any], index: Index) -> bytes:
    parts = [] if hop["via"] is None else [_gateway(hop["via"], said)]
    if hop.get("realms") is not None:
        parts.append(attribute(_FLOW, REALMS.pack(hop["realms"])))
    parts += put_back(hop.get("others"))
    inner = b"".join(parts)
    flags = _ONLINK if hop["on-link"] else 0
    number = index[hop["dev"]] if hop["dev"] else 0
    return _NEXTHOP.pack(_NEXTHOP.size + len(inner), flags, hop["weight"] - 1, number) + inner


# --- rows of the support table --------------------------------------------------------------------


def _of_the_kernel(context: Context) -> bool:
    route: Route = context.node
    return route.protocol in _KERNEL_PROTOCOLS


_ROUTE = {
    "to": "RTA_DST",
    "via": "RTA_GATEWAY, RTA_VIA",
    "from": "RTA_PREFSRC",
    "source": "RTA_SRC",
    "on-link": "RTNH_F_ONLINK",
    "metric": "RTA_PRIORITY",
    "preference": "RTA_PREF",
    "table": "RTA_TABLE",
    "type": "rtm_type",
    "scope": "rtm_scope",
    "realms": "RTA_FLOW",
    "nexthops": "RTA_MULTIPATH",
    **{item.name: item.word for item in METRICS if item.field},
}
_HOP = {
    "via": "RTA_GATEWAY, RTA_VIA",
    "weight": "rtnh_hops",
    "interface": "rtnh_ifindex",
    "on-link": "RTNH_F_ONLINK",
}
ROWS: Mapping[str, Support] = {
    "interface.routes": exact("RTM_NEWROUTE"),
    **{f"route.{name}": exact(how) for name, how in _ROUTE.items()},
    "route.protocol": exact(
        "rtm_protocol", limit("what the kernel made, it has to remove as well", _of_the_kernel)
    ),
    **{f"nexthop.{name}": exact(how) for name, how in _HOP.items()},
}
