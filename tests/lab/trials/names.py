"""The names that programs know, read out of the programs, and those that vnetc writes.

systemd has for each kind of file a table that gperf(1) made of its `Section.Key` names: an array of
records that begin with a pointer to the name. Such pointers are relocated when the program starts,
so the ELF file lists where they are (elf(5), `Elf64_Rela`); which array a record belongs to tells
the code, which takes the address of each array's beginning. Nothing else in the programs names the
sections: a name in the wrong kind of file is as unknown as one that is misspelt.
"""

from __future__ import annotations

import json
import re
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from typing import Any, TypeAlias

import vnetc
from vnetc.language.tree import parse

from tests.lab.case import GENERATIONS, SUFFIX
from tests.lab.experiments import CASES, REFUSED, SAMPLES
from tests.lab.machines import tree
from tests.support import shapes
from tests.support.rows import VALUES

GOLDEN = tree.REPOSITORY / "tests" / "backends" / "golden"
# What a target cannot express is left out: here is asked how it says the rest.
LOSSES = ("VN501", "VN502", "VN503")

# program -> how to tell its tables: one of the names that only this kind of file has
PROGRAMS: Mapping[str, Mapping[str, str]] = {
    "lib/systemd/systemd-networkd": {
        "network": "Network.Address",
        "netdev": "NetDev.Kind",
        "networkd.conf": "Network.SpeedMeter",
    },
    "bin/udevadm": {"link": "Match.OriginalName"},  # systemd-udevd(8) is a link to it
}
# path -> whose names it has; systemd.unit(5) on drop-ins
KINDS: Mapping[str, str] = {
    "/etc/systemd/networkd.conf.d/*.conf": "networkd.conf",
    **{
        f"/etc/systemd/network/{path}": kind
        for kind in ("network", "netdev", "link")
        for path in (f"*.{kind}", f"*.{kind}.d/*.conf")
    },
}


# --- what vnetc writes ----------------------------------------------------------------------------

# (kind of file, `Section.Key`)
Name: TypeAlias = tuple[str, str]


@cache
def documents() -> Mapping[str, str]:
    """Give all documents that there are, by a name of their own, without the raw text in them."""
    found = {
        str(path.relative_to(tree.REPOSITORY)): path.read_text()
        for directory in (SAMPLES, GOLDEN, CASES)
        for path in sorted(directory.rglob(f"*{SUFFIX}"))
        if path.name.removesuffix(SUFFIX) not in REFUSED
    }
    for row, (text, *values) in VALUES.items():
        if row != "host.raw":
            for number, value in enumerate(values):
                found[f"{row}/{number}"] = f"version: 1\n{text.replace('@', value)}\n"
    return {name: _without_raw(text) for name, text in found.items()}


def _without_raw(text: str) -> str:
    """Take out what is the author's own: `raw` of the host and of its interfaces."""
    data: Any = parse(text).data
    assert data is not None, text
    for part in (data, *data.get("interfaces", {}).values()):
        part.pop("raw", None)
    return json.dumps(data, ensure_ascii=False)  # JSON is YAML


@cache
def outputs(target: str, generation: str) -> Mapping[str, vnetc.Output]:
    """Compile all documents for what a generation has."""
    version = GENERATIONS[generation][target]
    return {
        name: vnetc.compile_text(text, target=target, version=version, allow=LOSSES)
        for name, text in documents().items()
    }


def contents(target: str, generation: str, path: str) -> dict[str, str]:
    """Give each different text of a file that vnetc writes, with a document that it comes of."""
    return {
        file.content: document
        for document, output in outputs(target, generation).items()
        for file in output.files
        if file.path == path
    }


def written(target: str, generation: str) -> dict[Name, str]:
    """Give the names that vnetc writes for systemd, with a document that each comes of."""
    return {
        name: document
        for document, output in outputs(target, generation).items()
        for name in names_in(output.files)
    }


def names_in(files: Iterable[vnetc.File]) -> Iterator[Name]:
    """Give the names in files for networkd or udev; `Section.` is that of a section without keys."""
    for file in files:
        kind = next((kind for path, kind in KINDS.items() if fnmatch(file.path, path)), "")
        if not kind:
            assert not file.path.startswith("/etc/systemd/network"), f"what is {file.path}?"
            continue
        for section, pairs in shapes.read_ini(file.content):
            yield from ((kind, f"{section}.{key}") for key, _ in pairs or [("", "")])


_WORD = re.compile(
    r"\[(?P<section>[A-Z][A-Za-z0-9-]*)\]|(?<![A-Za-z0-9-])(?P<key>[A-Z][A-Za-z0-9-]*)="
)


def names_of(how: str) -> Iterator[str]:
    """Give what a row of a support table names: `X.A`, `X.B` and `Y.` of `[X] A=, B=, [Y]`."""
    found = list(_WORD.finditer(how))
    section = ""
    for word, after in zip(found, [*found[1:], None], strict=False):
        if word["section"] is None:
            yield f"{section}.{word['key']}"
        else:
            section = word["section"]
            if after is None or after["section"] is not None:
                yield f"{section}."


# --- what systemd knows ---------------------------------------------------------------------------


@cache
def known(generation: str) -> frozenset[Name]:
    """Give the names that systemd knows, and `Section.` for each of its sections.

    Builds the tree of the generation: raises `TreeError`, needs root.
    """
    root = tree.build(generation)
    found: set[Name] = set()
    for program, kinds in PROGRAMS.items():
        tables = Elf((root / program).read_bytes()).tables()
        assert len(tables) == len(kinds), f"{program} has {len(tables)} tables"
        for kind, sign in kinds.items():
            (names,) = (names for names in tables if sign in names)
            found.update((kind, name) for name in names)
            found.update((kind, f"{name.partition('.')[0]}.") for name in names)
    return frozenset(found)


class Elf:
    """A program: ELF of 64 bits for x86-64, as the lab's trees and its virtual machine are."""

    _X86_64, _EXECUTABLE, _RELA, _RELATIVE = 62, 4, 4, 8  # EM_, SHF_EXECINSTR, SHT_, R_X86_64_
    # `lea` of an address relative to the next instruction: REX.W, opcode, ModRM, 32 bits of distance
    _LEA = re.compile(rb"(?=[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d](....))", re.DOTALL)
    _NAME = re.compile(rb"([A-Z][A-Za-z0-9-]*\.[A-Z][A-Za-z0-9-]*)\0")

    def __init__(self, content: bytes) -> None:
        """Read the lists of sections and of what is loaded where."""
        self.content = content
        (machine,) = struct.unpack_from("<H", content, 18)
        assert content[:5] == b"\x7fELF\x02" and machine == self._X86_64, "no program of x86-64"
        segments, sections = struct.unpack_from("<QQ", content, 32)
        segment_size, segment_count, size, count = struct.unpack_from("<HHHH", content, 54)
        headers = [
            struct.unpack_from("<IIQQQQ", content, segments + number * segment_size)
            for number in range(segment_count)
        ]
        # p_vaddr, p_offset, p_filesz of PT_LOAD
        self.loaded = [(header[3], header[2], header[5]) for header in headers if header[0] == 1]
        self.sections = [
            struct.unpack_from("<IIQQQQ", content, sections + number * size)
            for number in range(count)
        ]

    def tables(self) -> list[frozenset[str]]:
        """Give the names that are pointed to, by the array that the pointers are in."""
        starts = sorted(self._addresses_in_code())
        found: dict[int, set[str]] = {}
        for place, target in self._pointers():
            if name := self._name_at(target):
                found.setdefault(bisect_right(starts, place), set()).add(name)
        return [frozenset(names) for names in found.values()]

    def _addresses_in_code(self) -> Iterator[int]:
        for _, _, flags, address, offset, size in self.sections:
            if flags & self._EXECUTABLE:
                for match in self._LEA.finditer(self.content[offset : offset + size]):
                    yield address + match.end(1) + struct.unpack("<i", match[1])[0]

    def _pointers(self) -> Iterator[tuple[int, int]]:
        for _, kind, _, _, offset, size in self.sections:
            if kind == self._RELA:
                records = self.content[offset : offset + size]
                for place, info, target in struct.iter_unpack("<QQq", records):
                    if info == self._RELATIVE:
                        yield place, target

    def _name_at(self, address: int) -> str:
        for start, offset, size in self.loaded:
            if start <= address < start + size:
                match = self._NAME.match(self.content, offset + address - start)
                return match[1].decode() if match else ""
        return ""
