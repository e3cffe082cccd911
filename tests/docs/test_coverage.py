"""docs/reference/coverage.md leaves out no key of a peer, and says of each what is true.

systemd's tables, and netplan's newest version, are asked in tests/lab/test_coverage.py.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from vnetc.backends import load
from vnetc.backends.support import rows
from vnetc.schema import host_schema

from tests.lab.trials import validators

from . import peers

page = peers.coverage()
PEERS = page.PEERS


# --- the files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", PEERS)
def test_rows_exist(peer: str) -> None:
    known = set(rows())
    assert not {key.id: key.rows for key in page.peer(peer).keys if set(key.rows) - known}


@pytest.mark.parametrize("peer", PEERS)
def test_each_key_is_accounted_for(peer: str) -> None:
    ids = [key.id for key in page.peer(peer).keys]
    assert not [id for id, number in Counter(ids).items() if number > 1]
    assert not [key.id for key in page.peer(peer).keys if key.why.endswith("no line says")]


def patterns(data: Mapping[str, Any]) -> list[str]:
    """List what a peer's file picks keys by."""
    picks = [*data.get("rows", {}), *data.get("older", {})]
    picks += [key for group in data.get("since", {}).values() for key in group]
    for part in ("written", "reasons"):
        picks += [key for group in data.get(part, ()) for key in group["keys"]]
    return picks


@pytest.mark.parametrize("peer", PEERS)
def test_each_line_is_needed(peer: str) -> None:
    """A pattern picks a key, and a reason is the reason of one: a row that came later ends it."""
    data = page.raw(peer)
    keys = page.peer(peer).keys
    ids = [key.id for key in keys]
    assert not [
        p for p in patterns(data) if p not in ids and not any(page.matches(i, p) for i in ids)
    ]
    assert not [p for p, n in Counter(patterns({**data, "since": {}})).items() if n > 1]
    for part, text, outcome in (("written", "what", "written"), ("reasons", "why", "why")):
        for group in data[part]:
            for pattern in group["keys"]:
                picked = [key for key in keys if key.id == pattern or page.matches(key.id, pattern)]
                said = {getattr(key, outcome) for key in picked}
                assert group[text] in said, f"{pattern}: a row, or another line, has all of it"


@pytest.mark.parametrize("peer", PEERS)
def test_other_spellings_are_of_keys(peer: str) -> None:
    keys = page.peer(peer).keys
    names = {key.name for key in keys if not key.older}
    for key in page.peer(peer).having("older"):
        section = key.name.partition(".")[0]
        assert {key.older, f"{section}.{key.older}"} & names, key.id


@pytest.mark.parametrize("peer", PEERS)
def test_reasons_are_sentences(peer: str) -> None:
    """They stand after a colon: no capital for its own sake, no full stop, not a word alone."""
    for key in page.peer(peer).keys:
        text = key.why or key.written
        assert not text or (len(text) > 8 and not text.endswith(".") and "\n" not in text), key.id


def test_nothing_is_undecided() -> None:
    keys = [key for peer in PEERS for key in page.peer(peer).keys]
    assert not [key.id for key in keys if key.why.startswith(page.UNDECIDED)]


# --- netplan --------------------------------------------------------------------------------------


def test_netplan_has_these_keys() -> None:
    library, environment = validators.netplan_library()
    python = ["env", *(f"{name}={value}" for name, value in environment.items()), sys.executable]
    known = peers.netplan_paths(python, library, str(library))
    listed = peers.listed_netplan_paths("0.106").keys()
    assert len(known) > 800
    assert not sorted(known - listed), "these keys are not in the list"
    assert not sorted(listed - known), "netplan has no such keys"


def test_paths_of_a_document() -> None:
    document = {
        "version": 2,
        "ethernets": {
            "mtu": {"mtu": 1, "routes": [{"to": "default"}], "addresses": [{"a": {"label": "b"}}]}
        },
    }
    assert list(peers.used_netplan_paths(document, peers.listed_netplan_paths("1.1"))) == [
        "version",
        "ethernets",
        "ethernets{}.mtu",
        "ethernets{}.routes",
        "ethernets{}.routes[].to",
        "ethernets{}.addresses",
        "ethernets{}.addresses[]{}.label",
    ]


# what a row of netplan's table says beside keys of netplan's
_BESIDE = re.compile(
    r"(drop-in|\.link|/|dnsmasq|wpa_supplicant|a \.netdev file)[^;]*"
    r"|\b(of|before|with|from|not) [^;]*|[a-z-]+: |keys (of|below).*"
)


def test_netplan_table_agrees() -> None:
    """A key that the support table of netplan names is listed as one that says the row."""
    said: dict[str, set[str]] = {}
    for key in page.peer("netplan").keys:
        if key.place != "network":
            said.setdefault(key.name.rpartition(".")[2], set()).update(key.rows)
    wrong = {
        row: support.how
        for row, support in load("netplan").support.items()
        for word in re.findall(r"[a-z0-9-]+", _BESIDE.sub("", support.how))
        if said.get(word) and row not in said[word]
    }
    assert not wrong


# --- IfState --------------------------------------------------------------------------------------

SCHEMA = {
    "properties": {
        "links": {
            "patternProperties": {
                "^.+$": {
                    "oneOf": [
                        {"properties": {"kind": {"const": "a"}, "size": {"$ref": "#/$defs/size"}}},
                        {"properties": {"kind": {"enum": ["b", "c"]}, "size": {}}},
                    ]
                }
            }
        },
        "routes": {"items": {"properties": {"to": {}}, "then": {"properties": {"via": {}}}}},
    },
    "$defs": {"size": {"type": "integer"}, "part": {"properties": {"x": {}}}},
}


def test_paths_of_a_schema() -> None:
    assert peers.ifstate_paths(SCHEMA) == [
        "links",
        "links.*.kind",
        "links.*.kind=a",
        "links.*.size",
        "links.*.kind=b",
        "links.*.kind=c",
        "routes",
        "routes[].to",
        "routes[].via",
        "part.x",
    ]


def test_ifstate_has_these_keys() -> None:
    spec = importlib.util.find_spec("libifstate")
    version = page.raw("ifstate")["version"]
    if spec is None or spec.origin is None or importlib.metadata.version("ifstate") != version:
        pytest.skip(f"IfState {version} is not installed")
    schema = Path(spec.origin).parent / "schema" / "2" / "ifstate.conf.schema.json"
    known = peers.ifstate_paths(json.loads(schema.read_text()))
    assert sorted(known) == sorted(peers.listed_ifstate_paths())


def test_sysctls_of_ifstate() -> None:
    """`sysctl:` says exactly those that the schema of the language has."""
    sysctl = host_schema()["definitions"]["sysctl"]["properties"]
    for family in ("ipv4", "ipv6"):
        keys = [key for key in page.peer("ifstate").keys if key.place == f"iface-sysctl-{family}"]
        said = {key.name for key in keys if "interface.sysctl" in key.rows}
        assert said == {key.name for key in keys} & set(sysctl[family]["properties"])


# --- systemd-networkd -----------------------------------------------------------------------------


def test_table_of_networkd_names_listed_keys() -> None:
    """What the support table of networkd names, in whatever words, is listed."""
    names = {key.name for key in page.peer("networkd").keys}
    said = {
        name
        for row, support in load("networkd").support.items()
        if row not in ("host.raw", "host.foreign")  # of networkd.conf(5)
        for _, name in page.named(support.how)
        if "=" not in name and not name.startswith(".")  # of the sections of several kinds
    }
    assert len(said) > 200
    assert not said - names


def test_names_of_tables_are_found() -> None:
    found = list(page.named("[X] A=, B= C=d; .link [SR-IOV] E="))
    assert found == [("", "X.A"), ("", "X.B"), ("", "X.C"), ("", "X.C=d"), ("link", "SR-IOV.E")]
    assert not list(page.named("/etc/vnetc/NETWORK.nft; [X]"))


# --- the page -------------------------------------------------------------------------------------


def test_page_names_every_key() -> None:
    text = page.page("")
    for peer in PEERS:
        missing = [key.id for key in page.peer(peer).keys if f"`{key.name}`" not in text]
        assert not missing


def test_page_has_reasons_for_what_targets_refuse() -> None:
    """A cell that says no has a note."""
    cells = re.findall(r"\| no(\[\^\d+\])? ", page.page(""))
    assert len(cells) > 100 and all(cells)
