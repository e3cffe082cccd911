"""What all tests share: golden files and a look at the installation."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import vnetc

from .apply.host import Host
from .lab.machines.tree import OUT
from .support import namespaces
from .support.places import ROOT

_numbers = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what comes out into the golden files; look at the diff before you commit it",
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Stop if what is installed is not this checkout, but a copy: `sh bootstrap.sh` makes one."""
    if not hasattr(session.config, "workerinput"):  # a worker of pytest-xdist comes too late
        for file in (*OUT.glob("*/seconds.json"), OUT / "record.json"):
            file.unlink(missing_ok=True)
    if Path(vnetc.__file__).resolve().parent != ROOT / "compiler":
        raise pytest.UsageError(f"{vnetc.__file__} is not of this checkout: run `make dev`")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long each part of the lab took."""
    for file in sorted(OUT.glob("*/seconds.json")):
        seconds = json.loads(file.read_text())
        parts = ", ".join(f"{part} {value} s" for part, value in seconds.items())
        terminalreporter.write_line(f"lab, {file.parent.name}: {parts}")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written instead of compared."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def sandboxes() -> None:
    """Mark a test that needs namespaces of root's own."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip where they cannot be made: here, since of fixtures pytest tells each skip apart."""
    if "sandboxes" in getattr(item, "fixturenames", ()):
        namespaces.need(namespaces.missing())


@pytest.fixture
def host(sandboxes: None, tmp_path: Path) -> Iterator[Host]:
    """A network namespace of its own, with places for the files of apply."""
    name = f"vnetc-apply-{os.getpid()}-{next(_numbers)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield Host(name, tmp_path)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)
