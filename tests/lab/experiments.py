"""What the lab tries: each experiment is a few jobs, and a verdict on what came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from ruamel.yaml import YAML

from . import tree
from .case import SUFFIX, Case
from .runner.job import Job, Result

HERE = Path(__file__).parent
SAMPLES = tree.REPOSITORY / "samples"
CASES = HERE / "cases"
SCENARIOS = HERE / "traffic"
# Refused by the checks already, and meant to be.
REFUSED = frozenset({"wrong-gateway"})


class Experiment(Protocol):
    """Something to try. `needs` are the kinds of interfaces that the kernel must have."""

    @property
    def name(self) -> str:
        """What a test of it is called."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Name the kinds of interfaces that a kernel must have for it."""
        ...

    @property
    def jobs(self) -> Mapping[str, Job]:
        """Give the jobs, by the renderers' names."""
        ...

    def verdict(self, results: Mapping[str, Result]) -> str:
        """Say what is wrong with the results, by the renderers' names; nothing if all is well."""
        ...


@dataclass(frozen=True)
class Equality:
    """Every renderer of a generation leaves the state that the document demands, and no other."""

    case: Case
    generation: str

    @property
    def name(self) -> str:
        return f"{self.case.name}@{self.generation}"

    @property
    def needs(self) -> frozenset[str]:
        return self.case.needs()

    @cached_property
    def jobs(self) -> Mapping[str, Job]:
        return self.case.jobs(self.generation)

    def verdict(self, results: Mapping[str, Result]) -> str:
        return self.case.differences(results)


@dataclass(frozen=True)
class Traffic:
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
    def needs(self) -> frozenset[str]:
        vlan = any("vlan" in host for host in self.scenario["hosts"].values())
        return self.case.needs() | ({"vlan"} if vlan else set())

    @cached_property
    def jobs(self) -> Mapping[str, Job]:
        return {
            target: replace(job, id=f"traffic-{job.id}", scenario=self.scenario)
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
    return Case.read(next(d / file for d in (CASES, SAMPLES) if (d / file).exists()))


def named_scenario(name: str) -> Path:
    """Find the scenario of a name."""
    return SCENARIOS / f"{name}.yaml"


def equalities(generation: str) -> list[Equality]:
    """Give the experiment of each case."""
    return [Equality(case, generation) for case in cases()]


def scenarios(generation: str) -> list[Traffic]:
    """Give the experiment of each scenario."""
    return [Traffic(path, generation) for path in sorted(SCENARIOS.glob("*.yaml"))]


def names(experiments: Sequence[Experiment]) -> list[str]:
    """Name the tests of experiments."""
    return [experiment.name for experiment in experiments]
