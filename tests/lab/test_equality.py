"""Every renderer leaves the kernel in the same state, and it is the one that the document says."""

from __future__ import annotations

from pathlib import Path

import pytest
import vnetc
from vnetc.model import Bridge, Host

from . import case, tree, wire
from .boot import RENDERERS
from .comparison import compare
from .expect import expect
from .state import Key

SAMPLES = tree.REPOSITORY / "samples"
CASES = Path(__file__).with_name("cases")
# Refused by the checks already, and meant to be.
REFUSED = frozenset({"wrong-gateway"})
# Cases that a target rightly refuses, and no others: only networkd has a DHCP server of its own.
NOT_ON = {"networkd-dhcp": frozenset({"ifupdown"})}

SPECS = [
    spec
    for directory in (SAMPLES, CASES)
    for spec in sorted(directory.glob(f"*{case.SUFFIX}"))
    if case.name(spec) not in REFUSED
]


def needs(host: Host) -> frozenset[str]:
    """Name the kinds of interfaces that a host's kernel must be able to make."""
    kinds = {i.kind.type for i in host.interfaces} - {"ethernet", "loopback"}
    if any(isinstance(i.kind, Bridge) and i.kind.vlan_filtering for i in host.interfaces):
        kinds.add("vlan-filtering")
    return frozenset(kinds)


@pytest.mark.lab
@pytest.mark.parametrize("spec", SPECS, ids=case.name)
def test_equality(spec: Path, debian: Path, kernel_lacks: frozenset[str]) -> None:
    host = vnetc.load_host(spec.read_text(), case.name(spec))
    if lacking := needs(host) & kernel_lacks:
        pytest.skip(f"lab: this kernel has no {', '.join(sorted(lacking))}")
    targets = tuple(t for t in RENDERERS if t not in NOT_ON.get(case.name(spec), ()))
    states = case.states(spec, targets, debian)
    differences = compare(host, expect(host, wire.leases(host)), states)
    assert not differences, f"{case.name(spec)}:\n{differences}"


@pytest.mark.parametrize("spec", SPECS, ids=case.name)
def test_refusals(spec: Path) -> None:
    """A target refuses a case if and only if that is written down above."""
    refuses = {target for target in RENDERERS if not case.compile_for(spec, target).files}
    assert refuses == NOT_ON.get(case.name(spec), frozenset())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (("address", "br0", "192.168.1.110/24"), None),
        (("address", "br0", "192.168.1.111/24"), "scope global broadcast"),
        (("route", "ipv4 table 254", "default dev br0"), "scope global via 192.168.1.2"),
        (("route", "ipv4 table 7", "10.0.0.0/8 dev br0"), "scope link"),
        (("rule", "ipv4", "100"), "src=all table=7"),
        (("neighbour", "br0", "192.168.1.9"), "52:54:00:00:00:01"),
        (("link", "eth0", "master"), None),
        (("link", "br1", "kind"), "bridge"),
        (("link", "br0", "mtu"), "1400"),
        (("sysctl", "all", "ipv4 forwarding"), "1"),
        (("nft", "inet vnetc_lan", "table vnetc_lan"), "{}"),
    ],
)
def test_comparison_finds(key: Key, value: str | None) -> None:
    """One renderer of two that lacks something, has it otherwise or has more of it is found out."""
    host = vnetc.load_host((SAMPLES / f"kvm-bridge-static{case.SUFFIX}").read_text())
    right = expect(host, {})
    wrong = {k: v for k, v in right.items() if k != key}
    if value is not None:
        wrong[key] = value
    assert not compare(host, right, {"one": right, "two": right})
    assert compare(host, right, {"one": right, "two": wrong}).startswith(" ".join(key))
