"""Apply from a session that the change would cut off: refused, unless it is confirmed or wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import vnetc.cli
from vnetc.backends.netlink.transaction import lockout

from .box import Box, boxed
from .documents import BRIDGE, PLACE, ROUTES, VMS, host

pytestmark = pytest.mark.usefixtures("sandboxes")

_SECOND = {"addresses": ["198.51.100.2/24"]}
_BASE = host(eth0=PLACE, eth1=_SECOND)
_NEAR, _FAR = "203.0.113.77", "192.0.2.77"
# Whether a session from there would be cut off.
SESSIONS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "address to a bridge": (_NEAR, BRIDGE, True),
    "far, address to a bridge": (_FAR, BRIDGE, True),
    "address goes": (_NEAR, host(eth0={"addresses": ["203.0.113.9/24"]}, eth1=_SECOND), True),
    "card leaves the document": (_NEAR, host(eth1=_SECOND), True),
    "card goes off": (_NEAR, host(eth0={"activation": "off"}, eth1=_SECOND), True),
    "MTU of the card": (_NEAR, host(eth0={**PLACE, "mtu": 1400}, eth1=_SECOND), True),
    "default route": (
        _FAR,
        host(eth0={**PLACE, "routes": [{"to": "default", "via": "203.0.113.254"}]}, eth1=_SECOND),
        True,
    ),
    # not needed for that one, but nobody can know who else comes by it
    "near, no default route": (_NEAR, host(eth0={**PLACE, "routes": []}, eth1=_SECOND), True),
    "no default route": (_FAR, host(eth0={**PLACE, "routes": []}, eth1=_SECOND), True),
    "route before it": (
        _FAR,
        host(
            eth0={**PLACE, "routes": [*ROUTES, {"to": "192.0.2.0/24", "via": "203.0.113.9"}]},
            eth1=_SECOND,
        ),
        True,
    ),
    "rule": (
        _FAR,
        host(
            eth0={
                **PLACE,
                "routing-policy": [{"priority": 9, "from": "203.0.113.2/32", "table": 100}],
            },
            eth1=_SECOND,
        ),
        True,
    ),
    "another card": (_FAR, host(eth0=PLACE, eth1={"mtu": 1400}), False),
    "another bridge": (
        _FAR,
        host(eth0=PLACE, eth1={}, br1={"type": "bridge", "ports": ["eth1"], **_SECOND}),
        False,
    ),
    "a network": (_FAR, host({"vms": VMS}, eth0=PLACE, eth1=_SECOND), False),
    "route elsewhere": (
        _FAR,
        host(
            eth0={**PLACE, "routes": [*ROUTES, {"to": "10.0.0.0/8", "via": "203.0.113.9"}]},
            eth1=_SECOND,
        ),
        False,
    ),
    "second address": (
        _NEAR,
        host(eth0={**PLACE, "addresses": [*PLACE["addresses"], "203.0.113.5/24"]}, eth1=_SECOND),
        False,
    ),
}


def _session(peer: str) -> Callable[[], None]:
    """Have the command find itself in a session."""

    def prepare() -> None:
        found = lockout.Session(peer, "203.0.113.2")
        lockout.session = lambda: found  # type: ignore[misc,assignment]

    return prepare


def test_the_session_is_found_in_the_environment() -> None:
    """In that which the kernel shows: the command is started anew, with another one."""
    script = "import sys; from vnetc.cli import main; sys.exit(main())"

    def execute(words: Sequence[str]) -> int:
        session = {"SSH_CONNECTION": f"{_NEAR} 50000 203.0.113.2 22"}
        os.execve(sys.executable, [sys.executable, "-c", script, *words], {**os.environ, **session})

    def prepare() -> None:
        vnetc.cli.main = execute  # type: ignore[assignment]

    def body(box: Box) -> None:
        box.start(_BASE)
        done = box.put(BRIDGE, prepare=prepare)
        assert done.code == 2 and _NEAR in done.text, done.text

    boxed(body)


def test_the_branch_that_one_sits_on() -> None:
    def body(box: Box) -> None:
        old = box.start(_BASE)
        wrong = []
        for name, (peer, document, cut) in SESSIONS.items():
            prepare = _session(peer)
            done = box.put(document, prepare=prepare)
            if cut:
                if done.code != 2 or "VN605" not in done.text or box.state() != old:
                    wrong.append((name, done.code, done.text))
                done = box.put(document, "--confirm-within", "60", prepare=prepare)
                if done.code != 0 or box.vnetc("rollback").code != 0 or box.state() != old:
                    wrong.append((name, done.code, done.text))
                done = box.put(document, "--yes", prepare=prepare)
            if done.code != 0:
                wrong.append((name, done.code, done.text))
            box.start(_BASE)
        assert not wrong, "\n".join(map(str, wrong))

    boxed(body)
