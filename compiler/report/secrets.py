"""Secrets stay out of reports: what a document keeps secret is not quoted, not even by an error.

Which keys hold secrets is the schema's word: those that refer to its definitions `secret` or
`secret-key`. A misspelt one holds a secret all the same, and so does what looks like a secret
wherever it stands; a document may be no YAML, so its lines are looked at as well as its tree. Too much
is hidden rather than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from vnetc.data import is_list, is_mapping
from vnetc.diagnostics import Diagnostic, Path, Span
from vnetc.record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from vnetc.source import Node

HIDDEN = "…"  # of one length, whatever it stands for
_DEFINITIONS = ("secret", "secret-key", "password", "wakeonlan-password")
_SIMILAR = 0.6  # as for keys "with a similar name" (vnetc.validate)
_SHORTEST = 6  # a shorter text in a message is more likely a word than a secret
_QUOTED = 60  # characters of a value that a message quotes at most (vnetc.validate)

# Bounded at both ends: a document may be one word of 16 MiB.
_KEY = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z][A-Za-z0-9_-]{0,63}(?: key)?(?=[\"']?\s{0,9}[:=])")
# What may follow a key on its line: quoted, in brackets, plain. A plain text ends where a comment
# begins, in flow style (group `flow` of the line) also at a comma or bracket.
_VALUE = re.compile(
    r"""
    ["']?\s*[:=]\s*
    (?: (?P<double>"(?:\\.|[^"\\])*"?) | (?P<single>'(?:''|[^'])*'?)
      | (?P<bracket>[\[{][^\]}]*[\]}]?) | (?P<plain>[^\s].*?)(?=\s+\#|\s*$) )
    """,
    re.VERBOSE,
)
# WireGuard's keys wherever they stand: in base64, give or take a few characters that were lost or
# typed twice.
_KEY_OF_32_BYTES = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{38,48}=(?![A-Za-z0-9+/=])")
_PUBLIC = re.compile(r"public[-_ ]?key\W+([A-Za-z0-9+/]+=?)", re.IGNORECASE)
_IN_FLOW = re.compile(r"[^,\]}]*")
_FILE = re.compile(r"""\{\s*["']?file["']?\s*:\s*(["']?)(?P<path>[^"'\s}]*)\1\s*\}?""")
_FILE_BELOW = re.compile(r"""file:\s+(["']?)(.*?)\1""")
_NO_VALUE = re.compile(r"#|[|>][-+0-9]*(\s|$)")  # it stands below
_BLOCK = re.compile(r"[|>][-+0-9]*")

Stretch: TypeAlias = tuple[
    int, int, int
]  # a line from 0, its first hidden character, the one behind the last


class Masked(Record, kw_only=False):
    """Lines to show instead of a document's own, and where in them a place of the document is."""

    lines: Sequence[str]
    hidden: dict[int, list[tuple[int, int]]]  # line from 0: stretches, first to last

    def moved(self, span: Span) -> Span:
        """Give the place in the lines shown that stands for a place of the document."""
        return Span(
            span.line,
            self._column(span.line - 1, span.column - 1, False) + 1,
            span.end_line,
            self._column(span.end_line - 1, span.end_column - 1, True) + 1,
        )

    def _column(self, line: int, column: int, is_end: bool) -> int:
        shift = 0
        for start, stop in self.hidden.get(line, ()):
            if column <= start:
                break
            if column < stop:
                return start + shift + (len(HIDDEN) if is_end else 0)
            shift += len(HIDDEN) - (stop - start)
        return column + shift


class Secrets:
    """What is secret in a text: where it stands, and what it says."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Look for secrets in the lines of a document."""
        self._lines = lines
        self._stretches: set[Stretch] = set()
        text = "\n".join(lines)
        if not _may_have(text):
            self._texts: tuple[str, ...] = ()
            return
        from vnetc.source import parse

        document = parse(text)
        if document.root is not None:
            self._look_at_tree(document.root)
        self._look_at_lines(document.root is None)
        self._texts = self._quotable()

    def mask(self) -> Masked:
        """Give the lines with all secrets hidden."""
        lines = list(self._lines)
        hidden: dict[int, list[tuple[int, int]]] = {}
        for number, start, stop in sorted(self._stretches):
            known = hidden.setdefault(number, [])
            if known and start <= known[-1][1]:
                known[-1] = (known[-1][0], max(stop, known[-1][1]))
            else:
                known.append((start, stop))
        for number, stretches in hidden.items():
            line = lines[number]
            for start, stop in reversed(stretches):
                line = line[:start] + HIDDEN + line[stop:]
            lines[number] = line
        return Masked(lines, hidden)

    def scrub(self, found: Diagnostic) -> Diagnostic:
        """Take secrets out of the words of a diagnostic."""
        if not self._texts:
            return found
        is_about = any(isinstance(step, str) and _is_secret(step) for step in found.path)

        def clean(text: str) -> str:
            for secret in self._texts:
                # messages quote numbers whole, however short
                if len(secret) >= _SHORTEST or (is_about and secret.isdigit()):
                    text = text.replace(secret, HIDDEN)
            return text

        def clean_path(path: Path) -> Path:
            return tuple(clean(step) if isinstance(step, str) else step for step in path)

        return replace(
            found,
            message=clean(found.message),
            label=clean(found.label),
            help=clean(found.help),
            path=clean_path(found.path),
            labels=tuple(
                replace(label, text=clean(label.text), path=clean_path(label.path))
                for label in found.labels
            ),
        )

    def _quotable(self) -> tuple[str, ...]:
        """List what is hidden as messages may quote it, whole, unquoted, cut off; the longest first."""
        texts: set[str] = set()
        for number, start, stop in self._stretches:
            raw = self._lines[number][start:stop].strip()
            texts |= {raw, raw.strip("\"'")}
            if raw[:1] in "!&*":  # for YAML a tag, an anchor, an alias
                texts.add(raw.split()[0][1:])
        texts |= {text[:_QUOTED] for text in texts}
        return tuple(sorted(texts, key=lambda text: (-len(text), text)))

    # --- the tree ---------------------------------------------------------------------------------

    def _look_at_tree(self, root: Node) -> None:
        """Find the secrets of a document; a text where settings belong, too, which may be the password."""
        seen: set[int] = set()
        todo: list[tuple[Node, bool]] = [(root, True)]  # and whether its keys are keys, not names
        while todo:
            node, are_keys = todo.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            for step, below in node.items.items():
                if isinstance(step, str) and are_keys and _is_secret(step):
                    self._hide_all(below)
                elif step == "auth" and not below.items:
                    self._hide(below)
                elif step == "access-points":
                    for point in below.items.values():
                        if not point.items:
                            self._hide(point)
                todo.append((below, step not in _NAMES))

    def _hide_all(self, node: Node) -> None:
        todo: list[tuple[Node, str]] = [(node, "")]
        seen: set[int] = set()
        while todo:
            current, key = todo.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            if current.items:
                for step, below in current.items.items():
                    if isinstance(step, str) and step != "file":
                        self._hide(current.keys.get(step))
                    todo.append((below, str(step)))
            elif not (key == "file" and _is_path(str(current.data))):
                self._hide(current)

    def _hide(self, node: Node | None) -> None:
        if node is None or node.data in ({}, []):
            return
        start, end = node.start, node.end
        for number in range(start.line, min(end.line + 1, len(self._lines))):
            line = self._lines[number]
            first = start.column if number == start.line else len(line) - len(line.lstrip())
            last = end.column if number == end.line else len(line)
            if first < last and not _BLOCK.fullmatch(line[first:last].strip()):
                self._stretches.add((number, first, last))

    # --- the lines --------------------------------------------------------------------------------

    def _look_at_lines(self, alone: bool) -> None:
        """Hide what follows a key, and what looks like a secret; if `alone`, lines below as well."""
        below: int | None = None  # of a key in this column
        for number, line in enumerate(self._lines):
            indent = len(line) - len(line.lstrip())
            if below is not None and line.strip() and indent > below:
                file = _FILE_BELOW.fullmatch(line.strip())
                if file is None or not _is_path(file[2]):
                    self._stretches.add((number, indent, len(line.rstrip())))
            elif line.strip():
                below = None
            public = [match.span(1) for match in _PUBLIC.finditer(line)]
            for match in _KEY_OF_32_BYTES.finditer(line):
                if match.span() not in public:
                    self._stretches.add((number, *match.span()))
            for match in _KEY.finditer(line):
                if not _is_secret(match[0]):
                    continue
                value = _VALUE.match(line, match.end())
                if value is None or _NO_VALUE.match(value["plain"] or "-"):
                    below = indent if alone else None
                else:
                    self._hide_value(number, line, match.start(), value)

    def _hide_value(self, number: int, line: str, key: int, value: re.Match[str]) -> None:
        start, stop = value.span(str(value.lastgroup))
        if value.lastgroup == "bracket":
            file = _FILE.match(line, start)
            if line[start:stop] in ("{}", "[]") or (file is not None and _is_path(file["path"])):
                return
        elif value.lastgroup == "plain":
            if any(line.count(a, 0, key) > line.count(b, 0, key) for a, b in ("{}", "[]")):
                flow = _IN_FLOW.match(line, start)
                stop = start if flow is None else min(stop, flow.end())
            stop = start + len(line[start:stop].rstrip())
        if start < stop:
            self._stretches.add((number, start, stop))


_NAMES = frozenset({"interfaces", "networks", "ports"})  # below these, keys are names of devices


def _may_have(text: str) -> bool:
    keys = set(_KEY.findall(text))
    return (
        bool(_KEY_OF_32_BYTES.search(text))
        or not keys.isdisjoint(("auth", "access-points"))
        or any(map(_is_secret, keys))
    )


def _plain(name: str) -> str:
    """Spell a key as other programs may: `PrivateKey`, `private_key`, `private key`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _is_secret(name: str) -> bool:
    """Tell whether a key holds a secret, or is a misspelt one that does."""
    secret, known = _keys()
    plain = _plain(name)
    if plain in secret:
        return True
    if name in known:
        return False
    from difflib import get_close_matches

    return bool(get_close_matches(plain, secret, 1, _SIMILAR)) and plain not in map(_plain, known)


@cache
def _keys() -> tuple[frozenset[str], frozenset[str]]:
    """Give the keys of the schema that hold secrets, spelt plainly, and all others."""
    secret: set[str] = set()
    others: set[str] = set()
    for name, schema in _properties(_schema()):
        references = {schema.get("$ref"), *(part.get("$ref") for part in schema.get("allOf", ()))}
        if references & {f"#/definitions/{definition}" for definition in _DEFINITIONS}:
            secret.add(_plain(name))
        else:
            others.add(name)
    return frozenset(secret), frozenset(others)


def _schema() -> dict[str, Any]:
    from vnetc.schema import host_schema

    return host_schema()


def _properties(schema: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Run through all keys that a schema names, with what it says of their values."""
    if is_list(schema):
        for part in schema:
            yield from _properties(part)
    elif is_mapping(schema):
        for keyword, below in schema.items():
            if keyword == "properties":
                yield from ((name, part) for name, part in below.items() if is_mapping(part))
            yield from _properties(below)


@cache
def _file_form() -> re.Pattern[str]:
    form: str = _schema()["definitions"]["secret"]["then"]["properties"]["file"]["pattern"]
    return re.compile(form)


def _is_path(text: str) -> bool:
    """Tell whether a text can be the name of a file that holds the secret."""
    return bool(_file_form().search(text))
