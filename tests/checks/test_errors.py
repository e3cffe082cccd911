"""What a user sees: whole reports, compared to the character.

`errors/<case>.vnet.yaml` is a document with mistakes and `errors/<case>.txt` its report. Inputs that
are no text, or too large for a repository, are made here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from vnetc.language.tree import MAX_BYTES
from vnetc.model.codes import CODES

from tests.support.diagnose import diagnose, rendered

ERRORS = Path(__file__).resolve().parent / "errors"
SUFFIX = ".vnet.yaml"


def _interfaces(first: str, other: str) -> bytes:
    lines = "".join(f"  e{n}: {other}\n" for n in range(1, 320))
    return f"version: 1\ninterfaces:\n  e0: {first}\n{lines}".encode()


GOOD = b"version: 1\ninterfaces:\n  eth0: {description: Br\xc3\xbccke}\n"
MADE: dict[str, bytes] = {
    "bytes-latin-1": GOOD.decode().encode("latin-1"),
    "bytes-utf-16": GOOD.decode().encode("utf-16"),
    "bytes-cut": GOOD[: GOOD.index(b"\xbc")],  # in the middle of a character
    "bytes-nul": GOOD.replace(b"Br", b"Br\0"),
    "bytes-escape": GOOD.replace(b"Br", b"\x1b[31mBr"),
    "bytes-bom-within": GOOD.replace(b"  eth0", b"  \xef\xbb\xbfeth0"),
    "bytes-line-separator": GOOD.replace(b"Br", b"\xe2\x80\xa8"),
    "bytes-bom-crlf": b"\xef\xbb\xbf" + GOOD.replace(b"eth0", b"eth 0").replace(b"\n", b"\r\n"),
    "bytes-cr": GOOD.replace(b"eth0", b"eth 0").replace(b"\n", b"\r"),
    "bytes-none": b"",
    "bytes-large": GOOD + b"# " + b"x" * MAX_BYTES,
    "bytes-long-tag": GOOD.replace(b"Br", b"!" + b"x" * 2000 + b" Br"),
    "alias-list": _interfaces(
        f"&e {{addresses: [{', '.join(f'10.{n}.0.1/24' for n in range(200))}]}}", "*e"
    ),
    "alias-merges": _interfaces(
        f"&e {{mtu: 1500, routes: [{', '.join(f'{{to: 10.{n}.0.0/16}}' for n in range(100))}]}}",
        "{<<: [*e, *e]}",
    ),
    "alias-long-text": _interfaces(f"&e {{description: {'x' * 6400}}}", "*e"),
    "many-findings": _interfaces("{mtu: x, mtu: y}", "{mtu: 1}")
    + b"  z: {}\nnetworks: {n: {mode: bridge, addresses: [1, 2]}} # vnetc: ignore[VN408]\n",
    "long-words": b"version: 1\nhost: " + b"h" * 999 + b"\n" + b"k" * 999 + b": 1\ninterfaces:\n"
    b"  eth0: {mtu: " + b"m" * 999 + b", addresses: [{" + b"a" * 999 + b": 1}]}\n",
}
# A fault of vnetc itself: there is none to show. What `vnetc apply` says depends on the kernel.
IMPOSSIBLE = {"VN901"} | {code for code in CODES if code.startswith("VN6")}


def documents() -> dict[str, bytes]:
    files = {path.name.removesuffix(SUFFIX): path.read_bytes() for path in ERRORS.glob("*.yaml")}
    return files | MADE


def report(case: str, source: bytes) -> str:
    return rendered(source, case + SUFFIX, diagnose(source, case))


@pytest.mark.parametrize("case", sorted(documents()))
def test_the_report_is_the_expected_one(case: str, update_golden: bool) -> None:
    expected = ERRORS / f"{case}.txt"
    said = report(case, documents()[case])
    if update_golden:
        expected.write_text(said, "utf-8")
    assert said == expected.read_text("utf-8")


def test_every_report_has_its_document(update_golden: bool) -> None:
    stale = [path for path in ERRORS.glob("*.txt") if path.stem not in documents()]
    if update_golden:
        for path in stale:
            path.unlink()
        return
    assert stale == []


def test_every_code_is_in_a_report() -> None:
    reports = "".join(path.read_text("utf-8") for path in ERRORS.glob("*.txt"))
    assert set(re.findall(r"^(?:error|warning|note)\[(VN\d{3})\]", reports, re.MULTILINE)) == (
        set(CODES) - IMPOSSIBLE
    )
