"""Reports: what was found in each document, written for people, editors and machines.

One renderer per format, each in a module of its own that is imported only when asked for. What
every renderer may rely on is settled here: files and diagnostics are sorted, and the words of a
diagnostic, which quote the document, hold printable characters only. Names of files and lines of
the source come as they are, for the renderer to escape in its format's own way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vnetc.model.diagnostics import QUOTED, Diagnostic, Path, diagnostic
from vnetc.model.record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.report.secrets import Secrets

FORMATS = {
    "full": "text",
    "concise": "concise",
    "json": "json",
    "sarif": "sarif",
    "github": "github",
    "junit": "junit",
}
SHOWN = 300  # findings of a file
_SEVERITIES = ("error", "warning", "note")
_WORD = re.compile(r"[A-Za-z0-9_-]+")


class Report(Record, kw_only=False):
    """What was found in one file.

    `lines` is its text without line ends, `shown` gives them without secrets. Every diagnostic has its
    span, and so has every label, but for what has no place in this text: a file that cannot be read,
    another file's label.
    """

    filename: str
    lines: Sequence[str]
    diagnostics: tuple[Diagnostic, ...]
    shown: Secrets | None = None  # `prepare` fills it in


def render(reports: Sequence[Report], format: str, *, color: bool = False) -> str:
    """Write reports in one of `FORMATS`: by file, then line, column and code.

    `color` is for the formats that people read; the others have none.
    """
    from importlib import import_module

    renderer = import_module(f"{__name__}.{FORMATS[format]}")
    prepared = [prepare(report) for report in sorted(reports, key=lambda r: r.filename)]
    text: str = renderer.render(prepared, color=color)
    return text


def summary(reports: Sequence[Report]) -> str:
    """Count what was found: `1 error, 2 warnings in 3 files`, all files that were looked at."""
    found = [diagnostic.severity for report in reports for diagnostic in report.diagnostics]
    counts = [
        _count(found.count(severity), severity) for severity in _SEVERITIES if severity in found
    ]
    return f"{', '.join(counts) or 'nothing to report'} in {_count(len(reports), 'file')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def url(code: str) -> str:
    """Give the address of a code's page."""
    return f"https://vnetc.readthedocs.io/en/latest/reference/codes/#{code.lower()}"


def dotted(path: Path) -> str:
    """Spell a path on one line: `interfaces."eth0.10".addresses[0]`, keys like these in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_key(part)}" if text else _key(part)
    return text


def _key(text: str) -> str:
    text = text if len(text) <= QUOTED else f"{text[:QUOTED]}…"
    if _WORD.fullmatch(text):
        return text
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(quoted)}"'


def place(report: Report, diagnostic: Diagnostic) -> str:
    """Give `file:line:column`, or the file alone for what has no place in its text."""
    name = printable(report.filename)
    span = diagnostic.span
    return name if span is None else f"{name}:{span.line}:{span.column}"


def remarks(diagnostic: Diagnostic) -> list[str]:
    """List what there is to say besides the message: the further places, then the help."""
    lines = [
        f"{label.span.line}:{label.span.column}: {label.text}" if label.span else label.text
        for label in diagnostic.labels
    ]
    return [*lines, f"help: {diagnostic.help}"] if diagnostic.help else lines


def printable(text: str) -> str:
    r"""Escape what a terminal obeys or hides: `\x1b`, `\u202e`, `\xa0`.

    These are the characters that `str.isprintable` names: controls, direction marks, surrogates,
    every blank but the space. What is left is also valid in XML 1.0 and in UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def prepare(report: Report) -> Report:
    """Sort what was found by place, take secrets out of its words and make them printable.

    Of more than `SHOWN` findings the first are kept, errors before warnings before notes, and a last
    one counts the others.
    """
    if not report.diagnostics:
        return report
    from vnetc.report.secrets import Secrets

    secrets = Secrets(report.lines, report.diagnostics)
    found = map(secrets.scrub, _first(report.diagnostics))
    return replace(report, diagnostics=tuple(map(_clean, found)), shown=secrets)


def _first(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Give the findings to show in the order of their places."""
    if len(diagnostics) <= SHOWN:
        return sorted(diagnostics, key=_position)
    ordered = sorted(diagnostics, key=lambda d: (_SEVERITIES.index(d.severity), _position(d)))
    others = ordered[SHOWN:]
    return [*sorted(ordered[:SHOWN], key=_position), _more(others)]


def _more(others: Sequence[Diagnostic]) -> Diagnostic:
    """Count findings by their codes; as bad as the worst of them, which is the first."""
    counts: dict[str, int] = {}
    for d in others:
        counts[d.code] = counts.get(d.code, 0) + 1
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    by_code = ", ".join(f"{count:,} {code}" for code, count in listed)
    more = diagnostic(
        "VN902",
        f"and {len(others):,} more: {by_code}",
        (),
        help=f"the first {SHOWN} are shown, errors before warnings: mend them and run vnetc again",
    )
    return replace(more, severity=others[0].severity)


def _position(diagnostic: Diagnostic) -> tuple[int, int, str]:
    span = diagnostic.span
    return (0, 0, diagnostic.code) if span is None else (span.line, span.column, diagnostic.code)


def _clean(diagnostic: Diagnostic) -> Diagnostic:
    return replace(
        diagnostic,
        message=printable(diagnostic.message),
        label=printable(diagnostic.label),
        help=printable(diagnostic.help),
        labels=tuple(replace(label, text=printable(label.text)) for label in diagnostic.labels),
    )
