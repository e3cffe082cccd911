"""What the kernel must say of each kind of device, by the fields of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vnetc.model.kinds import Kind, Tap, Tun, Tunnel, Veth, Vxlan, link_of
from vnetc.model.record import Record

from .cards import CARDS
from .facts import Fact
from .links import LINKS
from .tunnels import TUNNELS, expect_tunnel, tunnel_kind

FACTS: Mapping[type[Record], Mapping[str, Fact]] = {**CARDS, **LINKS, **TUNNELS}


def expect_kind(kind: Kind) -> dict[str, str]:
    """State what `ip -d link` must show of a device, in the words of state.py."""
    settings: dict[str, str] = {}
    if isinstance(kind, Veth):
        settings["linked to"] = kind.peer
    link = link_of(kind)
    if link is not None and not isinstance(kind, Vxlan):  # that of a VXLAN is a setting
        settings["linked to"] = link
    if isinstance(kind, Tunnel):
        settings["kind"] = tunnel_kind(kind)
        settings |= expect_tunnel(kind)
    if isinstance(kind, Tun | Tap):
        settings |= {"kind": "tun", "type": kind.type}
    settings |= _facts(kind)
    return settings


def _facts(node: Record) -> dict[str, str]:
    settings: dict[str, str] = {}
    for name, fact in FACTS.get(type(node), {}).items():
        value: Any = getattr(node, name)
        if isinstance(value, Record):
            settings |= _facts(value)
        elif value is not None and value != ():
            settings |= {word: text for word, text in fact(value).items() if text is not None}
    return settings
