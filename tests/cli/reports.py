"""Findings that the tests report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from vnetc.model.codes import CODES
from vnetc.model.diagnostics import Diagnostic, Label, Span
from vnetc.report import FORMATS, Report, render

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
