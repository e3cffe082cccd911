"""What bridges and VXLANs know: forwarding and multicast databases, and the VLANs of ports.

linux/neighbour.h, linux/if_bridge.h, bridge(8). None of it has a mark of who made it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from vnetc.backends.devices import Devices
from vnetc.backends.kernel_defaults import carried_vlans
from vnetc.backends.netlink.objects.neighbors import (
    HEADER,
    PERMANENT,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
)
from vnetc.backends.netlink.state import Attributes, Index, Key, State, Value, Wanted
from vnetc.backends.netlink.wire.messages import (
    BE16,
    IP,
    MAC,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    U16,
    U32,
    Codec,
    Message,
    attribute,
    attributes,
    nest,
)
from vnetc.backends.support import Context, Support, exact, limit
from vnetc.model.host import FdbEntry, Interface, Port
from vnetc.model.kinds import Bridge, Ethernet, Vxlan
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_AF_BRIDGE = 7
_NOBODY = "00:00:00:00:00:00"  # where a VXLAN sends frames whose way is not known


def wanted(interface: Interface, devices: Devices) -> Iterator[Wanted]:
    """Give what an interface wants of its own databases and, as a port, of its bridge's.

    One that is not brought up still has VLANs, and its ends if it is a VXLAN: they are its own.
    """
    yield from _wanted_vlans(interface, devices)
    yield from _wanted_remotes(interface)
    if interface.activation == "auto":
        yield from _wanted_fdb(interface)
        yield from _wanted_mdb(interface, devices)


# --- forwarding databases -------------------------------------------------------------------------

FDB_DUMPS = ((RTM_GETNEIGH, HEADER.pack(_AF_BRIDGE, 0, 0, 0, 0, 0, 0)),)

_DST, _LLADDR, _VLAN, _PORT, _VNI, _IFINDEX, _MASTER = 1, 2, 5, 6, 7, 8, 9  # NDA_…
_SRC_VNI, _NH_ID = 11, 13
_SELF, _OF_MASTER, _LEARNED, _STICKY = 0x02, 0x04, 0x10, 0x40  # NTF_…
_NOARP, _REACHABLE = 0x40, 0x02  # NUD_…
# a VXLAN takes only what is permanent or reachable (vxlan_fdb_add)
_STATES = {"permanent": PERMANENT, "static": _NOARP | _REACHABLE}
# Groups whose entries the kernel makes itself: IPv6, IPv4, and those of 802.1
_OF_KERNEL = ("33:33:", "01:00:5e:", "01:80:c2:")


class _Field(Record, kw_only=False):
    """What an entry says in an attribute of its own: our name, NDA_…, how it stands there."""

    name: str
    number: int
    codec: Codec


_FIELDS = (
    _Field("destination", _DST, IP),
    _Field("port", _PORT, BE16),
    _Field("vni", _VNI, U32),
    _Field("source-vni", _SRC_VNI, U32),
    _Field("nexthop-id", _NH_ID, U32),
)
# What an entry is about which nobody says anything.
FDB_DEFAULTS: Mapping[str, Value] = {
    "state": "permanent",
    "sticky": False,
    "link": None,
    **{field.name: None for field in _FIELDS},
}
# What tells one of several destinations of a group from the others.
_PARTS = ("destination", "port", "vni", "link", "source-vni")


def _wanted_fdb(interface: Interface) -> Iterator[Wanted]:
    kind = interface.kind
    for entry in interface.fdb:
        said = _fdb_attributes(entry, kind.port, kind.id) if isinstance(kind, Vxlan) else None
        said = said or _fdb_attributes(entry, None, None)
        places = {
            name: (*entry.path, name)
            for name in ("state", "destination", "port", "vni", "link")
            if said[name] != FDB_DEFAULTS[name]
        }
        key = _fdb_key(interface.name, entry.macaddress, entry.owner, entry.vlan, said)
        yield Wanted(key, said, entry.path, places)


def _wanted_remotes(interface: Interface) -> Iterator[Wanted]:
    kind = interface.kind
    for remote in kind.remotes if isinstance(kind, Vxlan) else ():
        said = {**FDB_DEFAULTS, "destination": str(remote)}
        key = _fdb_key(interface.name, _NOBODY, "self", None, said)
        yield Wanted(key, said, (*interface.path, "remotes"))


def _fdb_attributes(entry: FdbEntry, port: int | None, vni: int | None) -> dict[str, Value]:
    """Say an entry; what is the device's own port and number, the kernel does not say again."""
    return {
        **FDB_DEFAULTS,
        "state": entry.state,
        "destination": None if entry.destination is None else str(entry.destination),
        "port": None if entry.port == port else entry.port,
        "vni": None if entry.vni == vni else entry.vni,
        "link": entry.link,
    }


def _fdb_key(name: str, mac: str, owner: str, vlan: int | None, said: Attributes) -> Key:
    key: Key = ("fdb", name, mac, owner)
    if vlan is not None:
        key = (*key, f"vlan {vlan}")
    if _has_many(mac, said):
        key = (*key, *(f"{part} {said[part]}" for part in _PARTS if said.get(part) is not None))
    return key


def _has_many(mac: str, said: Attributes) -> bool:
    """Tell whether an entry is one of several destinations (vxlan_fdb_append)."""
    return said.get("destination") is not None and (_is_group(mac) or mac == _NOBODY)


def _is_group(mac: str) -> bool:
    return bool(int(mac[:2], 16) & 1)  # IEEE 802


def read_fdb(
    bodies: Iterable[bytes], names: Mapping[int, str], links: State
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read the entries that someone made; `links` are the devices with their attributes.

    The kernel makes those of its own addresses and of the groups it listens to, and learns others.
    """
    own = {str(link.get("macaddress")) for key, link in links.items() if key != ("link", "lo")}
    found: dict[Key, dict[str, Value]] = {}
    for body in bodies:
        item = _decode_fdb(body, names, links)
        if item is not None and (item[1]["destination"] is not None or item[0][2] not in own):
            found[item[0]] = item[1]
    for key, entry in found.items():
        # one of no VLAN is one of each that its port carries as well (br_fdb_add)
        of_vlan = len(key) > 4 and key[4].startswith("vlan ")
        if not of_vlan or (*key[:4], *key[5:]) not in found:
            yield key, entry


def _decode_fdb(
    body: bytes, names: Mapping[int, str], links: State
) -> tuple[Key, dict[str, Value]] | None:
    family, _, _, number, state, flags, _ = HEADER.unpack_from(body)
    device = names.get(number)
    kept = state & (PERMANENT | _NOARP)
    if family != _AF_BRIDGE or device is None or not kept:
        return None
    found = dict(attributes(body, HEADER.size))
    mac = MAC.unpack(found[_LLADDR])
    if _is_group(mac) and _DST not in found and mac.startswith(_OF_KERNEL):
        return None
    entry: dict[str, Value] = {
        **FDB_DEFAULTS,
        "state": "permanent" if state & PERMANENT else "static",
        "sticky": bool(flags & _STICKY),
        "origin": "static",
    }
    for field in _FIELDS:
        if field.number in found:
            entry[field.name] = field.codec.unpack(found[field.number])
    if _IFINDEX in found:
        entry["link"] = names.get(U32.unpack(found[_IFINDEX]))
    master = U32.unpack(found[_MASTER]) if _MASTER in found else 0
    # of a bridge's own entry the kernel says its own number twice (fdb_fill_info)
    owner = "master" if master and master != number and not flags & _SELF else "self"
    if flags & _LEARNED:
        entry["origin"] = "dynamic"
    elif mac == _NOBODY:
        link = links.get(("link", device), {})
        if any(entry["destination"] == link.get(f"vxlan.{end}") for end in ("remote", "group")):
            entry["origin"] = "kernel"  # the device's own destination (__vxlan_dev_create)
    vlan = U16.unpack(found[_VLAN]) if _VLAN in found else None
    return _fdb_key(device, mac, owner, vlan, entry), entry


def _fdb_message(type: int, flags: int, key: Key, attributes: Attributes, index: Index) -> Message:
    said: dict[str, Any] = {**FDB_DEFAULTS, **attributes}
    how = _SELF if key[3] == "self" else _OF_MASTER
    how |= (_STICKY if said["sticky"] else 0) | (_LEARNED if said.get("origin") == "dynamic" else 0)
    header = HEADER.pack(_AF_BRIDGE, 0, 0, index[key[1]], _STATES[said["state"]], how, 0)
    parts = [attribute(_LLADDR, MAC.pack(key[2]))]
    if len(key) > 4 and key[4].startswith("vlan "):
        parts.append(attribute(_VLAN, U16.pack(int(key[4].removeprefix("vlan ")))))
    for field in _FIELDS:
        if said[field.name] is not None:
            parts.append(attribute(field.number, field.codec.pack(said[field.name])))
    if said["link"] is not None:
        parts.append(attribute(_IFINDEX, U32.pack(index[said["link"]])))
    return Message(type=type, flags=flags, body=header + b"".join(parts))


def _create_fdb(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    # only of a group the kernel keeps several, and only appends them
    flags = NLM_F_APPEND if _has_many(key[2], attributes) else NLM_F_EXCL
    return [_fdb_message(RTM_NEWNEIGH, NLM_F_CREATE | flags, key, attributes, index)]


def _change_fdb(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    if _has_many(key[2], new):  # the kernel replaces none of those (vxlan_fdb_update_existing)
        return [*_remove_fdb(key, old, index), *_create_fdb(key, new, index)]
    return [_fdb_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, key, new, index)]


def _remove_fdb(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    return [_fdb_message(RTM_DELNEIGH, 0, key, attributes, index)]


# --- multicast databases --------------------------------------------------------------------------

_RTM_NEWMDB, _RTM_DELMDB, _RTM_GETMDB = 84, 85, 86
_BR_PORT_MSG = struct.Struct("=B3xI")  # family, device
# br_mdb_entry: device, state, flags, VLAN, address, protocol
_MDB_ENTRY = struct.Struct("=IBBH16s2s2x")
MDB_DUMPS = ((_RTM_GETMDB, _BR_PORT_MSG.pack(_AF_BRIDGE, 0)),)
_MDBA_MDB = _MDBA_MDB_ENTRY = _MDBA_MDB_ENTRY_INFO = _MDBA_SET_ENTRY = 1
_SOURCE = 4  # MDBA_MDB_EATTR_SOURCE
_TEMPORARY, _PERMANENT = 0, 1  # MDB_…
_IPV4, _IPV6, _ETHERNET = b"\x08\x00", b"\x86\xdd", b"\0\0"  # ETH_P_…
_LENGTHS = {_IPV4: 4, _IPV6: 16, _ETHERNET: 6}


def _wanted_mdb(interface: Interface, devices: Devices) -> Iterator[Wanted]:
    port = interface.port
    if port is None:
        return
    master = devices.by_name.get(port.bridge)
    bridge = master.kind if master is not None else None
    for entry in port.mdb:
        vlans: list[int | None] = [entry.vlan]
        # of no VLAN, a bridge that filters makes it one of each that the port carries (br_mdb_add)
        if entry.vlan is None and isinstance(bridge, Bridge) and bridge.vlan_filtering:
            vlans = [*_vlans(port, bridge)]
        for vlan in vlans:
            key = _mdb_key(port.bridge, interface.name, entry.group, vlan)
            yield Wanted(key, {"state": "permanent"}, entry.path)


def _mdb_key(bridge: str, port: str, group: str, vlan: int | None) -> Key:
    key: Key = ("mdb", bridge, port, group)
    return key if not vlan else (*key, f"vlan {vlan}")


def read_mdb(
    bodies: Iterable[bytes], names: Mapping[int, str]
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read the groups of ports, also those that the kernel has heard of: they say `temporary`.

    Left out are those of one source, which no document names.
    """
    for body in bodies:
        bridge = names.get(_BR_PORT_MSG.unpack_from(body)[1])
        for entry in _inner(body, _BR_PORT_MSG.size, (_MDBA_MDB, _MDBA_MDB_ENTRY)):
            for number, data in attributes(entry):
                if number != _MDBA_MDB_ENTRY_INFO:
                    continue
                device, state, _, vlan, address, protocol = _MDB_ENTRY.unpack_from(data)
                port, length = names.get(device), _LENGTHS.get(protocol)
                more = dict(attributes(data, _MDB_ENTRY.size))
                if bridge is None or port in (None, bridge) or length is None or _SOURCE in more:
                    continue
                codec = MAC if protocol == _ETHERNET else IP
                key = _mdb_key(bridge, str(port), codec.unpack(address[:length]), vlan)
                yield key, {"state": "permanent" if state == _PERMANENT else "temporary"}


def _inner(data: bytes, start: int, numbers: tuple[int, ...]) -> Iterator[bytes]:
    """Give the attributes that lie in others, by the numbers on the way to them."""
    for number, payload in attributes(data, start):
        if number == numbers[0]:
            if len(numbers) == 1:
                yield payload
            else:
                yield from _inner(payload, 0, numbers[1:])


def _mdb_message(type: int, flags: int, key: Key, attributes: Attributes, index: Index) -> Message:
    _, bridge, port, group, *of_vlan = key
    if group.count(":") == 5 and "::" not in group:
        address, protocol = MAC.pack(group), _ETHERNET
    else:
        address = IP.pack(group)
        protocol = _IPV4 if len(address) == 4 else _IPV6
    state = _TEMPORARY if attributes.get("state") == "temporary" else _PERMANENT
    vlan = int(of_vlan[0].removeprefix("vlan ")) if of_vlan else 0
    entry = _MDB_ENTRY.pack(index[port], state, 0, vlan, address, protocol)
    body = _BR_PORT_MSG.pack(_AF_BRIDGE, index[bridge]) + attribute(_MDBA_SET_ENTRY, entry)
    return Message(type=type, flags=flags, body=body)


def _create_mdb(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    return [_mdb_message(_RTM_NEWMDB, NLM_F_CREATE | NLM_F_EXCL, key, attributes, index)]


def _change_mdb(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    # Linux before 6.3 replaces none
    return [*_remove_mdb(key, old, index), *_create_mdb(key, new, index)]


def _remove_mdb(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    return [_mdb_message(_RTM_DELMDB, 0, key, attributes, index)]


# --- VLANs of ports and of bridges themselves -----------------------------------------------------

_RTM_DELLINK, _RTM_GETLINK, _RTM_SETLINK = 17, 18, 19
_IFINFO = struct.Struct("=BBHiII")  # ifinfomsg: family, 0, type, device, flags, which of them
_IFLA_MASTER, _IFLA_AF_SPEC, _IFLA_EXT_MASK = 10, 26, 29
_COMPRESSED = 0x4  # RTEXT_FILTER_BRVLAN_COMPRESSED: ranges
VLAN_DUMPS = (
    (
        _RTM_GETLINK,
        _IFINFO.pack(_AF_BRIDGE, 0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, U32.pack(_COMPRESSED)),
    ),
)
_IFLA_BRIDGE_FLAGS, _IFLA_BRIDGE_VLAN_INFO = 0, 2
_BRIDGE_FLAGS_SELF = 2
_VLAN_INFO = struct.Struct("=HH")  # bridge_vlan_info: flags, VLAN
_PVID, _UNTAGGED, _RANGE_BEGIN, _RANGE_END = 0x02, 0x04, 0x08, 0x10  # BRIDGE_VLAN_INFO_…
_DEFAULT_PVID = 1  # br_vlan_init, net/bridge/br_vlan.c


def _wanted_vlans(interface: Interface, devices: Devices) -> Iterator[Wanted]:
    """Give the VLANs that a bridge or its port carries, if the bridge tells them apart."""
    item: Port | Bridge
    path = interface.path
    if interface.port is not None:
        master = devices.by_name.get(interface.port.bridge)
        bridge = None if master is None else master.kind
        item, path = interface.port, interface.port.path
    elif isinstance(interface.kind, Bridge):
        bridge = item = interface.kind
    else:
        return
    if not isinstance(bridge, Bridge) or not bridge.vlan_filtering:
        return
    is_self = interface.port is None
    places = {
        name: (*path, name)
        for name in ("pvid", "untagged")
        if getattr(item, name) not in (None, ())
    }
    for vid, (pvid, untagged) in _vlans(item, bridge).items():
        said: dict[str, Value] = {"pvid": pvid, "untagged": untagged, "self": is_self}
        where = (*path, "vlans") if item.vlans else path
        yield Wanted(("vlan", interface.name, str(vid)), said, where, places)


def _vlans(item: Port | Bridge, bridge: Bridge) -> dict[int, tuple[bool, bool]]:
    """Map each VLAN to whether it is the `pvid`, and whether its frames leave untagged."""
    vlans, pvid, untagged = carried_vlans(item, bridge)
    default = _DEFAULT_PVID if bridge.default_pvid is None else bridge.default_pvid
    if not vlans and pvid is None and default:  # it says nothing: it has what the kernel gives
        return {default: (True, True)}
    plain = {vid for first, last in untagged for vid in range(first, last + 1)}
    carried = {vid for first, last in vlans for vid in range(first, last + 1)}
    if pvid is not None:
        carried.add(pvid)
    return {vid: (vid == pvid, vid in plain) for vid in sorted(carried)}


def read_vlans(
    bodies: Iterable[bytes], names: Mapping[int, str], links: State
) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read the VLANs of ports and bridges; `links` are the devices with their attributes.

    Those of a bridge that does not tell VLANs apart say `default`: nobody looks at them.
    """
    for body in bodies:
        _, _, _, number, _, _ = _IFINFO.unpack_from(body)
        found = dict(attributes(body, _IFINFO.size))
        device = names.get(number)
        if device is None or _IFLA_MASTER not in found or _IFLA_AF_SPEC not in found:
            continue
        master = U32.unpack(found[_IFLA_MASTER])
        bridge = links.get(("link", names.get(master, "")), {})
        more: dict[str, Value] = {} if bridge.get("bridge.vlan-filtering") else {"default": True}
        first = 0
        for which, data in attributes(found[_IFLA_AF_SPEC]):
            if which != _IFLA_BRIDGE_VLAN_INFO:
                continue
            flags, vid = _VLAN_INFO.unpack_from(data)
            if flags & _RANGE_BEGIN:
                first = vid
                continue
            for one in range(first if flags & _RANGE_END else vid, vid + 1):
                said: dict[str, Value] = {
                    "pvid": bool(flags & _PVID),
                    "untagged": bool(flags & _UNTAGGED),
                    "self": master == number,
                    **more,
                }
                yield ("vlan", device, str(one)), said


def _vlan_message(type: int, key: Key, attributes: Attributes, index: Index) -> Message:
    flags = (_PVID if attributes.get("pvid") else 0) | (
        _UNTAGGED if attributes.get("untagged") else 0
    )
    inner = [attribute(_IFLA_BRIDGE_VLAN_INFO, _VLAN_INFO.pack(flags, int(key[2])))]
    if attributes.get("self"):
        inner.insert(0, attribute(_IFLA_BRIDGE_FLAGS, U16.pack(_BRIDGE_FLAGS_SELF)))
    header = _IFINFO.pack(_AF_BRIDGE, 0, 0, index[key[1]], 0, 0)
    return Message(type=type, flags=0, body=header + nest(_IFLA_AF_SPEC, *inner))


def _create_vlan(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    return [_vlan_message(_RTM_SETLINK, key, attributes, index)]


def _change_vlan(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    return _create_vlan(key, new, index)


def _remove_vlan(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    return [_vlan_message(_RTM_DELLINK, key, attributes, index)]


# --- all of them ----------------------------------------------------------------------------------

_CREATE = {"fdb": _create_fdb, "mdb": _create_mdb, "vlan": _create_vlan}
_CHANGE = {"fdb": _change_fdb, "mdb": _change_mdb, "vlan": _change_vlan}
_REMOVE = {"fdb": _remove_fdb, "mdb": _remove_mdb, "vlan": _remove_vlan}


def create(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Make an entry, or let a VLAN through."""
    return _CREATE[key[0]](key, attributes, index)


def change(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    """Change an entry or a VLAN."""
    if all(old.get(name) == value for name, value in new.items()):
        return []
    return _CHANGE[key[0]](key, old, new, index)


def remove(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Remove an entry, or let a VLAN through no more."""
    return _REMOVE[key[0]](key, attributes, index)


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether the kernel or a daemon made it, or nobody looks at it."""
    match key[0]:
        case "fdb":
            return attributes.get("origin", "static") != "static"
        case "mdb":
            return attributes.get("state") == "temporary"
        case _:
            return bool(attributes.get("default"))


def is_ours(key: Key, attributes: Attributes) -> bool:
    """Tell whether it has a mark of vnetc: the kernel keeps none."""
    return False


# --- rows of the support table --------------------------------------------------------------------


def _static_of_self(context: Context) -> bool:
    """Whether the device has no such entries (ndo_dflt_fdb_add, fdb_add_entry of bridges)."""
    entry: FdbEntry = context.node
    if entry.owner != "self" or entry.state != "static" or context.interface is None:
        return False
    return not isinstance(context.interface.kind, Ethernet | Vxlan)


def _vlan_of_self(context: Context) -> bool:
    entry: FdbEntry = context.node
    if entry.owner != "self" or context.interface is None:
        return False
    return not isinstance(context.interface.kind, Ethernet | Bridge)


def _group_of_kernel(context: Context) -> bool:
    entry: FdbEntry = context.node
    return entry.destination is None and entry.macaddress.startswith(_OF_KERNEL)


_FDB = {
    "owner": "NTF_SELF, NTF_MASTER",
    "destination": "NDA_DST",
    "port": "NDA_PORT",
    "vni": "NDA_VNI",
    "link": "NDA_IFINDEX",
}
_VLAN_ROWS = {
    "vlans": "IFLA_BRIDGE_VLAN_INFO",
    "pvid": "BRIDGE_VLAN_INFO_PVID",
    "untagged": "BRIDGE_VLAN_INFO_UNTAGGED",
}
ROWS: Mapping[str, Support] = {
    "interface.fdb": exact("RTM_NEWNEIGH"),
    "vxlan.remotes": exact("NDA_DST"),
    **{f"fdb.{name}": exact(how) for name, how in _FDB.items()},
    "fdb.macaddress": exact(
        "NDA_LLADDR", limit("the kernel keeps the entries of such groups itself", _group_of_kernel)
    ),
    "fdb.state": exact(
        "ndm_state", limit("only bridges and VXLANs have static entries", _static_of_self)
    ),
    "fdb.vlan": exact("NDA_VLAN", limit("only bridges have entries of VLANs", _vlan_of_self)),
    "mdb.group": exact("MDBA_SET_ENTRY"),
    "mdb.vlan": exact("MDBA_SET_ENTRY"),
    "port.mdb": exact("RTM_NEWMDB"),
    **{
        f"{owner}.{name}": exact(how)
        for owner in ("port", "bridge")
        for name, how in _VLAN_ROWS.items()
    },
}
