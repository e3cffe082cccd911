"""One phase of apply, measured from inside: `worker.py PHASE [DOCUMENT]` prints its cost as JSON.

What comes before the phase is not measured: Python's start, the imports, the document.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

from vnetc.backends.netlink.engine import Kernel
from vnetc.backends.netlink.store import Places
from vnetc.backends.netlink.transaction import namespaces
from vnetc.backends.netlink.transaction.comparison import Survey, machine_at, survey
from vnetc.cli.arguments import parser
from vnetc.cli.running import desired

DUMPS = ("-d -j link show", "-j address show", "-d -j route show table all")


def execution(document: str) -> Callable[[], object]:
    """Take the steps of a plan."""
    kernel, plan = _planning(document)
    steps = plan().plan.steps
    return lambda: kernel.execute(steps)


def planning(document: str) -> Callable[[], object]:
    """Read the kernel and plan; there is nothing to do."""
    _, plan = _planning(document)
    if plan().plan.steps:
        raise SystemExit("the plan is not empty")
    return plan


def _planning(document: str) -> tuple[Kernel, Callable[[], Survey]]:
    found = desired(parser().parse_args(["plan", document]))
    assert found is not None
    places = Places()
    namespace, asked = namespaces.enter(None), found.question(places)
    kernel = Kernel(asked.keys, machine=machine_at(places))
    return kernel, lambda: survey(asked, namespace, kernel, places)


def dumps() -> Callable[[], object]:
    """Have ip(8) show links, addresses and routes, and parse what it prints."""

    def read() -> None:
        for words in DUMPS:
            done = subprocess.run(["ip", *words.split()], check=True, capture_output=True)
            json.loads(done.stdout)

    return read


def cost(phase: Callable[[], object]) -> tuple[float, float, float]:
    """Run a phase once: milliseconds by the clock and of CPU, and MiB."""
    cpu, begin = _cpu(), time.perf_counter()
    phase()
    wall, used = time.perf_counter() - begin, _cpu() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return wall * 1e3, used * 1e3, peak


def _cpu() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    gc.disable()  # as the commands do
    phases: dict[str, Callable[..., Callable[[], object]]]
    phases = {"execution": execution, "planning": planning, "dumps": dumps}
    print(json.dumps(cost(phases[sys.argv[1]](*sys.argv[2:]))))
