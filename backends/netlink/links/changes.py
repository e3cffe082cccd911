"""What a change of a network device is: when it is made, how the kernel takes it, and to what.

Pure tables and look-ups over those of the kinds, kinds.py and tunnels.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.netlink.links.kinds import (
    BRIDGE,
    KINDS,
    PORTS_OF_BRIDGES,
    VLAN_FLAGS,
    Kind,
    is_multicast,
)
from vnetc.backends.netlink.links.options import Impact, Option, show_value
from vnetc.backends.netlink.links.tunnels import POINTS, TUNNELS, WORDS
from vnetc.backends.netlink.state import Attributes, Key, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Phase: TypeAlias = 'Literal["device", "master", "port", "up"]'

# devices that are there without being made
CARDS = frozenset({"ethernet", "wifi", "loopback", "infiniband-card"})
# IN6_ADDR_GEN_MODE_…, linux/if_link.h
EUI64, NO_ADDRESS, STABLE_PRIVACY, RANDOM = 0, 1, 2, 3

_BY_TYPE = {kind.type: kind for kind in KINDS}
_BY_MODE = {kind.word: kind for kind in TUNNELS} | {
    mode: kind for mode, word in WORDS.items() for kind in TUNNELS if kind.word == word
}
OPTIONS: dict[str, Option] = {
    option.name: option
    for group in (PORTS_OF_BRIDGES, *(kind.options for kind in (*KINDS, *TUNNELS)))
    for option in reversed(group)
    if not option.name.startswith("_")
}


def kind_of(attributes: Attributes) -> Kind | None:
    """Find the table of a device's kind, None of a card or what is not known."""
    name = str(attributes.get("kind")).removesuffix("-card")
    if name == "tunnel":
        return _BY_MODE.get(str(attributes.get("tunnel.mode")))
    return _BY_TYPE.get(name)


_PHASES: dict[str, Phase] = {
    "master": "master",
    "master-kind": "master",
    "up": "up",
    # the kernel keeps it only of a member
    "bond.primary": "port",
    # the kernel takes it only where router advertisements are (inet6_set_iftoken)
    "address-token": "port",
}


def phase(name: str) -> Phase:
    """Say when an attribute is set: with the device, its master, among its settings there, or last."""
    return _PHASES.get(name) or ("port" if name.startswith("port.") else "device")


def differing(old: Attributes, new: Attributes) -> list[str]:
    """Name the attributes that `new` states and `old` has otherwise.

    A card is of whatever kind the kernel says. A time may be a hundredth of a second off: the kernel
    counts in its own ticks, and rounds (clock_t_to_jiffies).
    """
    return [
        name
        for name, value in new.items()
        if old.get(name) != value
        and not (name == "kind" and value in CARDS)
        and not _is_rounded(name, old.get(name), value)
        and not (name == "bridge.ageing-time" and old.get("bridge.topology-change"))
    ]


_TIMES = frozenset(
    option.name for option in BRIDGE if option.word.endswith(("DELAY", "TIME", "AGE", "INTVL"))
)


def _is_rounded(name: str, old: Value, new: Value) -> bool:
    if name not in _TIMES or not isinstance(old, int) or not isinstance(new, int):
        return False
    return old == new - 1


_BOUND = ("bond", "vrf")


def impact(name: str, old: Attributes, new: Attributes) -> Impact:
    """Say how the kernel takes the change of an attribute of a device that is there."""
    kind = kind_of(old)
    if name == "kind":
        return "live" if new.get("kind") in CARDS else "recreate"
    if name in ("master", "master-kind"):
        # bond_enslave wants it down, __bond_release_one and cycle_netdev in vrf.c bring it down
        masters = (old.get("master-kind"), new.get("master-kind"))
        return "down" if any(master in _BOUND for master in masters) else "live"
    if name == "macaddress":
        # drivers of cards that cannot do it live say EBUSY (eth_prepare_mac_addr_change)
        return "down" if kind is None else kind.mac or "recreate"
    if name in ("link", "peer") and not is_option(kind, name):
        return "live" if new.get("kind") in CARDS else "recreate"
    if name in VLAN_FLAGS:
        return "recreate" if name == "vlan-flags.bridge-binding" else "live"
    option = OPTIONS.get(name)
    return "live" if option is None else _impact_of_option(option, old, new)


def is_option(kind: Kind | None, name: str) -> bool:
    """Tell whether an attribute is in the data of a kind."""
    return kind is not None and any(option.name == name for option in kind.options)


_ENDS = ("vxlan.remote", "vxlan.group", "vxlan.local", "geneve.remote")


def _impact_of_option(option: Option, old: Attributes, new: Attributes) -> Impact:
    name, value = option.name, new.get(option.name)
    mode = old.get("tunnel.mode")
    if name == "tunnel.remote" and mode in POINTS and (value is None) != (old.get(name) is None):
        return "recreate"
    if name == "link":
        group = is_multicast(old.get("vxlan.group")) or is_multicast(new.get("vxlan.group"))
        return "down" if group else "live"
    if name == "vxlan.ttl" and "inherit" in (value, old.get(name)):
        return "recreate"  # VXLAN_F_TTL_INHERIT is not cleared, nor set later
    if name in _ENDS and isinstance(value, str):
        # the kernel does not go from one family to the other; it begins with IPv4
        ends = [str(old[end]) for end in _ENDS if old.get(end)]
        is_six = any(":" in end for end in ends)
        if (":" in value) != is_six:
            return "recreate"
    if name in ("macvlan.mode", "macvtap.mode"):
        return "recreate" if "passthru" in (value, old.get(name)) else "live"
    return option.impact


_USES_NO_ARP = frozenset({"802.3ad", "balance-tlb", "balance-alb"})
_MII_INTERVAL = 100  # BOND_DEFAULT_MIIMON, of modes that must have one
# options of bonds -> the modes that take them: unsuppmodes of bond_opts
_OF_MODES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "bond.lacp-active",
            "bond.lacp-rate",
            "bond.ad-actor-system-priority",
            "bond.ad-user-port-key",
            "bond.ad-actor-system",
        ),
        frozenset({"802.3ad"}),
    ),
    **dict.fromkeys(
        ("bond.arp-interval", "bond.arp-validate", "bond.arp-missed-max"),
        frozenset({"balance-rr", "active-backup", "balance-xor", "broadcast"}),
    ),
    "bond.packets-per-member": frozenset({"balance-rr"}),
    "bond.primary-reselect-policy": frozenset({"active-backup", "balance-tlb", "balance-alb"}),
    "bond.dynamic-transmit-load-balancing": frozenset({"balance-tlb", "balance-alb"}),
}


def defaults(kind: str, attributes: Attributes) -> dict[str, Value]:
    """Say what a new device of a kind has of what a document does not state.

    Not the MAC address, nor an MTU that depends on other devices.
    """
    table = kind_of({**attributes, "kind": kind})
    arp, multicast = (True, True) if table is None else table.flags
    known: dict[str, Value] = {
        "group": 0,
        "arp": arp,
        "multicast": multicast,
        "all-multicast": False,
        "promiscuous": False,
    }
    if kind in CARDS or table is None:
        return known
    if table.mtu is not None and kind != "bridge":  # which has the least of its ports
        known["mtu"] = table.mtu
    known |= _USUAL[table.type, table.word]
    if kind == "vlan":
        known |= dict.fromkeys(VLAN_FLAGS, False)
        known["vlan-flags.reorder-headers"] = True
    if kind == "bridge" and attributes.get("bridge.vlan-protocol") == "802.1ad":
        known["bridge.group-address"] = "01:80:c2:00:00:08"  # __br_vlan_set_proto
    if kind == "geneve" and attributes.get("geneve.inherit-inner-protocol"):
        known |= {"arp": False, "multicast": False}  # geneve_configure: packets, not frames
    if kind == "bond":
        mode = str(attributes.get("bond.mode", "balance-rr"))
        if mode in _USES_NO_ARP:
            known["bond.mii-monitor-interval"] = _MII_INTERVAL
        for name, modes in _OF_MODES.items():
            if mode not in modes:
                del known[name]
    if kind == "geneve" and attributes.get("geneve.inherit-inner-protocol"):
        known |= {"arp": False, "multicast": False}  # it carries packets, no frames (geneve_setup)
    if kind == "ipvlan" and attributes.get("ipvlan.mode") != "l2":
        known["arp"] = False  # ipvlan_set_port_mode
    return known


# what a document always states, or what the kernel finds itself
_STATED = frozenset(
    {
        "vlan.id",
        "vxlan.id",
        "geneve.id",
        "geneve.remote",
        "geneve.udp-checksum",
        "geneve.udp6-zero-checksum-transmit",
        "geneve.udp6-zero-checksum-receive",
        "vrf.table",
        "infiniband.partition-key",
        "tunnel.mode",
        "tun.user",
        "tun.group",
        "tap.user",
        "tap.group",
    }
)


_USUAL: dict[tuple[str, str], dict[str, Value]] = {
    (kind.type, kind.word): {
        option.name: option.default
        for option in reversed(kind.options)
        if option.name and not option.name.startswith("_") and option.name not in _STATED
    }
    for kind in (*KINDS, *TUNNELS)
}


def has_ipv6(state: Mapping[Key, Attributes]) -> bool:
    """Tell whether the kernel has IPv6: else it takes no `address-generation`, nor shows one."""
    return state.get(("link", "lo"), {}).get("address-generation") is not None


def port_defaults() -> dict[str, Value]:
    """Say what a new port of a bridge has."""
    return {
        option.name: option.default
        for option in PORTS_OF_BRIDGES
        if option.name != "port.path-cost"  # follows from the link's speed
    }


def identity(attributes: Attributes) -> tuple[Value, ...] | None:
    """Give what no two devices may have in common, None if there is no such thing."""
    names: tuple[str, ...]
    match attributes.get("kind"):
        case "vlan":
            names = ("link", "vlan.protocol", "vlan.id")
        case "vxlan":
            names = ("vxlan.id", "vxlan.port")
        case "geneve":
            names = ("geneve.id", "geneve.remote", "geneve.port")
        case "vrf":
            names = ("vrf.table",)
        case "tunnel":
            names = ("tunnel.mode", "tunnel.local", "tunnel.remote", "tunnel.input-key", "link")
        case "infiniband":
            names = ("link", "infiniband.partition-key")
        case "macvlan" | "macvtap" if "passthru" in (
            attributes.get("macvlan.mode"),
            attributes.get("macvtap.mode"),
        ):
            names = ("link",)
        case _:
            return None
    return (attributes["kind"], *(attributes.get(name) for name in names))


def show(name: str, value: Value) -> str:
    """Spell a value of an attribute in the words of a document."""
    if name == "address-generation":
        words = {
            EUI64: "eui64",
            NO_ADDRESS: "none",
            STABLE_PRIVACY: "stable-privacy",
            RANDOM: "random",
        }
        return words.get(value, str(value)) if isinstance(value, int) else "none"
    option = OPTIONS.get(name)
    if value is None or option is None or isinstance(value, str | bool):
        return show_value(value)
    return option.type.codec.show(value)
