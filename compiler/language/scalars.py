"""Scalars of the language to values: addresses, durations, ranges, numbers with names.

Each function takes a text that fits the schema and gives the value, or raises `ScalarError` with
a diagnostic's words: code, message, help.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network
from ipaddress import ip_address as _ip_address
from ipaddress import ip_interface as _ip_interface
from ipaddress import ip_network as _ip_network

from vnetc.model.data import is_list
from vnetc.model.values import IPAddress, IPInterface, IPNetwork

TABLES = {"default": 253, "main": 254, "local": 255}  # rtnetlink(7)
# IANA protocol numbers, by the names of /etc/protocols.
PROTOCOLS = {
    "icmp": 1,
    "tcp": 6,
    "udp": 17,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "ipv6-icmp": 58,
    "ospf": 89,
    "sctp": 132,
    "udplite": 136,
}
# RTPROT_… of linux/rtnetlink.h, by the names of /etc/iproute2/rt_protos
ORIGINS = {
    "kernel": 2,
    "boot": 3,
    "static": 4,
    "ra": 9,
    "dhcp": 16,
    "babel": 42,
    "bgp": 186,
    "isis": 187,
    "ospf": 188,
    "rip": 189,
    "eigrp": 192,
}
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


# One address stands in many places: as a name server, or behind an alias.
_CACHED = 1024
ip_address = lru_cache(_CACHED)(_ip_address)
ip_interface = lru_cache(_CACHED)(_ip_interface)
ip_network = lru_cache(_CACHED)(_ip_network)
_LONGEST_ADDRESS = 49  # eight groups of IPv6, the last two as IPv4, and a prefix length


class ScalarError(Exception):
    """A text that fits the schema and is no value all the same."""

    def __init__(self, code: str, message: str, help: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help


def address(text: str) -> IPAddress:
    """Parse an address without a prefix length."""
    try:
        return ip_address(text)
    except ValueError:
        raise ScalarError("VN107", f"`{text}` is not an IP address", _address_help(text)) from None


def interface_address(text: str) -> IPInterface:
    """Parse an address with its prefix length."""
    try:
        return ip_interface(text)
    except ValueError:
        raise ScalarError(
            "VN107", f"`{text}` is not an IP address with a prefix length", _address_help(text)
        ) from None


def network(text: str) -> IPNetwork:
    """Parse a network; bits of a host in it are an error."""
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        fitting = ip_network(text, strict=False)
    except ValueError:
        raise ScalarError("VN107", f"`{text}` is not a network", _address_help(text)) from None
    host = text.partition("/")[0]
    raise ScalarError(
        "VN307",
        f"`{text}` has host bits set",
        f"the network is `{fitting}`, this one host `{host}/{fitting.max_prefixlen}`",
    )


def _address_help(text: str) -> str:
    if len(text) > _LONGEST_ADDRESS:
        return "no address is as long as that"
    if re.search(r"(^|\.)0[0-9]", text):
        return "write the numbers without leading zeros"
    host, _, length = text.partition("/")
    if any(number.isdigit() and int(number) > 255 for number in host.split(".")[1:]):
        return "the numbers between the dots are 0 to 255"
    if re.fullmatch(r"[0-9.]+", host) and host.count(".") != 3:
        return "an IPv4 address has four numbers"
    if host.count("::") > 1 or ":::" in host:
        return "`::` stands in an address once, for as many zeros as are missing"
    if length.isdigit() and int(length) > (128 if ":" in text else 32):
        return f"a prefix length is at most {128 if ':' in text else 32}"
    return ""


def duration(value: int | str) -> int:
    """Parse a duration to milliseconds."""
    match = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)?", str(value))
    assert match is not None, value
    return int(match[1]) * _UNITS[match[2] or "s"]


_RATES = {"bit": 1, "kbit": 1000, "mbit": 1_000_000, "gbit": 1_000_000_000}
_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20}


def rate(text: str) -> int:
    """Parse a rate to bits per second; the kernel counts whole bytes."""
    match = re.fullmatch(r"([0-9]+)(bit|kbit|mbit|gbit)", text)
    assert match is not None, text
    value = int(match[1]) * _RATES[match[2]]
    if value % 8:
        raise ScalarError("VN105", f"`{text}` is not a whole number of bytes per second")
    return value


def size(value: int | str) -> int:
    """Parse a number of bytes, with `k` or `m` to the base of 1024."""
    match = re.fullmatch(r"([0-9]+)([km]?)", str(value))
    assert match is not None, value
    return int(match[1]) * _SIZES[match[2]]


def percent(text: str) -> int:
    """Parse a percentage to hundredths of a percent."""
    whole, _, part = text.removesuffix("%").partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def handle(text: str) -> int:
    """Parse the handle of a queueing discipline, `MAJOR:` in hexadecimal."""
    return int(text.removesuffix(":"), 16)


def class_id(text: str) -> int:
    """Parse the id of a traffic class, `MAJOR:MINOR` in hexadecimal."""
    major, _, minor = text.partition(":")
    return int(major, 16) << 16 | int(minor, 16)


def parent(text: str) -> int | None:
    """Parse where a queueing discipline hangs: a class, or None for the root."""
    return None if text == "root" else class_id(text)


def microseconds(value: int | str) -> int:
    """Parse a duration to microseconds, which are its smallest unit."""
    match = re.fullmatch(r"([0-9]+)(us|ms|s)?", str(value))
    assert match is not None, value
    return int(match[1]) * {"us": 1, "ms": 1000, "s": 1_000_000}[match[2] or "s"]


def words(value: object) -> tuple[str, ...]:
    """Give the words of a list, or one word alone; what is no word was reported before."""
    items: tuple[object, ...] = tuple(value) if is_list(value) else (value,)
    return tuple(item for item in items if isinstance(item, str))


def wakes(value: object) -> tuple[str, ...]:
    """Give what wakes a host: for `true` a magic packet, for `false` nothing."""
    return ("magic",) if value is True else words(value)


def table(value: int | str) -> int:
    """Give the number of a routing table."""
    return TABLES[value] if isinstance(value, str) else value


def protocol(value: int | str) -> int:
    """Give the number of an IP protocol."""
    return PROTOCOLS[value] if isinstance(value, str) else value


def origin(value: int | str) -> int:
    """Give the number of what a route or rule says it was made by."""
    return ORIGINS[value] if isinstance(value, str) else value


def realms(value: int | str) -> tuple[int, int]:
    """Parse `TO` or `FROM/TO`, numbers of realms."""
    first, _, last = str(value).rpartition("/")
    numbers = int(first or 0), int(last)
    if max(numbers) > 0xFFFF:  # RTA_FLOW has 16 bits for each
        raise ScalarError("VN105", f"`{value}` is not possible", "realms are 0 to 65535")
    return numbers


def group(text: str) -> str:
    """Parse a group of multicast: an IP address, or a MAC address of a group."""
    if re.fullmatch("[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", text):
        mac = text.lower()
        if not int(mac[:2], 16) & 1:
            raise ScalarError("VN105", f"`{mac}` is no group", "an odd first byte makes it one")
        return mac
    found = address(text)
    if not found.is_multicast:
        raise ScalarError(
            "VN105", f"`{found}` is no group", "groups are in `224.0.0.0/4` and `ff00::/8`"
        )
    # br_mdb_add() of the kernel
    if str(found) == "ff02::1" or str(found).startswith("224.0.0."):
        raise ScalarError("VN105", f"`{found}` is a group that every port gets")
    return str(found)


def tunnel_key(value: int | str) -> int:
    """Give the number of a tunnel's key, which may be written as an IPv4 address."""
    return value if isinstance(value, int) else int(address(value))


def endpoint(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT` or `[ADDRESS]:PORT`; a host is a name or an IPv4 address."""
    host, _, port = text.rpartition(":")
    if not 1 <= int(port) <= 65535:
        raise ScalarError("VN105", f"`{port}` is not a port: 1 to 65535")
    if host.startswith("["):
        return str(address(host[1:-1])), int(port)
    if re.fullmatch(r"[0-9.]+", host):
        return str(address(host)), int(port)
    return host, int(port)


def mark(value: int | str) -> tuple[int, int]:
    """Parse a firewall mark to mark and mask."""
    text, _, mask = str(value).partition("/")
    numbers = (
        int(text, 0 if text.startswith("0x") else 10),
        (int(mask, 0 if mask.startswith("0x") else 10) if mask else 0xFFFFFFFF),
    )
    for number in numbers:
        if not 1 <= number <= 0xFFFFFFFF:
            raise ScalarError(
                "VN105", f"`{value}` is not possible", "marks and masks are 1 to 4294967295"
            )
    return numbers


def span(value: int | str, lowest: int, highest: int) -> tuple[int, int]:
    """Parse a number or a range to first and last, both within `lowest` and `highest`."""
    first, _, last = str(value).partition("-")
    numbers = int(first), int(last or first)
    for number in numbers:
        if not lowest <= number <= highest:
            raise ScalarError("VN105", f"`{value}` is not within {lowest} to {highest}")
    if numbers[0] > numbers[1]:
        raise ScalarError(
            "VN317", f"the range `{value}` ends before it begins", f"write `{last}-{first}`"
        )
    return numbers


def merge(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sort ranges and join those that touch or overlap."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def address_range(text: str) -> tuple[IPAddress, IPAddress]:
    """Parse `FIRST - LAST`."""
    first, _, last = (part.strip() for part in text.partition("-"))
    if "." not in last:
        whole = f"{first.rpartition('.')[0]}.{last}"
        raise ScalarError(
            "VN107", f"`{text}` is not a range of two addresses", f"write `{first} - {whole}`"
        )
    low, high = address(first), address(last)
    if int(low) > int(high):
        raise ScalarError(
            "VN317", f"the range `{text}` ends before it begins", f"write `{last} - {first}`"
        )
    return low, high


def guest_port(text: str) -> tuple[IPAddress, int | None]:
    """Parse `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`."""
    match = re.fullmatch(r"\[(.+)\](?::([0-9]+))?|([0-9.]+)(?::([0-9]+))?|(.+)", text)
    assert match is not None, text
    host = match[1] or match[3] or match[5]
    port = match[2] or match[4]
    if port is not None and not 1 <= int(port) <= 65535:
        raise ScalarError("VN105", f"`{port}` is not a port: 1 to 65535")
    return address(host), None if port is None else int(port)


def guest_range(
    subnet: IPv4Network, taken: Iterable[IPAddress]
) -> tuple[IPAddress, IPAddress] | None:
    """Give the longest stretch of a subnet's host addresses without the host's own."""
    low, high = int(subnet.network_address) + 1, int(subnet.broadcast_address) - 1
    best: tuple[int, int] | None = None
    begin = low
    for stop in [*sorted(int(a) for a in taken if a in subnet), high + 1]:
        if stop > begin and (best is None or stop - begin > best[1] - best[0] + 1):
            best = (begin, stop - 1)
        begin = max(begin, stop + 1)
    return None if best is None else (ip_address(best[0]), ip_address(best[1]))
