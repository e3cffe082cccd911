"""What `apply` has programs do, with the real ones in namespaces and directories of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import vnetc
from vnetc.backends.base import rows
from vnetc.backends.netlink import cards, daemons, programs, qdiscs, services, wireguard
from vnetc.backends.netlink.calls import (
    SEARCH,
    Machine,
    Problem,
    ProgramFailed,
    end,
    has,
    processes,
)
from vnetc.backends.netlink.objects import Attributes, Key, State, Wanted
from vnetc.backends.netlink.remembering import recall, remember, settled
from vnetc.backends.netlink.store import Places
from vnetc.backends.netlink.wire import HEADER, U32, Message, attribute
from vnetc.cards import CardMatch, Secret
from vnetc.kinds import Ethernet
from vnetc.model import Host, Interface
from vnetc.pipeline import load_host as load_whole
from vnetc.record import replace

from . import wireguard_cycle as wg
from .lab import tree, vm
from .namespaces import missing, sandboxed

LACKS = missing()
in_sandbox = pytest.mark.skipif(LACKS is not None, reason=LACKS or "")


def needs(*names: str) -> pytest.MarkDecorator:
    absent = [name for name in names if not has(name)]
    return pytest.mark.skipif(bool(absent), reason=f"needs {', '.join(absent)}")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def wait(done: Callable[[], object], seconds: float = 8) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "took too long"
        time.sleep(0.05)


def step(key: Key, before: Attributes | None, after: Attributes | None) -> Any:
    return SimpleNamespace(key=key, before=before, after=after)


def load_host(text: str) -> Host:
    return load_whole(text if "version:" in text else f"version: 1\n{text}")


class Ledger:
    """Takes steps as a transaction does, and remembers what one would."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.remembered: dict[Key, dict[str, Any]] = {}

    def read(self, wanted: Sequence[Wanted]) -> State:
        return programs.read(wanted, tuple(self.remembered), self.remembered, self.machine)

    def apply(self, wanted: Sequence[Wanted]) -> int:
        """Take the steps to what is wanted, and give their number."""
        state = self.read(wanted)
        count = 0
        for item in wanted:
            now = state.get(item.key)
            if now is None or any(now.get(n) != v for n, v in item.attributes.items()):
                after = {**(now or {}), **item.attributes}
                programs.run(step(item.key, now, after), machine=self.machine)
                count += 1
        state = self.read(wanted)
        for item in wanted:
            entry = remember(item.key, item.attributes, state)
            if entry is not None:
                self.remembered[item.key] = entry
        state = recall(state, self.remembered)
        for item in wanted:
            assert {n: state[item.key].get(n) for n in item.attributes} == item.attributes
        return count

    def remove(self, key: Key, wanted: Sequence[Wanted] = ()) -> None:
        programs.run(step(key, self.read(wanted)[key], None), machine=self.machine)


def machine_in(folder: Path, search: str = SEARCH) -> Machine:
    places = Places(state=f"{folder}/state", run=f"{folder}/run", root=str(folder / "root"))
    return Machine(places=places, search=search, leases=f"{folder}/leases")


# --- rows -----------------------------------------------------------------------------------------


def test_rows_are_of_the_model_and_say_nothing_of_ifupdown() -> None:
    found = {**services.ROWS, **wireguard.ROWS, **cards.RARE, **qdiscs.RARE}
    assert found.keys() <= {*rows()}
    for name, row in found.items():
        assert bool(row.how) != bool(row.reason), name
        assert not row.how.startswith(("up ", "pre-up ")), name
        assert "ifupdown" not in row.reason, name


# --- WireGuard ------------------------------------------------------------------------------------


def decoded(message: Message) -> Any:
    """Have pyroute2 read what follows the header of a message."""
    from pyroute2.netlink.generic.wireguard import wgmsg

    size = HEADER.size + len(message.body)
    oracle = wgmsg(HEADER.pack(size, message.type, message.flags, 1, 0) + message.body)
    oracle.decode()
    return oracle


def test_wireguard_messages_are_those_of_pyroute2() -> None:
    messages = [
        message
        for key, new in wg.said(wg.FIRST).items()
        for message in wireguard.create(key, new, {}, family=77, keys=wg.KEYS)
    ]
    device, one, *other = map(decoded, messages)
    assert {message.type for message in messages} == {77}
    assert device["cmd"] == 1
    assert device.get_attr("WGDEVICE_A_IFNAME") == "wg0"
    assert device.get_attr("WGDEVICE_A_LISTEN_PORT") == 51821
    assert device.get_attr("WGDEVICE_A_FWMARK") == 0x10
    private = wireguard.clamp(wg.MATERIAL[wg.PRIVATE])
    assert device.get_attr("WGDEVICE_A_PRIVATE_KEY") == wireguard.encode_key(private).encode()
    (peer,) = one.get_attr("WGDEVICE_A_PEERS")
    assert peer.get_attr("WGPEER_A_PUBLIC_KEY") == wg.ONE.encode()
    assert peer.get_attr("WGPEER_A_PRESHARED_KEY") == (wg.SHARED.text or "").encode()
    assert peer.get_attr("WGPEER_A_ENDPOINT")["addr"] == "192.0.2.9"
    assert peer.get_attr("WGPEER_A_ENDPOINT")["port"] == 51820
    assert peer.get_attr("WGPEER_A_FLAGS") == 2
    assert [network["addr"] for network in peer.get_attr("WGPEER_A_ALLOWEDIPS")] == [
        "192.0.2.0/24",
        "2001:db8::/64",
    ]
    peers = [message.get_attr("WGDEVICE_A_PEERS")[0] for message in other]
    assert [peer.get_attr("WGPEER_A_FLAGS") for peer in peers] == [2, 4, 4]
    networks = [n["addr"] for peer in peers for n in peer.get_attr("WGPEER_A_ALLOWEDIPS")]
    assert networks == sorted(wg.MANY)
    assert peers[0].get_attr("WGPEER_A_ENDPOINT")["addr"] == "2001:db8::9"
    assert peers[0].get_attr("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL") == 25


def test_wireguard_dumps_that_come_in_parts_are_put_together() -> None:
    wanted = wg.said(wg.FIRST)
    first, *others = (
        message.body
        for key, new in wanted.items()
        for message in wireguard.create(key, new, {}, family=77, keys=wg.KEYS)
    )
    # as the kernel has it: name and number of the device in the first part alone
    name = len(attribute(2, b"wg0\0"))
    bodies = [first + attribute(1, U32.pack(5)), *(b[:4] + b[4 + name :] for b in others)]
    found = dict(wireguard.read(bodies, {}))
    assert wg.includes(found, wanted)
    assert ("wireguard", "renamed") in dict(wireguard.read(bodies, {5: "renamed"}))
    assert wireguard.secrets(bodies).items() <= wg.KEYS.items()


def test_wireguard_states_hold_no_keys() -> None:
    text = str(wg.said(wg.FIRST))
    for key in wg.KEYS.values():
        assert wireguard.encode_key(key) not in text
        assert key.hex() not in text
    assert wireguard.lacking(wg.said(wg.FIRST).values(), {}) <= wg.KEYS.keys()
    assert wireguard.lacking(wg.said(wg.FIRST).values(), wg.KEYS) == set()


def test_wireguard_endpoints_are_looked_up_and_followed() -> None:
    names = wg.device([wg.peer(wg.ONE, endpoint=("localhost", 7))])
    wanted = [*wireguard.wanted(names, wg.MATERIAL)]
    peer = wanted[1]
    found, problems = programs.look_up(wanted)
    assert problems == []
    assert {"127.0.0.1:7", "[::1]:7"} & {*found["localhost", 7]}
    found = {("localhost", 7): ["192.0.2.1:7", "[2001:db8::1]:7"]}

    def settle(state: State, asked: str = "") -> object:
        remembered = {peer.key: {"asked": asked}}
        return wireguard.settle(wanted, state, remembered, found)[1].attributes["endpoint"]

    assert settle({}) == "192.0.2.1:7"
    assert settle(wg.moved(peer, "[2001:db8::1]:7")) == "[2001:db8::1]:7"
    assert settle(wg.moved(peer, "198.51.100.1:9")) == "192.0.2.1:7"
    assert settle(wg.moved(peer, "198.51.100.1:9"), "localhost:7") == "198.51.100.1:9"
    assert remember(peer.key, peer.attributes, {}) == {"asked": "localhost:7"}
    _, (problem,) = programs.look_up(
        wireguard.wanted(wg.device([wg.peer(wg.ONE, endpoint=("a..b", 7))]), {})
    )
    assert "a..b" in problem.text


@pytest.mark.parametrize("text", ["", "AAAA", "not base64 at all!", "A" * 44])
def test_what_is_no_key_is_said_without_its_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text)
    secret = Secret(path=("here",), file=str(tmp_path / "key"))
    kind = replace(wg.FIRST.kind, private_key=secret, peers=())
    _, (problem,) = programs.read_secrets(
        Host(name="h", interfaces=(replace(wg.FIRST, kind=kind),))
    )
    assert problem == Problem(("here",), f"{tmp_path}/key is no key")
    (tmp_path / "key").unlink()
    _, (problem,) = programs.read_secrets(
        Host(name="h", interfaces=(replace(wg.FIRST, kind=kind),))
    )
    assert problem.text == f"{tmp_path}/key: No such file or directory"


@in_sandbox
def test_wireguard_on_this_kernel() -> None:
    words = ["unshare", "--net", "ip", "link", "add", "wg0", "type", "wireguard"]
    if subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this kernel has no WireGuard")

    def body() -> None:
        ip("link", "add", "wg0", "type", "wireguard")
        wg.cycle()

    sandboxed(body)


@pytest.mark.lab
def test_wireguard_on_debians_kernel(tmp_path: Path) -> None:
    """Beside wg(8), which this kernel may have no use for."""
    if reason := vm.missing():
        pytest.skip(f"lab: {reason}")
    job = tmp_path / "job"
    shutil.copytree(Path(vnetc.__file__).parent, job / "vnetc")
    shutil.copy(wg.__file__, job / "cycle.py")
    command = (
        "command -v wg && ip link add wg0 type wireguard && "
        "PYTHONPATH=. python3 -c 'import cycle; cycle.cycle()'"
    )
    vm.run(vm.prepare({"debian": tree.build()}), job, command, tmp_path / "out", 120)


# --- queueing disciplines -------------------------------------------------------------------------

QDISCS = """
interfaces:
  v0:
    qdiscs:
    - kind: htb
      handle: "1:"
      default: "1:10"
      classes: [{id: "1:10", rate: 10mbit}]
    - {kind: pfifo, parent: "1:10", limit: 7}
    - {kind: clsact}
"""


def wanted_qdiscs(text: str) -> list[Wanted]:
    return [item for i in load_host(text).interfaces for item in qdiscs.wanted(i)]


def test_the_words_of_tc() -> None:
    (item,) = wanted_qdiscs(QDISCS)
    assert qdiscs.batch(qdiscs.words(item.attributes["commands"])).splitlines() == [
        "qdisc add dev v0 root handle 1: htb default 10",
        "class add dev v0 parent 1: classid 1:10 htb rate 10mbit",
        "qdisc add dev v0 clsact",
        "qdisc add dev v0 parent 1:10 pfifo limit 7",
    ]
    assert qdiscs.parts(item.attributes["commands"]) == {"root", "receive"}


@pytest.mark.parametrize("word", ["", "a b", "a\nb", "#", '"', "\\"])
def test_what_is_no_word_of_tc_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="not a word"):
        qdiscs.batch([["qdisc", word]])


def test_what_the_kernel_chooses_and_counts_does_not_count() -> None:
    one, other = (
        qdiscs.observe(
            f"qdisc noqueue 0: dev lo root refcnt 2 \n"
            f"qdisc htb 1: dev a root refcnt {n} r2q 10 default 0x10 direct_packets_stat {n} ver 3.17\n"
            f"qdisc drr 80{n:02x}: dev a parent 1:10 \n"
            f"qdisc fq 80{n:02x}: dev b root refcnt 5 limit 10000p\n",
            f"a class htb 1:10 root leaf 80{n:02x}: prio 0 rate 10Mbit level 0\n"
            f"a class drr 80{n:02x}:1 parent 80{n:02x}: quantum 1500\n"
            f"b class fq_codel 80{n:02x}:{n:x} parent 80{n:02x}:\n",
        )
        for n in (1, 47)
    )
    assert one == other
    assert one["a"]["root"].splitlines() == [
        "class drr (drr of parent 1:10):1 parent (drr of parent 1:10): quantum 1500",
        "class htb 1:10 root prio 0 rate 10Mbit",
        "qdisc drr (drr of parent 1:10): parent 1:10 ",
        "qdisc htb 1: root r2q 10 default 0x10",
    ]
    assert "lo" not in one


@in_sandbox
@needs("tc")
def test_queueing_disciplines(tmp_path: Path) -> None:
    def body() -> None:
        ip("link", "add", "v0", "type", "veth")
        ledger = Ledger(machine_in(tmp_path))
        wanted = wanted_qdiscs(QDISCS)
        assert programs.preflight(wanted) == []
        assert ledger.read(wanted) == {}
        assert ledger.apply(wanted) == 1
        assert ledger.apply(wanted) == 0
        before = ledger.read(wanted)

        # a change by others shows, and is undone
        subprocess.run(
            ["tc", "qdisc", "change", "dev", "v0", "parent", "1:10", "pfifo", "limit", "9"],
            check=True,
        )
        changed = ledger.read(wanted)[wanted[0].key]
        assert changed["commands"] is None
        assert not settled(
            wanted[0].attributes["commands"], ledger.remembered[wanted[0].key], changed
        )
        assert ledger.apply(wanted) == 1
        assert ledger.read(wanted) == before

        # the way back to a snapshot
        other = wanted_qdiscs(QDISCS.replace("limit: 7", "limit: 8"))
        programs.run(step(other[0].key, None, other[0].attributes))
        programs.run(step(wanted[0].key, None, before[wanted[0].key]))
        assert ledger.read(wanted) == before

        ledger.remove(wanted[0].key)
        assert ledger.read(wanted) == {}

        # what a document says nothing of is left alone
        subprocess.run(["tc", "qdisc", "add", "dev", "v0", "clsact"], check=True)
        root = wanted_qdiscs("interfaces: {v0: {qdiscs: [{kind: pfifo, limit: 7}]}}")
        ledger.remembered.clear()
        assert ledger.read(root) == {}
        assert ledger.apply(root) == 1
        assert ledger.apply(root) == 0
        ledger.remove(root[0].key)
        shown = subprocess.run(["tc", "qdisc"], check=True, capture_output=True, text=True)
        assert "clsact" in shown.stdout

        # of others' disciplines the words are not known
        subprocess.run(
            ["tc", "qdisc", "add", "dev", "v0", "root", "handle", "5:", "htb"], check=True
        )
        found = ledger.read(root)[root[0].key]
        assert found["commands"] is None
        with pytest.raises(ProgramFailed, match="nobody knows"):
            programs.run(step(root[0].key, None, found))

    sandboxed(body)


@in_sandbox
@needs("tc", "unshare")
def test_a_discipline_that_the_kernel_lacks_is_found_before() -> None:
    def body() -> None:
        wanted = wanted_qdiscs("interfaces: {v0: {qdiscs: [{kind: pfifo}]}}")
        commands = [["qdisc", "add", "dev", "v0", "root", "no_such_thing"]]
        lacking = replace(wanted[0], attributes={"commands": commands})
        (problem,) = programs.preflight([lacking])
        assert problem.path == lacking.path
        assert "no_such_thing" in problem.text or "unknown" in problem.text

    sandboxed(body)


# --- networks of guests ---------------------------------------------------------------------------


def networks() -> Host:
    text = Path(__file__).parent.parent / "samples" / "kvm-nat.vnet.yaml"
    return load_host(text.read_text())


@in_sandbox
@needs("nft")
def test_rulesets(tmp_path: Path) -> None:
    def body() -> None:
        ledger = Ledger(machine_in(tmp_path))
        wanted = [w for w in services.wanted_networks(networks()) if w.key[0] == "nft"]
        (item,) = wanted
        assert programs.preflight(wanted) == []
        assert ledger.read(wanted) == {}
        subprocess.run(["nft", "add", "table", "inet", "foreign"], check=True)
        assert ledger.apply(wanted) == 1
        assert ledger.apply(wanted) == 0

        # packets that were counted are no difference; a rule is
        rule = ["nft", "add", "rule", "inet", item.key[1], "forward", "drop"]
        subprocess.run(rule, check=True)
        changed = ledger.read(wanted)
        assert changed[item.key]["text"] != item.attributes["text"]
        assert ledger.apply(wanted) == 1

        # a snapshot of what others changed comes back as it was
        programs.run(step(item.key, None, changed[item.key]))
        assert ledger.read(wanted) == changed

        ledger.remove(item.key)
        programs.run(step(item.key, {}, None))  # once more does no harm
        assert ledger.read(wanted) == {}
        tables = subprocess.run(["nft", "list", "tables"], check=True, capture_output=True)
        assert tables.stdout == b"table inet foreign\n"

        broken = replace(item, attributes={"text": "table inet x { chain y { no such } }"})
        (problem,) = programs.preflight([broken])
        assert problem.path == item.path

    sandboxed(body)


def test_files(tmp_path: Path) -> None:
    ledger = Ledger(machine_in(tmp_path))
    wanted = [*services.wanted_files(networks())]
    assert [item.key[1] for item in wanted] == [*services.files_of(networks())]
    assert ledger.apply(wanted) == len(wanted)
    assert ledger.apply(wanted) == 0
    path = tmp_path / "root" / wanted[0].key[1][1:]
    assert path.stat().st_mode & 0o7777 == 0o644
    path.write_bytes(b"\xff")
    odd = ledger.read(wanted)
    assert ledger.apply(wanted) == 1
    programs.run(step(wanted[0].key, None, odd[wanted[0].key]), machine=ledger.machine)
    assert path.read_bytes() == b"\xff"
    ledger.remove(wanted[0].key, wanted)
    assert not path.exists()
    # a file in the place of a directory
    path.parent.joinpath("x").write_text("")
    with pytest.raises(ProgramFailed, match=r"Not a directory|File exists"):
        programs.run(
            step(("file", wanted[0].key[1].rpartition("/")[0] + "/x/y"), None, odd[wanted[0].key]),
            machine=ledger.machine,
        )


@in_sandbox
@needs("dnsmasq")
def test_dnsmasq_is_kept_restarted_and_stopped(tmp_path: Path) -> None:
    def body() -> None:
        ip("link", "set", "dev", "lo", "up")
        ip("link", "add", "virbr0", "type", "bridge")
        ip("link", "set", "dev", "virbr0", "up")
        ip("address", "add", "192.0.2.1/24", "dev", "virbr0")
        machine = machine_in(tmp_path)
        ledger = Ledger(machine)
        (said,) = (w for w in services.wanted_networks(networks()) if w.key[0] == "dnsmasq")
        config, pidfile = tmp_path / "guests.conf", tmp_path / "guests.pid"

        def write(lease: int) -> list[Wanted]:
            text = (
                f"interface=virbr0\nexcept-interface=lo\nbind-dynamic\npid-file={pidfile}\n"
                f"dhcp-leasefile={tmp_path}/leases/guests\nport=0\nuser=root\n"
                f"dhcp-range=192.0.2.100,192.0.2.199,255.255.255.0,{lease}\n"
            )
            config.write_text(text)
            attributes = {
                "config": str(config),
                "pidfile": str(pidfile),
                "content": services.fingerprint(text),
            }
            assert attributes.keys() == said.attributes.keys()
            return [replace(said, attributes=attributes)]

        foreign = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root"]
        )
        wanted = write(300)
        assert ledger.read(wanted) == {}
        assert ledger.apply(wanted) == 1
        first = pidfile.read_text()
        assert ledger.apply(wanted) == 0
        assert pidfile.read_text() == first

        wanted = write(600)
        assert ledger.read(wanted)[said.key]["content"] is None
        assert ledger.apply(wanted) == 1
        assert pidfile.read_text() != first
        assert ledger.apply(wanted) == 0

        ledger.remove(said.key, wanted)
        assert ledger.read(wanted) == {}
        # a stale pid file, with the number of another dnsmasq
        pidfile.write_text(f"{foreign.pid}\n")
        assert ledger.read(wanted) == {}
        programs.run(step(said.key, wanted[0].attributes, None), machine=machine)
        assert foreign.poll() is None
        broken = config.read_text() + "no-such-word\n"
        config.write_text(broken)
        with pytest.raises(ProgramFailed, match=r"no-such-word|bad option"):
            programs.run(step(said.key, None, wanted[0].attributes), machine=machine)

    sandboxed(body)


# --- DHCP clients ---------------------------------------------------------------------------------

_SERVER = """
interface=v1
bind-interfaces
port=0
user=root
no-ping
dhcp-authoritative
dhcp-range=192.0.2.100,192.0.2.199,255.255.255.0,300
dhcp-option=option:router,192.0.2.1
dhcp-option=option:dns-server
"""


def wanted_dhcp(metric: int = 100) -> list[Wanted]:
    text = f"interfaces: {{v0: {{dhcp4: true, dhcp4-overrides: {{route-metric: {metric}}}}}}}"
    host = load_host(text)
    return [item for i in host.interfaces for item in services.wanted_dhcp(host, i)]


def test_the_file_for_networkd() -> None:
    ((_, attributes),) = ((w.key, w.attributes) for w in wanted_dhcp(7))
    text = str(attributes["networkd"])
    assert "[Match]\nName=v0\n" in text
    assert "\nDHCP=ipv4\n" in text
    assert "\nKeepConfiguration=yes\n" in text
    assert services.read_network_file(text) == {"ipv4": True, "route-metric": 7}
    assert services.read_network_file("[Network]\nDHCP=no\n[DHCPv4]\nRouteMetric=7\n") == {}


def address_of(device: str) -> str:
    words = ["ip", "-4", "-o", "addr", "show", "dev", device]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@in_sandbox
@pytest.mark.parametrize("client", ["dhclient", "udhcpc"])
def test_dhcp_clients(client: str, tmp_path: Path) -> None:
    if not has(client) or not has("dnsmasq"):
        pytest.skip(f"needs {client} and dnsmasq")

    def body() -> None:
        ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        for name in ("lo", "v0", "v1"):
            ip("link", "set", "dev", name, "up")
        ip("address", "add", "192.0.2.1/24", "dev", "v1")
        ip("address", "add", "198.51.100.1/24", "dev", "v0")
        (tmp_path / "server.conf").write_text(_SERVER)
        files = [f"--pid-file={tmp_path}/server.pid", f"--dhcp-leasefile={tmp_path}/server"]
        subprocess.run(["dnsmasq", f"--conf-file={tmp_path}/server.conf", *files], check=True)
        # nothing but this client; what its script may write of the machine is out of its reach
        (tmp_path / "bin").mkdir()
        for program in (client, "ip"):
            path = next(
                f"{d}/{program}" for d in SEARCH.split(":") if os.path.exists(f"{d}/{program}")
            )
            (tmp_path / "bin" / program).symlink_to(path)
        (tmp_path / "leases").mkdir()
        (tmp_path / "resolv.conf").touch()
        resolv = os.path.realpath("/etc/resolv.conf")
        subprocess.run(["mount", "--bind", str(tmp_path / "resolv.conf"), resolv], check=True)
        ledger = Ledger(machine_in(tmp_path, f"{tmp_path}/bin"))
        wanted = wanted_dhcp()
        assert daemons.dhcp_client(ledger.machine) == client
        assert ledger.read(wanted) == {}
        assert ledger.apply(wanted) == 1
        wait(lambda: "192.0.2.1" in address_of("v0"))
        assert ledger.apply(wanted) == 0

        assert ledger.apply(wanted_dhcp(7)) == 1
        wait(lambda: "192.0.2.1" in address_of("v0"))
        wait(lambda: "metric 7" in route_words())
        assert len([p for p in processes() if p.name == client]) == 1

        # it is as good if something else has started it
        (process,) = (p for p in processes() if p.name == client)
        end(process)
        assert ledger.read(wanted_dhcp(7)) == {}
        extra = {**os.environ, "IF_METRIC": "7", "PATH": f"{tmp_path}/bin"}
        subprocess.run([*process.words], env=extra, check=True, stdin=subprocess.DEVNULL)
        assert ledger.apply(wanted_dhcp(7)) == 0

        ledger.remembered[wanted[0].key] = {}
        ledger.remove(wanted[0].key)
        assert ledger.read(wanted) == {}
        assert "192.0.2.1" not in address_of("v0")
        assert "198.51.100.1" in address_of("v0")

    def route_words() -> str:
        words = ["ip", "-4", "route", "show", "default", "dev", "v0"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    sandboxed(body, "/run")


def test_a_missing_client_is_found_before(tmp_path: Path) -> None:
    machine = machine_in(tmp_path, str(tmp_path))
    text = "interfaces: {v0: {dhcp4: true, nameservers: {addresses: [192.0.2.53]}}}"
    host = load_host(text)
    (interface,) = host.interfaces
    wanted = [*services.wanted_dhcp(host, interface), *services.wanted_resolver(interface)]
    found = [problem.text for problem in programs.preflight(wanted, machine)]
    assert found == [
        "there is no DHCP client: one of systemd-networkd, dhcpcd, dhclient, udhcpc",
        "there is neither systemd-resolved nor resolvconf to tell of DNS servers",
    ]
    with pytest.raises(ProgramFailed, match="no DHCP client"):
        programs.run(step(wanted[0].key, None, wanted[0].attributes), machine=machine)


# --- the resolver ---------------------------------------------------------------------------------

_RESOLVCONF = """\
#!/bin/sh
mkdir -p "$0.d/run/resolvconf/interface"
case $1 in
-a) /bin/cat >"$0.d/run/resolvconf/interface/$2" ;;
-d) /bin/rm "$0.d/run/resolvconf/interface/$2" ;;
esac
"""


def test_resolvconf(tmp_path: Path) -> None:
    program = tmp_path / "resolvconf"
    program.write_text(_RESOLVCONF.replace("mkdir", "/bin/mkdir"))
    program.chmod(0o755)
    places = Places(state=str(tmp_path), run=str(tmp_path), root=f"{program}.d")
    ledger = Ledger(Machine(places=places, search=str(tmp_path)))
    text = "interfaces: {v0: {nameservers: {addresses: [192.0.2.53, '2001:db8::53'], search: [a.example]}}}"
    (interface,) = load_host(text).interfaces
    wanted = [*services.wanted_resolver(interface)]
    assert programs.preflight(wanted, ledger.machine) == []
    assert ledger.read(wanted) == {}
    assert ledger.apply(wanted) == 1
    assert ledger.apply(wanted) == 0
    record = Path(f"{program}.d/run/resolvconf/interface/v0.vnetc")
    assert (
        record.read_text() == "nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch a.example\n"
    )
    programs.run(step(wanted[0].key, wanted[0].attributes, None), machine=ledger.machine)
    assert not record.exists()


def test_resolvectl_is_told_in_words_and_read() -> None:
    said = {"servers": ["192.0.2.53", "2001:db8::53"], "search": []}
    assert [*services.resolvectl("v0", said)] == [
        ["resolvectl", "dns", "v0", "192.0.2.53", "2001:db8::53"],
        ["resolvectl", "domain", "v0", ""],
    ]
    assert services.read_resolvectl("Link 3 (v0): 192.0.2.53 2001:db8::53\n") == said["servers"]
    assert services.read_resolvectl("Link 3 (v0):\n") == []


# --- network cards --------------------------------------------------------------------------------

CARD = """
interfaces:
  v0:
    offload: {generic-receive: true, tcp-segmentation: false, generic-segmentation-max-bytes: 32768}
    channels: {receive: 1}
    queues: {transmit-queue-length: 77}
"""


def wanted_cards(text: str) -> list[Wanted]:
    host = load_host(text)
    material, problems = programs.read_secrets(host)
    assert problems == []
    return [item for i in host.interfaces for item in cards.wanted(i, material)]


@in_sandbox
@needs("ethtool")
def test_cards(tmp_path: Path) -> None:
    def body() -> None:
        ip("link", "add", "v0", "numtxqueues", "2", "numrxqueues", "2", "type", "veth")
        ledger = Ledger(machine_in(tmp_path))
        wanted = wanted_cards(CARD)
        assert programs.preflight(wanted) == []
        before = ledger.read(wanted)
        assert before[wanted[0].key] == {
            "offload.generic-receive": False,
            "offload.tcp-segmentation": True,
            "offload.generic-segmentation-max-bytes": 65536,
            "channels.receive": 2,
            "queues.transmit-queue-length": 1000,
        }
        assert ledger.apply(wanted) == 1
        assert ledger.apply(wanted) == 0
        # back, by what was read
        programs.run(step(wanted[0].key, ledger.read(wanted)[wanted[0].key], before[wanted[0].key]))
        assert ledger.read(wanted) == before
        # all of a card that no document speaks of any more
        everything = programs.read([], [wanted[0].key])[wanted[0].key]
        assert before[wanted[0].key].items() <= everything.items()

        text = CARD.replace("generic-receive: true", "receive-checksum: false, large-receive: true")
        unable = wanted_cards(text.replace("queues:", "rings: {receive: 9}\n    queues:"))
        found = programs.preflight(unable)
        assert found == [
            Problem(
                ("interfaces", "v0", "rings", "receive"), "`receive`: the card does not have it"
            ),
            Problem(
                ("interfaces", "v0", "offload", "large-receive"),
                "`large-receive`: the card's driver does not let it be changed",
            ),
        ]
        with pytest.raises(ProgramFailed, match=r"ethtool -G: .*not supported"):
            programs.run(step(unable[0].key, before[unable[0].key], unable[0].attributes))

    sandboxed(body)


_ETHTOOL = """\
Settings for eth0:
\tSupported link modes:   10baseT/Half 10baseT/Full
\t                        1000baseT/Full
\tAdvertised link modes:  100baseT/Half 100baseT/Full
\t                        1000baseT/Full
\tAdvertised pause frame use: No
\tSpeed: 1000Mb/s
\tDuplex: Full
\tAuto-negotiation: on
\tPort: Twisted Pair
\tMDI-X: off (auto)
\tSupports Wake-on: pumbg
\tWake-on: gs
\tSecureOn password: 00:11:22:33:44:55
"""
_COALESCE = (
    "Coalesce parameters for eth0:\nAdaptive RX: on  TX: off\nrx-usecs: 3\ntx-frames-irq: n/a\n"
)


def test_what_ethtool_prints_of_a_real_card_is_read() -> None:
    link = {
        name: value
        for tool in cards.TOOLS
        if tool.show == ""
        for name, value, _ in cards.read(tool, cards.printed(_ETHTOOL))
    }
    assert link == {
        "link-settings.autonegotiation": True,
        "link-settings.advertise": ["1000baset-full", "100baset-full", "100baset-half"],
        "link-settings.speed": 1000,
        "link-settings.duplex": "full",
        "link-settings.port": "tp",
        "link-settings.mdi": "auto",
        "ethernet.wakeonlan": ["magic", "secureon"],
    }
    (coalesce,) = (tool for tool in cards.TOOLS if tool.show == "-c")
    assert [*cards.read(coalesce, cards.printed(_COALESCE))] == [
        ("coalesce.adaptive-receive", True, False),
        ("coalesce.adaptive-transmit", False, False),
        ("coalesce.receive-delay", 3, False),
    ]
    text = 'interfaces: {eth0: {wakeonlan: [magic], wakeonlan-password: {file: "%s"}}}'
    assert cards.read_password(cards.printed(_ETHTOOL)) == cards.fingerprint("001122334455")
    assert text


_FUNCTIONS = {
    "vfinfo_list": [
        {
            "vf": 0,
            "address": "02:00:00:00:00:01",
            "vlan_list": [{"vlan": 7, "qos": 3, "protocol": "802.1Q"}],
            "spoofchk": True,
            "link-state": "disable",
            "trust": False,
            "query_rss_en": False,
        },
        {"vf": 1, "address": "02:00:00:00:00:02", "spoofchk": True, "link-state": "auto"},
    ]
}


def test_virtual_functions() -> None:
    found = dict(cards.read_functions(_FUNCTIONS))
    text = (
        'interfaces: {lan: {match: {macaddress: "02:00:00:00:00:09"}, virtual-functions: {count: 2, '
        "functions: [{id: 0, vlan: 7, qos: 4, trust: false}, {id: 1, link-state: false}]}}}"
    )
    (item,) = wanted_cards(text)
    assert [*cards.commands("lan", found, item.attributes, {})] == [
        ["ip", "link", "set", "dev", "lan", "vf", "0", "vlan", "7", "qos", "4"],
        ["ip", "link", "set", "dev", "lan", "vf", "1", "state", "disable"],
    ]
    assert cards.impact({cards.COUNT: 4}, item.attributes) == "disruptive"
    assert cards.impact({cards.COUNT: 0}, item.attributes) == "seamless"


def test_a_password_of_magic_packets_is_never_in_the_state(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("00:11:22:33:44:55\n")
    text = f"interfaces: {{eth0: {{wakeonlan-password: {{file: {tmp_path}/password}}}}}}"
    host = load_host(text.replace("eth0: {", 'eth0: {match: {name: "eth*"}, '))
    material, problems = programs.read_secrets(host)
    assert problems == []
    (item,) = cards.wanted(host.interfaces[0], material)
    assert "11" not in str({k: v for k, v in item.attributes.items() if k != cards.PASSWORD})
    keys = programs.keyring(material)
    assert [*cards.commands("eth0", {}, item.attributes, keys)] == [
        ["ethtool", "-s", "eth0", "wol", "s", "sopass", "00:11:22:33:44:55"]
    ]
    assert [*cards.commands("eth0", item.attributes, item.attributes, keys)] == []
    (tmp_path / "password").write_text("not one")
    _, (problem,) = programs.read_secrets(host)
    assert problem.text == f"{tmp_path}/password is no key"


def test_cards_with_other_names_than_the_document_says() -> None:
    def named(name: str, **match: Any) -> Interface:
        kind = Ethernet(match=CardMatch(path=(), **match))
        return Interface(name=name, path=("interfaces", name), kind=kind)

    seen = [
        cards.Facts("lan", "02:00:00:00:00:01", "igb", "pci-0000:02:00.0"),
        cards.Facts("eth1", "02:00:00:00:00:02", "igb", "pci-0000:02:00.1"),
    ]
    host = Host(
        name="h",
        interfaces=(
            named("lan", macaddress="02:00:00:00:00:01", driver=("e1000e", "ig*")),
            named("wan", path_=("pci-*.1",)),
        ),
    )
    assert [(i.name, other) for i, other in cards.misnamed(host, seen)] == [("wan", "eth1")]
    swapped = Host(name="h", interfaces=(named("lan", macaddress="02:00:00:00:00:02"),))
    assert [(i.name, other) for i, other in cards.misnamed(swapped, seen)] == [("lan", "eth1")]


# --- programs -------------------------------------------------------------------------------------


def test_a_program_that_fails_is_reported_in_its_own_words() -> None:
    with pytest.raises(ProgramFailed) as error:
        programs.run(step(("nft", "x"), None, {"text": "no such thing\n"}))
    assert error.value.text.startswith("nft -f: ")
    assert "syntax error" in error.value.text


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from vnetc.backends.netlink import calls

    monkeypatch.setattr(calls, "LIMIT", 0.1)
    with pytest.raises(ProgramFailed, match="took more than"):
        calls.run(["sleep", "9"])
    with pytest.raises(ProgramFailed, match="there is no"):
        calls.run(["no-such-program"])
