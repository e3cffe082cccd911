"""What the kernel must say of tunnels, VXLANs and other devices that wrap packets."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.kinds import Tunnel
from vnetc.record import Record

from .facts import Fact

TUNNELS: Mapping[type[Record], Mapping[str, Fact]] = {}


def tunnel_kind(tunnel: Tunnel) -> str:
    """Give the kernel's name for the kind of a tunnel."""
    return "ip6tnl" if tunnel.mode in ("ip6ip6", "ipip6") else tunnel.mode
