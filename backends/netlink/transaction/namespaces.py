"""The network namespace that a command works in: its name, its number, and the way into it.

The edge.
"""

from __future__ import annotations

import errno
import os

from vnetc.backends.netlink.refusal import refusal
from vnetc.model.record import Record

_FOLDER = "/run/netns"  # of ip-netns(8)
_CLONE_NEWNET = 0x40000000  # linux/sched.h
_RTM_SETLINK, _IFINFOMSG = 19, bytes(16)


class Namespace(Record):
    """A network namespace of this boot; `name` is what its files are called after.

    `home`: it is the one that the command was started in, and the session with it.
    """

    name: str
    inode: int
    boot: str
    home: bool = True


def enter(name: str | None) -> Namespace:
    """Go into the namespace of that name, for good; stay where we are if there is none to go to.

    Raises `Refused`.
    """
    start = _inode("self")
    if name is not None:
        _enter(name)
    inode = _inode("self")
    return Namespace(
        name=_title(name, inode),
        inode=inode,
        boot=_read("/proc/sys/kernel/random/boot_id"),
        home=inode == start,
    )


def _title(name: str | None, inode: int) -> str:
    try:
        if inode == _inode("1"):
            return "host"
    except PermissionError:  # proc(5): /proc/1/ns is for those who may trace it
        if name is None:
            return "host"
    if name is None:
        return f"netns-{inode}"
    # no name of one that has none, nor the host's
    return f"netns-{name}" if name == "host" or name.startswith("netns-") else name


def _inode(process: str) -> int:
    return os.stat(f"/proc/{process}/ns/net").st_ino


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def _enter(name: str) -> None:
    import ctypes  # 10 ms; os.setns came with Python 3.12

    if "/" in name or "\0" in name or name in ("", ".", ".."):
        raise refusal("VN602", f"`{name}` cannot be the name of a network namespace")
    try:
        # never O_CREAT: ip-netns(8) makes the file, and an empty one would look like a namespace;
        # and a pipe must not block
        fd = os.open(f"{_FOLDER}/{name}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise refusal(
            "VN602",
            f"there is no network namespace `{name}`",
            help=f"`ip netns list` lists them; `ip netns add {name}` makes this one",
        ) from None
    except PermissionError:
        raise unprivileged() from None
    except OSError as error:  # a name that is too long, a link that leads to itself
        raise refusal("VN602", f"{_FOLDER}/{name} cannot be opened: {error.strerror}") from None
    try:
        if ctypes.CDLL(None, use_errno=True).setns(fd, _CLONE_NEWNET) == 0:
            return
        number = ctypes.get_errno()
    finally:
        os.close(fd)
    if number == errno.EPERM:
        raise unprivileged()
    raise refusal("VN602", f"{_FOLDER}/{name} is no network namespace: {os.strerror(number)}")


def require_privilege() -> None:
    """Raise `Refused` unless the kernel lets this process change the namespace that it is in.

    Asked of the kernel, since CAP_NET_ADMIN of a user namespace says nothing about a network
    namespace of another: rtnetlink_rcv_msg looks for it first, rtnl_setlink then finds no device.
    """
    from vnetc.backends.netlink.wire.messages import Message
    from vnetc.backends.netlink.wire.socket import Netlink

    socket = Netlink()
    try:
        (answer,) = socket.send([Message(_RTM_SETLINK, 0, _IFINFOMSG)])
    finally:
        socket.close()
    if answer.errno in (errno.EPERM, errno.EACCES):
        raise unprivileged()


def unprivileged() -> Exception:
    """Give the refusal for a process that may not do it."""
    return refusal(
        "VN601",
        "no privilege to change the network of this namespace",
        help="run it as root, or with CAP_NET_ADMIN (and CAP_SYS_ADMIN for `--netns`)",
    )
