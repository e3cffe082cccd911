"""Transitions: a host that goes from document to document ends where a new one would.

One host plays a long walk. After each step it must hold what a host holds to which that document
was the first to be applied, and nothing may be left to do.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from tests.lab.case import APPLIED, Case, cards, plugged, servers
from tests.lab.experiments import SAMPLES, Experiment, cases
from tests.lab.runner.acts import Act
from tests.lab.runner.boot import APPLY, PLAN, File
from tests.lab.runner.job import Job, Result
from tests.lab.runner.wire import Server
from tests.lab.states.comparison import unequal
from tests.lab.states.differences import owner_of
from tests.lab.states.state import State, interpret

GENERATION = "bookworm"
# Kinds of interfaces that every kernel makes which runs the lab at all.
EVERYWHERE = frozenset({"bridge", "veth"})
# What tells of the network around a host, not of the host.
_AROUND = frozenset({"lease"})
# What the kernel does once and never takes back: a rule with the first VRF of a namespace
# (vrf_newlink), and no redirects anywhere since the first WireGuard device was up (wg_open).
_RULE_OF_VRFS = "l3mdev=None protocol=2 src=all"
_REDIRECTS = ("sysctl", "all", "ipv4 send_redirects")
STEPS = 12  # of a walk: several are on their way at once
ALL = os.environ.get("VNETC_LAB_ALL") == "1"
RARE_WALKS = 1  # in the virtual machine, unless all are wanted

Pair = tuple[str, str]


def samples() -> dict[str, Case]:
    """Give the samples that can be applied, by name, in the order of their names."""
    names = {path.name for path in SAMPLES.iterdir()}
    some = [case for case in cases() if f"{case.name}.vnet.yaml" in names]
    return {case.name: case for case in some if case.taken(APPLIED, GENERATION)}


@dataclass(frozen=True)
class Stage:
    """What hosts share that take several documents: all of the network cards, and the network."""

    cards: tuple[str, ...]
    servers: tuple[Server, ...]

    @classmethod
    def of(cls, some: Iterable[Case]) -> Stage:
        """Make a stage on which each of these documents can be applied."""
        hosts = [case.host for case in some]
        by_card = {server.card: server for host in hosts for server in servers(host)}
        names = sorted({card for host in hosts for card in plugged(host)})
        return cls(tuple(names), tuple(by_card.values()))

    def job(self, case: Case, id: str, acts: Sequence[Act] = ()) -> Job:
        """Give the job of a host that a document is applied to first, then comes what is said."""
        job = replace(case.jobs(GENERATION)[APPLIED], id=id, acts=tuple(acts))
        return replace(job, cards=self.cards, servers=self.servers)

    def state(self, case: Case, raw: Mapping[str, str]) -> State:
        """Read what a document is responsible for: all, but for the cards that it does not name."""
        others = frozenset(self.cards) - frozenset(cards(case.host))
        return {
            key: value
            for key, value in without_leftovers(interpret(raw, self.cards)).items()
            if owner_of(key) not in others and key[0] not in _AROUND
        }


def without_leftovers(state: State) -> State:
    """Leave out what the kernel never takes back, and what a server knows of interfaces that are gone."""
    there = {name for kind, name, _ in state if kind == "link"}
    left = {
        key: "; ".join(rule for rule in value.split("; ") if rule != _RULE_OF_VRFS)
        for key, value in state.items()
        if key != _REDIRECTS and (key[0] != "lease" or key[1] in there)
    }
    return {key: value for key, value in left.items() if key[0] != "rule" or value}


@dataclass(frozen=True)
class Walk(Experiment):
    """A host to which documents are applied one after another."""

    number: int
    stage: Stage
    cases: tuple[Case, ...]
    generation: str = GENERATION

    @property
    def name(self) -> str:
        return f"walk-{self.number}@{self.generation}"

    @property
    def needs(self) -> frozenset[str]:
        return frozenset[str]().union(*(case.needs() for case in self.cases))

    def make_jobs(self) -> Mapping[str, Job]:
        first, *others = self.cases
        acts = [
            Act(f"{number}, {case.name}", _files(case), (APPLY,), (PLAN,))
            for number, case in enumerate(others, 1)
        ]
        fresh = {case.name: self.stage.job(case, f"fresh/{case.name}") for case in self.cases}
        return {**fresh, "": self.stage.job(first, self.name, acts)}

    def verdict(self, results: Mapping[str, Result]) -> str:
        wrong = [f"{name or self.name}: {r.error}" for name, r in results.items() if r.error]
        if results[""].error:
            return "\n".join(wrong)
        now, known = self.cases[0].name, frozenset[str]()
        for case, scene in zip(self.cases[1:], results[""].scenes, strict=True):
            found = frozenset[str]()
            if scene.error:
                wrong.append(f"{now} -> {case.name}:\n{scene.error}")
            elif not results[case.name].error:
                raw = {"at first": results[case.name].raw, "after": scene.raw}
                states = {name: self.stage.state(case, text) for name, text in raw.items()}
                found = frozenset(unequal(case.host, states))
                new = sorted(found - known)  # what is left of an earlier one has been said
                wrong += ["\n".join((f"{now} -> {case.name}:", *new))] if new else []
            known |= found
            if not scene.error.startswith(f"`{APPLY}`"):  # else it has gone back
                now = case.name
        return "\n".join(wrong)


def _files(case: Case) -> tuple[File, ...]:
    return case.jobs(GENERATION)[APPLIED].files


def walks(found: Mapping[str, Case]) -> Iterator[Walk]:
    """Give walks that go from every document to every other, those that any kernel can first."""
    stage = Stage.of(found.values())
    common = [name for name, case in found.items() if case.needs() <= EVERYWHERE]
    usual = [*permutations(common, 2)]
    rare = [pair for pair in permutations(found, 2) if pair not in usual]
    parts = [*_parts(tour(usual)), *_parts(tour(rare))]
    for number, names in enumerate(parts, 1):
        yield Walk(number, stage, tuple(found[name] for name in names))


def selected(all_walks: Sequence[Walk]) -> list[Walk]:
    """Leave out what takes a virtual machine long, unless it is wanted."""
    rare = [walk for walk in all_walks if not walk.needs <= EVERYWHERE]
    left_out = () if ALL else rare[RARE_WALKS:]
    return [walk for walk in all_walks if walk not in left_out]


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names) - 1, STEPS):
        yield names[start : start + STEPS + 1]


def tour(pairs: Collection[Pair]) -> list[str]:
    """Give a way that takes each pair once and ends where it began (Hierholzer's algorithm).

    As many pairs must lead to a name as from it, and each name to all others.
    """
    after: dict[str, list[str]] = defaultdict(list)
    for first, second in random.Random(0).sample([*pairs], len(pairs)):
        after[first].append(second)
    way: list[str] = []
    path = [*after][:1]
    while path:
        if after[path[-1]]:
            path.append(after[path[-1]].pop())
        else:
            way.append(path.pop())
    return way[::-1]
