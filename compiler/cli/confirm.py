"""`vnetc confirm`."""

from __future__ import annotations

from argparse import Namespace as Options

from vnetc.backends.netlink.outcome import Refused
from vnetc.backends.netlink.store import Places
from vnetc.cli import FAILED, NOTHING
from vnetc.cli.running import refused, say


def run(options: Options, places: Places | None = None) -> int:
    """Keep the change that waits for it."""
    from vnetc.backends.netlink import namespaces
    from vnetc.backends.netlink.finishing import confirm

    try:
        namespace = namespaces.enter(options.netns)
        namespaces.require_privilege()
        outcome = confirm(namespace, places or Places())
    except Refused as error:
        return refused(error)
    say(outcome.diagnostics)
    if outcome.result != "done":
        return FAILED
    print("kept")
    return NOTHING
