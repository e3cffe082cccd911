"""Rows of the support table about what few documents have: queueing disciplines, settings of cards."""

from __future__ import annotations

from vnetc.backends.netplan.support import dropin
from vnetc.backends.networkd.rare import SUPPORT as NETWORKD
from vnetc.backends.support import Support, exact

SUPPORT: dict[str, Support] = {
    **{name: dropin(row) for name, row in NETWORKD.items()},
    **{
        name: exact(f"{word}; beside settings of the card {NETWORKD[name].how.partition(';')[0]}")
        for name, word in (
            ("ethernet.set-name", "set-name"),
            ("match.macaddress", "match: macaddress"),
            ("match.name", "match: name"),
            ("match.driver", "match: driver"),
        )
    },
    "match.path": exact(".link [Match] Path=; with `set-name: false` drop-in [Match] Path="),
    "virtual-functions.embedded-switch-mode": exact("embedded-switch-mode"),
    "virtual-functions.delay-rebind": exact("delay-virtual-functions-rebind"),
}
