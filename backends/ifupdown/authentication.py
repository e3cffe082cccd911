"""Start and stop wpa_supplicant(8) for a card."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.backends.ifupdown import commands
from vnetc.backends.services import wpa
from vnetc.model.host import Interface
from vnetc.model.kinds import Ethernet


def authenticate(interface: Interface) -> Iterator[tuple[str, str]]:
    """Start wpa_supplicant(8) for a card, below its key.

    Not by the hook of its package: with `wpa-driver wired` that adds an empty network beside those
    of `wpa-conf`, and only classic ifupdown hands it its options.
    """
    if wpa.is_authenticated(interface):
        run = wpa.service(interface)
        field = "auth" if isinstance(interface.kind, Ethernet) else "access-points"
        if run.prepare:
            yield field, run.prepare
        pidfile = _pidfile(interface)
        arguments = f"-B -s -P {pidfile} {run.arguments}"
        yield field, commands.start_daemon("wpa_supplicant", pidfile, arguments)


def stop_authentication(interface: Interface) -> Iterator[str]:
    """Stop wpa_supplicant(8) for a card."""
    if wpa.is_authenticated(interface):
        yield commands.stop_daemon("wpa_supplicant", _pidfile(interface))


def _pidfile(interface: Interface) -> str:
    return f"/run/vnetc-wpa-{interface.name}.pid"
