"""The files of a target, put into their places when a change is kept, and taken back if it is not.

The edge. Each file is replaced by one rename; that all are new or none is what the journal is for,
which holds the old ones. What somebody else has written meanwhile stays.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from vnetc.backends.netlink import store
from vnetc.backends.netlink.transaction.journal import FileChange
from vnetc.backends.target import File

_NOTHING = (None, 0)


def changes(root: str, files: Iterable[File], installed: Iterable[str]) -> tuple[FileChange, ...]:
    """Compare what is wanted below `root` with what is there; `installed` are files of before.

    Raises `OSError` for what cannot be read, for what is no plain file, and for a place where none
    can be put.
    """
    found = tuple(change for change in _compare(root, files, installed) if _differ(change))
    for change in found:
        _check(os.path.dirname(_place(root, change.path)))
    return found


def _check(directory: str) -> None:
    """Raise `OSError` if nothing can be put into a directory, or it cannot be made."""
    while not os.path.lexists(directory):
        directory = os.path.dirname(directory)
    if not os.path.isdir(directory):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), directory)
    if not os.access(directory, os.W_OK):  # of root only a file system that is read-only
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), directory)


def _compare(root: str, files: Iterable[File], installed: Iterable[str]) -> Iterator[FileChange]:
    wanted = {file.path: file for file in files}
    for path, file in wanted.items():
        yield FileChange(path, *_read(root, path), file.content.encode(), file.mode)
    for path in installed:
        if path not in wanted:
            yield FileChange(path, *_read(root, path), *_NOTHING)


def _differ(change: FileChange) -> bool:
    return (change.before, change.before_mode) != (change.after, change.after_mode)


def install(root: str, files: Sequence[FileChange]) -> None:
    """Put the new files into their places. Raises `OSError`; `restore` then takes them back."""
    for file in files:
        _put(root, file.path, file.after, file.after_mode)


def restore(root: str, files: Sequence[FileChange]) -> list[str]:
    """Put the old files back; give a line for each that could not be, or that others have changed."""
    problems: list[str] = []
    for file in files:
        try:
            with suppress(NotADirectoryError):
                store.sweep(_place(root, file.path))
            found = _read(root, file.path)
            if found == (file.after, file.after_mode) and found != (file.before, file.before_mode):
                _put(root, file.path, file.before, file.before_mode)
            elif found != (file.before, file.before_mode):
                problems.append(f"{file.path}: changed by somebody else since, left as it is")
        except OSError as error:
            problems.append(f"{file.path}: {error.strerror}")
    return problems


def _read(root: str, path: str) -> tuple[bytes | None, int]:
    place = _place(root, path)
    try:
        # a pipe must not block; a link would say nothing of the file that it leads to
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return _NOTHING
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "what stands where a file belongs is not one", place)
        with open(fd, "rb", closefd=False) as file:
            return file.read(), stat.S_IMODE(status.st_mode)
    finally:
        os.close(fd)


def _put(root: str, path: str, content: bytes | None, mode: int) -> None:
    place = _place(root, path)
    if content is None:
        with suppress(FileNotFoundError):
            os.unlink(place)
            store.settle(os.path.dirname(place))
        return
    os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
    store.replace_file(place, content, mode)


def _place(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))
