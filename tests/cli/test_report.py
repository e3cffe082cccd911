"""Reports in every format: golden texts, the rules of the machine formats, hostile input."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vnetc import check_text
from vnetc.cli.documents import lines
from vnetc.model.diagnostics import CODES, Diagnostic, Label, Span
from vnetc.model.record import replace
from vnetc.report import FORMATS, Report, dotted, printable, render, summary
from vnetc.report.color import wanted

GOLDEN = Path(__file__).parent / "report"

KVM1 = """\
version: 1
host: kvm1
interfaces:
  eth0: {}
networks:
  lan:
    mode: bridge
    bridge: br0
    addresses: [192.168.1.110/24]
    uplink: eth0
    stp: no # not a boolean in YAML 1.2
    routes: [{to: default, via: 192.168.200.1}]
    dhcp:
      range: 192.168.1.1 - 192.168.1.9
      lease-time: 12h
"""


def at(text: str, piece: str, nth: int = 1) -> Span:
    """Find the place of a piece of a text, which may have several lines."""
    start = -1
    for _ in range(nth):
        start = text.index(piece, start + 1)
    end = start + len(piece)
    return Span(
        text.count("\n", 0, start) + 1,
        start - text.rfind("\n", 0, start),
        text.count("\n", 0, end) + 1,
        end - text.rfind("\n", 0, end),
    )


def report(filename: str, text: str, *diagnostics: Diagnostic) -> Report:
    return Report(filename, text.split("\n"), diagnostics)


GATEWAY = Diagnostic(
    code="VN301",
    message="gateway `192.168.200.1` is outside every subnet of `br0`",
    path=("networks", "lan", "routes", 0, "via"),
    span=at(KVM1, "192.168.200.1"),
    label="not reachable from here",
    labels=(
        Label(
            text="`br0` is in 192.168.1.0/24",
            path=("networks", "lan", "addresses", 0),
            span=at(KVM1, "192.168.1.110/24"),
        ),
    ),
    help="a gateway in 192.168.1.0/24, or `on-link: true`",
)
BOOLEAN = Diagnostic(
    code="VN102",
    message="`stp` is not a boolean",
    path=("networks", "lan", "stp"),
    span=at(KVM1, "no"),
    help="`true` or `false`",
)
BLOCK = Diagnostic(
    code="VN110",
    message="`dhcp` belongs to mode nat",
    path=("networks", "lan", "dhcp"),
    span=at(KVM1, KVM1[KVM1.index("dhcp:") :].rstrip("\n")),
    label="of no use here",
    labels=(
        Label(text="the mode", path=("networks", "lan", "mode"), span=at(KVM1, "bridge", 1)),
        Label(text="the same device", path=("networks", "lan", "bridge"), span=at(KVM1, "br0", 1)),
    ),
)
PINNED = Diagnostic(
    code="VN408",
    message="DHCP on `br0` without a pinned MAC address",
    path=("networks", "lan"),
    part="key",
    span=at(KVM1, "lan"),
    severity="warning",
)
RAW = Diagnostic(
    code="VN114",
    message="raw text: 50% checked",
    path=("raw", "a.b"),
    span=at(KVM1, "host"),
    severity="note",
)
UNREADABLE = Diagnostic(code="VN901", message="the file cannot be read: permission denied")

TWICE = "a: {ports: [eth0], ports: [eth1]}\n"
WIDE = 'x: {名: "é\u0301漢字 タＢ", 値: oops}\n\tkey:\tvalue\n'
LONG = "list: [" + ", ".join(f"eth{n}" for n in range(2000)) + "]\n"
HOSTILE = "key: \x1b[31mred\x1b[0m\u202e\x07 \x9b2J bad\n"

CASES: dict[str, list[Report]] = {
    "two-places": [report("hosts/kvm1.vnet.yaml", KVM1, GATEWAY)],
    "sorted": [
        report("hosts/kvm2.vnet.yaml", KVM1, RAW),
        report("hosts/kvm1.vnet.yaml", KVM1, BLOCK, GATEWAY, PINNED, BOOLEAN),
        report("hosts/clean.vnet.yaml", KVM1),
        report("hosts/absent.vnet.yaml", "", UNREADABLE),
    ],
    "same-line": [
        report(
            "twice.yaml",
            TWICE,
            Diagnostic(
                code="VN004",
                message="`ports` appears twice",
                path=("a", "ports"),
                span=at(TWICE, "ports", 2),
                labels=(Label(text="first here", path=("a", "ports"), span=at(TWICE, "ports")),),
            ),
        )
    ],
    "wide": [
        report(
            "wide.yaml",
            WIDE,
            Diagnostic(
                code="VN102",
                message="not a number",
                path=("x", "値"),
                span=at(WIDE, "oops"),
                label="漢字",
                labels=(
                    Label(text="a text", path=("x", "名"), span=at(WIDE, '"é\u0301漢字 タＢ"')),
                ),
            ),
            Diagnostic(code="VN003", message="a tab", path=(), span=at(WIDE, "value")),
        )
    ],
    "long-line": [
        report(
            "long.yaml",
            LONG,
            Diagnostic(
                code="VN206",
                message="`eth7` is there twice",
                span=at(LONG, "eth1777"),
                label="again",
                labels=(
                    Label(text="first", span=at(LONG, "eth7,")),
                    Label(text="the last", span=at(LONG, "eth1999")),
                    Label(text="close by", span=at(LONG, "eth3,")),
                ),
            ),
            Diagnostic(code="VN102", message="all of it", span=at(LONG, LONG[6:-1])),
        )
    ],
    "end": [
        report(
            "end.yaml",
            "a: [1,\n",
            Diagnostic(code="VN003", message="the list does not end", span=Span(2, 1, 2, 1)),
            Diagnostic(code="VN003", message="nor does the file", span=Span(3, 1, 3, 1)),
            Diagnostic(code="VN103", message="an odd span", span=Span(1, 99, 1, 99)),
        )
    ],
    "hostile": [
        report(
            "a\x1b]0;x\x07\r\n,b:%c\udcff.yaml",
            HOSTILE,
            Diagnostic(
                code="VN101",
                message="unknown key `\x1b[2J\n::error::%0A` <&]]>",
                path=("\x1b", "a.b", 'q"\\', 3),
                span=at(HOSTILE, "bad"),
                label="\x9b1m\t",
                labels=(
                    Label(text="\u2028here", span=at(HOSTILE, "red")),
                    Label(text="in another file"),
                ),
                help="not \x00 that",
            ),
        )
    ],
    "clean": [report("a.yaml", KVM1), report("b.yaml", KVM1)],
}
WRITTEN = [(case, format) for case in CASES for format in FORMATS]


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


def sarif_run(reports: list[Report]) -> dict[str, Any]:
    """Parse, require what SARIF 2.1.0 requires, and give the only run."""
    log = json.loads(render(reports, "sarif"))
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "vnetc"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", driver["version"])
    ids = [rule["id"] for rule in driver["rules"]]
    assert ids == sorted(set(ids))
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"] == CODES[rule["id"]][1]
        assert rule["helpUri"].endswith(f"/#{rule['id'].lower()}")
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    prints = []
    for result in run["results"]:
        assert result["ruleId"] == ids[result["ruleIndex"]]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        [location] = result["locations"]
        related = result.get("relatedLocations", [])
        assert len({other["id"] for other in related}) == len(related)
        for place in [location, *related]:
            physical = place["physicalLocation"]
            uri = physical["artifactLocation"]["uri"]
            assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+|file:///.*", uri)
            for value in physical.get("region", {}).values():
                assert value >= 1
        prints.append((uri, result["ruleId"], *result["partialFingerprints"].values()))
    assert len(prints) == len(set(prints))
    return run


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
