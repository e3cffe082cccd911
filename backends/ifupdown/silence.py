"""What a new device has anyway costs no command.

An option of the program stays: it is what an administrator would write, and what its tools show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from vnetc.backends.ifupdown.bonds import BEFORE_MEMBERS
from vnetc.backends.ifupdown.dialects import Classic
from vnetc.backends.ifupdown.layer3 import BRIDGE_LINK, BRIDGE_SLAVE
from vnetc.backends.options import Option, spelled
from vnetc.backends.programs.ip_link import IP_LINK
from vnetc.model.host import Host, Interface, Port
from vnetc.model.kinds import Bond, Bridge, Vlan, VlanFlags
from vnetc.model.record import Record, fields, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    R = TypeVar("R", bound=Record)


def _silence(options: Iterable[Option]) -> dict[str, Any]:
    return {item.field: item.silence for item in options if item.silence is not None}


# what a new device has of what commands say of it
SILENCE: Mapping[type[Record], Mapping[str, Any]] = {
    **{cls: _silence(IP_LINK[cls].options) for cls in (Bond, Bridge, VlanFlags)},
    Port: _silence((*BRIDGE_LINK, *BRIDGE_SLAVE)),
}
# Of a device that is there the kernel changes these not at all. All else a reload may have to set back.
_FIXED: Mapping[type[Record], Collection[str]] = {
    Bond: BEFORE_MEMBERS,
    Bridge: frozenset({"vlan_stats_per_port"}),
}
_NO_FLAGS: VlanFlags = fields(Vlan)["flags"]


def without_silence(host: Host, dialect: Classic) -> Host:
    """Give a host without what commands would say, and a new device has by itself."""
    return replace(host, interfaces=tuple(_interface(i, dialect) for i in host.interfaces))


def _interface(interface: Interface, dialect: Classic) -> Interface:
    kind, port = interface.kind, interface.port
    new: Record = kind
    if isinstance(kind, Bond):
        new = _without(kind, dialect, dialect.bond_words)
    elif isinstance(kind, Bridge):
        options = {item.field for item, _ in spelled(kind, dialect.bridge_words)}
        new = _without(kind, dialect, options)
    elif isinstance(kind, Vlan) and kind.flags is not _NO_FLAGS:
        flags = _without(kind.flags, dialect, ())
        bare = replace(flags, path=_NO_FLAGS.path) == _NO_FLAGS
        new = replace(kind, flags=_NO_FLAGS if bare else flags)
    port = None if port is None else _without(port, dialect, ())
    if new is kind and port is interface.port:
        return interface
    return replace(interface, kind=new, port=port)


def _without(node: R, dialect: Classic, options: Collection[str]) -> R:
    """Leave out the fields that have their value anyway; `options` say theirs."""
    cls = type(node)
    silent = {
        field: None
        for field, value in SILENCE[cls].items()
        if getattr(node, field) == value
        and type(getattr(node, field)) is type(value)
        and field not in options
        and (not dialect.reloads or field in _FIXED.get(cls, ()))
    }
    return replace(node, **silent) if silent else node
