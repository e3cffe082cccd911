"""Pieces of tests that need network, mount and process namespaces of their own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import cache

import pytest

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x20000000, 0x40000000  # linux/sched.h


def sandboxed(body: Callable[[], object], *hidden: str) -> None:
    """Run a piece of a test in a process of its own, which takes all it starts with it.

    It has its own network and processes, and empty directories in the place of `hidden`. Raises
    `AssertionError` with the traceback of what it raised.
    """
    readable, writable = os.pipe()
    outer = os.fork()
    if outer:
        os.close(writable)
        with os.fdopen(readable, "rb") as file:
            said = file.read().decode()
        _, status = os.waitpid(outer, 0)
        if said or status:
            raise AssertionError(said or f"the sandbox ended with status {status}")
        return
    code = 1
    try:
        os.close(readable)
        unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID)
        inner = os.fork()  # whoever unshared the processes is not among the new ones
        if inner:
            code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
        else:
            _mount("--make-rprivate", "/")
            _mount("-t", "proc", "proc", "/proc")
            for folder in hidden:
                _mount("-t", "tmpfs", "tmpfs", folder)
            body()
            code = 0
    finally:
        if sys.exc_info()[1] is not None:
            os.write(writable, traceback.format_exc().encode())
        os._exit(code)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones. Raises `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


# How whoever runs the tests gets networks and mounts of its own: as root, or as one that is root in
# there. unshare(1) cuts the mounts off from the machine's, which needs `/` to be a mount.
UNSHARE = (
    *("unshare", "--net", "--mount"),
    *(() if os.geteuid() == 0 else ("--user", "--map-root-user")),
)


@cache
def lacking() -> str | None:
    """Say why `UNSHARE` does not work on this machine, None if it does."""
    probe = [*UNSHARE, "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        done = subprocess.run(probe, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return "no sandboxes here: no unshare(1)"
    return f"no sandboxes here: {done.stderr.strip()}" if done.returncode else None


def missing() -> str | None:
    """Say why root's own sandboxes cannot be made, None if they can."""
    return "needs root" if os.geteuid() != 0 else lacking()


def need(reason: str | None) -> None:
    """Skip a test for a reason, if there is one: all from here, so that pytest counts them together."""
    if reason is not None:
        pytest.skip(reason)
