"""How the options of network devices stand in netlink's attributes: one entry serves both ways.

An `Option` is one attribute of the kernel's and the field of the model it holds. Its `Type` says
how the model's value becomes the kernel's (`convert`), how that stands in the attribute (`codec`)
and how a plan prints it. Options of one name are alternatives: of an address, one for IPv4 and one
for IPv6. An option without a name holds several: its codec gives and takes a mapping.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping

from vnetc.backends.netlink.state import Attributes, Index, Value
from vnetc.backends.netlink.wire.messages import (
    BE16,
    BOOL,
    MAC,
    U8,
    U16,
    U32,
    U64,
    Codec,
    attribute,
    attributes,
    enum,
)
from vnetc.backends.netlink.wire.messages import IP as IP_CODEC
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

# how the kernel takes a change: while the device is up; when it is down; when it is down and has
# no members; not at all
Impact: TypeAlias = 'Literal["live", "down", "empty", "recreate"]'

Decoded: TypeAlias = "dict[str, Value]"


def show_value(value: Value) -> str:
    """Spell a value as a document does."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(show_value, value))}]"
        case dict():
            return f"{{{', '.join(f'{key}: {show_value(item)}' for key, item in value.items())}}}"
        case _:
            return str(value)


def show_duration(milliseconds: int) -> str:
    """Spell a time as a document does."""
    whole, rest = divmod(milliseconds, 1000)
    return f"{milliseconds}ms" if rest else f"{whole}s"


def _same(value: Any) -> Any:
    return value


def _always(value: Any) -> bool:
    return True


class Type(Record, kw_only=False):
    """What values an option has. `holds` tells alternatives of one name from each other.

    `none` is what the kernel is told to take a value away; without it that cannot be said.
    """

    codec: Codec
    convert: Callable[[Any], Value] = _same
    holds: Callable[[Any], bool] = _always
    none: Value = None
    is_device: bool = False  # the kernel has its number, we its name
    family: int = 0  # of an address, which the kernel does not change


class Option(Record, kw_only=False):
    """An attribute of the kernel's: its number and name, and what it holds."""

    name: str
    number: int
    word: str
    type: Type
    default: Value = None  # of a new device
    impact: Impact = "live"
    # what to say to come from an old value to a new one, if that is more than the new one
    over: Callable[[Value, Value], Value] | None = None

    def __init__(
        self,
        name: str,
        number: int,
        word: str,
        type: Type,
        default: Value = None,
        impact: Impact = "live",
        over: Callable[[Value, Value], Value] | None = None,
    ) -> None:
        """Fill in the fields: by hand, since hundreds are made at each start."""
        filled = {
            "name": name,
            "number": number,
            "word": word,
            "type": type,
            "default": default,
            "impact": impact,
            "over": over,
        }
        object.__setattr__(self, "__dict__", filled)


def _shown(codec: Codec, show: Callable[[Any], str]) -> Codec:
    return Codec(codec.pack, codec.unpack, show)


INT8, INT16, INT32, PORT = Type(U8), Type(U16), Type(U32), Type(BE16)
TRUTH = Type(BOOL)
# An extension of VXLAN: its bits in a header are let through if it is said at all, be it false.
ON = Type(BOOL, holds=bool)
TRUTH32 = Type(Codec(lambda value: U32.pack(int(value)), lambda data: bool(U32.unpack(data))))
TRUTH16 = Type(Codec(lambda value: U16.pack(int(value)), lambda data: bool(U16.unpack(data))))
ADDRESS = Type(MAC)
# hundredths of a second, whatever HZ the kernel has: clock_t_to_jiffies
TICKS, TICKS64 = (
    Type(_shown(codec, lambda ticks: show_duration(ticks * 10)), lambda ms: ms // 10)
    for codec in (U32, U64)
)
MILLISECONDS = Type(_shown(U32, show_duration))
SECONDS = Type(_shown(U32, lambda seconds: show_duration(seconds * 1000)), lambda ms: ms // 1000)
DEVICE = Type(U32, none=0, is_device=True)


def choice(*names: str, codec: Codec = U8) -> Type:
    """Give numbers the model's names, the first is 0."""
    return Type(enum(*names, codec=codec))


def numbered(numbers: Mapping[str, int], codec: Codec) -> Type:
    """Give numbers the model's names."""
    names = {number: name for name, number in numbers.items()}

    def name(data: bytes) -> Any:
        number = codec.unpack(data)
        return names.get(number, number)

    return Type(Codec(lambda value: codec.pack(numbers.get(value, value)), name))


_ANY = {4: "0.0.0.0", 6: "::"}


def address(version: int) -> Type:
    """Hold an address of IPv4 or IPv6, nothing if it is the one that stands for none."""
    any_address = _ANY[version]

    def unpack(data: bytes) -> Any:
        text = IP_CODEC.unpack(data)
        return None if text == any_address else text

    return Type(
        Codec(IP_CODEC.pack, unpack),
        str,
        lambda value: (":" in value) == (version == 6),
        any_address,
        family=version,
    )


IPV4, IPV6 = address(4), address(6)
_PAIR = struct.Struct(">HH")


def _pair(data: bytes) -> Any:
    pair = _PAIR.unpack_from(data)
    return [*pair] if any(pair) else None


PORTS = Type(
    Codec(
        lambda pair: _PAIR.pack(*pair), _pair, lambda pair: "-".join(map(str, pair)) if pair else ""
    ),
    lambda pair: [*pair],
    none=[0, 0],
)


def inherited(payload: bytes = b"\1") -> Type:
    """Hold `inherit` in a switch of its own: the number is in another attribute."""
    return Type(
        Codec(lambda value: payload, lambda data: "inherit" if data != b"\0" else None),
        holds=lambda value: value == "inherit",
    )


def is_number(value: Value) -> bool:
    """Tell a number from the words that may stand in its place."""
    return isinstance(value, int)


NUMBER8 = Type(U8, holds=is_number)


def listed(inner: Codec, holds: Callable[[Any], bool] = _always, first: int = 0) -> Type:
    """Hold a list of values in attributes numbered from `first`."""

    def pack(values: Any) -> bytes:
        return b"".join(attribute(first + n, inner.pack(v)) for n, v in enumerate(values))

    def unpack(data: bytes) -> Any:
        return [inner.unpack(payload) for _, payload in attributes(data)]

    return Type(Codec(pack, unpack, show_value), lambda items: [*map(str, items)], holds)


def decode_table(options: Iterable[Option]) -> dict[int, tuple[str, Callable[[bytes], Any]]]:
    """Index options by number, as `decode` takes them: of two of one number the first."""
    table: dict[int, tuple[str, Callable[[bytes], Any]]] = {}
    for option in options:
        table.setdefault(option.number, (option.name, option.type.codec.unpack))
    return table


_ATTRIBUTE = struct.Struct("=HH")


def decode(
    table: Mapping[int, tuple[str, Callable[[bytes], Any]]], data: bytes, into: Decoded
) -> None:
    """Read attributes that a table knows. By hand: it runs for each attribute of each device."""
    place, end = 0, len(data)
    unpack, get = _ATTRIBUTE.unpack_from, table.get
    while place + 4 <= end:
        size, number = unpack(data, place)
        if size < 4:
            return
        entry = get(number & 0x3FFF)
        if entry is not None:
            name, read = entry
            value = read(data[place + 4 : place + size])
            if not name:
                into |= value
            elif value is not None:
                into[name] = value
        place += (size + 3) & ~3


def encode(
    options: Iterable[Option],
    wanted: Attributes,
    index: Index,
    old: Attributes | None = None,
) -> Iterator[bytes]:
    """Write the options that `wanted` has. What takes a value away comes first.

    Two fields may share an attribute (`remote` and `group` of a VXLAN), and the kernel takes the
    last (nla_parse).
    """
    before = old or {}
    late: list[bytes] = []
    for option in options:
        if option.name not in wanted:
            continue
        kind, value, was = option.type, wanted[option.name], before.get(option.name)
        if value is None:
            if kind.none is not None and was is not None and kind.holds(was):
                yield attribute(option.number, kind.codec.pack(kind.none))
        elif kind.holds(value):
            said: Any = value if option.over is None else option.over(was, value)
            payload = kind.codec.pack(index[said] if kind.is_device else said)
            late.append(attribute(option.number, payload))
    yield from late
