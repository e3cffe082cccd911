"""Colour on a terminal: the few codes in use, and when to use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Paint: TypeAlias = Callable[[str, str], str]

# Select Graphic Rendition, console_codes(4)
STYLES = {
    "error": "1;31",
    "warning": "1;33",
    "note": "1;36",
    "strong": "1",
    "frame": "1;34",
    "help": "1;32",
}


def painter(color: bool) -> Paint:
    """Give a function of style and text that colours the text, or leaves it as it is."""
    if not color:
        return lambda _, text: text
    return lambda style, text: f"\x1b[{STYLES[style]}m{text}\x1b[0m"


def wanted(
    choice: Literal["auto", "always", "never"], environ: Mapping[str, str], terminal: bool
) -> bool:
    """Decide whether to colour: the option, then NO_COLOR (no-color.org), FORCE_COLOR, a terminal."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return terminal and environ.get("TERM") != "dumb"
