"""Any text reaches wpa_supplicant as it is, or is refused: none ends its line or its quotation."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings
from vnetc.pipeline import compile_text

PATH = "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf"
TEXT = st.text(min_size=1, max_size=40) | st.text(
    "\"'\\#= \tx\n}{$%é\u2028", min_size=1, max_size=12
)


def settings_of(content: str) -> list[dict[str, str]]:
    """Read the networks as wpa_config_read() does: a value is all that follows the first `=`."""
    networks: list[dict[str, str]] = []
    for line in content.split("\n"):
        text = line.strip()
        if text == "network={":
            networks.append({})
        elif networks and "=" in text:
            word, _, value = text.partition("=")
            assert word not in networks[-1]
            networks[-1][word] = value
        else:
            assert text in ("", "}") or text.startswith(("#", "ctrl_interface=")), line
    return networks


def value_of(text: str) -> str:
    """Read a value as wpa_config_parse_string() does; a quotation ends at its last quote."""
    if text.startswith('"'):
        assert text.endswith('"') and len(text) > 1
        return text[1:-1]
    return bytes.fromhex(text).decode()


@given(TEXT, TEXT, TEXT)
@example('"', "#", '" }')
@example("a=b", "psk=file:/etc/x", "x\n}\nnetwork={")
@example("hash:00", "ext:x", 'P"x"')
@settings(max_examples=300, deadline=None)
def test_texts_arrive_or_are_refused(name: str, identity: str, password: str) -> None:
    document = {
        "version": 1,
        "interfaces": {
            "wlan0": {
                "type": "wifi",
                "access-points": {
                    name: {
                        "auth": {
                            "key-management": "eap",
                            "method": "peap",
                            "identity": identity,
                            "password": password,
                        }
                    },
                    "shared": {"password": f"password{password}"},
                },
            }
        },
    }
    output = compile_text(json.dumps(document, ensure_ascii=False), target="networkd", name="h")
    if not output.files:
        assert all(d.code < "VN2" for d in output.diagnostics)
        return
    (file,) = (file for file in output.files if file.path == PATH)
    assert file.mode == 0o600
    one, shared = settings_of(file.content)
    assert value_of(one["ssid"]) == name
    assert value_of(one["identity"]) == identity
    assert value_of(one["password"]) == password
    assert shared["psk"] == f'"password{password}"'
    assert all(
        password not in other.content
        for other in output.files
        if other is not file and len(password) > 8
    )


@pytest.mark.parametrize(
    ("password", "written"),
    [
        ("hunter2-hunter2", '"hunter2-hunter2"'),
        ("0123456789abcdef" * 4, "0123456789abcdef" * 4),  # 64 digits: the key itself
        ("0123456789abcdeg" * 4, '"' + "0123456789abcdeg" * 4 + '"'),
        ('a"; touch x # $(x)', '"a"; touch x # $(x)"'),
    ],
)
def test_passwords_of_files_are_put_in(tmp_path: Path, password: str, written: str) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{password}\nsecond line\n")
    document = (
        "version: 1\ninterfaces: {wlan0: {type: wifi, access-points: "
        f"{{home: {{password: {{file: {secret}}}}}}}}}}}\n"
    )
    files = {file.path: file.content for file in compile_text(document, target="networkd").files}
    script, config, out = (tmp_path / name for name in ("script", "config", "out"))
    script.write_text(files["/etc/vnetc/wpa-passwords.sh"])
    config.write_text(files[PATH])
    subprocess.run(["/bin/sh", script, config, out], check=True, cwd=tmp_path)
    assert settings_of(out.read_text())[0]["psk"] == written
