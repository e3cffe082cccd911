"""The command line: what it takes, prints and answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vnetc._version import __version__
from vnetc.backends import REGISTRY
from vnetc.cli import main
from vnetc.model.codes import CODES
from vnetc.report import FORMATS
from vnetc.schema import schema_text

from tests.support.streams import NOWHERE, unheard

GOOD = "version: 1\nhost: {host}\ninterfaces: {{eth0: {{dhcp4: true}}}}\n"
BAD = "version: 1\nhots: kvm1\ninterfaces: {eth0: {mtu: 1}}\n"
WARNS = "version: 1\ninterfaces: {br0: {type: bridge, dhcp4: true}}\n"
REFUSED = "version: 1\ninterfaces: {eth0: {dhcp6: true, dhcp4: true}}\n"
HOOKS = "version: 1\ninterfaces: {eth0: {raw: {ifupdown: {up: [reboot]}}}}\n"
NETWORK = "etc/systemd/network/05-eth0.network"
MANIFEST = ".vnetc-manifest.json"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test in a folder of its own, in an environment that asks for nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def spec(name: str = "kvm1.vnet.yaml", text: str = GOOD, host: str = "kvm1") -> str:
    """Write a document; give its name."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.format(host=host) if text is GOOD else text)
    return name


class Run:
    """A command that ran in this process: exit code and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def _run(*arguments: str) -> Run:
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse's way
            code = int(stop.code or 0)
        return Run(code, *capsys.readouterr())

    return _run


def process(
    *arguments: str, shell: str = '"$@"', env: dict[str, str] | None = None, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own, `shell` saying what happens to its streams."""
    return subprocess.run(
        ["bash", "-c", shell, "bash", sys.executable, "-m", "vnetc", *arguments],
        check=False,
        env={**os.environ, **(env or {})},
        input=given,
        capture_output=True,
        timeout=60,
    )


# --- exit codes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        (GOOD, "check", 0),
        (BAD, "check", 1),
        (BAD, "check --exit-zero", 0),
        (WARNS, "check", 0),
        (WARNS, "check --strict", 1),
        (WARNS, "check --strict --exit-zero", 0),
        (REFUSED, "check", 0),
        (REFUSED, "check --target ifupdown", 1),
        (REFUSED, "check --target ifupdown --allow VN501", 0),
        (REFUSED, "check --target ifupdown --allow VN501 --strict", 1),
        (HOOKS, "check --target ifupdown", 1),
        (HOOKS, "check --target ifupdown --allow-hooks", 0),
        (HOOKS, "check --target ifupdown --allow VN504", 0),
        (HOOKS, "check --target networkd", 0),
        (GOOD, "compile --target networkd", 0),
        (GOOD, "compile -t networkd --target-version 257", 0),
        (GOOD, "compile -t networkd --target-version 12", 1),
        (GOOD, "compile", 1),
        (BAD, "compile -t networkd", 1),
        (BAD, "compile -t networkd -o out", 1),
        (BAD, "compile -t networkd -o out --exit-zero", 2),
        (GOOD, "compile -t networkd -o out --check", 1),
        (GOOD, "compile -t networkd -o out --diff", 1),
        (GOOD, "compile -t networkd --check", 2),
        (GOOD, "compile -t networkd --diff", 2),
        (GOOD, "compile -t networkd --allow VN301", 2),
        (GOOD, "compile -t networkd --allow VN999", 2),
        (GOOD, "compile -t cisco", 2),
        (GOOD, "check --output-format yaml", 2),
        (GOOD, "check --colour", 2),
    ],
)
def test_exit_codes(run: Any, text: str, arguments: str, code: int) -> None:
    found = run(*arguments.split(), spec(text=text))
    assert found.code == code, found.err
    assert "Traceback" not in found.err
    if code == 2 and "--exit-zero" not in arguments:
        assert found.err.startswith("error: ") and not found.out
        assert not Path("out").exists()


@pytest.mark.parametrize("arguments", ["", "check", "compile", "frobnicate", "check --target"])
def test_missing_arguments(run: Any, arguments: str) -> None:
    found = run(*arguments.split())
    assert found.code == 2
    assert "--help" in found.err


@pytest.mark.parametrize("command", ["", "check", "compile", "explain", "targets", "schema"])
def test_help(run: Any, command: str) -> None:
    found = run(*command.split(), "--help")
    assert found.code == 0
    assert "usage: vnetc" in found.out and "exit codes: 0" in found.out


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(run: Any, option: str) -> None:
    assert run(option).out == f"vnetc {__version__}\n"
    assert run("check", option).code == 2


# --- documents ------------------------------------------------------------------------------------


def test_standard_input() -> None:
    done = process("compile", "-t", "networkd", "-", given=GOOD.format(host="kvm7").encode())
    assert done.returncode == 0
    assert done.stdout.startswith(b"# kvm7: made by vnetc")


def test_standard_input_has_a_name_in_reports() -> None:
    done = process("check", "-", "--stdin-filename", "hosts/kvm7.vnet.yaml", given=BAD.encode())
    assert done.returncode == 1
    assert b"hosts/kvm7.vnet.yaml:2:1" in done.stdout
    assert b"<stdin>:2:1" in process("check", "-", given=BAD.encode()).stdout


def test_standard_input_names_the_host() -> None:
    text = b"version: 1\ninterfaces: {eth0: {}}\n"
    named = process("compile", "-t", "networkd", "-", "--stdin-filename", "kvm7.yml", given=text)
    assert named.stdout.startswith(b"# kvm7: ")
    assert process("compile", "-t", "networkd", "-", given=text).stdout.startswith(b"# host: ")


@pytest.mark.parametrize(
    "name", ["kvm7.vnet.yaml", "kvm7.vnet.yml", "kvm7.yaml", "kvm7", "a/kvm7.yml"]
)
def test_the_file_names_the_host(run: Any, name: str) -> None:
    found = run("compile", "-t", "networkd", spec(name, "version: 1\ninterfaces: {eth0: {}}\n"))
    assert found.out.startswith("# kvm7: ")


def test_directories_are_searched(run: Any) -> None:
    for name in ("a.vnet.yaml", "deep/er/b.vnet.yml", "c.yaml", "d.vnet.yaml.orig", ".vnet.yaml"):
        spec(f"hosts/{name}", host=name[0].replace(".", "x"))
    found = run("check", "--output-format", "json", "hosts", spec("hosts/c.yaml", BAD))
    assert "in 3 files" in run("check", "hosts", "hosts/c.yaml").err
    assert {finding["file"] for finding in json.loads(found.out)} == {"hosts/c.yaml"}


def test_a_directory_without_documents(run: Any) -> None:
    Path("empty").mkdir()
    assert run("check", "empty").err == "error: no *.vnet.yaml file below empty\n"


def test_a_document_given_twice_is_read_once(run: Any) -> None:
    name = spec()
    assert "in 1 file\n" in run("check", name, name).err


def test_unreadable_documents(run: Any) -> None:
    spec("locked.yaml")
    Path("locked.yaml").chmod(0)
    names = ["nowhere.yaml", "a\0b", "kvm1.vnet.yaml/x"]
    if os.geteuid() != 0:
        names.append("locked.yaml")
    for name in names:
        found = run("check", spec(), name)
        assert found.code == 2
        assert found.err.startswith("error: cannot read ") and found.err.count("\n") == 1


def test_a_name_cannot_write_to_the_terminal(run: Any) -> None:
    found = run("check", "a\x1b]0;x\a\nb")
    assert found.err == "error: cannot read a\\x1b]0;x\\x07\\nb: No such file or directory\n"


def test_a_name_that_is_not_utf8() -> None:
    name = os.fsdecode(b"n\xff.vnet.yaml")
    spec(name, BAD)
    for format in FORMATS:
        done = process("check", "--output-format", format, name)
        assert done.returncode == 1 and b"VN101" in done.stdout
        done.stdout.decode()


def test_all_documents_are_reported(run: Any) -> None:
    found = run("check", "--output-format", "concise", spec("a.yaml", BAD), spec("b.yaml", BAD))
    assert [line.split(":")[0] for line in found.out.splitlines()] == [
        *["a.yaml"] * 2,
        *["b.yaml"] * 2,
    ]
    assert found.err == "4 errors in 2 files\n"


def test_one_host_in_two_documents(run: Any) -> None:
    for options in ([], ["-o", "out"]):
        found = run("compile", "-t", "networkd", *options, spec("a.yaml"), spec("b.yaml"))
        assert found.code == 2
        assert found.err == "error: a.yaml and b.yaml describe one host, `kvm1`\n"
    assert not Path("out").exists()


# --- output ---------------------------------------------------------------------------------------


def test_a_single_file_is_printed_as_it_is(run: Any) -> None:
    found = run("compile", "-t", "networkd", spec())
    assert found.out.startswith("# kvm1: made by vnetc") and "# ==>" not in found.out
    assert found.err == ""


def test_several_files_have_a_line_before_each(run: Any) -> None:
    text = "version: 1\ninterfaces: {br0: {type: bridge, vlan-filtering: true}}\n"
    lines = run("compile", "-t", "netplan", spec(text=text)).out.splitlines()
    heads = [line for line in lines if line.startswith("# ==> ")]
    assert heads[0] == "# ==> /etc/netplan/50-vnetc.yaml (0600)"
    assert len(heads) > 1 and all(head.endswith((" (0600)", " (0644)")) for head in heads)


def test_files_of_several_hosts_have_the_host_before_each(run: Any) -> None:
    names = [spec(f"{host}.yaml", host=host) for host in ("a", "b")]
    lines = run("compile", "-t", "networkd", *names).out.splitlines()
    heads = [line for line in lines if line.startswith("# ==> ")]
    assert heads == [f"# ==> {host}/{NETWORK} (0644)" for host in ("a", "b")]


def test_json(run: Any) -> None:
    found = run("compile", "-t", "netplan", "--format", "json", spec(text=WARNS))
    output = json.loads(found.out)
    about = ["host", "target", "system", "packages", "notes"]
    assert list(output) == [*about, "files", "next", "diagnostics"]
    assert [output[key] for key in about] == ["kvm1", "netplan", "debian-12", [], []]
    assert [list(file) for file in output["files"]] == [["path", "mode", "content"]]
    assert output["files"][0]["mode"] == "0600"
    assert [d["code"] for d in output["diagnostics"]] == ["VN408"]
    assert "VN408" in found.err


def test_json_of_several_hosts_is_a_list(run: Any) -> None:
    names = [spec(f"{host}.yaml", host=host) for host in ("a", "b")]
    outputs = json.loads(run("compile", "-t", "networkd", "--format", "json", *names).out)
    assert [output["host"] for output in outputs] == ["a", "b"]


def test_json_of_a_bad_document_has_no_files(run: Any) -> None:
    found = run("compile", "-t", "networkd", "--format", "json", spec(text=BAD))
    output = json.loads(found.out)
    assert found.code == 1
    assert output["files"] == []
    assert {d["code"] for d in output["diagnostics"]} == {"VN101", "VN105"}


def test_the_documents_own_target(run: Any) -> None:
    text = "version: 1\ntarget: {name: networkd, version: 249}\ninterfaces: {eth0: {}}\n"
    name = spec(text=text)
    assert json.loads(run("compile", "--format", "json", name).out)["target"] == "networkd"
    found = run("compile", "--format", "json", "--target", "netplan", name)
    assert json.loads(found.out)["target"] == "netplan"


def test_what_to_do_begins_with_what_is_needed(run: Any) -> None:
    text = "{version: 1, host: h, interfaces: {eth0: {dhcp4: true}, v0: {type: vrf, table: 9}}}"
    version = ("--target-version", "debian-13")
    lines = run("compile", "-t", "ifupdown2", *version, "-o", "out", spec(text=text)).err
    assert lines.splitlines()[:4] == [
        "out: 1 new",
        "next, on h:",
        "  needs isc-dhcp-client",
        "  once: mkdir -p /etc/iproute2/rt_tables.d (without it ifreload exits with 1)",
    ]


def test_files_of_others_speak_too_if_they_are_read(run: Any) -> None:
    text = "version: 1\nhost: h\ninterfaces: {eth0: {dhcp4: true}}\n"
    said = "foreign-files: read\n"
    last = [
        run("compile", "-t", "ifupdown", "-o", f"out{n}", spec(text=text + word)).err.splitlines()
        for n, word in enumerate(("", said))
    ]
    (*_, others, unread), (*_, read) = last
    assert others.endswith(": /etc/netplan/*.yaml, /etc/systemd/network/*.network")
    assert (
        unread == "  these are not read without `foreign-files: read`: /etc/network/interfaces.d/*"
    )
    assert ": /etc/network/interfaces.d/*, /etc/netplan/*.yaml, " in read


def test_a_tree_is_written_and_kept_up_to_date(run: Any) -> None:
    name = spec()
    first = run("compile", "-t", "networkd", "-o", "out", name)
    assert (first.code, first.out) == (0, "")
    new, host, step, *_ = first.err.splitlines()
    assert (new, host) == ("out: 1 new", "next, on kvm1:")
    assert step.startswith("  networkctl reload  # interrupts ")
    assert Path("out", NETWORK).read_text().startswith("# kvm1: ")
    again = run("compile", "-t", "networkd", "-o", "out", "--check", name)
    assert (again.code, again.err) == (0, "out: 1 unchanged (nothing written)\n")
    spec(text="version: 1\nhost: kvm1\ninterfaces: {eth1: {}}\n")
    changed = run("compile", "-t", "networkd", "-o", "out", "--check", name)
    assert (changed.code, changed.err) == (1, "out: 1 new, 1 removed (nothing written)\n")
    assert Path("out", NETWORK).exists()
    diff = run("compile", "-t", "networkd", "-o", "out", "--diff", name)
    assert diff.code == 1
    assert "-Name=eth0" in diff.out and "+Name=eth1" in diff.out
    assert run("compile", "-t", "networkd", "-o", "out", name).code == 0
    assert not Path("out", NETWORK).exists()


def test_several_hosts_have_a_folder_each(run: Any) -> None:
    names = [spec(f"{host}.yaml", host=host) for host in ("a", "b")]
    assert run("compile", "-t", "networkd", "-o", "out", *names).code == 0
    assert Path("out/a", NETWORK).exists() and Path("out/b", NETWORK).exists()


def test_one_bad_host_keeps_all_from_being_written(run: Any) -> None:
    found = run(
        "compile", "-t", "networkd", "-o", "out", spec("a.yaml", host="a"), spec("b.yaml", BAD)
    )
    assert found.code == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("directory", "message"),
    [
        ("", "error: -o wants a directory; `.` is this one\n"),
        ("kvm1.vnet.yaml", "error: nothing was written: kvm1.vnet.yaml: Not a directory\n"),
        ("/proc/vnetc", "error: nothing was written: "),
    ],
)
def test_directories_that_cannot_be(run: Any, directory: str, message: str) -> None:
    found = run("compile", "-t", "networkd", "-o", directory, spec())
    assert found.code == 2
    assert found.err.startswith(message)


# --- reports --------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("text", [GOOD, BAD], ids=["good", "bad"])
def test_formats(run: Any, format: str, text: str) -> None:
    found = run("check", "--output-format", format, spec(text=text))
    assert found.code == (1 if text is BAD else 0)
    assert ("VN101" in found.out) is (text is BAD)
    if format in ("json", "sarif"):
        json.loads(found.out)


def test_reports_of_compile_leave_standard_output_to_the_files(run: Any) -> None:
    found = run("compile", "-t", "networkd", spec(text=WARNS))
    assert "VN408" in found.err and "VN408" not in found.out
    assert found.out.startswith("# ==> ")


def test_github_actions(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = spec(text=BAD)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run("check", name).out.startswith("::error ")
    assert run("check", "--output-format", "concise", name).out.startswith("kvm1.vnet.yaml:")
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    assert run("check", name).out.startswith("error[")


@pytest.mark.parametrize(
    ("environment", "option", "colored"),
    [
        ({}, [], False),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
        ({"NO_COLOR": "1"}, ["--color", "always"], True),
        ({}, ["--color", "always"], True),
        ({"FORCE_COLOR": "1"}, ["--output-format", "json"], False),
    ],
)
def test_color(
    run: Any, monkeypatch: pytest.MonkeyPatch, environment: Any, option: list[str], colored: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in run("check", *option, spec(text=BAD)).out) is colored


# --- the other commands ---------------------------------------------------------------------------


def test_explain_lists_all_codes(run: Any) -> None:
    lines = run("explain").out.splitlines()
    assert [line.split()[0] for line in lines] == list(CODES)


def test_explain(run: Any) -> None:
    assert run("explain", "vn301").out.startswith("# VN301")
    pages = run("explain", "VN301", "VN302").out
    assert "# VN301" in pages and "\n\n# VN302" in pages
    unknown = run("explain", "VN399")
    assert unknown.code == 2 and unknown.err.startswith("error: there is no code 'VN399'; VN3")


def test_targets(run: Any) -> None:
    text = run("targets").out
    assert all(f"{name}: " in text for name in REGISTRY)
    assert "interface.mtu" in text
    one = run("targets", "networkd").out
    assert re.search(r"^interface.mtu +exact +\[Link\] MTUBytes=$", one, re.MULTILINE)
    assert list(json.loads(run("targets", "--format", "json").out)) == list(REGISTRY)
    assert run("targets", "--format", "markdown").out.startswith("| key | ifupdown |")
    assert run("targets", "cisco").code == 2


def test_schema(run: Any) -> None:
    assert run("schema").out == schema_text()


# --- streams --------------------------------------------------------------------------------------


def test_a_reader_that_goes_away() -> None:
    done = process("targets", "--format", "json", shell='"$@" | head -1; exit "${PIPESTATUS[0]}"')
    assert done.stdout == b"{\n"
    assert (done.returncode, done.stderr) == (2, b"")


@pytest.mark.parametrize("command", ["--version", "targets", "explain", "schema", "check x.yaml"])
def test_a_full_disk(command: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    spec("x.yaml", BAD)
    done = process(*command.split(), shell='"$@" > /dev/full')
    assert done.returncode == 2
    assert done.stderr == b"error: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams(closed: str) -> None:
    spec("x.yaml", BAD)
    done = process("check", "x.yaml", "-", shell=f'"$@" {closed}')
    assert done.returncode == 1
    assert b"VN901" not in done.stdout + done.stderr


@pytest.mark.parametrize("gone", [(1,), (2,), (1, 2)], ids=["stdout", "stderr", "both"])
@pytest.mark.parametrize("what", NOWHERE)
@pytest.mark.parametrize(
    ("command", "codes"),
    [  # if standard output is gone, or standard error
        ("--version", (2, 0)),
        ("--help", (2, 0)),
        ("frobnicate", (2, 2)),
        ("check good.yaml", (0, 0)),
        ("check bad.yaml", (2, 1)),
        ("check none.yaml", (2, 2)),
        ("compile good.yaml --target networkd", (2, 0)),
        ("compile good.yaml --target networkd --output out", (0, 0)),
        ("compile bad.yaml --target networkd", (1, 1)),
        ("explain VN301", (2, 0)),
        ("explain VN399", (2, 2)),
        ("targets", (2, 0)),
        ("schema", (2, 0)),
        ("apply bad.yaml", (2, 2)),
        ("plan good.yaml --netns vnetc-none", (2, 2)),
        ("apply good.yaml --netns vnetc-none", (2, 2)),
        ("drift good.yaml --netns vnetc-none", (2, 2)),
        ("confirm --netns vnetc-none", (2, 2)),
        ("rollback --netns vnetc-none", (2, 2)),
    ],
)
def test_nobody_to_write_to(
    command: str, codes: tuple[int, int], what: Callable[[], int], gone: tuple[int, ...]
) -> None:
    """No other exit code than those documented: Python's own for it is 120."""
    spec("good.yaml"), spec("bad.yaml", BAD)
    done = unheard([sys.executable, "-m", "vnetc", *command.split()], what(), gone)
    assert done.returncode == max(codes[stream - 1] for stream in gone)
    said = (done.stdout or b"") + (done.stderr or b"")
    assert b"Traceback" not in said and b"Exception" not in said and b"VN901" not in said


def test_utf8_whatever_the_locale() -> None:
    text = "version: 1\ninterfaces: {eth0: {description: grün}}\n"
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = process("compile", "-t", "networkd", spec(text=text), env=environment)
    assert done.returncode == 0
    assert "Description=grün\n" in done.stdout.decode()
    done = process("check", spec(text="version: 1\ngrün: 1\n"), env=environment)
    assert "unknown key `grün`" in done.stdout.decode()


def test_a_fault_of_vnetc_itself(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("no\x1bway")

    monkeypatch.setattr("vnetc.cli.check.check_text", fail)
    found = run("check", spec())
    assert found.code == 2
    assert found.err.startswith(
        "error[VN901]: a fault of vnetc itself: RuntimeError at test_cli.py:"
    )
    # an exception may quote the document, and with it a secret
    assert "way" not in found.err and "Traceback" not in found.err
