"""Write what a host wants of the kernel as text: one line of JSON for each object.

It is what `vnetc apply` compares the kernel with. Secrets in files are not read: in their place
stands a digest of the file's name.
"""

from __future__ import annotations

import json
from hashlib import sha256

from vnetc.backends.base import File, Version
from vnetc.backends.netlink import cards, wireguard
from vnetc.backends.netlink.wanted import wanted
from vnetc.cards import Secret
from vnetc.model import Host

PATH = "/usr/share/vnetc/wanted.json"


def write(host: Host, version: Version) -> list[File]:
    """Write the one file of a host."""
    material: dict[Secret, bytes] = {
        **{secret: _digest(secret) for secret in wireguard.secrets_of(host)},
        **{secret: _digest(secret)[:6] for secret in cards.secrets_of(host)},
    }
    lines = [
        f"{json.dumps(list(item.key))}: {json.dumps(dict(item.attributes), sort_keys=True)}"
        for item in wanted(host, material)
    ]
    return [File(PATH, "".join(f"{line}\n" for line in lines), 0o600)]


def _digest(secret: Secret) -> bytes:
    return sha256(f"{secret.file} {secret.text}".encode()).digest()
