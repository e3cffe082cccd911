"""What the ifupdowns tell the DHCP client of each system, by options, commands and hooks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from vnetc.pipeline import compile_text

INTERFACES = "/etc/network/interfaces"
Said = dict[str, Any]


def files(target: str, system: str, said: Said) -> dict[str, str]:
    """Compile a host whose eth0 asks for a lease."""
    document = {"version": 1, "interfaces": {"eth0": {"dhcp4": True, **said}}}
    output = compile_text(json.dumps(document), name="h", target=target, version=system)
    assert output.files, output.diagnostics
    return {file.path: file.content for file in output.files}


METRIC: Said = {"dhcp4-overrides": {"route-metric": 50}}
NO_DOMAIN: Said = {"dhcp4-overrides": {"use-domains": False}}
STANZAS: list[tuple[str, str, Said, str]] = [
    # dhcpcd(8) has options for what dhclient(8) needs a hook for; the method has none for these
    (
        "ifupdown",
        "debian-13",
        {"mtu": 1400},
        """\
auto eth0
iface eth0 inet manual
    mtu 1400
    # interfaces.eth0.dhcp4
    # interfaces.eth0.mtu
    up dhcpcd -O interface_mtu eth0
    down dhcpcd -k eth0
""",
    ),
    (
        "ifupdown",
        "debian-13",
        {
            "mtu": 1400,
            "accept-ra": False,
            "dhcp4-overrides": {"route-metric": 50, "use-domains": False},
        },
        """\
auto eth0
iface eth0 inet manual
    mtu 1400
    # interfaces.eth0.accept-ra
    pre-up sysctl -q -e -w net/ipv6/conf/eth0/accept_ra=0 net/ipv6/conf/eth0/autoconf=0
    # interfaces.eth0.dhcp4
    # interfaces.eth0.accept-ra
    # interfaces.eth0.mtu
    # interfaces.eth0.dhcp4-overrides.use-domains
    # interfaces.eth0.dhcp4-overrides.route-metric
    up dhcpcd -4 -O interface_mtu -O domain_name,domain_search -m 50 eth0
    down dhcpcd -4 -k eth0
""",
    ),
    ("ifupdown", "debian-13", METRIC, "auto eth0\niface eth0 inet dhcp\n    metric 50\n"),
]


@pytest.mark.parametrize(("target", "system", "said", "expected"), STANZAS)
def test_stanza(target: str, system: str, said: Said, expected: str) -> None:
    found = files(target, system, said)
    assert [*found] == [INTERFACES]
    assert found[INTERFACES].endswith(f"iface lo inet loopback\n\n{expected}")


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ({}, []),
        (METRIC, ["dhcp-program udhcpc", "metric 50"]),
        ({"mtu": 1400}, ["dhcp-program udhcpc", "mtu 1400"]),
        ({"accept-ra": False}, ["dhcp-program udhcpc"]),
        (
            {
                **METRIC,
                "addresses": ["2001:db8::2/64"],
                "routes": [{"to": "default", "via": "2001:db8::1", "metric": 50}],
            },
            ["dhcp-program udhcpc", "address 2001:db8::2/64", "gateway 2001:db8::1", "metric 50"],
        ),
        (
            {
                **METRIC,
                "addresses": ["2001:db8::2/64"],
                "routes": [{"to": "default", "via": "2001:db8::1", "metric": 70}],
            },
            ["dhcp-program udhcpc", "address 2001:db8::2/64", "metric 50"],
        ),
    ],
)
def test_alpine_has_udhcpc(said: Said, lines: list[str]) -> None:
    """Its script reads the metric that ifupdown-ng hands down, and nobody's MTU."""
    found = files("ifupdown-ng", "alpine-3.22", said)
    assert [*found] == [INTERFACES]
    _, _, stanza = found[INTERFACES].partition("iface eth0 inet dhcp\n")
    assert [
        line[4:] for line in stanza.splitlines() if line[4:8] not in ("# in", "up i", "pre-")
    ] == lines


def test_alpine_says_the_key_that_it_cannot_hold() -> None:
    text = json.dumps({"version": 1, "interfaces": {"eth0": {"dhcp4": True, **NO_DOMAIN}}})
    (found,) = compile_text(text, name="h", target="ifupdown-ng", version="alpine-3.22").diagnostics
    assert found.code == "VN503"
    assert found.path == ("interfaces", "eth0", "dhcp4-overrides", "use-domains")
    assert "udhcpc" in found.message


HOOK = "/etc/dhcp/dhclient-enter-hooks.d/vnetc"
HOOKS: list[tuple[str, str, Said, str]] = [
    (
        "ifupdown",
        "debian-12",
        {**NO_DOMAIN, "mtu": 1400},
        """\
# interfaces.eth0.dhcp4-overrides.use-domains
case $interface in
"eth0")
    # no domain of an answer is searched
    unset new_domain_name new_domain_search
    ;;
esac
# interfaces.eth0.mtu
case $interface in
"eth0")
    # the MTU is that of /etc/network/interfaces
    unset new_interface_mtu
    ;;
esac
""",
    ),
    (
        "ifupdown2",
        "debian-13",
        METRIC,
        """\
# interfaces.eth0.dhcp4-overrides.route-metric
vnetc_metric=
case $interface in
"eth0")
    vnetc_metric=50
    ;;
esac
""",
    ),
]


@pytest.mark.parametrize(("target", "system", "said", "expected"), HOOKS)
def test_hook_has_its_keys_above(target: str, system: str, said: Said, expected: str) -> None:
    found = files(target, system, said)
    assert [*found] == [HOOK, INTERFACES]
    assert expected in found[HOOK]


# device, what Debian's dhclient-script or its hook for RFC 3442 calls, and what is called then
CALLS = [
    (
        "eth0",
        "-4 route add default via 192.0.2.1 dev eth0",
        "-4 route append default via 192.0.2.1 dev eth0 proto dhcp metric 50",
    ),
    (
        "eth0",
        "-4 route add 10.0.0.0/8 via 192.0.2.9 dev eth0",
        "-4 route append 10.0.0.0/8 via 192.0.2.9 dev eth0 proto dhcp metric 50",
    ),
    ("eth0", "-4 addr add 192.0.2.2/24 dev eth0", "-4 addr add 192.0.2.2/24 dev eth0"),
    ("eth1", "-4 route add default dev eth1", "-4 route add default dev eth1"),
]


@pytest.mark.parametrize(("device", "call", "expected"), CALLS)
def test_hook_gives_routes_their_metric(
    device: str, call: str, expected: str, tmp_path: Path
) -> None:
    program = tmp_path / "ip"
    program.write_text('#!/bin/sh\necho "$*"\n')
    program.chmod(0o755)
    hook = files("ifupdown2", "debian-13", METRIC)[HOOK]
    script = (
        f"PATH={tmp_path}:$PATH\ninterface={device}\n{hook}ip {call} ${{IF_METRIC:+metric 7}}\n"
    )
    words = ["sh", "-euc", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={})
    assert done.stdout == f"{expected}\n"
