"""Documents for the rows of the support tables that are about one kind of device.

Most follow from the schema: a document with what the kind needs, and two values of the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vnetc.schema import host_schema, member_schema

_KEY = "rlbInAj0qV69CysWPQY7KEBnKxpYCpaWqOs/dLevdWc="
_OTHER_KEY = "M9nt4YujIOmNrRmpIRTmYSfMdrpvE7u6WkG8FY8WjG4="

# type -> a device of it, and others that it needs; `@` is where the key goes
_DEVICES: dict[str, str] = {
    "bridge": "eth0: {}, d: {type: bridge, ports: [eth0], @}",
    "bond": "eth0: {}, eth1: {}, d: {type: bond, members: [eth0, eth1], @}",
    "vlan": "eth0: {}, d: {type: vlan, id: 7, link: eth0, @}",
    "vxlan": "d: {type: vxlan, id: 7, local: 192.0.2.1, @}",
    "geneve": "d: {type: geneve, id: 7, remote: 192.0.2.1, @}",
    "vrf": "d: {type: vrf, @}",
    "macvlan": "eth0: {}, d: {type: macvlan, link: eth0, @}",
    "macvtap": "eth0: {}, d: {type: macvtap, link: eth0, @}",
    "ipvlan": "eth0: {}, d: {type: ipvlan, link: eth0, @}",
    "tun": "d: {type: tun, @}",
    "tap": "d: {type: tap, @}",
    "wireguard": "d: {type: wireguard, private-key: {file: /etc/d.key}, @}",
    "tunnel": "d: {type: tunnel, mode: gre, local: 192.0.2.1, remote: 192.0.2.2, @}",
    "infiniband": "ib0: {type: infiniband}, d: {type: infiniband, link: ib0, @}",
}
_OVER_IPV6 = 'd: {type: tunnel, mode: ip6ip6, local: "2001:db8::1", remote: "2001:db8::2", @}'
_VXLAN_IPV6 = 'd: {type: vxlan, id: 7, local: "2001:db8::1", @}'
_GENEVE_IPV6 = 'd: {type: geneve, id: 7, remote: "2001:db8::1", @}'
_SIT = "d: {type: tunnel, mode: sit, local: 192.0.2.1, remote: 192.0.2.2, @}"
_LINKS = "eth0: {}, eth1: {}, "
_PEER = f'd: {{type: wireguard, private-key: {{file: /etc/d.key}}, peers: [{{public-key: "{_KEY}", @}}]}}'

# row -> a device where the key has a meaning
_WHERE: dict[str, str] = {
    **{
        f"bond.{key}": f"eth0: {{}}, eth1: {{}}, d: {{type: bond, members: [eth0, eth1], mode: {mode}, @}}"
        for mode, keys in {
            "active-backup": (
                "primary",
                "primary-reselect-policy",
                "fail-over-mac-policy",
                "gratuitous-arp",
                "resend-igmp",
            ),
            "802.3ad": (
                "lacp-rate",
                "lacp-active",
                "min-links",
                "ad-select",
                "ad-actor-system",
                "ad-actor-system-priority",
                "ad-user-port-key",
                "transmit-hash-policy",
            ),
            "balance-tlb": ("learn-packet-interval", "dynamic-transmit-load-balancing"),
        }.items()
        for key in keys
    },
    **{
        f"bond.{key}": (
            "eth0: {}, eth1: {}, d: {type: bond, members: [eth0, eth1], mode: active-backup, "
            "arp-interval: 1s, arp-ip-targets: [192.0.2.1], @}"
        )
        for key in ("arp-validate", "arp-all-targets", "arp-missed-max")
    },
    "bond.arp-interval": (
        "eth0: {}, d: {type: bond, members: [eth0], mode: active-backup, "
        "arp-ip-targets: [192.0.2.1], @}"
    ),
    "bond.arp-ip-targets": (
        "eth0: {}, d: {type: bond, members: [eth0], mode: active-backup, arp-interval: 1s, @}"
    ),
    "bond.members": "eth0: {}, eth1: {}, d: {type: bond, @}",
    "bridge.ports": "eth0: {}, eth1: {}, d: {type: bridge, @}",
    **{
        f"bridge.{key}": "d: {type: bridge, vlan-filtering: true, vlans: [10-20], @}"
        for key in ("vlan-protocol", "default-pvid", "pvid", "untagged", "vlan-stats-per-port")
    },
    "bridge.vlans": "d: {type: bridge, vlan-filtering: true, @}",
    "bridge.vlan-stats": "d: {type: bridge, vlan-filtering: true, @}",
    "vlan.id": "eth0: {}, d: {type: vlan, link: eth0, @}",
    "vlan.link": _LINKS + "d: {type: vlan, id: 7, @}",
    "vxlan.id": "d: {type: vxlan, local: 192.0.2.1, @}",
    "vxlan.local": "d: {type: vxlan, id: 7, @}",
    "vxlan.link": _LINKS + "d: {type: vxlan, id: 7, local: 192.0.2.1, @}",
    "vxlan.group": "eth0: {}, d: {type: vxlan, id: 7, link: eth0, @}",
    "vxlan.flow-label": _VXLAN_IPV6,
    "vxlan.udp6-zero-checksum-transmit": _VXLAN_IPV6,
    "vxlan.udp6-zero-checksum-receive": _VXLAN_IPV6,
    "geneve.id": "d: {type: geneve, remote: 192.0.2.1, @}",
    "geneve.remote": "d: {type: geneve, id: 7, @}",
    "geneve.flow-label": _GENEVE_IPV6,
    "geneve.udp6-zero-checksum-transmit": _GENEVE_IPV6,
    "geneve.udp6-zero-checksum-receive": _GENEVE_IPV6,
    **{
        f"{kind}.link": f"{_LINKS}d: {{type: {kind}, @}}"
        for kind in ("macvlan", "macvtap", "ipvlan")
    },
    **{
        f"{kind}.source-macaddresses": f"eth0: {{}}, d: {{type: {kind}, link: eth0, mode: source, @}}"
        for kind in ("macvlan", "macvtap")
    },
    "wireguard.private-key": "d: {type: wireguard, @}",
    "tunnel.mode": "d: {type: tunnel, local: 192.0.2.1, remote: 192.0.2.2, @}",
    "tunnel.local": "d: {type: tunnel, mode: gre, remote: 192.0.2.2, @}",
    "tunnel.remote": "d: {type: tunnel, mode: gre, local: 192.0.2.1, @}",
    "tunnel.link": _LINKS + "d: {type: tunnel, mode: gre, local: 192.0.2.1, remote: 192.0.2.2, @}",
    **{
        f"tunnel.{key}": _OVER_IPV6
        for key in ("flow-label", "copy-dscp", "encapsulation-limit", "allow-local-remote")
    },
    "tunnel.ignore-do-not-fragment": (
        "d: {type: tunnel, mode: gre, local: 192.0.2.1, remote: 192.0.2.2, "
        "path-mtu-discovery: false, @}"
    ),
    "tunnel.ipv6-rapid-deployment-prefix": _SIT,
    "tunnel.isatap": _SIT,
    "infiniband.link": (
        "eth0: {type: infiniband}, eth1: {type: infiniband}, "
        "d: {type: infiniband, partition-key: 7, @}"
    ),
    "infiniband.mode": "d: {type: infiniband, @}",
    "infiniband.ignore-userspace-multicast-groups": "d: {type: infiniband, @}",
}

# row or definition -> two values, as YAML
_VALUES: dict[str, tuple[str, str]] = {
    "duration": ("1s", "2s"),
    "address": ("192.0.2.8", "192.0.2.9"),
    "mac": ('"02:00:00:00:00:01"', '"02:00:00:00:00:02"'),
    "name": ("eth0", "eth1"),
    "table": ("1001", "1002"),
    "vid": ("10", "11"),
    "vids": ("[10]", "[11-12]"),
    "port-range": ("5000-6000", "5000-7000"),
    "tunnel-key": ("7", "0.0.0.8"),
    "secret-key": ("{file: /etc/a.key}", "{file: /etc/b.key}"),
    "wireguard-key": (f'"{_KEY}"', f'"{_OTHER_KEY}"'),
    "bond.members": ("[eth0]", "[eth1]"),
    "bond.arp-ip-targets": ("[192.0.2.1]", "[192.0.2.1, 192.0.2.9]"),
    "bond.transmit-hash-policy": ("layer2", "layer3+4"),
    "bridge.ports": ("[eth0]", "[eth1]"),
    "bridge.forward-delay": ("2s", "2500ms"),
    "bridge.hello-time": ("1s", "1500ms"),
    "bridge.max-age": ("6s", "6500ms"),
    "bridge.ageing-time": ("5m", "1500ms"),
    "bridge.priority": ("0", "4096"),
    "bridge.group-address": ('"01:80:c2:00:00:04"', '"01:80:c2:00:00:05"'),
    "bridge.multicast-hash-max": ("1024", "2048"),
    "vlan.flags": ("flags: {gvrp: true}", "flags: {gvrp: false}"),
    "vlan.ingress-qos-map": ("[{from: 1, to: 2}]", "[{from: 1, to: 3}]"),
    "vlan.egress-qos-map": ("[{from: 1, to: 2}]", "[{from: 1, to: 3}]"),
    "vxlan.group": ("239.0.0.1", "239.0.0.2"),
    "vxlan.remotes": ("[192.0.2.8]", "[192.0.2.8, 192.0.2.9]"),
    "wireguard.peers": (f'[{{public-key: "{_KEY}"}}]', f'[{{public-key: "{_OTHER_KEY}"}}]'),
    "tunnel.ipv6-rapid-deployment-prefix": ('"2001:db8::/32"', '"2001:d00::/24"'),
    "infiniband.partition-key": ("7", "8"),
    "wireguard-peer.endpoint": ('"vpn.example:51820"', '"[2001:db8::1]:51820"'),
    "wireguard-peer.allowed-ips": ("[10.0.0.0/8]", '[10.0.0.0/8, "2001:db8::/32"]'),
}


def device_documents() -> dict[str, str]:
    """Give a device of each type, called `d`, that has no more than it needs."""
    whole = {
        "vrf": "table: 1001",
        "dummy": "",
        "ifb": "",
        "infiniband": "partition-key: 7",
    }
    return {
        kind: device.replace("@", whole.get(kind, "description: x"))
        for kind, device in {
            **_DEVICES,
            "dummy": "d: {type: dummy}",
            "ifb": "d: {type: ifb}",
        }.items()
    }


def kind_rows() -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Give each row of a kind: a document with `@`, and two texts to put there."""
    for kind, device in _DEVICES.items():
        for key, schema in _own(kind).items():
            row = f"{kind}.{key}"
            yield row, _document(_WHERE.get(row, device), key, row, schema)
    flags = member_schema("interface", "vlan")["properties"]["flags"]["properties"]
    for key, schema in flags.items():
        device = _DEVICES["vlan"].replace("@", "flags: {@}")
        if key == "bridge-binding":
            device = "br: {type: bridge, vlan-filtering: true, vlans: [7]}, d: {type: vlan, id: 7, link: br, flags: {@}}"
        yield f"vlan-flags.{key}", _document(device, key, f"vlan-flags.{key}", schema)
    for key in ("from", "to"):
        other = "to: 2" if key == "from" else "from: 2"
        device = _DEVICES["vlan"].replace("@", f"egress-qos-map: [{{{other}, @}}]")
        yield f"qos-mapping.{key}", (f"interfaces: {{{device}}}", f"{key}: 3", f"{key}: 4")
    for key, schema in host_schema()["definitions"]["wireguard-peer"]["properties"].items():
        row = f"wireguard-peer.{key}"
        device = _PEER.replace(f'public-key: "{_KEY}", ', "") if key == "public-key" else _PEER
        yield row, _document(device, key, row, schema)


def _own(kind: str) -> dict[str, Any]:
    common = member_schema("interface", "dummy")["properties"]
    properties: dict[str, Any] = member_schema("interface", kind)["properties"]
    return {key: schema for key, schema in properties.items() if schema != common.get(key)}


def _document(device: str, key: str, row: str, schema: dict[str, Any]) -> tuple[str, str, str]:
    one, other = _two_values(row, schema)
    if one.startswith(f"{key}:"):
        return f"interfaces: {{{device}}}", one, other
    return f"interfaces: {{{device}}}", f"{key}: {one}", f"{key}: {other}"


def _two_values(row: str, schema: dict[str, Any]) -> tuple[str, str]:
    if row in _VALUES:
        return _VALUES[row]
    match schema:
        case {"allOf": [{"$ref": str(reference)}]} | {"$ref": str(reference)}:
            return _VALUES[reference.rpartition("/")[2]]
        case {"items": {"$ref": str(reference)}}:
            one, other = _VALUES[reference.rpartition("/")[2]]
            return f"[{one}]", f"[{one}, {other}]"
        case {"type": "boolean"}:
            return "true", "false"
        case {"enum": [one, other, *_]}:
            return json.dumps(one), json.dumps(other)
        case {"type": "integer", "minimum": low}:
            return str(low + 1), str(low + 2)
        case {"anyOf": [{"const": one}, {"type": "integer", "minimum": low}]}:
            return str(one), str(low + 1)
        case {"anyOf": [{"const": one}, {"type": "boolean"}]}:
            return str(one), "true"
        case {"type": "string"}:
            return "alice", "bob"
        case _:
            raise AssertionError(f"no values for {row}: {schema}")
