"""Does this kernel have the kinds of devices that a plan makes: asked before anything is changed.

The edge. A kernel says so only when it is told to make one, so that is done in a network namespace
that ends with the child process that made it. Of a kind that is there it is no matter what else is
missing in the request.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from vnetc.backends.netlink.links.changes import kind_of
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.wire.messages import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    TEXT,
    Message,
    attribute,
    nest,
)
from vnetc.backends.netlink.wire.socket import Netlink
from vnetc.model.diagnostics import Diagnostic, diagnostic

_RTM_NEWLINK, _IFINFOMSG = 16, bytes(16)
_IFLA_LINKINFO, _IFLA_INFO_KIND = 18, 1
_UNKNOWN = "Unknown device type"  # rtnl_newlink_create, the only failure with these words
_CLONE_NEWNET = 0x40000000  # linux/sched.h
_TUN = "/dev/net/tun"


def lacking(steps: Iterable[Step]) -> list[Diagnostic]:
    """Give one finding for each kind of device that is to be made and cannot be."""
    first: dict[str, Step] = {}
    for step in steps:
        if step.key[0] == "link" and step.action in "+!" and step.after is not None:
            kind = kind_of(step.after)
            if kind is not None:
                first.setdefault(kind.word, step)
    return [_finding(word, first[word]) for word in _unknown(first)]


def _finding(word: str, step: Step) -> Diagnostic:
    if word == "tun":
        return diagnostic("VN603", f"there is no {_TUN}", step.path, "key", help="`modprobe tun`")
    return diagnostic(
        "VN603",
        f"this kernel has no devices of kind `{word}`",
        step.path,
        "key",
        help=f"`modprobe {word}` says why; a kernel's modules may be a package of their own",
    )


def _unknown(words: Mapping[str, Step]) -> Iterator[str]:
    if "tun" in words and not os.path.exists(_TUN):  # it is made by ioctl, not by netlink
        yield "tun"
    asked = [word for word in words if word != "tun"]
    if asked:
        yield from _asked(asked)


def _asked(words: list[str]) -> list[str]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, "\n".join(_try(words)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="ascii") as answer:
        found = answer.read().split()
    os.waitpid(child, 0)
    return found


def _try(words: list[str]) -> list[str]:
    """Try to make one of each; give those that the kernel does not know."""
    import ctypes

    if ctypes.CDLL(None).unshare(_CLONE_NEWNET) != 0:
        return []  # then the step itself will say so
    socket = Netlink()
    found: list[str] = []
    for word in words:
        info = nest(_IFLA_LINKINFO, attribute(_IFLA_INFO_KIND, TEXT.pack(word)))
        message = Message(_RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, _IFINFOMSG + info)
        (answer,) = socket.send([message])
        if answer.text == _UNKNOWN:
            found.append(word)
    return found
