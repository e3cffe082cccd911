"""Random documents for the lab: `python -m tests.lab.trials.fuzz COUNT [--seed N]`, or `make lab-fuzz N=`.

Each is brought up with every renderer that does not refuse it. One about which renderers disagree
is made as small as it can be and kept as a case, so that it is tried from then on.
"""

from __future__ import annotations

import argparse
import copy
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vnetc
from hypothesis import Phase, given, seed, settings
from ruamel.yaml import YAML
from vnetc.model.diagnostics import Path as Place

from tests.lab.case import GENERATIONS, SUFFIX, Case, servers
from tests.lab.experiments import CASES, Equality
from tests.lab.machines import tier, vm
from tests.support import strategies

GENERATION = "bookworm"
FIXED_SET = Path(__file__).parents[1] / "random.json"
Document = dict[str, Any]
# Text that goes to a renderer as it is may well stop a boot; it has a case of its own.
_AS_IT_IS = frozenset({"raw", "hooks"})
_FROM_THE_WIRE = frozenset(
    {"dhcp4", "dhcp6", "accept-ra", "dhcp4-overrides", "dhcp6-overrides", "ra-overrides"}
)
_CANDIDATES = 24  # smaller documents to try at once


def documents(count: int, number: int) -> list[Document]:
    """Draw documents that the lab can bring up; the same number gives the same ones.

    Every other one is cut down to what all targets can say, the rest to what networkd can say.
    """
    drawn: list[Document] = []

    @seed(number)
    @settings(max_examples=count, database=None, phases=[Phase.generate], deadline=None)
    @given(strategies.documents())
    def collect(document: Document) -> None:
        targets = list(GENERATIONS[GENERATION]) if len(drawn) % 2 else ["netplan", "networkd"]
        drawn.append(_sayable(_bootable(document), targets))

    collect()
    return drawn[:count]


def _bootable(document: Document) -> Document:
    """Leave out what a lab cannot have.

    That is a choice of target, text that goes through as it is, and leases and advertisements where
    no network card leads to a server.
    """
    cleaned: Document = _without_keys(strategies.without_target(document), _AS_IT_IS)
    for interface in cleaned["interfaces"].values():
        if interface and interface.get("type", "ethernet") not in ("ethernet", "loopback"):
            for key in _FROM_THE_WIRE & interface.keys():
                del interface[key]
    return cleaned


def _without_keys(value: Any, keys: frozenset[str]) -> Any:
    match value:
        case dict():
            return {k: _without_keys(v, keys) for k, v in value.items() if k not in keys}
        case list():
            return [_without_keys(item, keys) for item in value]
        case _:
            return value


def _sayable(document: Document, targets: Sequence[str]) -> Document:
    """Leave out what one of the targets refuses."""
    for target in targets:
        output = Case("random", strategies.text_of(document)).compile(target, GENERATION)
        refused = frozenset(d.path for d in output.diagnostics if d.severity == "error")
        document = _without_paths(document, refused, ())
    return document


def _without_paths(value: Any, paths: frozenset[Place], here: Place) -> Any:
    match value:
        case dict():
            return {
                k: _without_paths(v, paths, (*here, k))
                for k, v in value.items()
                if (*here, k) not in paths
            }
        case list():
            return [
                _without_paths(item, paths, (*here, number))
                for number, item in enumerate(value)
                if (*here, number) not in paths
            ]
        case _:
            return value


@dataclass(frozen=True)
class Random(Equality):
    """A random document, which proves nothing for the report: others may be drawn tomorrow."""

    @property
    def proves(self) -> frozenset[str]:
        return frozenset()


def experiment(document: Document, name: str) -> Random | None:
    """Give the experiment of a document; None if it is wrong, or the lab cannot make its network."""
    text = strategies.text_of(document)
    if any(d.severity == "error" for d in vnetc.check_text(text)):
        return None
    case = Case(name, text)
    try:
        servers(case.host)
    except (ValueError, StopIteration):
        return None
    found = Random(case, GENERATION)
    return found if len(found.jobs) > 1 else None


def experiments(drawn: Iterable[Document], number: int) -> list[Random]:
    """Give the experiments of random documents drawn with a seed."""
    tried = (experiment(d, f"random-{number}-{i}") for i, d in enumerate(drawn))
    return [e for e in tried if e is not None]


def fixed_set() -> list[Random]:
    """Give the experiments of the documents that are tried on every run.

    They are kept as they were drawn: another release of Hypothesis draws others from one seed.
    """
    kept = json.loads(FIXED_SET.read_text())
    found = experiments(kept["documents"], kept["seed"])
    assert len(found) == len(kept["documents"]), "one is wrong by now: draw them anew"
    return found


def verdicts(tried: Sequence[Random], lacks: frozenset[str]) -> dict[str, str]:
    """Run experiments, here or in the virtual machine; give what is wrong, by their names."""
    found: dict[str, str] = {}
    for run, name, chosen in (
        (tier.quick, "fuzz-quick", [e for e in tried if not e.needs & lacks]),
        (tier.full, "fuzz-full", [e for e in tried if e.needs & lacks]),
    ):
        if chosen:
            results = run([job for e in chosen for job in e.jobs.values()], name).results
            for e in chosen:
                found[e.name] = e.verdict({t: results[j.id] for t, j in e.jobs.items()})
    return {name: wrong for name, wrong in found.items() if wrong}


# --- shrinking ----------------------------------------------------------------------------------


def shrink(document: Document, lacks: frozenset[str]) -> Document:
    """Leave out of a failing document all that it fails without."""
    while True:
        smaller = _smaller_that_fails(document, lacks)
        if smaller is None:
            return document
        document = smaller


def _smaller_that_fails(document: Document, lacks: frozenset[str]) -> Document | None:
    candidates = without_each(document)
    while batch := list(itertools.islice(candidates, _CANDIDATES)):
        tried = {}
        for number, candidate in enumerate(batch):
            if one := experiment(candidate, f"smaller-{number}"):
                tried[one] = candidate
        wrong = verdicts(list(tried), lacks)
        for one, candidate in tried.items():
            if one.name in wrong:
                return candidate
    return None


def without_each(document: Document) -> Iterator[Document]:
    """Give the document without each of its parts, the largest parts first."""
    for path in sorted(_paths(document), key=lambda path: -len(str(_part(document, path)))):
        less = copy.deepcopy(document)
        del _part(less, path[:-1])[path[-1]]
        yield less


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    items: Iterable[tuple[Any, Any]] = ()
    match value:
        case dict():
            items = value.items()
        case list():
            items = enumerate(value)
        case _:
            pass
    for key, below in items:
        yield (key,)
        yield from ((key, *path) for path in _paths(below))


def _part(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def keep(document: Document, name: str) -> Path:
    """Write a document down as a case."""
    text = io.StringIO("# Found by `make lab-fuzz`.\n")
    text.seek(0, io.SEEK_END)
    YAML().dump(document, text)
    path = CASES / f"found-{name}{SUFFIX}"
    path.write_text(text.getvalue())
    return path


def main() -> None:
    """Try random documents; keep the smallest of each that fails as a case. Exit 1 if any did."""
    arguments = argparse.ArgumentParser(prog="python -m tests.lab.trials.fuzz", description=__doc__)
    arguments.add_argument("count", type=int)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--fix", action="store_true", help="keep all as the set of every run")
    wanted = arguments.parse_args()
    drawn = documents(wanted.count, wanted.seed)
    named = ((f"random-{wanted.seed}-{number}", d) for number, d in enumerate(drawn))
    tried = {one: document for name, document in named if (one := experiment(document, name))}
    print(f"{len(tried)} of {len(drawn)} documents have two renderers that can say them")
    if wanted.fix:
        kept = {"seed": wanted.seed, "documents": list(tried.values())}
        FIXED_SET.write_text(json.dumps(kept, indent=1) + "\n")
        return
    if reason := tier.missing() or vm.missing():
        raise SystemExit(f"lab: {reason}")
    lacks = tier.kernel_lacks()
    wrong = verdicts(list(tried), lacks)
    for one, document in tried.items():
        if one.name in wrong:
            print(f"\n{one.name}:\n{wrong[one.name]}", flush=True)
            print(f"kept as {keep(shrink(document, lacks), one.case.name)}", flush=True)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
