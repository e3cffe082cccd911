"""The dnsmasq of a network: DHCP, DNS and router advertisements for its guests (dnsmasq(8))."""

from __future__ import annotations

from ipaddress import IPv4Network

from vnetc.backends.formats import header
from vnetc.backends.target import File
from vnetc.model.host import DhcpServer, Reservation

LEASES = "/var/lib/misc"  # where dnsmasq keeps its own by default; Debian's base-files has it


def dnsmasq_path(server: DhcpServer) -> str:
    """Name the configuration file of a network's dnsmasq."""
    return f"/etc/vnetc/{server.name}.dnsmasq.conf"


def dnsmasq_pidfile(server: DhcpServer) -> str:
    """Name the file in which a network's dnsmasq keeps its process id."""
    return f"/run/vnetc-dnsmasq-{server.name}.pid"


def write_dnsmasq(host: str, server: DhcpServer) -> File:
    """Write the configuration of one network's dnsmasq."""
    lines = [
        f"interface={server.bridge}",
        "except-interface=lo",
        "bind-dynamic",  # starts before the bridge exists
        f"pid-file={dnsmasq_pidfile(server)}",
        f"dhcp-leasefile={LEASES}/vnetc-{server.name}.leases",
    ]
    if server.domain is not None:
        lines += [f"domain={server.domain}", f"local=/{server.domain}/"]
    if not server.forwards_dns:
        lines.append("no-resolv")
    lines += [
        "dhcp-authoritative",
        "dhcp-no-override",
        "no-ping",  # else every lease waits 3 s for an answer from its address
    ]
    if server.subnet is not None:
        lines += [
            f"dhcp-range={_range(server, server.subnet)}",
            _option("router", [str(server.router)] if server.router is not None else []),
        ]
    if server.nameservers:
        lines.append(_option("dns-server", [str(n) for n in server.nameservers]))
    lines += [_host(reservation) for reservation in server.reservations]
    if server.prefixes:
        lines.append("enable-ra")
        if not server.forwards_dns:  # isolated: the host is nobody's router
            lines.append(f"ra-param={server.bridge},0,0")
        lines += [f"dhcp-range={p.network_address},ra-only,{p.prefixlen}" for p in server.prefixes]
    return File(dnsmasq_path(server), header(host) + "\n".join(lines) + "\n")


def _range(server: DhcpServer, subnet: IPv4Network) -> str:
    seconds = server.lease_time // 1000
    if server.range is None:
        return f"{subnet.network_address},static,{subnet.netmask},{seconds}"
    first, last = server.range
    return f"{first},{last},{subnet.netmask},{seconds}"


def _option(name: str, values: list[str]) -> str:
    # without a value the option is not sent at all
    return f"dhcp-option={','.join([f'option:{name}', *values])}"


def _host(reservation: Reservation) -> str:
    parts = [reservation.macaddress, str(reservation.address)]
    if reservation.hostname is not None:
        parts.append(reservation.hostname)
    return f"dhcp-host={','.join(parts)}"
