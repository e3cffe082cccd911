"""What each target does by itself: hosts of which little is said, on wires that have everything.

Nothing is compared here. What a document leaves to the target is seen in the kernel, and written
down for those who move a host: docs/reference/habits.md tells them what to say to keep it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vnetc.backends import load

from tests.lab.case import GENERATIONS, SUFFIX, Case, cards, options_of
from tests.lab.expected.host import Lease
from tests.lab.experiments import Experiment
from tests.lab.machines import tier
from tests.lab.record import Attempt
from tests.lab.runner.job import Job, Result
from tests.lab.runner.wire import Server
from tests.lab.states.comparison import NOTHING, comparable
from tests.lab.states.differences import BEYOND, owner_of
from tests.lab.states.state import State
from tests.lab.states.unsaid import UNSAID, traces

DIRECTORY = Path(__file__).parent / "habits"
# Seconds after which a host has heard the router: it asks three times, every 4 s (RFC 4861, 10.).
PATIENCE = 15
OTHER = "anything else that is not the same on all"


@dataclass(frozen=True)
class Habits(Experiment):
    """Each renderer of a generation brings a host up, on a wire that leases and advertises."""

    case: Case
    generation: str

    @property
    def name(self) -> str:
        return f"habits-{self.case.name}@{self.generation}"

    @property
    def needs(self) -> frozenset[str]:
        return self.case.needs()

    def make_jobs(self) -> Mapping[str, Job]:
        servers = tuple(_everything(card, n) for n, card in enumerate(cards(self.case.host)))
        return {
            target: replace(
                job,
                id=f"habits-{self.case.name}/{target}@{self.generation}",
                servers=servers,
                patience=PATIENCE,
            )
            for target, job in self.case.jobs(self.generation).items()
        }

    def verdict(self, results: Mapping[str, Result]) -> str:
        return "\n".join(f"{target}: {r.error}" for target, r in results.items() if r.error)


def _everything(card: str, number: int) -> Server:
    """Give a server that has leases of both versions and advertisements for whoever is behind a card."""
    both = [Lease(number, number + 1, ipv6=ipv6, rich=True) for ipv6 in (False, True)]
    return Server(
        card,
        card,
        tuple(address for lease in both for address in lease.server),
        tuple(option for lease in both for option in options_of(lease, card)),
    )


def experiments() -> list[Habits]:
    """List the hosts, each with the renderers of each generation."""
    read = [Case.read(path) for path in sorted(DIRECTORY.glob(f"*{SUFFIX}"))]
    return [Habits(case, generation) for case in read for generation in GENERATIONS]


def data(attempts: list[Attempt]) -> dict[str, Any]:
    """Give what is unsaid until which keys are said, and what was seen of it."""
    said = [{"what": unsaid.what, "keys": unsaid.keys} for unsaid in UNSAID]
    return {"unsaid": said, "hosts": _hosts(attempts)}


def _hosts(attempts: list[Attempt]) -> list[dict[str, Any]]:
    """Give, for each host, its document and, property by property, what each renderer left behind."""
    tried = {attempt.name: attempt for attempt in attempts}
    found: dict[str, dict[str, State]] = {}
    cases: dict[str, Case] = {}
    for habits in experiments():
        cases[habits.case.name] = habits.case
        states = found.setdefault(habits.case.name, {})
        results = {target: _result(tried[habits.name], job) for target, job in habits.jobs.items()}
        for target, state in habits.case.states(results).items():
            states[f"{load(target).title} {GENERATIONS[habits.generation][target]}"] = {
                key: value for key, value in state.items() if key[0] not in BEYOND.get(target, ())
            }
    return [
        {
            "title": title.removeprefix("# "),
            "document": document,
            "renderers": list(states),
            "properties": _properties(cases[name], states),
        }
        for name, states in found.items()
        for title, *document in [cases[name].text.splitlines()]
    ]


def _result(attempt: Attempt, job: Job) -> Result:
    file = tier.OUT / attempt.tier / job.id / "result.json"
    return Result.from_json(json.loads(file.read_text()))


def _properties(case: Case, states: Mapping[str, State]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, dict[str, str]]] = {}
    for renderer, state in states.items():
        for what, about, value in traces(state, case.host):
            found.setdefault(what, {}).setdefault(about, {})[renderer] = value
    left = {renderer: comparable(state, case.host) for renderer, state in states.items()}
    for key in sorted({key for state in left.values() for key in state}):
        values = {renderer: state.get(key, NOTHING) for renderer, state in left.items()}
        if len(set(values.values())) > 1:
            about = f"{owner_of(key)}: {key[0]} {key[2]}"
            found.setdefault(OTHER, {})[about] = values
    keys = {unsaid.what: list(unsaid.keys) for unsaid in UNSAID}
    return [
        {"what": what, "keys": keys.get(what, []), "seen": dict(sorted(found[what].items()))}
        for what in (*keys, OTHER)
        if what in found
    ]
