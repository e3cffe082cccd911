"""The documents of rows for layer 3, ports and flags: a part of rows.py."""

from __future__ import annotations

_ETH = "interfaces: {eth0: {@}, eth1: {}}"
_DHCP = "interfaces: {eth0: {dhcp4: true, dhcp4-overrides: {@}}}"
_RA = "interfaces: {eth0: {accept-ra: true, ra-overrides: {@}}}"
_DNS = "interfaces: {eth0: {nameservers: {@}}}"
_PORT = "interfaces: {eth0: {}, eth1: {}, br0: {type: bridge, ports: {eth0: {@}, eth1: {}}}}"
_ADDRESS = "interfaces: {eth0: {addresses: [{address: 192.0.2.2/24, @}]}}"
_ADDRESS6 = 'interfaces: {eth0: {addresses: [{address: "2001:db8::2/64", @}]}}'
_ROUTE = (
    "interfaces: {eth0: {addresses: [192.0.2.2/24], routes: [{to: 10.0.0.0/8, via: 192.0.2.1, @}]}}"
)
_ROUTE6 = (
    'interfaces: {eth0: {addresses: ["2001:db8::2/64"], '
    'routes: [{to: "2001:db8:1::/48", via: "2001:db8::1", @}]}}'
)
_HOPS = (
    "interfaces: {eth1: {addresses: [198.51.100.2/24]}, eth2: {addresses: [203.0.113.2/24]}, "
    "eth0: {addresses: [192.0.2.2/24], routes: [{to: 10.0.0.0/8, nexthops: "
    "[{via: 192.0.2.1}, {via: 192.0.2.9, @}]}]}}"
)
_RULE = "interfaces: {eth0: {routing-policy: [{priority: 7, table: 9, from: 10.0.0.0/8, @}]}}"
_OTHER_RULE = "interfaces: {eth0: {routing-policy: [{priority: 7, @}]}}"
_VXLAN_FDB = (
    "interfaces: {eth0: {}, eth1: {}, vx: {type: vxlan, id: 5, fdb: ["
    '{macaddress: "02:00:00:00:00:01", @}]}}'
)
_FDB = 'interfaces: {eth1: {}, eth0: {fdb: [{macaddress: "02:00:00:00:00:01", @}]}}'
_MDB = "interfaces: {eth0: {}, br0: {type: bridge, ports: {eth0: {mdb: [{@}]}}}}"


def _both(key: str) -> tuple[str, str]:
    return f"{key}: true", f"{key}: false"


# row -> (document, the key and value that stand for `@`, another value)
LAYER3_VALUES: dict[str, tuple[str, str, str]] = {
    **{
        f"interface.{key}": (_ETH, *_both(key))
        for key in ("arp", "multicast", "all-multicast", "promiscuous")
    },
    "interface.ntp": (_ETH, "ntp: [192.0.2.1]", "ntp: [time.example.net]"),
    "interface.emit-lldp": (_ETH, *_both("emit-lldp")),
    "interface.critical": (_ETH, *_both("critical")),
    "interface.ignore-carrier": (_ETH, *_both("ignore-carrier")),
    "interface.ipv6-address-token": (
        "interfaces: {eth0: {accept-ra: true, @}}",
        'ipv6-address-token: "::7"',
        'ipv6-address-token: "::8"',
    ),
    "dhcp-overrides.use-gateway": (_DHCP, *_both("use-gateway")),
    "dhcp-overrides.table": (_DHCP, "table: 7", "table: 8"),
    "dhcp-overrides.client-identifier": (
        _DHCP,
        "client-identifier: mac",
        "client-identifier: duid-only",
    ),
    "dhcp-overrides.label": (_DHCP, 'label: "eth0:a"', 'label: "eth0:b"'),
    **{
        f"ra-overrides.{key}": (_RA, *_both(key))
        for key in ("use-gateway", "use-autonomous-prefix", "use-on-link-prefix")
    },
    "nameservers.default-route": (_DNS, *_both("default-route")),
    "nameservers.llmnr": (_DNS, "llmnr: resolve", "llmnr: false"),
    "nameservers.multicast-dns": (_DNS, "multicast-dns: resolve", "multicast-dns: true"),
    "nameservers.dns-over-tls": (_DNS, "dns-over-tls: opportunistic", "dns-over-tls: true"),
    "nameservers.dnssec": (_DNS, "dnssec: allow-downgrade", "dnssec: true"),
    "interface.group": (_ETH, "group: 7", "group: 8"),
    "interface.fdb": (_ETH, 'fdb: [{macaddress: "02:00:00:00:00:01"}]', "fdb: []"),
    **{
        f"port.{key}": (_PORT, *_both(key))
        for key in (
            *("unicast-flood", "multicast-flood", "broadcast-flood", "multicast-to-unicast"),
            *("fast-leave", "bpdu-guard", "root-block", "proxy-arp", "proxy-arp-wifi"),
            *("locked", "vlan-tunnel"),
        )
    },
    "port.multicast-router": (_PORT, "multicast-router: disabled", "multicast-router: permanent"),
    "port.group-forward-mask": (_PORT, "group-forward-mask: 8", "group-forward-mask: 16"),
    "port.backup-port": (_PORT, "backup-port: eth1", "path-cost: 7"),
    "port.mdb": (_PORT, "mdb: [{group: 239.1.1.1}]", "mdb: []"),
    "mdb.group": (_MDB, "group: 239.1.1.1", "group: 239.1.1.2"),
    "mdb.vlan": (_MDB, "group: 239.1.1.1, vlan: 7", "group: 239.1.1.1, vlan: 8"),
    "address.broadcast": (_ADDRESS, "broadcast: false", "broadcast: 192.0.2.99"),
    "address.route-metric": (_ADDRESS, "route-metric: 7", "route-metric: 8"),
    "address.duplicate-address-detection": (
        _ADDRESS6,
        "duplicate-address-detection: false",
        "home: false",
    ),
    "address.home": (_ADDRESS6, *_both("home")),
    "address.manage-temporary": (_ADDRESS6, *_both("manage-temporary")),
    "route.source": (_ROUTE6, 'source: "2001:db8:5::/48"', 'source: "2001:db8:6::/48"'),
    "route.preference": (_ROUTE6, "preference: low", "preference: high"),
    "route.protocol": (_ROUTE, "protocol: bgp", "protocol: 190"),
    "route.realms": (_ROUTE, "realms: 3/7", "realms: 8"),
    "route.hop-limit": (_ROUTE, "hop-limit: 7", "hop-limit: 8"),
    "route.congestion-control": (_ROUTE, "congestion-control: reno", "congestion-control: cubic"),
    "route.retransmission-timeout": (
        _ROUTE,
        "retransmission-timeout: 300ms",
        "retransmission-timeout: 2s",
    ),
    "route.quick-ack": (_ROUTE, *_both("quick-ack")),
    "route.fast-open-no-cookie": (_ROUTE, *_both("fast-open-no-cookie")),
    "nexthop.interface": (
        "interfaces: {eth1: {dhcp4: true}, eth2: {dhcp4: true, dhcp4-overrides: {route-metric: 9}}, "
        + _HOPS[_HOPS.index("eth0:") :],
        "interface: eth1",
        "interface: eth2",
    ),
    "nexthop.on-link": (_HOPS, *_both("on-link")),
    "rule.suppress-interface-group": (
        _RULE,
        "suppress-interface-group: 7",
        "suppress-interface-group: 8",
    ),
    "rule.realms": (_RULE, "realms: 3/7", "realms: 8"),
    "rule.protocol": (_RULE, "protocol: bgp", "protocol: 190"),
    "rule.goto": (_OTHER_RULE, "goto: 9", "goto: 10"),
    "rule.l3mdev": (_OTHER_RULE, "l3mdev: true", "table: 9"),
    "neighbor.proxy": (
        'interfaces: {eth0: {neighbors: [{address: "2001:db8::9", @}]}}',
        "proxy: true",
        'macaddress: "02:00:00:00:00:01"',
    ),
    "fdb.macaddress": (
        "interfaces: {eth0: {fdb: [{@}]}}",
        'macaddress: "02:00:00:00:00:01"',
        'macaddress: "02:00:00:00:00:02"',
    ),
    "fdb.owner": (
        _FDB.replace("eth1: {}", "br0: {type: bridge, ports: [eth0]}"),
        "owner: self",
        "owner: master",
    ),
    "fdb.state": (
        _FDB.replace("eth1: {}", "br0: {type: bridge, ports: [eth0]}"),
        "owner: master, state: static",
        "owner: master, state: permanent",
    ),
    "fdb.vlan": (_FDB, "vlan: 7", "vlan: 8"),
    "fdb.destination": (_VXLAN_FDB, "destination: 192.0.2.8", "destination: 192.0.2.9"),
    "fdb.port": (_VXLAN_FDB.replace("@", "destination: 192.0.2.8, @"), "port: 7", "port: 8"),
    "fdb.vni": (_VXLAN_FDB.replace("@", "destination: 192.0.2.8, @"), "vni: 7", "vni: 8"),
    "fdb.link": (_VXLAN_FDB.replace("@", "destination: 192.0.2.8, @"), "link: eth0", "link: eth1"),
}

# Documents that meet a limit on some target.
LAYER3_LIMITED = (
    'interfaces: {eth0: {fdb: [{macaddress: "33:33:00:00:00:01"}]}}',
    'interfaces: {d: {type: dummy, fdb: [{macaddress: "02:00:00:00:00:01", state: static}]}}',
    'interfaces: {d: {type: dummy, fdb: [{macaddress: "02:00:00:00:00:01", vlan: 7}]}}',
    "interfaces: {eth0: {routes: [{to: 10.0.0.0/8, on-link: true, protocol: kernel}]}}",
    "interfaces: {eth0: {neighbors: [{address: 192.0.2.9, proxy: true}]}}",
    (
        "interfaces: {eth0: {sysctl: {ipv6: {proxy_ndp: 0}}, "
        'neighbors: [{address: "2001:db8::9", proxy: true}]}}'
    ),
    (
        "interfaces: {br0: {type: bridge, ports: [eth0]}, "
        'eth0: {fdb: [{macaddress: "02:00:00:00:00:01", owner: master, state: static}]}}'
    ),
    "interfaces: {eth0: {addresses: [{address: 192.0.2.2/24, duplicate-address-detection: true}]}}",
    "interfaces: {eth0: {routing-policy: [{priority: 7, action: nop}]}}",
    "interfaces: {eth0: {routing-policy: [{priority: 7, action: prohibit}]}}",
    (
        "interfaces: {"
        "eth0: {addresses: [192.0.2.2/24], routes: [{to: 10.0.0.0/8, nexthops: "
        "[{via: 192.0.2.1}, {via: 198.51.100.1, interface: eth1}]}]}, "
        "eth1: {addresses: [198.51.100.2/24], routes: [{to: 10.1.0.0/16, nexthops: "
        "[{via: 198.51.100.1}, {via: 192.0.2.1, interface: eth0}]}]}}"
    ),
    "interfaces: {eth0: {accept-ra: true, sysctl: {ipv6: {accept_ra_mtu: 0}}}}",
    "interfaces: {eth0: {sysctl: {ipv4: {promote_secondaries: 0}}}}",
)
