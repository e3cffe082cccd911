"""What vnetc has to say about a document: diagnostics, their places and the registry of codes.

A pass never prints or logs: it returns diagnostics that name a *path* in the document
(`("interfaces", "br0", "stp")`). The path becomes a `Span` of lines and columns only when the
diagnostic leaves the compiler (`source.Document.resolve`).
"""

from __future__ import annotations

import re

from vnetc.model.record import Node, Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
Severity: TypeAlias = 'Literal["error", "warning", "note"]'
# an option of the command line has no place in the document
Part: TypeAlias = 'Literal["key", "value", "option"]'


class Span(Record, kw_only=False):
    """A stretch of the source: lines and columns from 1, in characters; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Label(Node):
    """A further place that a diagnostic points at: the other party of a conflict."""

    text: str
    path: Path = ()
    part: Part = "value"
    span: Span | None = None


class Diagnostic(Node):
    """One finding.

    `message` is short, lower case, without a full stop, identifiers in backticks; `label` stands
    under the carets; `help` is the way out, as a statement. `severity` is the code's own unless a
    caller changed it (`--allow`).
    """

    code: str
    message: str
    path: Path = ()
    part: Part = "value"
    span: Span | None = None
    label: str = ""
    labels: tuple[Label, ...] = ()
    help: str = ""
    severity: Severity = "error"


# code: (severity, one line). Bands: 0xx YAML, 1xx schema, 2xx references, 3xx addressing, 4xx links,
# 5xx target cannot express, 6xx apply, 7xx import, 8xx fleet, 9xx internal. A code is never reused.
# Each has a page explain/<code>.md, a good and a bad document; the tests hold the sets equal.
CODES: dict[str, tuple[Severity, str]] = {
    "VN001": ("error", "the document is not UTF-8"),
    "VN002": ("error", "a character that YAML does not allow"),
    "VN003": ("error", "the document is not YAML"),
    "VN004": ("error", "a key appears twice in a mapping"),
    "VN005": ("error", "an alias contains itself"),
    "VN006": ("error", "the aliases stand for too much"),
    "VN007": ("error", "the document is too large"),
    "VN008": ("error", "the document is nested too deeply"),
    "VN009": ("error", "more than one document in a file"),
    "VN010": ("error", "the document is empty"),
    "VN011": ("error", "YAML tags are not used"),
    "VN012": ("error", "a key is not a plain string"),
    "VN013": ("error", "an undefined alias or a wrong merge"),
    "VN101": ("error", "unknown key"),
    "VN102": ("error", "a value of the wrong type"),
    "VN103": ("error", "a required key is missing"),
    "VN104": ("error", "not one of the possible values"),
    "VN105": ("error", "a number out of its range"),
    "VN106": ("error", "a text that does not have the form it needs"),
    "VN107": ("error", "not an IP address"),
    "VN108": ("error", "an address without its prefix length"),
    "VN109": ("error", "a duration without its unit"),
    "VN110": ("error", "the key belongs to another type or mode"),
    "VN111": ("error", "part of the language, but not of this version of vnetc"),
    "VN112": ("error", "keys that exclude or need each other"),
    "VN113": ("warning", "a suppression that suppresses nothing"),
    "VN114": ("note", "raw text for one target: checked for shape, not for meaning"),
    "VN115": ("error", "raw text that cannot be placed"),
    "VN116": ("warning", "a secret in the document"),
    "VN201": ("error", "an interface that is not declared"),
    "VN202": ("error", "a device with two masters"),
    "VN203": ("error", "interfaces that contain each other"),
    "VN204": ("error", "a kind of interface that cannot be a port"),
    "VN205": ("error", "a veth whose peer does not answer"),
    "VN206": ("error", "two declarations of one device"),
    "VN207": ("error", "a port with an address of its own"),
    "VN208": ("error", "the loopback device and its name"),
    "VN209": ("error", "a bond's primary that is not its member"),
    "VN210": ("error", "a VRF that cannot hold the interface"),
    "VN211": ("error", "a link that cannot carry the device"),
    "VN212": ("error", "two devices that cannot be on one link"),
    "VN213": ("error", "a name that no device has"),
    "VN214": ("error", "a backup port that is no other port of the bridge"),
    "VN301": ("error", "a gateway outside every connected subnet"),
    "VN302": ("error", "a gateway that is the host itself"),
    "VN303": ("error", "an address that no host can have"),
    "VN304": ("error", "the same address twice"),
    "VN305": ("error", "overlapping subnets on two interfaces"),
    "VN306": ("error", "two routes for one destination"),
    "VN307": ("error", "host bits in a network"),
    "VN308": ("error", "a DHCP range outside the subnet"),
    "VN309": ("error", "a DHCP range over the host's own address"),
    "VN310": ("error", "a reservation outside the subnet"),
    "VN311": ("error", "two reservations for one client, address or name"),
    "VN312": ("error", "a port published twice"),
    "VN313": ("error", "a port published to an address outside the subnet"),
    "VN314": ("error", "a guest subnet that another route covers"),
    "VN315": ("error", "IPv4 and IPv6 mixed"),
    "VN316": ("error", "a host address outside the network's subnet"),
    "VN317": ("error", "a range that ends before it begins"),
    "VN318": ("error", "a guest subnet without room for guests"),
    "VN319": ("error", "two identical routing rules"),
    "VN320": ("warning", "two uplinks by DHCP with one metric"),
    "VN401": ("error", "a VLAN id twice on a parent"),
    "VN402": ("error", "a VLAN with a larger MTU than its parent"),
    "VN403": ("error", "a MAC address that no interface can have"),
    "VN404": ("error", "an MTU that the kernel refuses"),
    "VN405": ("error", "IPv6 with an MTU under 1280"),
    "VN406": ("error", "VLANs on a bridge that does not filter them"),
    "VN407": ("error", "bridge timers that STP does not allow"),
    "VN408": ("warning", "DHCP on a bridge or bond whose MAC address is not pinned"),
    "VN409": ("error", "an untagged or port VLAN that the port does not carry"),
    "VN410": ("error", "an interface that stays down, with addresses"),
    "VN411": ("error", "an option of another bond mode"),
    "VN412": ("error", "bond monitoring that does not fit"),
    "VN413": ("warning", "a bond without members"),
    "VN414": ("error", "a priority that a VLAN maps twice"),
    "VN415": ("error", "two tunnels that the kernel cannot tell apart"),
    "VN416": ("error", "a tunnel option of another mode or IP version"),
    "VN417": ("error", "an address that cannot be an end of the tunnel"),
    "VN418": ("error", "a VRF's table that is not its own"),
    "VN419": ("error", "a key that needs Ethernet"),
    "VN420": ("error", "two WireGuard peers that claim the same"),
    "VN421": ("error", "two devices that listen at one UDP port"),
    "VN422": ("error", "an MTU or MAC address of a bond's member that is not the bond's"),
    "VN423": ("error", "a forwarding entry that the device cannot have"),
    "VN424": ("warning", "a tunnel whose packets another one takes"),
    "VN425": ("warning", "a VLAN of a bridge that does not reach the bridge device"),
    "VN426": ("warning", "a host that routes IPv6 and listens to no router"),
    "VN427": ("warning", "a bridge with a larger MTU than its port"),
    "VN430": ("error", "two queueing disciplines in one place"),
    "VN431": ("error", "a queueing discipline's handle or class twice"),
    "VN432": ("error", "a traffic class or its discipline that is not there"),
    "VN433": ("error", "a traffic class that is not named after its discipline"),
    "VN434": ("error", "a place where no queueing discipline can hang"),
    "VN435": ("error", "an option that a queueing discipline cannot have"),
    "VN436": ("error", "an interface that stays down, with queueing disciplines"),
    "VN437": ("error", "queueing disciplines that hang in themselves"),
    "VN501": ("error", "the target cannot express this key"),
    "VN502": ("error", "the target can express this key since a later version"),
    "VN503": ("error", "the target cannot express this value or combination"),
    "VN504": ("error", "commands that run as root, without --allow-hooks"),
    "VN505": ("error", "no such target or version"),
    "VN506": ("error", "raw text that contradicts a key"),
    "VN507": ("error", "the operating system lacks what the output needs"),
    "VN508": ("warning", "a version newer than those that vnetc knows"),
    "VN601": ("error", "no privilege to change the network"),
    "VN602": ("error", "no such network namespace"),
    "VN603": ("error", "the kernel lacks what the document needs"),
    "VN604": ("error", "another apply is at work, or waits to be confirmed"),
    "VN605": ("error", "the change may cut off the SSH session"),
    "VN606": ("error", "a device of others that would have to be made anew"),
    "VN607": ("error", "a program that the document needs is missing"),
    "VN608": ("error", "a step of the change failed, or apply was interrupted"),
    "VN609": ("error", "the kernel is not as wanted after the change"),
    "VN610": ("error", "a probe did not answer after the change"),
    "VN611": ("error", "the change could not be undone completely"),
    "VN612": ("error", "an unfinished apply, or a damaged record"),
    "VN613": ("error", "what is needed to undo the change cannot be written"),
    "VN614": ("error", "a network card that is not there"),
    "VN615": ("error", "nothing to confirm or to roll back to"),
    "VN616": ("error", "the kernel's state cannot be read"),
    "VN617": ("error", "something that the document refers to is not on this host"),
    "VN618": ("error", "the change would take away what others put on the host"),
    "VN619": ("error", "something of others did not survive the change"),
    "VN901": ("error", "a fault of vnetc itself"),
    "VN902": ("error", "more findings than a report shows"),
}


def diagnostic(
    code: str,
    message: str,
    path: Path,
    part: Part = "value",
    *,
    label: str = "",
    labels: tuple[Label, ...] = (),
    help: str = "",
) -> Diagnostic:
    """Make a diagnostic with the severity that the registry gives its code, and with `brief` words."""
    return Diagnostic(
        code=code,
        message=brief(message),
        path=path,
        part=part,
        label=brief(label),
        labels=tuple(replace(x, text=brief(x.text)) if len(x.text) > QUOTED else x for x in labels),
        help=brief(help),
        severity=CODES[code][0],
    )


QUOTED = 60  # characters of a value or key that words quote at most
_LONGEST = 2000  # characters of a message, whatever it quotes
_QUOTE = re.compile("`([^`]*)`")


def brief(text: str) -> str:
    """Cut short what a text quotes: a key or value of a document may have 16 MiB."""
    if len(text) <= QUOTED:
        return text
    text = _QUOTE.sub(lambda m: m[0] if len(m[1]) <= QUOTED else f"`{m[1][:QUOTED]}…`", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
