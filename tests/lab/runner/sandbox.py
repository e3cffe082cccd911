"""Sandboxes: a small Debian machine made of namespaces, and the networks around it.

A sandbox is a process with network, mount, pid, uts and ipc namespaces of its own, whose root is a
throw-away copy of a tree. It does by system calls what it can: in the virtual machine to start a
program costs a tenth of a second. Everything dies with it, and nothing that a host does at boot
reaches the machine: the parts of /proc/sys that are not a network namespace's own are read-only.
"""

from __future__ import annotations

import ctypes
import os
import select
import shlex
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# Seconds that a program may take; a machine's other jobs may hold the kernel's one RTNL lock for
# tens of them.
LIMIT = float(os.environ.get("LAB_LIMIT", "60"))
# The kernel reports changes of operational state up to a second late (net/core/link_watch.c).
QUIET = 1.2

ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
# Programs that a guest has and the host perhaps not.
GUESTS = "/usr/lib/guests"
# A new namespace takes its IPv4 settings from the machine (net.core.devconf_inherit_init_net).
# Duplicate address detection would cost 1 to 2 seconds per case and finds nothing here.
DEFAULTS = {
    "ipv4/ip_forward": "0",
    **{f"ipv4/conf/{which}/rp_filter": "0" for which in ("all", "default")},
    **{f"ipv6/conf/{which}/accept_dad": "0" for which in ("all", "default")},
}


class LabError(AssertionError):
    """Something in a sandbox failed or took too long."""


# --- system calls -------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)
# linux/sched.h, linux/mount.h, linux/prctl.h
_NEWNS, _NEWUTS, _NEWIPC, _NEWPID, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
_SET_PDEATHSIG = 1


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}{arguments}: {os.strerror(error)}")


def _mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    texts = (text.encode() or None for text in (source, target, kind))
    _call("mount", *texts, ctypes.c_ulong(flags), options.encode() or None)


# --- sandboxes ----------------------------------------------------------------------------------


def fork_into(trees: Sequence[str], out: Path, action: Callable[[], None]) -> int:
    """Start `action` as a process in a new sandbox over a tree; give the process id to wait for.

    Further trees are layers upon the first, the last one on top. The directory `out` becomes
    `RESULTS`. What the action imports must have been imported.
    """
    parent = os.fork()
    if parent:
        return parent
    try:
        _call("prctl", _SET_PDEATHSIG, signal.SIGKILL)
        _call("unshare", _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET)
        _be(_init, trees, out, action)
    except BaseException as error:  # noqa: BLE001 - nothing of the parent's may go on here
        os.write(2, f"no sandbox: {error!r}\n".encode())
    os._exit(1)


def _be(role: Callable[..., None], *arguments: object) -> None:
    """Fork, end with the exit status of the child, which plays a role."""
    child = os.fork()
    if child:
        while True:  # process 1 inherits all orphans
            pid, status = os.wait()
            if pid == child:
                os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    _call("prctl", _SET_PDEATHSIG, signal.SIGKILL)
    role(*arguments)
    os._exit(0)


def _init(trees: Sequence[str], out: Path, action: Callable[[], None]) -> None:
    """Be process 1: lay the root out, do the rest in a child."""
    _enter_root(trees, out)
    _be(action)


RESULTS = Path("/run/lab")


def _enter_root(trees: Sequence[str], out: Path) -> None:
    """Make the root: the trees, with a layer in memory that takes all that is written."""
    _mount("", "/", flags=_REC | _PRIVATE)
    results = os.open(out, os.O_PATH)
    lower = [os.open(tree, os.O_PATH) for tree in trees]
    _mount("lab", "/mnt", "tmpfs")
    os.chdir("/mnt")
    for directory in ("upper", "work", "root"):
        os.mkdir(directory)
    for number, tree in enumerate(lower):
        os.mkdir(str(number))
        _mount(f"/proc/self/fd/{tree}", str(number), flags=_BIND)
    stack = ":".join(str(number) for number in reversed(range(len(lower))))
    _mount("lab", "root", "overlay", options=f"lowerdir={stack},upperdir=upper,workdir=work")
    os.chdir("root")
    _mount("proc", "proc", "proc")
    # Outside of net/ the keys of sysctl are the machine's own.
    _mount("proc/sys", "proc/sys", flags=_BIND)
    _mount("proc/sys/net", "proc/sys/net", flags=_BIND)
    _mount("", "proc/sys", flags=_REMOUNT | _BIND | _RDONLY)
    _mount("sys", "sys", "sysfs")
    # which a tree made without udev lacks: devices.txt of the kernel's documentation
    os.makedirs("dev/net", exist_ok=True)
    os.mknod("dev/net/tun", stat.S_IFCHR, os.makedev(10, 200))
    os.chmod("dev/net/tun", 0o666)
    for directory in ("run", "tmp"):
        _mount(directory, directory, "tmpfs")
    # Not /run/systemd/netif: networkd makes it, and refuses one that it does not own.
    for directory in ("lock", "lab", "netns", "network", "systemd"):
        os.mkdir(f"run/{directory}")
    _mount(f"/proc/self/fd/{results}", f".{RESULTS}", flags=_BIND)
    os.chroot(".")


class Namespace:
    """A network namespace of a sandbox, and a place to run commands in."""

    def __init__(self, name: str, path: str) -> None:
        """Enter nothing yet; `path` is that of the namespace."""
        self.name = name
        self.path = path
        self._namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        with self.entered():
            for key, value in DEFAULTS.items():
                Path("/proc/sys/net", key).write_text(value)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be in the namespace, and so everything that is started."""
        _call("setns", self._namespace, _NEWNET)
        try:
            yield
        finally:
            _call("setns", self._home, _NEWNET)

    def start(
        self, *argv: str, log: str, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program; what it prints goes to the file `log` of the job's results."""
        with open(RESULTS / log, "ab") as file, self.entered():
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=ENVIRONMENT | (env or {}),
            )

    def run(self, *argv: str, log: str, env: dict[str, str] | None = None) -> None:
        """Run a program to its end. Raises `LabError` if it fails or takes too long."""
        process = self.start(*argv, log=log, env=env)
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise LabError(f"`{shlex.join(argv)}` took more than {LIMIT:.0f} s") from None
        if code:
            raise LabError(f"`{shlex.join(argv)}` failed ({code})")

    def read(self, *argv: str, text: str = "") -> str:
        """Give what a program prints when fed `text`, whatever its exit code."""
        done = self._feed(argv, text)
        with open(RESULTS / "sandbox.log", "a") as log:
            log.write(done.stderr)
        return done.stdout

    def ip(self, *lines: str) -> None:
        """Run commands of ip(8), all in one process. Raises `LabError` if one fails."""
        done = self._feed(("ip", "-batch", "-"), "\n".join(lines))
        if done.returncode:
            raise LabError("\n".join(("`ip` failed:", *lines, done.stderr.strip())))

    def _feed(self, argv: tuple[str, ...], text: str) -> subprocess.CompletedProcess[str]:
        try:
            with self.entered():
                return subprocess.run(
                    argv,
                    check=False,
                    input=text,
                    capture_output=True,
                    env=ENVIRONMENT,
                    encoding="utf-8",
                    errors="replace",
                    timeout=LIMIT,
                )
        except subprocess.TimeoutExpired:
            raise LabError(f"`{shlex.join(argv)}` took more than {LIMIT:.0f} s") from None


class Sandbox(Namespace):
    """The host under test. `wire` is what its network cards are plugged into."""

    def __init__(self, cards: Sequence[str]) -> None:
        """Plug the cards in. To be called in a sandbox's process."""
        super().__init__("host", "/proc/1/ns/net")
        self.cards = tuple(cards)
        self.advertised = frozenset[str]()  # interfaces with a router on their wire
        self.wire = self.namespace("wire")
        self.ip(
            "link set lo up",
            *(
                f"link add name {card} address 02:00:00:00:01:{number:02x} type veth"
                f" peer name {card} address 02:00:00:00:02:{number:02x} netns wire"
                for number, card in enumerate(cards, 1)
            ),
        )
        self.wire.ip("link set lo up", *(f"link set dev {card} up" for card in cards))

    def namespace(self, name: str) -> Namespace:
        """Add another network namespace, where `ip netns` finds it too: the outside, or a guest."""
        path = Path("/run/netns", name)
        path.touch()
        try:
            _call("unshare", _NEWNET)
            _mount("/proc/self/ns/net", str(path), flags=_BIND)
        finally:
            _call("setns", self._home, _NEWNET)
        return Namespace(name, str(path))

    def guest(self, name: str, bridge: str, macaddress: str) -> Namespace:
        """Add a guest whose `eth0` is connected to a bridge of the host, as a hypervisor does."""
        guest = self.namespace(name)
        self.ip(
            f"link add name tap-{name} type veth peer name eth0 address {macaddress} netns {name}",
            f"link set dev tap-{name} master {bridge} up",
        )
        guest.ip("link set lo up", "link set dev eth0 up")
        return guest

    def links(self) -> list[str]:
        """List the network devices of the host."""
        devices = Path("/sys/class/net")
        return sorted(d.name for d in devices.iterdir() if d.is_symlink())  # not bonding_masters

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        """Wait until `done` holds and the kernel has had nothing to report for a while.

        The only sign of completion that all renderers share. Raises `LabError`.
        """
        end = time.monotonic() + LIMIT
        last = time.monotonic()
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as monitor:
            monitor.bind((0, _CHANGES))
            while time.monotonic() < end:
                if select.select([monitor], [], [], INTERVAL)[0]:
                    _drain(monitor)
                    last = time.monotonic()
                if done() and time.monotonic() - last >= QUIET:
                    return
        raise LabError(f"{what} took more than {LIMIT:.0f} s")


INTERVAL = 0.1  # seconds between looks at a renderer's own records
# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE (linux/rtnetlink.h)
_CHANGES = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400


def _drain(monitor: socket.socket) -> None:
    try:
        while select.select([monitor], [], [], 0)[0]:
            monitor.recv(1 << 16)
    except OSError:
        pass  # ENOBUFS: more changes than fit, which says as much
