"""Values that were worked out by hand, compared with what the programs print of a host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FILE = Path(__file__).with_name("by_hand.yaml")


@cache
def values() -> Mapping[str, list[dict[str, dict[str, Any]]]]:
    """Give, by case, what must be printed: each by the name of what it is printed in."""
    loaded: Mapping[str, list[dict[str, dict[str, Any]]]] = YAML(typ="safe", pure=True).load(FILE)
    return loaded


def lacking(case: str, raw: Mapping[str, str]) -> Iterator[str]:
    """List the values of a case that are not in what was collected of a host."""
    for entry in values().get(case, ()):
        for name, wanted in entry.items():
            if not _has(raw[name], wanted):
                yield f"by hand: {name} has no {json.dumps(wanted)}"


def _has(text: str, wanted: Mapping[str, Any]) -> bool:
    if "text" in wanted:
        return any(re.fullmatch(wanted["text"], line) for line in text.splitlines())
    printed = (json.loads(line) for line in text.splitlines() if line.strip())
    return any(
        all(key in found and _same(found[key], value) for key, value in wanted.items())
        for document in printed
        for found in _objects(document)
    )


def _same(found: Any, wanted: Any) -> bool:
    """Compare values; of two mappings the one that is printed may have more members."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and _same(found[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list) and len(found) == len(wanted) and all(map(_same, found, wanted))
        )
    # the versions of iproute2 differ in whether they quote a number
    return found == wanted or (
        not isinstance(found, bool) and not isinstance(wanted, bool) and str(found) == str(wanted)
    )


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Run through all objects of a JSON document."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)
