"""What version 0.1 left becomes what this version does: trees of files, and hosts that it changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from vnetc.cli import main

from tests.apply.host import Host, done

FOLDER = Path(__file__).parent / "upgrade"
TARGETS = sorted(path.parent.name for path in FOLDER.glob("*/.vnetc.json"))
# What the host of `applied` was, in commands of ip(8), and what 0.1 made of it.
BEFORE = """
link add eth0 type veth peer p0
link add eth1 type veth peer p1
link set p0 up
link set p1 up
"""
MADE = """
link set eth0 up
address add 192.0.2.2/24 brd + dev eth0
link add br0 type bridge
link set eth1 addrgenmode none master br0 up
link set br0 up
address add 2001:db8::2/64 dev br0 nodad
"""
PARAMETERS = {
    **{f"{card}/{name}": "0" for card in ("eth0", "eth1") for name in ("accept_ra", "autoconf")},
    "br0/accept_ra": "2",
}


def files(tree: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("target", TARGETS)
def test_a_tree_of_0_1_is_replaced(target: str, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(FOLDER / target, old)
    before = files(old)
    document = str(FOLDER / "host.vnet.yaml")
    for tree in (old, new):
        assert main(["compile", "-t", target, "-o", str(tree), document]) == 0
    assert files(old) == files(new)
    assert before.keys() - files(old).keys()  # there was something to remove


def test_a_file_of_ones_own_stays(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(FOLDER / "networkd", tree)
    own = tree / "etc/systemd/network/10-own.network"
    own.write_text("[Match]\nName=own\n")
    document = str(FOLDER / "host.vnet.yaml")
    assert main(["compile", "-t", "networkd", "-o", str(tree), document]) == 0
    assert own.exists()


def parameters(host: Host, *words: str) -> dict[str, str]:
    """Have sysctl(8) set or read parameters of devices, net.ipv6.conf; give them by name."""
    inside = ["ip", "netns", "exec", host.name, "sysctl", "-n"]
    words = tuple(f"net/ipv6/conf/{word}" for word in words)
    shown = subprocess.run([*inside, *words], check=True, capture_output=True, text=True).stdout
    return dict(zip(PARAMETERS, shown.split(), strict=True))


def test_a_host_of_0_1_keeps_what_is_said_and_gets_the_rest_back(host: Host) -> None:
    for line in BEFORE.strip().splitlines():
        host.ip(line)
    for line in MADE.strip().splitlines():
        host.ip(line)
    parameters(host, *(f"{name}={value}" for name, value in PARAMETERS.items()))
    shutil.copytree(FOLDER / "applied/root", host.home / "root")
    record = json.loads((FOLDER / "applied/state.json").read_text())
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    record |= {"boot": boot, "inode": os.stat(f"/run/netns/{host.name}").st_ino}
    host.folder.mkdir(parents=True)
    (host.folder / "state.json").write_text(json.dumps(record))
    document = (FOLDER / "applied/host.vnet.yaml").read_text()

    done(host.apply(document, "--target", "networkd", "--probe", "none"), 0)

    assert parameters(host, *PARAMETERS) == dict.fromkeys(PARAMETERS, "1")  # the kernel's own
    modes = {link["ifname"]: link["inet6_addr_gen_mode"] for link in host.ip("-d link show")}
    assert (modes["eth0"], modes["eth1"], modes["br0"]) == ("eui64", "eui64", "eui64")
    (eth1,) = host.ip("link show eth1")
    assert eth1["master"] == "br0"
    shown = {a["local"] for link in host.ip("address show") for a in link["addr_info"]}
    assert {"192.0.2.2", "2001:db8::2"} <= shown
    assert sorted(files(host.home / "root")) == [
        f"etc/systemd/network/05-{name}"
        for name in ("br0.netdev", "br0.network", "eth0.network", "eth1.network")
    ]
    done(host.run("plan", host.document(document)), 0, "nothing to change")
