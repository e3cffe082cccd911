"""The schema of a vnetc document: JSON Schema draft-07, the same for editors and the compiler.

Beside the standard's keywords it has `errorMessage` and `patternErrorMessage` (what an editor and
the command line both say), `x-code` (the code to report under, where it is not the keyword's) and
`x-later` (values of the language that this version of vnetc does not have).
"""

from __future__ import annotations

from functools import cache

from vnetc.schema.verdict import Verdict, compile_schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# From here on jsonschema-rs wins back what it costs to import (docs/reference/performance.md).
_LARGE = 4_000


def schema_text() -> str:
    """Give the schema as it is shipped."""
    # not importlib.resources, which costs as much as the whole verdict; the file lies beside this one
    with open(__file__.rpartition("/")[0] + "/host.schema.json", encoding="utf-8") as file:
        return file.read()


@cache
def host_schema() -> dict[str, Any]:
    """Give the schema as data."""
    import json

    schema: dict[str, Any] = json.loads(schema_text())
    return schema


@cache
def _small_verdict() -> Verdict:
    return compile_schema(host_schema())


@cache
def _large_verdict() -> Verdict:
    try:
        import jsonschema_rs
    except ImportError:
        return _small_verdict()
    verdict: Verdict = jsonschema_rs.Draft7Validator(host_schema()).is_valid
    return verdict


def is_valid(data: object, size: int) -> bool:
    """Tell whether a document fits the schema; `size` is its number of values."""
    return (_large_verdict() if size > _LARGE else _small_verdict())(data)
