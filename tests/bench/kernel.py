"""Apply and plan against ip(8), in network namespaces of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from namespaces import missing, sandboxed

from bench.hosts import batch, bridges, removal
from bench.measure import Command, Cost, run
from bench.moving import CONTROL, MOVED, TIMEOUTS, pauses
from bench.parts import Goal, Part

__all__ = ["missing", "parts"]

HIDDEN = ("/run", "/var/lib")  # where apply has its files
PYTHON = sys.executable
VNETC = str(Path(PYTHON).with_name("vnetc"))
WORKER = str(Path(__file__).with_name("worker.py"))
FEW, MANY = 100, 1000
_ROUNDS = {FEW: 5, MANY: 3}  # to remove a thousand bridges takes most of a minute
_LOOKS = 4  # at what is there, each round
BATCH, EXECUTION, APPLY = "ip -batch", "taking the steps, alone", "vnetc apply"
DUMPS, PLANNING, PLAN = "ip -j, three dumps", "reading and planning, alone", "vnetc plan"

Runs = dict[str, list[tuple[float, float, float]]]


def parts(work: Path) -> Iterator[Part]:
    """Measure apply and plan at two sizes, and the pause when an address moves."""
    work = work / "kernel"
    work.mkdir()
    few, many = _costs(work, FEW), _costs(work, MANY)
    yield Part(
        f"Apply: {MANY} bridges, addresses and routes",
        "From nothing to all of them, against `ip -batch` with a file of the same. The command reads "
        "the document, plans, writes its journal, takes the steps, and reads all again to verify.",
        costs=_named(few, many, BATCH, EXECUTION, APPLY),
        goals=(
            Goal("taking the steps / `ip -batch`, wall", _wall(many, EXECUTION, BATCH), 1.2),
            Goal(f"`vnetc apply`, {MANY} / {FEW}, CPU", _growth(few, many, APPLY), 11.0),
        ),
    )
    yield Part(
        f"Plan: {MANY} bridges, addresses and routes, nothing to change",
        "Against `ip -d -j link`, `ip -j address` and `ip -d -j route show table all`, and parsing "
        "what they print.",
        costs=_named(few, many, DUMPS, PLANNING, PLAN),
        goals=(
            Goal("reading and planning / `ip -j`, wall", _wall(many, PLANNING, DUMPS), 1.5),
            Goal(f"`vnetc plan`, {MANY} / {FEW}, CPU", _growth(few, many, PLAN), 11.0),
        ),
    )
    yield _moving(work)


def _named(few: dict[str, Cost], many: dict[str, Cost], *names: str) -> dict[str, Cost]:
    return {
        f"{name}, {count}": costs[name]
        for count, costs in ((FEW, few), (MANY, many))
        for name in names
    }


def _wall(costs: dict[str, Cost], one: str, other: str) -> float:
    return costs[one].least_wall / costs[other].least_wall


def _growth(few: dict[str, Cost], many: dict[str, Cost], name: str) -> float:
    return many[name].least_cpu / few[name].least_cpu


def _costs(work: Path, count: int) -> dict[str, Cost]:
    document, made, gone = (work / f"{count}.{end}" for end in ("vnet.yaml", "batch", "gone"))
    document.write_text(bridges(count))
    made.write_text(batch(count))
    gone.write_text(removal(count))
    runs: Runs = _inside(work, lambda: _rounds(str(document), str(made), str(gone), _ROUNDS[count]))
    return {name: Cost(*zip(*costs, strict=True)) for name, costs in runs.items()}


def _rounds(document: str, made: str, gone: str, rounds: int) -> Runs:
    """Make the host three ways in turns; look at it in turns while it is there."""
    names = (BATCH, EXECUTION, APPLY, DUMPS, PLANNING, PLAN)
    runs: Runs = {name: [] for name in names}
    removed = Command(["ip", "-batch", gone])
    run(Command(["ip", "link", "set", "lo", "up"]))
    for _ in range(rounds):
        runs[BATCH].append(run(Command(["ip", "-batch", made])))
        run(removed)
        runs[EXECUTION].append(_phase("execution", document))
        run(removed)
        apply = [VNETC, "apply", document, "--yes", "--probe", "none"]
        runs[APPLY].append(run(Command(apply)))
        for _ in range(_LOOKS):
            runs[DUMPS].append(_phase("dumps"))
            runs[PLANNING].append(_phase("planning", document))
            runs[PLAN].append(run(Command([VNETC, "plan", document])))
        run(removed)
    return runs


def _phase(*words: str) -> tuple[float, float, float]:
    done = subprocess.run([PYTHON, WORKER, *words], check=True, stdout=subprocess.PIPE)
    wall, cpu, memory = json.loads(done.stdout)
    return wall, cpu, memory


def _moving(work: Path) -> Part:
    found: dict[str, list[float]] = _inside(work, lambda: pauses(VNETC, work))
    control, moved = found[CONTROL], found[MOVED]
    return Part(
        "Moving an address from eth0 to br0",
        "A TCP connection to the address says something every millisecond, and eth0 becomes a port "
        f"of br0 meanwhile. The longest pause, of {len(moved)} runs: {max(moved):.1f} ms, median "
        f"{median(moved):.1f} ms; when nothing changes {max(control):.1f} ms, median "
        f"{median(control):.1f} ms. A timeout of TCP's is 200 ms at least.",
        goals=(
            Goal("timeouts of TCP at both ends", sum(found[TIMEOUTS]), 0),
            Goal("longest pause more than without", max(moved) - max(control), 100.0, "ms"),
        ),
    )


def _inside(work: Path, body: Callable[[], object]) -> Any:
    """Run a piece in namespaces of its own, and give what it gives."""
    result = work / "result.json"
    sandboxed(lambda: result.write_text(json.dumps(body())), *HIDDEN)
    return json.loads(result.read_text())
