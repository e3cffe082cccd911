"""Secrets never reach a report, whatever their key is called and whatever else is wrong."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from vnetc import check_text, compile_text
from vnetc.backends import REGISTRY
from vnetc.cli import main
from vnetc.cli.documents import lines
from vnetc.report import FORMATS, Report, render

from .strategies import THOROUGH

# Where secrets are kept: what stands before a key and its value, and how far in they stand.
BLOCKS = {
    "auth": "  eth0:\n    auth:\n{}",
    "access point": "  wl0:\n    type: wifi\n    access-points:\n      home:\n{}",
    "auth of an access point": "  wl0:\n    type: wifi\n    access-points:\n      home:\n        auth:\n{}",
    "peer": "  wg0:\n    type: wireguard\n    peers:\n      - endpoint: 192.0.2.1:51820\n{}",
}
DEPTHS = {"auth": 6, "access point": 8, "auth of an access point": 10, "peer": 8}
KEYS = (
    *("password", "client-key-password", "preshared-key", "psk", "wpa-psk", "passphrase", "key"),
    *("secret", "token", "pasword", "anything", "wpa_passphrase", "PrivateKey", "mtu", "keys", "2"),
)
# How a value is written at a key: `K`, `V`, and `I` for the indentation.
STYLES = {
    "plain": "IK: V",
    "double": 'IK: "V"',
    "single": "IK: 'V'",
    "below": "IK:\nI  V",
    "literal": "IK: |\nI  V",
    "folded": "IK: >-\nI  V\nI  V x",
    "mapping": "IK: {x: V}",
    "mapping below": "IK:\nI  x:\nI    y: V",
    "list": "IK: [1, V]",
    "list below": "IK:\nI- 1\nI- V",
    "key": "IK: {V: 1}",
    "set": "IK: {V}",
    "commented": "IK: V  # V was the old one",
    "comment": "I# K: V\nIK: [oops]",
    "tagged": "IK: !V x",
    "undefined": "IK: *V",
    "anchored": "IK: &anchor V",
    "twice": "IK: 1\nIK: V",
    "wrong key beside": "IK: V\nIx: V",
    "continued": "IK: a\nI  V",
    "no blank": "IK:V",
    "equals": "IK=V",
    "no colon": "IK V",
    "alone": "IV",
    "a flow": "I? {K: V, key-management: psk, mode: x, public-key: 1}\nI: 1",
}
SECRETS = ("hunter", "hunter22", "Hunt3r2-!secret", "hunter2.7/x", "1234567890", "hunter22" * 15)
DAMAGES = {
    "nothing": "",
    "unknown key": "  e1: {nonsense: 1}\n",
    "duplicate key": "  e1: {}\n  e1: {}\n",
    "open bracket": "  e1: {mtu: 1\n",
    "open quote": '  e1: {description: "x}\n',
    "closing bracket": "  e1: mtu: 1}\n",
    "indentation": "   e1: {}\n e2: {}\n",
    "tab": "\te1: {}\n",
    "undefined alias": "  e1: *nowhere\n",
    "tag": "  e1: !x {}\n",
    "character": "  e1: \x00\n",
    "second document": "---\n",
    "percent": "  e1: %x\n",
    "lone": "  lone\n",
}


def said(source: str) -> str:
    """Render what is wrong with a document in all formats."""
    found = check_text(source, name="host")
    reported = [Report("host.yaml", lines(source.encode()), found)]
    return "".join(render(reported, format) for format in FORMATS)


def document(block: str, key: str, style: str, secret: str, damage: str, before: bool) -> str:
    value = STYLES[style].replace("I", "\0").replace("K", key).replace("V", secret)
    planted = value.replace("\0", " " * DEPTHS[block])
    inside = BLOCKS[block].format(f"{planted}\n")
    both = [DAMAGES[damage], inside] if before else [inside, DAMAGES[damage]]
    return "version: 1\ninterfaces:\n" + "".join(both)


CASES = [*itertools.product(BLOCKS, KEYS, STYLES, SECRETS, DAMAGES, (False, True))]


@pytest.mark.parametrize("block", BLOCKS)
def test_no_report_has_a_secret(block: str) -> None:
    """Whatever the key is called, however the value is written, whatever else is wrong."""
    mine = [case for case in CASES if case[0] == block]
    for case in random.Random(block).sample(mine, 8000 if THOROUGH else 250):
        assert case[3] not in said(document(*case)), case


def test_what_is_harmless_is_shown() -> None:
    """The test above can fail, and a report says what it is about."""
    text = document("peer", "allowed-ips", "plain", "hunter22", "nothing", False)
    assert "hunter22" in said(text)


# --- files and diffs ------------------------------------------------------------------------------

SECRET = "Hunt3r2-secret"
KEY = "kKsJ3P1wJPOdKUVxoBUsX4ZyXo8lLQ5S0mcZX0BQ8Ew="
WITH_SECRETS = """\
version: 1
host: h
interfaces:
  eth0:
    match: {macaddress: "02:00:00:00:00:01"}
    wakeonlan: [secureon]
    wakeonlan-password: "02:12:34:56:78:9a"
    auth: {key-management: 802.1x, method: peap, identity: me, password: PASSWORD}
  wl0: {type: wifi, access-points: {cafe: {password: PASSWORD}}}
""".replace("PASSWORD", SECRET)
# systemd-networkd has keys from files alone
WIREGUARD = f'  wg0: {{type: wireguard, private-key: "{KEY}", addresses: [10.0.0.1/24]}}\n'
TARGETS = [name for name in REGISTRY if name != "netlink"]


def _spec(target: str) -> str:
    return WITH_SECRETS + (WIREGUARD if target.startswith("ifupdown") else "")


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_with_a_secret_is_for_root_alone(target: str) -> None:
    output = compile_text(_spec(target), target=target)
    assert output.files
    for file in output.files:
        if any(secret in file.content for secret in (SECRET, KEY, "02:12:34:56:78:9a")):
            assert file.mode == 0o600, file.path


@pytest.mark.parametrize("target", TARGETS)
def test_a_diff_has_no_secret_unless_it_is_asked_for(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "h.vnet.yaml"
    path.write_text(_spec(target))
    out = tmp_path / "out"
    words = ["compile", str(path), "--target", target, "-o", str(out)]

    def diff(*more: str) -> str:
        assert main([*words, "--diff", *more]) == 1
        return capsys.readouterr().out

    assert SECRET not in diff() and KEY not in diff()
    assert SECRET in diff("--show-secrets")
    assert main(words) == 0
    # what is on the disk is a secret, too, though the document knows another one now
    path.write_text(_spec(target).replace(SECRET, "An0ther-secret").replace(KEY, f"A{KEY[1:]}"))
    capsys.readouterr()
    said = diff()
    assert not any(secret in said for secret in (SECRET, KEY, KEY[1:], "An0ther-secret"))
    assert "***" in said
