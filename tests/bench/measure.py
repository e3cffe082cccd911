"""Run commands in turns and keep what each run cost."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Command:
    """A program to measure. `prepare` runs before each run and is not measured."""

    argv: Sequence[str]
    prepare: Callable[[], object] = lambda: None
    codes: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Cost:
    """What the runs of a command cost: milliseconds and MiB.

    Other jobs of the machine only ever add to a run, so the least is the truest.
    """

    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    memory: tuple[float, ...]

    @property
    def least_wall(self) -> float:
        return min(self.wall)

    @property
    def median_wall(self) -> float:
        return median(self.wall)

    @property
    def least_cpu(self) -> float:
        return min(self.cpu)

    @property
    def peak(self) -> float:
        return max(self.memory)


def measure(commands: Mapping[str, Command], rounds: int) -> dict[str, Cost]:
    """Run all commands once in each round, so that a busy moment meets all of them."""
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            command.prepare()
            cost = run(command)
            if number:  # the first round warms the caches
                runs[name].append(cost)
    return {name: Cost(*zip(*costs, strict=True)) for name, costs in runs.items()}


def run(command: Command) -> tuple[float, float, float]:
    """Run a command once: milliseconds by the clock and of CPU, and MiB."""
    # .pyc files are read and written, as they are where Python is not told otherwise
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    process = subprocess.Popen(
        command.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in command.codes:
        raise RuntimeError(f"{' '.join(command.argv)} ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return wall * 1e3, cpu * 1e3, usage.ru_maxrss / 1024  # getrusage(2): KiB
