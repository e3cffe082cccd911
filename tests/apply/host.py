"""A host for tests of apply: a network namespace, places for apply's files, and the real commands."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BEFORE = """\
version: 1
interfaces:
  br0: {type: bridge, addresses: [192.0.2.1/24], forward-delay: 4s, ports: [d0]}
  d0: {type: veth, peer: d1}
  d1: {type: veth, peer: d0}
"""
AFTER = """\
version: 1
interfaces:
  br0:
    type: bridge
    forward-delay: 10s
    ageing-time: 100s
    addresses: [10.0.0.2/24, "2001:db8::1/64"]
    routes: [{to: 198.51.100.0/24, via: 10.0.0.9}]
  br1: {type: bridge, addresses: [203.0.113.1/24]}
"""

# As `vnetc`, with places of its own, and a signal to itself after a step.
DRIVER = """
import os, sys
from functools import partial
from importlib import import_module
from vnetc.backends.netlink.store import Places
from vnetc.cli import main
home, step, number, *arguments = sys.argv[1:]
def after(done):
    if done == int(step):
        os.kill(os.getpid(), int(number))
places = Places(state=f"{home}/state", run=f"{home}/run", root=f"{home}/root")
more = {"after": after} if arguments[0] == "apply" else {}
command = import_module(f"vnetc.cli.{arguments[0]}")
command.run = partial(command.run, places=places, **more)
sys.exit(main(arguments))
"""


class Host:
    """A network namespace, and apply's files for it."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home

    def document(self, text: str) -> str:
        path = self.home / "h.vnet.yaml"
        path.write_text(text)
        return str(path)

    def command(self, *arguments: str, step: int = -1, number: int = signal.SIGKILL) -> list[str]:
        words = [sys.executable, "-c", DRIVER, str(self.home), str(step), str(int(number))]
        return [*words, *arguments]

    def run(
        self,
        command: str,
        *arguments: str,
        inside: bool = False,
        env: dict[str, str] | None = None,
        **step: int,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command for the namespace, or `inside` it as one who logs in there would."""
        words = self.command(command, *arguments, **step)
        if inside:
            words = ["ip", "netns", "exec", self.name, *words]
        else:
            words += ["--netns", self.name]
        return subprocess.run(
            words, capture_output=True, check=False, text=True, env={**os.environ, **(env or {})}
        )

    def apply(self, text: str, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.run("apply", self.document(text), *options, **more)

    def ip(self, words: str) -> Any:
        done = subprocess.run(
            ["ip", "-n", self.name, "-j", *words.split()],
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return json.loads(done.stdout or "null")

    def state(self) -> dict[str, Any]:
        """Give what ip(8) shows, without numbers that are never the same again.

        And without what the kernel does by itself in its own time: link-local addresses, routes.
        """
        return {
            table: sorted(
                (_plain(entry) for entry in self.ip(words) if entry.get("protocol") != "kernel"),
                key=json.dumps,
            )
            for table, words in {
                "links": "-d link show",
                "addresses": "address show",
                "routes": "route show table all",
                "routes of IPv6": "-6 route show table all",
                "rules": "rule show",
            }.items()
        }

    @property
    def folder(self) -> Path:
        return self.home / "state" / self.name

    def journal(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "journal.json").read_text()))

    def settled(self) -> None:
        """Wait until no guardian is at work any more."""
        wait(lambda: not (self.folder / "lock").exists() or is_free(self.folder / "lock"))


def _plain(shown: dict[str, Any]) -> dict[str, Any]:
    """Take out what the kernel counts, chooses or measures."""
    volatile = (
        r"ifindex|.*timer|.*_time|root_id|bridge_id|.*hello.*|address|.*state|flags|qdisc|txqlen"
        r"|tentative|fdb_n_learned"
    )
    return {
        key: _plain(value)
        if isinstance(value, dict)
        else [
            _plain(v) if isinstance(v, dict) else v
            for v in value
            if not (isinstance(v, dict) and v.get("scope") == "link")
        ]
        if isinstance(value, list)
        else value
        for key, value in shown.items()
        if not re.fullmatch(volatile, key)
    }


def is_free(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def wait(what: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not come to be"
        time.sleep(0.02)


def done(result: subprocess.CompletedProcess[str], code: int, *texts: str) -> None:
    said = result.stdout + result.stderr
    assert result.returncode == code, said
    assert "VN901" not in said and "Traceback" not in said, said
    for text in texts:
        assert text in said, said


def guardians(pid: int) -> list[int]:
    """Find the guardian of an apply: it has its command line, and is nobody's child."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != pid:
            try:
                if (entry / "cmdline").read_bytes() == words:
                    found.append(int(entry.name))
            except OSError:
                continue
    assert len(found) == 1, found
    return found
