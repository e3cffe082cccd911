"""The schema of a vnetc document: JSON Schema draft-07, the same for editors and the compiler.

It is written in parts: `core.json`, `qdiscs.json`, and one file for each type of interface in
`types/`, so that a run reads only what its document has. `host.schema.json` is all of it, for editors; `make
docs` puts it together.

Beside the standard's keywords the parts have `errorMessage` and `patternErrorMessage` (what an
editor and the command line both say), `x-code` (the code to report under, where it is not the
keyword's), `x-later` (values of the language that this version of vnetc does not have) and
`x-family`: which further keys a mapping has by the value of one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cache

from vnetc.schema.verdict import Verdict, compile_schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from vnetc.schema.faults import Fault

    Schema: TypeAlias = dict[str, Any]


def schema_text() -> str:
    """Give the schema as it is shipped."""
    return _text("host.schema")


def _text(name: str) -> str:
    # not importlib.resources, which costs as much as the whole verdict; the file lies beside this one
    with open(f"{__file__.rpartition('/')[0]}/{name}.json", encoding="utf-8") as file:
        return file.read()


@cache
def _part(name: str) -> Schema:
    import json

    part: Schema = json.loads(_text(name))
    return part


@cache
def member_schema(definition: str, value: str) -> Schema:
    """Give the schema of an interface of a type, or of a network of a mode, with all of its keys.

    Raise `KeyError` if there is no such type or mode.
    """
    schema = _part("core")["definitions"][definition]
    family = schema["x-family"]
    if value not in schema["properties"][family["key"]]["enum"]:
        raise KeyError(value)
    members = _members(family)
    own = _part(f"types/{value}") if members is None else members[value]
    base: Schema = member_schema("interface", family["base"]) if "base" in family else schema
    without = ("type",) if "base" in family else own.get("without", ())
    return {
        "type": "object",
        "properties": {
            key: below
            for key, below in {**base["properties"], **schema["properties"]}.items()
            if key not in without
        }
        | own["properties"],
        "required": [*schema.get("required", ()), *own.get("required", ())],
        "additionalProperties": False,
    }


def _members(family: Schema) -> Schema | None:
    """Give the members of a family that stand together, None if each has a file of its own."""
    inline: Schema | None = family.get("members")
    return _part(family["part"]) if "part" in family else inline


def core_schema() -> Schema:
    """Give what the documents of all types have in common, as `core.json` has it."""
    return _part("core")


@cache
def host_schema() -> Schema:
    """Give the whole schema as data, put together as draft-07 knows it."""
    core = _part("core")
    families = {
        "interface": core["definitions"]["interface"]["properties"]["type"]["enum"],
        "network": core["definitions"]["network"]["x-family"]["members"],
        "qdisc": _part("qdiscs"),
    }
    unfolded = {name: _unfold(name, values) for name, values in families.items()}
    return {**core, "definitions": {**core["definitions"], **unfolded}}


def _unfold(definition: str, values: Collection[str]) -> Schema:
    """Spell a family as one `if` for each of its members."""
    schema: Schema = dict(_part("core")["definitions"][definition])
    family = schema.pop("x-family")
    members = {value: member_schema(definition, value) for value in values}
    if "base" in family:
        base = member_schema("interface", family["base"])["properties"]
        schema["properties"] = {**base, **schema["properties"]}
        del schema["properties"]["type"]
    common: Schema = schema["properties"]
    # what a member has a meaning of its own for (`group` of a tap) the members alone can judge
    schema["properties"] = {
        key: {"description": below.get("description", "")}
        if any(m["properties"].get(key, below) != below for m in members.values())
        else below
        for key, below in common.items()
    }
    schema["allOf"] = [
        {
            "if": {
                "properties": {family["key"]: {"const": value}},
                **({} if value == family.get("default") else {"required": [family["key"]]}),
            },
            "then": {
                "properties": {
                    key: True if schema["properties"].get(key) == below else below
                    for key, below in member["properties"].items()
                },
                **({"required": needs} if (needs := member["required"]) else {}),
                "additionalProperties": False,
            },
        }
        for value, member in members.items()
    ]
    return schema


@cache
def _verdict() -> Verdict:
    return compile_schema(_part("core"), member_schema)


def is_valid(data: Any) -> bool:
    """Tell whether a document fits the schema."""
    return _verdict()(data)


@cache
def _explainer() -> Callable[[Any], Iterator[Fault]]:
    from vnetc.schema.faults import compile_faults  # only what is wrong needs it

    return compile_faults(host_schema())


def schema_faults(data: Any) -> Iterator[Fault]:
    """List what is wrong with a document."""
    return _explainer()(data)
