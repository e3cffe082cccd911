"""Scenarios say what they mean: a typing error in one is an error, not a step less."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from vnetc.backends.support import rows

from .case import GENERATIONS
from .experiments import SCENARIOS, Traffic, scenarios
from .runner.traffic import problems

PATHS = sorted(SCENARIOS.glob("*.yaml"))
NAMES = [path.stem for path in PATHS]


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_shape(path: Any) -> None:
    traffic = Traffic(path, "bookworm")
    assert problems(traffic.scenario) == []
    assert traffic.proves <= set(rows())
    assert traffic.case.host.name


def test_each_is_played() -> None:
    played = {t.path.stem for generation in GENERATIONS for t in scenarios(generation)}
    assert played == set(NAMES)


GOOD: dict[str, Any] = {
    "case": "nat",
    "proves": [],
    "hosts": {
        "outside": {"card": "eth0", "addresses": ["203.0.113.1/24"], "serves": [80]},
        "vm": {"bridge": "br-vms", "macaddress": "52:54:00:00:00:10", "dhcp": True},
    },
    "steps": [
        {"fetch": "203.0.113.1:80", "from": "vm", "answer": "outside sees {vm}"},
        {"ping": "203.0.113.1", "from": "vm", "answer": False},
        {"send": "203.0.113.1:80", "from": "vm", "as": ["{vm}"], "heard": {"outside": ["{vm}"]}},
        {"run": "ip route", "on": "vm", "says": ["default"], "lacks": "eth1"},
    ],
}

Spoil = Callable[[Any], Any]
BAD: dict[str, tuple[Spoil, str]] = {
    "key of a scenario": (lambda s: s.update(step=[]), "no key `step` in a scenario"),
    "no steps": (lambda s: s["steps"].clear(), "without steps it shows nothing"),
    "no proof": (lambda s: s.pop("proves"), "`proves` is missing"),
    "name": (lambda s: s["hosts"].update(host={"serves": [80]}), "host: not a name for a host"),
    "long name": (
        lambda s: s["hosts"].update(longer_than_it_may_be=s["hosts"]["vm"]),
        "longer_than_it_may_be: not a name for a host",
    ),
    "nowhere": (lambda s: s["hosts"]["vm"].pop("bridge"), "vm: must have one of the keys"),
    "key of a host": (lambda s: s["hosts"]["vm"].update(dchp=True), "vm: no key `dchp` here"),
    "key of another kind": (
        lambda s: s["hosts"]["outside"].update(dhcp=True),
        "outside: no key `dhcp` here",
    ),
    "port": (lambda s: s["hosts"]["vm"].update(serves=80), "vm: `serves` must be a list of ports"),
    "verb": (lambda s: s["steps"].append({"fech": "x:1"}), "step 5: must have one of the verbs"),
    "host": (
        lambda s: s["steps"][0].update({"from": "vm2"}),
        "step 1: `from` must be a host, not 'vm2'",
    ),
    "place": (
        lambda s: s["steps"][0].update(answer="outside sees {vm2}"),
        "step 1: `answer` must be a text",
    ),
    "no port": (
        lambda s: s["steps"][0].update(fetch="203.0.113.1"),
        "step 1: `fetch` must be an endpoint",
    ),
    "protocol": (
        lambda s: s["steps"][0].update(protocol="sctp"),
        "step 1: `protocol` must be one of tcp, udp",
    ),
    "no answer": (lambda s: s["steps"][0].pop("answer"), "step 1: `answer` is missing"),
    "word for a boolean": (
        lambda s: s["steps"][1].update(answer="no"),
        "step 2: `answer` must be true or false",
    ),
    "no port to send to": (
        lambda s: s["steps"][2].update(send=["203.0.113.1"]),
        "step 3: `send` must be an endpoint or a list",
    ),
    "nobody hears": (
        lambda s: s["steps"][2].update(heard={"outside": []}),
        "step 3: `heard` must be sources of hosts",
    ),
    "silence first": (lambda s: s["steps"].pop(0), "step 1: nothing that came has told yet"),
    "nothing to wait for": (lambda s: s["steps"][3].pop("says"), "step 4: what lacks something"),
}


def test_good() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize("spoil, message", BAD.values(), ids=list(BAD))
def test_problem(spoil: Spoil, message: str) -> None:
    scenario = copy.deepcopy(GOOD)
    spoil(scenario)
    (found,) = problems(scenario)
    assert found.startswith(message)
