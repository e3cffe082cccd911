"""The JSON format: everything that is known of each finding, in a shape that stays.

A list, with an object for each finding: `code`, `severity` (error, warning, note), `message`,
`label` (what is said under the carets, or ""), `help` (or ""), `file`, `span` (an object of `line`,
`column`, `end_line`, `end_column`, counted from 1 in characters, the end exclusive; null where
there is none), `path` (`interfaces.br0.addresses[0]`), `labels` (further places, each with `text`,
`span` and `path`) and `url` (the code's page). Keys may be added, never renamed or removed. The
text is ASCII, and each finding stands on a line of its own. Of more than 300 findings of a file the last one,
VN902, counts those that are left out; long keys of a path are cut short.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from vnetc.model.diagnostics import Diagnostic, Span
from vnetc.report import Report, dotted, url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def render(reports: Sequence[Report], *, color: bool) -> str:
    """Write one list for all files."""
    found = [json.dumps(finding) for report in reports for finding in findings(report)]
    return "[\n" + ",\n".join(found) + "\n]\n" if found else "[]\n"


def findings(report: Report) -> list[dict[str, Any]]:
    """Give what was found in a file as objects of the documented shape."""
    return [_finding(report, diagnostic) for diagnostic in report.diagnostics]


def _finding(report: Report, diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "label": diagnostic.label,
        "help": diagnostic.help,
        # A name that is not UTF-8 holds surrogates (PEP 383), which strict readers of JSON refuse.
        "file": report.filename.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "span": _span(diagnostic.span),
        "path": dotted(diagnostic.path),
        "labels": [
            {"text": label.text, "span": _span(label.span), "path": dotted(label.path)}
            for label in diagnostic.labels
        ],
        "url": url(diagnostic.code),
    }


def _span(span: Span | None) -> dict[str, int] | None:
    if span is None:
        return None
    return {
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
