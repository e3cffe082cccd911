"""The two tiers: the same jobs on this machine's kernel, and on a full kernel in one boot of a VM."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.lab.runner.boot import File
from tests.lab.runner.job import Job, Result
from tests.support import namespaces

from . import tree, vm
from .layers import layer

HERE = Path(__file__).parents[1]
OUT = tree.OUT
QUICK_PARALLEL = 24
FULL_PARALLEL = 6
# Seconds for a program of a job, and for all jobs together: a machine that hangs ends, a slow one does not.
FULL_LIMIT = 180
FULL_LIMIT_ALL = 3600


class TierError(AssertionError):
    """The runner itself failed; the text is the end of what it printed."""


@dataclass(frozen=True)
class Run:
    """The results of jobs, by their ids, and how many seconds each part took."""

    results: Mapping[str, Result]
    seconds: Mapping[str, float] = field(default_factory=dict)


def missing() -> str | None:
    """Say why the lab cannot run on this machine, None if it can."""
    tools = ("apt-get", "dpkg", "mmdebstrap", "setpriv")
    absent = [tool for tool in tools if shutil.which(tool) is None]
    return namespaces.missing() or (f"needs {', '.join(absent)}" if absent else None)


def commands(
    job_id: str, *lines: str, files: tuple[File, ...] = (), generation: str = "bookworm"
) -> Job:
    """Give a job that boots nothing, but runs commands where these files are."""
    steps = [{"run": line, "on": "host"} for line in lines]
    scenario = {"case": "", "proves": [], "hosts": {}, "steps": steps}
    return Job(id=job_id, trees=(generation,), renderer="", files=files, scenario=scenario)


# How a kernel is asked for a kind of interface.
_PROBES = {
    "bridge": "ip link add x type bridge",
    "bond": "ip link add x type bond",
    "dummy": "ip link add x type dummy",
    "ifb": "ip link add x type ifb",
    "ipvlan": "ip link add y type veth && ip link add x link y type ipvlan mode l3s",
    "geneve": "ip link add x type geneve id 5 remote 192.0.2.1",
    # those of Debian's kernels that others leave out
    "qdiscs": "set -e; for kind in cake fq_codel hhf netem qfq; do tc qdisc replace dev lo root $kind; done",
    "macvlan": "ip link add y type veth && ip link add x link y type macvlan mode vepa",
    # of all modes: each has a module of its own
    "tunnel": "set -e; "
    "for mode in gre gretap ipip sit vti; do "
    "ip link add $mode type $mode local 192.0.2.1 remote 192.0.2.2; done; "
    "for mode in ip6gre ip6gretap ip6tnl vti6; do "
    "ip link add $mode type $mode local 2001:db8::1 remote 2001:db8::2; done",
    "nl80211": "genl ctrl get name nl80211",
    "veth": "ip link add x type veth peer name y",
    # not of `lo`, which the kernel lets carry none
    "vlan": "ip link add y type veth && ip link add x link y type vlan id 5",
    "vlan-filtering": "ip link add x type bridge vlan_filtering 1",
    "vrf": "ip link add x type vrf table 1001",
    "vxlan": "ip link add x type vxlan id 5 dstport 4789",
    "wireguard": "ip link add x type wireguard",
}


def kernel_lacks() -> frozenset[str]:
    """Name the kinds of interfaces that this machine's kernel cannot make."""
    jobs = {kind: commands(f"probe/{kind}", command) for kind, command in _PROBES.items()}
    control = commands("probe/none", "ip link show dev lo")
    results = quick([control, *jobs.values()], name="probes").results
    if error := results[control.id].error:
        raise TierError(f"no sandbox works here:\n{error}")
    return frozenset(kind for kind, job in jobs.items() if results[job.id].error)


def _runner(
    python: str, jobs: str, out: str, trees: Mapping[str, Path], parallel: int
) -> list[str]:
    """Give the command that runs jobs where the runner is."""
    places = [f"--tree={name}={place}" for name, place in trees.items()]
    return [python, "-m", "runner", jobs, out, *places, f"--parallel={parallel}"]


def quick(jobs: Sequence[Job], name: str = "quick") -> Run:
    """Run jobs on this machine's kernel; the directory of results has this name."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "trees"):
        trees = _trees(jobs)
    with _results(name, jobs) as out:
        command = _runner(sys.executable, str(out / "jobs.json"), str(out), trees, QUICK_PARALLEL)
        with _timed(seconds, "jobs"), open(out / "runner.log", "wb") as log:
            done = subprocess.run(
                # it must not outlive a test run that is killed
                ["setpriv", "--pdeathsig=KILL", "--", *command],
                cwd=HERE,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if done.returncode:
            last = (out / "runner.log").read_text()[-2000:]
            raise TierError(f"the runner ended ({done.returncode}), its log with:\n{last}")
        return _read(jobs, out, seconds)


def full(jobs: Sequence[Job], name: str = "full") -> Run:
    """Run jobs in the virtual machine, in one boot; the directory of results has this name."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "trees"):
        trees = _trees(jobs)
    with _timed(seconds, "machine"):
        machine = vm.prepare(trees)
    places = {name: Path("/lab", name) for name in trees}
    command = _runner("python3", "jobs.json", "$OUT", places, FULL_PARALLEL)
    line = " ".join((f"LAB_LIMIT={FULL_LIMIT}", *command))
    with (
        _results(name, jobs) as out,
        tempfile.TemporaryDirectory(dir=tree.CACHE) as directory,
    ):
        shutil.copytree(HERE / "runner", f"{directory}/runner")
        shutil.copy(out / "jobs.json", directory)
        times = vm.run(machine, Path(directory), line, out, FULL_LIMIT_ALL)
        return _read(jobs, out, seconds | asdict(times))


@contextmanager
def _results(name: str, jobs: Sequence[Job]) -> Iterator[Path]:
    """Give a directory for results, with the jobs in it; then it takes the place of the last."""
    OUT.mkdir(parents=True, exist_ok=True)
    out = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=OUT))
    out.chmod(0o755)
    (out / "jobs.json").write_text(json.dumps([asdict(job) for job in jobs]))
    try:
        yield out
    finally:
        with open(OUT / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            shutil.rmtree(OUT / name, ignore_errors=True)
            out.rename(OUT / name)


def _trees(jobs: Iterable[Job]) -> dict[str, Path]:
    """Build the trees and layers that jobs need."""
    trees: dict[str, Path] = {}
    for generation, *layered in dict.fromkeys(job.trees for job in jobs):
        trees[generation] = tree.build(generation)
        for name in layered:
            trees[name] = layer(name.removesuffix(f"-{generation}"), generation)
    return trees


def _read(jobs: Iterable[Job], out: Path, seconds: Mapping[str, float]) -> Run:
    (out / "seconds.json").write_text(json.dumps(seconds))
    results = {
        job.id: Result.from_json(json.loads((out / job.id / "result.json").read_text()))
        for job in jobs
    }
    return Run(results, seconds)


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[part] = round(time.monotonic() - start, 1)
