"""Tunnels, by the kernel's kinds: numbers of linux/if_tunnel.h.

The kernel reads each message as a whole tunnel: what is not in it is none (ip_tunnel_changelink and
the `*_netlink_parms` of net/ipv4 and net/ipv6). So a change says all. What a document does not say
of a tunnel over IPv6 is what ip-link(8) and systemd-networkd make of it: 64 hops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv6Network

from vnetc.backends.netlink.links.kinds import Kind
from vnetc.backends.netlink.links.options import (
    DEVICE,
    IPV4,
    IPV6,
    TRUTH,
    Decoded,
    Impact,
    Option,
    Type,
)
from vnetc.backends.netlink.state import Attributes, Index, Value
from vnetc.backends.netlink.wire.messages import BE16, BE32, IP, U8, U16, U32, Codec, attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEY, _SEQUENCE = 0x2000, 0x1000  # GRE_KEY, GRE_SEQ
_ISATAP = 1  # SIT_ISATAP
_IPIP, _IPV6 = 4, 41  # IPPROTO_…: what is in the tunnel
# linux/ip6_tunnel.h; the kernel adds bits of its own above these
_NO_LIMIT, _ORIGINAL_CLASS, _ORIGINAL_LABEL, _COPY_DSCP, _ALLOW_LOCAL = 1, 2, 4, 0x10, 0x40
_HOPS = 64  # DEFAULT_TNL_HOP_LIMIT of ip-link(8)
_LIMIT = 4  # IPV6_DEFAULT_TNL_ENCAP_LIMIT
_SIX_TO_FOUR = "2002::/16"  # ipip6_tunnel_clone_6rd, net/ipv6/sit.c

_TTL = Type(
    Codec(
        lambda value: U8.pack(0 if value == "inherit" else value),
        lambda data: data[0] or "inherit",
    )
)
_TOS = Type(
    Codec(
        lambda value: U8.pack(1 if value == "inherit" else value),
        lambda data: "inherit" if data[0] == 1 else data[0],
    )
)


def _as_said(value: Any) -> Value:
    return value if isinstance(value, bool | int | str) else str(value)


_SAID_BELOW = Type(Codec(lambda value: b"", lambda data: None), _as_said, holds=lambda value: False)


def _virtual(name: str, word: str, default: Value = None, impact: Impact = "live") -> Option:
    """Describe what `_say` puts into attributes together with others."""
    return Option(f"tunnel.{name}", 0, word, _SAID_BELOW, default, impact)


def _raw(name: str, number: int, codec: Codec) -> Option:
    """Read what `_tidy` takes apart."""
    return Option(f"_{name}", number, "", Type(codec))


def _ends(prefix: str, first: int, kind: Type) -> tuple[Option, ...]:
    return (
        Option("link", 1, f"{prefix}_LINK", DEVICE),
        Option("tunnel.local", first, f"{prefix}_LOCAL", kind),
        Option("tunnel.remote", first + 1, f"{prefix}_REMOTE", kind),
    )


def _header(prefix: str, ttl: int, discovery: int) -> tuple[Option, ...]:
    """List the options of a header of IPv4."""
    return (
        Option("tunnel.ttl", ttl, f"{prefix}_TTL", _TTL, "inherit"),
        Option("tunnel.tos", ttl + 1, f"{prefix}_TOS", _TOS, 0),
        Option("tunnel.path-mtu-discovery", discovery, f"{prefix}_PMTUDISC", TRUTH, True),
    )


def _header6(prefix: str, ttl: int, limit: int, default: int) -> tuple[Option, ...]:
    """List the options of a header of IPv6."""
    return (
        Option("tunnel.ttl", ttl, f"{prefix}_TTL", _TTL, _HOPS),
        _raw("limit", limit, U8),
        _raw("flow", limit + 1, BE32),
        _raw("flags", limit + 2, U32),
        _virtual("encapsulation-limit", f"{prefix}_ENCAP_LIMIT", default),
        _virtual("tos", f"{prefix}_FLOWINFO", 0),
        _virtual("flow-label", f"{prefix}_FLOWINFO", 0),
        _virtual("copy-dscp", f"{prefix}_FLAGS", False),
        _virtual("allow-local-remote", f"{prefix}_FLAGS", False),
    )


_KEYS = (
    _raw("input-flags", 2, BE16),
    _raw("output-flags", 3, BE16),
    _raw("input-key", 4, BE32),
    _raw("output-key", 5, BE32),
    _virtual("input-key", "IFLA_GRE_IKEY"),
    _virtual("output-key", "IFLA_GRE_OKEY"),
    _virtual("serialize", "IFLA_GRE_IFLAGS, IFLA_GRE_OFLAGS", False),
)
_GRE = (
    *_KEYS,
    *_ends("IFLA_GRE", 6, IPV4),
    *_header("IFLA_GRE", 8, 10),
    Option("tunnel.ignore-do-not-fragment", 19, "IFLA_GRE_IGNORE_DF", TRUTH, False),
)
_IP6GRE = (*_KEYS, *_ends("IFLA_GRE", 6, IPV6), *_header6("IFLA_GRE", 8, 11, 0))
_PROTO = _raw("protocol", 9, U8)
_IPIP_OPTIONS = (_PROTO, *_ends("IFLA_IPTUN", 2, IPV4), *_header("IFLA_IPTUN", 4, 10))
_SIT = (
    *_IPIP_OPTIONS,
    _raw("flags", 8, U16),
    _raw("prefix", 11, IP),
    _raw("prefix-length", 13, U16),
    _virtual("isatap", "IFLA_IPTUN_FLAGS", False, "recreate"),
    _virtual("ipv6-rapid-deployment-prefix", "IFLA_IPTUN_6RD_PREFIX", _SIX_TO_FOUR),
)
_IP6TNL = (_PROTO, *_ends("IFLA_IPTUN", 2, IPV6), *_header6("IFLA_IPTUN", 4, 6, _LIMIT))
_VTI_KEYS = (
    _raw("input-key", 2, BE32),
    _raw("output-key", 3, BE32),
    _virtual("input-key", "IFLA_VTI_IKEY"),
    _virtual("output-key", "IFLA_VTI_OKEY"),
)
_VTI = (*_VTI_KEYS, *_ends("IFLA_VTI", 4, IPV4))
_VTI6 = (*_VTI_KEYS, *_ends("IFLA_VTI", 4, IPV6))

_MODES_OF_IP6TNL = {_IPV6: "ip6ip6", _IPIP: "ipip6"}
_INSIDE = {"ipip": _IPIP, "sit": _IPV6, "ip6ip6": _IPV6, "ipip6": _IPIP}


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _mode(word: str, found: Decoded) -> None:
    """Name the mode; what is in the tunnel is told apart only if the mode does not say it."""
    inside = found.pop("_protocol", None)
    mode = _MODES_OF_IP6TNL.get(_int(inside), word) if word == "ip6tnl" else word
    found["tunnel.mode"] = mode
    if inside is not None and inside != _INSIDE.get(mode):
        found["tunnel.protocol"] = inside


def _tidy_gre(word: str) -> Callable[[Decoded], None]:
    def tidy(found: Decoded) -> None:
        _mode(word, found)
        flags = [_int(found.pop(f"_{end}-flags", 0)) for end in ("input", "output")]
        for end, flag in zip(("input", "output"), flags, strict=True):
            key = found.pop(f"_{end}-key", None)
            found[f"tunnel.{end}-key"] = key if flag & _KEY else None
        found["tunnel.serialize"] = all(flag & _SEQUENCE for flag in flags)
        if "_flags" in found:
            _tidy_header6(found)

    return tidy


def _tidy_header6(found: Decoded) -> None:
    flags, flow = _int(found.pop("_flags", 0)), _int(found.pop("_flow", 0))
    limit = found.pop("_limit", 0)
    found |= {
        "tunnel.encapsulation-limit": "none" if flags & _NO_LIMIT else limit,
        "tunnel.tos": "inherit" if flags & _ORIGINAL_CLASS else flow >> 20 & 0xFF,
        "tunnel.flow-label": "inherit" if flags & _ORIGINAL_LABEL else flow & 0xFFFFF,
        "tunnel.copy-dscp": bool(flags & _COPY_DSCP),
        "tunnel.allow-local-remote": bool(flags & _ALLOW_LOCAL),
    }


def _tidy_ip6tnl(found: Decoded) -> None:
    _mode("ip6tnl", found)
    _tidy_header6(found)


def _tidy_ipip(found: Decoded) -> None:
    _mode("ipip", found)


def _tidy_sit(found: Decoded) -> None:
    _mode("sit", found)
    found["tunnel.isatap"] = bool(_int(found.pop("_flags", 0)) & _ISATAP)
    prefix, length = found.pop("_prefix", None), found.pop("_prefix-length", None)
    if prefix is not None:
        found["tunnel.ipv6-rapid-deployment-prefix"] = f"{prefix}/{length}"


def _tidy_vti(word: str) -> Callable[[Decoded], None]:
    def tidy(found: Decoded) -> None:
        _mode(word, found)
        for end in ("input", "output"):
            found[f"tunnel.{end}-key"] = found.pop(f"_{end}-key", None) or None

    return tidy


def _say_keys(said: Attributes) -> Iterator[bytes]:
    sequence = _SEQUENCE if said.get("tunnel.serialize") else 0
    for number, end in ((2, "input"), (3, "output")):
        key = said.get(f"tunnel.{end}-key")
        yield attribute(number, BE16.pack(sequence | (0 if key is None else _KEY)))
        yield attribute(number + 2, BE32.pack(_int(key)))


def _say_vti(said: Attributes, old: Attributes, index: Index) -> Iterator[bytes]:
    for number, end in ((2, "input"), (3, "output")):
        yield attribute(number, BE32.pack(_int(said.get(f"tunnel.{end}-key"))))


def _say_header6(said: Attributes, first: int) -> Iterator[bytes]:
    """Say the limit, class and label, and flags: of the original packet, or numbers."""
    limit, tos = said["tunnel.encapsulation-limit"], said["tunnel.tos"]
    label = said["tunnel.flow-label"]
    flags = (
        (_NO_LIMIT if limit == "none" else 0)
        | (_ORIGINAL_CLASS if tos == "inherit" else 0)
        | (_ORIGINAL_LABEL if label == "inherit" else 0)
        | (_COPY_DSCP if said["tunnel.copy-dscp"] else 0)
        | (_ALLOW_LOCAL if said["tunnel.allow-local-remote"] else 0)
    )
    if limit != "none":
        yield attribute(first, U8.pack(limit))
    yield attribute(first + 1, BE32.pack(_int(tos) << 20 | _int(label)))
    yield attribute(first + 2, U32.pack(flags))


def _say_protocol(said: Attributes) -> Iterator[bytes]:
    inside = said.get("tunnel.protocol", _INSIDE.get(str(said["tunnel.mode"]), 0))
    yield attribute(9, U8.pack(inside))


def _say_gre(said: Attributes, old: Attributes, index: Index) -> Iterator[bytes]:
    yield from _say_keys(said)


def _say_ip6gre(said: Attributes, old: Attributes, index: Index) -> Iterator[bytes]:
    yield from _say_keys(said)
    yield from _say_header6(said, 11)


def _say_ip6tnl(said: Attributes, old: Attributes, index: Index) -> Iterator[bytes]:
    yield from _say_protocol(said)
    yield from _say_header6(said, 6)


def _say_ipip(said: Attributes, old: Attributes, index: Index) -> Iterator[bytes]:
    yield from _say_protocol(said)


def _say_sit(said: Attributes, old: Attributes, index: Index) -> Iterator[bytes]:
    yield from _say_protocol(said)
    yield attribute(8, U16.pack(_ISATAP if said["tunnel.isatap"] else 0))
    prefix = said["tunnel.ipv6-rapid-deployment-prefix"]
    if prefix not in (None, old.get("tunnel.ipv6-rapid-deployment-prefix", _SIX_TO_FOUR)):
        network = IPv6Network(prefix)
        yield attribute(11, network.network_address.packed)
        yield attribute(13, U16.pack(network.prefixlen))


def _kind(
    word: str,
    options: tuple[Option, ...],
    extra: Callable[[Attributes, Attributes, Index], Iterator[bytes]],
    tidy: Callable[[Decoded], None],
    *,
    frames: bool = False,
) -> Kind:
    """Make the kind of a tunnel; one that carries frames is like a card."""
    mode = Option("tunnel.mode", 0, "IFLA_INFO_KIND", _SAID_BELOW, None, "recreate")
    return Kind(
        type="tunnel",
        word=word,
        options=(mode, *options),
        extra=extra,
        tidy=tidy,
        whole=True,
        flags=(frames, frames),
        mac="live" if frames else None,
    )


TUNNELS = (
    _kind("gre", _GRE, _say_gre, _tidy_gre("gre")),
    _kind("gretap", _GRE, _say_gre, _tidy_gre("gretap"), frames=True),
    _kind("ip6gre", _IP6GRE, _say_ip6gre, _tidy_gre("ip6gre")),
    _kind("ip6gretap", _IP6GRE, _say_ip6gre, _tidy_gre("ip6gretap"), frames=True),
    _kind("ipip", _IPIP_OPTIONS, _say_ipip, _tidy_ipip),
    _kind("sit", _SIT, _say_sit, _tidy_sit),
    _kind("ip6tnl", _IP6TNL, _say_ip6tnl, _tidy_ip6tnl),
    _kind("vti", _VTI, _say_vti, _tidy_vti("vti")),
    _kind("vti6", _VTI6, _say_vti, _tidy_vti("vti6")),
)
# the kernel's kind of each mode of ours
WORDS = {"ip6ip6": "ip6tnl", "ipip6": "ip6tnl"}
# a device that is a point of a line, and one that is none, do not change into each other
# (ip_tunnel_changelink, ipip6_changelink)
POINTS = frozenset({"gre", "ipip", "sit", "vti"})
