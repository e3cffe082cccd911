"""The quick tier: what this machine's kernel can do, with the default generation's renderers."""

from __future__ import annotations

import pytest

from .conftest import Verdict
from .experiments import Experiment, equalities, names, scenarios
from .lies import planted

GENERATION = "bookworm"
EXPERIMENTS: list[Experiment] = [
    *equalities(GENERATION),
    *scenarios(GENERATION),
    *planted(GENERATION),
]


@pytest.mark.lab
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=names(EXPERIMENTS))
def test_quick(experiment: Experiment, quick: Verdict) -> None:
    verdict = quick(experiment)
    assert not verdict, f"{experiment.name}:\n{verdict}"
