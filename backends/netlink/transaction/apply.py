"""Apply: read, plan, change, verify, keep; or put all back as it was.

The edge. From the moment when the journal is on the disk each way on leads to one of two states: the
new one, kept, or the old one. A step or a probe that fails and a signal lead back here; what ends
apply itself is the guardian's to undo, and what ends that too, that of `vnetc rollback`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from vnetc.backends.netlink import store
from vnetc.backends.netlink.engine import Kernel
from vnetc.backends.netlink.objects.calls import Machine
from vnetc.backends.netlink.objects.fingerprints import recall
from vnetc.backends.netlink.planner import ownership as others
from vnetc.backends.netlink.planner import plan as planner
from vnetc.backends.netlink.planner.display_names import title
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.refusal import Refused, refusal
from vnetc.backends.netlink.state import Key
from vnetc.backends.netlink.store import Places
from vnetc.backends.netlink.transaction import guardian, install, lockout, probes
from vnetc.backends.netlink.transaction import journal as journals
from vnetc.backends.netlink.transaction import ledger as ledgers
from vnetc.backends.netlink.transaction import lock as locks
from vnetc.backends.netlink.transaction.change import (
    SETTLE,
    Change,
    Failed,
    execute,
    interruptible,
    reason,
    restore,
    uninterrupted,
    unwritable,
)
from vnetc.backends.netlink.transaction.comparison import (
    Question,
    Survey,
    machine_at,
    missing,
    plan,
    survey,
)
from vnetc.backends.netlink.transaction.journal import Journal
from vnetc.backends.netlink.transaction.ledger import Ledger
from vnetc.backends.netlink.transaction.namespaces import Namespace
from vnetc.backends.netlink.transaction.outcome import Outcome
from vnetc.backends.netlink.transaction.probes import Probe
from vnetc.backends.target import File
from vnetc.model.diagnostics import Diagnostic, diagnostic
from vnetc.model.record import Record, replace

_MENDINGS = 3
_FIRST_LOOK = 0.02  # seconds: what takes the kernel a moment is not mended


class Request(Record):
    """What is to be applied, and how.

    `files` are a target's, None if none is to be installed. `probes` are those asked for, None for
    the gateways. `confirm` is the time in seconds that somebody has to confirm, None if nobody need.
    """

    question: Question
    document: str = ""  # a digest
    files: tuple[File, ...] | None = None
    probes: tuple[Probe, ...] | None = None
    confirm: float | None = None
    yes: bool = False


def apply(
    request: Request,
    namespace: Namespace,
    places: Places,
    *,
    after: Callable[[int], None] | None = None,
) -> Outcome:
    """Make the kernel what is wanted, or leave it as it is.

    `after` is called after each step, for tests of what happens if nothing comes after it. Raises
    `Refused` if nothing was changed.
    """
    with _locked(namespace, places) as (directory, lock):
        _close_old(directory, namespace, places)
        machine = machine_at(places)
        kernel = Kernel(request.question.keys, machine=machine)
        found = survey(request.question, namespace, kernel, places)
        _refuse(request, found, namespace, machine)
        files = _files(request, found.ledger, places)
        ledger = _ledger_after(request, found, namespace)
        if not found.plan.steps and not files:
            _remember(directory, found.ledger, ledger)
            return Outcome(result="nothing")
        asked, notes = _probes(request, found)
        notes = (*notes, *_about(files, request.confirm is not None))
        journal = _journal(found, namespace, files, kernel.keys)
        change = Change(directory, places, namespace, journal, ledger)
        watch = _begin(change, lock, request.confirm is not None)
        result = _carry_out(change, watch, kernel, request, found, asked, after)
        return replace(result, notes=(*notes, *result.notes))


def _about(files: Sequence[journals.FileChange], waits: bool) -> Iterator[str]:
    """Say what becomes of files."""
    gone = sum(file.after is None for file in files)
    counts = ((len(files) - gone, "installed"), (gone, "removed"))
    said = [f"{n} file{'s' * (n != 1)} {word}" for n, word in counts if n]
    if said:
        yield ", ".join(said) + (", once it is confirmed" if waits else "")


def _refuse(request: Request, found: Survey, namespace: Namespace, machine: Machine) -> None:
    errors = [problem for problem in found.plan.problems if problem.severity == "error"]
    errors = errors or missing(request.question, found.plan.steps, machine)
    if errors:
        raise Refused(*errors)
    if request.yes or request.confirm is not None or not namespace.home:
        return
    session = lockout.session()
    step = session and lockout.danger(found.state, found.plan.steps, session)
    if step and session:
        raise refusal(
            "VN605",
            f"this may cut off your SSH session from {session.peer}: `{title(step.key)}` changes",
            path=step.path,
            help="`--confirm-within 120` undoes it unless you confirm from a session that works; "
            "`--yes` takes the risk",
        )


def _files(request: Request, ledger: Ledger, places: Places) -> tuple[journals.FileChange, ...]:
    if request.files is None:
        return ()
    try:
        return install.changes(places.root, request.files, ledger.files)
    except OSError as error:
        raise refusal("VN613", f"{error.filename}: {error.strerror}") from None


def _ledger_after(request: Request, found: Survey, namespace: Namespace) -> Ledger:
    ledger = ledgers.after(
        found.ledger,
        namespace,
        found.plan.steps,
        request.question.wanted,
        found.state,
        document=request.document,
        adopt=request.question.adopt,
    )
    if request.files is not None:
        ledger = replace(ledger, files=tuple(file.path for file in request.files))
    return ledger


def _remember(directory: str, old: Ledger, new: Ledger) -> None:
    if old != new:
        try:
            ledgers.save(directory, new)
        except OSError as error:
            raise unwritable(directory, error) from None


def _probes(request: Request, found: Survey) -> tuple[tuple[Probe, ...], tuple[str, ...]]:
    if request.probes is not None:
        return probes.choose(request.probes, ())
    return probes.choose((), probes.gateways(found.state))


def _journal(
    found: Survey,
    namespace: Namespace,
    files: tuple[journals.FileChange, ...],
    keys: Mapping[str, bytes],
) -> Journal:
    pid = os.getpid()
    return Journal(
        id=os.urandom(16).hex(),
        boot=namespace.boot,
        inode=namespace.inode,
        pid=pid,
        started=locks.started(pid),
        phase="running",
        snapshot=found.state,
        steps=tuple((step.action, step.key) for step in found.plan.steps),
        touched=found.plan.touched,
        ledger=found.ledger,
        files=files,
        keys=dict(keys),
    )


def _begin(change: Change, lock: int, confirmed: bool) -> guardian.Guardian:
    """Put the journal on the disk and start the guardian. Raises `Refused`."""
    directory, journal = change.directory, change.journal
    try:
        # also loads what an undoing needs: the guardian must not read a disk that hangs
        planner.restore(journal.snapshot, journal.snapshot, journal.touched)
        journals.save(directory, journal)
        run = store.folder(change.places.run, change.namespace.name) if confirmed else ""
        listener = guardian.listen(run) if confirmed else None
        return guardian.start(change, journal.id, directory, lock, listener)
    except OSError as error:
        with suppress(OSError):
            store.remove(os.path.join(directory, journals.FILE))
        raise unwritable(directory, error) from None


def _carry_out(
    change: Change,
    watch: guardian.Guardian,
    kernel: Kernel,
    request: Request,
    found: Survey,
    asked: Sequence[Probe],
    after: Callable[[int], None] | None,
) -> Outcome:
    steps = found.plan.steps
    with interruptible():
        try:
            kernel.execute(steps, after)
            steps = _verify(kernel, request.question, change, found)
            _ask(asked)
            ledgers.prepare(change.directory, change.ledger)
            with uninterrupted():
                if request.confirm is not None:
                    change.wait(watch, request.confirm)
                    return Outcome(result="pending", steps=steps)
                change.commit()
                watch.dismiss()
        except BaseException as error:  # noqa: BLE001 - whatever it is, nothing may stay half done
            with uninterrupted():
                outcome = change.undo(reason(error))
                watch.dismiss()
            return replace(outcome, steps=steps)
    return Outcome(result="done", steps=steps)


def _verify(kernel: Kernel, question: Question, change: Change, found: Survey) -> tuple[Step, ...]:
    """Read until all is as wanted and others have what they had; note what came of the steps.

    What the kernel did of its own accord is mended: with the last address of a device it removes
    the routes there, too. Gives the steps that were taken in all. Raises `Failed` if it does not come to be, `StepFailed`.
    """
    start, pause, mended = time.monotonic(), 0.02, 0
    done = found.plan.steps
    kept = others.kept(found.state, found.plan, found.ledger.owned)
    said: list[str] = []
    while True:
        state = kernel.read(question.wanted, change.ledger.known, change.ledger.remembered)
        change.ledger = ledgers.remembering(change.ledger, done, question.wanted, state)
        record = change.record()
        record = replace(record, owned=record.owned - others.replaced(found.state, state))
        steps = plan(question, recall(state, change.ledger.remembered), record).steps
        lost = {} if steps else others.missing(kept, state)
        if not steps and not lost:
            return done
        if lost:  # what nobody has foreseen: an undoing has to look further
            near = others.touched(found.state, found.plan)
            change.undoes([*lost, *(("link", name) for name in near)])
        if mended < _MENDINGS and pause > _FIRST_LOOK and change.covers(steps):
            if steps:
                kernel.execute(steps)
            else:
                said = execute(kernel, planner.mend(state, lost).steps)
            mended, done = mended + 1, (*done, *steps)
        elif time.monotonic() + pause > start + SETTLE:
            break
        time.sleep(pause)
        pause = min(2 * pause, 0.5)
    raise Failed(_not_as_wanted(steps) if steps else _not_kept([*lost], said))


def _not_kept(lost: Sequence[Key], said: Sequence[str]) -> Diagnostic:
    more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
    why = f": {said[0]}" if said else ""
    return diagnostic(
        "VN619",
        f"`{title(lost[0])}`, which others made, did not survive the change{more}{why}",
        (),
        help="say it in the document too, or remove it first, by hand or with `--prune-foreign`",
    )


def _not_as_wanted(steps: Sequence[Step]) -> Diagnostic:
    step = steps[0]
    more = f", and {len(steps) - 1} more" if len(steps) > 1 else ""
    return diagnostic(
        "VN609",
        f"the kernel took all changes, but `{title(step.key)}` is not as wanted"
        f"{_difference(step)}{more}",
        step.path,
        "key",
        help="something else may manage it too: systemd-networkd, NetworkManager, a DHCP client",
    )


def _difference(step: Step) -> str:
    names = ", ".join(f"`{name}`" for name in step.changes[:5])
    match step.action:
        case "+":
            return ": it is not there"
        case "-":
            return ": it is still there"
        case _:
            return f": {names}" if names else ""


def _ask(asked: Sequence[Probe]) -> None:
    if not asked:
        return
    answers = probes.answering(asked, probes.AFTER)
    silent = [str(probe) for probe in asked if probe not in answers]
    if silent:
        raise Failed(
            diagnostic(
                "VN610",
                f"after the change {', '.join(silent)} did not answer",
                (),
                help="`--probe` names what must answer, `--probe none` asks nothing",
            )
        )


def _close_old(directory: str, namespace: Namespace, places: Places) -> None:
    """Deal with what a killed apply has left. Raises `Refused` if that is the user's to do."""
    journal = journals.load(directory)
    if journal is None or not journal.open:
        return
    if journal.of_now(namespace):
        raise refusal(
            "VN612",
            "the last apply was killed, and so was what should have undone it",
            help="`vnetc rollback` undoes it; then apply again",
        )
    # its kernel is no more: of it only files can be left
    left, notes = restore(directory, places, namespace, journal)
    journals.close(directory, journal, "incomplete" if left or notes else "rolled back")


@contextmanager
def _locked(namespace: Namespace, places: Places) -> Generator[tuple[str, int], None, None]:
    try:
        directory = store.folder(places.state, namespace.name)
        lock = locks.take(directory)
    except OSError as error:
        raise unwritable(places.state, error) from None
    if lock is None:
        raise locks.held(directory)
    try:
        yield directory, lock
    finally:
        os.close(lock)
