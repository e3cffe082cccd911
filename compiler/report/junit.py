"""JUnit's XML, which build servers show as tests: one for each finding and each clean file."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from vnetc.model.diagnostics import Diagnostic
from vnetc.report import Report, place, printable, remarks


def render(reports: Sequence[Report], *, color: bool) -> str:
    """Write one suite. Errors are failures; a warning or note passes, with its text as output."""
    suite = Element("testsuite", name="vnetc")
    for report in reports:
        for diagnostic in report.diagnostics:
            _finding(suite, report, diagnostic)
        if not report.diagnostics:
            _case(suite, report, "clean")
    failures = str(len(suite.findall("testcase/failure")))
    suite.attrib |= {"tests": str(len(suite)), "failures": failures, "errors": "0", "skipped": "0"}
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    document: bytes = tostring(suites, encoding="us-ascii", xml_declaration=True)
    return document.decode() + "\n"


def _case(suite: Element, report: Report, name: str) -> Element:
    filename = printable(report.filename)
    return SubElement(suite, "testcase", name=name, classname=filename, file=filename)


def _finding(suite: Element, report: Report, diagnostic: Diagnostic) -> None:
    span = diagnostic.span
    name = f"{diagnostic.code} at {span.line}:{span.column}" if span else diagnostic.code
    case = _case(suite, report, name)
    message = diagnostic.message
    title = f"{place(report, diagnostic)}: {diagnostic.severity}[{diagnostic.code}]: {message}"
    text = "\n".join((title, *remarks(diagnostic)))
    if span:
        case.set("line", str(span.line))
    if diagnostic.severity == "error":
        SubElement(case, "failure", type=diagnostic.code, message=message).text = text
    else:
        SubElement(case, "system-out").text = text
