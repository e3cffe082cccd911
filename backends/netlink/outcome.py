"""How a run of apply ends, and the way out of one that must not begin."""

from __future__ import annotations

from vnetc.model.diagnostics import Diagnostic, Path, diagnostic
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from vnetc.backends.netlink.steps import Step

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


class Refused(Exception):
    """Nothing was changed, and this is why."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*(found.message for found in diagnostics))
        self.diagnostics = diagnostics


def refusal(code: str, message: str, *, path: Path = (), help: str = "") -> Refused:
    """Make a refusal of one reason."""
    return Refused(diagnostic(code, message, path, "key", help=help))
