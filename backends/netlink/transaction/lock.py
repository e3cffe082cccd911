"""The lock of a namespace: one apply at a time, and until nobody may undo it any more.

The edge. The lock goes with the last process that holds it, whatever ends that (flock(2)); the file
only says who it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress

from vnetc.backends.netlink.refusal import Refused, refusal
from vnetc.backends.netlink.transaction import journal as journals
from vnetc.backends.netlink.transaction.guardian import now

FILE = "lock"


def take(directory: str) -> int | None:
    """Take the lock and give it, None if somebody has it. Raises `OSError`."""
    fd = os.open(os.path.join(directory, FILE), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if error.errno == errno.EWOULDBLOCK:
            return None
        raise
    with suppress(OSError):  # on a full disk nobody learns who has it
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def held(directory: str) -> Refused:
    """Give the refusal for one who comes while another has the lock."""
    with suppress(Refused):
        journal = journals.load(directory)
        if journal is not None and journal.phase == "waiting" and journal.deadline is not None:
            left = max(0, round(journal.deadline - now()))
            return refusal(
                "VN604",
                f"the last apply waits {left} s more to be confirmed",
                help="`vnetc confirm` keeps its changes, `vnetc rollback` undoes them",
            )
    owner = "another process"
    with (
        suppress(OSError),
        open(os.path.join(directory, FILE), encoding="ascii", errors="replace") as file,
    ):
        owner = f"process {file.read(20).strip() or '?'}"
    return refusal("VN604", f"another apply is at work: {owner}", help="wait until it has ended")


def started(pid: int) -> int:
    """Say when a process was started, in ticks since the boot. Raises `OSError`."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        # proc_pid_stat(5): the second field is a name in parentheses, which may hold any character
        return int(file.read().rpartition(b")")[2].split()[19])
