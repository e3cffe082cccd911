"""Output trees: nothing is touched that need not be, and what stands in the way is left alone."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vnetc.backends.target import File
from vnetc.output import tree

from .trees import (
    NETPLAN,
    NETWORKD,
    TWO_HOSTS,
    Hosts,
    contents,
    filled_folder,
    identities,
    paths,
    umask,
)

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
