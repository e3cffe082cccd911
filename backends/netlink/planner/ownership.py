"""Whose an object is; what of one that others made a document changes, and what must live on.

Pure functions. What a document does not say of an object that is there may be anything, unless
vnetc made it: then it is what a new one would have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vnetc.backends.netlink.classes import is_foreign
from vnetc.backends.netlink.objects import addresses, routes
from vnetc.backends.netlink.planner.dependents import OTHERS, closure
from vnetc.backends.netlink.planner.relations import devices_of, is_ours, settable
from vnetc.backends.netlink.planner.steps import Plan, differing
from vnetc.backends.netlink.state import Attributes, Key, State, Wanted

_SAID = {"address": addresses.said, "route": routes.said}
_LEASED = 16  # RTPROT_DHCP: a client brings it once, and not again if it goes


def is_own(item: Wanted, now: Attributes, owned: Collection[Key], *, marked: bool) -> bool:
    """Tell whether an object that is wanted is the one that vnetc made.

    It has the mark that it was made with. Only of addresses of a kernel that knows no marks
    (`marked`: before Linux 5.18) the record alone has to be believed.
    """
    if is_ours(item.key, now):
        return True
    unmarkable = item.key[0] == "address" and not marked
    return item.key in owned and (unmarkable or now.get("proto") == item.attributes.get("proto"))


def said(item: Wanted, now: Attributes) -> Attributes:
    """Give what an object that others made is to be."""
    if not item.unsaid:
        return item.attributes
    if item.key[0] in _SAID:
        return _SAID[item.key[0]](item.attributes, item.unsaid, now)
    return {name: value for name, value in item.attributes.items() if name not in item.unsaid}


def is_default(key: Key) -> bool:
    """Tell whether an object is a default route."""
    return key[0] == "route" and key[3].endswith("/0")


def returns(key: Key, attributes: Attributes) -> bool:
    """Tell whether the kernel or the network brings an object again that went."""
    leased = key[0] == "route" and attributes.get("proto") == _LEASED
    return is_foreign(key, attributes) and not leased


# --- after a change -------------------------------------------------------------------------------


def kept(state: State, plan: Plan, owned: Collection[Key]) -> State:
    """Give the objects of others that a plan must leave as they are.

    They are all that others have on the devices that it touches, and beside what it touches, and all
    ways out of the host: but what is in one of its steps, and what it says will go. What comes and
    goes by itself cannot be told from what goes by a step, and a DHCP client does what it likes with
    its device.
    """
    own = {step.key for step in plan.steps} | plan.gone
    near_by = touched(state, plan)
    leased = {step.key[1] for step in plan.steps if step.key[0] == "dhcp"}
    ways = {step.key[1:4] for step in plan.steps if step.key[0] == "route"}
    rules = any(step.key[0] == "rule" for step in plan.steps)
    sources = {step.key[2].partition("/")[0] for step in plan.steps if step.key[0] == "address"}
    found: State = {}
    for key, attributes in state.items():
        if key[0] not in OTHERS or key in own or key in owned or is_ours(key, attributes):
            continue
        devices = devices_of(key, attributes)
        near = not near_by.isdisjoint(devices)
        if key[0] == "route":
            near = near or key[1:4] in ways or attributes.get("from") in sources
            near = near or is_default(key)
        elif key[0] == "rule":
            near = rules
        elif key[0] == "nexthop":
            near = near or attributes["group"] is not None
        passing = "lease" in attributes or returns(key, attributes)
        if near and not passing and leased.isdisjoint(devices):
            found[key] = attributes
    return found


def replaced(before: State, now: State) -> frozenset[Key]:
    """Name the objects that somebody else made meanwhile, in the place of one that was there or not.

    A DHCP client's default route has no other name than the one that the document no longer says.
    """
    return frozenset(
        key
        for key, attributes in now.items()
        if key[0] in OTHERS
        and not is_ours(key, attributes)
        and attributes.get("proto") != before.get(key, {}).get("proto")
    )


def touched(state: State, plan: Plan) -> frozenset[str]:
    """Name the devices of a plan's steps, and those that follow them: masters, VLANs, cables' ends."""
    beside: dict[str, list[str]] = {}
    for key, attributes in state.items():
        if key[0] == "link":
            for name in ("link", "peer"):
                if isinstance(below := attributes.get(name), str):
                    beside.setdefault(below, []).append(key[1])
            if isinstance(master := attributes.get("master"), str):
                beside.setdefault(key[1], []).append(master)
    names = {
        name
        for step in plan.steps
        for attributes in (step.before, step.after)
        for name in devices_of(step.key, attributes or {})
    }
    return closure(names, lambda name: beside.get(name, ()))


def missing(wanted: Mapping[Key, Attributes], state: State) -> dict[Key, Attributes]:
    """Give what of some objects is not there, or not as it was."""
    return {
        key: attributes
        for key, attributes in wanted.items()
        if (now := state.get(key)) != attributes
        and (now is None or differing(key, settable(attributes), now, exact=True))
    }
