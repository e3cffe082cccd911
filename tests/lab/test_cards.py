"""What the programs say that read the settings of cards, where no card is there to obey.

wpa_supplicant reads each file that is written for it, and says what it has understood; ethtool(8)
and ip(8) take each command apart before they ask the card.
"""

from __future__ import annotations

import re

import pytest
import vnetc

from tests.support.card_rows import card_rows

from .case import GENERATIONS
from .machines import tier, tree
from .runner.boot import File

LOSSES = ("VN501", "VN502", "VN503")
# Names and passwords that would end a quotation, a line, a block or a comment if they could.
TEXTS = (
    "plain words",
    'a"b',
    '"',
    '" #',
    "back\\slash\\",
    "#hash",
    "a=b",
    "  psk=file:/etc/shadow",
    "}",
    "$(reboot) `reboot` %s %i",
    "Café ☕",
    "'single' \"double\"",
)
START = "wpa_supplicant -B -P /run/wpa.pid -i lo -D none -c {}"
STOP = (
    "{ until [ -s /run/wpa.pid ]; do sleep 0.01; done; kill $(cat /run/wpa.pid); "
    "while [ -e /run/wpa.pid ]; do sleep 0.01; done; }"
)
ASK = "wpa_cli -p /run/wpa_supplicant -i lo get_network {} {}"
PATH = "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf"


def files(text: str, target: str = "networkd", version: str = "257") -> tuple[vnetc.File, ...]:
    output = vnetc.compile_text(
        f"version: 1\n{text}\n", name="h", target=target, version=version, allow=LOSSES
    )
    return output.files


def documents() -> list[str]:
    return [text.replace("@", value) for _, (text, *values) in card_rows() for value in values]


def quoted(text: str) -> str:
    """Spell a text for YAML."""
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.lab
@pytest.mark.parametrize("generation", GENERATIONS)
def test_wpa_supplicant_reads_what_is_written(generation: str, root: None) -> None:
    if generation == tree.TESTING and "nl80211" in tier.kernel_lacks():
        pytest.skip("lab: wpa_supplicant 2.11 ends where the kernel has no nl80211")
    written = {
        file.content: file
        for document in documents()
        for file in files(document)
        if file.path.startswith("/etc/wpa_supplicant/")
    }
    assert len(written) > 30
    given: list[File] = []
    lines: list[str] = []
    for number, content in enumerate(written):
        path = f"/etc/wpa/{number}.conf"
        given.append(File(path, re.sub(r"=file:.*", '="a password"', content), 0o600))
        lines.append(f"{START.format(path)} && {STOP}")
    wrong = File("/etc/wpa/wrong.conf", "network={\n  identity=alice\n}\n", 0o600)
    lines.append(f"! {START.format(wrong.path)}")
    job = tier.commands(f"wpa@{generation}", *lines, files=(*given, wrong), generation=generation)
    result = tier.quick([job], name=f"wpa-{generation}").results[job.id]
    assert not result.error and not result.failures


@pytest.mark.lab
def test_wpa_supplicant_reads_the_texts(root: None) -> None:
    """Whatever a name or a password is, it arrives, and does nothing else."""
    points = "".join(
        f"      {quoted(text)}: {{auth: {{key-management: eap, method: peap, "
        f"identity: {quoted(text)}, password: {quoted('pass' + text)}}}}}\n"
        for text in TEXTS
    )
    points += "".join(
        f"      psk{number}: {{password: {quoted('password' + text)}}}\n"
        for number, text in enumerate(TEXTS)
    )
    document = f"interfaces:\n  wlan0:\n    type: wifi\n    access-points:\n{points}"
    (file,) = (f for f in files(document) if f.path == PATH)
    lines = [START.format(PATH)]
    for number, text in enumerate(TEXTS):
        for word in ("ssid", "identity"):
            shown = f'"{text}"' if text.isascii() else text.encode().hex()
            lines.append(f'[ "$({ASK.format(number, word)})" = {shell(shown)} ]')
    for number in range(len(TEXTS), 2 * len(TEXTS)):
        shown = f'"psk{number - len(TEXTS)}"'
        lines.append(f'[ "$({ASK.format(number, "ssid")})" = {shell(shown)} ]')
        lines.append(f'[ "$({ASK.format(number, "psk")})" = "*" ]')
    lines.append(f'[ "$({ASK.format(2 * len(TEXTS), "ssid")})" = FAIL ]')
    job = tier.commands("wpa-texts", *lines, files=(File(file.path, file.content, file.mode),))
    result = tier.quick([job], name="wpa-texts").results[job.id]
    assert not result.error and not result.failures


def shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.lab
def test_passwords_of_files_arrive(root: None) -> None:
    """The script puts the first line of a file where the document names the file."""
    document = (
        "interfaces: {wlan0: {type: wifi, access-points: {"
        "a: {password: {file: /etc/pw}}, b: {auth: {key-management: eap, method: peap, "
        "identity: '=file:/etc/pw', password: {file: /etc/pw}}}}}}"
    )
    given = [File(f.path, f.content, f.mode) for f in files(document) if "wpa" in f.path]
    password = 'it\'s "100%" $HOME \\n `x` #1'
    whole = "/run/whole.conf"
    lines = (
        f"sh /etc/vnetc/wpa-passwords.sh {PATH} {whole}",
        f"[ $(stat -c %a {whole}) = 600 ]",
        f"[ $(grep -cF {shell(password)} {whole}) = 2 ]",
        START.format(whole),
        f'[ "$({ASK.format(1, "identity")})" = {shell(quotation("=file:/etc/pw"))} ]',
        f"! sh /etc/vnetc/wpa-passwords.sh {PATH} /run/none.conf || [ -s /etc/pw ]",
        f"rm /etc/pw; ! sh /etc/vnetc/wpa-passwords.sh {PATH} /run/none.conf",
    )
    job = tier.commands(
        "wpa-files", *lines, files=(*given, File("/etc/pw", f"{password}\nsecond line\n", 0o600))
    )
    result = tier.quick([job], name="wpa-files").results[job.id]
    assert not result.error and not result.failures


def quotation(text: str) -> str:
    return f'"{text}"'


@pytest.mark.lab
@pytest.mark.parametrize("generation", GENERATIONS)
def test_programs_understand_commands(generation: str, root: None) -> None:
    """What a card cannot do they say, too, but in other words than of what they do not know."""
    version = GENERATIONS[generation]["ifupdown"]
    said = {
        command.removesuffix(" || true")
        for document in documents()
        for file in files(document, "ifupdown", version)
        if file.path == "/etc/network/interfaces"
        for command in re.findall(
            r"^    pre-up ((?:ethtool|ip link set).*)$", file.content, re.MULTILINE
        )
    }
    commands = sorted({re.sub(r"\b(lan|eth0)\b", "card", command) for command in said})
    assert len(commands) > 100
    unknown = "bad command line|nknown|[Uu]sage|garbage|duplicate|Error: argument|bit name"
    lines = [
        "ip link add name card type veth peer name wire",
        "echo 02:00:00:00:00:01 >/etc/a.key; echo 02:00:00:00:00:02 >/etc/b.key",
        *(f"! {{ {command}; }} 2>&1 | grep -E {shell(unknown)}" for command in commands),
        f"ethtool -K card tx-nothing on 2>&1 | grep -E {shell(unknown)}",
        f"ethtool -C card rx-usec 7 2>&1 | grep -E {shell(unknown)}",
        f"ip link set dev card gso_max_sizes 7 2>&1 | grep -E {shell(unknown)}",
    ]
    job = tier.commands(f"ethtool@{generation}", *lines, generation=generation)
    result = tier.quick([job], name=f"ethtool-{generation}").results[job.id]
    assert not result.error and not result.failures
