"""What apply does not begin: it says why before it changes anything.

Each test has a network namespace of its own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .host import AFTER, BEFORE, Host, done

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_a_namespace_that_is_not_there(host: Host) -> None:
    for command in (["plan", host.document(AFTER)], ["apply", host.document(AFTER)], ["confirm"]):
        result = subprocess.run(
            [*host.command(*command), "--netns", f"{host.name}-none"],
            capture_output=True,
            check=False,
            text=True,
        )
        done(result, 2, "VN602")
    assert not Path(f"/run/netns/{host.name}-none").exists()
    assert os.listdir(host.home) == ["h.vnet.yaml"]


@pytest.mark.parametrize("name", ["", "..", "../../proc/self/ns/net", "a/b"])
def test_a_name_that_leads_elsewhere(name: str, host: Host) -> None:
    words = [*host.command("plan", host.document(AFTER)), "--netns", name]
    done(subprocess.run(words, capture_output=True, check=False, text=True), 2, "VN602")


def test_without_privilege_nothing_begins(host: Host) -> None:
    host.home.chmod(0o755)
    before = host.state()
    words = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    for command in (["apply", host.document(AFTER)], ["rollback"], ["confirm"]):
        result = subprocess.run(
            ["ip", "netns", "exec", host.name, *words, *host.command(*command)],
            capture_output=True,
            check=False,
            text=True,
        )
        done(result, 2, "VN601")
    assert host.state() == before
    assert os.listdir(host.home) == ["h.vnet.yaml"]


def test_a_session_is_not_cut_off_unless_that_is_wanted(host: Host) -> None:
    done(host.apply(BEFORE, inside=True), 0)
    before = host.state()
    session = {"SSH_CONNECTION": "192.0.2.77 50000 192.0.2.1 22"}
    result = host.apply(AFTER, inside=True, env=session)
    done(result, 2, "VN605", "192.0.2.77", "--confirm-within")
    assert host.state() == before
    done(host.apply(BEFORE, inside=True, env=session), 0)
    done(host.apply(AFTER, "--confirm-within", "60", inside=True, env=session), 0)
    done(host.run("rollback", inside=True), 0)
    assert host.state() == before
    done(host.apply(AFTER, "--yes", inside=True, env=session), 0)


_OPTIONS = {"vrf": ("table", "9")}


@pytest.mark.parametrize("kind", ["dummy", "vrf", "ifb", "bridge"])
def test_what_the_kernel_lacks_is_found_before_the_first_change(kind: str, host: Host) -> None:
    known = subprocess.run(
        ["ip", "-n", host.name, "link", "add", "probe", "type", kind, *_OPTIONS.get(kind, ())],
        capture_output=True,
        check=False,
    )
    if known.returncode == 0:
        host.ip("link delete probe")
    before = host.state()
    more = ", table: 9" if kind == "vrf" else ""
    result = host.apply(f"version: 1\ninterfaces:\n  x0: {{type: {kind}{more}}}\n")
    if known.returncode == 0:
        done(result, 0)
    else:
        done(result, 2, "VN603", f"`{kind}`", "yaml:3")
        assert host.state() == before


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ("--confirm-within 0", "--confirm-within"),
        ("--confirm-within soon", "--confirm-within"),
        ("--confirm-within 25h", "--confirm-within"),
        ("--probe nobody", "probe"),
        ("--probe none --probe ping:192.0.2.1", "none"),
        ("--target-version 252", "--target"),
    ],
)
def test_options_that_make_no_sense(
    options: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from vnetc.cli import main

    path = tmp_path / "h.vnet.yaml"
    path.write_text(AFTER)
    assert main(["apply", str(path), *options.split()]) == 2
    assert word in capsys.readouterr().err


def test_a_document_with_mistakes_is_not_applied(host: Host) -> None:
    before = host.state()
    for command in ("plan", "apply", "drift"):
        done(
            host.run(command, host.document(AFTER + "  br2: {type: bridge, mtoo: 1}\n")), 2, "VN101"
        )
    assert host.state() == before
