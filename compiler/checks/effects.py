"""Keys that need another one to have an effect: VN112. What does nothing is said to do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vnetc.checks.shared_codes import mismatched_keys
from vnetc.checks.view import View
from vnetc.model.diagnostics import Diagnostic
from vnetc.model.host import Interface
from vnetc.model.record import fields


def _may_have_link_local(interface: Interface) -> bool:
    return interface.link_local is None or "ipv6" in interface.link_local


def _may_listen(interface: Interface) -> bool:
    return interface.accept_ra is not False


# field, key, whether it has an effect, what it needs. IPv6 hosts find routers and DHCPv6 servers
# from their link-local address (RFC 4861, RFC 8415).
_NEEDS: tuple[tuple[str, str, Callable[[Interface], bool], str], ...] = (
    ("dhcp4_overrides", "dhcp4-overrides", lambda i: i.dhcp4, "`dhcp4: true`"),
    ("dhcp6_overrides", "dhcp6-overrides", lambda i: bool(i.dhcp6), "`dhcp6: true`"),
    ("ra_overrides", "ra-overrides", _may_listen, "`accept-ra: true`"),
    ("ipv6_address_token", "ipv6-address-token", _may_listen, "`accept-ra: true`"),
    (
        "ignore_carrier",
        "ignore-carrier",
        lambda i: i.activation == "auto",
        "`activation: auto`",
    ),
    ("dhcp6", "dhcp6", _may_have_link_local, "`ipv6` in `link-local`"),
    ("accept_ra", "accept-ra", _may_have_link_local, "`ipv6` in `link-local`"),
    (
        "ipv6_address_generation",
        "ipv6-address-generation",
        _may_have_link_local,
        "`ipv6` in `link-local`",
    ),
)


def check_effects(view: View) -> Iterator[Diagnostic]:
    """VN112: a key that does nothing without another."""
    defaults = fields(Interface)
    for interface in view.host.interfaces:
        for field, key, has_effect, needs in _NEEDS:
            if interface.claim is not None and field in ("dhcp6", "accept_ra"):
                continue  # VN207 says that these are the bridge's
            value = getattr(interface, field)
            if value and value != defaults[field] and not has_effect(interface):
                yield mismatched_keys(
                    f"`{key}` has no effect without {needs}",
                    (*interface.path, key),
                    "key",
                    help=f"add {needs}, or remove `{key}`",
                )


def check_peers(view: View) -> Iterator[Diagnostic]:
    """VN112: of an address and its peer the kernel keeps one prefix length, the peer's."""
    for _, address in view.addresses():
        peer = address.peer
        if peer is None or peer.version != address.address.version:
            continue
        if peer.network.prefixlen != address.address.network.prefixlen:
            fitting = f"{address.address.ip}/{peer.network.prefixlen}"
            yield mismatched_keys(
                "an address and its peer have one prefix length",
                (*address.path, "peer"),
                help=f"write `address: {fitting}`, or give the peer the other prefix length",
            )


def check_metrics(view: View) -> Iterator[Diagnostic]:
    """VN112: the routes that come with DHCPv6 are those that routers advertise."""
    for interface in view.host.interfaces:
        of_dhcp6, of_routers = interface.dhcp6_overrides, interface.ra_overrides
        if of_dhcp6.route_metric is None:
            continue
        place = (*of_dhcp6.path, "route-metric")
        if not _may_listen(interface):
            yield mismatched_keys(
                "`route-metric` has no effect without `accept-ra: true`: DHCPv6 has no routes",
                place,
                "key",
                help="add `accept-ra: true`, or remove `route-metric`",
            )
        elif of_routers.route_metric not in (None, of_dhcp6.route_metric):
            yield mismatched_keys(
                "the routes have two metrics: those that come with DHCPv6 are the router's",
                place,
                help="remove it; `ra-overrides` says the metric",
            )


EFFECTS = (check_effects, check_metrics, check_peers)
