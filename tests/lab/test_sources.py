"""`foreign-files: read`: the programs find what others say in /etc/network/interfaces.d."""

from __future__ import annotations

from dataclasses import replace

import pytest
import vnetc
from vnetc.backends.ifupdown.raw import SOURCES
from vnetc.backends.systems import SYSTEMS

from .case import LAYERED
from .machines import tier
from .machines.layers import LAYERS
from .runner.boot import File
from .runner.job import Job, Result

DOCUMENT = "version: 1\ninterfaces: {eth0: {addresses: [192.0.2.2/24]}}\n"
INTERFACES = "/etc/network/interfaces"
OTHERS = File(f"{INTERFACES}.d/sdn", "auto vnet1\niface vnet1 inet manual\n")
GENERATIONS = {"bookworm": "debian-12", "trixie": "debian-13"}
WHERE = [
    (target, generation)
    for generation in GENERATIONS
    for target in SOURCES
    if generation in LAYERS[target]
]
# what is tried -> names that ifquery(8) must list
WANTED = {
    "read": {"lo", "eth0", "vnet1"},
    "none": {"lo", "eth0"},  # the directory of Debian's packages, empty
    "unsaid": {"lo", "eth0"},
    # the words of the other programs
    "source": {"lo", "eth0", "vnet1"},
    "source-directory": {"lo", "eth0", "vnet1"},
}
# Why each has a word of its own: what does not read the files of others, or not even its own.
FAILS = {
    ("source", "ifupdown-ng", "bookworm"),
    ("source-directory", "ifupdown2", "bookworm"),
    ("source-directory", "ifupdown2", "trixie"),
}


def _text(what: str, target: str, generation: str) -> str:
    said = "foreign-files: read\n" if what in ("read", "none") else ""
    version = GENERATIONS[generation]
    output = vnetc.compile_text(DOCUMENT + said, target=target, version=version)
    text = next(f.content for f in output.files if f.path == INTERFACES)
    line = next((s for s in SOURCES.values() if s.partition(" ")[0] == what), "")
    return f"{text}\n{line}\n" if line else text


def job(what: str, target: str, generation: str) -> Job:
    """Give the job that asks a program what it has read."""
    names = " ".join(sorted(WANTED[what]))
    # ifupdown2 warns of its own code on Debian 13, on standard error
    line = f'[ "$(ifquery --list -a | sort | tr "\\n" " ")" = "{names} " ]'
    files = (File(INTERFACES, _text(what, target, generation)), *([OTHERS] * (what != "none")))
    asked = tier.commands(f"sources-{what}/{target}@{generation}", line, files=files)
    layers = (f"{layer}-{generation}" for layer in LAYERED.get(target, ()))
    return replace(asked, trees=(generation, *layers))


@pytest.fixture(scope="module")
def results(root: None) -> dict[str, Result]:
    """Ask every program in every generation."""
    jobs = [job(what, *where) for what in WANTED for where in WHERE]
    return dict(tier.quick(jobs, name="sources").results)


@pytest.mark.lab
@pytest.mark.parametrize(("target", "generation"), WHERE)
@pytest.mark.parametrize("what", WANTED)
def test_files_of_others(
    what: str, target: str, generation: str, results: dict[str, Result]
) -> None:
    result = results[f"sources-{what}/{target}@{generation}"]
    assert bool(result.failures or result.error) == ((what, target, generation) in FAILS), result


def test_all_generations_are_systems() -> None:
    assert {*GENERATIONS.values()} == {s.name for s in SYSTEMS.values() if s.seen}
