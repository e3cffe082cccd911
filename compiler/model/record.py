"""Records: immutable values with named fields, declared like frozen dataclasses and much cheaper.

`dataclasses` imports `inspect` and compiles five methods for each class; for the two dozen classes
that every run needs that was 40 % of a whole compilation (docs/adr/0004). A record shares its
methods with all others. Type checkers read `dataclass_transform` and see a frozen dataclass.
"""

from __future__ import annotations

from operator import itemgetter

TYPE_CHECKING = False  # as CPython's own library does it: typing costs as much as argparse
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, ClassVar, TypeVar, dataclass_transform

    R = TypeVar("R", bound="Record")
else:

    def dataclass_transform(**options):
        """Stand in for typing's, which only type checkers look at."""
        return lambda cls: cls


class _Missing:
    """Has one instance, the default of fields that have none."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


def _nothing(fields: Mapping[str, Any]) -> tuple[()]:
    return ()


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _RecordType(type):
    """Turns the annotations of a class body into fields and its values into defaults."""

    _uncompared: tuple[str, ...] = ()

    def __new__(
        mcs,
        name: str,
        bases: tuple[_RecordType, ...],
        body: dict[str, Any],
        *,
        kw_only: bool = True,
        uncompared: tuple[str, ...] = (),
    ) -> _RecordType:
        names = tuple(body.get("__annotations__", ()))
        for base in bases:
            uncompared += base._uncompared
        body["_uncompared"] = uncompared
        compared = [name for name in names if name not in uncompared]
        body["_compared"] = itemgetter(*compared) if compared else _nothing
        body["_defaults"] = {field: body.pop(field) for field in names if field in body}
        body["_positional"] = not kw_only
        body["_fields"] = {field: body["_defaults"].get(field, MISSING) for field in names}
        return super().__new__(mcs, name, bases, body)

    def __init__(
        cls,
        name: str,
        bases: tuple[_RecordType, ...],
        body: dict[str, Any],
        *,
        kw_only: bool = True,
        uncompared: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, bases, body)


class Record(metaclass=_RecordType):
    """The base of all records.

    Two are equal if they are of one class and all fields are, but for those that `uncompared` names.
    """

    if TYPE_CHECKING:
        _compared: ClassVar[Callable[[Mapping[str, Any]], object]]
        _defaults: ClassVar[dict[str, Any]]
        _fields: ClassVar[dict[str, Any]]
        _positional: ClassVar[bool]

    def __init__(self, *values: Any, **given: Any) -> None:
        if values:
            if not self._positional:
                raise TypeError(f"{type(self).__name__} takes its fields by name")
            given = {**dict(zip(self._fields, values, strict=False)), **given}
        filled = {**self._defaults, **given}
        if filled.keys() != self._fields.keys():
            wrong = ", ".join(sorted(filled.keys() ^ self._fields.keys()))
            raise TypeError(f"{type(self).__name__} lacks or has no fields {wrong}")
        # all fields at once: one by one takes longer than all the rest
        object.__setattr__(self, "__dict__", filled)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        compared = type(self)._compared
        return compared(self.__dict__) == compared(other.__dict__)

    def __hash__(self) -> int:
        return hash(type(self)._compared(self.__dict__))

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({said})"


class Node(Record, uncompared=("path", "stated")):
    """The base of what stands in a document.

    Where it stands there (`path`), and which defaults are written out (`stated`), says nothing of what
    it means.
    """


def replace(record: R, /, **changes: Any) -> R:
    """Give a copy of a record with some fields changed."""
    filled = {**record.__dict__, **changes}
    if len(filled) != len(record.__dict__):
        wrong = ", ".join(sorted(changes.keys() - record.__dict__.keys()))
        raise TypeError(f"{type(record).__name__} has no fields {wrong}")
    copy = object.__new__(type(record))
    object.__setattr__(copy, "__dict__", filled)
    return copy


def fields(cls: type[Record]) -> Mapping[str, Any]:
    """Give the fields of a record class with their defaults, `MISSING` where there is none."""
    known: Mapping[str, Any] = vars(cls)["_fields"]
    return known
