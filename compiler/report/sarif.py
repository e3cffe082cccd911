"""SARIF 2.1.0 (OASIS), which code hosts show as alerts and comments on changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from posixpath import normpath
from typing import Any
from urllib.parse import quote

from vnetc._version import __version__
from vnetc.model.codes import CODES
from vnetc.model.diagnostics import Diagnostic, Span
from vnetc.report import Report, dotted, url

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def render(reports: Sequence[Report], *, color: bool) -> str:
    """Write one run over all files, with the rules that it found broken."""
    codes = sorted({d.code for report in reports for d in report.diagnostics})
    run = {
        "tool": {
            "driver": {
                "name": "vnetc",
                "version": __version__,
                "informationUri": "https://vnetc.readthedocs.io",
                "rules": [_rule(code) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": _results(reports, codes),
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    severity, title = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": title},
        "helpUri": url(code),
        "defaultConfiguration": {"level": severity},
    }


def _results(reports: Sequence[Report], codes: list[str]) -> list[dict[str, Any]]:
    seen: Counter[tuple[str, str]] = Counter()
    results: list[dict[str, Any]] = []
    for report in reports:
        for diagnostic in report.diagnostics:
            identity = _identity(diagnostic)
            seen[report.filename, identity] += 1
            fingerprint = f"{identity}:{seen[report.filename, identity]}"
            results.append(_result(report, diagnostic, fingerprint, codes))
    return results


def _result(
    report: Report, diagnostic: Diagnostic, fingerprint: str, codes: list[str]
) -> dict[str, Any]:
    elsewhere = [label.text for label in diagnostic.labels if label.span is None]
    text = "\n".join(filter(None, (diagnostic.message, *elsewhere, diagnostic.help)))
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": codes.index(diagnostic.code),
        "level": diagnostic.severity,
        "message": {"text": text},
        "locations": [_location(report, diagnostic.span, diagnostic.label)],
        "relatedLocations": [
            {"id": number, **_location(report, label.span, label.text)}
            for number, label in enumerate(diagnostic.labels)
            if label.span is not None
        ],
        # The name under which GitHub looks for what tells two findings of a file apart.
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }


def _identity(diagnostic: Diagnostic) -> str:
    """Name a finding by what stays when lines move and sentences are reworded."""
    return sha256(f"{diagnostic.code} {dotted(diagnostic.path)}".encode()).hexdigest()[:16]


def _location(report: Report, span: Span | None, text: str) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(report.filename)}
    if span is not None:
        physical["region"] = {
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
        }
    location: dict[str, Any] = {"physicalLocation": physical}
    if text:
        location["message"] = {"text": text}
    return location


def _artifact(filename: str) -> dict[str, str]:
    path = quote(normpath(filename).encode("utf-8", "surrogateescape"))
    if path.startswith("/"):
        return {"uri": f"file://{path}"}
    return {"uri": path, "uriBaseId": "%SRCROOT%"}
