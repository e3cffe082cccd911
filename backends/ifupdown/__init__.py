"""/etc/network/interfaces in three dialects: ifupdown, ifupdown2 and ifupdown-ng."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vnetc.backends.base import Devices, File, Support, Target, Version
from vnetc.backends.ifupdown.dialects import Classic, Ifupdown2, IfupdownNg
from vnetc.backends.ifupdown.raw import check_raw
from vnetc.backends.ifupdown.support import CLASSIC, IFUPDOWN2, IFUPDOWN_NG
from vnetc.backends.ifupdown.writer import stanza, write
from vnetc.diagnostics import Diagnostic
from vnetc.model import Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.deployment import Deployment


def _writer(dialect: Classic, target: str) -> Callable[[Host, Version], list[File]]:
    """Bind a dialect: what it writes has been the same in all its supported versions."""
    return lambda host, version: write(host, dialect, target)


def _checker(dialect: Classic, target: str) -> Callable[[Host, Version], list[Diagnostic]]:
    """Bind a dialect to the check of raw text."""

    def check(host: Host, version: Version) -> list[Diagnostic]:
        del version
        if target not in (host.raw or {}) and not any(i.raw for i in host.interfaces):
            return []
        devices = Devices(host)
        own = {i.name: stanza(host, devices, i, dialect) for i in host.interfaces}
        return check_raw(host, target, dialect.unsafe, own)

    return check


def _rare() -> Mapping[str, Support]:
    from vnetc.backends.ifupdown import rare

    return rare.SUPPORT


def _by_hand() -> Deployment:
    from vnetc.backends.ifupdown import deployment

    return deployment.BY_HAND


def _by_reload() -> Deployment:
    from vnetc.backends.ifupdown import deployment

    return deployment.BY_RELOAD


TARGETS: dict[str, Target] = {
    "ifupdown": Target(
        name="ifupdown",
        title="ifupdown",
        default=(0, 8, 41),  # Debian 12
        oldest=(0, 8, 36),  # Debian 11
        newest=(0, 8, 44),  # Debian 13
        common=CLASSIC,
        rare=_rare,
        write=_writer(Classic(), "ifupdown"),
        check_raw=_checker(Classic(), "ifupdown"),
        deployment=_by_hand,
    ),
    "ifupdown2": Target(
        name="ifupdown2",
        title="ifupdown2",
        default=(3, 0, 0),  # Debian 11 to 13
        oldest=(3, 0, 0),
        newest=(3, 9, 0),
        common=IFUPDOWN2,
        rare=_rare,
        write=_writer(Ifupdown2(), "ifupdown2"),
        check_raw=_checker(Ifupdown2(), "ifupdown2"),
        deployment=_by_reload,
    ),
    "ifupdown-ng": Target(
        name="ifupdown-ng",
        title="ifupdown-ng",
        default=(0, 11, 4),  # Debian 12
        oldest=(0, 11, 4),
        newest=(0, 12, 1),  # Debian 13
        common=IFUPDOWN_NG,
        rare=_rare,
        write=_writer(IfupdownNg(), "ifupdown-ng"),
        check_raw=_checker(IfupdownNg(), "ifupdown-ng"),
        deployment=_by_hand,
    ),
}
