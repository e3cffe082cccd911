"""Semantic checks: what a document says that cannot be meant.

A check is a generator of diagnostics over a `View` of the host. CONTRIBUTING has the recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from vnetc.checks.addressing import ADDRESSING
from vnetc.checks.cards import CARDS
from vnetc.checks.effects import EFFECTS
from vnetc.checks.forwarding import FORWARDING
from vnetc.checks.guests import GUESTS
from vnetc.checks.kinds import KINDS
from vnetc.checks.links import LINKS
from vnetc.checks.references import REFERENCES
from vnetc.checks.routes import ROUTES
from vnetc.checks.tunnels import TUNNELS
from vnetc.checks.view import View
from vnetc.model.diagnostics import Diagnostic
from vnetc.model.host import Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Check: TypeAlias = Callable[[View], Iterator[Diagnostic]]


def check_qdiscs(view: View) -> Iterator[Diagnostic]:
    """Run the checks of queueing disciplines, which few documents have."""
    if any(interface.qdiscs for interface in view.host.interfaces):
        from vnetc.checks.qdiscs import QDISCS

        for check in QDISCS:
            yield from check(view)


CHECKS: tuple[Check, ...] = (
    *REFERENCES,
    *ADDRESSING,
    *ROUTES,
    *GUESTS,
    *LINKS,
    *KINDS,
    *CARDS,
    *TUNNELS,
    *FORWARDING,
    check_qdiscs,
    *EFFECTS,
)


def check_host(
    host: Host, broken: frozenset[str] = frozenset(), earlier: Iterable[Diagnostic] = ()
) -> Iterator[Diagnostic]:
    """Run all checks.

    `broken` names interfaces that are declared but did not survive validation; `earlier` is what
    was found before, so that nothing is reported that only follows from it.
    """
    view = View(host, broken, earlier)
    return (found for check in CHECKS for found in check(view))
