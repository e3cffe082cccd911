"""`vnetc apply`."""

from __future__ import annotations

import re
import sys
from argparse import Namespace as Options

from vnetc.backends.netlink.refusal import Refused
from vnetc.backends.netlink.store import Places
from vnetc.backends.netlink.transaction.outcome import Outcome
from vnetc.cli import FAILED, FINDINGS, NOTHING, UsageError, tell
from vnetc.cli.running import Desired, desired, refused, say
from vnetc.report import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vnetc.backends.netlink.transaction.probes import Probe

INCOMPLETE = 3  # undone, but not all of it
_CODES = {
    "nothing": NOTHING,
    "done": NOTHING,
    "pending": NOTHING,
    "rolled back": FINDINGS,
    "incomplete": INCOMPLETE,
}
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_LONGEST = 24 * 3600  # seconds


def run(
    options: Options, places: Places | None = None, after: Callable[[int], None] | None = None
) -> int:
    """Make the running kernel what the document says, or leave it as it is."""
    confirm = _seconds(options.confirm_within)
    probes = _probes(options.probe)
    if options.target is None and options.target_version is not None:
        raise UsageError("--target-version needs --target")
    if options.target is not None and options.netns is not None and places is None:
        raise UsageError("--target writes the files of the host: it does not go with --netns")
    found = desired(options)
    if found is None:
        return FAILED
    places = places or Places()
    from vnetc.backends.netlink.transaction import namespaces
    from vnetc.backends.netlink.transaction.apply import Request, apply

    try:
        namespace = namespaces.enter(options.netns)
        namespaces.require_privilege()
        request = Request(
            question=found.question(places),
            document=found.digest,
            files=found.files,
            probes=probes,
            confirm=confirm,
            yes=options.yes,
        )
        outcome = apply(request, namespace, places, after=after)
    except Refused as error:
        return refused(error, found)
    _print(outcome, found, confirm, options)
    return _CODES[outcome.result]


def _print(outcome: Outcome, found: Desired, confirm: float | None, options: Options) -> None:
    from vnetc.cli import steps as shown

    for note in outcome.notes:
        tell(f"note: {note}\n")
    # the terminal may be gone, by this very change
    if outcome.result in ("done", "pending"):
        tell(shown.text(outcome.steps, found.filename, found.line, done=True), sys.stdout)
    elif outcome.result == "nothing":
        tell("nothing to change: the kernel is as the document says\n", sys.stdout)
    say(outcome.diagnostics, found)
    tell(_last(outcome, confirm, options))


def _last(outcome: Outcome, confirm: float | None, options: Options) -> str:
    netns = ""
    if options.netns is not None:
        from shlex import quote

        netns = f" --netns {printable(quote(options.netns))}"
    match outcome.result:
        case "pending":
            assert confirm is not None
            return (
                f"undone in {confirm:g} s unless you confirm: run `vnetc confirm{netns}` in a new "
                "session\n"
            )
        case "rolled back":
            return "all is as it was before\n"
        case "incomplete":
            return f"`vnetc rollback{netns}` tries again\n"
        case _:
            return ""


def _seconds(text: str | None) -> float | None:
    """Read a time: a number of seconds, or one with its unit."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,6})(s|m|h|)", text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST:
        raise UsageError(
            f"--confirm-within takes 1s to 24h, such as 120, 90s or 2m; not {text[:20]!r}"
        )
    return seconds


def _probes(texts: Sequence[str]) -> tuple[Probe, ...] | None:
    """Read what is to answer; None if nothing was said about it."""
    if not texts:
        return None
    if "none" in texts:
        if len(texts) > 1:
            raise UsageError("--probe none excludes other probes")
        return ()
    from vnetc.backends.netlink.transaction.probes import parse

    try:
        return tuple(dict.fromkeys(map(parse, texts)))
    except ValueError as error:
        raise UsageError(f"--probe: {error}") from None
