"""Acts: what is done to a host that is up, one thing after another, and its state after each."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .boot import File, install, leased, settle
from .collect import collect
from .flows import Flows
from .sandbox import LIMIT, RESULTS, LabError, Sandbox

LOG = "acts.log"
PATIENCE = 10.0  # seconds for leases: that a host has none is what a comparison shows then
# The exit code of a line that ends the play: this act and those behind it have no point.
ENOUGH = 99


@dataclass(frozen=True)
class Act:
    """Files to put in place, then lines of sh(1), and others when the network stands still.

    All of them must succeed.
    """

    name: str
    files: tuple[File, ...] = ()
    lines: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    collects: bool = True  # else its state is of no interest

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Act:
        """Make an act of what `dataclasses.asdict` and JSON made of it."""
        return cls(
            name=data["name"],
            files=tuple(File(**file) for file in data["files"]),
            lines=tuple(data["lines"]),
            checks=tuple(data["checks"]),
            collects=data["collects"],
        )


@dataclass(frozen=True)
class Scene:
    """What came of an act: what went wrong, if anything, the host's state (collect.py), and more."""

    name: str
    error: str = ""
    raw: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)  # of each flow (flows.py)
    said: str = ""  # by the programs


class _EnoughError(Exception):
    pass


def play(box: Sandbox, acts: Iterable[Act], flows: Flows) -> Iterator[Scene]:
    """Play acts in order; one that goes wrong keeps none of the others from being tried."""
    for act in acts:
        start = _end_of_log()
        mark = flows.mark()
        try:
            install(act.files)
            _run(box, act.lines)
            settle(box, act.name, partial(_leased_by, time.monotonic() + PATIENCE))
            _run(box, act.checks)
            error = ""
        except _EnoughError:
            return
        except LabError as wrong:
            error = f"{wrong}\n{_log_since(start)}".strip()
        raw = collect(box) if act.collects else {}
        yield Scene(act.name, error, raw, flows.lost(mark), _log_since(start))


def _leased_by(end: float) -> bool:
    return leased() or time.monotonic() > end


def _run(box: Sandbox, lines: Sequence[str]) -> None:
    for line in lines:
        process = box.start("sh", "-c", line, log=LOG)
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise LabError(f"`{line}` took more than {LIMIT:.0f} s") from None
        if code == ENOUGH:
            raise _EnoughError
        if code:
            raise LabError(f"`{line}` failed ({code})")


def _end_of_log() -> int:
    log = RESULTS / LOG
    return log.stat().st_size if log.exists() else 0


def _log_since(start: int) -> str:
    log = RESULTS / LOG
    return log.read_bytes()[start:].decode(errors="replace") if log.exists() else ""
