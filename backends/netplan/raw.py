"""`raw: {netplan: …}`: keys in netplan's own terms, put beside those that vnetc writes."""

from __future__ import annotations

from vnetc.backends.devices import Devices
from vnetc.backends.support import Version
from vnetc.model.diagnostics import Diagnostic, diagnostic
from vnetc.model.host import Host
from vnetc.model.values import Raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# The keys below `network:` that the writer fills.
_OWN = frozenset(
    {
        "version",
        "renderer",
        "ethernets",
        "bridges",
        "vlans",
        "dummy-devices",
        "virtual-ethernets",
    }
)


def merge_raw(own: dict[str, Any], raw: Raw | None) -> dict[str, Any]:
    """Add the raw keys of a host or an interface to what vnetc says itself."""
    return {**own, **(raw or {}).get("netplan", {})}


def check_raw(host: Host, version: Version) -> list[Diagnostic]:
    """Find raw keys that vnetc sets itself."""
    from vnetc.backends.netplan.writer import device

    devices = Devices(host)
    raw = (host.raw or {}).get("netplan", {})
    found = [_taken(("raw", "netplan", key)) for key in raw if key in _OWN]
    for interface in host.interfaces:
        raw = (interface.raw or {}).get("netplan", {})
        own = device(devices, interface, version) if raw else {}
        found += [_taken((*interface.path, "raw", "netplan", key)) for key in raw if key in own]
    return found


def _taken(path: tuple[str | int, ...]) -> Diagnostic:
    return diagnostic(
        "VN506",
        f"vnetc sets `{path[-1]}` itself",
        path,
        "key",
        help="use the key of the language for it",
    )
