"""Compare the states that renderers left behind with each other and with what is expected."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.model import Host

from .differences import without_differences
from .expect import closed
from .state import Key, State

NOTHING = "-"


def compare(host: Host, specification: State, states: Mapping[str, State]) -> str:
    """Give a table of all differences, empty if there are none.

    A key that the specification says nothing about must be equal on all renderers, and absent if
    its kind is one of which the specification says all.
    """
    expected = without_differences(specification, host)
    found = {target: without_differences(state, host) for target, state in states.items()}
    keys = {*expected, *(key for state in found.values() for key in state)}
    lines: list[str] = []
    for key in sorted(keys):
        if _differs(key, expected, found):
            lines += _row(key, expected, found)
    return "\n".join(lines)


def _differs(key: Key, expected: State, found: Mapping[str, State]) -> bool:
    values = {state.get(key) for state in found.values()}
    if key in expected or closed(key):
        return values != {expected.get(key)}
    return len(values) > 1


def _row(key: Key, expected: State, found: Mapping[str, State]) -> list[str]:
    said = expected.get(key, "must not exist" if closed(key) else NOTHING)
    values = {"specification": said, **{t: s.get(key, NOTHING) for t, s in found.items()}}
    width = max(map(len, values))
    return [" ".join(key), *(f"  {who:{width}}  {value}" for who, value in values.items())]
