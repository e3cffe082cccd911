"""`vnetc explain`."""

from __future__ import annotations

from argparse import Namespace
from difflib import get_close_matches

from vnetc.cli import NOTHING, UsageError
from vnetc.model.codes import CODES


def run(options: Namespace) -> int:
    """Print the page of each code, or a line for every code there is."""
    if not options.codes:
        for code, (severity, title) in CODES.items():
            print(f"{code}  {severity:7}  {title}")
        return NOTHING
    codes = [code.upper() for code in options.codes]
    for code in codes:
        if code not in CODES:
            near = get_close_matches(code, list(CODES), 1)
            hint = f"; {near[0]} is: {CODES[near[0]][1]}" if near else ""
            raise UsageError(f"there is no code {code[:20]!r}{hint}")
    print("\n\n".join(page(code).rstrip("\n") for code in codes))
    return NOTHING


def page(code: str) -> str:
    """Give the Markdown page of a code."""
    folder = __file__.rpartition("/cli/")[0]
    with open(f"{folder}/explain/{code}.md", encoding="utf-8") as file:
        return file.read()
