"""Strict readers of what vnetc writes: they take nothing that a real reader could take otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ruamel.yaml import YAML
from vnetc.backends.target import File

Section = tuple[str, list[tuple[str, str]]]


class Malformed(AssertionError):
    """A line that a strict reader does not take."""


def read_ini(text: str) -> list[Section]:
    """Read an INI file of systemd; no line is continued, no value has blanks around it."""
    sections: list[Section] = []
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        if match := re.fullmatch(r"\[([A-Za-z0-9-]+)\]", line):
            sections.append((match[1], []))
        elif (match := re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9.-]*)=(.*)", line)) and sections:
            if match[2] != match[2].strip() or line.endswith("\\"):
                raise Malformed(line)
            sections[-1][1].append((match[1], match[2]))
        else:
            raise Malformed(line)
    return sections


_SOURCE = re.compile(r"source(-directory)? /etc/network/interfaces\.d(/\*)?")
_HEAD = re.compile(r"(auto|allow-hotplug) \S+|iface \S+ inet6? (static|manual|dhcp|loopback|auto)")


def read_stanzas(text: str) -> list[Section]:
    """Read an interfaces(5) file: the head of each stanza, its options and their values."""
    stanzas: list[Section] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        if line.endswith("\\"):
            raise Malformed(line)
        if line.lstrip().startswith("#"):
            if "%" in line or "\\" in line:  # Mako and ifupdown2 read comments too
                raise Malformed(line)
        elif _HEAD.fullmatch(line):
            stanzas.append((line, []))
        elif _SOURCE.fullmatch(line):
            pass
        elif (match := re.fullmatch(r"    ([a-z][a-z0-9_-]*) (\S.*)", line)) and stanzas:
            stanzas[-1][1].append((match[1], match[2]))
        else:
            raise Malformed(line)
    return stanzas


def read_yaml(text: str) -> Any:
    """Read YAML 1.1 and 1.2 alike."""
    loaded = []
    for version in ((1, 1), (1, 2)):
        loader = YAML(typ="safe", pure=True)
        loader.version = version  # type: ignore[assignment]
        loaded.append(loader.load(text))
    if repr(loaded[0]) != repr(loaded[1]):
        raise Malformed(text)
    return loaded[0]


def shape(files: Iterable[File]) -> dict[str, Any]:
    """Give what files consist of, less the values in formats that have any structure.

    A description is free text that vnetc shortens, down to nothing, so it is left out.
    """
    shapes = ((file.path, _shape(file)) for file in files)
    return {path: found for path, found in shapes if found}


def _shape(file: File) -> Any:
    content = file.content
    if file.path.endswith((".network", ".netdev", ".service")) or ".d/50-vnetc.conf" in file.path:
        found = [
            (name, [option for option, _ in options if option != "Description"])
            for name, options in read_ini(content)
        ]
        return [(name, options) for name, options in found if options]
    if file.path == "/etc/network/interfaces":
        return [(head, [o for o, _ in options]) for head, options in read_stanzas(content)]
    if file.path.startswith("/etc/netplan/"):
        return _keys(read_yaml(content))
    return content


def _keys(value: Any) -> Any:
    match value:
        case dict():
            return {key: _keys(item) for key, item in value.items()}
        case list():
            return [_keys(item) for item in value]
        case _:
            return type(value).__name__


def values(files: Iterable[File]) -> Iterator[Any]:
    """Run through the values of all files that have a structure."""
    for file in files:
        if file.path == "/etc/network/interfaces":
            yield from (value for _, options in read_stanzas(file.content) for _, value in options)
        elif file.path.startswith("/etc/netplan/"):
            yield from _leaves(read_yaml(file.content))
        elif file.path.startswith("/etc/systemd/"):
            yield from (value for _, options in read_ini(file.content) for _, value in options)


def _leaves(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            for key, item in value.items():
                yield key
                yield from _leaves(item)
        case list():
            for item in value:
                yield from _leaves(item)
        case _:
            yield value
