"""The virtual machine: it has every kind of link, brings results back, and fails loudly."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from .machines import tree, vm

pytestmark = pytest.mark.lab

LIMIT = 120

V4 = "local 192.0.2.1 remote 192.0.2.2"
V6 = "local 2001:db8::1 remote 2001:db8::2"

# kind -> its arguments of ip-link(8); p, q and r are dummies
KINDS = {
    "bond": "mode 802.3ad",
    "bridge": "vlan_filtering 1",
    "dummy": "",
    "erspan": f"{V4} seq key 5 erspan_ver 1",
    "geneve": "id 5 remote 192.0.2.2",
    "gre": V4,
    "gretap": V4,
    "ifb": "",
    "ip6erspan": f"{V6} seq key 5 erspan_ver 1",
    "ip6gre": V6,
    "ip6gretap": V6,
    "ip6tnl": f"mode ip6ip6 {V6}",
    "ipip": V4,
    "ipvlan": "mode l2",
    "ipvtap": "mode l2",
    "macsec": "encrypt on",
    "macvlan": "mode bridge",
    "macvtap": "mode bridge",
    "sit": V4,
    "veth": "peer name peer",
    "vlan": "id 5",
    "vrf": "table 5",
    "vti": f"{V4} key 5",
    "vti6": f"{V6} key 5",
    "vxlan": "id 5 dstport 4789 remote 192.0.2.2",
    "wireguard": "",
    "xfrm": "dev p if_id 5",
}
LOWER = {"ipvlan": "q", "ipvtap": "q", "macsec": "p", "macvlan": "r", "macvtap": "r", "vlan": "p"}

QDISCS = (
    "cake",
    "fq",
    "fq_codel",
    "htb",
    "netem delay 1ms",
    "pfifo",
    "prio",
    "red limit 1mb avpkt 1000",
)

RULES = """\
table inet t {
    flowtable f { hook ingress priority 0; devices = { p, q }; }
    set s { type ipv4_addr; flags interval, timeout; elements = { 192.0.2.0/24 timeout 1h }; }
    chain forward {
        type filter hook forward priority filter
        ip protocol { tcp, udp } flow add @f
        ct state established accept
        fib saddr . iif oif missing counter drop
        ip saddr @s limit rate 5/second log prefix "x" reject with icmpx admin-prohibited
    }
    chain pre { type nat hook prerouting priority dstnat; tcp dport 80 dnat ip to 192.0.2.9:8080; }
    chain post { type nat hook postrouting priority srcnat; oifname "p" masquerade; }
}
table bridge t {
    chain forward { type filter hook forward priority 0; ether type vlan vlan id 5 drop; }
}
table netdev t {
    chain in { type filter hook ingress device "p" priority 0; ip saddr 192.0.2.7 fwd to "q"; }
}
"""

SCRIPT = """\
set -e
ip netns add n
ip -n n -batch links
ip -n n tuntap add dev tap mode tap
tc -n n -batch qdiscs
nft_in_n() { ip netns exec n nft "$@"; }
nft_in_n -f rules
nft_in_n -j list ruleset >"$OUT/rules.json"
modprobe br_netfilter
test -e /proc/sys/net/bridge/bridge-nf-call-iptables
ip -n n -details -json link >"$OUT/links.json"
ls /lab/another >"$OUT/another"
"""


@pytest.fixture(scope="module")
def machine() -> vm.Machine:
    if reason := vm.missing():
        pytest.skip(f"lab: {reason}")
    debian = tree.build()
    return vm.prepare({"debian": debian, "another": debian})


def test_every_kind(machine: vm.Machine, tmp_path: Path) -> None:
    """Modules load on demand, in a network namespace, whatever asks for them."""
    job = tmp_path / "job"
    job.mkdir()
    links = [f"link add name {dummy} type dummy" for dummy in "pqr"]
    for kind, arguments in KINDS.items():
        lower = f"link {LOWER[kind]} " if kind in LOWER else ""
        links.append(f"link add {lower}name a-{kind} type {kind} {arguments}")
    qdiscs = [f"qdisc replace dev p root {qdisc}" for qdisc in QDISCS]
    qdiscs += [
        "qdisc add dev p clsact",
        "filter add dev p ingress matchall action mirred egress redirect dev a-ifb",
        "filter add dev p egress matchall action police rate 1mbit burst 10k drop",
    ]
    (job / "links").write_text("\n".join(links))
    (job / "qdiscs").write_text("\n".join(qdiscs))
    (job / "rules").write_text(RULES)
    (job / "script").write_text(SCRIPT)

    times = vm.run(machine, job, ["sh", "./script"], tmp_path / "out", LIMIT)

    assert 0 < times.up + times.job < times.total
    found = {
        link["ifname"]: link["linkinfo"]["info_kind"]
        for link in json.loads((tmp_path / "out/links.json").read_text())
        if "linkinfo" in link
    }
    assert {f"a-{kind}": kind for kind in KINDS}.items() <= found.items()
    assert found["tap"] == "tun"
    rules = json.loads((tmp_path / "out/rules.json").read_text())["nftables"]
    tables = {entry["table"]["family"] for entry in rules if "table" in entry}
    assert tables == {"bridge", "inet", "netdev"}
    assert "usr" in (tmp_path / "out/another").read_text().split()


def test_failing_command(machine: vm.Machine, tmp_path: Path) -> None:
    """The error has what the command said last, and its results are there all the same."""
    (tmp_path / "job").mkdir()
    with pytest.raises(vm.VMError, match=r"failed \(3\)(.|\n)*nothing works"):
        command = "echo found >$OUT/file; echo nothing works; exit 3"
        vm.run(machine, tmp_path / "job", command, tmp_path / "out", LIMIT)
    assert (tmp_path / "out/file").read_text() == "found\n"


def test_too_many_results(
    machine: vm.Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is unpacked: what is cut off could not be told from what never was."""
    monkeypatch.setattr(vm, "RESULTS", 1 << 20)
    (tmp_path / "job").mkdir()
    with pytest.raises(vm.VMError, match=r"without results(.|\n)*/dev/vdc: Wrote only"):
        command = "truncate -s 2M $OUT/file"
        vm.run(machine, tmp_path / "job", command, tmp_path / "out", LIMIT)
    assert not (tmp_path / "out/file").exists()


def test_limit(machine: vm.Machine, tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    start = time.monotonic()
    with pytest.raises(vm.VMError, match=r"more than 25 s(.|\n)*going to sleep"):
        vm.run(machine, tmp_path / "job", "echo going to sleep; sleep 99", tmp_path / "out", 25)
    assert time.monotonic() - start < 60
