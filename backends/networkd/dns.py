"""[Network] options of name resolution: name servers, domains, and how they are asked."""

from __future__ import annotations

from vnetc.backends.options import option
from vnetc.model.host import Interface

RESOLVER = (
    option("default_route", "DNSDefaultRoute"),
    option("llmnr", "LLMNR"),
    option("multicast_dns", "MulticastDNS"),
    option("dns_over_tls", "DNSOverTLS"),
    option("dnssec", "DNSSEC"),
)


def dns(interface: Interface) -> list[tuple[str, str]]:
    """Write the name servers of an interface, and the domains that they are asked for."""
    servers = interface.nameservers
    options = [("DNS", str(server)) for server in servers.addresses]
    if servers.search:
        options.append(("Domains", " ".join(servers.search)))
    return options
