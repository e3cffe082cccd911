"""Lies to plant in what a back end wrote: each must turn the lab red, and show where it is.

A lie is one a translator tells when it drops, confuses or invents something. All that it changes is
the text of the files that the job gets, and it must change that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tests.lab.experiments import Equality, Experiment, Traffic, named_case, named_scenario
from tests.lab.runner.boot import File
from tests.lab.runner.job import Job, Result

from .reload import Reload, named_reload


@dataclass(frozen=True)
class Lie:
    """`pattern` is replaced by `instead` in all files; `shows` stands in what the lab then says."""

    name: str
    truth: str  # a case, or `traffic-` and a scenario
    target: str
    pattern: str
    instead: str
    shows: str


LIES = (
    # of netlink the document itself is falsified
    Lie(
        "metric applied",
        "routing",
        "netlink",
        "metric: 50",
        "metric: 51",
        "default dev eth0 metric 50",
    ),
    Lie(
        "driver applied",
        "cards",
        "netlink",
        "driver: veth",
        "driver: igb",
        "`lan`",
    ),
    Lie("metric", "routing", "networkd", "Metric=50", "Metric=51", "default dev eth0 metric 50"),
    Lie("metric lost", "routing", "ifupdown", " metric 70", "", "2001:db8:20::/48"),
    Lie("table", "routing", "ifupdown-ng", r"lookup 1000\b", "lookup 100", "rule ipv6 150"),
    Lie("type", "routing", "netplan", "type: unreachable", "type: blackhole", "10.97.0.0/16"),
    Lie("neighbour lost", "routing", "networkd", r"\[Neighbor\]\n(.+\n)+", "", "neighbour eth0"),
    Lie("source lost", "routing", "ifupdown2", " src 198.51.100.3", "", "10.20.0.0/16"),
    Lie("flag lost", "bridges", "networkd", "Isolated=yes\n", "", "link veth-a port isolated"),
    Lie("flag turned", "bridges", "ifupdown", "learning off", "learning on", "port learning"),
    Lie(
        "STP left to the default", "bridges", "netplan", " *stp: false\n", "", "link br1 stp_state"
    ),
    Lie("timer", "bridges", "ifupdown2", "bridge-fd 2", "bridge-fd 3", "br0 forward_delay"),
    Lie("driver", "cards", "networkd", "Driver=veth", "Driver=igb", "link lan"),
    Lie("offload lost", "cards", "networkd", "TransmitChecksumOffload=no\n", "", "tx-checksumming"),
    Lie("offload turned", "cards", "ifupdown", " gro on", " gro off", "generic-receive-offload"),
    Lie("identity", "cards-authenticated", "ifupdown2", "host/kvm1", "host/kvm2", "wpa e-1"),
    Lie(
        "password lost", "cards-authenticated", "netplan", r"  password=file:/\S+\n", "", "wpa eth0"
    ),
    Lie("MTU lost", "bridges", "ifupdown-ng", " mtu 1400", "", "link br0 mtu"),
    Lie("route to a subnet", "bridges", "networkd", "AddPrefixRoute=no\n", "", "10.3.0.0/24"),
    Lie(
        "advertisements heard",
        "traffic-router-advertisements",
        "netplan",
        "accept-ra: false",
        "accept-ra: true",
        "2001:db8:f0:",
    ),
    Lie(
        "address invented",
        "addresses",
        "networkd",
        r"\[Network\]\n",
        r"\g<0>Address=10.7.7.7/32\n",
        "10.7.7.7/32",
    ),
    # what nobody said, on each of the others
    Lie(
        "route invented",
        "routing",
        "ifupdown",
        r"iface eth1 inet .*\n",
        r"\g<0>    up ip route add 10.66.0.0/16 dev eth1\n",
        "10.66.0.0/16 dev eth1",
    ),
    Lie(
        "rule invented",
        "routing",
        "ifupdown2",
        r"iface eth1 inet .*\n",
        r"\g<0>    up ip rule add priority 77 lookup 7\n",
        "rule ipv4 77",
    ),
    Lie(
        "queueing discipline invented",
        "routing",
        "ifupdown-ng",
        r"iface eth1 inet .*\n",
        r"\g<0>    up tc qdisc add dev eth1 root handle 7: pfifo limit 9\n",
        "qdisc eth1",
    ),
    Lie(
        "route invented in YAML",
        "routing",
        "netplan",
        r"        - to: 10\.95\.0\.2/32\n",
        r"        - to: 10.66.0.0/16\n          scope: link\n\g<0>",
        "10.66.0.0/16",
    ),
    Lie(
        "address invented in the document",
        "addresses",
        "netlink",
        r"    addresses:\n(?=      - 198)",
        r"\g<0>      - 10.7.7.8/32\n",
        "10.7.7.8/32",
    ),
    Lie(
        "sysctl lost",
        "sysctl",
        "networkd",
        "net/ipv4/conf/eth0/proxy_arp=1",
        "",
        "sysctl eth0 ipv4 proxy_arp",
    ),
    Lie("tag lost", "devices", "networkd", r"Id=7\b", "Id=8", "link inner id"),
    Lie("protocol lost", "devices", "ifupdown", "proto 802.1ad ", "", "link outer protocol"),
    Lie("VLAN of a port lost", "devices", "networkd", "VLAN=120\n", "", "vlan eth1 120"),
    Lie("untagged lost", "devices", "ifupdown", " untagged", "", "vlan veth-a 100"),
    Lie("access lost", "devices", "ifupdown2", "bridge-access", "bridge-vids", "vlan veth-a 100"),
    Lie(
        "guests not hidden",
        "traffic-nat",
        "networkd",
        " masquerade( to :1024-65535)?",
        " accept",
        "203.0.113.1:80",
    ),
    Lie(
        "port of another guest",
        "traffic-nat",
        "netplan",
        r"192\.168\.122\.10(?= ?[:.] ?80\b)",
        "192.168.122.99",
        "8080",
    ),
    Lie(
        "address of a reservation",
        "traffic-nat",
        "ifupdown",
        r"192\.168\.122\.10(?=,web)",
        "192.168.122.12",
        "fixed-address 192.168.122.10",
    ),
    # what is asked beyond the state after the first `ifup`
    Lie(
        "option that does not hold",
        "kvm-bridge-static",
        "ifupdown2",
        r"    bridge-fd 0\n",
        r"\g<0>    up ip link set dev br0 type bridge forward_delay 300\n",
        "ifquery --check: br0: bridge-fd",
    ),
    Lie(
        "ruleset left behind",
        "kvm-nat",
        "ifupdown",
        r"    (down|post-down) nft delete .*\n",
        "",
        "left by ifdown: nft inet vnetc_vms",
    ),
    Lie(
        "server left behind",
        "kvm-nat",
        "ifupdown-ng",
        r"    (down|post-down) start-stop-daemon --stop .*\n",
        "",
        "left by ifdown: /usr/sbin/dnsmasq",
    ),
    Lie(
        "only the second time",
        "kvm-nat",
        "ifupdown2",
        r"iface eth0 inet .*\n",
        r"\g<0>    up [ ! -e /run/once ] || ip route add 10.66.0.0/16 dev eth0\n"
        r"    post-down touch /run/once\n",
        "up again: route ipv4 table 254 10.66.0.0/16",
    ),
    Lie(
        "address that a reload leaves",
        "reload-bridge",
        "ifupdown2",
        r"iface br0 inet .*\n",
        r"\g<0>    address-purge no\n",
        "an address less:\naddress br0 203.0.113.3/24",
    ),
    Lie(
        "guest that a reload takes off",
        "reload-bridge",
        "ifupdown2",
        r"    bridge-ports-condone-regex .*\n",
        "",
        "vm -> outside: ",
    ),
)


@dataclass(frozen=True)
class Planted(Experiment):
    """The experiment that a lie spoils. It is well if the lie is found out."""

    lie: Lie
    generation: str

    @property
    def name(self) -> str:
        """What its test is called."""
        return f"lie-{self.lie.name.replace(' ', '-')}"

    @cached_property
    def truth(self) -> Experiment:
        """What is tried when nobody lies."""
        name = self.lie.truth
        if name.startswith("traffic-"):
            return Traffic(named_scenario(name.removeprefix("traffic-")), self.generation)
        if name.startswith("reload-"):
            return named_reload(name.removeprefix("reload-"), self.generation)
        return Equality(named_case(name), self.generation)

    @property
    def needs(self) -> frozenset[str]:
        """Name the kinds of interfaces that a kernel must have for it."""
        return self.truth.needs

    def make_jobs(self) -> Mapping[str, Job]:
        """Give the liar's job; a reload is seen beside hosts that are new."""
        job = self.truth.jobs[self.lie.target]
        lying = replace(
            job,
            id=f"{self.name}/{job.id}",
            files=self._falsified(job.files),
            acts=tuple(replace(act, files=self._falsified(act.files)) for act in job.acts),
        )
        honest = self.truth.jobs if isinstance(self.truth, Reload) else {}
        return {**honest, self.lie.target: lying}

    def _falsified(self, files: tuple[File, ...]) -> tuple[File, ...]:
        pattern, instead = self.lie.pattern, self.lie.instead
        return tuple(
            replace(file, content=re.sub(pattern, instead, file.content)) for file in files
        )

    def verdict(self, results: Mapping[str, Result]) -> str:
        """Say that the lie went unnoticed, or was noticed in the wrong place."""
        said = self.truth.verdict(results)
        if not said:
            return f"nobody noticed: {self.lie}"
        return "" if self.lie.shows in said else f"`{self.lie.shows}` is not in:\n{said}"


def planted() -> list[Planted]:
    """Give the experiment of each lie."""
    return [Planted(lie, "bookworm") for lie in LIES]
