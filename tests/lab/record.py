"""Try experiments, each on the cheapest kernel that can; and keep a record for the report.

This machine's kernel is twenty times faster than one in a virtual machine without KVM. So the full
tier gets what the quick one cannot do; `VNETC_LAB=full` sends everything there, `VNETC_LAB=quick`
nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from .experiments import Experiment
from .machines import tier, vm
from .runner.job import Job

CHOICE = os.environ.get("VNETC_LAB", "")
assert CHOICE in ("", "quick", "full"), f"VNETC_LAB is neither quick nor full: {CHOICE}"
FILE = tier.OUT / "record.json"


@dataclass(frozen=True)
class Attempt:
    """What came of an experiment: nothing in `skipped` and `wrong` means that all is well."""

    name: str
    tier: str
    targets: tuple[str, ...]  # the renderers that took part
    generation: str
    proves: tuple[str, ...]  # rows of the support tables
    skipped: str = ""  # the reason
    wrong: str = ""


def attempt(experiments: Sequence[Experiment], prefix: str = "") -> dict[str, Attempt]:
    """Try experiments; give what came of each, by its name.

    Directories of results are named after the tier, with a prefix.
    """
    lacks = tier.kernel_lacks()
    here = [e for e in experiments if not e.needs & lacks and CHOICE != "full"]
    there = [e for e in experiments if e not in here]
    run = tier.quick(_jobs(here), f"{prefix}quick")
    attempts = {e.name: _judge(e, f"{prefix}quick", run) for e in here}
    if there:
        reason = vm.missing() if CHOICE != "quick" else "VNETC_LAB=quick"
        if reason is None:
            run = tier.full(_jobs(there), f"{prefix}full")
            attempts |= {e.name: _judge(e, f"{prefix}full", run) for e in there}
        else:
            for e in there:
                lacking = ", ".join(sorted(e.needs & lacks)) or "nothing"
                why = f"this kernel lacks {lacking}, and the full tier: {reason}"
                attempts[e.name] = _attempt(e, "full", skipped=why)
    return attempts


def write(attempts: Sequence[Attempt], *, complete: bool) -> None:
    """Write the record of a run; there is none of one that left something out."""
    FILE.unlink(missing_ok=True)
    if complete:
        FILE.write_text(json.dumps([asdict(a) for a in attempts]))


def _judge(experiment: Experiment, name: str, run: tier.Run) -> Attempt:
    results = {target: run.results[job.id] for target, job in experiment.jobs.items()}
    wrong = experiment.verdict(results)
    if wrong:
        logs = ", ".join(str(tier.OUT / name / job.id) for job in experiment.jobs.values())
        wrong += f"\nlogs: {logs}"
    return _attempt(experiment, name, wrong=wrong)


def _attempt(experiment: Experiment, name: str, *, wrong: str = "", skipped: str = "") -> Attempt:
    return Attempt(
        name=experiment.name,
        tier=name,
        targets=tuple(experiment.jobs),
        generation=experiment.generation,
        proves=tuple(sorted(experiment.proves)),
        wrong=wrong,
        skipped=skipped,
    )


def _jobs(experiments: Sequence[Experiment]) -> list[Job]:
    """List the jobs, the longest first: several run at once, and none should be left alone."""
    jobs = {job.id: job for e in experiments for job in e.jobs.values()}
    return sorted(jobs.values(), key=_weight, reverse=True)


def _weight(job: Job) -> tuple[int, bool, bool, int]:
    """Guess how long a job takes: acts come one after another, a lie makes others wait for what does
    not come, packets take their time, and ifupdown starts programs for every line that it is told.
    """
    lines = sum(file.content.count("\n") for file in job.files)
    cost = lines * (10 if job.renderer.startswith("ifupdown") else 1)
    return len(job.acts), job.id.startswith("lie-"), job.scenario is not None, cost


def attempts() -> list[Attempt]:
    """Read the record of the last run."""
    return [Attempt(**data) for data in json.loads(FILE.read_text())]
