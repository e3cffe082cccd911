"""The C scanner without the rest of ruamel.yaml: what language/yaml_fast.py relies on holds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

TEXT = """\
# of all kinds
version: 1
"quoted": ['a', "b\\n", {c: d}]
block: |
  two
  lines
folded: >-
  one
  line
anchor: &a {x: 1}
alias: *a
tagged: !!str 7
"""
_EVENTS = """
import json, sys
{before}
from vnetc.language import yaml_fast
{change}
parser = yaml_fast.c_parser()
names = sorted(name for name in sys.modules if name.startswith(("ruamel.yaml", "_ruamel")))
events = [] if parser is None else [
    [type(e).__name__, getattr(e, "value", None), e.start_mark.line, e.start_mark.column]
    for e in yaml_fast.c_events(parser, sys.stdin.read())
]
import ruamel.yaml
loaded = ruamel.yaml.YAML(typ="safe", pure=True).load("a: [1, 2]")
print(json.dumps([names, events, loaded]))
"""


def _run(*, before: str = "", change: str = "") -> tuple[list[str], list[Any], Any]:
    script = _EVENTS.format(before=before, change=change)
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, input=TEXT, capture_output=True, text=True, check=True)
    names, events, loaded = json.loads(ran.stdout)
    return names, events, loaded


@pytest.fixture(scope="module")
def whole() -> list[Any]:
    """Give the events of the scanner when all of ruamel.yaml is imported as usual."""
    _, events, _ = _run(before="import ruamel.yaml")
    assert [name for name, *_ in events].count("ScalarEvent") > 10
    return events


def test_the_scanner_alone(whole: list[Any]) -> None:
    """It reads as it does for ruamel.yaml, leaves nothing of it loaded, and whoever wants it gets it."""
    names, events, loaded = _run()
    assert names == ["_ruamel_yaml"]
    assert events == whole
    assert loaded == {"a": [1, 2]}


def test_a_scanner_that_wants_more_gets_all(whole: list[Any]) -> None:
    names, events, loaded = _run(change="sys.modules['ruamel.yaml.events'] = None")
    assert "ruamel.yaml.main" in names
    assert events == whole
    assert loaded == {"a": [1, 2]}
