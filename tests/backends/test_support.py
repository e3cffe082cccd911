"""The support tables against what the writers do: no row promises or refuses too much."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from vnetc.backends import REGISTRY, load
from vnetc.backends import express as passing
from vnetc.backends.express import express
from vnetc.backends.since import SYSCTLS
from vnetc.backends.support import IncompleteTable, Version, rows, too_old, version_text, word_of
from vnetc.backends.systems import SYSTEMS
from vnetc.backends.target import Output
from vnetc.model.diagnostics import Diagnostic
from vnetc.model.host import Host
from vnetc.model.kinds import KINDS
from vnetc.model.record import Record, fields, replace
from vnetc.pipeline import compile_text, load_host
from vnetc.schema import member_schema

from tests.lab.trials import validators
from tests.support import shapes
from tests.support.card_rows import CARDS_LIMITED
from tests.support.drawing import text_of
from tests.support.kind_rows import device_documents
from tests.support.layer3_rows import LAYER3_LIMITED
from tests.support.rows import VALUES
from tests.support.strategies import corpus, without_target

LOSSES = ("VN501", "VN502", "VN503")


def compiled(text: str, target: str, version: Version | str) -> Output:
    """Compile a document whatever the target cannot express of it."""
    return compile_text(
        f"version: 1\n{text}\n",
        target=target,
        version=version if isinstance(version, str) else version_text(version),
        allow=LOSSES,
        allow_hooks=True,
    )


def refusals(row: str, output: Output) -> list[Diagnostic]:
    """List what is said against a row: of its key, or of what the key is a part of."""
    word = row.partition(".")[2]
    said = [d for d in output.diagnostics if d.code in LOSSES]
    own = [d for d in said if d.message.partition("`")[2].partition("`")[0] == word]
    return own or said


def outputs(row: str, target: str, version: Version) -> list[Output]:
    """Compile the row's document with each of its two values."""
    text, *values = VALUES[row]
    found = [compiled(text.replace("@", value), target, version) for value in values]
    assert all(d.code in (*LOSSES, "VN114") for o in found for d in o.diagnostics), found
    return found


@pytest.mark.parametrize("target", REGISTRY)
def test_each_table_has_all_rows_and_no_other(target: str) -> None:
    assert sorted(load(target).support) == sorted(rows())


@pytest.mark.parametrize("target", REGISTRY)
def test_a_missing_row_refuses(target: str) -> None:
    """Nothing is dropped for want of a row: neither by the pass, nor by a target that loads."""
    about = load(target)
    for row in about.common:
        part = {name: support for name, support in about.common.items() if name != row}
        lacking = replace(about, common=part)
        programs = SYSTEMS["debian-13"].programs(about.program, about.newest)
        said = [express(host, lacking, programs)[1] for host in _documents_of(row)]
        word = row.partition(".")[2]
        own = f"{target} cannot express `{word}`: its support table has no row for it"
        messages = {d.message for found in said for d in found}
        # what holds the key may be refused as a whole, whatever is below
        of_whole = about.support[_HOLDERS.get(row.partition(".")[0], row)]
        assert own in messages or not of_whole.how, row


_HOLDERS = {
    "ra-overrides": "interface.ra-overrides",
    "dhcp-overrides": "interface.dhcp4-overrides",
    "nameservers": "interface.nameservers",
    "fdb": "interface.fdb",
}


def _documents_of(row: str) -> list[Host]:
    text, *values = VALUES[row]
    return [load_host(f"version: 1\n{text.replace('@', value)}\n") for value in values]


@pytest.mark.parametrize("target", REGISTRY)
def test_a_table_that_lacks_a_row_does_not_load(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = load(target)
    common, rare = dict(about.common), dict(about.rare())
    del common["route.metric"], rare["rings.receive"]
    lacking = replace(about, common=common)
    monkeypatch.setitem(import_module(REGISTRY[target]).TARGETS, target, lacking)
    with pytest.raises(IncompleteTable, match=r"route\.metric"):
        load.__wrapped__(target)
    with pytest.raises(IncompleteTable, match=r"rings\.receive"):
        _ = replace(about, rare=lambda: rare).support


def test_the_pass_sees_all_that_has_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record below another, which the pass does not go to, would be let through unread."""
    seen: list[Record] = []
    plain = passing._Pass.refuse

    def refuse(self: passing._Pass, node: Record, *rest: Any) -> dict[str, Any]:
        seen.append(node)
        return plain(self, node, *rest)

    monkeypatch.setattr(passing._Pass, "refuse", refuse)
    for row in VALUES:
        for host in _documents_of(row):
            seen.clear()
            express(host, load("networkd"), {"systemd": (257,), "linux": (6, 12)})
            kinds = {id(node) for node in seen}
            below = [node for node in _records(host) if word_of(type(node))]
            assert not [node for node in below if id(node) not in kinds], row


def _records(value: Any) -> Iterator[Record]:
    """Run through a record and all below it that differs from a default."""
    if isinstance(value, Record):
        yield value
        for name, default in fields(type(value)).items():
            if getattr(value, name) is not default:
                yield from _records(getattr(value, name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _records(item)


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_of_a_type_has_a_row(kind: str) -> None:
    """What no table has a row for is read by nobody."""
    keys = member_schema("interface", kind)["properties"].keys() - {"type"}
    assert not {key for key in keys if not {f"interface.{key}", f"{kind}.{key}"} & set(rows())}


def test_each_row_has_a_document() -> None:
    assert sorted(VALUES) == sorted(rows())


@pytest.mark.parametrize("row", rows())
@pytest.mark.parametrize("target", REGISTRY)
def test_row_is_true(target: str, row: str) -> None:
    about, support = load(target), load(target).support[row]
    if not support.how:
        for version in (about.oldest, about.newest):
            if row in _ONE_VALUE and support.silence is not None:
                # what it says the target does without being told
                assert not any(refusals(row, o) for o in outputs(row, target, version))
                continue
            assert any(
                d.code == "VN501" for o in outputs(row, target, version) for d in refusals(row, o)
            )
        return
    own = support.since.get(about.program, ())
    able = max(own, about.default)
    one, other = outputs(row, target, able)
    assert one.files and other.files
    if target == "netlink" and row.endswith(".raw"):
        return  # raw text is for the files of other targets, and a kernel has none
    assert (one.files, _texts(one)) != (other.files, _texts(other)), "a value has no effect"
    found = [d for o in (one, other) for d in refusals(row, o)]
    assert all(d.code == "VN503" for d in found), found
    if own > about.oldest:
        refused = [refusals(row, output) for output in outputs(row, target, about.oldest)]
        assert any(d.code == "VN502" for found in refused for d in found)


def _texts(output: Output) -> list[str]:
    return [d.message for d in output.diagnostics]


# rows with one value alone
_ONE_VALUE = frozenset({"host.foreign", "host.foreign-files"})
# Documents that meet a limit on some target.
LIMITED = (
    *LAYER3_LIMITED,
    *CARDS_LIMITED,
    *(
        f"interfaces: {{eth0: {{mtu: 9000}}, d: {{type: {kind}, link: eth0}}}}"
        for kind in ("macvlan", "macvtap", "ipvlan")
    ),
    "interfaces: {br0: {type: bridge, priority: 0}}",
    # what older kernels do not know
    *(
        f"interfaces: {{eth0: {{accept-ra: false, sysctl: {{{family}: {{{name}: 1}}}}}}}}"
        for name in SYSCTLS
        for family in ("ipv4" if name == "arp_evict_nocarrier" else "ipv6",)
    ),
    (
        "interfaces: {eth0: {}, b: {type: bond, mode: active-backup, members: [eth0], "
        'arp-interval: 100, arp-ip-targets: ["2001:db8::1"]}}'
    ),
    "interfaces: {eth0: {}, b: {type: bond, members: [eth0], transmit-hash-policy: vlan+srcmac}}",
    "interfaces: {eth0: {dhcp4: true, dhcp4-overrides: {use-domains: route}}}",
    "interfaces: {eth0: {dhcp6: true, dhcp6-overrides: {route-metric: 7}}}",
    # names that ifupdown or systemd takes for something else
    *(
        "interfaces: {" + re.sub(r"\bd: {", f"{name}: {{", device) + "}"
        for device in device_documents().values()
        for name in ("a.b", '"7"')
    ),
    "interfaces: {eth0: {activation: manual}, b: {type: bond, members: [eth0]}}",
    "interfaces: {eth0: {}, b: {type: bond, mode: 802.3ad, members: [eth0], mii-monitor-interval: 0}}",
    "interfaces: {eth0: {}, b: {type: bond, mode: balance-tlb, members: [eth0], learn-packet-interval: 1500ms}}",
    (
        "interfaces: {eth0: {}, b: {type: bond, mode: active-backup, members: [eth0], arp-interval: 1s, "
        "arp-ip-targets: [192.0.2.1], arp-validate: filter}}"
    ),
    (
        "interfaces: {br0: {type: bridge, multicast-last-member-interval: 1ms, "
        "multicast-startup-query-interval: 1ms, multicast-query-interval: 1ms, "
        "multicast-query-response-interval: 1ms, multicast-querier-interval: 1ms, "
        "multicast-membership-interval: 1ms}}"
    ),
    "interfaces: {red: {type: vrf, table: 1001}, eth0: {vrf: red, dhcp4: true}}",
    'interfaces: {"0": {}, "0x1f": {type: dummy}, "0b1": {type: bridge}}',
    (
        'interfaces: {e: {}, "7": {type: vlan, id: 7, link: e}, "0o1": {type: veth, peer: "9"}, '
        '"9": {type: veth, peer: "0o1"}}'
    ),
    "interfaces: {eth0: {routing-policy: [{priority: 7, table: 7, ip-protocol: 107}]}}",
    "interfaces: {lo: {type: loopback, sysctl: {ipv6: {proxy_ndp: 1}}}}",
    (
        "interfaces: {lo: {type: loopback, nameservers: {addresses: [192.0.2.53]}, "
        "ntp: [192.0.2.123], emit-lldp: true}}"
    ),
    "interfaces: {a.b: {}}",
    "interfaces: {a.b: {type: dummy}}",
    "interfaces: {a.b: {type: bridge}}",
    "interfaces: {eth0: {}, a.b: {type: vlan, id: 7, link: eth0}}",
    "interfaces: {a.b: {type: veth, peer: c.d}, c.d: {type: veth, peer: a.b}}",
    "interfaces: {d0: {type: dummy, activation: manual, optional: true}}",
    "interfaces: {eth0: {activation: manual}, br0: {type: bridge, ports: [eth0]}}",
    "interfaces: {eth0: {optional: true, link-local: [ipv4]}}",
    "interfaces: {none: {}, br0: {type: bridge, ports: [none]}}",
    "interfaces: {eth0: {mtu: 9000}, br0: {type: bridge, ports: [eth0]}}",
    "interfaces: {eth0: {mtu: 9000}, storage: {type: vlan, id: 7, link: eth0}}",
    (
        "interfaces: {br0: {type: bridge, forward-delay: 1ms, hello-time: 1001ms, "
        "max-age: 6001ms, ageing-time: 1ms}}"
    ),
    "interfaces: {br0: {type: bridge, ageing-time: 1d}}",
    "interfaces: {eth0: {dhcp4: true, dhcp4-overrides: {route-metric: 4294967295}}}",
    (
        "interfaces: {eth0: {addresses: [192.0.2.2/24], routes: [{to: 10.0.0.0/8, on-link: true, "
        "nexthops: [{via: 172.16.0.1}, {via: 172.16.0.2}]}]}}"
    ),
    "interfaces: {eth0: {addresses: [{address: 192.0.2.1/24, label: web}]}}",
    "interfaces: {eth0: {routing-policy: [{priority: 7, table: 7}, {priority: 7, table: 8}]}}",
    "interfaces: {eth0: {dhcp6: true, dhcp6-overrides: {send-hostname: false, hostname: a}}}",
    "interfaces: {eth0: {accept-ra: true, ipv6-address-generation: stable-privacy}}",
    (
        "networks: {vms: {mode: nat, subnet: 10.0.0.0/24, dhcp: {server: networkd, domain: a.example, "
        'reservations: [{macaddress: "02:00:00:00:00:01", address: 10.0.0.9, hostname: a}]}}}'
    ),
    'networks: {vms: {mode: nat, subnet: "fd00:1::/64", dhcp: {server: networkd}}}',
    "interfaces: {wg0: {type: wireguard, private-key: {file: /k}, link-local: [ipv6]}}",
    "interfaces: {vx1: {type: vxlan, id: 1, remote: 192.0.2.1, ageing: 1500ms}}",
    (
        'interfaces: {t: {type: tunnel, mode: ip6gre, local: "2001:db8::1", '
        'remote: "2001:db8::2", tos: 32, encapsulation-limit: 6, copy-dscp: true, '
        "allow-local-remote: true}}"
    ),
    (
        "interfaces: {gre1: {type: tunnel, mode: gre, remote: 192.0.2.1, local: 192.0.2.2, "
        "link-local: [ipv6]}}"
    ),
    "interfaces: {eth0: {mtu: 10000}}",
    (
        "interfaces: {br0: {type: bridge, vlan-filtering: true, vlans: [7]}, "
        "br0.7: {type: vlan, id: 7, link: br0, flags: {bridge-binding: true}}}"
    ),
    (
        "interfaces: {g: {type: tunnel, mode: gre, local: 192.0.2.1, remote: 192.0.2.2, "
        "input-key: 0, output-key: 0}, h: {type: tunnel, mode: gre, local: 192.0.2.1, "
        "remote: 192.0.2.3, key: 0}, v: {type: vxlan, id: 1, remote: 192.0.2.1, ageing: 0}}"
    ),
    "interfaces: {eth0: {qdiscs: [{kind: codel, target: 0, interval: 0}]}}",
    "interfaces: {eth0: {qdiscs: [{kind: fq_codel, target: 0, interval: 0}]}}",
    "interfaces: {eth0: {qdiscs: [{kind: cake, rtt: 50ms}]}}",
    "interfaces: {eth0: {qdiscs: [{kind: mq}]}}",
    *(
        "interfaces: {eth0: {qdiscs: [{kind: htb, handle: '1:', classes: [{id: '1:1', rate: 1mbit}]}, "
        f"{{kind: {kind}, parent: '1:1', handle: '2:', classes: [{{id: '2:1'{rate}}}]}}]}}}}"
        for kind, rate in (("htb", ", rate: 1mbit"), ("drr", ""), ("qfq", ""))
    ),
    (
        "interfaces: {eth0: {qdiscs: [{kind: netem, handle: '1:', delay: 300s, jitter: 300s, "
        "loss: 0.01%, duplicate: 0.01%}, {kind: pfifo, parent: '1:1'}]}}"
    ),
    "interfaces: {eth0: {qdiscs: [{kind: tbf, handle: '1:', rate: 1mbit, burst: 10k, limit: 20k}, {kind: pfifo, parent: '1:1'}]}}",
)


@pytest.mark.parametrize("target", REGISTRY)
def test_each_limit_is_reached(target: str) -> None:
    about = load(target)
    systems = {name: s for name, s in SYSTEMS.items() if target in s.versions}
    # one limit may hide behind an older one
    versions = [
        about.oldest,
        *(
            name
            for name in ("debian-11", "ubuntu-22.04", "debian-12", "debian-13")
            if name in systems
        ),
        about.newest,
    ]
    said = {
        (d.code, d.message.partition("`")[2])
        for text in LIMITED
        for version in versions
        for d in compiled(text, target, version).diagnostics
    }
    programs = [s.programs(about.program, s.versions[target]) for s in systems.values()]
    for row, support in about.support.items():
        for lim in support.limits:
            others = lim.before and about.program not in lim.before
            if others and not any(too_old(found, lim.before) for found in programs):
                continue  # no system that has the target is as old
            code = "VN502" if lim.before else "VN503"
            assert (code, f"{row.partition('.')[2]}`: {lim.reason}") in said, (row, lim.reason)


# --- the words are those of the programs ----------------------------------------------------------

NETWORKD = Path("/lib/systemd/systemd-networkd")


def _every_document() -> list[str]:
    """List documents that use every row, with each of its values."""
    small = [
        f"version: 1\n{text.replace('@', value)}\n"
        for row, (text, *values) in VALUES.items()
        if not row.endswith(".raw")
        for value in values
    ]
    drawn = [{k: v for k, v in without_target(d).items() if k != "raw"} for d in corpus(20)]
    return small + [text_of(document) for document in drawn]


def _files(target: str, version: str) -> list[Any]:
    return [
        file
        for text in _every_document()
        for file in compile_text(text, target=target, version=version, allow=LOSSES).files
    ]


@pytest.mark.parametrize("target", ["networkd", "netplan"])
def test_networkd_knows_its_options(target: str) -> None:
    if not NETWORKD.exists():
        pytest.skip("systemd-networkd is not installed")
    if not shutil.which("systemctl"):
        pytest.skip("systemctl tells the version of systemd, and is not installed")
    done = subprocess.run(["systemctl", "--version"], check=True, capture_output=True, text=True)
    version = done.stdout.split()[1] if target == "networkd" else "0.106"
    program = NETWORKD.read_bytes()
    options = {
        f"{section}.{option}"
        for file in _files(target, version)
        if file.path.startswith("/etc/systemd/network/")
        and ".link" not in file.path  # udev's
        and not file.path.endswith(".link")  # udev's
        for section, pairs in shapes.read_ini(file.content)
        for option, _ in pairs
    }
    assert len(options) > 60 if target == "networkd" else options
    # a linker lets a text share the end of a longer one
    assert not {option for option in options if f"{option}\0".encode() not in program}


# The values of these are mappings with the user's own names for keys.
_NAMED = frozenset(
    {
        "ethernets",
        "bridges",
        "bonds",
        "vlans",
        "vrfs",
        "tunnels",
        "dummy-devices",
        "virtual-ethernets",
        "path-cost",
        "port-priority",
    }
)


def _keys(value: Any, named: bool = False) -> set[str]:
    match value:
        case dict():
            below = [_keys(item, key in _NAMED) for key, item in value.items()]
            return set().union(*below, () if named else value)
        case list():
            # an address with options is a key, too
            return set().union(*(_keys(item, _is_address(item)) for item in value))
        case _:
            return set()


def _is_address(item: Any) -> bool:
    return isinstance(item, dict) and len(item) == 1 and "/" in next(iter(item))


def test_netplan_knows_its_keys() -> None:
    library, _ = validators.netplan_library()
    keys: set[str] = set()
    for file in _files("netplan", "0.106"):
        if file.path.startswith("/etc/netplan/"):
            keys |= _keys(shapes.read_yaml(file.content))
    assert {"ethernets", "accept-ra", "forward-delay", "nameservers"} <= keys
    program = library.read_bytes()
    # a linker lets a text share the end of a longer one
    assert not {key for key in keys if f"{key}\0".encode() not in program}
