"""Bonds, VRFs and devices on other devices: VN209 to VN212, VN411 to VN414, VN418, VN419.

What the kernel refuses was measured with Linux 6.1 and iproute2 6.1; ip-link(8) and bonding.rst of
the kernel's documentation say what has no effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from vnetc.checks.shared_codes import mismatched_keys, mixed_families, no_host_address, out_of_range
from vnetc.checks.view import View, carries_ethernet, label_at, place
from vnetc.language.scalars import TABLES
from vnetc.model.diagnostics import Diagnostic, Label, Path, diagnostic
from vnetc.model.host import Interface, Port
from vnetc.model.kinds import (
    Bond,
    Bridge,
    Infiniband,
    Ipvlan,
    Kind,
    Loopback,
    Macvlan,
    Macvtap,
    Tunnel,
    Vlan,
    Vrf,
    link_of,
)
from vnetc.model.values import IPAddress

# --- bonds ----------------------------------------------------------------------------------------

_WITH_PRIMARY = ("active-backup", "balance-tlb", "balance-alb")
_BY_LACP = ("802.3ad",)
_BY_ARP = ("balance-rr", "active-backup", "balance-xor", "broadcast")
# Options that only some modes have: bond_opts in drivers/net/bonding/bond_options.c, where it
# refuses them in the others (`unsuppmodes`), and bonding.rst, where they have no effect.
_MODES: dict[str, tuple[str, ...]] = {
    "primary": _WITH_PRIMARY,
    "primary_reselect_policy": _WITH_PRIMARY,
    "fail_over_mac_policy": ("active-backup",),
    "arp_interval": _BY_ARP,
    "arp_ip_targets": _BY_ARP,
    "arp_validate": _BY_ARP,
    "arp_all_targets": _BY_ARP,
    "arp_missed_max": _BY_ARP,
    "transmit_hash_policy": ("balance-xor", "802.3ad", "balance-tlb", "balance-alb"),
    "lacp_rate": _BY_LACP,
    "lacp_active": _BY_LACP,
    "min_links": _BY_LACP,
    "ad_select": _BY_LACP,
    "ad_actor_system": _BY_LACP,
    "ad_actor_system_priority": _BY_LACP,
    "ad_user_port_key": _BY_LACP,
    "gratuitous_arp": ("active-backup",),
    "packets_per_member": ("balance-rr",),
    "learn_packet_interval": ("balance-tlb", "balance-alb"),
    "dynamic_transmit_load_balancing": ("balance-tlb", "balance-alb"),
}
_NEEDS_MII = ("up_delay", "down_delay", "peer_notify_delay")
_NEEDS_ARP = ("arp_ip_targets", "arp_validate", "arp_all_targets", "arp_missed_max")
_MOST_TARGETS = 16  # BOND_MAX_ARP_TARGETS, include/net/bonding.h
_LONGEST = 0x7FFFFFFF  # INT_MAX, the most of bond_intmax_tbl
_TIMES = ("mii_monitor_interval", "arp_interval", *_NEEDS_MII)


def _key(field: str) -> str:
    return field.replace("_", "-")


def _listed(names: tuple[str, ...]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def check_primary(view: View) -> Iterator[Diagnostic]:
    """VN209: the kernel takes the primary of a bond from its members."""
    for interface, bond in view.of_kind(Bond):
        if bond.primary is None or bond.primary in bond.members:
            continue
        if view.is_sound(interface.path, "members"):
            yield diagnostic(
                "VN209",
                f"`{bond.primary}` is not a member of `{interface.name}`",
                (*interface.path, "primary"),
                labels=(Label(text="the members", path=(*interface.path, "members")),)
                if bond.members
                else (),
                help="add it to `members`, or choose one of them",
            )


def check_bond_modes(view: View) -> Iterator[Diagnostic]:
    """VN411: a bond has the options of its mode."""
    for interface, bond in view.of_kind(Bond):
        if not view.is_sound(interface.path, "mode"):
            continue
        for field, modes in _MODES.items():
            if getattr(bond, field) in (None, ()) or bond.mode in modes:
                continue
            word = "modes" if modes[1:] else "mode"
            yield diagnostic(
                "VN411",
                f"`{_key(field)}` belongs to {word} {_listed(modes)}, and this is {bond.mode}",
                (*interface.path, _key(field)),
                "key",
                labels=(label_at("the mode", place(interface, "mode")),),
                help=f"remove it, or choose `mode: {modes[0]}`",
            )


def check_monitoring(view: View) -> Iterator[Diagnostic]:
    """VN412: a bond looks at its members' links by MII or by ARP, and what it is told must fit."""
    for interface, bond in view.of_kind(Bond):
        path = interface.path
        if not view.is_sound(path, "mode", "mii-monitor-interval", "arp-interval"):
            continue
        yield from _too_long(path, bond)
        if bond.mode not in _BY_ARP and bond.arp_interval:
            continue  # VN411 says it
        if bond.mii_monitor_interval and bond.arp_interval:
            yield diagnostic(
                "VN412",
                "a bond looks at links by MII or by ARP, not by both",
                (*path, "arp-interval"),
                "key",
                labels=(Label(text="by MII", path=(*path, "mii-monitor-interval"), part="key"),),
                help="remove one of them",
            )
            continue
        yield from _mii(path, bond)
        yield from _arp(view, path, bond)


def _too_long(path: Path, bond: Bond) -> Iterator[Diagnostic]:
    for field in _TIMES:
        time: int | None = getattr(bond, field)
        if time is not None and time > _LONGEST:
            yield out_of_range(
                f"`{_key(field)}` is at most {_LONGEST}ms",
                (*path, _key(field)),
                help="choose a shorter time",
            )
    interval = bond.learn_packet_interval
    if interval is not None and not 0 < interval // 1000 <= _LONGEST:
        yield out_of_range(
            f"`learn-packet-interval` is 1s to {_LONGEST}s",
            (*path, "learn-packet-interval"),
            help="choose a time of that range",
        )


def _mii(path: Path, bond: Bond) -> Iterator[Diagnostic]:
    interval = bond.mii_monitor_interval
    for field in _NEEDS_MII:
        time: int | None = getattr(bond, field)
        if time is None:
            continue
        if not interval:
            yield diagnostic(
                "VN412",
                f"`{_key(field)}` needs `mii-monitor-interval`",
                (*path, _key(field)),
                "key",
                labels=(Label(text="this does it instead", path=(*path, "arp-interval")),)
                if bond.arp_interval
                else (),
                help="remove it, or monitor by MII",
            )
        elif time % interval:  # the kernel would round it down (_bond_option_delay_set)
            yield diagnostic(
                "VN412",
                f"`{_key(field)}` is not a multiple of `mii-monitor-interval`, {interval}ms",
                (*path, _key(field)),
                help=f"write `{max(1, (2 * time + interval) // (2 * interval)) * interval}ms`",
            )


def _arp(view: View, path: Path, bond: Bond) -> Iterator[Diagnostic]:
    if bond.arp_interval and not bond.arp_ip_targets and view.is_sound(path, "arp-ip-targets"):
        yield diagnostic(
            "VN412",
            "`arp-interval` without `arp-ip-targets` asks nobody",
            (*path, "arp-interval"),
            "key",
            help="add `arp-ip-targets:`",
        )
    if not bond.arp_interval and bond.mode in _BY_ARP:
        for field in _NEEDS_ARP:
            if getattr(bond, field) not in (None, ()):
                yield diagnostic(
                    "VN412",
                    f"`{_key(field)}` needs `arp-interval`",
                    (*path, _key(field)),
                    "key",
                    help="add `arp-interval:`, or remove it",
                )
    if len(bond.arp_ip_targets) > _MOST_TARGETS:
        yield diagnostic(
            "VN412",
            f"a bond has at most {_MOST_TARGETS} ARP targets, and these are "
            f"{len(bond.arp_ip_targets)}",
            (*path, "arp-ip-targets"),
            help="choose a few that always answer, the gateway for instance",
        )
    if not view.is_sound(path, "arp-ip-targets"):
        return  # else the places of the targets are not known
    first: dict[IPAddress, int] = {}
    for index, target in enumerate(bond.arp_ip_targets):
        place = (*path, "arp-ip-targets", index)
        if not isinstance(target, IPv4Address):
            yield mixed_families(
                f"`{target}` is not an IPv4 address, which ARP needs",
                place,
                help="write an IPv4 address",
            )
        elif target.is_unspecified or int(target) == 0xFFFFFFFF or target.is_multicast:
            yield no_host_address(
                f"`{target}` is no host's address",
                place,
                help="choose the address of a host on the link",
            )
        elif target in first:
            yield diagnostic(
                "VN412",
                f"`{target}` is a target already",
                place,
                labels=(Label(text="first here", path=(*path, "arp-ip-targets", first[target])),),
                help="remove one of them",
            )
        first.setdefault(target, index)


def check_bond_members(view: View) -> Iterator[Diagnostic]:
    """VN413: a bond without members never has a link."""
    for interface, bond in view.of_kind(Bond):
        if not bond.members and view.is_sound(interface.path, "members"):
            yield diagnostic(
                "VN413",
                f"`{interface.name}` has no members, so it never has a link",
                interface.path,
                "key",
                help="add `members:`",
            )


# --- VLANs ----------------------------------------------------------------------------------------

_HIGHEST_PRIORITY = 7  # three bits of the tag, IEEE 802.1Q


def check_qos_maps(view: View) -> Iterator[Diagnostic]:
    """VN105, VN414: a tag has eight priorities, and each priority of a map becomes one other."""
    for _, vlan in view.of_kind(Vlan):
        maps = ((vlan.ingress_qos_map, "from"), (vlan.egress_qos_map, "to"))
        for mappings, tagged in maps:
            first: dict[int, Path] = {}
            for mapping in mappings:
                priority = mapping.from_ if tagged == "from" else mapping.to
                if priority > _HIGHEST_PRIORITY:
                    yield out_of_range(
                        f"{priority} is no priority of a VLAN tag",
                        (*mapping.path, tagged),
                        help=f"possible are 0 to {_HIGHEST_PRIORITY}",
                    )
                if mapping.from_ in first:
                    yield diagnostic(
                        "VN414",
                        f"the priority {mapping.from_} is mapped twice",
                        (*mapping.path, "from"),
                        labels=(Label(text="first here", path=(*first[mapping.from_], "from")),),
                        help="remove one of them",
                    )
                first.setdefault(mapping.from_, mapping.path)


def check_bridge_binding(view: View) -> Iterator[Diagnostic]:
    """VN112: what follows the ports of a bridge is a VLAN of a bridge."""
    for interface, vlan in view.of_kind(Vlan):
        link = view.interfaces.get(vlan.link)
        if vlan.flags.bridge_binding and link is not None and not isinstance(link.kind, Bridge):
            yield mismatched_keys(
                f"`bridge-binding` has no effect: `{link.name}` is no bridge",
                (*interface.path, "flags", "bridge-binding"),
                "key",
                labels=(Label(text="declared here", path=link.path, part="key"),),
                help="remove it, or let the VLAN be one of a bridge",
            )


# --- VRFs -----------------------------------------------------------------------------------------

_TABLE_NAMES = {number: name for name, number in TABLES.items()}


def check_vrfs(view: View) -> Iterator[Diagnostic]:
    """VN210: interfaces are in a VRF; ports are in what they are ports of, and no VRF is in another."""
    for interface in view.host.interfaces:
        name = interface.vrf
        vrf = None if name is None else view.interfaces.get(name)
        if vrf is None or vrf is interface:  # VN201, VN203 say it
            continue
        here = (*interface.path, "vrf")
        declared = Label(text="declared here", path=vrf.path, part="key")
        if not isinstance(vrf.kind, Vrf):
            yield diagnostic(
                "VN210",
                f"`{vrf.name}` is of type {vrf.kind.type}, not vrf",
                here,
                labels=(declared,),
                help="name a device with `type: vrf`",
            )
        elif isinstance(interface.kind, Vrf):
            yield diagnostic(
                "VN210",
                "a VRF is in no other VRF",
                here,
                labels=(declared,),
                help="remove `vrf`",
            )
        elif interface.claim is not None:
            claim = interface.claim
            role = "port" if isinstance(claim, Port) else "member"
            yield diagnostic(
                "VN210",
                f"`{interface.name}` is a {role} of `{claim.master}` and in no VRF of its own",
                here,
                labels=(Label(text=f"a {role} by this", path=claim.path, part="key"),),
                help=f"put `vrf` on `{claim.master}`",
            )


def check_vrf_tables(view: View) -> Iterator[Diagnostic]:
    """VN418: a VRF's table is its own."""
    first: dict[int, Interface] = {}
    for interface, vrf in view.of_kind(Vrf):
        path = (*interface.path, "table")
        if vrf.table in _TABLE_NAMES:
            yield diagnostic(
                "VN418",
                f"the table `{_TABLE_NAMES[vrf.table]}` is the host's own",
                path,
                help="choose another number, 1000 for instance",
            )
        elif vrf.table in first:
            other = first[vrf.table]
            yield diagnostic(
                "VN418",
                f"the table {vrf.table} is that of `{other.name}` already",
                path,
                labels=(Label(text="first here", path=(*other.path, "table")),),
                help="choose another number",
            )
        first.setdefault(vrf.table, interface)


# --- devices on other devices ---------------------------------------------------------------------

# Kinds that take every frame of their link, which one device can do (netdev_is_rx_handler_busy in
# drivers/net/macvlan.c and drivers/net/ipvlan/ipvlan_main.c).
_TAKING = (Macvlan, Macvtap, Ipvlan)


def check_links(view: View) -> Iterator[Diagnostic]:
    """VN211: VLANs, macvlans and ipvlans are made on Ethernet, and the last two on what is no port."""
    for interface in view.host.interfaces:
        kind = interface.kind
        link = view.interfaces.get(link_of(kind) or "")
        if link is None or link is interface or not isinstance(kind, (*_TAKING, Vlan)):
            continue
        here = (*interface.path, "link")
        on_ipvlan = isinstance(link.kind, Ipvlan) and isinstance(
            kind, Ipvlan
        )  # it takes the link's
        is_on_lo = isinstance(link.kind, Loopback) and isinstance(kind, Vlan)  # VN208 says it
        if not carries_ethernet(link.kind) and not on_ipvlan and not is_on_lo:
            yield diagnostic(
                "VN211",
                f"`{link.name}` carries no Ethernet, so no {kind.type} can be on it",
                here,
                labels=(Label(text=_described(link.kind), path=link.path, part="key"),),
                help="choose another link",
            )
        elif link.claim is not None and not isinstance(kind, Vlan):
            claim = link.claim
            role = "port" if isinstance(claim, Port) else "member"
            yield diagnostic(
                "VN211",
                f"`{claim.master}` takes all that `{link.name}` receives, and leaves nothing to "
                f"`{interface.name}`",
                here,
                labels=(Label(text=f"a {role} by this", path=claim.path, part="key"),),
                help=f"write `link: {claim.master}`",
            )


def _described(kind: Kind) -> str:
    return f"a tunnel of mode {kind.mode}" if isinstance(kind, Tunnel) else f"a {kind.type}"


def check_siblings(view: View) -> Iterator[Diagnostic]:
    """VN212: what is on one link is macvlans or ipvlans, one passthru, ipvlans of one mode."""
    first: dict[str, tuple[Interface, Macvlan | Macvtap | Ipvlan]] = {}
    for interface in view.host.interfaces:
        kind = interface.kind
        if not isinstance(kind, _TAKING):
            continue
        other, known = first.setdefault(_base(view, interface, kind), (interface, kind))
        reason = None if other is interface else _conflict(view, interface, kind, other, known)
        if reason is not None:
            words, key, help = reason
            yield diagnostic(
                "VN212",
                words,
                *place(interface, key),
                labels=(label_at("the other one", place(other, key)),),
                help=help,
            )


def _base(view: View, interface: Interface, kind: Macvlan | Macvtap | Ipvlan) -> str:
    """Follow the links down: a macvlan of a macvlan is one of its link, and so with ipvlans."""
    same = (Ipvlan,) if isinstance(kind, Ipvlan) else (Macvlan, Macvtap)
    seen = {interface.name}
    name = kind.link
    below = view.interfaces.get(name)
    while below is not None and name not in seen and isinstance(below.kind, same):
        seen.add(name)
        name = link_of(below.kind) or name
        below = view.interfaces.get(name)
    return name


def _conflict(
    view: View,
    interface: Interface,
    kind: Macvlan | Macvtap | Ipvlan,
    other: Interface,
    known: Macvlan | Macvtap | Ipvlan,
) -> tuple[str, str, str] | None:
    """Say why two devices cannot be on one link, which key shows it, and the way out."""
    if isinstance(kind, Ipvlan) != isinstance(known, Ipvlan):
        words = f"`{kind.link}` has a {known.type}, `{other.name}`, and can have no {kind.type}"
        return words, "link", "choose another link, or the same type for both"
    if not all(view.is_sound(one.path, "mode", "flag") for one in (interface, other)):
        return None
    if isinstance(kind, Ipvlan) and isinstance(known, Ipvlan):
        for key, one, two in (("mode", kind.mode, known.mode), ("flag", kind.flag, known.flag)):
            if one != two:
                words = f"all ipvlans of `{kind.link}` have one {key}, and `{other.name}` has {two}"
                return words, key, f"write `{key}: {two}`"
        return None
    if "passthru" in (kind.mode, known.mode):
        alone = other if known.mode == "passthru" else interface
        words = f"`{alone.name}` takes `{kind.link}` over alone: it is of mode passthru"
        return words, "link", "choose another link or mode"
    return None


def check_sources_of_macvlans(view: View) -> Iterator[Diagnostic]:
    """VN110: a macvlan chooses by source address in one mode only."""
    for interface in view.host.interfaces:
        kind = interface.kind
        if (
            isinstance(kind, (Macvlan, Macvtap))
            and kind.source_macaddresses
            and kind.mode != "source"
            and view.is_sound(interface.path, "mode")
        ):
            yield diagnostic(
                "VN110",
                f"`source-macaddresses` belongs to mode source, and this is {kind.mode}",
                (*interface.path, "source-macaddresses"),
                "key",
                labels=(label_at("the mode", place(interface, "mode")),),
                help="remove it, or choose `mode: source`",
            )


def check_partitions(view: View) -> Iterator[Diagnostic]:
    """VN112, VN211: what has a partition key is a partition of an InfiniBand card.

    Without a key it has its card's (ipoib_new_child_link, drivers/infiniband/ulp/ipoib).
    """
    for interface, kind in view.of_kind(Infiniband):
        if (
            kind.partition_key is not None
            and kind.link is None
            and view.is_sound(interface.path, "link")
        ):
            yield mismatched_keys(
                "`partition-key` needs `link`",
                (*interface.path, "partition-key"),
                "key",
                help="add `link:` with the card that it is a partition of",
            )
        link = view.interfaces.get(kind.link or "")
        if link is not None and not isinstance(link.kind, Infiniband):
            yield diagnostic(
                "VN211",
                f"`{link.name}` is of type {link.kind.type} and has no partitions",
                (*interface.path, "link"),
                labels=(Label(text="declared here", path=link.path, part="key"),),
                help="name a device with `type: infiniband`",
            )


# --- devices without Ethernet ---------------------------------------------------------------------


def check_without_ethernet(view: View) -> Iterator[Diagnostic]:
    """VN419: what carries no Ethernet has no MAC address to set, and no DHCPv4."""
    for interface in view.host.interfaces:
        keys, reason = _lacking(interface.kind)
        for key in keys:
            if getattr(interface, key):
                yield diagnostic(
                    "VN419",
                    f"`{interface.name}` cannot have `{key}`: {reason}",
                    (*interface.path, key),
                    "key",
                    labels=(Label(text="declared here", path=interface.path, part="key"),),
                    help="remove it",
                )


def _lacking(kind: Kind) -> tuple[tuple[str, ...], str]:
    """Say which keys a kind of device cannot have, and why."""
    match kind:
        case Vrf():
            return ("dhcp4", "dhcp6"), "a VRF receives nothing itself"
        case Ipvlan(mode="l2"):
            return ("macaddress",), "an ipvlan has the MAC address of its link"
        case Ipvlan():  # without broadcasts and multicast: ipvlan.rst of the kernel's documentation
            return (
                "macaddress",
                "dhcp4",
                "dhcp6",
            ), f"an ipvlan of mode {kind.mode} has no Ethernet"
        case Infiniband():
            return ("macaddress",), "an InfiniBand card has an address of 20 bytes"
        case _ if isinstance(kind, Loopback) or carries_ethernet(kind):
            return (), ""
        case _:
            return ("macaddress", "dhcp4"), f"{_described(kind)} carries no Ethernet"


KINDS = (
    check_primary,
    check_bond_modes,
    check_monitoring,
    check_bond_members,
    check_qos_maps,
    check_bridge_binding,
    check_vrfs,
    check_vrf_tables,
    check_links,
    check_siblings,
    check_sources_of_macvlans,
    check_partitions,
    check_without_ethernet,
)
