"""Network devices: what a document wants of them, and what the kernel has.

rtnetlink(7). The options of each kind are tables, kinds.py and tunnels.py; what a change
is stands in changes.py, and the messages are in messages.py. This module is the way to all
of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from vnetc.backends.devices import Devices
from vnetc.backends.netlink.links.changes import (
    CARDS,
    EUI64,
    NO_ADDRESS,
    OPTIONS,
    STABLE_PRIVACY,
    Phase,
    defaults,
    differing,
    has_ipv6,
    identity,
    impact,
    kind_of,
    phase,
    port_defaults,
    show,
)
from vnetc.backends.netlink.links.kinds import (
    KINDS,
    PORTS_OF_BRIDGES,
    TUN_TABLE,
    VLAN_FLAGS,
    tidy_tun,
)
from vnetc.backends.netlink.links.messages import change, create, is_made_by_ioctl, remove
from vnetc.backends.netlink.links.options import Decoded, Impact, Option, decode, decode_table
from vnetc.backends.netlink.links.tunnels import TUNNELS
from vnetc.backends.netlink.state import Attributes, Key, Value, Wanted
from vnetc.backends.netlink.wire.constants import (
    AF_INET6,
    ARPHRD_INFINIBAND,
    ARPHRD_LOOPBACK,
    FILTER_SKIP_STATS,
    FLAGS,
    HEADER,
    IFLA_ADDRESS,
    IFLA_AF_SPEC,
    IFLA_EXT_MASK,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INET6_ADDR_GEN_MODE,
    IFLA_INET6_TOKEN,
    IFLA_LINK,
    IFLA_LINK_NETNSID,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    INFO_DATA,
    INFO_KIND,
    INFO_SLAVE_DATA,
    INFO_SLAVE_KIND,
    IPV6_MINIMUM_MTU,
    RTM_GETLINK,
    UP,
)
from vnetc.backends.netlink.wire.messages import IP, TEXT, U8, U32, attribute, attributes
from vnetc.backends.support import key
from vnetc.model.host import DEFAULT_MTU, Interface, Member, Port
from vnetc.model.kinds import (
    Bond,
    Ethernet,
    Geneve,
    Infiniband,
    Loopback,
    Tap,
    Tun,
    Tunnel,
    Veth,
    Vlan,
    Vrf,
    Wifi,
    Wireguard,
    link_of,
)
from vnetc.model.record import Record, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnetc.model.diagnostics import Path

DUMP = (
    RTM_GETLINK,
    HEADER.pack(0, 0, 0, 0, 0) + attribute(IFLA_EXT_MASK, U32.pack(FILTER_SKIP_STATS)),
)

_BY_WORD = {kind.word: kind for kind in (*KINDS, *TUNNELS)}
_TABLES = {kind.word: decode_table(kind.options) for kind in (*KINDS, *TUNNELS)} | {
    "tun": TUN_TABLE
}
_PORT_TABLE = decode_table(PORTS_OF_BRIDGES)
# IFLA_BR_TOPOLOGY_CHANGE: a bridge ages faster for the moment (__br_set_topology_change)
_TABLES["bridge"][14] = ("bridge.topology-change", lambda data: True if data[0] else None)


def _known(options: Iterable[Option]) -> dict[str, Value]:
    """List what is other than nothing by default; a kernel without an option has that, too."""
    return {
        option.name: option.default
        for option in options
        if option.default is not None and not option.name.startswith("_")
    }


_BASE = {kind.word: _known(kind.options) for kind in (*KINDS, *TUNNELS) if kind.word != "tun"}
_PORT_BASE = _known(PORTS_OF_BRIDGES)
_DEVICES = {
    word: [o.name for o in kind.options if o.type.is_device] for word, kind in _BY_WORD.items()
}


# --- what a document wants ----------------------------------------------------------------------------


def wanted(interface: Interface, devices: Devices) -> Wanted:
    """Say what an interface of the model is as a device."""
    kind, path = interface.kind, interface.path
    said: dict[str, Value] = {
        "kind": _type(interface),
        "master": None,
        "master-kind": None,
    }
    places: dict[str, Path] = {"kind": (*path, "type"), "link": (*path, "link")}
    if said["kind"] not in CARDS:  # what a card is on is not for a document to say
        said["link"] = link_of(kind)
    if interface.activation != "manual":  # that is for others to say
        said["up"] = interface.activation == "auto"
        places["up"] = (*path, "activation")
    claim = interface.claim
    if claim is not None:
        said |= {
            "master": claim.master,
            "master-kind": "bridge" if isinstance(claim, Port) else "bond",
        }
        places |= {"master": claim.path}
    elif interface.vrf is not None:
        said |= {"master": interface.vrf, "master-kind": "vrf"}
        places |= {"master": (*path, "vrf")}
    if isinstance(kind, Veth):
        said["peer"] = kind.peer
        places["peer"] = (*path, "peer")
    for name in ("mtu", "macaddress", "group", *FLAGS):
        value = getattr(interface, name.replace("-", "_"))
        if value is not None and not (
            name == "macaddress" and _has_mac_of_bond(interface, devices)
        ):
            said[name] = value
            places[name] = (*path, name)
    generation = _address_generation(interface)
    if generation is not None:
        said["address-generation"] = generation
        by_generation = interface.ipv6_address_generation is not None and generation != NO_ADDRESS
        word = "ipv6-address-generation" if by_generation else "link-local"
        places["address-generation"] = (*path, word)
    if interface.ipv6_address_token is not None:
        said["address-token"] = str(interface.ipv6_address_token)
        places["address-token"] = (*path, "ipv6-address-token")
    _say_kind(interface, said, places)
    if isinstance(claim, Port):
        _say_fields(claim, "port", claim.path, said, places)
    return Wanted(("link", interface.name), said, path, places)


def _type(interface: Interface) -> str:
    kind = interface.kind
    if isinstance(kind, Infiniband) and kind.link is None:
        return "infiniband-card"
    return kind.type


def _has_mac_of_bond(interface: Interface, devices: Devices) -> bool:
    """Whether a bond gives its members its own address (bond_enslave, fail_over_mac)."""
    if not isinstance(interface.claim, Member):
        return False
    bond = devices.by_name.get(interface.claim.bond)
    policy = bond.kind.fail_over_mac_policy if bond and isinstance(bond.kind, Bond) else None
    return policy in (None, "none")


def _address_generation(interface: Interface) -> int | None:
    """Say how a device makes its link-local address, None if the kernel decides that itself."""
    kind, families = interface.kind, interface.link_local
    if families is None and interface.ipv6_address_generation is None:
        return None
    if (interface.mtu or DEFAULT_MTU) < IPV6_MINIMUM_MTU:
        return None
    # a VRF gets none (addrconf_addr_gen), and WireGuard switches it off itself (wg_open)
    if (families is not None and "ipv6" not in families) or isinstance(kind, Vrf | Wireguard):
        return NO_ADDRESS
    if isinstance(kind, Tun) or (isinstance(kind, Geneve) and kind.inherit_inner_protocol):
        return None  # of what has no MAC address at random, once it has a carrier (addrconf_dev_config)
    return STABLE_PRIVACY if interface.ipv6_address_generation == "stable-privacy" else EUI64


def _say_kind(interface: Interface, said: Decoded, places: dict[str, Path]) -> None:
    kind, path = interface.kind, interface.path
    match kind:
        case Ethernet(alias=alias):
            if alias is not None:
                said["alias"] = alias
                places["alias"] = (*path, "alias")
        case Wifi() | Loopback() | Veth() | Wireguard():
            pass
        case Tunnel():
            said["tunnel.mode"] = kind.mode
            _say_fields(kind, "tunnel", path, said, places)
            for end, one in (("input", kind.input_key), ("output", kind.output_key)):
                if one is None and kind.key is not None:
                    said[f"tunnel.{end}-key"] = kind.key
                    places[f"tunnel.{end}-key"] = (*path, "key")
        case Tun() | Tap():
            _say_fields(kind, kind.type, path, said, places)
            for name in ("user", "group"):
                _say_number(f"{kind.type}.{name}", said)
        case _:
            _say_fields(kind, kind.type, path, said, places)
            if isinstance(kind, Vlan):
                _say_fields(kind.flags, "vlan-flags", (*path, "flags"), said, places)
            if isinstance(kind, Bond):
                _split_targets(said, places)


def _say_number(name: str, said: Decoded) -> None:
    """Take a user that is a number for one; a name is looked up where it is needed, by tuntap.py."""
    value = said.get(name)
    if isinstance(value, str) and value.isdecimal():
        said[name] = int(value)


def _split_targets(said: Decoded, places: dict[str, Path]) -> None:
    """Tell targets of the two families apart: the kernel keeps two lists."""
    targets = said.get("bond.arp-ip-targets")
    if isinstance(targets, list):
        said["bond.arp-ip-targets"] = [item for item in targets if ":" not in str(item)]
        if six := [item for item in targets if ":" in str(item)]:
            said["bond.arp-ip6-targets"] = six
            places["bond.arp-ip6-targets"] = places["bond.arp-ip-targets"]


def _say_fields(
    node: Record, prefix: str, path: Path, said: Decoded, places: dict[str, Path]
) -> None:
    for field in fields(type(node)):
        value: Any = getattr(node, field)
        if value is None or value == ():
            continue
        name = f"{prefix}.{key(field)}"
        if name in VLAN_FLAGS:
            said[name] = value
        elif (option := OPTIONS.get(name)) is not None:
            said[name] = option.type.convert(value)
        else:
            continue
        places[name] = (*path, key(field))


# --- what the kernel has ------------------------------------------------------------------------------


def names(bodies: Iterable[bytes]) -> dict[int, str]:
    """Read only the numbers and names of devices."""
    found: dict[int, str] = {}
    for body in bodies:
        number = HEADER.unpack_from(body)[2]
        for name, payload in attributes(body, HEADER.size):
            if name == IFLA_IFNAME:
                found[number] = TEXT.unpack(payload)
                break
    return found


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether the network told the kernel to make a device: it never does."""
    return False


_OPERSTATE, _CARRIER = 16, 33  # IFLA_OPERSTATE, IFLA_CARRIER
_UNKNOWN_OR_UP = (0, 6)  # IF_OPER_..., linux/if.h


def is_running(bodies: Iterable[bytes], name: str) -> bool:
    """Tell whether the kernel knows by now that a device is up, if it is."""
    for body in bodies:
        raw = dict(attributes(body, HEADER.size))
        if TEXT.unpack(raw[IFLA_IFNAME]) == name:
            is_up = bool(HEADER.unpack_from(body)[3] & UP)
            return not is_up or raw.get(_OPERSTATE, b"\0")[0] in _UNKNOWN_OR_UP
    return True


def is_known_dead(bodies: Iterable[bytes], name: str) -> bool:
    """Tell whether the kernel knows by now that a device has no carrier, if it has none."""
    for body in bodies:
        raw = dict(attributes(body, HEADER.size))
        if TEXT.unpack(raw[IFLA_IFNAME]) == name:
            has_carrier = raw.get(_CARRIER, b"\1")[0] != 0
            return has_carrier or raw.get(_OPERSTATE, b"\0")[0] not in _UNKNOWN_OR_UP
    return True


def read(
    bodies: Iterable[bytes], names: Mapping[int, str]
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read the answers to `DUMP`; `names` are the devices' by their numbers."""
    for body in bodies:
        yield _read(body, names)


def _read(body: bytes, names: Mapping[int, str]) -> tuple[Key, dict[str, Value]]:
    _, hardware, number, flags, _ = HEADER.unpack_from(body)
    # by hand: this runs for each attribute of each device
    raw: dict[int, bytes] = {}
    place, end = HEADER.size, len(body)
    unpack = _ATTRIBUTE.unpack_from
    while place + 4 <= end:
        size, word = unpack(body, place)
        if size < 4:
            break
        word &= 0x3FFF
        if word in _READ:
            raw[word] = body[place + 4 : place + size]
        place += (size + 3) & ~3
    found: dict[str, Value] = {
        "kind": "ethernet",
        "ifindex": number,
        "up": bool(flags & UP),
        "mtu": U32.unpack(raw[IFLA_MTU]),
        "group": U32.unpack(raw[IFLA_GROUP]) if IFLA_GROUP in raw else 0,
        "arp": not flags & 0x80,
        "promiscuous": bool(flags & 0x100),
        "all-multicast": bool(flags & 0x200),
        "multicast": bool(flags & 0x1000),
        "master": names.get(U32.unpack(raw[IFLA_MASTER])) if IFLA_MASTER in raw else None,
        "master-kind": None,
        "link": None,
    }
    if IFLA_LINK_NETNSID in raw:
        found["link-elsewhere"] = True
    elif IFLA_LINK in raw:
        found["link"] = names.get(U32.unpack(raw[IFLA_LINK]))
    if IFLA_IFALIAS in raw:
        found["alias"] = TEXT.unpack(raw[IFLA_IFALIAS])
    if IFLA_AF_SPEC in raw:
        _read_families(raw[IFLA_AF_SPEC], found)
    has_mac = hardware != ARPHRD_LOOPBACK
    if IFLA_LINKINFO in raw:
        _read_info(raw[IFLA_LINKINFO], found, names)
        kind = kind_of(found)
        has_mac = kind is None or kind.mac is not None
    elif hardware == ARPHRD_LOOPBACK:
        found["kind"] = "loopback"
    if hardware == ARPHRD_INFINIBAND and found["link"] is None:
        found["kind"] = "infiniband-card"
    if has_mac and len(raw.get(IFLA_ADDRESS, b"")) == 6:
        found["macaddress"] = raw[IFLA_ADDRESS].hex(":")
    return ("link", TEXT.unpack(raw[IFLA_IFNAME])), found


_ATTRIBUTE = struct.Struct("=HH")
_READ = frozenset(
    {
        IFLA_ADDRESS,
        IFLA_IFNAME,
        IFLA_MTU,
        IFLA_LINK,
        IFLA_MASTER,
        IFLA_LINKINFO,
        IFLA_IFALIAS,
        IFLA_AF_SPEC,
        IFLA_GROUP,
        IFLA_LINK_NETNSID,
    }
)


def _read_families(data: bytes, found: Decoded) -> None:
    for family, payload in attributes(data):
        if family == AF_INET6:
            for number, value in attributes(payload):
                if number == IFLA_INET6_ADDR_GEN_MODE:
                    found["address-generation"] = U8.unpack(value)
                elif number == IFLA_INET6_TOKEN and any(value):
                    found["address-token"] = IP.unpack(value)


def _read_info(data: bytes, found: Decoded, names: Mapping[int, str]) -> None:
    """Read the kind of a device and its options, and what it is to its master."""
    info = dict(attributes(data))
    if INFO_SLAVE_KIND in info:
        master = TEXT.unpack(info[INFO_SLAVE_KIND])
        found["master-kind"] = master
        if master == "bridge":
            found |= _PORT_BASE
            decode(_PORT_TABLE, info.get(INFO_SLAVE_DATA, b""), found)
            _name(found, "port.backup-port", names)
    if INFO_KIND not in info:
        return
    word = TEXT.unpack(info[INFO_KIND])
    kind = _BY_WORD.get(word)
    if kind is None:
        found["kind"] = word
        return
    found["kind"] = kind.type
    if word == "veth":
        found["peer"], found["link"] = found["link"], None
        return
    found |= _BASE.get(word, _NOTHING)
    decode(_TABLES[word], info.get(INFO_DATA, b""), found)
    for name in _DEVICES[word]:
        _name(found, name, names)
    if word == "tun":
        tidy_tun(found)
    elif kind.tidy is not None:
        kind.tidy(found)
    if found.get("bridge.topology-change"):
        del found["bridge.ageing-time"]


_NOTHING: dict[str, Value] = {}


def _name(found: Decoded, name: str, names: Mapping[int, str]) -> None:
    value = found.get(name)
    if isinstance(value, int):
        found[name] = names.get(value)


__all__ = [
    "CARDS",
    "DUMP",
    "Impact",
    "Phase",
    "change",
    "create",
    "defaults",
    "differing",
    "has_ipv6",
    "identity",
    "impact",
    "is_foreign",
    "is_made_by_ioctl",
    "kind_of",
    "names",
    "phase",
    "port_defaults",
    "read",
    "remove",
    "show",
    "wanted",
]
