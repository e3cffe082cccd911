"""What a bridge's stanza says of its ports, by options of each dialect."""

from __future__ import annotations

from collections.abc import Sequence

from vnetc.backends.devices import Devices
from vnetc.backends.ifupdown.stanzas import Line
from vnetc.backends.options import Option, spelled
from vnetc.model.kinds import Bridge

# the lines, and of each port the fields that they say
Said = tuple[list[Line], dict[str, frozenset[str]]]


def for_all(bridge: Bridge, devices: Devices, words: Sequence[Option]) -> Said:
    """Say each field of all ports in one line, as ifupdown2 has it: `eth0=4 eth1=8`."""
    found = _texts(bridge, devices, words)
    lines = [
        Line(item.word, " ".join(f"{name}={texts[item.field]}" for name, texts in having.items()))
        for item in words
        if (having := {name: texts for name, texts in found.items() if item.field in texts})
    ]
    return lines, {name: frozenset(texts) for name, texts in found.items()}


def for_one(bridge: Bridge, devices: Devices, words: Sequence[Option]) -> Said:
    """Say the fields that one port alone has, as bridge-utils takes them: `eth0 4`."""
    found = _texts(bridge, devices, words)
    lines: list[Line] = []
    said: dict[str, frozenset[str]] = {}
    for item in words:
        having = [name for name, texts in found.items() if item.field in texts]
        if len(having) == 1:
            (name,) = having
            lines.append(Line(item.word, f"{name} {found[name][item.field]}"))
            said[name] = said.get(name, frozenset()) | {item.field}
    return lines, said


def _texts(bridge: Bridge, devices: Devices, words: Sequence[Option]) -> dict[str, dict[str, str]]:
    """Give what is said of each port: its name -> field -> value."""
    ports = {n: d.port for n in bridge.ports if (d := devices.by_name.get(n)) is not None}
    return {
        name: {item.field: text for item, text in spelled(port, words)}
        for name, port in ports.items()
        if port is not None
    }
