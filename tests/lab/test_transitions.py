"""From every sample to every other: the host ends as if it had never been anything else."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from .conftest import Verdict
from .experiments import Experiment
from .trials.transitions import samples, selected, tour, walks

WALKS = [*walks(samples())]
EXPERIMENTS: list[Experiment] = [*selected(WALKS)]


@pytest.mark.lab
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=[e.name for e in EXPERIMENTS])
def test_transitions(experiment: Experiment, verdict: Verdict) -> None:
    wrong = verdict(experiment)
    assert not wrong, f"{experiment.name}:\n{wrong}"


def test_every_pair() -> None:
    """No pair of samples is in none of the walks, or in two."""
    taken = [(a.name, b.name) for walk in WALKS for a, b in pairwise(walk.cases)]
    assert sorted(taken) == sorted(permutations(samples(), 2))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_tour(count: int) -> None:
    pairs = [*permutations(map(str, range(count)), 2)]
    way = tour(pairs)
    assert sorted(pairwise(way)) == sorted(pairs)
    assert way[0] == way[-1]
