"""Reports in every format: golden texts, and the rules of the machine formats."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from vnetc.model.diagnostics import Diagnostic, Span
from vnetc.model.record import replace
from vnetc.report import FORMATS, dotted, render, summary
from vnetc.report.color import wanted

from .reports import CASES, GATEWAY, GOLDEN, KVM1, PINNED, RAW, WRITTEN, report, sarif_run


def golden(case: str, format: str) -> Path:
    return GOLDEN / f"{case}.{format}.txt"


@pytest.mark.parametrize(("case", "format"), WRITTEN)
def test_golden(case: str, format: str, update_golden: bool) -> None:
    actual = render(CASES[case], format)
    path = golden(case, format)
    if update_golden:
        path.write_text(actual, encoding="utf-8")

    assert actual == path.read_text(encoding="utf-8")


def test_no_stale_golden_file() -> None:
    assert set(GOLDEN.iterdir()) == {golden(*written) for written in WRITTEN}


# Colour


@pytest.mark.parametrize("format", FORMATS)
def test_colour_adds_only_colour(format: str) -> None:
    plain = render(CASES["sorted"], format)
    colored = render(CASES["sorted"], format, color=True)

    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert (colored != plain) == (format in ("full", "concise"))


@pytest.mark.parametrize(
    ("choice", "environ", "terminal", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_wanted(
    choice: Any, environ: dict[str, str], terminal: bool, expected: bool
) -> None:
    assert wanted(choice, environ, terminal) is expected


# Counts and spellings


@pytest.mark.parametrize(
    ("found", "files", "expected"),
    [
        ([], 1, "nothing to report in 1 file"),
        ([GATEWAY], 1, "1 error in 1 file"),
        ([GATEWAY, PINNED, PINNED], 3, "1 error, 2 warnings in 3 files"),
        ([RAW, RAW, GATEWAY, GATEWAY], 2, "2 errors, 2 notes in 2 files"),
    ],
)
def test_summary(found: list[Diagnostic], files: int, expected: str) -> None:
    reports = [report("a.yaml", KVM1, *found)] + [report("b.yaml", KVM1)] * (files - 1)

    assert summary(reports) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), ""),
        (("interfaces", "br0", "forward-delay"), "interfaces.br0.forward-delay"),
        (("interfaces", "eth0.10", "addresses", 0), 'interfaces."eth0.10".addresses[0]'),
        (("a\nb", 'c"d\\'), '"a\\nb"."c\\"d\\\\"'),
    ],
)
def test_dotted(path: tuple[str | int, ...], expected: str) -> None:
    assert dotted(path) == expected


# Formats for machines


def test_json_has_its_documented_shape() -> None:
    found = json.loads(render(CASES["two-places"], "json"))

    assert found == [
        {
            "code": "VN301",
            "severity": "error",
            "message": "gateway `192.168.200.1` is outside every subnet of `br0`",
            "label": "not reachable from here",
            "help": "a gateway in 192.168.1.0/24, or `on-link: true`",
            "file": "hosts/kvm1.vnet.yaml",
            "span": {"line": 12, "column": 33, "end_line": 12, "end_column": 46},
            "path": "networks.lan.routes[0].via",
            "labels": [
                {
                    "text": "`br0` is in 192.168.1.0/24",
                    "span": {"line": 9, "column": 17, "end_line": 9, "end_column": 33},
                    "path": "networks.lan.addresses[0]",
                }
            ],
            "url": "https://vnetc.readthedocs.io/en/latest/reference/codes/#vn301",
        }
    ]


@pytest.mark.parametrize("case", CASES)
def test_sarif_is_valid(case: str) -> None:
    run = sarif_run(CASES[case])

    assert len(run["results"]) == sum(len(report.diagnostics) for report in CASES[case])


@pytest.mark.parametrize(
    ("filename", "uri"),
    [
        ("./hosts/a b.yaml", "hosts/a%20b.yaml"),
        ("../x:y.yaml", "../x%3Ay.yaml"),
        ("é\udcff.yaml", "%C3%A9%FF.yaml"),
        ("/etc/a.yaml", "file:///etc/a.yaml"),
    ],
)
def test_sarif_uri(filename: str, uri: str) -> None:
    [result] = sarif_run([report(filename, KVM1, GATEWAY)])["results"]

    [location] = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_sarif_fingerprints_stay_when_lines_move_and_words_change() -> None:
    moved = replace(GATEWAY, span=Span(99, 1, 99, 5), message="in other words")

    def prints(*diagnostics: Diagnostic) -> list[str]:
        results = sarif_run([report("a.yaml", KVM1, *diagnostics)])["results"]
        return [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]

    assert prints(GATEWAY) == prints(moved)
    assert len(set(prints(GATEWAY, moved, PINNED))) == 3


def test_github_puts_errors_first_and_leaves_out_columns_of_several_lines() -> None:
    lines = render(CASES["sorted"], "github").splitlines()

    kinds = [line.split(" ")[0] for line in lines]
    assert kinds == ["::error"] * 4 + ["::warning", "::notice"]
    [block] = [line for line in lines if "VN110" in line]
    assert ",line=13,endLine=15::" in block


def test_junit_counts_and_parses() -> None:
    [suite] = ElementTree.fromstring(render(CASES["sorted"], "junit"))

    counts = {"tests": "7", "failures": "4", "errors": "0", "skipped": "0"}
    assert suite.attrib == {"name": "vnetc", **counts}
    cases = suite.findall("testcase")
    assert len(cases) == 7
    assert [case.get("file") for case in cases if case.get("name") == "clean"] == [
        "hosts/clean.vnet.yaml"
    ]
    failed = [case for case in cases if case.find("failure") is not None]
    assert len(failed) == 4


# Start-up


@pytest.mark.parametrize("format", ["full", "concise"])
def test_text_imports_nothing_of_the_other_formats(format: str) -> None:
    script = (
        "import sys; from vnetc.report import Report, render\n"
        "from vnetc.model.diagnostics import Diagnostic, Span\n"
        "found = (Diagnostic(code='VN101', message='m', span=Span(1, 1, 1, 2)),)\n"
        f"render([Report('a', ['abc'], found)], {format!r})\n"
        "print(*(sys.modules.keys() & {'json', 'xml', 'hashlib', 'urllib', 'unicodedata'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "\n"
