"""The journal of an apply: all that is needed to undo it, on the disk before the first change.

It is open from then until the change is kept or undone. One that is open and has nobody who works on
it is of a run that was killed, and `vnetc rollback` finishes it. The journal of the last change that
was kept stays too, so that it can still be undone.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress

from vnetc.backends.netlink import store
from vnetc.backends.netlink.refusal import refusal
from vnetc.backends.netlink.state import Key, State
from vnetc.backends.netlink.transaction import ledger
from vnetc.backends.netlink.transaction.ledger import Ledger
from vnetc.backends.netlink.transaction.namespaces import Namespace
from vnetc.model.record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

FILE, LAST = "journal.json", "last.json"
Phase: TypeAlias = 'Literal["running", "waiting", "rolled back", "incomplete"]'
_PHASES = ("running", "waiting", "rolled back", "incomplete")


class FileChange(Record, kw_only=False):
    """A file of a target: what stood there, None if nothing did, and what is to stand there."""

    path: str
    before: bytes | None
    before_mode: int
    after: bytes | None
    after_mode: int


class Journal(Record):
    """One apply.

    `steps` are the planned ones, action and key; `touched` is what they change and what falls with
    it. `deadline` is by CLOCK_BOOTTIME, which counts while the machine sleeps. `ledger` is the
    record before, None if there was none. `keys` are the secrets that stand in the snapshot by their
    fingerprints.
    """

    id: str
    boot: str
    inode: int
    pid: int
    started: int  # ticks since the boot, with the pid a process and no other (proc_pid_stat(5))
    phase: Phase
    snapshot: State
    steps: tuple[tuple[str, Key], ...]
    touched: frozenset[Key]
    ledger: Ledger | None
    files: tuple[FileChange, ...] = ()
    keys: Mapping[str, bytes] = {}
    deadline: float | None = None

    @property
    def open(self) -> bool:
        """Whether the change is neither kept nor undone."""
        return self.phase in ("running", "waiting")

    def of_now(self, namespace: Namespace) -> bool:
        """Tell whether the kernel still is the one that was changed."""
        return (self.boot, self.inode) == (namespace.boot, namespace.inode)


def load(directory: str, name: str = FILE) -> Journal | None:
    """Read a journal, None if there is none. Raises `Refused`."""
    path = os.path.join(directory, name)
    try:
        data = store.read(path)
    except PermissionError as error:
        raise refusal("VN612", f"{path} cannot be read: {error.strerror}") from None
    if data is None:
        return None
    try:
        return _decoded(data)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise store.damaged(path) from None


def save(directory: str, journal: Journal) -> None:
    """Write a journal. Raises `OSError`."""
    store.write(os.path.join(directory, FILE), _encoded(journal))


def keep(directory: str) -> None:
    """Close the journal, whose change stays, and hold it for `vnetc rollback`. Raises `OSError`.

    By its name alone: that needs no room on a disk that may be full by now.
    """
    os.rename(os.path.join(directory, FILE), os.path.join(directory, LAST))
    store.settle(directory)


def close(directory: str, journal: Journal, phase: Phase) -> None:
    """Close a journal whose change was undone, as far as it could be.

    If the disk is full the journal goes, which needs no room: what is undone need not be told.
    """
    try:
        save(directory, replace(journal, phase=phase))
    except OSError:
        if phase == "rolled back":
            with suppress(OSError):
                store.remove(os.path.join(directory, FILE))


def _encoded(journal: Journal) -> dict[str, Any]:
    return {
        "id": journal.id,
        "boot": journal.boot,
        "inode": journal.inode,
        "pid": journal.pid,
        "started": journal.started,
        "phase": journal.phase,
        "deadline": journal.deadline,
        "steps": [[action, list(key)] for action, key in journal.steps],
        "touched": sorted(map(list, journal.touched)),
        "snapshot": ledger.pairs(journal.snapshot),
        "ledger": None if journal.ledger is None else ledger.encoded(journal.ledger),
        "keys": {name: key.hex() for name, key in journal.keys.items()},
        "files": [
            [file.path, _text(file.before), file.before_mode, _text(file.after), file.after_mode]
            for file in journal.files
        ],
    }


def _decoded(data: dict[str, Any]) -> Journal:
    if data["phase"] not in _PHASES:
        raise ValueError(data["phase"])
    return Journal(
        id=str(data["id"]),
        boot=str(data["boot"]),
        inode=int(data["inode"]),
        pid=int(data["pid"]),
        started=int(data["started"]),
        phase=data["phase"],
        deadline=None if data["deadline"] is None else float(data["deadline"]),
        steps=tuple((str(action), ledger.key(key)) for action, key in data["steps"]),
        touched=frozenset(ledger.key(key) for key in data["touched"]),
        snapshot=ledger.mapping(data["snapshot"]),
        ledger=None if data["ledger"] is None else ledger.decoded(data["ledger"]),
        keys={str(name): bytes.fromhex(key) for name, key in data["keys"].items()},
        files=tuple(
            FileChange(path, _bytes(before), int(mode), _bytes(after), int(new_mode))
            for path, before, mode, after, new_mode in data["files"]
        ),
    )


def _text(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)
