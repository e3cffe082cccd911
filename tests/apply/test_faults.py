"""Faults put in the way of apply at every place: it ends in the old state or in the new one.

And it says truly which: 0 the new one, 1 undone, 2 nothing was begun; 3 says what is left, and
`vnetc rollback` mends that as soon as it can be mended.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest
from vnetc.backends.netlink.objects import sysctls
from vnetc.backends.netlink.transaction import change, probes
from vnetc.backends.netlink.wire.socket import Netlink

from .box import (
    STATE,
    WORLD,
    Box,
    Result,
    after_step,
    boxed,
    fail,
    ip,
    last_of,
    myself,
    nth,
    once,
    output,
)
from .documents import BRIDGE, CARD, NAT, PAIRS

pytestmark = pytest.mark.usefixtures("sandboxes")
_MANY = 200  # more calls than any apply makes


class Two:
    """The state before and the one after, and what may be said about being in one of them."""

    def __init__(self, box: Box, before: dict[str, Any], after: dict[str, Any]) -> None:
        self.box = box
        box.start(after)
        self.new = box.start(before) and box.start(after)
        self.old = box.start(before)
        self.before, self.after = before, after

    def check(self, done: Result, where: object) -> None:
        """Ensure that the state is the one that the code tells of."""
        now = self.box.state()
        expected = {0: self.new, 1: self.old, 2: self.old}.get(done.code)
        assert expected is not None, (where, done.code, done.text)
        assert now == expected, (where, done.code, done.text, difference(now, expected))

    def again(self, done: Result) -> None:
        """Be as before for the next fault."""
        if done.code == 0:
            assert self.box.start(self.before) == self.old

    def undone(self, where: object) -> None:
        """Roll back what a crash has left; the state is the old one."""
        done = self.box.vnetc("rollback")
        assert done.code == 0, (where, done.text)
        now = self.box.state()
        assert now == self.old, (where, difference(now, self.old))


def difference(now: object, expected: object, place: str = "") -> list[str]:
    """Show only what differs, and where."""
    match now, expected:
        case dict(), dict():
            pairs = [(f"{place}.{k}", now.get(k), expected.get(k)) for k in {*now, *expected}]
        case list(), list() if len(now) == len(expected):
            both = zip(now, expected, strict=True)
            pairs = [(f"{place}[{number}]", *pair) for number, pair in enumerate(both)]
        case _:
            return [] if now == expected else [f"{place}: {now} instead of {expected}"]
    return [line for name, ours, its in pairs for line in difference(ours, its, name)]


# --- kill -9 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
def test_kill_of_both_after_each_step(name: str) -> None:
    """Stopped first, so that the guardian does not notice before it is killed itself."""

    def body(box: Box) -> None:
        two = Two(box, *PAIRS[name])
        for step in range(len(box.steps(two.after))):
            run = box.begin_apply(
                two.after, "--yes", prepare=after_step(step, myself(signal.SIGSTOP))
            )
            assert run.stopped(), run.end().text
            assert len(box.guardians()) == 1
            last_of(box.guardians())
            run.kill(signal.SIGKILL)
            assert run.end().code == -signal.SIGKILL
            assert box.put(two.after, "--yes").code == 2
            two.undone(step)

    boxed(body)


@pytest.mark.parametrize("name", ["address to a bridge", "network changes"])
def test_kill_after_each_step(name: str) -> None:
    """The guardian undoes it."""

    def body(box: Box) -> None:
        two = Two(box, *PAIRS[name])
        for step in range(len(box.steps(two.after))):
            done = box.put(two.after, "--yes", prepare=after_step(step, myself(signal.SIGKILL)))
            assert done.code == -signal.SIGKILL, done.text
            box.settled()
            assert box.state() == two.old, (step, difference(box.state(), two.old))
            assert box.vnetc("rollback").code == 2

    boxed(body)


# What apply calls to change something; the n-th call is where the fault is.
CALLS: dict[str, tuple[Any, str]] = {
    "request": (Netlink, "_exchange"),
    "dump": (Netlink, "_dump"),
    "sysctl": (sysctls, "write"),
    "rename": (os, "rename"),
    "fsync": (os, "fsync"),
    "write": (os, "write"),
    "fork": (os, "fork"),
    "program": (subprocess, "Popen"),
}


@pytest.mark.parametrize("call", CALLS)
def test_kill_at_each_call(call: str) -> None:
    def body(box: Box) -> None:
        two = Two(box, CARD, NAT)
        for number in range(1, _MANY):
            fault = nth(*CALLS[call], number, myself(signal.SIGKILL))
            done = box.put(two.after, "--yes", prepare=fault)
            box.settled()
            if done.code == 0:
                assert number > 1
                return
            now = box.state()
            if (STATE / "journal.json").exists() and box.journal()["phase"] != "rolled back":
                two.undone(number)
            elif now == two.new:  # it was over but for the last words
                box.start(two.before)
            else:
                assert now == two.old, (number, difference(now, two.old))
        raise AssertionError("it never ends")

    boxed(body)


# --- errors ----------------------------------------------------------------------------------------

ERRORS = [
    ("request", errno.ENOBUFS, True),  # it was done, but its answer is lost
    ("request", errno.ENOMEM, False),
    ("dump", errno.ENOBUFS, True),
    ("sysctl", errno.EIO, False),
    ("rename", errno.ENOSPC, False),
    ("fsync", errno.EIO, False),
    ("write", errno.ENOSPC, False),
    ("fork", errno.EAGAIN, False),
    ("program", errno.ENOMEM, False),
]


@pytest.mark.parametrize(("call", "number", "late"), ERRORS)
def test_an_error_of_each_call(call: str, number: int, late: bool) -> None:
    def body(box: Box) -> None:
        two = Two(box, CARD, NAT)
        for place in range(1, _MANY):
            what = once(fail(number))
            left: list[int] = []
            fault = nth(*CALLS[call], place, what, late=late)
            done = box.put(two.after, "--yes", prepare=fault)
            assert not left
            box.settled()
            two.check(done, place)
            if done.code == 0:
                assert place > 1
                return
            two.again(done)
        raise AssertionError("it never ends")

    boxed(body)


@pytest.mark.parametrize(("call", "number", "late"), ERRORS)
def test_errors_from_a_call_on(call: str, number: int, late: bool) -> None:
    """Undoing meets them too; when they are over, it is finished."""

    def body(box: Box) -> None:
        two = Two(box, CARD, NAT)
        for place in range(1, _MANY):
            fault = nth(*CALLS[call], place, fail(number), late=late)
            done = box.put(two.after, "--yes", prepare=fault)
            box.settled()
            if done.code == 3:
                assert "vnetc rollback" in done.text, done.text
                two.undone(place)
                continue
            two.check(done, place)
            if done.code == 0:
                assert place > 1
                return
        raise AssertionError("it never ends")

    boxed(body)


def test_a_receive_buffer_that_overflows() -> None:
    """The kernel itself says ENOBUFS then (netlink_overrun): the answers do not fit."""
    bridges = {f"b{n}": {"type": "bridge", "addresses": [f"10.9.{n}.1/24"]} for n in range(40)}

    def prepare() -> None:
        plain = Netlink.send

        def send(self: Netlink, messages: Any, **more: Any) -> Any:
            if len(messages) > 20:
                import socket

                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            return plain(self, messages, **more)

        Netlink.send = send  # type: ignore[method-assign]

    def body(box: Box) -> None:
        old = box.start(CARD)
        done = box.put({**CARD, "interfaces": {**CARD["interfaces"], **bridges}}, prepare=prepare)
        assert done.code == 1 and "No buffer space" in done.text, done.text
        assert box.state() == old

    boxed(body)


def test_a_card_that_is_busy() -> None:
    """Somebody made a MACVLAN on it: it cannot become a port (netdev_rx_handler_register)."""

    def body(box: Box) -> None:
        box.start(CARD)
        ip("link add mv0 link eth0 type macvlan", "link set mv0 up")
        old = box.state()
        done = box.put(BRIDGE, "--yes")
        assert done.code == 1 and "busy" in done.text, done.text
        assert box.state() == old, difference(box.state(), old)

    boxed(body)


# --- a device that vanishes -------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["br1", "vx0", "v1"])
def test_a_device_that_vanishes_between_steps(device: str) -> None:
    """Another process deletes it, after each step: it comes back or is made as wanted."""

    def body(box: Box) -> None:
        two = Two(box, *PAIRS["devices made anew"])
        for step in range(len(box.steps(two.after))):

            def delete() -> None:
                subprocess.run(["ip", "link", "delete", device], check=False, stderr=-3)

            done = box.put(two.after, "--yes", prepare=after_step(step, delete))
            two.check(done, step)
            two.again(done)

    boxed(body)


def test_a_card_that_vanishes_between_steps() -> None:
    """Nobody can bring it back: what is left is said, and all else is as it was."""

    def body(box: Box) -> None:
        for step in range(20):
            box.start(BRIDGE)
            expected = {link["ifname"] for link in box.ip("link show")} - {"eth0"}
            if step >= len(box.steps(NAT)):
                return

            def prepare(step: int = step) -> None:
                change.SETTLE = 0.1
                after_step(step, lambda: ip("link delete eth0"))()

            done = box.put(NAT, "--yes", prepare=prepare)
            assert done.code == 3 and "eth0" in done.text, (step, done.text)
            assert {link["ifname"] for link in box.ip("link show")} == expected
            (bridge,) = box.ip("address show br0")
            assert "203.0.113.2" in [a.get("local") for a in bridge["addr_info"]]
            # it is plugged in again
            ip(f"link add eth0 type veth peer eth0 netns {WORLD}")
            ip("link set eth0 up", netns=WORLD)
            assert box.vnetc("rollback").code == 0
            assert box.put(BRIDGE).text.startswith("nothing to change")

    boxed(body)


# --- a full disk ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["/var/lib/vnetc", "/etc/vnetc"])
@pytest.mark.parametrize("what", ["blocks", "inodes"])
def test_a_disk_with_little_room(place: str, what: str) -> None:
    """From none to enough: a refusal, an undoing or a success, and never a half."""

    def body(box: Box) -> None:
        os.makedirs(place, exist_ok=True)
        output(f"mount -t tmpfs -o size=256k,nr_inodes=64 none {place}")
        two = Two(box, CARD, NAT)
        codes = []
        for room in (0, 1, 2, 3, 4, 6, 8, 30):
            _fill(Path(place), what, room)
            done = box.put(two.after, "--yes")
            box.settled()
            _free(Path(place))
            two.check(done, room)
            codes.append(done.code)
            two.again(done)
        assert codes[0] != 0 and codes[-1] == 0, codes

    boxed(body)


def _fill(place: Path, what: str, room: int) -> None:
    (place / "full").mkdir()
    found = os.statvfs(place)
    if what == "inodes":
        for number in range(found.f_favail - room):
            (place / "full" / str(number)).touch()
    else:
        (place / "full" / "file").write_bytes(bytes(max(0, found.f_bavail - room) * found.f_bsize))


def _free(place: Path) -> None:
    for path in (place / "full").iterdir():
        path.unlink()
    (place / "full").rmdir()


# --- others -----------------------------------------------------------------------------------------


def test_two_at_once() -> None:
    """One of them goes first; the other waits for nobody."""

    def body(box: Box) -> None:
        states = [box.start(document) for document in (CARD, NAT)]
        for _ in range(5):
            runs = []
            for number, document in enumerate((CARD, NAT)):
                box.home = Path(f"/run/{number}")
                box.home.mkdir(exist_ok=True)
                runs.append(box.begin_apply(document, "--yes"))
            codes = [run.end().code for run in runs]
            assert set(codes) <= {0, 2} and 0 in codes
            assert box.state() in states

    boxed(body)


def test_a_second_apply_while_one_waits() -> None:
    def body(box: Box) -> None:
        old = box.start(CARD)
        assert box.put(NAT, "--confirm-within", "60").code == 0
        new = box.state()
        for options in ([], ["--yes"], ["--confirm-within", "5"]):
            done = box.put(CARD, *options)
            assert done.code == 2 and "VN604" in done.text, done.text
            assert box.state() == new
        assert box.vnetc("rollback").code == 0
        assert box.state() == old

    boxed(body)


def test_a_terminal_that_closes_after_each_step() -> None:
    """The kernel itself says SIGHUP to who leads its session (tty_vhangup_session)."""

    def body(box: Box) -> None:
        two = Two(box, CARD, NAT)
        for step in range(len(box.steps(NAT))):
            ours, its = os.openpty()

            def prepare(ours: int = ours, its: int = its, step: int = step) -> None:
                os.close(ours)
                os.setsid()
                fcntl.ioctl(its, termios.TIOCSCTTY, 0)
                for number in range(3):
                    os.dup2(its, number)
                os.close(its)
                after_step(step, myself(signal.SIGSTOP))()

            run = box.begin_apply(NAT, "--yes", prepare=prepare)
            os.close(its)
            assert run.stopped(), run.end().text
            os.close(ours)
            run.kill(signal.SIGCONT)
            done = run.end()
            assert done.code == 1
            two.check(done, step)

    boxed(body)


DEAD = [
    "tcp:203.0.113.1:9",  # nobody listens there
    "tcp:127.0.0.1:9",
    "tcp:[2001:db8::1]:9",
    "tcp:203.0.113.99:22",
    "ping:203.0.113.99",
    "ping:2001:db8::99",
    "ping:192.0.2.1",  # of the new network's bridge, and not there
]


def test_dead_probes() -> None:
    def prepare() -> None:
        probes.AFTER, probes.BEFORE = 0.3, 0.1

    def body(box: Box) -> None:
        ip("address add 203.0.113.1/24 dev eth0", netns=WORLD)
        two = Two(box, CARD, NAT)
        for probe in DEAD:
            done = box.put(NAT, "--probe", "ping:203.0.113.1", "--probe", probe, prepare=prepare)
            assert done.code == 1 and "VN610" in done.text and probe in done.text, done.text
            two.check(done, probe)
        # dead before, alive after: what the change is for
        done = box.put(NAT, "--probe", "ping:192.168.122.1", prepare=prepare)
        two.check(done, "alive")
        assert done.code == 0

    boxed(body)


def test_plans_while_others_change_addresses() -> None:
    """Dumps are interrupted all the time (NLM_F_DUMP_INTR); what a plan says is the same."""

    def body(box: Box) -> None:
        box.start(CARD)
        ip(*(f"address add 10.{n // 250}.{n % 250}.1/32 dev eth3" for n in range(600)))
        path = box.document(json.dumps(BRIDGE))
        calm = box.vnetc("plan", path)
        writer = os.fork()
        if writer == 0:
            while True:
                ip(*(f"address {what} 10.99.0.1/32 dev eth3" for what in ("add", "del") * 50))
        try:
            for _ in range(10):
                done = box.vnetc("plan", path)
                assert (done.code, done.text) == (calm.code, calm.text)
            done = box.put(BRIDGE, "--yes")
            assert done.code == 0, done.text
        finally:
            last_of([writer])

    boxed(body)


# --- nothing to change ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
def test_the_second_apply_does_nothing(name: str) -> None:
    def body(box: Box) -> None:
        before, after = PAIRS[name]
        box.start(before)
        box.start(after)
        sent = os.memfd_create("sent")

        def prepare() -> None:
            def note(text: str) -> None:
                os.pwrite(sent, text.encode(), os.fstat(sent).st_size)

            plain = Netlink._exchange

            def exchange(self: Netlink, messages: Any) -> Any:
                note("".join(f"{m.type} {m.body.hex()}\n" for m in messages))
                return plain(self, messages)

            Netlink._exchange = exchange  # type: ignore[method-assign]
            nth(sysctls, "write", 1, lambda: note("sysctl\n"))()

        files = _files()
        done = box.put(after, prepare=prepare)
        assert done.code == 0 and done.text.startswith("nothing to change"), done.text
        # RTM_SETLINK of no device: may we?
        assert os.pread(sent, 4096, 0).decode() == f"19 {bytes(16).hex()}\n"
        assert _files() == files

    boxed(body)


def _files() -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for place in ("/var/lib", "/etc/vnetc", "/run")
        for path in Path(place).rglob("*")
        if path.is_file() and path.name != "lock" and path.suffix != ".yaml"
        if path.parts[2] not in ("etc", "netns")
    }
