"""Which rows of the support tables a run has proven, for which renderer.

A row is proven by a case if leaving it out of the document would change what the kernel must hold,
and the kernel of that renderer held it; or by a scenario that says so itself (`proves:`), and went
well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vnetc.backends.support import key, row_fields, word_of
from vnetc.model.host import Host
from vnetc.model.kinds import Infiniband
from vnetc.model.record import MISSING, Record, fields, replace

from .case import Case, leases, plugged
from .expected.host import expect
from .expected.unproven_cards import UNPROVEN as OF_CARDS
from .states.comparison import comparable
from .states.state import State


def observed(case: Case) -> frozenset[str]:
    """Name the rows whose loss would show in the state of the kernel."""
    host, given = case.host, leases(case.host)
    whole = comparable(expect(host, given), host)
    wired = plugged(host)
    rows = {f"type.{interface.kind.type}" for interface in host.interfaces}
    for row, less, turned in _without_each(host):
        assert less is None or isinstance(less, Host)
        if row not in rows and (
            less is None
            or plugged(less) != wired
            or comparable(expect(less, given), less) != whole
            or (isinstance(turned, Host) and _is_noticed(expect(turned, given), host, less))
        ):
            rows.add(row)
    return frozenset(rows)


def _is_noticed(state: State, host: Host, less: Host) -> bool:
    """Tell whether a document that says `false` makes a difference to the state that `true` gives.

    Unsaid it would be left out of the comparison.
    """
    return comparable(state, host) != comparable(state, less)


Variant = tuple[str, Record | None, Record | None]


def _without_each(node: Record) -> Iterator[Variant]:
    """Give each row that a node or one below says, the node without it, and with `true` for `false`.

    A node that cannot be without it is left out itself: None, if that is the node.
    """
    cls = type(node)
    said = row_fields(cls) if word_of(cls) else ()
    for name, default in fields(cls).items():
        value = getattr(node, name)
        if name in said and value != default:
            less = None if default is MISSING else replace(node, **{name: default})
            turned = replace(node, **{name: True}) if value is False else None
            yield f"{word_of(cls)}.{key(name)}", less, turned
        for row, *variants in _without_each_below(value):
            less, turned = (v if v is None else replace(node, **{name: v}) for v in variants)
            yield row, less, turned


def _without_each_below(value: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(value, Record):
        yield from _without_each(value)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            if isinstance(item, Record):
                for row, less, turned in _without_each(item):
                    before, after = value[:number], value[number + 1 :]
                    rest = () if less is None else (less,)
                    yield (
                        row,
                        (*before, *rest, *after),
                        None if turned is None else (*before, turned, *after),
                    )


def proven(passed: Mapping[str, Case]) -> dict[str, list[str]]:
    """Give the cases that prove each row, of those that a renderer has passed."""
    found: dict[str, list[str]] = {}
    for name, case in passed.items():
        for row in observed(case):
            found.setdefault(row, []).append(name)
    return found


# row -> target -> why nothing that a lab can see depends on it
UNPROVEN: Mapping[str, Mapping[str, str]] = {
    **OF_CARDS,
    "interface.description": dict.fromkeys(
        ("ifupdown", "ifupdown2", "ifupdown-ng", "netlink", "netplan", "networkd"),
        "a comment of the file, or `Description=`, which is only for presentation "
        "(systemd.network(5)): nothing of it reaches the kernel",
    ),
    **{
        row: {"netlink": "it is text for the files of other targets, which it passes over"}
        for row in ("interface.raw", "host.raw")
    },
    "dhcp-overrides.use-hostname": dict.fromkeys(
        ("netplan", "networkd"),
        "systemd-networkd hands the name to systemd-hostnamed over D-Bus, which a sandbox does "
        "not have",
    ),
    **dict.fromkeys(
        ("type.infiniband", *(f"infiniband.{key(field)}" for field in row_fields(Infiniband))),
        dict.fromkeys(
            ("ifupdown", "ifupdown2", "ifupdown-ng", "netlink", "netplan", "networkd"),
            "there is no InfiniBand card, nor a driver that plays one; the words are those of the "
            "programs (test_names.py)",
        ),
    ),
    "fdb.state": dict.fromkeys(
        ("netplan", "networkd"), "they say `permanent` alone, which is the default"
    ),
    "dhcp-overrides.use-gateway": dict.fromkeys(
        ("netplan", "networkd"),
        "it is about the router option, which systemd-networkd does not look at beside the classless "
        "routes that the lab's server gives",
    ),
    "host.foreign": dict.fromkeys(
        ("netplan", "networkd"),
        "it is about what others make: a daemon's routes and rules are there after a restart "
        "(test_foreign.py)",
    ),
    "host.foreign-files": dict.fromkeys(
        ("ifupdown", "ifupdown2", "ifupdown-ng"),
        "it is about the files of others: ifquery(8) finds what they say (test_sources.py)",
    ),
    "interface.critical": dict.fromkeys(
        ("netplan", "networkd"),
        "it shows only when systemd-networkd ends or starts again, which no host of the lab does",
    ),
}
