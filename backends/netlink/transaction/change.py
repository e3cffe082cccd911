"""A change under way: how it is kept, and how it is undone.

The edge. Undoing is no replay of steps backwards but a plan of its own, from what is there to the
snapshot: so it does not matter how far the change came, nor how often it is undone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress

from vnetc.backends.netlink import store
from vnetc.backends.netlink.engine import Kernel, StepFailed
from vnetc.backends.netlink.objects.calls import ProgramFailed
from vnetc.backends.netlink.planner import plan as planner
from vnetc.backends.netlink.planner.display_names import title
from vnetc.backends.netlink.planner.steps import Plan, Step
from vnetc.backends.netlink.refusal import Refused, refusal
from vnetc.backends.netlink.state import Key, Wanted
from vnetc.backends.netlink.store import Places
from vnetc.backends.netlink.transaction import guardian, install
from vnetc.backends.netlink.transaction import journal as journals
from vnetc.backends.netlink.transaction import ledger as ledgers
from vnetc.backends.netlink.transaction.comparison import machine_at
from vnetc.backends.netlink.transaction.journal import Journal
from vnetc.backends.netlink.transaction.ledger import Ledger
from vnetc.backends.netlink.transaction.namespaces import Namespace
from vnetc.backends.netlink.transaction.outcome import Outcome
from vnetc.backends.netlink.wire.socket import DumpInterrupted
from vnetc.model.diagnostics import Diagnostic, diagnostic
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

SETTLE = 5.0  # seconds that a kernel may take to be what it was told to be
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ATTEMPTS = 2  # undoing is taken up again once: what it brings back may make room for the rest


class Interrupted(Exception):
    """A signal that would have ended the process."""


class Failed(Exception):
    """The change must be undone, and this is why."""

    def __init__(self, found: Diagnostic) -> None:
        super().__init__(found.message)
        self.found = found


class Change:
    """A change under way: how it is kept, and how it is undone. The guardian has its own copy."""

    def __init__(
        self,
        directory: str,
        places: Places,
        namespace: Namespace,
        journal: Journal,
        ledger: Ledger,
    ) -> None:
        """Keep what is needed; `ledger` is the record as it is to be when the change is kept."""
        self.directory = directory
        self.places = places
        self.namespace = namespace
        self.journal = journal
        self.ledger = ledger

    def record(self) -> Ledger:
        """Give the record as it is for now: with what was removed, until that is seen to be gone."""
        old = self.journal.ledger or Ledger()
        new = self.ledger
        return replace(new, owned=old.owned | new.owned, before={**new.before, **old.before})

    def covers(self, steps: Sequence[Step]) -> bool:
        """Tell whether undoing the change would undo these steps as well."""
        return planner.reaches(self.journal.snapshot, self.journal.touched, steps)

    def undoes(self, keys: Iterable[Key]) -> None:
        """Have an undoing bring back further objects: what nobody has foreseen to fall."""
        touched = self.journal.touched.union(keys)
        self.journal = replace(self.journal, touched=touched)

    def wait(self, watch: guardian.Guardian, seconds: float) -> None:
        """Hand over to the guardian. Raises `OSError` and `Gone`."""
        deadline = guardian.now() + seconds
        self.journal = replace(self.journal, phase="waiting", deadline=deadline)
        journals.save(self.directory, self.journal)
        watch.hand_over(deadline)

    def commit(self) -> None:
        """Keep the change. Raises `OSError`; it then is to be undone."""
        install.install(self.places.root, self.journal.files)
        ledgers.commit(self.directory)
        journals.keep(self.directory)

    def undo(self, failure: Diagnostic | None = None) -> Outcome:
        """Undo the change, as far as that is possible."""
        try:
            left, notes = restore(self.directory, self.places, self.namespace, self.journal)
        except Exception as error:  # noqa: BLE001 - it must be told, whatever it is
            left, notes = (), [reason(error).message]
        found = [failure] if failure is not None else []
        if left or notes:
            found += _incomplete(left, notes)
        journals.close(
            self.directory, self.journal, "incomplete" if left or notes else "rolled back"
        )
        return Outcome(
            result="incomplete" if left or notes else "rolled back",
            diagnostics=tuple(found),
            notes=tuple(notes),
            left=left,
        )


def _incomplete(left: Sequence[Step], notes: Sequence[str]) -> list[Diagnostic]:
    what = [f"`{step.action} {title(step.key)}`" for step in left] + list(notes)
    return [
        diagnostic(
            "VN611",
            f"not all is as it was before: {', '.join(what)}",
            (),
            help="`vnetc rollback` tries again",
        )
    ]


def restore(
    directory: str, places: Places, namespace: Namespace, journal: Journal
) -> tuple[tuple[Step, ...], list[str]]:
    """Put everything back that a journal tells of; give what is left, and words about it."""
    notes = install.restore(places.root, journal.files)
    for key in journal.touched:
        if key[0] == "file":
            with suppress(OSError):
                store.sweep(machine_at(places).path(key[1]))
    left: tuple[Step, ...] = ()
    if journal.of_now(namespace):
        left, said = _restore_kernel(journal, places)
        notes += said
    try:
        if journal.ledger is not None and ledgers.load(directory, namespace) != journal.ledger:
            ledgers.save(directory, journal.ledger)
        store.remove(os.path.join(directory, ledgers.NEXT))
    except (OSError, Refused) as error:
        notes.append(f"the record in {directory}: {error}")
    return left, notes


def _restore_kernel(journal: Journal, places: Places) -> tuple[tuple[Step, ...], list[str]]:
    """Go back to the snapshot by difference; a step that fails does not stop the others."""
    said: list[str] = []
    # its own: answers to another's requests may still be under way
    kernel = Kernel(journal.keys, machine=machine_at(places))
    try:
        wanted = [Wanted(key, attributes, ()) for key, attributes in journal.snapshot.items()]
        keys = journal.touched | journal.snapshot.keys()
        for _ in range(_ATTEMPTS):
            way = _way_back(kernel, journal, wanted, keys)
            if not way.steps:
                break
            said = execute(kernel, way.steps)
        else:
            way = _settled(kernel, journal, wanted, keys)
        # a card that was taken out is in no step
        gone = [problem.message for problem in way.problems]
        return way.steps, [*gone, *said] if way.steps else gone
    finally:
        kernel.close()


def _way_back(
    kernel: Kernel, journal: Journal, wanted: Sequence[Wanted], keys: frozenset[Key]
) -> Plan:
    known = (journal.ledger or Ledger()).remembered
    state = kernel.read(wanted, keys, known)
    return planner.restore(state, journal.snapshot, journal.touched)


def _settled(
    kernel: Kernel, journal: Journal, wanted: Sequence[Wanted], keys: frozenset[Key]
) -> Plan:
    start, pause = time.monotonic(), 0.02
    while True:
        way = _way_back(kernel, journal, wanted, keys)
        if not way.steps or time.monotonic() + pause > start + SETTLE:
            return way
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


def execute(kernel: Kernel, steps: Sequence[Step]) -> list[str]:
    """Take steps as far as that can be, also behind one that fails; say what failed."""
    said: list[str] = []
    while steps:
        try:
            kernel.execute(steps)
            break
        except StepFailed as error:
            said.append(f"{title(error.step.key)}: {error.text or _strerror(error.errno)}")
            steps = steps[error.number + 1 :]
        except OSError as error:  # the next attempt looks at what has been done
            said.append(str(error.strerror or error))
            break
    return said


def reason(error: BaseException) -> Diagnostic:
    """Say why a change is undone."""
    match error:
        case Failed():
            return error.found
        case StepFailed():
            words = ": ".join(filter(None, (_strerror(error.errno), error.text)))
            return diagnostic(
                "VN608",
                f"`{title(error.step.key)}` could not be changed: {words}",
                error.step.path,
                "key",
            )
        case Interrupted():
            return diagnostic("VN608", f"interrupted by {error}", ())
        case ProgramFailed() | DumpInterrupted():
            return diagnostic("VN608", str(error), ())
        case guardian.Gone():
            return diagnostic("VN608", f"the guardian is gone: {error}", ())
        case OSError():
            name = f"{error.filename}: " if error.filename else ""
            return diagnostic("VN608", f"{name}{error.strerror}", ())
        case _:
            # its text may quote a secret
            return diagnostic(
                "VN608", f"a fault of vnetc itself: {type(error).__name__}{_at(error)}", ()
            )


def _at(error: BaseException) -> str:
    from traceback import extract_tb

    frames = extract_tb(error.__traceback__)
    return f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""


def _strerror(number: int) -> str:
    return os.strerror(number) if number else ""


def unwritable(directory: str, error: OSError) -> Refused:
    """Give the refusal to begin what could not be undone."""
    return refusal(
        "VN613",
        f"what is needed to undo a change cannot be written: {error.filename or directory}: "
        f"{error.strerror or error}",
        help="nothing was changed; make room there, or make it writable",
    )


@contextmanager
def interruptible() -> Generator[None, None, None]:
    """Turn signals that would end the process into an exception, wherever it is."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for other in _SIGNALS:  # the next one must not interrupt the undoing
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(signal.Signals(number).name)

    with _handling(interrupt):
        yield


@contextmanager
def uninterrupted() -> Generator[None, None, None]:
    """Let signals that would end the process come to nothing: what is short must become whole."""
    with _handling(lambda number, frame: None):
        yield


@contextmanager
def _handling(
    handler: Callable[[int, FrameType | None], None],
) -> Generator[None, None, None]:
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
