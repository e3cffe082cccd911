"""Settings of network cards: of a real one as ethtool(8) prints them, of a veth in a namespace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from vnetc.backends.netlink.objects import cards, programs
from vnetc.backends.netlink.objects.calls import Problem, ProgramFailed
from vnetc.backends.netlink.state import Wanted
from vnetc.model.cards import CardMatch
from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Ethernet

from tests.apply.program_steps import Ledger, in_sandbox, ip, load_host, machine_in, needs, step
from tests.support.namespaces import sandboxed

CARD = """
interfaces:
  v0:
    offload: {generic-receive: true, tcp-segmentation: false, generic-segmentation-max-bytes: 32768}
    channels: {receive: 1}
    queues: {transmit-queue-length: 77}
"""


def wanted_cards(text: str) -> list[Wanted]:
    host = load_host(text)
    material, problems = programs.read_secrets(host)
    assert problems == []
    return [item for i in host.interfaces for item in cards.wanted(i, material)]


@in_sandbox
@needs("ethtool")
def test_cards(tmp_path: Path) -> None:
    def body() -> None:
        ip("link", "add", "v0", "numtxqueues", "2", "numrxqueues", "2", "type", "veth")
        ledger = Ledger(machine_in(tmp_path))
        wanted = wanted_cards(CARD)
        assert programs.preflight(wanted) == []
        before = ledger.read(wanted)
        assert before[wanted[0].key] == {
            "offload.generic-receive": False,
            "offload.tcp-segmentation": True,
            "offload.generic-segmentation-max-bytes": 65536,
            "channels.receive": 2,
            "queues.transmit-queue-length": 1000,
        }
        assert ledger.apply(wanted) == 1
        assert ledger.apply(wanted) == 0
        # back, by what was read
        programs.run(step(wanted[0].key, ledger.read(wanted)[wanted[0].key], before[wanted[0].key]))
        assert ledger.read(wanted) == before
        # all of a card that no document speaks of any more
        everything = programs.read([], [wanted[0].key])[wanted[0].key]
        assert before[wanted[0].key].items() <= everything.items()

        text = CARD.replace("generic-receive: true", "receive-checksum: false, large-receive: true")
        unable = wanted_cards(text.replace("queues:", "rings: {receive: 9}\n    queues:"))
        found = programs.preflight(unable)
        assert found == [
            Problem(
                ("interfaces", "v0", "rings", "receive"), "`receive`: the card does not have it"
            ),
            Problem(
                ("interfaces", "v0", "offload", "large-receive"),
                "`large-receive`: the card's driver does not let it be changed",
            ),
        ]
        with pytest.raises(ProgramFailed, match=r"ethtool -G: .*not supported"):
            programs.run(step(unable[0].key, before[unable[0].key], unable[0].attributes))

    sandboxed(body)


_ETHTOOL = """\
Settings for eth0:
\tSupported link modes:   10baseT/Half 10baseT/Full
\t                        1000baseT/Full
\tAdvertised link modes:  100baseT/Half 100baseT/Full
\t                        1000baseT/Full
\tAdvertised pause frame use: No
\tSpeed: 1000Mb/s
\tDuplex: Full
\tAuto-negotiation: on
\tPort: Twisted Pair
\tMDI-X: off (auto)
\tSupports Wake-on: pumbg
\tWake-on: gs
\tSecureOn password: 00:11:22:33:44:55
"""
_COALESCE = (
    "Coalesce parameters for eth0:\nAdaptive RX: on  TX: off\nrx-usecs: 3\ntx-frames-irq: n/a\n"
)


def test_what_ethtool_prints_of_a_real_card_is_read() -> None:
    link = {
        name: value
        for tool in cards.TOOLS
        if tool.show == ""
        for name, value, _ in cards.read(tool, cards.printed(_ETHTOOL))
    }
    assert link == {
        "link-settings.autonegotiation": True,
        "link-settings.advertise": ["1000baset-full", "100baset-full", "100baset-half"],
        "link-settings.speed": 1000,
        "link-settings.duplex": "full",
        "link-settings.port": "tp",
        "link-settings.mdi": "auto",
        "ethernet.wakeonlan": ["magic", "secureon"],
    }
    (coalesce,) = (tool for tool in cards.TOOLS if tool.show == "-c")
    assert [*cards.read(coalesce, cards.printed(_COALESCE))] == [
        ("coalesce.adaptive-receive", True, False),
        ("coalesce.adaptive-transmit", False, False),
        ("coalesce.receive-delay", 3, False),
    ]
    assert cards.read_password(cards.printed(_ETHTOOL)) == cards.fingerprint("001122334455")


_FUNCTIONS = {
    "vfinfo_list": [
        {
            "vf": 0,
            "address": "02:00:00:00:00:01",
            "vlan_list": [{"vlan": 7, "qos": 3, "protocol": "802.1Q"}],
            "spoofchk": True,
            "link-state": "disable",
            "trust": False,
            "query_rss_en": False,
        },
        {"vf": 1, "address": "02:00:00:00:00:02", "spoofchk": True, "link-state": "auto"},
    ]
}


def test_virtual_functions() -> None:
    found = dict(cards.read_functions(_FUNCTIONS))
    text = (
        'interfaces: {lan: {match: {macaddress: "02:00:00:00:00:09"}, virtual-functions: {count: 2, '
        "functions: [{id: 0, vlan: 7, qos: 4, trust: false}, {id: 1, link-state: false}]}}}"
    )
    (item,) = wanted_cards(text)
    assert [*cards.commands("lan", found, item.attributes, {})] == [
        ["ip", "link", "set", "dev", "lan", "vf", "0", "vlan", "7", "qos", "4"],
        ["ip", "link", "set", "dev", "lan", "vf", "1", "state", "disable"],
    ]
    assert cards.impact({cards.COUNT: 4}, item.attributes) == "disruptive"
    assert cards.impact({cards.COUNT: 0}, item.attributes) == "seamless"


def test_waking_can_be_switched_off() -> None:
    (item,) = wanted_cards("interfaces: {eth0: {match: {name: a}, wakeonlan: false}}")
    assert item.attributes == {"ethernet.wakeonlan": []}
    before = {"ethernet.wakeonlan": ["magic"]}
    assert [*cards.commands("eth0", before, item.attributes, {})] == [
        ["ethtool", "-s", "eth0", "wol", "d"]
    ]


def test_a_password_of_magic_packets_is_never_in_the_state(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("00:11:22:33:44:55\n")
    text = f"interfaces: {{eth0: {{wakeonlan-password: {{file: {tmp_path}/password}}}}}}"
    host = load_host(text.replace("eth0: {", 'eth0: {match: {name: "eth*"}, '))
    material, problems = programs.read_secrets(host)
    assert problems == []
    (item,) = cards.wanted(host.interfaces[0], material)
    assert "11" not in str({k: v for k, v in item.attributes.items() if k != cards.PASSWORD})
    keys = programs.keyring(material)
    assert [*cards.commands("eth0", {}, item.attributes, keys)] == [
        ["ethtool", "-s", "eth0", "wol", "s", "sopass", "00:11:22:33:44:55"]
    ]
    assert [*cards.commands("eth0", item.attributes, item.attributes, keys)] == []
    (tmp_path / "password").write_text("not one")
    _, (problem,) = programs.read_secrets(host)
    assert problem.text == f"{tmp_path}/password is no key"


def test_cards_with_other_names_than_the_document_says() -> None:
    def named(name: str, **match: Any) -> Interface:
        kind = Ethernet(match=CardMatch(path=(), **match))
        return Interface(name=name, path=("interfaces", name), kind=kind)

    seen = [
        cards.Facts("lan", "02:00:00:00:00:01", "igb", "pci-0000:02:00.0"),
        cards.Facts("eth1", "02:00:00:00:00:02", "igb", "pci-0000:02:00.1"),
    ]
    host = Host(
        name="h",
        interfaces=(
            named("lan", macaddress="02:00:00:00:00:01", driver=("e1000e", "ig*")),
            named("wan", path_=("pci-*.1",)),
        ),
    )
    assert [(i.name, other) for i, other in cards.misnamed(host, seen)] == [("wan", "eth1")]
    swapped = Host(name="h", interfaces=(named("lan", macaddress="02:00:00:00:00:02"),))
    assert [(i.name, other) for i, other in cards.misnamed(swapped, seen)] == [("lan", "eth1")]
