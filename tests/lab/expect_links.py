"""What the kernel must say of bridges, bonds, VLANs and whatever else is no tunnel."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.kinds import Bridge, Vlan
from vnetc.record import Record

from .facts import Fact, centiseconds, shown

# As `ip -N` prints them.
_ETHERTYPES = {"802.1q": f"[{0x8100}]", "802.1ad": f"[{0x88A8}]"}

LINKS: Mapping[type[Record], Mapping[str, Fact]] = {
    Bridge: {
        "stp": shown("stp_state", int),
        "forward_delay": shown("forward_delay", centiseconds),
        "hello_time": shown("hello_time", centiseconds),
        "max_age": shown("max_age", centiseconds),
        "ageing_time": shown("ageing_time", centiseconds),
        "priority": shown("priority"),
        "vlan_filtering": shown("vlan_filtering", int),
        "vlan_protocol": shown("vlan_protocol", _ETHERTYPES.__getitem__),
        "default_pvid": shown("vlan_default_pvid"),
        "multicast_snooping": shown("mcast_snooping", int),
        "multicast_querier": shown("mcast_querier", int),
    },
    Vlan: {
        "id": shown("id"),
        "protocol": shown("protocol", _ETHERTYPES.__getitem__),
    },
}
