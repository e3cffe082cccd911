"""Workflow commands of GitHub Actions, which show findings beside the changed lines.

GitHub shows no more than ten of a kind for each step, hence errors first.
"""

from __future__ import annotations

from collections.abc import Sequence

from vnetc.model.diagnostics import Diagnostic
from vnetc.report import Report, place, printable, remarks

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
_ORDER = list(_COMMANDS)


def render(reports: Sequence[Report], *, color: bool) -> str:
    """Write `::error title=…,file=…,line=…::message` for each finding."""
    found = [(report, diagnostic) for report in reports for diagnostic in report.diagnostics]
    found.sort(key=lambda pair: _ORDER.index(pair[1].severity))
    return "".join(f"{_command(report, diagnostic)}\n" for report, diagnostic in found)


def _command(report: Report, diagnostic: Diagnostic) -> str:
    properties = {
        "title": f"vnetc ({diagnostic.code})",
        "file": printable(report.filename),
    }
    span = diagnostic.span
    if span is not None:
        properties |= {"line": str(span.line), "endLine": str(span.end_line)}
        # With columns, GitHub drops a command whose lines differ (astral-sh/ruff#22074).
        if span.line == span.end_line:
            properties |= {"col": str(span.column), "endColumn": str(span.end_column)}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    title = f"{place(report, diagnostic)}: {diagnostic.code} {diagnostic.message}"
    text = "\n".join((title, *remarks(diagnostic)))
    return f"::{_COMMANDS[diagnostic.severity]} {listed}::{_data(text)}"


def _data(text: str) -> str:
    # Text is printable but for the line ends put in here.
    return text.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
