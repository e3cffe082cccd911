"""A virtual machine with Debian's full kernel, for what the machine's own kernel cannot do.

QEMU boots Debian's kernel for clouds, unpacked and never installed, over the lab's Debian trees,
runs one job directory in there and brings the results back. There is no network card, no daemon
and no shared file system: the job goes in, and the results come out, as a tar on a raw disk.
loader.sh and init.sh in vm/ are the VM's side of it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import tree

SCRIPTS = Path(__file__).with_name("vm")
LOADER = SCRIPTS / "loader.sh"
INIT = SCRIPTS / "init.sh"

TOOLS = (
    "apt-cache",
    "apt-get",
    "dpkg",
    "mke2fs",
    "qemu-system-x86_64",
    "setpriv",
    "tar",
)
# The cloud kernel has all that networks are made of and an LZ4 image; the full kernel's XZ image
# alone takes seconds to unpack in software emulation.
KERNEL = "linux-image-cloud-amd64"
BUSYBOX = "busybox-static"  # runs the loader
KMOD = "kmod"  # depmod

# What of the kernel's modules the VM can use; the rest is drivers for hardware it does not have.
MODULES = (
    "arch",
    "crypto",
    "drivers/block",
    "drivers/char",
    "drivers/net",
    "drivers/virtio",
    "fs/overlayfs",
    "lib",
    "net",
)
BOOT_MODULES = ("virtio_pci", "virtio_blk", "overlay")  # before there is a disk to load from
BOOT_APPLETS = ("insmod", "mkdir", "mount", "sh", "switch_root", "tar")

# No journal: nothing is ever written, and without one ext4 mounts a read-only disk.
IMAGE = ("-q", "-t", "ext4", "-O", "^has_journal,^resize_inode", "-m", "0", "-b", "4096")
BLOCK = 4096
INODE = 256  # bytes, mke2fs's default
SLACK = 1.1  # extents, directories that grew, bitmaps

RESULTS = 512 << 20  # bytes; a sparse file, so what is not used costs nothing
PANIC = 1  # seconds
CONSOLE = "console.log"
LAST_LINES = 20
LIMIT = 300  # seconds for one of the programs that build

COMMAND_LINE = (
    "console=ttyS0",
    "quiet",
    "panic=-1",
)


class VMError(Exception):
    """The VM could not be built or failed; the text ends with the last lines it printed."""


@dataclass(frozen=True)
class Machine:
    """A kernel and disks: all files of the cache, never written, so VMs can share them."""

    kernel: Path
    initrd: Path
    modules: Path
    trees: Mapping[str, Path]  # name -> image, the VM's root first
    memory: int = 2048  # MiB
    processors: int = 2


@dataclass(frozen=True)
class Timings:
    """How long a run took, in seconds."""

    up: float  # from the kernel's start until the job's
    job: float
    total: float  # from here and back again, with packing and unpacking


def missing() -> str | None:
    """Say in one line why this machine cannot build and run the VM, None if it can."""
    if os.geteuid() != 0:
        return "needs root"
    if platform.machine() != "x86_64":
        return "needs an x86_64 machine"
    if absent := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"needs {', '.join(absent)}"
    known = subprocess.run(["apt-cache", "show", KERNEL], check=False, capture_output=True)
    if known.returncode:
        return f"apt knows no {KERNEL}: needs Debian's sources, and `apt-get update`"
    return None


def prepare(trees: Mapping[str, Path]) -> Machine:
    """Give a machine over Debian trees, building what the cache has not.

    The first tree becomes the root of the VM and must hold kmod, from which the kernel asks for its
    modules. Every tree, or layer, is mounted read-only at /lab/NAME there; the names job, out,
    upper and work are taken. A tree's directory must be named after its content, as the cache's
    are. Raises `VMError`.
    """
    tree.CACHE.mkdir(parents=True, exist_ok=True)
    packages = (_dependency(KERNEL), BUSYBOX, KMOD)
    # With the versions and checksums of what would be downloaded.
    uris = _call("apt-get", "download", "--print-uris", *packages)
    recipe = (*sorted(uris.splitlines()), LOADER.read_text(), *map(str, _KERNEL_RECIPE))
    kernel = _cached(f"kernel-{_digest(recipe)}", lambda path: _build_kernel(packages, path))
    image = _digest(map(str, (*IMAGE, SLACK)))
    return Machine(
        kernel=kernel / "vmlinuz",
        initrd=kernel / "initrd",
        modules=kernel / "modules.ext4",
        trees={
            name: _cached(f"{path.name}-{image}.ext4", lambda to, of=path: _build_image(of, to))
            for name, path in trees.items()
        },
    )
