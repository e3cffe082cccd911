"""Reports of anything at all: more than anybody reads, hostile text, and secrets."""

from __future__ import annotations

import json
import os
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vnetc import check_text
from vnetc.cli.documents import lines
from vnetc.model.codes import CODES
from vnetc.model.diagnostics import Diagnostic, Label, Span
from vnetc.report import FORMATS, Report, printable, render, summary

from .reports import sarif_run

# More than anybody reads


def many(*counts: tuple[str, int]) -> list[Report]:
    """Make a report of so many findings of each code, in this order, with a line for each."""
    found = [code for code, count in counts for _ in range(count)]
    diagnostics = [
        Diagnostic(code=code, message="m", span=Span(n, 1, n, 2), severity=CODES[code][0])
        for n, code in enumerate(found, 1)
    ]
    return [Report("a.yaml", ["x"] * len(found), tuple(diagnostics))]


@pytest.mark.parametrize("format", FORMATS)
def test_a_report_ends(format: str) -> None:
    reports = many(("VN113", 400), ("VN102", 39_800), ("VN105", 101), ("VN114", 1))
    text = render(reports, format)
    more = "and 40,002 more: 39,500 VN102, 400 VN113, 101 VN105, 1 VN114"
    assert more in text
    assert "VN113" not in text.replace(more, "")  # no warning takes the place of an error
    assert len(text) < 400_000
    assert summary(reports) == "39901 errors, 400 warnings, 1 note in 1 file"


@pytest.mark.parametrize(
    ("counts", "severity"),
    [
        ([("VN102", 301)], "error"),
        ([("VN113", 300), ("VN102", 301)], "error"),
        ([("VN102", 300), ("VN113", 1)], "warning"),
        ([("VN102", 300), ("VN114", 1)], "note"),
    ],
)
def test_what_is_not_shown_is_as_bad_as_its_worst(
    counts: list[tuple[str, int]], severity: str
) -> None:
    *shown, more = json.loads(render(many(*counts), "json"))
    assert [finding["code"] for finding in shown] == ["VN102"] * 300
    assert (more["code"], more["severity"], more["span"]) == ("VN902", severity, None)


def test_three_hundred_findings_are_all_shown() -> None:
    shown = json.loads(render(many(("VN113", 100), ("VN102", 200)), "json"))
    assert [finding["span"]["line"] for finding in shown] == [*range(1, 301)]


# Anything at all

anything = st.text(st.characters(), max_size=40)
spans = st.builds(
    lambda line, column, lines, columns: Span(
        line, column, line + lines, columns if lines else column + columns
    ),
    st.integers(1, 6),
    st.integers(1, 60),
    st.integers(0, 2),
    st.integers(1, 9),
)
labels = st.builds(Label, text=anything, span=st.none() | spans)
paths = st.lists(anything | st.integers(0, 9), max_size=3).map(tuple)
diagnostics = st.builds(
    Diagnostic,
    code=st.sampled_from(sorted(CODES)),
    message=anything.filter(bool),
    path=paths,
    span=st.none() | spans,
    label=anything,
    labels=st.lists(labels, max_size=3).map(tuple),
    help=anything,
    severity=st.sampled_from(["error", "warning", "note"]),
)
hostile_reports = st.lists(
    st.builds(
        Report,
        st.binary(min_size=1, max_size=20).map(os.fsdecode),
        st.lists(anything | st.text(max_size=40).map(lambda text: text * 9), max_size=6),
        st.lists(diagnostics, max_size=4).map(tuple),
    ),
    max_size=3,
)


@settings(deadline=None)
@given(hostile_reports)
def test_any_text_is_harmless_in_every_format(reports: list[Report]) -> None:
    written = {format: render(reports, format) for format in FORMATS}

    for text in written.values():
        for line in text.split("\n"):
            assert line.isprintable()
    found = sum(len(report.diagnostics) for report in reports)
    assert written["concise"].count("\n") == found
    commands = written["github"].splitlines()
    assert len(commands) == found
    for command in commands:
        assert re.match(r"::(error|warning|notice) title=vnetc \(VN\d+\),file=[^:,]*[:,]", command)
    assert written["json"].isascii()
    assert len(json.loads(written["json"])) == found
    assert written["sarif"].isascii()
    assert len(sarif_run(reports)["results"]) == found
    clean = sum(not report.diagnostics for report in reports)
    assert len(ElementTree.fromstring(written["junit"]).findall("*/testcase")) == found + clean


@given(anything)
def test_printable_keeps_what_it_can(text: str) -> None:
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text


@settings(deadline=None)
@given(hostile_reports)
def test_order_of_input_does_not_matter(reports: list[Report]) -> None:
    unique = list({report.filename: report for report in reports}.values())

    for format in FORMATS:
        assert render(unique, format) == render(unique[::-1], format)


# --- secrets --------------------------------------------------------------------------------------

MARKER = "S3CR3T"
KEY = f"{MARKER}{'x' * 36}A="  # fits a WireGuard key
WRONG_KEY = f"{MARKER}-hunter-2"  # fits none

# Documents with a secret in place of `@`, and something else that is wrong.
SECRET = {
    "flow": "interfaces: {wg0: {type: wireguard, private-key: @, prot: 5}}",
    "flow, before": "interfaces: {wg0: {prot: 5, private-key: '@', type: wireguard}}",
    "block": "interfaces:\n  wg0: {mtu: 0}\n  wg1:\n    type: wireguard\n    private-key: @\n",
    "peer": 'interfaces: {w: {type: wireguard, peers: [{public-key: 1, preshared-key: "@", x: 1}]}}',
    "unknown key": "interfaces: {wg0: {type: wireguard, privat-key: @}}",
    "another program's word": "interfaces: {wg0: {type: wireguard, PrivateKey: @}}",
    "another mapping": "interfaces: {wg0: {type: wireguard, private-key: {text: @}}}",
    "a list": "interfaces: {wg0: {type: wireguard, private-key: [@, 1]}}",
    "a key": "interfaces: {wg0: {type: wireguard, private-key: {@: 1}}}",
    "a set": "interfaces: {wg0: {type: wireguard, private-key: {@}}}",
    "no file": "interfaces: {wg0: {type: wireguard, private-key: {file: @}}}",
    "no blank": "interfaces: {wg0: {type: wireguard, private-key:@}}",
    "no blank, misspelt": "interfaces: {wg0: {type: wireguard privat:-key:@}}",
    "no blank, nearly a key": "interfaces: {wg0: {type: wireguard private-xey:@}}",
    "tag": "interfaces: {wg0: {type: wireguard, private-key: !@ x}}",
    "alias": "interfaces: {wg0: {type: wireguard, private-key: *@ }}",
    "anchor": "interfaces: {wg0: {description: &k @, type: wireguard, mtu: 0, private-key: *k }}",
    "twice": "interfaces: {wg0: {type: wireguard, private-key: @, private-key: @}}",
    "raw": "interfaces: {eth0: {raw: {networkd: {WireGuard: {PrivateKey: @, 'x y': 1}}}}}",
    "comment": "interfaces: {wg0: {x: 1}}  # private-key: @",
    "below": "interfaces:\n  wg0: {type: wireguard, private-key:\n      @, prot: 5}",
    "text": "interfaces:\n  wg0:\n    type: wireguard\n    private-key: |\n      @\n    prot: 5",
    "not closed": 'interfaces: {wg0: {type: wireguard, private-key: "@}}',
    "not YAML": "interfaces:\n  wg0:\n    private-key: @\n   mtu: 5",
    "not YAML, commented": "interfaces:\n  wg0:\n    private-key: # mine\n      @: @: x\n",
    "not YAML, no file": "interfaces:\n  wg0:\n    private-key:\n      file: @: @: x\n",
    "not YAML, below": "interfaces:\n  wg0:\n    private-key:\n      @: @: @\n",
}


def everything_said(source: str) -> str:
    """Render what is wrong with a document in all formats."""
    found = check_text(source, name="host")
    assert found
    reported = [Report("host.yaml", lines(source.encode()), found)]
    return "".join(render(reported, format) for format in FORMATS)


@pytest.mark.parametrize("secret", [KEY, WRONG_KEY, f"{WRONG_KEY}{'y' * 120}"])
@pytest.mark.parametrize("case", SECRET)
def test_secrets_are_not_shown(case: str, secret: str) -> None:
    assert MARKER not in everything_said(f"version: 1\n{SECRET[case].replace('@', secret)}\n")


def test_secrets_are_shown_elsewhere() -> None:
    """The test above can fail: what is no secret is quoted."""
    assert MARKER in everything_said(f"version: 1\ninterfaces: {{wg0: {{mtu: {WRONG_KEY}}}}}\n")


def test_numbers_as_secrets() -> None:
    said = everything_said(
        "version: 1\ninterfaces: {w: {type: wireguard, private-key: 87654321}}\n"
    )
    assert "87654321" not in said


@given(
    st.sampled_from(sorted(SECRET)),
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from("x:-{}[],'\"# \n\t&*!|%@")), max_size=4
    ),
)
@settings(max_examples=300, deadline=None)
def test_a_key_is_not_shown_whatever_else_is_wrong(case: str, typos: list[tuple[int, str]]) -> None:
    source = f"version: 1\nx: 1\n{SECRET[case]}\n"
    for position, character in typos:
        at = position % len(source)
        if source[at] != "@" and character != "@":
            source = source[:at] + character + source[at + 1 :]
    assert MARKER not in everything_said(source.replace("@", KEY))


def test_what_is_no_secret_stays() -> None:
    source = (
        "version: 1\ninterfaces: {wg0: {type: wireguard, private-key: {file: /etc/wg.key}, prot: 5,"
        f" peers: [{{public-key: {'x' * 42}A=}}]}}}}\n"
    )
    said = everything_said(source)
    assert source.splitlines()[1] in said


def test_marks_stand_below_what_they_mark() -> None:
    source = f"version: 1\ninterfaces: {{w: {{type: wireguard, private-key: {KEY}, prot: 5}}}}\n"
    found = [d for d in check_text(source) if d.code == "VN101"]
    shown = render([Report("h", lines(source.encode()), tuple(found))], "full").splitlines()
    line, carets = shown[3:5]
    assert line[carets.index("^") : carets.rindex("^") + 1] == "prot"
