"""A yes or no for a document, at once: the schema compiled to closures.

For one host's file the import of a JSON Schema library costs ten times the validation. This module
knows the keywords that the host schema uses and refuses to compile any other; the tests hold its
verdict equal to jsonschema's, which remains the reference and words every error.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vnetc.model.data import is_list, is_mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

Verdict: TypeAlias = "Callable[[Any], bool]"
Schema: TypeAlias = "dict[str, Any] | bool"
Member: TypeAlias = "Callable[[str, str], dict[str, Any]]"

_TYPES: dict[str, Verdict] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}

# What says nothing about a value.
_ANNOTATIONS = frozenset(
    {
        "$id",
        "$schema",
        "default",
        "definitions",
        "description",
        "else",
        "enumDescriptions",
        "errorMessage",
        "examples",
        "markdownDescription",
        "patternErrorMessage",
        "then",
        "title",
        "x-code",
        "x-later",
    }
)


def compile_schema(root: dict[str, Any], member: Member | None = None) -> Verdict:
    """Compile a draft-07 schema. Subschemas are compiled when they are first needed.

    `member` gives the schema of a member of an `x-family`, by its definition's name and its own.
    """
    return _Compiler(root, member).lazy(root)


class _Compiler:
    def __init__(self, root: dict[str, Any], member: Member | None = None) -> None:
        self.root = root
        self.member = member
        self.references: dict[str, Verdict] = {}
        self.members: dict[tuple[str, str], Verdict] = {}

    def lazy(self, schema: Schema) -> Verdict:
        """Give a verdict that compiles itself on its first call."""
        if schema is True:
            return lambda value: True
        if schema is False:
            return lambda value: False
        compiled: list[Verdict] = []

        def verdict(value: Any) -> bool:
            if not compiled:
                compiled.append(self.compile(schema))
            return compiled[0](value)

        return verdict

    def compile(self, schema: dict[str, Any]) -> Verdict:
        if "$ref" in schema:  # draft-07: its siblings do not count
            return self.reference(schema["$ref"])
        tests: list[Verdict] = []
        for keyword, argument in schema.items():
            if keyword in _ANNOTATIONS:
                continue
            if keyword in ("properties", "additionalProperties"):
                if keyword == "properties" or "properties" not in schema:
                    tests.append(self.properties(schema))
                continue
            if keyword == "if":
                tests.append(self.condition(schema))
                continue
            tests.append(_KEYWORDS[keyword](self, argument))
        if len(tests) == 1:
            return tests[0]
        return lambda value: all(test(value) for test in tests)

    def reference(self, pointer: str) -> Verdict:
        known = self.references.get(pointer)
        if known is None:
            schema: Any = self.root
            for step in pointer.removeprefix("#/").split("/"):
                schema = schema[step]
            name = pointer.rpartition("/")[2]
            whole = self.family(name, schema["x-family"]) if "x-family" in schema else None
            known = self.references[pointer] = whole or self.lazy(schema)
        return known

    def family(self, definition: str, family: dict[str, str]) -> Verdict:
        """Judge a mapping by the schema of the member that one of its keys names."""
        key, default = family["key"], family.get("default")
        find = self.member
        assert find is not None

        def verdict(value: Any) -> bool:
            name = value.get(key, default) if is_mapping(value) else None
            if not isinstance(name, str):
                return False
            test = self.members.get((definition, name))
            if test is None:
                try:
                    test = self.lazy(find(definition, name))
                except KeyError:
                    return False
                self.members[definition, name] = test
            return test(value)

        return verdict

    def properties(self, schema: dict[str, Any]) -> Verdict:
        known = {name: self.lazy(below) for name, below in schema.get("properties", {}).items()}
        other = self.lazy(schema.get("additionalProperties", True))

        def verdict(value: Any) -> bool:
            return not is_mapping(value) or all(
                known.get(name, other)(item) for name, item in value.items()
            )

        return verdict

    def condition(self, schema: dict[str, Any]) -> Verdict:
        test = self.lazy(schema["if"])
        then, other = self.lazy(schema.get("then", True)), self.lazy(schema.get("else", True))
        return lambda value: then(value) if test(value) else other(value)

    def all_of(self, schemas: list[Schema]) -> Verdict:
        tests = [self.lazy(schema) for schema in schemas]
        return lambda value: all(test(value) for test in tests)

    def any_of(self, schemas: list[Schema]) -> Verdict:
        tests = [self.lazy(schema) for schema in schemas]
        return lambda value: any(test(value) for test in tests)

    def one_of(self, schemas: list[Schema]) -> Verdict:
        tests = [self.lazy(schema) for schema in schemas]
        return lambda value: sum(test(value) for test in tests) == 1

    def negate(self, schema: Schema) -> Verdict:
        test = self.lazy(schema)
        return lambda value: not test(value)

    def items(self, schema: Schema) -> Verdict:
        test = self.lazy(schema)
        return lambda value: not is_list(value) or all(test(item) for item in value)

    def property_names(self, schema: Schema) -> Verdict:
        test = self.lazy(schema)
        return lambda value: not is_mapping(value) or all(test(name) for name in value)

    def required(self, names: list[str]) -> Verdict:
        return lambda value: not is_mapping(value) or all(name in value for name in names)

    def type(self, names: str | list[str]) -> Verdict:
        tests = [_TYPES[name] for name in ([names] if isinstance(names, str) else names)]
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def enum(self, values: list[Any]) -> Verdict:
        # True == 1 in Python, not in JSON
        kinds: list[tuple[type[Any], Any]] = [(type(known), known) for known in values]
        return lambda value: any(type(value) is kind and value == known for kind, known in kinds)

    def const(self, known: Any) -> Verdict:
        return self.enum([known])

    def pattern(self, pattern: str) -> Verdict:
        search = re.compile(pattern.removesuffix("$") + r"\Z" if pattern[-1:] == "$" else pattern)
        return lambda value: not isinstance(value, str) or search.search(value) is not None

    def minimum(self, bound: int) -> Verdict:
        return lambda value: not _is_number(value) or value >= bound

    def maximum(self, bound: int) -> Verdict:
        return lambda value: not _is_number(value) or value <= bound

    def min_length(self, bound: int) -> Verdict:
        return lambda value: not isinstance(value, str) or len(value) >= bound

    def max_length(self, bound: int) -> Verdict:
        return lambda value: not isinstance(value, str) or len(value) <= bound

    def min_items(self, bound: int) -> Verdict:
        return lambda value: not is_list(value) or len(value) >= bound

    def unique_items(self, unique: bool) -> Verdict:
        def verdict(value: Any) -> bool:
            if not unique or not is_list(value):
                return True
            distinct = {(type(item).__name__, str(item)) for item in value}
            return len(distinct) == len(value)

        return verdict


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_KEYWORDS: dict[str, Callable[[_Compiler, Any], Verdict]] = {
    "$ref": _Compiler.reference,
    "allOf": _Compiler.all_of,
    "anyOf": _Compiler.any_of,
    "const": _Compiler.const,
    "enum": _Compiler.enum,
    "items": _Compiler.items,
    "maxLength": _Compiler.max_length,
    "maximum": _Compiler.maximum,
    "minItems": _Compiler.min_items,
    "minLength": _Compiler.min_length,
    "minimum": _Compiler.minimum,
    "not": _Compiler.negate,
    "oneOf": _Compiler.one_of,
    "pattern": _Compiler.pattern,
    "propertyNames": _Compiler.property_names,
    "required": _Compiler.required,
    "type": _Compiler.type,
    "uniqueItems": _Compiler.unique_items,
}
