"""The passes in their order: text to host, host to files.

text → source → validate → expand and lower → checks → support table → writer. A pass that finds
errors lets the next ones run on what is right, so that a run reports all of them; only files are
given out whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from vnetc.backends import REGISTRY, load
from vnetc.backends.express import express
from vnetc.backends.packages import headed, needs
from vnetc.backends.support import Version, version_text
from vnetc.backends.systems import DEFAULT, SYSTEMS, System, system_of
from vnetc.backends.target import Output, Target
from vnetc.checks import check_host
from vnetc.language.lower import lower
from vnetc.language.tree import Document, parse
from vnetc.language.validate import validate
from vnetc.model.codes import CODES
from vnetc.model.data import is_mapping
from vnetc.model.diagnostics import Diagnostic, Path, Span, diagnostic
from vnetc.model.host import Host, Interface
from vnetc.model.record import Record, replace
from vnetc.model.values import Raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What may be left out of the output if somebody says so.
ALLOWABLE = frozenset({"VN501", "VN502", "VN503", "VN504"})
_VERSION: Path = ("target", "version")
_NEEDED = "leave out what needs it, or choose another system"
HOOK_KEYS = ("pre-up", "up", "down", "post-down")
# without `[` in it, or a line of a million openings would be looked through a million times
_IGNORE = re.compile(r"#\s{0,9}vnetc:\s{0,9}ignore\[([^\[\]]*)\]")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")


class Analysis(Record):
    """A document as far as it says something without a target. `host` is None if it says nothing."""

    document: Document
    host: Host | None
    target: str | None
    version: str | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def failed(self) -> bool:
        """Whether something is wrong with the document itself."""
        return any(found.severity == "error" for found in self.diagnostics)


def analyse(source: bytes | str, *, name: str = "host") -> Analysis:
    """Read a document and check all of it that does not depend on a target."""
    document = parse(source)
    found = list(document.diagnostics)
    if document.root is None:
        return _analysis(document, None, found)
    data, problems = validate(document.data, aliased=document.is_aliased)
    found += problems
    if not is_mapping(data):
        return _analysis(document, None, found)
    host, problems = lower(data, name)
    found += problems
    found += document.resolve(check_host(host, _broken(document.data, data), found))
    if "host" not in data and not _HOST_NAME.fullmatch(name):
        found.append(
            diagnostic(
                "VN106",
                f"`{name}`, the file's name, is not a host's name",
                (),
                help="add `host:` with a name of letters, digits, `.` and `-`",
            )
        )
    return _analysis(document, host, found, data.get("target"))


def _analysis(
    document: Document, host: Host | None, found: list[Diagnostic], target: object = None
) -> Analysis:
    name, version = target if isinstance(target, str) else None, None
    if is_mapping(target):
        name, version = target.get("name"), target.get("version")
    return Analysis(
        document=document,
        host=host,
        target=name,
        version=None if version is None else str(version),
        diagnostics=tuple(document.resolve(_drained(found))),
    )


def _drained(found: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Run through a list and empty it, so that of many findings the memory is free again at once."""
    found.reverse()
    while found:
        yield found.pop()


def _broken(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    """Name what validation took out: interfaces, networks, and all below a misspelt section."""
    names: set[str] = set()
    for section, declared in before.items():
        if is_mapping(declared):
            kept = after.get(section, {})
            names |= {n for n in declared if n not in kept}
            names |= {
                str(entry["bridge"])
                for n, entry in declared.items()
                if n not in kept and is_mapping(entry) and "bridge" in entry
            }
    return frozenset(names)


def load_host(text: bytes | str, name: str = "host") -> Host:
    """Give the model of a document; raise `ValueError` with the first error if there is one."""
    analysis = analyse(text, name=name)
    for found in analysis.diagnostics:
        if found.severity == "error":
            raise ValueError(f"{found.code}: {found.message}")
    assert analysis.host is not None
    return analysis.host


def check_text(
    text: bytes | str,
    *,
    name: str = "host",
    target: str | None = None,
    version: str | None = None,
    allow: Collection[str] = (),
    allow_hooks: bool = False,
) -> tuple[Diagnostic, ...]:
    """Say all that is wrong with a document, for `target` or the one it names, if any."""
    analysis = analyse(text, name=name)
    found = [*analysis.diagnostics, *_raw_notes(analysis.host)]
    chosen = target or analysis.target
    if chosen is None and version is not None:
        found.append(_versionless())
    if chosen is not None and analysis.host is not None:
        output = _compile(
            analysis,
            chosen,
            _own_version(analysis, chosen) if version is None else version,
            allow,
            allow_hooks,
        )
        found += _of_option(output.diagnostics, version)
    return _holding(chosen, finish(analysis.document, found))


def compile_text(
    text: bytes | str,
    *,
    target: str | None = None,
    name: str = "host",
    version: str | None = None,
    allow: Collection[str] = (),
    allow_hooks: bool = False,
) -> Output:
    """Compile a document.

    `target` overrides the one the document names; `version` is that of the target's program, or an
    operating system (`debian-13`); `allow`
    lists codes of `ALLOWABLE` to take as warnings, and what they refuse is left out; `allow_hooks` lets `raw`
    commands through. `Output.files` is empty if any diagnostic is an error.
    """
    return compile_analysis(
        analyse(text, name=name),
        target=target,
        version=version,
        allow=allow,
        allow_hooks=allow_hooks,
    )


def compile_analysis(
    analysis: Analysis,
    *,
    target: str | None,
    version: str | None = None,
    allow: Collection[str] = (),
    allow_hooks: bool = False,
) -> Output:
    """Compile what `analyse` gave; see `compile_text`."""
    chosen = target or analysis.target
    name = analysis.host.name if analysis.host is not None else ""
    if chosen is None:
        said = [*analysis.diagnostics]
        if not analysis.failed:
            problem = diagnostic(
                "VN505",
                "no target is named",
                (),
                "option",
                help=f"give `--target` or add `target:`; targets are {', '.join(REGISTRY)}",
            )
            said.append(problem)
        return Output(host=name, target="", diagnostics=finish(analysis.document, said))
    output = _compile(
        analysis,
        chosen,
        _own_version(analysis, chosen) if version is None else version,
        allow,
        allow_hooks,
    )
    found = _holding(
        chosen,
        finish(
            analysis.document,
            [*analysis.diagnostics, *_of_option(output.diagnostics, version)],
        ),
    )
    files = () if any(d.severity == "error" for d in found) else output.files
    return replace(output, files=files, diagnostics=found)


def _holding(target: str | None, found: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Leave out what does not hold on a target; comments have silenced theirs before."""
    if target not in REGISTRY:
        return found
    holds = load(target).holds
    return tuple(d for d in found if holds(d))


def _versionless() -> Diagnostic:
    way_out = "give `--target` too, or add `target:`"
    return diagnostic("VN505", "a version needs a target", (), "option", help=way_out)


def _of_option(found: Iterable[Diagnostic], version: str | None) -> Iterable[Diagnostic]:
    """Take its place in the document from what is said of a version that an option has named."""
    if version is None:
        return found
    return [replace(d, path=(), part="option") if d.path == _VERSION else d for d in found]


def _own_version(analysis: Analysis, target: str) -> str | None:
    """Give the version that the document says; an operating system holds for any target."""
    of_target = target == analysis.target or analysis.version in SYSTEMS
    return analysis.version if of_target else None


def _compile(
    analysis: Analysis,
    name: str,
    version_text: str | None,
    allow: Collection[str],
    allow_hooks: bool,
) -> Output:
    """Run the passes that depend on the target; the diagnostics are these passes' own."""
    host = analysis.host
    title = "" if host is None else host.name
    if name not in REGISTRY:
        problem = diagnostic(
            "VN505",
            f"there is no target `{name}`",
            (),
            "option",
            help=f"targets are {', '.join(REGISTRY)}",
        )
        return Output(host=title, target=name, diagnostics=(problem,))
    target = load(name)
    version, system, problems = target_version(target, version_text)
    if host is None or any(d.severity == "error" for d in problems):
        return Output(host=title, target=name, diagnostics=tuple(problems))
    if system.versions.get(name) == version:
        target = target.on(target, system)
    whole = host
    host, found = express(host, target, system.programs(target.program, version))
    hooks = [] if allow_hooks else list(_hooks(host, name))
    found = _allowed(whole, [*problems, *found, *hooks, *target.check_raw(host, version)], allow)
    if analysis.failed or any(d.severity == "error" for d in found):
        return Output(host=title, target=name, diagnostics=tuple(found))
    if hooks:  # allowed by `--allow VN504`: what is warned of is left out
        host = _without_hooks(host, name)
    files = sorted(target.write(host, version), key=lambda file: file.path)
    wanted = needs(host, name, system, files)
    if wanted.missing:
        found.append(_lacking(system, " and no ".join(wanted.missing), _NEEDED))
        return Output(host=title, target=name, diagnostics=tuple(found))
    return Output(
        host=title,
        target=name,
        files=tuple(headed(host, name, files, wanted)),
        diagnostics=tuple(found),
        system=system.name,
        packages=wanted.packages,
        notes=wanted.notes,
    )


def expressed(
    analysis: Analysis, target: Target, allow: Collection[str]
) -> tuple[Host | None, list[Diagnostic]]:
    """Give what a target that has no files can express of a document, and what there is to say."""
    if analysis.host is None:
        return None, []
    host, found = express(analysis.host, target, target.programs)
    return host, _allowed(analysis.host, found, allow)


def _allowed(host: Host, found: Iterable[Diagnostic], allow: Collection[str]) -> list[Diagnostic]:
    """Make warnings of what may be left out; not of whole devices, since others may rest on them."""
    codes = ALLOWABLE.intersection(allow)
    devices = {interface.path for interface in host.interfaces}
    return [
        replace(d, severity="warning", help="it is left out")
        if d.code in codes and d.path not in devices
        else d
        for d in found
    ]


def target_version(target: Target, text: str | None) -> tuple[Version, System, list[Diagnostic]]:
    """Give the version to compile for, and the system that has it: those asked for or the default.

    A version newer than all that are known is taken as the newest of them.
    """
    if text is None:
        return target.default, SYSTEMS[DEFAULT], []
    if text in SYSTEMS:
        system = SYSTEMS[text]
        if target.name in system.versions:
            return system.versions[target.name], system, []
        known = f"targets there are {', '.join(system.versions)}"
        return target.default, system, [_lacking(system, f"{target.title} that vnetc knows", known)]
    is_number = re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,5}){0,3}", text)
    version = tuple(map(int, text.split("."))) if is_number else ()
    oldest, newest = version_text(target.oldest), version_text(target.newest)
    problems: list[Diagnostic] = []
    if version < target.oldest:
        known = f"it knows {oldest} to {newest}"
        if not is_number:
            having = {n: s for n, s in SYSTEMS.items() if target.name in s.versions}
            known = f"{_similar(having, text)}{known}, and the systems {', '.join(having)}"
        message = (
            f"vnetc does not know {target.title} {text[:60]}" if text else "the version is empty"
        )
        problems.append(_version("VN505", message, known))
    elif version[: len(target.newest)] > target.newest:
        message = f"vnetc knows {target.title} up to {newest}, not {text}"
        problems.append(_version("VN508", message, f"it is taken as {newest}"))
        version = target.newest
    return version, system_of(target.name, version), problems


def _version(code: str, message: str, help: str) -> Diagnostic:
    return diagnostic(code, message, _VERSION, help=help)


def _similar(systems: Mapping[str, System], text: str) -> str:
    """Name the system that somebody means by its code name, or by nearly its name."""
    from difflib import get_close_matches

    names = {word: name for name, s in systems.items() for word in (name, s.codename) if word}
    near = get_close_matches(re.sub(r"[ _]", "-", text[:60].lower()), names, 1, 0.75)
    return f"a similar value exists: `{names[near[0]]}`; " if near else ""


def _lacking(system: System, what: str, help: str) -> Diagnostic:
    return _version("VN507", f"{system.title} has no {what}", help)


def _raw_notes(host: Host | None) -> Iterable[Diagnostic]:
    if host is None:
        return
    holders: list[tuple[Path, Raw | None]] = [((), host.raw)]
    holders += [(interface.path, interface.raw) for interface in host.interfaces]
    for path, raw in holders:
        for name in raw or ():
            yield diagnostic(
                "VN114",
                f"raw text for {name}: vnetc checks its shape, not its meaning",
                (*path, "raw", name),
                "key",
            )


def _hooks(host: Host, target: str) -> Iterable[Diagnostic]:
    """VN504: commands of `raw` run as root, so somebody must say that they may."""
    if not target.startswith("ifupdown"):
        return
    if target in (host.raw or {}):
        yield _hook(("raw", target))
    for interface in host.interfaces:
        for key in (interface.raw or {}).get(target, {}):
            if key in HOOK_KEYS:
                yield _hook((*interface.path, "raw", target, key))


def _hook(path: Path) -> Diagnostic:
    return diagnostic(
        "VN504",
        f"`{path[-1]}` can run commands as root",
        path,
        "key",
        help="read them, then compile with `--allow-hooks`",
    )


def _without_hooks(host: Host, target: str) -> Host:
    def plain(interface: Interface) -> Interface:
        if interface.raw is None or target not in interface.raw:
            return interface
        kept = {k: v for k, v in interface.raw[target].items() if k not in HOOK_KEYS}
        return replace(interface, raw={**interface.raw, target: kept})

    raw = {k: v for k, v in (host.raw or {}).items() if k != target}
    return replace(host, raw=raw, interfaces=tuple(map(plain, host.interfaces)))


def finish(document: Document, found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Fill in places, take out what a comment silences, sort by place.

    What an alias stands for is found once for each place that it is used in, and said once.
    """
    resolved = document.resolve(found)
    if "vnetc:" in document.text:
        resolved = _suppress(document, resolved)
    order = {"error": 0, "warning": 1, "note": 2}
    return tuple(
        sorted(
            resolved,
            key=lambda d: (
                (d.span.line, d.span.column) if d.span is not None else (0, 0),
                order[d.severity],
                d.code,
                d.message,
            ),
        )
    )


def _suppress(document: Document, found: list[Diagnostic]) -> list[Diagnostic]:
    """Apply `# vnetc: ignore[VN408] reason` comments to warnings and notes on their line.

    Whether codes of targets and raw text come up depends on the command, so comments for them are
    never called useless.
    """
    silent: dict[tuple[int, str], list[Diagnostic]] = {}
    kept: list[Diagnostic] = []
    for d in found:
        if d.severity != "error" and d.span is not None:
            silent.setdefault((d.span.line, d.code), []).append(d)
        else:
            kept.append(d)
    for number, line in enumerate(document.lines, 1):
        for match in _IGNORE.finditer(line):
            for code in dict.fromkeys(part.strip() for part in match[1].split(",")):
                silenced = silent.pop((number, code), None)
                if silenced is None and not code.startswith("VN5") and code != "VN114":
                    span = Span(number, match.start() + 1, number, match.end() + 1)
                    unused = diagnostic("VN113", _useless(code), (), help="remove the comment")
                    kept.append(replace(unused, span=span))
    return [*kept, *(d for some in silent.values() for d in some)]


def _useless(code: str) -> str:
    """Say why a comment for a code silences nothing."""
    severity, _ = CODES.get(code, ("", ""))
    if not severity:
        return f"there is no code `{code}` to silence"
    if severity == "error":
        return f"{code} is an error, which no comment silences"
    return f"there is no {code} on this line to silence"
