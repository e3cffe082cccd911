"""The running kernel: its state over netlink, the steps to the one a document wants, and back.

As a target it has no file that a program reads: what it writes is what `vnetc apply` wants of the
kernel, for people and tests to look at.
"""

from __future__ import annotations

from vnetc.backends.netlink.support import SUPPORT, rare
from vnetc.backends.netlink.writer import write
from vnetc.backends.target import Target

TARGETS = {
    "netlink": Target(
        name="netlink",
        title="Linux",
        program="linux",
        default=(6, 1),  # Debian 12
        oldest=(5, 10),  # Debian 11
        newest=(7, 2),  # Debian testing
        common=SUPPORT,
        rare=rare,
        write=write,
    )
}
