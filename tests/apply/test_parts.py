"""The parts of apply that need no kernel: its record and journal, what cuts a session off, probes."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vnetc.backends.netlink import store
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.refusal import Refused
from vnetc.backends.netlink.state import Key, State, Wanted
from vnetc.backends.netlink.transaction import install, journal, ledger, lock
from vnetc.backends.netlink.transaction.journal import FileChange, Journal
from vnetc.backends.netlink.transaction.ledger import Ledger
from vnetc.backends.netlink.transaction.namespaces import Namespace
from vnetc.backends.target import File
from vnetc.cli import steps as shown

from tests.netlink.plan_steps import ADDRESS, BR0, DEFAULT, ETH0, SYSCTL, changed, made, removed

HERE = Namespace(name="host", inode=1, boot="b00t")

# --- the record -------------------------------------------------------------------------------


def after(
    old: Ledger, steps: list[Step], wanted: dict[Key, Any], state: State, *, adopt: bool = False
) -> Ledger:
    items = [Wanted(key, attributes, ()) for key, attributes in wanted.items()]
    return ledger.after(old, HERE, steps, items, state, document="d", adopt=adopt)


def test_what_was_made_is_owned_and_what_was_changed_is_remembered() -> None:
    state: State = {ETH0: {"kind": "ethernet", "mtu": 1500, "up": True}, SYSCTL: {"value": "1"}}
    steps = [
        made(BR0, kind="bridge"),
        changed(ETH0, state[ETH0], mtu=9000),
        changed(ETH0, {**state[ETH0], "mtu": 9000}, master="br0"),
        changed(SYSCTL, state[SYSCTL], value="0"),
    ]
    wanted = {BR0: {"kind": "bridge"}, ETH0: {"mtu": 9000}, SYSCTL: {"value": "0"}}
    found = after(Ledger(), steps, wanted, state)
    assert found.owned == {BR0}
    assert found.before == {ETH0: {"mtu": 1500}, SYSCTL: {"value": "1"}}
    assert (found.boot, found.inode, found.document) == ("b00t", 1, "d")


def test_the_first_value_counts_however_often_it_is_changed() -> None:
    old = Ledger(before={ETH0: {"mtu": 1500}})
    state: State = {ETH0: {"mtu": 9000, "arp": True}}
    steps = [changed(ETH0, state[ETH0], mtu=4000, arp=False)]
    found = after(old, steps, {ETH0: {"mtu": 4000, "arp": False}}, state)
    assert found.before == {ETH0: {"mtu": 1500, "arp": True}}


def test_what_left_the_document_is_forgotten() -> None:
    old = Ledger(
        owned=frozenset({BR0, ADDRESS}), before={ETH0: {"mtu": 1500}, SYSCTL: {"value": "1"}}
    )
    state: State = {BR0: {}, ADDRESS: {}, ETH0: {"mtu": 9000}, SYSCTL: {"value": "0"}}
    steps = [removed(ADDRESS), changed(ETH0, state[ETH0], mtu=1500)]
    found = after(old, steps, {BR0: {}, ETH0: {"arp": True}}, state)
    assert found.owned == {BR0}
    assert found.before == {}


def test_adopting_takes_over_what_can_be_made() -> None:
    wanted: dict[Key, Any] = {BR0: {}, ETH0: {}, ADDRESS: {}, SYSCTL: {"value": "0"}}
    state: State = {
        BR0: {"kind": "bridge"},
        ETH0: {"kind": "ethernet"},
        ADDRESS: {},
        SYSCTL: {"value": "0"},
    }
    assert after(Ledger(), [], wanted, state).owned == frozenset()
    assert after(Ledger(), [], wanted, state, adopt=True).owned == {BR0, ADDRESS}


def test_the_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    kept = Ledger(
        boot="b00t",
        inode=1,
        document="d",
        owned=frozenset({BR0, ADDRESS}),
        before={ETH0: {"mtu": 1500, "master": None}},
        remembered={("nft", "vnetc"): {"asked": "x", "got": {"fingerprint": "y"}}},
        files=("/etc/network/interfaces",),
    )
    ledger.save(str(tmp_path), kept)
    assert ledger.load(str(tmp_path), HERE) == kept
    assert (tmp_path / ledger.FILE).stat().st_mode & 0o777 == 0o600
    elsewhere = Namespace(name="host", inode=2, boot="b00t")
    assert ledger.load(str(tmp_path), elsewhere).owned == frozenset()  # it was made anew
    later = Namespace(name="host", inode=2, boot="another")
    assert ledger.load(str(tmp_path), later).owned == kept.owned


RECORD = (
    b'{"version": 1, "boot": "", "inode": 0, "document": "", "owned": %s, "before": %s, '
    b'"remembered": [], "files": []}'
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"version": 1}',
        b'{"version": "1"}',
        RECORD % (b'[["a"], 7]', b"[]"),
        RECORD % (b"[]", b'[[["a"], 7]]'),
    ],
)
def test_a_damaged_file_is_never_taken_for_none(content: bytes, tmp_path: Path) -> None:
    for name in (ledger.FILE, journal.FILE):
        (tmp_path / name).write_bytes(content)
    for load in (lambda: ledger.load(str(tmp_path), HERE), lambda: journal.load(str(tmp_path))):
        with pytest.raises(Refused, match="is damaged") as refused:
            load()
        assert refused.value.diagnostics[0].code == "VN612"
        assert "move it away" in refused.value.diagnostics[0].help


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / ledger.FILE).write_text(json.dumps({"version": store.VERSION + 1}))
    with pytest.raises(Refused, match="later version"):
        ledger.load(str(tmp_path), HERE)


def a_journal(**said: Any) -> Journal:
    given: dict[str, Any] = {
        "id": "1d",
        "boot": "b00t",
        "inode": 1,
        "pid": 7,
        "started": 8,
        "phase": "running",
        "snapshot": {ETH0: {"mtu": 1500}},
        "steps": (("+", BR0),),
        "touched": frozenset({BR0}),
        "ledger": Ledger(owned=frozenset({ADDRESS})),
        "files": (FileChange("/etc/a", b"\xff", 0o600, None, 0),),
        "deadline": 1.5,
    }
    return Journal(**{**given, **said})


def test_a_journal_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = a_journal()
    journal.save(str(tmp_path), written)
    assert journal.load(str(tmp_path)) == written
    assert written.open
    journal.keep(str(tmp_path))
    assert journal.load(str(tmp_path)) is None
    assert journal.load(str(tmp_path), journal.LAST) == written


@pytest.mark.parametrize(
    ("mode", "words"), [(0o600, ""), (0o620, "others than root"), (0o602, "others than root")]
)
def test_what_others_can_write_is_not_believed(mode: int, words: str, tmp_path: Path) -> None:
    journal.save(str(tmp_path), a_journal())
    path = tmp_path / journal.FILE
    path.chmod(mode)
    if not words:
        assert journal.load(str(tmp_path)) is not None
        return
    with pytest.raises(Refused, match=words):
        journal.load(str(tmp_path))


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink(path, path)])
def test_what_is_no_file_is_no_journal(make: Callable[[str], None], tmp_path: Path) -> None:
    make(str(tmp_path / journal.FILE))
    with pytest.raises(Refused):
        journal.load(str(tmp_path))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"version": 1, "boot": "", "inode": 1e999}'])
def test_a_record_of_any_nonsense_is_damaged(text: str, tmp_path: Path) -> None:
    (tmp_path / ledger.FILE).write_text(text)
    with pytest.raises(Refused, match="damaged"):
        ledger.load(str(tmp_path), HERE)


def test_a_journal_that_cannot_be_closed_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.save(str(tmp_path), a_journal())

    def full(path: str, data: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    monkeypatch.setattr(store, "write", full)
    journal.close(str(tmp_path), a_journal(), "incomplete")
    assert journal.load(str(tmp_path)) is not None  # there still is something to be done
    journal.close(str(tmp_path), a_journal(), "rolled back")
    assert journal.load(str(tmp_path)) is None


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    store.write(str(path), {"a": 1})

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.write(str(path), {"a": 2})
    assert store.read(str(path)) == {"version": 1, "a": 1}
    assert os.listdir(tmp_path) == ["file"]


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    first = lock.take(str(tmp_path))
    assert first is not None
    assert lock.take(str(tmp_path)) is None
    (found,) = lock.held(str(tmp_path)).diagnostics
    assert found.code == "VN604" and f"process {os.getpid()}" in found.message
    os.close(first)
    second = lock.take(str(tmp_path))
    assert second is not None
    os.close(second)


# --- files of a target ------------------------------------------------------------------------


def test_files_are_put_into_place_and_taken_back(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    old, gone = tmp_path / "etc/old", tmp_path / "etc/gone"
    old.write_text("old\n")
    old.chmod(0o640)
    gone.write_text("gone\n")
    files = [File("/etc/old", "new\n"), File("/etc/deep/er", "made\n", 0o600)]
    changes = install.changes(str(tmp_path), files, ["/etc/gone", "/etc/never", "/etc/old"])
    assert {change.path for change in changes} == {"/etc/old", "/etc/deep/er", "/etc/gone"}
    install.install(str(tmp_path), changes)
    assert old.read_text() == "new\n" and old.stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "etc/deep/er").stat().st_mode & 0o777 == 0o600
    assert not gone.exists()
    assert install.changes(str(tmp_path), files, []) == ()
    for _ in range(2):  # to take them back twice is to take them back
        assert install.restore(str(tmp_path), changes) == []
        assert old.read_text() == "old\n" and old.stat().st_mode & 0o777 == 0o640
        assert gone.read_text() == "gone\n"
        assert not (tmp_path / "etc/deep/er").exists()


def test_what_others_have_written_since_stays(tmp_path: Path) -> None:
    changes = install.changes(str(tmp_path), [File("/a", "ours\n")], [])
    install.install(str(tmp_path), changes)
    (tmp_path / "a").write_text("theirs\n")
    assert install.restore(str(tmp_path), changes) == [
        "/a: changed by somebody else since, left as it is"
    ]
    assert (tmp_path / "a").read_text() == "theirs\n"


@pytest.mark.parametrize("what", ["link", "folder", "pipe"])
def test_what_is_no_file_is_not_replaced(what: str, tmp_path: Path) -> None:
    place = tmp_path / "a"
    {
        "link": lambda: place.symlink_to("b"),
        "folder": place.mkdir,
        "pipe": lambda: os.mkfifo(place),
    }[what]()
    with pytest.raises(OSError):
        install.changes(str(tmp_path), [File("/a", "")], [])


@pytest.mark.parametrize("what", ["link", "file"])
def test_where_no_file_can_be_put_is_told_before(what: str, tmp_path: Path) -> None:
    place = tmp_path / "etc"
    {"link": lambda: place.symlink_to("nowhere"), "file": lambda: place.write_text("")}[what]()
    with pytest.raises(NotADirectoryError):
        install.changes(str(tmp_path), [File("/etc/network/interfaces", "")], [])


# --- how plans are shown ----------------------------------------------------------------------

LINES = {("interfaces", "br0"): 5, ("interfaces", "br0", "forward-delay"): 7}
STEPS = [
    Step(
        action="+",
        key=("link", "vlan9"),
        before=None,
        after={"kind": "vlan", "link": "eth0", "vlan.id": 9},
        path=("interfaces", "br0"),
    ),
    Step(
        action="~",
        key=BR0,
        before={"bridge.forward-delay": 1500, "up": False},
        after={"bridge.forward-delay": 400, "up": False},
        path=("interfaces", "br0"),
        places={"bridge.forward-delay": ("interfaces", "br0", "forward-delay")},
    ),
    changed(("link", "vlan9"), {"up": False}, up=True),
    Step(action="-", key=ADDRESS, before={}, after=None, impact="disruptive", reason="it left"),
    made(("wireguard", "wg0"), **{"private-key": "SECRET="}),
    changed(DEFAULT, {"via": "192.0.2.1"}, via="192.0.2.2"),
]


def test_a_plan_is_shown_by_object() -> None:
    assert shown.text(STEPS, "h.yaml", lambda path: LINES.get(path)).splitlines() == [
        "+  vlan9               vlan, on eth0                   h.yaml:5  seamless",
        "~  br0                 bridge.forward-delay 15s -> 4s  h.yaml:7  seamless",
        "-  eth0 192.0.2.10/24  it left                                   disruptive",
        "+  wireguard wg0                                                 seamless",
        "~  route default       via 192.0.2.1 -> 192.0.2.2                seamless",
        "2 to add, 2 to change, 1 to remove; 1 disruptive",
    ]


def test_nothing_to_show() -> None:
    assert shown.text([], "h.yaml", lambda path: None) == "nothing to change\n"


def test_a_plan_as_json_has_no_secrets() -> None:
    found = shown.structured(STEPS, "h.yaml", lambda path: LINES.get(path))
    assert "SECRET" not in json.dumps(found)
    assert found["steps"][1] == {
        "action": "~",
        "object": "br0",
        "key": ["link", "br0"],
        "changes": [{"name": "bridge.forward-delay", "before": 1500, "after": 400}],
        "file": "h.yaml",
        "line": 7,
        "impact": "seamless",
        "reason": "",
    }


def test_differences_are_by_attribute() -> None:
    found = shown.differences(STEPS, lambda path: LINES.get(path))
    assert [(d["object"], d["what"], d["document"], d["kernel"]) for d in found] == [
        ("vlan9", None, "present", "absent"),
        ("br0", "bridge.forward-delay", 400, 1500),
        ("eth0 192.0.2.10/24", None, "absent", "present"),
        ("wireguard wg0", None, "present", "absent"),
        ("route default", "via", "192.0.2.2", "192.0.2.1"),
    ]
    lines = shown.table(found, "h.yaml").splitlines()
    assert lines[2] == "br0                 bridge.forward-delay  4s         15s        h.yaml:7"
