"""What ends an apply that another process began: `vnetc confirm` and `vnetc rollback`.

The edge.
"""

from __future__ import annotations

import os

from vnetc.backends.netlink import store
from vnetc.backends.netlink.refusal import Refused, refusal
from vnetc.backends.netlink.store import Places
from vnetc.backends.netlink.transaction import guardian
from vnetc.backends.netlink.transaction import journal as journals
from vnetc.backends.netlink.transaction import lock as locks
from vnetc.backends.netlink.transaction.change import Change, uninterrupted, unwritable
from vnetc.backends.netlink.transaction.journal import Journal
from vnetc.backends.netlink.transaction.ledger import Ledger
from vnetc.backends.netlink.transaction.namespaces import Namespace
from vnetc.backends.netlink.transaction.outcome import Outcome
from vnetc.model.diagnostics import diagnostic
from vnetc.model.record import replace


def confirm(namespace: Namespace, places: Places) -> Outcome:
    """Keep the change that waits for it. Raises `Refused`."""
    directory = os.path.join(places.state, namespace.name)
    journal = journals.load(directory)
    if journal is None or journal.phase != "waiting" or not journal.of_now(namespace):
        raise refusal("VN615", "no apply waits to be confirmed", help=_how_it_ended(journal))
    return _ask_guardian("confirm", journal, namespace, places)


def _how_it_ended(journal: Journal | None) -> str:
    if journal is not None and journal.phase == "rolled back":
        return "the last one was rolled back"
    return "`vnetc apply --confirm-within 120` makes one wait"


def _ask_guardian(what: str, journal: Journal, namespace: Namespace, places: Places) -> Outcome:
    try:
        answer = guardian.ask(
            os.path.join(places.run, namespace.name), what, journal.id, seconds=120
        )
    except guardian.Gone as error:
        raise refusal(
            "VN612",
            f"nobody waits for it any more: {error}",
            help="`vnetc rollback` undoes what the last apply did",
        ) from None
    match answer.result:
        case "kept":
            return Outcome(result="done")
        case "rolled back":
            return Outcome(result="rolled back", notes=answer.notes)
        case "incomplete":
            said = diagnostic(
                "VN611",
                f"not all is as it was before: {', '.join((*answer.left, *answer.notes))}",
                (),
                help="`vnetc rollback` tries again",
            )
            return Outcome(result="incomplete", notes=answer.notes, diagnostics=(said,))
        case _:
            raise refusal("VN615", "another apply waits to be confirmed by now")


def rollback(namespace: Namespace, places: Places) -> Outcome:
    """Undo the change that waits, the one that a crash has left, or else the last that was kept.

    Raises `Refused`.
    """
    directory = os.path.join(places.state, namespace.name)
    if not os.path.isdir(directory):
        raise _no_way_back()
    try:
        lock = locks.take(directory)
    except OSError as error:
        raise unwritable(directory, error) from None
    if lock is None:
        journal = journals.load(directory)
        if journal is not None and journal.phase == "waiting":
            return _ask_guardian("rollback", journal, namespace, places)
        raise locks.held(directory)
    try:
        with uninterrupted():
            return _roll_back(directory, namespace, places)
    finally:
        os.close(lock)


def _roll_back(directory: str, namespace: Namespace, places: Places) -> Outcome:
    journal = journals.load(directory)
    if journal is not None and journal.phase == "rolled back":
        # not the one before it: to go back twice is not what "the last" means
        raise refusal("VN615", "the last apply was rolled back already")
    if journal is None:
        journal = journals.load(directory, journals.LAST)
        if journal is None or not journal.of_now(namespace):
            raise _no_way_back()
        journal = replace(journal, phase="running")
        try:  # it is open again, so that what ends this does not leave it half done
            journals.save(directory, journal)
            store.remove(os.path.join(directory, journals.LAST))
        except OSError as error:
            raise unwritable(directory, error) from None
    change = Change(directory, places, namespace, journal, journal.ledger or Ledger())
    return change.undo()


def _no_way_back() -> Refused:
    return refusal(
        "VN615",
        "there is nothing to roll back to",
        help="the state before the last apply is kept until the next boot or the next rollback",
    )
