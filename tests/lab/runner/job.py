"""What a job is, what comes out of it, and how both are written down as JSON."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from . import traffic, wire
from .acts import Act, Scene, play
from .boot import File, boot
from .collect import collect
from .flows import Flows
from .sandbox import RESULTS, LabError, Sandbox

LAST_LINES = 30


@dataclass(frozen=True)
class Job:
    """A host to bring up. `id` is a relative path that no other job has."""

    id: str
    trees: tuple[str, ...]  # names of the command line's: a Debian tree, and layers upon it
    renderer: str  # a key of boot.RENDERERS, or nothing: files are put in place, and that is all
    files: tuple[File, ...]
    cards: tuple[str, ...] = ()
    servers: tuple[wire.Server, ...] = ()
    patience: float = 0  # seconds to wait when it is up
    scenario: Mapping[str, Any] | None = None  # what traffic.World plays then
    # what is done to the host when its state has been collected
    acts: tuple[Act, ...] = ()
    flows: tuple[tuple[str, str], ...] = ()  # meanwhile, from host to host of the scenario

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """Make a job of what `dataclasses.asdict` and JSON made of it."""
        return cls(
            **{
                **data,
                "trees": tuple(data["trees"]),
                "files": tuple(File(**file) for file in data["files"]),
                "cards": tuple(data["cards"]),
                "servers": tuple(wire.Server(**server) for server in data["servers"]),
                "acts": tuple(Act.from_json(act) for act in data["acts"]),
                "flows": tuple((source, target) for source, target in data["flows"]),
            }
        )


@dataclass(frozen=True)
class Result:
    """What came out of a job.

    `error` is empty unless the host did not come up; `raw` is what programs print of the kernel's
    state (collect.py); `failures` has a line for each step of the scenario that went wrong;
    `scenes` is what came of the acts.
    """

    error: str = ""
    raw: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    scenes: tuple[Scene, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Make a result of what `dataclasses.asdict` and JSON made of it."""
        scenes = tuple(Scene(**scene) for scene in data["scenes"])
        return cls(**{**data, "failures": tuple(data["failures"]), "scenes": scenes})


def run(job: Job) -> Result:
    """Run a job in the sandbox that this process is in. All that goes wrong is in the result."""
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            seconds[part] = round(time.monotonic() - start, 2)

    try:
        with timed("sandbox"):
            box = Sandbox(job.cards)
            world = traffic.World(box, job.scenario) if job.scenario else None
            wire.serve(box, job.servers)
        with timed("boot"):
            boot(box, job.renderer, job.files)
            time.sleep(job.patience)
        with timed("traffic"):
            failures = world.play() if world else []
        with timed("collect"):
            raw = collect(box, of_boot=True)
        flows = Flows(job.flows, world.hosts, world.address_of) if world else Flows()
        with timed("acts"), flows:
            scenes = list(play(box, job.acts, flows))
    except Exception as error:  # noqa: BLE001 - a mistake in the lab is a result too
        expected = isinstance(error, LabError)
        text = str(error) if expected else "".join(traceback.format_exception(error))
        return Result(error=f"{text}\n{_logs()}", seconds=seconds)
    return Result(raw=raw, failures=tuple(failures), scenes=tuple(scenes), seconds=seconds)


def _logs() -> str:
    """Give the last lines of all logs."""
    parts: list[str] = []
    for log in sorted(RESULTS.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        if lines:
            parts += [f"--- {log.name}", *lines]
    return "\n".join(parts)
