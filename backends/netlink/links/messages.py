"""The messages that make, change and remove network devices: rtnetlink(7), linux/if_link.h.

A device is made down and without a master; what its kind says of itself is in the message that
makes it. A change goes in four phases, each a message of its own: the device's settings, the bridge
or bond it is part of, its settings there, and whether it is up.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.backends.netlink.links.changes import (
    CARDS,
    Phase,
    defaults,
    differing,
    is_option,
    kind_of,
    phase,
)
from vnetc.backends.netlink.links.kinds import BOND, KINDS, PORTS_OF_BRIDGES, Kind
from vnetc.backends.netlink.links.options import encode
from vnetc.backends.netlink.state import Attributes, Index, Key, Value
from vnetc.backends.netlink.wire.constants import (
    AF_INET6,
    FLAGS,
    HEADER,
    IFLA_ADDRESS,
    IFLA_AF_SPEC,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INET6_ADDR_GEN_MODE,
    IFLA_INET6_TOKEN,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    INFO_DATA,
    INFO_KIND,
    INFO_SLAVE_DATA,
    INFO_SLAVE_KIND,
    IPV6_MINIMUM_MTU,
    RTM_DELLINK,
    RTM_NEWLINK,
    UP,
    VETH_INFO_PEER,
)
from vnetc.backends.netlink.wire.messages import (
    IP,
    MAC,
    NLM_F_CREATE,
    NLM_F_EXCL,
    TEXT,
    U8,
    U32,
    Message,
    attribute,
    nest,
)
from vnetc.model.host import DEFAULT_MTU

_OWN: dict[str, dict[str, Value]] = {
    kind.word: {option.name: option.default for option in kind.options}
    for kind in KINDS
    if kind.only_different
}


def is_made_by_ioctl(attributes: Attributes) -> bool:
    """Tell whether a device is made by tuntap.py: netlink cannot."""
    return attributes.get("kind") in ("tun", "tap")


def create(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Make a device, down and without a master; none of a card, or what only an ioctl makes.

    It has all that is of the phase `device` then, but for what only a device that is there takes.
    """
    kind = kind_of(attributes)
    if kind is None or attributes["kind"] in CARDS or is_made_by_ioctl(attributes):
        return []
    said = {name: value for name, value in attributes.items() if phase(name) == "device"}
    usual = defaults(kind.type, attributes)
    parts = [attribute(IFLA_IFNAME, TEXT.pack(key[1])), *_common(kind, said)]
    if kind.type == "bridge" and "mtu" in said:
        parts.append(attribute(IFLA_MTU, U32.pack(_first_mtu(said["mtu"]))))
    elif "mtu" in said:
        parts.append(attribute(IFLA_MTU, U32.pack(said["mtu"])))
    link = said.get("link")
    if link is not None and not is_option(kind, "link"):
        parts.append(attribute(IFLA_LINK, U32.pack(index[str(link)])))
    if kind.type == "veth":
        peer = HEADER.pack(0, 0, 0, 0, 0) + attribute(IFLA_IFNAME, TEXT.pack(str(said["peer"])))
        data = [attribute(VETH_INFO_PEER, peer)]
    else:
        if kind.whole:
            said = {**usual, **said}
        elif kind.only_different:
            own = _OWN[kind.word]
            said = {n: v for n, v in said.items() if n not in own or usual.get(n, own[n]) != v}
        data = _data(kind, said, {}, index)
    info = [attribute(INFO_KIND, kind.word.encode())]
    parts.append(nest(IFLA_LINKINFO, *info, *([nest(INFO_DATA, *data)] if data else [])))
    header = HEADER.pack(0, 0, 0, *_flags(said, usual))
    flags = NLM_F_CREATE | NLM_F_EXCL
    made = [Message(RTM_NEWLINK, flags, header + b"".join(parts))]
    # also what a kernel has by default: the administrator can change that (default.addr_gen_mode)
    late = {
        name: said[name] for name in ("alias", "address-generation") if said.get(name) is not None
    }
    if kind.type == "bridge" and said.get("mtu"):
        late["mtu"] = said["mtu"]
    if late:
        made.append(_set(key[1], {}, *_settings(late)))
    return made


def _first_mtu(mtu: Value) -> int:
    """Give the MTU to make a bridge with, so that setting its own changes it.

    Only then does the kernel keep it when ports come (br_change_mtu, br_mtu_auto_adjust).
    """
    return IPV6_MINIMUM_MTU if mtu == DEFAULT_MTU else DEFAULT_MTU


def _common(kind: Kind | None, said: Attributes) -> Iterator[bytes]:
    if (mac := said.get("macaddress")) and (kind is None or kind.mac is not None):
        yield attribute(IFLA_ADDRESS, MAC.pack(mac))
    if "group" in said:
        yield attribute(IFLA_GROUP, U32.pack(said["group"]))


def _settings(said: Attributes) -> Iterator[bytes]:
    """Write what a device that is there takes and one that is made does not, and its MTU."""
    if "mtu" in said:
        yield attribute(IFLA_MTU, U32.pack(said["mtu"]))
    if "alias" in said:
        yield attribute(IFLA_IFALIAS, TEXT.pack(str(said["alias"] or "")))
    if "address-generation" in said:
        mode = attribute(IFLA_INET6_ADDR_GEN_MODE, U8.pack(said["address-generation"]))
        yield nest(IFLA_AF_SPEC, nest(AF_INET6, mode))


def _flags(said: Attributes, old: Attributes) -> tuple[int, int]:
    """Give flags and the mask of those to change."""
    flags = mask = 0
    for name, (bit, inverse) in FLAGS.items():
        if name in said and said[name] != old.get(name):
            mask |= bit
            flags |= bit if bool(said[name]) != inverse else 0
    return flags, mask


def _data(kind: Kind, said: Attributes, old: Attributes, index: Index) -> list[bytes]:
    data = [*encode(kind.options, said, index, old)]
    if kind.extra is not None:
        data += kind.extra(said, old, index)
    return data


def _set(name: str, index: Index, *parts: bytes, flags: tuple[int, int] = (0, 0)) -> Message:
    number = index.get(name, 0)
    header = HEADER.pack(0, 0, number, *flags)
    named = b"" if number else attribute(IFLA_IFNAME, TEXT.pack(name))
    return Message(RTM_NEWLINK, 0, header + named + b"".join(parts))


def change(key: Key, old: Attributes, new: Attributes, index: Index) -> list[Message]:
    """Change a device: one message for each phase that has something to do."""
    name, different = key[1], differing(old, new)
    by_phase: dict[Phase, dict[str, Value]] = {"device": {}, "master": {}, "port": {}, "up": {}}
    for word in different:
        by_phase[phase(word)][word] = new[word]
    messages: list[Message] = []
    if by_phase["device"]:
        messages += _change_device(name, by_phase["device"], old, new, index)
    if "master" in by_phase["master"]:
        master = new["master"]
        number = 0 if master is None else index[str(master)]
        messages.append(_set(name, index, attribute(IFLA_MASTER, U32.pack(number))))
    if by_phase["port"]:
        messages += _change_port(name, by_phase["port"], old, new, index)
    if by_phase["up"]:
        up = _set(name, index, flags=(UP if new["up"] else 0, UP))
        messages.insert(len(messages) if new["up"] else 0, up)
    return messages


def _change_device(
    name: str, said: dict[str, Value], old: Attributes, new: Attributes, index: Index
) -> list[Message]:
    parts: list[dict[str, Value]] = [said]
    if said.get("bridge.stp") is False:
        # with STP the kernel takes no forward delay that there may be without (br_set_forward_delay), and
        # it takes the delay first (br_changelink); what it ages by while a topology changes, it keeps
        rest = {name: value for name, value in said.items() if name != "bridge.stp"}
        if new.get("bridge.ageing-time") is not None:
            rest["bridge.ageing-time"] = new["bridge.ageing-time"]
        parts = [{"bridge.stp": False}, rest]
    return [message for part in parts for message in _set_device(name, part, old, new, index)]


def _set_device(
    name: str, said: dict[str, Value], old: Attributes, new: Attributes, index: Index
) -> list[Message]:
    kind = kind_of(old) or kind_of(new)
    flags = _flags(said, {})
    parts = [*_common(kind, said)]
    if kind is not None and not said.keys() <= _PLAIN:
        if kind.whole:
            everything = {**defaults(kind.type, old), **old, **new}
            # a kernel that is told no MTU makes one of its own (ip6gre_tnl_link_config)
            plain = _PLAIN - said.keys() - {"mtu"}
            said = {n: value for n, value in everything.items() if n not in plain}
        data = _data(kind, said, old, index)
        if data:
            word = attribute(INFO_KIND, kind.word.encode())
            parts.append(nest(IFLA_LINKINFO, word, nest(INFO_DATA, *data)))
    parts += _settings(said)
    return [_set(name, index, *parts, flags=flags)] if parts or flags[1] else []


# attributes of all devices, and what cannot be changed
_PLAIN = frozenset(
    {
        "kind",
        "mtu",
        "macaddress",
        "group",
        "alias",
        "address-generation",
        "peer",
        "ifindex",
        *FLAGS,
    }
)


def _change_port(
    name: str, said: Attributes, old: Attributes, new: Attributes, index: Index
) -> Iterator[Message]:
    data = [*encode(PORTS_OF_BRIDGES, said, index, old)]
    if data:
        word = attribute(INFO_SLAVE_KIND, b"bridge")
        info = nest(IFLA_LINKINFO, word, nest(INFO_SLAVE_DATA, *data))
        yield _set(name, index, info)
    if "address-token" in said:
        token = attribute(IFLA_INET6_TOKEN, IP.pack(said["address-token"] or "::"))
        yield _set(name, index, nest(IFLA_AF_SPEC, nest(AF_INET6, token)))
    if "bond.primary" in said:
        options = [*encode(BOND, {"bond.primary": said["bond.primary"]}, index, old)]
        if options:
            word = attribute(INFO_KIND, b"bond")
            yield _set(name, index, nest(IFLA_LINKINFO, word, nest(INFO_DATA, *options)))


def remove(key: Key, attributes: Attributes, index: Index) -> list[Message]:
    """Remove a device, but not a card."""
    if attributes.get("kind") in CARDS:
        return []
    number = index.get(key[1], 0)
    named = b"" if number else attribute(IFLA_IFNAME, TEXT.pack(key[1]))
    return [Message(RTM_DELLINK, 0, HEADER.pack(0, 0, number, 0, 0) + named)]
