"""Text to tree: YAML 1.2 with a position for every key and value.

Two parsers, one answer. The C scanner reads the text if it can; whenever it has something to
complain about, and for texts that it is known to take differently (tabs, `%` directives), ruamel's
pure parser decides and words the error (docs/adr/0003). The tree is built here from the events of
either, without recursion, so that depth, duplicate keys, aliases and merges are checked on the way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vnetc.language.parsers import LONG_TAG, is_allowed, is_taken_differently
from vnetc.language.yaml_fast import c_events
from vnetc.language.yaml_fast import c_parser as _c_parser
from vnetc.model.data import is_list
from vnetc.model.diagnostics import Diagnostic, Label, Part, Path, Span, diagnostic
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 40
MAX_NODES: Final = 2_000_000
# How many values aliases may stand for: 15,000, in a text of more than 30,000 characters one for each
# two of them. Written out a value takes eight characters or more, so a text costs at most some five
# times what plain text of its size costs, where aliases could make it cost the square, or more. Of
# documents that people write those come closest that repeat a prototype and say nothing else: 4,000 times
# `eth0.17: {<<: *vlan, id: 17}` may have one of 15 values.
ALIASED: Final = 15_000
ALIASED_PER_CHARACTER: Final = 1 / 2
CHARACTERS_PER_VALUE: Final = 64  # a long text counts as several values

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# They quote a name, which the C scanner may end too early.
_NAMING = frozenset({"VN005", "VN011", "VN013"})
_LINES = re.compile(r"\r\n|\n|\r")


class Node:
    """A value of the document: plain `data`, where it stands, and the nodes below it."""

    __slots__ = ("data", "end", "items", "keys", "size", "start")

    def __init__(self, data: Any, event: Any) -> None:
        """Take the event's marks, which count lines and columns from zero."""
        self.data: Any = data
        self.start = event.start_mark
        self.end = event.end_mark
        self.items: dict[Any, Node] = _NO_NODES  # by key or index
        self.keys: dict[str, Node] = _NO_NODES
        self.size = 1  # values, with those below it and those that aliases repeat

    @property
    def span(self) -> Span:
        """The node's place, counted from 1."""
        start, end = self.start, self.end
        return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


_NO_NODES: dict[Any, Node] = {}  # what a scalar has below it; never filled


class Document:
    """A text that was read: its lines, its data and the places of all of it.

    `root` is None if there is nothing usable; `diagnostics` then says why.
    """

    def __init__(self, text: str, root: Node | None, diagnostics: list[Diagnostic]) -> None:
        """Keep what `parse` found."""
        self.text = text
        self.root = root
        self.diagnostics = diagnostics
        self.is_aliased = False  # whether a value stands in several places

    @property
    def data(self) -> Any:
        """The document as dicts, lists, strings, integers, booleans and None."""
        return None if self.root is None else self.root.data

    @property
    def lines(self) -> list[str]:
        """The source's lines without their ends."""
        return _LINES.split(self.text)

    def span(self, path: Path, part: Part = "value") -> Span:
        """Find the place of a path; of the nearest one above it if the document has no such path.

        A missing key, say, or one that a network's expansion put there.
        """
        node = self._node(path, part)
        return Span(1, 1, 1, 1) if node is None else node.span

    def _node(self, path: Path, part: Part) -> Node | None:
        node, key = self.root, None
        for step in path:
            below = None if node is None else node.items.get(step)
            if node is None or below is None:
                break
            node, key = below, node.keys.get(str(step))
        if node is None or key is None:
            return node
        # a block collection has no useful end: what names it is the better place
        whole = isinstance(node.data, (dict, list)) and node.end.line > node.start.line
        return key if part == "key" or whole else node

    def resolve(self, found: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Give diagnostics with the places of their paths filled in; an option has none.

        What an alias repeats is found in each place that repeats it, and said once.
        """
        resolved: dict[tuple[Any, ...], Diagnostic] = {}
        for d in found:
            place = d.span or (None if d.part == "option" else self._node(d.path, d.part))
            places = [label.span or self._node(label.path, label.part) for label in d.labels]
            texts = [label.text for label in d.labels]
            said = (place, d.code, d.severity, d.message, d.label, d.help, *texts, *places)
            if said not in resolved:
                is_placed = d.span is not None and all(label.span for label in d.labels)
                resolved[said] = d if is_placed else _placed(d, place, places)
        return list(resolved.values())


def _placed(
    d: Diagnostic, place: Span | Node | None, places: Iterable[Span | Node | None]
) -> Diagnostic:
    labels = zip(d.labels, places, strict=True)
    return replace(
        d,
        span=None if d.part == "option" else _span(place),
        labels=tuple(replace(label, span=_span(at)) for label, at in labels),
    )


def _span(place: Span | Node | None) -> Span:
    if place is None:
        return Span(1, 1, 1, 1)
    return place.span if isinstance(place, Node) else place


def parse(source: bytes | str) -> Document:
    """Read a document. Whatever the input, the answer is a `Document`, never an exception."""
    if len(source) > MAX_BYTES:
        message = f"the document has more than {MAX_BYTES // 1024 // 1024} MiB"
        return _refuse(
            "", "VN007", message, Span(1, 1, 1, 1), "split it into one file for each host"
        )
    text, problem = _decode(source)
    if problem is not None:
        return Document(text, None, [problem])
    bad = min((text.index(char) for char in set(text) if not is_allowed(char)), default=None)
    if bad is not None:
        return _refuse(
            text,
            "VN002",
            f"the character U+{ord(text[bad]):04X} is not allowed in YAML",
            _span_at(text, bad),
            "remove it, or write it as an escape in a double-quoted string",
        )
    tag = LONG_TAG.search(text)
    if tag is not None:
        return _refuse(
            text,
            "VN011",
            "a tag has no meaning here",
            _span_at(text, tag.end() - 1),
            "remove it; a quoted value is a text, a plain one what it looks like",
        )
    if not is_taken_differently(text):
        parser = _c_parser()
        if parser is not None:
            try:
                document = _Builder(text, c_events(parser, text)).document()
                if not any(d.code in _NAMING for d in document.diagnostics):
                    return document
            except parser.error:
                pass
    return _parse_pure(text)


def _decode(source: bytes | str) -> tuple[str, Diagnostic | None]:
    if isinstance(source, str):
        return source.removeprefix("\ufeff"), None
    try:
        return source.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        before = source[: error.start].decode("utf-8-sig", errors="replace")
        text = source.decode("utf-8-sig", errors="replace")
        problem = diagnostic(
            "VN001",
            f"byte 0x{source[error.start]:02x} is not UTF-8",
            (),
            help="save the file as UTF-8",
        )
        return text, replace(problem, span=_span_at(text, len(before)))


def _refuse(text: str, code: str, message: str, span: Span, help: str = "") -> Document:
    return Document(text, None, [replace(diagnostic(code, message, (), help=help), span=span)])


def _span_at(text: str, offset: int) -> Span:
    lines = _LINES.split(text[:offset])
    line, column = len(lines), len(lines[-1]) + 1
    return Span(line, column, line, column + 1)


def _parse_pure(text: str) -> Document:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader: Any = YAML(typ="safe", pure=True)
    try:
        return _Builder(text, reader.parse(text)).document()
    except MarkedYAMLError as error:
        return _malformed(text, error)
    except YAMLError as error:
        return _refuse(text, "VN003", _lower(str(error).splitlines()[0]), Span(1, 1, 1, 1))


def _malformed(text: str, error: Any) -> Document:
    """Word a parser's error: where it gave up, and where what it was reading began."""
    mark, began = error.problem_mark or error.context_mark, error.context_mark
    problem: str = (error.problem or error.context or "not YAML").strip().rstrip(".")
    # what begins a value like a tag may be a part of a secret: the line shows what of it may be shown
    problem = re.sub(r"^(found undefined tag handle) .*", r"\1", problem, flags=re.DOTALL)
    span = Span(1, 1, 1, 1) if mark is None else _mark_span(mark)
    lines = _LINES.split(text)
    here = lines[span.line - 1] if span.line <= len(lines) else ""
    refused = _refuse(text, "VN003", _lower(problem), span, _yaml_help(problem, here))
    if error.context and began is not None and began.line + 1 < span.line:
        words = re.sub(r"^while (?:parsing|scanning) an? ", "in this ", error.context)
        label = Label(text=words, span=_mark_span(began))
        refused.diagnostics = [replace(d, labels=(label,)) for d in refused.diagnostics]
    return refused


# What to do about a problem, by words of the parser's message.
_YAML_HELP = {
    "mapping values": "a text with `: ` needs quotes, and keys of one mapping the same indentation",
    "but found '<block mapping start>'": "keys of one mapping have the same indentation",
    "but found '<scalar>'": "nothing follows a closing quote; a text with quotes in it needs others "
    "around all of it",
    "<block end>": "the items of one list, and the keys of one mapping, have the same indentation",
    "could not find expected ':'": "a key is followed by `:` and a blank or the end of the line",
    "expected ',' or '}'": "a `{` before it is not closed, or a `,` is missing",
    "expected ',' or ']'": "a `[` before it is not closed, or a `,` is missing",
    "end of stream": "a quote before it is not closed",
    "cannot start any token": "a text that begins with this character needs quotes",
}


def _mark_span(mark: Any) -> Span:
    return Span(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _yaml_help(problem: str, line: str) -> str:
    if "\\t" in problem or "\t" in line:
        return "indent with blanks; YAML allows no tab there"
    if "::" in line or re.search(r":[0-9a-fA-F]{1,4}:", line):
        return 'an IPv6 address in a list or before `,` needs quotes: "2001:db8::1/64"'
    for words, help in _YAML_HELP.items():
        if words in problem:
            return help
    return ""


# --- events to nodes ------------------------------------------------------------------------------


class _Refused(Exception):
    """Ends the building of a tree; what to say stands in the builder's diagnostics."""


class _Builder:
    """Builds the tree of one document from parser events."""

    def __init__(self, text: str, events: Iterator[Any]) -> None:
        self.text = text
        self.events = events
        self.found: list[Diagnostic] = []
        self.anchors: dict[str, Node | None] = {}  # None while the anchored node is open
        self.scalars: dict[str, Any] = {}
        self.aliased = 0  # values that aliases added so far
        self.limit = max(ALIASED, int(len(text) * ALIASED_PER_CHARACTER))

    def document(self) -> Document:
        try:
            root = self.build()
        except _Refused:
            return Document(self.text, None, self.found)
        if root is None:
            return _refuse(
                self.text,
                "VN010",
                "the document is empty",
                Span(1, 1, 1, 1),
                "a document begins with `version: 1`",
            )
        document = Document(self.text, root, self.found)
        document.is_aliased = self.aliased > 0
        return document

    def report(self, code: str, message: str, node: Any, **more: Any) -> None:
        span = node.span if isinstance(node, Node) else _event_span(node)
        self.found.append(replace(diagnostic(code, message, (), **more), span=span))

    def build(self) -> Node | None:
        """Run through the events; an open collection waits on the stack with its pending key."""
        root: Node | None = None
        stack: list[tuple[Node, str | None]] = []  # collection and its anchor
        pending: list[Node | None] = []  # the key whose value comes next, for mappings
        documents = 0
        for event in self.events:
            kind = type(event).__name__
            if kind == "ScalarEvent":
                node = self.scalar(event)
            elif kind == "MappingStartEvent" or kind == "SequenceStartEvent":
                self.check_tag(event)
                node = Node({} if kind == "MappingStartEvent" else [], event)
                node.items, node.keys = {}, {}
                if event.anchor is not None:
                    self.anchors[event.anchor] = None
                stack.append((node, event.anchor))
                pending.append(None)
                if len(stack) > MAX_DEPTH:
                    self.report(
                        "VN008",
                        f"nested more than {MAX_DEPTH} levels deep",
                        event,
                        help="the language has no use for more than ten",
                    )
                    raise _Refused
                continue
            elif kind == "MappingEndEvent" or kind == "SequenceEndEvent":
                node, anchor = stack.pop()
                pending.pop()
                self.close(node, event)
                if anchor is not None:
                    self.anchors[anchor] = node
            elif kind == "AliasEvent":
                node = self.alias(event)
            else:
                if kind == "DocumentStartEvent":
                    documents += 1
                    if documents > 1:
                        self.report(
                            "VN009",
                            "a second document begins here",
                            event,
                            help="one file describes one host: remove the `---`",
                        )
                        raise _Refused
                continue
            if not stack:
                root = node
            elif is_list(stack[-1][0].data):
                self.append(stack[-1][0], node)
            elif pending[-1] is None:
                pending[-1] = node
            else:
                self.put(stack[-1][0], pending[-1], node)
                pending[-1] = None
        if root is not None and root.data is None and not root.items:
            return None
        return root

    def scalar(self, event: Any) -> Node:
        self.check_tag(event)
        value = event.value
        if event.style in (None, ""):
            data = self.scalars.get(value, self)
            if data is self:
                data = self.scalars[value] = _plain(value)
        else:
            data = value if value.isascii() else self.without_surrogates(value, event)
        node = Node(data, event)
        node.size += len(value) // CHARACTERS_PER_VALUE
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def without_surrogates(self, value: str, event: Any) -> str:
        """Join what JSON escapes in two halves, an emoji for instance; a half alone is none."""
        try:
            return value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.report(
                "VN002",
                "half of a surrogate pair is no character",
                event,
                help="write the character itself, or its escape `\\U0001F600`",
            )
            return ""

    def alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            self.report(
                "VN013",
                f"no anchor `&{event.anchor}` before this alias",
                event,
                help="mark the value it stands for with the anchor, or quote a text that begins "
                "with `*`",
            )
            raise _Refused
        node = self.anchors[event.anchor]
        if node is None:
            self.report(
                "VN005",
                f"`&{event.anchor}` contains itself",
                event,
                help="write out here what is meant",
            )
            raise _Refused
        self.aliased += node.size
        if self.aliased > self.limit:
            self.report(
                "VN006",
                f"the aliases stand for more than {self.limit:,} values",
                event,
                label=f"{node.size:,} more by this one",
                help="write the larger values out, which does not count, or let aliases stand for less",
            )
            raise _Refused
        return node

    def check_tag(self, event: Any) -> None:
        try:
            tag = event.ctag
        except AttributeError:  # ruamel.yaml before 0.18
            tag = event.tag
        if tag is not None and str(tag) not in ("", "None", "!"):
            shown = str(tag).replace("tag:yaml.org,2002:", "!!")
            # one in other words than its own may be a secret that nobody would recognise then
            name = f"the tag `{shown}`" if shown in self.text else "a tag"
            self.report(
                "VN011",
                f"{name} has no meaning here",
                event,
                help="remove it; a quoted value is a text, a plain one what it looks like",
            )
            raise _Refused

    def append(self, parent: Node, node: Node) -> None:
        parent.items[len(parent.data)] = node
        parent.data.append(node.data)
        self.grow(parent, node)

    def put(self, parent: Node, key: Node, node: Node) -> None:
        name = key.data
        if name == "<<":
            parent.items.setdefault("<<", node)
            self.grow(parent, node)
            return
        if not isinstance(name, str):
            self.report(
                "VN012",
                "a key is a text",
                key,
                help="put the key into quotes" if not key.items else "",
            )
            return
        first = parent.keys.get(name)
        if first is not None:
            self.report(
                "VN004",
                f"the key `{name}` appears twice",
                key,
                labels=(Label(text="first here", span=first.span),),
                help="join the two, or remove one of them",
            )
            return
        parent.keys[name] = key
        parent.items[name] = node
        parent.data[name] = node.data
        self.grow(parent, node)

    def grow(self, parent: Node, node: Node) -> None:
        parent.size += node.size
        if parent.size > MAX_NODES:
            self.report(
                "VN007",
                f"the document has more than {MAX_NODES:,} values",
                node,
                help="split it into one file for each host",
            )
            raise _Refused

    def close(self, node: Node, event: Any) -> None:
        node.end = event.end_mark
        merge = node.items.pop("<<", None)
        if merge is not None:
            self.merge(node, merge)

    def merge(self, node: Node, merge: Node) -> None:
        """Put the mappings of a `<<` below what the mapping says itself (yaml.org/type/merge)."""
        parts = list(merge.items.values()) if isinstance(merge.data, list) else [merge]
        for part in parts:
            if not isinstance(part.data, dict):
                self.report(
                    "VN013",
                    "`<<` merges mappings only",
                    part,
                    help="write `<<: *name`, where `&name` marks a mapping",
                )
                return
            for name, below in part.items.items():
                if name not in node.items:
                    node.keys[name] = part.keys[name]
                    node.items[name] = below
                    node.data[name] = below.data


def _event_span(event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _plain(value: str) -> object:
    """Resolve a plain scalar: null, booleans and integers; all else is a string.

    Narrower than the YAML 1.2 core schema, whose floats, octals and dates the language has no use
    for: `0644`, `1_000`, `1e3`, `1.20` and `2001-01-01` stay the texts they are.
    """
    if value in _WORDS:
        return _WORDS[value]
    if len(value) <= 20 and _INTEGER.fullmatch(value):
        return int(value, 16) if value[:2] == "0x" else int(value)
    return value
