"""Run jobs: `python3 -m runner JOBS OUT --tree NAME=DIRECTORY... [--parallel N]`.

JOBS is a JSON list of jobs. OUT gets a directory for each job, with its logs and `result.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from .job import Job, Result, run
from .sandbox import RESULTS, fork_into

FILE = "result.json"


def main() -> None:
    """Run the jobs of a file, several at once: most of a job's time is spent waiting."""
    arguments = argparse.ArgumentParser(prog="runner", description=__doc__)
    arguments.add_argument("jobs", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--tree", action="append", default=[], metavar="NAME=DIRECTORY")
    arguments.add_argument("--parallel", type=int, default=4)
    given = arguments.parse_args()
    trees: dict[str, str] = dict(tree.split("=", 1) for tree in given.tree)
    waiting = [Job.from_json(job) for job in json.loads(given.jobs.read_text())][::-1]
    running: dict[int, tuple[Job, float]] = {}
    while waiting or running:
        while waiting and len(running) < given.parallel:
            job = waiting.pop()
            running[_start(job, trees, given.out)] = job, time.monotonic()
        pid, status = os.wait()
        job, start = running.pop(pid)
        _report(job, given.out / job.id, status, time.monotonic() - start)


def _start(job: Job, trees: Mapping[str, str], top: Path) -> int:
    """Start a job in a sandbox; give its process id."""
    out = top / job.id
    out.mkdir(parents=True)

    def action() -> None:
        _write(run(job), RESULTS)

    return fork_into([trees[name] for name in job.trees], out.resolve(), action)


def _report(job: Job, out: Path, status: int, seconds: float) -> None:
    if not (out / FILE).exists():
        _write(Result(error=f"the sandbox died ({status}), see the runner's log"), out)
    failed = " FAILED" * bool(json.loads((out / FILE).read_text())["error"])
    print(f"{job.id} {seconds:.1f} s{failed}", flush=True)


def _write(result: Result, directory: Path) -> None:
    (directory / FILE).write_text(json.dumps(asdict(result)))


main()
