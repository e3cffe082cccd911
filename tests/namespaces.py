"""Pieces of tests that need network, mount and process namespaces of their own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import traceback
from collections.abc import Callable

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


def missing() -> str | None:
    """Say why this machine cannot make them, None if it can."""
    if os.geteuid() != 0:
        return "needs root"
    probe = ["unshare", "--net", "--mount", "--pid", "--fork", "true"]
    done = subprocess.run(probe, check=False, stderr=subprocess.DEVNULL)
    return "this machine does not let root make namespaces" if done.returncode else None
