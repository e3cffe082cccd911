"""Output trees: written whole or not at all, and nothing touched that need not be."""

from __future__ import annotations

import errno
import fcntl
import itertools
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vnetc.backends.target import File
from vnetc.output import tree

from tests.support import namespaces

Hosts = Mapping[str, Sequence[File]]

NETPLAN: Hosts = {
    "": [
        File("/etc/netplan/60-vnetc.yaml", "network: {version: 2}\n", 0o600),
        File("/etc/sysctl.d/60-vnetc.conf", "net.ipv4.ip_forward = 1\n"),
        File("/etc/both", "the same\n"),
    ]
}
NETWORKD: Hosts = {
    "": [
        File("/etc/systemd/network/10-br0.netdev", "[NetDev]\nName=br0\n"),
        File("/etc/systemd/network/10-br0.network", "[Match]\nName=br0\n"),
        File("/etc/sysctl.d/60-vnetc.conf", "net.ipv4.ip_forward = 0\n", 0o640),
        File("/etc/both", "the same\n"),
    ]
}
TWO_HOSTS: Hosts = {"kvm1": NETPLAN[""], "kvm2": NETWORKD[""]}


def contents(directory: Path) -> dict[str, Any]:
    """Give what a user sees: names, kinds, modes, bytes."""
    seen: dict[str, Any] = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        seen[str(path.relative_to(directory))] = (oct(status.st_mode), content)
    return seen


def identities(directory: Path) -> dict[str, Any]:
    """Give what shows whether a file was touched: inode and time of change of its content."""
    return {
        str(path.relative_to(directory)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file()
    }


def paths(changes: Sequence[tree.Change]) -> list[str]:
    return [change.path for change in changes]


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


# What is written


def test_files_and_manifest(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"

    changes = tree.write(out, NETPLAN)

    assert contents(out) == {
        ".vnetc.json": (
            "0o100644",
            b'[\n  "etc/both",\n  "etc/netplan/60-vnetc.yaml",\n  "etc/sysctl.d/60-vnetc.conf"\n]\n',
        ),
        "etc": ("0o40755", None),
        "etc/both": ("0o100644", b"the same\n"),
        "etc/netplan": ("0o40755", None),
        "etc/netplan/60-vnetc.yaml": ("0o100600", b"network: {version: 2}\n"),
        "etc/sysctl.d": ("0o40755", None),
        "etc/sysctl.d/60-vnetc.conf": ("0o100644", b"net.ipv4.ip_forward = 1\n"),
    }
    assert paths(changes.created) == [file.path[1:] for file in NETPLAN[""]]
    assert (changes.changed, changes.removed, changes.unchanged) == ((), (), ())


def test_each_host_has_its_folder_and_manifest(tmp_path: Path) -> None:
    tree.write(tmp_path / "all", TWO_HOSTS)
    tree.write(tmp_path / "one", NETPLAN)
    tree.write(tmp_path / "two", NETWORKD)

    assert contents(tmp_path / "all" / "kvm1") == contents(tmp_path / "one")
    assert contents(tmp_path / "all" / "kvm2") == contents(tmp_path / "two")


def test_a_host_of_another_run_is_left_alone(tmp_path: Path) -> None:
    tree.write(tmp_path, TWO_HOSTS)
    before = identities(tmp_path / "kvm2")

    tree.write(tmp_path, {"kvm1": []})

    assert identities(tmp_path / "kvm2") == before
    assert list(contents(tmp_path / "kvm1")) == [".vnetc.json"]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, mask: int) -> None:
    files = [File(f"/{mode:03o}", "x", mode) for mode in (0o600, 0o640, 0o644, 0o666, 0o755)]

    with umask(mask):
        tree.write(tmp_path / "out", {"": files})

    for file in files:
        assert stat.S_IMODE((tmp_path / f"out{file.path}").stat().st_mode) == file.mode


def test_a_secret_file_is_never_readable_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    fchmod = os.fchmod

    def watch(fd: int, mode: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
        fchmod(fd, mode)

    monkeypatch.setattr(os, "fchmod", watch)
    with umask(0):
        tree.write(tmp_path / "out", {"": [File("/secret", "key", 0o600)]})

    assert modes[0] == 0o600


# What is touched


def test_a_second_run_touches_nothing(tmp_path: Path) -> None:
    tree.write(tmp_path, TWO_HOSTS)
    before = identities(tmp_path), tmp_path.stat().st_mtime_ns

    changes = tree.write(tmp_path, TWO_HOSTS)

    assert not changes
    assert len(changes.unchanged) == 7
    assert (identities(tmp_path), tmp_path.stat().st_mtime_ns) == before


def test_only_what_differs_is_touched(tmp_path: Path) -> None:
    tree.write(tmp_path, NETPLAN)
    before = identities(tmp_path)

    changes = tree.write(tmp_path, NETWORKD)

    assert paths(changes.created) == [file.path[1:] for file in NETWORKD[""][:2]]
    assert paths(changes.changed) == ["etc/sysctl.d/60-vnetc.conf"]
    assert paths(changes.removed) == ["etc/netplan/60-vnetc.yaml"]
    assert changes.unchanged == ("etc/both",)
    after = identities(tmp_path)
    assert after["etc/both"] == before["etc/both"]
    assert after["etc/sysctl.d/60-vnetc.conf"] != before["etc/sysctl.d/60-vnetc.conf"]


def test_a_mode_alone_is_a_change(tmp_path: Path) -> None:
    tree.write(tmp_path, {"": [File("/a", "x", 0o644)]})

    changes = tree.write(tmp_path, {"": [File("/a", "x", 0o600)]})

    assert paths(changes.changed) == ["a"]
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_only_files_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    tree.write(tmp_path, NETPLAN)
    notes = tmp_path / "etc" / "netplan" / "99-mine.yaml"
    notes.write_text("mine\n")
    (tmp_path / "etc" / "empty").mkdir()
    (tmp_path / "etc" / "both").unlink()
    (tmp_path / "etc" / "both").symlink_to(notes)

    changes = tree.write(tmp_path, {"": []})

    assert paths(changes.removed) == ["etc/netplan/60-vnetc.yaml", "etc/sysctl.d/60-vnetc.conf"]
    assert list(contents(tmp_path)) == [
        ".vnetc.json",
        "etc",
        "etc/both",
        "etc/empty",
        "etc/netplan",
        "etc/netplan/99-mine.yaml",
    ]


def test_new_folders_move_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    rename = os.rename

    def watch(source: str, target: str) -> None:
        moved.append(os.path.relpath(target, tmp_path))
        rename(source, target)

    (tmp_path / "kvm1").mkdir()
    monkeypatch.setattr(os, "rename", watch)
    tree.write(tmp_path, TWO_HOSTS)

    assert moved == ["kvm1/etc", "kvm2", "kvm1/.vnetc.json"]


names = st.sampled_from(["a/x", "a/y", "a/b/x", "c/d/e", "z"])
sets = st.dictionaries(
    st.sampled_from(["", "h1", "h2"]),
    st.dictionaries(names, st.tuples(st.text("ab\n", max_size=3), st.sampled_from([0o600, 0o644]))),
)


def hosts_of(drawn: dict[str, dict[str, tuple[str, int]]]) -> Hosts:
    return {
        host: [File(f"/{path}", *content) for path, content in files.items()]
        for host, files in drawn.items()
    }


@settings(deadline=None, max_examples=50)  # a disk is as fast as it is
@given(sets, sets)
def test_a_tree_looks_as_if_written_anew(first: Any, second: Any) -> None:
    # the hosts of the first run that the second does not name stay
    first = {host: files for host, files in first.items() if host in second}
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder, "old"), Path(folder, "new")
        tree.write(old, hosts_of(first))
        changes = tree.write(old, hosts_of(second))
        tree.write(new, hosts_of(second))

        assert contents(old) == contents(new)
        assert not tree.plan(old, hosts_of(second))
        assert bool(changes) == (first != second)


# What is only looked at


def test_plan_only_looks(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert len(tree.plan(out, NETPLAN).created) == 3
    assert not out.exists()
    tree.write(out, NETPLAN)
    before = contents(out), identities(out)

    changes = tree.plan(out, NETWORKD)

    assert changes
    assert (contents(out), identities(out)) == before
    assert changes == tree.write(out, NETWORKD)


def test_diff(tmp_path: Path) -> None:
    tree.write(tmp_path, NETPLAN)
    (tmp_path / "etc" / "both").write_bytes(b"the same\nno end \xff")

    text = tree.diff(tree.plan(tmp_path, NETWORKD))

    assert text == (
        "diff --git a/etc/both b/etc/both\n"
        "--- a/etc/both\n"
        "+++ b/etc/both\n"
        "@@ -1,2 +1 @@\n"
        " the same\n"
        "-no end \ufffd\n"
        "\\ No newline at end of file\n"
        "diff --git a/etc/netplan/60-vnetc.yaml b/etc/netplan/60-vnetc.yaml\n"
        "deleted file mode 100600\n"
        "--- a/etc/netplan/60-vnetc.yaml\n"
        "+++ /dev/null\n"
        "@@ -1 +0,0 @@\n"
        "-network: {version: 2}\n"
        "diff --git a/etc/sysctl.d/60-vnetc.conf b/etc/sysctl.d/60-vnetc.conf\n"
        "old mode 100644\n"
        "new mode 100640\n"
        "--- a/etc/sysctl.d/60-vnetc.conf\n"
        "+++ b/etc/sysctl.d/60-vnetc.conf\n"
        "@@ -1 +1 @@\n"
        "-net.ipv4.ip_forward = 1\n"
        "+net.ipv4.ip_forward = 0\n"
        "diff --git a/etc/systemd/network/10-br0.netdev b/etc/systemd/network/10-br0.netdev\n"
        "new file mode 100644\n"
        "--- /dev/null\n"
        "+++ b/etc/systemd/network/10-br0.netdev\n"
        "@@ -0,0 +1,2 @@\n"
        "+[NetDev]\n"
        "+Name=br0\n"
        "diff --git a/etc/systemd/network/10-br0.network b/etc/systemd/network/10-br0.network\n"
        "new file mode 100644\n"
        "--- /dev/null\n"
        "+++ b/etc/systemd/network/10-br0.network\n"
        "@@ -0,0 +1,2 @@\n"
        "+[Match]\n"
        "+Name=br0\n"
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_takes_the_diff(tmp_path: Path) -> None:
    tree.write(tmp_path / "old", NETPLAN)
    tree.write(tmp_path / "new", NETWORKD)
    (tmp_path / "old" / "etc" / "both").write_text("the same\r\nno end")
    text = tree.diff(tree.plan(tmp_path / "old", NETWORKD))

    # outside of any repository, so that git takes the paths as they are
    environ = os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    command = ["git", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(
        command, cwd=tmp_path / "old", env=environ, input=text.encode(), check=True, timeout=60
    )

    def texts(directory: Path) -> dict[str, Any]:
        seen = contents(directory).items()
        return {path: what[1] for path, what in seen if path != tree.MANIFEST}

    assert texts(tmp_path / "old") == texts(tmp_path / "new")


# What is refused


@pytest.mark.parametrize("path", ["/../x", "/a/../../x", "/", "//x", "/a//x", "/./x", "/a\0"])
def test_paths_that_lead_elsewhere(tmp_path: Path, path: str) -> None:
    with pytest.raises(OSError, match="not a path below the directory"):
        tree.write(tmp_path / "out", {"": [File(path, "x")]})

    assert contents(tmp_path) == {}


@pytest.mark.parametrize("host", ["..", "a/../..", "/etc"])
def test_hosts_that_lead_elsewhere(tmp_path: Path, host: str) -> None:
    with pytest.raises(OSError, match="not a path below the directory"):
        tree.write(tmp_path / "out", {host: [File("/x", "x")]})

    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    "manifest",
    ["", "{}", '"a"', "[1]", '["a", "a"]', '["../a"]', '["/a"]', '["a/../../a"]', "[[]]"],
)
def test_a_manifest_that_vnetc_did_not_write(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "a").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").write_text("mine")
    (out / tree.MANIFEST).write_text(manifest)
    before = contents(tmp_path)

    with pytest.raises(OSError) as raised:
        tree.write(out, {"": []})

    assert raised.value.filename.startswith(str(out))
    assert contents(tmp_path) == before


def link_out(place: Path) -> None:
    place.symlink_to(place.parents[-1])


def link_nowhere(place: Path) -> None:
    place.symlink_to("nowhere")


def link_inside(place: Path) -> None:
    (place.parent / "elsewhere").mkdir()
    place.symlink_to("elsewhere")


def fifo(place: Path) -> None:
    os.mkfifo(place)


def unix_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(place.parent)  # an address of a socket has no more than 107 bytes
        try:
            listener.bind(place.name)
        finally:
            os.chdir(here)


def filled_folder(place: Path) -> None:
    place.mkdir()
    (place / "mine").write_text("mine")


@pytest.mark.parametrize(
    "stand", [link_out, link_nowhere, link_inside, fifo, unix_socket, filled_folder]
)
@pytest.mark.parametrize("where", ["etc/both", "etc/sysctl.d", "etc"])
def test_what_stands_in_the_way(tmp_path: Path, stand: Callable[[Path], None], where: str) -> None:
    out = tmp_path / "out"
    place = out / where
    place.parent.mkdir(parents=True)
    stand(place)
    before = contents(tmp_path)

    if stand is filled_folder and where != "etc/both":
        tree.write(out, NETPLAN)
        assert before.items() <= contents(tmp_path).items()
        return
    with pytest.raises(OSError, match="a link" if place.is_symlink() else None) as raised:
        tree.write(out, NETPLAN)
    assert raised.value.filename == str(place)
    assert contents(tmp_path) == before


def test_a_file_in_the_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")

    for out in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(NotADirectoryError):
            tree.write(out, NETPLAN)
    assert contents(tmp_path)["out"][1] == b"mine"


# What a failure leaves

CALLS = ("fchmod", "mkdir", "open", "rename", "write")


class Saboteur:
    """Lets the k-th of all calls of `CALLS` fail."""

    def __init__(self, patch: pytest.MonkeyPatch, k: int, error: BaseException) -> None:
        self.left = k
        self.error = error
        for name in CALLS:
            patch.setattr(os, name, self.watch(getattr(os, name)))

    def watch(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **keywords: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise self.error
            return call(*args, **keywords)

        return watched


def no_links(*_: object) -> None:
    raise OSError(errno.EPERM, "no hard links here")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "no space"), KeyboardInterrupt(), MemoryError()], ids=repr
)
@pytest.mark.parametrize("start", ["nothing", "a tree", "a tree without links"])
def test_any_failing_call_leaves_the_old_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, start: str
) -> None:
    out = tmp_path / "deep" / "out"
    if start != "nothing":
        tree.write(out, {**NETPLAN, "kvm1": NETPLAN[""]})
    if start == "a tree without links":
        monkeypatch.setattr(os, "link", no_links)
    hosts = {**NETWORKD, "kvm1": NETWORKD[""], "kvm2": NETWORKD[""]}
    before = contents(tmp_path), identities(tmp_path)

    for k in itertools.count(1):
        with monkeypatch.context() as patch:
            saboteur = Saboteur(patch, k, error)
            try:
                tree.write(out, hosts)
            except type(error):
                assert saboteur.left <= 0
            else:
                break
        assert (contents(tmp_path), identities(tmp_path)) == before

    assert saboteur.left > 0
    assert k > 50
    assert not tree.plan(out, hosts)


def test_if_moving_back_fails_too_the_old_files_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write(tmp_path, NETPLAN)
    rename = os.rename
    calls = itertools.count()

    def failing(source: str, target: str) -> None:
        if next(calls) >= 3:
            raise OSError(errno.EIO, "broken disk", source)
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing)
        with pytest.raises(OSError, match="broken disk"):
            tree.write(tmp_path, NETWORKD)

    kept = {path.read_text() for path in (tmp_path / tree.STAGE / "old").iterdir()}
    assert NETPLAN[""][0].content in kept


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_the_tree_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    tree.write(tmp_path, NETPLAN)
    rename = os.rename

    class Signalled(Exception):
        pass

    def handler(*_: object) -> None:
        raise Signalled

    def interrupting(source: str, target: str) -> None:
        os.kill(os.getpid(), number)
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupting)
    before = signal.signal(number, handler)
    try:
        with pytest.raises(Signalled):
            tree.write(tmp_path, NETWORKD)
    finally:
        signal.signal(number, before)

    assert not tree.plan(tmp_path, NETWORKD)
    assert not (tmp_path / tree.STAGE).exists()


WRITE = """
import os, resource, sys
from vnetc.backends.target import File
from vnetc.cli import tree
from pathlib import Path
def files(word, size=9):
    return {"": [File(f"/etc/{word}{n}", word * size) for n in range(20)] + [File("/etc/x", word)]}
out = Path(sys.argv[1])
"""


def script(text: str, out: Path, *before: str) -> list[str]:
    return [*before, sys.executable, "-c", WRITE + text, str(out)]


def test_a_limit_on_file_size(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = script(
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "tree.write(out, files('a'))\n"
        "try: tree.write(out, files('b') | {'h': [File('/big', 'b' * 4097)]})\n"
        "except OSError as error: print(error.errno, error.filename)",
        out,
    )

    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == f"{errno.EFBIG} {out}/h/big\n"
    assert len(contents(out)) == 1 + 1 + 21
    assert {path.read_text()[0] for path in out.glob("etc/*")} == {"a"}


@pytest.mark.parametrize(
    ("trouble", "number"),
    [
        ("big = 'c' * 9000", errno.ENOSPC),
        ("os.system(f'mount -o remount,ro {out}')", errno.EROFS),
        ("os.system(f'mount -t tmpfs tmpfs {out}/etc')", errno.EXDEV),
    ],
)
def test_a_full_read_only_or_mounted_file_system(tmp_path: Path, trouble: str, number: int) -> None:
    namespaces.need(namespaces.lacking())
    run = script(
        "def look(): return sorted((str(p), p.is_file() and p.read_bytes()) for p in out.rglob('*'))\n"
        "assert os.system(f'mount -t tmpfs -o size=256k tmpfs {out}') == 0\n"
        "tree.write(out, files('a'))\n"
        "big = ''\n"
        f"{trouble}\n"
        "before = look()\n"
        "more = {'h': [File(f'/{n}', big) for n in range(50)]}\n"
        "try: tree.write(out, files('b') | more)\n"
        "except OSError as error: print(error.errno, error.filename)\n"
        "print(look() == before)",
        tmp_path,
        *namespaces.UNSHARE,
    )

    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)

    error, same = done.stdout.splitlines()
    assert error.startswith(f"{number} {tmp_path}/")
    assert same == "True"
    if number != errno.EROFS:  # there, the stage itself cannot be made
        assert tree.STAGE not in error


# Other runs


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    tree.write(tmp_path, NETPLAN)
    filled_folder(tmp_path / tree.STAGE)

    tree.write(tmp_path, NETWORKD)

    assert not (tmp_path / tree.STAGE).exists()


def test_a_link_in_the_place_of_the_stage_is_not_followed(tmp_path: Path) -> None:
    filled_folder(tmp_path / "other")
    out = tmp_path / "out"
    out.mkdir()
    (out / tree.STAGE).symlink_to(tmp_path / "other")
    before = contents(tmp_path)

    with pytest.raises(FileExistsError):
        tree.write(out, NETPLAN)

    assert contents(tmp_path) == before


def test_a_run_waits_for_another(tmp_path: Path) -> None:
    lock = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    run = script("print('ready', flush=True); tree.write(out, files('a'))", tmp_path)
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
        assert contents(tmp_path) == {}
        os.close(lock)
        assert waiting.wait(60) == 0

    assert len(contents(tmp_path)) == 1 + 1 + 21


def test_a_run_that_waited_makes_the_directory_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    flock = fcntl.flock
    calls = itertools.count()

    def late(lock: int, operation: int) -> None:
        flock(lock, operation)
        if next(calls) == 0:
            out.rmdir()  # the run that made it has failed

    monkeypatch.setattr(fcntl, "flock", late)
    tree.write(out, NETPLAN)

    assert not tree.plan(out, NETPLAN)


def test_two_runs_do_not_mix(tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = "for _ in range(40): tree.write(out, files({!r}))"
    runs = [subprocess.Popen(script(text.format(word), out)) for word in "ab"]
    for run in runs:
        assert run.wait(120) == 0

    names = {path.name[0] for path in out.glob("etc/[ab]*")}
    assert len(names) == 1
    word = names.pop()
    assert (out / "etc" / "x").read_text() == word
    assert len(json.loads((out / tree.MANIFEST).read_text())) == 21
    assert len(contents(out)) == 1 + 1 + 21
