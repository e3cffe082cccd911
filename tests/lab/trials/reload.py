"""Reloads: `ifreload -a` after an edit leaves what a new host has, and lets what it is not about alone.

A host plays a walk of edits, each upon the one before. Meanwhile datagrams flow through it: an edit
that is not about them must lose none.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.lab.case import GENERATIONS, Case, cards
from tests.lab.experiments import Experiment
from tests.lab.runner.acts import Act, Scene
from tests.lab.runner.job import Job, Result
from tests.lab.states.comparison import unequal
from tests.lab.states.differences import owner_of
from tests.lab.states.state import State, interpret

from .again import EVERYWHERE, NEWEST

DIRECTORY = Path(__file__).parent / "reload"
TARGET = "ifupdown2"
RELOAD = "ifreload -a"
# says what the kernel tells while it runs
WATCHED = (
    "ip -o monitor link address route rule & watch=$!; sleep 0.3; "
    f"{RELOAD}; code=$?; sleep 0.3; kill $watch; exit $code"
)
# What it has no reason to say when nothing has changed.
_NOISE = ("Deleted", "warning:", "error:")
# An interruption, at the end: what is measured must show it.
CONTROL = Act(
    "control",
    lines=("ip link set dev br0 down; sleep 0.5; ip link set dev br0 up",),
    collects=False,
)
# What a reload leaves otherwise than a boot, and why nothing is wrong with it.
HABITS: Mapping[tuple[str, str], str] = {
    ("link", "port cost"): "it gives each port that says no cost 100, as STP of 1998 has it",
    ("link", "mcast_hash_max"): "it gives each bridge that says no size 512, its own default",
}


@dataclass(frozen=True)
class Edit:
    """A change of the document, and what it may do to links and flows."""

    name: str
    case: Case  # the whole document, after it
    is_one: bool
    touches: frozenset[str]
    loses: Mapping[str, str]  # flow -> why it may
    lacks: Mapping[str, str]  # what the program leaves wrong -> how


@dataclass(frozen=True)
class Reload(Experiment):
    """A host that is reloaded after each edit."""

    path: Path
    generation: str

    @property
    def name(self) -> str:
        return f"reload-{self.path.stem}@{self.generation}"

    @cached_property
    def said(self) -> Mapping[str, Any]:
        """The file."""
        loaded: Mapping[str, Any] = YAML(typ="safe", pure=True).load(self.path)
        return loaded

    @cached_property
    def first(self) -> Case:
        """The document that the host boots with."""
        return Case(f"reload-{self.path.stem}", json.dumps(self.said["document"], indent=1))

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """The edits, in order."""
        return tuple(self._edits())

    def _edits(self) -> Iterator[Edit]:
        document = copy.deepcopy(self.said["document"])
        for said in self.said["edits"]:
            for place, value in said.get("set", {}).items():
                put(document["interfaces"], place, value)
            yield Edit(
                said["edit"],
                Case(self.first.name, json.dumps(document, indent=1)),
                "set" in said,
                frozenset(said.get("touches", ())),
                said.get("loses", {}),
                said.get("lacks", {}),
            )

    @property
    def needs(self) -> frozenset[str]:
        return self.first.needs()

    def make_jobs(self) -> Mapping[str, Job]:
        top = self.name.partition("@")[0]
        hosts = {word: self.said[word] for word in ("hosts", "steps")}
        scenario = {"case": self.first.name, "proves": [], **hosts}

        def job(case: Case, label: str, *acts: Act) -> Job:
            found = case.jobs(self.generation)[TARGET]
            name = f"{top}/{label}{TARGET}@{self.generation}"
            return replace(found, id=name, scenario=scenario, acts=acts)

        walk = [
            Act(
                edit.name,
                edit.case.jobs(self.generation)[TARGET].files,
                (RELOAD if edit.is_one else WATCHED,),
            )
            for edit in self.edits
        ]
        flows = tuple((source, target) for source, target in self.said["flows"])
        return {
            TARGET: replace(job(self.first, "", *walk, CONTROL), flows=flows),
            **{
                edit.name: job(edit.case, f"{number}/")
                for number, edit in enumerate(self.edits)
                if edit.is_one
            },
        }

    def verdict(self, results: Mapping[str, Result]) -> str:
        wrong = [
            f"{name}: {said}"
            for name, r in results.items()
            for said in (r.error, *r.failures)
            if said
        ]
        if wrong:
            return "\n".join(wrong)
        *scenes, control = results[TARGET].scenes
        before = results[TARGET].raw
        for edit, scene in zip(self.edits, scenes, strict=True):
            fresh = results[edit.name if edit.is_one else TARGET].raw
            if found := [*self._wrong(edit, before, scene, fresh)]:
                wrong.append(
                    "\n".join((f"{edit.name}:", *found, "which said:", scene.said.strip()))
                )
            before = scene.raw
        seen = [flow for flow, lost in control.lost.items() if lost]
        if control.error or len(seen) < len(self.said["flows"]):
            wrong.append(f"an interruption is seen by {seen} alone {control.error}")
        return "\n".join(wrong)

    def _wrong(
        self, edit: Edit, before: Mapping[str, str], after: Scene, fresh: Mapping[str, str]
    ) -> Iterator[str]:
        if after.error:
            yield after.error
        states = {"new": self._state(edit, fresh), "reloaded": self._state(edit, after.raw)}
        rows = unequal(edit.case.host, states)
        yield from (row for row in rows if not any(text in row for text in edit.lacks))
        yield from (f"`{t}` is as it should be" for t in edit.lacks if t not in "\n".join(rows))
        if others := touched(before, after.raw) - edit.touches:
            yield f"touched too: {', '.join(sorted(others))}"
        if not edit.is_one:
            yield from (line for line in after.said.splitlines() if line.startswith(_NOISE))
        for flow, lost in after.lost.items():
            if lost and flow not in edit.loses:
                yield f"{flow}: {lost} datagrams lost"

    def _state(self, edit: Edit, raw: Mapping[str, str]) -> State:
        state = interpret(raw, cards(edit.case.host))
        guests = {f"tap-{name}" for name in self.said["hosts"]}
        return {
            (kind, whose, what): value
            for (kind, whose, what), value in state.items()
            if kind != "boot" and (kind, what) not in HABITS
            if owner_of((kind, whose, what)) not in guests or what in ("master", "up")
            # the kernel's own, of the MAC addresses of guests
            if not (kind == "fdb" and state.get(("link", whose, "kind")) == "bridge")
        }


def put(at: dict[str, Any], place: str, value: Any) -> None:
    """Set what is at a place of a document; None takes it away."""
    *way, last = place.split()
    for word in way:
        at = at[word]
    if value is None:
        del at[last]
    else:
        at[last] = value


def touched(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    """Name the links that came or went, or whose carrier did."""
    old, new = _marks(before), _marks(after)
    return frozenset(name for name in old | new if old.get(name) != new.get(name))


def _marks(raw: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    links = json.loads(raw["ip4"].splitlines()[0])
    lines = (line.partition(":") for line in raw["carriers"].splitlines())
    changes = {path.split("/")[4]: count for path, _, count in lines}
    return {link["ifname"]: (link["ifindex"], changes.get(link["ifname"], "")) for link in links}


def named_reload(name: str, generation: str) -> Reload:
    """Give the experiment of a file."""
    return Reload(DIRECTORY / f"{name}.yaml", generation)


def reloads(generation: str) -> list[Reload]:
    """Give the experiment of each file, of the newest generation alone if it needs a virtual machine."""
    if TARGET not in GENERATIONS[generation]:
        return []
    found = [Reload(path, generation) for path in sorted(DIRECTORY.glob("*.yaml"))]
    return [r for r in found if generation == NEWEST or r.needs <= EVERYWHERE]
