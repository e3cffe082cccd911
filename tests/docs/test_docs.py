"""The documentation is true: what it shows is what comes out, and its generated pages are current.

A block of the language `console` is a dialogue: a line that begins with `$ ` is a command for bash,
what follows is what it prints. The dialogues of a page are run one after the other in a directory
that holds a copy of samples/. A `yaml` block with a `title="NAME"` is saved there under that name.
Commands that need the network are in `sh` blocks, which are not run. A page with the comment
`playground` has a network namespace of its own. `--update-golden` rewrites
what the commands print.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from vnetc.model.codes import CODES

from tests.support import namespaces
from tests.support.places import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<language>\w*)(?P<rest>[^\n]*)\n(?P<body>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
TITLE = re.compile(r'title="([\w./-]+)"')
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
ENVIRONMENT = {
    "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "COLUMNS": "80",
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def console(page: Path) -> bool:
    return "```console" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [page for page in PAGES if console(page)], ids=name)
def test_dialogues(page: Path, tmp_path: Path, update_golden: bool) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    text = page.read_text(encoding="utf-8")
    with playground(text) as entering:
        real = FENCE.sub(lambda block: replay(block, tmp_path, entering), text)
    if update_golden:
        page.write_text(real, encoding="utf-8")
    assert real == page.read_text(encoding="utf-8")


@contextmanager
def playground(text: str) -> Iterator[list[str]]:
    """Give what commands of a page begin with: pages about a running host have one of their own.

    It has the network cards eth0 and eth1, and a /run, /var/lib and /etc/vnetc that go with it.
    """
    if "<!-- playground" not in text:
        yield []
        return
    namespaces.need(namespaces.missing())
    host = subprocess.Popen(
        ["unshare", "-n", "-m", "-p", "-f", "--mount-proc", "bash", "-c", _HOST],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert host.stdin is not None and host.stdout is not None
    try:
        assert host.stdout.readline() == b"ready\n"
        children = Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
        yield ["nsenter", "-t", children[0], "-n", "-m", "-p"]
    finally:
        host.stdin.close()
        host.wait()


_HOST = """
set -e
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
mkdir -p /etc/vnetc
mount -t tmpfs none /etc/vnetc
ip link set lo up
for card in eth0 eth1; do
  ip link add $card type veth peer name wire-$card
  ip link set wire-$card up
done
echo ready
read || true
"""


def replay(block: re.Match[str], directory: Path, entering: Sequence[str] = ()) -> str:
    """Give a block as it really is, having done what it says."""
    title = TITLE.search(block["rest"])
    if block["language"] == "yaml" and title is not None:
        file = directory / title[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block["body"], encoding="utf-8")
    if block["language"] != "console":
        return block[0]
    commands = [line for line in block["body"].splitlines() if line.startswith("$ ")]
    assert commands, "a console block without a command"
    said = "".join(f"{line}\n{answer(line[2:], directory, entering)}" for line in commands)
    fence = "````" if "```" in said else "```"  # pages of codes have blocks of their own
    return f"{fence}console\n{said}{fence}"


def answer(command: str, directory: Path, entering: Sequence[str] = ()) -> str:
    done = subprocess.run(
        [*entering, "bash", "-c", f"cd {directory} && {command}" if entering else command],
        check=False,
        cwd=directory,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # in the order in which a terminal shows it
        text=True,
        timeout=60,
    )
    return done.stdout


def test_dialogue_that_lies_is_found(tmp_path: Path) -> None:
    text = "```console\n$ echo yes\nno\n```"
    assert FENCE.sub(lambda block: replay(block, tmp_path), text) == text.replace("no", "yes")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED = [
    "unsaid.md",
    "language.md",
    "matrix.md",
    "systems.md",
    "coverage.md",
    "equivalence.md",
    "habits.md",
    "idiom.md",
    "codes.md",
    "cli.md",
]


@pytest.mark.parametrize("page", GENERATED)
def test_generated_pages(
    page: str, generator: ModuleType, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "COLUMNS", "80")
    path = generator.REFERENCE / page
    text = generator.PAGES[page]()
    if update_golden:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "run `make docs`"


def test_all_generated_pages_are_tested(generator: ModuleType) -> None:
    assert list(generator.PAGES) == GENERATED


def links(page: Path) -> Iterator[tuple[Path, str]]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target, anchor in LINK.findall(text):
        yield (page.parent / target).resolve() if target else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(target), f"{name(target)} has no heading for #{anchor}"


def anchors(page: Path) -> set[str]:
    """List the anchors of a page's headings as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_codes_exist(page: Path) -> None:
    """A page mentions no code that there is not."""
    assert set(re.findall(r"\bVN\d{3}\b", page.read_text(encoding="utf-8"))) <= CODES.keys()
