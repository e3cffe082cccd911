"""Secrets: those that stand in the document are put into files that only root may read.

systemd-networkd is not root; systemd hands it all files with secrets as credentials (LoadCredential=
in systemd.exec(5), since 247). Without such a file it would not start: SetCredential= has it start
with a text that is no key, so that only the one device is missing.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.backends.target import File
from vnetc.model.cards import Secret
from vnetc.model.host import Host
from vnetc.model.kinds import Wireguard

_DIRECTORY = "/etc/vnetc"
_CREDENTIALS = "/run/credentials/systemd-networkd.service"


def secret_name(interface: str, peer: int = 0) -> str:
    """Name the secret of an interface, or the one it shares with a peer, counted from 1."""
    return f"{interface}.peer{peer}.psk" if peer else f"{interface}.key"


def secret_path(interface: str, secret: Secret, peer: int = 0) -> str:
    """Give the file that a secret is in: the document's own word, or one that vnetc writes."""
    return f"{_DIRECTORY}/{secret_name(interface, peer)}" if secret.file is None else secret.file


def credential_path(interface: str, peer: int = 0) -> str:
    """Give the file that systemd-networkd reads a secret from."""
    return f"{_CREDENTIALS}/vnetc.{secret_name(interface, peer)}"


def write_secrets(host: Host) -> list[File]:
    """Write the files with secrets of the document."""
    return [
        File(path, f"{secret.text}\n", 0o600)
        for _, secret, path in _secrets(host)
        if secret.text is not None
    ]


def credentials(host: Host) -> list[tuple[str, str]]:
    """List the options that hand secrets to systemd-networkd, for its unit's [Service] section."""
    return [
        option
        for name, _, path in _secrets(host)
        for option in (
            ("LoadCredential", f"vnetc.{name}:{path}"),
            ("SetCredential", f"vnetc.{name}:missing"),
        )
    ]


def _secrets(host: Host) -> Iterator[tuple[str, Secret, str]]:
    """Run through the secrets of a host, with their names and files."""
    for interface in host.interfaces:
        kind = interface.kind
        if isinstance(kind, Wireguard):
            given = [kind.private_key, *(peer.preshared_key for peer in kind.peers)]
            for number, secret in enumerate(given):
                name = secret_name(interface.name, number)
                if secret is not None:
                    yield name, secret, secret_path(interface.name, secret, number)
