"""Secrets stay where they belong: out of reports and diffs, and in files that only root may read."""

from __future__ import annotations

import base64
import itertools
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from vnetc import check_text, compile_text
from vnetc.backends.netlink.planner.steps import Step
from vnetc.cli import main, steps
from vnetc.cli.documents import lines
from vnetc.language.tree import Node, parse
from vnetc.report import FORMATS, Report, render

from tests.backends.test_golden import SPECS
from tests.language.test_properties import LOSSES, TARGETS
from tests.support.drawing import examples, text_of

# --- reports --------------------------------------------------------------------------------------

# Documents with a secret in place of `@` and something else that is wrong, by what is special.
WIFI = "interfaces: {w: {type: wifi, access-points: {home: {%s}}}}"
WIREGUARD = "interfaces: {w: {type: wireguard, peers: [{%s, public-key: 1}]}}"
PLACES = {
    "wakeonlan": "interfaces: {e: {wakeonlan-password: @, x: 1}}",
    "private key": "interfaces: {w: {type: wireguard, private-key: @, x: 1}}",
    "in quotes": WIFI % 'password: "@", x: 1',
    "wrong type": WIFI % "password: [@]",
    "another word": WIFI % "psk: @",
    "a word with hyphens": WIFI % "wpa-psk: @",
    "a word nobody knows": WIFI % "what-ever: @",
    "a word of other places": WIFI % "key: @, mtu: @, name: @",
    "below another word": WIFI % "security: {wpa: [{psk: @}]}",
    "a peer's": WIREGUARD % "psk: @",
    "a peer's, deeper": WIREGUARD % "keys: {shared: @, public: 1}",
    "no peers but one": "interfaces: {w: {type: wireguard, peers: {token: @}}}",
    "a text for a mapping": "interfaces: {e: {auth: @}}",
    "a text for a list": "interfaces: {w: {type: wireguard, peers: @}}",
    "a text for a network": "interfaces: {w: {type: wifi, access-points: {home: @}}}",
    "without the name": "interfaces: {w: {type: wifi, access-points: {password: @}}}",
    "misspelt": "interfaces: {w: {type: wifi, acess-points: {home: {x: @}}, x: 1}}",
    "at the wrong place": "access-points: {home: {x: @}}\nauth: {x: @}",
    "of netplan": "network: {wifis: {w: {access-points: {home: {password: @}}}}}",
    "anywhere": "interfaces: {e: {passphrase: @}}",
    "raw": "interfaces: {e: {raw: {ifupdown: {options: {wpa-psk: @}, x: 1}}}}",
    "inline": "interfaces: {e: {description: 'password=@', x: 1}}",
    "no colon": WIFI % "password @",
    "no blank": WIFI % "password:@",
    "by an alias": "x: &p @\ny: 1\n" + WIFI % "password: *p",
    "by an alias of more": "x: &a {psk: @}\ny: 1\n" + WIFI % "auth: *a",
    "by aliases of aliases": "x: &p @\ny: &q {a: *p}\nz: &r [*q]\n" + WIFI % "oops: *r",
    "by a merge": "x: &a {psk: @}\ny: 1\n" + WIFI % "<<: *a, key-management: psk",
    "overridden": WIFI % "auth: {<<: {psk: @}, psk: x}",
    "an undefined alias": WIFI % "psk: *@ ",
    "a tag": WIFI % "psk: !@ x",
    "like a tag": WIFI % "password: !@",
    "like a tag's handle": WIFI % "password: !@!",
    "like a tag in full": WIFI % "password: !<@>",
    "netplan's word": "interfaces: {w: {type: wireguard, wireguard-key: @, x: 1}}",
    "wpa_supplicant's word": "interfaces: {e: {wep_key0: @, x: 1}}",
    "a long word": "interfaces: {e: {%s-password: @}}" % ("x" * 70),
    "below a word of others": "interfaces: {e: {authentication: {value: @}}}",
    "behind a secret that ends early": "interfaces: {w: {type: wireguard, private-key: x #@\n}}",
    "in a comment that says so": "interfaces: {e: {x: 1}}  # wifi password @",
    "a key": WIFI % "password: {@: 1}, 2: 1",
    "keys that are none": WIREGUARD % "keys: {@: 1}",
    "a set": WIFI % "@",
    "twice": WIFI % "psk: @, psk: @",
    "in a harmless place, too": "interfaces: {e: {x: '@', auth: {psk: @}}}",
    "within a harmless word": "interfaces: {e: {x: 'a-@-b', auth: {psk: @}}}",
    "in a comment": "interfaces:\n  e:\n    auth:\n      identity: 1  # was @\n      psk: @",
    "commented out": "interfaces: {e: {x: 1}}  # auth: {psk: @}",
    "in lines": "interfaces:\n  e:\n    auth:\n      psk: |\n        @\n        more @\n      x: 1",
    "folded": "interfaces:\n  e:\n    auth:\n      password: >-\n        @\n        more @",
    "continued": "interfaces:\n  e:\n    auth:\n      psk: some\n        @\n      x: 1",
    "not closed": WIFI % "psk: @" + "}",
    "quote not closed": WIFI % 'psk: "@',
    "quote too many": WIFI % "x: 'y, psk: @, z: 'a'",
    "two colons": WIFI % "psk: @: x",
    "nothing but a blank": "interfaces:\n  e:\n    auth:\n      psk @\n      x: 1",
    "wrong indentation": "interfaces:\n  e:\n    auth:\n      psk: 1\n     key: @\n   x: 1",
    "list items": "interfaces:\n  w:\n    peers:\n    - x: 1\n    - token: @\n      x: [\n",
    "with a tab": "interfaces:\n  e:\n    auth:\n\tpsk: @\n",
    "with a NUL": "interfaces: {e: {auth: {psk: @, x: \0}}}",
    "cut off": "interfaces: {e: {auth: {psk: @",
}
SECRETS = {
    "six": "hunter",
    "eight": "hunter22",
    "digits": "1234567890",
    "a word and signs": "Hunt3r2-!x/y",
    "a MAC address": "02:de:ad:be:ef:01",
    "the longest": "hunter22" * 16,
    "a key": base64.b64encode(bytes(range(32))).decode(),
}


def planted(place: str, secret: str) -> str:
    """Put a secret into a document, in quotes if it would else be something else."""
    return f"version: 1\n{PLACES[place].replace('@', secret)}\n"


def said(source: str) -> str:
    """Render what is wrong with a document in all formats."""
    found = check_text(source, name="host")
    assert found
    reported = [Report("host.yaml", lines(source.encode()), found)]
    return "".join(render(reported, format) for format in FORMATS)


def leaks(secret: str, text: str) -> bool:
    """Tell whether a text shows a secret, or most of a long one."""
    return secret[:40] in text


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("!Hunter!22x", "Hunter"),  # the handle of a tag
        ("!Hunter%2422x", "Hunter"),  # a tag, which is decoded
        ("!!Hunter%2422x", "Hunter"),
        ("!<Hunter22x>", "Hunter"),
    ],
)
def test_no_report_shows_what_begins_like_a_tag(value: str, secret: str) -> None:
    text = "version: 1\n" + WIFI.replace("%s", f"password: {value}")
    assert secret not in said(text)


@pytest.mark.parametrize("place", PLACES)
def test_no_report_shows_a_secret(place: str) -> None:
    for secret in SECRETS.values():
        assert not leaks(secret, said(planted(place, secret)))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("command", [["check"], ["compile", "-t", "networkd"]])
def test_no_command_shows_a_secret(
    command: list[str], format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, place in enumerate(PLACES):
        path = tmp_path / f"host{number}.vnet.yaml"
        path.write_text(planted(place, "hunter22"))
    assert main([*command, "--output-format", format, str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert "hunter22" not in out + err
    assert "host0.vnet.yaml" in out + err


@pytest.mark.parametrize("secret", ["x", "ab", "1", "123", "lan", "true", "0x1F", "-5"])
def test_a_secret_may_be_as_short_as_it_likes(secret: str) -> None:
    """A word so short may stand anywhere: it is hidden in its place, and in what is said of it."""
    source = f"version: 1\ninterfaces: {{e: {{auth: {{password: [{secret}], psk: {secret}}}}}}}\n"
    shown = said(source)
    assert f"[{secret}]" not in shown and f"psk: {secret}" not in shown
    value = str(int(secret, 16)) if secret == "0x1F" else secret
    quoted = said(f"version: 1\ninterfaces: {{e: {{auth: {secret}}}}}\n")
    assert f"`{value}`" not in quoted and f"number {value}" not in quoted


SHOWN = {
    "mode: adhocc, band: 9GHz, bssid: nothing-at-all": WIFI % "&, x: 1",
    "key-management: 8021x, identity: bob.example": "interfaces: {e: {auth: {&}}}",
    "endpoint: vpn.example:51820, allowed-ips: [192.0.2.0]": WIREGUARD % "&, psk: 1",
    "private-key: {file: /etc/wg.key}, prot: 5": "interfaces: {w: {type: wireguard, &}}",
    "auth: {psk: …}, mtu: 12, x: nothing}": "interfaces: {e: {&}",
    "auth: {psk: …}}, e: {mtu: 123, x: 1}": "interfaces: {w: {&}",
    "access-points: {home: , other: {}, more: {x: …": "interfaces: {w: {type: wifi, &}}}}",
    "psk: …, wpa-psk: …, key: …": WIFI % "&",
    "unknown key `psk`": WIFI % "psk: x",
    "mtu: 1500, x: [nothing}": "interfaces: {e: {&}}",
    "addresses: [192.0.2.1]": "interfaces:\n  e:\n    auth: {psk: x}\n    &}\n",
    "allowed-ips: [nothing]": "interfaces:\n  w:\n    peers:\n    - psk: x\n      &}\n",
}


@pytest.mark.parametrize("words", SHOWN)
def test_what_is_no_secret_is_shown(words: str) -> None:
    source = f"version: 1\n{SHOWN[words].replace('&', words.replace('…', 'hunter22'))}\n"
    assert words in said(source)


# Any value at any place, and anything else that is wrong: what stands before a key and its value, and
# how far in they stand; how the value is written (`I` is the indentation, `K` and `V` they).
BLOCKS = {
    "auth": ("  eth0:\n    auth:\n", 6),
    "access point": ("  wl0:\n    type: wifi\n    access-points:\n      home:\n", 8),
    "its auth": ("  wl0:\n    type: wifi\n    access-points:\n      home:\n        auth:\n", 10),
    "peer": ("  wg0:\n    type: wireguard\n    peers:\n      - endpoint: 192.0.2.1:5\n", 8),
}
KEYS = (
    *("password", "client-key-password", "preshared-key", "psk", "wpa-psk", "passphrase", "key"),
    *("secret", "token", "pasword", "anything", "wpa_passphrase", "PrivateKey", "mtu", "keys", "2"),
)
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
    "beside": "IK: V\nIx: V",
    "continued": "IK: a\nI  V",
    "no blank": "IK:V",
    "equals": "IK=V",
    "no colon": "IK V",
    "alone": "IV",
    "a flow": "I? {K: V, key-management: psk, mode: x, public-key: 1}\nI: 1",
}
DAMAGES = (
    *("", "  e1: {nonsense: 1}\n", "  e1: {}\n  e1: {}\n", "  e1: {mtu: 1\n", "  e1: mtu: 1}\n"),
    *('  e1: {description: "x}\n', "   e1: {}\n e2: {}\n", "\te1: {}\n", "  e1: *nowhere\n"),
    *("  e1: !x {}\n", "  e1: \0\n", "---\n", "  e1: %x\n", "  lone\n", "  e1: @x\n"),
)


def _document(block: str, key: str, style: str, secret: str, damages: tuple[str, str]) -> str:
    before, depth = BLOCKS[block]
    value = STYLES[style].replace("I", "\0").replace("K", key).replace("V", secret)
    inside = f"{before}{value}\n".replace("\0", " " * depth)
    return f"version: 1\ninterfaces:\n{damages[0]}{inside}{damages[1]}"


@pytest.mark.parametrize("style", STYLES)
def test_every_value_is_hidden(style: str) -> None:
    for key, block in itertools.product(KEYS, BLOCKS):
        source = _document(block, key, style, "hunter22", ("", "  e1: {nonsense: 1}\n"))
        assert "hunter22" not in said(source), source


WORDS = st.sampled_from([SECRETS[name] for name in ("six", "eight", "digits", "the longest")])


@examples(200)
@given(
    st.sampled_from(sorted(BLOCKS)),
    st.sampled_from(KEYS),
    st.sampled_from(sorted(STYLES)),
    WORDS,
    st.tuples(st.sampled_from(DAMAGES), st.sampled_from(DAMAGES)),
)
def test_every_value_is_hidden_whatever_else_is_wrong(
    block: str, key: str, style: str, secret: str, damages: tuple[str, str]
) -> None:
    source = _document(block, key, style, secret, damages)
    reported = [Report("h", lines(source.encode()), check_text(source))]
    assert not any(leaks(secret, render(reported, format)) for format in FORMATS)


PIECES = (
    *("x", ":", "-", "{", "}", "[", "]", ",", "'", '"', "#", " ", "\n", "\t", "&", "*", "!", "|"),
    *("%", ": ", "\n  ", "- ", " #", "? ", ">", ""),
)


@examples(200)
@given(
    st.sampled_from(sorted(PLACES)[:40]),
    WORDS,
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from(PIECES)), max_size=3),
)
def test_typos_show_no_secret(place: str, secret: str, typos: list[tuple[int, str]]) -> None:
    """As long as it stands below a key that holds secrets; for a text that is no YAML nobody can say."""
    source = f"version: 1\n{PLACES[place]}\n"
    for position, piece in typos:
        spots = [m.span() for m in re.finditer(r"@|auth|access-points|peers|[\w-]+(?=:)", source)]
        at = position % len(source)
        if not any(start <= at < end or (piece and start < at <= end) for start, end in spots):
            source = source[:at] + piece + source[at + (not piece) :]
    source = source.replace("@", secret)
    root = parse(source).root
    assume(root is None or _is_below(root, secret, False))
    reported = [Report("h", lines(source.encode()), check_text(source))]
    assert not any(leaks(secret, render(reported, format)) for format in FORMATS)


def _is_below(node: Node, secret: str, is_inside: bool) -> bool:
    """Tell whether all values with a secret stand below keys that hold secrets."""
    if not node.items:
        return is_inside or secret not in str(node.data)
    return all(
        _is_below(below, secret, is_inside or key in ("auth", "access-points", "peers"))
        for key, below in node.items.items()
    )


# --- diffs ----------------------------------------------------------------------------------------

OLD, NEW = "hunter22-old", "hunter22-new"
SPEC = """\
version: 1
host: host
interfaces:
  wl0:
    type: wifi
    access-points:
      home: {password: %s}
      work: {auth: {key-management: eap, method: peap, identity: %s, password: %s}}
  wg0:
    type: wireguard
    private-key: %s
    peers: [{public-key: "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", preshared-key: %s, allowed-ips: [10.0.0.0/8]}]
  eth0: {match: {macaddress: "02:00:00:00:00:01"}, wakeonlan: [secureon], wakeonlan-password: "%s"}
"""
KEY_OLD, KEY_NEW = (base64.b64encode(bytes([n] * 32)).decode() for n in (65, 66))
MAC_OLD, MAC_NEW = "02:de:ad:be:ef:01", "02:de:ad:be:ef:02"
ALL = (OLD, NEW, KEY_OLD, KEY_NEW, MAC_OLD, MAC_NEW)


def _spec(identity: str, password: str, key: str, mac: str) -> str:
    return SPEC % (password, identity, password, key, key, mac)


@pytest.mark.parametrize("target", ["networkd", "netplan", "ifupdown", "ifupdown2", "ifupdown-ng"])
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_diff_masks_secrets(
    target: str, mode: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those on the disk, too, whoever may read it there by now."""
    spec, out = tmp_path / "host.vnet.yaml", tmp_path / "out"
    command = ["compile", "-t", target, "-o", str(out), str(spec), *_allow(), "--exit-zero"]
    spec.write_text(_spec("alice", OLD, KEY_OLD, MAC_OLD))
    assert main(command) == 0
    for path in out.rglob("*"):
        if path.is_file():
            path.chmod(mode)
    spec.write_text(_spec("bob", NEW, KEY_NEW, MAC_NEW))
    capsys.readouterr()
    main([*command, "--diff"])
    masked = capsys.readouterr().out
    assert not any(secret in masked for secret in ALL)
    assert '-  identity="alice"' in masked and '+  identity="bob"' in masked
    assert "-  psk=***" in masked and "+  psk=***" in masked
    main([*command, "--diff", "--show-secrets"])
    shown = capsys.readouterr().out
    assert OLD in shown and NEW in shown and KEY_OLD in shown and KEY_NEW in shown
    assert "***" not in shown


def _allow() -> list[str]:
    return [word for code in LOSSES for word in ("--allow", code)]


# What may lie where vnetc writes: a file, its mode, and which of its words a diff shows.
FILES = {
    "etc/netplan/60-vnetc.yaml": (
        0o600,
        (
            "network:\n  wifis:\n    wl0:\n      access-points:\n        home: {password: @}\n"
            "        work:\n          auth: {password: @, identity: shown}\n          x: @\n"
            "  tunnels:\n    wg0:\n      mode: shown\n      key: KEY\n      peers:\n"
            "        - keys: {public: PUBLIC, shared: KEY}\n          allowed-ips: [192.0.2.0/24]\n"
        ),
        ("shown", "PUBLIC", "192.0.2.0/24"),
    ),
    "etc/netplan/broken.yaml": (
        0o600,
        "network:\n  version: 2\n  wifis:\n    access-points:\n      home: {password: @\n   x: @ }}\n",
        ("version: 2",),
    ),
    "etc/netplan/returns.yaml": (0o600, "auth:\r  psk: @\r  identity: bob\n", ()),
    "etc/wpa_supplicant/wpa_supplicant-wl0.conf": (
        0o600,
        (
            'network={\n  ssid="shown"\n  #psk="@"\n  psk=@\n  wep_key0="@"\n  password=hash:@\n'
            "  private_key_passwd=@\n  sae_password=file:/etc/shown2\n}\n"
        ),
        ('ssid="shown"', "/etc/shown2"),
    ),
    "etc/vnetc/wg0.key": (0o600, "@\n", ()),
    "etc/other": (0o600, "what @ ever\n", ()),
    "etc/systemd/network/10-wg0.netdev": (
        0o644,
        "[WireGuard]\nPrivateKey=@\nPrivateKeyFile=/etc/shown\nPresharedKey = @\nListenPort=shown\n",
        ("/etc/shown", "ListenPort=shown"),
    ),
    "etc/network/interfaces": (
        0o644,
        "iface wl0 inet dhcp\n    wpa-ssid shown\n    wpa-psk @\n    # wpa-passphrase @\n",
        ("wpa-ssid shown",),
    ),
}


@pytest.mark.parametrize("path", FILES)
def test_a_diff_masks_what_it_finds_on_the_disk(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mode, content, shown = FILES[path]
    content = content.replace("@", "hunter22").replace("KEY", KEY_OLD).replace("PUBLIC", KEY_NEW)
    place = tmp_path / "out" / path
    place.parent.mkdir(parents=True)
    place.write_bytes(content.encode())
    place.chmod(mode)
    (tmp_path / "out" / ".vnetc.json").write_text(f'["{path}"]')
    spec = tmp_path / "host.vnet.yaml"
    spec.write_text("version: 1\ninterfaces: {e: {dhcp4: true}}\n")
    command = ["compile", "-t", "networkd", "-o", str(tmp_path / "out"), "--diff", str(spec)]
    assert main(command) == 1
    masked = capsys.readouterr().out
    assert "hunter22" not in masked and KEY_OLD not in masked
    assert "***" in masked
    for words in shown:
        assert words.replace("PUBLIC", KEY_NEW) in masked
    assert main([*command, "--show-secrets"]) == 1
    assert "hunter22" in capsys.readouterr().out


def test_show_secrets_is_about_diffs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "host.vnet.yaml"
    spec.write_text("version: 1\ninterfaces: {}\n")
    assert main(["compile", "-t", "networkd", "--show-secrets", str(spec)]) == 2
    assert capsys.readouterr().err == "error: --show-secrets is about what --diff shows\n"


@pytest.mark.parametrize(("before", "after"), [(0o600, 0o644), (0o644, 0o600)])
def test_a_plan_shows_no_file_that_only_root_may_read(before: int, after: int) -> None:
    key = ("file", "/etc/vnetc/lan.dnsmasq.conf")
    old = {"content": "hunter22\n", "mode": before}
    new = {"content": "hunter33\n", "mode": after}
    changed = [Step(action="~", key=key, before=old, after=new)]
    for step in (*changed, Step(action="+", key=key, before=None, after={**new, "mode": 0o600})):
        told = f"{steps.structured([step], 'h', lambda path: 1)}{steps.text([step], 'h', lambda path: 1)}"
        assert "hunter" not in told + repr(steps.differences([step], lambda path: 1))
    assert "0644" in steps.text(changed, "h", lambda path: 1)


# --- files ----------------------------------------------------------------------------------------

INLINE = ("private-key", "preshared-key", "password", "client-key-password", "wakeonlan-password")


def _with_secrets(value: Any, found: list[str]) -> Any:
    """Write all secrets of a document into it, and a password for magic packets where one can be."""
    if isinstance(value, list):
        return [_with_secrets(item, found) for item in value]
    if not isinstance(value, dict):
        return value
    if "wakeonlan" in value and "match" in value:
        value = {**value, "wakeonlan": ["secureon"], "wakeonlan-password": ""}
    return {
        key: _secret(key, found) if key in INLINE else _with_secrets(below, found)
        for key, below in value.items()
    }


def _secret(key: str, found: list[str]) -> str:
    raw = os.urandom(32)
    if key in ("private-key", "preshared-key"):
        secret = base64.b64encode(raw).decode()
    else:
        secret = raw.hex()[:16] if key != "wakeonlan-password" else raw[:6].hex(":")
    found.append(secret)
    return secret


CORPUS = {
    path: path.read_text()
    for path in [
        *SPECS.values(),
        *sorted(Path(__file__).resolve().parents[1].glob("lab/cases/*.vnet.yaml")),
    ]
}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: "-".join(map(str, target)))
def test_files_with_secrets_are_for_root_alone(target: tuple[str, str | None]) -> None:
    kinds: set[str] = set()
    for text in CORPUS.values():
        secrets: list[str] = []
        data = _with_secrets(parse(text).data, secrets)
        if not secrets:
            continue
        options: dict[str, Any] = {"allow": LOSSES, "allow_hooks": True}
        output = compile_text(text_of(data), target=target[0], version=target[1], **options)
        for file in output.files:
            held = [s for s in secrets if s in file.content or s.encode().hex() in file.content]
            if held:
                assert file.mode == 0o600, file.path
                kinds.update("key" if "=" in s else "mac" if ":" in s else "word" for s in held)
    if target[0] != "netlink":  # what the kernel is told stands in no file
        assert kinds >= {"key", "word"}
        assert "mac" in kinds or target == ("networkd", "247")
