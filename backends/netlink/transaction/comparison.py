"""What there is, what is wanted, and the plan from one to the other.

The edge: it reads the kernel and the record. It changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence

from vnetc.backends.netlink.desired import wanted
from vnetc.backends.netlink.engine import Kernel
from vnetc.backends.netlink.objects import daemons, programs, tuntap, wireguard
from vnetc.backends.netlink.objects.calls import MACHINE, Machine, Problem, ProgramFailed
from vnetc.backends.netlink.planner import plan as planner
from vnetc.backends.netlink.planner.steps import Plan, Step
from vnetc.backends.netlink.refusal import Refused, refusal
from vnetc.backends.netlink.state import State, Wanted
from vnetc.backends.netlink.store import Places
from vnetc.backends.netlink.transaction import features
from vnetc.backends.netlink.transaction import ledger as ledgers
from vnetc.backends.netlink.transaction.ledger import Ledger
from vnetc.backends.netlink.transaction.namespaces import Namespace, unprivileged
from vnetc.backends.netlink.wire.socket import DumpInterrupted
from vnetc.model.diagnostics import Diagnostic, diagnostic
from vnetc.model.host import Host
from vnetc.model.record import Record, replace


class Question(Record):
    """What the kernel should be, and how far that may reach.

    `ends` are the addresses of WireGuard's endpoints by the names that the document has, `keys` the
    secrets by what stands for them in a state. `lacking` is what was left out, since this host has
    no program for it.
    """

    wanted: Sequence[Wanted]
    ends: Mapping[tuple[str, int], Sequence[str]] = {}
    keys: Mapping[str, bytes] = {}
    lacking: tuple[Diagnostic, ...] = ()
    adopt: bool = False
    prune: bool = False


class Survey(Record):
    """What there is, what is ours of it, and what is to be done."""

    state: State
    ledger: Ledger
    plan: Plan


def question(
    host: Host, machine: Machine, *, adopt: bool, prune: bool, allow: Collection[str] = ()
) -> Question:
    """Say what a host wants, with what the document leaves to the machine. Raises `Refused`.

    `allow` VN607 leaves out what this host has no program for.
    """
    material, problems = programs.read_secrets(host, machine)
    items = wanted(host, material, client=daemons.dhcp_client(machine))
    lacking: list[Problem] = []
    if "VN607" in allow:
        items, lacking = programs.possible(items, machine)
    items, strangers = tuntap.resolve(items)
    problems += strangers
    ends, unknown = programs.look_up(items)
    problems += [*unknown, *programs.check_names(host, machine)]
    if problems:
        raise Refused(*(diagnostic("VN617", p.text, p.path, "key") for p in problems))
    return Question(
        wanted=items,
        ends=ends,
        keys=programs.keyring(material),
        lacking=tuple(
            replace(_found(p), severity="warning", help="it is left out") for p in lacking
        ),
        adopt=adopt,
        prune=prune,
    )


def _found(problem: Problem) -> Diagnostic:
    usual = "install it, or leave this out with `--allow VN607`" if problem.code == "VN607" else ""
    return diagnostic(problem.code, problem.text, problem.path, "key", help=problem.help or usual)


def missing(asked: Question, steps: Sequence[Step], machine: Machine) -> list[Diagnostic]:
    """Find what the steps need and this host does not have: programs, parts of the kernel."""
    keys = {step.key for step in steps}
    found = programs.preflight([item for item in asked.wanted if item.key in keys], machine)
    return [*features.lacking(steps), *map(_found, found)]


def machine_at(places: Places) -> Machine:
    """Say where the programs' files are."""
    return replace(MACHINE, places=places)


def survey(asked: Question, namespace: Namespace, kernel: Kernel, places: Places) -> Survey:
    """Read the kernel and plan. Raises `Refused`."""
    ledger = ledgers.load(os.path.join(places.state, namespace.name), namespace)
    try:
        state = read(asked, kernel, ledger)
    except PermissionError:
        raise unprivileged() from None
    except (OSError, DumpInterrupted, ProgramFailed) as error:
        raise refusal("VN616", f"the kernel's state cannot be read: {error}") from None
    return Survey(state=state, ledger=ledger, plan=plan(asked, state, ledger))


def read(asked: Question, kernel: Kernel, ledger: Ledger) -> State:
    """Read what is there of all that the document and the record speak of, and of devices all."""
    return kernel.read(asked.wanted, ledger.known, ledger.remembered)


def plan(asked: Question, state: State, ledger: Ledger) -> Plan:
    """Plan the way from a state to what is wanted."""
    items = wireguard.settle(asked.wanted, state, ledger.remembered, asked.ends)
    return planner.plan(
        state,
        items,
        ledger.owned,
        before=ledger.before,
        adopt=asked.adopt,
        prune=asked.prune,
    )
