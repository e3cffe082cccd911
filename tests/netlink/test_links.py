"""Network devices over netlink: what is wanted is reached, read back, made again and changed.

Each row of the support tables in a namespace of its own; rows of kinds that this kernel lacks are
skipped. The oracles are ip(8), which makes the same device and shows ours, and pyroute2's decoder.
"""

from __future__ import annotations

import errno
import os
import struct
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import vnetc
from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.links.kinds import KINDS, PORTS_OF_BRIDGES
from vnetc.backends.netlink.links.options import Option
from vnetc.backends.netlink.links.support import ROWS
from vnetc.backends.netlink.links.tunnels import TUNNELS
from vnetc.backends.netlink.wire.messages import HEADER, Message, attribute
from vnetc.backends.support import rows

from tests.lab.expected.kinds import expect_kind
from tests.lab.states.state import _link

from . import link_lab as lab_of
from .lab import Lab, Refused, missing, namespace
from .link_cases import cases, commands, wanted

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
# what ip-link(8) says in one line
OF_KINDS = [
    row
    for row in CASES
    if not row.startswith(("port.", "inter", "made")) and row != "bridge.vlan-stats-per-port"
]
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


LACKING: dict[str, str] = {}  # kinds that this kernel has not, and its words


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None:
        skip_lacking(wanted(CASES[callspec.params["row"]][0]))
    with namespace() as found:
        yield found


def skip_lacking(devices: lab_of.Links) -> None:
    """Skip a test before it makes a namespace, which is most of the time that it takes."""
    for attributes in devices.values():
        if (word := kind_word(attributes)) in LACKING:
            pytest.skip(LACKING[word])


def kind_word(attributes: Any) -> str:
    kind = links.kind_of(attributes)
    return str(attributes["kind"]) if kind is None else kind.word


def started(lab: Lab, devices: lab_of.Links) -> None:
    """Make devices, or skip the test if this kernel has no such kind or option."""
    try:
        lab_of.start(lab, devices)
    except Refused as refused:
        if refused.errno != errno.EOPNOTSUPP:
            raise
        if refused.text == "Unknown device type":
            there = lab_of.state(lab)
            absent = [a for name, a in devices.items() if ("link", name) not in there]
            word = kind_word(absent[0])
            LACKING[word] = f"this kernel has no `{word}`"
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
@pytest.mark.parametrize("row", OF_KINDS)
def test_ip_makes_the_same(row: str) -> None:
    one, _ = CASES[row]
    skip_lacking(wanted(one))
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
    for devices in map(wanted, CASES[row]):
        known = {name: number for number, name in enumerate(devices, 20)}
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


# What is said in a second message, or the kernel's own business: the other end of a cable is no link
# of this one in the message, flags are said if they change, and a mode brings its interval along.
NOT_IN_THE_FIRST = {
    *("address-generation", "peer", "arp", "multicast", "mtu"),
    "bond.mii-monitor-interval",
}


def _as_answer(message: Message) -> bytes:
    """Add what an answer has and a request may not."""
    return message.body[:16] + struct.pack("=HHI", 8, 4, 1500) + message.body[16:]


def _tables() -> Iterator[tuple[str, Option]]:
    for kind in (*KINDS, *TUNNELS):
        for option in kind.options:
            yield kind.word, option
    for option in PORTS_OF_BRIDGES:
        yield "port", option


def test_numbers_are_those_of_pyroute2() -> None:
    """It names the attributes of each kind after that, so the ends of the names must agree."""
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg, protinfo_bridge

    tables = {**ifinfmsg.ifinfo.data_map, "port": protinfo_bridge}
    compared = 0
    for word, option in _tables():
        if not (option.number and option.word and word in tables):
            continue
        names = {
            (entry[0], entry[1]) if isinstance(entry[0], int) else (number, entry[0])
            for number, entry in enumerate(tables[word].nla_map)
        }
        other = dict(names).get(option.number)
        if other is not None:  # it does not know the newest
            assert other.split("_", 2)[2] == option.word.split("_", 2)[2], (word, option.number)
            compared += 1
    assert compared > 150


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
    holder = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    try:
        ours = os.readlink("/proc/thread-self/ns/net")
        while os.readlink(f"/proc/{holder.pid}/ns/net") == ours:
            pass
        lab.ip(f"link set dev b netns {holder.pid}")
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


def test_an_extension_of_vxlan_that_is_off_is_not_said() -> None:
    """Linux 6.14 lets the bits of the header through that one uses, also if it is off."""
    receive = "vxlan.remote-checksum-receive"
    off, on, plain = (
        links.create(("link", "x"), {"kind": "vxlan", "vxlan.id": 8} | more, {})
        for more in ({receive: False}, {receive: True}, {})
    )
    assert off == plain != on


def test_card_is_of_any_kind() -> None:
    assert links.differing({"kind": "veth"}, {"kind": "ethernet"}) == []
    assert links.impact("kind", {"kind": "veth"}, {"kind": "ethernet"}) == "live"
    assert links.impact("kind", {"kind": "veth"}, {"kind": "bridge"}) == "recreate"


@needs_root
def test_kernel_shows_that_it_has_ipv6(lab: Lab) -> None:
    assert links.has_ipv6(lab_of.state(lab)) == os.path.exists("/proc/net/if_inet6")


def test_whole_tunnel_is_said_with_its_plain_settings() -> None:
    """The kernel reads each message as a whole tunnel, and what is not in it is none."""
    old = {"kind": "tunnel", "tunnel.mode": "gre", "tunnel.remote": "192.0.2.1", "mtu": 1400}
    new = {**old, "tunnel.ttl": 9, "alias": "line", "group": 7}
    (message,) = links.change(("link", "t"), old, new, {"t": 5})
    ((_, found),) = links.read([_as_answer(message) + _name("t")], {})
    assert {name: found[name] for name in new} == new


def _name(name: str) -> bytes:
    return attribute(3, name.encode() + b"\0")
