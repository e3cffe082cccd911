"""Layers: what is laid over a tree so that it has another ifupdown, as if it were installed.

ifupdown2 and ifupdown-ng conflict with ifupdown, which the tree has. Unpacked into a directory of
their own they are a layer of overlayfs (`lowerdir=LAYER:TREE`), whose `ifup` hides the classic one.
The hooks of the tree stay, in /etc/network/if-*.d, as on a host that came from ifupdown:
bridge-utils and vlan conflict with none of the three, and ifupdown's own hooks are configuration
files, which stay until a purge. ifupdown-ng runs all of them, ifupdown2 those that its addons do not
replace.
"""

from __future__ import annotations

import compileall
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import tree

# layer -> generation -> its packages, with the libraries that not every machine has
LAYERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ifupdown": {"bookworm": ("ifupdown",), "trixie": ("ifupdown",)},
    "ifupdown2": {"bookworm": ("ifupdown2",), "trixie": ("ifupdown2",)},
    "ifupdown-ng": {
        "bookworm": ("ifupdown-ng", "libbsd0", "libmd0"),
        "trixie": ("ifupdown-ng", "ifupdown-ng-compat", "libbsd0", "libmd0"),
    },
}
# In a tree these are links into /usr, which a directory of a layer would hide.
_MERGED = ("bin", "lib", "lib64", "sbin")


def layer(name: str, generation: str = tree.DEFAULT) -> Path:
    """Give the directory of a layer, filling it first if the cache has none.

    Raises `TreeError`. Needs no root.
    """
    packages = LAYERS[name][generation]

    def fill(directory: Path) -> None:
        with tempfile.TemporaryDirectory() as work:
            _unpack(_download(packages, generation, Path(work)), directory)

    return tree.cached(f"{name}-{generation}", "\n".join(packages), fill)


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


def _unpack(packages: Iterable[Path], directory: Path) -> None:
    for name in _MERGED:
        (directory / "usr" / name).mkdir(parents=True)
        (directory / name).symlink_to(f"usr/{name}")
    # not `dpkg -x`, which replaces these links
    script = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'
    for package in packages:
        tree.run(["sh", "-c", script, "sh", str(package), str(directory)])
    for program in directory.glob("usr/share/ifupdown2/__main__.py"):
        program.chmod(0o755)  # as ifupdown2's postinst does
    # as py3compile(1) does; a Python of another version overlooks it and takes a second longer
    compileall.compile_dir(directory, quiet=1, stripdir=str(directory), prependdir="/")
