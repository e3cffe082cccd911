"""How values are spelt that the options of several targets have alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vnetc.model.diagnostics import Path

Units = Sequence[tuple[int, str]]

# microseconds, as systemd.time(7) and tc(8) both take them
TIMES: Units = ((1_000_000, "s"), (1000, "ms"), (1, "us"))


def dotted(path: Path) -> str:
    """Spell a place of the document: `interfaces.eth0.routes[1]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]


def commas(values: Iterable[object]) -> str:
    """Put commas between values."""
    return ",".join(map(str, values))


def pair(numbers: tuple[int, int]) -> str:
    """Put a dash between two numbers."""
    return f"{numbers[0]}-{numbers[1]}"


def span(numbers: tuple[int, int]) -> str:
    """Spell a number, or a range if its ends differ."""
    return str(numbers[0]) if numbers[0] == numbers[1] else pair(numbers)


def slash(numbers: tuple[int, int]) -> str:
    """Put a slash between two numbers, a mark and its mask for instance."""
    return f"{numbers[0]}/{numbers[1]}"


def endpoint(endpoint: tuple[str, int]) -> str:
    """Put a colon between host and port, and brackets around an IPv6 address."""
    host, port = endpoint
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def scaled(value: int, units: Units) -> str:
    """Spell a number in the largest of the units, from large to small, that it is a multiple of."""
    unit, word = next((unit, word) for unit, word in units if value % unit == 0)
    return f"{value // unit}{word}"


def percent(hundredths: int) -> str:
    """Spell hundredths of a percent as percent, without the sign."""
    return f"{hundredths // 100}.{hundredths % 100:02}"


def minor(classid: int) -> str:
    """Spell the minor number of a class of traffic, in hexadecimal as tc(8) has it."""
    return f"{classid & 0xFFFF:x}"
