"""What network cards alone can be told, Ethernet and Wi-Fi: the parts of their kinds.

Words are those of netplan(5) where it has one, else of systemd.link(5) and ethtool(8) without their
abbreviations.
"""

from __future__ import annotations

from vnetc.model.diagnostics import Path
from vnetc.model.record import Node
from vnetc.model.values import MacAddress, Microseconds, Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


class Secret(Node):
    """A key or password: in a file of the target host, or written in the document."""

    path: Path
    file: str | None = None
    text: str | None = None

    def __repr__(self) -> str:
        return f"Secret(file={self.file!r})"


class CardMatch(Node):
    """Which card it is; all that is said must hold. Names, drivers and paths are globs."""

    path: Path
    macaddress: MacAddress | None = None  # the permanent one
    name: str | None = None  # the one that the kernel gave it
    driver: Words = ()
    path_: Words = ()  # ID_PATH of udev


class Offload(Node):
    """What the card does in place of the kernel."""

    path: Path
    receive_checksum: bool | None = None
    transmit_checksum: bool | None = None
    tcp_segmentation: bool | None = None
    tcp6_segmentation: bool | None = None
    generic_segmentation: bool | None = None
    generic_receive: bool | None = None
    generic_receive_hardware: bool | None = None
    large_receive: bool | None = None
    receive_vlan_tag: bool | None = None
    transmit_vlan_tag: bool | None = None
    receive_vlan_filter: bool | None = None
    transmit_vlan_stag: bool | None = None
    ntuple_filter: bool | None = None
    generic_segmentation_max_bytes: int | None = None
    generic_segmentation_max_segments: int | None = None


class LinkSettings(Node):
    """How the card talks to what it is plugged into. `speed` is Mbit/s."""

    path: Path
    autonegotiation: bool | None = None
    advertise: tuple[str, ...] = ()
    speed: int | None = None
    duplex: Literal["half", "full"] | None = None
    port: Literal["tp", "aui", "bnc", "mii", "fibre"] | None = None
    mdi: Literal["straight", "crossover", "auto"] | None = None
    receive_flow_control: bool | None = None
    transmit_flow_control: bool | None = None
    autonegotiation_flow_control: bool | None = None


class Rings(Node):
    """How many packets wait for the host or the card."""

    path: Path
    receive: int | Literal["max"] | None = None
    receive_mini: int | Literal["max"] | None = None
    receive_jumbo: int | Literal["max"] | None = None
    transmit: int | Literal["max"] | None = None


class Channels(Node):
    """How many queues with an interrupt of their own the card has."""

    path: Path
    receive: int | Literal["max"] | None = None
    transmit: int | Literal["max"] | None = None
    other: int | Literal["max"] | None = None
    combined: int | Literal["max"] | None = None


class Queues(Node):
    """The kernel's own queues in front of the card."""

    path: Path
    receive_queues: int | None = None
    transmit_queues: int | None = None
    transmit_queue_length: int | None = None


class Coalesce(Node):
    """How long the card waits before it interrupts the host."""

    path: Path
    adaptive_receive: bool | None = None
    adaptive_transmit: bool | None = None
    receive_delay: Microseconds | None = None
    receive_delay_irq: Microseconds | None = None
    receive_delay_low: Microseconds | None = None
    receive_delay_high: Microseconds | None = None
    receive_frames: int | None = None
    receive_frames_irq: int | None = None
    receive_frames_low: int | None = None
    receive_frames_high: int | None = None
    transmit_delay: Microseconds | None = None
    transmit_delay_irq: Microseconds | None = None
    transmit_delay_low: Microseconds | None = None
    transmit_delay_high: Microseconds | None = None
    transmit_frames: int | None = None
    transmit_frames_irq: int | None = None
    transmit_frames_low: int | None = None
    transmit_frames_high: int | None = None
    packet_rate_low: int | None = None  # packets per second
    packet_rate_high: int | None = None
    packet_rate_interval: int | None = None  # seconds
    statistics_delay: Microseconds | None = None


class VirtualFunction(Node):
    """One of the cards that a card with SR-IOV pretends to be."""

    path: Path
    id: int
    macaddress: MacAddress | None = None
    vlan: int | None = None
    qos: int | None = None
    protocol: Literal["802.1q", "802.1ad"] | None = None
    spoof_check: bool | None = None
    trust: bool | None = None
    link_state: bool | Literal["auto"] | None = None
    query_rss: bool | None = None


class VirtualFunctions(Node):
    """What a card with SR-IOV is beside itself."""

    path: Path
    count: int | None = None
    functions: tuple[VirtualFunction, ...] = ()
    embedded_switch_mode: Literal["switchdev", "legacy"] | None = None
    delay_rebind: bool | None = None

    @property
    def number(self) -> int:
        """How many there are: if nothing says so, enough for those that are listed."""
        return (
            max((f.id + 1 for f in self.functions), default=0) if self.count is None else self.count
        )


class Auth(Node):
    """How the host proves who it is to a switch or an access point."""

    path: Path
    key_management: Literal["none", "psk", "sae", "eap", "eap-sha256", "eap-suite-b-192", "802.1x"]
    method: Literal["tls", "peap", "leap", "pwd", "ttls"] | None = None
    identity: str | None = None
    anonymous_identity: str | None = None
    password: Secret | None = None
    ca_certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    client_key_password: Secret | None = None
    phase2_auth: str | None = None


class AccessPoint(Node):
    """A Wi-Fi network that the host may join; `name` is its SSID."""

    path: Path
    name: str
    password: Secret | None = None
    auth: Auth | None = None
    mode: Literal["infrastructure", "adhoc"] = "infrastructure"
    bssid: MacAddress | None = None
    band: Literal["2.4GHz", "5GHz"] | None = None
    channel: int | None = None
    hidden: bool = False
