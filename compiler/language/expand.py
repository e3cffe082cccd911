"""Networks to bridges and services, on the level of data: what lies behind never sees a network.

The guests' bridge is declared as if by hand, with the network as its place in the document; the
host takes the first address of each subnet that it has no address in.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface, ip_network

from vnetc.model.data import BAD, is_list, is_mapping
from vnetc.model.diagnostics import Path
from vnetc.model.record import Node
from vnetc.model.values import IPInterface, IPNetwork
from vnetc.schema import member_schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Declared(Node, kw_only=False):
    """An interface as declared: by hand, or by the network of the mode `mode`.

    `own` are the addresses that the network's expansion adds, each with its place.
    """

    name: str
    data: Mapping[str, Any]
    path: Path
    mode: str | None = None
    own: tuple[tuple[IPInterface, Path], ...] = ()


def expand(data: Mapping[str, Any]) -> list[Declared]:
    """List all interfaces of a document, those of networks last."""
    declared = [
        Declared(str(name), entry or {}, ("interfaces", str(name)))
        for name, entry in data.get("interfaces", {}).items()
    ]
    return declared + [
        _network(str(name), entry) for name, entry in data.get("networks", {}).items()
    ]


def subnets(entry: Mapping[str, Any], path: Path) -> list[tuple[IPNetwork, Path]]:
    """List the subnets of a network with their places; those that are none are reported elsewhere."""
    given = entry.get("subnet", [])
    places = (
        [(item, (*path, "subnet", i)) for i, item in enumerate(given)]
        if is_list(given)
        else [(given, (*path, "subnet"))]
    )
    found: list[tuple[IPNetwork, Path]] = []
    for text, place in places:
        if text is not BAD:
            try:
                found.append((ip_network(text, strict=False), place))
            except ValueError:
                continue
    return found


def _network(name: str, entry: Mapping[str, Any]) -> Declared:
    path: Path = ("networks", name)
    mode = str(entry["mode"])
    keys = member_schema("interface", "bridge")["properties"]
    bridge = {key: value for key, value in entry.items() if key in keys} | {"type": "bridge"}
    return Declared(
        str(entry.get("bridge", name)), bridge, path, mode, tuple(_own_addresses(entry, path))
    )


def _own_addresses(entry: Mapping[str, Any], path: Path) -> list[tuple[IPInterface, Path]]:
    """Give the host the first address of each subnet that `addresses` has none in."""
    given: list[IPInterface] = []
    for item in entry.get("addresses", []):
        try:
            given.append(ip_interface(item["address"] if is_mapping(item) else item))
        except (ValueError, TypeError, KeyError):
            continue
    return [
        (ip_interface(f"{subnet.network_address + 1}/{subnet.prefixlen}"), place)
        for subnet, place in subnets(entry, path)
        if subnet.prefixlen < subnet.max_prefixlen - 1
        and not any(address.ip in subnet for address in given)
    ]
