"""Links: VLANs, MTUs, MAC addresses, bridge parameters: VN4xx."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.checks.shared_codes import mismatched_keys
from vnetc.checks.view import View
from vnetc.model.diagnostics import Diagnostic, Label, Part, Path, diagnostic
from vnetc.model.host import Interface, Port
from vnetc.model.kinds import (
    Bond,
    Bridge,
    Card,
    Ethernet,
    Geneve,
    Infiniband,
    Ipvlan,
    Kind,
    Loopback,
    Macvlan,
    Macvtap,
    Tunnel,
    Vlan,
    Vrf,
    Vxlan,
    Wireguard,
    link_of,
)

ETHERNET_MTU = 1500
LARGEST_MTU = 65535  # ETH_MAX_MTU, linux/if_ether.h; `lo` alone has 65536
IPV6_MINIMUM_MTU = 1280  # RFC 8200


def check_vlan_ids(view: View) -> Iterator[Diagnostic]:
    """VN401: a parent has one VLAN of each id and protocol."""
    first: dict[tuple[str, int, str], Interface] = {}
    for interface in view.host.interfaces:
        if not isinstance(interface.kind, Vlan):
            continue
        kind = interface.kind
        identity = kind.link, kind.id, kind.protocol
        if identity in first:
            yield diagnostic(
                "VN401",
                f"`{kind.link}` has VLAN {kind.id} twice",
                (*interface.path, "id"),
                labels=(Label(text="first here", path=(*first[identity].path, "id")),),
                help="choose another id or another link",
            )
        else:
            first[identity] = interface


def check_vlan_mtu(view: View) -> Iterator[Diagnostic]:
    """VN402: the kernel refuses a VLAN whose MTU is above its parent's."""
    deciding = _Mtus(view)
    for interface in view.host.interfaces:
        if not isinstance(interface.kind, Vlan) or interface.mtu is None:
            continue
        parent = view.interfaces.get(interface.kind.link)
        decides = None if parent is None else deciding.interface(parent)
        if parent is None or decides is None:
            continue
        limit = _own_mtu(decides)
        if interface.mtu > limit:
            words = f"{limit} by this" if decides is not parent else "the parent's"
            yield diagnostic(
                "VN402",
                f"the MTU {interface.mtu} is above the {limit} of `{parent.name}`",
                (*interface.path, "mtu"),
                labels=(_mtu_of(decides, words),),
                help=f"raise the MTU of `{decides.name}` or lower this one",
            )


def check_bridge_mtu(view: View) -> Iterator[Diagnostic]:
    """VN427: a bridge drops what is too long for a port (br_dev_queue_push_xmit)."""
    deciding = _Mtus(view)
    for interface, bridge in view.bridges():
        if interface.mtu is None:
            continue
        ports = [view.interfaces[name] for name in bridge.ports if name in view.interfaces]
        narrow = {
            found.name: found
            for port in ports
            if (found := deciding.interface(port)) is not None
            and (found.mtu is not None or isinstance(found.kind, (Card, Bond)))
            and _own_mtu(found) < interface.mtu
        }
        if narrow:
            names = " and ".join(f"`{name}`" for name in narrow)
            yield diagnostic(
                "VN427",
                f"the MTU {interface.mtu} is above that of a port, which drops what is longer",
                (*interface.path, "mtu"),
                labels=tuple(_mtu_of(found, "a smaller one") for found in narrow.values()),
                help=f"raise the MTU of {names} or lower this one",
            )


def _mtu_of(interface: Interface, words: str) -> Label:
    said = "no `mtu` here" if interface.mtu is None else words
    return Label(text=said, path=(*interface.path, "mtu"))


def _own_mtu(interface: Interface) -> int:
    return ETHERNET_MTU if interface.mtu is None else interface.mtu


class _Mtus:
    """Which interface decides on the MTU of each.

    A VLAN, say, without `mtu` has its link's, and a member of a bond always has the bond's.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[str, Interface | None] = {}

    def interface(self, interface: Interface) -> Interface | None:
        """Follow the links down to an interface with an MTU, None if the document has none."""
        trail: dict[str, None] = {}
        current: Interface | None = interface
        while current is not None and current.name not in self._known:
            sound = self._view.is_sound(current.path, "mtu")
            if current.name in trail or not sound or _adapts(current):
                current = None  # a cycle, a mistake, or an MTU that only the kernel knows
                break
            trail[current.name] = None
            if current.member is not None:
                current = self._view.interfaces.get(current.member.bond)
                continue
            if current.mtu is not None or not isinstance(current.kind, _LIKE_THE_LINK):
                break
            current = self._view.interfaces.get(current.kind.link)
        if current is not None:
            current = self._known.get(current.name, current)
        self._known |= dict.fromkeys(trail, current)
        return current


_LIKE_THE_LINK = (Vlan, Macvlan, Macvtap, Ipvlan)
# A bridge takes the smallest MTU of its ports, a tunnel subtracts its headers, others have their own.
_OF_THE_KERNEL = (Bridge, Geneve, Infiniband, Tunnel, Vrf, Vxlan, Wireguard)


def _adapts(interface: Interface) -> bool:
    """Tell whether the document leaves its MTU to the kernel."""
    return interface.mtu is None and isinstance(interface.kind, _OF_THE_KERNEL)


# Modes in which each member keeps its MAC address (bond_alb_init_slave, drivers/net/bonding).
_KEEPING = ("balance-tlb", "balance-alb")


def check_members(view: View) -> Iterator[Diagnostic]:
    """VN422: a bond gives its MTU and its MAC address to its members (bond_enslave)."""
    for member in view.host.interfaces:
        bond = None if member.member is None else view.interfaces.get(member.member.bond)
        if member.member is None or bond is None or not isinstance(bond.kind, Bond):
            continue
        part: Part = "value" if isinstance(member.member.path[-1], int) else "key"
        by = Label(text="a member by this", path=member.member.path, part=part)
        limit = _own_mtu(bond)
        if member.mtu not in (None, limit) and view.is_sound(bond.path, "mtu"):
            said = bond.mtu is not None
            place = Label(text="the bond's", path=(*bond.path, "mtu")) if said else by
            yield diagnostic(
                "VN422",
                f"`{member.name}` has the MTU of `{bond.name}`, {limit}, and not {member.mtu}",
                (*member.path, "mtu"),
                labels=(place,),
                help=f"write `mtu: {member.mtu}` on `{bond.name}`, or remove it here",
            )
        policy = bond.kind.fail_over_mac_policy
        follows = bond.kind.mode == "active-backup" and policy in ("active", "follow")
        keeps = bond.kind.mode in _KEEPING or follows
        if (
            member.macaddress not in (None, bond.macaddress)
            and not keeps
            and view.is_sound(bond.path, "macaddress", "mode", "fail-over-mac-policy")
        ):
            said = bond.macaddress is not None
            place = Label(text="the bond's", path=(*bond.path, "macaddress")) if said else by
            yield diagnostic(
                "VN422",
                f"`{bond.name}` gives its members one MAC address, so `{member.name}` loses its own",
                (*member.path, "macaddress"),
                labels=(place,),
                help="remove it"
                if said
                else f"write `macaddress` on `{bond.name}`, or remove it here",
            )


_VXLAN_HEADERS = {4: 50, 6: 70}  # VXLAN_HEADROOM, VXLAN6_HEADROOM, include/net/vxlan.h


def check_stacked_mtus(view: View) -> Iterator[Diagnostic]:
    """VN404: what is sent by a link fits into its packets; VRFs and IPv6 tunnels carry IPv6."""
    deciding = _Mtus(view)
    for interface in view.host.interfaces:
        mtu, kind, path = interface.mtu, interface.kind, (*interface.path, "mtu")
        if mtu is None:
            continue
        if mtu < IPV6_MINIMUM_MTU and (
            isinstance(kind, Vrf) or (isinstance(kind, Tunnel) and kind.mode in ("sit", "ip6ip6"))
        ):
            yield diagnostic(
                "VN404",
                f"the MTU {mtu} is under {IPV6_MINIMUM_MTU}, the least that IPv6 needs",
                path,
                help=f"choose {IPV6_MINIMUM_MTU} or more",
            )
        link = view.interfaces.get(link_of(kind) or "")
        decides = None if link is None else deciding.interface(link)
        headers = _headers(kind)
        if link is None or decides is None or headers is None:
            continue
        limit = _own_mtu(decides) - headers
        if mtu > limit:
            less = f" less {headers} bytes of headers" * bool(headers)
            yield diagnostic(
                "VN404",
                f"the MTU {mtu} is above {limit}, that of `{link.name}`{less}",
                path,
                labels=(_mtu_of(decides, "its MTU"),),
                help=f"raise the MTU of `{decides.name}` or lower this one",
            )


def _headers(kind: Kind) -> int | None:
    """Give what a device puts around the packets of its link's MTU; None if the kernel asks not."""
    if isinstance(kind, (Macvlan, Macvtap)):
        return 0
    if not isinstance(kind, Vxlan):
        return None
    ends = [end for end in (kind.local, kind.remote, kind.group) if end is not None]
    return _VXLAN_HEADERS[ends[0].version if ends else 4]


_GROUPS = "01:80:c2:00:00:0"


def check_group_addresses(view: View) -> Iterator[Diagnostic]:
    """VN403: spanning trees use link-local groups (set_group_addr in net/bridge/br_sysfs_br.c)."""
    for interface, bridge in view.bridges():
        group = bridge.group_address
        if group is not None and (not group.startswith(_GROUPS) or group[-1] in "123"):
            yield diagnostic(
                "VN403",
                f"`{group}` is no group of a spanning tree",
                (*interface.path, "group-address"),
                help=f"possible are `{_GROUPS}0` and `{_GROUPS}4` to `{_GROUPS}f`",
            )


def check_macs(view: View) -> Iterator[Diagnostic]:
    """VN403: a multicast or an all-zero MAC address is no interface's."""
    for path, mac in _macs(view):
        if int(mac[:2], 16) & 1:
            first = f"{int(mac[:2], 16) & 0xFE:02x}{mac[2:]}"
            yield diagnostic(
                "VN403",
                f"`{mac}` is a multicast address",
                path,
                help=f"an even first byte makes it one interface's: `{first}`",
            )
        elif mac == "00:00:00:00:00:00":
            yield diagnostic(
                "VN403",
                f"`{mac}` stands for no address",
                path,
                help="choose an address, or remove the key",
            )


def _macs(view: View) -> Iterator[tuple[Path, str]]:
    for interface, bond in view.of_kind(Bond):
        if bond.ad_actor_system is not None:
            yield (*interface.path, "ad-actor-system"), bond.ad_actor_system
    for interface in view.host.interfaces:
        kind = interface.kind
        if isinstance(kind, (Macvlan, Macvtap)) and view.is_sound(
            interface.path, "source-macaddresses"
        ):
            for index, mac in enumerate(kind.source_macaddresses):
                yield (*interface.path, "source-macaddresses", index), mac
        if isinstance(kind, Ethernet) and kind.virtual_functions is not None:
            for function in kind.virtual_functions.functions:
                if function.macaddress is not None:
                    yield (*function.path, "macaddress"), function.macaddress
        if interface.macaddress is not None:
            yield (*interface.path, "macaddress"), interface.macaddress
        for neighbor in interface.neighbors:
            if neighbor.macaddress is not None:
                yield (*neighbor.path, "macaddress"), neighbor.macaddress
    for server in view.host.dhcp_servers:
        for reservation in server.reservations:
            yield (*reservation.path, "macaddress"), reservation.macaddress


def check_mtus(view: View) -> Iterator[Diagnostic]:
    """VN404, VN405: MTUs that the kernel refuses, or that switch IPv6 off."""
    deciding = _Mtus(view)
    for interface in view.host.interfaces:
        path = (*interface.path, "mtu")
        mtu = interface.mtu
        if mtu is not None and mtu > LARGEST_MTU and not isinstance(interface.kind, Loopback):
            yield diagnostic(
                "VN404",
                f"the MTU {mtu} is above {LARGEST_MTU}",
                path,
                help=f"choose {LARGEST_MTU} or less; only `lo` has 65536",
            )
        if mtu is not None and mtu < IPV6_MINIMUM_MTU and _speaks_ipv6(interface):
            yield diagnostic(
                "VN405",
                f"IPv6 needs an MTU of {IPV6_MINIMUM_MTU}, and `{interface.name}` has IPv6",
                path,
                help="raise the MTU, or remove what needs IPv6",
            )
        decides = None if interface.ipv6_mtu is None else deciding.interface(interface)
        if (
            decides is not None
            and interface.ipv6_mtu is not None
            and interface.ipv6_mtu > _own_mtu(decides)
        ):
            yield diagnostic(
                "VN404",
                f"the IPv6 MTU {interface.ipv6_mtu} is above the interface's {_own_mtu(decides)}",
                (*interface.path, "ipv6-mtu"),
                help="raise `mtu`, or lower this one",
            )


def _speaks_ipv6(interface: Interface) -> bool:
    return (
        interface.dhcp6
        or interface.accept_ra
        or interface.ipv6_mtu is not None
        or any(address.address.version == 6 for address in interface.addresses)
    )


_VLAN_KEYS = (("vlans", "vlans"), ("pvid", "pvid"), ("untagged", "untagged"))


def check_vlan_filtering(view: View) -> Iterator[Diagnostic]:
    """VN406: without `vlan-filtering` a bridge ignores VLANs."""
    claims: dict[str, list[Port]] = {}
    for port in view.ports():
        claims.setdefault(port.bridge, []).append(port)
    for interface, bridge in view.bridges():
        if bridge.vlan_filtering or not view.is_sound(interface.path, "vlan-filtering"):
            continue
        ports = claims.get(interface.name, ())
        said = [
            (*port.path, key) for port in ports for field, key in _VLAN_KEYS if getattr(port, field)
        ]
        own = (*_VLAN_KEYS, ("vlan_protocol", "vlan-protocol"), ("default_pvid", "default-pvid"))
        said += [
            (*interface.path, key) for field, key in own if getattr(bridge, field) not in (None, ())
        ]
        for path in said:
            yield diagnostic(
                "VN406",
                f"`{interface.name}` does not filter VLANs, so `{path[-1]}` has no effect",
                path,
                "key",
                labels=(Label(text="the bridge", path=interface.path, part="key"),),
                help=f"add `vlan-filtering: true` to `{interface.name}`",
            )


# Hundredths of a second in 32 bits, as netlink carries them (linux/if_link.h), in milliseconds.
_LONGEST = 0xFFFFFFFF * 10
# Milliseconds; the kernel's limits are net/bridge/br_private.h's BR_MIN_… and BR_MAX_….
_TIMERS = (
    ("forward_delay", "forward-delay", 2_000, 30_000, True),
    ("forward_delay", "forward-delay", 0, _LONGEST, False),
    ("hello_time", "hello-time", 1_000, 10_000, False),
    ("max_age", "max-age", 6_000, 40_000, False),
    ("ageing_time", "ageing-time", 0, _LONGEST, False),
)


def check_timers(view: View) -> Iterator[Diagnostic]:
    """VN407: the kernel refuses bridge timers outside IEEE 802.1D's ranges."""
    for interface, bridge in view.bridges():
        for field, key, low, high, only_stp in _TIMERS:
            value: int | None = getattr(bridge, field)
            if value is None or low <= value <= high or (only_stp and not bridge.stp):
                continue
            reason = (
                (Label(text="because of this", path=(*interface.path, "stp")),) if only_stp else ()
            )
            yield diagnostic(
                "VN407",
                f"`{key}` is {low // 1000} to {high // 1000} seconds{' with STP' * only_stp}",
                (*interface.path, key),
                labels=reason,
                help="choose a value of that range" + ", or `stp: false`" * only_stp,
            )


def check_pinned_macs(view: View) -> Iterator[Diagnostic]:
    """VN408: the MAC address of a bridge or bond, and with it its lease, differs between targets."""
    for interface in view.host.interfaces:
        if not isinstance(interface.kind, (Bridge, Bond)):
            continue
        asks = interface.dhcp4 or interface.dhcp6
        if asks and interface.macaddress is None and view.is_sound(interface.path, "macaddress"):
            key = "dhcp4" if interface.dhcp4 else "dhcp6"
            yield diagnostic(
                "VN408",
                f"`{interface.name}` has no MAC address of its own, so its lease may change",
                (*interface.path, key),
                "key",
                help="add `macaddress:`, for instance that of the uplink"
                if isinstance(interface.kind, Bridge)
                else "add `macaddress:`, for instance that of the first member",
            )


def check_untagged(view: View) -> Iterator[Diagnostic]:
    """VN409: frames of a VLAN that a port does not carry do not leave it untagged."""
    ports = [(port.path, port.vlans, port.pvid, port.untagged) for port in view.ports()]
    ports += [(i.path, b.vlans, b.pvid, b.untagged) for i, b in view.bridges()]
    for path, vlans, pvid, untagged in ports:
        carried = {vid for first, last in vlans for vid in range(first, last + 1)} | {pvid}
        strays = [v for first, last in untagged for v in range(first, last + 1) if v not in carried]
        if strays and view.is_sound(path, "vlans", "pvid"):
            yield diagnostic(
                "VN409",
                f"VLAN {strays[0]} is untagged here, but not among `vlans`",
                (*path, "untagged"),
                help="add it to `vlans`",
            )


def check_vlans_of_bridges(view: View) -> Iterator[Diagnostic]:
    """VN425: a bridge that filters hands a VLAN to its own device only if that carries it."""
    for interface in view.host.interfaces:
        vlan = interface.kind
        below = view.interfaces.get(vlan.link) if isinstance(vlan, Vlan) else None
        if below is None or not isinstance(vlan, Vlan) or not isinstance(below.kind, Bridge):
            continue
        bridge = below.kind
        sound = view.is_sound(below.path, "vlan-filtering", "vlans", "pvid", "default-pvid")
        if not bridge.vlan_filtering or not sound:
            continue
        if vlan.protocol != (bridge.vlan_protocol or "802.1q"):
            continue  # to the bridge its tags are no tags
        default = 1 if bridge.default_pvid is None else bridge.default_pvid
        carried = [*bridge.vlans, *((vid, vid) for vid in (default, bridge.pvid) if vid)]
        if not any(first <= vlan.id <= last for first, last in carried):
            besides = "; ifupdown2 alone does so by itself"
            named = interface.name == f"{below.name}.{vlan.id}"
            yield diagnostic(
                "VN425",
                f"VLAN {vlan.id} does not reach `{below.name}` itself, so `{interface.name}` is cut off",
                (*interface.path, "id"),
                labels=(Label(text="the bridge", path=below.path, part="key"),),
                help=f"add `vlans: [{vlan.id}]` to `{below.name}`{besides if named else ''}",
            )


# What an interface that is down cannot have.
_NEEDS_UP = ("addresses", "dhcp4", "dhcp6", "routes", "neighbors")


def check_down(view: View) -> Iterator[Diagnostic]:
    """VN410: an interface that is kept down has no addresses or routes, and no VLANs that are up."""
    for interface in view.host.interfaces:
        kind = interface.kind
        # a macvlan does not come up either (macvlan_open: ENETDOWN)
        link = (
            view.interfaces.get(kind.link) if isinstance(kind, (Vlan, Macvlan, Macvtap)) else None
        )
        if link is not None and link.activation != "auto" and interface.activation == "auto":
            name = "VLAN" if isinstance(kind, Vlan) else kind.type
            yield diagnostic(
                "VN410",
                f"booting does not bring `{link.name}` up, so its {name} `{interface.name}` cannot be",
                (*interface.path, "link"),
                labels=(Label(text="because of this", path=(*link.path, "activation")),),
                help=f"add `activation: {link.activation}` here, or remove it from `{link.name}`",
            )
        if interface.activation != "off":
            continue
        for key in _NEEDS_UP:
            if getattr(interface, key):
                yield diagnostic(
                    "VN410",
                    f"`{interface.name}` is never up, so `{key}` has no effect",
                    (*interface.path, key),
                    "key",
                    labels=(Label(text="kept down here", path=(*interface.path, "activation")),),
                    help="remove it, or `activation: off`",
                )


def check_waiting(view: View) -> Iterator[Diagnostic]:
    """VN112: booting cannot wait for an interface that it does not bring up."""
    for interface in view.host.interfaces:
        if interface.optional is False and interface.activation != "auto":
            yield mismatched_keys(
                f"booting does not bring `{interface.name}` up, and cannot wait for it",
                (*interface.path, "optional"),
                "key",
                labels=(Label(text="because of this", path=(*interface.path, "activation")),),
                help="remove `optional`, or `activation`",
            )


LINKS = (
    check_vlan_ids,
    check_vlan_mtu,
    check_members,
    check_stacked_mtus,
    check_bridge_mtu,
    check_group_addresses,
    check_macs,
    check_mtus,
    check_vlan_filtering,
    check_timers,
    check_pinned_macs,
    check_untagged,
    check_vlans_of_bridges,
    check_down,
    check_waiting,
)
