"""Network cards: which is which, and what they can be told together: VN112, VN206, VN213."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vnetc.checks.references import names_said
from vnetc.checks.shared_codes import declared_twice, malformed, mismatched_keys
from vnetc.checks.view import View
from vnetc.model.cards import AccessPoint, Auth, LinkSettings, Secret
from vnetc.model.diagnostics import Diagnostic, Label, Path, diagnostic
from vnetc.model.host import Interface
from vnetc.model.kinds import Card, Ethernet, Wifi
from vnetc.model.record import Record

_LONGEST_SSID = 32  # bytes, IEEE 802.11
_PASSPHRASE = (8, 63)  # bytes, IEEE 802.11 annex J
_BY_IDENTITY = ("eap", "eap-sha256", "eap-suite-b-192", "802.1x")
_BY_PASSWORD = ("psk", "sae")
_CHANNELS = {"2.4GHz": range(1, 15), "5GHz": range(36, 178)}


def _cards(view: View) -> Iterator[tuple[Interface, Card]]:
    for interface in view.host.interfaces:
        if isinstance(interface.kind, Card):
            yield interface, interface.kind


def check_same_card(view: View) -> Iterator[Diagnostic]:
    """VN206: two interfaces that are found by the same are one card, and only one gets it."""
    first: dict[Record, Interface] = {}
    for interface, card in _cards(view):
        if card.match is None or not view.is_sound(interface.path, "match"):
            continue
        other = first.setdefault(card.match, interface)
        if other is not interface:
            yield declared_twice(
                f"`{other.name}` is the same card",
                (*interface.path, "match"),
                "key",
                labels=(Label(text="first here", path=(*other.path, "match"), part="key"),),
                help="a `macaddress` or a `path` tells two cards of a kind apart",
            )


def check_own_names(view: View) -> Iterator[Diagnostic]:
    """VN112, VN213: a card that keeps its name is found by something else, and not named by others."""
    nameless = {i.name: i for i, card in _cards(view) if not card.set_name}
    for interface in nameless.values():
        because = Label(text="because of this", path=(*interface.path, "set-name"), part="key")
        card = interface.kind
        if isinstance(card, Card) and card.match is None:
            if view.is_sound(interface.path, "match"):
                yield mismatched_keys(
                    "`set-name` needs `match`",
                    (*interface.path, "set-name"),
                    "key",
                    help="add `match:`, or remove `set-name`",
                )
            continue
        for key, value in (
            ("sysctl", interface.sysctl),
            ("auth", getattr(card, "auth", None)),
        ):
            if value:
                yield diagnostic(
                    "VN213",
                    f"`{key}` goes by the card's name, which is not `{interface.name}`",
                    (*interface.path, key),
                    "key",
                    labels=(because,),
                    help="remove `set-name: false`",
                )
    for name, what, path, part in names_said(view):
        if name in nameless:
            because = Label(
                text="because of this", path=(*nameless[name].path, "set-name"), part="key"
            )
            yield diagnostic(
                "VN213",
                f"the {what} `{name}` keeps a name that vnetc does not know",
                path,
                part,
                labels=(because,),
                help="remove `set-name: false`",
            )


def _needs(path: Path, key: str, other: str) -> Diagnostic:
    return mismatched_keys(
        f"`{key}` needs `{other}`",
        (*path, key),
        "key",
        help=f"add `{other}:`, or remove `{key}`",
    )


def _excludes(path: Path, key: str, other: str, reason: str) -> Diagnostic:
    return mismatched_keys(
        f"`{key}` and `{other}` exclude each other: {reason}",
        (*path, key),
        "key",
        labels=(Label(text="the other", path=(*path, other), part="key"),),
        help="remove one of them",
    )


def check_settings(view: View) -> Iterator[Diagnostic]:
    """VN112: settings of a card that need or exclude each other."""
    for interface, card in _cards(view):
        if not isinstance(card, Ethernet):
            continue
        path = interface.path
        secure = "secureon" in (card.wakeonlan or ())
        if secure and card.wakeonlan_password is None:
            if view.is_sound(path, "wakeonlan-password"):
                yield _needs(path, "wakeonlan", "wakeonlan-password")
        elif card.wakeonlan_password is not None and card.wakeonlan is not None and not secure:
            yield mismatched_keys(
                "`wakeonlan-password` needs `secureon`",
                (*path, "wakeonlan-password"),
                "key",
                labels=(Label(text="not among these", path=(*path, "wakeonlan")),),
                help="add `secureon` to `wakeonlan`",
            )
        if card.link_settings is not None:
            yield from _link_settings(card.link_settings)
        yield from _functions(view, card)


def _link_settings(link: LinkSettings) -> Iterator[Diagnostic]:
    """Find what ethtool(8) would ignore or turn round."""
    if link.advertise and link.autonegotiation is False:
        yield _excludes(
            link.path, "advertise", "autonegotiation", "without negotiation nothing is offered"
        )
    for key, value in (("speed", link.speed), ("duplex", link.duplex)):
        if value is not None and (link.autonegotiation or link.advertise):
            other = "autonegotiation" if link.autonegotiation else "advertise"
            yield _excludes(link.path, key, other, "what is negotiated is not set")


def _functions(view: View, card: Ethernet) -> Iterator[Diagnostic]:
    functions = card.virtual_functions
    if functions is None:
        return
    if functions.count is None and not functions.functions:
        for key in ("embedded_switch_mode", "delay_rebind"):
            if getattr(functions, key) is not None and view.is_sound(functions.path, "count"):
                yield _needs(functions.path, key.replace("_", "-"), "count")
    first: dict[int, Path] = {}
    for function in functions.functions:
        place = (*function.path, "id")
        if first.setdefault(function.id, function.path) is not function.path:
            yield mismatched_keys(
                f"the virtual function {function.id} stands here twice",
                place,
                labels=(Label(text="first here", path=(*first[function.id], "id")),),
                help="choose another id, or join the two",
            )
        if functions.count is not None and function.id >= functions.count:
            yield mismatched_keys(
                f"there is no virtual function {function.id} of {functions.count}",
                place,
                labels=(Label(text="counted from 0", path=(*functions.path, "count")),),
                help="raise `count`, or choose a smaller id",
            )
        for key, value in (("qos", function.qos), ("protocol", function.protocol)):
            if value is not None and function.vlan is None and view.is_sound(function.path, "vlan"):
                yield _needs(function.path, key, "vlan")


def check_auth(view: View) -> Iterator[Diagnostic]:
    """VN112: what an authentication needs, and what it would not use."""
    for _, card in _cards(view):
        if isinstance(card, Ethernet) and card.auth is not None:
            if card.auth.key_management != "802.1x":
                yield mismatched_keys(
                    f"`{card.auth.key_management}` is for Wi-Fi",
                    (*card.auth.path, "key-management"),
                    help="on a cable it is `802.1x`",
                )
            else:
                yield from _auth(view, card.auth)
        if isinstance(card, Wifi):
            for point in card.access_points:
                yield from _access_point(view, point)


def _auth(view: View, auth: Auth) -> Iterator[Diagnostic]:
    management = auth.key_management
    if management in _BY_IDENTITY and auth.method is None and view.is_sound(auth.path, "method"):
        yield _needs(auth.path, "key-management", "method")
    if management in _BY_PASSWORD:
        if auth.password is None and view.is_sound(auth.path, "password"):
            yield _needs(auth.path, "key-management", "password")
        elif management == "psk":
            yield from _passphrase(auth.password)
    if auth.method == "tls" and auth.client_key is None and view.is_sound(auth.path, "client-key"):
        yield _needs(auth.path, "method", "client-key")


def _access_point(view: View, point: AccessPoint) -> Iterator[Diagnostic]:
    if len(point.name.encode()) > _LONGEST_SSID:
        yield malformed(
            f"the name of a Wi-Fi network has at most {_LONGEST_SSID} bytes",
            point.path,
            "key",
            help="letters outside of ASCII have two bytes or more",
        )
    if point.auth is not None:
        yield from _auth(view, point.auth)
        if point.password is not None:
            yield _excludes(point.path, "password", "auth", "each says how to join")
    yield from _passphrase(point.password)
    if point.channel is not None:
        if point.band is None:
            if view.is_sound(point.path, "band"):
                yield _needs(point.path, "channel", "band")
        elif point.channel not in _CHANNELS[point.band]:
            yield mismatched_keys(
                f"there is no channel {point.channel} at {point.band}",
                (*point.path, "channel"),
                labels=(Label(text="the band", path=(*point.path, "band")),),
                help="choose another channel or band",
            )
    elif point.mode == "adhoc" and view.is_sound(point.path, "channel"):
        yield _needs(point.path, "mode", "channel")


def _passphrase(secret: Secret | None) -> Iterator[Diagnostic]:
    if secret is None or secret.text is None or re.fullmatch(r"[0-9A-Fa-f]{64}", secret.text):
        return
    shortest, longest = _PASSPHRASE
    if not shortest <= len(secret.text.encode()) <= longest:
        yield malformed(
            f"a password that all share has {shortest} to {longest} bytes",
            secret.path,
            help="or 64 hexadecimal digits",
        )


CARDS = (check_same_card, check_own_names, check_settings, check_auth)
