"""Does bootstrap.sh keep its word on a bare Debian? `python3 -m tests.project.fresh [SUITE...]` tries it.

For each suite, Debian 12 and 13 unless others are named, a minimal system is made with mmdebstrap(1)
and entered with pivot_root(2), in mount, pid, uts and ipc namespaces of its own, as root. A clone of
the checkout's HEAD is its /root/vnetc. In one such system the README's first command is run, in
another, as bare, `sh bootstrap.sh test`. Both see what the Makefile lets through of the environment,
and apt and pip have the package sources, certificates and network of this machine.

Needs root, git, make and mmdebstrap. Says how long each part took, and ends with 1 if any failed.
Logs, and the last system of each suite, stay below build/fresh for a look.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.lab.machines import tree

ROOT = Path(__file__).resolve().parents[2]
TEST = "sh bootstrap.sh test"
CHECKOUT = "root/vnetc"

_NAMESPACES = (
    *("setpriv", "--pdeathsig=KILL", "--"),  # what runs there ends with this program
    *("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"),
)
# Run by sh(1) in new namespaces, where the system lies: go into it, run $1 in the checkout. Of /dev it
# has what programs may expect (Documentation/admin-guide/devices.rst), and KVM if the machine has.
_ENTER = """
mount --bind . .
cd "$PWD"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm dev/net
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
while read -r name numbers; do
    mknod -m 666 "dev/$name" c $numbers
done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
net/tun 10 200
END
[ ! -e /dev/kvm ] || mknod dev/kvm c 10 232
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
hostname fresh
pivot_root . mnt
exec chroot . sh -euc 'umount -l /mnt; cd /root/vnetc; exec sh -c "$1"' sh "$1"
"""

# What says where apt and pip find packages, and with which certificates; besides, files that a
# variable of these names names. ~ is root's home there, whoever's it is here.
_FILES = (
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/pip.conf",
    "/etc/xdg/pip",
    "~/.config/pip",
    "/etc/ssl/certs/ca-certificates.crt",
    "/usr/local/share/ca-certificates",  # which the package ca-certificates puts into that file
)
_NAMES = re.compile(r".*(CERT|CERTS|CERT_FILE|BUNDLE|CONFIG_FILE|CONSTRAINT)")


def main() -> int:
    """Try each suite; give the exit code."""
    words = argparse.ArgumentParser(
        prog="python3 -m tests.project.fresh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("suites", nargs="*", metavar="SUITE", default=tree.GENERATIONS)
    words.add_argument(
        "--directory", type=Path, default=ROOT / "build/fresh", help="where they lie"
    )
    words.add_argument("--command", default=TEST, help=f"what to run instead of `{TEST}`")
    given = words.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    directory = given.directory.resolve()
    red = [suite for suite in given.suites if not _try(suite, directory, given.command)]
    print(f"red: {', '.join(red)}" if red else "all green")
    return bool(red)


def _try(suite: str, directory: Path, command: str) -> bool:
    """Say how long each part took, and whether all went well."""
    first = re.search(r"^sh bootstrap\.sh &&.*", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert first is not None
    archive = directory / f"{suite}.tar"
    clock = Clock(suite)
    bare = ["mmdebstrap", "--quiet", "--variant=minbase", suite, str(archive)]
    tree.run([*bare, *tree.sources(suite)])
    clock.took("the bare system")
    return all(
        _run(directory / suite, archive, line, directory / f"{suite}-{part}.log", clock)
        for part, line in (("first", first[0]), ("test", command))
    )


def _run(root: Path, archive: Path, line: str, log: Path, clock: Clock) -> bool:
    """Run a line in the checkout of a system that is as bare as in the archive."""
    environment = kept()
    _unpack(root, archive, environment)
    clock.took("its copy, with a clone")
    with log.open("wb") as file:
        done = subprocess.run(
            [*_NAMESPACES, "sh", "-euc", _ENTER, "sh", line],
            check=False,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    installed = root / CHECKOUT / ".venv/installed"
    if installed.exists():
        clock.took("packages and tools", installed.stat().st_mtime)
    clock.took(f"`{line}`: {'failed, see' if done.returncode else 'passed,'} {log}")
    return done.returncode == 0


class Clock:
    """Says how long the parts of a suite took, one after the other."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.start = time.time()

    def took(self, part: str, end: float | None = None) -> None:
        """End a part: now, unless it ended before."""
        end = end or time.time()
        print(f"{self.suite}: {end - self.start:4.0f} s  {part}", flush=True)
        self.start = end


def kept() -> dict[str, str]:
    """Give the environment that the Makefile's programs have, but in root's home there."""
    rule = "kept: ; @env --null"
    command = ["make", "--silent", "--directory", str(ROOT), "--eval", rule, "kept"]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = dict(line.split("=", 1) for line in said.split("\0") if line)
    return {name: value for name, value in found.items() if not name.startswith("VNETC_")} | {
        "HOME": "/root",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }


def _unpack(root: Path, archive: Path, environment: Mapping[str, str]) -> None:
    """Make the bare system, with the checkout."""
    tree.run(["rm", "-rf", "--one-file-system", str(root)])
    root.mkdir()
    root.chmod(0o755)
    unpack = ["tar", "--extract", "--numeric-owner", "--exclude=./dev/*", f"--file={archive}"]
    tree.run([*unpack, "-C", str(root)])
    how = tree.run(["apt-config", "dump", "Acquire"])  # proxies, certificates, what may be too old
    (root / "etc/apt/apt.conf.d/90machine").write_text(how)
    for name in (*_FILES, *(value for key, value in environment.items() if _NAMES.fullmatch(key))):
        there = root / name.replace("~", "/root").lstrip("/")
        here = Path(name).expanduser()
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True)
        elif here.exists():
            shutil.copyfile(here, there)
    (root / "root").chmod(0o700)
    clone = ["git", "-c", "safe.directory=*", "clone", "--quiet", "--no-hardlinks", str(ROOT)]
    tree.run([*clone, str(root / CHECKOUT)])


if __name__ == "__main__":
    sys.exit(main())
