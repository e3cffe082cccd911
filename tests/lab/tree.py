"""The Debian tree that holds the real renderers, so that none of them is installed on the machine.

Built once by mmdebstrap(1) from the machine's own apt sources and cached under build/lab by what
went into it. `VNETC_LAB_CACHE` names another cache directory.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CACHE = Path(os.environ.get("VNETC_LAB_CACHE", REPOSITORY / "build" / "lab"))

SUITE = "bookworm"
PACKAGES = (
    "bridge-utils",  # ifupdown's bridge-* options
    "dnsmasq-base",
    "ifupdown",
    "iproute2",
    "iputils-ping",
    "isc-dhcp-client",  # ifupdown's `inet dhcp`, and the guests
    "netplan.io",
    "nftables",
    "procps",  # sysctl(8), for ifupdown's `up` lines
    "python3",  # the servers and clients of the traffic tests
    "systemd",
    "systemd-sysv",
    "udev",
    "vlan",  # ifupdown's vlan-* options
)
OPTIONS = (
    "--variant=minbase",
    *(f"--dpkgopt=path-exclude=/usr/share/{d}/*" for d in ("doc", "locale", "man")),
)
# Without one networkd fails every link: "Failed to configure DHCPv6 client: No medium found".
MACHINE_ID = "0123456789abcdef0123456789abcdef\n"
MINUTES = 15  # a slow mirror; half a minute is usual


class TreeError(Exception):
    """The tree could not be built; the text says what mmdebstrap said last."""


def build() -> Path:
    """Give the tree, building it first if the cache has none.

    Safe against other test processes (one builds, the others wait) and against interruption (the
    tree gets its name only when it is complete). Raises `TreeError`.
    """
    recipe = "\n".join((SUITE, *PACKAGES, *OPTIONS, MACHINE_ID))
    tree = CACHE / hashlib.sha256(recipe.encode()).hexdigest()[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(f"{tree}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            unfinished = Path(tempfile.mkdtemp(prefix=f"{tree.name}.", dir=CACHE))
            try:
                _mmdebstrap(unfinished)
                unfinished.rename(tree)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return tree


def _mmdebstrap(directory: Path) -> None:
    include = f"--include={','.join(PACKAGES)}"
    command = ["mmdebstrap", "--quiet", *OPTIONS, include, SUITE, str(directory), *_sources()]
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=MINUTES * 60,
        )
    except subprocess.TimeoutExpired:
        raise TreeError(f"mmdebstrap took more than {MINUTES} minutes") from None
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-15:])
        raise TreeError(f"mmdebstrap failed ({done.returncode}):\n{last}")
    (directory / "etc/machine-id").write_text(MACHINE_ID)
    directory.chmod(0o755)  # mkdtemp made it private, and networkd drops its privileges


def _sources() -> list[str]:
    """Give the machine's apt sources of the suite; without any mmdebstrap knows Debian's own."""
    etc = Path("/etc/apt")
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    return [
        str(f)
        for f in files
        if f.suffix in (".list", ".sources")
        and f.exists()
        and all(word in f.read_text(errors="replace") for word in (SUITE, "debian", "main"))
    ]
