"""Which devices get an IPv6 link-local address by themselves."""

from __future__ import annotations

from vnetc.kinds import Kind, Loopback, Tunnel, Wireguard

# systemd-networkd makes no IPv6 link-local addresses for these (link_ipv6ll_enabled), and what the
# kernel makes is made of the tunnel's IPv4 address, or nothing.
_WITHOUT_LINK_LOCAL = frozenset({"gre", "ipip", "sit", "vti"})


def has_link_local(kind: Kind) -> bool:
    """Tell whether the device gets an IPv6 link-local address by itself."""
    if isinstance(kind, Tunnel):
        return kind.mode not in _WITHOUT_LINK_LOCAL
    return not isinstance(kind, Loopback | Wireguard)
