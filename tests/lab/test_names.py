"""Every name that vnetc writes is one that the program knows which reads it.

All documents are asked, also those of the support tables' rows, and with all that a target can
express of them. test_validators.py has the programs read whole files, but of the samples and the
lab's cases alone; and networkd's complaint about a name is only a line of its log.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import vnetc
from vnetc.backends import load

from tests.support import shapes

from .case import GENERATIONS
from .machines import tier
from .runner.boot import File
from .runner.job import Job
from .trials import names, validators

NETPLAN = "/etc/netplan/50-vnetc.yaml"
INTERFACES = "/etc/network/interfaces"
# the program that `netplan generate` calls: a hundredth of a second for each document
GENERATE = """
cd /run/documents; wrong=0; program=/usr/libexec/netplan/configure
[ -e $program ] || program=/usr/libexec/netplan/generate  # before 1.2
for each in *; do
    if ! said=$($program --root-dir "$PWD/$each" 2>&1) || [ "$said" ]; then
        wrong=1; echo "$each: $said" >&2
    fi
done
exit $wrong
"""


def of_netplan(name: str, texts: dict[str, str], generation: str) -> Job:
    """Give the job that lets netplan read texts; each must please it, and without a word."""
    files = tuple(
        File(f"/run/documents/{document.replace('/', ':')}{NETPLAN}", text, 0o600)
        for text, document in texts.items()
    )
    return tier.commands(f"{name}@{generation}", GENERATE, files=files, generation=generation)


def unknown(said: dict[names.Name, str], generation: str) -> dict[names.Name, str]:
    return {name: where for name, where in said.items() if name not in names.known(generation)}


# --- systemd --------------------------------------------------------------------------------------

KNOWN = (
    ("network", "Match.Name"),
    ("network", "Network.Bond"),
    ("network", "Route.Destination"),
    ("network", "Bridge.Cost"),
    ("network", "Link."),
    ("netdev", "Bond.Mode"),
    ("netdev", "Bridge.STP"),
    ("netdev", "WireGuardPeer.AllowedIPs"),
    ("link", "Link.MACAddress"),
    ("link", "Match.OriginalName"),
    ("networkd.conf", "Network.SpeedMeter"),
)
UNKNOWN = (
    ("/etc/systemd/network/10-b.netdev", "[Bond]\nModus=802.3ad\n"),
    ("/etc/systemd/network/10-b.netdev", "[Bnod]\nMode=802.3ad\n"),
    ("/etc/systemd/network/10-b.netdev", "[Network]\nBond=b\n"),
    ("/etc/systemd/network/10-b.netdev", "[Bridge]\nCost=7\n"),
    ("/etc/systemd/network/10-b.network", "[Bond]\nMode=802.3ad\n"),
    ("/etc/systemd/network/10-b.network", "[Bridge]\nSTP=yes\n"),
    ("/etc/systemd/network/10-b.network", "[network]\nDHCP=yes\n"),
    ("/etc/systemd/network/10-b.network", "[WireGuard]\n"),
    ("/etc/systemd/network/10-netplan-b.network.d/1.conf", "[Network]\nSpeedMeter=yes\n"),
    ("/etc/systemd/network/10-b.link", "[Network]\nDHCP=yes\n"),
    ("/etc/systemd/networkd.conf.d/1.conf", "[Network]\nDHCP=yes\n"),
)


@pytest.mark.lab
@pytest.mark.parametrize("generation", GENERATIONS)
def test_systemd_has_names(generation: str, root: None) -> None:
    assert not [name for name in KNOWN if name not in names.known(generation)]


@pytest.mark.lab
@pytest.mark.parametrize(("path", "text"), UNKNOWN)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_systemd_has_no_other_names(path: str, text: str, generation: str, root: None) -> None:
    said = dict.fromkeys(names.names_in([vnetc.File(path, text)]), "here")
    assert len(said) == 1 and unknown(said, generation) == said


@pytest.mark.lab
def test_generations_differ(root: None) -> None:
    """A name of one generation is not taken for one of the other: `Added in version 255`."""
    name = ("network", "DHCPv6.SendHostname")
    assert [name in names.known(generation) for generation in GENERATIONS] == [False, True]


@pytest.mark.lab
@pytest.mark.parametrize("target", ["networkd", "netplan"])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_systemd_knows_names(generation: str, target: str, root: None) -> None:
    said = names.written(target, generation)
    assert {kind for kind, _ in said} >= {"network", "netdev"}
    assert len(said) > 90
    assert not unknown(said, generation)


@pytest.mark.lab
@pytest.mark.parametrize("target", ["networkd", "netplan"])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_systemd_knows_names_of_tables(generation: str, target: str, root: None) -> None:
    """What the docs call the options is how they are called.

    Of a row that a limit makes narrower in old versions one name is enough there, or none if something
    else than systemd says it too.
    """
    version = tuple(map(int, GENERATIONS[generation][target].split(".")))
    program = load(target).program
    known = {name for _, name in names.known(generation)}
    wrong: dict[str, list[str]] = {}
    seen = 0
    for row, support in load(target).support.items():
        said = list(names.names_of(support.how))
        missing = [name for name in said if name not in known]
        narrower = any(limit.before.get(program, ()) > version for limit in support.limits)
        others = not support.how.startswith("[")
        if support.since.get(program, ()) <= version:
            seen += len(said)
            if missing and not (narrower and (others or len(missing) < len(said))):
                wrong[row] = missing
    assert seen > 20
    assert not wrong


def test_names_of_tables_are_found() -> None:
    def named(how: str) -> list[str]:
        return list(names.names_of(how))

    assert named("[X] A=, B=, [Y] C=d, [Z]") == ["X.A", "X.B", "Y.C", "Z."]
    assert named("/etc/a.conf; b: [X] A= B=") == ["X.A", "X.B"]
    assert named("mtu; drop-in A=") == [".A"], "a key without its section is unknown"
    assert not named("sections of the .network file")


# --- netplan --------------------------------------------------------------------------------------


@pytest.mark.lab
@pytest.mark.parametrize("generation", GENERATIONS)
def test_netplan_takes_documents(generation: str, root: None) -> None:
    texts = names.contents("netplan", generation, NETPLAN)
    assert len(texts) > 100
    job = of_netplan("documents", texts, generation)
    result = tier.quick([job], name=f"names-{generation}").results[job.id]
    assert not result.error and not result.failures


@pytest.mark.lab
def test_netplan_finds_unknown_keys(root: None) -> None:
    """The test above can fail, and names what is wrong."""
    right = "network: {version: 2, ethernets: {eth0: {mtu: 1400}}}\n"
    texts = {right: "right", right.replace("mtu", "mtuu"): "wrong"}
    jobs = [of_netplan("unknown-key", texts, generation) for generation in GENERATIONS]
    results = tier.quick(jobs, name="names-unknown").results
    for job in jobs:
        assert "wrong: " in results[job.id].error and "mtuu" in results[job.id].error
        assert "right: " not in results[job.id].error


# --- ifupdown2 ------------------------------------------------------------------------------------

# Their values are commands, the same in all documents or nearly.
HOOKS = ("pre-up", "up", "down", "post-down")


def of_ifupdown2() -> dict[str, str]:
    """Give documents and their files, as few as have each option with each of its values."""
    seen: set[tuple[str, str]] = set()
    chosen: dict[str, str] = {}
    for text, document in names.contents("ifupdown2", "bookworm", INTERFACES).items():
        said = {
            (option, "" if option in HOOKS else value)
            for _, options in shapes.read_stanzas(text)
            for option, value in options
        }
        if said - seen:
            seen |= said
            chosen[document] = text
    return chosen


def test_ifupdown2_knows_options(tmp_path: Path) -> None:
    """test_validators.py asks it about whole files of the samples and cases."""
    documents = of_ifupdown2()
    assert len(documents) > 10
    complaints = {
        document: found
        for document, text in documents.items()
        if (found := validators.check_ifupdown2(text, tmp_path))
    }
    assert not complaints


def test_ifupdown2_finds_unknown_options(tmp_path: Path) -> None:
    """The test above can fail."""
    text = "auto b\niface b inet manual\n    bridge-ports none\n    bridge-prots none\n"
    found = validators.check_ifupdown2(text, tmp_path)
    assert any("bridge-prots" in line for line in found)


# --- the documents --------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", GENERATIONS)
def test_each_document_is_written(generation: str) -> None:
    """None is left out unseen: some target of the generation takes it."""
    compiled = [names.outputs(target, generation) for target in ("networkd", "netplan", "ifupdown")]
    assert not [
        name for name in names.documents() if not any(outputs[name].files for outputs in compiled)
    ]
