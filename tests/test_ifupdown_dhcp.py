"""What the ifupdowns tell the DHCP client of each system, by options, commands and hooks."""

from __future__ import annotations

import json
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
