"""`python3 killed.py DOCUMENT N [guardian]`: run `vnetc apply`, which dies after its step N.

Whoever watches over it dies as well, if the last word says so. Goes into a sandbox as a file: it
needs the vnetc that is there. Exits 99 if all was applied before there was a step N.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vnetc.backends.netlink import engine
from vnetc.cli import main

ENOUGH = 99  # acts.py


def die(number: int, *, guardian: bool) -> None:
    """Have this process die after so many steps: each is then sent alone, none is on its way."""
    this = os.getpid()
    execute = engine.Kernel.execute
    done = 0

    def after(_: int) -> None:
        nonlocal done
        done += 1
        if done == number:
            for process in _copies() if guardian else ():
                os.kill(process, signal.SIGKILL)
            os.kill(this, signal.SIGKILL)

    def dying(kernel: engine.Kernel, steps: Sequence[Any], *rest: Any, **options: Any) -> Any:
        if os.getpid() != this:  # the guardian, which is a copy of this process
            return execute(kernel, steps, *rest, **options)
        return execute(kernel, steps, after=after, batch=1)

    engine.Kernel.execute = dying  # type: ignore[assignment,method-assign]


def _copies() -> list[int]:
    """List the other processes that began as this one."""
    mine = Path("/proc/self/cmdline").read_bytes()
    found = [
        int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if _is(path, mine)
    ]
    return [process for process in found if process != os.getpid()]


def _is(path: Path, line: bytes) -> bool:
    try:
        return path.read_bytes() == line
    except OSError:  # it has ended
        return False


if __name__ == "__main__":
    die(int(sys.argv[2]), guardian=sys.argv[3:] == ["guardian"])
    sys.exit(main(["apply", sys.argv[1], "--yes", "--probe", "none"]) or ENOUGH)
