"""`raw: {networkd: …}`: sections in networkd's own terms, merged into what vnetc writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vnetc.backends.devices import Devices
from vnetc.backends.formats import Section, boolean
from vnetc.backends.support import Version
from vnetc.model.data import BAD, is_list
from vnetc.model.diagnostics import Diagnostic, Path, diagnostic
from vnetc.model.host import Host
from vnetc.model.values import Raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Sections that may stand in a file several times: raw ones stand beside vnetc's own.
_REPEATED = frozenset(
    {
        "Address",
        "BridgeFDB",
        "BridgeMDB",
        "BridgeVLAN",
        "DHCPServerStaticLease",
        "IPv6AddressLabel",
        "IPv6Prefix",
        "IPv6RoutePrefix",
        "Neighbor",
        "NextHop",
        "Route",
        "RoutingPolicyRule",
        "SR-IOV",
    }
)
# Options of which each line adds to the ones before (systemd.network(5)).
_ADDING = frozenset({"Address", "DNS", "Domains", "Gateway", "NTP", "VLAN", "BindCarrier"})


def raw_sections(raw: Raw | None) -> list[Section]:
    """Give the raw sections of a host or an interface."""
    given: dict[str, dict[str, Any]] = (raw or {}).get("networkd", {})
    return [(name, list(_options(options))) for name, options in given.items()]


def _options(options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for option, value in options.items():
        for item in value if is_list(value) else [value]:
            if item is not BAD:
                yield option, boolean(item) if isinstance(item, bool) else str(item)


def merge_raw(sections: Sequence[Section], raw: Raw | None) -> list[Section]:
    """Put raw options into the sections they belong to, new ones at the end."""
    merged = [(name, list(options)) for name, options in sections]
    for name, options in raw_sections(raw):
        home = next((own for known, own in merged if known == name), None)
        if home is None or name in _REPEATED:
            merged.append((name, list(options)))
        else:
            home += options
    return [(name, options) for name, options in merged]


def check_raw(host: Host, version: Version) -> list[Diagnostic]:
    """Find raw options that an INI file cannot carry or that vnetc sets itself."""
    from vnetc.backends.networkd.sections import keeps_foreign
    from vnetc.backends.networkd.writer import network_sections

    devices = Devices(host)
    found = [*_check_values((), host.raw), *_taken((), host.raw, keeps_foreign(host, version))]
    for interface in host.interfaces:
        if (interface.raw or {}).get("networkd"):
            found += _check_values(interface.path, interface.raw)
            own = network_sections(devices, interface, version)
            found += _taken(interface.path, interface.raw, own)
    return found


def _taken(path: Path, raw: Raw | None, sections: Sequence[Section]) -> Iterator[Diagnostic]:
    """Find raw options that vnetc sets itself."""
    own = {
        (name, option)
        for name, options in sections
        for option, _ in options
        if name not in _REPEATED
    }
    for name, options in raw_sections(raw):
        for option in dict.fromkeys(option for option, _ in options):
            if (path and name == "Match") or ((name, option) in own and option not in _ADDING):
                yield diagnostic(
                    "VN506",
                    f"vnetc sets `{option}=` of [{name}] itself",
                    (*path, "raw", "networkd", name, option),
                    "key",
                    help="use the key of the language for it",
                )


def _check_values(path: Path, raw: Raw | None) -> Iterator[Diagnostic]:
    for name, options in raw_sections(raw):
        for option, value in options:
            if not value:
                yield diagnostic(
                    "VN506",
                    f"an empty `{option}=` takes back what stands before it",
                    (*path, "raw", "networkd", name, option),
                    help="give a value, or leave the option out",
                )
            elif value.endswith("\\") or value != value.strip():
                yield diagnostic(
                    "VN115",
                    "an INI value cannot begin or end with a blank or end with `\\`",
                    (*path, "raw", "networkd", name, option),
                    help="systemd.syntax(7) has no way to write it",
                )
