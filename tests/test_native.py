"""What comes out is what was said: each line of an output is there because of a key.

A line is of a key if it goes, or becomes another, when the key's value changes. What is left is a
skeleton, which every file of the target has, or an exception that docs/reference/exceptions.yaml
gives a reason for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from vnetc.backends import load
from vnetc.backends.base import express
from vnetc.pipeline import analyse, compile_text
from vnetc.source import parse

from . import mutations
from .mutations import ABSENT
from .strategies import Document, text_of, without_target

ROOT = Path(__file__).resolve().parents[1]
# The plain hosts, of which no target needs more than its own words.
PLAIN = (
    *("kvm-bridge-static", "kvm-bridge-dhcp", "proxmox-lacp", "vlan-trunk", "ipv6-only"),
    *("dhcp", "dual-stack", "bond-vlans"),
)
# Networks of guests: their rulesets, DHCP servers and units are of the network as a whole.
GUESTS = ("kvm-nat", "kvm-routed-ipv6", "kvm-three-networks")
OF_A_NETWORK = re.compile(r"/etc/vnetc/.*|/etc/systemd/system/.*|/etc/sysctl\.d/.*")
TARGETS = ("netplan", "networkd")

# What a file needs to be about an interface at all, by target.
SKELETON: Mapping[str, str] = {
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
    paths = (ROOT / f"samples/{name}.vnet.yaml", ROOT / f"tests/golden/{name}/spec.vnet.yaml")
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
    host, _ = express(host, about, about.default)
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
        and not (name in GUESTS and OF_A_NETWORK.fullmatch(line.path))
    }
    assert not strange


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_host_is_a_plain_file(name: str, target: str) -> None:
    """No drop-in, no companion: but for what netplan has no key for, VLANs of a bridge and the like."""
    output = compile_text(text_of(sample(name)), name="host", target=target)
    paths = {file.path for file in output.files}
    # netplan 0.106 makes no dummies
    places = {
        "netplan": r"/etc/netplan/.*|/etc/systemd/network/05-dummy\w+\.netdev",
        "networkd": r"/etc/systemd/network/05-.*",
    }
    strange = {path for path in paths if not re.fullmatch(places[target], path)}
    for path in strange:
        assert target == "netplan" and "/10-netplan-" in path, path
    dropins = [file for file in output.files if file.path in strange]
    assert all(_KEYS_WITHOUT_A_WORD.search(file.content) for file in dropins), strange


# what netplan(5) has no word for, or one that is proven not to do it (support.py says which)
_KEYS_WITHOUT_A_WORD = re.compile(
    r"^# (interfaces|networks)\.\S+\.(vlan-filtering|vlans|mtu|routing-policy|default-pvid|sysctl)$",
    re.MULTILINE,
)


def test_each_dropin_names_its_keys() -> None:
    """Above a drop-in for netplan stand keys of the document, and nothing else does so."""
    seen = 0
    for path in sorted((ROOT / "tests/golden").glob("*/spec.vnet.yaml")):
        document = parse(path.read_bytes()).data
        output = compile_text(path.read_text(), target="netplan", allow_hooks=True)
        for file in output.files:
            if "/10-netplan-" in file.path:
                keys = re.findall(r"^# ((?:interfaces|networks)\..*)$", file.content, re.MULTILINE)
                assert keys, file.path
                seen += 1
                for key in keys:
                    assert _has(document, key), (path, key)
    assert seen > 20


def _has(document: Any, key: str) -> bool:
    """Tell whether a document has a key that is given with dots; names may have some as well."""
    if not key:
        return True
    key = re.sub(r"\[(\d+)\]", r".\1", key)
    if isinstance(document, list):
        name, _, rest = key.partition(".")
        inside = name.isdigit() and int(name) < len(document)
        return _has(document[int(name)], rest) if inside else name in document
    if not isinstance(document, dict):
        return False
    return any(
        key == name or (key.startswith(f"{name}.") and _has(value, key[len(name) + 1 :]))
        for name, value in ((str(name), value) for name, value in document.items())
    )


@pytest.mark.parametrize("row", EXCEPTIONS, ids=lambda row: row.what)
def test_each_exception_is_used(row: Exemption) -> None:
    """An exception that no host needs is no exception."""
    samples = [path.name.removesuffix(".vnet.yaml") for path in (ROOT / "samples").glob("*.yaml")]
    goldens = [path.parent.name for path in (ROOT / "tests/golden").glob("*/spec.vnet.yaml")]
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
