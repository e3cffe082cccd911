"""Data to model: every scalar becomes a value of its type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from vnetc.language import scalars
from vnetc.language.expand import Declared, expand, subnets
from vnetc.language.fields import Field, fields_by_key
from vnetc.model.cards import Secret
from vnetc.model.data import BAD, is_list, is_mapping
from vnetc.model.diagnostics import Diagnostic, Path, diagnostic
from vnetc.model.host import (
    Address,
    DhcpOverrides,
    DhcpServer,
    FdbEntry,
    Firewall,
    Host,
    Interface,
    Member,
    Nameservers,
    Neighbor,
    Nexthop,
    Port,
    PublishedPort,
    RaOverrides,
    Reservation,
    Route,
    Rule,
)
from vnetc.model.kinds import KINDS, Bond, Bridge, Kind
from vnetc.model.record import Record
from vnetc.model.values import IPAddress, IPNetwork, Sysctls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from vnetc.model.qdiscs import Qdisc

    T = TypeVar("T")
    Data = Mapping[str, Any]


_ANY = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


def lower(data: Data, name: str) -> tuple[Host, list[Diagnostic]]:
    """Lower a document that fits the schema; `name` is the host's unless the document says it."""
    return _Lowering().host(data, name)


# Keys of an interface whose values are the model's as they stand.
_AS_THEY_ARE = (
    "description",
    "mtu",
    "arp",
    "multicast",
    "all-multicast",
    "promiscuous",
    "group",
    "activation",
    "optional",
    "ignore-carrier",
    "dhcp4",
    "dhcp6",
    "accept-ra",
    "ipv6-privacy",
    "ipv6-address-generation",
    "ipv6-mtu",
    "emit-lldp",
    "critical",
    "vrf",
    "raw",
)
# Fields of bridges and bonds that `claims` fills in.
_OF_CLAIMS = frozenset({"ports", "members"})
_MII_MONITOR_INTERVAL = 100  # ms, as bonding.rst of the kernel recommends; 0 would notice nothing


# Keys that need more than the annotations of their fields say.
_OF_ADDRESS = {
    "address": scalars.interface_address,
    "peer": scalars.interface_address,
    "broadcast": scalars.address,
}
_OF_RESOLVER = ("default-route", "llmnr", "multicast-dns", "dns-over-tls", "dnssec")
_OF_ROUTE = frozenset({"to", "via", "nexthops"})
# What the kernel has for one family of addresses alone: IPv6 routes have no realms, and so on.
_OF_FAMILY = {
    **dict.fromkeys(("preference", "source", "home", "manage-temporary"), 6),
    **dict.fromkeys(("realms", "broadcast"), 4),
}


class _Lowering:
    """One run: collects what is wrong with scalars on the way."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self.tables: dict[str, int] = {}  # of VRFs, by their names

        # keys of an interface whose values have a structure, and what lowers them
        self.structured: dict[str, Callable[[Data, Path], Any]] = {
            "macaddress": lambda data, path: data["macaddress"].lower(),
            "addresses": partial(self.listed, self.address, "addresses"),
            "routes": self.routes,
            "routing-policy": partial(self.listed, self.rule, "routing-policy"),
            "neighbors": partial(self.listed, self.neighbor, "neighbors"),
            "fdb": partial(self.listed, self.fdb_entry, "fdb"),
            "qdiscs": partial(self.listed, self.qdisc, "qdiscs"),
            "ntp": self.ntp,
            "ipv6-address-token": self.token,
            "link-local": self.link_local,
            "dhcp4-overrides": partial(self.dhcp_overrides, "dhcp4-overrides"),
            "dhcp6-overrides": partial(self.dhcp_overrides, "dhcp6-overrides"),
            "ra-overrides": self.ra_overrides,
            "nameservers": self.nameservers,
            "sysctl": self.sysctl,
        }

    def report(self, code: str, message: str, path: Path, help: str = "") -> None:
        self.found.append(diagnostic(code, message, path, help=help))

    def parse(self, parser: Callable[[Any], T], value: Any, path: Path) -> T | None:
        """Parse a scalar; report and give None if it is none."""
        try:
            return parser(value)
        except scalars.ScalarError as error:
            self.report(error.code, error.message, path, error.help)
            return None

    def optional(self, parser: Callable[[Any], T], data: Data, key: str, path: Path) -> T | None:
        """Parse the value of a key that may be absent."""
        return self.parse(parser, data[key], (*path, key)) if key in data else None

    def each(
        self, parser: Callable[[Any, Path], T | None], data: Data, key: str, path: Path
    ) -> tuple[T, ...]:
        """Lower the items of a list; those with anything wrong in them are left out."""
        results: list[T] = []
        for index, item in enumerate(data.get(key, ())):
            if item is BAD:
                continue
            before = len(self.found)
            result = parser(item, (*path, key, index))
            wrong = any(d.severity == "error" for d in self.found[before:])
            if result is not None and not wrong:
                results.append(result)
        return tuple(results)

    def scalars(
        self, parser: Callable[[Any], T], data: Data, key: str, path: Path
    ) -> tuple[T, ...]:
        """Parse the scalars of a list."""
        return self.each(lambda item, place: self.parse(parser, item, place), data, key, path)

    # --- the host ---------------------------------------------------------------------------------

    def host(self, data: Data, name: str) -> tuple[Host, list[Diagnostic]]:
        declared = expand(data)
        self.tables = {
            entry.name: scalars.table(entry.data["table"])
            for entry in declared
            if entry.data.get("type") == "vrf"
        }
        claims_of = {entry.path: tuple(self.claims(entry, data)) for entry in declared}
        claims = tuple(claim for some in claims_of.values() for claim in some)
        ports = dict(reversed(claims))  # of two claims the first counts
        networks = [(str(n), e) for n, e in data.get("networks", {}).items()]
        interfaces = tuple(
            self.interface(
                entry,
                ports.get(entry.name),
                tuple(dict.fromkeys(name for name, _ in claims_of[entry.path])),
            )
            for entry in declared
        )
        bridges = {i.path: i for i in interfaces}
        firewalls = tuple(
            self.firewall(n, e, bridges["networks", n])
            for n, e in networks
            if e["mode"] != "bridge"
        )
        servers = tuple(
            server
            for n, e in networks
            if e["mode"] != "bridge"
            and e.get("dhcp") is not False
            and (server := self.dhcp_server(n, e, bridges["networks", n])) is not None
        )
        host = Host(
            name=data.get("host", name),
            interfaces=interfaces,
            claims=claims,
            firewalls=firewalls,
            dhcp_servers=servers,
            foreign=data.get("foreign"),
            foreign_files=data.get("foreign-files"),
            raw=data.get("raw"),
        )
        return host, self.found

    def claims(self, entry: Declared, data: Data) -> Iterator[tuple[str, Port | Member]]:
        """List what a bond or bridge asks for, the uplink of a bridge's network last."""
        for index, name in enumerate(entry.data.get("members", ())):
            if name is not BAD:
                yield name, Member(path=(*entry.path, "members", index), bond=entry.name)
        ports: Any = entry.data.get("ports", {})
        asked: list[tuple[Any, Data, str | int]] = (
            [(name, {}, index) for index, name in enumerate(ports)]
            if is_list(ports)
            else [(name, setting or {}, name) for name, setting in ports.items()]
        )
        for name, setting, step in asked:
            if name is not BAD:
                yield name, self.port(setting, entry.name, (*entry.path, "ports", step))
        if entry.mode == "bridge":
            uplink = data["networks"][entry.path[1]].get("uplink")
            if uplink is not None and all(name != uplink for name, _, _ in asked):
                yield uplink, Port(path=(*entry.path, "uplink"), bridge=entry.name)

    def port(self, data: Data, bridge: str, path: Path) -> Port:
        return Port(path=path, bridge=bridge, **self.fields(Port, data, path))

    # --- interfaces -------------------------------------------------------------------------------

    def interface(
        self, entry: Declared, claim: Port | Member | None, names: tuple[str, ...]
    ) -> Interface:
        data, path = entry.data, entry.path
        # a key of the type comes before one that all have: `group` of a tap is no group of links
        own_keys = fields_by_key(KINDS[data.get("type", "ethernet")])
        given = {
            _field(key): data[key] for key in _AS_THEY_ARE if key in data and key not in own_keys
        }
        given |= {
            _field(key): lower_key(data, path)
            for key, lower_key in self.structured.items()
            if key in data
        }
        if entry.own:
            own = tuple(Address(path=place, address=address) for address, place in entry.own)
            given["addresses"] = own + given.get("addresses", ())
        kind = self.kind(entry, names)
        if entry.mode in ("nat", "routed", "isolated"):  # guests are nobody's routers
            given.setdefault("accept_ra", False)
        if {"ipv6_address_token", "ipv6_address_generation"} <= given.keys():
            self.report(
                "VN112",
                "a token says what `ipv6-address-generation` would choose",
                (*path, "ipv6-address-token"),
                "keep one of the two",
            )
        if any(n.proxy and n.address.version == 6 for n in given.get("neighbors", ())):
            given["sysctl"] = _proxying(given.get("sysctl", ()))
        if isinstance(claim, Member):
            given["member"] = claim
        elif claim is not None:
            given["port"] = claim
        return Interface(name=entry.name, path=path, kind=kind, **given)

    def kind(self, entry: Declared, names: tuple[str, ...]) -> Kind:
        """Lower what the type alone has; `names` are the ports or members that it asks for."""
        data = entry.data
        cls = KINDS[data.get("type", "ethernet")]
        given = self.fields(cls, data, entry.path)
        if cls is Bridge:
            given["ports"] = names
        elif cls is Bond:
            given["members"] = names
            if not {"mii-monitor-interval", "arp-interval"} & data.keys():
                given["mii_monitor_interval"] = _MII_MONITOR_INTERVAL
        return cls(**given)

    def fields(self, cls: type[Record], data: Data, path: Path) -> dict[str, Any]:
        """Lower the keys of a mapping that are fields of a record class."""
        plan = fields_by_key(cls)
        return {
            field.name: self.field(field, value, (*path, key))
            for key, value in data.items()
            if (field := plan.get(key)) is not None and key not in _OF_CLAIMS
        }

    def field(self, field: Field, value: Any, path: Path) -> Any:
        """Lower the value of one field."""
        record, parse = field.record, field.parse
        if record is Secret:
            return self.secret(value, path)
        if not field.many:
            if record is not None:
                return record(path=path, **self.fields(record, value, path))
            return value if parse is None else self.parse(parse, value, path)

        if record is not None and is_mapping(value):  # each by a name of its own
            return tuple(
                record(
                    path=(*path, name), name=name, **self.fields(record, one or {}, (*path, name))
                )
                for name, one in value.items()
            )

        def item(one: Any, place: Path) -> Any:
            if record is not None:
                return record(path=place, **self.fields(record, one, place))
            return one if parse is None else self.parse(parse, one, place)

        key = str(path[-1])
        items = self.each(item, {key: value}, key, path[:-1])
        return scalars.merge(items) if field.merged else items

    def secret(self, value: str | Data, path: Path) -> Secret:
        """Lower a secret, and warn of one that is in the document."""
        if not isinstance(value, str):
            return Secret(path=path, file=value["file"])
        self.report(
            "VN116",
            "a secret is in the document",
            path,
            "keep it in a file of the target host, and write `{file: /etc/…}`",
        )
        return Secret(path=path, text=value)

    def address(self, item: str | Data, path: Path) -> Address | None:
        data: Data = {"address": item} if isinstance(item, str) else item
        place = path if isinstance(item, str) else (*path, "address")
        parsed = self.parse(scalars.interface_address, data["address"], place)
        if parsed is None:
            return None
        given = self.fields(Address, {k: v for k, v in data.items() if k not in _OF_ADDRESS}, path)
        for key in ("peer", "broadcast"):
            if key in data:
                given[key] = data[key] and self.optional(_OF_ADDRESS[key], data, key, path)
        self.of_family(parsed.version, data, path)
        return Address(path=path, address=parsed, stated=tuple(data), **given)

    def routes(self, data: Data, path: Path) -> tuple[Route, ...]:
        """Lower the routes of an interface; in a VRF they are its table's."""
        vrf = path[-1] if data.get("type") == "vrf" else data.get("vrf")
        table = self.tables.get(str(vrf))
        return self.each(lambda item, place: self.route(item, place, table), data, "routes", path)

    def route(self, data: Data, path: Path, default: int | None) -> Route | None:
        via = self.optional(scalars.address, data, "via", path)
        nexthops = self.each(self.nexthop, data, "nexthops", path)
        to: IPNetwork | None
        if data["to"] == "default":
            gateway = via if via is not None else nexthops[0].via if nexthops else None
            if gateway is None:
                if "via" not in data and "nexthops" not in data:
                    self.report(
                        "VN112",
                        "`default` without `via` is of no family",
                        (*path, "to"),
                        "write `0.0.0.0/0` or `::/0`, or add `via:`",
                    )
                return None
            to = _ANY[gateway.version]
        else:
            to = self.parse(scalars.network, data["to"], (*path, "to"))
        if to is None:
            return None
        given = self.fields(Route, {k: v for k, v in data.items() if k not in _OF_ROUTE}, path)
        given.setdefault("table", default or scalars.table(_default_table(data)))
        self.of_family(to.version, data, path)
        return Route(path=path, to=to, via=via, nexthops=nexthops, stated=tuple(data), **given)

    def nexthop(self, data: Data, path: Path) -> Nexthop | None:
        given = self.fields(Nexthop, data, path)
        return None if given["via"] is None else Nexthop(path=path, stated=tuple(data), **given)

    def rule(self, data: Data, path: Path) -> Rule:
        rule = Rule(path=path, **self.fields(Rule, data, path))
        for version in rule.families:
            self.of_family(version, data, path)
        if rule.goto is not None and rule.goto <= rule.priority:
            self.report(
                "VN112",
                f"a rule goes on to a later one: `{rule.goto}` is not above `{rule.priority}`",
                (*path, "goto"),
                "write the priority of a rule after this one",
            )
        return rule

    def of_family(self, version: int, data: Data, path: Path) -> None:
        """Report keys that mean something in the other family of addresses alone."""
        for key in data:
            only = _OF_FAMILY.get(key, version)
            if only != version:
                help = f"remove it, or write addresses of IPv{only}"
                self.report("VN112", f"`{key}` is of IPv{only} alone", (*path, key), help)

    def neighbor(self, data: Data, path: Path) -> Neighbor:
        return Neighbor(path=path, **self.fields(Neighbor, data, path))

    def fdb_entry(self, data: Data, path: Path) -> FdbEntry:
        given = self.fields(FdbEntry, data, path)
        return FdbEntry(path=path, **given)

    def qdisc(self, data: Data, path: Path) -> Qdisc:
        from vnetc.model.qdiscs import DISCIPLINES, Qdisc

        cls = DISCIPLINES[data["kind"]]
        kind: Any = cls(**self.fields(cls, data, path))
        return Qdisc(
            path=path,
            kind=kind,
            parent=self.optional(scalars.parent, data, "parent", path),
            handle=self.optional(scalars.handle, data, "handle", path),
        )

    def listed(
        self, parser: Callable[[Any, Path], T | None], key: str, data: Data, path: Path
    ) -> tuple[T, ...]:
        """Lower the list below a key; `each` with its arguments in the order of a table."""
        return self.each(parser, data, key, path)

    def link_local(self, data: Data, path: Path) -> tuple[str, ...]:
        del path
        return tuple(family for family in data["link-local"] if family is not BAD)

    def ntp(self, data: Data, path: Path) -> tuple[str, ...]:
        del path
        return tuple(server for server in data["ntp"] if server is not BAD)

    def token(self, data: Data, path: Path) -> IPAddress | None:
        """Lower the interface's half of an address: `::1a`."""
        path = (*path, "ipv6-address-token")
        token = self.parse(scalars.address, data["ipv6-address-token"], path)
        if token is not None and (token.version == 4 or not 0 < int(token) < 1 << 64):
            self.report("VN112", "a token is the last 64 bits of an address", path, "write `::1a`")
            return None
        return token

    def sysctl(self, data: Data, path: Path) -> Sysctls:
        del path
        return tuple(
            (family, key, value)
            for family, settings in data["sysctl"].items()
            for key, value in settings.items()
        )

    def dhcp_overrides(self, key: str, data: Data, path: Path) -> DhcpOverrides:
        path = (*path, key)
        return DhcpOverrides(path=path, **self.fields(DhcpOverrides, data[key], path))

    def ra_overrides(self, data: Data, path: Path) -> RaOverrides:
        path = (*path, "ra-overrides")
        return RaOverrides(path=path, **self.fields(RaOverrides, data["ra-overrides"], path))

    def nameservers(self, data: Data, path: Path) -> Nameservers:
        path = (*path, "nameservers")
        given = data["nameservers"]
        return Nameservers(
            path=path,
            addresses=self.scalars(scalars.address, given, "addresses", path),
            search=tuple(domain for domain in given.get("search", ()) if domain is not BAD),
            **{_field(key): given[key] for key in _OF_RESOLVER if key in given},
        )

    # --- services ---------------------------------------------------------------------------------

    def firewall(self, name: str, data: Data, bridge: Interface) -> Firewall:
        path: Path = ("networks", name)
        if not is_list(data["subnet"]):
            self.parse(scalars.network, data["subnet"], (*path, "subnet"))
        else:
            self.scalars(scalars.network, data, "subnet", path)
        return Firewall(
            name=name,
            path=path,
            mode=data["mode"],
            bridge=bridge.name,
            subnet=tuple(subnet for subnet, _ in subnets(data, path)),
            addresses=tuple(a.address.ip for a in bridge.addresses),
            uplink=data.get("uplink"),
            publish=self.each(self.published, data, "publish", path),
        )

    def published(self, data: Data, path: Path) -> PublishedPort | None:
        ports = self.parse(
            lambda value: scalars.span(value, 1, 65535), data["port"], (*path, "port")
        )
        to = self.parse(scalars.guest_port, data["to"], (*path, "to"))
        if ports is None or to is None:
            return None
        if to[1] is not None and ports[0] != ports[1]:
            self.report(
                "VN112",
                "a range of ports leads to the same ports of the guest",
                (*path, "to"),
                f"write `{to[0]}` without a port",
            )
            return None
        return PublishedPort(
            path=path, protocol=data["protocol"], ports=ports, to=to[0], to_port=to[1]
        )

    def dhcp_server(self, name: str, network: Data, bridge: Interface) -> DhcpServer | None:
        path: Path = ("networks", name, "dhcp") if "dhcp" in network else ("networks", name)
        data: Data = network.get("dhcp") or {}
        nets = [subnet for subnet, _ in subnets(network, ("networks", name))]
        subnet = next((n for n in nets if isinstance(n, IPv4Network)), None)
        own = [a.address.ip for a in bridge.addresses]
        address = next(
            (a for a in own if isinstance(a, IPv4Address) and subnet is not None and a in subnet),
            None,
        )
        isolated = network["mode"] == "isolated"
        router = None if isolated else address
        if isinstance(data.get("router"), str):
            router = self.ipv4(data["router"], (*path, "router"))
        elif data.get("router") is False:
            router = None
        taken = own if router is None else [*own, router]
        chosen = self.range(data, subnet, taken, path)
        return DhcpServer(
            name=name,
            path=path,
            bridge=bridge.name,
            subnet=subnet,
            address=address,
            server=data.get("server", "dnsmasq"),
            range=chosen,
            lease_time=scalars.duration(data.get("lease-time", "1h")),
            router=router,
            nameservers=self.each(self.ipv4, data, "nameservers", path),
            domain=data.get("domain"),
            reservations=self.each(self.reservation, data, "reservations", path),
            prefixes=tuple(n for n in nets if isinstance(n, IPv6Network)),
            forwards_dns=not isolated,
        )

    def range(
        self, data: Data, subnet: IPv4Network | None, own: list[Any], path: Path
    ) -> tuple[IPv4Address, IPv4Address] | None:
        if "range" in data:
            chosen = self.parse(scalars.address_range, data["range"], (*path, "range"))
        else:
            chosen = None if subnet is None else scalars.guest_range(subnet, own)
        if chosen is None:
            return None
        first, last = chosen
        assert isinstance(first, IPv4Address) and isinstance(last, IPv4Address)
        return first, last

    def ipv4(self, text: str, path: Path) -> IPv4Address | None:
        address = self.parse(scalars.address, text, path)
        if address is None or isinstance(address, IPv4Address):
            return address
        self.report(
            "VN315",
            f"`{address}` is not an IPv4 address, which DHCPv4 needs",
            path,
            "write an IPv4 address; router advertisements tell guests the rest",
        )
        return None

    def reservation(self, data: Data, path: Path) -> Reservation | None:
        address = self.ipv4(data["address"], (*path, "address"))
        if address is None:
            return None
        return Reservation(
            path=path,
            macaddress=data["macaddress"].lower(),
            address=address,
            hostname=data.get("hostname"),
        )


def _proxying(given: Sysctls) -> Sysctls:
    """Let the kernel answer for its proxies of IPv6, unless the document says otherwise."""
    said = any((family, key) == ("ipv6", "proxy_ndp") for family, key, _ in given)
    return given if said else (*given, ("ipv6", "proxy_ndp", 1))


def _field(key: str) -> str:
    return key.replace("-", "_")


def _default_table(data: Data) -> str:
    # ip-route(8): local, broadcast and anycast routes belong to the table `local`
    return "local" if data.get("type") in ("local", "broadcast", "anycast") else "main"
