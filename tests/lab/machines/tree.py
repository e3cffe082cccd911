"""The Debian trees that hold the real renderers, so that none of them is installed on the machine.

One for each generation of Debian, built once by mmdebstrap(1) and cached under build/lab by what
went into it. `VNETC_LAB_CACHE` names another cache directory. `VNETC_LAB_GENERATION=testing` adds Debian
testing, which moves: its tree is that of the day it was built.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
CACHE = Path(os.environ.get("VNETC_LAB_CACHE", REPOSITORY / "build" / "lab"))
OUT = CACHE / "out"  # what came of the last runs

DEFAULT = "bookworm"
TESTING = "forky"
WITH_TESTING = os.environ.get("VNETC_LAB_GENERATION", "") == "testing"
GENERATIONS = (DEFAULT, "trixie", *([TESTING] if WITH_TESTING else ()))
PACKAGES = (
    "bridge-utils",  # ifupdown's bridge-* options
    "dnsmasq-base",
    "ethtool",  # ifupdown's `pre-up` lines for cards
    "ifenslave",  # ifupdown's bond-* options
    "ifupdown",
    "iproute2",
    "iputils-ping",
    "isc-dhcp-client",  # ifupdown's `inet dhcp`, which prefers it to dhcpcd, and the guests
    "kmod",  # the virtual machine's kernel has all kinds of links as modules
    "netplan.io",
    "nftables",
    "openresolv",  # ifupdown's dns-* options; resolvconf would also need its service at boot
    "procps",  # sysctl(8), for ifupdown's `up` lines
    "python3",  # runs the jobs in the virtual machine, and the servers of the traffic tests
    "systemd",
    "systemd-sysv",
    "udev",
    "vlan",  # ifupdown's vlan-* options
    "wpasupplicant",  # 802.1X on a cable
    "wireguard-tools",  # wg(8), for ifupdown's lines and to look at any renderer's tunnels
)
# of a generation without: the package that takes its place
_INSTEAD = {TESTING: {"isc-dhcp-client": "dhcpcd-base"}}
# generation -> what only that one has
MORE: Mapping[str, tuple[str, ...]] = {
    "trixie": ("dhcpcd-base",),  # which Debian 13's ifupdown recommends instead of isc-dhcp-client
}
_WITHOUT = (
    *(f"/usr/share/{directory}/*" for directory in ("doc", "locale", "man")),
    # slow hooks for options that vnetc never writes
    "/etc/network/if-*.d/ethtool",
    "/etc/network/if-*.d/wpasupplicant",
)
OPTIONS = ("--variant=minbase", *(f"--dpkgopt=path-exclude={path}" for path in _WITHOUT))
# Without one networkd fails every link: "Failed to configure DHCPv6 client: No medium found".
MACHINE_ID = "0123456789abcdef0123456789abcdef\n"

# suffix of a suite -> Debian's own archive of it, for a machine without sources of Debian
_ARCHIVES = {
    "": "http://deb.debian.org/debian",
    "-updates": "http://deb.debian.org/debian",
    "-security": "http://deb.debian.org/debian-security",
}
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

MINUTES = 15  # a slow mirror; half a minute is usual


class TreeError(Exception):
    """A tree or a layer could not be built; the text says what the program said last."""


def build(generation: str = DEFAULT) -> Path:
    """Give the tree of a generation, building it first if the cache has none.

    Raises `TreeError`. Needs root.
    """
    recipe = "\n".join((generation, *_packages(generation), *OPTIONS, MACHINE_ID))
    return cached(generation, recipe, lambda directory: _mmdebstrap(generation, directory))


def _packages(generation: str) -> list[str]:
    instead = _INSTEAD.get(generation, {})
    packages = [instead.get(package, package) for package in PACKAGES]
    return [*packages, *MORE.get(generation, ())]


def cached(name: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """Give what `make` fills a directory with, out of the cache if the recipe is the same.

    Safe against other test processes (one makes it, the others wait) and against interruption (the
    directory gets its name only when it is complete).
    """
    final = CACHE / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(f"{final}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            unfinished = Path(tempfile.mkdtemp(prefix=f"{final.name}.", dir=CACHE))
            try:
                make(unfinished)
                unfinished.chmod(0o755)  # it was private, and networkd drops its privileges
                unfinished.rename(final)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return final


def sources(generation: str) -> list[str]:
    """Give sources.list(5) lines for a generation, of the mirrors that the machine itself uses.

    apt knows them whatever the form of its files, sources.list or deb822 (apt-get(8),
    `indextargets`). The same mirror has all generations, under other names.
    """
    # without the information of Release files, since nothing may have been downloaded yet
    query = ["indextargets", "--no-release-info", "--format=$(REPO_URI) $(RELEASE)"]
    lines = run(["apt-get", *query, "Created-By: Packages", "Component: main"]).splitlines()
    found = []
    for line in dict.fromkeys(lines):
        address, _, suite = line.partition(" ")
        release, dash, pocket = suite.partition("-")
        if "debian" in address and release in GENERATIONS and dash + pocket in _ARCHIVES:
            found.append((address, dash + pocket))
    archives = found or [(address, suffix) for suffix, address in _ARCHIVES.items()]
    return [
        f"deb [signed-by={_KEYRING}] {address} {generation}{suffix} main"
        for address, suffix in archives
    ]


def run(command: list[str], directory: Path | None = None) -> str:
    """Give what a program prints. Raises `TreeError` if it fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=MINUTES * 60,
        )
    except FileNotFoundError:
        raise TreeError(f"no `{command[0]}` on this machine") from None
    except subprocess.TimeoutExpired:
        raise TreeError(f"{command[0]} took more than {MINUTES} minutes") from None
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-15:])
        raise TreeError(f"{command[0]} failed ({done.returncode}):\n{last}")
    return done.stdout


def _mmdebstrap(generation: str, directory: Path) -> None:
    include = f"--include={','.join(_packages(generation))}"
    # a mirror may keep a day's testing for longer than that is valid
    options = ["--aptopt=Acquire::Check-Valid-Until false"] if generation == TESTING else []
    command = ["mmdebstrap", "--quiet", *OPTIONS, *options, include, generation, str(directory)]
    run([*command, *sources(generation)])
    (directory / "etc/machine-id").write_text(MACHINE_ID)
    if generation == TESTING:  # its openresolv writes only a file that it has made
        (directory / "etc/resolv.conf").write_text("# Generated by resolvconf\n")
