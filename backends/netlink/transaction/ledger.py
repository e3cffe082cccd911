"""What vnetc made in a namespace and what it changed there, remembered from one apply to the next.

A device says nothing of who made it, and a file of configuration that has changed does not say what
it said before. So every apply that is kept writes down what is its own, and what cards and kernel
parameters were before vnetc first changed them. The file survives a boot.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from vnetc.backends.netlink import store
from vnetc.backends.netlink.links.changes import CARDS
from vnetc.backends.netlink.objects.fingerprints import remember
from vnetc.backends.netlink.objects.sysctls import host_wide
from vnetc.backends.netlink.planner.dependents import OTHERS
from vnetc.backends.netlink.planner.relations import is_ours
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import Attributes, Key, State, Value, Wanted
from vnetc.backends.netlink.transaction.namespaces import Namespace
from vnetc.model.data import is_list, is_mapping
from vnetc.model.host import DEFAULT_MTU
from vnetc.model.record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# classes of what may be there without vnetc, and is only changed
_GIVEN = frozenset({"link", "sysctl", "card", "address", "route", "neighbor", "neighbor-proxy"})
FILE, NEXT = "state.json", "next.json"


class Ledger(Record):
    """The record of one namespace.

    `before` holds of each object that others made the attributes that vnetc has changed, as they
    were; `remembered` is what programs that do not tell what they do were asked, and what came of
    it; `files` are those of a target that were installed. `document` is a digest of the last one.
    """

    boot: str = ""
    inode: int = 0
    document: str = ""
    owned: frozenset[Key] = frozenset()
    before: Mapping[Key, Attributes] = {}
    remembered: Mapping[Key, Attributes] = {}
    files: tuple[str, ...] = ()

    @property
    def known(self) -> frozenset[Key]:
        """All objects that it speaks of."""
        return self.owned | self.before.keys()


def load(directory: str, namespace: Namespace) -> Ledger:
    """Read the record of a namespace, an empty one if there is none. Raises `Refused`.

    One who may not read it may plan all the same, as if there were none. A namespace that was deleted and made again in one boot has nothing of what was there before.
    """
    path = os.path.join(directory, FILE)
    try:
        data = store.read(path)
    except PermissionError:  # who may not read it changes nothing
        return Ledger()
    if data is None:
        return Ledger()
    try:
        ledger = decoded(data)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise store.damaged(path) from None
    if ledger.boot == namespace.boot and ledger.inode != namespace.inode:
        return Ledger(files=ledger.files)
    return ledger


def save(directory: str, ledger: Ledger) -> None:
    """Write the record. Raises `OSError`."""
    store.write(os.path.join(directory, FILE), encoded(ledger))


def prepare(directory: str, ledger: Ledger) -> None:
    """Write the record that is to be, beside the one that is. Raises `OSError`.

    It then needs no room any more, and the guardian, who was forked before, finds it.
    """
    store.write(os.path.join(directory, NEXT), encoded(ledger))


def commit(directory: str) -> None:
    """Make the record that was prepared the one that is. Raises `OSError`."""
    os.rename(os.path.join(directory, NEXT), os.path.join(directory, FILE))
    store.settle(directory)


def after(
    ledger: Ledger,
    namespace: Namespace,
    steps: Sequence[Step],
    wanted: Sequence[Wanted],
    state: State,
    *,
    document: str,
    adopt: bool,
) -> Ledger:
    """Give the record as it is when these steps were taken; `state` is what was there before them."""
    asked = {item.key: item.attributes.keys() - item.unsaid for item in wanted}
    # what others made and is only put back is not made
    there = {key for key in state if key[0] in OTHERS} - ledger.owned
    made = {step.key for step in steps if step.action in "+!" and step.key not in there}
    made |= asked.keys() - state.keys()  # the other end of a cable is made without a step
    if adopt:
        made |= {item.key for item in wanted if item.key in state and _is_made(item, state)}
    owned = {key for key in ledger.owned | made if key in asked}
    first: dict[Key, dict[str, Value]] = {}
    for step in steps:
        given = step.key[0] in _GIVEN and step.key in state and step.key not in owned
        if step.action == "~" and given and not is_ours(step.key, step.after or {}):
            old, found = state[step.key], first.setdefault(step.key, {})
            found.update({name: old[name] for name in step.changes if name in old})
            if "mtu" in found and ("dhcp", step.key[1]) in ledger.owned:
                found["mtu"] = DEFAULT_MTU  # what it is may be of a lease that we asked for
            general = host_wide(step.key)
            if general in ledger.before:  # it may have followed what we set for the whole host
                found |= ledger.before[general]
    before: dict[Key, Attributes] = {}
    for key in first.keys() | ledger.before.keys():
        if key in asked and key not in owned:
            merged = {**first.get(key, {}), **ledger.before.get(key, {})}
            kept = {name: value for name, value in merged.items() if name in asked[key]}
            if kept:
                before[key] = kept
    return replace(
        ledger,
        boot=namespace.boot,
        inode=namespace.inode,
        document=document,
        owned=frozenset(owned),
        before=before,
    )


def remembering(
    ledger: Ledger, steps: Sequence[Step], wanted: Sequence[Wanted], state: State
) -> Ledger:
    """Add what came of the steps, as `state` that was read after them shows it."""
    asked = {item.key: item.attributes for item in wanted}
    remembered = {key: known for key, known in ledger.remembered.items() if key in asked}
    for key in {step.key for step in steps if step.action != "-" and step.key in asked}:
        known = remember(key, asked[key], state)
        if known is not None:
            remembered[key] = known
    return replace(ledger, remembered=remembered)


def _is_made(item: Wanted, state: State) -> bool:
    """Tell whether an object is one that can be made, and so taken over."""
    return item.key[0] != "sysctl" and state[item.key].get("kind") not in CARDS


# JSON has no tuples for keys


def encoded(ledger: Ledger) -> dict[str, Any]:
    """Give the record as JSON has it."""
    return {
        "boot": ledger.boot,
        "inode": ledger.inode,
        "document": ledger.document,
        "owned": sorted(map(list, ledger.owned)),
        "before": pairs(ledger.before),
        "remembered": pairs(ledger.remembered),
        "files": list(ledger.files),
    }


def decoded(data: dict[str, Any]) -> Ledger:
    """Read what `encoded` gave. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    return Ledger(
        boot=str(data["boot"]),
        inode=int(data["inode"]),
        document=str(data["document"]),
        owned=frozenset(key(item) for item in data["owned"]),
        before=mapping(data["before"]),
        remembered=mapping(data["remembered"]),
        files=tuple(str(path) for path in data["files"]),
    )


def pairs(objects: Mapping[Key, Attributes]) -> list[list[object]]:
    """Give objects as a list of keys and attributes."""
    return [[list(name), dict(attributes)] for name, attributes in objects.items()]


def mapping(listed: object) -> State:
    """Read what `pairs` gave. Raises `TypeError` or `ValueError` for anything else."""
    if not is_list(listed):
        raise TypeError("not a list of objects")
    found: State = {}
    for name, attributes in listed:
        if not is_mapping(attributes):
            raise TypeError("not the attributes of an object")
        found[key(name)] = attributes
    return found


def key(parts: object) -> Key:
    """Read a key. Raises `TypeError` for anything else."""
    if not is_list(parts) or not parts or not all(isinstance(part, str) for part in parts):
        raise TypeError("not a key")
    return tuple(parts)
