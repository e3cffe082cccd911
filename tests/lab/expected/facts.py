"""How a field of the model shows in what `ip -d -j link` prints of a device."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

# from a value to words of info_data and what they say
Fact: TypeAlias = Callable[[Any], Mapping[str, str | None]]


def shown(word: str, spell: Callable[[Any], Any] = lambda value: value) -> Fact:
    """Show a value under one word, as JSON has it."""

    def fact(value: Any) -> Mapping[str, str | None]:
        text = spell(value)
        return {word: text if text is None or isinstance(text, str) else json.dumps(text)}

    return fact


def centiseconds(milliseconds: int) -> int:
    """Give a time as the kernel counts it: USER_HZ."""
    return milliseconds // 10


def nothing(value: Any) -> Mapping[str, str | None]:
    """Show nothing: of it something else is stated."""
    del value
    return {}
