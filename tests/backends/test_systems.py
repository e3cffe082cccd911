"""Operating systems: what they stand for, and what outputs need there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from vnetc.backends import REGISTRY, load
from vnetc.backends.netplan.dropins import systemd_of
from vnetc.backends.packages import HOOKS, OF_PROGRAMS, PROGRAM, possible
from vnetc.backends.systems import DEFAULT, SYSTEMS, system_of
from vnetc.pipeline import check_text, compile_text, target_version
from vnetc.schema import host_schema

from tests.lab.case import GENERATIONS

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(HERE / "systems.yaml")
# Commands that every system has: of the shell, coreutils, grep, or of what starts services.
ALWAYS = frozenset(
    {"cat", "do", "done", "echo", "grep", "printf", "sleep", "sh", "start-stop-daemon"}
    | {"timeout", "true"}
)


def _cases(part: str) -> list[Any]:
    return [
        pytest.param(case, *place.split(), wanted, id=f"{case['name']}-{place}")
        for case in CASES
        for place, wanted in case.get(part, {}).items()
    ]


def _compiled(case: dict[str, Any], target: str, system: str) -> Any:
    text = json.dumps({"version": 1, **case["document"]})
    output = compile_text(text, name="h", target=target, version=system)
    assert output.files, output.diagnostics
    assert output.system == system
    return output


@pytest.mark.parametrize(("case", "target", "system", "wanted"), _cases("needs"))
def test_packages(case: dict[str, Any], target: str, system: str, wanted: str) -> None:
    output = _compiled(case, target, system)
    assert output.packages == tuple(wanted.split())
    said = [f for f in output.files if f"\n# needs: {wanted}\n" in f.content]
    assert len(said) == (1 if wanted and target != "netlink" else 0)


@pytest.mark.parametrize(("case", "target", "system", "wanted"), _cases("notes"))
def test_notes(case: dict[str, Any], target: str, system: str, wanted: list[str]) -> None:
    output = _compiled(case, target, system)
    assert list(output.notes) == wanted
    text = "".join(file.content for file in output.files)
    assert [note for note in wanted if f"\n# once: {note}\n" not in text] == []


@pytest.mark.parametrize(("case", "target", "system", "wanted"), _cases("head"))
def test_head(case: dict[str, Any], target: str, system: str, wanted: str) -> None:
    texts = [file.content for file in _compiled(case, target, system).files]
    assert any(f"\n# {wanted}\n" in text.partition("\n\n")[0] + "\n" for text in texts)


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_each_version_of_a_system_is_known_or_too_old(system: Any) -> None:
    for name, version in system.versions.items():
        target = load(name)
        assert version >= target.oldest
        assert version[: len(target.newest)] <= target.newest
        assert target_version(target, system.name)[:2] == (version, system)


def test_what_nobody_chooses_is_the_default_system() -> None:
    for name in REGISTRY:
        target = load(name)
        assert target.default == SYSTEMS[DEFAULT].versions.get(name, target.default)
        assert target_version(target, None)[:2] == (target.default, SYSTEMS[DEFAULT])


def test_a_version_of_a_program_means_the_debian_that_has_it() -> None:
    assert system_of("networkd", (252,)).name == "debian-12"
    assert system_of("networkd", (254,)).name == "debian-12"
    assert system_of("networkd", (257,)).name == "debian-13"
    assert system_of("ifupdown2", (3, 0, 0)).name == "debian-12"  # Debian 11 and 13 have it too
    assert system_of("netplan", (0, 106)).name == "debian-12"


def test_the_lab_has_the_versions_of_its_systems() -> None:
    for generation, name in (("bookworm", "debian-12"), ("trixie", "debian-13")):
        for target, text in GENERATIONS[generation].items():
            if target == "netlink" and generation == "trixie":
                continue  # it runs with Debian 12's kernel
            version = tuple(map(int, text.split(".")))
            assert SYSTEMS[name].versions[target][: len(version)] == version


def test_editors_offer_the_systems() -> None:
    target = host_schema()["properties"]["target"]["then"]["properties"]["version"]
    assert target["examples"] == [*SYSTEMS]
    assert [n for n in SYSTEMS if not re.search(target["pattern"], n)] == []


def test_a_systems_version_holds_for_another_target_too() -> None:
    text = "{version: 1, target: {name: ifupdown, version: debian-13}, interfaces: {eth0: {}}}"
    assert compile_text(text, target="networkd").system == "debian-13"
    other = text.replace("debian-13", "0.8.44")
    assert compile_text(other, target="networkd").system == DEFAULT


def test_debian_has_all_that_an_output_may_need() -> None:
    for name in REGISTRY:
        needs = possible(name)
        for system in SYSTEMS.values():
            if name in system.versions and not system.name.startswith("alpine"):
                assert needs <= system.packages.keys()


def _commands() -> Iterator[str]:
    for path in HERE.glob("golden/*/ifupdown*/etc/network/interfaces"):
        for line in path.read_text().splitlines():
            word, _, command = line.strip().partition(" ")
            if word in HOOKS and "/raw/" not in str(path):
                yield command


def test_every_program_that_a_command_calls_is_of_a_package() -> None:
    called = {program for command in _commands() for program in PROGRAM.findall(command)}
    assert called - ALWAYS - OF_PROGRAMS.keys() == set()
    assert {"ip", "sysctl", "nft", "dnsmasq", "ethtool"} <= called


def test_netplan_has_no_more_of_systemd_than_the_system() -> None:
    """Ubuntu 22.04 has netplan 0.106, and a systemd older than that of Debian 12, which has it too."""
    text = """{version: 1, interfaces: {eth1: {dhcp4: true, dhcp4-overrides: {label: "eth1:a"}},
        br0: {type: bridge, ports: {eth0: {isolated: true, path-cost: 9}}}, eth0: {}}}"""
    assert compile_text(text, target="netplan", version="0.106.1").files
    assert compile_text(text, target="netplan", version="debian-12").files
    found = compile_text(text, target="netplan", version="ubuntu-22.04").diagnostics
    said = "netplan cannot express `{}`: systemd 249 has no option for it"
    assert [d.message for d in found] == [said.format("label"), said.format("isolated")]


def test_a_netplan_of_a_system_runs_with_its_systemd() -> None:
    """What a table says of netplan by the systemd below it holds on the systems that have both."""
    for system in SYSTEMS.values():
        if "netplan" in system.versions and system.name != "ubuntu-22.04":
            assert systemd_of(system.versions["netplan"]) == system.versions["networkd"], system


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Debian-13", "debian-13"),
        ("trixie", "debian-13"),
        ("Noble", "ubuntu-24.04"),
        ("debian 12", "debian-12"),
    ],
)
def test_a_similar_system_is_named(text: str, meant: str) -> None:
    *_, (found,) = target_version(load("networkd"), text)
    assert found.help.startswith(f"a similar value exists: `{meant}`; ")


@pytest.mark.parametrize("text", ["", "beos", "noble"])
@pytest.mark.parametrize("name", REGISTRY)
def test_only_systems_that_have_the_target_are_named(name: str, text: str) -> None:
    target = load(name)
    *_, (found,) = target_version(target, text)
    assert found.code == "VN505"
    for system in re.findall(r"[a-z]+-[0-9.]*[0-9]", found.help):
        assert target_version(target, system)[2] == []


@pytest.mark.parametrize(
    ("target", "version", "code"),
    [
        ("networkd", "beos", "VN505"),
        ("networkd", "", "VN505"),
        ("netplan", "alpine-3.22", "VN507"),
        ("networkd", "999", "VN508"),
        (None, "debian-13", "VN505"),
        (None, None, "VN505"),
    ],
)
def test_an_option_has_no_place_in_the_document(
    target: str | None, version: str | None, code: str
) -> None:
    text = "{version: 1, interfaces: {eth0: {}}}"
    found = compile_text(text, target=target, version=version).diagnostics
    assert [(d.code, d.span) for d in found] == [(code, None)]
    if target or version:
        found = check_text(text, target=target, version=version)
        assert [(d.code, d.span) for d in found] == [(code, None)]


def test_an_empty_version_is_called_so() -> None:
    *_, (found,) = target_version(load("ifupdown"), "")
    assert found.message == "the version is empty"


def test_a_version_of_the_document_has_its_place() -> None:
    text = "{version: 1, target: {name: networkd, version: beos-5}, interfaces: {eth0: {}}}"
    (found,) = check_text(text)
    assert found.span is not None


@pytest.mark.parametrize(
    ("version", "device", "message", "way_out"),
    [
        (
            "ubuntu-22.04",
            "g: {type: geneve, id: 5, remote: 192.0.2.5, inherit-inner-protocol: true}",
            "Linux 5.15 cannot express `inherit-inner-protocol`",
            "Linux 5.18 can: `--target-version debian-12`",
        ),
        (
            "ubuntu-22.04",
            "e: {}, b: {type: bond, mode: 802.3ad, members: [e], lacp-active: false}",
            "iproute2 5.15 cannot express `lacp-active`",
            "iproute2 5.16 can: `--target-version debian-12`",
        ),
        (
            "debian-12",
            "e: {sysctl: {ipv6: {ra_honor_pio_life: 1}}}",
            "Linux 6.1 cannot express this `sysctl`: there is no `ra_honor_pio_life`",
            "Linux 6.7 can: `--target-version debian-13`",
        ),
    ],
)
def test_what_a_system_is_too_old_for_is_refused(
    version: str, device: str, message: str, way_out: str
) -> None:
    text = f"version: 1\ninterfaces: {{{device}}}\n"
    (found,) = compile_text(text, target="ifupdown", version=version).diagnostics
    assert (found.code, found.message, found.help) == ("VN502", message, way_out)
    assert found.span is not None and found.span.line == 2
    newer = way_out.partition("--target-version ")[2].rstrip("`")
    assert compile_text(text, target="ifupdown", version=newer).files
