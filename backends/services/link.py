"""The .link files of network cards, systemd.link(5): which card has which name, and its settings.

They are udev's, and udev runs beside every target: so all of them write the same file (ADR 8). Its
name sorts before those of netplan, since the first file that matches a card is the only one; with
it, 99-default.link no longer counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vnetc.backends.formats import Section, ini
from vnetc.backends.options import Group, Groups, Option, cannot, elsewhere, option, said
from vnetc.backends.services.paths import file_stem
from vnetc.backends.support import Context, limit, systemd
from vnetc.backends.target import File
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
    VirtualFunctions,
)
from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Card, Ethernet, Wifi
from vnetc.model.record import Record

Options = list[tuple[str, str]]

# what 99-default.link has, for a card that keeps its name (Debian 12 and 13)
_DEFAULTS: Options = [
    ("NamePolicy", "keep kernel database onboard slot path"),
    ("AlternativeNamesPolicy", "database onboard slot path"),
    ("MACAddressPolicy", "persistent"),
]


def _unmatched(context: Context) -> bool:
    return context.node.match is None


NEEDS_MATCH = limit(
    "udev sets it before the card has this name; `match` says which card it is", _unmatched
)


def _microseconds(value: int) -> str:
    return f"{value}us"


def _megabits(value: int) -> str:
    return f"{value}M"


def _wakes(value: tuple[str, ...]) -> str:
    return " ".join(value) or "off"


def _upper_q(value: str) -> str:
    return value.replace("q", "Q")  # 802.1Q


def _link_state(value: bool | str) -> str:
    return value if isinstance(value, str) else "yes" if value else "no"


def _settings(field: str) -> Option:
    return elsewhere(field, ".link [Link]", NEEDS_MATCH)


_SWITCH = "systemd has no option for it, devlink(8) has"
LINK: Groups = {
    Ethernet: Group(
        "Link",
        (
            elsewhere("match", ".link [Match]"),
            elsewhere("set_name", ".link [Link] Name=, NamePolicy="),
            option("alias", "Alias", str, NEEDS_MATCH),
            option("wakeonlan", "WakeOnLan", _wakes, NEEDS_MATCH),
            elsewhere(
                "wakeonlan_password",
                ".link [Link] WakeOnLanPassword=",
                NEEDS_MATCH,
                since=systemd(250),
            ),
            *map(
                _settings,
                ("offload", "link_settings", "rings", "channels", "queues", "coalesce"),
            ),
            elsewhere("virtual_functions", ".link [SR-IOV]", NEEDS_MATCH),
            elsewhere("auth", "/etc/wpa_supplicant/wpa_supplicant-wired-NAME.conf"),
        ),
    ),
    Wifi: Group(
        "Link",
        (
            elsewhere("match", ".link [Match]"),
            elsewhere("regulatory_domain", "wpa_supplicant.conf country="),
            elsewhere("wakeonwlan", "wpa_supplicant.conf wowlan_triggers="),
            elsewhere("access_points", "wpa_supplicant.conf network="),
        ),
    ),
    CardMatch: Group(
        "Match",
        (
            option("macaddress", "PermanentMACAddress"),
            option("name", "OriginalName"),
            option("driver", "Driver"),
            option("path_", "Path"),
        ),
    ),
    Offload: Group(
        "Link",
        (
            option("receive_checksum", "ReceiveChecksumOffload"),
            option("transmit_checksum", "TransmitChecksumOffload"),
            option("tcp_segmentation", "TCPSegmentationOffload"),
            option("tcp6_segmentation", "TCP6SegmentationOffload"),
            option("generic_segmentation", "GenericSegmentationOffload"),
            option("generic_receive", "GenericReceiveOffload"),
            option("generic_receive_hardware", "GenericReceiveOffloadHardware", since=systemd(250)),
            option("large_receive", "LargeReceiveOffload"),
            option("receive_vlan_tag", "ReceiveVLANCTAGHardwareAcceleration", since=systemd(250)),
            option("transmit_vlan_tag", "TransmitVLANCTAGHardwareAcceleration", since=systemd(250)),
            option("receive_vlan_filter", "ReceiveVLANCTAGFilter", since=systemd(250)),
            option(
                "transmit_vlan_stag", "TransmitVLANSTAGHardwareAcceleration", since=systemd(250)
            ),
            option("ntuple_filter", "NTupleFilter", since=systemd(250)),
            option(
                "generic_segmentation_max_bytes",
                "GenericSegmentOffloadMaxBytes",
                since=systemd(248),
            ),
            option(
                "generic_segmentation_max_segments",
                "GenericSegmentOffloadMaxSegments",
                since=systemd(248),
            ),
        ),
    ),
    LinkSettings: Group(
        "Link",
        (
            option("autonegotiation", "AutoNegotiation"),
            option("advertise", "Advertise"),
            option("speed", "BitsPerSecond", _megabits),
            option("duplex", "Duplex"),
            option("port", "Port"),
            option("mdi", "MDI", since=systemd(251)),
            option("receive_flow_control", "RxFlowControl"),
            option("transmit_flow_control", "TxFlowControl"),
            option("autonegotiation_flow_control", "AutoNegotiationFlowControl"),
        ),
    ),
    Rings: Group(
        "Link",
        (
            option("receive", "RxBufferSize"),
            option("receive_mini", "RxMiniBufferSize"),
            option("receive_jumbo", "RxJumboBufferSize"),
            option("transmit", "TxBufferSize"),
        ),
    ),
    Channels: Group(
        "Link",
        (
            option("receive", "RxChannels"),
            option("transmit", "TxChannels"),
            option("other", "OtherChannels"),
            option("combined", "CombinedChannels"),
        ),
    ),
    Queues: Group(
        "Link",
        (
            option("receive_queues", "ReceiveQueues", since=systemd(248)),
            option("transmit_queues", "TransmitQueues", since=systemd(248)),
            option("transmit_queue_length", "TransmitQueueLength", since=systemd(248)),
        ),
    ),
    Coalesce: Group(
        "Link",
        (
            option("adaptive_receive", "UseAdaptiveRxCoalesce", since=systemd(250)),
            option("adaptive_transmit", "UseAdaptiveTxCoalesce", since=systemd(250)),
            *(
                option(
                    f"{way}_delay{suffix}",
                    f"{short}Coalesce{part}Sec",
                    _microseconds,
                    since=systemd(250),
                )
                for way, short in (("receive", "Rx"), ("transmit", "Tx"))
                for suffix, part in (("", ""), ("_irq", "Irq"), ("_low", "Low"), ("_high", "High"))
            ),
            *(
                option(
                    f"{way}_frames{suffix}", f"{short}MaxCoalesced{part}Frames", since=systemd(250)
                )
                for way, short in (("receive", "Rx"), ("transmit", "Tx"))
                for suffix, part in (("", ""), ("_irq", "Irq"), ("_low", "Low"), ("_high", "High"))
            ),
            option("packet_rate_low", "CoalescePacketRateLow", since=systemd(250)),
            option("packet_rate_high", "CoalescePacketRateHigh", since=systemd(250)),
            option(
                "packet_rate_interval", "CoalescePacketRateSampleIntervalSec", since=systemd(250)
            ),
            option(
                "statistics_delay", "StatisticsBlockCoalesceSec", _microseconds, since=systemd(250)
            ),
        ),
    ),
    VirtualFunctions: Group(
        "Link",
        (
            option("count", "SR-IOVVirtualFunctions", since=systemd(251)),
            elsewhere("functions", ".link [SR-IOV]", since=systemd(251)),
            *cannot(_SWITCH, "embedded_switch_mode", "delay_rebind"),
        ),
    ),
    VirtualFunction: Group(
        "SR-IOV",
        (
            option("id", "VirtualFunction", since=systemd(251)),
            option("macaddress", "MACAddress", since=systemd(251)),
            option("vlan", "VLANId", since=systemd(251)),
            option("qos", "QualityOfService", since=systemd(251)),
            option("protocol", "VLANProtocol", _upper_q, since=systemd(251)),
            option("spoof_check", "MACSpoofCheck", since=systemd(251)),
            option("trust", "Trust", since=systemd(251)),
            option("link_state", "LinkState", _link_state, since=systemd(251)),
            option("query_rss", "QueryReceiveSideScaling", since=systemd(251)),
        ),
    ),
}


def describe(section: str, word: str) -> str:
    """Say in a row of the support table how a word is said."""
    return f".link [{section}] {word}="


def link_files(host: str, interfaces: Iterable[Interface], *, settings: bool = True) -> list[File]:
    """Write the .link files of a host's interfaces; without `settings` they only give cards names."""
    found = ((f"{file_stem(i)}.link", link_sections(i, settings=settings)) for i in interfaces)
    return [File(path, ini(host, sections)) for path, sections in found if sections]


def link_sections(interface: Interface, *, settings: bool = True) -> list[Section]:
    """Write the sections of a card's .link file; none if it would say what the system's own says."""
    card = interface.kind
    if not isinstance(card, Card) or card.match is None:
        return []
    sections = [*_sections(interface, card, settings)]
    more = [("Match", match_options(card.match)), ("Link", _DEFAULTS)]
    return [] if sections == more else sections


def password_path(name: str, secret: Secret) -> str:
    """Give the file with the password of magic packets."""
    return f"/etc/vnetc/{name}.wakeonlan" if secret.file is None else secret.file


def write_passwords(host: Host) -> list[File]:
    """Write the passwords of magic packets that stand in the document."""
    return [
        File(password_path(i.name, secret), f"{secret.text}\n", 0o600)
        for i in host.interfaces
        if isinstance(i.kind, Ethernet)
        and (secret := i.kind.wakeonlan_password) is not None
        and secret.text is not None
    ]


def match_options(match: CardMatch) -> Options:
    """Write what a card is found by in a .link file."""
    return [*said(match, LINK[CardMatch].options)]


def found_by(match: CardMatch) -> Options:
    """Write what a card that keeps its name is found by in a .network file."""
    return [
        ("Name" if word == "OriginalName" else word, text) for word, text in match_options(match)
    ]


def _sections(interface: Interface, card: Card, settings: bool) -> Iterator[Section]:
    assert card.match is not None
    yield "Match", match_options(card.match)
    options: Options = [("Name", interface.name)] if card.set_name else [*_DEFAULTS]
    if not settings or not isinstance(card, Ethernet):
        yield "Link", options
        return
    options += said(card, LINK[Ethernet].options)
    if card.wakeonlan_password is not None:
        path = password_path(interface.name, card.wakeonlan_password)
        options.append(("WakeOnLanPassword", path))
    parts: tuple[Record | None, ...] = (
        card.offload,
        card.link_settings,
        card.rings,
        card.channels,
        card.queues,
        card.coalesce,
        card.virtual_functions,
    )
    for part in parts:
        if part is not None:
            options += said(part, LINK[type(part)].options)
    yield "Link", options
    if card.virtual_functions is not None:
        for function in card.virtual_functions.functions:
            yield "SR-IOV", [*said(function, LINK[VirtualFunction].options)]
