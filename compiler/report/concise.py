"""The concise format: a line per finding, in the form that editors and grep know."""

from __future__ import annotations

from collections.abc import Sequence

from vnetc.report import Report, place
from vnetc.report.color import painter


def render(reports: Sequence[Report], *, color: bool) -> str:
    """Write `file:line:column: error[VN301]: message`."""
    paint = painter(color)
    return "".join(
        f"{paint('strong', f'{place(report, diagnostic)}:')} "
        f"{paint(diagnostic.severity, f'{diagnostic.severity}[{diagnostic.code}]')}: "
        f"{diagnostic.message}\n"
        for report in reports
        for diagnostic in report.diagnostics
    )
