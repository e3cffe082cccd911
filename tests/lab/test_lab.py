"""The lab: every case, every scenario and every lie, with the renderers of every generation."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from .case import GENERATIONS
from .conftest import Verdict
from .experiments import Experiment, cases, equalities, scenarios
from .trials import fuzz, habits, lies
from .trials.reload import reloads

EXPERIMENTS: list[Experiment] = []
for generation in GENERATIONS:
    EXPERIMENTS += [*equalities(generation), *scenarios(generation), *reloads(generation)]
EXPERIMENTS += [*lies.planted(), *fuzz.fixed_set(), *habits.experiments()]


@pytest.mark.lab
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=[e.name for e in EXPERIMENTS])
def test_lab(experiment: Experiment, recorded: Verdict) -> None:
    """Kernels hold what documents say, packets go where they say; and a lie is found out."""
    wrong = recorded(experiment)
    assert not wrong, f"{experiment.name}:\n{wrong}"


def test_names() -> None:
    """Every case is tried somewhere, and no two experiments have one name."""
    names = [e.name for e in EXPERIMENTS]
    assert len(names) == len(set(names))
    tried = {name.partition("@")[0] for name in names}
    assert {case.name for case in cases()} <= tried


@pytest.mark.parametrize("lie", lies.planted(), ids=lambda lie: lie.name)
def test_lies_are_lies(lie: lies.Planted) -> None:
    """A lie that changes nothing would be found out by nobody."""
    lying, honest = (jobs[lie.lie.target] for jobs in (lie.jobs, lie.truth.jobs))
    assert (lying.files, lying.acts) != (honest.files, honest.acts)


def test_shrinking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a document that fails, what it fails without is left out."""

    def verdicts(tried: Sequence[fuzz.Random], lacks: frozenset[str]) -> dict[str, str]:
        return {e.name: "wrong" for e in tried if any(i.mtu for i in e.case.host.interfaces)}

    monkeypatch.setattr(fuzz, "verdicts", verdicts)
    eth0 = {"mtu": 1400, "description": "uplink", "addresses": ["192.0.2.1/24", "192.0.2.2/24"]}
    document = {"version": 1, "interfaces": {"eth0": eth0, "eth1": {}}}
    smallest = {"version": 1, "interfaces": {"eth0": {"mtu": 1400}}}
    assert fuzz.shrink(document, frozenset()) == smallest
