"""The settings of network cards, by ethtool(8) and ip-link(8): what they are, and what sets them.

An attribute is named like its row (`offload.generic-receive`) and has the model's value, which is
read from what the programs print: so what a card was before is known and can be set again. What a
card does not say, it does not have. The words to set are those of ifupdown's stanzas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from vnetc.backends.netlink.links.support import AT_BOOT
from vnetc.backends.netlink.objects.fingerprints import fingerprint
from vnetc.backends.netlink.state import Attributes, Value, Wanted
from vnetc.backends.options import Option, rows_of
from vnetc.backends.programs.ethtool import ETHTOOL, GSO, MODES, PAUSE, WAKES, describe_card
from vnetc.backends.services.wpa import WPA_ROWS
from vnetc.backends.support import Support, exact, key, unsupported, word_of
from vnetc.model.cards import (
    CardMatch,
    Channels,
    Coalesce,
    LinkSettings,
    Offload,
    Queues,
    Rings,
    Secret,
    VirtualFunction,
)
from vnetc.model.data import is_list, is_mapping, is_tuple
from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Ethernet
from vnetc.model.record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    Read: TypeAlias = Callable[[str], Value]
    Printed: TypeAlias = Mapping[
        str, str
    ]  # what a program prints behind a colon, by what is before

_BY_NAME = "the running kernel has the card by its present name"


# --- how a setting is read ------------------------------------------------------------------------


def _switch(text: str) -> Value:
    return text.split()[0] == "on"


def _number(text: str) -> Value:
    return int(text)


def _fixed(text: str) -> bool:
    return text.endswith("[fixed]")


def _lower(text: str) -> Value:
    return text.lower()


def _speed(text: str) -> Value:
    return int(text.removesuffix("Mb/s"))


_PORTS = {"Twisted Pair": "tp", "AUI": "aui", "BNC": "bnc", "MII": "mii", "FIBRE": "fibre"}
_MDI = {"off": "straight", "on": "crossover"}
_WAKE_WORDS = {letter: word for word, letter in WAKES.items()}


def _port(text: str) -> Value:
    return _PORTS[text]


def _mdi(text: str) -> Value:
    state, _, rest = text.partition(" ")
    return "auto" if "auto" in rest and "forced" not in rest else _MDI[state]


def _modes(text: str) -> Value:
    found = {mode.lower().replace("/", "-") for mode in text.split()}
    return [*sorted(found & MODES.keys())]


def _wakes(text: str) -> Value:
    return [*sorted(_WAKE_WORDS[letter] for letter in text if letter in _WAKE_WORDS)]


class Setting(Record, kw_only=False):
    """An attribute: its option with the word that sets it, and what is printed of it."""

    name: str
    option: Option
    label: str
    read: Read


class Tool(Record, kw_only=False):
    """Settings that one command shows and one sets: arguments of ethtool(8) before the device.

    `whole`: all that the document says is said again, since one setting depends on another.
    """

    show: str
    change: str
    settings: tuple[Setting, ...]
    whole: bool = False


def _settings(
    cls: type[Record],
    options: Iterable[Option],
    labels: Mapping[str, str],
    read: Read,
    others: Mapping[str, Read] = {},
) -> tuple[Setting, ...]:
    """Put options and the labels of their fields together; `others` read some fields otherwise."""
    return tuple(
        Setting(
            f"{word_of(cls)}.{key(item.field)}",
            item,
            labels.get(item.field, item.word),
            others.get(item.field, read),
        )
        for item in options
        if item.word
    )


_LABELS_OF_FEATURES = {  # where it is not the word
    "receive_checksum": "rx-checksumming",
    "transmit_checksum": "tx-checksumming",
    "generic_segmentation": "generic-segmentation-offload",
    "generic_receive": "generic-receive-offload",
    "large_receive": "large-receive-offload",
    "receive_vlan_tag": "rx-vlan-offload",
    "transmit_vlan_tag": "tx-vlan-offload",
    "ntuple_filter": "ntuple-filters",
}
_LABELS_OF_RINGS = {
    "receive": "RX",
    "receive_mini": "RX Mini",
    "receive_jumbo": "RX Jumbo",
    "transmit": "TX",
}
_LABELS_OF_CHANNELS = {
    "receive": "RX",
    "transmit": "TX",
    "other": "Other",
    "combined": "Combined",
}
_LABELS_OF_LINK = {
    "autonegotiation": "Auto-negotiation",
    "advertise": "Advertised link modes",
    "speed": "Speed",
    "duplex": "Duplex",
    "port": "Port",
    "mdi": "MDI-X",
}
_READ_LINK: Mapping[str, Read] = {
    "advertise": _modes,
    "speed": _speed,
    "duplex": _lower,
    "port": _port,
    "mdi": _mdi,
}
_LABELS_OF_PAUSE = {
    "autonegotiation_flow_control": "Autonegotiate",
    "receive_flow_control": "RX",
    "transmit_flow_control": "TX",
}

# channels before rings and rings before all else: some drivers reset the rest with them
TOOLS: tuple[Tool, ...] = (
    Tool("-l", "-L", _settings(Channels, ETHTOOL[Channels].options, _LABELS_OF_CHANNELS, _number)),
    Tool("-g", "-G", _settings(Rings, ETHTOOL[Rings].options, _LABELS_OF_RINGS, _number)),
    Tool("-k", "-K", _settings(Offload, ETHTOOL[Offload].options, _LABELS_OF_FEATURES, _switch)),
    Tool(
        "-c",
        "-C",
        _settings(
            Coalesce,
            ETHTOOL[Coalesce].options,
            {"adaptive_receive": "Adaptive RX", "adaptive_transmit": "Adaptive TX"},
            _number,
            {"adaptive_receive": _switch, "adaptive_transmit": _switch},
        ),
    ),
    Tool("-a", "-A", _settings(LinkSettings, PAUSE, _LABELS_OF_PAUSE, _switch)),
    Tool(
        "",
        "-s",
        _settings(
            LinkSettings, ETHTOOL[LinkSettings].options, _LABELS_OF_LINK, _switch, _READ_LINK
        ),
        whole=True,
    ),
    Tool(
        "", "-s", _settings(Ethernet, ETHTOOL[Ethernet].options, {"wakeonlan": "Wake-on"}, _wakes)
    ),
)
# of ip-link(8): the labels are names of its JSON
LINK = Tool(
    "",
    "",
    (
        *_settings(
            Offload,
            GSO,
            {
                "generic_segmentation_max_bytes": "gso_max_size",
                "generic_segmentation_max_segments": "gso_max_segs",
            },
            _number,
        ),
        *_settings(Queues, ETHTOOL[Queues].options, {"transmit_queue_length": "txqlen"}, _number),
    ),
)
_FUNCTIONS = ETHTOOL[VirtualFunction].options
_LINK_STATES: Mapping[Value, Value] = {"auto": "auto", "enable": True, "disable": False}
_OF_TAG = frozenset({"vlan", "qos", "protocol"})  # ip-link(8): one setting
PASSWORD, COUNT = "ethernet.wakeonlan-password", "virtual-functions.count"
_FUNCTION = "virtual-function"
_PASSWORD = 6  # SOPASS_MAX, linux/ethtool.h

_ROWS = rows_of(ETHTOOL, describe_card)
RARE: Mapping[str, Support] = {
    **{name: replace(row, how=row.how.removeprefix("pre-up ")) for name, row in _ROWS.items()},
    **{name: exact("ethtool -i, ethtool -P") for name in _ROWS if name.startswith("match.")},
    "match.path": exact("ID_PATH of udev"),
    "ethernet.match": exact("ethtool -i, ethtool -P"),
    "ethernet.set-name": unsupported(_BY_NAME),
    "virtual-functions.count": exact("/sys/bus/pci/devices/CARD/sriov_numvfs"),
    **dict.fromkeys(
        ("virtual-functions.embedded-switch-mode", "virtual-functions.delay-rebind"),
        unsupported("a card's switch changes its mode only while it has no functions"),
    ),
    **{name: unsupported(AT_BOOT) for name in WPA_ROWS},
    "ethernet.auth": unsupported(AT_BOOT),
    **{name: unsupported(AT_BOOT) for name in _ROWS if name.startswith("wifi.")},
    "ethernet.alias": exact("IFLA_IFALIAS"),
}


# --- the model ------------------------------------------------------------------------------------


def secrets_of(host: Host) -> Iterator[Secret]:
    """Give the passwords of magic packets."""
    for interface in host.interfaces:
        kind = interface.kind
        if isinstance(kind, Ethernet) and kind.wakeonlan_password is not None:
            yield kind.wakeonlan_password


def decode_password(text: str) -> bytes:
    """Read a password of magic packets, which is written like a MAC address. Raises `ValueError`."""
    password = bytes.fromhex(text.strip().replace(":", ""))
    if len(password) != _PASSWORD:
        raise ValueError(f"a password of magic packets has {_PASSWORD} bytes")
    return password


def keyring(material: Iterable[bytes]) -> dict[str, bytes]:
    """Give passwords by their fingerprints."""
    return {fingerprint(word.hex()): word for word in material if len(word) == _PASSWORD}


def wanted(interface: Interface, material: Mapping[Secret, bytes]) -> Iterator[Wanted]:
    """List the settings of a network card, if the document has any."""
    card = interface.kind
    if not isinstance(card, Ethernet):
        return
    said: dict[str, Value] = {}
    parts = (card.channels, card.rings, card.offload, card.coalesce, card.link_settings)
    nodes: dict[str, Any] = {
        word_of(type(node)): node for node in (*parts, card.queues, card) if node is not None
    }
    for setting in (s for tool in (*TOOLS, LINK) for s in tool.settings):
        node = nodes.get(setting.name.partition(".")[0])
        value = None if node is None else getattr(node, setting.option.field)
        if value is not None and (value != () or setting.option.field == "wakeonlan"):
            said[setting.name] = [*sorted(map(str, value))] if is_tuple(value) else value
    password = card.wakeonlan_password
    if password is not None:
        said.setdefault("ethernet.wakeonlan", ["secureon"])  # systemd.link(5): implied
        if password in material:
            said[PASSWORD] = fingerprint(material[password].hex())
    if card.virtual_functions is not None:
        said[COUNT] = card.virtual_functions.number
        for function in card.virtual_functions.functions:
            for item in _FUNCTIONS:
                value = getattr(function, item.field)
                if item.word and value is not None:
                    said[f"{_FUNCTION}.{function.id}.{key(item.field)}"] = value
    if said:
        path = interface.path
        yield Wanted(("card", interface.name), said, path, {n: (*path, *_place(n)) for n in said})


def _place(name: str) -> tuple[str, ...]:
    section, _, rest = name.partition(".")
    if section == _FUNCTION:
        return ("virtual-functions", "functions")
    return (rest,) if section == "ethernet" else (section, rest)


# --- what is there --------------------------------------------------------------------------------


def printed(text: str) -> dict[str, str]:
    """Take apart what ethtool(8) prints: of maximum and present values, the present ones count.

    A value may go on in lines of its own, and two may share one (`Adaptive RX: off  TX: off`).
    """
    found: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        label, colon, value = line.partition(":")
        if not colon:
            if last and line.strip():
                found[last] = f"{found[last]} {line.strip()}"
            continue
        last = label.strip()
        if last == "Adaptive RX":
            value, _, other = value.partition("TX:")
            found["Adaptive TX"] = other.strip()
        found[last] = value.strip()
    return found


def read(tool: Tool, values: Printed) -> Iterator[tuple[str, Value, bool]]:
    """Give name and value of each setting that a card has, and whether it can never change."""
    for setting in tool.settings:
        text = values.get(setting.label)
        if text is None:
            continue
        try:
            yield setting.name, setting.read(text), _fixed(text)
        except (KeyError, ValueError, IndexError):
            continue  # `n/a`, `Unknown!`, `Not reported`: the card does not have it


def read_password(values: Printed) -> Value:
    """Give the fingerprint of the password of magic packets."""
    text = values.get("SecureOn password", "")
    return fingerprint(text.replace(":", "")) if text else None


def read_functions(link: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """Give the settings of virtual functions from what `ip -j link show` says of their card."""
    found = link.get("vfinfo_list")
    for function in found if is_list(found) else ():
        if not is_mapping(function):
            continue
        tags = function.get("vlan_list")
        tag = tags[0] if is_list(tags) and tags and is_mapping(tags[0]) else {}
        values: dict[str, Value] = {
            "macaddress": function.get("address"),
            "vlan": tag.get("vlan", 0),
            "qos": tag.get("qos", 0),
            "protocol": str(tag.get("protocol", "802.1Q")).lower(),
            "spoof-check": function.get("spoofchk"),
            "link-state": _LINK_STATES.get(function.get("link-state")),
            "trust": function.get("trust"),
            "query-rss": function.get("query_rss_en"),
        }
        for name, value in values.items():
            if value is not None:
                yield f"{_FUNCTION}.{function.get('vf')}.{name}", value


# --- what sets it ---------------------------------------------------------------------------------


def commands(
    name: str, old: Attributes, new: Attributes, passwords: Mapping[str, bytes]
) -> Iterator[list[str]]:
    """Give the commands that change what differs, in the order in which they must run.

    `passwords` are those of magic packets by their fingerprints.
    """
    for tool in TOOLS:
        words = _words(tool, old, new)
        if tool.settings[0].name == "ethernet.wakeonlan" and _differs(PASSWORD, old, new):
            value = new.get(PASSWORD)
            if isinstance(value, str):
                words = words or ["wol", "s"]
                words += ["sopass", passwords[value].hex(":")]
        if words:
            yield ["ethtool", tool.change, name, *words]
    words = _words(LINK, old, new)
    if words:
        yield ["ip", "link", "set", "dev", name, *words]
    numbers = {int(n.split(".")[1]) for n in new if n.startswith(f"{_FUNCTION}.")}
    for number in sorted(numbers):
        words = [*_function(number, old, new)]
        if words:
            yield ["ip", "link", "set", "dev", name, "vf", str(number), *words]


def _differs(name: str, old: Attributes, new: Attributes) -> bool:
    return name in new and new[name] != old.get(name)


def _words(tool: Tool, old: Attributes, new: Attributes) -> list[str]:
    changed = [s for s in tool.settings if _differs(s.name, old, new)]
    said = [s for s in tool.settings if s.name in new] if changed and tool.whole else changed
    return [w for s in said for w in _spell(s.option, new[s.name])]


def _spell(option: Option, value: Value) -> list[str]:
    text = option.spell(tuple(value) if is_list(value) else value)
    return (text or "").split()


def _function(number: int, old: Attributes, new: Attributes) -> Iterator[str]:
    def named(item: Option) -> str:
        return f"{_FUNCTION}.{number}.{key(item.field)}"

    tag_differs = any(_differs(named(i), old, new) for i in _FUNCTIONS if i.field in _OF_TAG)
    for item in _FUNCTIONS:
        if not item.word or named(item) not in new:
            continue
        if _differs(named(item), old, new) or (tag_differs and item.field in _OF_TAG):
            yield from _spell(item, new[named(item)])


_FLAPS = ("channels.", "rings.", "link-settings.")


def impact(old: Attributes, new: Attributes) -> Literal["seamless", "brief", "disruptive"]:
    """Tell what a change does to the traffic: most drivers stop the card for a moment.

    Another number of virtual functions takes those that guests have away (sriov_numvfs_store).
    """
    changed = [name for name in new if new[name] != old.get(name)]
    if COUNT in changed and old.get(COUNT):
        return "disruptive"
    return "brief" if any(name.startswith(_FLAPS) for name in changed) else "seamless"


def refuse(
    wanted: Attributes, found: Attributes, fixed: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Find what a card cannot be told: attribute and reason."""
    unchangeable = frozenset(fixed)
    for name, value in wanted.items():
        if name not in found and not name.startswith(f"{_FUNCTION}.") and name != PASSWORD:
            yield name, "the card does not have it"
        elif name in unchangeable and found[name] != value:
            yield name, "the card's driver does not let it be changed"


# --- which card it is -----------------------------------------------------------------------------


class Facts(Record, kw_only=False):
    """What a card is found by."""

    name: str
    macaddress: str = ""  # the permanent one
    driver: str = ""
    path: str = ""
    is_virtual: bool = False


def is_meant(match: CardMatch, facts: Facts) -> bool:
    """Tell whether a card is the one that the document means; its name it may have changed."""
    if match.macaddress is not None and match.macaddress != facts.macaddress:
        return False
    return all(
        not globs or any(fnmatchcase(value, glob) for glob in globs)
        for globs, value in ((match.driver, facts.driver), (match.path_, facts.path))
    )


def misnamed(host: Host, cards: Sequence[Facts]) -> Iterator[tuple[Interface, str]]:
    """Find interfaces whose name another card has, and say which one is meant.

    The name of a card is udev's, given when it appears: `apply` changes none. A `name` of `match` is
    the one that the card had before that, which says nothing of a card that has another name now.
    """
    by_name = {card.name: card for card in cards}
    for interface in host.interfaces:
        kind = interface.kind
        if not isinstance(kind, Ethernet) or kind.match is None or not kind.set_name:
            continue
        facts = by_name.get(interface.name)
        if facts is not None and is_meant(kind.match, facts):
            continue
        others = [c.name for c in cards if not c.is_virtual and is_meant(kind.match, c)]
        if facts is not None or len(others) == 1:
            yield interface, others[0] if len(others) == 1 else ""
