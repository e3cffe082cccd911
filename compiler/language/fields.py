"""How the fields of a record are lowered: what their annotations say of the document's values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache

from vnetc.language import scalars
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PORTS = (1, 65535)
# annotation -> what makes a value of a scalar; of all others the scalar is the value
_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "Bytes": scalars.size,
    "ClassId": scalars.class_id,
    "Handle": scalars.handle,
    "HundredthsOfPercent": scalars.percent,
    "IPAddress": scalars.address,
    "IPNetwork": scalars.network,
    "IPv6Network": scalars.network,
    "MacAddress": str.lower,
    "Microseconds": scalars.microseconds,
    "Milliseconds": scalars.duration,
    "Rate": scalars.rate,
    "Table": scalars.table,
    "TunnelKey": scalars.tunnel_key,
    "Mark": scalars.mark,
    "GroupAddress": scalars.group,
    "Origin": scalars.origin,
    "Protocol": scalars.protocol,
    "Realms": scalars.realms,
    "Wakes": scalars.wakes,
    "Words": scalars.words,
    "Users": lambda value: scalars.span(value, 0, 0xFFFFFFFE),
    "tuple[int, int]": lambda value: scalars.span(value, *_PORTS),
    "tuple[str, int]": scalars.endpoint,
}
_MANY = "tuple[", ", ...]"


class Field(Record, kw_only=False):
    """A field: its name, what parses a value or what record it is, and whether it is a list.

    `merged`: a list of ranges, of which those that touch become one.
    """

    name: str
    parse: Callable[[Any], Any] | None = None
    record: type[Record] | None = None
    many: bool = False
    merged: bool = False


@cache
def fields_by_key(cls: type[Record]) -> Mapping[str, Field]:
    """Give the fields of a record class by the keys of the document."""
    return {
        name.rstrip("_").replace("_", "-"): _field(cls, name, annotation)
        for name, annotation in cls.__annotations__.items()
        if name != "path"
    }


def _vids(value: int | str) -> tuple[int, int]:
    return scalars.span(value, 1, 4094)


def _field(cls: type[Record], name: str, annotation: str) -> Field:
    kind = annotation.removesuffix(" | None")
    many = kind.startswith(_MANY[0]) and kind.endswith(_MANY[1])
    if many:
        kind = kind.removeprefix(_MANY[0]).removesuffix(_MANY[1])
    if kind == "Ranges":
        return Field(name, _vids, many=True, merged=True)
    named = kind.isidentifier() and kind not in _PARSERS
    found: object = getattr(sys.modules[cls.__module__], kind, None) if named else None
    record = found if isinstance(found, type) and issubclass(found, Record) else None
    return Field(name, _PARSERS.get(kind), record, many)
