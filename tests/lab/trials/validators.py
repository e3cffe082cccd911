"""The programs that read what vnetc writes, as validators: they parse it and do nothing.

Their packages conflict with each other and with a machine's own, so they are never installed but
run as they lie in their layers, on any Debian in the version of Debian 12. Of those that read
/etc/network/interfaces each has its blind spots: the classic one sees the shape and takes
any option, ifupdown2 knows the options, ifupdown-ng accepts anything but shows what it understood.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.machines import layers, tree
from tests.support import namespaces

# What ifupdown2's check complains about although it is right, and why it is.
FALSE_POSITIVES: dict[str, str] = {
    "bridge inherits mtu from its ports": "a bridge without has 1500 in the lab, whatever its ports have",
    "bond-miimon: value of out range": "the kernel takes any number of milliseconds",
    'link-type: invalid value "wireguard"': "it makes a device of any type that ip-link(8) knows",
    "unsupported keyword (dns-nameservers)": "an option of resolvconf's hook, not of an addon",
    "unsupported keyword (dns-search)": "an option of resolvconf's hook, not of an addon",
    "`bridge-access` attribute is mandatory when vxlan": "of one with tagged VLANs alone, which it takes",
    "recv() error: [Errno 22]": "its own netlink socket, now and then; nothing of the file",
    'bridge-ports: invalid value "none"': "the bridge addon takes `none`, the check does not know",
}

_LIBRARIES = "usr/lib/x86_64-linux-gnu"
# The settings of ifupdown2 that a check needs otherwise: its options checked, nothing in /var.
_SETTINGS = {
    "addon_syntax_check=0": "addon_syntax_check=1",
    "state_dir=/var/tmp/network/": "state_dir=/run/network/",
}


def _program(name: str, generation: str = tree.DEFAULT) -> Path:
    """Give the directory of an unpacked program; skip the test if it cannot be had."""
    try:
        return layers.layer(name, generation)
    except tree.TreeError as reason:
        pytest.skip(str(reason))


def _environment(root: Path) -> dict[str, str]:
    """Give what an unpacked program needs to find its libraries."""
    return {"LD_LIBRARY_PATH": str(root / _LIBRARIES), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def netplan_generate(root: Path) -> subprocess.CompletedProcess[str]:
    """Have netplan-generate(8) 0.106 make systemd's files below a directory."""
    netplan = _program("netplan")
    command = [str(netplan / "usr/libexec/netplan/generate"), "--root-dir", str(root)]
    return _run(command, env=_environment(netplan))


def netplan_library() -> tuple[Path, dict[str, str]]:
    """Give the library of netplan 0.106, and the environment of a program that opens it."""
    netplan = _program("netplan")
    return netplan / _LIBRARIES / "libnetplan.so.0.0", _environment(netplan)


def _ifupdown2() -> Path:
    """Give a copy of ifupdown2 that finds its settings beside itself, and they are ours."""
    # 3.0.0 both; Debian 12's needs configparser.readfp, which Python has no more
    layer = _program("ifupdown2", "trixie" if sys.version_info >= (3, 12) else "bookworm")

    def fill(directory: Path) -> None:
        shutil.copytree(layer / "usr/share/ifupdown2", directory, dirs_exist_ok=True)
        configuration = directory / "etc/network/ifupdown2"
        shutil.copytree(layer / "etc/network/ifupdown2", configuration)
        settings = configuration / "ifupdown2.conf"
        text = settings.read_text()
        for packaged, ours in _SETTINGS.items():
            text = text.replace(packaged, ours)
        settings.write_text(text)
        (directory / "ifup").symlink_to("__main__.py")

    return tree.cached("ifupdown2-check", f"{layer.name} {_SETTINGS}", fill)


def check_classic(text: str, workdir: Path) -> list[str]:
    """Let classic ifupdown print the commands it would run; give what it complains about."""
    program = _program("ifupdown") / "sbin/ifup"
    path = _interfaces(text, workdir)
    state = workdir / "state"
    state.mkdir(exist_ok=True)
    options = ["-n", "-a", "-i", str(path), "--state-dir", str(state)]
    done = _run([str(program), *options])
    complaints = [
        line for line in done.stdout.splitlines() if line.startswith(("ifup:", f"{path}:"))
    ]
    return complaints or _exit_status(done)


def check_ifupdown2(text: str, workdir: Path) -> list[str]:
    """Let ifupdown2 check the syntax, in namespaces of its own; give what it complains about."""
    namespaces.need(namespaces.lacking())
    program = _ifupdown2() / "ifup"
    path = _interfaces(text, workdir)
    script = 'mount -t tmpfs tmpfs /run && mkdir /run/network && exec "$@"'
    check = [sys.executable, "-B", str(program), "-s", "-a", "-i", str(path)]
    done = _run([*namespaces.UNSHARE, "sh", "-c", script, "sh", *check])
    complaints = [line for line in done.stdout.splitlines() if line.strip()]
    real = [line for line in complaints if not _is_false_positive(line)]
    return real if complaints else _exit_status(done)


def check_ifupdown_ng(text: str, workdir: Path) -> list[str]:
    """Let ifupdown-ng say what it understood; give the options that it lost or changed."""
    root = _program("ifupdown-ng")
    path = _interfaces(text, workdir)
    executors = root / "usr/libexec/ifupdown-ng"
    options = ["-A", "-i", str(path), "-S", str(workdir / "ifstate"), "-E", str(executors)]
    done = _run(
        [str(root / "sbin/ifparse"), *options],
        env=_environment(root),
    )
    understood = {" ".join(line.split()) for line in done.stdout.splitlines()}
    said = [
        " ".join(line.split())
        for line in text.splitlines()
        if line.startswith((" ", "\t")) and not line.lstrip().startswith("#")
    ]
    lost = [f"not understood: {line}" for line in said if line not in understood]
    return lost or _exit_status(done)


def _interfaces(text: str, workdir: Path) -> Path:
    path = workdir / "interfaces"
    path.write_text(text)
    return path


def _is_false_positive(line: str) -> bool:
    return any(complaint in line for complaint in FALSE_POSITIVES)


def _exit_status(done: subprocess.CompletedProcess[str]) -> list[str]:
    if done.returncode == 0:
        return []
    return [f"exit status {done.returncode}", *done.stdout.splitlines()]


def _run(
    command: list[str], *, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=env,
        check=False,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
