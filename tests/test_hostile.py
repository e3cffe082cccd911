"""Whatever is put into vnetc, it is refused with a place or harmless; never a traceback."""

from __future__ import annotations

import re
import sys
import time
import tracemalloc
from bisect import bisect_left
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from vnetc import source
from vnetc.diagnostics import Diagnostic
from vnetc.pipeline import check_text, compile_text
from vnetc.report import Report, render
from vnetc.schema import host_schema
from vnetc.schema.verdict import compile_schema
from vnetc.source import parse

from . import mutations, shapes
from .strategies import Document, documents, examples, text_of, without_target
from .test_properties import LOSSES, SAMPLES, TARGETS, errors, everywhere, is_told

# --- no injection ---------------------------------------------------------------------------------

# What means something to a shell, to nft, to an INI, a stanza or a YAML reader, to Mako, to dnsmasq.
HOSTILE = (
    "x\n[Service]\nExecStart=/bin/sh",
    "x\r[Match]",
    "x\u2028[Match]",
    "x\x85y",
    "x\x00y",
    "$(reboot)",
    "`reboot`",
    "; reboot",
    "| reboot #",
    "&& reboot",
    "' ; reboot ; '",
    '" ; reboot ; "',
    '"; } } table inet x { chain y { type filter hook input priority 0; policy drop; } }',
    "] }\\",
    "[Match]",
    "# up reboot",
    "; comment",
    "x: y",
    "- x",
    "{x: y}",
    "*x",
    "&x",
    "!!python/object/apply:os.system [reboot]",
    "%s %n %% ${x}",
    "<% import os %>",
    "\\",
    "x \\",
    " x ",
    "../../etc/passwd",
    "/etc/passwd",
    "up reboot",
    "ünï €",
    "\u202ex",
    "@include",
    "=x",
    "x" * 300,
    "",
)


def _strings(document: Document) -> list[mutations.Path]:
    return [p for p, value, _ in mutations.walk_document(document) if isinstance(value, str)]


@examples(40)
@given(documents(), st.data())
def test_hostile_texts_are_refused_or_harmless(document: Document, data: st.DataObject) -> None:
    document = {k: v for k, v in without_target(document).items() if k != "raw"}
    path = data.draw(st.sampled_from([("host",), *_strings(document)]))
    text = data.draw(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)))
    _assert_harmless(document, path, text)


RAW: Document = {
    "version": 1,
    "interfaces": {
        "eth0": {
            "description": "x",
            "raw": {
                "networkd": {"Network": {"X": "x"}},
                "netplan": {"x": "x", "y": {"z": ["x"]}},
                **{
                    name: {"pre-up": ["x"], "up": ["x"], "down": ["x"], "options": {"x": "x"}}
                    for name in ("ifupdown", "ifupdown2", "ifupdown-ng")
                },
            },
        }
    },
    "raw": {"networkd": {"Network": {"X": "x"}}, "netplan": {"x": "x"}},
}


@pytest.mark.parametrize("path", _strings(RAW), ids=lambda path: ".".join(map(str, path)))
def test_hostile_free_texts_are_refused_or_harmless(path: mutations.Path) -> None:
    for text in HOSTILE:
        _assert_harmless(RAW, path, text)


def _assert_harmless(document: Document, path: mutations.Path, text: str) -> None:
    """A free text changes no more than values; any other is refused or is what it should be."""
    if path[0] == "raw" and str(path[1]).startswith("ifupdown"):
        return  # lines of the file itself, by their very purpose
    raw_of = path[path.index("raw") + 1] if "raw" in path else None
    options: dict[str, Any] = {"allow": LOSSES, "allow_hooks": True}
    benign = everywhere(mutations.put(document, path, "x"), **options)
    for key, output in everywhere(mutations.put(document, path, text), **options).items():
        if not output.files:
            assert errors(output.diagnostics)
            continue
        found = shapes.shape(output.files)
        if raw_of is not None or path[-1] == "description":
            assert found.items() <= shapes.shape(benign[key].files).items()
        else:
            assert text in path or re.fullmatch(r"[A-Za-z0-9_.:/\[\] -]+", text)
        if raw_of == key[0] and not is_told(path, output.diagnostics):
            assert text in shapes.values(output.files)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_refused(text: str) -> None:
    """Names become words of commands, paths of files and identifiers of nft."""
    for document in (
        {"version": 1, "host": text, "interfaces": {}},
        {"version": 1, "interfaces": {text: {}}},
        {"version": 1, "networks": {text: {"mode": "isolated", "subnet": "10.0.0.0/24"}}},
        {"version": 1, "interfaces": {"br0": {"type": "bridge", "ports": {text: None}}}},
        {"version": 1, "interfaces": {"e": {"raw": {"networkd": {text: {"A": "b"}}}}}},
        {"version": 1, "interfaces": {"e": {"raw": {"networkd": {"Network": {text: "b"}}}}}},
        {"version": 1, "interfaces": {"e": {"raw": {"ifupdown": {"options": {text: "b"}}}}}},
    ):
        found = errors(check_text(text_of(document)))
        assert found or (text.isalnum() and "raw" in repr(document)), document


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_netplan_keys_are_refused_or_quoted(text: str) -> None:
    document = {"version": 1, "interfaces": {"e": {"raw": {"netplan": {text: {text: [text]}}}}}}
    output = compile_text(text_of(document), target="netplan")
    if output.files:
        device = shapes.read_yaml(output.files[0].content)["network"]["ethernets"]["e"]
        assert device[text] == {text: [text]}
    else:
        assert errors(output.diagnostics)


# --- any bytes ------------------------------------------------------------------------------------

TEXTS = [path.read_bytes() for path in sorted(SAMPLES.glob("*.vnet.yaml"))]
TARGET = st.sampled_from(TARGETS)
# What somebody's editor, or somebody's malice, puts into a file.
PIECES = (
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xfe\xff", b"\xed\xa0\x80", b"\xc3", b"\x7f", b"\x85"),
    *(
        b"\r",
        b"\r\n",
        b"\t",
        b"\n",
        b"\n\n",
        b"  ",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        "grün".encode("latin-1"),
    ),
    *(
        b"---\n",
        b"...\n",
        b"%YAML 1.1\n---\n",
        b"&a ",
        b"*a",
        b"&a [*a]",
        b"<<: *a",
        b"!!int ",
        b"! ",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b": ",
        b"- ",
        b"? ",
        b"|\n",
        b">-\n",
        b"'",
        b'"',
        b"#",
        b"@",
        b"`",
    ),
    *(b"null", b"~", b"true", b"yes", b"0x", b"-1", b"1e999", b"9" * 5000, b"0o7", b"1_0", b".inf"),
    *(
        b"version: 2\n",
        b"interfaces: []\n",
        b"networks: 1\n",
        b"1: 2\n",
        b"? [a]\n: b\n",
        b'"\\ud800"',
    ),
)


@st.composite
def damaged(draw: Any) -> bytes:
    """Draw a sample with a few pieces put in, taken out or doubled."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 5, 40])))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.just(text[start : start + 60])))
        text = text[:start] + piece + text[end:]
    return text


def _survives(text: bytes | str, target: tuple[str, str | None]) -> tuple[Diagnostic, ...]:
    """Compile a text; all that is said of it has a place in it."""
    output = compile_text(text, target=target[0], version=target[1], allow=LOSSES)
    assert output.files or errors(output.diagnostics)
    lines = parse(text).lines
    for found in output.diagnostics:
        for span in (found.span, *(label.span for label in found.labels)):
            assert span is not None
            assert 1 <= span.line <= span.end_line <= len(lines) + 1
            assert 1 <= span.column <= len([*lines, ""][span.line - 1]) + 2
    return output.diagnostics


@examples(100)
@given(damaged(), TARGET)
def test_damaged_documents_do_no_harm(text: bytes, target: tuple[str, str | None]) -> None:
    _survives(text, target)


@examples(100)
@given(st.one_of(st.binary(), st.text(), st.text("{}[]:-#&*!|>'\"%@`, \n\ta0?<")), TARGET)
def test_any_input_does_no_harm(text: bytes | str, target: tuple[str, str | None]) -> None:
    _survives(text, target)


@examples(40)
@given(documents(), st.data())
def test_any_value_anywhere_does_no_harm(document: Document, data: st.DataObject) -> None:
    """Whatever stands in a place, the rest is read and checked."""
    places = [path for path, _, _ in mutations.walk_document(document) if path]
    plain = st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just([]), st.just({})
    )
    value = st.one_of(plain, st.lists(plain), st.dictionaries(st.text(max_size=5), plain))
    for _ in range(2):
        path = data.draw(st.sampled_from(places))
        try:
            document = mutations.put(document, path, data.draw(value))
        except (KeyError, IndexError, TypeError):
            continue  # the first change took this place away
    text = text_of(document)
    assert _survives(text, data.draw(TARGET)) is not None


_BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
_MERGES = "a0: &a0 {k0: 1}\n" + "".join(
    f"a{n}: &a{n} {{k{n}: 1, <<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 30)
)
WORST: dict[str, tuple[bytes | str, str]] = {
    "nothing": (b"", "VN010"),
    "a byte order mark": (b"\xef\xbb\xbf", "VN010"),
    "a comment": (b"# nothing\n", "VN010"),
    "null": (b"null", "VN010"),
    "NUL": (b"version: 1\nhost: a\x00b\n", "VN002"),
    "UTF-16": ("version: 1\n".encode("utf-16"), "VN001"),
    "Latin-1": ("version: 1 # ü".encode("latin-1"), "VN001"),
    "surrogates": ("version: 1\nhost: \ud800\n", "VN002"),
    "encoded surrogates": (b"host: \xed\xa0\x80", "VN001"),
    "escaped surrogates": (b'host: "\\ud800"\nversion: 1\ninterfaces: {}\n', "VN106"),
    "tabs": (b"interfaces:\n\teth0: {}\nversion: 1\n", "VN003"),
    "an alias bomb": (_BOMB, "VN006"),
    "a merge bomb": (_MERGES, "VN006"),
    "an alias of itself": (b"a: &a [*a]", "VN005"),
    "an undefined alias": (b"a: *b", "VN013"),
    "deep lists": (b"[" * 100_000, "VN008"),
    "deep mappings": (b"{a: " * 100_000, "VN008"),
    "deep blocks": ("\n".join(" " * n + "a:" for n in range(3000)), "VN008"),
    "deep sequences": (b"- " * 10_000, "VN008"),
    "many documents": (b"---\na: 1\n" * 3, "VN009"),
    "a tag": (b"!!python/object/apply:os.system [id]", "VN011"),
    "100 MB": (b"a" * 100_000_000, "VN007"),
    "a long line": (b"version: 1\nhost: " + b"a" * 10_000_000, "VN106"),
    "a long number": (b"version: " + b"1" * 100_000, "VN104"),
    "many keys": ("version: 1\n" + "".join(f"k{n}: 1\n" for n in range(2000)), "VN101"),
    "quotes": (b'"' * 200_001, "VN003"),
    "question marks": (b"? " * 5000, "VN008"),
    "merges of nothing": (b"<<: 1\nversion: 1\n", "VN013"),
    "a list": (b"- version: 1\n", "VN102"),
    "a word": (b"version", "VN102"),
}


@pytest.mark.parametrize("name", WORST)
def test_the_worst_inputs_are_refused_at_once(name: str) -> None:
    text, code = WORST[name]
    start = time.process_time()
    found = compile_text(text, target="networkd").diagnostics
    seconds = time.process_time() - start
    assert code in {d.code for d in found}
    assert all(d.span is not None for d in found)
    assert seconds < 10


# --- what little text may cost --------------------------------------------------------------------


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
    plain = _of_size(
        lambda n: "version: 1\ninterfaces:\n" + "".join(f"  e{i}: {{{said}}}\n" for i in range(n)),
        _SIZE,
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
        (
            "  eth0: {}\n  eth0.1: &vlan\n    {type: vlan, link: eth0, id: 1, mtu: 1500, accept-ra: false, "
            "link-local: [], nameservers: {addresses: [192.0.2.53, 192.0.2.54], search: [a.example]}}\n"
        ),
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


_MEGABYTE = 1_000_000
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
    text = _of_size(LONG[kind], _MEGABYTE)
    assert 0 < len(_report(text)) < 20_000
    assert _seconds(text) < 5 * _plain_costs(_seconds, _MEGABYTE)
    assert _memory(text) < 8 * _plain_costs(_memory, _SIZE)


@pytest.mark.parametrize("text", TEXTS)
def test_line_ends_and_marks_change_nothing(text: bytes) -> None:
    plain = everywhere_text(text)
    assert everywhere_text(b"\xef\xbb\xbf" + text) == plain
    assert everywhere_text(text.replace(b"\n", b"\r\n")) == plain
    assert everywhere_text(text.decode()) == plain


def everywhere_text(text: bytes | str) -> list[Any]:
    return [compile_text(text, target=target, version=version) for target, version in TARGETS]


# --- two parsers, three verdicts, one answer ------------------------------------------------------


def _reading(text: bytes | str) -> tuple[Any, ...]:
    document = parse(text)
    tree: list[Any] = []
    todo = [] if document.root is None else [((), document.root)]
    while todo:
        path, node = todo.pop()
        if node.data is not None:  # nothing stands nowhere: after the colon, or in the next line
            tree.append((path, repr(node.data), node.span.line, node.span.column))
        tree += [((*path, name), key.span) for name, key in node.keys.items()]
        todo += [((*path, step), below) for step, below in node.items.items()]
    return tree, [(d.code, d.message, d.span) for d in document.diagnostics]


@example("|#")
@example("*0?0")
@examples(90)
@given(st.one_of(damaged(), documents().map(text_of), st.text("{}[]:-#&*!|>'\"%, \na0?<")))
def test_both_parsers_read_the_same(text: bytes | str) -> None:
    assert source._c_parser() is not None
    # YAML 1.2 allows a colon in the name of an anchor, the C scanner knows only 1.1
    assume(not re.search(r"[&*][^\s,\[\]{}]*:", text if isinstance(text, str) else repr(text)))
    with pytest.MonkeyPatch.context() as patch:
        fast = _reading(text)
        patch.setattr(source, "_c_parser", lambda: None)
        assert _reading(text) == fast


_CLOSURES = compile_schema(host_schema())
_REFERENCE = Draft7Validator(host_schema())
_FAST = jsonschema_rs.Draft7Validator(host_schema())


def _agree(data: Any) -> bool:
    verdict = _REFERENCE.is_valid(data)
    assert _CLOSURES(data) is verdict
    assert _FAST.is_valid(data) is verdict
    return verdict


@examples(40)
@given(documents(), st.data())
def test_three_verdicts_agree(document: Document, data: st.DataObject) -> None:
    assert _agree(document)
    places = [path for path, _, _ in mutations.walk_document(document) if path]
    words = st.sampled_from([*HOSTILE, "mtu", "type", "addresses", "10.0.0.1/24", "tcp", "1s"])
    plain = st.one_of(st.none(), st.booleans(), st.integers(-2, 70000), words)
    for _ in range(4):
        path = data.draw(st.sampled_from(places))
        value = data.draw(st.one_of(plain, st.lists(plain), st.dictionaries(words, plain)))
        _agree(mutations.put(document, path, value))
