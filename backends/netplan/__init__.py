"""netplan: netplan(5) as of 0.106 to 1.2.2, with systemd-networkd as its renderer."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.netplan.raw import check_raw
from vnetc.backends.netplan.support import SUPPORT
from vnetc.backends.netplan.writer import write
from vnetc.backends.support import Support
from vnetc.backends.target import Target
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.deployment import Deployment
    from vnetc.backends.systems import System


def _rare() -> Mapping[str, Support]:
    from vnetc.backends.netplan import rare

    return rare.SUPPORT


def _deployment() -> Deployment:
    from vnetc.backends.netplan import deployment

    return deployment.DEPLOYMENT


def _on(target: Target, system: System) -> Target:
    """Give netplan on a system: where it is older than usual there, systemd has the say."""
    from vnetc.backends import networkd
    from vnetc.backends.netplan.dropins import systemd_of
    from vnetc.backends.netplan.support import narrowed

    systemd = system.versions["networkd"]
    if systemd >= systemd_of(system.versions[target.name]):
        return target
    below = networkd.TARGETS["networkd"]
    return replace(
        target,
        common=narrowed(target.common, below.common, systemd),
        rare=lambda: narrowed(target.rare(), below.rare(), systemd),
    )


TARGETS = {
    "netplan": Target(
        name="netplan",
        title="netplan",
        program="netplan",
        default=(0, 106),  # Debian 12
        oldest=(0, 106),
        newest=(1, 2, 2),  # Debian testing
        common=SUPPORT,
        rare=_rare,
        write=write,
        check_raw=check_raw,
        deployment=_deployment,
        on=_on,
    )
}
