"""Outputs are what an administrator of the target would have written: its limits are numbers here.

The page docs/reference/idiom.md shows the same numbers. tests/backends/idiom.yaml names what plain hosts have
besides options, and why.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

import pytest
from vnetc.backends import REGISTRY, load
from vnetc.backends.devices import Devices
from vnetc.backends.express import express
from vnetc.backends.ifupdown.dialects import Classic, Ifupdown2, IfupdownNg
from vnetc.backends.ifupdown.raw import raw_lines
from vnetc.backends.ifupdown.stanzas import HOOKS
from vnetc.backends.ifupdown.writer import stanzas
from vnetc.language.tree import parse
from vnetc.pipeline import analyse

from tests.checks import refusals
from tests.support import pages
from tests.support.mutations import has
from tests.support.places import ROOT

page = pages.module("idiom")
IFUPDOWNS = {"ifupdown": Classic(), "ifupdown2": Ifupdown2(), "ifupdown-ng": IfupdownNg()}
# bridge hosts, Proxmox, VLAN trunk, two families, bond with VLANs, DHCP with a metric
PLAIN = (
    *("kvm-bridge-static", "kvm-bridge-dhcp", "proxmox-lacp", "vlan-trunk"),
    *("dual-stack", "bond-vlans", "dhcp"),
)
GUESTS = ("kvm-nat", "kvm-routed-ipv6", "kvm-three-networks", "guests", "guests-isolated")


class Row(NamedTuple):
    hosts: list[str]
    targets: list[str]
    what: str
    because: str


_DATA = parse((ROOT / "tests/backends/idiom.yaml").read_bytes()).data
ROWS = [Row(**row) for part in ("exceptions", "misses") for row in _DATA[part]]


@cache
def text_of(name: str) -> str:
    places = (
        ROOT / f"samples/{name}.vnet.yaml",
        ROOT / f"tests/backends/golden/{name}/spec.vnet.yaml",
    )
    return next(path for path in places if path.exists()).read_text(encoding="utf-8")


@cache
def written(name: str, target: str) -> dict[str, str]:
    files: dict[str, str] = page.written(text_of(name), target)
    return files


def foreign(name: str, target: str) -> list[str]:
    """List what is no option of the target."""
    found = page.idiom(written(name, target), target)
    return [*(c.line for c in found.commands), *found.drop_ins, *found.companions]


def excuses(name: str, target: str, what: str) -> list[Row]:
    return [
        row
        for row in ROWS
        if name in row.hosts and target in row.targets and re.fullmatch(row.what, what)
    ]


@pytest.mark.parametrize("target", page.TARGETS)
@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_host_is_options(name: str, target: str) -> None:
    """No command, no drop-in, no companion, but what tests/backends/idiom.yaml has a reason for."""
    assert not [what for what in foreign(name, target) if not excuses(name, target, what)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_each_reason_is_needed(row: Row) -> None:
    for target in row.targets:
        for name in row.hosts:
            assert any(row in excuses(name, target, what) for what in foreign(name, target)), (
                f"{name} on {target} needs it no more"
            )


# --- networks of guests ---------------------------------------------------------------------------


def networks(name: str) -> list[Any]:
    host = analyse(text_of(name)).host
    assert host is not None
    return [*host.firewalls]


@pytest.mark.parametrize("target", IFUPDOWNS)
@pytest.mark.parametrize("name", GUESTS)
def test_a_network_of_guests_is_few_lines(name: str, target: str) -> None:
    text = written(name, target)["/etc/network/interfaces"]
    bridges = {network.bridge for network in networks(name)}
    for bridge in bridges:
        words = Counter(line.word for line in page.stanza_lines(text) if line.interface == bridge)
        assert words["up"] <= 3
        assert words["down"] <= 2
        assert not words["pre-up"] + words["post-down"]


@pytest.mark.parametrize("target", page.TARGETS)
@pytest.mark.parametrize("name", GUESTS)
def test_a_network_of_guests_is_few_files(name: str, target: str) -> None:
    """A ruleset and dnsmasq's configuration for each network, one file of sysctls for all of them.

    Where systemd starts them, a unit for each and the drop-in that asks for the units.
    """
    number = len(networks(name))
    units = target not in IFUPDOWNS
    limits = {
        r"/etc/vnetc/[\w-]+\.nft": number,
        r"/etc/vnetc/[\w-]+\.dnsmasq\.conf": number,
        r"/etc/sysctl\.d/60-vnetc\.conf": 1,
        r"/etc/systemd/system/vnetc-firewall-[\w-]+\.service": number * units,
        r"/etc/systemd/system/vnetc-dnsmasq-[\w-]+\.service": number * units,
        r"/etc/systemd/system/systemd-networkd\.service\.d/[\w-]+\.conf": units,
    }
    found = page.idiom(written(name, target), target)
    left = {*found.drop_ins, *found.companions}
    for pattern, limit in limits.items():
        those = {path for path in left if re.fullmatch(pattern, path)}
        assert len(those) <= limit
        left -= those
    assert not left


# --- all samples together -------------------------------------------------------------------------


@pytest.mark.parametrize("target", IFUPDOWNS)
def test_samples_need_a_third_of_the_commands_of_0_1(target: str) -> None:
    then = page.totals(page.before().values())[target][1]
    found = page.counted(ROOT / "samples")
    now = page.totals({t: i.numbers for t, i in row.items()} for row in found.values())[target][1]
    assert now <= then / 3


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("a", 1),
        ("a; b", 2),
        ("a || true", 2),
        ("a | b", 1),
        ("a 'x; y' && b \"z || w\"", 2),
        ("while a; do b; done", 2),
        ("[ -d /x ] || { a; b; }", 3),
        ("if a; then\n  b \\\n    --c\nelse\n  d\nfi", 3),
        ("case $x in\na) b ;;\n'c d' | *) e ;;\nesac", 2),
        ("f() {\n  a\n}\nf", 2),
    ],
)
def test_commands_are_counted(code: str, number: int) -> None:
    assert page.number_of(code) == number


# --- what is refused, what is said above commands -------------------------------------------------


@pytest.mark.parametrize("target", REGISTRY)
def test_nothing_is_refused_that_0_1_took(target: str) -> None:
    data = json.loads(refusals.ANSWERS.read_text(encoding="utf-8"))
    texts = refusals.documents()
    asked = {name: data["refused"][target].get(name, []) for name in data["documents"]}
    new: list[tuple[str, str]] = []
    for name, then in asked.items():
        text = texts.get(name)
        if then is None or text is None:  # 0.1 could not read it, or it is no more
            continue
        now = refusals.refused(text, target)
        assert now is not None, name
        new += [
            (name, place)
            for place in now
            if not any(f"{place}.".startswith(f"{old}.") for old in then)
        ]
    known = {(target, row["document"]) for row in _DATA["refused"] if target in row["targets"]}
    assert {(target, name) for name, _ in new} == known, new


@cache
def unsaid(target: str) -> dict[str, set[str]]:
    """Give the keys above commands that the document has not, by document; `` for none at all."""
    about = load(target)
    found: dict[str, set[str]] = {}
    for name, text in refusals.named().items():
        document = parse(text.encode()).data
        host = analyse(text, name="host").host
        assert host is not None
        host, _ = express(host, about, about.programs)
        devices = Devices(host)
        for interface in host.interfaces:
            raw = raw_lines(interface, target)
            for stanza in stanzas(host, devices, interface, IFUPDOWNS[target], raw):
                for line in stanza.lines:
                    if line.word in HOOKS:
                        keys = {
                            key for key in line.keys or ("",) if not key or not has(document, key)
                        }
                        found.setdefault(name, set()).update(keys)
    return found


@pytest.mark.parametrize("target", IFUPDOWNS)
def test_above_each_command_stands_its_key(target: str) -> None:
    found = unsaid(target)
    assert len(found) > 50
    strange = {(name, key) for name, keys in found.items() for key in keys if not _known(key)}
    assert not strange


def _known(key: str) -> bool:
    return any(re.fullmatch(row["keys"], key) for row in _DATA["unsaid"])


@pytest.mark.parametrize("row", _DATA["unsaid"], ids=lambda row: row["keys"])
def test_each_unsaid_key_is_there(row: dict[str, str]) -> None:
    keys = {key for target in IFUPDOWNS for found in unsaid(target).values() for key in found}
    assert any(re.fullmatch(row["keys"], key) for key in keys), "no command needs it any more"


def test_above_each_command_of_a_card_stands_its_own_key() -> None:
    text = written("ethernet-settings", "ifupdown")["/etc/network/interfaces"]
    keys: dict[str, str] = {}
    key = ""
    for line in map(str.strip, text.splitlines()):
        key = line if line.startswith("# ") else key
        keys[line] = key
    seen = {line.split()[2]: key for line, key in keys.items() if line.startswith("pre-up ethtool")}
    assert {"-L", "-G", "-s"} <= seen.keys()
    assert not [key for key in seen.values() if key.count(".") != 2]
    woken = {key for line, key in keys.items() if " wol " in line}
    assert woken == {"# interfaces.lan.wakeonlan", "# interfaces.slow.wakeonlan"}
