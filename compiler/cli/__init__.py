"""The command line: the argument tree, and one module for each command.

A command imports what it needs when it runs. Exit codes: 0 nothing to report, 1 findings or
changes, 2 it could not run. What was asked for goes to standard output, all else to standard error.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from vnetc._version import __version__

NOTHING, FINDINGS, FAILED = 0, 1, 2


class UsageError(Exception):
    """What a command was asked cannot be done; the text says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        print(f"vnetc {__version__}")
        return NOTHING
    gc.disable()  # a short life: the collector would only look through the same objects again
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # the reader has gone, as `| head` does: nothing is left to be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback in a user's face
        return _fault(error)


def _run(arguments: list[str]) -> int:
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
    print(
        f"error[VN901]: a fault of vnetc itself: {type(error).__name__} at {place}: "
        f"{printable(str(error))}\n"
        "  = help: please report it with the document: `vnetc explain VN901`",
        file=sys.stderr,
    )
    return FAILED
