"""What wpa_supplicant(8) does for a card: 802.1X on a cable, and Wi-Fi.

One file for each card, the same on every target (wpa_supplicant.conf(5)), and what starts it: a unit
where systemd configures the network, commands elsewhere. Names and passwords are arbitrary text:
each is written by `text` and by nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from vnetc.backends.formats import Section, has_controls, header
from vnetc.backends.support import Support, exact
from vnetc.backends.target import File
from vnetc.model.cards import AccessPoint, Auth, Secret
from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Ethernet, Wifi
from vnetc.model.record import Record

_PLAIN = re.compile(r"[A-Za-z0-9 _.@:+/-]*").fullmatch
_SCRIPT = "/etc/vnetc/wpa-passwords.sh"
# `read` gives all of a line; a password cannot end the quotation, since the last quote of a line does
_SCRIPT_TEXT = """\
# Copies a configuration of wpa_supplicant, with passwords in place of the files that they are in.
umask 077
while IFS= read -r line; do
    case $line in
    '  psk=file:'* | '  sae_password=file:'* | '  password=file:'* | '  private_key_passwd=file:'*)
        password=
        IFS= read -r password <"${line#*=file:}" || [ "$password" ] || exit 1
        quote='"'
        case $line:${#password}:$password in
        '  psk='*:64:*[!0-9A-Fa-f]*) ;;
        '  psk='*:64:*) quote= ;; # 64 hexadecimal digits are the key itself
        esac
        printf '%s=%s%s%s\\n' "${line%%=file:*}" "$quote" "$password" "$quote"
        ;;
    *) printf '%s\\n' "$line" ;;
    esac
done <"$1" >"$2"
"""

# key-management of netplan(5) -> key_mgmt, and ieee80211w (protected management frames) if need be
_KEY_MANAGEMENT = {
    "none": ("NONE", None),
    "psk": ("WPA-PSK WPA-PSK-SHA256 SAE", 1),
    "sae": ("SAE", 2),
    "eap": ("WPA-EAP", None),
    "eap-sha256": ("WPA-EAP WPA-EAP-SHA256", 1),
    "eap-suite-b-192": ("WPA-EAP-SUITE-B-192", 2),
    "802.1x": ("IEEE8021X", None),
}
# IEEE 802.11, annex E: the middle of a channel is 5 MHz times its number above these, in MHz
_BAND_STARTS = {"2.4GHz": 2407, "5GHz": 5000}
_CHANNEL_14 = 2484  # Japan's, further up
_CHANNELS = {
    "2.4GHz": (*range(1, 15),),
    "5GHz": (*range(36, 65, 4), *range(100, 145, 4), *range(149, 178, 4)),
}


_FILE = "wpa_supplicant.conf"
WPA_ROWS: dict[str, Support] = {
    **{
        f"auth.{key}": exact(f"{_FILE} {words}")
        for key, words in (
            ("key-management", "key_mgmt=, ieee80211w="),
            ("method", "eap="),
            ("identity", "identity="),
            ("anonymous-identity", "anonymous_identity="),
            ("password", "password=, psk=, sae_password="),
            ("ca-certificate", "ca_cert="),
            ("client-certificate", "client_cert="),
            ("client-key", "private_key="),
            ("client-key-password", "private_key_passwd="),
            ("phase2-auth", "phase2="),
        )
    },
    **{
        f"access-point.{key}": exact(f"{_FILE} {words}")
        for key, words in (
            ("password", "psk="),
            ("auth", "key_mgmt="),
            ("mode", "mode="),
            ("bssid", "bssid="),
            ("band", "freq_list=, frequency="),
            ("channel", "freq_list=, frequency="),
            ("hidden", "scan_ssid="),
        )
    },
}


def is_authenticated(interface: Interface) -> bool:
    """Tell whether wpa_supplicant serves a card."""
    kind = interface.kind
    return isinstance(kind, Wifi) or (isinstance(kind, Ethernet) and kind.auth is not None)


def text(value: str) -> str:
    """Spell a text: quoted if it is plain, else as hexadecimal digits, which mean the same."""
    if has_controls(value):
        raise ValueError(f"not a text of wpa_supplicant: {value!r}")
    return f'"{value}"' if _PLAIN(value) else value.encode().hex()


def passphrase(value: str) -> str:
    """Spell a pre-shared key: 64 hexadecimal digits as they are, else what stands between quotes.

    Its text ends at the last quote of the line, and has no hexadecimal form.
    """
    if has_controls(value):
        raise ValueError(f"not a passphrase: {value!r}")
    return value if re.fullmatch(r"[0-9A-Fa-f]{64}", value) else f'"{value}"'


class Service(Record):
    """What runs for one card: `arguments` of wpa_supplicant, after `prepare` if that is not empty."""

    arguments: str
    prepare: str = ""


def service(interface: Interface) -> Service:
    """Say what runs for a card."""
    name, path = interface.name, _path(interface)
    driver = "nl80211,wext" if isinstance(interface.kind, Wifi) else "wired"
    if not any(secret.file for secret in _secrets(interface)):
        return Service(arguments=f"-i {name} -D {driver} -c {path}")
    whole = f"/run/vnetc-wpa-{name}.conf"
    return Service(
        arguments=f"-i {name} -D {driver} -c {whole}", prepare=f"/bin/sh {_SCRIPT} {path} {whole}"
    )


def write_wpa(host: Host) -> list[File]:
    """Write the files that wpa_supplicant reads."""
    cards = [i for i in host.interfaces if is_authenticated(i)]
    files = [
        File(_path(card), header(host.name) + "\n".join(_lines(card)) + "\n", 0o600)
        for card in cards
    ]
    if any(service(card).prepare for card in cards):
        files.append(File(_SCRIPT, header(host.name) + _SCRIPT_TEXT))
    return files


def units(host: Host) -> dict[str, list[Section]]:
    """Give the units that start wpa_supplicant, like those of its package (systemd.unit(5))."""
    return {
        f"vnetc-wpa-{card.name}.service": _unit(card)
        for card in host.interfaces
        if is_authenticated(card)
    }


def _unit(card: Interface) -> list[Section]:
    # systemd.unit(5): in the name of a device's unit a dash stands for a slash
    device = "sys-subsystem-net-devices-" + card.name.replace("-", r"\x2d") + ".device"
    run = service(card)
    prepare = [("ExecStartPre", run.prepare)] if run.prepare else []
    return [
        (
            "Unit",
            [
                ("Description", f"Authentication of {card.name}"),
                ("Requires", device),
                ("After", device),
                ("Before", "network.target"),
                ("Wants", "network.target"),
            ],
        ),
        (
            "Service",
            [
                ("Type", "simple"),
                *prepare,
                ("ExecStart", f"/sbin/wpa_supplicant {run.arguments}"),
                ("Restart", "on-failure"),
            ],
        ),
    ]


def _path(interface: Interface) -> str:
    wired = "" if isinstance(interface.kind, Wifi) else "wired-"
    return f"/etc/wpa_supplicant/wpa_supplicant-{wired}{interface.name}.conf"


def _secrets(interface: Interface) -> Iterator[Secret]:
    kind = interface.kind
    auths: list[Auth | None] = []
    if isinstance(kind, Ethernet):
        auths.append(kind.auth)
    elif isinstance(kind, Wifi):
        auths += [point.auth for point in kind.access_points]
        yield from (p.password for p in kind.access_points if p.password is not None)
    for auth in auths:
        if auth is not None:
            yield from (s for s in (auth.password, auth.client_key_password) if s is not None)


def _lines(interface: Interface) -> Iterator[str]:
    kind = interface.kind
    yield "ctrl_interface=/run/wpa_supplicant"
    if isinstance(kind, Wifi):
        if kind.wakeonwlan:
            yield f"wowlan_triggers={' '.join(kind.wakeonwlan)}"
        if kind.regulatory_domain is not None:
            yield f"country={kind.regulatory_domain}"
        for point in kind.access_points:
            yield from _network(_access_point(point))
    elif isinstance(kind, Ethernet) and kind.auth is not None:
        yield "ap_scan=0"
        yield from _network([*_auth(kind.auth), ("eapol_flags", "0")])


def _network(settings: list[tuple[str, str]]) -> Iterator[str]:
    yield ""
    yield "network={"
    yield from (f"  {name}={value}" for name, value in settings)
    yield "}"


def _access_point(point: AccessPoint) -> list[tuple[str, str]]:
    settings = [("ssid", text(point.name))]
    if point.mode == "adhoc":
        settings.append(("mode", "1"))
    if point.bssid is not None:
        settings.append(("bssid", point.bssid))
    if point.hidden:
        settings.append(("scan_ssid", "1"))
    if point.band is not None:
        channels = _CHANNELS[point.band] if point.channel is None else (point.channel,)
        word = "frequency" if point.mode == "adhoc" else "freq_list"
        settings.append((word, " ".join(str(_megahertz(point.band, c)) for c in channels)))
    if point.password is not None:
        psk = Auth(path=point.path, key_management="psk", password=point.password)
        return [*settings, *_auth(psk)]
    return [*settings, *_auth(point.auth or Auth(path=point.path, key_management="none"))]


def _megahertz(band: str, channel: int) -> int:
    return _CHANNEL_14 if (band, channel) == ("2.4GHz", 14) else _BAND_STARTS[band] + 5 * channel


def _auth(auth: Auth) -> Iterator[tuple[str, str]]:
    key_mgmt, protected = _KEY_MANAGEMENT[auth.key_management]
    yield "key_mgmt", key_mgmt
    if protected is not None:
        yield "ieee80211w", str(protected)
    if auth.method is not None:
        yield "eap", auth.method.upper()
    for word, value in (
        ("identity", auth.identity),
        ("anonymous_identity", auth.anonymous_identity),
        ("ca_cert", auth.ca_certificate),
        ("client_cert", auth.client_certificate),
        ("private_key", auth.client_key),
    ):
        if value is not None:
            yield word, text(value)
    if auth.phase2_auth is not None:
        yield "phase2", f'"auth={auth.phase2_auth}"'
    if auth.client_key_password is not None:
        yield "private_key_passwd", _password(auth.client_key_password)
    if auth.password is not None:
        if auth.key_management == "psk":
            yield "psk", _password(auth.password, passphrase)
        elif auth.key_management == "sae":
            yield "sae_password", _password(auth.password)
        else:
            yield "password", _password(auth.password)


def _password(secret: Secret, spell: Callable[[str], str] = text) -> str:
    return spell(secret.text or "") if secret.file is None else f"file:{secret.file}"
