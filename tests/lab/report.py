"""`python -m tests.lab.report`: write what the last run has proven into the documentation.

With `--check` it writes nothing, and exits 1 if the documentation claims anything else. The data is
docs/reference/equivalence.json; `make docs` makes pages of it.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from vnetc.backends import load
from vnetc.backends.support import rows, too_old
from vnetc.backends.systems import system_of

from . import record
from .case import GENERATIONS
from .machines import tree
from .proof import UNPROVEN
from .trials import habits

DATA = tree.REPOSITORY / "docs" / "reference" / "equivalence.json"
HABITS = DATA.with_name("habits.json")
PROOFS = 3  # experiments to name; more say no more


def claims(row: str, target: str, version: str) -> bool:
    """Tell whether a target's table says that the target, at a version, can express a row."""
    about, asked = load(target), tuple(map(int, version.split(".")))
    support = about.support[row]
    programs = system_of(target, asked).programs(about.program, asked)
    return bool(support.how) and not too_old(programs, support.since)


def renderers() -> list[tuple[str, str, str]]:
    """List target, generation and version of all renderers."""
    return [(t, g, v) for g, targets in GENERATIONS.items() for t, v in targets.items()]


def data(attempts: list[record.Attempt]) -> dict[str, Any]:
    """Give, of each row and each renderer that claims it, what proves it, or why nothing does."""
    passed = [a for a in attempts if not a.wrong and not a.skipped]
    proven: dict[str, dict[str, list[str] | str]] = {row: {} for row in rows()}
    for target, generation, version in renderers():
        # of one version it is the same program, and what it reads is the same
        same = {g for g, targets in GENERATIONS.items() if targets.get(target) == version}
        mine = [a for a in passed if a.generation in same and target in a.targets]
        for row in rows():
            if claims(row, target, version):
                proofs = sorted(a.name.partition("@")[0] for a in mine if row in a.proves)
                why = UNPROVEN.get(row, {})
                proven[row][f"{target}@{generation}"] = proofs[:PROOFS] or why.get(target, "")
    return {
        "renderers": {f"{t}@{g}": f"{load(t).title} {v}" for t, g, v in renderers()},
        "rows": proven,
        "experiments": {
            a.name: list(a.targets) for a in sorted(attempts, key=lambda a: a.name) if a.proves
        },
        "lies": sorted(a.name for a in passed if a.name.startswith("lie-")),
    }


def problems(found: dict[str, Any]) -> list[str]:
    """Name the claims of support tables that neither a run proves nor a reason excuses."""
    return [
        f"{row} is not proven on {renderer}"
        for row, by_renderer in found["rows"].items()
        for renderer, proofs in by_renderer.items()
        if not proofs
    ]


def main() -> int:
    """Write or check the data; give the exit code."""
    arguments = argparse.ArgumentParser(prog="python -m tests.lab.report", description=__doc__)
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    if not record.FILE.exists():
        print("lab: nothing to report, it has not been run")
        return 0
    attempts = record.attempts()
    if skipped := [a for a in attempts if a.skipped]:
        print(f"lab: nothing to report, {len(skipped)} experiments skipped: {skipped[0].skipped}")
        return 0
    found = data(attempts)
    text = json.dumps(found, indent=1) + "\n"
    if check:
        if not DATA.exists() or DATA.read_text() != text:
            print(f"{DATA} is not what the lab has proven: run `make lab`", file=sys.stderr)
            return 1
    else:
        DATA.write_text(text)
        HABITS.write_text(json.dumps(habits.data(attempts), indent=1) + "\n")
    for problem in problems(found):
        print(problem, file=sys.stderr)
    return int(bool(problems(found)))


if __name__ == "__main__":
    raise SystemExit(main())
