"""What the lab tries: each experiment is a few jobs, and a verdict on what came of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from .case import SUFFIX, Case, cards, plugged
from .machines import tree
from .proof import observed
from .runner.job import Job, Result
from .runner.traffic import PARTS
from .trials import again, check

HERE = Path(__file__).parent
SAMPLES = tree.REPOSITORY / "samples"
CASES = HERE / "cases"
SCENARIOS = HERE / "traffic"
# Refused by the checks already, and meant to be.
REFUSED = frozenset({"wrong-gateway"})
# Since systemd 256 `udevadm test-builtin` only says what udev would do with a card.
_ONLY_SAYS = frozenset({"trixie", tree.TESTING})


class Experiment(ABC):
    """Something to try."""

    generation: str

    @property
    @abstractmethod
    def name(self) -> str:
        """What a test of it is called."""

    @property
    @abstractmethod
    def needs(self) -> frozenset[str]:
        """The kinds of interfaces that a kernel must be able to make for it."""

    @property
    def proves(self) -> frozenset[str]:
        """The rows of the support tables that it proves if it goes well."""
        return frozenset()

    @abstractmethod
    def make_jobs(self) -> Mapping[str, Job]:
        """Give the jobs, by the renderers' names."""

    @cached_property
    def jobs(self) -> Mapping[str, Job]:
        """The jobs, by the renderers' names."""
        return self.make_jobs()

    @abstractmethod
    def verdict(self, results: Mapping[str, Result]) -> str:
        """Say what is wrong with the results, by the renderers' names; nothing if all is well."""


@dataclass(frozen=True)
class Equality(Experiment):
    """Every renderer of a generation leaves the state that the document demands, and no other."""

    case: Case
    generation: str

    @property
    def name(self) -> str:
        return f"{self.case.name}@{self.generation}"

    @property
    def needs(self) -> frozenset[str]:
        return self.case.needs()

    @property
    def proves(self) -> frozenset[str]:
        return observed(self.case)

    def make_jobs(self) -> Mapping[str, Job]:
        jobs = {
            target: job
            for target, job in self.case.jobs(self.generation).items()
            if not again.is_seen(self.case, target, self.generation)
        }
        if not again.applies(self.case, self.generation):
            return jobs
        return {target: replace(job, acts=again.acts(target)) for target, job in jobs.items()}

    def verdict(self, results: Mapping[str, Result]) -> str:
        return "\n".join(filter(None, [self.case.differences(results), *self._more(results)]))

    def _more(self, results: Mapping[str, Result]) -> Iterator[str]:
        """Say what is wrong beyond the kernel's state, of those that came up."""
        for target, result in results.items():
            if not result.error:
                job = self.jobs[target]
                found = [*check.failures(self.case.host, job.files, result.raw)]
                if result.scenes:
                    found += again.wrong(self.case, job, result.raw, result.scenes)
                yield from (f"{target}: {said}" for said in found)


@dataclass(frozen=True)
class Traffic(Experiment):
    """Packets go where a scenario says they go, whatever the renderer."""

    path: Path
    generation: str

    @property
    def name(self) -> str:
        return f"traffic-{self.path.stem}@{self.generation}"

    @cached_property
    def scenario(self) -> Mapping[str, Any]:
        """The scenario, with the name of its case."""
        loaded: Mapping[str, Any] = YAML(typ="safe", pure=True).load(self.path)
        return loaded

    @cached_property
    def case(self) -> Case:
        """The case whose host the scenario is about."""
        return named_case(self.scenario["case"])

    @property
    def proves(self) -> frozenset[str]:
        """The rows of the support tables whose loss or falsification a step would notice."""
        return frozenset(self.scenario["proves"])

    @property
    def needs(self) -> frozenset[str]:
        parts = {kind for host in self.scenario["hosts"].values() for kind in PARTS if kind in host}
        return self.case.needs() | parts

    def make_jobs(self) -> Mapping[str, Job]:
        name = f"traffic-{self.path.stem}"
        return {
            target: replace(job, id=f"{name}/{target}@{self.generation}", scenario=self.scenario)
            for target, job in self.case.jobs(self.generation).items()
        }

    def verdict(self, results: Mapping[str, Result]) -> str:
        return "\n".join(
            f"{target}: {wrong}"
            for target, result in results.items()
            for wrong in (result.error, *result.failures)
            if wrong
        )


def cases() -> Iterator[Case]:
    """Read all cases: the samples, and those of the lab alone."""
    for directory in (SAMPLES, CASES):
        for path in sorted(directory.glob(f"*{SUFFIX}")):
            if path.name.removesuffix(SUFFIX) not in REFUSED:
                yield Case.read(path)


def named_case(name: str) -> Case:
    """Read the case of a name."""
    file = f"{name}{SUFFIX}"
    found = [d / file for d in (CASES, SAMPLES) if (d / file).exists()]
    assert found, f"there is no case {name}"
    return Case.read(found[0])


def named_scenario(name: str) -> Path:
    """Find the scenario of a name."""
    return SCENARIOS / f"{name}.yaml"


def equalities(generation: str) -> list[Equality]:
    """Give the experiment of each case that a renderer of the generation takes."""
    found = [
        Equality(case, generation)
        for case in cases()
        if generation not in _ONLY_SAYS or plugged(case.host) == cards(case.host)
    ]
    return [equality for equality in found if equality.jobs]


def scenarios(generation: str) -> list[Traffic]:
    """Give the experiment of each scenario that a renderer of the generation can play."""
    found = [Traffic(path, generation) for path in sorted(SCENARIOS.glob("*.yaml"))]
    if generation == tree.TESTING:  # it has no dhclient, the guests' client
        found = [t for t in found if not any("dhcp" in h for h in t.scenario["hosts"].values())]
    return [traffic for traffic in found if traffic.jobs]
