"""Network devices over netlink: what is wanted is reached, read back, made again and changed.

Each row of the support tables in a namespace of its own; rows of kinds that this kernel lacks are
skipped. The oracles are ip(8), which makes the same device and shows ours, and pyroute2's decoder.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import vnetc
from vnetc.backends.base import rows
from vnetc.backends.netlink import links
from vnetc.backends.netlink.link_kinds import KINDS, PORTS_OF_BRIDGES
from vnetc.backends.netlink.link_options import Option
from vnetc.backends.netlink.link_support import ROWS
from vnetc.backends.netlink.link_tunnels import TUNNELS
from vnetc.backends.netlink.wire import HEADER, Message

from . import link_lab as lab_of
from .lab.expect_kinds import expect_kind
from .lab.state import _link
from .link_cases import cases, commands, wanted
from .netlink_lab import Lab, Refused, missing, namespace

CASES = dict(cases())
needs_root = pytest.mark.skipif(bool(missing()), reason=missing())

# What the kernel takes while a device is up, or says nothing of, and we do not: it stays in the
# group of a VXLAN that it had; it brings a port of a VRF down and up itself; kernels before 6.12
# heed `bridge-binding` only when a VLAN is made; statistics per port want a bridge without VLANs.
STRICTER = frozenset(
    {
        "vxlan.group",
        "interface.vrf",
        "vlan-flags.bridge-binding",
        "bridge.vlan-stats-per-port",
    }
)
SEVERITY = ("live", "down", "empty", "recreate")
# rows of other modules with the prefixes of these
OTHERS = frozenset(
    {
        *(
            f"{kind}.{what}"
            for kind in ("bridge", "port")
            for what in ("vlans", "pvid", "untagged")
        ),
        *("port.mdb", "vxlan.remotes", "type.wifi"),
    }
)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with namespace() as found:
        yield found


def started(lab: Lab, devices: lab_of.Links) -> None:
    """Make devices, or skip the test if this kernel has no such kind or option."""
    try:
        lab_of.start(lab, devices)
    except Refused as refused:
        if refused.errno != errno.EOPNOTSUPP:
            raise
        pytest.skip(f"this kernel: {refused}")


@needs_root
@pytest.mark.parametrize("row", CASES)
def test_device_becomes_what_is_wanted(row: str, lab: Lab) -> None:
    one, _ = CASES[row]
    devices = wanted(one)
    started(lab, devices)
    assert lab_of.differences(lab, devices) == {}
    assert lab_of.settle(lab, devices) == 0, "a second time sends something"
    assert lab_of.unusual(lab, devices) == {}, "a default is none"
    assert facts(lab, one) == {}
    assert lab_of.restored(lab, devices) == {}


def facts(lab: Lab, text: str) -> dict[str, tuple[Any, Any]]:
    """Give what ip(8) shows other than the document says."""
    shown = {link["ifname"]: link for link in lab.ip("-N -d link")}
    found = {
        (name, what): value
        for link in shown.values()
        for (_, name, what), value in _link(link, ("eth0", "eth1"), shown)
    }
    host = vnetc.load_host(f"version: 1\n{text}\n")
    return {
        f"{interface.name} {what}": (found.get((interface.name, what)), value)
        for interface in host.interfaces
        if interface.kind.type not in ("ethernet", "wireguard")
        for what, value in expect_kind(interface.kind).items()
        if found.get((interface.name, what)) != value
    }


@needs_root
@pytest.mark.parametrize("row", [row for row in CASES if not row.startswith(("port.", "inter"))])
def test_ip_makes_the_same(row: str) -> None:
    one, _ = CASES[row]
    for name, lines in commands(one).items():
        with namespace() as lab:
            started(lab, wanted(one))
            assert lab_of.by_ip(lab, name, lines) == {}


@needs_root
@pytest.mark.parametrize("row", CASES)
def test_impact_is_the_kernels(row: str, lab: Lab) -> None:
    one, two = map(wanted, CASES[row])
    if set(one) != set(two):
        pytest.skip("other devices")
    started(lab, one)
    now = lab_of.state(lab)
    claims = [
        links.impact(name, now[("link", device)], two[device])
        for device in two
        for name in links.differing(now[("link", device)], two[device])
    ]
    claim = max(map(SEVERITY.index, claims), default=0)
    said = lab_of.observe(lab, one, two)
    observed = SEVERITY.index(said.partition(":")[0])
    assert claim >= observed if row in STRICTER else claim == observed, said


@pytest.mark.parametrize("row", CASES)
def test_message_reads_back(row: str) -> None:
    """All kinds, also those that no kernel here has: what `create` says, `read` understands."""
    index = {f"{name}{number}": 7 + number for name in ("eth", "ib") for number in (0, 1)}
    for devices in map(wanted, CASES[row]):
        known = {name: number for number, name in enumerate(devices, 20)} | index
        for name, attributes in devices.items():
            messages = links.create(("link", name), attributes, known)
            if not messages:
                continue
            body = _as_answer(messages[0])
            ((key, found),) = links.read([body], {number: name for name, number in known.items()})
            assert key == ("link", name)
            for word in attributes.keys() - NOT_IN_THE_FIRST:
                if links.phase(word) == "device":
                    assert found.get(word) == attributes[word], word


# a veth's other end is no link of it in the message; flags are the kernel's own but for changes
NOT_IN_THE_FIRST = {"address-generation", "peer", "arp", "multicast", "mtu", "bond.primary"}


def _as_answer(message: Message) -> bytes:
    """Add what an answer has and a request may not."""
    return message.body + struct.pack("=HHI", 8, 4, 1500)


def _tables() -> Iterator[tuple[str, Option]]:
    for kind in (*KINDS, *TUNNELS):
        for option in kind.options:
            yield kind.word, option
    for option in PORTS_OF_BRIDGES:
        yield "port", option


# as pyroute2 calls the attributes of a kind
PYROUTE2 = {
    "bridge": "bridge_data",
    "bond": "bond_data",
    "vlan": "vlan_data",
    "vxlan": "vxlan_data",
    "geneve": "geneve_data",
    "vrf": "vrf_data",
    "macvlan": "macvlan_data",
    "macvtap": "macvtap_data",
    "ipvlan": "ipvlan_data",
    "tun": "tuntap_data",
    "ipoib": "ipoib_data",
    "gre": "gre_data",
    "gretap": "gre_data",
    "ip6gre": "ip6gre_data",
    "ip6gretap": "ip6gre_data",
    "ipip": "ipip_data",
    "sit": "sit_data",
    "ip6tnl": "ip6tnl_data",
    "vti": "vti_data",
    "vti6": "vti6_data",
}


def test_numbers_are_those_of_pyroute2() -> None:
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg, protinfo_bridge

    wrong: list[str] = []
    for word, option in _tables():
        if not option.number or not option.word:
            continue
        if word == "port":
            nla_map = protinfo_bridge.nla_map
        else:
            cls = ifinfmsg.ifinfo.data_map.get(word)
            if cls is None:
                continue
            nla_map = cls.nla_map
        names = [entry[0] if isinstance(entry[0], str) else entry[1] for entry in nla_map]
        numbered = {
            (entry[0] if isinstance(entry[0], int) else number): name
            for number, (entry, name) in enumerate(zip(nla_map, names, strict=True))
        }
        other = numbered.get(option.number)
        if other is not None and other != option.word:
            wrong.append(f"{word} {option.number}: {option.word}, {other}")
    assert wrong == []


@needs_root
def test_pyroute2_reads_the_same(lab: Lab) -> None:
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    devices = wanted(
        "interfaces: {eth0: {mtu: 1400}, br0: {type: bridge, stp: true, priority: 4096, "
        "ports: {eth0: {isolated: true, path-cost: 7}}}, "
        "v: {type: vxlan, id: 7, local: 192.0.2.1, ttl: 9}, t: {type: tap}}"
    )
    started(lab, devices)
    bodies = lab.dump(*links.DUMP)
    state = dict(links.read(bodies, links.names(bodies)))
    names = {found["ifindex"]: key[1] for key, found in state.items()}
    for body in bodies:
        message = ifinfmsg(HEADER.pack(len(body) + 16, 16, 0, 0, 0) + body)
        message.decode()
        found = state[("link", message.get_attr("IFLA_IFNAME"))]
        assert found["ifindex"] == message["index"]
        assert found["mtu"] == message.get_attr("IFLA_MTU")
        assert found["up"] == bool(message["flags"] & 1)
        assert found["master"] == names.get(message.get_attr("IFLA_MASTER"))
        if "macaddress" in found:
            assert found["macaddress"] == message.get_attr("IFLA_ADDRESS")
    assert state[("link", "br0")]["bridge.priority"] == 4096
    assert state[("link", "eth0")]["port.isolated"] is True
    assert state[("link", "eth0")]["port.path-cost"] == 7
    assert state[("link", "v")]["vxlan.ttl"] == 9
    assert state[("link", "t")]["kind"] == "tap"


@needs_root
def test_bridge_keeps_its_mtu(lab: Lab) -> None:
    """A bridge takes the MTU of its ports until its own is set (Interface.initial_mtu)."""
    devices = wanted(
        "interfaces: {eth0: {mtu: 1400}, br0: {type: bridge, mtu: 1500, ports: [eth0]}}"
    )
    started(lab, devices)
    assert lab_of.state(lab)[("link", "br0")]["mtu"] == 1500


@needs_root
def test_other_namespace_is_elsewhere(lab: Lab) -> None:
    lab.sent(links.create(("link", "a"), {"kind": "veth", "peer": "b"}, {}))
    import os
    import subprocess

    holder = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    try:
        ours = os.readlink("/proc/thread-self/ns/net")
        while os.readlink(f"/proc/{holder.pid}/ns/net") == ours:
            pass
        lab.ip(f"link set b netns {holder.pid}")
        found = lab_of.state(lab)[("link", "a")]
    finally:
        holder.kill()
        holder.wait()
    assert found["peer"] is None
    assert found["link-elsewhere"] is True


def test_rows_are_complete() -> None:
    prefixes = {row.partition(".")[0] for row in ROWS} - {"interface", "ethernet"}
    known = {row for row in rows() if row.partition(".")[0] in prefixes} - OTHERS
    assert known <= set(ROWS)
    assert set(ROWS) <= set(rows())


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("bridge.forward-delay", 1500, "15s"),
        ("bridge.hello-time", 150, "1500ms"),
        ("bond.mii-monitor-interval", 100, "100ms"),
        ("vxlan.ageing", 300, "300s"),
        ("vlan.egress-qos-map", {"1": 2}, "{1: 2}"),
        ("bridge.stp", True, "true"),
        ("mtu", 1400, "1400"),
        ("master", None, "none"),
        ("address-generation", 0, "eui64"),
    ],
)
def test_values_are_shown_as_written(name: str, value: Any, text: str) -> None:
    assert links.show(name, value) == text


def test_remote_of_a_line_is_not_taken_away() -> None:
    old = {"kind": "tunnel", "tunnel.mode": "gre", "tunnel.remote": "192.0.2.1"}
    assert links.impact("tunnel.remote", old, {**old, "tunnel.remote": None}) == "recreate"
    assert links.impact("tunnel.remote", old, {**old, "tunnel.remote": "192.0.2.2"}) == "live"


def test_card_is_of_any_kind() -> None:
    assert links.differing({"kind": "veth"}, {"kind": "ethernet"}) == []
    assert links.impact("kind", {"kind": "veth"}, {"kind": "ethernet"}) == "live"
    assert links.impact("kind", {"kind": "veth"}, {"kind": "bridge"}) == "recreate"
