"""What vnetc has to say about a document: diagnostics and their places.

A pass never prints or logs: it returns diagnostics that name a *path* in the document
(`("interfaces", "br0", "stp")`). The path becomes a `Span` of lines and columns only when the
diagnostic leaves the compiler (`vnetc.language.tree.Document.resolve`).
"""

from __future__ import annotations

import re

from vnetc.model.codes import CODES
from vnetc.model.record import Node, Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from vnetc.model.codes import Severity

Path: TypeAlias = tuple[str | int, ...]
# an option of the command line has no place in the document
Part: TypeAlias = 'Literal["key", "value", "option"]'


class Span(Record, kw_only=False):
    """A stretch of the source: lines and columns from 1, in characters; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Label(Node):
    """A further place that a diagnostic points at: the other party of a conflict."""

    text: str
    path: Path = ()
    part: Part = "value"
    span: Span | None = None


class Diagnostic(Node):
    """One finding.

    `message` is short, lower case, without a full stop, identifiers in backticks; `label` stands
    under the carets; `help` is the way out, as a statement. `severity` is the code's own unless a
    caller changed it (`--allow`).
    """

    code: str
    message: str
    path: Path = ()
    part: Part = "value"
    span: Span | None = None
    label: str = ""
    labels: tuple[Label, ...] = ()
    help: str = ""
    severity: Severity = "error"


def diagnostic(
    code: str,
    message: str,
    path: Path,
    part: Part = "value",
    *,
    label: str = "",
    labels: tuple[Label, ...] = (),
    help: str = "",
) -> Diagnostic:
    """Make a diagnostic with the severity that the registry gives its code, and with `brief` words."""
    return Diagnostic(
        code=code,
        message=brief(message),
        path=path,
        part=part,
        label=brief(label),
        labels=tuple(replace(x, text=brief(x.text)) if len(x.text) > QUOTED else x for x in labels),
        help=brief(help),
        severity=CODES[code][0],
    )


QUOTED = 60  # characters of a value or key that words quote at most
_LONGEST = 2000  # characters of a message, whatever it quotes
_QUOTE = re.compile("`([^`]*)`")


def brief(text: str) -> str:
    """Cut short what a text quotes: a key or value of a document may have 16 MiB."""
    if len(text) <= QUOTED:
        return text
    text = _QUOTE.sub(lambda m: m[0] if len(m[1]) <= QUOTED else f"`{m[1][:QUOTED]}…`", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
