"""Documents and findings at the edge: files in, reports out."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Collection, Iterator, Sequence

from vnetc.cli import FINDINGS, NOTHING, UsageError, tell
from vnetc.language.tree import MAX_BYTES
from vnetc.model.diagnostics import Diagnostic
from vnetc.model.record import Record
from vnetc.report import Report, render, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SUFFIX = re.compile(r"(\.vnet)?\.ya?ml$")
_IN_DIRECTORY = re.compile(r"(^|.\.)vnet\.ya?ml$")


class Input(Record, kw_only=False):
    """A document as it was given: what to call it, its bytes, and its host's name by default."""

    filename: str
    source: bytes
    name: str


def read_documents(options: Namespace) -> list[Input]:
    """Read all documents that were asked for. Raises `UsageError` if one cannot be read."""
    documents: list[Input] = []
    for path in dict.fromkeys(_files(options.paths)):
        if path == "-":
            filename = options.stdin_filename or "<stdin>"
            source = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            filename = path
            source = _read(path)
        name = "host" if filename == "<stdin>" else _SUFFIX.sub("", os.path.basename(filename))
        documents.append(Input(filename, source, name))
    return documents


def _files(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if path != "-" and os.path.isdir(path):
            found = [
                os.path.join(folder, name)
                for folder, _, names in os.walk(path, onerror=_unreadable)
                for name in names
                # a pipe of that name would wait for ever
                if _IN_DIRECTORY.search(name) and os.path.isfile(os.path.join(folder, name))
            ]
            if not found:
                raise UsageError(f"no *.vnet.yaml file below {path}")
            yield from sorted(found)
        else:
            yield path


def _unreadable(error: OSError) -> None:
    raise UsageError(f"cannot read {error.filename}: {error.strerror}")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"cannot read {path!r}: no such name is possible") from None


def lines(source: bytes) -> list[str]:
    """Split a document into the lines that positions count."""
    text = source[:MAX_BYTES].decode("utf-8-sig", errors="replace")
    return re.split(r"\r\n|\n|\r", text)


def report(
    documents: Sequence[Input],
    found: Sequence[Sequence[Diagnostic]],
    options: Namespace,
    *,
    to_stdout: bool,
) -> int:
    """Print what was found in each document; give the exit code that it means."""
    reports = [
        Report(document.filename, lines(document.source) if some else [], tuple(some))
        for document, some in zip(documents, found, strict=True)
    ]
    format = options.output_format or (
        "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "full"
    )
    stream = sys.stdout if to_stdout else sys.stderr
    severities = {d.severity for some in found for d in some}
    if severities or format not in ("full", "concise", "github"):
        text = render(reports, format, color=_colored(options, stream.isatty()))
        if to_stdout:
            stream.write(text)
            stream.flush()
        else:
            tell(text)
    if format in ("full", "concise") and (to_stdout or severities):
        tell(f"{summary(reports)}\n")
    if options.exit_zero:
        return NOTHING
    if "error" in severities or (options.strict and "warning" in severities):
        return FINDINGS
    return NOTHING


def _colored(options: Namespace, terminal: bool) -> bool:
    if options.color == "auto" and not terminal and "FORCE_COLOR" not in os.environ:
        return False
    from vnetc.report.color import wanted

    return wanted(options.color, os.environ, terminal)


def target_options(options: Namespace, allowable: Collection[str] = ()) -> dict[str, Any]:
    """Give what the compiler is to be told of the target; refuse an `--allow` that does nothing."""
    from vnetc.pipeline import ALLOWABLE

    allowable = allowable or ALLOWABLE
    for code in options.allow:
        if code not in allowable:
            raise UsageError(f"--allow takes {', '.join(sorted(allowable))}, not {code[:20]!r}")
    return {
        "target": options.target,
        "version": options.target_version,
        "allow": options.allow,
        "allow_hooks": options.allow_hooks,
    }
