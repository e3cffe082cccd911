"""netplan's own generator makes of vnetc's files what vnetc writes for systemd-networkd itself.

Whatever differs has a reason in differential-reasons.yaml, or is a fault of the netplan back end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from vnetc.language.tree import parse

from tests.lab.trials import validators
from tests.support.drawing import THOROUGH, Document
from tests.support.places import ROOT
from tests.support.rows import VALUES
from tests.support.strategies import corpus

from . import differential
from .differential import (
    Difference,
    Sides,
    Unreadable,
    both,
    by_path,
    compare,
    differences,
    generate,
    read,
    reasons,
    with_secrets,
)

BATCH = 400 if THOROUGH else 40

# What no other document says: where the two could part and nothing else looks.
EDGES: dict[str, str] = {
    "a multicast route of global scope": (
        "interfaces: {eth0: {routes: [{to: 10.1.0.0/16, type: multicast, scope: global}]}}"
    ),
    "an address without options after one with": (
        'interfaces: {eth0: {addresses: [{address: 192.0.2.2/24, label: "eth0:x"}, 192.0.2.3/24]}}'
    ),
    "a route of global scope": (
        "interfaces: {eth0: {addresses: [192.0.2.2/24], routes: ["
        "{to: 10.1.0.0/16, via: 192.0.2.1, scope: global}, "
        "{to: 10.2.0.0/16, type: blackhole, scope: global}]}}"
    ),
    "what depends on a device further down": (
        "interfaces: {br0: {type: bridge, ports: [eth0]}, eth0: {}, v: {type: vlan, id: 7, "
        "link: br0, nameservers: {addresses: [192.0.2.53, 192.0.2.54], search: [a, b]}, "
        "addresses: [192.0.2.2/24], routes: [{to: default, via: 192.0.2.1}], "
        "routing-policy: [{priority: 7, from: 10.0.0.0/8, table: 9}]}}"
    ),
    "a bridge over a VLAN of a bridge": (
        "interfaces: {b: {type: bridge}, v: {type: vlan, id: 1, link: b}, "
        "c: {type: bridge, ports: [v]}, w: {type: vlan, id: 2, link: c}}"
    ),
    "nameservers of both families": (
        'interfaces: {eth0: {nameservers: {addresses: ["2001:db8::53", 192.0.2.53, '
        '"2001:db8::54"], search: [b, a]}}}'
    ),
    "DHCPv4 alone says what DHCPv6 would take over": (
        "interfaces: {eth0: {dhcp4: true, accept-ra: true, dhcp4-overrides: "
        "{route-metric: 7, use-dns: false, use-ntp: false, use-domains: true}}}"
    ),
    "virtual devices that are not brought up": (
        "interfaces: {eth0: {}, b: {type: bridge, activation: manual}, d: {type: dummy, "
        'activation: "off"}, v: {type: vlan, id: 7, link: eth0, activation: manual}}'
    ),
    "WireGuard and its secrets": (
        "interfaces: {wg0: {type: wireguard, addresses: [192.0.2.1/24], port: 51820, mark: 7, "
        'private-key: "UNEAKg5r7A0aCk0MfiNeCiT+0SCJkOFTcR0mBZF5VV8=", peers: [{public-key: '
        '"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", allowed-ips: [10.9.0.2/32, 10.9.0.3/32], '
        'endpoint: "192.0.2.9:51821", keepalive: 25}]}}'
    ),
    "names that are booleans": (
        'interfaces: {"yes": {mtu: 1400}, "y": {type: bridge, ports: ["yes"]}, '
        '"on": {type: dummy}, "true": {type: vlan, id: 7, link: "on"}}'
    ),
}


def _file(path: Path) -> Callable[[], Document]:
    return lambda: parse(path.read_bytes()).data


def _text(text: str) -> Callable[[], Document]:
    return lambda: parse(f"version: 1\n{text}\n").data


def _documents() -> Iterator[tuple[str, Callable[[], Document]]]:
    """List all documents but the random ones, by names."""
    for pattern in ("samples/*.vnet.yaml", "tests/backends/golden/*/spec.vnet.yaml"):
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT)), _file(path)
    for path in sorted(ROOT.glob("tests/lab/cases/*.vnet.yaml")):
        yield str(path.relative_to(ROOT)), _file(path)
    for row, (text, *values) in VALUES.items():
        for number, value in enumerate(values):
            yield f"{row}, value {number}", _text(text.replace("@", value))
    for name, text in EDGES.items():
        yield name, _text(text)


DOCUMENTS = dict(_documents())


@pytest.fixture(scope="module")
def netplan() -> None:
    """Skip what asks netplan if it cannot be had."""
    validators.netplan_library()


needs_netplan = pytest.mark.usefixtures("netplan")


class Incomparable(Exception):
    """A document that the two targets cannot both say; the text says why."""


def _compare(sides: Sides) -> list[Difference]:
    if sides.analysis.failed:
        raise Incomparable("a bad document")
    refused = [
        {d.path for d in output.diagnostics if d.code in differential.LOSSES}
        for output in (sides.netplan, sides.networkd)
    ]
    if refused[0] != refused[1]:
        raise Incomparable(f"only one target refuses {refused[0] ^ refused[1]}")
    if not sides.netplan.files and not sides.networkd.files:
        raise Incomparable("both targets refuse it")
    return compare(sides)


@cache
def _sides(name: str) -> Sides:
    return both(DOCUMENTS[name]())


@cache
def _outcome(name: str) -> tuple[Difference, ...] | Incomparable | Unreadable:
    try:
        return tuple(_compare(_sides(name)))
    except (Incomparable, Unreadable) as reason:
        return reason


def _found(name: str) -> tuple[Difference, ...]:
    """List the differences of a document, excused or not; none if it cannot be compared."""
    outcome = _outcome(name)
    return outcome if isinstance(outcome, tuple) else ()


def _unexcused(found: Iterable[Difference]) -> list[str]:
    return [str(d) for d in found if not any(reason.excuses(d) for reason in reasons())]


@needs_netplan
@pytest.mark.parametrize("name", DOCUMENTS)
def test_networkd_is_told_the_same(name: str) -> None:
    outcome = _outcome(name)
    if isinstance(outcome, Incomparable):
        pytest.skip(str(outcome))
    if isinstance(outcome, Unreadable):
        raise outcome
    assert not _unexcused(outcome)


@needs_netplan
def test_networkd_is_told_the_same_of_random_documents() -> None:
    compared = 0
    for document in corpus(BATCH):
        try:
            found = _compare(both(document))
        except Incomparable:
            continue
        compared += 1
        assert not _unexcused(found), document
    assert compared > BATCH * 0.8


def test_all_other_files_are_the_same() -> None:
    """What networkd does not read, and vnetc writes for both: sysctls, rules of nftables, units."""
    own = ("/etc/netplan/", "/etc/systemd/network/")
    seen = 0
    for name in DOCUMENTS:
        netplan, networkd = (
            {
                path: text
                for path, text in with_secrets(by_path(output.files)).items()
                if not path.startswith(own)
            }
            for output in (_sides(name).netplan, _sides(name).networkd)
        )
        assert netplan == networkd, name
        seen += len(netplan)
    assert seen > 100


@needs_netplan
def test_each_reason_is_used() -> None:
    """The list stays short and true: each reason is the first to excuse something."""
    unused = list(reasons())
    for difference in (d for name in DOCUMENTS for d in _found(name)):
        first = next((reason for reason in reasons() if reason.excuses(difference)), None)
        unused = [reason for reason in unused if reason is not first]
    assert not unused


# --- the tests above can fail ---------------------------------------------------------------------


@needs_netplan
@pytest.mark.parametrize("side", ["netplan", "networkd"])
@pytest.mark.parametrize("sample", ["everything", "kvm-bridge-dhcp", "vlan-trunk"])
def test_each_line_counts(sample: str, side: str) -> None:
    """A line that is gone is noticed, unless a reason already says that it does nothing."""
    name = f"samples/{sample}.vnet.yaml"
    sides = _sides(name)
    files = {
        "netplan": generate(sides.netplan.files),
        "networkd": by_path(sides.networkd.files),
    }
    excused = {(d.device, d.file, d.setting.partition(".")[2]) for d in _found(name)}
    noticed = 0
    for path, number, option in _options(files[side]):
        lines = files[side][path].split("\n")
        less = files | {side: files[side] | {path: "\n".join(lines[:number] + lines[number + 1 :])}}
        try:
            found = differences(read(less["netplan"]), read(less["networkd"]))
            is_noticed = bool(_unexcused(found))
        except Unreadable:
            is_noticed = True
        devices = {device for device, _, excused_option in excused if excused_option == option}
        said_twice = any(f"-{device}." in path for device in devices)
        dropins = f"/{path.rpartition('/')[2]}.d/"
        taken_back = any(
            dropins in other and f"\n{option}=\n" in text for other, text in files[side].items()
        )
        assert is_noticed or said_twice or taken_back, f"{path}: {lines[number]}"
        noticed += is_noticed
    assert noticed > 5


def _options(files: dict[str, str]) -> Iterator[tuple[str, int, str]]:
    """Give the place and the option of each line of systemd's files."""
    for path, content in files.items():
        if "/systemd/network/" in path:
            for number, line in enumerate(content.split("\n")):
                if "=" in line and not line.startswith("#"):
                    yield path, number, line.partition("=")[0]


NETWORK = "/run/systemd/network/10-x.network"
DROPIN = "/etc/systemd/network/10-x.network.d/{}.conf"


def _read(main: str, *dropins: str) -> differential.Sections:
    files = {NETWORK: f"[Match]\nName=x\n{main}"}
    files |= {DROPIN.format(number): text for number, text in enumerate(dropins)}
    sections = read(files)["x"]["network"]
    return {name: blocks for name, blocks in sections.items() if name != "Match"}


def test_later_values_win() -> None:
    said = _read("[Link]\nMTUBytes=1\nARP=no\n", "[Link]\nMTUBytes=2\n", "[Link]\nMTUBytes=3\n")
    assert said == {"Link": [{"MTUBytes": "3", "ARP": "no"}]}


def test_lists_are_added_to_and_taken_back() -> None:
    assert _read("[Network]\nDNS=b\nDNS=a\n", "[Network]\nDNS=c\n")["Network"] == [{"DNS": "b a c"}]
    assert _read("[Network]\nDNS=b\n", "[Network]\nDNS=\nDNS=c\n")["Network"] == [{"DNS": "c"}]
    assert _read("[Network]\nVLAN=b\nVLAN=a\n")["Network"] == [{"VLAN": "a b"}]


@pytest.mark.parametrize(
    ("section", "one", "other"),
    [
        ("Link", "ARP=yes", "ARP=true"),
        ("Bond", "UpDelaySec=2", "UpDelaySec=2000ms"),
        ("Bond", "UpDelaySec=1.5s", "UpDelaySec=1500ms"),
        ("WireGuardPeer", "AllowedIPs=a,b", "AllowedIPs=b\nAllowedIPs=a"),
    ],
)
def test_values_have_one_spelling(section: str, one: str, other: str) -> None:
    assert _read(f"[{section}]\n{one}\n") == _read(f"[{section}]\n{other}\n") != {}


def test_sections_are_one_or_many() -> None:
    one = _read("[Route]\nGateway=a\n[Link]\nARP=no\n", "[Route]\nGateway=b\n[Link]\nGroup=1\n")
    assert one == {
        "Route": [{"Gateway": "a"}, {"Gateway": "b"}],
        "Link": [{"ARP": "no", "Group": "1"}],
    }


def test_order_of_queues_does_not_count() -> None:
    one = "[HierarchyTokenBucketClass]\nParent=1:\nClassId=1:1\n"
    other = "[HierarchyTokenBucketClass]\nParent=1:\nClassId=1:2\n"
    sides = [
        read({NETWORK: f"[Match]\nName=x\n{text}"}) for text in (one + other, other + one, one * 2)
    ]
    assert not _unexcused(differences(sides[0], sides[1]))
    assert _unexcused(differences(sides[0], sides[2]))


def test_short_hands_come_first() -> None:
    said = _read("[Address]\nAddress=b\nLabel=l\n[Network]\nAddress=a\nGateway=g\n")
    assert said == {
        "Address": [{"Address": "a"}, {"Address": "b", "Label": "l"}],
        "Route": [{"Gateway": "g"}],
    }


def test_old_section_of_dhcp_gives_way() -> None:
    said = _read("[DHCPv4]\nUseDNS=yes\n[DHCP]\nUseDNS=false\nUseMTU=true\n")
    assert said == {"DHCPv4": [{"UseDNS": "yes", "UseMTU": "yes"}], "DHCPv6": [{"UseDNS": "no"}]}


SERVICE = "/etc/systemd/system/systemd-networkd.service.d/x.conf"
NETDEV = NETWORK.removesuffix("network") + "netdev"
WIREGUARD = "[NetDev]\nName=x\n[WireGuard]\n"
CREDENTIAL = "PrivateKeyFile=/run/credentials/systemd-networkd.service/k\n"
HANDED = "LoadCredential=k:/etc/k\nSetCredential=k:missing\n"


def _secret(files: dict[str, str]) -> differential.Block:
    said = with_secrets(files)
    assert said.keys() == {NETDEV}
    return read(said)["x"]["netdev"]["WireGuard"][0]


def test_secrets_of_the_host_are_compared() -> None:
    files = {SERVICE: f"[Service]\n{HANDED}", NETDEV: f"{WIREGUARD}{CREDENTIAL}"}
    handed = _secret(files)
    other = _secret(files | {SERVICE: files[SERVICE].replace("/etc/k", "/etc/other")})
    by_itself = _secret({NETDEV: f"{WIREGUARD}PrivateKeyFile=/etc/k\n"})
    assert len({block["PrivateKeyFile"] for block in (handed, other, by_itself)}) == 3
    dropin = {f"{NETDEV}.d/x.conf": f"[WireGuard]\n{CREDENTIAL}"}
    assert read(with_secrets(files | {NETDEV: f"{WIREGUARD}PrivateKeyFile=/etc/k\n"} | dropin)) == (
        read(with_secrets(files))
    )


@pytest.mark.parametrize("unit", ["", "LoadCredential=k:/etc/k\n", "LoadCredential=other:/etc/k\n"])
def test_secrets_are_handed_over(unit: str) -> None:
    with pytest.raises(Unreadable):
        with_secrets({SERVICE: f"[Service]\n{unit}", NETDEV: f"{WIREGUARD}{CREDENTIAL}"})


OWN_LINK = "/etc/systemd/network/05-x.link"
ITS_LINK = "/run/systemd/network/10-netplan-x.link"
ITS_TEXT = "[Match]\nOriginalName=x\n[Link]\nWakeOnLan=off\nMTUBytes=1400\n"


def _link(files: dict[str, str]) -> differential.Block:
    return read(files)["x"]["link"]["Link"][0]


@pytest.mark.parametrize(
    ("match", "later"),
    [
        ("PermanentMACAddress=00:00:5e:00:53:01", False),
        ("OriginalName=?", False),
        ("OriginalName=nic0 x", False),
        ("OriginalName=nic0", True),  # which it is called no more
    ],
)
def test_the_first_link_file_that_matches_counts(match: str, later: bool) -> None:
    own = "[Link]\nName=x\nWakeOnLan=magic\n"
    files = {OWN_LINK: f"[Match]\n{match}\n{own}", ITS_LINK: ITS_TEXT}
    first = {"Name": "x", "WakeOnLan": "magic"}
    assert _link(files) == first | ({"WakeOnLan": "off", "MTUBytes": "1400"} if later else {})
    files[f"/etc/systemd/network/{ITS_LINK.rpartition('/')[2]}.d/a.conf"] = "[Link]\nWakeOnLan=\n"
    assert _link(files) == first | ({"MTUBytes": "1400"} if later else {})


def test_loopback_devices_have_no_link_file() -> None:
    assert read({ITS_LINK: ITS_TEXT.replace("OriginalName=x", "OriginalName=lo")}) == {}


def test_both_ends_of_a_veth_are_made() -> None:
    said = read({NETDEV: "[NetDev]\nName=x\nKind=veth\n[Peer]\nName=y\n"})
    assert {name: device["netdev"]["NetDev"][0]["Kind"] for name, device in said.items()} == {
        "x": "veth",
        "y": "veth",
    }


def test_files_of_etc_mask_those_of_run() -> None:
    etc = NETWORK.replace("/run", "/etc")
    files = {etc: "[Match]\nName=x\n", NETWORK: "[Match]\nName=x\n[Link]\nARP=no\n"}
    assert read(files) == {"x": {"network": {"Match": [{"Name": "x"}]}}}


@pytest.mark.parametrize(
    "files",
    [
        {DROPIN.format("a"): "[Link]\nARP=no\n"},
        {NETWORK: "[Link]\nARP=no\n"},
        {NETWORK: "[Match]\nName=x\n", NETWORK.replace("10", "11"): "[Match]\nName=x\n"},
        {
            OWN_LINK: "[Match]\nOriginalName=nic0\n[Link]\nName=x\n",
            ITS_LINK: ITS_TEXT.replace("[Link]", "Driver=veth\n[Link]"),
        },
        {NETWORK: "[Match]\nName=x\n[Link]\nARP=no\nARP=yes\n"},
    ],
    ids=[
        "a drop-in of no file",
        "no device",
        "two files for a device",
        "a .link file that may match",
        "an unknown list",
    ],
)
def test_what_systemd_would_pass_over(files: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        read(files)


def test_order_of_addresses_counts() -> None:
    one, other = (
        {NETWORK: f"[Match]\nName=x\n[Network]\n{text}"}
        for text in (
            "Address=10.0.0.1/8\nAddress=10.0.0.2/8\n",
            "Address=10.0.0.2/8\nAddress=10.0.0.1/8\n",
        )
    )
    assert _unexcused(differences(read(one), read(other)))
    mixed = {NETWORK: "[Match]\nName=x\n[Network]\nAddress=10.0.0.1/8\nAddress=fe80::1/64\n"}
    turned = {NETWORK: "[Match]\nName=x\n[Network]\nAddress=fe80::1/64\nAddress=10.0.0.1/8\n"}
    assert not list(differences(read(mixed), read(turned)))
