"""What tc(8) must show of queueing disciplines, by the fields of the model."""

from __future__ import annotations

from vnetc.model import Interface


def expect_qdiscs(interface):
    return iter(())
