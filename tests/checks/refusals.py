"""What version 0.1 refused of the documents of these tests, to compare with what is refused now.

tests/checks/refused-0.1.json is 0.1's answer, by a checkout of it that is importable as `vnetc`:

    python -m tests.checks.refusals > documents.json
    PYTHONPATH=THERE python tests/checks/refusals.py documents.json > tests/checks/refused-0.1.json

The second command needs nothing of this folder but this file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from vnetc.backends import REGISTRY
from vnetc.pipeline import compile_text

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = Path(__file__).with_name("refused-0.1.json")
SUFFIX = ".vnet.yaml"


def named() -> dict[str, str]:
    """Give the documents of samples, golden cases and the lab."""
    paths = {path.parent.name: path for path in ROOT.glob(f"tests/backends/golden/*/spec{SUFFIX}")}
    paths |= {p.name.removesuffix(SUFFIX): p for p in ROOT.glob(f"samples/*{SUFFIX}")}
    paths |= {
        f"lab {p.name.removesuffix(SUFFIX)}": p for p in ROOT.glob(f"tests/lab/cases/*{SUFFIX}")
    }
    return {name: paths[name].read_text(encoding="utf-8") for name in sorted(paths)}


def documents() -> dict[str, str]:
    """Give these, and one for each row of the support tables and each of two values."""
    from tests.support.rows import VALUES

    found = named()
    for row, (text, *values) in VALUES.items():
        for number, value in enumerate(values):
            found[f"{row} {number}"] = f"version: 1\n{text.replace('@', value)}\n"
    return found


def refused(text: str, target: str) -> list[str] | None:
    """List the places of all that is refused; None if the document is wrong in itself."""
    output = compile_text(text, name="host", target=target, allow_hooks=True)
    errors = [d for d in output.diagnostics if d.severity == "error"]
    if any(not d.code.startswith("VN5") for d in errors):
        return None
    return sorted({".".join(map(str, d.path)) for d in errors})


def answers(texts: dict[str, str]) -> Iterator[tuple[str, str, list[str] | None]]:
    """Give target, document and what is refused, where that is not nothing."""
    for target in REGISTRY:
        for name, text in texts.items():
            found = refused(text, target)
            if found is None or found:
                yield target, name, found


if __name__ == "__main__":
    if len(sys.argv) == 1:
        json.dump(documents(), sys.stdout)
    else:
        texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        # target -> document -> the places of what is refused, null if 0.1 cannot read it
        found: dict[str, dict[str, list[str] | None]] = {target: {} for target in REGISTRY}
        for target, name, places in answers(texts):
            found[target][name] = places
        asked = {"documents": sorted(texts), "refused": found}
        json.dump(asked, sys.stdout, indent=0, separators=(",", ":"))
