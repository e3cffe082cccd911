"""netplan: netplan(5) as of 0.106 to 1.2, with systemd-networkd as its renderer."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.base import Support, Target
from vnetc.backends.netplan.raw import check_raw
from vnetc.backends.netplan.support import SUPPORT
from vnetc.backends.netplan.writer import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.deployment import Deployment


def _rare() -> Mapping[str, Support]:
    from vnetc.backends.netplan import rare

    return rare.SUPPORT


def _deployment() -> Deployment:
    from vnetc.backends.netplan import deployment

    return deployment.DEPLOYMENT


TARGETS = {
    "netplan": Target(
        name="netplan",
        title="netplan",
        default=(0, 106),  # Debian 12
        oldest=(0, 106),
        newest=(1, 2),
        common=SUPPORT,
        rare=_rare,
        write=write,
        check_raw=check_raw,
        deployment=_deployment,
    )
}
