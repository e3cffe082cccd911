"""What objects are called in plans and messages: as their users do."""

from __future__ import annotations

from vnetc.backends.netlink.state import Key

_DEFAULTS = frozenset({"0.0.0.0/0", "::/0"})


def title(key: Key) -> str:
    """Name an object."""
    match key:
        case ("link", name):
            return name
        case ("address", device, address, *_):
            return f"{device} {address}"
        case ("route", family, table, destination, *_):
            to = destination
            if to in _DEFAULTS:
                to = "default" if family == "ipv4" else "default ipv6"
            return f"route {to}{'' if table == '254' else f' table {table}'}"
        case ("rule", family, priority, selectors):
            return f"rule {family} {priority} {selectors}".rstrip()
        case ("sysctl", path):
            return path.replace("/", ".")
        case ("neighbor" | "neighbor-proxy" | "fdb" | "mdb" | "vlan", device, *rest):
            return " ".join((device, key[0], *filter(None, rest)))
        case _:
            return " ".join(filter(None, key))
