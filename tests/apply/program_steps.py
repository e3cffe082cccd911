"""Steps of programs, taken as a transaction takes them, and what they need."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from vnetc.backends.netlink.objects import programs
from vnetc.backends.netlink.objects.calls import SEARCH, Machine, has
from vnetc.backends.netlink.objects.fingerprints import recall, remember
from vnetc.backends.netlink.state import Attributes, Key, State, Wanted
from vnetc.backends.netlink.store import Places
from vnetc.model.host import Host
from vnetc.pipeline import load_host as load_whole

in_sandbox = pytest.mark.usefixtures("sandboxes")


def needs(*names: str) -> pytest.MarkDecorator:
    absent = [name for name in names if not has(name)]
    return pytest.mark.skipif(bool(absent), reason=f"needs {', '.join(absent)}")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def wait(done: Callable[[], object], seconds: float = 8) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "took too long"
        time.sleep(0.05)


def step(key: Key, before: Attributes | None, after: Attributes | None) -> Any:
    return SimpleNamespace(key=key, before=before, after=after)


def load_host(text: str) -> Host:
    return load_whole(text if "version:" in text else f"version: 1\n{text}")


class Ledger:
    """Takes steps as a transaction does, and remembers what one would."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.remembered: dict[Key, dict[str, Any]] = {}

    def read(self, wanted: Sequence[Wanted]) -> State:
        return programs.read(wanted, tuple(self.remembered), self.remembered, self.machine)

    def apply(self, wanted: Sequence[Wanted]) -> int:
        """Take the steps to what is wanted, and give their number."""
        state = self.read(wanted)
        count = 0
        for item in wanted:
            now = state.get(item.key)
            if now is None or any(now.get(n) != v for n, v in item.attributes.items()):
                after = {**(now or {}), **item.attributes}
                programs.run(step(item.key, now, after), machine=self.machine)
                count += 1
        state = self.read(wanted)
        for item in wanted:
            entry = remember(item.key, item.attributes, state)
            if entry is not None:
                self.remembered[item.key] = entry
        state = recall(state, self.remembered)
        for item in wanted:
            assert {n: state[item.key].get(n) for n in item.attributes} == item.attributes
        return count

    def remove(self, key: Key, wanted: Sequence[Wanted] = ()) -> None:
        programs.run(step(key, self.read(wanted)[key], None), machine=self.machine)


def machine_in(folder: Path, search: str = SEARCH) -> Machine:
    places = Places(state=f"{folder}/state", run=f"{folder}/run", root=str(folder / "root"))
    return Machine(places=places, search=search, leases=f"{folder}/leases")
