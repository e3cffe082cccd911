"""systemd-networkd: systemd.network(5), systemd.netdev(5), as of systemd 247 to 262."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.networkd.raw import check_raw
from vnetc.backends.networkd.support import SUPPORT
from vnetc.backends.networkd.writer import write
from vnetc.backends.support import Support
from vnetc.backends.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.deployment import Deployment


def _rare() -> Mapping[str, Support]:
    from vnetc.backends.networkd import rare

    return rare.SUPPORT


def _deployment() -> Deployment:
    from vnetc.backends.networkd import deployment

    return deployment.DEPLOYMENT


TARGETS = {
    "networkd": Target(
        name="networkd",
        title="systemd",
        program="systemd",
        default=(252,),  # Debian 12
        oldest=(247,),  # Debian 11
        newest=(262,),  # Debian testing
        common=SUPPORT,
        rare=_rare,
        write=write,
        check_raw=check_raw,
        deployment=_deployment,
    )
}
