"""What reads the files says that they are right, also where this kernel could not obey them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from pathlib import Path

import pytest
import vnetc

from . import tier, tree, validators
from .case import GENERATIONS, Case
from .experiments import cases
from .runner.boot import File, install
from .runner.sandbox import LIMIT, LabError, Sandbox, sandbox

# The programs of the tree, by what they validate; each fails if it finds a fault.
PROGRAMS = {
    "/etc/netplan/*": ("netplan", "generate", "--root-dir", "/"),
    "/etc/vnetc/*.nft": ("nft", "--check", "--file", "{}"),
    "/etc/vnetc/*.dnsmasq.conf": ("dnsmasq", "--test", "--conf-file={}"),
    "/etc/systemd/system/*.service": ("systemd-analyze", "verify", "--man=no", "{}"),
}
DIALECTS: dict[str, Callable[[str, Path], list[str]]] = {
    "ifupdown": validators.check_classic,
    "ifupdown2": validators.check_ifupdown2,
    "ifupdown-ng": validators.check_ifupdown_ng,
}


STATE = "/run/systemd/netif/state"
CASES = list(cases())
NAMES = [case.name for case in CASES]


def refusal(output: vnetc.Output) -> str:
    """Name the codes with which a target refuses a case; there must be no others."""
    codes = {d.code for d in output.diagnostics if d.severity == "error"}
    assert codes and all(code.startswith("VN5") for code in codes), codes
    return ", ".join(sorted(codes))


def complaints(files: Iterable[File], generation: str, out: Path) -> list[str]:
    """Give what the programs have to say against files of a compilation."""
    found = []
    with sandbox([str(tree.build(generation))], out, ()) as box:
        files = list(files)
        install(box, files)
        for file in files:
            for pattern, command in PROGRAMS.items():
                if fnmatch(file.path, pattern):
                    found += _complaints(box, [word.format(file.path) for word in command])
        found += _networkd_complaints(box)
    return found


def _complaints(box: Sandbox, command: list[str]) -> list[str]:
    try:
        box.run(*command, log="validators.log")
    except LabError as error:
        return [str(error), (box.out / "validators.log").read_text(errors="replace")]
    return []


def _networkd_complaints(box: Sandbox) -> list[str]:
    """Let networkd read all that is there; it names the file and line of what it does not like."""
    networkd = f"timeout {LIMIT:.0f} /lib/systemd/systemd-networkd"
    script = f"{networkd} & until [ -e {STATE} ]; do sleep 0.1; done"
    environment = {"SYSTEMD_LOG_TARGET": "console", "SYSTEMD_LOG_COLOR": "0"}
    box.run("sh", "-c", script, log="networkd.log", env=environment)
    log = (box.out / "networkd.log").read_text(errors="replace")
    return re.findall(r"^/\S+/systemd/network/.*$", log, re.MULTILINE)


@pytest.mark.lab
@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("target", ["ifupdown", "netplan", "networkd"])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_programs_accept(case: Case, target: str, generation: str, root: None) -> None:
    output = case.compile(target, generation)
    if not output.files:
        pytest.skip(f"lab: {target} refuses it: {refusal(output)}")
    files = [File(f.path, f.content, f.mode) for f in output.files]
    assert not complaints(files, generation, tier.OUT / "validators" / case.name / target)


@pytest.mark.lab
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/etc/netplan/50-vnetc.yaml", "network: {version: 2, ethernets: {eth0: {mtuu: 1}}}\n"),
        ("/etc/vnetc/vms.nft", "table inet vnetc_vms { chain c { dropp } }\n"),
        ("/etc/vnetc/vms.dnsmasq.conf", "dhcp-rangee=10.0.0.1,10.0.0.9\n"),
        ("/etc/systemd/system/vnetc.service", "[Service]\nExecStart=/nowhere\n"),
        ("/etc/systemd/system/vnetc.service", "[Service]\nExecStartt=/bin/true\n"),
        ("/etc/systemd/network/10-eth0.network", "[Match]\nName=eth0\n[Network]\nAddress=10.0.0\n"),
        ("/etc/systemd/network/10-br0.netdev", "[NetDev]\nName=br0\nKind=bridge\nSTP=yes\n"),
    ],
)
def test_programs_find_faults(path: str, content: str, root: None, tmp_path: Path) -> None:
    """The test above can fail."""
    for generation in GENERATIONS:
        assert complaints([File(path, content)], generation, tmp_path / generation)


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_dialects_accept(case: Case, target: str, tmp_path: Path) -> None:
    output = case.compile(target, "bookworm")
    if not output.files:
        pytest.skip(f"{target} refuses it: {refusal(output)}")
    text = next(f.content for f in output.files if f.path == "/etc/network/interfaces")
    try:
        assert not DIALECTS[target](text, tmp_path)
    except validators.Unavailable as reason:
        pytest.skip(str(reason))
