"""What ifupdown2 and ifupdown-ng are told of the VLANs of a bridge's ports: options as far as they go."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from vnetc.pipeline import compile_text

TARGETS = ("ifupdown2", "ifupdown-ng")


class Ported(NamedTuple):
    port: str
    options: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()  # in the bridge's stanza
    default: int = 1


PORTS = {
    "access port": Ported("{pvid: 10, untagged: [10]}", ("bridge-access 10",), default=0),
    "access port of the default VLAN": Ported(
        "{pvid: 40, untagged: [40]}", ("bridge-access 40",), default=40
    ),
    "trunk": Ported("{vlans: [10, 30-39]}", ("bridge-vids 10 30-39",)),
    "trunk without untagged frames": Ported(
        "{vlans: [10, 30-39]}", ("bridge-vids 10 30-39", "bridge-allow-untagged no"), default=0
    ),
    "trunk with another PVID": Ported(
        "{vlans: [10-12], pvid: 11, untagged: [11]}",
        ("bridge-vids 10 12", "bridge-pvid 11"),
        default=0,
    ),
    "port that says nothing": Ported("{}"),
    "port of a bridge without a default": Ported("{}", ("bridge-allow-untagged no",), default=0),
    "port of a bridge with another default": Ported("{}", ("bridge-pvid 40",), default=40),
    "access port that keeps the default VLAN": Ported(
        "{pvid: 10, untagged: [10]}",
        ("bridge-vids 1", "bridge-pvid 10"),
        ("# interfaces.br0.ports.eth0.pvid", "up bridge vlan add dev eth0 vid 1 untagged"),
    ),
    "trunk that lists the default VLAN": Ported(
        "{vlans: [1, 10], pvid: 10, untagged: [10]}", ("bridge-vids 1", "bridge-pvid 10")
    ),
    "PVID that leaves with its tag": Ported(
        "{vlans: [20], pvid: 20}",
        ("bridge-access 20",),
        ("# interfaces.br0.ports.eth0.pvid", "up bridge vlan add dev eth0 vid 20 pvid"),
        default=0,
    ),
    "one more VLAN that leaves without": Ported(
        "{vlans: [30, 31], untagged: [30]}",
        ("bridge-vids 30-31",),
        ("# interfaces.br0.ports.eth0.untagged", "up bridge vlan add dev eth0 vid 30 untagged"),
    ),
}


def stanzas(target: str, *lines: str) -> dict[str, list[str]]:
    """Give the lines of each stanza of a document's interfaces."""
    text = "version: 1\ninterfaces:\n" + "".join(f"  {line}\n" for line in lines)
    result = compile_text(text, name="host", target=target, version="debian-13")
    content = next(f.content for f in result.files if f.path == "/etc/network/interfaces")
    found: dict[str, list[str]] = {}
    for block in content.split("\n\n")[1:]:
        head, *rest = (line for line in block.splitlines() if not line.startswith("auto "))
        found[head.split()[1]] = [line.strip() for line in rest]
    return found


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", PORTS)
def test_port(target: str, name: str) -> None:
    said = PORTS[name]
    bridge = f"type: bridge, vlan-filtering: true, default-pvid: {said.default}"
    other = "eth1: {vlans: [99], pvid: 98, untagged: [98]}"
    found = stanzas(
        target,
        "eth0: {}",
        "eth1: {}",
        f"br0: {{{bridge}, ports: {{eth0: {said.port}, {other}}}}}",
    )
    assert tuple(found["eth0"]) == said.options
    lines = found["br0"]
    keys = [number for number, line in enumerate(lines) if ".eth0." in line]
    block = lines[keys[0] : keys[0] + len(said.commands)] if keys else []
    assert tuple(block) == said.commands
    assert not [line for line in lines if "dev eth0" in line and line not in said.commands]


_PORTS = "{eth0: {vlans: [10, 20]}, eth1: {vlans: [10, 20]}}"
TRUNKS = (
    "eth0: {}",
    "eth1: {}",
    f"br0: {{type: bridge, vlan-filtering: true, ports: {_PORTS}, vlans: [10, 20]}}",
    "br0.10: {type: vlan, link: br0, id: 10, addresses: [10.0.10.2/24]}",
)


def test_what_all_ports_carry_stands_in_the_bridge() -> None:
    found = stanzas("ifupdown2", *TRUNKS)
    assert found["eth0"] == found["eth1"] == []
    assert "bridge-vids 10 20" in found["br0"]


def test_vlans_made_on_a_bridge_reach_it_by_themselves() -> None:
    """Those alone: ifupdown2 adds each when it makes the VLAN."""
    found = stanzas("ifupdown2", *TRUNKS)
    assert [line for line in found["br0"] if "self" in line] == [
        "up bridge vlan add dev br0 vid 20 self"
    ]


def test_bridge_itself() -> None:
    found = stanzas("ifupdown-ng", *TRUNKS)
    assert "bridge-vids 10 20" in found["br0"]
    assert "bridge-vids 10 20" in found["eth0"]
    assert not [line for line in found["br0"] if "self" in line]


def test_bridge_with_a_port_that_would_inherit() -> None:
    """Of a bridge's VLANs ifupdown-ng gives ports those of which they say none (ifupdown-ng.conf(5))."""
    ports = "ports: {eth0: {vlans: [10, 20]}, eth1: {}}"
    bridge = f"br0: {{type: bridge, vlan-filtering: true, {ports}, vlans: [10]}}"
    found = stanzas("ifupdown-ng", *TRUNKS[:2], bridge)
    assert "bridge-vids 10 20" in found["eth0"]
    assert found["eth1"] == []
    assert [line for line in found["br0"] if "vids" in line or "self" in line] == [
        "up bridge vlan add dev br0 vid 10 self"
    ]


def test_vxlan_is_a_port_by_bridge_access_alone() -> None:
    """Without, ifupdown2 refuses it; a VLAN besides is told by a command then."""
    found = stanzas(
        "ifupdown2",
        "eth0: {}",
        "vx10: {type: vxlan, id: 10, local: 192.0.2.1}",
        "br0: {type: bridge, vlan-filtering: true, ports: {eth0: {}, vx10: {vlans: [20]}}}",
    )
    assert "bridge-access 1" in found["vx10"]
    assert "up bridge vlan add dev vx10 vid 20" in found["br0"]
