"""What a hostile text may cost: a small multiple of what plain text of its size costs.

Work is counted in calls of functions, which no load of the machine disturbs; what runs within one call (a
regular expression over a line of 300 kB) in seconds of the processor.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from bisect import bisect_left
from collections.abc import Callable
from functools import cache
from types import FrameType

import pytest
from vnetc.language.tree import parse
from vnetc.pipeline import check_text
from vnetc.report import Report, render


def _report(text: str) -> str:
    """Check a text and report what is found, as the command does."""
    return render([Report("host.yaml", text.split("\n"), check_text(text, name="host"))], "full")


def _work(text: str) -> float:
    """Count the calls of functions that a character of a text costs: time that no load disturbs."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        _report(text)
    finally:
        sys.setprofile(None)
    return calls / len(text)


def _memory(text: str) -> float:
    """Measure the bytes that a character of a text costs when most are in use."""
    tracemalloc.start()
    try:
        _report(text)
        return tracemalloc.get_traced_memory()[1] / len(text)
    finally:
        tracemalloc.stop()


def _seconds(text: str) -> float:
    start = time.process_time()
    _report(text)
    return (time.process_time() - start) / len(text)


def _of_size(make: Callable[[int], str], size: int) -> str:
    """Make a text of about this size of so many parts."""
    return make(max(1, size * 1000 // len(make(1000))))


def _plain(count: int) -> str:
    """Write interfaces as people do."""
    return "version: 1\ninterfaces:\n" + "".join(
        f"  eth{n}:\n    addresses: [10.{n // 250 % 250}.{n % 250}.1/24]\n    mtu: 1500\n"
        f"    description: port {n}\n    dhcp4: false\n"
        for n in range(count)
    )


@cache
def _plain_costs(measure: Callable[[str], float], size: int) -> float:
    _report(_plain(1).replace("mtu", "mtuu"))  # imports, and what is compiled once
    return measure(_of_size(_plain, size))


_SIZE = 30_000
# What one interface says, of so many parts.
REPEATED: dict[str, Callable[[int], str]] = {
    "addresses": lambda count: f"addresses: [{_joined('10.{0}.0.1/24', count)}]",
    "wrong addresses": lambda count: f"addresses: [{_joined('200', count)}]",
    "routes to nowhere": lambda count: (
        f"addresses: [10.0.0.1/24], routes: [{_joined('{{to: 10.9.{0}.0/24, via: 10.8.0.2}}', count)}]"
    ),
    "unknown keys": lambda count: _joined("key{0}: 1", count),
}


def _joined(part: str, count: int) -> str:
    return ", ".join(part.format(n % 250) for n in range(count))


def _aliased(said: str, alias: str, count: int) -> str:
    lines = "".join(f"  e{n}: {alias}\n" for n in range(count))
    return f"version: 1\ninterfaces:\n  e: &e {{{said}}}\n{lines}"


def _is_refused(text: str) -> bool:
    return any(d.code == "VN006" for d in parse(text).diagnostics)


@pytest.mark.parametrize("alias", ["*e", "{<<: *e, mtu: 1400}", "{<<: [*e, *e]}"])
@pytest.mark.parametrize("kind", REPEATED)
def test_aliases_cost_what_plain_text_costs(kind: str, alias: str) -> None:
    """Of 30 kB: the most that is allowed five times as much, what is more less than plain text."""
    said = REPEATED[kind](100)
    one = f"  e@: {{{said}}}\n"
    plain = "version: 1\ninterfaces:\n" + "".join(
        one.replace("@", str(n)) for n in range(_SIZE // len(one))
    )
    counts = range(_SIZE // 10)
    most = bisect_left(counts, True, key=lambda n: _is_refused(_aliased(said, alias, n))) - 1
    allowed = _aliased(said, alias, most)
    allowed += "#" * (_SIZE - len(allowed))
    assert not _is_refused(allowed)
    refused = _of_size(lambda n: _aliased(REPEATED[kind](n), alias, n), _SIZE)
    assert _is_refused(refused)
    for measure in (_work, _memory):
        cost = measure(plain)
        assert measure(allowed) < 5 * cost
        assert measure(refused) < cost


HONEST = {
    "VLANs": (
        "  eth0: {}\n  eth0.1: &vlan {type: vlan, link: eth0, id: 1, mtu: 1500, accept-ra: false, "
        + "link-local: [], nameservers: {addresses: [192.0.2.53, 192.0.2.54], search: [a.example]}}\n",
        "  eth0.%d: {<<: *vlan, id: %d}\n",
        range(2, 4095),
    ),
    "taps": (
        "  tap0: &tap {type: tap, mtu: 1500, link-local: [], accept-ra: false, dhcp4: false}\n",
        "  tap%d: *tap\n",
        range(1, 1000),
    ),
}


@pytest.mark.parametrize("kind", HONEST)
def test_prototypes_of_many_interfaces_are_allowed(kind: str) -> None:
    first, line, numbers = HONEST[kind]
    lines = "".join(line % ((number,) * line.count("%d")) for number in numbers)
    assert check_text(f"version: 1\ninterfaces:\n{first}{lines}") == ()


def _interfaces(line: str) -> Callable[[int], str]:
    return lambda count: (
        "version: 1\ninterfaces:\n"
        + "".join(line.replace("N", str(n)).replace("M", str(n % 4000 + 1)) for n in range(count))
    )


def _repeated(before: str, part: str, after: str) -> Callable[[int], str]:
    return lambda count: f"version: 1\n{before}{part * count}{after}\n"


_GUESTS = "interfaces: {e: {}}\nnetworks: {n: {mode: nat, subnet: 10.0.0.0/24, uplink: e, "
MANY: dict[str, Callable[[int], str]] = {
    "wrong items": _repeated("interfaces: {e: {addresses: [", "1, ", "]}}"),
    "wrong values": _interfaces("  eN: {mtu: x}\n"),
    "wrong types": _interfaces("  eN: {type: brigde}\n"),
    "texts": _interfaces("  eN: x\n"),
    "wrong names": _interfaces("  a name N: {}\n"),
    "unknown keys": lambda n: "version: 1\n" + "".join(f"key{i}: 1\n" for i in range(n)),
    "one key": _repeated("interfaces: {e: {", "mtu: 1500, ", "}}"),
    "one interface": _repeated("interfaces:\n", "  e: {}\n", ""),
    "one address": _interfaces("  eN: {addresses: [10.0.0.1/24]}\n"),
    "one subnet": _interfaces("  eN: {addresses: [10.0.0.N/8]}\n"),
    "no link": _interfaces("  vN: {type: vlan, id: M, link: xN}\n"),
    "one VLAN": _interfaces("  vN: {type: vlan, id: 5, link: v0}\n"),
    "one port": _interfaces("  bN: {type: bridge, ports: [e]}\n"),
    "no ports": lambda n: (
        "version: 1\ninterfaces: {b: {type: bridge, ports: ["
        + ", ".join(f"e{i}" for i in range(n))
        + "]}}\n"
    ),
    "a chain": lambda n: _interfaces("  bN: {type: bridge, ports: [b@]}\n")(n).replace("@", "1"),
    "one rule": _repeated(
        "interfaces: {e: {routing-policy: [", "{from: 10.0.0.0/8, table: 5}, ", "]}}"
    ),
    "one publication": _repeated(f"{_GUESTS}publish: [", "{port: 80, to: 10.0.0.5}, ", "]}}"),
    "warnings": _interfaces("  bN: {type: bond}\n"),
    "ignore comments": _repeated("interfaces: {}\n", "# vnetc: ignore[VN408]\n", ""),
    "ignored codes": lambda n: (
        "version: 1\ninterfaces: {}\n# vnetc: ignore[" + ",".join(f"V{i}" for i in range(n)) + "]\n"
    ),
    "secrets": lambda n: (
        "version: 1\ninterfaces: {w: {type: wifi, access-points: {"
        + ", ".join(f"n{i}: {{psk: hunter22{i}}}" for i in range(n))
        + "}}}\n"
    ),
    "secrets, broken": lambda n: (
        "version: 1\ninterfaces:\n  w:\n    type: wifi\n    access-points:\n"
        + "".join(f"      n{i}:\n        psk: hunter22{i}\n" for i in range(n))
        + "  x: }\n"
    ),
    "broken": lambda n: _plain(n) + "  x: {\n",
    "prototypes": _interfaces("  eN: {<<: &e {mtu: x}, y: 1}\n"),
}


@pytest.mark.parametrize("kind", MANY)
def test_many_findings_cost_what_they_are(kind: str) -> None:
    """Twice as many cost twice as much, and the report of them ends."""
    small, large = (_of_size(MANY[kind], size) for size in (_SIZE // 6, _SIZE // 3))
    assert 0 < len(_report(large)) < 200_000
    for measure in (_work, _memory):
        assert measure(large) < 1.5 * measure(small)


_LONG = 300_000
LONG: dict[str, Callable[[int], str]] = {
    "a value": _repeated("host: ", "a", ""),
    "a value of blanks": _repeated("host: a", " ", "b"),
    "a value of quotes": _repeated("host: '", "`a", "'"),
    "a key": _repeated("", "a", ": 1"),
    "a key of words": _repeated("", "auth ", ": 1"),
    "a key twice": lambda n: f"version: 1\n{'a' * n}: 1\n{'a' * n}: 1\n",
    "an anchor": _repeated("host: *", "a", ""),
    "a tag": _repeated("host: !", "a", " x"),
    "a comment": _repeated("x: 1 ", "# a ", ""),
    "openings of comments": _repeated("x: 1 ", "# vnetc: ignore[", ""),
    "codes": _repeated("x: 1 # vnetc: ignore[", ",", "]"),
    "a secret": _repeated("interfaces: {w: {access-points: {h: {password: ", "a", ", x: 1}}}}"),
    "secrets": _repeated("interfaces: {w: {access-points: {h: [", "password=a, ", "]}}}"),
    "a secret, broken": _repeated(
        "interfaces: {w: {access-points: {h: {password: ", "a", ", x: 1}}}"
    ),
    "a key of 32 bytes": _repeated("interfaces: {w: {private-key: ", "A", "=, x: 1}}"),
    "quotes": _repeated("host: ", "\"'", ""),
    "brackets": _repeated("host: ", "[", ""),
    "braces": _repeated("host: ", "{a: ", ""),
}


@pytest.mark.parametrize("kind", LONG)
def test_what_is_long_costs_what_plain_text_costs(kind: str) -> None:
    """And is quoted in short."""
    text = _of_size(LONG[kind], _LONG)
    assert 0 < len(_report(text)) < 20_000
    assert _seconds(text) < 5 * _plain_costs(_seconds, _LONG)
    assert _memory(text) < 8 * _plain_costs(_memory, _SIZE)
