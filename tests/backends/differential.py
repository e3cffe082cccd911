"""What systemd-networkd is told by netplan and by vnetc itself, side by side.

netplan's own generator makes systemd's files of what `compile --target netplan` writes. With the
drop-ins beside them they are read as systemd reads them (systemd.network(5), systemd.netdev(5),
systemd.link(5)) and compared with those of `compile --target networkd`: device by device and option
by option, whatever the files are called and in whatever order they say what has no order. What may
differ stands in differential-reasons.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from vnetc.backends.target import File, Output
from vnetc.pipeline import Analysis, analyse, compile_analysis

from tests.lab.trials import validators
from tests.support import shapes
from tests.support.drawing import Document, text_of

VERSIONS = {"netplan": "0.106", "networkd": "252"}  # of Debian 12
LOSSES = ("VN501", "VN502", "VN503")
REASONS = Path(__file__).with_name("differential-reasons.yaml")
ABSENT = "absent"  # how a reason says that a side does not have the option

Block = dict[str, str]  # option -> its value, of a list all of its items
Sections = dict[str, list[Block]]
Device = dict[str, Sections]  # kind of file -> what it says


# --- reading as systemd does ----------------------------------------------------------------------

KINDS = ("netdev", "network", "link")
# Each directory overrides the ones after it: a file masks those of its name (systemd.network(5)).
DIRECTORIES = tuple(map(PurePosixPath, ("/etc/systemd/network", "/run/systemd/network")))
# The options by which a file says what device it is about, the first that it has.
_NAMES = {
    "netdev": (("NetDev", "Name"),),
    "network": (("Match", "Name"),),
    "link": (("Link", "Name"), ("Match", "OriginalName")),
}

# "Specify several [X] sections", "This section can be specified multiple times": each is a thing of
# its own, as is one of traffic control, which is told from the others by its Parent= and its Handle=
# or ClassId=. All others are one section, however often a file or a drop-in opens it.
_TRAFFIC = frozenset(
    {
        *("BFIFO", "CAKE", "ControlledDelay", "DeficitRoundRobinScheduler"),
        *("DeficitRoundRobinSchedulerClass", "EnhancedTransmissionSelection", "FairQueueing"),
        *("FairQueueingControlledDelay", "FlowQueuePIE", "GenericRandomEarlyDetection"),
        *("HeavyHitterFilter", "HierarchyTokenBucket", "HierarchyTokenBucketClass"),
        *("ClassfulMultiQueueing", "BandMultiQueueing", "NetworkEmulator", "PFIFO", "PFIFOFast"),
        *("PFIFOHeadDrop", "PIE", "QDisc", "QuickFairQueueing", "QuickFairQueueingClass"),
        *("StochasticFairBlue", "StochasticFairnessQueueing", "TokenBucketFilter"),
        "TrivialLinkEqualizer",
    }
)
REPEATED = _TRAFFIC | frozenset(
    {
        *("Address", "BridgeFDB", "BridgeMDB", "BridgeVLAN", "DHCPServerStaticLease"),
        *("IPv6AddressLabel", "IPv6Prefix", "IPv6PREF64Prefix", "IPv6RoutePrefix", "L2TPSession"),
        *("MACsecReceiveAssociation", "MACsecReceiveChannel", "MACsecTransmitAssociation"),
        *("Neighbor", "NextHop", "Route", "RoutingPolicyRule", "SR-IOV", "WireGuardPeer"),
    }
)
# "This option may be specified more than once", "A whitespace-separated list": what is said later
# is added to what was said before, and an empty value takes all of it back. In some the order counts.
_WORDS_IN_ORDER = frozenset(
    {
        *("Network.Address", "Network.DNS", "Network.Domains", "Network.Gateway", "Network.NTP"),
        *("DHCPServer.DNS", "DHCPServer.NTP", "IPv6SendRA.DNS", "IPv6SendRA.Domains"),
        "EnhancedTransmissionSelection.QuantumBytes",
        "EnhancedTransmissionSelection.PriorityMap",
    }
)
_STACKED = ("IPoIB", "IPVLAN", "IPVTAP", "L2TP", "MACsec", "MACVLAN", "MACVTAP", "Tunnel", "VLAN")
_WORDS = frozenset(
    {
        *(f"Network.{option}" for option in (*_STACKED, "VXLAN", "Xfrm")),
        *("Network.BindCarrier", "Network.IPv6ProxyNDPAddress"),
        *("BridgeVLAN.VLAN", "BridgeVLAN.EgressUntagged", "NextHop.Group", "IPv6AcceptRA.Token"),
        *("VLAN.EgressQOSMaps", "VLAN.IngressQOSMaps", "Bond.ARPIPTargets"),
        *("MACVLAN.SourceMACAddress", "WireGuardPeer.AllowedIPs"),
        *("Match.Name", "Match.OriginalName"),
    }
)
_LINES = frozenset({"Route.MultiPathRoute", "DHCPv4.SendOption", "DHCPv6.SendOption"})
_LISTS = _WORDS_IN_ORDER | _WORDS | _LINES

# "A short-hand for an [Address] section only containing an Address key."
_SHORT_HANDS = {"Address": "Address", "Gateway": "Route"}
# [DHCP], which netplan writes, is the old name of [DHCPv4]; these also stand for what another
# section is silent of (systemd 252, src/network/networkd-network-gperf.gperf, AF_UNSPEC).
_OLD_DHCP = {
    "UseDNS": ("DHCPv4", "DHCPv6"),
    "UseNTP": ("DHCPv4", "DHCPv6"),
    "UseDomains": ("DHCPv4", "DHCPv6"),
    "RouteMetric": ("DHCPv4", "IPv6AcceptRA"),
}
# WireGuard's mark under the name that it had first; networkd 252 knows both, the manual page one.
_OLD_NAMES = {"WireGuard.FwMark": "FirewallMark"}
# systemd.network(5), Table=: "one of predefined names"
_TABLES = {"default": "253", "main": "254", "local": "255"}
# systemd.syntax(7) knows more words, but nobody here writes them.
_BOOLEANS = {"true": "yes", "false": "no"}
# systemd.time(7): a number alone is of seconds.
_MILLISECONDS = {"us": 0.001, "ms": 1, "": 1000, "s": 1000, "min": 60_000, "h": 3_600_000}
_SPAN = re.compile(rf"([0-9.]+)({'|'.join(_MILLISECONDS)})")


class Unreadable(AssertionError):
    """Files that do not say one thing, or that systemd would pass over."""


def read(files: Mapping[str, str]) -> dict[str, Device]:
    """Read the files of /etc and /run by their paths: what networkd is told of each device."""
    mains: dict[str, str] = {}
    dropins: dict[str, dict[str, str]] = {}
    for directory in reversed(DIRECTORIES):
        for path, content in files.items():
            place = PurePosixPath(path)
            if place.parent == directory and place.suffix[1:] in KINDS:
                mains[place.name] = content
            elif place.parent.parent == directory and place.suffix == ".conf":
                dropins.setdefault(place.parent.name.removesuffix(".d"), {})[place.name] = content
    if lost := dropins.keys() - mains.keys():
        raise Unreadable(f"drop-ins of files that are not there: {sorted(lost)}")
    devices: dict[str, Device] = {}
    for name in sorted(mains):
        kind = name.rpartition(".")[2]
        parts = [mains[name], *(content for _, content in sorted(dropins.get(name, {}).items()))]
        sections = merge([shapes.read_ini(part) for part in parts])
        device = _device(kind, sections)
        if device is None:
            raise Unreadable(f"{name}: about no device")
        if (kind, device) == ("link", "lo"):
            continue  # udev leaves loopback devices alone (systemd 252, src/udev/net/link-config.c)
        said = devices.setdefault(device, {})
        if kind == "link" and kind in said:
            said[kind] = _after(said[kind], sections, device)
        elif kind in said:
            raise Unreadable(f"{name}: not the first .{kind} file of {device}")
        else:
            said[kind] = sections
        for peer in sections.get("Peer", []):  # one .netdev file makes both
            if "Name" not in peer:
                raise Unreadable(f"{name}: a peer without a name")
            devices.setdefault(peer["Name"], {})["netdev"] = {"NetDev": [{"Kind": "veth"}]}
    return devices


def _device(kind: str, sections: Sections) -> str | None:
    """Name the device that a file is about, by all it must match if by no name."""
    for section, option in _NAMES[kind]:
        if (name := sections.get(section, [{}])[0].get(option)) is not None:
            return name
    matches = sections.get("Match", [{}])[0]
    return " ".join(f"{option}={value}" for option, value in sorted(matches.items())) or None


def _after(first: Sections, later: Sections, device: str) -> Sections:
    """Read a .link file after one of the same card, systemd.link(5): the first that matches counts.

    One that finds the card by the name that it takes from it matches once. The new name is an event of
    its own, and what matches that is applied as well, but for names (systemd 252,
    src/udev/net/link-config.c, SD_DEVICE_MOVE).
    """
    globs = first.get("Match", [{}])[0].get("OriginalName", "*").split()
    if any(fnmatchcase(device, glob) for glob in globs):
        return first
    if later.get("Match") != [{"OriginalName": device}] or later.keys() - {"Match", "Link"}:
        raise Unreadable(f"a second .link file of {device}: when does it match?")
    settings = {k: v for k, v in later.get("Link", [{}])[0].items() if "Name" not in k}
    return first | {"Link": [first["Link"][0] | settings]}


def merge(parts: list[list[shapes.Section]]) -> Sections:
    """Read a file and the drop-ins after it."""
    sections: dict[str, list[dict[str, list[str]]]] = {}
    for part in parts:
        said: set[str] = set()  # by this file
        for section, options in part:
            blocks = sections.setdefault(section, [])
            if not blocks or section in REPEATED:
                blocks.append({})
                said -= {setting for setting in said if setting.startswith(f"{section}.")}
            for option, value in options:
                setting = f"{section}.{option}"
                if not value:
                    blocks[-1].pop(option, None)
                elif setting in _LISTS:
                    blocks[-1].setdefault(option, []).append(value)
                elif setting in said:
                    raise Unreadable(f"[{section}] {option}= twice: a list that is not known here?")
                else:
                    blocks[-1][option] = [value]
                said.add(setting)
    found = {
        section: [
            {option: _value(f"{section}.{option}", values) for option, values in block.items()}
            for block in blocks
        ]
        for section, blocks in sections.items()
    }
    return _in_full(found)


def _value(setting: str, values: list[str]) -> str:
    if setting in _LINES:
        return ", ".join(sorted(values))
    if setting not in _LISTS:
        return _single(setting, values[0])
    words = [word for value in values for word in re.split(r"[\s,]+", value)]
    return " ".join(words if setting in _WORDS_IN_ORDER else sorted(words))


def _single(setting: str, value: str) -> str:
    if setting.endswith(".Name"):
        return value  # even if it is `true`
    span = _SPAN.fullmatch(value) if setting.endswith("Sec") else None
    if span is not None:
        return f"{float(span[1]) * _MILLISECONDS[span[2]]:g}ms"
    return _BOOLEANS.get(value, value)


def _in_full(sections: Sections) -> Sections:
    """Write short-hands and old names out."""
    for block in sections.get("Network", []):
        for option, section in _SHORT_HANDS.items():
            short = [{option: word} for word in block.pop(option, "").split()]
            sections[section] = short + sections.get(section, [])
    for block in sections.pop("DHCP", []):
        for option, value in block.items():
            for section in _OLD_DHCP.get(option, ("DHCPv4",)):
                home = sections.setdefault(section, [{}])[0]
                home.setdefault(option, value)
    # systemd.netdev(5), Key=: "the same key for both directions"
    for block in sections.get("Tunnel", []):
        if "Key" in block:
            key = block.pop("Key")
            block.update(InputKey=key, OutputKey=key)
    for section in ("Route", "RoutingPolicyRule"):
        for block in sections.get(section, []):
            if "Table" in block:
                block["Table"] = _TABLES.get(block["Table"], block["Table"])
    for old, new in _OLD_NAMES.items():
        section, _, option = old.partition(".")
        for block in sections.get(section, []):
            if option in block:
                block.setdefault(new, block.pop(option))
    # what is said twice is there once: netplan 0.106 repeats rules of devices that it reads twice
    return {
        section: [block for n, block in enumerate(blocks) if block not in blocks[:n]]
        for section, blocks in sections.items()
        if any(blocks)
    }


# --- comparing ------------------------------------------------------------------------------------


class Difference(NamedTuple):
    """An option that the two sides do not say alike; None is what a side does not say."""

    device: str
    file: str
    setting: str
    netplan: str | None
    networkd: str | None
    context: tuple[Mapping[str, str], Mapping[str, str]]  # what else each side says

    def __str__(self) -> str:
        return (
            f"{self.device}.{self.file} {self.setting}: "
            f"netplan {self.netplan or ABSENT}, networkd {self.networkd or ABSENT}"
        )


def differences(
    netplan: Mapping[str, Device], networkd: Mapping[str, Device]
) -> Iterator[Difference]:
    """Compare what the two sides say of all devices."""
    below = _below(netplan), _below(networkd)
    for name in sorted(netplan.keys() | networkd.keys()):
        one, other = netplan.get(name, {}), networkd.get(name, {})
        everywhere = _once(one) | below[0].get(name, {}), _once(other) | below[1].get(name, {})
        for file in KINDS:
            left, right = one.get(file, {}), other.get(file, {})
            for section in sorted(left.keys() | right.keys()):
                for a, b in _pairs(section, left.get(section, []), right.get(section, [])):
                    here = (
                        everywhere[0] | _settings(file, section, a),
                        everywhere[1] | _settings(file, section, b),
                    )
                    for option in sorted(a.keys() | b.keys()):
                        if a.get(option) != b.get(option):
                            setting = f"{section}.{option}"
                            yield Difference(
                                name, file, setting, a.get(option), b.get(option), here
                            )


def _below(devices: Mapping[str, Device]) -> dict[str, dict[str, str]]:
    """Tell of each device whether it has ports or members: `ports`."""
    networks = [
        block for d in devices.values() for block in d.get("network", {}).get("Network", [])
    ]
    masters = {b[option] for b in networks for option in ("Bridge", "Bond") if option in b}
    return {name: {"ports": "some"} for name in masters}


def _once(device: Device) -> dict[str, str]:
    """Give the settings of a device that are there once, and how often the other sections are."""
    found: dict[str, str] = {}
    for file, sections in device.items():
        for section, blocks in sections.items():
            if section not in REPEATED:
                found |= _settings(file, section, blocks[0])
            elif blocks:
                found[f"{file} {section}"] = str(len(blocks))
    return found


def _settings(file: str, section: str, block: Block) -> dict[str, str]:
    return {f"{file} {section}.{option}": value for option, value in block.items()}


def _pairs(section: str, one: list[Block], other: list[Block]) -> list[tuple[Block, Block]]:
    """Find for each block of one side the one on the other that stands for it.

    Which ones are put together decides only how differences look: it is one to one.
    """
    if section == "Address":  # of two in a subnet the host speaks from the first
        return [
            pair
            for is_ipv6 in (False, True)
            for pair in _in_turn(_family(one, is_ipv6), _family(other, is_ipv6))
        ]
    if section not in REPEATED:
        return _in_turn(one, other)
    found: list[tuple[Block, Block]] = []
    ranked = sorted(
        ((len(a.items() & b.items()), -len(a.items() ^ b.items()), -i, -j), i, j)
        for i, a in enumerate(one)
        for j, b in enumerate(other)
    )
    left, right = set(range(len(one))), set(range(len(other)))
    for _, i, j in reversed(ranked):
        if i in left and j in right:
            found.append((one[i], other[j]))
            left.remove(i)
            right.remove(j)
    return found + [(one[i], {}) for i in sorted(left)] + [({}, other[j]) for j in sorted(right)]


def _family(addresses: list[Block], is_ipv6: bool) -> list[Block]:
    return [block for block in addresses if (":" in block.get("Address", "")) is is_ipv6]


def _in_turn(one: list[Block], other: list[Block]) -> list[tuple[Block, Block]]:
    return list(zip_longest(one, other, fillvalue={}))


# --- reasons --------------------------------------------------------------------------------------


class Reason(NamedTuple):
    """Why a difference is none; all but `because` are regular expressions."""

    setting: str
    because: str
    netplan: str = ABSENT
    networkd: str = ABSENT
    file: str = "network"
    given: Mapping[str, str] = {}  # what both sides must say besides; `ports: some` of what has any

    def excuses(self, found: Difference) -> bool:
        """Tell whether a difference is the one this is about."""
        if not (re.fullmatch(self.file, found.file) and re.fullmatch(self.setting, found.setting)):
            return False
        match = re.fullmatch(
            f"(?:{self.netplan})\n(?:{self.networkd})",
            f"{found.netplan or ABSENT}\n{found.networkd or ABSENT}",
        )
        return match is not None and all(
            re.fullmatch(_filled(pattern, match), side.get(setting, ABSENT))
            for setting, pattern in self.given.items()
            for side in found.context
        )


def _filled(pattern: str, match: re.Match[str]) -> str:
    r"""Put what the first group of a match is into a pattern, for `\1`."""
    return pattern.replace(r"\1", re.escape(match[1])) if match.groups() else pattern


@cache
def reasons() -> tuple[Reason, ...]:
    """Read the list of reasons."""
    listed: list[dict[str, Any]] = shapes.read_yaml(REASONS.read_text())
    return tuple(Reason(**entry) for entry in listed)


# --- both sides of a document ---------------------------------------------------------------------


class Sides(NamedTuple):
    """What the two targets make of a document."""

    analysis: Analysis
    netplan: Output
    networkd: Output


def without_raw(document: Document) -> Document:
    """Leave out what is said to one target alone."""
    kept = {key: value for key, value in document.items() if key not in ("raw", "target")}
    for section in ("interfaces", "networks"):
        if isinstance(kept.get(section), dict):
            kept[section] = {
                name: {k: v for k, v in item.items() if k != "raw"} if item else item
                for name, item in kept[section].items()
            }
    return kept


def both(document: Document) -> Sides:
    """Compile a document for both targets, less what they cannot express."""
    analysis = analyse(text_of(without_raw(document)))
    outputs = {
        target: compile_analysis(analysis, target=target, version=version, allow=LOSSES)
        for target, version in VERSIONS.items()
    }
    return Sides(analysis, **outputs)


def by_path(files: tuple[File, ...]) -> dict[str, str]:
    """Give the contents of files by their paths."""
    return {file.path: file.content for file in files}


_CREDENTIAL = re.compile(
    r"^(\w+)File=/run/credentials/systemd-networkd.service/(.+)$", re.MULTILINE
)
_HANDED = re.compile(r"^LoadCredential=([^:\n]+):(.+)\nSetCredential=\1:.+\n", re.MULTILINE)


def with_secrets(files: Mapping[str, str]) -> dict[str, str]:
    """Name, in place of a credential, the file it is made of (systemd.exec(5), LoadCredential=)."""
    places = dict(pair for text in files.values() for pair in _HANDED.findall(text))

    def secret(match: re.Match[str]) -> str:
        option, name = match.groups()
        if name not in places:
            raise Unreadable(f"{option}File=: nothing hands {name} to systemd-networkd")
        return f"{option}File=handed:{places[name]}"

    found = {path: _CREDENTIAL.sub(secret, _HANDED.sub("", text)) for path, text in files.items()}
    # less what had nothing else to say
    return {path: text for path, text in found.items() if "=" in text or "=" not in files[path]}


def generate(files: tuple[File, ...]) -> dict[str, str]:
    """Give the files with those that netplan makes of them."""
    with TemporaryDirectory() as name:
        root = Path(name)
        for file in files:
            path = root / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content)
            path.chmod(file.mode)
        done = validators.netplan_generate(root)
        if done.returncode or done.stdout:
            raise Unreadable(f"netplan: exit status {done.returncode}: {done.stdout}")
        made = {
            f"/{path.relative_to(root)}": path.read_text()
            for directory in DIRECTORIES
            for path in (root / str(directory).lstrip("/")).rglob("*")
            if path.is_file()
        }
    return by_path(files) | made


def compare(sides: Sides) -> list[Difference]:
    """List how what networkd is told differs."""
    made = generate(sides.netplan.files)
    written = by_path(sides.networkd.files)
    return list(differences(read(with_secrets(made)), read(with_secrets(written))))
