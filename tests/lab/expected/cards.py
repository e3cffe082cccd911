"""What the kernel must say of network cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vnetc.model.cards import Offload, Queues
from vnetc.model.host import Interface
from vnetc.model.kinds import Ethernet
from vnetc.model.record import Record

from tests.lab.states.state import Key

from .facts import Fact, nothing, shown


def _feature(word: str) -> Fact:
    return shown(f"feature {word}", lambda value: "on" if value else "off")


# as `ethtool -k` and `ip -d link` print them
CARDS: Mapping[type[Record], Mapping[str, Fact]] = {
    Ethernet: {
        # which card it is shows in the name of the one that has all the rest
        "match": nothing,
        "alias": shown("alias"),
        "offload": nothing,
        "queues": nothing,
    },
    Offload: {
        "receive_checksum": _feature("rx-checksumming"),
        "transmit_checksum": _feature("tx-checksumming"),
        "tcp_segmentation": _feature("tx-tcp-segmentation"),
        "tcp6_segmentation": _feature("tx-tcp6-segmentation"),
        "generic_segmentation": _feature("generic-segmentation-offload"),
        "generic_receive": _feature("generic-receive-offload"),
        "generic_receive_hardware": _feature("rx-gro-hw"),
        "large_receive": _feature("large-receive-offload"),
        "receive_vlan_tag": _feature("rx-vlan-offload"),
        "transmit_vlan_tag": _feature("tx-vlan-offload"),
        "receive_vlan_filter": _feature("rx-vlan-filter"),
        "transmit_vlan_stag": _feature("tx-vlan-stag-hw-insert"),
        "ntuple_filter": _feature("ntuple-filters"),
        "generic_segmentation_max_bytes": shown("gso_max_size"),
        "generic_segmentation_max_segments": shown("gso_max_segs"),
    },
    Queues: {"transmit_queue_length": shown("txqlen")},
}


def expect_authentication(interface: Interface) -> Iterator[tuple[Key, str]]:
    """State what wpa_supplicant must say of a card: its words are those of its configuration."""
    auth = interface.kind.auth if isinstance(interface.kind, Ethernet) else None
    if auth is None:
        return
    hidden = {"password": auth.password, "private_key_passwd": auth.client_key_password}
    texts = {
        "identity": auth.identity,
        "anonymous_identity": auth.anonymous_identity,
        "ca_cert": auth.ca_certificate,
        "client_cert": auth.client_certificate,
        "private_key": auth.client_key,
        "phase2": None if auth.phase2_auth is None else f"auth={auth.phase2_auth}",
    }
    said = {
        "key_mgmt": "IEEE8021X",
        "eap": (auth.method or "").upper(),
        "eapol_flags": "0",
        **{word: f'"{text}"' for word, text in texts.items() if text is not None},
        **{word: "*" for word, secret in hidden.items() if secret is not None},
    }
    for word, value in said.items():
        yield ("wpa", interface.name, word), value
