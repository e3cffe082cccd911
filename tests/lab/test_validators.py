"""What reads the files says that they are right, also where this kernel could not obey them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from pathlib import Path

import pytest
import vnetc

from .case import GENERATIONS, Case
from .experiments import cases
from .machines import tier
from .runner.boot import File
from .runner.job import Job, Result
from .trials import validators

# The programs of the tree, by what they validate; each fails if it finds a fault.
PROGRAMS = {
    "/etc/netplan/*": "netplan generate --root-dir /",
    "/etc/vnetc/*.nft": "nft --check --file {}",
    "/etc/vnetc/*.dnsmasq.conf": "dnsmasq --test --conf-file={}",
    "/etc/systemd/system/*.service": "systemd-analyze verify --man=no {}",
}
# networkd reads all that is there, and names the file and line of what it does not like. It also says
# that an MTU of the document goes before that of a lease, which netplan asks for without being told.
NETWORKD = (
    "SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_COLOR=0 timeout 60 /lib/systemd/systemd-networkd"
    " 2>/run/networkd.log & until [ -e /run/systemd/netif/state ]; do sleep 0.05; done;"
    " ! grep '^/.*/systemd/network/' /run/networkd.log"
    " | grep -v 'MTUBytes= in .* and UseMTU= in .* are set. Disabling UseMTU=.$'"
)
DIALECTS: dict[str, Callable[[str, Path], list[str]]] = {
    "ifupdown": validators.check_classic,
    "ifupdown2": validators.check_ifupdown2,
    "ifupdown-ng": validators.check_ifupdown_ng,
}
CASES = list(cases())
NAMES = [case.name for case in CASES]


def refusal(output: vnetc.Output) -> str:
    """Name the codes with which a target refuses a case; there must be no others."""
    codes = {d.code for d in output.diagnostics if d.severity == "error"}
    assert codes and all(code.startswith("VN5") for code in codes), codes
    return ", ".join(sorted(codes))


def checks(name: str, files: Iterable[File], generation: str) -> Job:
    """Give the job that lets all programs check files of a compilation."""
    files = tuple(files)
    lines = [
        command.format(file.path)
        for file in files
        for pattern, command in PROGRAMS.items()
        if fnmatch(file.path, pattern)
    ]
    return tier.commands(
        f"{name}@{generation}", *lines, NETWORKD, files=files, generation=generation
    )


ACCEPTED = [
    (case, target, generation)
    for generation in GENERATIONS
    for case in CASES
    for target in ("ifupdown", "netplan", "networkd")
]
FAULTS = [
    ("/etc/netplan/50-vnetc.yaml", "network: {version: 2, ethernets: {eth0: {mtuu: 1}}}\n"),
    ("/etc/vnetc/vms.nft", "table inet vnetc_vms { chain c { dropp } }\n"),
    ("/etc/vnetc/vms.dnsmasq.conf", "dhcp-rangee=10.0.0.1,10.0.0.9\n"),
    ("/etc/systemd/system/vnetc.service", "[Service]\nExecStart=/nowhere\n"),
    ("/etc/systemd/system/vnetc.service", "[Service]\nExecStartt=/bin/true\n"),
    ("/etc/systemd/network/10-eth0.network", "[Match]\nName=eth0\n[Network]\nAddress=10.0.0\n"),
    ("/etc/systemd/network/10-br0.netdev", "[NetDev]\nName=br0\nKind=bridge\nSTP=yes\n"),
]


@pytest.fixture(scope="module")
def checked(root: None) -> dict[str, Result]:
    """Give what the programs have to say of every case, and of every fault."""
    jobs = []
    for case, target, generation in ACCEPTED:
        files = [File(f.path, f.content, f.mode) for f in case.compile(target, generation).files]
        jobs.append(checks(f"{case.name}/{target}", files, generation))
    for number, (path, content) in enumerate(FAULTS):
        for generation in GENERATIONS:
            jobs.append(checks(f"fault-{number}", [File(path, content)], generation))
    return dict(tier.quick(jobs, name="validators").results)


@pytest.mark.lab
@pytest.mark.parametrize(
    ("case", "target", "generation"),
    ACCEPTED,
    ids=[f"{c.name}-{t}-{g}" for c, t, g in ACCEPTED],
)
def test_programs_accept(
    case: Case, target: str, generation: str, checked: dict[str, Result]
) -> None:
    output = case.compile(target, generation)
    if not output.files:
        pytest.skip(f"lab: {target} refuses it: {refusal(output)}")
    result = checked[f"{case.name}/{target}@{generation}"]
    assert not result.error
    assert not result.failures


@pytest.mark.lab
@pytest.mark.parametrize("number", range(len(FAULTS)))
@pytest.mark.parametrize("generation", GENERATIONS)
def test_programs_find_faults(number: int, generation: str, checked: dict[str, Result]) -> None:
    """The test above can fail."""
    result = checked[f"fault-{number}@{generation}"]
    assert result.error or result.failures


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_dialects_accept(case: Case, target: str, tmp_path: Path) -> None:
    output = case.compile(target, "bookworm")
    if not output.files:
        pytest.skip(f"{target} refuses it: {refusal(output)}")
    text = next(f.content for f in output.files if f.path == "/etc/network/interfaces")
    assert not DIALECTS[target](text, tmp_path)
