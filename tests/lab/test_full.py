"""The full tier: everything, on a full kernel, with the renderers of every generation."""

from __future__ import annotations

import pytest

from .case import GENERATIONS
from .conftest import Verdict
from .experiments import Experiment, equalities, names, scenarios

EXPERIMENTS: list[Experiment] = []
for generation in GENERATIONS:
    EXPERIMENTS += [*equalities(generation), *scenarios(generation)]


@pytest.mark.lab
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=names(EXPERIMENTS))
def test_full(experiment: Experiment, full: Verdict) -> None:
    verdict = full(experiment)
    assert not verdict, f"{experiment.name}:\n{verdict}"
