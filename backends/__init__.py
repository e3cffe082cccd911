"""The targets, by name. A module is imported when its target is asked for."""

from __future__ import annotations

from importlib import import_module

from vnetc.backends.base import Target

# Adding a target is one folder and one line here; the module has `TARGETS: dict[str, Target]`.
REGISTRY: dict[str, str] = {
    "ifupdown": "vnetc.backends.ifupdown",
    "ifupdown2": "vnetc.backends.ifupdown",
    "ifupdown-ng": "vnetc.backends.ifupdown",
    "netlink": "vnetc.backends.netlink",
    "netplan": "vnetc.backends.netplan",
    "networkd": "vnetc.backends.networkd",
}


def load(name: str) -> Target:
    """Give the target `name`, a key of `REGISTRY`."""
    targets: dict[str, Target] = import_module(REGISTRY[name]).TARGETS
    return targets[name]
