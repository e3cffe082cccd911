"""What the peers of docs/reference/coverage know, asked of the peers themselves."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.lab.trials.names import Elf
from tests.support import pages

from . import netplan_probe


def coverage() -> ModuleType:
    """Import docs/coverage.py."""
    return pages.module("coverage")


# --- netplan --------------------------------------------------------------------------------------


class Words(Elf):
    """A program or library, for the words that it may compare keys with."""

    _NAME = re.compile(rb"([a-z][a-z0-9]*(?:[-_][a-z0-9]+)*)\0")

    def words(self) -> list[str]:
        """Give all words that something points to, be it data or code.

        Strings of which one ends with the other share their end, so what is between two zeroes is
        not enough.
        """
        targets = {target for _, target in self._pointers()}
        targets.update(self._addresses_in_code())
        return sorted({name for target in targets if (name := self._name_at(target))})


def netplan_paths(python: Sequence[str], library: Path, name: str) -> frozenset[str]:
    """Ask a netplan's library for the paths of all keys, with a command that starts a Python.

    `name` is the library's path as that Python sees it.
    """
    words = Words(library.read_bytes()).words()
    done = subprocess.run(
        [*python, "-c", Path(netplan_probe.__file__).read_text()],
        input=json.dumps({"library": name, "words": words}),
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # GLib's warnings about netplan itself
        encoding="utf-8",
    )
    return frozenset(json.loads(done.stdout))


def listed_netplan_paths(version: str) -> dict[str, Any]:
    """Give the keys that the list has for a version of netplan, by their paths."""
    data: Mapping[str, Any] = coverage().raw("netplan")
    only: Mapping[str, Sequence[str]] = data["only"].get(version, {})
    keys = [key for key in coverage().peer("netplan").keys if key.since <= version]
    sections = {key.name: key for key in keys if key.place == "network"}
    found: dict[str, Any] = dict(sections)
    for key in keys:
        for section in sections.keys() & set(data["places"][key.place]):
            if any(fnmatch(key.name, pattern) for pattern in only.get(section, "*")):
                mark = "" if section == key.place == "openvswitch" else "{}"
                found[f"{section}{mark}.{key.name}"] = key
    return found


def used_netplan_paths(node: Any, paths: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Give the paths of those keys in a document that are among the given ones, but for names."""
    if isinstance(node, list):
        for item in node:
            yield from used_netplan_paths(item, paths, f"{above}[]")
    elif isinstance(node, dict):
        for key, value in node.items():
            path = f"{above}.{key}" if above else key
            if path in paths:
                yield path
                yield from used_netplan_paths(value, paths, path)
            else:
                yield from used_netplan_paths(value, paths, f"{above}{{}}")


# --- IfState --------------------------------------------------------------------------------------


def ifstate_paths(schema: Mapping[str, Any]) -> list[str]:
    """Give the paths of all properties of a JSON Schema; definitions begin with their own name.

    Of `kind`, which tells links and queueing disciplines apart, each value is listed too.
    """
    found = list(_properties(schema, ""))
    for name, part in schema["$defs"].items():
        found += _properties(part, name)
    return list(dict.fromkeys(found))


def _properties(schema: Mapping[str, Any], above: str) -> Iterator[str]:
    for name, value in schema.get("properties", {}).items():
        path = f"{above}.{name}" if above else name
        yield path
        if name == "kind":
            kinds = [value["const"]] if "const" in value else value.get("enum", [])
            yield from (f"{path}={kind}" for kind in kinds)
        yield from _properties(value, path)
    for part in schema.get("patternProperties", {}).values():
        yield from _properties(part, f"{above}.*")
    for keyword, mark in (("items", "[]"), ("additionalProperties", ".*")):
        part = schema.get(keyword)
        for each in part if isinstance(part, list) else [part]:
            if isinstance(each, dict):
                yield from _properties(each, f"{above}{mark}")
    for keyword in ("then", "else"):
        if keyword in schema:
            yield from _properties(schema[keyword], above)
    for keyword in ("oneOf", "anyOf", "allOf"):
        for part in schema.get(keyword, []):
            yield from _properties(part, above)


def listed_ifstate_paths() -> list[str]:
    """Give the paths that the list has."""
    return [
        name if place == "document" else f"{place}.{name}"
        for place, names in coverage().raw("ifstate")["keys"].items()
        for name in names
    ]
