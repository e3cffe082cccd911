"""How a run of apply ends."""

from __future__ import annotations

from vnetc.model.diagnostics import Diagnostic
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from vnetc.backends.netlink.planner.steps import Step

Result: TypeAlias = 'Literal["nothing", "done", "pending", "rolled back", "incomplete"]'


class Outcome(Record):
    """What became of a run: its steps, why it was undone if it was, what could not be undone.

    `left` are the steps that would still lead back to the state before.
    """

    result: Result
    steps: tuple[Step, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()
    left: tuple[Step, ...] = ()
