"""The programs that read /etc/network/interfaces, as validators: they parse it and do nothing.

Their packages conflict with each other and with a machine's own, so they are never installed but
unpacked below a cache directory. Each has its blind spots: the classic one sees the shape and takes
any option, ifupdown2 knows the options, ifupdown-ng accepts anything but shows what it understood.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / "build" / "lab" / "validators"

# What ifupdown2's check complains about although it is right, and why it is.
FALSE_POSITIVES: dict[str, str] = {
    "unsupported keyword (dns-nameservers)": "an option of resolvconf's hook, not of an addon",
    "unsupported keyword (dns-search)": "an option of resolvconf's hook, not of an addon",
    'bridge-ports: invalid value "none"': "the bridge addon takes `none`, the check does not know",
}

_PACKAGES = {
    "ifupdown": ("ifupdown",),
    "ifupdown2": ("ifupdown2",),
    "ifupdown-ng": ("ifupdown-ng", "libbsd0", "libmd0"),
}
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


class Unavailable(Exception):
    """A validator cannot run here; the text says why."""


def unpack(name: str, cache: Path = CACHE) -> Path:
    """Download and unpack a validator's packages, once; give the directory."""
    tree = cache / name
    if tree.is_dir():
        return tree
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            raise Unavailable(f"no `{program}` to fetch {name}")
    work = cache / f".{name}.new"
    shutil.rmtree(work, ignore_errors=True)
    (work / "tree").mkdir(parents=True)
    done = _run(["apt-get", "download", *_PACKAGES[name]], cwd=work)
    if done.returncode != 0:
        raise Unavailable(f"cannot download {name}: {done.stdout.strip().splitlines()[-1:]}")
    for package in sorted(work.glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(work / "tree")])
    if name == "ifupdown2":
        _prepare_ifupdown2(work / "tree")
    (work / "tree").rename(tree)
    shutil.rmtree(work)
    return tree


def _prepare_ifupdown2(tree: Path) -> None:
    """Let the program find its configuration, with the check of options on."""
    program = tree / "usr/share/ifupdown2"
    configuration = program / "etc/network/ifupdown2"
    shutil.copytree(tree / "etc/network/ifupdown2", configuration)
    settings = configuration / "ifupdown2.conf"
    text = settings.read_text()
    text = text.replace("addon_syntax_check=0", "addon_syntax_check=1")
    text = text.replace("state_dir=/var/tmp/network/", "state_dir=/run/network/")
    settings.write_text(text)
    (program / "ifup").symlink_to("__main__.py")


def check_classic(text: str, workdir: Path, cache: Path = CACHE) -> list[str]:
    """Let classic ifupdown print the commands it would run; give what it complains about."""
    program = unpack("ifupdown", cache) / "sbin/ifup"
    path = _interfaces(text, workdir)
    state = workdir / "state"
    state.mkdir(exist_ok=True)
    options = ["-n", "-a", "-i", str(path), "--state-dir", str(state)]
    done = _run([str(program), *options])
    complaints = [
        line for line in done.stdout.splitlines() if line.startswith(("ifup:", f"{path}:"))
    ]
    return complaints or _exit_status(done)


def check_ifupdown2(text: str, workdir: Path, cache: Path = CACHE) -> list[str]:
    """Let ifupdown2 check the syntax, in namespaces of its own; give what it complains about."""
    if shutil.which("unshare") is None:
        raise Unavailable("no `unshare` for ifupdown2's /run/network")
    program = unpack("ifupdown2", cache) / "usr/share/ifupdown2/ifup"
    path = _interfaces(text, workdir)
    script = 'mount -t tmpfs tmpfs /run && mkdir /run/network && exec "$@"'
    check = [sys.executable, "-B", str(program), "-s", "-a", "-i", str(path)]
    done = _run(
        ["unshare", "-nm" if os.geteuid() == 0 else "-rnm", "sh", "-c", script, "sh", *check]
    )
    complaints = [line for line in done.stdout.splitlines() if line.strip()]
    real = [line for line in complaints if not _is_false_positive(line)]
    return real if complaints else _exit_status(done)


def check_ifupdown_ng(text: str, workdir: Path, cache: Path = CACHE) -> list[str]:
    """Let ifupdown-ng say what it understood; give the options that it lost or changed."""
    tree = unpack("ifupdown-ng", cache)
    path = _interfaces(text, workdir)
    executors = tree / "usr/libexec/ifupdown-ng"
    options = ["-A", "-i", str(path), "-S", str(workdir / "ifstate"), "-E", str(executors)]
    done = _run(
        [str(tree / "sbin/ifparse"), *options],
        env={"LD_LIBRARY_PATH": str(tree / _LIBRARIES), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    understood = {" ".join(line.split()) for line in done.stdout.splitlines()}
    said = [" ".join(line.split()) for line in text.splitlines() if line.startswith((" ", "\t"))]
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
    command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        check=False,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
