"""What comes out is what was said: each line of an output is there because of a key.

A line is of a key if it goes, or becomes another, when the key's value changes. What is left is a
skeleton, which every file of the target has, or an exception that docs/reference/exceptions.yaml
gives a reason for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import pytest
from vnetc.backends import load
from vnetc.backends.express import express
from vnetc.language.tree import parse
from vnetc.pipeline import analyse, compile_text

from tests.support import mutations
from tests.support.drawing import Document, text_of
from tests.support.mutations import ABSENT, has
from tests.support.places import ROOT
from tests.support.strategies import without_target

# The plain hosts, of which no target needs more than its own words.
PLAIN = (
    *("kvm-bridge-static", "kvm-bridge-dhcp", "proxmox-lacp", "vlan-trunk", "ipv6-only"),
    *("dhcp", "dual-stack", "bond-vlans"),
)
# Networks of guests: their rulesets, DHCP servers and units are of the network as a whole.
GUESTS = ("kvm-nat", "kvm-routed-ipv6", "kvm-three-networks")
OF_A_NETWORK = re.compile(
    r"(/etc/vnetc/.*|/etc/systemd/system/.*|/etc/sysctl\.d/.*): .*"
    r"|/etc/network/interfaces: (up|down) (nft|sysctl|start-stop-daemon) .*"
)
IFUPDOWNS = ("ifupdown", "ifupdown2", "ifupdown-ng")
TARGETS = (*IFUPDOWNS, "netplan", "networkd")

# What a file needs to be about an interface at all, by target.
SKELETON: Mapping[str, str] = {
    **dict.fromkeys(
        IFUPDOWNS,
        r"(auto|iface) lo( inet loopback)?|auto [\w.-]+|iface [\w.-]+ inet6? \w+"
        # a bridge without ports, and what is made by a command
        r"|bridge-ports none"
        r"|pre-up ip link add .*|post-down ip link del .*|link-type \w+"
        # the keys of commands
        r"|# (interfaces|networks)\..*",
    ),
    "netplan": (
        r"network:|version: 2|renderer: networkd|(ethernets|bridges|bonds|vlans):|[\w.-]+:( \{\})?"
        r"|interfaces: \[\]"
        # of a drop-in: the keys that it says, and the head of a section
        r"|# (interfaces|networks)\..*|\[\w+\]"
        # of a .netdev file
        r"|Name=.*|Kind=\w+"
    ),
    "networkd": r"\[\w+\]|Name=.*|Kind=\w+",
}


class Line(NamedTuple):
    path: str
    text: str


class Exemption(NamedTuple):
    targets: list[str]
    line: str
    what: str
    because: str


EXCEPTIONS = [
    Exemption(**row) for row in parse((ROOT / "docs/reference/exceptions.yaml").read_bytes()).data
]


def sample(name: str) -> Document:
    paths = (
        ROOT / f"samples/{name}.vnet.yaml",
        ROOT / f"tests/backends/golden/{name}/spec.vnet.yaml",
    )
    found = next(path for path in paths if path.exists())
    return without_target(parse(found.read_bytes()).data)


def written(document: Document, target: str) -> Counter[Line]:
    """Give the lines of all files, less their heads, whatever the checks say of the document.

    Nothing if it describes no host.
    """
    host = analyse(text_of(document), name="host").host
    if host is None:
        return Counter()
    about = load(target)
    host, _ = express(host, about, about.programs)
    return Counter(
        Line(file.path, line.strip())
        for file in about.write(host, about.default)
        for line in file.content.split("\n")[1:]
        if line.strip()
    )


def unsaid(document: Document, target: str) -> set[Line]:
    """Find the lines that are there whatever the value of any key below an interface."""
    lines = written(document, target)
    assert lines
    left = set(lines)
    for change in mutations.mutations(document):
        if len(change.path) > 2 and change.path[-1] != "type":
            after = written(change.document, target)
            if after:
                left -= {line for line in left if after[line] < lines[line]}
    return left


def exempt(line: Line, target: str) -> bool:
    return any(target in row.targets and re.fullmatch(row.line, line.text) for row in EXCEPTIONS)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", [*PLAIN, *GUESTS])
def test_each_line_is_said(name: str, target: str) -> None:
    found = unsaid(sample(name), target)
    skeleton = re.compile(SKELETON[target])
    strange = {
        line
        for line in found
        if not skeleton.fullmatch(line.text)
        and not exempt(line, target)
        and not (name in GUESTS and OF_A_NETWORK.fullmatch(f"{line.path}: {line.text}"))
    }
    assert not strange


def test_each_dropin_names_its_keys() -> None:
    """Above a drop-in for netplan stand keys of the document, and nothing else does so."""
    seen = 0
    for path in sorted((ROOT / "tests/backends/golden").glob("*/spec.vnet.yaml")):
        document = parse(path.read_bytes()).data
        output = compile_text(path.read_text(), target="netplan", allow_hooks=True)
        for file in output.files:
            if "/10-netplan-" in file.path:
                keys = re.findall(r"^# ((?:interfaces|networks)\..*)$", file.content, re.MULTILINE)
                assert keys, file.path
                seen += 1
                for key in keys:
                    assert has(document, key), (path, key)
    assert seen > 20


@pytest.mark.parametrize("row", EXCEPTIONS, ids=lambda row: row.what)
def test_each_exception_is_used(row: Exemption) -> None:
    """An exception that no host needs is no exception."""
    samples = [path.name.removesuffix(".vnet.yaml") for path in (ROOT / "samples").glob("*.yaml")]
    goldens = [
        path.parent.name for path in (ROOT / "tests/backends/golden").glob("*/spec.vnet.yaml")
    ]
    for target in row.targets:
        assert any(
            re.fullmatch(row.line, line.text)
            for name in sorted({*samples, *goldens})
            for line in written(sample(name), target)
        ), target


def test_a_strange_line_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail."""
    document = {"version": 1, "interfaces": {"eth0": {"mtu": 1400}}}
    monkeypatch.setattr(
        "vnetc.backends.networkd.layer3.proxies", lambda interface: [("LLMNR", "no")]
    )
    assert Line("/etc/systemd/network/05-eth0.network", "LLMNR=no") in unsaid(document, "networkd")


def test_what_is_taken_out_goes() -> None:
    """A key that is taken out takes its lines with it, and leaves the other lines alone."""
    for name in PLAIN:
        document = sample(name)
        for target in TARGETS:
            before = written(document, target)
            for change in mutations.mutations(document):
                if change.after is ABSENT and len(change.path) > 2:
                    after = written(change.document, target)
                    if after and change.before not in ([], {}, None):
                        assert not (after - before) or before - after, (name, target, change)
