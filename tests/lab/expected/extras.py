"""What the specification says of links' flags, ports and forwarding databases: a part of what is expected."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.model.host import FdbEntry, Interface, Port

from tests.lab.states.state import Key

_ROUTERS = {"disabled": 0, "query": 1, "permanent": 2, "temporary": 3}  # MDB_RTR_TYPE_…


def expect_flags(interface: Interface) -> dict[str, str]:
    """State what a document says of the flags of a link."""
    said = {
        "arp": interface.arp,
        "multicast": interface.multicast,
        "allmulticast": interface.all_multicast,
        "promiscuous": interface.promiscuous,
        "group": interface.group,
    }
    return {word: str(value).lower() for word, value in said.items() if value is not None}


def expect_resolver(interface: Interface) -> Iterator[tuple[Key, str]]:
    """State how names are looked up, unless that is what resolved does anyway."""
    own = interface.nameservers
    said = {
        "default route": own.default_route,
        "llmnr": None if own.llmnr is True else own.llmnr,
        "multicast dns": own.multicast_dns or None,
        "over tls": own.dns_over_tls,
        "dnssec": own.dnssec,
    }
    for what, value in said.items():
        if value is not None:
            text = str(value) if isinstance(value, str) else "yes" if value else "no"
            yield ("dns", interface.name, what), text


def expect_port(port: Port) -> dict[str, str]:
    """State what a document says of a port of a bridge, in the words of `ip -d link`."""
    router, mask = port.multicast_router, port.group_forward_mask
    said = {
        "cost": port.path_cost,
        "priority": port.priority,
        "hairpin": port.hairpin,
        "learning": port.learning,
        "isolated": port.isolated,
        "neigh_suppress": port.neigh_suppress,
        "flood": port.unicast_flood,
        "mcast_flood": port.multicast_flood,
        "bcast_flood": port.broadcast_flood,
        "mcast_to_unicast": port.multicast_to_unicast,
        "multicast_router": None if router is None else _ROUTERS[router],
        "fastleave": port.fast_leave,
        "guard": port.bpdu_guard,
        "root_block": port.root_block,
        "proxy_arp": port.proxy_arp,
        "proxy_arp_wifi": port.proxy_arp_wifi,
        "locked": port.locked,
        "vlan_tunnel": port.vlan_tunnel,
        "group_fwd_mask": None if mask is None else hex(mask),
        "backup_port": port.backup_port,
    }
    return {f"port {w}": str(value).lower() for w, value in said.items() if value is not None}


def expect_entries(interface: Interface) -> Iterator[tuple[Key, str]]:
    """State the entries of the forwarding and the multicast database."""
    for entry in interface.fdb:
        words = [entry.macaddress]
        words += [] if entry.vlan is None else [f"vlan {entry.vlan}"]
        words += [] if entry.destination is None else [f"dst {entry.destination}"]
        yield ("fdb", interface.name, " ".join(words)), _describe(entry)
    for group in () if interface.port is None else interface.port.mdb:
        vid = "" if group.vlan is None else f" vid {group.vlan}"
        yield ("mdb", interface.name, f"{group.group}{vid}"), "permanent"


def _describe(entry: FdbEntry) -> str:
    words = [entry.state, *(["self"] if entry.owner == "self" else [])]
    more = {"port": entry.port, "vni": entry.vni, "viaIf": entry.link}
    return " ".join([*words, *(f"{word} {v}" for word, v in more.items() if v is not None)])
