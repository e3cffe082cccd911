"""`vnetc drift`."""

from __future__ import annotations

import sys
from argparse import Namespace as Options

from vnetc.backends.netlink.store import Places
from vnetc.cli import FAILED, FINDINGS, NOTHING
from vnetc.cli.plan import planned
from vnetc.cli.running import say


def run(options: Options, places: Places | None = None) -> int:
    """Show where the kernel differs from the document. Changes nothing."""
    answer = planned(options, places or Places())
    if answer is None:
        return FAILED
    found, plan = answer
    from vnetc.cli import steps as shown

    differences = shown.differences(plan.steps, found.line)
    if options.format == "json":
        import json

        print(json.dumps({"file": found.filename, "differences": differences}, indent=2))
    elif differences:
        sys.stdout.write(shown.table(differences, found.filename))
    sys.stdout.flush()
    say(plan.problems, found)
    return FINDINGS if differences or plan.problems else NOTHING
