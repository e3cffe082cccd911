"""A small document for each row of the support tables, with `@` where two values are put in turn."""

from __future__ import annotations

from .card_rows import card_rows
from .kind_rows import device_documents, kind_rows
from .layer3_rows import LAYER3_VALUES
from .qdisc_rows import QDISC_VALUES

_ETH = "interfaces: {eth0: {@}, eth1: {}}"
_BRIDGE = "interfaces: {eth0: {}, br0: {type: bridge, ports: [eth0], @}}"
_FILTER = "interfaces: {br0: {type: bridge, vlan-filtering: true, vlans: [10-20], @}}"
_PORT = "interfaces: {eth0: {}, br0: {type: bridge, vlan-filtering: true, ports: {eth0: {@}}}}"
_ADDRESS = "interfaces: {eth0: {addresses: [{address: 192.0.2.2/32, @}]}}"
_ROUTE = (
    "interfaces: {eth0: {addresses: [192.0.2.2/24, 192.0.2.3/24], "
    "routes: [{to: 10.0.0.0/8, via: 192.0.2.1, @}]}}"
)
_RULE = "interfaces: {eth0: {routing-policy: [{priority: 7, table: 9, @}]}}"
_DHCP = "interfaces: {eth0: {dhcp4: true, dhcp4-overrides: {@}}}"
_RA = "interfaces: {eth0: {accept-ra: true, ra-overrides: {@}}}"
_GUESTS = "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, @}}"
_SERVER = "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, dhcp: {@}}}"
_RESERVED = (
    "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, dhcp: {reservations: "
    '[{macaddress: "52:54:00:00:00:10", address: 10.0.0.9, @}]}}}'
)
_PUBLISH = (
    "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, publish: "
    "[{protocol: tcp, port: 80, to: 10.0.0.9, @}]}}"
)

# row -> (document, the key and value that stand for `@`, another value)
VALUES: dict[str, tuple[str, str, str]] = {
    **dict(kind_rows()),
    **dict(card_rows()),
    **LAYER3_VALUES,
    **QDISC_VALUES,
    "type.ethernet": ("interfaces: {@}", "eth0: {}", "eth1: {type: ethernet}"),
    "type.loopback": (
        "interfaces: {@}",
        "lo: {type: loopback, addresses: [192.0.2.1/32]}",
        "lo: {type: loopback, addresses: [192.0.2.2/32]}",
    ),
    "type.veth": (
        "interfaces: {a: {type: veth, peer: b}, @}",
        "b: {type: veth, peer: a}",
        "b: {type: veth, peer: a, mtu: 1400}",
    ),
    **{
        f"type.{kind}": ("interfaces: {@}", device, device.replace("d: {", "d2: {"))
        for kind, device in device_documents().items()
    },
    "interface.vrf": (
        "interfaces: {eth0: {@}, red: {type: vrf, table: 1001}, blue: {type: vrf, table: 1002}}",
        "vrf: red",
        "vrf: blue",
    ),
    "interface.description": (_ETH, "description: uplink", "description: storage"),
    "interface.macaddress": (
        _ETH,
        'macaddress: "02:00:00:00:00:01"',
        'macaddress: "02:00:00:00:00:02"',
    ),
    "interface.mtu": (_ETH, "mtu: 1400", "mtu: 9000"),
    "interface.activation": (_ETH, "activation: manual", 'activation: "off"'),
    "interface.optional": (_ETH, "optional: true", "optional: false"),
    "interface.addresses": (_ETH, "addresses: [192.0.2.1/24]", "addresses: [192.0.2.2/24]"),
    "interface.dhcp4": (_ETH, "dhcp4: true", "dhcp4: false"),
    "interface.dhcp6": (_ETH, "dhcp6: true", "dhcp6: false"),
    "interface.dhcp4-overrides": (_DHCP, "route-metric: 1", "route-metric: 2"),
    "interface.dhcp6-overrides": (
        "interfaces: {eth0: {dhcp6: true, @}}",
        "dhcp6-overrides: {use-dns: false}",
        "dhcp6-overrides: {use-ntp: false}",
    ),
    "interface.accept-ra": (_ETH, "accept-ra: true", "accept-ra: false"),
    "interface.ra-overrides": (
        "interfaces: {eth0: {accept-ra: true, @}}",
        "ra-overrides: {use-dns: false}",
        "ra-overrides: {table: 7}",
    ),
    "interface.link-local": (_ETH, "link-local: []", "link-local: [ipv4]"),
    "interface.ipv6-privacy": (_ETH, "ipv6-privacy: true", "ipv6-privacy: false"),
    "interface.ipv6-address-generation": (
        _ETH,
        "ipv6-address-generation: stable-privacy",
        "ipv6-address-generation: eui64",
    ),
    "interface.ipv6-mtu": (_ETH, "ipv6-mtu: 1300", "ipv6-mtu: 1400"),
    "interface.nameservers": (
        _ETH,
        "nameservers: {addresses: [192.0.2.53]}",
        "nameservers: {addresses: [192.0.2.54]}",
    ),
    "interface.routes": (_ETH, "routes: [{to: 10.0.0.0/8, scope: link}]", "routes: []"),
    "interface.routing-policy": (
        _ETH,
        "routing-policy: [{priority: 1, table: 7}]",
        "routing-policy: []",
    ),
    "interface.neighbors": (
        _ETH,
        'neighbors: [{address: 192.0.2.9, macaddress: "02:00:00:00:00:01"}]',
        "neighbors: []",
    ),
    "interface.sysctl": (_ETH, "sysctl: {ipv4: {rp_filter: 1}}", "sysctl: {ipv4: {rp_filter: 2}}"),
    "interface.raw": (
        (
            "interfaces: {eth0: {raw: {networkd: {Network: {LLMNR: @}}, netplan: {critical: @}, "
            "ifupdown: {options: {x: @}}, ifupdown2: {options: {x: @}}, ifupdown-ng: {options: {x: @}}}}}"
        ),
        "true",
        "false",
    ),
    "veth.peer": (
        "interfaces: {a: {type: veth, @}}",
        "peer: b}, b: {type: veth, peer: a",
        "peer: c}, c: {type: veth, peer: a",
    ),
    "port.path-cost": (_PORT, "path-cost: 1", "path-cost: 2"),
    "port.priority": (_PORT, "priority: 1", "priority: 2"),
    "port.hairpin": (_PORT, "hairpin: true", "hairpin: false"),
    "port.learning": (_PORT, "learning: true", "learning: false"),
    "port.isolated": (_PORT, "isolated: true", "isolated: false"),
    "port.neigh-suppress": (_PORT, "neigh-suppress: true", "neigh-suppress: false"),
    "port.vlans": (_PORT, "vlans: [1]", "vlans: [1-2]"),
    "port.pvid": (_PORT, "vlans: [1, 2], pvid: 1", "vlans: [1, 2], pvid: 2"),
    "port.untagged": (_PORT, "vlans: [1, 2], untagged: [1]", "vlans: [1, 2], untagged: [2]"),
    "address.address": (
        "interfaces: {eth0: {addresses: [{@}]}}",
        "address: 192.0.2.1/24",
        "address: 192.0.2.2/24",
    ),
    "address.label": (_ADDRESS, 'label: "eth0:a"', 'label: "eth0:b"'),
    "address.peer": (_ADDRESS, "peer: 192.0.2.8/32", "peer: 192.0.2.9/32"),
    "address.scope": (_ADDRESS, "scope: link", "scope: host"),
    "address.preferred-lifetime": (_ADDRESS, "preferred-lifetime: 0", "scope: global"),
    "address.noprefixroute": (_ADDRESS, "noprefixroute: true", "noprefixroute: false"),
    "route.to": (
        "interfaces: {eth0: {addresses: [192.0.2.2/24], routes: [{via: 192.0.2.1, @}]}}",
        "to: 10.0.0.0/8",
        "to: default",
    ),
    "route.via": (
        "interfaces: {eth0: {addresses: [192.0.2.2/24], routes: [{to: default, @}]}}",
        "via: 192.0.2.1",
        "via: 192.0.2.9",
    ),
    "route.from": (_ROUTE, "from: 192.0.2.2", "from: 192.0.2.3"),
    "route.on-link": (_ROUTE, "on-link: true", "on-link: false"),
    "route.metric": (_ROUTE, "metric: 1", "metric: 2"),
    "route.table": (_ROUTE, "table: 7", "table: local"),
    "route.type": (
        "interfaces: {eth0: {routes: [{to: 10.0.0.0/8, @}]}}",
        "type: blackhole",
        "type: throw",
    ),
    "route.scope": (
        "interfaces: {eth0: {routes: [{to: 10.0.0.0/8, @}]}}",
        "scope: link",
        "scope: site",
    ),
    "route.mtu": (_ROUTE, "mtu: 1300", "mtu: 1400"),
    "route.advmss": (_ROUTE, "advmss: 1300", "advmss: 1400"),
    "route.congestion-window": (_ROUTE, "congestion-window: 20", "congestion-window: 30"),
    "route.initrwnd": (_ROUTE, "initrwnd: 20", "initrwnd: 30"),
    "route.nexthops": (
        "interfaces: {eth0: {addresses: [192.0.2.2/24], routes: [{to: default, @}]}}",
        "nexthops: [{via: 192.0.2.8}, {via: 192.0.2.9}]",
        "nexthops: [{via: 192.0.2.7}, {via: 192.0.2.9}]",
    ),
    "nexthop.via": (
        (
            "interfaces: {eth0: {addresses: [192.0.2.2/24], routes: [{to: default, nexthops: "
            "[{via: 192.0.2.8}, {@}]}]}}"
        ),
        "via: 192.0.2.7",
        "via: 192.0.2.6",
    ),
    "nexthop.weight": (
        (
            "interfaces: {eth0: {addresses: [192.0.2.2/24], routes: [{to: default, nexthops: "
            "[{via: 192.0.2.8}, {via: 192.0.2.9, @}]}]}}"
        ),
        "weight: 2",
        "weight: 3",
    ),
    "rule.priority": (
        "interfaces: {eth0: {routing-policy: [{table: 9, @}]}}",
        "priority: 7",
        "priority: 8",
    ),
    "rule.from": (_RULE, "from: 10.0.0.0/8", 'from: "2001:db8::/32"'),
    "rule.to": (_RULE, "to: 10.0.0.0/8", 'to: "2001:db8::/32"'),
    "rule.iif": (_RULE, "iif: lo", "iif: eth0"),
    "rule.oif": (_RULE, "oif: lo", "oif: eth0"),
    "rule.fwmark": (_RULE, "fwmark: 1", "fwmark: 1/255"),
    "rule.tos": (_RULE, "tos: 4", "tos: 8"),
    "rule.ip-protocol": (_RULE, "ip-protocol: tcp", "ip-protocol: udp"),
    "rule.source-port": (_RULE, "source-port: 1", "source-port: 1-2"),
    "rule.destination-port": (_RULE, "destination-port: 1", "destination-port: 1-2"),
    "rule.uid-range": (_RULE, "uid-range: 0", "uid-range: 0-99"),
    "rule.invert": (_RULE, "invert: true", "invert: false"),
    "rule.suppress-prefix-length": (
        _RULE,
        "suppress-prefix-length: 0",
        "suppress-prefix-length: 1",
    ),
    "rule.table": (
        "interfaces: {eth0: {routing-policy: [{priority: 7, @}]}}",
        "table: 7",
        "table: main",
    ),
    "rule.action": (
        "interfaces: {eth0: {routing-policy: [{priority: 7, @}]}}",
        "action: prohibit",
        "action: blackhole",
    ),
    "neighbor.address": (
        'interfaces: {eth0: {neighbors: [{macaddress: "02:00:00:00:00:01", @}]}}',
        "address: 192.0.2.8",
        "address: 192.0.2.9",
    ),
    "neighbor.macaddress": (
        "interfaces: {eth0: {neighbors: [{address: 192.0.2.9, @}]}}",
        'macaddress: "02:00:00:00:00:01"',
        'macaddress: "02:00:00:00:00:02"',
    ),
    "dhcp-overrides.route-metric": (_DHCP, "route-metric: 1", "route-metric: 2"),
    **{
        f"dhcp-overrides.{key}": (_DHCP, f"{key}: false", f"{key}: true")
        for key in ("use-routes", "use-dns", "use-ntp", "use-mtu", "use-hostname", "send-hostname")
    },
    "dhcp-overrides.use-domains": (_DHCP, "use-domains: true", "use-domains: route"),
    "dhcp-overrides.hostname": (_DHCP, "hostname: a", "hostname: b"),
    "ra-overrides.use-dns": (_RA, "use-dns: false", "use-dns: true"),
    "ra-overrides.use-domains": (_RA, "use-domains: true", "use-domains: route"),
    "ra-overrides.table": (_RA, "table: 7", "table: 8"),
    "ra-overrides.route-metric": (_RA, "route-metric: 7", "route-metric: 8"),
    "nameservers.addresses": (
        "interfaces: {eth0: {nameservers: {@}}}",
        "addresses: [192.0.2.1, 192.0.2.2]",
        "addresses: [192.0.2.2, 192.0.2.1]",
    ),
    "nameservers.search": (
        "interfaces: {eth0: {nameservers: {addresses: [192.0.2.1], @}}}",
        "search: [a.example, b.example]",
        "search: [b.example, a.example]",
    ),
    "network.mode": ("networks: {vms: {subnet: 10.0.0.0/24, @}}", "mode: nat", "mode: routed"),
    "network.subnet": (
        "networks: {vms: {mode: nat, @}}",
        "subnet: 10.0.0.0/24",
        "subnet: 10.0.1.0/24",
    ),
    "network.uplink": (
        "interfaces: {eth0: {}, eth1: {}}\nnetworks: {vms: {mode: nat, subnet: 10.0.0.0/24, @}}",
        "uplink: eth0",
        "uplink: eth1",
    ),
    "network.publish": (
        _GUESTS,
        "publish: [{protocol: tcp, port: 80, to: 10.0.0.9}]",
        "publish: [{protocol: tcp, port: 81, to: 10.0.0.9}]",
    ),
    "publish.protocol": (
        "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, publish: [{port: 80, to: 10.0.0.9, @}]}}",
        "protocol: tcp",
        "protocol: udp",
    ),
    "publish.ports": (
        (
            "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, publish: "
            "[{protocol: tcp, to: 10.0.0.9, @}]}}"
        ),
        "port: 80",
        "port: 80-81",
    ),
    "publish.to": (
        "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, publish: [{protocol: tcp, port: 80, @}]}}",
        "to: 10.0.0.9",
        "to: 10.0.0.8",
    ),
    "publish.to-port": (
        "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, publish: [{protocol: tcp, port: 80, @}]}}",
        'to: "10.0.0.9:80"',
        'to: "10.0.0.9:81"',
    ),
    "dhcp.server": (_SERVER, "server: networkd", "server: dnsmasq"),
    "dhcp.range": (_SERVER, "range: 10.0.0.10 - 10.0.0.20", "range: 10.0.0.10 - 10.0.0.30"),
    "dhcp.lease-time": (_SERVER, "lease-time: 2m", "lease-time: 3m"),
    "dhcp.router": (
        _SERVER,
        "range: 10.0.0.10 - 10.0.0.20, router: 10.0.0.9",
        "range: 10.0.0.10 - 10.0.0.20, router: false",
    ),
    "dhcp.nameservers": (_SERVER, "nameservers: [9.9.9.9]", "nameservers: [8.8.8.8]"),
    "dhcp.domain": (_SERVER, "domain: a.example", "domain: b.example"),
    "dhcp.reservations": (
        _SERVER,
        'reservations: [{macaddress: "02:00:00:00:00:01", address: 10.0.0.9}]',
        "reservations: []",
    ),
    "reservation.macaddress": (
        (
            "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, dhcp: {reservations: "
            "[{address: 10.0.0.9, @}]}}}"
        ),
        'macaddress: "02:00:00:00:00:01"',
        'macaddress: "02:00:00:00:00:02"',
    ),
    "reservation.address": (
        (
            "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, dhcp: {reservations: "
            '[{macaddress: "02:00:00:00:00:01", @}]}}}'
        ),
        "address: 10.0.0.8",
        "address: 10.0.0.9",
    ),
    "reservation.hostname": (_RESERVED, "hostname: a", "hostname: b"),
    "host.foreign-files": ("interfaces: {eth0: {}}\n@", "foreign-files: read", ""),
    "host.foreign": ("interfaces: {eth0: {}}\n@", "foreign: keep", ""),
    "host.raw": (
        (
            "raw: {networkd: {Network: {SpeedMeter: @}}, netplan: {x: @}, "
            "ifupdown: '# @', ifupdown2: '# @', ifupdown-ng: '@'}"
        ),
        "true",
        "false",
    ),
}
