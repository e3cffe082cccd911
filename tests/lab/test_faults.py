"""`vnetc apply` may die at any moment: the host is then what it was before."""

from __future__ import annotations

import pytest

from .conftest import Verdict
from .experiments import Experiment
from .trials.faults import faults, selected
from .trials.transitions import samples

FAULTS = [*faults()]
EXPERIMENTS: list[Experiment] = [*selected(FAULTS)]


@pytest.mark.lab
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=[e.name for e in EXPERIMENTS])
def test_faults(experiment: Experiment, verdict: Verdict) -> None:
    wrong = verdict(experiment)
    assert not wrong, f"{experiment.name}:\n{wrong}"


def test_every_sample() -> None:
    assert len(FAULTS) == 2 * len(samples())
