"""Run jobs: `python3 -m runner JOBS OUT --tree NAME=DIRECTORY... [--parallel N]`.

JOBS is a JSON list of jobs. OUT gets a directory for each job, with its logs and `result.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from .job import Job, run


def main() -> None:
    """Run the jobs of a file, several at once: most of a job's time is spent waiting."""
    arguments = argparse.ArgumentParser(prog="runner", description=__doc__)
    arguments.add_argument("jobs", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--tree", action="append", default=[], metavar="NAME=DIRECTORY")
    arguments.add_argument("--parallel", type=int, default=4)
    given = arguments.parse_args()
    trees: dict[str, str] = dict(tree.split("=", 1) for tree in given.tree)
    jobs = [Job.from_json(job) for job in json.loads(given.jobs.read_text())]
    with ThreadPoolExecutor(given.parallel) as pool:
        for job_id in pool.map(lambda job: _run(job, trees, given.out), jobs):
            print(job_id, flush=True)


def _run(job: Job, trees: Mapping[str, str], top: Path) -> str:
    out = top / job.id
    result = run(job, trees, out)
    (out / "result.json").write_text(json.dumps(asdict(result)))
    return f"{job.id} {result.seconds.get('all', 0)} s{' FAILED' if result.error else ''}"


main()
