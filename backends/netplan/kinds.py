"""What netplan(5) calls the options of each kind of device; for the rest there are drop-ins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vnetc.backends.options import Group, Groups, Option, option, said
from vnetc.backends.spelling import endpoint
from vnetc.backends.support import Version
from vnetc.model.cards import CardMatch, VirtualFunctions
from vnetc.model.host import Port
from vnetc.model.kinds import (
    Bond,
    Bridge,
    Infiniband,
    Tunnel,
    Vlan,
    Vrf,
    Vxlan,
    Wireguard,
    WireguardPeer,
)
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def same(value: Any) -> Any:
    """Leave a value as it is: YAML has numbers and booleans."""
    return value


def key(field: str, word: str | None = None, spell: Any = same) -> Option:
    """Say a field by a key, which is spelt as vnetc's unless said otherwise."""
    return option(field, field.replace("_", "-") if word is None else word, spell)


def _milliseconds(milliseconds: int) -> int:
    return milliseconds  # netplan(5): a plain number of these is milliseconds


def _seconds(milliseconds: int) -> int | str:
    """Spell a time: a plain number is seconds, and a unit may follow (netplan(5))."""
    whole, rest = divmod(milliseconds, 1000)
    return f"{milliseconds}ms" if rest else whole


def _whole(milliseconds: int) -> int | None:
    """Spell whole seconds; of others the drop-in says."""
    return milliseconds // 1000 if milliseconds % 1000 == 0 else None


def _number(value: int | str) -> int | None:
    """Spell a number; of `inherit` the drop-in says."""
    return value if isinstance(value, int) else None


def _boolean(value: bool | str) -> bool | None:
    """Spell a boolean; of `inherit` the drop-in says."""
    return value if isinstance(value, bool) else None


def _texts(values: tuple[Any, ...]) -> list[str]:
    return [str(value) for value in values]


def _drivers(names: tuple[str, ...]) -> str | list[str]:
    return names[0] if len(names) == 1 else [*names]


def _range(ports: tuple[int, int]) -> list[int]:
    return [*ports]


_HAS_DUMMIES = (0, 107)  # dummy-devices and virtual-ethernets
# type of a device -> the section that it stands in, and since when there is one
SECTIONS: Mapping[str, tuple[str, Version]] = {
    "bridge": ("bridges", ()),
    "bond": ("bonds", ()),
    "vlan": ("vlans", ()),
    "vrf": ("vrfs", ()),
    "vxlan": ("tunnels", ()),
    "wireguard": ("tunnels", ()),
    "tunnel": ("tunnels", ()),
    "dummy": ("dummy-devices", _HAS_DUMMIES),
    "veth": ("virtual-ethernets", _HAS_DUMMIES),
}

KEYS: Groups = {
    Bridge: Group(
        "parameters",
        (
            key("stp"),
            key("forward_delay", spell=_seconds),
            key("hello_time", spell=_seconds),
            key("max_age", spell=_seconds),
            key("ageing_time", spell=_seconds),
            key("priority"),
        ),
    ),
    Bond: Group(
        "parameters",
        (
            key("mode"),
            key("primary"),
            key("primary_reselect_policy"),
            key("fail_over_mac_policy"),
            key("mii_monitor_interval", spell=_milliseconds),
            key("up_delay", spell=_milliseconds),
            key("down_delay", spell=_milliseconds),
            key("arp_interval", spell=_milliseconds),
            key("arp_ip_targets", spell=_texts),
            key("arp_validate"),
            key("arp_all_targets"),
            key("transmit_hash_policy"),
            key("lacp_rate"),
            key("min_links"),
            key("ad_select"),
            key("all_members_active"),
            key("gratuitous_arp"),
            key("resend_igmp"),
            key("packets_per_member"),
        ),
    ),
    Vlan: Group("", (key("id"), key("link"))),
    Vrf: Group("", (key("table"),)),
    Vxlan: Group(
        "",
        (
            key("id"),
            key("link"),
            key("local", spell=str),
            key("remote", spell=str),
            key("group", "remote", str),
            key("port"),
            key("port_range", spell=_range),
            key("tos", "type-of-service", _number),
            key("flow_label"),
            key("do_not_fragment", spell=_boolean),
            key("mac_learning"),
            key("ageing", spell=_whole),
            key("limit"),
            key("arp_proxy"),
            key("short_circuit"),
        ),
    ),
    CardMatch: Group(
        "match",
        (key("macaddress"), key("name"), key("driver", spell=_drivers)),
    ),
    VirtualFunctions: Group(
        "", (key("embedded_switch_mode"), key("delay_rebind", "delay-virtual-functions-rebind"))
    ),
    Wireguard: Group("", (key("port"), key("mark"))),
    WireguardPeer: Group(
        "",
        (
            key("endpoint", spell=endpoint),
            key("allowed_ips", spell=_texts),
            key("keepalive"),
        ),
    ),
    Tunnel: Group(
        "",
        (
            key("mode"),
            key("local", spell=str),
            key("remote", spell=str),
            key("ttl", spell=_number),
            key("key"),
        ),
    ),
    Infiniband: Group("", (key("mode", "infiniband-mode"),)),
    Port: Group("", (key("neigh_suppress"),)),
}
# of a port, but below `parameters` of its bridge
OF_PORTS = (("path_cost", "path-cost"), ("priority", "port-priority"))


def native(node: Record) -> dict[str, Any]:
    """Give the keys that netplan has for the options of a device, with their values."""
    group = KEYS.get(type(node))
    options = () if group is None else group.options
    return dict(said(node, options))


def foreign(node: Record, options: Iterable[Option]) -> list[Option]:
    """List those of networkd's options that netplan has no key for, or none for this value."""
    known = native(node)
    group = KEYS.get(type(node))
    words = {} if group is None else {item.field: item.word for item in group.options}
    return [item for item in options if words.get(item.field) not in known]
