"""Documents for the rows of the support tables that are about network cards."""

from __future__ import annotations

from collections.abc import Iterator

_MATCH = 'match: {macaddress: "02:00:00:00:00:01"}'
_CARD = f"interfaces: {{lan: {{{_MATCH}, @}}}}"
_WIFI = "interfaces: {wlan0: {type: wifi, @}}"
_POINT = "interfaces: {wlan0: {type: wifi, access-points: {cafe: {@}}}}"
_AUTH = "interfaces: {eth0: {auth: {key-management: 802.1x, method: peap, @}}}"
_FUNCTION = f"interfaces: {{lan: {{{_MATCH}, virtual-functions: {{functions: [{{id: 0, @}}]}}}}}}"
_SWITCH = ("true", "false")
_NUMBER = ("7", "8")
_MAC = ('"02:00:00:00:00:01"', '"02:00:00:00:00:02"')
_SECRET = ("{file: /etc/a.key}", "{file: /etc/b.key}")
_CERTIFICATE = ("/etc/a.pem", "/etc/b.pem")
_COALESCED = [
    f"{way}-{what}{part}"
    for way in ("receive", "transmit")
    for what in ("delay", "frames")
    for part in ("", "-irq", "-low", "-high")
]

# key of a card -> key below it -> two values
_PARTS: dict[str, dict[str, tuple[str, str]]] = {
    "offload": {
        **dict.fromkeys(
            (
                "receive-checksum",
                "transmit-checksum",
                "tcp-segmentation",
                "tcp6-segmentation",
                "generic-segmentation",
                "generic-receive",
                "generic-receive-hardware",
                "large-receive",
                "receive-vlan-tag",
                "transmit-vlan-tag",
                "receive-vlan-filter",
                "transmit-vlan-stag",
                "ntuple-filter",
            ),
            _SWITCH,
        ),
        "generic-segmentation-max-bytes": ("32768", "16384"),
        "generic-segmentation-max-segments": ("64", "32"),
    },
    "link-settings": {
        "autonegotiation": _SWITCH,
        "advertise": ("[1000baset-full]", "[100baset-full, 1000baset-full]"),
        "speed": ("100", "1000"),
        "duplex": ("full", "half"),
        "port": ("tp", "fibre"),
        "mdi": ("crossover", "auto"),
        "receive-flow-control": _SWITCH,
        "transmit-flow-control": _SWITCH,
        "autonegotiation-flow-control": _SWITCH,
    },
    "rings": dict.fromkeys(
        ("receive", "receive-mini", "receive-jumbo", "transmit"), ("256", "max")
    ),
    "channels": dict.fromkeys(("receive", "transmit", "other", "combined"), ("2", "max")),
    "queues": dict.fromkeys(
        ("receive-queues", "transmit-queues", "transmit-queue-length"), _NUMBER
    ),
    "coalesce": {
        **dict.fromkeys(("adaptive-receive", "adaptive-transmit"), _SWITCH),
        **{key: ("50us", "1ms") if "delay" in key else _NUMBER for key in _COALESCED},
        **dict.fromkeys(("packet-rate-low", "packet-rate-high", "packet-rate-interval"), _NUMBER),
        "statistics-delay": ("1s", "500ms"),
    },
    "virtual-functions": {
        "count": _NUMBER,
        "functions": ("[{id: 0, trust: true}]", "[{id: 1, trust: true}]"),
        "embedded-switch-mode": ("switchdev", "legacy"),
        "delay-rebind": _SWITCH,
    },
}
# of these the first key is not every target's
_SAID_BY_ALL = {"queues": ("transmit-queue-length", _NUMBER)}
_OF_FUNCTION = {
    "macaddress": _MAC,
    "vlan": _NUMBER,
    "spoof-check": _SWITCH,
    "trust": _SWITCH,
    "link-state": ("auto", "false"),
    "query-rss": _SWITCH,
}
_OF_AUTH = {
    "method": ("peap", "ttls"),
    "identity": ("alice", "bob@example"),
    "anonymous-identity": ("alice", "'a\"b'"),
    "password": _SECRET,
    "ca-certificate": _CERTIFICATE,
    "client-certificate": _CERTIFICATE,
    "client-key": _CERTIFICATE,
    "client-key-password": _SECRET,
    "phase2-auth": ("MSCHAPV2", "PAP"),
}
_OF_POINT = {
    "password": _SECRET,
    "bssid": _MAC,
    "band": ("2.4GHz", "5GHz"),
    "hidden": _SWITCH,
}
_OF_MATCH = {
    "macaddress": _MAC,
    "name": ('"eth*"', "eth7"),
    "driver": ("e1000e", '[igb, "ixgbe*"]'),
    "path": ('"pci-0000:02:00.0"', '["pci-0000:02:*", platform-x]'),
}


# Documents that meet a limit on some target.
CARDS_LIMITED = (
    *(
        f"interfaces: {{eth0: {{{part}: {{{key}: {values[-1]}}}}}}}"
        for part, keys in _PARTS.items()
        for key, values in keys.items()
    ),
    "interfaces: {eth0: {alias: a, wakeonlan: [magic, secureon], wakeonlan-password: {file: /etc/a}}}",
    'interfaces: {"a.b": {type: wifi, access-points: {cafe: }}}',
    'interfaces: {"7": {type: wifi, access-points: {cafe: }}}',
)


def card_rows() -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Give each row of a card: a document with `@`, and two texts to put there."""
    for part, keys in _PARTS.items():
        key, whole = _SAID_BY_ALL.get(part, next(iter(keys.items())))
        yield (
            f"ethernet.{part}",
            _row(_CARD, part, (f"{{{key}: {whole[0]}}}", f"{{{key}: {whole[1]}}}")),
        )
        for key, values in keys.items():
            counted = "count: 4, @" if key in ("embedded-switch-mode", "delay-rebind") else "@"
            document = _CARD.replace("@", f"{part}: {{{counted}}}")
            yield f"{part}.{key}", _row(document, key, values)
    for key, values in _OF_FUNCTION.items():
        yield f"virtual-function.{key}", _row(_FUNCTION, key, values)
    yield (
        "virtual-function.id",
        _row(_FUNCTION.replace("id: 0, @", "trust: true, @"), "id", _NUMBER),
    )
    vlan = _FUNCTION.replace("@", "vlan: 7, @")
    yield "virtual-function.qos", _row(vlan, "qos", ("1", "2"))
    yield "virtual-function.protocol", _row(vlan, "protocol", ("802.1q", "802.1ad"))
    for key, values in _OF_AUTH.items():
        document = _AUTH.replace(", method: peap", "") if key == "method" else _AUTH
        yield f"auth.{key}", _row(document, key, values)
    yield (
        "auth.key-management",
        _row(
            "interfaces: {wlan0: {type: wifi, access-points: {cafe: "
            "{auth: {password: {file: /etc/a.key}, @}}}}}",
            "key-management",
            ("psk", "sae"),
        ),
    )
    for key, values in _OF_POINT.items():
        yield f"access-point.{key}", _row(_POINT, key, values)
    yield (
        "access-point.channel",
        _row(_POINT.replace("@", "band: 5GHz, @"), "channel", ("36", "40")),
    )
    yield (
        "access-point.mode",
        _row(
            _POINT.replace("@", "band: 5GHz, channel: 36, @"), "mode", ("adhoc", "infrastructure")
        ),
    )
    yield (
        "access-point.auth",
        (
            _POINT,
            "auth: {key-management: psk, password: {file: /etc/a.key}}",
            "auth: {key-management: none}",
        ),
    )
    for key, values in _OF_MATCH.items():
        yield f"match.{key}", _row("interfaces: {lan: {match: {@}}}", key, values)
    card = "interfaces: {lan: {@}}"
    points = _WIFI.replace("@", "access-points: {cafe: }, @")
    for kind, document in (("ethernet", card), ("wifi", points)):
        yield f"{kind}.match", (document, _MATCH, 'match: {name: "eth*"}')
    yield (
        "ethernet.set-name",
        (card.replace("@", f"{_MATCH}, @"), "set-name: true", "set-name: false"),
    )
    yield "ethernet.alias", _row(_CARD, "alias", ("uplink", "to the rack"))
    yield "ethernet.wakeonlan", _row(_CARD, "wakeonlan", ("true", "[phy, arp]"))
    yield "ethernet.wakeonlan-password", _row(_CARD, "wakeonlan-password", _SECRET)
    yield (
        "ethernet.auth",
        (
            "interfaces: {eth0: {@}}",
            "auth: {key-management: 802.1x, method: tls, client-key: /etc/a.pem}",
            "auth: {key-management: 802.1x, method: pwd, identity: a}",
        ),
    )
    yield "wifi.regulatory-domain", _row(points, "regulatory-domain", ("DE", "GB"))
    yield "wifi.wakeonwlan", _row(points, "wakeonwlan", ("[any]", "[disconnect, rfkill_release]"))
    yield "wifi.access-points", _row(_WIFI, "access-points", ("{cafe: }", "{library: }"))
    one, other = (
        f"{name}: {{type: wifi, access-points: {{cafe: }}}}" for name in ("wlan0", "wlan1")
    )
    yield "type.wifi", ("interfaces: {@}", one, other)


def _row(document: str, key: str, values: tuple[str, str]) -> tuple[str, str, str]:
    one, other = values
    return document, f"{key}: {one}", f"{key}: {other}"
