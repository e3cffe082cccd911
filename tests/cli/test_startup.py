"""Start-up is a feature: what a command imports, and what it must not."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
import vnetc
from vnetc.backends import REGISTRY

SPEC = """\
version: 1
interfaces:
  eth0: {addresses: [192.0.2.2/24], routes: [{to: default, via: 192.0.2.1}]}
networks:
  vms: {mode: nat, subnet: 192.168.122.0/24}
"""
# Each costs more than a tenth of a compilation (docs/adr/0004), or belongs to another command.
HEAVY = frozenset(
    {
        "asyncio",
        "dataclasses",
        "importlib.metadata",
        "importlib.resources",
        "inspect",
        "jsonschema",
        "logging",
        "pyroute2",
        "ruamel.yaml.main",
        "shutil",
        "socket",
        "subprocess",
        "tempfile",
        "typing",
        "urllib.parse",
    }
)
_DUMP = """
import sys
sys.argv[:] = ["vnetc", *sys.argv[1:]]
from vnetc.cli import main
code = main()
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


def modules(*arguments: str) -> set[str]:
    """Run a command without `site`'s additions; give the modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", _DUMP, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def bare() -> set[str]:
    """Give the modules of an interpreter that does nothing."""
    program = "import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return set(done.stdout.decode().split())


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "kvm1.vnet.yaml"
    path.write_text(SPEC)
    return str(path)


def test_version_imports_next_to_nothing() -> None:
    assert {name for name in modules("--version") - bare() if "vnetc" in name} == {
        "vnetc",
        "vnetc._version",
        "vnetc.cli",
    }
    assert "argparse" not in modules("--version") - bare()


@pytest.mark.parametrize("target", REGISTRY)
def test_compile_imports_nothing_heavy(target: str, spec: str) -> None:
    # netlink's own vocabulary has addresses as the kernel does (inet_pton)
    heavy = HEAVY - {"socket"} if target == "netlink" else HEAVY
    assert not (modules("compile", spec, "--target", target) - bare()) & heavy


@pytest.mark.parametrize(
    "command", [["check"], ["check", "--strict"], ["compile", "-t", "netplan"]]
)
def test_a_clean_document_needs_no_explanations(command: list[str], spec: str) -> None:
    loaded = modules(*command, spec)
    assert not (loaded - bare()) & HEAVY
    assert "difflib" not in loaded


def test_only_the_target_asked_for_is_imported(spec: str) -> None:
    loaded = modules("compile", spec, "--target", "networkd")
    assert not {name for name in loaded if "backends.ifupdown" in name or "netplan" in name}


def test_the_probe_sees_imports(tmp_path: Path) -> None:
    """The tests above can fail: an unknown key makes jsonschema explain itself."""
    path = tmp_path / "bad.vnet.yaml"
    path.write_text("version: 1\nhots: x\n")
    loaded = modules("check", "--exit-zero", str(path))
    assert {"jsonschema", "difflib"} <= loaded


@pytest.mark.parametrize("name", vnetc.__all__)
def test_public_names_are_there(name: str) -> None:
    assert getattr(vnetc, name) is not None


def test_there_is_no_other_public_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'compile'"):
        _ = vnetc.compile  # type: ignore[attr-defined]


def test_the_example_of_the_package_is_true() -> None:
    result = doctest.testmod(vnetc)
    assert result.attempted and not result.failed
