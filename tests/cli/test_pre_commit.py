"""The published hooks, run by the real pre-commit in a repository of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.places import ROOT

SAMPLES = ROOT / "samples"
# What the hooks are made of: the files that pip installs vnetc from.
SOURCES = (
    ".pre-commit-hooks.yaml",
    "LICENSE",
    "README.md",
    "backends",
    "compiler",
    "pyproject.toml",
    "schema",
    "src",
)
PRE_COMMIT = Path(sys.executable).with_name("pre-commit")

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
    pytest.mark.skipif(not PRE_COMMIT.exists(), reason="pre-commit is not installed: `make dev`"),
]


@dataclass(frozen=True)
class Repository:
    """A user's repository, with the hooks of this checkout."""

    path: Path
    environment: dict[str, str]

    def run(self, *command: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            command,
            check=False,
            cwd=self.path,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def add(self, sample: str, to: str) -> None:
        (self.path / to).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / sample, self.path / to)
        self.run("git", "add", to)

    def hook(self, name: str, *, code: int = 0) -> str:
        return self.run(PRE_COMMIT, "run", name, "--all-files", code=code)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give variables for git and pre-commit that keep them off what the machine's user has."""
    home = tmp_path_factory.mktemp("home")
    who = {
        f"GIT_{role}_{what}": "test@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    own = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GITHUB_"))}
    return (
        own
        | who
        | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PRE_COMMIT_HOME": str(home),
            "PRE_COMMIT_COLOR": "never",
        }
    )


@pytest.fixture(scope="module")
def hooks(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a git repository of the working tree as it is."""
    here = Repository(tmp_path_factory.mktemp("hooks"), environment)
    for source in SOURCES:
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, here.path / source, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / source, here.path / source)
    here.run("git", "init", "--quiet")
    here.run("git", "add", ".")
    here.run("git", "commit", "--quiet", "--message", "vnetc")
    return here.path


@pytest.fixture(scope="module")
def installed(
    hooks: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Repository:
    """Give an empty repository that uses both hooks as the how-to says; pip installs vnetc once."""
    repository = Repository(tmp_path_factory.mktemp("installed"), environment)
    page = (ROOT / "docs/how-to/pre-commit.md").read_text()
    shown = page.partition("```yaml\n")[2].partition("```")[0]
    assert shown in (ROOT / "README.md").read_text().replace("output, build,", "output, generated,")
    config = shown.replace("../vnetc ", f"{hooks} ")
    (repository.path / ".pre-commit-config.yaml").write_text(config)
    repository.run("git", "init", "--quiet")
    repository.run(PRE_COMMIT, "install-hooks")
    return repository


@pytest.fixture
def repository(installed: Repository, tmp_path: Path) -> Iterator[Repository]:
    path = tmp_path / "repository"
    shutil.copytree(installed.path, path)
    copy = replace(installed, path=path)
    copy.run("git", "add", ".")
    yield copy


def test_check_passes(repository: Repository) -> None:
    repository.add("kvm-nat.vnet.yaml", "hosts/kvm-nat.vnet.yaml")
    assert re.search(r"^vnetc check\.+Passed$", repository.hook("vnetc-check"), re.MULTILINE)


def test_check_fails_at_the_place(repository: Repository) -> None:
    repository.add("kvm-nat.vnet.yaml", "hosts/kvm-nat.vnet.yaml")
    repository.add("wrong-gateway.vnet.yaml", "hosts/kvm1.vnet.yaml")

    said = repository.hook("vnetc-check", code=1)

    assert re.search(r"^vnetc check\.+Failed$", said, re.MULTILINE)
    assert "error[VN301]" in said
    assert "hosts/kvm1.vnet.yaml:13:28" in said
    assert "kvm-nat.vnet.yaml" not in said


def test_check_leaves_other_yaml_alone(repository: Repository) -> None:
    repository.add("wrong-gateway.vnet.yaml", "hosts/kvm1.yaml")
    repository.add("wrong-gateway.vnet.yaml", "hosts/kvm1.vnet.yaml.orig")
    assert "(no files to check)Skipped" in repository.hook("vnetc-check")


@pytest.mark.parametrize("file", ["vnet.yaml", "vnet.yml", "a/vnet.yaml", "b/kvm1.vnet.yml"])
def test_check_sees(repository: Repository, file: str) -> None:
    repository.add("wrong-gateway.vnet.yaml", file)
    assert f"{file}:13:28" in repository.hook("vnetc-check", code=1)


def test_compile_check(repository: Repository) -> None:
    repository.add("kvm-nat.vnet.yaml", "hosts/kvm-nat.vnet.yaml")
    said = repository.hook("vnetc-compile-check", code=1)
    assert "+++ b/etc/netplan/50-vnetc.yaml" in said

    vnetc = Path(sys.executable).with_name("vnetc")
    repository.run(vnetc, "compile", "hosts", "--target", "netplan", "--output", "generated")
    repository.hook("vnetc-compile-check")

    (repository.path / "generated/etc/netplan/50-vnetc.yaml").write_text("by hand\n")
    assert "-by hand" in repository.hook("vnetc-compile-check", code=1)
