"""Secrets stay out of reports: what a document keeps secret is not quoted, not even by an error.

Each value is judged by its place (`secret_places`), whatever word its key is and however short it is. A text
that is hidden in its place is hidden where else it stands, too, in quoted lines and in words, if it is long
enough to be no common word. Too much is hidden rather than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from vnetc.model.diagnostics import QUOTED, Diagnostic, Path, Span
from vnetc.model.record import replace
from vnetc.report.secret_keys import block, is_secret, words
from vnetc.report.secret_places import Guess, Places, Structure, comment, hidden_comment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.report.secret_places import Stretch

HIDDEN = "…"  # of one length, whatever it stands for
_SHORTEST = 6  # a shorter text is more likely a word than a secret, but in its place
_MOST = 200  # with more texts in its place a finding is about a whole collection, and quotes none
_NO_YAML = frozenset({"VN001", "VN002", "VN003", "VN007"})
_WORD = re.compile(
    r"""(?<![A-Za-z0-9_-])[A-Za-z][A-Za-z0-9_-]*(?![A-Za-z0-9_-])(?: key)?(?=["']?\s{0,9}\S)"""
)
# WireGuard's keys wherever they stand: in base64, give or take a few characters that were lost or
# typed twice.
_KEY_OF_32_BYTES = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{38,}=+[A-Za-z0-9+/]*")
_PUBLIC = re.compile(r"public[-_ ]?key\W+([A-Za-z0-9+/]+=?)", re.IGNORECASE)


class Secrets:
    """What is secret in a text: where it stands, and what it says."""

    def __init__(
        self, lines: Sequence[str], found: Iterable[Diagnostic] = (), *, hidden: str = HIDDEN
    ) -> None:
        """Look for secrets in the lines of a document, in which something was `found`."""
        self._lines = lines
        self._hidden = hidden
        self._places = Places([], set(), set(), set())
        self._guess: Guess | None = None
        text = "\n".join(lines)
        if _may_have(text):
            self._look(text, any(d.code in _NO_YAML for d in found))
        self._in_line: dict[int, list[Stretch]] = {}
        texts: set[str] = set()
        for stretch in self._places.stretches:
            self._in_line.setdefault(stretch[0], []).append(stretch)
            texts.update(self._texts(stretch))
        self._index = _Index(texts - self._places.names - words() if texts else texts)
        self._shown: dict[int, tuple[str, list[tuple[int, int]]]] = {}

    def _look(self, text: str, is_broken: bool) -> None:
        from vnetc.language.parsers import NotYaml, events

        for pure in () if is_broken else (False, True):
            structure = Structure(self._lines)
            try:
                structure.look(events(text, pure=pure))
            except NotYaml:
                continue
            except RecursionError:
                break
            self._places = structure.places
            return
        self._guess = Guess(self._lines)

    # --- lines ------------------------------------------------------------------------------------

    def line(self, number: int) -> str:
        """Give a line, counted from 1, as it may be shown; "" behind the last."""
        return self._masked(number - 1)[0] if number <= len(self._lines) else ""

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
        for start, stop in self._masked(line)[1] if line < len(self._lines) else ():
            if column <= start:
                break
            if column < stop:
                return start + shift + (len(self._hidden) if is_end else 0)
            shift += len(self._hidden) - (stop - start)
        return column + shift

    def _masked(self, number: int) -> tuple[str, list[tuple[int, int]]]:
        """Give a line without secrets, and the stretches that are hidden in it."""
        if number not in self._shown:
            line = self._lines[number]
            self._shown[number] = _without(line, self._stretches(number, line), self._hidden)
        return self._shown[number]

    def _stretches(self, number: int, line: str) -> Iterator[tuple[int, int]]:
        yield from (stretch[1:3] for stretch in self._in_line.get(number, ()))
        public = [match.span(1) for match in _PUBLIC.finditer(line)]
        for match in _KEY_OF_32_BYTES.finditer(line):
            if match.span() not in public and match[0] not in self._places.public:
                yield match.span()
        yield from self._index.find(line)
        if self._guess is not None:
            yield from self._guess.hidden(number)
        elif (start := comment(line)) is not None:
            # it may be the end of a secret that was not quoted
            if number in self._places.covered or number in self._in_line:
                yield start + 1, len(line)
            else:
                yield from hidden_comment(line, start, len(line))

    # --- words ------------------------------------------------------------------------------------

    def scrub(self, found: Diagnostic) -> Diagnostic:
        """Take secrets out of the words of a diagnostic."""
        spans = [found.span, *(label.span for label in found.labels)]
        texts = {text for span in spans if span for text in self._at(span)} - {""}
        if len(texts) > _MOST:
            texts.clear()
        about = _spellings(texts)

        def clean(text: str) -> str:
            for spelling in about:
                text = spelling.sub(HIDDEN, text)
            text, _ = _without(text, self._index.find(text))
            return _KEY_OF_32_BYTES.sub(
                lambda m: m[0] if m[0] in self._places.public else HIDDEN, text
            )

        def clean_path(path: Path) -> Path:
            below = False
            steps: list[str | int] = []
            for step in path:
                hidden = step in texts or (below and isinstance(step, str) and step != "file")
                steps.append(HIDDEN if hidden else clean(step) if isinstance(step, str) else step)
                below = below or (isinstance(step, str) and is_secret(step))
            return tuple(steps)

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

    def _at(self, span: Span) -> Iterator[str]:
        """List the texts that are hidden in a place."""
        for number in range(span.line - 1, min(span.end_line, len(self._lines))):
            first = span.column - 1 if number == span.line - 1 else 0
            last = span.end_column - 1 if number == span.end_line - 1 else len(self._lines[number])
            for stretch in self._in_line.get(number, ()):
                if stretch[1] <= last and first <= stretch[2]:
                    yield from self._texts(stretch)
            for start, stop in self._masked(number)[1]:
                if start <= last and first <= stop:
                    yield from self._texts((number, start, stop, ""))

    def _texts(self, stretch: Stretch) -> Iterator[str]:
        """Give a secret as words may quote it: as it is written, as YAML reads it, line by line."""
        number, start, stop, value = stretch
        raw = self._lines[number][start:stop].strip()
        yield raw
        yield raw.strip("\"'")
        # for YAML tags, anchors and aliases
        yield from (word[1:] for word in raw.split()[:3] if word[0] in "!&*")
        yield value
        yield from value.splitlines()


class _Index:
    """Finds texts in others, in one run through them, however many and however long they are."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._whole: dict[str, int] = {}  # a text or its beginning: how much of it is to be hidden
        for text in texts:
            if len(text) >= _SHORTEST:
                for cut in _cuts(text):
                    length = len(text) if len(cut) == QUOTED else len(cut)
                    self._whole[cut] = max(length, self._whole.get(cut, 0))
        lengths: dict[str, set[int]] = {}
        for text in self._whole:
            lengths.setdefault(text[:_SHORTEST], set()).add(len(text))
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Give the stretches of a text that are among those known."""
        start, last = 0, len(text) - _SHORTEST if self._lengths else -1
        while start <= last:
            stop = start + 1
            for length in self._lengths.get(text[start : start + _SHORTEST], ()):
                whole = self._whole.get(text[start : start + length])
                if whole is not None:
                    stop = min(start + whole, len(text))
                    yield start, stop
                    break
            start = stop


def _cuts(text: str) -> Iterator[str]:
    """Give a text as words may quote it, cut short by `brief` with a few characters before it."""
    if len(text) <= QUOTED:
        yield text
    if len(text) > QUOTED - 4:
        yield from (text[:length] for length in range(QUOTED - 4, QUOTED + 1))


def _spellings(texts: set[str]) -> list[re.Pattern[str]]:
    """Compile what finds texts in words that may quote them, however short they are; longest first."""
    spelt = {text.lower() for text in texts} | texts  # `TRUE` is quoted as `true`
    for text in texts:
        if re.fullmatch(r"[-+]?[0-9]{1,20}|0x[0-9A-Fa-f]{1,20}", text):
            spelt.add(str(int(text, 16 if text[:2] == "0x" else 10)))
    cut = sorted({c for t in spelt if t for c in _cuts(t)}, key=lambda t: (-len(t), t))
    return [re.compile(_quoted(text)) for text in cut]


def _quoted(text: str) -> str:
    """Give the pattern of a text in words: a short one in quotes only, a number whole."""
    pattern = re.escape(text)
    if len(text) >= _SHORTEST:
        return pattern
    return (
        rf"(?<!\w){pattern}(?!\w)"
        if text.lstrip("-").isdigit()
        else rf'(?<=[`\["&*]){pattern}(?=[`\]"…s])'
    )


def _without(
    text: str, stretches: Iterable[tuple[int, int]], mark: str = HIDDEN
) -> tuple[str, list[tuple[int, int]]]:
    """Give a text with stretches hidden, and these in their order, joined where they meet."""
    hidden: list[tuple[int, int]] = []
    for start, stop in sorted(stretches):
        if hidden and start <= hidden[-1][1]:
            hidden[-1] = hidden[-1][0], max(stop, hidden[-1][1])
        else:
            hidden.append((start, stop))
    parts: list[str] = []
    end = 0
    for start, stop in hidden:
        parts += [text[end:start], mark]
        end = stop
    return "".join([*parts, text[end:]]), hidden


def _may_have(text: str) -> bool:
    """Tell whether a word of a text may be a key that holds secrets, or a secret by its looks."""
    found = {match[0] for match in _WORD.finditer(text)}
    return any(is_secret(word) or block(word) for word in found) or bool(
        _KEY_OF_32_BYTES.search(text)
    )
