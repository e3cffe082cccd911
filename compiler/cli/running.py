"""What the commands for the running kernel share: one document, its place, and refusals."""

from __future__ import annotations

from argparse import Namespace as Options
from collections.abc import Callable, Sequence

from vnetc.backends.netlink.refusal import Refused
from vnetc.backends.target import File
from vnetc.cli import FAILED, UsageError, tell
from vnetc.cli.documents import Input, read_documents, report, target_options
from vnetc.language.tree import Document
from vnetc.model.diagnostics import Diagnostic, Path
from vnetc.model.host import Host
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.netlink.store import Places
    from vnetc.backends.netlink.transaction.comparison import Question
    from vnetc.backends.netlink.transaction.namespaces import Namespace
    from vnetc.backends.netlink.transaction.outcome import Outcome

KERNEL = "netlink"  # the target's name


class Desired(Record):
    """A document that can be applied: its host, and the files of the target that was asked for."""

    input: Input
    document: Document
    host: Host
    files: tuple[File, ...] | None
    options: Options

    @property
    def filename(self) -> str:
        """What the document is called."""
        return self.input.filename

    @property
    def digest(self) -> str:
        """What tells this text from others."""
        from hashlib import sha256

        return sha256(self.input.source).hexdigest()

    def question(self, places: Places) -> Question:
        """Say what it wants of the kernel, and how far that may reach. Raises `Refused`."""
        from vnetc.backends.netlink.transaction.comparison import machine_at, question

        adopt, prune = self.options.adopt, self.options.prune_foreign
        allow = self.options.allow
        asked = question(self.host, machine_at(places), adopt=adopt, prune=prune, allow=allow)
        if asked.lacking:
            self.report(asked.lacking)
        return asked

    def line(self, path: Path) -> int | None:
        """Give the line of a key; None for what no key of the document asks for."""
        return self.document.span(path, "key").line if path else None

    def report(self, found: Sequence[Diagnostic]) -> None:
        """Print findings to standard error, each with its place if it has one."""
        placed = [p for d in found for p in (self.document.resolve([d]) if d.path else [d])]
        report([self.input], [placed], self.options, to_stdout=False)


def desired(options: Options) -> Desired | None:
    """Read and check the document that a command is for; None if it has errors, which are printed."""
    from vnetc.backends import load
    from vnetc.pipeline import ALLOWABLE, analyse, compile_analysis, expressed, finish

    documents = read_documents(options)
    if len(documents) != 1:
        raise UsageError(f"one document at a time: {options.paths[0]} has {len(documents)}")
    (source,) = documents
    target = target_options(options, ALLOWABLE | {"VN607"})
    analysis = analyse(source.source, name=source.name)
    kernel = load(KERNEL)
    host, found = expressed(analysis, kernel, options.allow)
    files: tuple[File, ...] | None = None
    if options.target is not None:
        version, hooks = target["version"], options.allow_hooks
        output = compile_analysis(
            analysis, target=options.target, version=version, allow=options.allow, allow_hooks=hooks
        )
        found += output.diagnostics
        files = output.files
    said = finish(analysis.document, [*analysis.diagnostics, *found])
    report([source], [said], options, to_stdout=False)
    if host is None or any(d.severity == "error" for d in said):
        return None
    return Desired(
        input=source, document=analysis.document, host=host, files=files, options=options
    )


def finished(
    options: Options, places: Places, finish: Callable[[Namespace, Places], Outcome]
) -> Outcome | None:
    """End a change that another process began, and say what came of it; None if it cannot be."""
    from vnetc.backends.netlink.transaction import namespaces

    try:
        namespace = namespaces.enter(options.netns)
        namespaces.require_privilege()
        outcome = finish(namespace, places)
    except Refused as error:
        refused(error)
        return None
    say(outcome.diagnostics)
    return outcome


def refused(error: Refused, desired: Desired | None = None) -> int:
    """Say why nothing was changed."""
    say(error.diagnostics, desired)
    return FAILED


def say(found: Sequence[Diagnostic], desired: Desired | None = None) -> None:
    """Print findings: those about a line of the document as findings of it, the others alone."""
    from vnetc.report import printable

    if desired is not None:
        desired.report([d for d in found if d.path])
        found = [d for d in found if not d.path]
    for d in found:
        help = f"\n  = help: {printable(d.help)}" if d.help else ""
        tell(printable(f"{d.severity}[{d.code}]: {d.message}") + f"{help}\n")
