"""Rows of the support table about what few documents have: queueing disciplines, settings of cards."""

from __future__ import annotations

from vnetc.backends.options import rows_of
from vnetc.backends.programs.ethtool import ETHTOOL, describe_card
from vnetc.backends.programs.tc import PLACES, TC, describe
from vnetc.backends.services.wpa import WPA_ROWS
from vnetc.backends.support import Support

SUPPORT: dict[str, Support] = {
    **rows_of({**TC, **PLACES}, describe),
    **rows_of(ETHTOOL, describe_card),
    **WPA_ROWS,
}
