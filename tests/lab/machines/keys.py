"""The keys in the files that a document names: the lab has them, as a host would."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from vnetc.model.cards import Secret
from vnetc.model.host import Host
from vnetc.model.kinds import Ethernet, Wireguard


def key_in(file: str) -> str:
    """Give the key in a file of the lab's: another one in each, the same in every run.

    It is a private key as the kernel keeps it (curve25519_clamp_secret), else wg(8) shows another.
    """
    key = bytearray(hashlib.sha256(file.encode()).digest())
    key[0] &= 0xF8
    key[31] = key[31] & 0x7F | 0x40
    return base64.b64encode(key).decode()


def text_of(secret: Secret) -> str:
    """Give a secret, wherever it is."""
    return secret.text or "" if secret.file is None else key_in(secret.file)


def key_files(host: Host) -> Iterator[str]:
    """List the files with keys that the document expects on the host."""
    for interface in host.interfaces:
        if isinstance(interface.kind, Wireguard):
            peers = (peer.preshared_key for peer in interface.kind.peers)
            for secret in (interface.kind.private_key, *peers):
                if secret is not None and secret.file is not None:
                    yield secret.file
        if isinstance(interface.kind, Ethernet) and interface.kind.auth is not None:
            auth = interface.kind.auth
            for secret in (auth.password, auth.client_key_password):
                if secret is not None and secret.file is not None:
                    yield secret.file
