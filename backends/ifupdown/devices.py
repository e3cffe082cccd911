"""The commands that make each kind of device: ip-link(8), ip-tuntap in ip(8), wg(8)."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.backends.ifupdown import commands
from vnetc.backends.options import said
from vnetc.backends.programs.ip_link import IP_LINK, tunnel_type, words
from vnetc.backends.services.secrets import secret_path
from vnetc.model.diagnostics import Path
from vnetc.model.host import Interface
from vnetc.model.kinds import (
    Bond,
    Bridge,
    Card,
    Ethernet,
    Ifb,
    Infiniband,
    Ipvlan,
    Kind,
    Loopback,
    Macvlan,
    Macvtap,
    Tap,
    Tun,
    Tunnel,
    Veth,
    Vlan,
    Vxlan,
    Wifi,
    Wireguard,
)


def is_made(kind: Kind) -> bool:
    """Tell whether the device is made, and so removed, by commands, but for some VLANs."""
    return not isinstance(kind, Card | Loopback | Infiniband | Bridge | Bond) or (
        isinstance(kind, Infiniband) and kind.link is not None
    )


def create(interface: Interface) -> Iterator[str]:
    """Make a device and set what only its kind has."""
    name, kind = interface.name, interface.kind
    match kind:
        case Veth(peer=peer):
            yield commands.create(name, f"type veth peer name {peer}")
        case Vlan():
            yield from _vlan(name, kind)
        case Macvlan() | Macvtap() | Ipvlan():
            phrase = " ".join((f"link {kind.link} type {kind.type}", *words(kind)))
            yield commands.create(name, phrase)
        case Tunnel():
            yield commands.create(name, f"type {tunnel_type(kind)}")
        case Tun() | Tap():
            phrase = " ".join((f"ip tuntap add dev {name} mode {kind.type}", *words(kind)))
            yield phrase
        case Wireguard():
            yield commands.create(name, "type wireguard")
        case Infiniband():
            yield from _infiniband(name, kind)
        case Ethernet() | Wifi() | Loopback():
            pass
        case Ifb():
            # the kernel lets nobody change it later (ifb_netdev_ops, drivers/net/ifb.c)
            mac = "" if interface.macaddress is None else f"address {interface.macaddress} "
            yield commands.create(name, f"{mac}type ifb")
        case _:
            yield commands.create(
                name,
                " ".join((f"type {kind.type}", *(words(kind) if type(kind) in IP_LINK else ()))),
            )


def configure(interface: Interface, *, native: bool) -> Iterator[tuple[Path, str]]:
    """Tell a device what no option says, once it is made, each by its place in the document.

    `native`: the program itself has made it.
    """
    match interface.kind:
        case Wireguard() as kind:
            yield from _wireguard(interface, kind)
        case Vlan() as kind if native and (settings := _settings(kind)):
            yield interface.path, f"ip link set dev {interface.name} type vlan {settings}"
        case _:
            pass


def _settings(vlan: Vlan) -> str:
    maps = [item for item in IP_LINK[Vlan].options if item.field.endswith("_qos_map")]
    return " ".join((*words(vlan.flags), *(text for _, text in said(vlan, maps))))


def _vlan(name: str, vlan: Vlan) -> Iterator[str]:
    """Make a VLAN; what ifupdown makes itself, of a name like eth0.10, is told afterwards."""
    settings = _settings(vlan)
    numbers = f"proto {vlan.protocol} id {vlan.id}"
    yield commands.create(name, f"link {vlan.link} type vlan {numbers} {settings}".rstrip())
    if settings and "." in name:
        yield f"ip link set dev {name} type vlan {settings}"


def settings_of_card(interface: Interface) -> Iterator[tuple[str, str]]:
    """Set what only a card has: keys below the interface, and their commands."""
    card = interface.kind
    if not isinstance(card, Ethernet | Wifi) or card == Ethernet():
        return
    from vnetc.backends.ifupdown.authentication import authenticate
    from vnetc.backends.programs.ethtool import set_card

    if isinstance(card, Ethernet):
        yield from set_card(interface.name, card)
    yield from authenticate(interface)


def _infiniband(name: str, kind: Infiniband) -> Iterator[str]:
    phrases = [*words(kind)]
    if kind.link is not None:
        yield commands.create(name, " ".join((f"link {kind.link} type ipoib", *phrases)))
    elif phrases:
        yield " ".join((f"ip link set dev {name} type ipoib", *phrases))


def _wireguard(interface: Interface, kind: Wireguard) -> Iterator[tuple[Path, str]]:
    name = interface.name
    private_key = f"private-key {secret_path(name, kind.private_key)}"
    yield interface.path, " ".join((f"wg set {name}", *words(kind), private_key))
    for number, peer in enumerate(kind.peers, 1):
        key, *rest = words(peer)
        if peer.preshared_key is not None:
            rest.insert(0, f"preshared-key {secret_path(name, peer.preshared_key, number)}")
        yield peer.path, " ".join((f"wg set {name}", key, *rest))


def flood(interface: Interface) -> Iterator[str]:
    """Say where a VXLAN sends frames whose way is not known (bridge(8))."""
    if isinstance(interface.kind, Vxlan):
        for remote in interface.kind.remotes:
            yield (
                f"bridge fdb append 00:00:00:00:00:00 dev {interface.name} dst {remote} self "
                "permanent"
            )
