"""Streams that nobody reads, and programs that write to them as they do for users."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence


def no_pipe() -> int:
    """Open what says EPIPE to who writes to it."""
    readable, writable = os.pipe()
    os.close(readable)
    return writable


def no_terminal() -> int:
    """Open what says EIO: a terminal whose window has been closed."""
    ours, its = os.openpty()
    os.close(ours)
    return its


NOWHERE = (no_pipe, no_terminal)


def unheard(
    command: Sequence[str], nowhere: int, gone: Iterable[int] = (1, 2)
) -> subprocess.CompletedProcess[bytes]:
    """Run a program of which nobody reads these streams, and close `nowhere`.

    Python buffers what it prints, as it does unless it is told not to.
    """
    streams = {1: subprocess.PIPE, 2: subprocess.PIPE} | dict.fromkeys(gone, nowhere)
    try:
        return subprocess.run(
            command,
            check=False,
            env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
            stdin=subprocess.DEVNULL,
            stdout=streams[1],
            stderr=streams[2],
            timeout=60,
        )
    finally:
        os.close(nowhere)
