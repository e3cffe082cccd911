"""Every value of a document, and other values that the schema allows in its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import cache
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from jsonschema import Draft7Validator
from vnetc.model.diagnostics import Diagnostic
from vnetc.schema import host_schema, is_valid

Document = dict[str, Any]
Path = tuple[str | int, ...]
Schema = dict[str, Any]
Place = tuple[Path, Any, list[tuple[str, Schema]]]
"""A path, the value there, and the schemas that apply to it with their names."""

ABSENT = object()
"""In a mutation: take the key away."""


class Mutation:
    """A document with one value changed from `before` to `after`.

    `default` is what the schema says the key's absence means, `ABSENT` if it says nothing.
    """

    def __init__(
        self, path: Path, before: Any, after: Any, default: Any, document: Document
    ) -> None:
        self.path = path
        self.before = before
        self.after = after
        self.default = default
        self.document = document

    def __repr__(self) -> str:
        after = "nothing" if self.after is ABSENT else repr(self.after)
        return f"{'.'.join(map(str, self.path))}: {self.before!r} -> {after}"


# Keys without which what they are part of cannot be: where one is refused, all of it is.
_VITAL = frozenset({"id", "link", "peer", "to", "via", "address", "macaddress", "priority"})


def is_told(path: Path, found: Iterable[Diagnostic]) -> bool:
    """Tell whether the target refuses the value at a path, or what it is part of."""
    for d in found:
        if d.code.startswith("VN5"):
            refused = d.path[:-1] if d.path and d.path[-1] in _VITAL else d.path
            whole_device = len(refused) == 2 and refused[1] in path
            # how a lease is used says nothing where none is asked for
            overrides = (*refused[:-1], f"{refused[-1]}-overrides") if refused else ()
            if whole_device or path[: len(refused)] in (refused, overrides):
                return True
    return False


def walk(value: Any, schemas: list[tuple[str, Schema]], path: Path = ()) -> Iterator[Place]:
    """Run through all values with the schemas that apply to each and the names of these."""
    yield path, value, schemas
    if not isinstance(value, (dict, list)):
        return
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        found = [sub for _, schema in schemas for sub in _below(schema, step)]
        applied = [pair for sub in found for pair in unfold(sub, item)]
        yield from walk(item, applied, (*path, step))


def walk_document(document: Document) -> Iterator[Place]:
    """Run through all values of a document."""
    yield from walk(document, unfold(host_schema(), document))


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(host_schema())


def unfold(schema: Schema, value: Any, name: str = "") -> list[tuple[str, Schema]]:
    """List what a schema demands of a value: the branches that apply, with references followed."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return unfold(host_schema()["definitions"][name], value, name)
    found = [(name, schema)]
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ())):
        found += unfold(part, value, name)
    if "if" in schema:
        holds = _validator().evolve(schema=schema["if"]).is_valid(value)
        found += unfold(schema.get("then" if holds else "else", {}), value, name)
    return found


def _below(schema: Schema, step: str | int) -> Iterator[Schema]:
    if isinstance(step, int):
        below = schema.get("items")
    else:
        below = schema.get("properties", {}).get(step, schema.get("additionalProperties"))
    if isinstance(below, dict):
        yield below


def mutations(document: Document) -> Iterator[Mutation]:
    """Change each value to each of a few others, or take it away: one change at a time."""
    for place in walk_document(document):
        yield from mutations_at(document, place)


def mutations_at(document: Document, place: Place) -> Iterator[Mutation]:
    """Change the value at one place of a document."""
    path, value, schemas = place
    if path in ((), ("version",)):
        return
    default = next((s["default"] for _, s in schemas if "default" in s), ABSENT)
    seen: list[Any] = [value]
    for after in _others(path, value, schemas, [*document.get("interfaces", {})]):
        if any(_same(after, known) for known in seen):
            continue
        seen.append(after)
        changed = put(document, path, after)
        if is_valid(changed):
            yield Mutation(path, value, after, default, changed)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def put(document: Document, path: Path, value: Any) -> Document:
    """Give a copy of a document with another value at a path."""
    changed = deepcopy(document)
    holder: Any = changed
    for step in path[:-1]:
        holder = holder[step]
    if value is ABSENT:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return changed


# Lists whose order says something.
_ORDERED = ("addresses", "search", "nameservers")


def _others(
    path: Path, value: Any, schemas: list[tuple[str, Schema]], names: list[str]
) -> Iterator[Any]:
    yield ABSENT
    for name, schema in schemas:
        yield from (known for known in schema.get("enum", ()))
        if "minimum" in schema and isinstance(value, int) and not isinstance(value, bool):
            yield from (value + 1, value - 1, schema["minimum"], schema["maximum"])
        if name in _TEXTS and isinstance(value, str):
            yield from _TEXTS[name](value)
        if name == "name":
            yield from (other for other in names if other != "lo")
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
        case str():
            yield from _PATTERNS.get(str(path[-1]), _longer)(value)
        case list() if value and path[-1] in _ORDERED and len(set(map(_family, value))) == 1:
            yield value[::-1]
        case _:
            pass


def _family(item: Any) -> int:
    text = str(item["address"] if isinstance(item, dict) else item)
    return 6 if ":" in text else 4


def _longer(text: str) -> Iterator[str]:
    yield f"{text}x"


def _next_address(text: str) -> Iterator[str]:
    yield str(ip_address(text) + 1)


def _next_interface(text: str) -> Iterator[str]:
    here = ip_interface(text)
    if here.ip == here.network.network_address and here.network.num_addresses > 1:
        yield from _next_network(text)
    else:
        yield f"{here.ip + 1}/{here.network.prefixlen}"
        yield f"{here.ip}/{here.network.prefixlen - 1}"


def _next_network(text: str) -> Iterator[str]:
    network = ip_network(text)
    if network.prefixlen < network.max_prefixlen:
        yield f"{network.network_address}/{network.prefixlen + 1}"
    if network.prefixlen > 0:
        # the neighbour with which it makes the next larger network
        bit = 1 << network.max_prefixlen - network.prefixlen
        other = type(network.network_address)(int(network.network_address) ^ bit)
        yield f"{other}/{network.prefixlen}"


def _next_destination(text: str) -> Iterator[str]:
    yield from ("0.0.0.0/1", "8000::/1") if text == "default" else _next_network(text)


def _next_mac(text: str) -> Iterator[str]:
    yield f"{text[:-2]}{(int(text[-2:], 16) + 1) % 256:02x}"


def _next_duration(text: str) -> Iterator[str]:
    number, unit = re.fullmatch(r"([0-9]+)([a-z]*)", text).groups()  # type: ignore[union-attr]
    yield f"{int(number) + 1}{unit or 's'}"
    if unit == "s":
        yield f"{number}m"


def _last_number(text: str) -> Iterator[str]:
    head, number = re.fullmatch(r"(.*?)([0-9]*)", text).groups()  # type: ignore[union-attr]
    yield f"{head}{int(number or 0) + 1}"


# definition of the schema, or key of the document -> what else might stand there
_TEXTS: dict[str, Callable[[str], Iterator[str]]] = {
    "address": _next_address,
    "cidr": _next_interface,
    "destination": _next_destination,
    "mac": _next_mac,
    "duration": _next_duration,
    "vids": _last_number,
    "port-range": _last_number,
}
_PATTERNS: dict[str, Callable[[str], Iterator[str]]] = dict.fromkeys(
    ("fwmark", "uid-range", "range", "to"), _last_number
)


def has(document: Any, key: str) -> bool:
    """Tell whether a document has a key that is given with dots; names may have some as well."""
    if not key:
        return True
    key = re.sub(r"\[(\d+)\]", r".\1", key)
    if isinstance(document, list):
        name, _, rest = key.partition(".")
        inside = name.isdigit() and int(name) < len(document)
        return has(document[int(name)], rest) if inside else name in document
    if not isinstance(document, dict):
        return False
    return any(
        key == name or (key.startswith(f"{name}.") and has(value, key[len(name) + 1 :]))
        for name, value in ((str(name), value) for name, value in document.items())
    )
