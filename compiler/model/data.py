"""Plain data of a document, as the parser gives it: what a type checker is told about it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypeGuard

BAD: Final = object()
"""Stands in a list where an item was wrong, so that the others keep their index."""


def is_mapping(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether a value is a mapping; keys of a parsed document are strings."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Tell whether a value is a list."""
    return isinstance(value, list)


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Tell whether a value is a tuple, as several nodes of the model are."""
    return isinstance(value, tuple)
