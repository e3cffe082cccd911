"""Every code has its page, and every page tells the truth: its examples are run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from vnetc.cli import main
from vnetc.model.codes import CODES

from tests.support.diagnose import diagnose, rendered

PAGES = Path(__file__).resolve().parents[2] / "compiler" / "explain"

# What a page in UTF-8 cannot show, what is too large for one, what no document alone can cause, and
# what should not exist.
WITHOUT_EXAMPLES = {"VN001", "VN002", "VN007", "VN901", "VN902"} | {
    code for code in CODES if code.startswith("VN6")
}
WITH_EXAMPLES = [code for code in CODES if code not in WITHOUT_EXAMPLES]

# A page has these parts in this order, and no other heading or block.
SHAPE = re.compile(
    r"""
    \#\ (?P<code>VN\d{3}):\ (?P<title>[^\n]+)\n
    \n(?P<text>(?:(?!\#|```)[^\n]*\n)+?)
    (?:
        \n\#\#\ Wrong\n\n```yaml\n(?P<wrong>.+?)```\n
        \n\#\#\ Right\n\n```yaml\n(?P<right>.+?)```\n
        (?:\n(?:(?!\#|```)[^\n]*\n)+)?
    )?
    """,
    re.VERBOSE | re.DOTALL,
)


def read(code: str) -> re.Match[str]:
    page = (PAGES / f"{code}.md").read_text("utf-8")
    parts = SHAPE.fullmatch(page)
    assert parts is not None, f"{code}.md does not have the shape of a page"
    return parts


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.name for path in PAGES.iterdir()} == {f"{code}.md" for code in CODES}


@pytest.mark.parametrize("code", CODES)
def test_the_title_is_the_registry_s(code: str) -> None:
    page = read(code)
    assert (page["code"], page["title"]) == (code, CODES[code][1])


@pytest.mark.parametrize("code", CODES)
def test_examples_are_there_unless_they_cannot_be(code: str) -> None:
    assert (read(code)["wrong"] is None) == (code in WITHOUT_EXAMPLES)


@pytest.mark.parametrize("code", CODES)
def test_lines_fit_a_terminal(code: str) -> None:
    assert max(map(len, read(code)[0].splitlines())) <= 110


@pytest.mark.parametrize("code", WITH_EXAMPLES)
def test_the_wrong_document_has_this_mistake_and_no_other(code: str) -> None:
    wrong = read(code)["wrong"]
    found = diagnose(wrong)
    assert {d.code for d in found} == {code}, rendered(wrong, code, found)


@pytest.mark.parametrize("code", WITH_EXAMPLES)
def test_the_right_document_is_right(code: str) -> None:
    right = read(code)["right"]
    found = diagnose(right)
    assert found == (), rendered(right, code, found)


@pytest.mark.parametrize("code", ["VN301", "vn301"])
def test_the_command_prints_the_page(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code]) == 0
    assert capsys.readouterr().out == (PAGES / "VN301.md").read_text("utf-8")


def test_the_command_lists_all_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(CODES)


def test_the_command_knows_a_near_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "VN300"]) == 2
    assert "there is no code 'VN300'" in capsys.readouterr().err
