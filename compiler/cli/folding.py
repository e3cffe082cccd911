"""Make few lines of many steps: what people read of a plan is shorter than what is done.

Parameters of a device that follow from keys of the document are said in the document's words, with
the device; VLANs of a port that are changed alike are a range; what ends as it began is not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import Key, Value
from vnetc.model.record import replace

# net.ipv6.conf parameter -> the key that it follows from, and what means that it is not so
_KEYS: Mapping[str, tuple[str, frozenset[str]]] = {
    "accept_ra": ("accept-ra", frozenset({"0"})),
    "autoconf": ("accept-ra", frozenset({"0"})),
    "use_tempaddr": ("ipv6-privacy", frozenset({"0", "-1"})),
}
# what follows from another attribute
_IMPLIED = frozenset({"master-kind"})


def folded(steps: Iterable[Step]) -> list[Step]:
    """Give the steps of a plan, one for each object, as people read them."""
    return [*_ranges(_told(step) for step in _parameters([*steps]) if not _is_nothing(step))]


def _is_nothing(step: Step) -> bool:
    return step.action == "~" and step.impact == "seamless" and not _told(step).changes


def _told(step: Step) -> Step:
    if step.action != "~" or step.key[0] != "link":
        return step
    old, new = step.before or {}, step.after or {}
    return replace(step, after={n: v for n, v in new.items() if n not in _IMPLIED}, before=old)


def _parameters(steps: Sequence[Step]) -> Iterator[Step]:
    """Say parameters with their device, and nothing of those of a new one."""
    devices = {step.key[1]: step for step in steps if step.key[0] == "link"}
    said: dict[str, Step] = {}
    rest: list[Step] = []
    for step in steps:
        parts = step.key[1].split("/") if step.key[0] == "sysctl" else []
        if len(parts) != 5 or parts[:3] != ["net", "ipv6", "conf"] or parts[4] not in _KEYS:
            rest.append(step)
            continue
        device = said.get(parts[3]) or devices.get(parts[3])
        if device is None or device.action == "~":
            said[parts[3]] = _with(device, parts[3], step, *_KEYS[parts[4]])
    for step in rest:
        if step.key[0] == "link":
            step = said.pop(step.key[1], step)
        yield step
    yield from said.values()


def _with(device: Step | None, name: str, step: Step, word: str, nothing: frozenset[str]) -> Step:
    if device is None:
        device = Step(action="~", key=("link", name), before={}, after={}, path=step.path)
    old, new = (
        {word: found["value"] not in nothing} if found is not None else {}
        for found in (step.before, step.after)
    )
    return replace(
        device,
        before={**(device.before or {}), **old},
        after={**(device.after or {}), **new},
        places={**device.places, word: step.path},
    )


def _ranges(steps: Iterable[Step]) -> Iterator[Step]:
    """Put VLANs of a port that follow each other and are changed alike into one range."""
    last: Step | None = None
    for step in steps:
        if last is not None and _continues(last, step):
            first = last.key[2].partition("-")[0]
            key: Key = (*step.key[:2], f"{first}-{step.key[2]}")
            last = replace(last, key=key)
            continue
        if last is not None:
            yield last
        last = step
    if last is not None:
        yield last


def _continues(last: Step, step: Step) -> bool:
    if step.key[0] != "vlan" or last.key[:2] != step.key[:2] or step.action != last.action:
        return False
    follows = int(step.key[2]) == int(last.key[2].rpartition("-")[2]) + 1
    return follows and (_values(step.before), _values(step.after), step.path) == (
        _values(last.before),
        _values(last.after),
        last.path,
    )


def _values(attributes: Mapping[str, Value] | None) -> Mapping[str, Value]:
    return attributes or {}
