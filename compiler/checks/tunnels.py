"""Tunnels, VXLAN, Geneve, WireGuard: VN112, VN315, VN415 to VN417, VN420, VN421, VN424.

What the kernel refuses was measured with Linux 6.1 and iproute2 6.1, whose ip-link(8) says which
options belong to which mode.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.checks.shared_codes import mismatched_keys, mixed_families
from vnetc.checks.view import View, label_at, place
from vnetc.model.diagnostics import Diagnostic, Label, Path, diagnostic
from vnetc.model.host import Interface
from vnetc.model.kinds import Geneve, Kind, Tunnel, Vxlan, Wireguard, link_of
from vnetc.model.values import IPAddress, IPNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

# What the kernel tells tunnels apart by; two equal ones cannot be.
Identity: TypeAlias = tuple[object, ...]

_KEYED = ("gre", "gretap", "ip6gre", "ip6gretap", "vti", "vti6")
_HEADED = ("gre", "gretap", "ip6gre", "ip6gretap", "ipip", "sit", "ip6ip6", "ipip6")
_OVER_IPV6 = ("ip6gre", "ip6gretap", "ip6ip6", "ipip6")
# Options that only some modes of a tunnel have.
_MODES: dict[str, tuple[str, ...]] = {
    "ttl": _HEADED,
    "tos": _HEADED,
    "key": _KEYED,
    "input_key": _KEYED,
    "output_key": _KEYED,
    "path_mtu_discovery": ("gre", "gretap", "ipip", "sit"),
    "ignore_do_not_fragment": ("gre", "gretap"),
    "serialize": ("gre", "gretap"),
    "flow_label": _OVER_IPV6,
    "copy_dscp": _OVER_IPV6,
    "encapsulation_limit": _OVER_IPV6,
    "allow_local_remote": _OVER_IPV6,
    "ipv6_rapid_deployment_prefix": ("sit",),
    "isatap": ("sit",),
}
_GENEVE_PORT = 6081  # GENEVE_UDP_PORT, include/net/geneve.h


def _key(field: str) -> str:
    return field.replace("_", "-")


def _listed(names: tuple[str, ...]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def outer_version(kind: Kind) -> int:
    """Give the version of IP that a tunnel's packets have."""
    if isinstance(kind, Tunnel):
        return 6 if kind.mode in (*_OVER_IPV6, "vti6") else 4
    ends = [address for address in _ends(kind).values() if address is not None]
    return ends[0].version if ends else 4  # vxlan_config_validate, drivers/net/vxlan


def _ends(kind: Kind) -> dict[str, IPAddress | None]:
    match kind:
        case Tunnel():
            return {"local": kind.local, "remote": kind.remote}
        case Geneve():
            return {"remote": kind.remote}
        case Vxlan():
            return {"local": kind.local, "remote": kind.remote, "group": kind.group}
        case _:
            return {}


def _excluded(path: Path, key: str, by: str, words: str, help: str) -> Diagnostic:
    return mismatched_keys(
        words,
        (*path, key),
        "key",
        labels=(Label(text="because of this", path=(*path, by), part="key"),),
        help=help,
    )


# --- options --------------------------------------------------------------------------------------


def check_tunnel_options(view: View) -> Iterator[Diagnostic]:
    """VN416: a tunnel has the options of its mode."""
    for interface, tunnel in view.of_kind(Tunnel):
        for field, modes in _MODES.items():
            if getattr(tunnel, field) is None or tunnel.mode in modes:
                continue
            word = "modes" if modes[1:] else "mode"
            yield diagnostic(
                "VN416",
                f"`{_key(field)}` belongs to {word} {_listed(modes)}, and this is {tunnel.mode}",
                (*interface.path, _key(field)),
                "key",
                labels=(Label(text="the mode", path=(*interface.path, "mode")),),
                help="remove it, or choose another mode",
            )


def check_tunnel_keys(view: View) -> Iterator[Diagnostic]:
    """VN112: options of a tunnel that exclude or need each other."""
    for interface, tunnel in view.of_kind(Tunnel):
        path = interface.path
        for field in ("input_key", "output_key"):
            if tunnel.key is not None and getattr(tunnel, field) is not None:
                words = f"`key` is the key in both directions, so there is no `{_key(field)}`"
                yield _excluded(path, _key(field), "key", words, "remove one of them")
        # ipgre_netlink_parms in net/ipv4/ip_gre.c
        if (
            tunnel.mode in ("gre", "gretap")
            and tunnel.ignore_do_not_fragment
            and tunnel.path_mtu_discovery is not False
            and view.is_sound(path, "path-mtu-discovery")
        ):
            yield mismatched_keys(
                "`ignore-do-not-fragment` needs `path-mtu-discovery: false`",
                (*path, "ignore-do-not-fragment"),
                "key",
                help="add it, or remove this one",
            )
        # ipip_netlink_parms in net/ipv4/ipip.c and its like in sit.c: a ttl forbids to cut packets
        if (
            tunnel.mode in ("ipip", "sit")
            and tunnel.path_mtu_discovery is False
            and isinstance(tunnel.ttl, int)
        ):
            yield _excluded(
                path,
                "path-mtu-discovery",
                "ttl",
                "with a `ttl` of its own the tunnel always discovers the path's MTU",
                "remove one of them, or write `ttl: inherit`",
            )
        # ipgre_tunnel_init in net/ipv4/ip_gre.c
        if (
            tunnel.mode in ("gre", "gretap")
            and tunnel.remote is not None
            and tunnel.remote.is_multicast
            and tunnel.local is None
            and view.is_sound(path, "local")
        ):
            yield mismatched_keys(
                "a tunnel to a multicast group needs `local`",
                (*path, "remote"),
                help="add `local:`",
            )


# Options that only packets over one version of IP have: key, version; an error of the kernel for
# `flow-label`, without effect for the others.
_VERSIONS = (
    ("flow_label", 6),
    ("udp6_zero_checksum_transmit", 6),
    ("udp6_zero_checksum_receive", 6),
    ("udp_checksum", 4),
)


def check_ip_versions(view: View) -> Iterator[Diagnostic]:
    """VN416: options of VXLAN and Geneve for the version of IP that they do not use."""
    for interface in view.host.interfaces:
        kind = interface.kind
        ends = _ends(kind)
        if not isinstance(kind, (Vxlan, Geneve)) or not view.is_sound(interface.path, *ends):
            continue
        version = outer_version(kind)
        because = next((key for key, end in ends.items() if end is not None), None)
        for field, needed in _VERSIONS:
            if getattr(kind, field) is not None and needed != version:
                yield diagnostic(
                    "VN416",
                    f"`{_key(field)}` is for packets over IPv{needed}, and these are over "
                    f"IPv{version}",
                    (*interface.path, _key(field)),
                    "key",
                    labels=()
                    if because is None
                    else (Label(text="because of this", path=(*interface.path, because)),),
                    help=f"remove it, or choose IPv{needed} addresses",
                )


# --- ends -----------------------------------------------------------------------------------------


def check_ends(view: View) -> Iterator[Diagnostic]:
    """VN315, VN417: the ends of a tunnel are hosts, and addresses of the version that it needs."""
    own = {(view.domain(i), address.address.ip): address for i, address in view.addresses()}
    for interface in view.host.interfaces:
        kind = interface.kind
        link = view.interfaces.get(link_of(kind) or "")
        outside = "" if link is None else view.domain(link)  # the VRF that its packets travel in
        said = [(key, end) for key, end in _ends(kind).items() if end is not None]
        version = outer_version(kind)
        for key, end in said:
            path = (*interface.path, key)
            wrong = end.version != version
            if wrong and isinstance(kind, Tunnel):
                yield diagnostic(
                    "VN417",
                    f"a tunnel of mode {kind.mode} is over IPv{version}, and `{end}` is not",
                    path,
                    labels=(Label(text="the mode", path=(*interface.path, "mode")),),
                    help=f"write an IPv{version} address, or choose another mode",
                )
            elif wrong:
                yield _mixed(path, end, (*interface.path, said[0][0]))
            elif (reason := _no_end(kind, key, end)) is not None:
                words, help = reason
                yield diagnostic("VN417", words, path, help=help)
            elif (
                key == "remote"
                and (outside, end) in own
                and isinstance(kind, Tunnel)
                and not kind.allow_local_remote
            ):
                yield diagnostic(
                    "VN417",
                    f"the other end `{end}` is the host itself",
                    path,
                    labels=(Label(text="its own address", path=own[outside, end].path),),
                    help="write the address of the other host",
                )


def _mixed(path: Path, end: IPAddress, other: Path) -> Diagnostic:
    return mixed_families(
        f"`{end}` is an IPv{end.version} address, and `{other[-1]}` is not",
        path,
        labels=(Label(text="the other one", path=other),),
        help="write both as IPv4 or both as IPv6",
    )


def _no_end(kind: Kind, key: str, end: IPAddress) -> tuple[str, str] | None:
    """Say why an address is no end of a tunnel, and the way out."""
    if key == "group":
        if end.is_multicast:
            return None
        return f"`{end}` is not a multicast group", "write it as `remote`"
    if end.is_multicast:
        if key == "local":
            return f"`{end}` is a multicast address", "write an address of this host"
        if isinstance(kind, Vxlan):
            return f"`{end}` is a multicast group", "write it as `group`"
        if isinstance(kind, Geneve):
            return f"`{end}` is a multicast address", "write the address of one host"
    if isinstance(kind, Geneve) and end.version == 6 and end.is_link_local:
        return f"`{end}` is a link-local address, of which Geneve knows no link", (
            "write an address that is routed"
        )
    return None


def check_vxlan_ends(view: View) -> Iterator[Diagnostic]:
    """VN112, VN315, VN417: where a VXLAN sends frames whose way it does not know."""
    for interface, vxlan in view.of_kind(Vxlan):
        path = interface.path
        ways = [key for key in ("remote", "group", "remotes") if getattr(vxlan, key)]
        for key in ways[1:]:
            words = f"`{ways[0]}` says where unknown frames go, so there is no `{key}`"
            help = "put all of them into `remotes`" if key == "remotes" else "remove one of them"
            yield _excluded(path, key, ways[0], words, help)
        if vxlan.group is not None and vxlan.link is None and view.is_sound(path, "link"):
            yield mismatched_keys(
                "`group` needs `link`, by which its packets leave",
                (*path, "group"),
                "key",
                help="add `link:`",
            )
        yield from _link_local(view, path, vxlan)
        if view.is_sound(path, "remotes", "local"):
            yield from _remotes(path, vxlan)


def _remotes(path: Path, vxlan: Vxlan) -> Iterator[Diagnostic]:
    local = vxlan.local
    for index, remote in enumerate(vxlan.remotes):
        place = (*path, "remotes", index)
        if remote.is_multicast:
            yield diagnostic(
                "VN417", f"`{remote}` is a multicast group", place, help="write it as `group`"
            )
        elif local is not None and remote.version != local.version:
            yield _mixed(place, remote, (*path, "local"))
        elif local is None and remote.version == 6:  # vxlan_fdb_add: EAFNOSUPPORT
            yield mismatched_keys(
                "`remotes` over IPv6 need an IPv6 address as `local`",
                place,
                help="add `local:`",
            )


def _link_local(view: View, path: Path, vxlan: Vxlan) -> Iterator[Diagnostic]:
    """VN417: link-local addresses stay on one link (vxlan_config_validate)."""
    local, key = vxlan.local, "group" if vxlan.remote is None else "remote"
    other = vxlan.group if vxlan.remote is None else vxlan.remote
    if not view.is_sound(path, "local", key, "link"):
        return
    here = local is not None and local.version == 6 and local.is_link_local
    there = other is not None and other.version == 6 and _on_link(other)
    routed = other is not None and other.version == 6 and not _on_link(other)
    if (here and routed) or (there and not here and key == "remote" and vxlan.group is None):
        yield diagnostic(
            "VN417",
            "a link-local address has no way to one that is not",
            (*path, key),
            labels=(Label(text="the other one", path=(*path, "local")),)
            if local is not None
            else (),
            help="write link-local addresses for both `local` and the other end, or for none",
        )
    elif here and vxlan.link is None:
        yield mismatched_keys(
            "link-local addresses need `link`",
            (*path, "local"),
            help="add `link:`",
        )


def _on_link(address: IPAddress) -> bool:
    """Tell whether an IPv6 address is link-local, as host or as group (RFC 4291)."""
    return address.is_link_local or address.packed[:2] == b"\xff\x02"


# --- two of a kind --------------------------------------------------------------------------------


def check_identities(view: View) -> Iterator[Diagnostic]:
    """VN415: two tunnels that the kernel takes for one."""
    first: dict[Identity, Interface] = {}
    for interface in view.host.interfaces:
        identity, key, what = _identity(interface.kind)
        if identity is None or not view.is_sound(interface.path, *_TELLING):
            continue
        other = first.setdefault(identity, interface)
        if other is not interface:
            yield diagnostic(
                "VN415",
                f"the kernel cannot tell `{interface.name}` from `{other.name}`: {what}",
                (*interface.path, key),
                labels=(Label(text="the other one", path=(*other.path, key)),),
                help="change one of them",
            )


_TELLING = ("mode", "id", "local", "remote", "group", "link", "port", "key", "input-key")


def _identity(kind: Kind) -> tuple[Identity | None, str, str]:
    """Give what a tunnel is known by, the key that shows it, and what two of them have in common."""
    identity: Identity
    match kind:
        case Vxlan():  # vxlan_vni_in_use in drivers/net/vxlan/vxlan_core.c
            alone = kind.link if kind.local is not None and _on_link(kind.local) else None
            identity = ("vxlan", kind.id, kind.port, outer_version(kind), _received(kind), alone)
            return identity, "id", "both have this id, port and version of IP"
        case Geneve():  # geneve_find_dev in drivers/net/geneve.c
            identity = ("geneve", kind.id, kind.port or _GENEVE_PORT, kind.remote)
            return identity, "id", "both have this id, port and remote"
        case Tunnel():
            return _ends_identity(kind), "mode", "both have the same ends, link and key"
        case _:
            return None, "", ""


def _received(vxlan: Vxlan) -> Identity:
    """Give the options of VXLAN_F_RCV_FLAGS, include/net/vxlan.h."""
    return (
        bool(vxlan.group_policy),
        bool(vxlan.udp6_zero_checksum_receive),
        bool(vxlan.remote_checksum_receive),
    )


def _fixed_ends(tunnel: Tunnel) -> tuple[IPAddress | None, IPAddress | None]:
    """Give the local and the remote end, None where any will do."""
    local, remote = tunnel.local, tunnel.remote
    return (
        None if local is None or local.is_unspecified else local,
        None if remote is None or remote.is_unspecified else remote,
    )


def _ends_identity(tunnel: Tunnel) -> Identity:
    """ip_tunnel_find in net/ipv4/ip_tunnel.c, ip6gre_tunnel_find, ip6_tnl_locate, vti6_locate.

    Those of mode ip6ip6 and ipip6 are one kind. A vti of the same ends is the same whatever its
    key is, and a vti6 whatever its link is too.
    """
    ends = _fixed_ends(tunnel)
    match tunnel.mode:
        case "ip6ip6" | "ipip6":
            return "ip6tnl", *ends, tunnel.link
        case "vti6":
            return "vti6", *ends
        case "vti" | "ipip" | "sit":
            return tunnel.mode, *ends, tunnel.link
        case _:
            key = tunnel.key if tunnel.input_key is None else tunnel.input_key
            return tunnel.mode, *ends, tunnel.link, key


# Whose packets the kernel offers to a vti first, which takes those of its ends whatever its key and
# link are (`priority` of the handlers in net/ipv4/ip_vti.c, ipip.c and sit.c, and of their like in
# net/ipv6; measured with Linux 6.1).
_TAKEN = {"ipip": "vti", "sit": "vti", "ip6ip6": "vti6", "ipip6": "vti6"}


def check_taken_packets(view: View) -> Iterator[Diagnostic]:
    """VN424: a vti takes all packets that come from one of its ends to the other."""
    taking: dict[Identity, Interface] = {}
    for interface, tunnel in view.of_kind(Tunnel):
        if tunnel.mode in _TAKEN.values() and interface.activation != "off":
            taking.setdefault((tunnel.mode, *_fixed_ends(tunnel)), interface)
    for interface, tunnel in view.of_kind(Tunnel):
        mode = _TAKEN.get(tunnel.mode)
        if mode is None or not view.is_sound(interface.path, *_TELLING):
            continue
        local, remote = _fixed_ends(tunnel)
        ends = ((local, remote), (None, remote), (local, None))
        other = next((taking[mode, *pair] for pair in ends if (mode, *pair) in taking), None)
        if other is not None and view.is_sound(other.path, *_TELLING):
            yield diagnostic(
                "VN424",
                f"`{other.name}` takes all packets for `{interface.name}`: a {mode} comes first",
                (*interface.path, "mode"),
                labels=(Label(text="the other one", path=(*other.path, "mode")),),
                help="give one of them other ends",
            )


def check_udp_ports(view: View) -> Iterator[Diagnostic]:
    """VN421: a UDP port has one listener, but VXLANs of like options share theirs, and Geneves."""
    known: dict[int, list[tuple[Interface, Identity]]] = {}
    for interface in view.host.interfaces:
        port, versions, shared = _listener(interface.kind)
        if port is None or not view.is_sound(interface.path, *_TELLING):
            continue
        others = known.setdefault(port, [])
        for other, theirs in others:
            _, their_versions, _ = _listener(other.kind)
            if not set(versions) & set(their_versions) or (shared and shared == theirs):
                continue
            if _bound_apart(interface.kind, other.kind):
                continue
            yield diagnostic(
                "VN421",
                f"`{other.name}` listens at UDP port {port} already",
                *place(interface, "port"),
                labels=(label_at("first here", place(other, "port")),),
                help="choose another `port`"
                if not (shared and theirs) or shared[0] != theirs[0]
                else "choose another `port`, or the same options for all that comes in",
            )
            break
        # one of those that share a port stands for all of them
        if all(theirs != shared or versions != _listener(o.kind)[1] for o, theirs in others):
            others.append((interface, shared))


def _listener(kind: Kind) -> tuple[int | None, tuple[int, ...], Identity]:
    """Give the UDP port of a device, the versions of IP, and who shares it: nobody if empty."""
    match kind:
        case Wireguard():
            return kind.port, (4, 6), ()
        case Vxlan():
            return kind.port, (outer_version(kind),), ("vxlan", *_received(kind))
        case Geneve():
            return kind.port or _GENEVE_PORT, (outer_version(kind),), ("geneve",)
        case _:
            return None, (), ()


def _bound_apart(one: Kind, two: Kind) -> bool:
    """Tell whether two VXLANs may listen in different VRFs (vxlan_sock_add)."""
    return isinstance(one, Vxlan) and isinstance(two, Vxlan) and one.link != two.link


# --- WireGuard ------------------------------------------------------------------------------------


def check_peers(view: View) -> Iterator[Diagnostic]:
    """VN420: a peer is its public key, and a network is behind one peer."""
    for interface, wireguard in view.of_kind(Wireguard):
        keys: dict[str, Path] = {}
        behind: dict[IPNetwork, tuple[Path, int]] = {}
        for peer in wireguard.peers:
            other = keys.setdefault(peer.public_key, peer.path)
            if other != peer.path:
                yield diagnostic(
                    "VN420",
                    f"`{interface.name}` has two peers with one public key",
                    (*peer.path, "public-key"),
                    labels=(Label(text="first here", path=(*other, "public-key")),),
                    help="join the two",
                )
                continue
            if not view.is_sound(peer.path, "allowed-ips"):
                continue
            for index, network in enumerate(peer.allowed_ips):
                first, position = behind.setdefault(network, (peer.path, index))
                if first != peer.path:
                    yield diagnostic(
                        "VN420",
                        f"`{network}` is behind another peer already",
                        (*peer.path, "allowed-ips", index),
                        labels=(Label(text="this one", path=(*first, "allowed-ips", position)),),
                        help="give each peer networks of its own; the narrower one wins",
                    )


TUNNELS = (
    check_tunnel_options,
    check_tunnel_keys,
    check_ip_versions,
    check_ends,
    check_vxlan_ends,
    check_identities,
    check_taken_packets,
    check_udp_ports,
    check_peers,
)
