"""The options of each dialect for devices, where they do what they say.

A spelling is None for a value that the option cannot carry: a command says it then. Times of
bridge-utils-interfaces(5) are seconds; ifupdown2 reads whole ones only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from vnetc.backends.ifupdown.stanzas import Line
from vnetc.backends.options import Option, option
from vnetc.backends.programs.ip_link import IP_LINK
from vnetc.backends.spelling import dotted
from vnetc.model.host import Interface
from vnetc.model.kinds import Bond, Dummy, Vlan, Vrf, Vxlan, Wireguard
from vnetc.model.record import replace


def _on_off(value: bool) -> str:
    return "on" if value else "off"


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _yes_off(value: bool) -> str:
    """Spell a switch for ifupdown-ng's executor, which takes the `on` of its manual page for no."""
    return "yes" if value else "off"


def _seconds(milliseconds: int) -> str:
    return str(Decimal(milliseconds) / 1000)


def _whole_seconds(milliseconds: int) -> str | None:
    return None if milliseconds % 1000 else str(milliseconds // 1000)


def _ageing(milliseconds: int) -> str | None:
    """Spell what ifupdown2 takes 65535 seconds of at most."""
    return _whole_seconds(milliseconds) if milliseconds <= 65_535_000 else None


def _only_zero(milliseconds: int) -> str | None:
    """Spell no time: of another one ifupdown-ng makes hundredths, and iproute2 refuses it."""
    return None if milliseconds else "0"


def _hash_max(groups: int) -> str | None:
    """Spell what ifupdown2 takes 4096 of at most."""
    return str(groups) if groups <= 4096 else None


def _path_cost(cost: int) -> str | None:
    """Spell what ifupdown2 takes 65535 of at most."""
    return str(cost) if cost <= 65535 else None


def _only_yes(value: bool) -> str | None:
    return "yes" if value else None


_ROUTERS = {"disabled": "0", "query": "1", "permanent": "2"}

# bridge-utils-interfaces(5)
BRIDGE_CLASSIC: tuple[Option, ...] = (
    option("stp", "bridge-stp", _on_off),
    option("forward_delay", "bridge-fd", _seconds),
    option("hello_time", "bridge-hello", _seconds),
    option("max_age", "bridge-maxage", _seconds),
    option("ageing_time", "bridge-ageing", _seconds),
    option("priority", "bridge-bridgeprio"),
    option("vlan_filtering", "bridge-vlan-aware", _only_yes),
)
# ifupdown-addons-interfaces(5)
BRIDGE_IFUPDOWN2: tuple[Option, ...] = (
    option("stp", "bridge-stp", _on_off),
    option("forward_delay", "bridge-fd", _whole_seconds),
    option("hello_time", "bridge-hello", _whole_seconds),
    option("max_age", "bridge-maxage", _whole_seconds),
    option("ageing_time", "bridge-ageing", _ageing),
    option("priority", "bridge-bridgeprio"),
    option("vlan_filtering", "bridge-vlan-aware", _only_yes),
    option("multicast_snooping", "bridge-mcsnoop", _yes_no),
    option("multicast_querier", "bridge-mcquerier", _yes_no),
    option("multicast_hash_max", "bridge-hashmax", _hash_max),
    option("multicast_router", "bridge-mcrouter", _ROUTERS.get),
    option("multicast_igmp_version", "bridge-igmp-version"),
    option("multicast_mld_version", "bridge-mld-version"),
    option("multicast_query_use_ifaddr", "bridge-mcqifaddr", _yes_no),
    option("multicast_last_member_count", "bridge-mclmc"),
    option("multicast_last_member_interval", "bridge-mclmi", _whole_seconds),
    option("multicast_startup_query_count", "bridge-mcsqc"),
    option("multicast_startup_query_interval", "bridge-mcsqi", _whole_seconds),
    option("multicast_query_interval", "bridge-mcqi", _whole_seconds),
    option("multicast_query_response_interval", "bridge-mcqri", _whole_seconds),
    option("multicast_querier_interval", "bridge-mcqpi", _whole_seconds),
    option("multicast_membership_interval", "bridge-mcmi", _whole_seconds),
    option("vlan_protocol", "bridge-vlan-protocol"),
    option("vlan_stats", "bridge-vlan-stats", _on_off),
)
# interfaces-bridge(5)
BRIDGE_IFUPDOWN_NG: tuple[Option, ...] = (
    option("stp", "bridge-stp", _yes_off),
    option("forward_delay", "bridge-fd", _only_zero),
    option("priority", "bridge-bridgeprio"),
    option("vlan_filtering", "bridge-vlan-aware", _only_yes),
)

# What a bridge's stanza says of its ports: `PORTS=VALUE …`, or of one port alone `PORT VALUE`.
# bridge-utils-interfaces(5)
PORT_CLASSIC: tuple[Option, ...] = (
    option("path_cost", "bridge-pathcost"),
    option("priority", "bridge-portprio"),
)
# ifupdown-addons-interfaces(5)
PORT_IFUPDOWN2: tuple[Option, ...] = (
    option("path_cost", "bridge-pathcosts", _path_cost),
    option("priority", "bridge-portprios"),
    option("learning", "bridge-learning", _on_off),
    option("neigh_suppress", "bridge-arp-nd-suppress", _on_off),
    option("unicast_flood", "bridge-unicast-flood", _on_off),
    option("multicast_flood", "bridge-multicast-flood", _on_off),
    option("broadcast_flood", "bridge-broadcast-flood", _on_off),
    option("multicast_router", "bridge-portmcrouter", _ROUTERS.get),
    option("fast_leave", "bridge-portmcfl", _yes_no),
)

# field of a bond -> option; the values are those of ip-link(8)
# /usr/share/doc/ifenslave/README.Debian
BOND_CLASSIC: Mapping[str, str] = {
    "mode": "bond-mode",
    "mii_monitor_interval": "bond-miimon",
    "up_delay": "bond-updelay",
    "down_delay": "bond-downdelay",
    "use_carrier": "bond-use-carrier",
    "primary": "bond-primary",
    "primary_reselect_policy": "bond-primary-reselect",
    "fail_over_mac_policy": "bond-fail-over-mac",
    "arp_interval": "bond-arp-interval",
    "arp_ip_targets": "bond-arp-ip-target",
    "arp_validate": "bond-arp-validate",
    "transmit_hash_policy": "bond-xmit-hash-policy",
    "lacp_rate": "bond-lacp-rate",
    "ad_select": "bond-ad-select",
    "gratuitous_arp": "bond-num-grat-arp",
    "packets_per_member": "bond-packets-per-slave",
    "dynamic_transmit_load_balancing": "bond-tlb-dynamic-lb",
}
# ifupdown-addons-interfaces(5); it reads `bond-arp-interval` and does nothing
BOND_IFUPDOWN2: Mapping[str, str] = {
    "mode": "bond-mode",
    "mii_monitor_interval": "bond-miimon",
    "up_delay": "bond-updelay",
    "down_delay": "bond-downdelay",
    "use_carrier": "bond-use-carrier",
    "primary": "bond-primary",
    "primary_reselect_policy": "bond-primary-reselect",
    "transmit_hash_policy": "bond-xmit-hash-policy",
    "lacp_rate": "bond-lacp-rate",
    "min_links": "bond-min-links",
    "ad_actor_system": "bond-ad-actor-system",
    "ad_actor_system_priority": "bond-ad-actor-sys-prio",
    "gratuitous_arp": "bond-num-grat-arp",
}
# interfaces-bond(5): each is an option of ip-link(8)
BOND_IFUPDOWN_NG: Mapping[str, str] = {
    item.field: f"bond-{item.word.replace('_', '-')}" for item in IP_LINK[Bond].options if item.word
}


# --- devices that a program makes, by what is in their stanza: None if it is not this one's -------

Makes = Callable[[Interface], "list[Line] | None"]


def vlan_of_name(interface: Interface) -> list[Line] | None:
    """Make a VLAN by its name, eth0.10 or vlan10 (vlan-interfaces(5))."""
    kind = interface.kind
    if not isinstance(kind, Vlan) or kind != Vlan(id=kind.id, link=kind.link):
        return None
    if interface.name == f"vlan{kind.id}":
        return [Line("vlan-raw-device", kind.link)]
    return [] if interface.name == f"{kind.link}.{kind.id}" else None


def vlan(interface: Interface) -> list[Line] | None:
    """Make an 802.1Q VLAN of any name (interfaces(5) of ifupdown-ng)."""
    kind = interface.kind
    if not isinstance(kind, Vlan) or kind != Vlan(id=kind.id, link=kind.link):
        return None
    by_name = vlan_of_name(interface)
    by_id = [Line("vlan-raw-device", kind.link), Line("vlan-id", str(kind.id))]
    return by_id if by_name is None else by_name


def vlan_of_protocol(interface: Interface) -> list[Line] | None:
    """Make a VLAN of any name and protocol (ifupdown-addons-interfaces(5)).

    A reload does not change the VLAN id of a device that is there. Nor could a command: the kernel
    has no such change (vlan_changelink, net/8021q). `ifquery --check` sees it.
    """
    kind = interface.kind
    if not isinstance(kind, Vlan):
        return None
    # flags and maps can be told later (vlan_changelink)
    plain = vlan(replace(interface, kind=Vlan(id=kind.id, link=kind.link)))
    tagged = [] if kind.protocol == "802.1q" else [Line("vlan-protocol", kind.protocol)]
    return None if plain is None else [*plain, *tagged]


def dummy(interface: Interface) -> list[Line] | None:
    """Make a dummy device (interfaces(5) of ifupdown-ng, ifupdown-addons-interfaces(5))."""
    made = isinstance(interface.kind, Dummy) and not _abbreviates(interface)
    return [Line("link-type", "dummy")] if made else None


def _abbreviates(interface: Interface) -> bool:
    """Tell whether a name may be taken for a word of ip-link(8), as `no` is, which has no `name` before."""
    return not any(character.isdigit() for character in interface.name)


def wireguard(interface: Interface) -> list[Line] | None:
    """Make a WireGuard device (ifupdown-addons-interfaces(5)); wg(8) has to tell it the rest."""
    if not isinstance(interface.kind, Wireguard) or _abbreviates(interface):
        return None
    # of 1500 bytes, which it would make of no `mtu`, none would fit into a tunnel (wg-quick(8))
    mtu = [Line("mtu", _WIREGUARD_MTU)] if interface.mtu is None else []
    return [Line("link-type", "wireguard"), *mtu]


def seen(makes: Makes) -> Makes:
    """Have ifupdown2 wait until it knows of the device that its `link-type` has made.

    It makes it with ip-link(8), and reads in another thread that it is there (lib/iproute2.py). Of a
    device that it does not know yet it leaves out address, MTU and MAC address, without an error:
    18 of 100 times when nothing else ran, never with this line.
    """

    def made(interface: Interface) -> list[Line] | None:
        lines = makes(interface)
        wait = Line("pre-up", "sleep 0.1", (dotted(interface.path),))
        return None if lines is None else [*lines, wait]

    return made


_WIREGUARD_MTU = "1420"


def vxlan_ng(interface: Interface) -> list[Line] | None:
    """Make a VXLAN without remotes, which 0.11 does not flood to (interfaces-vxlan(5))."""
    kind = interface.kind
    if not isinstance(kind, Vxlan) or kind != _plain_vxlan(kind) or kind.remotes:
        return None
    if _abbreviates(interface):
        return None
    return [
        Line("vxlan-id", str(kind.id)),
        *([] if kind.link is None else [Line("vxlan-physdev", kind.link)]),
        *([] if kind.local is None else [Line("vxlan-local-ip", str(kind.local))]),
        *([] if kind.port == _VXLAN_PORT else [Line("vxlan-dstport", str(kind.port))]),
        *([] if kind.mac_learning else [Line("vxlan-learning", "no")]),
    ]


def vxlan(interface: Interface) -> list[Line] | None:
    """Make a VXLAN over IPv4 (ifupdown-addons-interfaces(5)).

    One without `local` would get that of another.
    """
    kind = interface.kind
    if not isinstance(kind, Vxlan) or kind != _plain_vxlan(kind) or kind.local is None:
        return None
    if any(end.version == 6 for end in (kind.local, *kind.remotes)):
        return None
    return [
        Line("vxlan-id", str(kind.id)),
        *([] if kind.link is None else [Line("vxlan-physdev", kind.link)]),
        Line("vxlan-local-tunnelip", str(kind.local)),
        *(Line("vxlan-remoteip", str(remote)) for remote in kind.remotes),
        *([] if kind.port == _VXLAN_PORT else [Line("vxlan-port", str(kind.port))]),
        *([] if kind.mac_learning else [Line("vxlan-learning", "no")]),
    ]


def _plain_vxlan(kind: Vxlan) -> Vxlan:
    return Vxlan(
        id=kind.id,
        link=kind.link,
        local=kind.local,
        remotes=kind.remotes,
        port=kind.port,
        mac_learning=kind.mac_learning,
    )


def vrf(interface: Interface) -> list[Line] | None:
    """Make a VRF of a table in the range that ifupdown2 takes (vrf.py, VRF_TABLE_START)."""
    kind = interface.kind
    if not isinstance(kind, Vrf) or kind.table not in _VRF_TABLES:
        return None
    return [Line("vrf-table", str(kind.table))]


_VXLAN_PORT = 4789
_VRF_TABLES = range(1001, 5001)
