"""/etc/network/interfaces in three dialects: ifupdown, ifupdown2 and ifupdown-ng."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vnetc.backends.devices import Devices
from vnetc.backends.ifupdown.dialects import Classic, Ifupdown2, IfupdownNg, OnAlpine
from vnetc.backends.ifupdown.raw import check_raw
from vnetc.backends.ifupdown.support import CLASSIC, IFUPDOWN2, IFUPDOWN_NG, ON_ALPINE
from vnetc.backends.ifupdown.writer import stanzas, write
from vnetc.backends.support import Support, Version
from vnetc.backends.target import File, Target
from vnetc.model.diagnostics import Diagnostic
from vnetc.model.host import Host
from vnetc.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.deployment import Deployment
    from vnetc.backends.systems import System


Dialect = Callable[[Host, Version], Classic]


def _classic(host: Host, version: Version) -> Classic:
    """Choose the DHCP client: dhcpcd(8) from Debian 13 on."""
    del host
    return Classic(dhcpcd=version >= (0, 8, 44))


def _ifupdown2(host: Host, version: Version) -> Classic:
    del host, version
    return Ifupdown2()


def _ifupdown_ng(host: Host, version: Version) -> Classic:
    del host, version
    return IfupdownNg()


def _on_alpine(host: Host, version: Version) -> Classic:
    del host, version
    return OnAlpine()


def _writer(dialect: Dialect, target: str) -> Callable[[Host, Version], list[File]]:
    """Bind a dialect to the name of its target."""
    return lambda host, version: write(host, dialect(host, version), target)


def _checker(dialect_of: Dialect, target: str) -> Callable[[Host, Version], list[Diagnostic]]:
    """Bind a dialect to the check of raw text."""

    def check(host: Host, version: Version) -> list[Diagnostic]:
        dialect = dialect_of(host, version)
        if target not in (host.raw or {}) and not any(i.raw for i in host.interfaces):
            return []
        devices = Devices(host)
        own = {i.name: stanzas(host, devices, i, dialect) for i in host.interfaces}
        return check_raw(host, target, dialect.unsafe, own)

    return check


def _holds(found: Diagnostic) -> bool:
    """Tell whether a VLAN of a bridge is cut off: ifupdown2 adds it to the bridge (addons/vlan.py).

    An interface with a dot in its name is a VLAN called `<link>.<id>`: all else is refused.
    """
    return found.code != "VN425" or "." not in str(found.path[1])


def _rare() -> Mapping[str, Support]:
    from vnetc.backends.ifupdown import rare

    return rare.SUPPORT


def _by_hand() -> Deployment:
    from vnetc.backends.ifupdown import deployment

    return deployment.BY_HAND


def _by_reload() -> Deployment:
    from vnetc.backends.ifupdown import deployment

    return deployment.BY_RELOAD


def _on(target: Target, system: System) -> Target:
    """Give ifupdown-ng on a system: what it tells a DHCP client depends on the client."""
    if "isc-dhcp-client" in system.packages:
        return target
    return replace(
        target,
        common=ON_ALPINE,
        write=_writer(_on_alpine, target.name),
        check_raw=_checker(_on_alpine, target.name),
    )


TARGETS: dict[str, Target] = {
    "ifupdown": Target(
        name="ifupdown",
        title="ifupdown",
        program="ifupdown",
        default=(0, 8, 41),  # Debian 12
        oldest=(0, 8, 36),  # Debian 11
        newest=(0, 8, 45),  # Debian testing
        common=CLASSIC,
        rare=_rare,
        write=_writer(_classic, "ifupdown"),
        check_raw=_checker(_classic, "ifupdown"),
        deployment=_by_hand,
    ),
    "ifupdown2": Target(
        name="ifupdown2",
        title="ifupdown2",
        program="ifupdown2",
        default=(3, 0, 0),  # Debian 11 to 13
        oldest=(3, 0, 0),
        newest=(3, 10, 0),
        common=IFUPDOWN2,
        rare=_rare,
        write=_writer(_ifupdown2, "ifupdown2"),
        check_raw=_checker(_ifupdown2, "ifupdown2"),
        holds=_holds,
        deployment=_by_reload,
    ),
    "ifupdown-ng": Target(
        name="ifupdown-ng",
        title="ifupdown-ng",
        program="ifupdown-ng",
        default=(0, 11, 4),  # Debian 12
        oldest=(0, 11, 4),
        newest=(0, 12, 1),  # Debian 13
        common=IFUPDOWN_NG,
        rare=_rare,
        write=_writer(_ifupdown_ng, "ifupdown-ng"),
        check_raw=_checker(_ifupdown_ng, "ifupdown-ng"),
        deployment=_by_hand,
        on=_on,
    ),
}
