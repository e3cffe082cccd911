"""Try the devices of all rows on Debian's kernel, in the lab's virtual machine: two minutes.

    python -m tests.link_vm

What test_links.py asserts here, of the kinds that this machine's kernel lacks: prints each
row where something is other than wanted, other than ip(8) makes it, or changes otherwise.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600
SEVERITY = ("live", "down", "empty", "recreate")


def inside(cases: dict[str, Any], out: Path) -> None:
    """Run where there is neither a compiler nor a test framework."""
    from vnetc.backends.netlink.links import devices as links

    from . import link_lab as lab_of
    from .lab import Refused, namespace

    for row, case in cases.items():
        one, two = case["wanted"]
        found: dict[str, Any] = {}
        try:
            with namespace() as lab:
                lab_of.start(lab, one)
                found["other"] = lab_of.differences(lab, one)
                found["again"] = lab_of.settle(lab, one)
                found["unusual"] = lab_of.unusual(lab, one)
                found["restored"] = lab_of.restored(lab, one)
            for name, lines in case["commands"].items():
                with namespace() as lab:
                    lab_of.start(lab, one)
                    found[f"ip {name}"] = lab_of.by_ip(lab, name, lines)
            if set(one) == set(two):
                with namespace() as lab:
                    lab_of.start(lab, one)
                    now = lab_of.state(lab)
                    claims = [
                        links.impact(name, now[("link", device)], two[device])
                        for device in two
                        for name in links.differing(now[("link", device)], two[device])
                    ]
                    claim = SEVERITY[max(map(SEVERITY.index, claims), default=0)]
                    observed = lab_of.observe(lab, one, two)
                    if observed.partition(":")[0] != claim:
                        found["impact"] = f"{claim}, observed {observed}"
        except Refused as refused:
            found["refused"] = str(refused)
        wrong = {what: value for what, value in found.items() if value}
        with open(out, "a") as file:
            file.write(f"{row}: {wrong}\n" if wrong else "")
    with open(out, "a") as file:
        file.write(f"{len(cases)} rows\n")


def outside() -> None:
    """Pack what `inside` needs, and print what it found."""
    from tests.lab.machines import tree, vm

    from .link_cases import cases, commands, wanted

    machine = vm.prepare({tree.DEFAULT: tree.build()})
    with tempfile.TemporaryDirectory() as scratch:
        job, out = Path(scratch, "job"), Path(scratch, "out")
        without = shutil.ignore_patterns("__pycache__", "*.md")
        shutil.copytree(ROOT / "src/vnetc", job / "vnetc", ignore=without)
        (job / "tests" / "netlink").mkdir(parents=True)
        for name in ("lab", "link_lab", "link_vm"):
            shutil.copy(ROOT / "tests" / "netlink" / f"{name}.py", job / "tests" / "netlink")
        tried = {
            row: {"wanted": [*map(wanted, texts)], "commands": commands(texts[0])}
            for row, texts in cases()
        }
        (job / "cases.json").write_text(json.dumps(tried))
        command = "PYTHONPATH=. python3 -m tests.netlink.link_vm cases.json $OUT/found"
        vm.run(machine, job, command, out, SECONDS)
        print((out / "found").read_text(), end="")


if __name__ == "__main__":
    if sys.argv[1:]:
        inside(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
    else:
        outside()
