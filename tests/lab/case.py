"""A case: a specification brought up on every renderer, each in a sandbox of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import vnetc

from . import tree, wire
from .boot import RENDERERS, boot
from .namespaces import LabError, Sandbox, sandbox
from .state import State, read

SUFFIX = ".vnet.yaml"
LAST_LINES = 30
# Workers of pytest-xdist must not empty each other's directories.
OUT = tree.CACHE / "out" / os.environ.get("PYTEST_XDIST_WORKER", "")

T = TypeVar("T")


def name(spec: Path) -> str:
    """Name a case after its file."""
    return spec.name.removesuffix(SUFFIX)


def compile_for(spec: Path, target: str) -> vnetc.Output:
    """Compile a specification as `vnetc compile --allow-hooks` does."""
    return vnetc.compile_text(spec.read_text(), name=name(spec), target=target, allow_hooks=True)


@contextmanager
def booted(spec: Path, target: str, debian: Path, label: str = "") -> Iterator[Sandbox]:
    """Give a sandbox that has booted with a specification.

    Whatever goes wrong in it is raised as `LabError`, with the last lines of all its logs, which
    stay in build/lab/out/<case>/<target>/ (or out/<worker>/…, with pytest-xdist).
    """
    out = OUT / (label or name(spec)) / target
    host = vnetc.load_host(spec.read_text(), name(spec))
    output = compile_for(spec, target)
    assert output.files, "\n".join(d.message for d in output.diagnostics)
    with sandbox(debian, out, wire.cards(host)) as box:
        try:
            wire.serve(box, host)
            boot(box, target, output.files)
            yield box
        except AssertionError as error:
            raise LabError(f"{target}: {error}\n{_logs(out)}") from error


def everywhere(targets: tuple[str, ...], action: Callable[[str], T]) -> dict[str, T]:
    """Do something for several targets at once: most of the time is spent waiting."""
    with ThreadPoolExecutor(len(RENDERERS)) as pool:
        return dict(zip(targets, pool.map(action, targets), strict=True))


def states(spec: Path, targets: tuple[str, ...], debian: Path) -> dict[str, State]:
    """Give the state of the kernel after booting with each target."""

    def state(target: str) -> State:
        with booted(spec, target, debian) as box:
            found = read(box)
            _keep(found, box.out / "state.json")
            return found

    return everywhere(targets, state)


def _keep(state: Mapping[tuple[str, str, str], str], file: Path) -> None:
    flat = {" ".join(key): value for key, value in sorted(state.items())}
    file.write_text(json.dumps(flat, indent=1))


def _logs(out: Path) -> str:
    parts = []
    for log in sorted(out.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        if lines:
            parts += [f"--- {log}", *lines]
    return "\n".join(parts)
