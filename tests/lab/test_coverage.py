"""docs/reference/coverage/ has all that systemd and netplan of both generations know, and no more.

What is not for the lab, and the files themselves: tests/docs/test_coverage.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest
from vnetc.language.tree import parse

from tests.docs import peers

from .case import GENERATIONS
from .machines import tree
from .test_names import NETPLAN
from .trials import names

page = peers.coverage()
KINDS = ("netdev", "network", "link")


class Tables(names.Elf):
    """A program with sections that have a hyphen in their names, `SR-IOV.Trust`."""

    _NAME = re.compile(rb"([A-Z][A-Za-z0-9-]*\.[A-Z][A-Za-z0-9-]*)\0")


@cache
def known(generation: str) -> frozenset[str]:
    """Give the ids of all keys that systemd of a generation has, and of its kinds of devices."""
    root = tree.build(generation)
    found: set[str] = set()
    for program, kinds in names.PROGRAMS.items():
        tables = Tables((root / program).read_bytes()).tables()
        for kind, sign in kinds.items():
            if kind in KINDS:
                (keys,) = (keys for keys in tables if sign in keys)
                found.update(f"{kind}/{key}" for key in keys)
    networkd = peers.Words((root / "lib/systemd/systemd-networkd").read_bytes())
    (devices,) = (words for words in networkd.tables() if {"vxlan", "bareudp"} <= words)
    return frozenset(found | {f"kind/NetDev.Kind={device}" for device in devices})


def version(generation: str, target: str) -> str:
    return GENERATIONS[generation][target]


@pytest.mark.lab
@pytest.mark.parametrize("generation", GENERATIONS)
def test_systemd_has_these_keys(generation: str, root: None) -> None:
    newer = {
        key.id
        for key in page.peer("networkd").keys
        if key.since and int(key.since) > int(version(generation, "networkd"))
    }
    gone = {"kind/NetDev.Kind=netdevsim"} if generation == tree.TESTING else set[str]()
    listed = {key.id for key in page.peer("networkd").keys} - newer - gone
    assert len(listed) > 800
    assert not sorted(known(generation) - listed), "these keys are not in the list"
    assert not sorted(listed - known(generation)), "systemd has no such keys"


@pytest.mark.lab
@pytest.mark.parametrize("generation", GENERATIONS)
def test_netplan_has_these_keys(generation: str, root: None) -> None:
    """The library is asked where it is at home, with the Python beside it."""
    place = tree.build(generation)
    (library,) = place.glob("usr/lib/*/libnetplan.so.?*")
    here = f"/{library.relative_to(place)}"
    found = peers.netplan_paths(["chroot", str(place), "python3", "-B"], library, here)
    listed = peers.listed_netplan_paths(version(generation, "netplan")).keys()
    assert len(found) > 800
    assert not sorted(found - listed), "these keys are not in the list"
    assert not sorted(listed - found), "netplan has no such keys"


# --- what vnetc writes is not among what it is said not to ----------------------------------------


def unaccounted(target: str, generation: str) -> Iterator[str]:
    keys = {key.id: key for key in page.peer("networkd").keys}
    for (kind, name), document in names.written(target, generation).items():
        if kind in KINDS and not name.endswith("."):
            key = keys[f"{kind}/{name}"]
            if not (key.rows or key.written):
                yield f"{key.id} of {document}"


@pytest.mark.parametrize("target", ["networkd", "netplan"])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_written_keys_are_said_by_rows(generation: str, target: str) -> None:
    assert len(names.written(target, generation)) > 90
    assert not list(unaccounted(target, generation))


@pytest.mark.parametrize("generation", GENERATIONS)
def test_written_keys_of_netplan_are_said_by_rows(generation: str) -> None:
    paths = peers.listed_netplan_paths(version(generation, "netplan"))
    used = {
        path: document
        for text, document in names.contents("netplan", generation, NETPLAN).items()
        for path in peers.used_netplan_paths(parse(text).data["network"], paths)
    }
    assert len(used) > 100
    assert not {p: doc for p, doc in used.items() if not (paths[p].rows or paths[p].written)}
