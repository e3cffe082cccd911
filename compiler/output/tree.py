"""Output trees: the files of hosts below a directory, written whole or not at all.

A host's files land at DIR/etc/…, or at DIR/<host>/etc/… where there are several, beside a manifest
that lists them; by it the next run knows what to remove. Nothing else in DIR is ever removed, and
no link below DIR is followed. A run that changes something

1. locks DIR against other runs and compares what is there with what is wanted,
2. writes all that is new into a directory of its own inside DIR, on the same file system,
3. moves it into place, old files aside, and moves everything back if one move fails.

Signals that would end the program wait meanwhile, so only SIGKILL or a dead machine can leave a
tree in between.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from vnetc.backends.target import File
from vnetc.model.data import is_list
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import Any, TypeAlias

MANIFEST = ".vnetc.json"
STAGE = ".vnetc.tmp"
Content: TypeAlias = tuple[bytes, int]  # bytes, permission bits
Move: TypeAlias = tuple[Callable[[str, str], None], str, str]  # how, from, to


class Change(Record, kw_only=False):
    """A file, by its path below the directory, before and after; None where there is none."""

    path: str
    before: Content | None
    after: Content | None


class Changes(Record):
    """What differs between a directory and the files wanted in it. False if nothing does."""

    created: tuple[Change, ...]
    changed: tuple[Change, ...]  # in content or mode
    removed: tuple[Change, ...]
    unchanged: tuple[str, ...]
    manifests: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.created or self.changed or self.removed or self.manifests)


def plan(directory: str | PathLike[str], hosts: Mapping[str, Sequence[File]]) -> Changes:
    """Compare a directory with the files of each host wanted in it.

    `hosts` maps the host's folder in the directory, "" for the directory itself, to its files.
    Reads only, and without the lock. Raises `OSError` for what cannot be read, for a path with
    `..` in it and where a link, a directory or a device stands in the place of a file.
    """
    survey = _Survey(os.fspath(directory))
    for host, files in hosts.items():
        survey.host(host, files)
    return survey.changes()


def write(directory: str | PathLike[str], hosts: Mapping[str, Sequence[File]]) -> Changes:
    """Make a directory hold the files of each host, and give what was changed in it.

    Files that are as wanted are not touched. Waits for another run in the same directory. Raises
    what `plan` raises, and `OSError` with the path if something cannot be written; the directory
    is then as it was before.
    """
    root = os.fspath(directory)
    made: list[str] = []
    lock: int | None = None
    try:
        lock = _lock(root, made)
        with _uninterrupted():
            changes = plan(directory, hosts)
            if changes:
                _replace(root, changes)
        return changes
    except BaseException:
        for folder in reversed(made):
            with suppress(OSError):
                os.rmdir(folder)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def diff(changes: Changes, mask: Callable[[Change], Mapping[str, str]] = lambda change: {}) -> str:
    """Show changes as a unified diff that `git apply` and `patch -p1` take.

    `mask` gives what is shown in the place of some lines, and then it is for people only.
    """
    listed = sorted((*changes.created, *changes.changed, *changes.removed), key=lambda c: c.path)
    return "".join(line for change in listed for line in _diff(change, mask(change)))


# Comparing


class _Survey:
    """One look at a directory: each folder on the way to a file is looked at once."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.folders = {"": os.path.isdir(root)}  # whether there is one
        self.created: list[Change] = []
        self.changed: list[Change] = []
        self.removed: list[Change] = []
        self.unchanged: list[str] = []
        self.manifests: list[Change] = []

    def changes(self) -> Changes:
        return Changes(
            created=tuple(self.created),
            changed=tuple(self.changed),
            removed=tuple(self.removed),
            unchanged=tuple(self.unchanged),
            manifests=tuple(self.manifests),
        )

    def host(self, host: str, files: Sequence[File]) -> None:
        prefix = f"{_below(self.root, host)}/" if host else ""
        wanted = {prefix + _below(self.root, file.path.removeprefix("/")): file for file in files}
        for path, file in wanted.items():
            after = (file.content.encode(), file.mode)
            before = self.read(path)
            if before == after:
                self.unchanged.append(path)
            elif before is None:
                self.created.append(Change(path, None, after))
            else:
                self.changed.append(Change(path, before, after))

        manifest = prefix + MANIFEST
        before = self.read(manifest)
        for name in _owned(self.root, manifest, before):
            path = prefix + name
            # what stands there now may be of somebody else: only a file can be ours
            if path not in wanted and self.is_file(path):
                self.removed.append(Change(path, self.read(path), None))
        listed = json.dumps(sorted(path.removeprefix(prefix) for path in wanted), indent=2)
        after = (f"{listed}\n".encode(), 0o644)
        if before != after:
            self.manifests.append(Change(manifest, before, after))

    def read(self, path: str) -> Content | None:
        """Give the file that stands at a path, None if nothing does."""
        if not self.has_folder(path.rpartition("/")[0]):
            return None
        place = f"{self.root}/{path}"
        try:
            # a FIFO must not block
            fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.ELOOP:  # open(2): it is a link
                raise
            raise _refusal("a link stands where a file belongs", place) from None
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _refusal("what stands where a file belongs is not one", place)
            return os.read(fd, status.st_size), stat.S_IMODE(status.st_mode)
        finally:
            os.close(fd)

    def is_file(self, path: str) -> bool:
        if not self.has_folder(path.rpartition("/")[0]):
            return False
        try:
            return stat.S_ISREG(os.lstat(f"{self.root}/{path}").st_mode)
        except FileNotFoundError:
            return False

    def has_folder(self, folder: str) -> bool:
        """Tell whether a folder is there. Raises `OSError` if anything else is, a link above all."""
        if folder not in self.folders:
            parent = folder.rpartition("/")[0]
            place = f"{self.root}/{folder}"
            self.folders[folder] = self.has_folder(parent) and self.is_folder(place)
        return self.folders[folder]

    def is_folder(self, place: str) -> bool:
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            return False
        if stat.S_ISLNK(mode):
            raise _refusal("a link on the way, which may lead out of the directory", place)
        if not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), place)
        return True


def _below(root: str, path: str) -> str:
    """Give a path back if it can only mean a place below the root."""
    parts = path.split("/")
    if "" in parts or "." in parts or ".." in parts or "\0" in path:
        raise _refusal("not a path below the directory", f"{root}/{path}")
    return path


def _owned(root: str, manifest: str, content: Content | None) -> list[str]:
    """Read the paths that a manifest lists, relative to its own folder."""
    if content is None:
        return []
    try:
        listed: Any = json.loads(content[0])
    except ValueError:
        listed = None
    paths: list[object] = listed if is_list(listed) else [None]
    owned = {_below(root, path) for path in paths if isinstance(path, str)}
    if len(owned) != len(paths):
        raise _refusal("not a manifest of vnetc", f"{root}/{manifest}")
    return sorted(owned)


def _refusal(reason: str, path: str) -> OSError:
    return OSError(errno.EINVAL, reason, path)


# Writing


def _lock(root: str, made: list[str]) -> int:
    """Lock a directory for this run and give the lock; adds to `made` the folders made for it."""
    while True:
        _make(root, made)
        lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # NFS locks no directories: there two runs must not meet.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            # A run that failed may have removed the directory that it had made while we waited.
            if os.path.isdir(root) and os.path.samestat(os.fstat(lock), os.stat(root)):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _make(root: str, made: list[str]) -> None:
    missing: list[str] = []
    folder = os.path.abspath(root)
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(folder)
            made.append(folder)


@contextmanager
def _uninterrupted() -> Generator[None, None, None]:
    """Let signals that would end the program wait until the tree is whole again.

    Handlers, not a mask: other threads of the process have masks of their own. As all handlers,
    they can be set in the main thread only.
    """
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


def _replace(root: str, changes: Changes) -> None:
    stage = f"{root}/{STAGE}"
    if os.path.isdir(stage) and not os.path.islink(stage):
        _remove(stage)  # left by a run that was killed; its lock is gone
    os.mkdir(stage, 0o700)
    done: list[Move] = []
    try:
        for move in _stage(root, stage, changes):
            _do(*move)
            done.append(move)
    except BaseException:
        # If this fails too, the stage stays: it holds the old files.
        for _, source, target in reversed(done):
            os.rename(target, source)
        _remove(stage)
        raise
    _remove(stage)
    _prune(root, (change.path for change in changes.removed))


def _do(move: Callable[[str, str], None], source: str, target: str) -> None:
    try:
        move(source, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, target) from error


def _stage(root: str, stage: str, changes: Changes) -> list[Move]:
    """Write all that is new into the stage, and list the moves that put it into place.

    A folder that is not there yet moves as a whole, with all that is in it.
    """
    folders: dict[str, str] = {"": ""}  # a folder, its topmost part that is not there yet
    os.mkdir(f"{stage}/new")
    os.mkdir(f"{stage}/old")

    def make(folder: str) -> str:
        if folder not in folders:
            top = make(folder.rpartition("/")[0])
            os.mkdir(f"{stage}/new/{folder}")
            # whatever the umask: the programs that read the files may not be root
            os.chmod(f"{stage}/new/{folder}", 0o755)
            if not top and not os.path.lexists(f"{root}/{folder}"):
                top = folder
            folders[folder] = top
        return folders[folder]

    moves: list[Move] = []
    whole: set[str] = set()
    ordered = (*changes.created, *changes.changed, *changes.removed, *changes.manifests)
    for number, change in enumerate(ordered):
        place, new = f"{root}/{change.path}", f"{stage}/new/{change.path}"
        try:
            top = make(change.path.rpartition("/")[0])
            if change.after is not None:
                _create(new, *change.after)
        except OSError as error:
            raise OSError(error.errno, error.strerror, place) from error
        if top:
            if top not in whole:
                whole.add(top)
                moves.append((os.rename, f"{stage}/new/{top}", f"{root}/{top}"))
            continue
        if change.before is not None:
            aside = os.rename if change.after is None else _keep
            moves.append((aside, place, f"{stage}/old/{number}"))
        if change.after is not None:
            moves.append((os.rename, new, place))
    return moves


def _keep(place: str, old: str) -> None:
    """Set a file aside so that it stays in its place until the new one replaces it."""
    try:
        os.link(place, old)
    except OSError:  # a file system without hard links
        os.rename(place, old)


def _create(path: str, content: bytes, mode: int) -> None:
    # From the first moment no wider than wanted; the umask is undone afterwards.
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.fchmod(fd, mode)
        while content:
            content = content[os.write(fd, content) :]
    finally:
        os.close(fd)


def _remove(folder: str) -> None:
    for where, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(f"{where}/{name}")
        for name in folders:
            os.rmdir(f"{where}/{name}")
    os.rmdir(folder)


def _prune(root: str, paths: Iterable[str]) -> None:
    """Remove the folders that were emptied: a tree is to look as if it had been written anew."""
    for path in paths:
        folder = path.rpartition("/")[0]
        with suppress(OSError):  # not empty, or gone already
            while folder:
                os.rmdir(f"{root}/{folder}")
                folder = folder.rpartition("/")[0]


# Showing


def _diff(change: Change, shown: Mapping[str, str]) -> Iterator[str]:
    from difflib import unified_diff  # 5 ms of start-up

    old, new = f"a/{change.path}", f"b/{change.path}"
    yield f"diff --git {old} {new}\n"
    if change.before is None:
        assert change.after is not None
        yield f"new file mode {_mode(change.after)}\n"
        old = "/dev/null"
    elif change.after is None:
        yield f"deleted file mode {_mode(change.before)}\n"
        new = "/dev/null"
    elif change.before[1] != change.after[1]:
        yield f"old mode {_mode(change.before)}\n"
        yield f"new mode {_mode(change.after)}\n"
    for line in unified_diff(_lines(change.before), _lines(change.after), old, new):
        text, end, rest = line[1:].partition("\n")
        yield f"{line[0]}{shown.get(text, text)}{end}{rest}"


def _mode(content: Content) -> str:
    return f"100{content[1]:03o}"


def _lines(content: Content | None) -> list[str]:
    *lines, rest = (content[0] if content is not None else b"").decode(errors="replace").split("\n")
    listed = [f"{line}\n" for line in lines]
    return [*listed, f"{rest}\n\\ No newline at end of file\n"] if rest else listed
