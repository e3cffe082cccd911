"""`vnetc rollback`."""

from __future__ import annotations

import sys
from argparse import Namespace as Options

from vnetc.backends.netlink.store import Places
from vnetc.cli import FAILED, NOTHING, tell
from vnetc.cli.apply import INCOMPLETE
from vnetc.cli.running import finished


def run(options: Options, places: Places | None = None) -> int:
    """Go back to the state before the last apply."""
    from vnetc.backends.netlink.transaction.finishing import rollback

    outcome = finished(options, places or Places(), rollback)
    if outcome is None:
        return FAILED
    if outcome.result == "incomplete":
        return INCOMPLETE
    tell("all is as it was before the last apply\n", sys.stdout)
    return NOTHING
