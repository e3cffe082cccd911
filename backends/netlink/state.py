"""What a kernel holds, as plain values: the state that is read, wanted, planned with and journalled.

A state maps keys to attributes. A key is a tuple of texts, the class of the object first and then
what tells it from others of its class:

    ("link", "br0")                                      {"kind": "bridge", "mtu": 1500, ...}
    ("address", "br0", "192.0.2.1/24")                   {"scope": 0, "label": "br0", ...}
    ("route", "ipv4", "254", "10.0.0.0/8", "50")         {"via": "192.0.2.2", "dev": "br0", ...}

Attributes are named like the rows of the support tables (`bridge.forward-delay`, `port.isolated`),
those of interfaces without their first word (`mtu`). Values are what JSON has, in the kernel's own
units: so two states compare without knowing anything of either, and a journal can hold them.
"""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.model.diagnostics import Path
from vnetc.model.record import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Value: TypeAlias = "bool | int | str | list[Value] | dict[str, Value] | None"
Key: TypeAlias = "tuple[str, ...]"
Attributes: TypeAlias = "Mapping[str, Value]"
State: TypeAlias = "dict[Key, dict[str, Value]]"
Index: TypeAlias = "Mapping[str, int]"  # name of a device -> its number in this namespace

# RTPROT_... of what vnetc makes, FRA_PROTOCOL and IFA_PROTO as well: nobody has it (linux/rtnetlink.h,
# /etc/iproute2/rt_protos, zebra/rt_netlink.h)
PROTOCOL = 118


class Wanted(Node, kw_only=False):
    """An object that a document asks for, and the key of the document that does.

    `unsaid` are the attributes that the document does not state: a new object gets them as they stand
    here, and of one that others made they may be anything.
    """

    key: Key
    attributes: Attributes
    path: Path
    places: Mapping[str, Path] = {}  # an attribute's own key of the document, if it has one
    unsaid: frozenset[str] = frozenset()
