"""What the specification says of routes and rules, in the words of state.py: a part of what is expected."""

from __future__ import annotations

from collections.abc import Iterator

from vnetc.model.host import Route, Rule
from vnetc.model.values import IPNetwork

from tests.lab.states.state import (
    Json,
    Key,
    State,
    describe_hop,
    describe_route,
    describe_rule,
    route_name,
)

ROUTE_METRIC = {4: 0, 6: 1024}  # of a route without one; IP6_RT_PRIO_USER


def expect_route(interface: str, route: Route) -> tuple[Key, str]:
    """State a route that an interface has, by its key."""
    version = route.to.version
    metrics = {
        "mtu": route.mtu,
        "advmss": route.advmss,
        "initcwnd": route.congestion_window,
        "initrwnd": route.initrwnd,
        "hoplimit": route.hop_limit,
        "congestion": route.congestion_control,
        "rto_min": route.retransmission_timeout,
        "quickack": int(route.quick_ack) or None,
        "fastopen_no_cookie": int(route.fast_open_no_cookie) or None,
    }
    devices = [hop.interface or interface for hop in route.nexthops]
    key = (
        "route",
        f"ipv{version} table {route.table}",
        route_name(
            type=route.type,
            to=destination(route.to),
            device=devices[0] if devices else interface,
            metric=ROUTE_METRIC[version] if route.metric is None else route.metric,
        ),
    )
    text = describe_route(
        scope=_scope(route) if version == 4 else "",
        via=None if route.via is None else str(route.via),
        source=None if route.from_ is None else str(route.from_),
        metrics={name: value for name, value in metrics.items() if value is not None},
        on_link=route.on_link and not route.nexthops,
        origin="" if route.protocol is None else str(route.protocol),
        source_network=None if route.source is None else destination(route.source),
        preference=route.preference,
        realms="" if route.realms is None else "{}/{}".format(*route.realms),
        hops=[
            describe_hop(str(hop.via), hop.weight, route.on_link or hop.on_link, device)
            for hop, device in zip(route.nexthops, devices, strict=True)
        ],
    )
    return key, text


def destination(network: IPNetwork) -> str:
    """Spell a destination as the kernel does."""
    if network.prefixlen == 0:
        return "default"
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return str(network)


def _scope(route: Route) -> str:
    """Give the scope of an IPv4 route; ip-route(8) has these defaults."""
    if route.scope is not None:
        return route.scope
    if route.type in ("local", "nat"):
        return "host"
    if route.type in ("broadcast", "multicast", "anycast"):
        return "link"
    direct = route.via is None and not route.nexthops
    return "link" if route.type == "unicast" and direct else "global"


_ACTIONS = {"blackhole": "6", "unreachable": "7", "prohibit": "8"}  # linux/fib_rules.h


def expect_rule(rule: Rule) -> Iterator[tuple[Key, str]]:
    """State a rule, once for each family that it is for."""
    said: dict[str, object] = {"src": "all"}
    for word, network in (("src", rule.from_), ("dst", rule.to)):
        if network is not None:
            said[word] = network.network_address
            if network.prefixlen < network.max_prefixlen:
                said[f"{word}len"] = network.prefixlen
    if rule.fwmark is not None:
        mark, mask = rule.fwmark
        said["fwmark"] = hex(mark)
        if mask != 0xFFFFFFFF:
            said["fwmask"] = hex(mask)
    for word, span in (("sport", rule.source_port), ("dport", rule.destination_port)):
        said |= _span(word, span)
    if rule.uid_range is not None:
        said["uid_start"], said["uid_end"] = rule.uid_range
    if rule.invert:
        said["not"] = None
    if rule.l3mdev:
        said["l3mdev"] = None
    if rule.action == "nop":
        said["nop"] = None
    if rule.realms is not None:
        said["flow_from"], said["flow_to"] = rule.realms
    plain = {
        "iif": rule.iif,
        "oif": rule.oif,
        "tos": None if rule.tos is None else f"{rule.tos:#04x}",
        "ipproto": None if rule.ip_protocol is None else f"ipproto-{rule.ip_protocol}",
        "suppress_prefixlen": rule.suppress_prefix_length,
        "suppress_ifgroup": rule.suppress_interface_group,
        "protocol": rule.protocol,
        "goto": rule.goto,
        "table": rule.table,
        "action": _ACTIONS.get(rule.action or ""),
    }
    said |= {word: value for word, value in plain.items() if value is not None}
    for version in rule.families:
        yield ("rule", f"ipv{version}", str(rule.priority)), describe_rule(said)


def _span(word: str, span: tuple[int, int] | None) -> Json:
    if span is None:
        return {}
    first, last = span
    return {word: first} if first == last else {f"{word}_start": first, f"{word}_end": last}


def expect_default_rules() -> State:
    """State the rules of every network namespace, ip-rule(8)."""
    tables = {("ipv4", "0"): 255, ("ipv4", "32766"): 254, ("ipv4", "32767"): 253}
    tables |= {("ipv6", "0"): 255, ("ipv6", "32766"): 254}
    return {
        ("rule", family, priority): describe_rule({"src": "all", "table": table})
        for (family, priority), table in tables.items()
    }
