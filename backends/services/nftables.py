"""The nftables ruleset of a network: masquerade, published ports, and who may reach whom.

`table; delete table; table {…}` in one `nft -f` replaces the table atomically on every nft (nft(8);
`destroy` needs a newer one). A verdict of `drop` is final whatever other tables say and `accept`
is not, so the rules only ever drop. `iifname` and `oifname` compare strings: the file loads before
the bridge exists. The early returns for traffic within the bridge are needed where br_netfilter
passes bridged packets through these hooks.
"""

from __future__ import annotations

from collections.abc import Sequence

from vnetc.backends.formats import header
from vnetc.backends.target import File
from vnetc.model.host import Firewall, PublishedPort
from vnetc.model.values import IPAddress, IPNetwork

# Multicast of the link and the limited broadcast never leave a network: libvirt's rules say the same.
_STAYS_LOCAL = {4: "{ 224.0.0.0/24, 255.255.255.255 }", 6: "ff00::/8"}
_LOOPBACK = {4: "127.0.0.0/8", 6: "::1"}
_WORD = {4: "ip", 6: "ip6"}


def nft_table(firewall: Firewall) -> str:
    """Name the table (of family `inet`) of a network."""
    return f"vnetc_{firewall.name}"


def nft_path(firewall: Firewall) -> str:
    """Name the ruleset file of a network."""
    return f"/etc/vnetc/{firewall.name}.nft"


def write_nftables(host: str, firewall: Firewall) -> File:
    """Write the ruleset of one network."""
    table = f"table inet {nft_table(firewall)}"
    chains = _WRITERS[firewall.mode](firewall)
    blocks = [
        "\n".join([f"\tchain {name} {{", *(f"\t\t{rule}" for rule in rules), "\t}"])
        for name, rules in chains
    ]
    text = f"{header(host)}{table}\ndelete {table}\n\n{table} {{\n" + "\n\n".join(blocks) + "\n}\n"
    return File(nft_path(firewall), text)


_Chain = tuple[str, list[str]]


def _nat(firewall: Firewall) -> list[_Chain]:
    published = [_dnat(port) for port in firewall.publish]
    families = sorted({port.to.version for port in firewall.publish})
    dnat: list[_Chain] = []
    if published:
        own = {v: _own(firewall, v) for v in families}
        local = "fib daddr type local"
        dnat = [
            ("published", published),
            (
                "prerouting",
                [
                    "type nat hook prerouting priority dstnat; policy accept;",
                    *(
                        f"{local} {_WORD[v]} daddr != {_set(own[v])} jump published"
                        for v in families
                    ),
                ],
            ),
            (
                "output",  # nft 1.0.6 refuses the name `dstnat` here
                [
                    "type nat hook output priority -100; policy accept;",
                    *(
                        f"{local} {_WORD[v]} daddr != {_set([_LOOPBACK[v], *own[v]])} "
                        "jump published"
                        for v in families
                    ),
                ],
            ),
        ]
    masquerade: _Chain = (
        "postrouting",
        [
            "type nat hook postrouting priority srcnat; policy accept;",
            *(rule for version in (4, 6) for rule in _masquerade(firewall, version)),
        ],
    )
    to_guests: _Chain = (
        "to_guests",
        [
            f'iifname "{firewall.bridge}" return',
            "ct state established,related return",
            "ct status dnat return",
            "counter drop",
        ],
    )
    return [
        *dnat,
        masquerade,
        _forward(firewall, "to_guests", "from_guests"),
        to_guests,
        _from_guests(firewall),
    ]


def _routed(firewall: Firewall) -> list[_Chain]:
    return [_forward(firewall, "", "from_guests"), _from_guests(firewall)]


def _isolated(firewall: Firewall) -> list[_Chain]:
    bridge = firewall.bridge
    return [
        (
            "forward",
            [
                "type filter hook forward priority filter; policy accept;",
                f'iifname "{bridge}" oifname != "{bridge}" counter drop',
                f'iifname != "{bridge}" oifname "{bridge}" counter drop',
            ],
        )
    ]


_WRITERS = {"nat": _nat, "routed": _routed, "isolated": _isolated}


def _forward(firewall: Firewall, into: str, out_of: str) -> _Chain:
    rules = ["type filter hook forward priority filter; policy accept;"]
    if into:
        rules.append(f'oifname "{firewall.bridge}" jump {into}')
    rules.append(f'iifname "{firewall.bridge}" jump {out_of}')
    return "forward", rules


def _from_guests(firewall: Firewall) -> _Chain:
    """Drop what a guest sends with an address that is not of its network (RFC 2827)."""
    rules = [f'oifname "{firewall.bridge}" return']
    if firewall.uplink is not None:
        rules.append(f'oifname != "{firewall.uplink}" counter drop')
    for version in (4, 6):
        subnets = _subnets(firewall, version)
        if subnets:
            rules.append(f"{_WORD[version]} saddr {_set(subnets)} return")
    rules.append("ip6 saddr fe80::/10 return")
    return "from_guests", [*rules, "counter drop"]


def _masquerade(firewall: Firewall, version: int) -> list[str]:
    subnets = _subnets(firewall, version)
    if not subnets:
        return []
    word, inside = _WORD[version], _set(subnets)
    out = f"{word} saddr {inside} {word} daddr != {inside}"
    if firewall.uplink is not None:
        out = f'oifname "{firewall.uplink}" {out}'
    return [
        # a guest that asks for a published port of its own network: answers must come back here
        f'oifname "{firewall.bridge}" {word} saddr {inside} ct status dnat masquerade',
        f"{word} saddr {inside} {word} daddr {_STAYS_LOCAL[version]} return",
        # never a privileged port of the host: NFS and others trust those
        f"{out} meta l4proto {{ tcp, udp }} masquerade to :1024-65535",
        f"{out} masquerade",
    ]


def _dnat(port: PublishedPort) -> str:
    version = port.to.version
    first, last = port.ports
    ports = str(first) if first == last else f"{first}-{last}"
    target = f"[{port.to}]" if version == 6 and port.to_port is not None else str(port.to)
    if port.to_port is not None:
        target += f":{port.to_port}"
    return (
        f"meta nfproto ipv{version} {port.protocol} dport {ports} dnat {_WORD[version]} to {target}"
    )


def _subnets(firewall: Firewall, version: int) -> list[str]:
    return [str(subnet) for subnet in firewall.subnet if subnet.version == version]


def _own(firewall: Firewall, version: int) -> list[str]:
    return [str(address) for address in firewall.addresses if address.version == version]


def _set(items: Sequence[str | IPAddress | IPNetwork]) -> str:
    """Spell one item as it is, several as an anonymous set."""
    return str(items[0]) if len(items) == 1 else "{ " + ", ".join(map(str, items)) + " }"
