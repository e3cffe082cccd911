"""The classes of objects that rtnetlink has, besides links: how each is read, made and removed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from vnetc.backends.netlink import addresses, bridging, links, neighbors, routes, rules
from vnetc.backends.netlink.objects import Attributes, Index, Key, State, Value
from vnetc.backends.netlink.wire import Message
from vnetc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Encode(Protocol):
        """Makes the messages that make or remove an object."""

        def __call__(self, key: Key, attributes: Attributes, index: Index) -> list[Message]:
            """Give the messages in their order."""
            ...

    class Change(Protocol):
        """Makes the messages that change an object."""

        def __call__(
            self, key: Key, old: Attributes, new: Attributes, index: Index
        ) -> list[Message]:
            """Give the messages in their order, none if nothing differs."""
            ...


class Class(Record):
    """A class of objects: the dumps that list it, and the functions of its module.

    `is_needed` tells from the keys that matter and from the links whether a dump is worth it.
    """

    names: frozenset[str]
    dumps: tuple[tuple[int, bytes], ...]
    read: Callable[[Iterable[bytes], Mapping[int, str], State], Iterator[Any]]
    create: Encode
    change: Change
    remove: Encode
    is_foreign: Callable[[Key, Attributes], bool]
    is_needed: Callable[[Collection[Key], State], bool] = lambda keys, links: True


def _read_mdb(
    bodies: Iterable[bytes], names: Mapping[int, str], links: State
) -> Iterator[tuple[Key, dict[str, Value]]]:
    del links
    return bridging.read_mdb(bodies, names)


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
        names=frozenset({"address"}),
        dumps=addresses.DUMPS,
        read=lambda bodies, names, links: addresses.read(bodies, names),
        create=addresses.create,
        change=addresses.change,
        remove=addresses.remove,
        is_foreign=addresses.is_foreign,
    ),
    Class(
        names=frozenset({"route"}),
        dumps=routes.DUMPS,
        read=lambda bodies, names, links: routes.read(bodies, names),
        create=routes.create,
        change=routes.change,
        remove=routes.remove,
        is_foreign=routes.is_foreign,
    ),
    Class(
        names=frozenset({"rule"}),
        dumps=rules.DUMPS,
        read=lambda bodies, names, links: rules.read(bodies),
        create=rules.create,
        change=rules.change,
        remove=rules.remove,
        is_foreign=rules.is_foreign,
    ),
    Class(
        names=frozenset({"neighbor", "neighbor-proxy"}),
        dumps=neighbors.DUMPS,
        read=lambda bodies, names, links: neighbors.read(bodies, names),
        create=neighbors.create,
        change=neighbors.change,
        remove=neighbors.remove,
        is_foreign=neighbors.is_foreign,
    ),
    *(
        Class(
            names=frozenset({name}),
            dumps=dumps,
            read=read,
            create=bridging.create,
            change=bridging.change,
            remove=bridging.remove,
            is_foreign=bridging.is_foreign,
            is_needed=is_needed,
        )
        for name, dumps, read, is_needed in (
            ("fdb", bridging.FDB_DUMPS, bridging.read_fdb, _has_ends),
            (
                "mdb",
                bridging.MDB_DUMPS,
                _read_mdb,
                _asked("mdb"),
            ),
            ("vlan", bridging.VLAN_DUMPS, bridging.read_vlans, _filters),
        )
    ),
)
LINK = Class(
    names=frozenset({"link"}),
    dumps=(links.DUMP,),
    read=lambda bodies, names, _: links.read(bodies, names),
    create=links.create,
    change=links.change,
    remove=links.remove,
    is_foreign=lambda key, attributes: False,
)
BY_NAME: Mapping[str, Class] = {name: item for item in (LINK, *CLASSES) for name in item.names}


def is_foreign(key: Key, attributes: Attributes) -> bool:
    """Tell whether the kernel or a daemon made an object, of what the network told it."""
    item = BY_NAME.get(key[0])
    return item is not None and item.is_foreign(key, attributes)
