"""Rows of the support table about what few documents have: queueing disciplines, settings of cards."""

from __future__ import annotations

from vnetc.backends.networkd.qdiscs import PLACES, SECTIONS
from vnetc.backends.options import rows_of
from vnetc.backends.services.link import LINK, describe
from vnetc.backends.services.wpa import WPA_ROWS
from vnetc.backends.support import Support
from vnetc.model.record import replace

_ROWS: dict[str, Support] = {
    **rows_of({**SECTIONS, **PLACES}, lambda section, word: f"[{section}] {word}="),
    **rows_of(LINK, describe),
    **WPA_ROWS,
}
_KEPT = "; with `set-name: false` [Match]"  # then the .network file finds the card, too
SUPPORT: dict[str, Support] = {
    **_ROWS,
    **{
        f"match.{key}": replace(row, how=f"{row.how}{_KEPT} {word}=")
        for key, word in (
            ("macaddress", "PermanentMACAddress"),
            ("name", "Name"),
            ("driver", "Driver"),
            ("path", "Path"),
        )
        for row in (_ROWS[f"match.{key}"],)
    },
}
