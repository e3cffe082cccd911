"""What vnetc itself decides of devices that wrap packets, since the kernel would decide by the moment.

The kernel takes the MTU of a tunnel from the route to its other end, if there is one already when
the device is made (ip_tunnel_bind_dev, geneve_link_config, vti6_link_config): that depends on the
order in which a renderer makes things. Here it follows from the document.
"""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.kinds import Geneve, Kind, Loopback, Tunnel, Vxlan, Wireguard, link_of

_IPV4, _IPV6, _ETHERNET = 20, 40, 14  # bytes of headers
_UDP_AND_TAG = 8 + 8  # of VXLAN, RFC 7348, and GENEVE, RFC 8926, without its options
_WIREGUARD = _IPV6 + 8 + 32  # drivers/net/wireguard/device.c, wg_setup
_GRE, _GRE_WORD = 4, 4  # RFC 2784; key and sequence number, RFC 2890
_ENCAPSULATION_LIMIT = 8  # RFC 2473, 4.1.1, with the option's header
_DEFAULT_MTU = 1500

_OVER_IPV6 = frozenset({"ip6gre", "ip6gretap", "ip6ip6", "ipip6", "vti6"})
_GRES = frozenset({"gre", "gretap", "ip6gre", "ip6gretap"})
_TAPS = frozenset({"gretap", "ip6gretap"})
# systemd-networkd makes no IPv6 link-local addresses for these (link_ipv6ll_enabled), and what the
# kernel makes is made of the tunnel's IPv4 address, or nothing.
_WITHOUT_LINK_LOCAL = frozenset({"gre", "ipip", "sit", "vti"})


def has_link_local(kind: Kind) -> bool:
    """Tell whether the device gets an IPv6 link-local address by itself."""
    if isinstance(kind, Tunnel):
        return kind.mode not in _WITHOUT_LINK_LOCAL
    return not isinstance(kind, Loopback | Wireguard)


def default_mtu(kind: Kind, mtus: Mapping[str, int]) -> int | None:
    """Give the MTU of a device that the document gives none; None: what the kernel has.

    `mtus` are those that the document says, by the names of interfaces.
    """
    link = link_of(kind)
    headers = _headers(kind)
    if headers is None:
        return None
    return mtus.get(link or "", _DEFAULT_MTU) - headers


def _headers(kind: Kind) -> int | None:
    """Count the bytes that the device puts before each packet, None if the kernel asks no route."""
    match kind:
        case Vxlan(link=str()):
            ends = (kind.local, kind.remote, kind.group, *kind.remotes)
            over_ipv6 = any(end is not None and end.version == 6 for end in ends)
            return (_IPV6 if over_ipv6 else _IPV4) + _UDP_AND_TAG + _ETHERNET
        case Geneve():
            over_ipv6 = getattr(kind.remote, "version", 4) == 6
            frame = 0 if kind.inherit_inner_protocol else _ETHERNET
            return (_IPV6 if over_ipv6 else _IPV4) + _UDP_AND_TAG + frame
        case Wireguard():
            return _WIREGUARD
        case Tunnel(mode=mode):
            headers = _IPV6 if mode in _OVER_IPV6 else _IPV4
            if mode in _GRES:
                has_key = kind.key is not None or kind.output_key is not None
                headers += _GRE + _GRE_WORD * (has_key + bool(kind.serialize))
            if mode in _TAPS:
                headers += _ETHERNET
            if mode in _OVER_IPV6 and mode != "vti6" and kind.encapsulation_limit != "none":
                headers += _ENCAPSULATION_LIMIT
            return headers
        case _:
            return None
