"""What is wrong with a document, value by value: jsonschema's complaints, each with its path.

`schema/verdict.py` says yes or no at once; this walks through a document that got a no.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from vnetc.model.data import is_mapping
from vnetc.model.diagnostics import Path
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Fault(Record, kw_only=False):
    """A value that breaks a rule; the fields are named as jsonschema names them.

    `instance` at `absolute_path` is not what `validator: validator_value` of `schema` asks for;
    `is_key` if it is the name of a key there.
    """

    validator: str
    validator_value: Any
    schema: dict[str, Any]
    instance: Any
    absolute_path: Path
    is_key: bool


def compile_faults(root: dict[str, Any]) -> Callable[[Any], Iterator[Fault]]:
    """Make the function that lists the faults of a document, by a draft-07 schema."""
    from jsonschema import Draft7Validator, validators

    extend: Any = vars(validators)["extend"]  # which has no types
    validator = extend(Draft7Validator, {"pattern": _pattern})(root)
    return lambda value: map(_fault, _leaves(validator.iter_errors(value)))


def _fault(error: Any) -> Fault:
    return Fault(
        error.validator,
        error.validator_value,
        error.schema if is_mapping(error.schema) else {},
        error.instance,
        tuple(error.absolute_path),
        "propertyNames" in error.absolute_schema_path,
    )


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    """Search as ECMA 262 does: `$` is the very end of a text, where Python's lets a line end follow."""
    from jsonschema import ValidationError

    del validator, schema
    if isinstance(instance, str):
        exact = pattern.removesuffix("$") + r"\Z" if pattern[-1:] == "$" else pattern
        if re.search(exact, instance) is None:
            yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _leaves(errors: Iterable[Any]) -> Iterator[Any]:
    """Unfold errors of `if`/`then` branches, whose context is the branch's own errors."""
    for error in errors:
        if error.validator in ("anyOf", "oneOf", "not") or not error.context:
            yield error
        else:
            yield from _leaves(error.context)
