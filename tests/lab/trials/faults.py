"""Faults: `vnetc apply` is killed in the middle, and the host must be what it was before.

After each step, one after another: what survives the death has until the network stands still to
take back what was done, and `vnetc rollback` then finds nothing to do or does the rest. Each time
the kernel must hold what it held before the document was known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.lab.case import APPLIED, Case
from tests.lab.experiments import Experiment
from tests.lab.runner.acts import Act
from tests.lab.runner.boot import DOCUMENT, File
from tests.lab.runner.job import Job, Result
from tests.lab.states.comparison import unequal
from tests.lab.states.state import State, interpret

from .transitions import ALL, EVERYWHERE, GENERATION, Stage, samples, without_leftovers

# After which steps a run of all tests kills: the first ones, and fewer of those that come later.
SOME = (1, 2, 4, 8, 16, 32, 64)
RARE_FAULTS = 4  # in the virtual machine, unless all are wanted
_KILLER = Path(__file__).parents[1] / "runner" / "killed.py"
_FILE = File("/usr/local/lib/lab/killed.py", _KILLER.read_text())
_KILLED = 137  # as sh(1) says of a program that SIGKILL ended
# VN604: the guardian is at it; VN615: there is nothing to do any more.
_DONE_BY_GUARDIAN = """\
while :; do
    said=$(vnetc rollback 2>&1); echo "$said"
    case $said in *VN604*) sleep 0.2 ;; *VN615*) exit 0 ;; *) exit 1 ;; esac
done"""


@dataclass(frozen=True)
class Fault(Experiment):
    """A document whose application is killed again and again, on a host that has another, or none."""

    before: Case | None
    case: Case
    generation: str = GENERATION

    @property
    def name(self) -> str:
        start = "nothing" if self.before is None else self.before.name
        return f"fault-{start}-{self.case.name}@{self.generation}"

    @property
    def needs(self) -> frozenset[str]:
        return self.case.needs() | (self.before.needs() if self.before else frozenset())

    @property
    def stage(self) -> Stage:
        """What is around the host."""
        return Stage.of([self.case, *([self.before] if self.before else [])])

    def make_jobs(self) -> Mapping[str, Job]:
        acts = [*_acts((_FILE, *self.case.jobs(self.generation)[APPLIED].files))]
        job = self.stage.job(self.before or self.case, self.name, acts)
        if self.before is None:
            job = replace(job, renderer="", files=())
        return {APPLIED: job}

    def _state(self, raw: Mapping[str, str]) -> State:
        return without_leftovers(interpret(raw, self.stage.cards))

    def verdict(self, results: Mapping[str, Result]) -> str:
        result = results[APPLIED]
        wrong = [result.error] if result.error else []
        if not result.error and not result.scenes:
            wrong.append("nothing was killed: the first step is not one")
        for scene in result.scenes:
            states = {"before": self._state(result.raw), "afterwards": self._state(scene.raw)}
            host = (self.before or self.case).host
            found = scene.error or "\n".join(unequal(host, states))
            if found:
                wrong.append(f"{scene.name}:\n{found}")
        return "\n".join(wrong)


def _acts(files: tuple[File, ...]) -> Iterator[Act]:
    """Give the deaths: with the guardian, who takes all back at once, and without it by turns."""
    for place, number in enumerate(range(1, 1000) if ALL else SOME):
        for alone in (True, False) if ALL else (place % 2 == 0,):
            words = f"python3 {_FILE.path} {DOCUMENT} {number}{'' if alone else ' guardian'}"
            yield Act(
                name=f"after step {number}{'' if alone else ', with its guardian'}",
                files=files,
                lines=(
                    f"{words}; code=$?; test $code = {_KILLED} || exit $code",
                    _DONE_BY_GUARDIAN if alone else "vnetc rollback",
                ),
            )


def faults() -> Iterator[Fault]:
    """Give those of each sample: on a new host, and on one that has another sample of its sort."""
    some = samples().values()
    common = [case for case in some if case.needs() <= EVERYWHERE]
    for sort in (common, [case for case in some if case not in common]):
        for before, case in zip([*sort[-1:], *sort], sort, strict=False):
            yield Fault(None, case)
            yield Fault(before, case)


def selected(all_faults: Sequence[Fault]) -> list[Fault]:
    """Leave out what takes a virtual machine long, unless it is wanted."""
    rare = [fault for fault in all_faults if not fault.needs <= EVERYWHERE]
    left_out = () if ALL else rare[RARE_FAULTS:]
    return [fault for fault in all_faults if fault not in left_out]
