"""The full format: each finding with its lines of the source and what is marked in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from vnetc.model.diagnostics import Diagnostic, Span
from vnetc.report import Report, place, printable
from vnetc.report.color import Paint, painter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from vnetc.report.secrets import Secrets

Mark: TypeAlias = tuple[Span, str, str]  # where, what to say about it, style
Stretch: TypeAlias = tuple[int, int, int]  # a line, its first character, the one after its last

WIDTH = 160  # columns of a source line to show at most
CUT = "..."


def render(reports: Sequence[Report], *, color: bool) -> str:
    """Write blocks in the manner of rustc, a blank line between them."""
    paint = painter(color)
    return "\n".join(
        _block(report, diagnostic, paint) for report in reports for diagnostic in report.diagnostics
    )


def _block(report: Report, diagnostic: Diagnostic, paint: Paint) -> str:
    severity = diagnostic.severity
    marks: list[Mark] = []
    shown = report.shown
    assert shown is not None, "`prepare` was not called"
    if diagnostic.span is not None:
        marks.append((shown.moved(diagnostic.span), diagnostic.label, severity))
    labels = [label for label in diagnostic.labels if label.span]
    marks += [(shown.moved(label.span), label.text, "frame") for label in labels if label.span]
    notes = [("note", label.text) for label in diagnostic.labels if label.span is None]
    if diagnostic.help:
        notes.append(("help", diagnostic.help))

    indent = " " * max((len(str(span.line)) for span, _, _ in marks), default=1)
    bar = paint("frame", f"{indent} |")
    title = paint(severity, f"{severity}[{diagnostic.code}]")
    rows = [
        title + paint("strong", f": {diagnostic.message}"),
        f"{indent}{paint('frame', '-->')} {place(report, diagnostic)}",
    ]
    if marks:
        rows += [bar, *_snippet(shown, marks, indent, paint)]
    if marks and notes:
        rows.append(bar)
    rows += [
        f"{indent} {paint('frame', '=')} {paint(kind, kind)}{paint('strong', ':')} {text}"
        for kind, text in notes
    ]
    return "\n".join(rows) + "\n"


def _snippet(lines: Secrets, marks: list[Mark], indent: str, paint: Paint) -> list[str]:
    """Show each marked line once, with its marks below it; of a long one, each marked stretch."""
    rows: list[str] = []
    previous = 0
    placed = sorted(((_stretch(lines, mark[0]), mark) for mark in marks), key=lambda pair: pair[0])
    for (number, start, stop), group in groupby(placed, key=lambda pair: pair[0]):
        if previous and number > previous + 1:
            rows.append(paint("frame", CUT))
        previous = number
        source = lines.line(number)
        before = CUT if start > 0 else ""
        after = CUT if stop < len(source) else ""
        text = f"{before}{_show(source[start:stop])}{after}".rstrip()
        rows.append(paint("frame", f"{number:>{len(indent)}} |") + (f" {text}" if text else ""))
        for _, (span, words, style) in group:
            first = _index(source, span)
            last = span.end_column - 1 if span.end_line == span.line else len(source.rstrip())
            blank = " " * (len(before) + _columns(source[start:first]))
            sign = "-" if style == "frame" else "^"
            carets = sign * max(1, _columns(source[first : min(last, stop)]))
            comment = f" {words}" if words else ""
            rows.append(
                f"{paint('frame', f'{indent} |')} {blank}{paint(style, f'{carets}{comment}')}"
            )
    return rows


def _index(source: str, span: Span) -> int:
    return min(span.column - 1, len(source))


def _stretch(lines: Secrets, span: Span) -> Stretch:
    """Choose what to show of a span's line: all, or `WIDTH` columns, a third of them before it."""
    source = lines.line(span.line)
    if len(source) <= WIDTH and _columns(source) <= WIDTH:
        return span.line, 0, len(source)
    start = _index(source, span)
    window = source[max(0, start - WIDTH // 3) : start + WIDTH]
    if window.isascii() and window.isprintable():  # a column for each character
        first = max(0, start - WIDTH // 3)
        return span.line, first, min(first + WIDTH, len(source))
    room = WIDTH // 3
    while start > 0 and (room := room - _columns(source[start - 1])) >= 0:
        start -= 1
    stop = start
    room = WIDTH
    while stop < len(source) and (room := room - _columns(source[stop])) >= 0:
        stop += 1
    return span.line, start, stop


def _show(source: str) -> str:
    return printable(source.replace("\t", "    "))


def _columns(source: str) -> int:
    """Count the columns that a piece of the source takes when shown."""
    shown = _show(source)
    if shown.isascii():
        return len(shown)
    # Here, since few documents need it and it costs 2 ms of start-up.
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(c) in ("Mn", "Me") else 2 if east_asian_width(c) in "WF" else 1 for c in shown
    )
