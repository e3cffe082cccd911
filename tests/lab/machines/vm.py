"""A virtual machine with Debian's full kernel, for what the machine's own kernel cannot do.

QEMU boots Debian's kernel for clouds, unpacked and never installed, over the lab's Debian trees,
runs a job in there and brings the results back. No network card, no daemon, no shared file system:
the job goes in and the results come out as tar archives on raw disks. vm/loader.sh and vm/init.sh
are the inner side of it.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import tree

LOADER = Path(__file__).with_name("vm") / "loader.sh"
INIT = LOADER.with_name("init.sh")
QEMU = "qemu-system-x86_64"
TOOLS = (QEMU, "chroot", "mke2fs", "mmdebstrap", "setpriv", "tar")

SUITE = tree.DEFAULT
# The kernel for clouds has every kind of link and an image that unpacks fast; that of
# linux-image-amd64 alone costs seconds in software emulation.
PACKAGES = ("busybox-static", "kmod", "linux-image-cloud-amd64")
# What the loader needs, when there is no disk yet to load modules from.
BOOT_MODULES = ("virtio_pci", "virtio_blk", "overlay")
BOOT_PROGRAMS = ("insmod", "mkdir", "mount", "sh", "switch_root", "tar")

BLOCK = 4096
# Without a journal, which only writing needs. mke2fs(8)
IMAGE = ("-q", "-t", "ext4", "-O", "^has_journal,^resize_inode", "-m", "0", "-b", str(BLOCK))
SPARE = 64  # the part of an image, 1/SPARE, that directories' and files' own blocks may take

# kernel-parameters.txt of the kernel's documentation
# No more of them: switching off mitigations, LSMs, audit or init_on_alloc, and other CPU models,
# make no difference that can be told from chance in software emulation.
COMMAND_LINE = (
    "console=ttyS0",
    "quiet",
    "panic=-1",  # at once, which ends QEMU: it is told -no-reboot
    # Programs at the same addresses every time: QEMU finds its translation of their code again,
    # which makes starting one three times faster.
    "norandmaps",
    # On a busy machine an emulated timer ticks too late for this test, and the kernel hangs.
    "no_timer_check",
)
RESULTS = 512 << 20  # bytes; the file is sparse
CONSOLE = "console.log"
LAST = 20  # lines of the console in an error


class VMError(AssertionError):
    """The VM failed, took too long or brought no results; the text has its last lines."""


@dataclass(frozen=True)
class Machine:
    """A kernel and disks, all files of the cache and never written: machines can share them."""

    kernel: Path
    initrd: Path
    modules: Path
    trees: Mapping[str, Path]  # name -> image; the first is the VM's root
    memory: int = 2048  # MiB
    processors: int = 2


@dataclass(frozen=True)
class Timings:
    """How many seconds a run took."""

    up: float  # from the kernel's first breath to the job's
    job: float
    total: float  # with packing, QEMU's start, and unpacking


def missing() -> str | None:
    """Say in one line why this machine cannot build and run the VM, None if it can."""
    if os.geteuid() != 0:
        return "needs root"
    if absent := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"needs {', '.join(absent)}"
    return None


def prepare(trees: Mapping[str, Path]) -> Machine:
    """Give a machine over trees or layers of the cache, building what there is not yet.

    In the VM each is mounted read-only at /lab/NAME; the names init.sh, command, job, out, upper
    and work are taken. A copy of the first is the VM's root and must have kmod, which the kernel
    asks for its modules. Raises `tree.TreeError`.
    """
    kernel = tree.cached(
        "kernel",
        repr((SUITE, PACKAGES, BOOT_MODULES, BOOT_PROGRAMS, IMAGE, SPARE, LOADER.read_text())),
        _build_kernel,
    )
    return Machine(
        kernel=kernel / "vmlinuz",
        initrd=kernel / "initrd",
        modules=kernel / "modules.ext4",
        trees={name: _image_of(directory) for name, directory in trees.items()},
    )


def run(
    machine: Machine, directory: Path, command: Sequence[str] | str, out: Path, limit: float
) -> Timings:
    """Boot, run a command in a copy of `directory`, unpack what it leaves in `$OUT` into `out`.

    The command is a line of sh(1), or words that become one. What it prints goes to console.log in
    `out`. Raises `VMError` if it fails, or if all of it takes more than `limit` seconds.
    """
    start = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    console = out / CONSOLE
    with tempfile.TemporaryDirectory(prefix="lab-vm.") as scratch:
        job, results = Path(scratch, "job.tar"), Path(scratch, "results.tar")
        _pack(job, directory, command if isinstance(command, str) else shlex.join(command))
        with open(results, "wb") as disk:
            disk.truncate(RESULTS)
        with open(console, "wb") as log:
            try:
                # PDEATHSIG: QEMU must not outlive a test run that is killed.
                subprocess.run(
                    ["setpriv", "--pdeathsig=KILL", "--", *_qemu(machine, job, results)],
                    check=False,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=limit,
                )
            except subprocess.TimeoutExpired:
                raise _error(f"the VM took more than {limit:.0f} s", console) from None
        marks = dict(re.findall(r"^LAB-([A-Z]+) (\S+)", _text(console), re.MULTILINE))
        if "SAVED" not in marks:
            raise _error("the VM ended without results", console)
        tree.run(["tar", "-x", "--no-same-owner", "-f", str(results), "-C", str(out)])
    if marks["CODE"] != "0":
        raise _error(f"the command failed ({marks['CODE']})", console)
    up, done = float(marks["UP"]), float(marks["DONE"])
    return Timings(up, round(done - up, 2), round(time.monotonic() - start, 2))


def _error(what: str, console: Path) -> VMError:
    last = "\n".join(_text(console).splitlines()[-LAST:])
    return VMError(f"{what}; {console} ends with:\n{last}")


def _text(console: Path) -> str:
    return console.read_text(errors="replace").replace("\r\n", "\n")


def _pack(job: Path, directory: Path, command: str) -> None:
    # Not Python's default format: busybox's tar(1) ignores its names of more than 100 characters.
    with tarfile.open(job, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(INIT, "init.sh")
        line = command.encode() + b"\n"
        member = tarfile.TarInfo("command")
        member.size = len(line)
        archive.addfile(member, io.BytesIO(line))
        archive.add(directory, "job")


def _qemu(machine: Machine, job: Path, results: Path) -> list[str]:
    """Give QEMU's command line. The order of the disks is the loader's."""
    images = [(machine.modules, "on"), (job, "on"), (results, "off")]
    images += [(image, "on") for image in machine.trees.values()]
    disks = [
        # a comma in a value is written twice: qemu(1)
        f"file={str(path).replace(',', ',,')},format=raw,if=virtio,cache=unsafe,readonly={readonly}"
        for path, readonly in images
    ]
    return [
        QEMU,
        *_accelerator(),
        *("-M", "q35", "-smp", str(machine.processors), "-m", str(machine.memory)),
        *("-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-kernel", str(machine.kernel), "-initrd", str(machine.initrd)),
        # What the kernel does not know it hands to the loader as an environment variable.
        *("-append", " ".join((*COMMAND_LINE, f"TREES={','.join(machine.trees)}"))),
        *(word for disk in disks for word in ("-drive", disk)),
    ]


def _accelerator() -> tuple[str, ...]:
    """Give QEMU's arguments for the processor: KVM only where the hardware is there for it.

    That /dev/kvm opens says little: a paravirtual KVM has it too, and emulates Debian's kernel,
    which knows nothing of it, one instruction at a time.
    """
    flags = set(re.findall(r"\b(?:vmx|svm)\b", Path("/proc/cpuinfo").read_text()))
    if flags and os.access("/dev/kvm", os.W_OK):
        return ("-accel", "kvm", "-cpu", "host")
    return ("-accel", "tcg", "-cpu", "qemu64")


def _image_of(directory: Path) -> Path:
    """Give the disk of a tree, under the tree's own name, which tells what is in it."""

    def build(into: Path) -> None:
        _mke2fs(directory, into / "ext4")

    return tree.cached(f"{directory.name}-image", repr((IMAGE, SPARE)), build) / "ext4"


def _mke2fs(directory: Path, image: Path) -> None:
    """Make a file system just large enough for what is in a directory."""
    blocks = inodes = 0
    for folder, _, files in os.walk(directory):
        inodes += 1 + len(files)
        blocks += 1 + sum(-(-os.lstat(f"{folder}/{f}").st_size // BLOCK) for f in files)
    # An inode has 256 bytes, a sixteenth of a block; mke2fs itself takes the first few of both.
    blocks += (inodes + 1024) // 16 + blocks // SPARE + 1024
    size = f"{blocks * BLOCK // 1024}k"
    arguments = ["-N", str(inodes + 1024), "-d", str(directory), str(image), size]
    tree.run(["mke2fs", *IMAGE, *arguments])


def _build_kernel(into: Path) -> None:
    """Fill a directory with vmlinuz, initrd and modules.ext4."""
    with tempfile.TemporaryDirectory(prefix="kernel.", dir=tree.CACHE) as scratch:
        root = Path(scratch, "root")
        command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(PACKAGES)}"]
        tree.run([*command, SUITE, str(root), *tree.sources(SUITE)])
        (modules,) = (root / "lib/modules").iterdir()
        version = modules.name
        tree.run(["chroot", str(root), "depmod", version])
        _mke2fs(modules.parent, into / "modules.ext4")
        _build_initrd(root, version, into / "initrd")
        (root / "boot" / f"vmlinuz-{version}").rename(into / "vmlinuz")


def _build_initrd(root: Path, version: str, initrd: Path) -> None:
    """Make the loader's initramfs of what is unpacked in `root`; nothing unpacks it faster."""
    busybox = root / "bin/busybox"
    with tempfile.TemporaryDirectory() as scratch:
        content = Path(scratch)
        for folder in ("bin", "boot", "dev", "lab", "proc", "root"):
            (content / folder).mkdir()
        shutil.copy(LOADER, content / "init")
        (content / "init").chmod(0o755)
        shutil.copy(busybox, content / "bin")
        for program in BOOT_PROGRAMS:
            (content / "bin" / program).symlink_to("busybox")
        depends = ["modprobe", "--set-version", version, "--show-depends", "--all", *BOOT_MODULES]
        lines = dict.fromkeys(tree.run(["chroot", str(root), *depends]).splitlines())
        files = [line.split()[1] for line in lines if line.startswith("insmod ")]
        for number, file in enumerate(files):
            shutil.copy(f"{root}{file}", content / "boot" / f"{number:02}.ko")
        pack = 'find . | "$1" cpio -o -H newc >"$2"'
        tree.run(["sh", "-c", pack, "sh", str(busybox), str(initrd)], content)
