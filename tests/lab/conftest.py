"""What the lab's tests share: the tree, or the one-line reason why there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from . import namespaces, tree


def _missing() -> str | None:
    """Say why the lab cannot run on this machine, None if it can."""
    if os.geteuid() != 0:
        return "needs root"
    tools = (*namespaces.TOOLS, "mmdebstrap")
    if absent := [tool for tool in tools if shutil.which(tool) is None]:
        return f"needs {', '.join(absent)}"
    probe = ["unshare", *namespaces.UNSHARE, "mount", "-t", "tmpfs", "lab", "/mnt"]
    done = subprocess.run(probe, check=False, stderr=subprocess.DEVNULL, timeout=namespaces.LIMIT)
    if done.returncode:
        return "this machine does not let root make namespaces"
    return None


@pytest.fixture(scope="session")
def debian() -> Path:
    """Give the Debian tree, built if need be."""
    if reason := _missing():
        pytest.skip(f"lab: {reason}")
    return tree.build()


# What `ip link add name x` must accept for a kind of interface.
_PROBES = {
    "bridge": "type bridge",
    "dummy": "type dummy",
    "veth": "type veth peer name y",
    "vlan": "link y type vlan id 5",  # not of `lo`, which the kernel lets carry none
    "vlan-filtering": "type bridge vlan_filtering 1",
}


@pytest.fixture(scope="session")
def kernel_lacks(debian: Path, tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """Name the kinds of interfaces that this kernel cannot make."""
    lacks: set[str] = set()
    with namespaces.sandbox(debian, tmp_path_factory.mktemp("probe") / "out", ()) as box:
        for kind, arguments in _PROBES.items():
            try:
                if kind == "vlan":
                    box.ip("link add name y type veth peer name z")
                box.ip(f"link add name x {arguments}", "link del dev x")
            except namespaces.LabError:
                lacks.add(kind)
    return frozenset(lacks)
