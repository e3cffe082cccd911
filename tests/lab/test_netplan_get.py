"""`netplan get` reads the files back, and says the same as they do."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from .case import GENERATIONS, Case
from .experiments import SAMPLES, cases
from .machines import tier
from .runner.boot import File
from .runner.sandbox import RESULTS

TARGET = "netplan"
NAMES = {path.name.partition(".")[0] for path in SAMPLES.iterdir()}
SAID = [
    (case, generation)
    for generation in GENERATIONS
    for case in cases()
    if case.name in NAMES and case.taken(TARGET, generation)
]


def files(case: Case, generation: str) -> list[File]:
    """Give the files that netplan reads."""
    output = case.compile(TARGET, generation)
    return [File(f.path, f.content, f.mode) for f in output.files if "/netplan/" in f.path]


@pytest.fixture(scope="module")
def got(root: None) -> dict[tuple[str, str], Any]:
    """Give what it says of each sample: a root for each, in one sandbox of each generation."""
    jobs = []
    for generation in GENERATIONS:
        mine = [case for case, of in SAID if of == generation]
        roots = {case.name: f"/run/roots/{case.name}" for case in mine}
        lines = [
            f"netplan get --root-dir {roots[case.name]} >{RESULTS}/{case.name}.yaml"
            for case in mine
        ]
        moved = [
            File(f"{roots[case.name]}{file.path}", file.content, file.mode)
            for case in mine
            for file in files(case, generation)
        ]
        jobs.append(
            tier.commands(f"get@{generation}", *lines, files=tuple(moved), generation=generation)
        )
    run = tier.quick(jobs, name="netplan-get")
    for result in run.results.values():
        assert not result.error and not result.failures, (result.error, result.failures)
    where = tier.OUT / "netplan-get"
    return {
        (case.name, of): read((where / f"get@{of}" / f"{case.name}.yaml").read_text())
        for case, of in SAID
    }


def read(text: str) -> Any:
    """Read YAML."""
    return YAML(typ="safe", pure=True).load(text)


def plain(value: Any) -> Any:
    """Spell what netplan spells in other words.

    It writes numbers of parameters as texts, leaves empty lists out, says of a route without a gateway
    that its scope is the link, has an order of its own for members, and 0.106 has the name servers of a
    VLAN twice.
    """
    match value:
        case bool():
            return value
        case {"to": _, **rest} if rest.keys().isdisjoint(("via", "type", "scope", "from")):
            return plain({**value, "scope": "link"})
        case dict():
            said = {str(k): plain(v) for k, v in value.items() if v != []}
            return {k: sorted(v) if k == "interfaces" else v for k, v in said.items()}
        case list():
            found = [plain(item) for item in value]
            return [item for number, item in enumerate(found) if item not in found[:number]]
        case _:
            return str(value)


@pytest.mark.lab
@pytest.mark.parametrize(("case", "generation"), SAID, ids=[f"{c.name}@{g}" for c, g in SAID])
def test_says_the_same(case: Case, generation: str, got: dict[tuple[str, str], Any]) -> None:
    (file,) = files(case, generation)
    assert plain(got[case.name, generation]) == plain(read(file.content))


def test_what_is_lost_would_be_seen() -> None:
    """Nothing but spelling is let pass."""
    said = {"br0": {"interfaces": ["eth0"], "addresses": [], "parameters": {"stp": False}}}
    same = {"br0": {"interfaces": ["eth0"], "parameters": {"stp": False}}}
    assert plain(said) == plain(same)
    for lost in ({"interfaces": []}, {"parameters": {"stp": True}}, {"mtu": 1400}):
        assert plain(said) != plain({"br0": {**said["br0"], **lost}})
