"""How the fields of a record are lowered: by the names of their types (model/values.py)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache

from vnetc.language import scalars
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# type of model/values.py -> what makes a value of it of a scalar
PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "Bytes": scalars.size,
    "ClassId": scalars.class_id,
    "Endpoint": scalars.endpoint,
    "GroupAddress": scalars.group,
    "Handle": scalars.handle,
    "HundredthsOfPercent": scalars.percent,
    "IPAddress": scalars.address,
    "IPNetwork": scalars.network,
    "IPv6Network": scalars.network,
    "MacAddress": str.lower,
    "Mark": scalars.mark,
    "Microseconds": scalars.microseconds,
    "Milliseconds": scalars.duration,
    "Origin": scalars.origin,
    "PortRange": lambda value: scalars.span(value, 1, 65535),
    "Protocol": scalars.protocol,
    "Rate": scalars.rate,
    "Realms": scalars.realms,
    "Table": scalars.table,
    "TunnelKey": scalars.tunnel_key,
    "Users": lambda value: scalars.span(value, 0, 0xFFFFFFFE),
    "Wakes": scalars.wakes,
    "Words": scalars.words,
}
# types whose values are taken as the document has them, and those that lower.py has a way of its own for
AS_THEY_ARE = frozenset({"bool", "int", "str"})
BY_HAND = frozenset(
    {"AddressRange", "Broadcast", "Discipline", "IPInterface", "IPv4Address", "IPv4Network"}
    | {"Keys", "Kind", "Qdisc", "Raw", "Sysctls"}
)
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
    """Give the fields of a record class by the keys of the document.

    Raise `TypeError` for a field of a type that is in none of the tables above and is no record.
    """
    return {
        name.rstrip("_").replace("_", "-"): _field(cls, name, annotation)
        for name, annotation in cls.__annotations__.items()
        if name != "path"
    }


def _vids(value: int | str) -> tuple[int, int]:
    return scalars.span(value, 1, 4094)


def _field(cls: type[Record], name: str, annotation: str) -> Field:
    kind = annotation.removesuffix(" | None")
    if kind == "Ranges":
        return Field(name, _vids, many=True, merged=True)
    many = kind.startswith(_MANY[0]) and kind.endswith(_MANY[1])
    if many:
        kind = kind.removeprefix(_MANY[0]).removesuffix(_MANY[1])
    if kind in PARSERS:
        return Field(name, PARSERS[kind], many=many)
    if kind in BY_HAND:
        return Field(name, many=many)
    if all(one in AS_THEY_ARE or one.startswith("Literal[") for one in kind.split(" | ")):
        return Field(name, many=many)
    record: object = getattr(sys.modules[cls.__module__], kind, None)
    if not (isinstance(record, type) and issubclass(record, Record)):
        raise TypeError(f"{cls.__name__}.{name}: no entry of fields.py says how `{kind}` is read")
    return Field(name, record=record, many=many)
