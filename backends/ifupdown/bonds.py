"""What a bond says in the words of ip-link(8), and the commands for what an option does not say."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vnetc.backends.ifupdown import commands
from vnetc.backends.ifupdown.stanzas import Line
from vnetc.backends.options import spelled
from vnetc.backends.programs.ip_link import IP_LINK
from vnetc.backends.spelling import dotted
from vnetc.backends.support import key
from vnetc.model.host import Interface
from vnetc.model.kinds import Bond

# what the kernel lets nobody change of a bond that has members or is up (bond_options.c)
BEFORE_MEMBERS = frozenset(
    {
        "ad_select",
        "ad_user_port_key",
        "dynamic_transmit_load_balancing",
        "fail_over_mac_policy",
        "lacp_active",
    }
)


def said_of(bond: Bond) -> dict[str, str]:
    """Give what is said of a bond: field -> word and value of ip-link(8)."""
    return {item.field: text for item, text in spelled(bond, IP_LINK[Bond].options)}


def native(
    bond: Bond, words: Mapping[str, str], unknown: Collection[str], between: str
) -> dict[str, Line]:
    """Give the options for what a program has words for, but for values `unknown` to it.

    `between` is what stands between the addresses of a list.
    """
    values = {field: text.partition(" ")[2] for field, text in said_of(bond).items()}
    return {
        field: Line(word, values[field].replace(",", between))
        for field, word in words.items()
        if field in values and values[field] not in unknown
    }


def create(interface: Interface, bond: Bond, fields: Collection[str]) -> Line:
    """Make a bond with all that is said of it, for the sake of some fields (without: of all)."""
    command = commands.create(interface.name, _phrase(said_of(bond).values()))
    return Line("pre-up", command, _keys(interface, fields))


def create_early(interface: Interface, bond: Bond) -> list[Line]:
    """Make a bond with what must hold before it has members, if anything must."""
    early = {field: text for field, text in said_of(bond).items() if field in BEFORE_MEMBERS}
    if not early:
        return []
    command = commands.create(interface.name, _phrase([said_of(bond)["mode"], *early.values()]))
    return [Line("pre-up", command, _keys(interface, early))]


def change(interface: Interface, bond: Bond, fields: Collection[str]) -> list[Line]:
    """Set some fields of a bond that is there."""
    found = [text for field, text in said_of(bond).items() if field in fields]
    if not found:
        return []
    command = f"ip link set dev {interface.name} {_phrase(found)}"
    return [Line("pre-up", command, _keys(interface, fields))]


def _phrase(texts: Collection[str]) -> str:
    return " ".join(("type bond", *texts))


def _keys(interface: Interface, fields: Collection[str]) -> tuple[str, ...]:
    found = tuple(dotted((*interface.path, key(field))) for field in fields)
    return found or (dotted(interface.path),)
