"""What a new device has before anybody sets it: IPv6's parameters as they are in `default`.

What it has already needs no step: of a thousand devices that is a thousand of each.
"""

from __future__ import annotations

from vnetc.backends.netlink.links.changes import kind_of
from vnetc.backends.netlink.state import Attributes, Key, State, Value


def _default(name: str) -> Key:
    return ("sysctl", f"net/ipv6/conf/default/{name}")


# ipv6_add_dev, net/ipv6/addrconf.c, copies them
_COPIED = {name: _default(name) for name in ("accept_ra", "autoconf", "use_tempaddr")}
_GENERATION = _default("addr_gen_mode")
_SECRET = _default("stable_secret")  # cannot be read until it is set
KEYS = (*_COPIED.values(), _GENERATION, _SECRET)


def has_parameter(device: Attributes, key: Key, value: Value, state: State) -> bool:
    """Tell whether a new device has a kernel parameter as it is wanted."""
    name = key[1].rpartition("/")[2]
    if name not in _COPIED or not key[1].startswith("net/ipv6/"):
        return False
    return _is_ethernet(device) and state.get(_COPIED[name], {}).get("value") == value


def without_generation(device: Attributes, made: dict[str, Value], state: State) -> Attributes:
    """Leave out how a new device makes its link-local address, if it does so already."""
    mode = state.get(_GENERATION, {}).get("value")
    same = mode is not None and mode == str(made.get("address-generation"))
    if not same or _SECRET in state or not _is_ethernet(device):
        return made
    return {name: value for name, value in made.items() if name != "address-generation"}


def _is_ethernet(device: Attributes) -> bool:
    """Tell whether a device has a MAC address; others are no copies (ARPHRD_NONE, ARPHRD_SIT, …)."""
    kind = kind_of(device)
    if kind is None or kind.mac is None:
        return False
    return not device.get("geneve.inherit-inner-protocol")
