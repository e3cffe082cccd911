"""Sandboxes: a small Debian machine made of namespaces, and the networks around it.

A sandbox has its own network, mount, pid, uts and ipc namespaces over an overlay of a tree
(enter.sh). Commands are run in it by nsenter(1), so all of the lab's logic stays out here.
Everything in it dies with it, and nothing that it does reaches the machine: the parts of /proc/sys
that are not a network namespace's own are read-only.
"""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

# Seconds that a program may take; a machine's other jobs may hold the kernel's one RTNL lock for
# tens of them.
LIMIT = float(os.environ.get("LAB_LIMIT", "60"))
# The kernel reports changes of operational state up to a second late (net/core/link_watch.c).
QUIET = 1.2

ENTER = Path(__file__).with_name("enter.sh")
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
UNSHARE = ("--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child")
TOOLS = ("unshare", "nsenter", "mount", "chroot")

# A new namespace takes its IPv4 settings from the machine (net.core.devconf_inherit_init_net).
# Duplicate address detection would cost 1 to 2 seconds per case and finds nothing here.
DEFAULTS = (
    "net.ipv4.ip_forward=0",
    *(f"net.ipv4.conf.{which}.rp_filter=0" for which in ("all", "default")),
    *(f"net.ipv6.conf.{which}.accept_dad=0" for which in ("all", "default")),
)


class LabError(AssertionError):
    """Something in a sandbox failed or took too long."""


class Namespace:
    """A network namespace of a sandbox, and a place to run commands in."""

    def __init__(self, pid: int, path: str, out: Path) -> None:
        self.pid = pid
        self.out = out
        self.root = Path(f"/proc/{pid}/root")
        self._enter = [
            shutil.which("nsenter") or "nsenter",
            f"--target={pid}",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--root",
            "--wd",
            f"--net={path}",
            "--",
        ]
        self.run("sysctl", "-qw", *DEFAULTS, log="sandbox.log")

    def start(
        self, *argv: str, log: str, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program; what it prints goes to the file `log` of the case's results."""
        with open(self.out / log, "ab") as file:
            return subprocess.Popen(
                [*self._enter, *argv],
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
        with open(self.out / "sandbox.log", "a") as log:
            log.write(done.stderr)
        return done.stdout

    def ip(self, *lines: str) -> None:
        """Run commands of ip(8), all in one process. Raises `LabError` if one fails."""
        done = self._feed(("ip", "-batch", "-"), "\n".join(lines))
        if done.returncode:
            raise LabError("\n".join(("`ip` failed:", *lines, done.stderr.strip())))

    def _feed(self, argv: tuple[str, ...], text: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self._enter, *argv],
                check=False,
                input=text,
                capture_output=True,
                env=ENVIRONMENT,
                text=True,
                errors="replace",
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"`{shlex.join(argv)}` took more than {LIMIT:.0f} s") from None


class Sandbox(Namespace):
    """The host under test. `wire` is what its network cards are plugged into."""

    def __init__(self, pid: int, out: Path, nics: tuple[str, ...]) -> None:
        super().__init__(pid, f"/proc/{pid}/ns/net", out)
        self.nics = nics
        self.wire = self.namespace("wire")
        self.ip(
            *(
                f"link add name {nic} address 02:00:00:00:01:{number:02x} type veth"
                f" peer name {nic} address 02:00:00:00:02:{number:02x} netns wire"
                for number, nic in enumerate(nics, 1)
            )
        )
        self.wire.ip(*(f"link set dev {nic} up" for nic in nics))

    def namespace(self, name: str) -> Namespace:
        """Add another network namespace: the outside, or a guest."""
        self.ip(f"netns add {name}")
        namespace = Namespace(self.pid, f"{self.root}/run/netns/{name}", self.out)
        namespace.ip("link set lo up")
        return namespace

    def guest(self, name: str, bridge: str, macaddress: str) -> Namespace:
        """Add a guest whose `eth0` is connected to a bridge of the host, as a hypervisor does."""
        guest = self.namespace(name)
        self.ip(
            f"link add name tap-{name} type veth peer name eth0 address {macaddress} netns {name}",
            f"link set dev tap-{name} master {bridge} up",
        )
        guest.ip("link set dev eth0 up")
        return guest

    def links(self) -> list[str]:
        """List the network devices of the host."""
        devices = self.root / "sys" / "class" / "net"
        return sorted(d.name for d in devices.iterdir() if d.is_symlink())  # not bonding_masters

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        """Wait until `done` holds and the kernel has had nothing to report for a while.

        The only sign of completion that all renderers share. Raises `LabError`.
        """
        monitor = subprocess.Popen(
            [*self._enter, "ip", "-oneline", "monitor", "link", "address", "route", "rule"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
        )
        assert monitor.stdout is not None
        end = time.monotonic() + LIMIT
        last = time.monotonic()
        try:
            while time.monotonic() < end:
                if select.select([monitor.stdout], [], [], 0.05)[0]:
                    if not os.read(monitor.stdout.fileno(), 1 << 16):
                        raise LabError("`ip monitor` ended")
                    last = time.monotonic()
                finished = done()
                if finished and time.monotonic() - last >= QUIET:
                    return
        finally:
            monitor.kill()  # that is nsenter(1); its child ends with the sandbox at the latest
            monitor.wait()
            monitor.stdout.close()
        raise LabError(f"{what} took more than {LIMIT:.0f} s")


@contextmanager
def sandbox(trees: Sequence[str], out: Path, nics: tuple[str, ...]) -> Iterator[Sandbox]:
    """Give a new sandbox over a tree, with layers upon it if more than one directory is given.

    Its logs go to the directory `out`, which is emptied.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with ExitStack() as stack:
        errors = stack.enter_context(open(out / "sandbox.log", "ab"))
        init = stack.enter_context(
            subprocess.Popen(
                ["unshare", *UNSHARE, "sh", str(ENTER), *trees],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=ENVIRONMENT,
            )
        )
        stack.callback(init.kill)
        assert init.stdout is not None
        ready = select.select([init.stdout], [], [], LIMIT)[0]
        line = init.stdout.readline() if ready else b""
        if not line:
            raise LabError(f"no sandbox:\n{(out / 'sandbox.log').read_text()}")
        yield Sandbox(int(line), out, nics)
