"""The files of apply itself: JSON, each written whole or not at all and known to be on the disk.

The edge. They hold keys of WireGuard and what the host was before, so only root may read them.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress

from vnetc.backends.netlink.refusal import refusal
from vnetc.model.data import is_mapping
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1  # of the files' form


class Places(Record):
    """Where things are; tests and the lab have their own."""

    state: str = "/var/lib/vnetc"  # survives a boot
    run: str = "/run/vnetc"  # does not
    root: str = "/"  # below it the files of a target are installed


def folder(parent: str, name: str) -> str:
    """Make a folder of root's own below a directory, and give its path. Raises `OSError`."""
    path = os.path.join(parent, name)
    os.makedirs(parent, mode=0o755, exist_ok=True)
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    return path


def write(path: str, data: dict[str, Any]) -> None:
    """Replace a file by one that holds `data`. Raises `OSError`; the old one then still stands."""
    text = json.dumps({"version": VERSION, **data}, separators=(",", ":"))
    replace_file(path, text.encode(), 0o600)


def replace_file(path: str, content: bytes, mode: int) -> None:
    """Put a file into its place by one rename, when all of it is on the disk. Raises `OSError`."""
    fresh = _fresh(path)
    with suppress(FileNotFoundError):
        os.unlink(fresh)  # left by a run that was killed
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        try:
            os.fchmod(fd, mode)  # whatever the umask
            while content:
                content = content[os.write(fd, content) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(fresh, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(fresh)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = path  # write(2) knows of no names
        raise
    settle(os.path.dirname(path))


def _fresh(path: str) -> str:
    return f"{path}.vnetc-new"


def sweep(path: str) -> None:
    """Remove what a `replace_file` that was killed has left beside a file. Raises `OSError`."""
    remove(_fresh(path))


def settle(directory: str) -> None:
    """Make the names in a directory last: a rename is on the disk only when its directory is."""
    fd = os.open(directory or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove(path: str) -> None:
    """Remove a file if it is there. Raises `OSError`."""
    with suppress(FileNotFoundError):
        os.unlink(path)
        settle(os.path.dirname(path))


def read(path: str) -> dict[str, Any] | None:
    """Give what a file holds, None if there is no file.

    Raises `Refused` for one that is damaged, of somebody else or of a later vnetc: to go on without
    it would forget what is vnetc's own, and leave it behind for ever. Raises `PermissionError`.
    """
    try:
        data: object = json.loads(_content(path))
    except FileNotFoundError:
        return None
    except PermissionError:
        raise
    except OSError as error:
        raise refusal("VN612", f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        data = None
    if not is_mapping(data) or not isinstance(data.get("version"), int):
        raise damaged(path)
    if data["version"] > VERSION:
        raise refusal(
            "VN612",
            f"{path} was written by a later version of vnetc",
            help="use that version, or move the file away: vnetc then takes all that is there "
            "as not its own",
        )
    return data


def _content(path: str) -> bytes:
    """Read a file of root's own: whoever can write it has its reader undo what he likes."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not block
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise damaged(path)
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise refusal(
                "VN612",
                f"others than root can write {path}",
                help="see what is in it, then give it to root alone: chown root, chmod 600",
            )
        with open(fd, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(fd)


def damaged(path: str) -> Exception:
    """Give the refusal for a file that is not what was written."""
    return refusal(
        "VN612",
        f"{path} is damaged",
        help="restore it from a backup, or move it away: vnetc then takes all that is there as not "
        "its own",
    )
