"""Rows of the support table about what few documents have: queueing disciplines, settings of cards."""

from __future__ import annotations

from vnetc.backends.base import Support
from vnetc.backends.networkd.qdiscs import PLACES, SECTIONS
from vnetc.backends.options import rows_of
from vnetc.backends.services.link import LINK, describe
from vnetc.backends.services.wpa import WPA_ROWS
from vnetc.record import replace

SUPPORT: dict[str, Support] = {
    **rows_of({**SECTIONS, **PLACES}, lambda section, word: f"[{section}] {word}="),
    **rows_of(LINK, describe),
    **WPA_ROWS,
}
# a card that keeps its name is found by the .network file too
SUPPORT |= {
    f"match.{key}": replace(row, how=f"{row.how}; with `set-name: false` [Match] {word}=")
    for key, word in (
        ("macaddress", "PermanentMACAddress"),
        ("name", "Name"),
        ("driver", "Driver"),
        ("path", "Path"),
    )
    for row in (SUPPORT[f"match.{key}"],)
}
