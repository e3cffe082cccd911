"""dhcpcd(8), which shows what it does in a title and not in the words that it was started with.

Where it is installed the real one is asked: Debian 12 has 9.4, Debian 13 has 10.1.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from vnetc.backends.netlink.objects import services
from vnetc.backends.netlink.objects.calls import end, processes
from vnetc.backends.netlink.objects.services import Process

from tests.apply.box import WORLD, Box, after_step, boxed, ip, myself, output
from tests.apply.host import wait
from tests.apply.program_steps import load_host, needs
from tests.support import namespaces

PADDED = ("",) * 9  # it is as long as what it is written over

# what /proc/PID/cmdline had of dhcpcd 9.4.1 and 10.1.0: words, the families that it asks for of eth0
TITLES: dict[str, tuple[tuple[str, ...], set[str] | None]] = {
    "IPv4 alone": (("dhcpcd: eth0 [ip4]", *PADDED), {"ipv4"}),
    "both": (("dhcpcd: eth0 [ip4] [ip6]",), {"ipv4", "ipv6"}),
    "IPv6 alone": (("dhcpcd: eth0 [ip6]", "", "", ""), {"ipv6"}),
    "before it has a title": (("dhcpcd", "-4", "-b", "-q", "-m", "77", "eth0"), {"ipv4"}),
    "before 8, both": (("dhcpcd", "-q", "eth0"), {"ipv4", "ipv6"}),
    "another device": (("dhcpcd: eth01 [ip4]",), None),
    "all devices": (("dhcpcd: [manager] [ip4] [ip6]",), None),
    "on its way": (("dhcpcd: [launcher]",), None),
    "helper": (("dhcpcd: [privileged proxy] eth0 [ip4]",), None),
    "helper of both": (("dhcpcd: [network proxy] eth0 [ip4] [ip6]",), None),
    "helper that talks": (("dhcpcd: [control proxy] eth0 [ip4]",), None),
    "helper of all": (("dhcpcd: [privileged proxy]",), None),
    "helper for packets": (("dhcpcd: [BPF BOOTP] eth0", "", ""), None),
    "helper for an address": (("dhcpcd: [BPF ARP] eth0 198.18.0.54",), None),
    "helper with an address, 10": (("dhcpcd: [BOOTP proxy] 198.18.0.60",), None),
    "helper with an address, 9": (("dhcpcd: [network proxy] 198.18.0.50",), None),
    "helper for DHCPv6": (("dhcpcd: [DHCP6 proxy] fe80::c408:6cff:fe9a:1a39",), None),
    "without words": ((), None),
    "with an empty one": (("",), None),
}


@pytest.mark.parametrize("name", TITLES)
def test_it_is_known_by_its_title(name: str) -> None:
    words, families = TITLES[name]
    process = Process(7, "dhcpcd", words)
    assert services.client_of(process, "eth0") == (None if families is None else "dhcpcd")
    if families is not None:
        told = services.read_client(process)
        assert {family for family in ("ipv4", "ipv6") if told[family]} == families
        assert told.get("route-metric") == (77 if "77" in words else None)
    assert services.is_manager(process) == (name == "all devices")


def test_the_helper_that_ends_last_is_known() -> None:
    client = Process(7, "dhcpcd", ("dhcpcd: eth0 [ip4]", *PADDED))
    helpers = {
        n for n, (words, _) in TITLES.items() if services.is_helper(Process(8, "", words), client)
    }
    assert helpers == {"helper"}
    assert not services.is_helper(client, Process(9, "dhcpcd", ("dhcpcd", "eth0")))


def test_a_title_is_of_dhcpcd_alone() -> None:
    assert services.title(Process(7, "dhclient", ("dhcpcd: eth0 [ip4]",))) == ()


def test_a_note_is_of_one_process() -> None:
    process = Process(7, "dhcpcd", ("dhcpcd: eth0 [ip4]",))
    text = services.note(process, {"route-metric": 77})
    assert services.read_note(text, process) == {"route-metric": 77}
    assert services.read_note(text, Process(77, "dhcpcd", process.words)) is None
    assert services.read_note("", process) is None


def test_routes_tell_the_metric() -> None:
    listing = (
        "default via 198.18.0.1 src 198.18.0.50 metric 77 \n"
        "198.18.0.0/24 scope link src 198.18.0.50 metric 77 \n"
    )
    assert services.read_routes(listing) == {"route-metric": 77}
    assert services.read_routes("default via 198.18.0.1 \n") == {}
    assert services.read_routes("") == {}


@pytest.mark.parametrize(
    ("more", "ipv6"),
    [
        ("", None),
        ("ipv6-mtu: 1400", None),
        ("accept-ra: true", False),
        ("accept-ra: false", False),
        ("ipv6-privacy: true", False),
        ("link-local: []", False),
        ("ipv6-address-generation: eui64", False),
        ("dhcp6: false", False),
        ("sysctl: {ipv6: {proxy_ndp: 1}}", False),
    ],
)
def test_ipv6_is_the_kernels_where_the_document_speaks_of_it(more: str, ipv6: object) -> None:
    host = load_host(f"interfaces: {{eth0: {{dhcp4: true, {more}}}}}")
    (item,) = services.wanted_dhcp(host, host.interfaces[0])
    assert item.attributes.get("ipv6") is ipv6


# --- the real one ---------------------------------------------------------------------------------

_SERVER = (
    "dnsmasq --interface=eth0 --bind-interfaces --port=0 --user=root --no-ping --dhcp-authoritative "
    "--dhcp-range=192.0.2.100,192.0.2.199,255.255.255.0,300 --dhcp-option=option:router,192.0.2.1 "
    "--dhcp-leasefile=/run/server.leases --pid-file=/run/server.pid"
)
real = pytest.mark.skipif(namespaces.missing() is not None, reason=str(namespaces.missing()))


def document(metric: int | None = None, **more: Any) -> dict[str, Any]:
    overrides = {} if metric is None else {"dhcp4-overrides": {"route-metric": metric}}
    return {"version": 1, "interfaces": {"eth0": {"dhcp4": True, **overrides, **more}}}


SILENT: dict[str, Any] = {"version": 1, "interfaces": {"eth0": {}}}


def serve() -> None:
    ip("address add 192.0.2.1/24 dev eth0", netns=WORLD)
    output(f"ip netns exec {WORLD} {_SERVER}")
    ip("link set eth0 up")


def clients() -> list[Process]:
    return [p for p in processes() if services.client_of(p, "eth0") or services.is_manager(p)]


def lease() -> str:
    """Wait for a lease, and give its default route."""
    wait(lambda: "192.0.2.1" in output("ip -4 route show default dev eth0"), 30)
    return output("ip -4 route show default dev eth0")


def left() -> str:
    """Give what is there of a lease."""
    return output("ip -4 -o address show dev eth0") + output("ip -4 route show dev eth0")


def ipv6() -> dict[str, int]:
    folder = Path("/proc/sys/net/ipv6/conf/eth0")
    names = ("accept_ra", "autoconf", "addr_gen_mode")
    return {name: int((folder / name).read_text()) for name in names}


def put(box: Box, said: dict[str, Any]) -> None:
    done = box.put(said, "--yes")
    assert done.code == 0, done.text
    assert box.steps(said) == []


def start(*words: str) -> None:
    """Start one as something else on the host does."""
    subprocess.run(["dhcpcd", "-b", "-q", *words], check=True, stdin=subprocess.DEVNULL)


@real
@needs("dhcpcd", "dnsmasq")
def test_it_is_started_told_a_metric_and_stopped() -> None:
    def said(metric: int) -> dict[str, Any]:
        return document(metric, **{"accept-ra": True})

    def body(box: Box) -> None:
        serve()
        before = ipv6()
        put(box, document())
        lease()
        assert box.steps(document()) == []
        assert ipv6() == before

        # without waiting for a lease: its metric is known at once
        for metric in (7, 8):
            put(box, said(metric))
            (client,) = clients()
            assert client.words[0] == "dhcpcd: eth0 [ip4]"
        assert "metric 8" in lease()
        assert box.steps(said(8)) == []
        assert ipv6() == {"accept_ra": 2, "autoconf": 1, "addr_gen_mode": before["addr_gen_mode"]}

        # the way back, out of a change and after it
        done = box.put(said(9), "--yes", prepare=after_step(0, myself(signal.SIGKILL)))
        assert done.code == -signal.SIGKILL, done.text
        box.settled()
        assert "metric 8" in lease()
        put(box, said(9))
        assert box.vnetc("rollback").code == 0
        assert "metric 8" in lease()
        assert box.steps(said(8)) == []
        assert len(clients()) == 1

        put(box, SILENT)
        assert clients() == []
        assert left() == ""
        assert [p for p in processes() if p.name == "dhcpcd"] == []
        assert not Path("/run/vnetc/dhcpcd-eth0").exists()

        assert box.vnetc("rollback").code == 0
        assert "metric 8" in lease()

    boxed(body)


@real
@needs("dhcpcd", "dnsmasq")
@pytest.mark.parametrize("words", [(), ("-4",)])
def test_one_of_others_is_as_good(words: tuple[str, ...]) -> None:
    def body(box: Box) -> None:
        serve()
        start(*words, "-m", "7", "eth0")
        lease()
        assert box.steps(document(7)) == []
        assert box.steps(document()) == []
        (first,) = clients()
        # and is told what it is not, of IPv6 what it was told before
        put(box, document(8))
        (second,) = clients()
        assert second.pid != first.pid and second.words[0] == first.words[0]
        assert "metric 8" in lease()
        # what the document says of IPv6 the kernel does
        said = document(8, **{"accept-ra": True, "ipv6-address-generation": "eui64"})
        put(box, said)
        assert ipv6() == {"accept_ra": 2, "autoconf": 1, "addr_gen_mode": 0}
        (third,) = clients()
        assert (third.pid == second.pid) is bool(words)
        lease()
        assert ipv6() == {"accept_ra": 2, "autoconf": 1, "addr_gen_mode": 0}
        end(third)
        assert [step["object"] for step in box.steps(said)] == ["dhcp eth0"]

    boxed(body)


@real
@needs("dhcpcd", "dnsmasq")
def test_one_of_all_devices_is_left_alone() -> None:
    def body(box: Box) -> None:
        serve()
        start("--nodev", "-z", "eth0")  # there is no udev in the box
        (manager,) = clients()
        done = box.put(document(), "--yes")
        assert done.code == 2 and "VN607" in done.text and "runs for all devices" in done.text
        route = lease()
        assert box.steps(document()) == []
        put(box, document())
        done = box.put(document(7), "--yes")
        assert done.code == 2 and "VN607" in done.text and "leave DHCP to it" in done.text
        put(box, SILENT)
        assert clients() == [manager]
        assert output("ip -4 route show default dev eth0") == route

    boxed(body)
