"""What ethtool(8) and ip-link(8) call the settings of network cards, and what starts wpa_supplicant.

A stanza finds a card by its name, which it has from udev (the .link file, ADR 8). What the card
cannot do must not keep it down, so no such command fails; systemd-udevd only warns of it, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.backends.options import Group, Groups, Option, cannot, elsewhere, said
from vnetc.backends.programs.ip_link import say, switch
from vnetc.backends.services.link import password_path
from vnetc.backends.support import Limit, limit
from vnetc.model.cards import (
    CardMatch,
    Channels,
    Coalesce,
    LinkSettings,
    Offload,
    Queues,
    Rings,
    VirtualFunction,
    VirtualFunctions,
)
from vnetc.model.kinds import Ethernet, Wifi
from vnetc.model.record import Record

TYPE_CHECKING = False

WAKES = {
    "phy": "p",
    "unicast": "u",
    "multicast": "m",
    "broadcast": "b",
    "arp": "a",
    "magic": "g",
    "secureon": "s",
}
# ethtool(8), `advertise`: the bits of the modes, ETHTOOL_LINK_MODE_…_BIT of linux/ethtool.h
MODES = {
    "10baset-half": 0,
    "10baset-full": 1,
    "100baset-half": 2,
    "100baset-full": 3,
    "1000baset-half": 4,
    "1000baset-full": 5,
    "10000baset-full": 12,
    "2500basex-full": 15,
    "1000basekx-full": 17,
    "10000basekx4-full": 18,
    "10000basekr-full": 19,
    "10000baser-fec": 20,
    "20000basemld2-full": 21,
    "20000basekr2-full": 22,
    "40000basekr4-full": 23,
    "40000basecr4-full": 24,
    "40000basesr4-full": 25,
    "40000baselr4-full": 26,
    "56000basekr4-full": 27,
    "56000basecr4-full": 28,
    "56000basesr4-full": 29,
    "56000baselr4-full": 30,
    "25000basecr-full": 31,
    "25000basekr-full": 32,
    "25000basesr-full": 33,
    "50000basecr2-full": 34,
    "50000basekr2-full": 35,
    "100000basekr4-full": 36,
    "100000basesr4-full": 37,
    "100000basecr4-full": 38,
    "100000baselr4-er4-full": 39,
    "50000basesr2-full": 40,
    "1000basex-full": 41,
    "10000basecr-full": 42,
    "10000basesr-full": 43,
    "10000baselr-full": 44,
    "10000baselrm-full": 45,
    "10000baseer-full": 46,
    "2500baset-full": 47,
    "5000baset-full": 48,
    "50000basekr-full": 52,
    "50000basesr-full": 53,
    "50000basecr-full": 54,
    "50000baselr-er-fr-full": 55,
    "50000basedr-full": 56,
    "100000basekr2-full": 57,
    "100000basesr2-full": 58,
    "100000basecr2-full": 59,
    "100000baselr2-er2-fr2-full": 60,
    "100000basedr2-full": 61,
    "200000basekr4-full": 62,
    "200000basesr4-full": 63,
    "200000baselr4-er4-fr4-full": 64,
    "200000basedr4-full": 65,
    "200000basecr4-full": 66,
    "100baset1-full": 67,
    "1000baset1-full": 68,
    "400000basekr8-full": 69,
    "400000basesr8-full": 70,
    "400000baselr8-er8-fr8-full": 71,
    "400000basedr8-full": 72,
    "400000basecr8-full": 73,
    "100000basekr-full": 75,
    "100000basesr-full": 76,
    "100000baselr-er-fr-full": 77,
    "100000basecr-full": 78,
    "100000basedr-full": 79,
    "200000basekr2-full": 80,
    "200000basesr2-full": 81,
    "200000baselr2-er2-fr2-full": 82,
    "200000basedr2-full": 83,
    "200000basecr2-full": 84,
    "400000basekr4-full": 85,
    "400000basesr4-full": 86,
    "400000baselr4-er4-fr4-full": 87,
    "400000basedr4-full": 88,
    "400000basecr4-full": 89,
    "100basefx-half": 90,
    "100basefx-full": 91,
}
_MDI = {"straight": "off", "crossover": "on", "auto": "auto"}
_LINK_STATES = {"auto": "auto", True: "enable", False: "disable"}
_KEEPS_NAME = "a stanza of interfaces(5) finds a card by its name alone"
_QUEUES = "ip-link(8) says it only of a device that it makes"


def _wakes(value: tuple[str, ...]) -> str:
    return "".join(WAKES[word] for word in value) or "d"


def _advertise(value: tuple[str, ...]) -> str:
    return f"{sum(1 << MODES[mode] for mode in value):#x}"


def _no_max(field: str) -> Limit:
    return limit(
        "ethtool(8) has no word for all that the card has",
        lambda context: getattr(context.node, field) == "max",
    )


def _number(field: str, word: str) -> Option:
    return say(field, word, str, _no_max(field))


_FIBRE = limit("ethtool(8) has no word for this port", lambda context: context.node.port == "fibre")

ETHTOOL: Groups = {
    Ethernet: Group(
        "ethtool -s",
        (
            elsewhere("match", "/etc/systemd/network/05-NAME.link"),
            *cannot(_KEEPS_NAME, "set_name"),
            elsewhere("alias", "pre-up ip link set alias"),
            say("wakeonlan", "wol", _wakes),
            elsewhere("wakeonlan_password", "pre-up ethtool -s sopass"),
            elsewhere("offload", "pre-up ethtool -K"),
            elsewhere("link_settings", "pre-up ethtool -s, ethtool -A"),
            elsewhere("rings", "pre-up ethtool -G"),
            elsewhere("channels", "pre-up ethtool -L"),
            elsewhere("queues", "pre-up ip link set txqueuelen"),
            elsewhere("coalesce", "pre-up ethtool -C"),
            elsewhere("virtual_functions", "pre-up ip link set vf"),
            elsewhere("auth", "pre-up wpa_supplicant"),
        ),
    ),
    Wifi: Group(
        "wifi",
        (
            elsewhere("match", "/etc/systemd/network/05-NAME.link"),
            elsewhere("regulatory_domain", "wpa_supplicant.conf country="),
            elsewhere("wakeonwlan", "wpa_supplicant.conf wowlan_triggers="),
            elsewhere("access_points", "wpa_supplicant.conf network="),
        ),
    ),
    CardMatch: Group(
        "match",
        (
            elsewhere("macaddress", ".link [Match] PermanentMACAddress="),
            elsewhere("name", ".link [Match] OriginalName="),
            elsewhere("driver", ".link [Match] Driver="),
            elsewhere("path_", ".link [Match] Path="),
        ),
    ),
    Offload: Group(
        "ethtool -K",
        (
            say("receive_checksum", "rx", switch),
            say("transmit_checksum", "tx", switch),
            say("tcp_segmentation", "tx-tcp-segmentation", switch),
            say("tcp6_segmentation", "tx-tcp6-segmentation", switch),
            say("generic_segmentation", "gso", switch),
            say("generic_receive", "gro", switch),
            say("generic_receive_hardware", "rx-gro-hw", switch),
            say("large_receive", "lro", switch),
            say("receive_vlan_tag", "rxvlan", switch),
            say("transmit_vlan_tag", "txvlan", switch),
            say("receive_vlan_filter", "rx-vlan-filter", switch),
            say("transmit_vlan_stag", "tx-vlan-stag-hw-insert", switch),
            say("ntuple_filter", "ntuple", switch),
            elsewhere("generic_segmentation_max_bytes", "pre-up ip link set gso_max_size"),
            elsewhere("generic_segmentation_max_segments", "pre-up ip link set gso_max_segs"),
        ),
    ),
    LinkSettings: Group(
        "ethtool -s",
        (
            say("autonegotiation", "autoneg", switch),
            say("advertise", "advertise", _advertise),
            say("speed", "speed"),
            say("duplex", "duplex"),
            say("port", "port", str, _FIBRE),
            say("mdi", "mdix", _MDI.__getitem__),
            elsewhere("receive_flow_control", "pre-up ethtool -A rx"),
            elsewhere("transmit_flow_control", "pre-up ethtool -A tx"),
            elsewhere("autonegotiation_flow_control", "pre-up ethtool -A autoneg"),
        ),
    ),
    Rings: Group(
        "ethtool -G",
        (
            _number("receive", "rx"),
            _number("receive_mini", "rx-mini"),
            _number("receive_jumbo", "rx-jumbo"),
            _number("transmit", "tx"),
        ),
    ),
    Channels: Group(
        "ethtool -L",
        (
            _number("receive", "rx"),
            _number("transmit", "tx"),
            _number("other", "other"),
            _number("combined", "combined"),
        ),
    ),
    Queues: Group(
        "ip link set",
        (
            *cannot(_QUEUES, "receive_queues", "transmit_queues"),
            say("transmit_queue_length", "txqueuelen"),
        ),
    ),
    Coalesce: Group(
        "ethtool -C",
        (
            say("adaptive_receive", "adaptive-rx", switch),
            say("adaptive_transmit", "adaptive-tx", switch),
            *(
                say(f"{way}_{what}{part}", f"{short}-{word}{part.replace('_', '-')}")
                for way, short in (("receive", "rx"), ("transmit", "tx"))
                for what, word in (("delay", "usecs"), ("frames", "frames"))
                for part in ("", "_irq", "_low", "_high")
            ),
            say("packet_rate_low", "pkt-rate-low"),
            say("packet_rate_high", "pkt-rate-high"),
            say("packet_rate_interval", "sample-interval"),
            say("statistics_delay", "stats-block-usecs"),
        ),
    ),
    VirtualFunctions: Group(
        "sriov_numvfs",
        (
            elsewhere("count", "pre-up echo > /sys/class/net/NAME/device/sriov_numvfs"),
            elsewhere("functions", "pre-up ip link set vf"),
            *cannot(
                "the card is known to devlink(8) by another name, which only it tells",
                "embedded_switch_mode",
                "delay_rebind",
            ),
        ),
    ),
    VirtualFunction: Group(
        "ip link set vf",
        (
            elsewhere("id", "pre-up ip link set vf"),
            say("macaddress", "mac"),
            # ip-link(8): `qos` and `proto` belong to the `vlan` before them
            say("vlan", "vlan"),
            say("qos", "qos"),
            say("protocol", "proto", lambda value: value.replace("q", "Q")),
            say("spoof_check", "spoofchk", switch),
            say("link_state", "state", _LINK_STATES.__getitem__),
            say("trust", "trust", switch),
            say("query_rss", "query_rss", switch),
        ),
    ),
}
GSO = (
    say("generic_segmentation_max_bytes", "gso_max_size"),
    say("generic_segmentation_max_segments", "gso_max_segs"),
)
PAUSE = (
    say("autonegotiation_flow_control", "autoneg", switch),
    say("receive_flow_control", "rx", switch),
    say("transmit_flow_control", "tx", switch),
)


def describe_card(place: str, word: str) -> str:
    """Say in a row of the support table how a word is said."""
    return f"pre-up {place} {word}"


def _words(node: Record | None, options: tuple[Option, ...]) -> str:
    return "" if node is None else " ".join(text for _, text in said(node, options))


def set_card(name: str, card: Ethernet) -> Iterator[tuple[str, str]]:
    """Set what only a network card has, each command below its key; what it cannot do is no error."""
    wake = "wakeonlan-password" if card.wakeonlan is None else "wakeonlan"
    # channels before rings and rings before all else: some drivers reset the rest with them
    settings = (
        ("channels", "ethtool -L {}", _words(card.channels, ETHTOOL[Channels].options)),
        ("rings", "ethtool -G {}", _words(card.rings, ETHTOOL[Rings].options)),
        ("offload", "ethtool -K {}", _words(card.offload, ETHTOOL[Offload].options)),
        ("offload", "ip link set dev {}", _words(card.offload, GSO)),
        ("coalesce", "ethtool -C {}", _words(card.coalesce, ETHTOOL[Coalesce].options)),
        ("link-settings", "ethtool -A {}", _words(card.link_settings, PAUSE)),
        (
            "link-settings",
            "ethtool -s {}",
            _words(card.link_settings, ETHTOOL[LinkSettings].options),
        ),
        (wake, "ethtool -s {}", _wake(name, card)),
        ("queues", "ip link set dev {}", _words(card.queues, ETHTOOL[Queues].options)),
        (
            "alias",
            "ip link set dev {}",
            "" if card.alias is None else f'alias "{card.alias}"',
        ),
        *((_FUNCTIONS, f"ip link set dev {{}} vf {f.id}", words) for f, words in _functions(card)),
    )
    if card.virtual_functions is not None:
        yield _FUNCTIONS, _count(name, card.virtual_functions.number)
    for field, command, words in settings:
        if words:
            yield field, f"{command.format(name)} {words} || true"


_FUNCTIONS = "virtual-functions"


def _wake(name: str, card: Ethernet) -> str:
    words = _words(card, ETHTOOL[Ethernet].options)
    if card.wakeonlan_password is None:
        return words
    if card.wakeonlan is None:
        words = "wol s"  # systemd.link(5): a password implies it
    return f'{words} sopass "$(cat {password_path(name, card.wakeonlan_password)})"'


def _functions(card: Ethernet) -> Iterator[tuple[VirtualFunction, str]]:
    if card.virtual_functions is not None:
        for function in card.virtual_functions.functions:
            yield function, _words(function, ETHTOOL[VirtualFunction].options)


def _count(name: str, count: int) -> str:
    """Make virtual functions; the kernel takes another number only after 0 (sriov_numvfs_store)."""
    file = f"/sys/class/net/{name}/device/sriov_numvfs"
    change = f"{{ echo 0 > {file}; echo {count} > {file}; }}"
    return f'[ "$(cat {file} 2>/dev/null)" = {count} ] || {change} || true'
