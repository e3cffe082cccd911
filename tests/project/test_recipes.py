"""The recipes of CONTRIBUTING can be followed to their end, by the files that they name and no more.

Each is followed in a copy of the checkout, with something made up; the commands that it ends with are run
for what it touches.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

# what `make golden docs` writes, and what only tests read
WRITTEN = ("docs/reference/", "schema/core.json", "schema/host.schema.json", "tests/")


class Checkout:
    """A copy of this checkout, under version control of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
        if found.returncode:
            pytest.skip("this is no checkout of git's, which says which files belong to it")
        for name in found.stdout.rstrip("\0").split("\0"):
            if (ROOT / name).is_symlink() or (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, path / name, follow_symlinks=False)
        self.git("init", "--quiet")
        self.git("add", ".")
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        self.git(*who, "commit", "--quiet", "--message", "before")

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command, with the package as it is here."""
        own = {"PYTHONPATH": str(self.path / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PYTEST_"))}
        done = subprocess.run(
            command,
            cwd=self.path,
            env=kept | own,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == code, done.stdout[-9000:] + done.stderr[-3000:]
        return done.stdout

    def python(self, *arguments: str, code: int = 0) -> str:
        return self.run(sys.executable, *arguments, code=code)

    def vnetc(self, *arguments: str, code: int = 0) -> str:
        return self.python("-m", "vnetc", *arguments, code=code)

    def test(self, *arguments: str, code: int = 0) -> str:
        """Run some of the tests."""
        plain = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
        return self.python("-m", "pytest", *plain, *arguments, code=code)

    def edit(self, name: str, after: str, text: str) -> None:
        """Put a text behind another one, which stands there once."""
        file = self.path / name
        before = file.read_text()
        assert before.count(after) == 1, f"{name} has {before.count(after)} times: {after}"
        file.write_text(before.replace(after, after + text))

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def touched(self) -> set[str]:
        """Name the files that somebody has changed by hand."""
        lines = self.git("status", "--porcelain", "--untracked-files=all").splitlines()
        return {line[3:] for line in lines if not line[3:].startswith(WRITTEN)}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


# --- a key ----------------------------------------------------------------------------------------

FLAG = 'Type(FLAG, holds=bool), False, "recreate"'
KEY = {
    "schema/types/vxlan.json": (
        '{\n  "properties": {\n',
        '    "shine": {"type": "boolean", "description": "Whether it shines."},\n',
    ),
    "compiler/model/kinds.py": (
        "    group_policy: bool | None = None\n",
        "    shine: bool | None = None\n",
    ),
    "backends/programs/ip_link.py": (
        'only("group_policy", "gbp"),\n',
        '            flag("shine", "shine"),\n',
    ),
    "backends/networkd/kinds.py": (
        'option("id", "VNI"),\n',
        '            option("shine", "Shine"),\n',
    ),
    "backends/netlink/links/kinds.py": (
        f'    Option("vxlan.group-policy", 23, "IFLA_VXLAN_GBP", {FLAG}),\n',
        f'    Option("vxlan.shine", 99, "IFLA_VXLAN_SHINE", {FLAG}),\n',
    ),
}
SHINING = """\
version: 1
host: h
interfaces:
  vx7: {type: vxlan, id: 7, local: 192.0.2.1, shine: true}
"""


def test_a_key(checkout: Checkout) -> None:
    for name, (after, text) in KEY.items():
        checkout.edit(name, after, text)
    assert len(checkout.touched()) == 5

    checkout.python("docs/generate.py")
    checkout.test("tests/backends/test_support.py", "-k", "vxlan.shine")
    checkout.test("tests/language/test_fields.py", "tests/docs/test_docs.py", "-k", "not console")
    assert len(checkout.touched()) == 5

    checkout.write("h.vnet.yaml", SHINING)
    for target, word in (
        ("ifupdown", " shine"),
        ("netplan", "Shine=yes"),
        ("networkd", "Shine=yes"),
        ("netlink", "shine"),
    ):
        assert word in checkout.vnetc("compile", "h.vnet.yaml", "--target", target)


@pytest.mark.parametrize("left_out", [name for name in KEY if name.startswith("backends/")])
def test_a_key_that_a_target_forgets(checkout: Checkout, left_out: str) -> None:
    """It is not dropped: the target's table does not load."""
    for name, (after, text) in KEY.items():
        if name != left_out:
            checkout.edit(name, after, text)
    checkout.write("h.vnet.yaml", SHINING)
    target = {"programs": "ifupdown"}.get(left_out.split("/")[1], left_out.split("/")[1])
    assert checkout.vnetc("compile", "h.vnet.yaml", "--target", target, code=2) == ""  # VN901


# --- a check --------------------------------------------------------------------------------------

CHECK = '''

def check_seven(view: View) -> Iterator[Diagnostic]:
    """VN499: a VLAN with the number 7."""
    for interface in view.host.interfaces:
        if isinstance(interface.kind, Vlan) and interface.kind.id == 7:
            path = (*interface.path, "id")
            yield diagnostic("VN499", "7 is made up", path, help="choose another number")

'''
PAGE = """\
# VN499: a made-up mistake

Nobody has a VLAN 7.

## Wrong

```yaml
version: 1
interfaces:
  eth0: {}
  v7: {type: vlan, id: 7, link: eth0}
```

## Right

```yaml
version: 1
interfaces:
  eth0: {}
  v8: {type: vlan, id: 8, link: eth0}
```
"""


def test_a_check(checkout: Checkout) -> None:
    checkout.edit(
        "compiler/model/codes.py",
        '    "VN437": ("error", "queueing disciplines that hang in themselves"),\n',
        '    "VN499": ("warning", "a made-up mistake"),\n',
    )
    links = "compiler/checks/links.py"
    checkout.edit(links, "    check_waiting,\n", "    check_seven,\n")
    before = (checkout.path / links).read_text()
    checkout.write(links, before.replace("\nLINKS = (", f"{CHECK}\nLINKS = ("))
    checkout.write("compiler/explain/VN499.md", PAGE)
    document = PAGE.partition("```yaml\n")[2].partition("```")[0]
    checkout.write("tests/checks/errors/made-up.vnet.yaml", document)
    assert len(checkout.touched()) + 1 == 4  # the document of a report is of the tests

    checkout.python("docs/generate.py")
    checkout.test("tests/checks/test_errors.py", "--update-golden", "-k", "made-up")
    checkout.test("tests/checks", "-k", "made-up or VN499 or every or all_codes")
    report = (checkout.path / "tests/checks/errors/made-up.txt").read_text()
    assert report.startswith("warning[VN499]: 7 is made up\n --> made-up.vnet.yaml:4:24\n")
    assert checkout.vnetc("explain", "VN499") == PAGE
    assert "VN499" in (checkout.path / "docs/reference/codes.md").read_text()


# --- a target -------------------------------------------------------------------------------------

TARGET = {
    "__init__.py": """\
\"\"\"A made-up target, which writes the names of interfaces.\"\"\"

from __future__ import annotations

from vnetc.backends.slate.support import RARE, SUPPORT
from vnetc.backends.slate.writer import write
from vnetc.backends.target import Target

TARGETS = {
    "slate": Target(
        name="slate",
        title="slate",
        program="slate",
        default=(1,),
        oldest=(1,),
        newest=(2,),
        common=SUPPORT,
        rare=lambda: RARE,
        write=write,
    )
}
""",
    "support.py": """\
\"\"\"What a slate can say: next to nothing.\"\"\"

from __future__ import annotations

from vnetc.backends.support import common_rows, exact, rare_rows, unsupported

_WHY = "a slate has room for names alone"
SUPPORT = {row: unsupported(_WHY) for row in common_rows()} | {"type.ethernet": exact("a line")}
RARE = {row: unsupported(_WHY) for row in rare_rows()}
""",
    "writer.py": """\
\"\"\"Write names on a slate.\"\"\"

from __future__ import annotations

from vnetc.backends.support import Version
from vnetc.backends.target import File
from vnetc.model.host import Host


def write(host: Host, version: Version) -> list[File]:
    \"\"\"Write the names of a host's interfaces.\"\"\"
    names = "".join(f"{interface.name}\\n" for interface in host.interfaces)
    return [File("/etc/slate", names)]
""",
}


def test_a_target(checkout: Checkout) -> None:
    for name, text in TARGET.items():
        checkout.write(f"backends/slate/{name}", text)
    checkout.edit(
        "backends/__init__.py",
        '    "networkd": "vnetc.backends.networkd",\n',
        '    "slate": "vnetc.backends.slate",\n',
    )
    folders = {Path(name).parent.name for name in checkout.touched()}
    assert folders == {"slate", "backends"}

    checkout.python("docs/generate.py")
    checkout.test("tests/backends/test_golden.py", "--update-golden", "-k", "slate")
    checkout.test("tests/backends/test_golden.py", "-k", "slate")
    checkout.test("tests/backends/test_support.py", "-k", "slate and (type or interface)")
    checkout.test("tests/docs/test_docs.py", "-k", "generated or current")
    folders = {Path(name).parent.name for name in checkout.touched()}
    assert folders == {"slate", "backends"}

    checkout.write("h.vnet.yaml", "{version: 1, target: slate, interfaces: {eth0: {}, eth1: {}}}")
    assert checkout.vnetc("compile", "h.vnet.yaml") == "eth0\neth1\n"
    checkout.write("h.vnet.yaml", "{version: 1, target: slate, interfaces: {eth0: {mtu: 1400}}}")
    checkout.vnetc("compile", "h.vnet.yaml", code=1)
