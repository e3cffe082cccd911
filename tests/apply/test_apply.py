"""Apply as a whole, and all that may go wrong in it: it ends in the old state or in the new one.

Each test has network namespaces of its own and its own places for files; what apply says is not
compared to the character here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.support.streams import NOWHERE, unheard

from .host import AFTER, BEFORE, DRIVER, Host, done, guardians, wait

pytestmark = pytest.mark.usefixtures("sandboxes")


# --- what goes well ---------------------------------------------------------------------------


def test_apply_then_nothing_is_to_be_changed(host: Host) -> None:
    done(host.run("plan", host.document(AFTER)), 1, "+  br0")
    done(host.apply(AFTER), 0, "added")
    changed = host.state()
    for command in ("apply", "plan", "drift"):
        done(host.run(command, host.document(AFTER)), 0)
    assert host.state() == changed
    (bridge,) = host.ip("address show br0")
    assert bridge["addr_info"][0]["local"] == "10.0.0.2"
    assert not (host.folder / "journal.json").exists()


def test_what_leaves_the_document_goes(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    done(host.apply(AFTER), 0)
    assert {link["ifname"] for link in host.ip("link show")} >= {"br0", "br1"}
    assert "d0" not in {link["ifname"] for link in host.ip("link show")}
    done(host.apply(BEFORE), 0)
    assert host.state() == expected


def test_rollback_goes_back_once(host: Host) -> None:
    done(host.run("rollback"), 2, "VN615")
    done(host.apply(BEFORE), 0)
    expected, record = host.state(), (host.folder / "state.json").read_text()
    done(host.apply(AFTER), 0)
    done(host.run("rollback"), 0)
    assert host.state() == expected
    assert (host.folder / "state.json").read_text() == record
    done(host.run("rollback"), 2, "VN615", "rolled back already")


def test_drift_is_told_and_mended(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    host.ip("link set br0 type bridge forward_delay 1500")
    host.ip("address del 192.0.2.1/24 dev br0")
    result = host.run("drift", host.document(BEFORE), "--format", "json")
    done(result, 1)
    found = {(d["object"], d["what"]): d for d in json.loads(result.stdout)["differences"]}
    assert (
        found["br0", "bridge.forward-delay"]["document"]
        != (found["br0", "bridge.forward-delay"]["kernel"])
    )
    assert found["br0 192.0.2.1/24", None]["kernel"] == "absent"
    done(host.run("drift", host.document(BEFORE)), 1, "forward-delay", "4s", "15s", "yaml:3")
    done(host.apply(BEFORE), 0)
    assert host.state() == expected


def test_a_plan_changes_nothing(host: Host) -> None:
    before = host.state()
    result = host.run("plan", host.document(AFTER), "--format", "json")
    done(result, 1)
    steps = json.loads(result.stdout)["steps"]
    (made,) = [s for s in steps if s["key"] == ["link", "br0"] and s["action"] == "+"]
    assert made["file"].endswith("h.vnet.yaml") and made["line"] == 3
    assert host.state() == before
    assert os.listdir(host.home) == ["h.vnet.yaml"]


def test_files_are_installed_and_taken_back(host: Host) -> None:
    root = host.home / "root"
    done(host.apply(BEFORE, "--target", "networkd"), 0)
    files = {path: path.read_text() for path in root.rglob("*") if path.is_file()}
    assert files
    done(host.apply(AFTER, "--target", "networkd"), 0)
    assert {p: p.read_text() for p in root.rglob("*") if p.is_file()} != files
    done(host.run("rollback"), 0)
    assert {p: p.read_text() for p in root.rglob("*") if p.is_file()} == files


def test_an_address_is_replaced_by_another_of_its_subnet(host: Host) -> None:
    """The kernel takes the new one for a secondary of the old one, and removes it along with that."""
    text = "version: 1\ninterfaces:\n  br0: {type: bridge, addresses: [192.0.2.%d/24]}\n"
    for number in (1, 2):
        done(host.apply(text % number), 0)
        (bridge,) = host.ip("-4 address show br0")
        assert [a["local"] for a in bridge["addr_info"]] == [f"192.0.2.{number}"]


def test_names_change_hands(host: Host) -> None:
    """Ends of cables and others swap their names: each goes before its name is taken."""
    crossed = (
        "version: 1\ninterfaces:\n"
        "  b: {type: veth, peer: c}\n  c: {type: veth, peer: b}\n"
        "  a: {type: veth, peer: t}\n  t: {type: veth, peer: a}\n  d: {type: bridge}\n"
    )
    straight = (
        "version: 1\ninterfaces:\n"
        "  a: {type: veth, peer: b}\n  b: {type: veth, peer: a}\n"
        "  c: {type: veth, peer: d}\n  d: {type: veth, peer: c}\n  t: {type: tap}\n"
    )
    done(host.apply(straight), 0)
    before = host.state()
    done(host.apply(crossed), 0)
    done(host.run("rollback"), 0)
    assert host.state() == before


def test_packets_too_small_for_ipv6(host: Host) -> None:
    """Below 1280 the kernel forgets IPv6 on a device, and a bridge is as small as its port."""
    small = (
        "version: 1\ninterfaces:\n  br0: {type: bridge, ports: [d0]}\n"
        "  d0: {type: veth, peer: d1, mtu: 1000}\n"
        "  d1: {type: veth, peer: d0, mtu: 1279, addresses: [192.0.2.1/24]}\n"
    )
    done(host.apply(BEFORE), 0)
    before = host.state()
    done(host.apply(small), 0)
    done(host.run("plan", host.document(small)), 0)
    done(host.apply(BEFORE), 0)
    assert host.state() == before


# --- what goes wrong --------------------------------------------------------------------------


def steps_of(host: Host) -> int:
    return len(
        json.loads(host.run("plan", host.document(AFTER), "--format", "json").stdout)["steps"]
    )


def test_kill_after_each_step(host: Host) -> None:
    """The guardian undoes at once; there is nothing left to do for a rollback."""
    done(host.apply(BEFORE), 0)
    expected, record = host.state(), (host.folder / "state.json").read_text()
    for step in range(steps_of(host)):
        result = host.apply(AFTER, step=step)
        assert result.returncode == -signal.SIGKILL, step
        host.settled()
        assert host.state() == expected, step
        assert host.journal()["phase"] == "rolled back"
        assert (host.folder / "state.json").read_text() == record
        assert host.run("rollback").returncode == 2
    done(host.apply(AFTER), 0)


def test_kill_of_apply_and_its_guardian_after_each_step(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    for step in range(steps_of(host)):
        # stopped, not killed: the guardian does not notice before it is killed itself
        words = host.command("apply", host.document(AFTER), step=step, number=signal.SIGSTOP)
        process = subprocess.Popen(
            [*words, "--netns", host.name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        for guardian in guardians(process.pid):
            os.kill(guardian, signal.SIGKILL)
        process.kill()
        process.wait()
        host.settled()
        assert host.journal()["phase"] == "running"
        done(host.run("apply", host.document(AFTER)), 2, "VN612", "vnetc rollback")
        done(host.run("rollback"), 0)
        assert host.state() == expected, step
    done(host.apply(AFTER), 0)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_undoes(number: int, host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    done(host.apply(AFTER, step=2, number=number), 1, "VN608", "interrupted", "as it was before")
    assert host.state() == expected
    done(host.apply(AFTER), 0)


def test_a_closed_terminal_does_not_stop_the_clock(host: Host) -> None:
    """Apply runs on a terminal of its own, which is closed while the change waits."""
    done(host.apply(BEFORE), 0)
    expected = host.state()
    ours, its = os.openpty()
    process = subprocess.Popen(
        [
            *host.command("apply", host.document(AFTER), "--confirm-within", "2"),
            "--netns",
            host.name,
        ],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    assert process.wait(30) == 0
    os.close(ours)
    assert host.journal()["phase"] == "waiting"
    assert host.state() != expected
    wait(lambda: host.journal()["phase"] == "rolled back")
    assert host.state() == expected


def test_a_terminal_that_closes_during_the_change(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    ours, its = os.openpty()
    words = host.command("apply", host.document(AFTER), step=1, number=signal.SIGSTOP)
    process = subprocess.Popen(
        [*words, "--netns", host.name], stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    os.close(ours)
    os.kill(process.pid, signal.SIGHUP)
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(30) == 1
    host.settled()
    assert host.state() == expected


@pytest.mark.parametrize("what", NOWHERE)
def test_nobody_to_write_to(what: Callable[[], int], host: Host) -> None:
    """What was changed is what the exit code says; what could only be shown has failed."""
    done(host.apply(BEFORE), 0)
    document = host.document(AFTER)
    for command, code in (
        (["plan", document], 2),
        (["drift", document], 2),
        (["apply", document, "--confirm-within", "60"], 0),
        (["confirm"], 0),
        (["apply", document], 0),  # nothing to change
        (["plan", document], 2),
        (["drift", document], 0),  # nothing to print
        (["rollback"], 0),
        (["rollback"], 2),  # refused
    ):
        words = host.command(*command, "--netns", host.name)
        assert unheard(words, what()).returncode == code, command
    words = host.command("apply", document, "--netns", host.name, step=1, number=signal.SIGTERM)
    assert unheard(words, what()).returncode == 1


def test_time_that_runs_out_undoes(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    done(host.apply(AFTER, "--confirm-within", "1s"), 0, "vnetc confirm")
    assert host.state() != expected
    wait(lambda: host.journal()["phase"] == "rolled back")
    host.settled()
    assert host.state() == expected
    done(host.run("confirm"), 2, "VN615", "rolled back")
    assert "nobody confirmed" in (host.folder / "guardian.log").read_text()


def test_a_confirmed_change_stays(host: Host) -> None:
    done(host.run("confirm"), 2, "VN615")
    done(host.apply(BEFORE), 0)
    expected = host.state()
    done(host.apply(AFTER, "--confirm-within", "60"), 0, f"vnetc confirm --netns {host.name}")
    changed = host.state()
    done(host.apply(BEFORE), 2, "VN604", "waits")
    assert host.state() == changed
    done(host.run("confirm"), 0, "kept")
    host.settled()
    assert host.state() == changed
    done(host.apply(AFTER), 0, "nothing to change")
    done(host.run("rollback"), 0)
    assert host.state() == expected


def test_a_change_that_waits_is_rolled_back_when_asked(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    done(host.apply(AFTER, "--confirm-within", "1m", "--target", "networkd"), 0)
    assert not (host.home / "root").exists()  # files only when it is kept
    done(host.run("rollback"), 0)
    host.settled()
    assert host.state() == expected
    assert not (host.home / "root").exists()


def test_a_guardian_killed_while_a_change_waits(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    words = host.command("apply", host.document(AFTER), "--confirm-within", "60")
    process = subprocess.Popen([*words, "--netns", host.name], stdout=subprocess.PIPE)
    seen: set[int] = set()
    while process.poll() is None:  # the one that forks it is soon gone
        with suppress(AssertionError, OSError):
            seen.update(guardians(process.pid))
    process.communicate()
    (guardian,) = (pid for pid in seen if os.path.exists(f"/proc/{pid}"))
    os.kill(guardian, signal.SIGKILL)
    host.settled()
    done(host.run("confirm"), 2, "VN612")
    done(host.apply(AFTER), 2, "VN612")
    done(host.run("rollback"), 0)
    assert host.state() == expected


def test_a_second_apply_is_refused(host: Host) -> None:
    words = host.command("apply", host.document(AFTER), step=0, number=signal.SIGSTOP)
    process = subprocess.Popen([*words, "--netns", host.name], stdout=subprocess.DEVNULL)
    try:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        for command in (["apply", host.document(AFTER)], ["rollback"]):
            done(host.run(*command), 2, "VN604", str(process.pid))
        done(host.run("plan", host.document(AFTER)), 1)  # which only reads
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert process.wait(30) == 0
    done(host.apply(AFTER), 0, "nothing to change")


def test_a_dead_probe_undoes(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    done(
        host.apply(AFTER, "--probe", "ping:192.0.2.1", "--probe", "ping:127.0.0.1"),
        1,
        "VN610",
        "ping:192.0.2.1",
    )
    assert host.state() == expected
    done(host.apply(AFTER, "--probe", "ping:10.0.0.2"), 0)


def test_the_gateway_that_answered_must_answer(host: Host) -> None:
    """A namespace beside it is the gateway; the document turns the route to a place without one."""
    peer = f"{host.name}-gw"
    subprocess.run(["ip", "netns", "add", peer], check=True)
    try:
        host.ip(f"link add eth0 type veth peer name eth0 netns {peer}")
        for words in ("address add 192.0.2.1/24 dev eth0", "link set eth0 up"):
            subprocess.run(["ip", "-n", peer, *words.split()], check=True)
        up = "eth0: {type: ethernet, addresses: [192.0.2.2/24], routes: [{to: default, via: 192.0.2.%d}]}"
        head = "version: 1\ninterfaces:\n  "
        done(host.apply(head + up % 1), 0)
        expected = host.state()
        done(host.apply(head + "eth0: {type: ethernet, addresses: [192.0.2.2/25]}"), 0)
        done(host.apply(head + up % 1), 0)
        assert host.state() == expected
        done(host.apply(head + "eth0: {type: ethernet, activation: off}"), 1, "VN610", "192.0.2.1")
        assert host.state() == expected
        done(host.apply(head + "eth0: {activation: off}", "--probe", "none"), 0)
    finally:
        subprocess.run(["ip", "netns", "delete", peer], check=True)


def test_a_full_disk_is_found_before_the_first_change(host: Host) -> None:
    """A file system of one page, in a mount namespace of the command's own."""
    (host.home / "state").mkdir()
    before = host.state()
    script = 'mount -t tmpfs -o size=4k none "$0" && head -c 4096 /dev/zero > "$0/full"; exec "$@"'
    words = [*host.command("apply", host.document(AFTER)), "--netns", host.name]
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(host.home / "state"), *words],
        capture_output=True,
        check=False,
        text=True,
    )
    done(result, 2, "VN613", "No space left")
    assert host.state() == before


def test_a_disk_that_fills_up_during_the_change(host: Host) -> None:
    """The journal still fits, the record does not: the change is undone, and that needs no room."""
    (host.home / "state").mkdir()
    before = host.state()
    filler = (
        "import os, sys\n"
        "def after(done):\n"
        "    with open(f'{home}/state/full', 'wb') as file:\n"
        "        try:\n"
        "            while file.write(bytes(4096)):\n"
        "                file.flush()\n"
        "        except OSError:\n"
        "            pass\n"
        "places ="
    )
    driver = DRIVER.replace("places =", filler, 1)
    script = 'mount -t tmpfs -o size=1m none "$0"; exec "$@"'
    words = [*host.command("apply", host.document(AFTER)), "--netns", host.name]
    words[2] = driver
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(host.home / "state"), *words],
        capture_output=True,
        check=False,
        text=True,
    )
    done(result, 1, "VN608", "No space left", "as it was before")
    assert host.state() == before


def test_files_that_cannot_be_installed_are_told_before(host: Host) -> None:
    before = host.state()
    (host.home / "root/etc").mkdir(parents=True)
    (host.home / "root/etc/systemd").write_text("a file\n")
    done(host.apply(AFTER, "--target", "networkd"), 2, "VN613", "Not a directory")
    assert host.state() == before
    assert (host.home / "root/etc/systemd").read_text() == "a file\n"


def test_files_that_cannot_be_installed_undo(host: Host) -> None:
    """Something takes the place of a folder while the kernel is changed."""
    before = host.state()
    folder = host.home / "root/etc"
    driver = DRIVER.replace(
        "places =",
        "def after(done):\n"
        f"    os.makedirs({str(folder)!r}, exist_ok=True)\n"
        f"    open({str(folder / 'systemd')!r}, 'w').close()\n"
        "places =",
        1,
    )
    words = host.command("apply", host.document(AFTER), "--target", "networkd")
    words[2] = driver
    result = subprocess.run(
        [*words, "--netns", host.name], capture_output=True, check=False, text=True
    )
    done(result, 1, "VN608", "Not a directory")
    assert host.state() == before


def test_a_step_that_the_kernel_refuses_undoes(host: Host) -> None:
    """A device of the name of a wanted one appears between plan and change."""
    done(host.apply(BEFORE), 0)
    expected = host.state()
    driver = DRIVER.replace(
        "places =",
        "def after(done, made=[]):\n"
        "    if not made:\n"
        "        made.append(os.system('ip link set br0 down; ip link delete br0'))\n"
        "places =",
        1,
    )
    words = host.command("apply", host.document(AFTER))
    words[2] = driver
    result = subprocess.run(
        [*words, "--netns", host.name], capture_output=True, check=False, text=True
    )
    done(result, 1, "as it was before")
    assert host.state() == expected


def test_a_user_that_is_not_there(host: Host) -> None:
    text = "version: 1\ninterfaces:\n  t: {type: tap, user: nobody-there}\n"
    done(host.apply(text), 2, "VN617", "h.vnet.yaml:3:18")


def test_a_damaged_record_stops_all(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    (host.folder / "state.json").write_text("{")
    before = host.state()
    for command in ("plan", "apply", "drift"):
        done(host.run(command, host.document(AFTER)), 2, "VN612", "move it away")
    assert host.state() == before


def test_a_journal_of_another_boot_is_void(host: Host) -> None:
    done(host.apply(BEFORE), 0)
    expected = host.state()
    result = host.apply(AFTER, step=1)
    assert result.returncode == -signal.SIGKILL
    host.settled()
    journal = {**host.journal(), "boot": "another", "phase": "running"}
    (host.folder / "journal.json").write_text(json.dumps(journal))
    done(host.apply(AFTER), 0)
    assert host.state() != expected
