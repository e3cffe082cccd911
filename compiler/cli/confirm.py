"""`vnetc confirm`."""

from __future__ import annotations

import sys
from argparse import Namespace as Options

from vnetc.backends.netlink.store import Places
from vnetc.cli import FAILED, NOTHING, tell
from vnetc.cli.running import finished


def run(options: Options, places: Places | None = None) -> int:
    """Keep the change that waits for it."""
    from vnetc.backends.netlink.transaction.finishing import confirm

    outcome = finished(options, places or Places(), confirm)
    if outcome is None:
        return FAILED
    if outcome.result != "done":
        return FAILED
    tell("kept\n", sys.stdout)
    return NOTHING
