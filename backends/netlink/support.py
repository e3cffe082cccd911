"""What a running kernel can be told, and by which attribute: the rows of all classes together."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.netlink.links import support as link_support
from vnetc.backends.netlink.objects import (
    addresses,
    bridging,
    neighbors,
    routes,
    rules,
    services,
    wireguard,
)
from vnetc.backends.support import Support

SUPPORT: Mapping[str, Support] = {
    **link_support.ROWS,
    **wireguard.ROWS,
    **bridging.ROWS,
    **addresses.ROWS,
    **routes.ROWS,
    **rules.ROWS,
    **neighbors.ROWS,
    **services.ROWS,
}


def rare() -> Mapping[str, Support]:
    """Give the rows of queueing disciplines and cards."""
    from vnetc.backends.netlink.objects import cards, qdiscs

    return {**qdiscs.RARE, **cards.RARE}
