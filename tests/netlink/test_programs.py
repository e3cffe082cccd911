"""What `apply` has programs do, with the real ones in namespaces and directories of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from vnetc.backends.netlink.objects import cards, daemons, programs, qdiscs, services, wireguard
from vnetc.backends.netlink.objects.calls import SEARCH, Machine, ProgramFailed, end, has, processes
from vnetc.backends.netlink.objects.fingerprints import settled
from vnetc.backends.netlink.state import Wanted
from vnetc.backends.netlink.store import Places
from vnetc.backends.support import rows
from vnetc.model.host import Host
from vnetc.model.record import replace

from tests.apply.program_steps import (
    Ledger,
    in_sandbox,
    ip,
    load_host,
    machine_in,
    needs,
    step,
    wait,
)
from tests.support.namespaces import sandboxed

# --- rows -----------------------------------------------------------------------------------------


def test_rows_are_of_the_model_and_say_nothing_of_ifupdown() -> None:
    found = {**services.ROWS, **wireguard.ROWS, **cards.RARE, **qdiscs.RARE}
    assert found.keys() <= {*rows()}
    for name, row in found.items():
        assert bool(row.how) != bool(row.reason), name
        assert not row.how.startswith(("up ", "pre-up ")), name
        assert "ifupdown" not in row.reason, name


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
            f"qdisc cake 80{n:02x}: dev b root refcnt 5 bandwidth {n}bit autorate-ingress raw\n",
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
    text = Path(__file__).resolve().parents[2] / "samples" / "kvm-nat.vnet.yaml"
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


@pytest.mark.parametrize("place", ["interface", "interfaces", "keys"])
def test_resolvconf(place: str, tmp_path: Path) -> None:
    program = tmp_path / "resolvconf"
    text = _RESOLVCONF.replace("mkdir", "/bin/mkdir")
    program.write_text(text.replace("resolvconf/interface", f"resolvconf/{place}"))
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
    record = Path(f"{program}.d/run/resolvconf/{place}/v0.vnetc")
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


# --- programs -------------------------------------------------------------------------------------


def test_a_program_that_fails_is_reported_in_its_own_words() -> None:
    with pytest.raises(ProgramFailed) as error:
        programs.run(step(("nft", "x"), None, {"text": "no such thing\n"}))
    assert error.value.text.startswith("nft -f: ")
    assert "syntax error" in error.value.text


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from vnetc.backends.netlink.objects import calls

    monkeypatch.setattr(calls, "LIMIT", 0.1)
    with pytest.raises(ProgramFailed, match="took more than"):
        calls.run(["sleep", "9"])
    with pytest.raises(ProgramFailed, match="there is no"):
        calls.run(["no-such-program"])
