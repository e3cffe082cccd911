"""The command line: the argument tree, and one module for each command.

A command imports what it needs when it runs. Exit codes: 0 nothing to report, 1 findings or
changes, 2 it could not run. What was asked for goes to standard output, all else to standard error:
if nobody can read the first, that is a failure, but what a command did stands without the second.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from vnetc._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TextIO

NOTHING, FINDINGS, FAILED = 0, 1, 2


class UsageError(Exception):
    """What a command was asked cannot be done; the text says why."""


def start() -> NoReturn:
    """Run as a program of its own, and end at once.

    All that was written is written: `main` has flushed the streams, and files are closed where they
    are opened. To take the interpreter's objects apart would be a seventh of a small compilation.
    """
    os._exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    gc.disable()  # a short life: the collector would only look through the same objects again
    _prepare_streams()
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()  # also what argparse printed, which does not ask whether it could
    except UsageError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        return FAILED  # the reader has gone, as `| head` does: nothing is left to be said
    except OSError as error:
        if error.filename is not None:
            return _fault(error)  # commands answer for the files that they open
        return _refuse(f"cannot write to standard output: {error.strerror}")
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback in a user's face
        return _fault(error)
    finally:
        # What is still buffered would be written at the interpreter's end, which ends with 120 if
        # that fails (Py_FinalizeEx).
        tell("", sys.stdout)
        tell("", sys.stderr)


def tell(text: str, stream: TextIO | None = None) -> None:
    """Write to standard error, or another stream, if anybody can read it.

    For what is no reason to fail: the exit code says what was done.
    """
    out = sys.stderr if stream is None else stream
    try:
        out.write(text)
        out.flush()
    except OSError:  # the reader or the terminal is gone: nothing more is tried
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _prepare_streams() -> None:
    """Speak UTF-8 whatever the locale is, as documents do; read and write nothing if closed."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - stays open
        elif name != "stdin":
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _refuse(message: str) -> int:
    from vnetc.report import printable

    tell(f"error: {printable(message)}\n")
    return FAILED


def _run(arguments: list[str]) -> int:
    if arguments in (["--version"], ["-V"]):  # without an argument tree for so little
        print(f"vnetc {__version__}")
        return NOTHING
    from importlib import import_module

    from vnetc.cli.arguments import parser

    options = parser().parse_args(arguments)
    code: int = import_module(f"vnetc.cli.{options.command}").run(options)
    return code


def _fault(error: Exception) -> int:
    from traceback import extract_tb

    from vnetc.report import printable

    where = extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(where.filename)}:{where.lineno}"
    # The text of an exception may quote the document, and with it a secret; the system's does not.
    words = f": {error}" if isinstance(error, OSError) else ""
    tell(
        f"error[VN901]: a fault of vnetc itself: {type(error).__name__} at {place}{printable(words)}\n"
        "  = help: please report it with the document: `vnetc explain VN901`\n"
    )
    return FAILED
