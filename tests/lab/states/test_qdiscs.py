"""Reading what tc(8) prints of queueing disciplines, and printing numbers as it does."""

from __future__ import annotations

import pytest

from tests.lab.expected.qdiscs import rate, size, time

from .qdiscs import read_qdiscs

QDISCS = """\
qdisc noqueue 0: dev lo root refcnt 2
 Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0)
qdisc htb 1: dev eth0 root refcnt 3 r2q 20 default 0x2a direct_packets_stat 4 ver 3.17 direct_qlen 1000
qdisc cake 8001: dev eth0 parent 1:1 bandwidth unlimited diffserv3 nonat rtt 50ms raw overhead 0
  thresh           0bit         0bit         0bit
  target          2.5ms        2.5ms        2.5ms
  target_of_none  1
qdisc tbf 5: dev d0 root refcnt 2 rate 8Mbit burst 16Kb/1 mpu 64b peakrate 12Mbit mtu 2Kb/1 mpu 64b lat 70ms linklayer ethernet
qdisc ingress ffff: dev d0 parent ffff:fff1 ----------------
"""
# as iproute2 6.1 and 6.15 print it
CLASSES = """\
eth0 class htb 1:2a root leaf 8004: prio 3 rate 3Mbit burst 20Kb/1 mpu 0b cburst 30Kb/1 mpu 0b level 0
eth0 class htb 1:1 parent 1:2a rate 3Mbit burst 20Kb/1mpu 0b cburst 30Kb/1mpu 0b level 0
d0 class tbf 5:1 parent 5:
"""


def test_what_tc_prints_is_read() -> None:
    assert dict(read_qdiscs(QDISCS, CLASSES)) == {
        ("qdisc", "eth0", "root"): "htb",
        ("qdisc option", "eth0", "root handle"): "1:",
        ("qdisc option", "eth0", "root r2q"): "20",
        ("qdisc option", "eth0", "root default"): "0x2a",
        ("qdisc option", "eth0", "root direct_qlen"): "1000",
        ("qdisc", "eth0", "1:1"): "cake",
        ("qdisc option", "eth0", "1:1 bandwidth"): "unlimited",
        ("qdisc option", "eth0", "1:1 diffserv3"): "",
        ("qdisc option", "eth0", "1:1 nonat"): "",
        ("qdisc option", "eth0", "1:1 rtt"): "50ms",
        ("qdisc option", "eth0", "1:1 raw"): "",
        ("qdisc option", "eth0", "1:1 autorate-ingress"): "off",
        ("qdisc option", "eth0", "1:1 overhead"): "0",
        ("qdisc option", "eth0", "1:1 target of tins"): "2.5ms 2.5ms 2.5ms",
        ("qdisc", "d0", "root"): "tbf",
        ("qdisc option", "d0", "root handle"): "5:",
        ("qdisc option", "d0", "root rate"): "8Mbit",
        ("qdisc option", "d0", "root burst"): "16Kb",
        ("qdisc option", "d0", "root mpu"): "64b 64b",
        ("qdisc option", "d0", "root peakrate"): "12Mbit",
        ("qdisc option", "d0", "root mtu"): "2Kb",
        ("qdisc option", "d0", "root lat"): "70ms",
        ("qdisc option", "d0", "root linklayer"): "ethernet",
        ("qdisc", "d0", "ffff:fff1"): "ingress",
        ("class", "eth0", "1:2a"): "htb of 1:",
        ("class option", "eth0", "1:2a prio"): "3",
        ("class option", "eth0", "1:2a rate"): "3Mbit",
        ("class option", "eth0", "1:2a burst"): "20Kb",
        ("class option", "eth0", "1:2a mpu"): "0b 0b",
        ("class option", "eth0", "1:2a cburst"): "30Kb",
        ("class", "eth0", "1:1"): "htb of 1:2a",
        ("class option", "eth0", "1:1 rate"): "3Mbit",
        ("class option", "eth0", "1:1 burst"): "20Kb",
        ("class option", "eth0", "1:1 mpu"): "0b 0b",
        ("class option", "eth0", "1:1 cburst"): "30Kb",
    }


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        (rate(12_500_000), "12500Kbit"),
        (rate(100_000_000), "100Mbit"),
        (rate(800), "800bit"),
        (rate(1_000_000_000), "1Gbit"),
        (size(5000), "5000b"),
        (size(20480), "20Kb"),
        (size(20479), "20Kb"),
        (size(8 << 20), "8Mb"),
        (time(15000), "15ms"),
        (time(2500), "2.5ms"),
        (time(100), "100us"),
        (time(10_000_000), "10s"),
    ],
)
def test_numbers_are_spelled_as_tc_does(said: str, printed: str) -> None:
    assert said == printed
