"""Where the files of an interface for udev and systemd-networkd lie."""

from __future__ import annotations

from vnetc.model.host import Interface
from vnetc.model.kinds import Card


def file_stem(interface: Interface) -> str:
    """Give the path of the files of an interface for udev and systemd-networkd, less its suffix.

    They stand before those of netplan (`10-netplan-…`), and what names an interface before what
    finds one by a match: the first file that fits is the only one (systemd.network(5)).
    """
    kind = interface.kind
    found = isinstance(kind, Card) and kind.match is not None and not kind.set_name
    return f"/etc/systemd/network/{'07' if found else '05'}-{interface.name}"
