"""A code is found by its name: it is raised in one file of the checks, and that file's head names it."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from vnetc.model.codes import CODES

from tests.support.places import ROOT

RAISED = re.compile(r'diagnostic[(,]\s*"(VN\d{3})"')


def _files() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "compiler" / "checks").glob("*.py")):
        for code in sorted(set(RAISED.findall(path.read_text()))):
            found[code].append(path.name)
    return found


FILES = _files()


@pytest.mark.parametrize("code", sorted(FILES))
def test_one_code_one_file(code: str) -> None:
    assert code in CODES
    assert len(FILES[code]) == 1


def test_all_codes_of_the_checks_are_seen() -> None:
    """The pattern finds them all: codes of these bands are those of the checks."""
    bands = {code for code in CODES if code[2] in "234"}
    assert bands - FILES.keys() <= {"VN307", "VN317"}  # the language raises them
