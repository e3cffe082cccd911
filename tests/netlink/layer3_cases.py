"""Documents and commands that the tests of addresses, routes and the like bring into a kernel."""

from __future__ import annotations

# Documents of one interface each; the kernel goes from each of a group to each other of it.
CARD = "interfaces: {eth0: {addresses: [192.0.2.2/24, '2001:db8::2/64'], %s}, eth1: {}}"
ADDRESSES4 = (
    *("192.0.2.7/24", "192.0.2.7/25", "192.0.2.7/32"),
    "{address: 192.0.2.7/32, peer: 198.51.100.1/32}",
    "{address: 192.0.2.7/32, peer: 198.51.100.1/24}",
    "{address: 192.0.2.7/32, peer: 198.51.100.2/24}",
    "{address: 192.0.2.7/24, broadcast: false}",
    "{address: 192.0.2.7/24, broadcast: 192.0.2.99}",
    "{address: 192.0.2.7/24, preferred-lifetime: 0}",
    "{address: 192.0.2.7/24, scope: link}",
    "{address: 192.0.2.7/24, route-metric: 50}",
    "{address: 192.0.2.7/24, route-metric: 60, noprefixroute: true}",
    "{address: 192.0.2.7/24, label: 'eth0:a', preferred-lifetime: 0}",
)
ADDRESSES6 = (
    *("'2001:db8::7/64'", "'2001:db8::7/48'"),
    "{address: '2001:db8::7/64', peer: '2001:db8:1::1/64'}",
    "{address: '2001:db8::7/128', peer: '2001:db8:1::2/128'}",
    "{address: '2001:db8::7/64', preferred-lifetime: 0}",
    "{address: '2001:db8::7/64', route-metric: 50}",
    "{address: '2001:db8::7/64', route-metric: 60, noprefixroute: true}",
    "{address: '2001:db8::7/64', home: true, duplicate-address-detection: false}",
    "{address: '2001:db8::7/64', manage-temporary: true}",
    "'fe80::7/64'",
)
ROUTES4 = (
    "{to: 10.0.0.0/8, via: 192.0.2.1}",
    "{to: 10.0.0.0/8, via: 192.0.2.1, mtu: 1300, advmss: 1200, hop-limit: 9, quick-ack: true}",
    "{to: 10.0.0.0/8, via: 192.0.2.3, from: 192.0.2.2, realms: 3/7, protocol: bgp}",
    "{to: 10.0.0.0/8, scope: link, congestion-control: reno, mtu: 4000000}",
    "{to: 10.0.0.0/8, via: 203.0.113.1, on-link: true, protocol: static}",
    "{to: 10.0.0.0/8, via: '2001:db8::1'}",
    "{to: 10.0.0.0/8, via: 'fe80::1', on-link: true}",
    "{to: 10.0.0.0/8, nexthops: [{via: 192.0.2.8}, {via: 192.0.2.9, weight: 3}]}",
    "{to: 10.0.0.0/8, realms: 5, nexthops: [{via: 192.0.2.9}, {via: 192.0.2.8, on-link: true}]}",
    "{to: 10.0.0.0/8, nexthops: [{via: '2001:db8::1'}, {via: 192.0.2.9}]}",
    "{to: 10.0.0.0/8, scope: site}",
    *("{to: 10.0.0.0/8, type: blackhole}", "{to: 10.0.0.0/8, type: throw, metric: 0}"),
    *("{to: 10.0.0.0/8, type: unreachable}", "{to: 10.0.0.0/8, type: prohibit}"),
    "{to: 10.0.0.0/8, type: multicast, table: 9}",
    "{to: 10.0.0.0/8, type: local, table: main}",
    "{to: 10.0.0.0/8, type: broadcast, table: main}",
    "{to: 10.0.0.0/8, type: anycast, table: main}",
    "{to: 10.0.0.0/8, type: local}",
    "{to: default, via: 192.0.2.1, metric: 4294967295}",
    "{to: default, via: 192.0.2.1, table: 4294967295}",
)
ROUTES6 = (
    "{to: '2001:db8:9::/48', via: '2001:db8::1'}",
    "{to: '2001:db8:9::/48', via: '2001:db8::1', preference: low, mtu: 1300, initrwnd: 5}",
    "{to: '2001:db8:9::/48', via: '2001:db8::3', metric: 1024, preference: high, protocol: bgp}",
    "{to: '2001:db8:9::/48', via: '2001:db8::3', metric: 7}",
    "{to: '2001:db8:9::/48'}",
    "{to: '2001:db8:9::/48', via: 'fe80::1', on-link: true}",
    "{to: '2001:db8:9::/48', via: 'fe80::1', source: '2001:db8:5::/48'}",
    "{to: '2001:db8:9::/48', nexthops: [{via: '2001:db8::8'}, {via: '2001:db8::9', weight: 3}]}",
    "{to: '2001:db8:9::/48', nexthops: [{via: '2001:db8::9'}, {via: 'fe80::1', interface: eth1}]}",
    *("{to: '2001:db8:9::/48', type: blackhole}", "{to: '2001:db8:9::/48', type: throw}"),
    *("{to: '2001:db8:9::/48', type: unreachable}", "{to: '2001:db8:9::/48', type: prohibit}"),
    "{to: '2001:db8:9::/48', type: multicast}",
    "{to: '2001:db8:9::/48', type: local, table: main}",
    "{to: '2001:db8:9::/48', type: anycast, table: main}",
    "{to: default, via: '2001:db8::1', table: 9}",
    "{to: '::1.2.3.4/128', via: '2001:db8::1'}",
)
RULES = (
    "{priority: 7, table: 9}",
    "{priority: 7, table: 9, fwmark: 1}",
    "{priority: 7, table: 9, fwmark: 0x10/0xf0, from: 10.0.0.0/8, to: 192.0.2.0/24}",
    "{priority: 7, table: 9, from: '2001:db8::/32', tos: 8, ip-protocol: tcp}",
    "{priority: 7, table: 70000, source-port: 1-9, destination-port: 80, ip-protocol: udp}",
    "{priority: 7, table: main, uid-range: 5-9, iif: eth0, oif: eth1}",
    "{priority: 7, table: main, suppress-prefix-length: 0, suppress-interface-group: 3}",
    "{priority: 7, table: main, from: 0.0.0.0/0, protocol: bgp}",
    *("{priority: 7, goto: 9}", "{priority: 7, goto: 10}", "{priority: 7, l3mdev: true}"),
    *("{priority: 7, action: nop}", "{priority: 7, action: blackhole, invert: true, iif: lo}"),
    *("{priority: 7, action: unreachable}", "{priority: 7, action: prohibit, protocol: static}"),
    "{priority: 7, table: 9, from: 10.0.0.0/8, realms: 3/7}",
    "{priority: 4294967295, table: 9}",
)
GROUPS = {
    "rules": [f"interfaces: {{eth0: {{routing-policy: [{rule}]}}}}" for rule in RULES],
    "ipv4 addresses": [f"interfaces: {{eth0: {{addresses: [{a}]}}}}" for a in ADDRESSES4],
    "ipv6 addresses": [f"interfaces: {{eth0: {{addresses: [{a}]}}}}" for a in ADDRESSES6],
    "ipv4 routes": [CARD % f"routes: [{route}]" for route in ROUTES4],
    "ipv6 routes": [CARD % f"routes: [{route}]" for route in ROUTES6],
}

# routes with the destination and the metric of advertised ones
ADVERTISED = [
    *("{to: default, via: '2001:db8::1', metric: 1024}", "{to: default, via: '2001:db8::1'}"),
    *("{to: default, via: '2001:db8::3'}", "{to: '::/0', type: blackhole, metric: 1024}"),
    *("{to: '::/0', metric: 1024}", "{to: default, via: '2001:db8::3', mtu: 1300}"),
    "{to: default, nexthops: [{via: '2001:db8::8'}, {via: '2001:db8::9'}]}",
    "{to: '2001:db8:5::/64', via: '2001:db8::9', metric: 256}",
]

BRIDGE = (
    "interfaces: {eth0: {%s}, br0: {type: bridge, vlan-filtering: true, %s ports: {eth0: {%s}}}}"
)
VLANS = (
    ("", "", ""),
    ("", "", "vlans: [10-20]"),
    ("", "vlans: [7], pvid: 7, untagged: [7],", "vlans: [10-12], pvid: 10, untagged: [10]"),
    ("", "vlans: [1, 7-9],", "vlans: [1-4094], pvid: 1, untagged: [1, 5]"),
    ("", "untagged: [1],", "pvid: 9"),
    (
        (
            "fdb: [{macaddress: '02:00:00:00:00:01', owner: master, vlan: 10}, "
            "{macaddress: '02:00:00:00:00:02', owner: master, state: static}]"
        ),
        "",
        "vlans: [10-12], mdb: [{group: 239.1.1.1}, {group: 239.1.1.2, vlan: 11}]",
    ),
)

MADE_BY_OTHERS = """
addr add 192.0.2.2/24 brd + dev eth0
addr add 192.0.2.3/24 dev eth0 label eth0:x
addr add 192.0.2.9 peer 198.51.100.1/24 dev eth0 scope link
addr add 203.0.113.1/24 dev eth1 valid_lft 5000 preferred_lft 4000
addr add 2001:db8::2/64 dev eth0 nodad
addr add 2001:db8:7::2/64 dev eth1 nodad home
addr add ff05::5/128 dev eth1 autojoin
addr add 2001:db8:8::2 peer 2001:db8:8::3/128 dev eth1 nodad preferred_lft 0
route add default via 192.0.2.1 proto bird metric 7 mtu lock 1300 rto_min 300ms
route add 10.0.0.0/8 dev eth0 tos 0x10 src 192.0.2.2 window 1000 rtt 30ms rttvar 20ms ssthresh 5 cwnd 9
route add 10.0.0.0/8 dev eth0
route append 10.0.0.0/8 dev eth1
route append 10.0.0.0/8 dev eth0 via 192.0.2.8
route append 10.0.0.0/8 dev eth0 via 192.0.2.9
route add 10.1.0.0/16 scope site via 192.0.2.4
route add 10.2.0.0/16 table 4000 nexthop via 192.0.2.4 realms 5 nexthop dev eth1 weight 9
route add 10.3.0.0/16 via inet6 2001:db8::9
route add 10.4.0.0/16 encap ip id 7 dst 10.4.0.0 dev eth0
route add throw 10.5.0.0/16
nexthop add id 7 via 192.0.2.4 dev eth0
route add 10.6.0.0/16 nhid 7
-6 route add 2001:db8:2::/48 via fe80::1 dev eth0 expires 600
-6 route add 2001:db8:3::/48 nexthop via 2001:db8::8 nexthop via fe80::1 dev eth1 weight 3
-6 route add 2001:db8:4::/48 dev eth0 pref high
-6 route append 2001:db8:4::/48 dev eth1
-6 route add 2001:db8:4::/48 dev eth1 from 2001:db8:5::/48 features ecn
-6 route add blackhole default metric 4000000000
-6 route add local 2001:db8:6::/48 dev lo
rule add from 10.0.0.0/8 tos 4 lookup 7 pref 3
rule add not fwmark 0x3/0x7 iif eth0 goto 100 pref 4
rule add tun_id 88 ipproto 6 dport 5-7 lookup 7 pref 5
-6 rule add dsfield 0x10 prohibit uidrange 0-5 pref 6
neigh add 192.0.2.44 lladdr 02:00:00:00:00:44 dev eth0 nud permanent router
neigh add 2001:db8::44 lladdr 02:00:00:00:00:44 dev eth0 nud permanent protocol zebra
neigh add proxy 192.0.2.45 dev eth0
neigh add proxy 2001:db8::45 dev eth0
"""
DATABASES = """
fdb add 02:00:00:00:00:01 dev port master permanent
fdb add 02:00:00:00:00:02 dev port master static sticky
fdb add 02:00:00:00:00:03 dev port self permanent
fdb add 03:00:00:00:00:03 dev port self permanent
fdb add 02:00:00:00:00:05 dev br0 self permanent
fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.8 self permanent
fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.9 port 99 vni 8 via eth0 self permanent
fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.9 port 98 vni 8 via eth0 self permanent
fdb add 02:00:00:00:00:07 dev vx dst 192.0.2.9 self permanent
fdb add 02:00:00:00:00:08 dev vx dst 192.0.2.9 self static
fdb add 02:00:00:00:00:09 dev vx dst 192.0.2.9 self extern_learn
mdb add dev br0 port port grp 239.1.1.1 permanent
mdb add dev br0 port port grp 239.1.1.1 permanent vid 7
mdb add dev br0 port port grp ff05::77 permanent
mdb add dev br0 port port grp 03:00:5e:7f:00:01 permanent
"""
