"""`vnetc rollback`."""

from __future__ import annotations

from argparse import Namespace as Options

from vnetc.backends.netlink.outcome import Refused
from vnetc.backends.netlink.store import Places
from vnetc.cli import NOTHING
from vnetc.cli.apply import INCOMPLETE
from vnetc.cli.running import refused, say


def run(options: Options, places: Places | None = None) -> int:
    """Go back to the state before the last apply."""
    from vnetc.backends.netlink import namespaces
    from vnetc.backends.netlink.finishing import rollback

    try:
        namespace = namespaces.enter(options.netns)
        namespaces.require_privilege()
        outcome = rollback(namespace, places or Places())
    except Refused as error:
        return refused(error)
    say(outcome.diagnostics)
    if outcome.result == "incomplete":
        return INCOMPLETE
    print("all is as it was before the last apply")
    return NOTHING
