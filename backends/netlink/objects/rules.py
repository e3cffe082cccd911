"""Rules of routing policy: rtnetlink(7), linux/fib_rules.h.

The kernel has no other name for a rule than all that it says (rule_exists in net/core/fib_rules.c),
and cannot change one: so the key has all of it, and a rule that says something else is another one,
which can be there before the old one goes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from vnetc.backends.netlink.objects.addresses import AF_INET, AF_INET6, number_of
from vnetc.backends.netlink.objects.routes import REALMS, UNSAID
from vnetc.backends.netlink.state import PROTOCOL, Attributes, Index, Key, State, Value, Wanted
from vnetc.backends.netlink.wire.messages import (
    IP,
    NLM_F_CREATE,
    TEXT,
    U8,
    U32,
    Codec,
    Message,
    attribute,
    attributes,
    keep,
    put_back,
)
from vnetc.backends.support import Support, exact
from vnetc.model.host import Interface, Rule
from vnetc.model.record import Record
from vnetc.model.values import IPNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
# fib_rule_hdr: family, lengths of destination and source, type of service, table, 0, 0, action, flags
_HEADER = struct.Struct("=8BI")
DUMPS = tuple((RTM_GETRULE, _HEADER.pack(family, *[0] * 8)) for family in (AF_INET, AF_INET6))

_DST, _SRC, _PRIORITY, _FWMARK, _FWMASK, _TABLE, _PROTOCOL = 1, 2, 6, 10, 16, 15, 21  # FRA_…
_PAD = 18
_MASKS = frozenset(
    {28, 29}
)  # FRA_SPORT_MASK, FRA_DPORT_MASK: newer kernels say that all bits count
_INVERT = 0x2  # FIB_RULE_INVERT
_WHOLE_MASK = 0xFFFFFFFF
_COMPAT_TABLE = 252  # RT_TABLE_COMPAT: the number is in an attribute
_BY_KERNEL = 2  # RTPROT_KERNEL

_ACTIONS = {"lookup": 1, "goto": 2, "nop": 3, "blackhole": 6, "unreachable": 7, "prohibit": 8}
_ACTION_NAMES: dict[int, Value] = {number: name for name, number in _ACTIONS.items()}
_FAMILIES = {"ipv4": AF_INET, "ipv6": AF_INET6}
_FAMILY_NAMES = {AF_INET: "ipv4", AF_INET6: "ipv6"}
_BITS = {AF_INET: 32, AF_INET6: 128}
_ANY = {AF_INET: "0.0.0.0", AF_INET6: "::"}


def _two(format: str) -> Codec:
    form = struct.Struct(format)
    return Codec(lambda pair: form.pack(*pair), lambda data: [*form.unpack_from(data)])


# -1 is none
_OR_NONE = Codec(
    lambda value: U32.pack(_WHOLE_MASK if value is None else value),
    lambda data: None if (number := U32.unpack(data)) == _WHOLE_MASK else number,
)
_SWITCH = Codec(lambda value: U8.pack(int(value)), lambda data: bool(data[0]))
_PORTS, _USERS = _two("=HH"), _two("=II")
_BE64 = Codec(lambda value: value.to_bytes(8, "big"), lambda data: int.from_bytes(data, "big"))


class _Field(Record, kw_only=False):
    """What a rule says in an attribute of its own: our name, FRA_…, how, the field of the model."""

    name: str
    number: int
    word: str
    codec: Codec
    field: str = ""


# What the model does not have is kept as others made it.
_FIELDS = (
    _Field("iif", 3, "FRA_IIFNAME", TEXT, "iif"),
    _Field("oif", 17, "FRA_OIFNAME", TEXT, "oif"),
    _Field("ip-protocol", 22, "FRA_IP_PROTO", U8, "ip_protocol"),
    _Field("source-port", 23, "FRA_SPORT_RANGE", _PORTS, "source_port"),
    _Field("destination-port", 24, "FRA_DPORT_RANGE", _PORTS, "destination_port"),
    _Field("uid-range", 20, "FRA_UID_RANGE", _USERS, "uid_range"),
    _Field("tunnel-id", 12, "FRA_TUN_ID", _BE64),
    _Field("l3mdev", 19, "FRA_L3MDEV", _SWITCH, "l3mdev"),
    _Field("goto", 4, "FRA_GOTO", U32, "goto"),
    _Field("realms", 11, "FRA_FLOW", REALMS, "realms"),
    _Field(
        "suppress-prefix-length", 14, "FRA_SUPPRESS_PREFIXLEN", _OR_NONE, "suppress_prefix_length"
    ),
    _Field(
        "suppress-interface-group", 13, "FRA_SUPPRESS_IFGROUP", _OR_NONE, "suppress_interface_group"
    ),
)
_FIELD_OF = {field.number: field for field in _FIELDS}
_KNOWN = _MASKS.union((_DST, _SRC, _PRIORITY, _FWMARK, _FWMASK, _TABLE, _PROTOCOL, _PAD), _FIELD_OF)
# What a rule is about which nobody says anything.
DEFAULTS: Mapping[str, Value] = {
    "invert": False,
    "from": None,
    "to": None,
    "fwmark": None,
    "tos": None,
    **{field.name: False if field.codec is _SWITCH else None for field in _FIELDS},
    "table": None,
    "action": "lookup",
    "protocol": None,  # nobody's in particular
    "others": None,  # attributes that nobody here knows, as they are
}
# What does not tell a rule from another: who made it.
_NOT_SELF = frozenset({"proto", "protocol"})
_UNSAID = (frozenset[str](), _NOT_SELF)


# --- from the model -------------------------------------------------------------------------------


def wanted(interface: Interface) -> Iterator[Wanted]:
    """Give the rules of an interface, each once for every family that it is for."""
    for rule in interface.routing_policy:
        attributes = _attributes(rule)
        places = {name: (*rule.path, name) for name in ("protocol",) if rule.protocol is not None}
        for version in rule.families:
            key = _key(f"ipv{version}", rule.priority, attributes)
            yield Wanted(key, attributes, rule.path, places, _UNSAID[rule.protocol is None])


def _key(family: str, priority: int, attributes: Attributes) -> Key:
    words = [
        _phrase(name, value)
        for name, default in DEFAULTS.items()
        if name not in _NOT_SELF and (value := attributes[name]) != default
    ]
    return ("rule", family, str(priority), " ".join(words))


def _phrase(name: str, value: Value) -> str:
    match value:
        case True:
            return name
        case list():
            return f"{name} {'/'.join(map(str, value))}"
        case dict():
            return " ".join(f"{number}={text}" for number, text in value.items())
        case _ if name == "action":
            return str(value)
        case _:
            return f"{name} {value}"


def _attributes(rule: Rule) -> dict[str, Value]:
    said: dict[str, Value] = {
        **DEFAULTS,
        **{
            field.name: [*value] if isinstance(value, tuple) else value
            for field in _FIELDS
            if field.field and (value := getattr(rule, field.field)) is not None
        },
        "invert": rule.invert,
        "from": _network(rule.from_),
        "to": _network(rule.to),
        "fwmark": None if rule.fwmark is None else [*rule.fwmark],
        "tos": rule.tos,
        "table": rule.table,
        "action": "goto" if rule.goto is not None else rule.action or "lookup",
        "protocol": None if rule.protocol in UNSAID else rule.protocol,
        "proto": PROTOCOL if rule.protocol is None else rule.protocol,
    }
    return said


def _network(network: IPNetwork | None) -> str | None:
    """Spell a selector; one that any address matches is none to the kernel."""
    return str(network) if network is not None and network.prefixlen else None


# --- from the kernel ------------------------------------------------------------------------------


def read(bodies: Iterable[bytes]) -> Iterator[tuple[Key, dict[str, Value]]]:
    """Read rules but those that the kernel made, in its order."""
    for body in bodies:
        family, to, from_, tos, table, _, _, action, flags = _HEADER.unpack_from(body)
        if family not in _FAMILY_NAMES:
            continue
        found = dict(attributes(body, _HEADER.size))
        proto = found[_PROTOCOL][0] if _PROTOCOL in found else 0
        rule: dict[str, Value] = {
            **DEFAULTS,
            "invert": bool(flags & _INVERT),
            "action": _ACTION_NAMES.get(action, str(action)),
            "tos": tos or None,
            "proto": proto,
        }
        if proto not in UNSAID:
            rule["protocol"] = proto
        for name, number, length in (("from", _SRC, from_), ("to", _DST, to)):
            if length:
                rule[name] = f"{IP.unpack(found[number])}/{length}"
        if _FWMARK in found or _FWMASK in found:
            mark = U32.unpack(found[_FWMARK]) if _FWMARK in found else 0
            rule["fwmark"] = [mark, U32.unpack(found[_FWMASK]) if _FWMASK in found else _WHOLE_MASK]
        for number, data in found.items():
            field = _FIELD_OF.get(number)
            if field is not None:
                rule[field.name] = field.codec.unpack(data)
        number = U32.unpack(found[_TABLE]) if _TABLE in found else table
        rule["table"] = number or None
        partial = {number for number in _MASKS & found.keys() if found[number][:2] != b"\xff\xff"}
        rule["others"] = keep(found, _KNOWN - partial)
        priority = U32.unpack(found[_PRIORITY]) if _PRIORITY in found else 0
        if not _is_of_kernel(priority, rule):
            yield _key(_FAMILY_NAMES[family], priority, rule), rule


# those of each namespace, fib_default_rules_init and fib6_rules_net_init
_DEFAULT_RULES = {0: 255, 32766: 254, 32767: 253}
_OF_VRFS = 1000  # FIB_RULE_PREF of drivers/net/vrf.c


def _is_of_kernel(priority: int, rule: Mapping[str, Value]) -> bool:
    if rule["proto"] not in (0, _BY_KERNEL):
        return False
    selects = {name for name, default in DEFAULTS.items() if rule[name] != default}
    selects -= _NOT_SELF
    if selects == {"table"}:
        return _DEFAULT_RULES.get(priority) == rule["table"]
    return selects == {"l3mdev"} and priority == _OF_VRFS and rule["proto"] == _BY_KERNEL


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether the kernel or a daemon made the rule of what the network told it."""
    return attributes.get("proto") == _BY_KERNEL


def is_ours(key: Key, attributes: Attributes) -> bool:
    """Tell whether the rule has the mark that only vnetc makes."""
    return attributes.get("proto") == PROTOCOL


def hides(key: Key, state: State) -> list[Key]:
    """List the rules that the kernel would remove in this one's stead, given to `remove`.

    It removes the first one that has all that the request says (rule_find in net/core/fib_rules.c),
    and may say more. `state` has rules in the kernel's order.
    """
    found: list[Key] = []
    for other, rule in state.items():
        if other == key:
            return found
        if other[:3] == key[:3] and other[0] == "rule" and _matches(state[key], rule):
            found.append(other)
    return found


def _matches(said: Attributes, other: Attributes) -> bool:
    return all(
        other.get(name) == value
        for name, value in said.items()
        if name not in ("invert", "goto") and value not in (None, False)
    )


# --- to the kernel --------------------------------------------------------------------------------


def create(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Make a rule, after those of its priority that are there."""
    return [_message(RTM_NEWRULE, NLM_F_CREATE, key, attributes)]


def change(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    """Change who made a rule: all else would be another one. There are two of it for a moment."""
    if all(old.get(name) == value for name, value in new.items()):
        return []
    return [*create(key, new, index), *remove(key, old, index)]


def remove(
    key: Key,
    attributes: Attributes,
    index: Index,
    hidden: Sequence[tuple[Key, Attributes]] = (),
) -> list[Message]:
    """Remove a rule; those that the kernel takes for it, `hidden`, go and are made again."""
    message = _message(RTM_DELRULE, 0, key, attributes)
    again = [_message(RTM_NEWRULE, NLM_F_CREATE, *other) for other in hidden]
    return [*[message] * (len(hidden) + 1), *again]


def _message(type: int, flags: int, key: Key, attributes: Attributes) -> Message:
    family = _FAMILIES[key[1]]
    said: dict[str, Any] = {**DEFAULTS, **attributes}
    table = said["table"] or 0
    lengths: list[int] = []
    parts = [
        attribute(_PRIORITY, U32.pack(int(key[2]))),
        attribute(_PROTOCOL, U8.pack(said.get("proto", PROTOCOL))),
    ]
    if table:
        parts.append(attribute(_TABLE, U32.pack(table)))
    for name, number in (("to", _DST), ("from", _SRC)):
        network, _, length = (said[name] or "/0").partition("/")
        lengths.append(int(length))
        if network:
            parts.append(attribute(number, IP.pack(network)))
    if said["fwmark"] is not None:
        mark, mask = said["fwmark"]
        parts += [attribute(_FWMARK, U32.pack(mark)), attribute(_FWMASK, U32.pack(mask))]
    for field in _FIELDS:
        value = said[field.name]
        if value is not None and value is not False:
            parts.append(attribute(field.number, field.codec.pack(value)))
    parts += put_back(said["others"])
    header = _HEADER.pack(
        family,
        *lengths,
        said["tos"] or 0,
        table if table < 256 else _COMPAT_TABLE,
        0,
        0,
        number_of(_ACTIONS, said["action"]),
        _INVERT if said["invert"] else 0,
    )
    return Message(type=type, flags=flags, body=header + b"".join(parts))


# --- rows of the support table --------------------------------------------------------------------

_RULE = {
    "priority": "FRA_PRIORITY",
    "from": "FRA_SRC",
    "to": "FRA_DST",
    "fwmark": "FRA_FWMARK, FRA_FWMASK",
    "tos": "tos",
    "invert": "FIB_RULE_INVERT",
    "protocol": "FRA_PROTOCOL",
    "table": "FRA_TABLE",
    "action": "action",
    **{field.name: field.word for field in _FIELDS if field.field},
}
ROWS: Mapping[str, Support] = {
    "interface.routing-policy": exact("RTM_NEWRULE"),
    **{f"rule.{name}": exact(how) for name, how in _RULE.items()},
}
