"""A case: a document, the jobs that bring it up with every renderer, and what comes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import vnetc
from vnetc.model.host import DhcpOverrides, Host, Interface, RaOverrides
from vnetc.model.kinds import Bridge, Ethernet
from vnetc.model.record import replace

from .expected.by_hand import lacking
from .expected.host import Lease, expect
from .machines import tree
from .machines.keys import key_files, key_in
from .runner.boot import DOCUMENT, File
from .runner.job import Job, Result
from .runner.wire import Server
from .states.comparison import compare
from .states.state import State, interpret

SUFFIX = ".vnet.yaml"

# What a Debian release has: target -> the version to compile for. A renderer is named as its target.
GENERATIONS: Mapping[str, Mapping[str, str]] = {
    "bookworm": {
        "ifupdown": "0.8.41",
        "ifupdown2": "3.0.0",
        "ifupdown-ng": "0.11.4",
        "netlink": "6.1",
        "netplan": "0.106",
        "networkd": "252",
    },
    "trixie": {
        "ifupdown": "0.8.44",
        "ifupdown2": "3.0.0",
        "ifupdown-ng": "0.12.1",
        "netlink": "6.1",  # the full tier's kernel is Debian 12's, and this machine's no older
        "netplan": "1.1",
        "networkd": "257",
    },
    **(
        {tree.TESTING: {"ifupdown": "0.8.45", "netplan": "1.2.2", "networkd": "262"}}
        if tree.WITH_TESTING
        else {}
    ),
}
# What is laid over a tree for a renderer, perhaps of one generation: it conflicts with what is in it,
# is not Debian's, or hides something.
LAYERED: Mapping[str, tuple[str, ...]] = {
    # as Debian 13 is without further words; where there is dhclient(8) it is preferred
    "ifupdown@trixie": ("without-dhclient",),
    # `vnetc apply` with dhcpcd(8) is tests/netlink/test_dhcpcd.py's: a lease has its MTU on the routes
    "netlink@trixie": ("ruamel.yaml", "vnetc", "without-dhcpcd"),
    "ifupdown2": ("ifupdown2",),
    "ifupdown-ng": ("ifupdown-ng",),
    "netlink": ("ruamel.yaml", "vnetc"),
}
# The same for files that are hooks of dhclient(8): the host has that, and no other client.
HOOKS = "/etc/dhcp/dhclient-"
WITH_HOOKS: Mapping[str, tuple[str, ...]] = {
    "ifupdown-ng@trixie": ("ifupdown-ng", "without-dhcpcd"),
}
# which reads the document itself
APPLIED = "netlink"


@dataclass(frozen=True)
class Case:
    """A document of a name."""

    name: str
    text: str

    @classmethod
    def read(cls, path: Path) -> Case:
        """Read a case from a file; it is named after it."""
        return cls(path.name.removesuffix(SUFFIX), path.read_text())

    @cached_property
    def host(self) -> Host:
        """The host that the document describes."""
        return vnetc.load_host(self.text, self.name)

    def compile(self, target: str, generation: str) -> vnetc.Output:
        """Compile as `vnetc compile --allow-hooks` does."""
        return vnetc.compile_text(
            self.text,
            name=self.name,
            target=target,
            version=GENERATIONS[generation][target],
            allow_hooks=True,
        )

    def jobs(self, generation: str) -> dict[str, Job]:
        """Give the job for each target that takes the document."""
        found: dict[str, Job] = {}
        for target in GENERATIONS[generation]:
            output = self.compile(target, generation)
            if self._is_taken(output) and not self._asks_dhcpcd(target, generation):
                files = output.files
                if target == APPLIED:
                    files = (vnetc.File(path=DOCUMENT, content=self.text, mode=0o600),)
                found[target] = self.job(generation, target, files)
        return found

    def _asks_dhcpcd(self, target: str, generation: str) -> bool:
        """Tell whether a client of Debian testing would ask, of which the lab expects nothing yet."""
        asks = any(interface.dhcp4 for interface in self.host.interfaces)
        return asks and (target, generation) == ("ifupdown", tree.TESTING)

    def taken(self, target: str, generation: str) -> bool:
        """Tell whether a target takes the document, on a host of the lab."""
        return self._is_taken(self.compile(target, generation))

    def _is_taken(self, output: vnetc.Output) -> bool:
        if any(found.severity == "error" for found in output.diagnostics):
            return False
        if output.target == APPLIED:
            # it refuses what a card cannot do, and has no raw text to do what others do by theirs
            cards = [i.kind for i in self.host.interfaces if isinstance(i.kind, Ethernet)]
            return not (
                any(card.rings or card.virtual_functions for card in cards)
                or self.host.raw
                or any(i.raw for i in self.host.interfaces)
            )
        return True

    def job(
        self,
        generation: str,
        target: str,
        files: tuple[vnetc.File, ...],
        label: str = "",
    ) -> Job:
        """Give the job that boots with these files; the label tells it from others of the case."""
        host = _named(self.host) if target == APPLIED else self.host
        return Job(
            id=f"{label or self.name}/{target}@{generation}",
            trees=(
                generation,
                *(f"{layer}-{generation}" for layer in _layers(target, generation, files)),
            ),
            renderer=target,
            files=(
                *(File(f.path, f.content, f.mode) for f in files),
                # as systemd.netdev(5) wants them, which runs as another user
                *(
                    File(file, f"{key_in(file)}\n", 0o640, "systemd-network")
                    for file in dict.fromkeys(key_files(self.host))
                ),
            ),
            cards=plugged(host),
            servers=servers(host),
        )

    def differences(self, results: Mapping[str, Result]) -> str:
        """Give the table of what differs from the document or among renderers, or the errors."""
        errors = [f"{name}: {result.error}" for name, result in results.items() if result.error]
        if errors:
            return "\n".join(errors)
        table = compare(self.host, expect(self.host, leases(self.host)), self.states(results))
        by_hand = [
            f"{name}: {wrong}"
            for name, result in results.items()
            for wrong in lacking(self.name, result.raw)
        ]
        return "\n".join(filter(None, [*by_hand, table]))

    def states(self, results: Mapping[str, Result]) -> dict[str, State]:
        """Read the state of the kernel out of each result."""
        return {name: interpret(r.raw, cards(self.host)) for name, r in results.items()}

    def needs(self) -> frozenset[str]:
        """Name the kinds of interfaces that a kernel must be able to make for it."""
        kinds = {i.kind.type for i in self.host.interfaces} - {"ethernet", "loopback"}
        if any(isinstance(i.kind, Bridge) and i.kind.vlan_filtering for i in self.host.interfaces):
            kinds.add("vlan-filtering")
        if any(i.qdiscs for i in self.host.interfaces):
            kinds.add("qdiscs")
        if tree.WITH_TESTING and any(
            isinstance(i.kind, Ethernet) and i.kind.auth for i in self.host.interfaces
        ):
            kinds.add("nl80211")  # wpa_supplicant 2.11 ends without, also on a cable
        return frozenset(kinds)


def _layers(target: str, generation: str, files: Iterable[vnetc.File]) -> tuple[str, ...]:
    name = f"{target}@{generation}"
    if name in WITH_HOOKS and any(file.path.startswith(HOOKS) for file in files):
        return WITH_HOOKS[name]
    return LAYERED.get(name, LAYERED.get(target, ()))


# --- the network around a host -------------------------------------------------------------------


def cards(host: Host) -> tuple[str, ...]:
    """List the network cards that a host must have, by the names that udev gives them."""
    return tuple(i.name for i in host.interfaces if _is_card(i))


def plugged(host: Host) -> tuple[str, ...]:
    """List the network cards that a host must have, by the names that the kernel gave them."""
    return tuple(_plugged(i) for i in host.interfaces if _is_card(i))


def _named(host: Host) -> Host:
    """Give a host whose network cards have their names already: when vnetc is run udev is long done."""
    kinds = {i.name: i.kind for i in host.interfaces}
    without = {
        name: replace(kind, match=None)
        for name, kind in kinds.items()
        if isinstance(kind, Ethernet)
    }
    interfaces = (replace(i, kind=without.get(i.name, i.kind)) for i in host.interfaces)
    return replace(host, interfaces=tuple(interfaces))


def servers(host: Host) -> tuple[Server, ...]:
    """Give a server for each interface that asks for its addresses."""
    by_name = {i.name: i for i in host.interfaces}
    return tuple(
        Server(name, card, lease.server, tuple(options_of(lease, card)))
        for name, lease in leases(host).items()
        for card in [_card(by_name[name], by_name)]
    )


def leases(host: Host) -> dict[str, Lease]:
    """Give what the network has for each interface that asks.

    Whoever asks by what all renderers can do is told no more than all of them can refuse. The
    kernel's own handling of advertisements is the scenarios' (traffic/).
    """
    ports = plugged(host)
    by_name = {i.name: i for i in host.interfaces}
    asking = [i for i in host.interfaces if i.dhcp4 or i.dhcp6 or _listens(i)]
    return {
        i.name: Lease(
            number,
            ports.index(_card(i, by_name)) + 1,
            ipv6=not i.dhcp4,
            rich=_says_more(i.dhcp4_overrides),
        )
        for number, i in enumerate(asking)
    }


def _listens(interface: Interface) -> bool:
    """Tell whether an interface does with advertisements what only systemd-networkd can."""
    plain = replace(interface, ra_overrides=RaOverrides(path=()), ipv6_address_generation=None)
    return bool(interface.accept_ra) and plain != interface


def _says_more(overrides: DhcpOverrides) -> bool:
    return replace(overrides, route_metric=None) != DhcpOverrides(path=())


def options_of(lease: Lease, card: str) -> Iterator[str]:
    """Have dnsmasq(8) give a lease; clients are told what they ask for."""
    if lease.ipv6:
        yield "--enable-ra"
        yield f"--ra-param={card},mtu:off,0"
        yield f"--dhcp-range={lease.address6},{lease.address6},slaac,64,1h"
        yield f"--dhcp-option=option6:dns-server,[{lease.nameserver6}]"
        yield f"--dhcp-option=option6:sntp-server,[{lease.timeserver6}]"
        yield f"--dhcp-option=option6:domain-search,{lease.domain}"
        return
    yield f"--dhcp-range={lease.address.ip},{lease.address.ip},1h"
    yield f"--dhcp-option=option:dns-server,{lease.nameserver}"
    yield f"--dhcp-option=option:mtu,{lease.mtu}"
    yield f"--dhcp-option=option:domain-name,{lease.domain}"
    if lease.classless:
        routes = f"{lease.route},{lease.other_router},0.0.0.0/0,{lease.router}"
        yield f"--dhcp-option=option:classless-static-route,{routes}"
    if lease.rich:
        yield f"--dhcp-option=option:ntp-server,{lease.timeserver}"


def _card(interface: Interface, by_name: Mapping[str, Interface]) -> str:
    """Find the network card that an interface's packets leave by."""
    match interface.kind:
        case Ethernet():
            return _plugged(interface)
        case Bridge(ports=ports) if found := [p for p in ports if _is_card(by_name[p])]:
            return _plugged(by_name[found[0]])
        case kind:
            raise ValueError(f"{interface.name}: the lab has no server behind this {kind.type}")


def _plugged(interface: Interface) -> str:
    """Give the name that the kernel gave a card: in a case, what it is found by has no glob."""
    kind = interface.kind
    match = kind.match if isinstance(kind, Ethernet) else None
    return interface.name if match is None or match.name is None else match.name


def _is_card(interface: Interface) -> bool:
    return isinstance(interface.kind, Ethernet)
