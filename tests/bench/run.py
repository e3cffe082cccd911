"""`make bench`: compare vnetc with netplan, ip(8) and a bare Python, and write the report.

Not a test: it needs a quiet machine, root and netplan.io. Ends with 1 if a target is missed.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import vnetc

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench import kernel
from bench.hosts import THREE, ten, vlans
from bench.measure import Command, Cost, measure
from bench.parts import Goal, Part

REPORT = Path(__file__).parents[2] / "docs" / "reference" / "performance.md"
PYTHON = sys.executable
VNETC = str(Path(PYTHON).with_name("vnetc"))
MANY = 1000


def main() -> int:
    """Measure all, print and write the report."""
    if shutil.which("netplan") is None:
        sys.exit("bench: netplan is not installed: `apt-get install netplan.io`")
    if said := kernel.missing():
        sys.exit(f"bench: {said}")
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a disk would measure itself
    with TemporaryDirectory(dir=memory) as directory:
        parts = []
        for part in _parts(Path(directory)):
            print(_section(part), flush=True)
            parts.append(part)
    REPORT.write_text(_report(parts))
    return 0 if all(goal.met for part in parts for goal in part.goals) else 1


def _parts(work: Path) -> Iterator[Part]:
    yield _start(work)
    yield _three(work)
    yield _vlans(work, addresses=False)
    yield _vlans(work, addresses=True)
    yield _check(work)
    yield from kernel.parts(work)


def _start(work: Path) -> Part:
    costs = measure(
        {
            "python -c pass": Command([PYTHON, "-c", "pass"]),
            "vnetc --version": Command([VNETC, "--version"]),
        },
        40,
    )
    python, version = costs.values()
    return Part(
        "Starting",
        "The command line against an interpreter that does nothing.",
        costs=costs,
        goals=(Goal("`vnetc --version` / `python`", version.least_cpu / python.least_cpu, 2.5),),
    )


def _three(work: Path) -> Part:
    work = work / "three"
    work.mkdir()
    document = work / "three.vnet.yaml"
    document.write_text(THREE)
    costs = measure(
        {
            "netplan generate": _netplan(document, work / "netplan"),
            "vnetc compile -o": _compile(document, work / "new"),
            "vnetc compile": Command([VNETC, "compile", str(document), "-t", "networkd"]),
        },
        30,
    )
    netplan, new, printed = costs.values()
    return Part(
        "One host",
        "Three interfaces, from nothing to networkd's files.",
        costs=costs,
        goals=(
            Goal("`vnetc compile -o` / `netplan generate`, wall", _wall(new, netplan), 0.4),
            Goal("`vnetc compile` / `netplan generate`, wall", _wall(printed, netplan), 0.4),
        ),
    )


def _vlans(work: Path, *, addresses: bool) -> Part:
    work = work / f"vlans-{addresses}"
    work.mkdir()
    small, large = work / "400.vnet.yaml", work / "4000.vnet.yaml"
    small.write_text(vlans(400, addresses=addresses))
    large.write_text(vlans(4000, addresses=addresses))
    costs = measure(
        {
            "netplan generate, 4000": _netplan(large, work / "netplan"),
            "vnetc compile -o, 4000": _compile(large, work / "new"),
            "vnetc compile, 4000": Command([VNETC, "compile", str(large), "-t", "networkd"]),
            "vnetc compile, 400": Command([VNETC, "compile", str(small), "-t", "networkd"]),
        },
        8,
    )
    netplan, new, printed, few = costs.values()
    return Part(
        f"4000 VLANs on one parent, {'with an address each' if addresses else 'bare'}",
        "8001 files. What grows faster than the document would show here.",
        costs=costs,
        goals=(
            Goal("`vnetc compile -o` / `netplan generate`, wall", _wall(new, netplan), 1.5),
            Goal("`vnetc compile` / `netplan generate`, wall", _wall(printed, netplan), 1.5),
            Goal("4000 VLANs / 400 VLANs, CPU", printed.least_cpu / few.least_cpu, 11.0),
            Goal("peak memory", max(new.peak, printed.peak), 150.0, "MiB"),
        ),
    )


def _check(work: Path) -> Part:
    work = work / "check"
    work.mkdir()
    for number in range(MANY):
        (work / f"{number}.vnet.yaml").write_text(ten(number))
    costs = measure({f"vnetc check, {MANY} files": Command([VNETC, "check", str(work)])}, 4)
    (check,) = costs.values()
    return Part(
        f"{MANY} documents in one process",
        "Ten interfaces each.",
        costs=costs,
        goals=(Goal("CPU for each document", check.least_cpu / MANY, 8.0, "ms"),),
    )


def _netplan(document: Path, root: Path) -> Command:
    """Let netplan generate what vnetc says the document is in netplan's words."""
    compiled = [VNETC, "compile", str(document), "-t", "netplan", "-o", str(root)]
    subprocess.run(compiled, check=True, stderr=subprocess.DEVNULL)
    return Command(
        ["netplan", "generate", "--root-dir", str(root)],
        prepare=lambda: shutil.rmtree(root / "run", ignore_errors=True),
    )


def _compile(document: Path, directory: Path) -> Command:
    return Command(
        [VNETC, "compile", str(document), "-t", "networkd", "-o", str(directory)],
        prepare=lambda: shutil.rmtree(directory, ignore_errors=True),
    )


def _wall(one: Cost, other: Cost) -> float:
    return one.least_wall / other.least_wall


def _section(part: Part) -> str:
    lines = [
        f"## {part.title}",
        "",
        part.text,
        "",
        *_table(part.costs),
        "| | measured | at most | |",
        "|---|---|---|---|",
        *(
            f"| {goal.what} | **{goal.measured:.2f}** {goal.unit} | {goal.bound:g} {goal.unit} "
            f"| {'met' if goal.met else 'missed'} |"
            for goal in part.goals
        ),
        "",
    ]
    return "\n".join(line.replace("  |", " |") for line in lines)


def _table(costs: dict[str, Cost]) -> list[str]:
    if not costs:
        return []
    return [
        "| | wall, least | wall, median | CPU, least | peak memory |",
        "|---|---|---|---|---|",
        *(
            f"| `{name}` | {cost.least_wall:.0f} ms | {cost.median_wall:.0f} ms "
            f"| {cost.least_cpu:.0f} ms | {cost.peak:.0f} MiB |"
            for name, cost in costs.items()
        ),
        "",
    ]


def _report(parts: list[Part]) -> str:
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `make bench`; do not edit. To repeat it on a Debian 12 machine with",
            "nothing else to do: `sh bootstrap.sh bench`.",
            "",
            "Commands are run in turns, so that a busy moment of the machine meets all of them.",
            "Other jobs can only add to a run, so the ratios are of the least times. Files are",
            "read from and written to memory, into an empty directory each time. Both programs",
            "have their `.pyc` files. `netplan generate --root-dir` reads what vnetc itself wrote",
            "for netplan, and writes what `vnetc compile --target networkd` writes: the files of",
            "systemd-networkd. It is mostly Python too: its generator, in C, is a small part.",
            "",
            "What changes or reads the running kernel is measured as root in network namespaces of",
            "its own. *Alone* is that phase inside a process, without Python's start, the imports",
            "and the document.",
            "",
            *(f"- {line}" for line in _versions()),
            "",
            *map(_section, parts),
        ]
    )


def _versions() -> list[str]:
    from importlib.metadata import version

    query = ["dpkg-query", "--show", "--showformat", "${Version}", "netplan.io"]
    netplan = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    libraries = ("ruamel.yaml", "ruamel.yaml.clib")
    iproute = subprocess.run(["ip", "-V"], check=True, capture_output=True, text=True).stdout
    return [
        f"vnetc {vnetc.__version__}; {', '.join(f'{n} {version(n)}' for n in libraries)}",
        f"Python {platform.python_version()} for vnetc; netplan.io {netplan} with Debian's Python",
        iproute.strip().removeprefix("ip utility, "),
        f"Linux {platform.release().split('-')[0]}, {platform.machine()}",
    ]


if __name__ == "__main__":
    sys.exit(main())
