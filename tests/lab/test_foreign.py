"""`foreign: keep`: what a routing daemon has set is there when systemd-networkd starts again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .case import GENERATIONS, Case
from .machines import tier
from .runner.acts import Act
from .runner.job import Job, Result

HOST = """\
# A host on which a daemon sets routes.
version: 1
interfaces:
  eth0:
    accept-ra: false
    addresses: [192.0.2.10/24]
"""
TARGETS = ("netplan", "networkd")
# What a daemon sets; of BGP (rtnetlink.h, RTPROT_BGP).
SET = (
    "ip nexthop add id 5 via 192.0.2.7 dev eth0 proto 186",
    "ip route add 10.8.0.0/16 nhid 5 proto 186",
    "ip route add 10.9.0.0/16 via 192.0.2.9 proto 186",
    "ip rule add priority 99 from 10.9.0.0/16 lookup 99 protocol 186",
)
# It does the same to a link that comes up; that it has done so nobody tells.
RESTART = (
    "kill $(pidof systemd-networkd)",
    "while pidof systemd-networkd; do sleep 0.05; done",
    "SYSTEMD_NETWORK_PERSISTENT_STORAGE_READY=1 /lib/systemd/systemd-networkd 2>&1 & sleep 3",
)
THERE = (
    "ip nexthop show id 5 | grep .",
    "ip route show 10.8.0.0/16 | grep .",
    "ip route show 10.9.0.0/16 | grep .",
    "ip rule show priority 99 | grep .",
)


def job(word: str, target: str, generation: str) -> Job:
    """Give the job of a host with or without a word on what others make."""
    case = Case("foreign-keep" if word else "foreign", HOST + word)
    act = Act("started again", lines=(*SET, *RESTART), checks=THERE)
    found = case.jobs(generation)[target]
    return replace(found, id=f"{case.name}/{target}@{generation}", acts=(act,))


KEPT = [(target, generation) for generation in GENERATIONS for target in TARGETS]


@pytest.fixture(scope="module")
def results(root: None) -> dict[str, Result]:
    """Start systemd-networkd again on hosts that keep what others make, and on one that does not."""
    jobs = [job("foreign: keep\n", *which) for which in KEPT]
    jobs.append(job("", "networkd", "trixie"))
    return dict(tier.quick(jobs, name="foreign").results)


@pytest.mark.lab
@pytest.mark.parametrize(("target", "generation"), KEPT)
def test_routes_and_rules_of_others_live(
    target: str, generation: str, results: dict[str, Result]
) -> None:
    result = results[f"foreign-keep/{target}@{generation}"]
    assert not result.error
    assert [scene.error for scene in result.scenes] == [""]


@pytest.mark.lab
def test_unsaid_they_do_not(results: dict[str, Result]) -> None:
    """Else the test above would show nothing."""
    result = results["foreign/networkd@trixie"]
    assert not result.error
    assert "ip nexthop show id 5" in result.scenes[0].error
