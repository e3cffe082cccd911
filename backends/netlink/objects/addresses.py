"""Addresses of devices: rtnetlink(7), linux/if_addr.h.

An IPv4 address is told from others by its device, itself, and the subnet it makes (inet_rtm_newaddr
and find_matching_ifa in net/ipv4/devinet.c); an IPv6 one by its device and itself alone
(ipv6_chk_same_addr in net/ipv6/addrconf.c). So two keys may be one address to the kernel:
`conflicts` finds what has to go before.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, ip_interface, ip_network

from vnetc.backends.netlink.state import PROTOCOL, Attributes, Index, Key, State, Value, Wanted
from vnetc.backends.netlink.wire.messages import (
    IP,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    TEXT,
    U8,
    U32,
    Message,
    attribute,
    attributes,
)
from vnetc.backends.support import Context, Support, exact, limit
from vnetc.model.host import Address, Interface
from vnetc.model.kinds import Wireguard
from vnetc.model.values import IPNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

AF_INET, AF_INET6 = 2, 10  # bits/socket.h
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
_HEADER = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, device
DUMPS = ((RTM_GETADDR, bytes(_HEADER.size)),)

_ADDRESS, _LOCAL, _LABEL, _BROADCAST, _CACHEINFO = 1, 2, 3, 4, 6  # IFA_…
_FLAGS, _RT_PRIORITY, _PROTO = 8, 9, 11
_LIFETIMES = struct.Struct("=IIII")  # preferred, valid, created, updated
_FOREVER = 0xFFFFFFFF  # INFINITY_LIFE_TIME, net/addrconf.h
_SECONDARY, _TEMPORARY, _DEPRECATED, _PERMANENT, _STABLE_PRIVACY = 0x01, 0x01, 0x20, 0x80, 0x800
_IN_FLAGS_BYTE = 0xFF

SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}  # rtnetlink.h
_SCOPE_NAMES: dict[int, Value] = {number: name for name, number in SCOPES.items()}


def number_of(names: Mapping[str, int], value: Any) -> int:
    """Give the number of a name; one that has none stands for itself."""
    return names[value] if value in names else int(value)


# attribute -> IFA_F_…, and whether it means that the bit is not set
_BITS = {
    AF_INET: {"noprefixroute": (0x200, False)},
    AF_INET6: {
        "noprefixroute": (0x200, False),
        "duplicate-address-detection": (0x02, True),
        "home": (0x10, False),
        "manage-temporary": (0x100, False),
        "join-group": (0x400, False),  # IFA_F_MCAUTOJOIN, which no document asks for
    },
}
_COMMON: dict[str, Value] = {
    "peer": None,
    "noprefixroute": False,
    "preferred-lifetime": None,  # forever
    "route-metric": 0,  # the kernel's own for such a route
}
# What an address is about which nobody says anything.
DEFAULTS: Mapping[int, Mapping[str, Value]] = {
    AF_INET: {**_COMMON, "scope": "global", "label": None, "broadcast": None},
    AF_INET6: {
        **_COMMON,
        "duplicate-address-detection": True,
        "home": False,
        "manage-temporary": False,
        "join-group": False,
    },
}
# What is read and says nothing of what an address is to be: how long a lease still lasts, and
# whether another address of the subnet came first.
OBSERVED = frozenset({"lease", "secondary"})
# What the kernel does not change of an address that is there: of IPv4 all but lifetimes, metric and
# mark (inet_rtm_newaddr).
_FIXED = {
    AF_INET: frozenset({"scope", "label", "broadcast", "peer", "noprefixroute"}),
    AF_INET6: frozenset({"join-group"}),
}
# What it changes only to another value, but takes no absence of it for one (inet6_addr_modify).
_NEVER_LOST = {AF_INET: frozenset[str](), AF_INET6: frozenset({"route-metric", "peer"})}

_PLAIN = 3  # parts of the key of an address without a peer
_LONGEST_WITH_BROADCAST = 30  # a /31 or /32 has no broadcast address (RFC 3021)


# --- from the model -------------------------------------------------------------------------------


def wanted(interface: Interface) -> Iterator[Wanted]:
    """Give the addresses of an interface."""
    for address in interface.addresses:
        is_four = address.address.version == 4
        attributes = _ipv4(interface, address) if is_four else _ipv6(address)
        places = {
            name: (*address.path, name)
            for name, default in _PLACES.items()
            if name in address.stated or getattr(address, name.replace("-", "_")) != default
        }
        unsaid = frozenset(attributes.keys() - places.keys() - {"origin"})
        yield Wanted(_key(interface.name, address), attributes, address.path, places, unsaid)


_PLACES: Mapping[str, Value] = {
    "label": None,
    "peer": None,
    "scope": None,
    "preferred-lifetime": None,
    "noprefixroute": False,
    "broadcast": None,
    "route-metric": None,
    "duplicate-address-detection": None,
    "home": False,
    "manage-temporary": False,
}


def _key(name: str, address: Address) -> Key:
    if address.peer is None:
        return ("address", name, str(address.address))
    # the prefix length is that of the other end (ip-address(8))
    local = f"{address.address.ip}/{address.peer.network.prefixlen}"
    return ("address", name, local, *([str(address.peer)] if address.peer.version == 4 else []))


def _common(address: Address) -> dict[str, Value]:
    return {
        "peer": None if address.peer is None else str(address.peer.ip),
        "noprefixroute": address.noprefixroute,
        "preferred-lifetime": address.preferred_lifetime,
        "route-metric": address.route_metric or 0,
        "proto": PROTOCOL,
        "origin": "static",
    }


def _ipv4(interface: Interface, address: Address) -> dict[str, Value]:
    return {
        **_common(address),
        "scope": address.scope or "global",
        "label": interface.name if address.label is None else address.label,
        "broadcast": _broadcast(interface, address),
    }


def _ipv6(address: Address) -> dict[str, Value]:
    return {
        **_common(address),
        "duplicate-address-detection": address.duplicate_address_detection is not False,
        "home": address.home,
        "manage-temporary": address.manage_temporary,
        "join-group": False,
    }


def _broadcast(interface: Interface, address: Address) -> str | None:
    """Give the broadcast address: what is said, or the last one of a subnet that can have one."""
    if address.broadcast is not None:
        return str(address.broadcast) if address.broadcast else None
    network = address.address.network
    # WireGuard knows no neighbours, and neither does who has but one
    alone = address.peer is not None or isinstance(interface.kind, Wireguard)
    if alone or network.prefixlen > _LONGEST_WITH_BROADCAST:
        return None
    return str(network.broadcast_address)


# --- from the kernel ------------------------------------------------------------------------------


def read(
    bodies: Iterable[bytes], names: Mapping[int, str]
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read addresses; `names` are the devices' by their numbers."""
    unpack, text = _HEADER.unpack_from, IP.unpack
    for body in bodies:
        family, length, flags, scope, number = unpack(body)
        device = names.get(number)
        if device is None or family not in DEFAULTS:
            continue
        found = dict(attributes(body, _HEADER.size))
        other = found.get(_ADDRESS)
        own = found.get(_LOCAL, other)
        if own is None:
            continue
        local = text(own)
        if _FLAGS in found:
            flags = U32.unpack(found[_FLAGS])
        proto = found[_PROTO][0] if _PROTO in found else 0
        preferred, valid, _, _ = _LIFETIMES.unpack_from(found[_CACHEINFO])
        address: dict[str, Value] = {
            "peer": None if other is None or other == own else text(other),
            # of one that lasts forever IPv4 says no other time (inet_fill_ifaddr)
            "preferred-lifetime": 0 if preferred == 0 or flags & _DEPRECATED else None,
            "route-metric": U32.unpack(found[_RT_PRIORITY]) if _RT_PRIORITY in found else 0,
            "proto": proto,
            "origin": _origin(device, own, length, flags, proto),
        }
        for name, (bit, inverted) in _BITS[family].items():
            address[name] = bool(flags & bit) is not inverted
        if not flags & _PERMANENT:
            address["lease"] = [valid, preferred]
        key: Key = ("address", device, f"{local}/{length}")
        if family == AF_INET:
            address["scope"] = _SCOPE_NAMES.get(scope, scope)
            address["label"] = TEXT.unpack(found[_LABEL]) if _LABEL in found else ""
            address["broadcast"] = text(found[_BROADCAST]) if _BROADCAST in found else None
            if flags & _SECONDARY:
                address["secondary"] = True
            if address["peer"] is not None:
                key = (*key, f"{address['peer']}/{length}")
        yield key, address


_KERNEL = frozenset({1, 3})  # IFAPROT_KERNEL_LO, IFAPROT_KERNEL_LL
_ADVERTISED = 2  # IFAPROT_KERNEL_RA
_IPV4_OF_THE_HOST = ("127.0.0.1", 8)


def _origin(
    device: str, own: bytes, length: int, flags: int, proto: int
) -> Literal["static", "dynamic", "kernel"]:
    """Tell who made an address: someone here, the network, or the kernel itself.

    Before Linux 5.18 it says nothing of its own ones, but they can be recognised: link-local ones
    made of the MAC address (addrconf_ifid_eui48) or of a secret, and those of tunnels (add_v4_addrs).
    """
    if not flags & _PERMANENT or proto == _ADVERTISED:
        return "dynamic"
    if proto in _KERNEL:
        return "kernel"
    if len(own) == 4:
        return "kernel" if device == "lo" and own == b"\x7f\0\0\1" and length == 8 else "static"
    if flags & _TEMPORARY:
        return "dynamic"
    if proto:
        return "static"
    link_local = own.startswith(b"\xfe\x80\0\0\0\0\0\0") and length == 64
    made = link_local and (own[11:13] == b"\xff\xfe" or flags & _STABLE_PRIVACY)
    embeds = own.startswith(bytes(12)) and (length in (96, 128))  # ::1 as well
    return "kernel" if made or embeds else "static"


_TENTATIVE = 0x40  # IFA_F_TENTATIVE


def is_tentative(bodies: Iterable[bytes], address: str) -> bool:
    """Tell whether an IPv6 address still may turn out to be somebody else's."""
    for body in bodies:
        family, _, flags, _, _ = _HEADER.unpack_from(body)
        found = dict(attributes(body, _HEADER.size))
        own = found.get(_LOCAL, found.get(_ADDRESS))
        if family == AF_INET6 and own is not None and IP.unpack(own) == address:
            return bool((U32.unpack(found[_FLAGS]) if _FLAGS in found else flags) & _TENTATIVE)
    return False


def said(wanted: Attributes, unsaid: frozenset[str], now: Attributes) -> dict[str, Value]:
    """Give what an address that others made is to be: what is said, and no lease of the network's.

    One that the kernel made by itself becomes ours: its mark says so.
    """
    found = {name: value for name, value in wanted.items() if name not in unsaid}
    if now["origin"] != "static" and now["proto"] in {*_KERNEL, _ADVERTISED}:
        found["proto"] = PROTOCOL
    return found


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether the network or the kernel gave the address."""
    return attributes.get("origin", "static") != "static"


def are_marked(state: State) -> bool:
    """Tell whether a kernel keeps marks of addresses: it has some of its own then (Linux 5.18)."""
    return any(key[0] == "address" and found.get("proto") for key, found in state.items())


def is_ours(key: Key, attributes: Attributes) -> bool:
    """Tell whether the address has the mark that only vnetc makes."""
    return attributes.get("proto") == PROTOCOL


# --- what one address does to others --------------------------------------------------------------


def falls_with(key: Key, state: State) -> list[Key]:
    """List the addresses that the kernel removes together with this one.

    They are the later IPv4 addresses of its subnet (inet_del_ifa in net/ipv4/devinet.c), unless the
    device promotes them.
    """
    attributes = state.get(key, {})
    subnet = _subnet(key)
    if not isinstance(subnet, IPv4Network) or attributes.get("secondary"):
        return []
    for device in ("all", key[1]):
        promotes = state.get(("sysctl", f"net/ipv4/conf/{device}/promote_secondaries"), {})
        if promotes.get("value", "0") != "0":
            return []
    return [
        other
        for other, found in state.items()
        if other[0] == "address"
        and other[1] == key[1]
        and found.get("secondary")
        and other != key
        and _subnet(other) == subnet
    ]


def becomes_secondary(key: Key, state: State) -> bool:
    """Tell whether another IPv4 address of its subnet is there, with which a new one would fall.

    The kernel takes the later one for a secondary one (__inet_insert_ifa): with `secondary` in its
    attributes it is among what `falls_with` lists.
    """
    subnet = _subnet(key)
    return isinstance(subnet, IPv4Network) and any(
        other[0] == "address" and other[1] == key[1] and other != key and _subnet(other) == subnet
        for other in state
    )


def conflicts(key: Key, state: State) -> list[Key]:
    """List the addresses that the kernel takes for this one though their keys differ.

    They have to go before this one can be made: the same IPv6 address with another prefix length,
    or the same IPv4 address with another peer of the same subnet.
    """
    own = ip_interface(key[2]).ip
    return [
        other
        for other in _others(key, state)
        if other[2].partition("/")[0] == str(own)
        and (own.version == 6 or _subnet(other) == _subnet(key))
    ]


def subnet_mates(key: Key, state: State) -> list[Key]:
    """List the other IPv4 addresses of an address's subnet on its device, in the kernel's order."""
    subnet = _subnet(key)
    return [other for other in _others(key, state) if _subnet(other) == subnet]


def _others(key: Key, state: State) -> Iterator[Key]:
    """Run through the other addresses of an address's device."""
    for other in state:
        if other[0] == "address" and other[1] == key[1] and other != key:
            yield other


def holders(keys: Collection[Key], state: State) -> tuple[tuple[Key, Attributes], ...]:
    """Give addresses that hold the places of IPv4 ones while those are away: the same in no subnet.

    To the kernel another prefix length is another address (find_matching_ifa). Nobody holds the
    place of one that its device has in another subnet too. `state` has those of the device.
    """
    going = set(keys)
    staying = {key[2].partition("/")[0] for key in state if key not in going}
    found: dict[Key, Attributes] = {}
    for key in keys:
        local, _, length = key[2].partition("/")
        if ":" not in local and local not in staying:
            own = "31" if length == "32" and len(key) == _PLAIN else "32"
            attributes = {**DEFAULTS[AF_INET], "noprefixroute": True, "scope": state[key]["scope"]}
            found["address", key[1], f"{local}/{own}"] = attributes
    return tuple(found.items())


def subnet_of(key: Key) -> str:
    """Name the network that the kernel makes a route to, with the prefix length."""
    return str(_subnet(key))


@lru_cache(1 << 12)
def _subnet(key: Key) -> IPNetwork:
    """Give the network that the kernel makes a route to."""
    return ip_network(key[-1], strict=False)


# --- to the kernel --------------------------------------------------------------------------------


def create(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Make an address."""
    return [_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, key, attributes, index)]


def change(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    """Change an address in place, or make it anew where the kernel only can do that."""
    names = _changed(old, new)
    if not names:
        return []
    if _is_fixed(key, names, new):
        return [*remove(key, old, index), *create(key, new, index)]
    return [_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, key, new, index)]


def remove(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Remove an address."""
    family, length, local, peer = _ends(key, attributes)
    header = _HEADER.pack(family, length, 0, 0, index[key[1]])
    ends = attribute(_LOCAL, local) + attribute(_ADDRESS, peer)
    return [Message(type=RTM_DELADDR, flags=0, body=header + ends)]


def make_anew(anew: Sequence[tuple[Key, Attributes]], index: Index) -> list[Message]:
    """Remove addresses of one subnet and make them again, in the order that they are to have.

    The first one goes last: else the kernel may remove the others along with it, or one of them may
    take its place.
    """
    going = sorted(anew, key=lambda item: not item[1].get("secondary"))
    messages = [message for item in going for message in remove(*item, index)]
    return messages + [message for item in anew for message in create(*item, index)]


def impact(key: Key, old: Attributes, new: Attributes) -> Literal["seamless", "brief"]:
    """Tell whether the address is gone for a moment when it is changed.

    If so, all that `falls_with` it lists is gone too, and is to be made again.
    """
    return "brief" if _is_fixed(key, _changed(old, new), new) else "seamless"


def _changed(old: Attributes, new: Attributes) -> set[str]:
    return {name for name, value in new.items() if name not in OBSERVED and old.get(name) != value}


def _is_fixed(key: Key, names: set[str], new: Attributes) -> bool:
    family = AF_INET6 if ":" in key[2] else AF_INET
    lost = {name for name in names & _NEVER_LOST[family] if not new[name]}
    return bool(lost or names & _FIXED[family])


def _ends(key: Key, attributes: Attributes) -> tuple[int, int, bytes, bytes]:
    """Give family, prefix length, the own address and the other end, which is the own if none."""
    text, _, length = key[2].partition("/")
    local = IP.pack(text)
    peer = attributes.get("peer")
    family = AF_INET if len(local) == 4 else AF_INET6
    return family, int(length), local, local if peer is None else IP.pack(peer)


def _message(type: int, flags: int, key: Key, attributes: Attributes, index: Index) -> Message:
    family, length, local, peer = _ends(key, attributes)
    said: dict[str, Any] = {**DEFAULTS[family], **attributes}
    bits = sum(
        bit for name, (bit, inverted) in _BITS[family].items() if bool(said[name]) is not inverted
    )
    parts = [
        attribute(_LOCAL, local),
        attribute(_ADDRESS, peer),
        attribute(_FLAGS, U32.pack(bits)),
        attribute(_PROTO, U8.pack(said.get("proto", PROTOCOL))),
    ]
    scope = 0
    if family == AF_INET:
        scope = number_of(SCOPES, said["scope"])
        parts.append(attribute(_LABEL, TEXT.pack(said["label"] or key[1])))
        if said["broadcast"] is not None:
            parts.append(attribute(_BROADCAST, IP.pack(said["broadcast"])))
    leased = "lease" in said and is_foreign(key, said)
    valid, preferred = said["lease"] if leased else (_FOREVER, _FOREVER)
    if said["preferred-lifetime"] == 0:
        preferred = 0
    parts.append(attribute(_CACHEINFO, _LIFETIMES.pack(preferred, valid, 0, 0)))
    if said["route-metric"]:
        parts.append(attribute(_RT_PRIORITY, U32.pack(said["route-metric"])))
    header = _HEADER.pack(family, length, bits & _IN_FLAGS_BYTE, scope, index[key[1]])
    return Message(type=type, flags=flags, body=header + b"".join(parts))


# --- rows of the support table --------------------------------------------------------------------


def _asks_by_arp(context: Context) -> bool:
    address: Address = context.node
    return address.address.version == 4 and address.duplicate_address_detection is True


ROWS: Mapping[str, Support] = {
    "interface.addresses": exact("RTM_NEWADDR"),
    "address.address": exact("IFA_LOCAL"),
    "address.peer": exact("IFA_ADDRESS"),
    "address.label": exact("IFA_LABEL"),
    "address.scope": exact("ifa_scope"),
    "address.broadcast": exact("IFA_BROADCAST"),
    "address.preferred-lifetime": exact("IFA_CACHEINFO"),
    "address.route-metric": exact("IFA_RT_PRIORITY"),
    "address.noprefixroute": exact("IFA_F_NOPREFIXROUTE"),
    "address.home": exact("IFA_F_HOMEADDRESS"),
    "address.manage-temporary": exact("IFA_F_MANAGETEMPADDR"),
    "address.duplicate-address-detection": exact(
        "IFA_F_NODAD", limit("the kernel does not ask for IPv4 addresses", _asks_by_arp)
    ),
}
