"""Secrets that stand in the document: each in a file that only root may read.

systemd-networkd is not root; systemd hands it the files as credentials (LoadCredential= in
systemd.exec(5), since 247).
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.backends.base import File
from vnetc.kinds import Secret, Wireguard
from vnetc.model import Host

_DIRECTORY = "/etc/vnetc"
_CREDENTIALS = "/run/credentials/systemd-networkd.service"


def secret_name(interface: str, peer: int = 0) -> str:
    """Name the secret of an interface, or the one it shares with a peer, counted from 1."""
    return f"{interface}.peer{peer}.psk" if peer else f"{interface}.key"


def secret_path(interface: str, secret: Secret, peer: int = 0) -> str:
    """Give the file that a secret is in: the document's own word, or one that vnetc writes."""
    return f"{_DIRECTORY}/{secret_name(interface, peer)}" if secret.file is None else secret.file


def credential_path(interface: str, secret: Secret, peer: int = 0) -> str:
    """Give the file that systemd-networkd reads a secret from."""
    if secret.file is not None:
        return secret.file
    return f"{_CREDENTIALS}/vnetc.{secret_name(interface, peer)}"


def write_secrets(host: Host) -> list[File]:
    """Write the files with secrets."""
    return [
        File(secret_path(name, secret, peer), f"{secret.text}\n", 0o600)
        for name, secret, peer in _secrets(host)
    ]


def credentials(host: Host) -> list[tuple[str, str]]:
    """List the options that hand secrets to systemd-networkd, for its unit's [Service] section."""
    return [
        ("LoadCredential", f"vnetc.{secret_name(name, peer)}:{secret_path(name, secret, peer)}")
        for name, secret, peer in _secrets(host)
    ]


def _secrets(host: Host) -> Iterator[tuple[str, Secret, int]]:
    """Run through the secrets in a document, with their interfaces and the numbers of peers."""
    for interface in host.interfaces:
        kind = interface.kind
        if isinstance(kind, Wireguard):
            given = [kind.private_key, *(peer.preshared_key for peer in kind.peers)]
            for number, secret in enumerate(given):
                if secret is not None and secret.text is not None:
                    yield interface.name, secret, number
