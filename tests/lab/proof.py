"""Which rows of the support tables a run has proven, for which renderer.

A row is proven by a case if leaving it out of the document would change what the kernel must hold,
and the kernel of that renderer held it; or by a scenario that says so itself (`proves:`), and went
well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vnetc.backends.base import key, row_fields, word_of
from vnetc.kinds import Infiniband
from vnetc.model import Host
from vnetc.record import MISSING, Record, fields, replace

from .case import Case, leases, plugged
from .differences import without_differences
from .expect import expect
from .unproven_cards import UNPROVEN as OF_CARDS


def observed(case: Case) -> frozenset[str]:
    """Name the rows whose loss would show in the state of the kernel."""
    given = leases(case.host)
    whole = without_differences(expect(case.host, given), case.host)
    wired = plugged(case.host)
    rows = {f"type.{interface.kind.type}" for interface in case.host.interfaces}
    for row, less in _without_each(case.host):
        assert less is None or isinstance(less, Host)
        if row not in rows and (
            less is None
            or plugged(less) != wired
            or without_differences(expect(less, given), less) != whole
        ):
            rows.add(row)
    return frozenset(rows)


def _without_each(node: Record) -> Iterator[tuple[str, Record | None]]:
    """Give each row that a node or one below says, and the node without it.

    A node that cannot be without it is left out itself: None, if that is the node.
    """
    cls = type(node)
    said = row_fields(cls) if word_of(cls) else ()
    for name, default in fields(cls).items():
        value = getattr(node, name)
        if name in said and value != default:
            row = f"{word_of(cls)}.{key(name)}"
            yield row, None if default is MISSING else replace(node, **{name: default})
        for row, less in _without_each_below(value):
            yield row, None if less is None else replace(node, **{name: less})


def _without_each_below(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Record):
        yield from _without_each(value)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            if isinstance(item, Record):
                for row, less in _without_each(item):
                    rest = () if less is None else (less,)
                    yield row, (*value[:number], *rest, *value[number + 1 :])


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
    "interface.critical": dict.fromkeys(
        ("netplan", "networkd"),
        "it shows only when systemd-networkd ends or starts again, which no host of the lab does",
    ),
}
