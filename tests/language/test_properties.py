"""What vnetc promises of every document, tried on random ones.

VNETC_HYPOTHESIS=thorough tries fifty times as many, other ones in each run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vnetc.backends import load
from vnetc.backends.target import Output
from vnetc.language.tree import parse
from vnetc.model.diagnostics import Diagnostic
from vnetc.pipeline import analyse, check_text, compile_analysis, compile_text

from tests.lab.trials import validators
from tests.support import mutations, namespaces
from tests.support.drawing import THOROUGH, Document, examples, text_of
from tests.support.mutations import ABSENT, Mutation, is_told
from tests.support.places import SAMPLES
from tests.support.strategies import corpus, documents, without_target

TARGETS = (
    ("ifupdown", None),
    ("ifupdown2", None),
    ("ifupdown-ng", None),
    ("netplan", "0.106"),
    ("netplan", "1.1"),
    ("networkd", "247"),
    ("networkd", "252"),
    ("networkd", "257"),
)
LOSSES = ("VN501", "VN502", "VN503")


def everywhere(document: Document, **options: Any) -> dict[tuple[str, str | None], Output]:
    """Compile a document for each target."""
    analysis = analyse(text_of(without_target(document)))
    return {
        (target, version): compile_analysis(analysis, target=target, version=version, **options)
        for target, version in TARGETS
    }


def errors(found: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    return [d for d in found if d.severity == "error"]


# --- every document compiles, or the target says why not ------------------------------------------


@examples(40)
@given(documents())
def test_compiles_or_says_what_the_target_cannot(document: Document) -> None:
    for output in everywhere(document, allow_hooks=True).values():
        wrong = errors(output.diagnostics)
        assert all(d.code.startswith("VN5") for d in wrong), wrong
        assert bool(output.files) is not bool(wrong)


@examples(40)
@given(documents())
def test_compiles_without_what_the_target_cannot(document: Document) -> None:
    """`--allow` leaves out what is refused, but for whole devices; what remains is a whole."""
    for output in everywhere(document, allow=LOSSES, allow_hooks=True).values():
        refused = errors(output.diagnostics)
        assert all(len(d.path) == 2 for d in refused)
        if refused:
            continue
        paths = [file.path for file in output.files]
        assert paths and paths == sorted(set(paths))
        assert all(path.startswith("/etc/") for path in paths)


# --- no silent drop -------------------------------------------------------------------------------


def _says_nothing(value: Any) -> bool:
    """Whether a value is absent, or nothing but empty lists and mappings."""
    match value:
        case dict():
            return all(_says_nothing(item) for item in value.values())
        case list():
            return not value
        case _:
            return value in (ABSENT, None, "")


def _is_default(change: Mutation) -> bool:
    return _one_is_absent(change, change.default)


def _one_is_absent(change: Mutation, *values: Any) -> bool:
    pair = (change.before, change.after)
    return any(
        one is ABSENT and type(other) is type(value) and other == value
        for one, other in (pair, pair[::-1])
        for value in values
    )


def _same_model(change: Mutation, target: str, before: Document) -> bool:
    texts = [repr(analyse(text_of(document)).host) for document in (before, change.document)]
    # kinds without fields have no representation of their own
    one, other = (re.sub(r" at 0x[0-9a-f]+>", ">", text) for text in texts)
    return one == other


@cache
def _silences(target: str, key: str) -> tuple[Any, ...]:
    """List the values that rows of a key have on a target without being said."""
    rows = load(target).support.items()
    found = (row.silence for name, row in rows if name.partition(".")[2] == key)
    return tuple(value for value in found if value is not None)


def _at(document: Document, path: mutations.Path) -> Any:
    value: Any = document
    for step in path:
        value = value[step]
    return value


def _is_empty_bridge(change: Mutation, document: Document) -> bool:
    device = _at(document, change.path[:2])
    guests = device.get("mode") in ("nat", "routed", "isolated")
    return not device.get("ports") and (guests or device.get("type") == "bridge")


def _is_direct(change: Mutation, document: Document) -> bool:
    route = _at(document, change.path[:-1])
    return "routes" in change.path and not ({"via", "nexthops"} & route.keys())


def _carried(change: Mutation, document: Document) -> set[int | None]:
    port = _at(document, change.path[: change.path.index("vlans")])
    spans = [str(item).split("-") for item in port.get("vlans", ())]
    vlans = {vid for span in spans for vid in range(int(span[0]), int(span[-1]) + 1)}
    return vlans | {port.get("pvid")}


def _made_on(change: Mutation, document: Document) -> set[int | None]:
    """Give the VLANs that are made on a bridge by its name, as `vmbr0.10`."""
    bridge = change.path[1]
    found = (name.rpartition(".") for name in document["interfaces"])
    return {int(vid) for above, _, vid in found if above == bridge and vid.isdigit()}


def _is_raw(change: Mutation, target: str) -> bool:
    below = change.path[change.path.index("raw") + 1 :]
    if below:
        return below[0] == target
    return any(isinstance(v, dict) and target in v for v in (change.before, change.after))


def _last(change: Mutation) -> str:
    return str(next(step for step in reversed(change.path) if isinstance(step, str)))


# What changes a document and not what it says, each with the reason.
Same = Callable[[Mutation, str, Document], bool]
_DEPENDENT = frozenset(
    {
        *("accept-ra", "link-local", "range", "router", "bridge", "table"),
        *("mii-monitor-interval", "mtu"),
    }
)


def _bond_mtu(change: Mutation, document: Document) -> Any:
    """Give the MTU of the bond that a changed interface is a member of."""
    bonds = [i for i in document["interfaces"].values() if (i or {}).get("type") == "bond"]
    return next((b.get("mtu") for b in bonds if change.path[1] in b.get("members", ())), ABSENT)


SAME_MEANING: dict[str, Same] = {
    "raw text for another target": lambda c, target, _: "raw" in c.path and not _is_raw(c, target),
    "an empty value is none": lambda c, *_: _says_nothing(c.before) and _says_nothing(c.after),
    "the schema's default, written out": lambda c, *_: _is_default(c),
    "a default that depends on other keys, written out": lambda c, *rest: (
        _last(c) in _DEPENDENT and ABSENT in (c.before, c.after) and _same_model(c, *rest)
    ),
    "a name and a number for one thing": lambda c, *rest: (
        _last(c) in ("ip-protocol", "protocol", "table", "fwmark") and _same_model(c, *rest)
    ),
    "VLAN ids in other words": lambda c, *rest: (
        _last(c) in ("vlans", "untagged") and _same_model(c, *rest)
    ),
    "a port carries its `pvid`, listed or not": lambda c, _, document: (
        _last(c) == "vlans" and _carried(c, document) == _carried(c, c.document)
    ),
    "a boot waits for what is neither optional nor not": lambda c, *_: (
        _last(c) == "optional" and _one_is_absent(c, False)
    ),
    "what the target's silence gives": lambda c, target, _: any(
        _one_is_absent(c, value) for value in _silences(target, _last(c))
    ),
    "what is directly there has the scope of the link": lambda c, _, document: (
        _last(c) == "scope" and _one_is_absent(c, "link") and _is_direct(c, document)
    ),
    "a member has the MTU of its bond, which ifupdown2 must be told": lambda c, target, document: (
        target == "ifupdown2" and _last(c) == "mtu" and _one_is_absent(c, _bond_mtu(c, document))
    ),
    "ifupdown2 lets a bridge carry the VLANs that are made on it": lambda c, target, document: (
        target == "ifupdown2"
        and _last(c) == "vlans"
        and len(c.path) > 2
        and _carried(c, document) ^ _carried(c, c.document) <= _made_on(c, document)
    ),
    "nothing waits for a bridge without ports": lambda c, _, document: (
        _last(c) == "optional" and _one_is_absent(c, True) and _is_empty_bridge(c, document)
    ),
}
# Keys that say how something is done that is not done at all: a check says so.
NO_EFFECT = {
    "dhcp4-overrides": {"eth0": {"dhcp4-overrides": {"use-dns": False}}},
    "dhcp6-overrides": {"eth0": {"dhcp6-overrides": {"use-dns": False}}},
    "ra-overrides": {"eth0": {"accept-ra": False, "ra-overrides": {"use-dns": False}}},
    "ipv6-address-generation": {
        "eth0": {"link-local": [], "ipv6-address-generation": "stable-privacy"}
    },
}


@pytest.mark.parametrize("key", NO_EFFECT)
def test_says_that_a_key_has_no_effect(key: str) -> None:
    assert check_text(text_of({"version": 1, "interfaces": NO_EFFECT[key]}))


@pytest.mark.parametrize("key", [key for key in NO_EFFECT if key != "dhcp6-overrides"])
def test_says_that_a_key_has_no_effect_on_a_port(key: str) -> None:
    bridge = {"type": "bridge", "ports": ["eth0"]}
    interfaces = {"eth0": NO_EFFECT[key]["eth0"], "br0": bridge}
    assert check_text(text_of({"version": 1, "interfaces": interfaces}))


def _said(output: Output) -> tuple[Any, ...]:
    return output.files, Counter((d.code, d.message) for d in output.diagnostics)


def drops(document: Document, changes: Iterator[Mutation]) -> Iterator[str]:
    """List the changes of a document that some target does not notice."""
    options: dict[str, Any] = {"allow": LOSSES, "allow_hooks": True}
    before = everywhere(document, **options)
    for change in changes:
        after = everywhere(change.document, **options)
        for key in TARGETS:
            target = key[0]
            told = before[key].diagnostics + after[key].diagnostics
            if errors(before[key].diagnostics) and errors(after[key].diagnostics):
                continue  # the whole document is refused, with and without the change
            if (
                _said(before[key]) == _said(after[key])
                and not is_told(change.path, told)
                and not any(same(change, target, document) for same in SAME_MEANING.values())
            ):
                yield f"{' '.join(filter(None, key))}: {change}"


@examples(12)
@given(documents(), st.data())
def test_no_silent_drop(document: Document, data: st.DataObject) -> None:
    document = without_target(document)
    places = list(mutations.walk_document(document))
    indexes = st.integers(0, len(places) - 1)
    for index in data.draw(st.lists(indexes, min_size=6, max_size=6)):
        found = list(drops(document, mutations.mutations_at(document, places[index])))
        assert not found, found


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.vnet.yaml")), ids=lambda p: p.name)
def test_no_silent_drop_in_samples(sample: Path) -> None:
    document = without_target(parse(sample.read_bytes()).data)
    if errors(check_text(text_of(document))):
        pytest.skip("this sample is a bad one")
    found = list(drops(document, mutations.mutations(document)))
    assert not found, found


def test_drops_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail."""
    document = {"version": 1, "interfaces": {"eth0": {"mtu": 1400}}}
    monkeypatch.setattr("vnetc.backends.networkd.sections.link", lambda interface: [])
    found = list(drops(document, mutations.mutations(document)))
    assert any("networkd" in drop and "mtu: 1400 -> 1401" in drop for drop in found)


# --- the same bytes everywhere --------------------------------------------------------------------

_COMPILE = """
import hashlib, json, sys
from vnetc import compile_text
for text in json.load(sys.stdin):
    for target, version in {targets!r}:
        output = compile_text(text, target=target, version=version, allow={allow!r})
        print(hashlib.sha256(repr(output).encode()).hexdigest())
"""
# who may read and search as root does: the checkout may be root's alone
_READING = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *_READING)
MACHINES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "hashes": ((), {"PYTHONHASHSEED": "7"}),
    "more hashes": ((), {"PYTHONHASHSEED": "123456"}),
    "no path": ((), {"PATH": "", "HOME": "/nowhere"}),
    "clock and language": ((), {"TZ": "Asia/Kathmandu", "LANG": "tr_TR.UTF-8", "LC_ALL": "C"}),
    "ascii": ((), {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"}),
    "nobody": (_NOBODY, {}),
}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    samples = [path.read_text() for path in sorted(SAMPLES.glob("*.vnet.yaml"))]
    return [*samples, *(text_of(without_target(document)) for document in corpus(BATCH)[:15])]


@pytest.mark.parametrize("machine", MACHINES)
def test_same_bytes_on_every_machine(machine: str, texts: list[str], tmp_path: Path) -> None:
    prefix, environment = MACHINES[machine]
    if prefix and (os.geteuid() != 0 or shutil.which(prefix[0]) is None):
        pytest.skip("only root can be somebody else, by setpriv(1)")
    program = _COMPILE.format(targets=TARGETS, allow=LOSSES)
    done = subprocess.run(
        [*prefix, sys.executable, "-B", "-c", program],
        check=True,
        cwd="/",
        env={"PYTHONIOENCODING": "utf-8", **environment},
        input=json.dumps(texts),
        stdout=subprocess.PIPE,
        text=True,
    )
    here = [
        hashlib.sha256(
            repr(compile_text(text, target=target, version=version, allow=LOSSES)).encode()
        ).hexdigest()
        for text in texts
        for target, version in TARGETS
    ]
    assert done.stdout.split() == here


# --- the real programs accept what was written ----------------------------------------------------

BATCH = 400 if THOROUGH else 30


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here")
    return found


def _files(target: str, version: str | None, suffix: str) -> list[str]:
    return [
        file.content
        for document in corpus(BATCH)
        for file in compile_text(
            text_of(without_target(document)), target=target, version=version, allow=LOSSES
        ).files
        if file.path.endswith(suffix)
    ]


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


def test_netplan_accepts(tmp_path: Path) -> None:
    found = _files("netplan", "0.106", ".yaml")
    assert len(found) == BATCH
    for number, content in enumerate(found):
        path = tmp_path / str(number) / "etc/netplan/50-vnetc.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(content)
        path.chmod(0o600)
        done = validators.netplan_generate(path.parents[2])
        assert (done.returncode, done.stdout) == (0, ""), f"{done.stdout}\n{content}"


def test_nft_accepts(tmp_path: Path) -> None:
    _program("nft")
    namespaces.need(namespaces.lacking())
    found = _files("networkd", None, ".nft")
    assert found
    script = 'for f in "$@"; do nft -c -f "$f" || echo "in $f"; done'
    for number, content in enumerate(found):
        (tmp_path / f"{number}.nft").write_text(content)
    paths = map(str, sorted(tmp_path.glob("*.nft")))
    assert _run(*namespaces.UNSHARE, "sh", "-c", script, "sh", *paths).stdout == ""


def test_dnsmasq_accepts(tmp_path: Path) -> None:
    dnsmasq = _program("dnsmasq")
    found = _files("networkd", None, ".dnsmasq.conf")
    assert found
    for content in found:
        path = tmp_path / "dnsmasq.conf"
        path.write_text(content)
        done = _run(dnsmasq, "--test", f"--conf-file={path}")
        assert done.returncode == 0, f"{done.stdout}\n{content}"


@pytest.mark.parametrize(
    ("target", "check"),
    [
        ("ifupdown", validators.check_classic),
        ("ifupdown2", validators.check_ifupdown2),
        ("ifupdown-ng", validators.check_ifupdown_ng),
    ],
)
def test_ifupdown_accepts(
    target: str, check: Callable[[str, Path], list[str]], tmp_path: Path
) -> None:
    found = _files(target, None, "interfaces")
    for content in found[:5]:
        assert not check(content, tmp_path), content
