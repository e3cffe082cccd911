"""Where secrets stand in a document: by its structure as far as it is YAML, else by its lines.

Both ways go through a text once, and know of each value the keys above it. A document that is not
YAML has no structure to rely on: there, behind the first key that holds secrets, a value is shown only
if what it is leaves no doubt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from vnetc.model.record import Record
from vnetc.report.secret_keys import (
    Kind,
    below,
    block,
    harmless,
    has_keys,
    holds_secrets,
    is_path,
    is_secret,
    names_secret,
    plain,
    words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

# A line from 0, its first hidden character, the one behind the last, and what YAML reads there.
Stretch: TypeAlias = tuple[int, int, int, str]

_OF_KEYS = ("public", "shared", "private")  # netplan(5), below `keys` of a peer
_DEEPEST = 50  # levels; `vnetc.language.tree` refuses a document with fewer
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")  # what a key looks like
_BLOCK = re.compile(r"[|>][-+0-9]{0,2}")
_EMPTY = ("", "~", "null", "Null", "NULL")
# A word within a text and what parts it from what follows: `password=x`; looser: `password x`.
_INLINE = re.compile(
    r"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]-)([A-Za-z][A-Za-z0-9_-]{0,63})[\"']?\s{0,9}[:=]\s{0,9}(?=\S)"
)
_RUN = re.compile(r"[A-Za-z0-9_:=-]+\Z")
_WIREGUARD_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")  # wg(8)
_LOOSE = re.compile(
    r"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]-)([A-Za-z][A-Za-z0-9_-]{0,63})[\"']?(?:\s{0,9}[:=]|\s)\s{0,9}(?=\S)"
)


def inline_secret(line: str, start: int, end: int, *, loose: bool = False) -> int | None:
    """Find where in a stretch of text a secret begins that follows its own key: `password=x`."""
    for match in (_LOOSE if loose else _INLINE).finditer(line, start, end):
        # with what is glued to it: `privat:-key:x`
        run = _RUN.search(line[max(start, match.end(1) - 64) : match.end(1)])
        if names_secret(match[1]) or (run is not None and is_secret(run[0])):
            return match.end()
    key = _WIREGUARD_KEY.search(line, start, end)
    return None if key is None else key.start()


class Places(Record, kw_only=False):
    """What is hidden, and what is known to be no secret.

    `covered` are the lines of mappings that hold secrets, whose comments are hidden, too; `names` are
    those of devices, `public` the public keys.
    """

    stretches: list[Stretch]
    covered: set[int]
    names: set[str]
    public: set[str]


class _Open:
    """A collection that is being read."""

    __slots__ = ("anchor", "first", "is_mapping", "key", "key_event", "kind", "line")

    def __init__(self, event: Any, kind: Kind, is_mapping: bool, first: int) -> None:
        self.kind: Kind = kind
        self.is_mapping = is_mapping
        self.key: str | None = None
        self.key_event: Any = None  # of the key whose value comes next
        self.anchor: str | None = event.anchor
        self.first = first
        self.line: int = event.start_mark.line


class Structure:
    """Looks for secrets along a parser's events."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Take the lines that the events' marks count."""
        self._lines = lines
        self.places = Places([], set(), set(), set())
        # What anchors mark is looked at again where an alias stands for it: events from the first
        # anchor on, the stretch of each anchor, and that of each alias.
        self._kept: list[Any] = []
        self._anchors: dict[str, tuple[int, int]] = {}
        self._aliases: dict[int, tuple[int, int]] = {}
        self._todo: list[tuple[int, int, Kind]] = []

    def look(self, events: Iterable[Any]) -> None:
        """Go through a whole document.

        Raises `RecursionError` if it is nested too deeply, or if its aliases ask for too much.
        """
        self._run(events, "plain")
        done: set[tuple[int, int, Kind]] = set()
        left = 10 * len(self._kept)  # anchors within anchors could make it fifty times as much
        while self._todo:
            first, last, kind = again = self._todo.pop()
            if again not in done:
                done.add(again)
                left -= last - first
                if left < 0:
                    raise RecursionError
                self._run(self._kept[first:last], kind, again=True)

    def _run(self, events: Iterable[Any], kind: Kind, *, again: bool = False) -> None:
        stack: list[_Open] = []
        for event in events:
            what = type(event).__name__
            if not again and (self._kept or getattr(event, "anchor", None) is not None):
                self._kept.append(event)
            if what in ("MappingStartEvent", "SequenceStartEvent"):
                if len(stack) == _DEEPEST:
                    raise RecursionError
                is_mapping, found = what == "MappingStartEvent", self._kind(stack, kind)
                if found == "public" and is_mapping:  # what is harmless is no mapping
                    found = "secret"
                stack.append(_Open(event, found, is_mapping, len(self._kept) - 1))
            elif what in ("MappingEndEvent", "SequenceEndEvent"):
                done = stack.pop()
                if holds_secrets(done.kind):
                    self.places.covered.update(range(done.line, event.end_mark.line + 1))
                if done.anchor is not None and not again:
                    self._anchors[done.anchor] = done.first, len(self._kept)
                _turn(stack, None, event)
            elif what == "ScalarEvent":
                if event.anchor is not None and not again:
                    self._anchors[event.anchor] = len(self._kept) - 1, len(self._kept)
                self._scalar(stack, kind, event)
            elif what == "AliasEvent":
                found = self._kind(stack, kind)
                if not again and event.anchor in self._anchors:
                    self._aliases[id(event)] = self._anchors[event.anchor]
                if id(event) in self._aliases:
                    self._todo.append((*self._aliases[id(event)], found))
                elif holds_secrets(found):
                    self._hide(event)
                _turn(stack, None, event)

    def _kind(self, stack: list[_Open], kind: Kind) -> Kind:
        """Give the kind of the value that comes next."""
        if not stack:
            return kind
        top = stack[-1]
        if not top.is_mapping:
            return "point" if top.kind == "points" else top.kind
        if top.key_event is None:
            return "secret"  # a key that is no text: YAML that nobody meant
        return below(top.kind, top.key)

    def _scalar(self, stack: list[_Open], kind: Kind, event: Any) -> None:
        value: str = event.value
        top = stack[-1] if stack else None
        if top is not None and top.is_mapping and top.key_event is None:
            if top.kind == "names":
                self.places.names.add(value)
            if self._is_odd_key(top.kind, value):
                self._hide(event)
            _turn(stack, value, event)
            return
        found, key = self._kind(stack, kind), "" if top is None else top.key or ""
        if top is not None and top.kind == "names" and names_secret(key):
            found = "secret"  # no device has a text for its settings
        is_empty = event.style in (None, "") and value in _EMPTY and not _is_tagged(event)
        if not holds_secrets(found):
            if plain(key) == "publickey" or (found == "public" and key == "public"):
                self.places.public.add(value)
            elif inline_secret(value, 0, len(value)) is not None:
                self._hide(event)
        elif not is_empty:
            if not (key == "file" and found == "secret" and is_path(value)):
                self._hide(event)
        elif found == "secret" and top is not None and top.key and not is_secret(top.key):
            self._hide(top.key_event)  # `{hunter22}`: a value in the place of a key
        _turn(stack, None, event)

    def _is_odd_key(self, kind: Kind, key: str) -> bool:
        """Tell whether a key may be a secret itself: below a secret, or if it does not look like one."""
        if kind == "secret":
            return key not in words()
        if kind == "keys":
            return key not in _OF_KEYS
        if inline_secret(key, 0, len(key), loose=True) is not None:
            return True
        return kind in ("auth", "point", "peer") and not (_WORD.fullmatch(key) or key == "<<")

    def _hide(self, event: Any) -> None:
        """Hide what an event stands for, but for the mark of a text in a block."""
        start, end = event.start_mark, event.end_mark
        value: str = getattr(event, "value", None) or event.anchor or ""
        for number in range(start.line, min(end.line + 1, len(self._lines))):
            line = self._lines[number]
            first = start.column if number == start.line else len(line) - len(line.lstrip())
            last = end.column if number == end.line else len(line)
            if first < last and not _BLOCK.fullmatch(line[first:last].strip()):
                self.places.stretches.append((number, first, last, value))
                value = ""  # once is enough of a text of a million lines


def _is_tagged(event: Any) -> bool:
    start, end = event.start_mark, event.end_mark
    return (start.line, start.column + len(event.value)) != (end.line, end.column)


def _turn(stack: list[_Open], key: str | None, event: Any) -> None:
    """Turn from a key to its value, or from a value to the next key."""
    if stack and stack[-1].is_mapping:
        top = stack[-1]
        top.key, top.key_event = (key, event) if top.key_event is None else (None, None)


# --- what is no YAML ------------------------------------------------------------------------------

# Each character is taken once: a line may have 16 MiB.
_TOKEN = re.compile(
    r"""
      (?P<comment>\#.*) | (?P<quoted>"(?:\\.|[^"\\])*"|'(?:''|[^'])*') | (?P<colon>:)(?=\s|$)
    | (?P<mark>[\[\]{},]) | (?P<dash>[-?])(?=\s|$)
    | (?P<word>(?:[^\s\[\]{},:]|:(?=\S))+) | (?P<blank>\s+)
    """,
    re.VERBOSE,
)
# What is no secret, wherever it stands: an address, a short number, a duration, a word of the language.
_HARMLESS = re.compile(
    r"[0-9]{1,6}(ms|s|m|h|d)?|[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?"
    r"|[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f]{0,4}){2,7}(/[0-9]{1,3})?"
)

_WORDS = re.compile(
    r"""(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]-)([A-Za-z][A-Za-z0-9_-]{0,63})["']?\s{0,9}:"""
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_GLUED = re.compile(
    r"""(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]-)([A-Za-z][A-Za-z0-9_-]{0,63})["']?(:|$)"""
)


class Guess:
    """Looks for secrets line by line, for texts that are not YAML."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Take the lines of the whole text."""
        self._lines = lines
        self._found: list[list[tuple[int, int]]] = []  # of the lines looked at so far
        self._blocks: list[tuple[int, Kind]] = []  # open ones, with the column of their key
        self._brackets = 0  # open ones of them
        self._is_behind = False  # whether a key that holds secrets was met

    def hidden(self, number: int) -> list[tuple[int, int]]:
        """Give the stretches of a line that may be secret."""
        while len(self._found) <= number:
            self._found.append(list(self._look(self._lines[len(self._found)])))
        return self._found[number]

    def _look(self, line: str) -> Iterator[tuple[int, int]]:
        self._leave_blocks(line)
        key: str | None = None  # whose value comes next
        opened: list[str] = []  # brackets of this line
        start = end = -1  # of the scalar that is being read
        for token in [*_TOKEN.finditer(line), None]:
            what = "" if token is None else str(token.lastgroup)
            if what == "blank":
                continue
            if token is not None and what in ("word", "quoted"):
                start, end = (token.start() if start < 0 else start), token.end()
                if token[0].count('"') % 2 or token[0].count("'") % 2:
                    self._brackets += bool(self._blocks) * len(self._lines)  # it never ends
                if what == "quoted" and _opening(token[0]) is not None:
                    # a quote too many: what seems quoted is what stands between the quotes
                    self._blocks.append((token.start(), "secret"))
                    self._is_behind = True
                    yield token.start(), len(line)
                    return
                continue
            if start >= 0 and what == "colon":
                key = line[start:end].strip("\"'")
                yield from self._key(key, start, end)
            elif start >= 0:
                yield from self._value(line, key, start, end)
            start = -1
            if token is None or what in ("colon", "dash"):
                continue
            if what == "comment":
                yield from self._comment(token)
                continue
            self._brackets += bool(self._blocks) * (1 if token[0] in "[{" else -(token[0] in "]}"))
            if token[0] in "[{":
                opened.append(token[0])
            elif opened and token[0] in "]}":
                opened.pop()
            if token[0] != "[" and opened[-1:] != ["["]:
                key = None

    def _leave_blocks(self, line: str) -> None:
        text = line.lstrip()
        column = len(line) - len(text)
        self._brackets = max(0, self._brackets)
        if not text or text[0] == "#" or self._brackets:
            return
        # the items of a list may stand below the very beginning of its key
        while self._blocks and column + (text[0] == "-") <= self._blocks[-1][0]:
            self._blocks.pop()

    def _key(self, key: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        kind: Kind = self._blocks[-1][1] if self._blocks else "plain"
        last = key.split()[-1] if key.strip() else ""  # `wifi auth:`, where a comma is missing
        found: Kind | None = "secret" if is_secret(last) else block(last)
        if has_keys(kind, key):
            found = "keys"
        if key not in words() and (
            kind == "secret"
            or (kind == "keys" and key not in _OF_KEYS)
            # a value that a colon follows
            or (self._is_behind and not (_NAME.fullmatch(key) and len(key) == end - start))
        ):
            yield start, end
        elif kind != "secret" and found is not None:
            self._blocks.append((start, found))
            self._is_behind = True

    def _value(self, line: str, key: str | None, start: int, end: int) -> Iterator[tuple[int, int]]:
        text = line[start:end].strip("\"'")
        glued = _GLUED.search(text)  # `auth:#` is no key for YAML, nor is `auth {`
        if glued is not None and (glued[2] or block(glued[1])):
            yield from self._key(glued[1], start, start + len(glued[1]))
        if self._is_doubtful(text, key):
            if not _BLOCK.fullmatch(text):
                yield start, end
        elif (inline := inline_secret(line, start, end, loose=True)) is not None:
            self._is_behind = True
            yield inline, end

    def _is_doubtful(self, text: str, key: str | None) -> bool:
        if not self._blocks:
            return self._is_behind and not (_HARMLESS.fullmatch(text) or text in words())
        kind = self._blocks[-1][1]
        if kind == "secret":
            return not (key == "file" and is_path(text))
        return key is None or key not in harmless("point" if kind == "points" else kind)

    def _comment(self, token: re.Match[str]) -> Iterator[tuple[int, int]]:
        if self._is_behind:
            yield token.start() + 1, token.end()
        else:
            found = list(hidden_comment(token.string, token.start(), token.end()))
            self._is_behind = bool(found)
            yield from found


def _opening(text: str) -> int | None:
    """Find where in a comment or quote, which may be none, a key ends that holds secrets."""
    for word in _WORDS.finditer(text):
        if names_secret(word[1]) or block(word[1]):
            return word.end()
    return None


def hidden_comment(line: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Find what a comment says that may be a secret: it may be a part of a document, too."""
    opening = _opening(line[start:end])
    found = start + opening if opening is not None else inline_secret(line, start + 1, end)
    if found is None and any(map(is_secret, re.findall(r"[\w-]+", line[start:end]))):
        found = start + 1
    if found is not None:
        yield found, end


def comment(line: str) -> int | None:
    """Find where the comment of a line begins, as far as the line alone tells."""
    marks = (token.start() for token in _TOKEN.finditer(line) if token.lastgroup == "comment")
    return next(marks, None)
