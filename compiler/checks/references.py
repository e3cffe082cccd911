"""References between interfaces: VN2xx."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.checks.shared_codes import declared_twice
from vnetc.checks.view import View, carries_ethernet
from vnetc.model.diagnostics import Diagnostic, Label, Part, Path, diagnostic
from vnetc.model.host import Interface, Member, Port
from vnetc.model.kinds import Bond, Bridge, Infiniband, Kind, Loopback, Veth, Vlan, link_of

# How many undeclared names are compared to all others, which takes as long as there are interfaces.
_COMPARED = 20


def names_said(view: View) -> Iterator[tuple[str, str, Path, Part]]:
    """Run through all names of interfaces: the name, what it is there, where."""
    for name, port in view.host.claims:
        what = "uplink" if port.path[-1] == "uplink" else _role(port)
        yield name, what, port.path, _part(port)
    for interface in view.host.interfaces:
        kind = interface.kind
        if isinstance(kind, Veth):
            yield kind.peer, "peer", (*interface.path, "peer"), "value"
        link = link_of(kind)
        if link is not None:
            yield link, "link", (*interface.path, "link"), "value"
        if interface.vrf is not None:
            yield interface.vrf, "VRF", (*interface.path, "vrf"), "value"
        for rule in interface.routing_policy:
            for key, device in (("iif", rule.iif), ("oif", rule.oif)):
                if device is not None and device != "lo":
                    yield device, "interface", (*rule.path, key), "value"
        for route in interface.routes:
            for hop in route.nexthops:
                if hop.interface is not None:
                    yield hop.interface, "interface", (*hop.path, "interface"), "value"
        for entry in interface.fdb:
            if entry.link is not None:
                yield entry.link, "link", (*entry.path, "link"), "value"
        if interface.port is not None and interface.port.backup_port is not None:
            path = (*interface.port.path, "backup-port")
            yield interface.port.backup_port, "port", path, "value"
    for firewall in view.host.firewalls:
        if firewall.uplink is not None:
            yield firewall.uplink, "uplink", (*firewall.path, "uplink"), "value"


def _similar(view: View, name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, view.interfaces, 1, 0.6)
    return f"an interface with a similar name exists: `{near[0]}`; else " if near else ""


def _role(claim: Port | Member) -> str:
    return "member" if isinstance(claim, Member) else "port"


def _part(claim: Port | Member) -> Part:
    """Tell where a port is named: ports with settings are keys."""
    return "value" if claim.path[-1] == "uplink" else "key"


def check_declared(view: View) -> Iterator[Diagnostic]:
    """VN201: whatever is named must be declared."""
    if view.incomplete:
        return
    left = _COMPARED
    for name, what, path, part in names_said(view):
        if name in view.interfaces or name in view.broken:
            continue
        is_peer = what == "peer"
        least = f"with `type: veth` and `peer: {path[1]}`" if is_peer else f"as `{name}: {{}}`"
        if what == "VRF":
            least = "with `type: vrf` and a `table:`"
        similar = _similar(view, name) if left > 0 else ""
        left -= 1
        yield diagnostic(
            "VN201",
            f"the {what} `{name}` is not declared",
            path,
            part,
            help=f"{similar}declare it below `interfaces:`, if only {least}",
        )


def check_one_master(view: View) -> Iterator[Diagnostic]:
    """VN202: the kernel knows one master for a device."""
    first: dict[str, Port | Member] = {}
    for name, port in view.host.claims:
        other = first.setdefault(name, port)
        if other.master != port.master:  # else one bridge is declared twice, which VN206 says
            yield diagnostic(
                "VN202",
                f"`{name}` is a {_role(other)} of `{other.master}` already",
                port.path,
                _part(port),
                labels=(
                    Label(text=f"a {_role(other)} by this", path=other.path, part=_part(other)),
                ),
                help="a device has one master: remove it from one of the two",
            )


def _below(interface: Interface) -> Iterator[str]:
    match interface.kind:
        case Bridge(ports=names) | Bond(members=names):
            yield from names
        case kind:
            link = link_of(kind)
            if link is not None:
                yield link
    if interface.vrf is not None:
        yield interface.vrf


def check_cycles(view: View) -> Iterator[Diagnostic]:
    """VN203: an interface cannot rest on itself."""
    done: set[str] = set()
    for start in view.interfaces:
        if start in done:
            continue
        # depth first without recursion: thousands of stacked interfaces are no reason to fail
        trail = {start: _below(view.interfaces[start])}
        while trail:
            current = next(reversed(trail))
            name = next(trail[current], None)
            if name is None:
                done.add(current)
                del trail[current]
            elif name in trail:
                names = list(trail)
                yield _cycle(view, names[names.index(name) :])
            elif name in view.interfaces and name not in done:
                trail[name] = _below(view.interfaces[name])


def _cycle(view: View, names: list[str]) -> Diagnostic:
    """Word a cycle: each of the names rests on the next, the last on the first."""
    rest = ", ".join(f"`{name}`" for name in names)
    return diagnostic(
        "VN203",
        f"these interfaces contain each other: {rest}" if names[1:] else f"{rest} contains itself",
        view.interfaces[names[0]].path,
        "key",
        labels=tuple(
            Label(text="part of the cycle", path=view.interfaces[name].path, part="key")
            for name in names[1:]
        ),
        help="remove one of the references",
    )


def check_port_kind(view: View) -> Iterator[Diagnostic]:
    """VN204: the kernel refuses devices without Ethernet, and masters of the same kind, as ports."""
    for name, port in view.host.claims:
        interface = view.interfaces.get(name)
        if name == port.master:
            continue  # VN203 says it
        if interface is not None and not _can_be(interface.kind, port):
            yield diagnostic(
                "VN204",
                f"`{name}` is a {interface.kind.type} and cannot be a {_role(port)} "
                f"of `{port.master}`",
                port.path,
                _part(port),
                labels=(Label(text="declared here", path=interface.path, part="key"),),
                help="join two bridges with a veth pair"
                if isinstance(interface.kind, Bridge) and isinstance(port, Port)
                else "remove it",
            )


# Kinds that cannot be in a bridge or bond although they carry Ethernet: a bridge in a bridge is a
# loop, and the program that reads a macvtap gets all of its frames (br_add_if in net/bridge/br_if.c,
# bond_enslave in drivers/net/bonding/bond_main.c).
_NO_PORTS = frozenset({"bridge", "macvtap", "wifi"})  # wifi: IFF_DONT_BRIDGE of cfg80211
_NO_MEMBERS = frozenset({"bond", "bridge", "macvtap"})


def _can_be(kind: Kind, claim: Port | Member) -> bool:
    if isinstance(claim, Member):
        return isinstance(kind, Infiniband) or (
            carries_ethernet(kind) and kind.type not in _NO_MEMBERS
        )
    return carries_ethernet(kind) and kind.type not in _NO_PORTS


def check_veth_pairs(view: View) -> Iterator[Diagnostic]:
    """VN205: each end of a virtual cable names the other."""
    for interface in view.host.interfaces:
        if not isinstance(interface.kind, Veth):
            continue
        peer = view.interfaces.get(interface.kind.peer)
        path = (*interface.path, "peer")
        if interface.kind.peer == interface.name:
            yield diagnostic(
                "VN205",
                f"`{interface.name}` is its own peer",
                path,
                help="declare the other end as well, and name it here",
            )
        elif peer is None:
            continue
        elif not isinstance(peer.kind, Veth):
            yield diagnostic(
                "VN205",
                f"the peer `{peer.name}` is of type {peer.kind.type}, not veth",
                path,
                labels=(Label(text="declared here", path=peer.path, part="key"),),
                help=f"add `type: veth` and `peer: {interface.name}` there",
            )
        elif peer.kind.peer != interface.name:
            yield diagnostic(
                "VN205",
                f"`{peer.name}` names another peer: `{peer.kind.peer}`",
                path,
                labels=(Label(text="the other end", path=(*peer.path, "peer")),),
                help=f"write `peer: {interface.name}` there",
            )


def check_names(view: View) -> Iterator[Diagnostic]:
    """VN206, VN208: one declaration for each device; `lo` is the one loopback device, for no VLAN."""
    for interface in view.host.interfaces:
        first = view.interfaces[interface.name]
        if first is not interface:
            yield declared_twice(
                f"the device `{interface.name}` is declared twice",
                interface.path,
                "key",
                labels=(Label(text="first here", path=first.path, part="key"),),
                help="give the network's `bridge:` another name, or remove the interface",
            )
        if link_of(interface.kind) == "lo" in view.interfaces and isinstance(interface.kind, Vlan):
            yield diagnostic(
                "VN208",
                "`lo` carries no VLANs",
                (*interface.path, "link"),
                labels=(Label(text="declared here", path=view.interfaces["lo"].path, part="key"),),
                help="name the link to the other hosts, or use `type: dummy`",
            )
        is_loopback = isinstance(interface.kind, Loopback)
        if is_loopback and interface.name != "lo":
            yield diagnostic(
                "VN208",
                "the loopback device is called `lo`",
                interface.path,
                "key",
                help="name it `lo`",
            )
        elif interface.name == "lo" and not is_loopback and view.is_sound(interface.path, "type"):
            yield diagnostic(
                "VN208",
                "`lo` is the loopback device",
                interface.path,
                "key",
                help="add `type: loopback`, or choose another name",
            )


# What a port cannot have, by field: it belongs to the bridge.
_OF_THE_BRIDGE = (
    ("addresses", "addresses"),
    ("dhcp4", "dhcp4"),
    ("dhcp6", "dhcp6"),
    ("accept_ra", "accept-ra"),
    ("link_local", "link-local"),
    ("routes", "routes"),
    ("routing_policy", "routing-policy"),
    ("neighbors", "neighbors"),
)


def check_ports_are_plain(view: View) -> Iterator[Diagnostic]:
    """VN207: what a port receives is the bridge's, so addresses of a port are never reached."""
    for interface in view.host.interfaces:
        port = interface.claim
        if port is None:
            continue
        role, bridge = _role(port), port.master
        because = Label(text=f"a {role} of `{bridge}` by this", path=port.path, part=_part(port))
        for field, key in _OF_THE_BRIDGE:
            if getattr(interface, field):
                yield diagnostic(
                    "VN207",
                    f"`{interface.name}` is a {role} of `{bridge}` and has no `{key}` of its own",
                    (*interface.path, key),
                    "key",
                    labels=(because,),
                    help=f"put `{key}` on `{bridge}`",
                )


REFERENCES = (
    check_declared,
    check_one_master,
    check_cycles,
    check_port_kind,
    check_veth_pairs,
    check_names,
    check_ports_are_plain,
)
