"""The targets, by name. A module is imported when its target is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from vnetc.backends.since import aged
from vnetc.backends.support import common_rows, require_rows
from vnetc.backends.target import Target
from vnetc.model.record import replace

# Adding a target is one folder and one line here; the module has `TARGETS: dict[str, Target]`.
REGISTRY: dict[str, str] = {
    "ifupdown": "vnetc.backends.ifupdown",
    "ifupdown2": "vnetc.backends.ifupdown",
    "ifupdown-ng": "vnetc.backends.ifupdown",
    "netlink": "vnetc.backends.netlink",
    "netplan": "vnetc.backends.netplan",
    "networkd": "vnetc.backends.networkd",
}


@cache
def load(name: str) -> Target:
    """Give the target `name`, a key of `REGISTRY`.

    Raises `IncompleteTable` if its support table lacks a row: what no table answers for would be
    dropped in silence.
    """
    targets: dict[str, Target] = import_module(REGISTRY[name]).TARGETS
    target = targets[name]
    require_rows(target.common, common_rows())
    return replace(target, common=aged(target.common), rare=lambda: aged(target.rare()))
