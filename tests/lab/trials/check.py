"""What `ifquery --check -a` of ifupdown2 says: the kernel is as the file says, option by option."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vnetc.model.host import Host, Interface
from vnetc.model.kinds import Tunnel, Vxlan

from tests.lab.runner.boot import File

_STANZA = re.compile(r"iface (\S+)(?: inet6?)? ?\w*(.*?)\s*\[fail\]")
_FAIL = re.compile(r"\s+\[fail\]$")


@dataclass(frozen=True)
class Failure:
    """An option that the program calls wrong, or a stanza."""

    name: str  # of the interface
    option: str  # or what it says of the stanza
    interface: Interface | None
    text: str  # of all files


@dataclass(frozen=True)
class Excuse:
    """A failure that is none."""

    reason: str
    holds: Callable[[Failure], bool]


def _by_a_command(failure: Failure) -> bool:
    word, _, value = failure.option.partition(" ")
    address, name = re.escape(value.partition("/")[0]), re.escape(failure.name)
    added = rf"ip (-6 )?addr (add|replace) (.* )?{address}\b.* dev {name}\b"
    return word == "address" and re.search(added, failure.text) is not None


def _leased(failure: Failure) -> bool:
    interface = failure.interface
    return failure.option.startswith("address 198.18.") and bool(interface and interface.dhcp4)


def _has_no_pvid(failure: Failure) -> bool:
    is_port = failure.interface is not None and failure.interface.port is not None
    return is_port and failure.option == "(bridge pvid error)"


def _carries_another(failure: Failure) -> bool:
    added = rf"bridge vlan add dev {re.escape(failure.name)} vid "
    is_vxlan = failure.interface is not None and isinstance(failure.interface.kind, Vxlan)
    is_access = failure.option.startswith("bridge-access ")
    return is_vxlan and is_access and re.search(added, failure.text) is not None


def _without_members(failure: Failure) -> bool:
    return failure.option == "bond-slaves None" and "bond-slaves none" in failure.text


def _of_the_kernel(failure: Failure) -> bool:
    kind = None if failure.interface is None else failure.interface.kind
    # of the IPv4 address of its end, or of the host (add_v4_addrs, net/ipv6/addrconf.c)
    return isinstance(kind, Tunnel) and failure.option.startswith("address ::")


EXCUSES = (
    Excuse("it does not know a port that has no PVID", _has_no_pvid),
    Excuse(
        "it takes a VXLAN as a port by `bridge-access` alone, and a command adds another VLAN",
        _carries_another,
    ),
    Excuse("it looks for a member that is called `none`", _without_members),
    Excuse("it finds an address of a `sit` tunnel that the kernel has made", _of_the_kernel),
    Excuse(
        "it finds an address that a command has added, since no option says all of it",
        _by_a_command,
    ),
    Excuse(
        "while a spanning tree changes the kernel prints twice the forward delay (net/bridge/br_stp.c)",
        lambda failure: (
            failure.option.startswith("bridge-ageing ") and "bridge-stp on" in failure.text
        ),
    ),
    Excuse(
        "it has `yes` for 2, a router in any case, and compares that with 1 (addons/bridge.py)",
        lambda failure: failure.option.startswith("bridge-mcrouter "),
    ),
    Excuse(
        "it finds a leased address, where a command has started the client, since `inet dhcp` knows no "
        "metric and does not stand beside static addresses",
        _leased,
    ),
)


def failures(host: Host, files: Sequence[File], raw: Mapping[str, str]) -> Iterator[str]:
    """Name what the program calls wrong and no excuse is for."""
    by_name = {interface.name: interface for interface in host.interfaces}
    text = "\n".join(file.content for file in files)
    for name, options in _stanzas(raw["ifquery"]):
        for option in options:
            failure = Failure(name, option, by_name.get(name), text)
            if not any(excuse.holds(failure) for excuse in EXCUSES):
                yield f"ifquery --check: {name}: {option}"


def _stanzas(said: str) -> Iterator[tuple[str, list[str]]]:
    """Give each stanza that fails, and the options of it that do."""
    for stanza in said.split("\n\n"):
        found = _STANZA.search(stanza)
        failed = [_FAIL.sub("", line).strip() for line in stanza.splitlines() if _FAIL.search(line)]
        if found and failed:
            # a word of its own stands behind the method
            said = found[2].strip() or "the stanza"
            yield found[1], failed[1:] if len(failed) > 1 else [said]
