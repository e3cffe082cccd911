"""Random documents for the lab: `python -m tests.lab.fuzz COUNT [--seed N]`, or `make lab-fuzz N=`.

Each is brought up with every renderer that does not refuse it. One about which renderers disagree
is made as small as it can be and kept as a case, so that it is tried from then on.
"""

from __future__ import annotations

import argparse
import copy
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import vnetc
from hypothesis import Phase, given, seed, settings
from ruamel.yaml import YAML

from tests import strategies

from . import tier
from .case import SUFFIX, Case, servers
from .experiments import CASES, Equality

GENERATION = "bookworm"
Document = dict[str, Any]
# Text that goes to a renderer as it is may well stop a boot; it has a case of its own.
_AS_IT_IS = frozenset({"raw", "hooks"})
_CANDIDATES = 24  # smaller documents to try at once


def documents(count: int, number: int) -> list[Document]:
    """Draw documents; the same number gives the same ones."""
    drawn: list[Document] = []

    @seed(number)
    @settings(max_examples=count, database=None, phases=[Phase.generate], deadline=None)
    @given(strategies.documents())
    def collect(document: Document) -> None:
        drawn.append(_bootable(document))

    collect()
    return drawn[:count]


def _bootable(document: Document) -> Document:
    """Leave out what a lab cannot have: a choice of target, and text that goes through as it is."""

    def clean(value: Any) -> Any:
        match value:
            case dict():
                return {k: clean(v) for k, v in value.items() if k not in _AS_IT_IS}
            case list():
                return [clean(item) for item in value]
            case _:
                return value

    cleaned: Document = clean(strategies.without_target(document))
    return cleaned


def experiment(document: Document, name: str) -> Equality | None:
    """Give the experiment of a document; None if it is wrong, or the lab cannot make its network."""
    text = strategies.text_of(document)
    if any(d.severity == "error" for d in vnetc.check_text(text)):
        return None
    case = Case(name, text)
    try:
        servers(case.host)
    except (ValueError, StopIteration):
        return None
    found = Equality(case, GENERATION)
    return found if len(found.jobs) > 1 else None


def experiments(count: int, number: int) -> list[Equality]:
    """Give the experiments of so many random documents."""
    drawn = (experiment(d, f"random-{number}-{i}") for i, d in enumerate(documents(count, number)))
    return [e for e in drawn if e is not None]


def verdicts(tried: Sequence[Equality], lacks: frozenset[str]) -> dict[str, str]:
    """Run experiments, here or in the virtual machine; give what is wrong, by their names."""
    found: dict[str, str] = {}
    for run, chosen in (
        (tier.quick, [e for e in tried if not e.needs & lacks]),
        (tier.full, [e for e in tried if e.needs & lacks]),
    ):
        if chosen:
            results = run([job for e in chosen for job in e.jobs.values()], "fuzz").results
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


def main() -> None:
    """Try random documents; keep the smallest of each that fails as a case. Exit 1 if any did."""
    arguments = argparse.ArgumentParser(prog="python -m tests.lab.fuzz", description=__doc__)
    arguments.add_argument("count", type=int)
    arguments.add_argument("--seed", type=int, default=0)
    given_ = arguments.parse_args()
    lacks = tier.kernel_lacks()
    drawn = documents(given_.count, given_.seed)
    tried = {f"random-{given_.seed}-{number}": document for number, document in enumerate(drawn)}
    found = [e for name, document in tried.items() if (e := experiment(document, name))]
    print(f"{len(found)} of {len(drawn)} documents have two renderers that can say them")
    wrong = verdicts(found, lacks)
    for name, what in wrong.items():
        print(f"\n{name}:\n{what}")
        path = CASES / f"found-{name}{SUFFIX}"
        with open(path, "w") as file:
            file.write("# Found by `make lab-fuzz`.\n")
            YAML().dump(shrink(tried[name], lacks), file)
        print(f"kept as {path}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
