"""Since when Linux, iproute2 and systemd have what the support tables say, by Debian's packages of them.

The user API's headers, the programs of iproute2, and "Added in version" of systemd's. A table that
says too late a version refuses right documents; one that says too early a version drops them.
"""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path

import pytest
from vnetc.backends import load
from vnetc.backends.since import SYSCTLS
from vnetc.backends.support import Programs, Support
from vnetc.schema import host_schema

from .machines import tree
from .machines.layers import layer
from .trials import names

# generation -> the versions of its packages
VERSIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "bullseye": {"linux": (5, 10), "iproute2": (5, 10), "systemd": (247,)},
    "bookworm": {"linux": (6, 1), "iproute2": (6, 1), "systemd": (252,)},
    "trixie": {"linux": (6, 12), "iproute2": (6, 15), "systemd": (257,)},
}
if tree.WITH_TESTING:
    VERSIONS[tree.TESTING] = {"linux": (7, 2), "iproute2": (7, 2), "systemd": (262,)}
ENUMERATOR = re.compile(
    r"\b(?:IFLA|IFA|RTA|RTAX|FRA|NDA|NTF|BRIDGE_VLAN|MDBA|WG[A-Z]+)_[A-Z0-9_]+\b"
)
WORD = re.compile(r"ip (?:-6 )?link (?:add|set) type \w+ (\w+)$")
# what a value alone needs, by the words of its limit
OF_VALUES = {
    ("bond.arp-ip-targets", "ns_ip6_target"): "IFLA_BOND_NS_IP6_TARGET",
    ("bond.transmit-hash-policy", "vlan+srcmac"): "BOND_XMIT_POLICY_VLAN_SRCMAC",
}
OF_A_VALUE = {"bond.transmit-hash-policy"}
BACKPORTED = {"geneve.inherit-inner-protocol"}  # Linux 5.10.246 has it; Debian 11 came without


@cache
def packages(generation: str) -> Path:
    try:
        return layer("ages", generation)
    except tree.TreeError as error:
        if generation in tree.GENERATIONS:
            raise
        pytest.skip(f"lab: Debian's archive has no {generation}: {str(error).splitlines()[-1]}")


@cache
def headers(generation: str) -> frozenset[str]:
    found = (packages(generation) / "usr/include/linux").rglob("*.h")
    return words("\n".join(path.read_text(errors="replace") for path in found))


@cache
def manual(generation: str, pattern: str) -> str:
    pages = sorted((packages(generation) / "usr/share/man").glob(pattern))
    assert pages
    return "\n".join(gzip.decompress(page.read_bytes()).decode() for page in pages)


@cache
def programs(generation: str) -> frozenset[str]:
    """Give what iproute2's programs have in them: their usage has words that no manual page has."""
    found = [
        path
        for path in sorted(packages(generation).rglob("*"))
        if path.name in ("ip", "tc", "bridge") and "bin" in path.parts[-2] and not path.is_symlink()
    ]
    assert len(found) == 3
    return words("\n".join(path.read_bytes().decode("latin-1") for path in found))


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[\w+]+", text))


def oldest(row: Support, program: str) -> list[tuple[int, ...]]:
    """List the versions that a row, or some value of it, needs of a program."""
    needed: list[Programs] = [row.since, *(limit.before for limit in row.limits)]
    return [programs[program] for programs in needed if program in programs]


@pytest.mark.lab
@pytest.mark.parametrize("generation", VERSIONS)
def test_the_kernel_has_attributes(generation: str, root: None) -> None:
    """As soon as the table says it, and not before; a stable release may have got one later."""
    known, version = headers(generation), VERSIONS[generation]["linux"]
    seen, wrong = 0, []
    for name, row in load("netlink").support.items():
        attributes = ENUMERATOR.findall(row.how)
        seen += len(attributes)
        missing = [attribute for attribute in attributes if attribute not in known]
        said = any(needed > version for needed in oldest(row, "linux"))
        if attributes and name not in OF_A_VALUE | BACKPORTED and bool(missing) != said:
            wrong.append((name, missing, said))
    assert seen > 150
    assert not wrong


@pytest.mark.lab
@pytest.mark.parametrize("generation", VERSIONS)
def test_the_kernel_has_values(generation: str, root: None) -> None:
    support = load("netlink").support
    for (name, word), enumerator in OF_VALUES.items():
        (needed,) = oldest(support[name], "linux")
        old_enough = needed <= VERSIONS[generation]["linux"]
        assert (enumerator in headers(generation)) is old_enough
        assert (word in programs(generation)) is old_enough


@pytest.mark.lab
@pytest.mark.parametrize("generation", VERSIONS)
def test_the_kernel_has_sysctls(generation: str, root: None) -> None:
    """What the headers do not have yet is said to be younger.

    The other way round they prove nothing: a stable release counts what it does not have.
    """
    sysctls = host_schema()["definitions"]["sysctl"]["properties"]
    missing = [
        name
        for family, prefix in (("ipv4", "IPV4_DEVCONF_"), ("ipv6", "DEVCONF_"))
        for name in sysctls[family]["properties"]
        if prefix + name.upper() in headers("trixie") - headers(generation)
    ]
    version = VERSIONS[generation]["linux"]
    assert [name for name in missing if SYSCTLS[name]["linux"] <= version] == []


@pytest.mark.lab
@pytest.mark.parametrize("generation", VERSIONS)
@pytest.mark.parametrize("target", ["ifupdown", "ifupdown2", "ifupdown-ng"])
def test_iproute2_has_words(generation: str, target: str, root: None) -> None:
    """As soon as the table says it, and not before."""
    known, version = programs(generation), VERSIONS[generation]["iproute2"]
    seen, wrong = 0, []
    for name, row in load(target).support.items():
        said = [match[1] for part in row.how.split(", ") if (match := WORD.search(part))]
        needed = row.since.get("iproute2", ())
        seen += len(said)
        if said and any(word not in known for word in said) != (needed > version):
            wrong.append((name, said, needed))
    assert seen > 50
    assert not wrong


# --- systemd --------------------------------------------------------------------------------------

# rows that say another version than their option has, and why
OTHERWISE = {
    "infiniband.link": "a device of [IPoIB], which came with 250, needs more than its name in IPoIB=",
    "interface.critical": "the page ends with the version of a value that came later",
    "qos-mapping.from": "`vlan.ingress-qos-map` and `vlan.egress-qos-map` say it",
    "qos-mapping.to": "`vlan.ingress-qos-map` and `vlan.egress-qos-map` say it",
    "reservation.address": "`dhcp.reservations` says it, by a limit",
    "reservation.macaddress": "`dhcp.reservations` says it, by a limit",
    "rule.action": "a limit says it",
}
SECTION = re.compile(r'^\.SH "\[([A-Z0-9]+)\] SECTION OPTIONS"')
SECTION = re.compile(r'^\.SH "\[([A-Z0-9]+)\] SECTION OPTIONS"', re.MULTILINE)
# a heading of options, and all until the next one
ENTRY = re.compile(
    r"^\.PP\n(\\fI[^\n]*=\\fR)\n\.RS 4\n(.*?)(?=^\.PP\n\\fI[^\n]*=\\fR\n\.RS 4\n|\Z)",
    re.MULTILINE | re.DOTALL,
)
OPTION = re.compile(r"\\fI([\w.-]+)=\\fR")
ADDED = re.compile(r"^Added in version (\d+)", re.MULTILINE)


def added() -> dict[str, set[int]]:
    """Read since when options are there: `link.name` -> versions, 0 for older than 237.

    A section of two kinds of files may have an option in both.
    """
    found: dict[str, set[int]] = {}
    for kind in ("network", "netdev", "link"):
        text = manual("trixie", f"man5/systemd.{kind}.5.gz").replace("\\-", "-")
        _, *parts = SECTION.split(text)
        for section, part in zip(parts[::2], parts[1::2], strict=True):
            for entry in ENTRY.finditer(part):
                versions = ADDED.findall(entry[2])  # the last: values have their own before it
                for option in OPTION.findall(entry[1]):
                    name = f"{section}.{option}".lower()
                    found.setdefault(name, set()).add(int(versions[-1]) if versions else 0)
    return found


@pytest.mark.lab
def test_systemd_has_options(root: None) -> None:
    """What a row writes first is as old as the manual pages say, or older than all versions known."""
    ages, first = added(), load("networkd").oldest[0]
    seen, wrong = 0, []
    for name, row in load("networkd").support.items():
        options = [option.lower() for option in names.names_of(row.how)]
        if options and all(option in ages for option in options):
            seen += 1
            possible = {max(first, version) for option in options for version in ages[option]}
            said = row.since.get("systemd", (first,))[0]
            if said not in possible:
                wrong.append(name)
    assert seen > 200
    assert sorted(wrong) == sorted(OTHERWISE)
