"""The classes of objects that rtnetlink has, besides links: how each is read, made and removed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.objects import addresses, bridging, neighbors, nexthops, routes, rules
from vnetc.backends.netlink.state import Attributes, Index, Key, State
from vnetc.backends.netlink.wire.messages import Message
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Module(Protocol):
        """What the module of a class has: it makes messages, and knows what others make."""

        def create(self, key: Key, attributes: Attributes, index: Index) -> list[Message]:
            """Give the messages that make an object, in their order."""
            ...

        def change(self, key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
            """Give the messages that change an object, none if nothing differs."""
            ...

        def remove(self, key: Key, attributes: Attributes, index: Index) -> list[Message]:
            """Give the messages that remove an object."""
            ...

        def is_foreign(self, key: Key, attributes: Attributes) -> bool:
            """Tell whether the kernel or a daemon made an object, of what the network told it."""
            ...


class Class(Record, kw_only=False):
    """A class of objects: its module, the dumps that list it, and what reads them.

    `is_needed` tells from the keys that matter and from the links whether a dump is worth it.
    """

    module: Module
    names: frozenset[str]
    dumps: tuple[tuple[int, bytes], ...]
    read: Callable[[Iterable[bytes], Mapping[int, str], State], Iterator[Any]]
    is_needed: Callable[[Collection[Key], State], bool] = lambda keys, links: True


def _asked(name: str) -> Callable[[Collection[Key], State], bool]:
    return lambda keys, links: any(key[0] == name for key in keys)


def _has_ends(keys: Collection[Key], links: State) -> bool:
    kinds = {str(attributes["kind"]) for attributes in links.values()}
    return "vxlan" in kinds or any(key[0] == "fdb" for key in keys)


def _filters(keys: Collection[Key], links: State) -> bool:
    filtering = any(attributes.get("bridge.vlan-filtering") for attributes in links.values())
    return filtering or any(key[0] == "vlan" for key in keys)


CLASSES = (
    Class(
        addresses,
        frozenset({"address"}),
        addresses.DUMPS,
        lambda bodies, names, _: addresses.read(bodies, names),
    ),
    Class(
        routes,
        frozenset({"route"}),
        routes.DUMPS,
        lambda bodies, names, _: routes.read(bodies, names),
    ),
    Class(
        nexthops,
        frozenset({"nexthop"}),
        nexthops.DUMPS,
        lambda bodies, names, _: nexthops.read(bodies, names),
    ),
    Class(rules, frozenset({"rule"}), rules.DUMPS, lambda bodies, names, _: rules.read(bodies)),
    Class(
        neighbors,
        frozenset({"neighbor", "neighbor-proxy"}),
        neighbors.DUMPS,
        neighbors.read,
    ),
    Class(bridging, frozenset({"fdb"}), bridging.FDB_DUMPS, bridging.read_fdb, _has_ends),
    Class(
        bridging,
        frozenset({"mdb"}),
        bridging.MDB_DUMPS,
        lambda bodies, names, _: bridging.read_mdb(bodies, names),
        _asked("mdb"),
    ),
    Class(bridging, frozenset({"vlan"}), bridging.VLAN_DUMPS, bridging.read_vlans, _filters),
)
# class of objects -> its module
MODULES: Mapping[str, Module] = {
    "link": links,
    **{name: item.module for item in CLASSES for name in item.names},
}


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether the kernel or a daemon made an object, of what the network told it."""
    module = MODULES.get(key[0])
    return module is not None and module.is_foreign(key, attributes)
