"""A whole host for tests of apply: all its namespaces, cards, neighbours, and the command itself.

The command runs in a child that has all modules loaded already; `prepare` is called there before
it, so that a test can put a fault in its way. Whatever is left behind ends with the box.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import mmap
import os
import pkgutil
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import vnetc.backends.netlink.transaction
import vnetc.cli

from tests.support.namespaces import CLONE_NEWNET, sandboxed

from .host import Host, is_free, wait

CARDS = ("eth0", "eth1", "eth2", "eth3")
HERE = "here"  # the box's own namespace, when seen from others
WORLD = "world"  # the namespace at the other ends of the cards' cables
_PORT_NUMBERS = ("id", "no", "designated_port")
STATE = Path("/var/lib/vnetc/host")
_LIBC = ctypes.CDLL(None, use_errno=True)


class Result:
    """How a command ended, and what it said."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text


class Run:
    """A command under way."""

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.output = output

    def stopped(self) -> bool:
        """Wait until it stops itself or ends, and tell whether it has stopped."""
        found = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return found is not None and found.si_code == os.CLD_STOPPED

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> Result:
        """Wait for the end; a signal that ended it is a negative code."""
        _, status = os.waitpid(self.pid, 0)
        with os.fdopen(self.output, "rb") as file:
            file.seek(0)
            said = file.read().decode()
        assert "VN901" not in said and "Traceback" not in said, said
        assert "a fault of vnetc itself" not in said, said
        return Result(os.waitstatus_to_exitcode(status), said)


class Box(Host):
    """The host that this process is in."""

    def __init__(self) -> None:
        super().__init__("host", Path("/run"))

    @property
    def folder(self) -> Path:
        return STATE

    def ip(self, words: str) -> Any:
        done = subprocess.run(
            ["ip", "-j", *words.split()], capture_output=True, check=False, text=True
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return json.loads(done.stdout or "null")

    def begin(self, *words: str, prepare: Callable[[], None] | None = None) -> Run:
        """Start a command of vnetc."""
        output = os.memfd_create("output")
        pid = os.fork()
        if pid:
            return Run(pid, output)
        code = 99
        try:
            os.dup2(output, 1)
            os.dup2(output, 2)
            if prepare is not None:
                prepare()
            sys.stdout = os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            code = vnetc.cli.main(words)
        except BaseException:  # noqa: BLE001 - the parent must be told, and nothing else run
            os.write(output, traceback.format_exc().encode())
        finally:
            os._exit(code)

    def vnetc(self, *words: str, prepare: Callable[[], None] | None = None) -> Result:
        return self.begin(*words, prepare=prepare).end()

    def begin_apply(
        self, document: Mapping[str, Any], *options: str, prepare: Callable[[], None] | None = None
    ) -> Run:
        words = ["apply", self.document(json.dumps(document)), *options]
        if "--probe" not in options:
            words += ["--probe", "none"]
        return self.begin(*words, prepare=prepare)

    def put(
        self, document: Mapping[str, Any], *options: str, prepare: Callable[[], None] | None = None
    ) -> Result:
        """Apply a document, without probes unless they are asked for."""
        return self.begin_apply(document, *options, prepare=prepare).end()

    def start(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Apply a document that is the test's beginning; give the state."""
        done = self.put(document, "--yes")
        assert done.code == 0, done.text
        return self.state()

    def steps(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Say what apply would do."""
        done = self.vnetc("plan", self.document(json.dumps(document)), "--format", "json")
        assert done.code in (0, 1), done.text
        return list(json.loads(done.text)["steps"])

    def guardians(self) -> list[int]:
        """Find the guardians: orphans of this process, which is the first one here."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    words = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                    name = (entry / "comm").read_bytes()
                    own = name == Path("/proc/self/comm").read_bytes()
                    if own and words[0] not in b"ZT" and int(words[1]) == os.getpid():
                        found.append(int(entry.name))
        return found

    def settled(self) -> None:
        """Wait until no guardian is at work: long, for all namespaces share the kernel's one lock."""
        lock = STATE / "lock"
        wait(lambda: not lock.exists() or is_free(lock), 60)

    def state(self) -> dict[str, Any]:
        """Add to the state what nft(8), sysctl(8), the files and the processes tell."""
        found = super().state()
        for link in found["links"]:
            for name in _PORT_NUMBERS:  # which port came first
                link.get("linkinfo", {}).get("info_slave_data", {}).pop(name, None)
        found["nft"] = output("nft -s list ruleset")
        found["sysctls"] = {
            str(path): path.read_text()
            for pattern in ("ipv4/conf/*/*", "ipv6/conf/*/*", "ipv4/ip_forward")
            for path in Path("/proc/sys/net").glob(pattern)
            if path.name != "stable_secret" and os.access(path, os.R_OK)
        }
        found["files"] = {
            str(path): path.read_text() for path in Path("/etc/vnetc").rglob("*") if path.is_file()
        }
        found["dnsmasq"] = sorted(
            words for words in map(_words, Path("/proc").glob("[0-9]*")) if "dnsmasq" in words
        )
        return found


def output(command: str) -> str:
    """Run a program; give what it prints."""
    done = subprocess.run(command.split(), capture_output=True, check=False, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def ip(*commands: str, netns: str | None = None) -> None:
    """Run commands of ip(8), in this namespace or another."""
    where = [] if netns is None else ["-n", netns]
    done = subprocess.run(
        ["ip", *where, "-batch", "-"],
        input="\n".join(commands),
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, f"{commands}: {done.stderr}"


def _words(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def boxed(body: Callable[[Box], None]) -> None:
    """Run a piece of a test in a host of its own."""
    sandboxed(lambda: _inside(body), "/run", "/var/lib")


def _inside(body: Callable[[Box], None]) -> None:
    # a copy of /etc, for apply writes there
    shutil.copytree("/etc", "/run/etc", symlinks=True, ignore=shutil.ignore_patterns("vnetc"))
    output("mount --bind /run/etc /etc")
    os.makedirs("/var/lib/misc")
    os.mkdir("/etc/vnetc")
    output("mount -t sysfs sysfs /sys")
    ip("link set lo up", f"netns attach {HERE} 1", f"netns add {WORLD}")
    ip(*(f"link add {card} type veth peer {card} netns {WORLD}" for card in CARDS))
    ip("link set lo up", *(f"link set {card} up" for card in CARDS), netns=WORLD)
    _load_all()
    body(Box())


def _load_all() -> None:
    """Load what commands load when they need it, so that each child has it."""
    for package in (vnetc.backends.netlink.transaction, vnetc.backends.netlink, vnetc.cli, vnetc):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


# --- faults that a child puts in its own way ------------------------------------------------------


def after_step(number: int, what: Callable[[], None]) -> Callable[[], None]:
    """Do something after a step of apply, once."""

    def prepare() -> None:
        from vnetc.backends.netlink.transaction import apply as transaction

        plain = transaction.apply

        def after(done: int) -> None:
            if done == number:
                what()

        def apply(*words: Any, **more: Any) -> Any:
            return plain(*words, **{**more, "after": after})

        transaction.apply = apply

    return prepare


def nth(
    holder: Any, name: str, number: int, what: Callable[[], None], *, late: bool = False
) -> Callable[[], None]:
    """Do something before (`late`: after) the n-th call of a function, and each call from then on."""

    def prepare() -> None:
        plain = getattr(holder, name)
        count = 0

        def wrapped(*words: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count >= number and not late:
                what()
            found = plain(*words, **more)
            if count >= number and late:
                what()
            return found

        setattr(holder, name, wrapped)

    return prepare


def once(what: Callable[[], None]) -> Callable[[], None]:
    """Do something the first time only."""
    left = [what]

    def run() -> None:
        if left:
            left.pop()()

    return run


def fail(number: int) -> Callable[[], None]:
    """Raise an `OSError`."""

    def run() -> None:
        raise OSError(number, os.strerror(number))

    return run


def myself(number: int) -> Callable[[], None]:
    """Send a signal to the process."""
    return lambda: os.kill(os.getpid(), number)


def last_of(pids: Sequence[int]) -> None:
    """Kill processes and wait for their end."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


# --- connections ----------------------------------------------------------------------------------


@contextlib.contextmanager
def netns(name: str | None) -> Iterator[None]:
    """Be in a network namespace; None is the box's own."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    away = os.open(f"/run/netns/{name or HERE}", os.O_RDONLY)
    try:
        assert _LIBC.setns(away, CLONE_NEWNET) == 0
        yield
    finally:
        assert _LIBC.setns(home, CLONE_NEWNET) == 0
        os.close(home)
        os.close(away)


class Connection:
    """A TCP connection between two namespaces, on which both ends count, 5 ms a number.

    How long nothing came is measured in numbers sent meanwhile: this machine may be busy.
    """

    TICK = 0.005
    _SHARED = struct.Struct("=qqq")  # numbers sent, longest gap in ms, an errno

    def __init__(self, client: str | None, server: str | None, address: str, port: int = 0) -> None:
        """Connect, to where the server listens or to an address that is translated to that."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with netns(server), socket.create_server(("", 80), family=family) as listener:
            with netns(client):
                near = socket.create_connection((address, port or 80), timeout=5)
            listener.settimeout(5)
            far, _ = listener.accept()
        self.ends = (near, far)
        self.places = (client, server)
        self.shared = mmap.mmap(-1, 4096)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._count()
            finally:
                os._exit(0)

    def _count(self) -> None:
        sent, gaps = 0, [0, 0]
        for end in self.ends:
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            _, longest, error = self._SHARED.unpack_from(self.shared)
            sent += 1
            try:
                for number, end in enumerate(self.ends):
                    with contextlib.suppress(BlockingIOError):
                        end.send(struct.pack("=q", sent))
                    gaps[number] += 1
                for number, end in enumerate(self.ends):
                    with contextlib.suppress(BlockingIOError):
                        if end.recv(65536):
                            gaps[number] = 0
            except OSError as found:
                error = found.errno or 1
            longest = max(longest, int(max(gaps) * self.TICK * 1000))
            self._SHARED.pack_into(self.shared, 0, sent, longest, error)
            if error:
                return
            time.sleep(self.TICK)

    def sent(self) -> int:
        return int(self._SHARED.unpack_from(self.shared)[0])

    def mark(self) -> dict[str, int]:
        """Begin to measure anew."""
        struct.pack_into("=q", self.shared, 8, 0)
        return self.counters()

    def error(self) -> int:
        return int(self._SHARED.unpack_from(self.shared)[2])

    def counters(self) -> dict[str, int]:
        """Count what the kernel has sent again, and how often its patience ended."""
        # struct tcp_info, linux/tcp.h: tcpi_total_retrans
        again = sum(
            struct.unpack_from("=I", end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[
                0
            ]
            for end in self.ends
        )
        return {"retransmitted": again, "timeouts": sum(map(_timeouts, self.places))}

    def suffered(self, before: Mapping[str, int]) -> dict[str, int]:
        """Say what happened since a mark."""
        now = self.counters()
        found = {name: now[name] - before[name] for name in now}
        return {
            **found,
            "gap": int(self._SHARED.unpack_from(self.shared)[1]),
            "error": self.error(),
        }

    def close(self) -> None:
        last_of([self.pid])
        for end in self.ends:  # not a word more
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
            end.close()


def go_on(connections: Sequence[Connection], ticks: int = 12) -> None:
    """Wait a moment: what was lost is noticed when more has come."""
    ends = [(one, one.sent() + ticks) for one in connections]
    wait(lambda: all(one.sent() > end or one.error() for one, end in ends), 60)


def _timeouts(place: str | None) -> int:
    """Read TCPTimeouts of a namespace, snmp_counter.rst."""
    with netns(place):
        names, values = (
            line.split()
            for line in Path("/proc/thread-self/net/netstat").read_text().splitlines()
            if line.startswith("TcpExt:")
        )
    return int(values[names.index("TCPTimeouts")])
