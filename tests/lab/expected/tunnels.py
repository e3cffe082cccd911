"""What the kernel must say of tunnels, VXLANs and other devices that wrap packets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any

from vnetc.model.host import Interface
from vnetc.model.kinds import Geneve, Tunnel, Vxlan, Wireguard
from vnetc.model.record import Record
from vnetc.model.values import IPAddress

from tests.lab.machines.keys import text_of
from tests.lab.states.state import Key, describe_peer, fingerprint

from .facts import Fact, nothing, shown


def _end(word: str) -> Fact:
    """Show an address; ip(8) has other words for those of IPv6."""

    def fact(value: IPAddress) -> Mapping[str, str | None]:
        return {word if value.version == 4 else f"{word}6": str(value)}

    return fact


def _span(ports: tuple[int, int]) -> dict[str, int]:
    return {"low": ports[0], "high": ports[1]}


def _fragments(value: bool | str) -> str:
    return value if isinstance(value, str) else "set" if value else "unset"


TUNNELS: Mapping[type[Record], Mapping[str, Fact]] = {
    Vxlan: {
        "id": shown("id"),
        "link": shown("link"),
        "local": _end("local"),
        "remote": _end("remote"),
        "group": _end("group"),
        "remotes": nothing,  # entries of the forwarding database
        "port": shown("port"),
        "port_range": shown("port_range", _span),
        "ttl": shown("ttl"),
        # 1 stands for that of the packet inside (vxlan_xmit_one)
        "tos": shown("tos", lambda tos: "0x1" if tos == "inherit" else f"{tos:#x}"),
        "flow_label": shown("label", lambda label: f"{label:#x}" if label else None),
        "do_not_fragment": shown("df", _fragments),
        "mac_learning": shown("learning"),
        "ageing": shown("ageing", lambda milliseconds: milliseconds // 1000),
        "limit": shown("limit", lambda limit: limit or None),
        "arp_proxy": shown("proxy"),
        "short_circuit": shown("rsc"),
        "l2_miss_notification": shown("l2miss"),
        "l3_miss_notification": shown("l3miss"),
        "udp_checksum": shown("udp_csum"),
        "udp6_zero_checksum_transmit": shown("udp_zero_csum6_tx"),
        "udp6_zero_checksum_receive": shown("udp_zero_csum6_rx"),
        "remote_checksum_transmit": shown("remcsum_tx"),
        "remote_checksum_receive": shown("remcsum_rx"),
        "group_policy": shown("gbp"),
    },
    Geneve: {
        "id": shown("id"),
        "remote": _end("remote"),
        "port": shown("port"),
        "ttl": shown("ttl"),
        "tos": shown("tos", lambda tos: f"{tos:#x}"),
        "flow_label": shown("label", lambda label: f"{label:#x}" if label else None),
        "do_not_fragment": shown("df", _fragments),
        "udp_checksum": shown("udp_csum"),
        "udp6_zero_checksum_transmit": shown("udp_zero_csum6_tx"),
        "udp6_zero_checksum_receive": shown("udp_zero_csum6_rx"),
        "inherit_inner_protocol": shown("inner_proto_inherit"),
    },
}


# What is in it, of modes whose kind could also carry something else.
_INNER = {"ipip": "ipip", "sit": "ip6ip", "ip6ip6": "ip6ip6", "ipip6": "ipip6"}


def tunnel_kind(tunnel: Tunnel) -> str:
    """Give the kernel's name for the kind of a tunnel."""
    return "ip6tnl" if tunnel.mode in ("ip6ip6", "ipip6") else tunnel.mode


def expect_tunnel(tunnel: Tunnel) -> dict[str, str]:
    """State what `ip -d link` must show of a tunnel, in the words of state.py."""
    said: dict[str, Any] = {
        "local": None if tunnel.local is None else str(tunnel.local),
        "remote": None if tunnel.remote is None else str(tunnel.remote),
        "ttl": None if tunnel.ttl is None else 0 if tunnel.ttl == "inherit" else tunnel.ttl,
        "ikey": _key(tunnel.key, tunnel.input_key),
        "okey": _key(tunnel.key, tunnel.output_key),
        "pmtudisc": tunnel.path_mtu_discovery,
        "ignore_df": tunnel.ignore_do_not_fragment or None,
        "iseq": tunnel.serialize or None,
        "oseq": tunnel.serialize or None,
        "proto": _INNER.get(tunnel.mode),
        "ip6_tnl_f_rcv_dscp_copy": tunnel.copy_dscp or None,
        "ip6_tnl_f_allow_local_remote": tunnel.allow_local_remote or None,
        "isatap": tunnel.isatap or None,
    }
    if tunnel.encapsulation_limit == "none":
        said["ip6_tnl_f_ign_encap_limit"] = True
    else:
        said["encap_limit"] = tunnel.encapsulation_limit
    if tunnel.flow_label == "inherit":
        said["ip6_tnl_f_use_orig_flowlabel"] = True
    elif tunnel.flow_label is not None:
        said["flowlabel"] = f"0x{tunnel.flow_label:05x}"
    if tunnel.tos is not None:
        said |= _type_of_service(tunnel.tos, tunnel.mode.startswith(("ip6", "ipip6")))
    network = tunnel.ipv6_rapid_deployment_prefix
    if network is not None:
        said |= {"prefix": str(network.network_address), "prefixlen": network.prefixlen}
    return {
        word: value if isinstance(value, str) else json.dumps(value)
        for word, value in said.items()
        if value is not None
    }


def _key(both: int | None, one: int | None) -> str | None:
    key = both if one is None else one
    return None if key is None else str(IPv4Address(key))


def _type_of_service(tos: int | str, over_ipv6: bool) -> dict[str, Any]:
    if not over_ipv6:
        return {"tos": "0x1" if tos == "inherit" else f"{tos:#x}"}
    return {"ip6_tnl_f_use_orig_tclass": True} if tos == "inherit" else {"tclass": f"{tos:#04x}"}


def compatible_address(interface: Interface) -> str | None:
    """Give the address that the kernel makes for IPv6 to whom it may concern (add_v4_addrs)."""
    kind = interface.kind
    if not isinstance(kind, Tunnel) or kind.mode != "sit" or kind.isatap:
        return None
    return None if kind.remote or not kind.local else f"::{kind.local}/96"


def expect_flood(interface: Interface) -> Iterator[tuple[Key, str]]:
    """State where a VXLAN sends frames whose way is not known."""
    kind = interface.kind
    if isinstance(kind, Vxlan):
        ends = [end for end in (kind.remote, kind.group, *kind.remotes) if end is not None]
        for end in ends:
            via = "" if kind.link is None else f" viaIf {kind.link}"
            yield ("fdb", interface.name, f"00:00:00:00:00:00 dst {end}"), f"permanent self{via}"


def expect_wireguard(interface: Interface) -> Iterator[tuple[Key, str]]:
    """State the keys and peers of a WireGuard tunnel."""
    name, kind = interface.name, interface.kind
    if not isinstance(kind, Wireguard):
        return
    yield ("wireguard", name, "private key"), fingerprint(text_of(kind.private_key))
    if kind.port is not None:
        yield ("wireguard", name, "port"), str(kind.port)
    if kind.mark is not None:
        yield ("wireguard", name, "mark"), str(kind.mark)
    for peer in kind.peers:
        yield (
            ("wireguard", name, f"peer {peer.public_key}"),
            describe_peer(
                networks=map(str, peer.allowed_ips),
                preshared_key=peer.preshared_key and text_of(peer.preshared_key),
                endpoint=peer.endpoint and _endpoint(*peer.endpoint),
                keepalive=None if peer.keepalive is None else str(peer.keepalive),
            ),
        )


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
