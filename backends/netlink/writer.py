"""Write what a host wants of the kernel as text: one line of JSON for each object.

It is what `vnetc apply` compares the kernel with, below what it does not tell the kernel. Secrets in files are not read: in their place
stands a digest of the file's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

from vnetc.backends.netlink.desired import wanted
from vnetc.backends.netlink.objects import cards, wireguard
from vnetc.backends.netlink.state import Key, Value
from vnetc.backends.support import Version, key, row_fields
from vnetc.backends.target import File
from vnetc.model.cards import CardMatch, Secret
from vnetc.model.host import Host

PATH = "/usr/share/vnetc/wanted.json"


def write(host: Host, version: Version) -> list[File]:
    """Write the one file of a host."""
    material: dict[Secret, bytes] = {
        **{secret: _digest(secret) for secret in wireguard.secrets_of(host)},
        **{secret: _digest(secret)[:6] for secret in cards.secrets_of(host)},
    }
    objects = [
        (item.key, {k: v for k, v in item.attributes.items() if k not in item.unsaid})
        for item in wanted(host, material)
    ]
    lines = [
        f"{json.dumps(list(which))}: {json.dumps(said, sort_keys=True)}\n"
        for which, said in (*_untold(host), *objects)
    ]
    return [File(PATH, "".join(lines))]


def _untold(host: Host) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Give what a document says of interfaces and the kernel is not told."""
    for interface in host.interfaces:
        said: dict[str, Value] = {}
        if interface.description:
            said["description"] = interface.description
        if interface.optional is not None:
            said["optional"] = interface.optional
        match = getattr(interface.kind, "match", None)
        if match is not None:
            said["match"] = {key(name): str(getattr(match, name)) for name in row_fields(CardMatch)}
        if said:
            yield ("interface", interface.name), said


def _digest(secret: Secret) -> bytes:
    return sha256(f"{secret.file} {secret.text}".encode()).digest()
