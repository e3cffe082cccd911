"""What make starts does not see whose environment it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.places import ROOT

PROGRAMS = ("lint-imports", "mkdocs", "mypy", "pip", "pyright", "pytest", "python", "ruff")
# where apt, pip and node find packages
NEEDED = {
    "HOME": "/nowhere",
    "PIP_INDEX_URL": "https://pip.example.org/a b/$HOME",
    "SSL_CERT_FILE": "/nowhere/certificates.pem",
    "https_proxy": "http://proxy.example.org",
}
STRAY = (
    *("PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS", "PIP_TARGET"),
    *("LANG", "LC_ALL", "TERM", "TMPDIR", "SHELL", "GIT_DIR", "SSH_CONNECTION", "VNETC_STRAY"),
)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("target", ["test", "golden", "lab", "docs"])
def test_nothing_stray_reaches_what_make_starts(target: str, tmp_path: Path) -> None:
    """The programs of a target are replaced by one that writes down its environment."""
    for program in PROGRAMS:
        path = tmp_path / program
        path.write_text('#!/bin/sh\nenv --null >>"$0.environment"\n')
        path.chmod(0o755)

    command = ["make", "--directory", str(ROOT), "--old-file", "dev", f"BIN={tmp_path}", target]
    environment = {"PATH": os.environ["PATH"], **dict.fromkeys(STRAY, "stray"), **NEEDED}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)

    written = sorted(tmp_path.glob("*.environment"))
    assert written
    for path in written:
        found = dict(line.split("=", 1) for line in path.read_text().split("\0") if line)
        assert NEEDED.items() <= found.items()
        assert "stray" not in found.values()
        made = found.keys() - NEEDED.keys() - {"NO_MKDOCS_2_WARNING"}
        assert made <= {"PATH", "SHELL", "MAKELEVEL", "PWD", "OLDPWD", "_"}, path.name
