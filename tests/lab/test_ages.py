"""Since when Linux, iproute2 and systemd have what the support tables say, by Debian's packages of them.

The user API's headers, the manual pages of iproute2, and "Added in version" of systemd's. A table that
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
ENUMERATOR = re.compile(
    r"\b(?:IFLA|IFA|RTA|RTAX|FRA|NDA|NTF|BRIDGE_VLAN|MDBA|WG[A-Z]+)_[A-Z0-9_]+\b"
)
WORD = re.compile(r"ip (?:-6 )?link (?:add|set) type \w+ (\w+)$")
# what a value alone needs, by the words of its limit
OF_VALUES = {
    ("bond.arp-ip-targets", "ns_ip6_target"): "IFLA_BOND_NS_IP6_TARGET",
    ("bond.transmit-hash-policy", "vlan+srcmac"): "BOND_XMIT_POLICY_VLAN_SRCMAC",
}


@cache
def packages(generation: str) -> Path:
    try:
        return layer("ages", generation)
    except tree.TreeError as error:
        if generation in tree.GENERATIONS:
            raise
        pytest.skip(f"lab: Debian's archive has no {generation}: {str(error).splitlines()[-1]}")


@cache
def headers(generation: str) -> str:
    found = (packages(generation) / "usr/include/linux").rglob("*.h")
    return "\n".join(path.read_text(errors="replace") for path in found)


@cache
def manual(generation: str, pattern: str) -> str:
    pages = sorted((packages(generation) / "usr/share/man").glob(pattern))
    assert pages
    return "\n".join(gzip.decompress(page.read_bytes()).decode() for page in pages)


def has(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w+]){re.escape(word)}(?![\w+])", text) is not None


def oldest(row: Support, program: str) -> list[tuple[int, ...]]:
    """List the versions that a row, or some value of it, needs of a program."""
    needed: list[Programs] = [row.since, *(limit.before for limit in row.limits)]
    return [programs[program] for programs in needed if program in programs]


@pytest.mark.lab
@pytest.mark.parametrize("generation", VERSIONS)
def test_the_kernel_has_attributes(generation: str, root: None) -> None:
    """As soon as the table says it, and not before."""
    text, version = headers(generation), VERSIONS[generation]["linux"]
    seen, wrong = 0, []
    for name, row in load("netlink").support.items():
        attributes = ENUMERATOR.findall(row.how)
        seen += len(attributes)
        missing = [attribute for attribute in attributes if not has(text, attribute)]
        said = any(needed > version for needed in oldest(row, "linux"))
        if attributes and bool(missing) != said:
            wrong.append((name, missing, said))
    assert seen > 150
    assert not wrong


@pytest.mark.lab
@pytest.mark.parametrize("generation", VERSIONS)
def test_the_kernel_has_values(generation: str, root: None) -> None:
    support = load("netlink").support
    for (name, word), enumerator in OF_VALUES.items():
        (needed,) = oldest(support[name], "linux")
        known = needed <= VERSIONS[generation]["linux"]
        assert has(headers(generation), enumerator) is known
        assert has(manual(generation, "man8/ip-link.8.gz"), word) is known


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
        if has(headers("trixie"), prefix + name.upper())
        and not has(headers(generation), prefix + name.upper())
    ]
    version = VERSIONS[generation]["linux"]
    assert [name for name in missing if SYSCTLS[name]["linux"] <= version] == []


@pytest.mark.lab
@pytest.mark.parametrize("generation", VERSIONS)
@pytest.mark.parametrize("target", ["ifupdown", "ifupdown2", "ifupdown-ng"])
def test_iproute2_has_words(generation: str, target: str, root: None) -> None:
    """As soon as the table says it, and not before."""
    text, version = manual(generation, "man8/*.8.gz"), VERSIONS[generation]["iproute2"]
    seen, wrong = 0, []
    for name, row in load(target).support.items():
        words = [match[1] for part in row.how.split(", ") if (match := WORD.search(part))]
        needed = row.since.get("iproute2", ())
        seen += len(words)
        if words and any(not has(text, word) for word in words) != (needed > version):
            wrong.append((name, words, needed))
    assert seen > 50
    assert not wrong


# --- systemd --------------------------------------------------------------------------------------

SECTION = re.compile(r'^\.SH "\[([A-Z0-9]+)\] SECTION OPTIONS"')
TERM = re.compile(r"\\fI([\w.\\-]+)=\\fR")
ADDED = re.compile(r"^Added in version (\d+)")


def added() -> dict[str, set[int]]:
    """Read since when options are there: `link.name` -> versions, 0 for older than 237.

    A section of two kinds of files may have an option in both.
    """
    found: dict[str, set[int]] = {}
    for kind in ("network", "netdev", "link"):
        section, options = "", dict[str, int]()
        ages: dict[str, int] = {}
        for line in manual("trixie", f"man5/systemd.{kind}.5.gz").replace("\\-", "-").splitlines():
            if match := SECTION.match(line):
                section, options = match[1].lower(), {}
            elif terms := TERM.findall(line) if line.startswith("\\fI") else []:
                options = dict.fromkeys((f"{section}.{term.lower()}" for term in terms), 0)
                ages |= options
            elif match := ADDED.match(line):
                ages |= dict.fromkeys(options, int(match[1]))
        for option, version in ages.items():
            found.setdefault(option, set()).add(version)
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
                wrong.append((name, row.how, possible, said))
    assert seen > 200
    assert not wrong
