"""The words of rtnetlink(7) about devices: linux/rtnetlink.h, linux/if_link.h, linux/if.h."""

from __future__ import annotations

import struct

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
HEADER = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
AF_INET6 = 10

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP, IFLA_EXT_MASK = 18, 20, 26, 27, 29
IFLA_LINK_NETNSID = 37
INFO_KIND, INFO_DATA, INFO_SLAVE_KIND, INFO_SLAVE_DATA = 1, 2, 4, 5  # IFLA_INFO_…
IFLA_INET6_TOKEN, IFLA_INET6_ADDR_GEN_MODE = 7, 8
VETH_INFO_PEER = 1
FILTER_SKIP_STATS = 8  # RTEXT_FILTER_SKIP_STATS
ARPHRD_LOOPBACK, ARPHRD_INFINIBAND = 772, 32

UP = 0x1
# attribute -> its bit of IFF_…, and whether that means the opposite
FLAGS = {
    "arp": (0x80, True),
    "promiscuous": (0x100, False),
    "all-multicast": (0x200, False),
    "multicast": (0x1000, False),
}
IPV6_MINIMUM_MTU = 1280  # the kernel forgets IPv6 on devices with less (addrconf_notify)
