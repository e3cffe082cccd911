"""What the lab's tests share: the experiments of a module run together, by one tier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support import namespaces

from . import record
from .experiments import Experiment
from .machines import tier

Verdict = Callable[[Experiment], str]


@pytest.fixture(scope="session")
def root(sandboxes: None) -> None:
    """Skip unless the lab can run on this machine."""
    namespaces.need(tier.missing())


@pytest.fixture(scope="module")
def recorded(request: pytest.FixtureRequest, root: None) -> Verdict:
    """Try as `verdict` does, for the report."""
    selected = _selected(request)
    tried = record.attempt(selected)
    record.write(list(tried.values()), complete=len(selected) == len(request.module.EXPERIMENTS))
    return _verdict(tried)


@pytest.fixture(scope="module")
def verdict(request: pytest.FixtureRequest, root: None) -> Verdict:
    """Try the module's selected experiments, all together; give what says what came of one."""
    name = request.module.__name__.rpartition(".")[2]
    return _verdict(record.attempt(_selected(request), f"{name.removeprefix('test_')}-"))


def _verdict(tried: Mapping[str, record.Attempt]) -> Verdict:
    def verdict(experiment: Experiment) -> str:
        attempt = tried[experiment.name]
        if attempt.skipped:
            pytest.skip(f"lab: {attempt.skipped}")
        return attempt.wrong

    return verdict


def _selected(request: pytest.FixtureRequest) -> list[Experiment]:
    """List the experiments of the module's tests that are to be run."""
    selected: list[Experiment] = []
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.module:
            selected += filter(None, [_parameters(item).get("experiment")])
    return selected


def _parameters(item: pytest.Function) -> dict[str, Any]:
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}
