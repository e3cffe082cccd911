"""What the lab's tests share: the experiments of a module run together, by one tier."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from . import tier, tree, vm
from .experiments import Experiment
from .runner.job import Job
from .runner.sandbox import LabError, sandbox

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
    return [
        item.callspec.params["experiment"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and "experiment" in getattr(getattr(item, "callspec", None), "params", ())
    ]


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


# What `ip link add name x` must accept for a kind of interface.
_PROBES = {
    "bridge": "type bridge",
    "dummy": "type dummy",
    "veth": "type veth peer name y",
    "vlan": "link y type vlan id 5",  # not of `lo`, which the kernel lets carry none
    "vlan-filtering": "type bridge vlan_filtering 1",
}


@pytest.fixture(scope="session")
def kernel_lacks(root: None, tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """Name the kinds of interfaces that this kernel cannot make."""
    lacks: set[str] = set()
    out = tmp_path_factory.mktemp("probe") / "out"
    with sandbox([str(tree.build())], out, ()) as box:
        for kind, arguments in _PROBES.items():
            try:
                if kind == "vlan":
                    box.ip("link add name y type veth peer name z")
                box.ip(f"link add name x {arguments}", "link del dev x")
            except LabError:
                lacks.add(kind)
    return frozenset(lacks)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long each part of the tiers took."""
    for file in sorted(tier.OUT.glob("*/seconds.json")):
        seconds = json.loads(file.read_text())
        parts = ", ".join(f"{part} {value} s" for part, value in seconds.items())
        terminalreporter.write_line(f"lab, {file.parent.name} tier: {parts}")
