"""The documents that are measured. Every one is made here, so that all sizes are of one kind."""

from __future__ import annotations

THREE = """\
version: 1
host: three
interfaces:
  eth0:
    addresses: [203.0.113.2/24]
    routes:
      - {to: default, via: 203.0.113.1}
    nameservers: {addresses: [203.0.113.53], search: [example.net]}
  eth1: {}
  br0:
    type: bridge
    ports: [eth1]
    macaddress: 52:54:00:00:00:01
    dhcp4: true
    forward-delay: 0
"""


def vlans(count: int, *, addresses: bool) -> str:
    """Give a host with so many VLANs on one parent, at most 4094, bare or with an address each."""
    lines = ["version: 1", "host: vlans", "interfaces:", "  eth0: {}"]
    for number in range(1, count + 1):
        lines += [
            f"  eth0.{number}:",
            "    type: vlan",
            f"    id: {number}",
            "    link: eth0",
        ]
        if addresses:
            lines.append(f"    addresses: [10.{number // 256}.{number % 256}.1/24]")
    return "\n".join(lines) + "\n"


def ten(number: int) -> str:
    """Give one of many hosts with ten interfaces: two cards, a bridge, a NAT network, six VLANs."""
    subnet = f"10.{number // 256}.{number % 256}"
    lines = [
        "version: 1",
        f"host: host{number}",
        "interfaces:",
        "  eth0:",
        "    addresses: [203.0.113.2/24]",
        "    routes:",
        "      - {to: default, via: 203.0.113.1}",
        "    nameservers: {addresses: [203.0.113.53]}",
        "  eth1: {mtu: 9000}",
        "  br0: {type: bridge, ports: [eth1], stp: true, forward-delay: 4s}",
    ]
    for vid in range(1, 7):
        lines += [
            f"  eth0.{vid}:",
            "    type: vlan",
            f"    id: {vid}",
            "    link: eth0",
            f"    addresses: [172.16.{vid}.2/24]",
        ]
    lines += [
        "networks:",
        "  vms:",
        "    mode: nat",
        f"    subnet: {subnet}.0/24",
        "    dhcp:",
        f"      range: {subnet}.100 - {subnet}.200",
        "      lease-time: 12h",
    ]
    return "\n".join(lines) + "\n"


def bridges(count: int) -> str:
    """Give a host with so many bridges, an address on each and a route through each."""
    lines = ["version: 1", "host: bridges", "interfaces:"]
    for number in range(count):
        subnet = _subnet(number)
        lines += [
            f"  br{number}:",
            "    type: bridge",
            f"    addresses: [10.{subnet}.1/24]",
            "    routes:",
            f"      - {{to: 20.{subnet}.0/24, via: 10.{subnet}.2}}",
        ]
    return "\n".join(lines) + "\n"


def batch(count: int) -> str:
    """Give the same host to `ip -batch`."""
    numbers = range(count)
    lines = [
        *(f"link add br{n} type bridge\nlink set br{n} up" for n in numbers),
        *(f"address add 10.{_subnet(n)}.1/24 dev br{n}" for n in numbers),
        *(f"route add 20.{_subnet(n)}.0/24 via 10.{_subnet(n)}.2" for n in numbers),
    ]
    return "\n".join(lines) + "\n"


def removal(count: int) -> str:
    """Give what takes its bridges away: by group, for one by one takes twice as long."""
    lines = [f"link set br{number} group 77" for number in range(count)]
    return "\n".join([*lines, "link delete group 77"]) + "\n"


def _subnet(number: int) -> str:
    return f"{number // 256}.{number % 256}"
