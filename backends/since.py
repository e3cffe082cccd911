"""Since when Linux and iproute2 have what some rows say, whatever target says it.

Of Linux from the history of its user API (include/uapi/linux), of iproute2 from its releases. What
is as old as Debian 11's, Linux 5.10 and iproute2 5.10, is not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vnetc.backends.support import EVER, Context, Limit, Programs, Support, limit
from vnetc.model.record import replace

# row -> the oldest versions that know it; iproute2 only matters where its words are written
ROWS: Mapping[str, Programs] = {
    "bond.arp-missed-max": {"linux": (5, 17), "iproute2": (5, 17)},
    "bond.lacp-active": {"linux": (5, 15), "iproute2": (5, 16)},
    "geneve.inherit-inner-protocol": {"linux": (5, 18), "iproute2": (5, 18)},
    "macvlan.broadcast-queue-length": {"linux": (5, 11), "iproute2": (5, 11)},
    "port.broadcast-flood": {"iproute2": (6, 1)},  # of ip(8); not in 5.10
    "port.locked": {"linux": (5, 18), "iproute2": (5, 18)},
}

# Below net/ipv4/conf and net/ipv6/conf. An older kernel has no such file, and sysctl(8) with `-e` and
# systemd-sysctl(8) say nothing then. `accept_ra_min_lft` is in the stable releases of older kernels too.
SYSCTLS: Mapping[str, Programs] = {
    "accept_untracked_na": {"linux": (5, 19)},
    "arp_evict_nocarrier": {"linux": (5, 16)},
    "ioam6_enabled": {"linux": (5, 15)},
    "ioam6_id": {"linux": (5, 15)},
    "ioam6_id_wide": {"linux": (5, 15)},
    "ndisc_evict_nocarrier": {"linux": (5, 16)},
    "ra_defrtr_metric": {"linux": (5, 12)},
    "ra_honor_pio_life": {"linux": (6, 7)},
}


def _says(name: str) -> Callable[[Context], bool]:
    def says(context: Context) -> bool:
        return any(key == name for _, key, _ in context.node.sysctl)

    return says


def _has_ipv6_target(context: Context) -> bool:
    return any(address.version == 6 for address in context.node.arp_ip_targets)


def _hashes_source_macs(context: Context) -> bool:
    return bool(context.node.transmit_hash_policy == "vlan+srcmac")


LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "bond.arp-ip-targets": (
        limit(
            "bonds look at IPv4 neighbours only",
            _has_ipv6_target,
            before={"linux": (5, 18), "iproute2": (5, 18)},
        ),
    ),
    "bond.transmit-hash-policy": (
        limit(
            "`vlan+srcmac` is unknown",
            _hashes_source_macs,
            before={"linux": (5, 12), "iproute2": (5, 12)},
        ),
    ),
    "interface.sysctl": tuple(
        limit(f"there is no `{name}`", _says(name), before=since) for name, since in SYSCTLS.items()
    ),
}


def aged(table: Mapping[str, Support]) -> dict[str, Support]:
    """Give a target's table with the ages of what its rows need of Linux and iproute2."""
    rows = dict(table)
    for name in (ROWS.keys() | LIMITS.keys()) & table.keys():
        row = table[name]
        if row.how:
            limits = [
                replace(lim, before=before)
                for lim in LIMITS.get(name, ())
                if (before := _of(row, lim.before))  # of no program, it would hold for ever
            ]
            since = {**row.since, **_of(row, ROWS.get(name, EVER))}
            rows[name] = replace(row, since=since, limits=(*row.limits, *limits))
    return rows


def _of(row: Support, programs: Programs) -> Programs:
    """Leave iproute2 out where none of its words is written."""
    if "ip link" in row.how:
        return programs
    return {name: version for name, version in programs.items() if name != "iproute2"}
