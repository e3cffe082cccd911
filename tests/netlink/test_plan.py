"""The planner: data in, steps out. `pytest --update-golden` writes the steps; read the diff.

A file of tests/netlink/plan has a document (`spec`, a list of lines), what the kernel has (`state`, keys with
bars; a device may say only what is not usual), what vnetc made of it (`owned`, `*` for all) and the steps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import vnetc
from hypothesis import assume, given
from hypothesis import strategies as st
from vnetc.backends import load
from vnetc.backends.express import express
from vnetc.backends.netlink.desired import wanted
from vnetc.backends.netlink.planner.plan import plan, restore
from vnetc.backends.netlink.planner.steps import Plan, Step, differing
from vnetc.backends.netlink.state import Key, State, Wanted

from tests.support.drawing import examples, text_of
from tests.support.strategies import documents

from .kernel_model import device, take

PROGRAMS = load("netlink").programs
PLANS = Path(__file__).parent / "plan"


def _key(text: str) -> Key:
    return tuple(text.split("|"))


def _state(data: Mapping[str, Any]) -> State:
    state: State = {("link", "lo"): device("loopback")}
    for text, attributes in data.items():
        key = _key(text)
        if key[0] == "link":
            kind = attributes.get("kind", "ethernet")
            said = {n: v for n, v in attributes.items() if n != "kind"}
            state[key] = {**device(kind), **said}
        else:
            state[key] = attributes
    return state


def _wanted(text: str) -> list[Wanted]:
    target = load("netlink")
    host, found = express(vnetc.load_host(text), target, PROGRAMS)
    assert not [d for d in found if d.severity == "error"]
    return wanted(host)


def _line(step: Step) -> str:
    old, new = step.before or {}, step.after or {}
    changes = [f"{n}: {json.dumps(old.get(n))} -> {json.dumps(new[n])}" for n in step.changes]
    words = [f"{step.action} {'|'.join(step.key)}"]
    if step.action == "~":
        words.append("; ".join(changes))
    words.append(f"[{step.impact}]")
    if step.path:
        words.append(".".join(map(str, step.path)))
    if step.reason:
        words.append(f"({step.reason})")
    return " ".join(words)


def _shown(found: Plan) -> list[str]:
    return [_line(step) for step in found.steps] + [
        f"{d.code}: {d.message}" for d in found.problems
    ]


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.json")), ids=lambda path: path.stem)
def test_plan(path: Path, update_golden: bool) -> None:
    """A document and a state give these steps and no others."""
    case = json.loads(path.read_text())
    state = _state(case["state"])
    owned = state if case.get("owned") == "*" else [_key(text) for text in case.get("owned", ())]
    before = {_key(text): found for text, found in case.get("before", {}).items()}
    items = _wanted("\n".join(case["spec"]))
    found = plan(state, items, owned, before=before, **case.get("options", {}))
    if update_golden:
        case["steps"] = _shown(found)
        path.write_text(json.dumps(case, indent=1, ensure_ascii=False) + "\n")
    assert _shown(found) == case["steps"]
    if found.problems:
        return
    # what the steps lead to needs no more of them, and the way back is a way back
    after = take(state, found.steps)
    made = {step.key for step in found.steps if step.action in "+!"}
    owned = {*owned, *made.intersection(item.key for item in items)}
    assert _shown(plan(after, items, owned, before=before)) == []
    back = take(after, restore(after, state, found.touched).steps)
    assert _lacking(state, back) == []


def _lacking(wanted: State, found: State) -> list[Key]:
    return [
        key
        for key, attributes in wanted.items()
        if key not in found or differing(key, attributes, found[key], exact=True)
    ] + [key for key in found if key not in wanted and key[0] != "vlan"]


def test_one_end_of_a_veth_asks_by_dhcp() -> None:
    """Its .network file is written for it alone, without the other end."""
    ends = "v0: {type: veth, peer: v1, dhcp4: true}, v1: {type: veth, peer: v0}"
    (client,) = (
        i for i in _wanted(f"{{version: 1, interfaces: {{{ends}}}}}") if i.key[0] == "dhcp"
    )
    assert "[Match]\nName=v0\n" in str(client.attributes["networkd"])
    assert "DHCP=ipv4\n" in str(client.attributes["networkd"])


# --- promises -----------------------------------------------------------------------------------


def _bare(text: str) -> State:
    """Give what a host has before anything is done: its network cards, down."""
    host = vnetc.load_host(text)
    names = [i.name for i in host.interfaces if i.kind.type in ("ethernet", "infiniband", "wifi")]
    cards: State = {("link", name): device("ethernet", up=False) for name in names}
    return {**cards, ("link", "lo"): device("loopback")}


@st.composite
def _hosts(draw: st.DrawFn) -> str:
    text = text_of(draw(documents()))
    target = load("netlink")
    _, found = express(vnetc.load_host(text), target, PROGRAMS)
    assume(not [d for d in found if d.severity == "error"])
    return text


_HOSTS = documents().map(text_of)


def _possible(text: str) -> list[Wanted]:
    """Give what a document asks for that this target can do: the rest is refused."""
    target = load("netlink")
    return wanted(express(vnetc.load_host(text), target, PROGRAMS)[0])


def _have_no_name_in_common(items: list[Wanted], text: str) -> bool:
    """Tell whether no card of a document has the name of a device that another one makes."""
    made = {
        item.key
        for item in items
        if item.key[0] == "link" and item.attributes["kind"] != "ethernet"
    }
    return made.isdisjoint(_bare(text))


@examples(12)
@given(_hosts(), _hosts())
def test_any_two_documents(first: str, second: str) -> None:
    """Applied one after the other, the second is all there is; each is applied once."""
    start = {**_bare(first), **_bare(second)}
    one, other = _wanted(first), _wanted(second)
    steps = plan(start, one, ()).steps
    middle = take(start, steps)
    owned = {step.key for step in steps if step.action in "+!"}
    assert _shown(plan(middle, one, owned)) == []

    found = plan(middle, other, owned)
    assume(not found.problems)  # a device of the first would have to be made anew as a card
    end = take(middle, found.steps)
    owned = {key for key in owned | {s.key for s in found.steps if s.action in "+!"} if key in end}
    assert _shown(plan(end, other, owned)) == []
    stated = {item.key: item.attributes for item in other}
    assert not [key for key in end if key[0] != "link" and key not in stated and key in owned]

    back = take(end, restore(end, middle, found.touched).steps)
    assert _lacking(middle, back) == []


def _put_there(state: State) -> State:
    """Add what others have on each device that is up: addresses, routes and neighbours."""
    found: State = {}
    names = [k[1] for k, v in state.items() if k[0] == "link" and v["up"] and k[1] != "lo"]
    for number, name in enumerate(names):
        for key in [k for k in state if k[:2] == ("address", name)]:
            found[key] = state[key]  # those of the document are there before
        static: Any = {"origin": "static", "proto": 0, "peer": None}
        four = {**static, "scope": "global", "label": name, "broadcast": None}
        route = {"dev": name, "proto": 186, "from": None, "nexthops": None, "type": "unicast"}
        mac = {"macaddress": "02:00:00:00:00:01", "router": False, "proto": 0}
        has_six = state["link", name].get("address-generation") is not None
        found["address", name, f"198.18.{number}.1/24"] = four
        found["route", "ipv4", "77", f"10.{number}.0.0/16", "0"] = {**route, "via": None}
        way = {**route, "via": f"198.18.{number}.9"}
        found["route", "ipv4", "254", f"10.{number}.0.0/16", "7"] = way
        if number == 0:
            found["route", "ipv4", "1000", "0.0.0.0/0", "0"] = way
        own = {**way, "from": f"198.18.{number}.1"}
        found["route", "ipv4", "254", f"10.{number}.1.0/24", "7"] = own
        found["neighbor", name, f"198.18.{number}.50"] = mac
        found["neighbor-proxy", name, f"198.18.{number}.51"] = {**mac, "macaddress": None}
        if has_six:
            found["address", name, f"fd77:{number}::1/64"] = static
            six = {**route, "via": f"fd77:{number}::9"}
            found["route", "ipv6", "254", f"fd78:{number}::/48", "7"] = six
            found["neighbor", name, f"fd77:{number}::50"] = mac
    return found


@examples(12)
@given(_HOSTS, _HOSTS)
def test_what_others_have_lives_on(first: str, second: str) -> None:
    """Whatever changes: it is there afterwards, or it is told that it goes, or all is refused."""
    start = {**_bare(first), **_bare(second)}
    one, other = _possible(first), _possible(second)
    steps = plan(start, one, ()).steps
    owned = {step.key for step in steps if step.action in "+!"}
    middle = take(start, steps)
    assume(_have_no_name_in_common(one, second))
    theirs = {key: found for key, found in _put_there(middle).items() if key not in middle}
    middle = {**middle, **theirs}

    found = plan(middle, other, owned)
    assume(not found.problems)
    end = take(middle, found.steps)
    told = {step.key for step in found.steps if step.action == "-"} | found.gone
    told |= {key for step in found.steps if step.key[0] == "link" for key in step.falls}
    lost = [key for key in theirs if end.get(key) != theirs[key] and key not in told]
    assert lost == []
    owned = {key for key in owned | {s.key for s in found.steps if s.action in "+!"} if key in end}
    assert _shown(plan(end, other, owned - theirs.keys())) == []

    back = take(end, restore(end, middle, found.touched).steps)
    assert _lacking(middle, back) == []
