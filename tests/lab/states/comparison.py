"""Compare the states that renderers left behind with each other and with what is expected."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.model.host import Host

from tests.lab.expected.host import closed

from .differences import is_beyond, without_differences
from .state import Key, State
from .unsaid import without_unsaid

NOTHING = "-"


def compare(host: Host, specification: State, states: Mapping[str, State]) -> str:
    """Give a table of all differences, empty if there are none.

    A key that the specification says nothing about must be equal on all renderers, and absent if
    its kind is one of which the specification says all.
    """
    expected = comparable(specification, host)
    found = {target: comparable(state, host) for target, state in states.items()}
    keys = {*expected, *(key for state in found.values() for key in state)}
    lines: list[str] = []
    for key in sorted(keys):
        concerned = {t: state for t, state in found.items() if not is_beyond(t, key, host)}
        if _differs(key, expected, concerned):
            said = expected.get(key, "must not exist" if closed(key) else NOTHING)
            lines += _row(key, {"specification": said, **_values(key, concerned)})
    return "\n".join(lines)


def comparable(state: State, host: Host) -> State:
    """Give what is left of a state to compare with what the document says."""
    return without_differences(without_unsaid(state, host), host)


def unequal(host: Host, states: Mapping[str, State]) -> list[str]:
    """Give a table of all that differs among states of one host, an item for each thing."""
    found = {name: without_differences(state, host) for name, state in states.items()}
    rows: list[str] = []
    for key in sorted({key for state in found.values() for key in state}):
        values = _values(key, found)
        if len({*values.values()}) > 1:
            rows.append("\n".join(_row(key, values)))
    return rows


def _differs(key: Key, expected: State, found: Mapping[str, State]) -> bool:
    values = {state.get(key) for state in found.values()}
    if not values:
        return False
    if key in expected or closed(key):
        return values != {expected.get(key)}
    return len(values) > 1


def _values(key: Key, states: Mapping[str, State]) -> dict[str, str]:
    return {name: state.get(key, NOTHING) for name, state in states.items()}


def _row(key: Key, values: Mapping[str, str]) -> list[str]:
    width = max(map(len, values))
    return [" ".join(key), *(f"  {who:{width}}  {value}" for who, value in values.items())]
