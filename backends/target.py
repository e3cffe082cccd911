"""What a target is: how it is asked for, what it can express, and what it gives.

A target is data first. Its table says of each model field how the target says it, since which
versions of which programs, or why it cannot. `express` (express.py) turns that into diagnostics before a writer runs; the
matrix of `vnetc targets` and of the docs is the same data. A writer sees only what the table lets
through, so it never has to refuse or drop anything itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from vnetc.backends.support import Programs, Support, Version, rare_rows, require_rows
from vnetc.backends.systems import DEFAULT, SYSTEMS, System
from vnetc.model.diagnostics import Diagnostic
from vnetc.model.host import Host
from vnetc.model.kinds import Ethernet, Wifi
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.deployment import Deployment


class File(Record, kw_only=False):
    """A file of the target host: absolute path, text, permission bits."""

    path: str
    content: str
    mode: int = 0o644


class Output(Record):
    """What a compilation gives. `files` is empty if any diagnostic is an error.

    `packages` are what the files need beside the target's own program, by the names of `system`
    (`debian-12`); `notes` is what is to be done once on the host, with the reason.
    """

    host: str
    target: str
    files: tuple[File, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    system: str = ""
    packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Target(Record):
    """A back end. `program` is what its versions are of, by the name that rows of its table use.

    `write` gets a host that the table lets through; paths of its files are unique.

    `check_raw` finds `raw` text of the host that the target's format cannot carry, or that
    contradicts what the writer says itself. `deployment` gives what to do with files that have
    changed, None if that is not for a person to do. `on` gives the target on an operating system that has
    it in the version that is compiled for. `holds` tells whether a finding about the document alone
    is true on the target. `rare` gives the rows about queueing disciplines and the
    settings of cards, which few documents have, so that the others need not wait for them.
    """

    name: str
    title: str
    program: str
    default: Version
    oldest: Version
    newest: Version
    common: Mapping[str, Support]
    rare: Callable[[], Mapping[str, Support]]
    write: Callable[[Host, Version], list[File]]
    check_raw: Callable[[Host, Version], list[Diagnostic]] = lambda host, version: []
    deployment: Callable[[], Deployment | None] = lambda: None
    on: Callable[[Target, System], Target] = lambda target, system: target
    holds: Callable[[Diagnostic], bool] = lambda found: True

    @property
    def programs(self) -> Programs:
        """The versions of programs that are compiled for if nobody asks for others."""
        return SYSTEMS[DEFAULT].programs(self.program, self.default)

    @property
    def support(self) -> Mapping[str, Support]:
        """The whole support table. Raises `IncompleteTable` if it is not whole."""
        return {**_whole(self.rare), **self.common}


@cache
def _whole(rare: Callable[[], Mapping[str, Support]]) -> Mapping[str, Support]:
    """Give the rare rows of a target, which are looked through once in a process."""
    table = rare()
    require_rows(table, rare_rows())
    return table


def has_rare(host: Host) -> bool:
    """Tell whether a host has what `Target.rare` is about."""
    return any(
        interface.qdiscs
        or isinstance(interface.kind, Wifi)
        or (isinstance(interface.kind, Ethernet) and interface.kind != _BARE)
        for interface in host.interfaces
    )


_BARE = Ethernet()
