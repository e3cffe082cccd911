"""What the lab's tests share: the experiments of a module run together, by one tier."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from . import tier, vm
from .experiments import Experiment
from .runner.job import Job

Verdict = Callable[[Experiment], str]


@pytest.fixture(scope="session")
def root() -> None:
    """Skip unless sandboxes can be made on this machine."""
    if reason := tier.missing():
        pytest.skip(f"lab: {reason}")


def _verdicts(
    request: pytest.FixtureRequest, run: Callable[[Sequence[Job]], tier.Run], lacks: frozenset[str]
) -> Verdict:
    """Run the module's selected experiments, all together; give what gives the verdict on one."""
    possible = [e for e in _selected(request) if not e.needs & lacks]
    results = run([job for e in possible for job in e.jobs.values()]).results

    def verdict(experiment: Experiment) -> str:
        if lacking := experiment.needs & lacks:
            pytest.skip(f"lab: this kernel has no {', '.join(sorted(lacking))}")
        return experiment.verdict({name: results[job.id] for name, job in experiment.jobs.items()})

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


@pytest.fixture(scope="module")
def quick(request: pytest.FixtureRequest, root: None, kernel_lacks: frozenset[str]) -> Verdict:
    """Try the module's experiments on this machine's kernel."""
    return _verdicts(request, tier.quick, kernel_lacks)


@pytest.fixture(scope="module")
def full(request: pytest.FixtureRequest, root: None) -> Verdict:
    """Try the module's experiments in one boot of the virtual machine, which lacks nothing."""
    if reason := vm.missing():
        pytest.skip(f"lab: {reason}")
    return _verdicts(request, tier.full, frozenset())


# How a kernel is asked for a kind of interface; most need only its name.
_PROBES = {
    "bridge": "ip link add x type bridge",
    "dummy": "ip link add x type dummy",
    "veth": "ip link add x type veth peer name y",
    # not of `lo`, which the kernel lets carry none
    "vlan": "ip link add y type veth && ip link add x link y type vlan id 5",
    "vlan-filtering": "ip link add x type bridge vlan_filtering 1",
}


@pytest.fixture(scope="session")
def kernel_lacks(root: None) -> frozenset[str]:
    """Name the kinds of interfaces that this kernel cannot make."""
    jobs = {kind: tier.commands(f"probe/{kind}", command) for kind, command in _PROBES.items()}
    results = tier.quick(list(jobs.values()), name="probes").results
    return frozenset(kind for kind, job in jobs.items() if results[job.id].error)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long each part of the tiers took."""
    for file in sorted(tier.OUT.glob("*/seconds.json")):
        seconds = json.loads(file.read_text())
        parts = ", ".join(f"{part} {value} s" for part, value in seconds.items())
        terminalreporter.write_line(f"lab, {file.parent.name} tier: {parts}")
