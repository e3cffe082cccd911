"""Secrets stay out of diffs: of each changed file, the lines that hold one and what is shown instead.

What is on the disk may hold a secret that no document knows any more, so it is not the document that says
what is secret but the place in the file: the key of YAML, the option of a line. A file that only root may
read and of which this module does not know the format is a secret from end to end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from vnetc.report.secret_keys import names_secret
from vnetc.report.secrets import Secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.output.tree import Change

MASK = "***"
# wpa_supplicant.conf(5): what says who talks to whom, and how. All else may be a password or a key.
_WPA_HARMLESS = frozenset(
    (
        *("ctrl_interface", "country", "wowlan_triggers", "ap_scan", "update_config", "network"),
        *("ssid", "bssid", "mode", "scan_ssid", "freq_list", "frequency", "priority", "disabled"),
        *(
            "key_mgmt",
            "ieee80211w",
            "proto",
            "pairwise",
            "group",
            "eap",
            "identity",
            "phase1",
            "phase2",
        ),
        *("anonymous_identity", "ca_cert", "client_cert", "private_key", "eapol_flags"),
    )
)
# An option and its value, perhaps commented out; `wpa-psk x` in interfaces(5), `Key=x` in systemd.syntax(7).
_OPTION = re.compile(
    r"(?P<head>\s*[#;]?\s*(?P<name>[A-Za-z][A-Za-z0-9_-]*)\s*[=:\s]\s*)(?P<value>\S.*)"
)
_BY_NAME = (
    "file:/"  # where a secret is to be found, in what vnetc writes (vnetc.backends.services.wpa)
)


def masked(change: Change) -> dict[str, str]:
    """Give what to show of a change instead of those of its lines that hold secrets."""
    contents = [content for content in (change.before, change.after) if content is not None]
    mask = _mask(change.path, any(not mode & 0o077 for _, mode in contents))
    texts = [content.decode(errors="replace").split("\n") for content, _ in contents]
    return {
        line: shown
        for lines in texts
        for line, shown in zip(lines, mask(lines), strict=True)
        if line != shown
    }


def _mask(path: str, is_private: bool) -> Callable[[list[str]], Iterator[str]]:
    if path.endswith((".yaml", ".yml")):
        return _yaml
    if "/wpa_supplicant/" in f"/{path}":
        return _wpa
    return _whole if is_private else _options


def _yaml(lines: list[str]) -> Iterator[str]:
    if any("\r" in line for line in lines):  # of which YAML makes other lines
        return _whole(lines)
    secrets = Secrets(lines, (), hidden=MASK)
    return (secrets.line(number) for number in range(1, len(lines) + 1))


def _wpa(lines: list[str]) -> Iterator[str]:
    for line in lines:
        option = _OPTION.fullmatch(line)
        if option is None or option["value"].startswith(_BY_NAME):
            yield line
        elif line.lstrip()[:1] == "#":
            yield from _options([line])
        else:
            yield line if option["name"] in _WPA_HARMLESS else f"{option['head']}{MASK}"


def _options(lines: list[str]) -> Iterator[str]:
    for line in lines:
        option = _OPTION.fullmatch(line)
        if option is not None and names_secret(option["name"]):
            yield f"{option['head']}{MASK}"
        else:
            yield line


def _whole(lines: list[str]) -> Iterator[str]:
    return (line and MASK for line in lines)
