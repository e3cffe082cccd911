"""What a benchmark says: numbers that were measured, and those that must not be exceeded."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.measure import Cost


@dataclass(frozen=True)
class Goal:
    """A number that must not be exceeded."""

    what: str
    measured: float
    bound: float
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.measured <= self.bound


@dataclass(frozen=True)
class Part:
    """A section of the report."""

    title: str
    text: str
    goals: tuple[Goal, ...]
    costs: dict[str, Cost] = field(default_factory=dict)
