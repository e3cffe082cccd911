"""No silent drop, in any position: every key of every type of device, on every target."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import pytest
from vnetc.backends import REGISTRY, load
from vnetc.backends.target import Output
from vnetc.pipeline import Analysis, analyse, compile_analysis

from tests.support.drawing import THOROUGH, Document, text_of
from tests.support.mutations import Path, is_told
from tests.support.positions import (
    DEVICES,
    Device,
    difference,
    groups_of,
    place,
    positions_of,
    rows_of,
    swap,
)

LOSSES = ("VN501", "VN502", "VN503")
Line = tuple[str, str]


# Rows that need not show on a target, each with the reason.
SILENT = {
    ("interface.raw", "netlink"): "raw text is for the files of other targets",
    ("dhcp-overrides.use-mtu", "networkd"): "an `mtu` of the document counts, not the server's",
    ("dhcp-overrides.use-mtu", "netplan"): "an `mtu` of the document counts, not the server's",
}


@lru_cache(maxsize=32)  # documents without a key come again and again
def analysed(text: str) -> Analysis:
    return analyse(text)


@lru_cache(maxsize=256)
def compiled(text: str, target: str) -> Output:
    version = ".".join(map(str, load(target).newest))
    return compile_analysis(
        analysed(text), target=target, version=version, allow=LOSSES, allow_hooks=True
    )


def lines(output: Output) -> Counter[tuple[str, str]]:
    return Counter((file.path, line) for file in output.files for line in file.content.splitlines())


def said(output: Output) -> Counter[tuple[str, str]]:
    return Counter((d.code, d.message) for d in output.diagnostics)


def is_noticed(one: str, other: str, path: Path, target: str) -> bool:
    """Tell whether a target makes a difference between documents, or refuses what differs."""
    a, b = compiled(one, target), compiled(other, target)
    return (
        not (a.files or b.files)  # a whole device is refused
        or (a.files, said(a)) != (b.files, said(b))
        or is_told(path, a.diagnostics)
    )


def drops(row: str, bare: Document, one: Document, other: Document, *, whole: bool) -> list[str]:
    """List the targets that do not notice a key.

    Its two values must come out otherwise or, without `whole`, one of them than none.
    """
    path = difference(one, other)
    without, first, second = map(text_of, (bare, one, other))
    if one == other or analysed(first).failed or analysed(second).failed:
        return []  # the position has this very key, or nothing comes of the document
    return [
        target
        for target in REGISTRY
        if (row, target) not in SILENT
        and not (not whole and is_noticed(first, without, path, target))
        and not is_noticed(first, second, path, target)
        and not said(compiled(first, target)) - said(compiled(without, target))
    ]


CASES = [(kind, positions) for kind in DEVICES for positions in groups_of(kind)]


@pytest.mark.parametrize(
    ("kind", "positions"), CASES, ids=[f"{kind}-{'+'.join(p) or 'alone'}" for kind, p in CASES]
)
def test_no_key_is_dropped(kind: str, positions: tuple[str, ...]) -> None:
    whole = not positions or THOROUGH
    section = DEVICES[kind].section
    found: list[str] = []
    for row, variants in rows_of(kind, whole=whole):
        placed = [
            place(Device(document, section, variants.name), positions).document
            for document in (variants.bare, variants.one, variants.other)
        ]
        found += [f"{row}: {target}" for target in drops(row, *placed, whole=whole)]
    assert not found, found


REFERENCES = [(kind, position) for kind in DEVICES for position in positions_of(kind)]


@pytest.mark.parametrize(("kind", "position"), REFERENCES)
def test_no_reference_is_dropped(kind: str, position: str) -> None:
    """What names a device adds a line somewhere: it does not only take one away."""
    device = DEVICES[kind]
    named = place(device, (position,)).document
    named.setdefault("interfaces", {}).setdefault("zz", {})
    one, other = text_of(named), text_of(swap(device, position))
    for target in REGISTRY:
        here, there = compiled(one, target), compiled(other, target)
        refused = not here.files  # a whole device, so that nothing comes of the rest
        assert refused or lines(here) - lines(there) or said(here) - said(there), target
