"""One meaning, many spellings: what each target gets for each case, byte for byte.

A case is a folder of tests/backends/golden with a `spec.vnet.yaml`, or a sample, whose spec stays in
samples/. Beside it stands a folder for each target with the files as they lie on the host, or in
their place REFUSED.txt with what the target cannot express. `pytest --update-golden` rewrites all.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from vnetc.backends import REGISTRY
from vnetc.backends.target import Output
from vnetc.pipeline import check_text, compile_text
from vnetc.report import Report, render

from tests.support.places import GOLDEN, ROOT

REFUSED = "REFUSED.txt"
SUFFIX = ".vnet.yaml"


def _is_good(spec: Path) -> bool:
    return all(d.severity != "error" for d in check_text(spec.read_text()))


SPECS = {spec.parent.name: spec for spec in sorted(GOLDEN.glob(f"*/spec{SUFFIX}"))} | {
    spec.name.removesuffix(SUFFIX): spec
    for spec in sorted((ROOT / "samples").glob(f"*{SUFFIX}"))
    if _is_good(spec)
}


def _mode(path: str) -> int:
    """Give the permission bits that git does not keep: these files may hold secrets."""
    return 0o600 if path.startswith(("/etc/netplan/", "/etc/wpa_supplicant/")) else 0o644


def _files(spec: Path, case: str, output: Output) -> dict[str, str]:
    """Give the files of a golden folder by their paths in it."""
    if output.files:
        return {file.path.lstrip("/"): file.content for file in output.files}
    lines = spec.read_text().split("\n")
    report = Report(f"{case}{SUFFIX}", lines, output.diagnostics)
    return {REFUSED: render([report], "concise")}


@pytest.mark.parametrize("target", REGISTRY)
@pytest.mark.parametrize("case", SPECS)
def test_golden(case: str, target: str, update_golden: bool) -> None:
    spec = SPECS[case]
    output = compile_text(spec.read_text(), name=case, target=target)
    assert [f.mode for f in output.files] == [_mode(f.path) for f in output.files]
    wrong = {d.code for d in output.diagnostics if d.severity == "error"}
    assert all(code.startswith("VN5") for code in wrong), "a case is a good document"
    folder, files = GOLDEN / case / target, _files(spec, case, output)
    if update_golden:
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
    there = {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert there == files


def test_nothing_is_stale() -> None:
    """Every folder belongs to a case and a target that are still there."""
    folders = {path.relative_to(GOLDEN) for path in GOLDEN.glob("*/*") if path.is_dir()}
    assert folders == {Path(case, target) for case in SPECS for target in REGISTRY}
    assert {path.name for path in GOLDEN.iterdir()} == set(SPECS)


def test_every_target_refuses_and_expresses_something() -> None:
    """The cases are worth their while: no target compiles all of them or none."""
    for target in ("ifupdown", "ifupdown2", "ifupdown-ng"):
        refused = {case for case in SPECS if (GOLDEN / case / target / REFUSED).exists()}
        assert refused and refused != set(SPECS)
