"""The pass that reads a support table: what a target cannot express of a host, and the host without it."""

from __future__ import annotations

from collections.abc import Mapping

from vnetc.backends.devices import Devices
from vnetc.backends.support import (
    TITLES,
    Context,
    Programs,
    Support,
    key,
    row_fields,
    too_old,
    unsupported,
    version_text,
    word_of,
)
from vnetc.backends.systems import SYSTEMS
from vnetc.backends.target import Target, has_rare
from vnetc.model.cards import AccessPoint, VirtualFunctions
from vnetc.model.data import is_tuple
from vnetc.model.diagnostics import Diagnostic, Path, diagnostic
from vnetc.model.host import DhcpServer, Firewall, Host, Interface, Port, Route
from vnetc.model.kinds import Ethernet, Vlan, Wifi, Wireguard
from vnetc.model.record import MISSING, Record, fields, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _refuses(row: Support, programs: Programs) -> bool:
    """Tell whether a row may refuse anything with these versions of programs."""
    return (
        not row.how
        or bool(too_old(programs, row.since))
        or any(not lim.before or too_old(programs, lim.before) for lim in row.limits)
    )


# What nobody has said a target can express, it cannot.
_NO_ROW = unsupported("its support table has no row for it")


def _plan(
    cls: type[Record], support: Mapping[str, Support], programs: Programs
) -> list[tuple[str, Any, str, Support]]:
    """List the fields of `cls` that may be refused: name, default, row name, row."""
    plan: list[tuple[str, Any, str, Support]] = []
    defaults = fields(cls)
    for field in row_fields(cls):
        name = f"{word_of(cls)}.{key(field)}"
        row = support.get(name, _NO_ROW)
        if _refuses(row, programs):
            plan.append((field, defaults[field], name, row))
    return plan


# The fields of a node that hold further nodes with rows of their own.
_BELOW: dict[type[Record], tuple[str, ...]] = {
    Interface: (
        "kind",
        "port",
        "addresses",
        "routes",
        "routing_policy",
        "neighbors",
        "fdb",
        "qdiscs",
        "dhcp4_overrides",
        "dhcp6_overrides",
        "ra_overrides",
        "nameservers",
    ),
    Route: ("nexthops",),
    Ethernet: (
        "match",
        "offload",
        "link_settings",
        "rings",
        "channels",
        "queues",
        "coalesce",
        "virtual_functions",
        "auth",
    ),
    Wifi: ("match", "access_points"),
    AccessPoint: ("auth",),
    VirtualFunctions: ("functions",),
    Port: ("mdb",),
    Vlan: ("flags", "ingress_qos_map", "egress_qos_map"),
    Wireguard: ("peers",),
    Firewall: ("publish",),
    DhcpServer: ("reservations",),
}


def _verdict(
    row: Support, name: str, target: Target, context: Context
) -> tuple[str, str, str] | None:
    """Give (code, message, help) if the row refuses what the context holds."""
    word = name.partition(".")[2]
    if not row.how:
        return (
            "VN501",
            f"{target.name} cannot express `{word}`: {row.reason}",
            "choose another target, or leave it out with `--allow VN501`",
        )
    if old := too_old(context.programs, row.since):
        title = _title(old, target, context.programs)
        return "VN502", f"{title} cannot express `{word}`", _newer(old, target, row.since)
    for lim in row.limits:
        old = too_old(context.programs, lim.before)
        if (old or not lim.before) and lim.refuses(context):
            if old:
                title = _title(old, target, context.programs)
                message = f"{title} cannot express this `{word}`: {lim.reason}"
                return "VN502", message, _newer(old, target, lim.before)
            return (
                "VN503",
                f"{target.name} cannot express this `{word}`: {lim.reason}",
                "choose another target, or leave it out with `--allow VN503`",
            )
    return None


def _title(program: str, target: Target, programs: Programs) -> str:
    """Name a program as people do, with the version that is compiled for."""
    name = target.title if program == target.program else TITLES[program]
    return f"{name} {version_text(programs[program])}"


def _newer(program: str, target: Target, needed: Programs) -> str:
    """Say what can express it: a version of the target, or the first system with newer programs."""
    version = needed[program]
    if program == target.program:
        return f"`--target-version {version_text(version)}` can"
    systems = (
        system.name
        for system in SYSTEMS.values()
        if target.name in system.versions
        and not too_old(system.programs(target.program, system.versions[target.name]), needed)
    )
    wanted = f"{TITLES[program]} {version_text(version)} can"
    having = next(systems, "")
    return f"{wanted}: `--target-version {having}`" if having else wanted


class _Pass:
    """One walk over a host with one support table."""

    def __init__(self, host: Host, target: Target, programs: Programs) -> None:
        self.host = host
        self.target = target
        self.programs = programs
        self.devices = Devices(host)
        self.support = target.support if has_rare(host) else target.common
        self.plans: dict[type[Record], list[tuple[str, Any, str, Support]]] = {}
        self.found: list[Diagnostic] = []

    def context(self, node: Any, interface: Interface | None) -> Context:
        """Put together what a `Limit` may look at."""
        return Context(
            node=node,
            interface=interface,
            host=self.host,
            devices=self.devices,
            programs=self.programs,
        )

    def plan(self, cls: type[Record]) -> list[tuple[str, Any, str, Support]]:
        """Give the rows that say something of a class, looked up once."""
        plan = self.plans.get(cls)
        if plan is None:
            plan = self.plans[cls] = _plan(cls, self.support, self.programs)
        return plan

    def is_silence(self, node: Record) -> bool:
        """Tell whether a node says something, and nothing but what the target has anyway."""
        plan = self.plan(node.__class__) if word_of(node.__class__) else []
        said = [
            (getattr(node, name), row.silence)
            for name, default, _, row in plan
            if getattr(node, name) != default
        ]
        return bool(said) and all(v == silence and type(v) is type(silence) for v, silence in said)

    def refuse(self, node: Any, interface: Interface | None, path: Path) -> dict[str, Any]:
        """Report what the table refuses in one node; give the defaults to put in its place."""
        resets: dict[str, Any] = {}
        cls: type[Record] = node.__class__
        for name, default, row_name, row in self.plan(cls):
            value = getattr(node, name)
            if default is not MISSING and value == default:
                continue
            if value == row.silence and type(value) is type(row.silence):
                continue
            if not row.how and isinstance(value, Record) and self.is_silence(value):
                continue
            context = self.context(node, interface)
            verdict = _verdict(row, row_name, self.target, context)
            if verdict is not None:
                code, message, help = verdict
                where = (*path, key(name))
                self.found.append(diagnostic(code, message, where, "key", help=help))
                resets[name] = None if default is MISSING else default
        return resets

    def visit(self, node: Any, interface: Interface | None, path: Path) -> Any:
        """Report a node and all below it; give it back without what was refused, None if nothing
        of it remains.
        """
        resets = self.refuse(node, interface, path)
        required = [f for f, default in fields(node.__class__).items() if default is MISSING]
        if any(name in required for name in resets):
            return None  # a node cannot live without a required field
        changes: dict[str, Any] = dict(resets)
        defaults = fields(node.__class__)
        names: tuple[str, ...] = _BELOW.get(node.__class__, ()) or getattr(node, "below", ())
        for name in names:
            below: Any = getattr(node, name)
            if below is defaults[name] or name in resets:
                continue
            items: tuple[Any, ...] = below if is_tuple(below) else (below,)
            clean = [self.below(item, interface, path) for item in items]
            if any(new is not old for new, old in zip(clean, items, strict=True)):
                kept = tuple(item for item in clean if item is not None)
                if not kept and name in required:
                    return None
                changes[name] = kept if items is below else clean[0]
        return replace(node, **changes) if changes else node

    def below(self, node: Any, interface: Interface | None, path: Path) -> Any:
        """Visit a node below one at `path`, if it has rows of its own."""
        if not word_of(node.__class__):
            return node
        return self.visit(node, interface, getattr(node, "path", path))

    def interface(self, interface: Interface) -> Interface | None:
        row = self.support.get(f"type.{interface.kind.type}", _NO_ROW)
        if _refuses(row, self.programs):
            context = self.context(interface, interface)
            verdict = _verdict(row, f"type.{interface.kind.type}", self.target, context)
            if verdict is not None:
                code, message, _ = verdict
                help = "choose another target; others may rest on it, so it cannot be left out"
                self.found.append(diagnostic(code, message, interface.path, "key", help=help))
                return None
        clean = self.visit(interface, interface, interface.path)
        assert clean is None or isinstance(clean, Interface)
        return clean


def express(host: Host, target: Target, programs: Programs) -> tuple[Host, list[Diagnostic]]:
    """Find what the target, with these versions of programs, cannot express.

    Gives the host without it, for a caller that allows the loss, and one VN50x for each place.
    """
    walk = _Pass(host, target, programs)
    interfaces = tuple(clean for i in host.interfaces if (clean := walk.interface(i)) is not None)
    firewalls = tuple(
        clean for f in host.firewalls if (clean := walk.visit(f, None, f.path)) is not None
    )
    servers = tuple(
        clean for d in host.dhcp_servers if (clean := walk.visit(d, None, d.path)) is not None
    )
    resets = walk.refuse(host, None, ())
    if not walk.found:
        return host, []
    return (
        replace(host, interfaces=interfaces, firewalls=firewalls, dhcp_servers=servers, **resets),
        walk.found,
    )
