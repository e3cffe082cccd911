"""What programs do for a host: rulesets, DHCP servers for guests, DHCP clients, resolvers, files.

Pure: what is wanted of them, the words that they are told, and what their words mean. The files are
those that every target writes, at the same places, so that what runs is what boots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from vnetc.backends.kernel_defaults import KERNEL_RA
from vnetc.backends.netlink.objects.fingerprints import fingerprint
from vnetc.backends.netlink.state import Attributes, Value, Wanted
from vnetc.backends.programs.dhclient import write_hooks
from vnetc.backends.services.dnsmasq import dnsmasq_path, dnsmasq_pidfile, write_dnsmasq
from vnetc.backends.services.nftables import nft_path, nft_table, write_nftables
from vnetc.backends.support import Context, Support, common_rows, exact, limit, unsupported
from vnetc.backends.target import File
from vnetc.model.data import is_list
from vnetc.model.host import DhcpServer, Host, Interface
from vnetc.model.kinds import Ethernet, Veth
from vnetc.model.record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Line: TypeAlias = list[str]  # a command in words

_NETWORKD_VERSION = (252,)  # its DHCP options of a .network file have been the same since 247


# --- the support table ----------------------------------------------------------------------------


def _in_vrf(context: Context) -> bool:
    interface: Interface = context.node
    return interface.vrf is not None and interface.dhcp4


def _networkd_server(context: Context) -> bool:
    server: DhcpServer = context.node
    return server.server == "networkd"


_NFT = exact("nft -f")
_DNSMASQ = exact("dnsmasq --conf-file")
_CLIENT = "the configuration of the host's DHCP client decides"
_KERNEL_RA = "the kernel takes router advertisements itself, and of them addresses and routes only"
_FILE = "text for the files of other targets"

_ROWS = common_rows()

ROWS: Mapping[str, Support] = {
    **{name: _NFT for name in _ROWS if name.startswith(("network.", "publish."))},
    **{name: _DNSMASQ for name in _ROWS if name.startswith(("dhcp.", "reservation."))},
    "dhcp.server": exact(
        "dnsmasq --conf-file",
        limit("it is systemd-networkd's own, which its target sets up", _networkd_server),
    ),
    **{n: unsupported(_CLIENT) for n in _ROWS if n.startswith("dhcp-overrides.")},
    **{
        f"dhcp-overrides.{name}": unsupported(_CLIENT, silence=True)
        for name in ("use-routes", "use-dns", "use-mtu", "use-hostname", "send-hostname")
    },
    "dhcp-overrides.route-metric": exact("dhclient -e IF_METRIC, [DHCPv4] RouteMetric="),
    **{
        f"ra-overrides.{name}": unsupported(_KERNEL_RA, silence=silence)
        for name, silence in KERNEL_RA.items()
    },
    **{
        name: unsupported("resolvconf(8) takes servers and domains alone")
        for name in _ROWS
        if name.startswith("nameservers.")
    },
    "nameservers.addresses": exact("resolvectl dns, resolvconf -a"),
    "nameservers.search": exact("resolvectl domain, resolvconf -a"),
    "interface.nameservers": exact("resolvectl, resolvconf -a"),
    "interface.dhcp4": exact(
        "networkctl reload, dhcpcd, dhclient, udhcpc",
        limit("the DHCP client puts routes into the table `main`", _in_vrf),
    ),
    "interface.dhcp6": unsupported(
        "only systemd-networkd asks by DHCPv6 without a router's word: `--target networkd`",
        silence=False,
    ),
    "interface.dhcp4-overrides": exact("dhclient -e IF_METRIC, [DHCPv4] RouteMetric="),
    "interface.dhcp6-overrides": unsupported("there is no DHCPv6"),
    "interface.ra-overrides": unsupported(_KERNEL_RA),
    "interface.accept-ra": exact("/proc/sys/net/ipv6/conf/NAME/accept_ra, autoconf"),
    "interface.ipv6-privacy": exact("/proc/sys/net/ipv6/conf/NAME/use_tempaddr"),
    "interface.ipv6-mtu": exact("/proc/sys/net/ipv6/conf/NAME/mtu"),
    "interface.sysctl": exact("/proc/sys/net/"),
    "interface.qdiscs": exact("tc qdisc add"),
    "host.foreign": unsupported("it leaves alone what others make", silence="keep"),
    "interface.ignore-carrier": unsupported("it takes no notice of carriers", silence=True),
    "interface.optional": exact("said to the boot alone: nothing waits in a running system"),
    "interface.ntp": unsupported("a time service is configured by its own files"),
    "interface.emit-lldp": unsupported("the kernel does not speak LLDP", silence=False),
    "interface.critical": unsupported(
        "it is about a daemon that stops: none runs here", silence=False
    ),
    "interface.raw": exact(_FILE),
    "host.foreign-files": unsupported("the kernel reads no files", silence="read"),
    "host.raw": exact(_FILE),
}


# --- files and rulesets ---------------------------------------------------------------------------


def file(content: File, path: tuple[str | int, ...]) -> Wanted:
    """Want a file of the host."""
    return Wanted(("file", content.path), {"content": content.content, "mode": content.mode}, path)


def wanted_files(host: Host, client: str | None = None) -> Iterator[Wanted]:
    """List the files of networks of guests, and those that the host's DHCP client needs."""
    for firewall in host.firewalls:
        yield file(write_nftables(host.name, firewall), firewall.path)
    for server in host.dhcp_servers:
        if server.server == "dnsmasq":
            yield file(write_dnsmasq(host.name, server), server.path)
    asking = [i.path for i in host.interfaces if i.dhcp4]
    if asking and client == "dhclient":
        yield from (file(hook, (*asking[0], "dhcp4")) for hook in write_hooks(host, metrics=True))


def wanted_networks(host: Host) -> Iterator[Wanted]:
    """List the rulesets and DHCP servers of networks of guests."""
    for firewall in host.firewalls:
        text = write_nftables(host.name, firewall).content
        yield Wanted(("nft", nft_table(firewall)), {"text": text}, firewall.path)
    for server in host.dhcp_servers:
        if server.server == "dnsmasq":
            said: dict[str, Value] = {
                "config": dnsmasq_path(server),
                "pidfile": dnsmasq_pidfile(server),
                "content": fingerprint(write_dnsmasq(host.name, server).content),
            }
            yield Wanted(("dnsmasq", server.name), said, server.path)


def files_of(host: Host) -> tuple[str, ...]:
    """Name the files that other targets write too, at the same places."""
    return (
        *map(nft_path, host.firewalls),
        *(dnsmasq_path(d) for d in host.dhcp_servers if d.server == "dnsmasq"),
    )


def read_table(table: str, listing: str) -> dict[str, Value]:
    """Give a table from what `nft -s list table` prints: a text that makes it again, as it is."""
    head = f"table inet {table}"
    text = f"{head}\ndelete {head}\n\n{listing.strip()}\n"
    return {"text": text, "fingerprint": fingerprint(listing.strip())}


# --- DHCP clients ---------------------------------------------------------------------------------


def wanted_dhcp(host: Host, interface: Interface) -> Iterator[Wanted]:
    """Want a DHCP client for an interface; `networkd` is the file that says it to that one."""
    if not interface.dhcp4:
        return
    metric = interface.dhcp4_overrides.route_metric
    said: dict[str, Value] = {
        "ipv4": True,
        **({} if metric is None else {"route-metric": metric}),
        "networkd": _network_file(host, interface),
    }
    if _says_ipv6(interface):
        said["ipv6"] = False
    yield Wanted(
        ("dhcp", interface.name),
        said,
        (*interface.path, "dhcp4"),
        {"route-metric": (*interface.path, "dhcp4-overrides", "route-metric")},
    )


def _says_ipv6(interface: Interface) -> bool:
    """Tell whether the document says how the kernel configures itself for IPv6 on a device.

    A client that does that in its place does as it likes, and has the kernel not do it.
    """
    said = (
        interface.accept_ra,
        interface.ipv6_privacy,
        interface.link_local,
        interface.ipv6_address_generation,
        interface.ipv6_address_token,
    )
    return (
        any(value is not None for value in said)
        or interface.dhcp6 is False
        or any(family == "ipv6" for family, _, _ in interface.sysctl)
    )


def _network_file(host: Host, interface: Interface) -> str:
    """Write the .network file of an interface that systemd-networkd shall ask by DHCP for.

    It says all that the target's own file says of the interface alone, and to keep what others set:
    networkd otherwise takes away what its file does not name (link_drop_foreign_config).
    """
    from vnetc.backends import load

    keep = {"networkd": {"Network": {"KeepConfiguration": True}}}
    alone = replace(interface, port=None, member=None, vrf=None, qdiscs=(), fdb=(), raw=keep)
    if isinstance(interface.kind, Veth):
        alone = replace(alone, kind=Ethernet())  # its other end is not in the file
    files = load("networkd").write(Host(name=host.name, interfaces=(alone,)), _NETWORKD_VERSION)
    return next(file.content for file in files if file.path.endswith(".network"))


def network_path(device: str) -> str:
    """Name the .network file of an interface, which goes with the boot."""
    return f"/run/systemd/network/05-vnetc-{device}.network"


class Files(Record, kw_only=False):
    """Where a DHCP client keeps its process id and leases, and the script that it runs."""

    pid: str
    leases: str
    script: str


class Client(Record, kw_only=False):
    """A DHCP client: the name of its process, the commands for a device, and how it ends.

    One that is killed has no time for a word to its script, and leaves what it set: `stop` is the
    command that gives its address back then.
    """

    process: str
    start: Callable[[str, Attributes, Files], Line]
    signal: str
    stop: Callable[[str, Files], Line] | None = None


def metric_of(said: Attributes) -> str:
    """Give the metric that a client is told, nothing if none."""
    metric = said.get("route-metric")
    return str(metric) if isinstance(metric, int) else ""


def _start_dhclient(device: str, said: Attributes, files: Files) -> Line:
    where = ["-pf", files.pid, "-lf", files.leases]
    metric = metric_of(said)
    more = ["-e", f"IF_METRIC={metric}"] if metric else []
    return ["dhclient", "-4", "-nw", "-i", *where, *more, device]


def _stop_dhclient(device: str, files: Files) -> Line:
    # dhclient-script(8) would flush all addresses of the device, also those of the document
    where = ["-sf", "/bin/true", "-pf", files.pid, "-lf", files.leases]
    return ["dhclient", "-4", "-r", *where, device]


def _start_dhcpcd(device: str, said: Attributes, files: Files) -> Line:
    del files  # it has its own for each device
    metric = metric_of(said)
    # without -4 it does the kernel's part of IPv6 itself, and sets accept_ra and addr_gen_mode
    families = [] if said.get("ipv6") else ["-4"]
    return ["dhcpcd", *families, "-b", "-q", *(["-m", metric] if metric else []), device]


def _start_udhcpc(device: str, said: Attributes, files: Files) -> Line:
    del said  # in the environment of its script
    words = ["-b", "-R", "-S", "-t", "1", "-A", "5"]
    return ["udhcpc", *words, "-p", files.pid, "-s", files.script, "-i", device]


# in the order of preference, after systemd-networkd where that runs
CLIENTS: Mapping[str, Client] = {
    # what `dhcpcd -k` sends, which finds only one that was started with the same of -4 and -6
    "dhcpcd": Client("dhcpcd", _start_dhcpcd, "SIGALRM"),
    "dhclient": Client("dhclient", _start_dhclient, "SIGKILL", _stop_dhclient),
    "udhcpc": Client("udhcpc", _start_udhcpc, "SIGTERM"),
}
NETWORKD = "systemd-networkd"

# Debian's own (default.script) flushes all IPv4 addresses of the device, and knows no metric.
UDHCPC_SCRIPT = """\
#!/bin/sh
# What udhcpc does with an answer: address and routes as the document of vnetc says.
case $1 in
bound | renew)
    ip -4 addr replace "$ip/$mask" ${broadcast:+broadcast "$broadcast"} dev "$interface" \\
        valid_lft "${lease:-forever}" preferred_lft "${lease:-forever}"
    for router in $router; do
        ip -4 route replace default via "$router" dev "$interface" proto dhcp \\
            ${IF_METRIC:+metric "$IF_METRIC"}
        break
    done
    if command -v resolvconf >/dev/null; then
        for server in $dns; do echo "nameserver $server"; done | resolvconf -a "$interface.udhcpc"
    fi
    ;;
deconfig)
    ip link set dev "$interface" up
    ip -4 addr flush dev "$interface" dynamic
    ip -4 route flush dev "$interface" proto dhcp
    if command -v resolvconf >/dev/null; then resolvconf -d "$interface.udhcpc"; fi
    ;;
esac
"""


class Process(Record, kw_only=False):
    """A process: its number, its program's name, its words and what of its environment matters."""

    pid: int
    name: str
    words: tuple[str, ...]
    metric: str = ""  # IF_METRIC, which ifupdown and vnetc give a client along


_FAMILIES = frozenset({"[ip4]", "[ip6]"})
MANAGER = "[manager]"
MANAGED = "dhcpcd runs for all devices, as it is configured, and lets no other run beside it"


def title(process: Process) -> tuple[str, ...]:
    """Give the title of a DHCP client that has one: a device, and the families that it asks for.

    dhcpcd(8), from 8 on, writes it over its words and its environment: `dhcpcd: eth0 [ip4]`. Its
    helpers have titles of another form.
    """
    head, *words = (process.words or ("",))[0].split() or [""]
    said = head == "dhcpcd:" and bool(words) and _FAMILIES.issuperset(words[1:])
    return tuple(words) if said and process.name == "dhcpcd" else ()


def is_helper(process: Process, client: Process) -> bool:
    """Tell whether a process is the one that does for a client what only root may.

    It ends after it, and takes the file away then that says who asks for the device.
    """
    of_client = " ".join(title(client))
    return bool(of_client) and process.words[:1] == (f"dhcpcd: [privileged proxy] {of_client}",)


def is_manager(process: Process) -> bool:
    """Tell whether a process is the dhcpcd(8) of all devices, which others of it only talk to."""
    return title(process)[:1] == (MANAGER,)


def client_of(process: Process, device: str) -> str | None:
    """Name the client that a process is, if it asks for a device."""
    name = next((n for n, client in CLIENTS.items() if client.process == process.name), None)
    devices = title(process)[:1] or process.words[1:]
    return name if name is not None and device in devices else None


def read_client(process: Process) -> dict[str, Value]:
    """Tell from its words what a DHCP client was told; a title has no metric."""
    words = title(process)
    if words:
        return {"ipv4": "[ip4]" in words, "ipv6": "[ip6]" in words}
    words = process.words
    metric = process.metric
    for word, value in pairwise(words):
        if word == "-e" and value.startswith("IF_METRIC="):
            metric = value.partition("=")[2]
        elif word in ("-m", "--metric"):
            metric = value
    ipv6 = process.name == "dhcpcd" and "-4" not in words
    return {"ipv4": "-6" not in words, "ipv6": ipv6, **read_metric(metric)}


def read_metric(text: str) -> dict[str, Value]:
    """Give what a text says of a metric, nothing if it is none."""
    return {"route-metric": int(text)} if text.isdigit() else {}


def read_routes(listing: str) -> dict[str, Value]:
    """Tell what metric a client was told from what `ip route show proto dhcp` prints."""
    metrics = (value for word, value in pairwise(listing.split()) if word == "metric")
    return read_metric(next(metrics, ""))


def note_path(folder: str, device: str) -> str:
    """Name the file in which vnetc keeps what it told a client that has a title."""
    return f"{folder}/dhcpcd-{device}"


def note(process: Process, said: Attributes) -> str:
    """Write what a client was told; it holds for this process alone."""
    return f"{process.pid} {metric_of(said)}\n"


def read_note(text: str, process: Process) -> dict[str, Value] | None:
    """Read what a client was told, None if another process was."""
    number, _, metric = text.strip().partition(" ")
    return read_metric(metric) if number == str(process.pid) else None


def clear(device: str, metric: Value) -> Iterator[Line]:
    """Give the commands that take away what a DHCP client leaves: an address is dynamic."""
    yield ["ip", "-4", "addr", "flush", "dev", device, "dynamic"]
    yield ["ip", "-4", "route", "flush", "dev", device, "proto", "dhcp"]
    if isinstance(metric, int):
        yield ["ip", "-4", "route", "del", "default", "dev", device, "metric", str(metric)]


def files_of_client(process: Process, files: Files) -> Files:
    """Give the files that a client was told of, else those that vnetc tells it of."""
    told = dict(pairwise(process.words))
    return replace(files, pid=told.get("-pf", files.pid), leases=told.get("-lf", files.leases))


def read_network_file(text: str) -> dict[str, Value]:
    """Tell from a .network file what systemd-networkd asks for; nothing if it does not ask."""
    found: dict[str, Value] = {}
    section = ""
    for line in text.splitlines():
        option, equals, value = line.partition("=")
        if not equals:
            section = line or section
        elif section == "[Network]" and option == "DHCP" and value in ("yes", "ipv4"):
            found["ipv4"] = True
        elif section in ("[DHCPv4]", "[DHCP]") and option == "RouteMetric" and value.isdigit():
            found["route-metric"] = int(value)
    return found if "ipv4" in found else {}


# --- resolvers ------------------------------------------------------------------------------------


def wanted_resolver(interface: Interface) -> Iterator[Wanted]:
    """Want DNS servers and search domains of an interface."""
    servers = interface.nameservers
    if servers.addresses or servers.search:
        said: dict[str, Value] = {
            "servers": [*map(str, servers.addresses)],
            "search": [*servers.search],
        }
        yield Wanted(("resolver", interface.name), said, (*interface.path, "nameservers"))


def client_records(device: str) -> tuple[str, ...]:
    """Name the records that dhclient's hooks of resolvconf(8) and of openresolv make."""
    return f"{device}.dhclient", device


def resolvconf_record(device: str) -> str:
    """Name what vnetc tells resolvconf(8) about a device."""
    return f"{device}.vnetc"


def resolvconf_text(said: Attributes) -> str:
    """Write what resolvconf(8) is told, as in resolv.conf(5)."""
    servers, search = said.get("servers"), said.get("search")
    lines = [f"nameserver {server}\n" for server in (servers if is_list(servers) else ())]
    if is_list(search) and search:
        lines.append(f"search {' '.join(map(str, search))}\n")
    return "".join(lines)


def read_resolvconf(text: str) -> dict[str, Value]:
    """Read what resolvconf(8) was told."""
    servers: list[Value] = []
    search: list[Value] = []
    for line in text.splitlines():
        word, *values = line.split() or [""]
        if word == "nameserver":
            servers += values[:1]
        elif word == "search":
            search += values
    return {"servers": servers, "search": search}


def read_resolvectl(text: str) -> list[Value]:
    """Read what `resolvectl dns DEVICE` and `resolvectl domain DEVICE` print of a link."""
    _, _, values = text.partition("): ")
    return [*values.split()]


def resolvectl(device: str, said: Attributes) -> Iterator[Line]:
    """Give the commands that tell systemd-resolved; an empty word is an empty list."""
    for word, name in (("dns", "servers"), ("domain", "search")):
        values = said.get(name)
        yield [
            "resolvectl",
            word,
            device,
            *(map(str, values) if values and is_list(values) else [""]),
        ]


# --- what they need -------------------------------------------------------------------------------

# class -> program and the package that has it
PROGRAMS: Mapping[str, tuple[str, str]] = {
    "qdisc": ("tc", "iproute2"),
    "card": ("ethtool", "ethtool"),
    "nft": ("nft", "nftables"),
    "dnsmasq": ("dnsmasq", "dnsmasq-base"),
}
