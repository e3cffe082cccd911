"""Output trees are written whole or not at all, whatever fails or comes in between."""

from __future__ import annotations

import errno
import fcntl
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vnetc.output import tree

from tests.support import namespaces

from .trees import NETPLAN, NETWORKD, contents, filled_folder, identities

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
from vnetc.output import tree
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
