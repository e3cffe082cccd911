"""Layers: what is laid over a tree so that it has another ifupdown, or vnetc, as if installed.

ifupdown2 and ifupdown-ng conflict with ifupdown, which the tree has. Unpacked into a directory of
their own they are a layer of overlayfs (`lowerdir=LAYER:TREE`), whose `ifup` hides the classic one.
The hooks of the tree stay, in /etc/network/if-*.d, as on a host that came from ifupdown:
bridge-utils and vlan conflict with none of the three, and ifupdown's own hooks are configuration
files, which stay until a purge. ifupdown-ng runs all of them, ifupdown2 those that its addons do not
replace.

vnetc is that of this checkout, upon what it imports as that Debian has it: the oldest versions that
pyproject.toml allows, and a Python of each generation.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from glob import glob
from pathlib import Path

from tests.lab.runner.sandbox import GUESTS

from . import tree

# layer -> generation -> its packages, with the libraries that not every machine has
LAYERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ifupdown": {"bookworm": ("ifupdown",), "trixie": ("ifupdown",)},
    "ifupdown2": {"bookworm": ("ifupdown2",), "trixie": ("ifupdown2",)},
    "ifupdown-ng": {
        "bookworm": ("ifupdown-ng", "libbsd0", "libmd0"),
        "trixie": ("ifupdown-ng", "ifupdown-ng-compat", "libbsd0", "libmd0"),
    },
    # 0.106 with libraries that not every machine has
    "netplan": {
        "bookworm": ("netplan.io", "libnetplan0", "libffi8", "libglib2.0-0", "libyaml-0-2")
    },
    # headers, programs and manual pages, to read: since when programs have what the tables say
    "ages": dict.fromkeys(
        ("bullseye", *tree.GENERATIONS), ("iproute2", "linux-libc-dev", "systemd", "udev")
    ),
    # what vnetc imports while nothing is wrong with a document
    "ruamel.yaml": {
        "bookworm": ("python3-ruamel.yaml", "python3-ruamel.yaml.clib"),
        "trixie": ("python3-ruamel.yaml", "python3-ruamel.yaml.clib"),
    },
}
# layer -> generation -> directories that a host must have besides, as the output's head says
DIRECTORIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # where ifupdown2 keeps its map of VRFs, and which iproute2 there has no more
    "ifupdown2": {"trixie": ("etc/iproute2/rt_tables.d",)},
}
# Those that a Python of the generation compiles, which may be another than the machine's: in the
# virtual machine ifupdown2 takes seconds longer else.
COMPILED = frozenset({"ifupdown2"})
VNETC = "vnetc"
# layer -> the program that a host with it has not: guests find it all the same
WITHOUT: Mapping[str, Path] = {
    f"without-{program}": Path("usr/sbin", program) for program in ("dhclient", "dhcpcd")
}
_DAY = 24 * 60 * 60  # seconds
_PACKAGES = Path("usr/lib/python3/dist-packages")
_PROGRAM = """\
#!/usr/bin/python3
import sys

from vnetc.cli import main

sys.exit(main())
"""
# In a tree these are links into /usr, which a directory of a layer would hide.
_MERGED = ("bin", "lib", "lib64", "sbin")


def layer(name: str, generation: str = tree.DEFAULT) -> Path:
    """Give the directory of a layer, filling it first if the cache has none.

    Raises `TreeError`. Needs root for vnetc and for what is compiled or laid over a built tree.
    """
    if name == VNETC:
        return _vnetc(generation)
    if name in WITHOUT:
        return _without(name, generation)
    packages = LAYERS[name][generation]
    directories = DIRECTORIES.get(name, {}).get(generation, ())

    def fill(directory: Path) -> None:
        with tempfile.TemporaryDirectory() as work:
            _unpack(_download(packages, generation, Path(work)), directory)
        for needed in directories:
            (directory / needed).mkdir(parents=True)
        if name in COMPILED:
            _compile(directory, generation)

    recipe = (*packages, *directories, *(("compiled", "2") if name in COMPILED else ()))
    return tree.cached(f"{name}-{generation}", "\n".join(recipe), fill)


def _without(name: str, generation: str) -> Path:
    """Give the layer that moves a program to where only guests look for it."""
    base = tree.build(generation)
    program = WITHOUT[name]

    def fill(directory: Path) -> None:
        _merge(directory)
        moved = Path(f"{directory}{GUESTS}", program.name)
        moved.parent.mkdir(parents=True)
        shutil.copy2(base / program, moved)
        os.mknod(directory / program, stat.S_IFCHR, 0)  # a whiteout, overlayfs.rst

    return tree.cached(f"{name}-{generation}", f"{base.name} {GUESTS}", fill)


def _vnetc(generation: str) -> Path:
    """Give the layer with vnetc as it is now, compiled by the Python that will run it."""
    package = tree.REPOSITORY / "src/vnetc"
    contents = {
        _PACKAGES / "vnetc" / name: package / name
        for name in sorted(glob("**", root_dir=package, recursive=True))  # follows links
        if (package / name).is_file() and not name.endswith(".pyc")
    }
    # read once: somebody may be at work on them
    files = {place: file.read_bytes() for place, file in contents.items()}
    files[Path("usr/bin/vnetc")] = _PROGRAM.encode()

    def fill(directory: Path) -> None:
        for place, content in files.items():
            (directory / place).parent.mkdir(parents=True, exist_ok=True)
            (directory / place).write_bytes(content)
        (directory / "usr/bin/vnetc").chmod(0o755)
        _compile(directory, generation)

    digest = hashlib.sha256(repr(files).encode()).hexdigest()
    made = tree.cached(f"{VNETC}-{generation}", digest, fill)
    _forget(f"{VNETC}-{generation}", made)
    return made


def _compile(directory: Path, generation: str) -> None:
    """Compile what is in a directory by the Python that will run it."""
    # a mount of its own: the tree stays as it is
    script = 'mount --bind "$1" "$2/mnt" && shift && exec chroot "$@"'
    options = ("-q", "-s", "/mnt", "-p", "/", "--invalidation-mode", "unchecked-hash")
    inside = (str(tree.build(generation)), "python3", "-W", "ignore", "-m", "compileall")
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(directory), *inside]
    tree.run([*command, *options, "/mnt"])


def _forget(name: str, used: Path) -> None:
    """Remove what nobody has used for a day of that which each change of the code makes anew."""
    os.utime(used)
    for path in tree.CACHE.glob(f"{name}-*"):
        with suppress(FileNotFoundError):  # somebody else is at it
            if not path.name.startswith(used.name) and path.stat().st_mtime < time.time() - _DAY:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _download(packages: Iterable[str], generation: str, work: Path) -> list[Path]:
    """Fetch packages with lists of our own: the machine's may be of another generation, or none."""
    (work / "lists/partial").mkdir(parents=True)
    (work / "cache/archives/partial").mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text("".join(f"{line}\n" for line in tree.sources(generation)))
    options = (
        f"Dir::Etc::SourceList={work}/sources.list",
        "Dir::Etc::SourceParts=/dev/null",
        f"Dir::State::Lists={work}/lists",
        f"Dir::State::Status={work}/status",
        f"Dir::Cache={work}/cache",
        "Acquire::Languages=none",
        "APT::Sandbox::User=root",  # another one may not write here
    )
    apt = ["apt-get", *(f"--option={option}" for option in options)]
    tree.run([*apt, "update"])
    tree.run([*apt, "download", *packages], work)
    return sorted(work.glob("*.deb"))


def _merge(directory: Path) -> None:
    for name in _MERGED:
        (directory / "usr" / name).mkdir(parents=True)
        (directory / name).symlink_to(f"usr/{name}")


def _unpack(packages: Iterable[Path], directory: Path) -> None:
    _merge(directory)
    # not `dpkg -x`, which replaces these links
    script = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'
    for package in packages:
        tree.run(["sh", "-c", script, "sh", str(package), str(directory)])
    for program in directory.glob("usr/share/ifupdown2/__main__.py"):
        program.chmod(0o755)  # as ifupdown2's postinst does
    for settings in directory.glob("etc/network/ifupdown2/ifupdown2.conf"):
        # what the head of an output with two such bridges asks for
        word = "multiple_vlan_aware_bridge_support="
        settings.write_text(settings.read_text().replace(f"{word}0", f"{word}1"))
    # as py3compile(1) does, for those that run here
    with warnings.catch_warnings(action="ignore"):  # about code that is not ours
        compileall.compile_dir(directory, quiet=1, stripdir=str(directory), prependdir="/")
