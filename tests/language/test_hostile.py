"""Whatever is put into vnetc, it is refused with a place or harmless; never a traceback."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from vnetc.backends.netplan import block
from vnetc.language import tree as source
from vnetc.language.tree import parse
from vnetc.model.diagnostics import Diagnostic
from vnetc.pipeline import check_text, compile_text
from vnetc.schema import host_schema
from vnetc.schema.verdict import compile_schema

from tests.support import mutations, shapes
from tests.support.drawing import Document, examples, text_of
from tests.support.strategies import documents, without_target

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


@given(text=st.text("0123456789abefx.:+-_/ nyo", min_size=1, max_size=12))
@example("52:54:00:10:20:30")  # in YAML 1.1 a number with the base 60
@example("1:30")
@example("192.168.1.1/24")
@example("2001:db8::1")
@example("2026-11-30")
@example("1_0")
@example("1e3")
@example("no")
@example("a:")
@example("- a")
def test_a_text_is_a_text_to_all_readers_of_yaml(text: str) -> None:
    assert shapes.read_yaml(block.yaml("h", {"k": text, "l": [text]})) == {"k": text, "l": [text]}


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


@pytest.mark.parametrize("text", TEXTS)
def test_line_ends_and_marks_change_nothing(text: bytes) -> None:
    plain = everywhere_text(text)
    assert everywhere_text(b"\xef\xbb\xbf" + text) == plain
    assert everywhere_text(text.replace(b"\n", b"\r\n")) == plain
    assert everywhere_text(text.decode()) == plain


def everywhere_text(text: bytes | str) -> list[Any]:
    return [compile_text(text, target=target, version=version) for target, version in TARGETS]


# --- two parsers, two verdicts, one answer ------------------------------------------------------


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


def _agree(data: Any) -> bool:
    verdict = _REFERENCE.is_valid(data)
    assert _CLOSURES(data) is verdict
    return verdict


@examples(40)
@given(documents(), st.data())
def test_both_verdicts_agree(document: Document, data: st.DataObject) -> None:
    assert _agree(document)
    places = [path for path, _, _ in mutations.walk_document(document) if path]
    words = st.sampled_from([*HOSTILE, "mtu", "type", "addresses", "10.0.0.1/24", "tcp", "1s"])
    plain = st.one_of(st.none(), st.booleans(), st.integers(-2, 70000), words)
    for _ in range(4):
        path = data.draw(st.sampled_from(places))
        value = data.draw(st.one_of(plain, st.lists(plain), st.dictionaries(words, plain)))
        _agree(mutations.put(document, path, value))
