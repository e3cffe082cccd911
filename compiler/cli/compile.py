"""`vnetc compile`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence

from vnetc.backends.target import File, Output
from vnetc.cli import FAILED, FINDINGS, NOTHING, UsageError, tell
from vnetc.cli.documents import Input, read_documents, report, target_options
from vnetc.pipeline import compile_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnetc.backends.deployment import Step


def run(options: Namespace) -> int:
    """Compile each document; print the files or write them below a directory."""
    if (options.check or options.diff) and options.output is None:
        raise UsageError("--check and --diff compare with a directory: add -o DIR")
    if options.show_secrets and not options.diff:
        raise UsageError("--show-secrets is about what --diff shows")
    if options.output == "":
        raise UsageError("-o wants a directory; `.` is this one")
    documents = read_documents(options)
    wanted = target_options(options)
    outputs = [
        compile_text(document.source, name=document.name, **wanted) for document in documents
    ]
    _distinct(documents, outputs)
    code = report(documents, [o.diagnostics for o in outputs], options, to_stdout=False)
    if options.output is not None:
        # all or nothing: a directory with half of the hosts would be neither old nor new
        failed = any(not o.files for o in outputs)
        return code or (FAILED if failed else _write(outputs, options))
    if options.format == "json":
        _print_json(documents, outputs)
    else:
        _print_text(outputs)
    return code


def _distinct(documents: Sequence[Input], outputs: Sequence[Output]) -> None:
    first: dict[str, str] = {}
    for document, output in zip(documents, outputs, strict=True):
        if output.host and output.host in first:
            raise UsageError(
                f"{first[output.host]} and {document.filename} describe one host, `{output.host}`"
            )
        first[output.host] = document.filename


def _print_text(outputs: Sequence[Output]) -> None:
    for output in outputs:
        host = output.host if len(outputs) > 1 else ""
        if len(output.files) == 1 and not host:
            sys.stdout.write(output.files[0].content)
            continue
        for number, file in enumerate(output.files):
            gap = "\n" if number or output is not outputs[0] else ""
            sys.stdout.write(f"{gap}# ==> {host}{file.path} ({file.mode:04o})\n{file.content}")


def _print_json(documents: Sequence[Input], outputs: Sequence[Output]) -> None:
    import json

    from vnetc.cli.documents import lines
    from vnetc.report import Report, prepare
    from vnetc.report.json import findings

    results: list[dict[str, Any]] = [
        {
            "host": output.host,
            "target": output.target,
            "system": output.system,
            "packages": [*output.packages],
            "notes": [*output.notes],
            "files": [_file(file) for file in output.files],
            "next": _next_of(output),
            "diagnostics": findings(
                prepare(Report(document.filename, lines(document.source), output.diagnostics))
            ),
        }
        for document, output in zip(documents, outputs, strict=True)
    ]
    print(json.dumps(results[0] if len(results) == 1 else results, indent=2))


def _next_of(output: Output) -> dict[str, Any]:
    due, others, _ = _deployment(output, [file.path for file in output.files])
    return {
        "steps": [{"command": s.command, "interrupts": s.interrupts} for s in due],
        "others": [*others],
    }


def _file(file: File) -> dict[str, str]:
    return {"path": file.path, "mode": f"{file.mode:04o}", "content": file.content}


def _write(outputs: Sequence[Output], options: Namespace) -> int:
    from vnetc.output import tree

    several = len(outputs) > 1
    hosts = {output.host if several else "": output.files for output in outputs}
    directory: str = options.output
    try:
        if not (options.check or options.diff):
            changes = tree.write(directory, hosts)
        else:
            changes = tree.plan(directory, hosts)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UsageError(f"nothing was written: {where}{error.strerror}") from None
    if options.show_secrets:
        sys.stdout.write(tree.diff(changes))
    elif options.diff:
        from vnetc.output.masking import masked

        sys.stdout.write(tree.diff(changes, masked))
    if options.diff:
        sys.stdout.flush()  # before what goes to standard error
    tell(f"{_summary(changes, options)}\n")
    if not (options.check or options.diff):
        tell("".join(f"{line}\n" for line in _next(outputs, changes, several=several)))
    return FINDINGS if changes and (options.check or options.diff) else NOTHING


def _next(outputs: Sequence[Output], changes: Any, *, several: bool) -> Iterator[str]:
    """Say what to do on each host whose files have changed."""
    changed = [change.path for change in (*changes.created, *changes.changed, *changes.removed)]
    for output in outputs:
        folder = f"{output.host}/" if several else ""
        paths = [
            f"/{path.removeprefix(folder)}" for path in sorted(changed) if path.startswith(folder)
        ]
        due, others, unread = _deployment(output, paths)
        if due:
            yield f"next, on {output.host}:"
            if output.packages:
                yield f"  needs {' '.join(output.packages)}"
            yield from (f"  once: {note}" for note in output.notes)
            yield from (f"  {step.command}  # interrupts {step.interrupts}" for step in due)
            yield f"  these would speak too, if they are there: {', '.join(others)}"
        if due and unread:
            yield f"  these are not read without `foreign-files: read`: {unread}"


def _deployment(output: Output, paths: Iterable[str]) -> tuple[Sequence[Step], Sequence[str], str]:
    """Give the steps that are due, files that would speak too, and files that are not read."""
    from vnetc.backends import load
    from vnetc.backends.deployment import steps

    deployment = load(output.target).deployment()
    if deployment is None:
        return (), (), ""
    due, directory = steps(deployment, paths), deployment.directory
    files = f"{directory}/*" if directory else ""
    if directory and any(f" {directory}" in file.content for file in output.files):
        return due, (files, *deployment.others), ""
    return due, deployment.others, files


def _summary(changes: Any, options: Namespace) -> str:
    counts = (
        (len(changes.created), "new"),
        (len(changes.changed), "changed"),
        (len(changes.removed), "removed"),
        (len(changes.unchanged), "unchanged"),
    )
    text = ", ".join(f"{count} {word}" for count, word in counts if count) or "no files"
    return (
        f"{options.output}: {text}{' (nothing written)' if options.check or options.diff else ''}"
    )
