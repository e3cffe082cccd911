"""What a new device has anyway costs no command on the ifupdowns."""

from __future__ import annotations

import pytest
from vnetc.backends.ifupdown.silence import SILENCE
from vnetc.backends.netlink.links.changes import defaults
from vnetc.backends.netlink.links.kinds import BOND, BRIDGE, PORTS_OF_BRIDGES
from vnetc.backends.support import key, word_of
from vnetc.model.host import Port
from vnetc.model.kinds import Bond, Bridge, VlanFlags
from vnetc.model.record import Record
from vnetc.pipeline import compile_text

ASKING = (
    "type: bond, mode: active-backup, members: [eth0, eth1], "
    "arp-interval: 1s, arp-ip-targets: [192.0.2.1]"
)
LACP = "type: bond, mode: 802.3ad, members: [eth0, eth1]"
BRIDGE_OF_ONE = "type: bridge, ports: {eth0: {learning: true, fast-leave: false}}"
SAME = [
    f"{ASKING}, arp-validate: all, arp-all-targets: any",
    f"{LACP}, min-links: 0, resend-igmp: 1, all-members-active: false",
    f"{LACP}, lacp-active: true, ad-actor-system-priority: 65535",
    f"{BRIDGE_OF_ONE}, multicast-snooping: true, group-forward-mask: 0",
    "type: bridge, vlan-filtering: true, vlan-stats: false, vlan-stats-per-port: false",
    "type: bridge, vlan-filtering: true, default-pvid: 1",
    "type: vlan, id: 7, link: eth0, flags: {reorder-headers: true, gvrp: false}",
]


def commands(device: str, target: str) -> list[str]:
    name = "eth0.7" if "vlan, " in device else "dev0"
    text = f"version: 1\nhost: a\ninterfaces: {{eth0: {{}}, eth1: {{}}, {name}: {{{device}}}}}\n"
    output = compile_text(text, target=target, allow_hooks=True)
    assert output.files, output.diagnostics
    lines = map(str.strip, output.files[0].content.splitlines())
    return [line for line in lines if line.split(" ")[0] in ("pre-up", "up")]


@pytest.mark.parametrize("device", SAME)
@pytest.mark.parametrize("target", ["ifupdown", "ifupdown-ng"])
def test_what_a_device_has_anyway_is_no_command(device: str, target: str) -> None:
    assert not commands(device, target)


@pytest.mark.parametrize("device", [SAME[2], SAME[4]])
def test_what_no_reload_can_change_is_no_command(device: str) -> None:
    assert not commands(device, "ifupdown2")


def test_what_a_reload_may_have_to_set_back_is_a_command() -> None:
    (command,) = commands(SAME[0], "ifupdown2")
    assert command.endswith("arp_all_targets any")


def test_another_value_is_a_command() -> None:
    (command,) = commands(SAME[0].replace("any", "all"), "ifupdown")
    assert command.endswith("arp_all_targets all")


def test_an_option_stays() -> None:
    text = "version: 1\nhost: a\ninterfaces: {br0: {type: bridge, hello-time: 2s}}\n"
    assert "bridge-hello 2\n" in compile_text(text, target="ifupdown").files[0].content


@pytest.mark.parametrize("cls", [Bond, Bridge, Port])
def test_silence_is_the_kernels(cls: type[Record]) -> None:
    """The other table is tried on kernels (tests/netlink/test_links.py)."""
    options = {option.name: option for option in (*BOND, *BRIDGE, *PORTS_OF_BRIDGES)}
    for field, value in SILENCE[cls].items():
        option = options[f"{word_of(cls)}.{key(field)}"]
        assert option.type.convert(value) == option.default, field


def test_silence_of_vlans_is_the_kernels() -> None:
    known = defaults("vlan", {})
    assert SILENCE[VlanFlags] == {
        field: known[f"vlan-flags.{key(field)}"] for field in SILENCE[VlanFlags]
    }
