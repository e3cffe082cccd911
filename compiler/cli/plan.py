"""`vnetc plan`."""

from __future__ import annotations

import os
import sys
from argparse import Namespace as Options

from vnetc.backends.netlink.refusal import Refused
from vnetc.backends.netlink.store import Places
from vnetc.cli import FAILED, FINDINGS, NOTHING, tell
from vnetc.cli.running import Desired, desired, refused, say
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.netlink.planner.steps import Plan, Step


def run(options: Options, places: Places | None = None) -> int:
    """Say what `vnetc apply` would change. Changes nothing."""
    answer = planned(options, places or Places())
    if answer is None:
        return FAILED
    found, plan = answer
    _print(plan.steps, found, options.format)
    say(plan.problems, found)
    if os.geteuid() != 0:
        tell(_UNPRIVILEGED)
    if any(problem.severity == "error" for problem in plan.problems):
        return FAILED
    return FINDINGS if plan.steps else NOTHING


_UNPRIVILEGED = (
    "note: without privilege the record, rulesets and programs cannot be read: what they would change "
    "is not shown\n"
)


def planned(options: Options, places: Places) -> tuple[Desired, Plan] | None:
    """Read the document and the kernel, and plan; None if that cannot be, which is said."""
    found = desired(options)
    if found is None:
        return None
    try:
        return found, _plan(found, options, places)
    except Refused as error:
        refused(error, found)
        return None


def _plan(found: Desired, options: Options, places: Places) -> Plan:
    from vnetc.backends.netlink.engine import Kernel
    from vnetc.backends.netlink.transaction import namespaces
    from vnetc.backends.netlink.transaction.comparison import machine_at, missing, survey

    namespace = namespaces.enter(options.netns)
    asked = found.question(places)
    machine = machine_at(places)
    plan = survey(asked, namespace, Kernel(asked.keys, machine=machine), places).plan
    if plan.problems or os.geteuid() != 0:
        return plan
    return replace(plan, problems=tuple(missing(asked, plan.steps, machine)))


def _print(steps: tuple[Step, ...], found: Desired, format: str) -> None:
    from vnetc.cli import steps as shown

    if format == "json":
        import json

        print(json.dumps(shown.structured(steps, found.filename, found.line), indent=2))
    else:
        sys.stdout.write(shown.text(steps, found.filename, found.line))
        sys.stdout.flush()  # before what goes to standard error
