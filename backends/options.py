"""Tables of options: what a target calls each field of a kind of device, and how it spells values.

One entry is both the row of the support table and the line that a writer writes, so that the two
cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from vnetc.backends.support import EVER, Limit, Programs, Support, key, word_of
from vnetc.model.data import is_tuple
from vnetc.model.record import Record, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def only_true(value: bool) -> str | None:
    """Spell `yes`, and say nothing of false."""
    return "yes" if value else None


def spell(value: Any) -> str:
    """Spell a value as systemd.syntax(7) does: `yes`, `no`, lists with blanks."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if is_tuple(value) else str(value)


class Option(Record, kw_only=False):
    """How a target says one field.

    `word` is the target's name for it. Without one, `how` names what a writer says in its place,
    or, if that is empty too, `reason` is why the target cannot. `silence` is the value that a new
    device has without being told.
    """

    field: str
    word: str = ""
    spell: Callable[[Any], str | None] = spell
    since: Programs = EVER
    limits: tuple[Limit, ...] = ()
    how: str = ""
    reason: str = ""
    silence: Any = None

    def __init__(
        self,
        field: str,
        word: str = "",
        spell: Callable[[Any], str | None] = spell,
        since: Programs = EVER,
        limits: tuple[Limit, ...] = (),
        how: str = "",
        reason: str = "",
        silence: Any = None,
    ) -> None:
        """Fill in the fields: by hand, since hundreds are made at each start."""
        filled = {
            "field": field,
            "word": word,
            "spell": spell,
            "since": since,
            "limits": limits,
            "how": how,
            "reason": reason,
            "silence": silence,
        }
        object.__setattr__(self, "__dict__", filled)


class Group(Record, kw_only=False):
    """The options of one class of the model, all said in the same place, a section for instance."""

    place: str
    options: tuple[Option, ...]


Groups = Mapping[type[Record], Group]


def option(
    field: str,
    word: str,
    spell: Callable[[Any], str | None] = spell,
    *limits: Limit,
    since: Programs = EVER,
) -> Option:
    """Say a field by an option of the target."""
    return Option(field, word, spell, since, limits)


def elsewhere(
    field: str, how: str, *limits: Limit, since: Programs = EVER, silence: Any = None
) -> Option:
    """Say a field by what a writer does on its own."""
    return Option(field, how=how, limits=limits, since=since, silence=silence)


def cannot(reason: str, *fields: str) -> tuple[Option, ...]:
    """Refuse fields, all for one reason."""
    return tuple(Option(field, reason=reason) for field in fields)


def rows_of(groups: Groups, describe: Callable[[str, str], str]) -> dict[str, Support]:
    """Make rows of a support table; `describe` puts a place and a word together."""
    return {
        f"{word_of(cls)}.{key(item.field)}": Support(
            how=describe(group.place, item.word) if item.word else item.how,
            reason=item.reason,
            since=item.since,
            limits=item.limits,
            silence=item.silence,
        )
        for cls, group in groups.items()
        for item in group.options
    }


def spelled(node: Record, options: Iterable[Option]) -> Iterator[tuple[Option, str]]:
    """Give the text of each option whose field has a value; an empty tuple is none, unless the
    field says nothing by None.

    A spelling may be None: of a value that the target has without being told.
    """
    unsaid = fields(type(node))
    for item in options:
        if item.word:
            value = getattr(node, item.field)
            empty = value is None or (value == () and unsaid[item.field] == ())
            text = None if empty else item.spell(value)
            if text is not None:
                yield item, text


def said(node: Record, options: Iterable[Option]) -> Iterator[tuple[str, str]]:
    """Give word and text of each option whose field has a value."""
    return ((item.word, text) for item, text in spelled(node, options))
