"""The types of values, by name: the language lowers a field by the name of its type (language/fields.py)."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

# addresses and names
IPAddress: TypeAlias = IPv4Address | IPv6Address
IPInterface: TypeAlias = IPv4Interface | IPv6Interface
IPNetwork: TypeAlias = IPv4Network | IPv6Network
MacAddress: TypeAlias = str  # lower case, with colons
GroupAddress: TypeAlias = str  # an IP address, or a MAC address
Broadcast: TypeAlias = "IPAddress | Literal[False]"  # False: none
Endpoint: TypeAlias = tuple[str, int]  # host, port
Words: TypeAlias = tuple[str, ...]  # one of them may be written without a list
Wakes: TypeAlias = tuple[str, ...]  # `true` is `magic`, `false` is none
# quantities
Bytes: TypeAlias = int
HundredthsOfPercent: TypeAlias = int
Microseconds: TypeAlias = int
Milliseconds: TypeAlias = int
Rate: TypeAlias = int  # bits per second
# numbers of the kernel
ClassId: TypeAlias = int  # major and minor number, 16 bits each: TC_H_MAKE, linux/pkt_sched.h
Handle: TypeAlias = int  # the major number alone
Parent: TypeAlias = "int | None"  # a ClassId, None: the root
Origin: TypeAlias = int  # RTPROT_…, linux/rtnetlink.h
Protocol: TypeAlias = int  # of IP, IANA
Table: TypeAlias = int  # RT_TABLE_…, linux/rtnetlink.h
TunnelKey: TypeAlias = int  # 32 bits, also written as an IPv4 address
Mark: TypeAlias = tuple[int, int]  # mark, mask
Realms: TypeAlias = tuple[int, int]  # from (0: any), to
# ranges: first, last
AddressRange: TypeAlias = tuple[IPv4Address, IPv4Address]
PortRange: TypeAlias = tuple[int, int]
Users: TypeAlias = tuple[int, int]
Ranges: TypeAlias = tuple[tuple[int, int], ...]  # of VLANs; sorted, disjoint
# what is taken as it is
Keys: TypeAlias = tuple[str, ...]  # that the document has, also those with a default for a value
Raw: TypeAlias = "Mapping[str, Any]"
# family (ipv4, ipv6, ipv4-neigh, ipv6-neigh), the kernel's name, value
Sysctls: TypeAlias = tuple[tuple[str, str, int], ...]
