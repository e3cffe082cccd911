"""What of network cards nothing in a lab can show, and why."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends import REGISTRY
from vnetc.backends.support import key, row_fields, word_of
from vnetc.model.cards import (
    AccessPoint,
    CardMatch,
    Channels,
    Coalesce,
    LinkSettings,
    Offload,
    Queues,
    Rings,
    VirtualFunction,
    VirtualFunctions,
)
from vnetc.model.kinds import Ethernet, Wifi

_NO_CARD = (
    "no card of a sandbox or a virtual machine has it; that udev and ethtool(8) know the words is "
    "what test_names.py and test_cards.py ask them"
)
_NO_RADIO = (
    "there is no radio; that wpa_supplicant takes the words and keeps the texts is what "
    "test_cards.py asks it"
)
_ONLY_SAYS = (
    "cards are found by a .link file, and since systemd 256 `udevadm test-builtin`, which is the "
    "lab's udev, only says what it would do"
)
_ONE_DRIVER = "every card of the lab has the same driver; a lie shows that another one is not found"

_REASONS: Mapping[str, str] = {
    **{
        f"{word_of(cls)}.{key(field)}": _NO_CARD
        for cls in (
            LinkSettings,
            Rings,
            Channels,
            Queues,
            Coalesce,
            VirtualFunctions,
            VirtualFunction,
        )
        for field in row_fields(cls)
    },
    **{
        f"ethernet.{name}": _NO_CARD
        for name in (
            "wakeonlan",
            "wakeonlan-password",
            "link-settings",
            "rings",
            "channels",
            "coalesce",
            "virtual-functions",
        )
    },
    **{
        f"offload.{name}": _NO_CARD
        for name in (
            "receive-checksum",
            "generic-receive-hardware",
            "large-receive",
            "receive-vlan-filter",
            "ntuple-filter",
        )
    },
    **{
        f"{word_of(cls)}.{key(field)}": _NO_RADIO
        for cls in (Wifi, AccessPoint)
        for field in row_fields(cls)
    },
    "type.wifi": _NO_RADIO,
    "match.macaddress": "a veth has no permanent MAC address",
    "match.path": "a veth is nowhere: udev has no ID_PATH of it",
    "match.driver": _ONE_DRIVER,
    "ethernet.set-name": "the card has its name without vnetc",
}
_BY_UDEV = (
    *(f"ethernet.{key(field)}" for field in row_fields(Ethernet) if field != "auth"),
    *(f"match.{key(field)}" for field in row_fields(CardMatch)),
    *(f"offload.{key(field)}" for field in row_fields(Offload)),
    "queues.transmit-queue-length",
)

# row -> target -> why; of what is proven with one generation of Debian it is about the other
UNPROVEN: Mapping[str, Mapping[str, str]] = {
    row: dict.fromkeys(REGISTRY, reason)
    for row, reason in (dict.fromkeys(_BY_UDEV, _ONLY_SAYS) | dict(_REASONS)).items()
}
