"""Plans as text and as JSON: what changes, by which line, and what that means for traffic.

A plan has its steps in the order of their execution, and several for one object: a device is made,
then set up, then brought up. People see one line for each object, those of one device together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from vnetc.backends.netlink.links.devices import show
from vnetc.backends.netlink.planner.display_names import title
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import Attributes, Key, Value
from vnetc.cli.folding import folded
from vnetc.model.diagnostics import Path
from vnetc.model.record import Record, replace
from vnetc.report import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HIDDEN = "(secret)"
_SECRET = frozenset({"private-key", "preshared-key", "password", "wakeonlan-password"})
_ACTIONS = {
    "+": ("to add", "added"),
    "~": ("to change", "changed"),
    "-": ("to remove", "removed"),
    "!": ("to make anew", "made anew"),
}
_IMPACTS = ("seamless", "brief", "disruptive")
_LONGEST = 60  # characters of a value; a digest is longer
_WIDTH = 72  # columns of what changes; more goes onto further lines
# What tells most of a new object in a word or two.
_TELLING = ("kind", "via", "dev", "link", "master", "value", "pvid", "untagged")
_PARTS = {"via": "via {}", "dev": "dev {}", "link": "on {}", "master": "in {}", "value": "= {}"}


class Change(Record, kw_only=False):
    """One attribute of an object, before and after, as it is shown."""

    name: str
    before: Value
    after: Value


def combined(steps: Iterable[Step]) -> list[Step]:
    """Put the steps of one object together; those of one device follow each other."""
    found: dict[Key, Step] = {}
    ends: set[Key] = set()  # of cables: the other end is made along with the first
    for step in steps:
        old = found.get(step.key)
        if step.action == "+" and step.after is not None:
            ends.add(("link", str(step.after.get("peer"))))
        elif old is None and step.action == "~" and step.key in ends:
            step = replace(step, action="+")
        found[step.key] = step if old is None else _joined(old, step)
    groups: dict[str, list[Step]] = {}
    for step in found.values():
        groups.setdefault(_group(step), []).append(step)
    return folded(step for group in groups.values() for step in group)


def _joined(old: Step, new: Step) -> Step:
    action = old.action
    if old.action == "-" and new.action != "-":
        action = "!" if old.key[0] == "link" else "~"
    return replace(
        old,
        action=action,
        after=None if new.after is None else {**(old.after or {}), **new.after},
        path=old.path or new.path,
        places={**old.places, **new.places},
        impact=max(old.impact, new.impact, key=_IMPACTS.index),
        reason=old.reason or new.reason,
        falls=(*old.falls, *new.falls),
    )


def _group(step: Step) -> str:
    match step.key:
        case ("route", *_):
            return str((step.after or step.before or {}).get("dev"))
        case ("sysctl", path):
            parts = path.split("/")
            return parts[3] if len(parts) == 5 else ""
        case ("rule", *_):
            return ""
        case (_, device, *_):
            return device
        case _:
            return ""


def changes(step: Step) -> list[Change]:
    """List what differs, as it is shown; of a removal that is nothing."""
    if step.after is None:
        return []
    old, new = step.before or {}, step.after
    names = step.changes if step.action == "~" else tuple(new)
    secret = _SECRET | {"content"} if _is_private(old) or _is_private(new) else _SECRET
    return [
        Change(name, _shown(name, old.get(name), secret), _shown(name, new[name], secret))
        for name in names
        if step.action == "~" or new[name] is not None
    ]


def _is_private(state: Attributes) -> bool:
    """Tell whether only root may read what this is the state of, a file."""
    mode = state.get("mode")
    return isinstance(mode, int) and not mode & 0o077


def _shown(name: str, value: Value, secret: frozenset[str]) -> Value:
    return HIDDEN if value is not None and name.rpartition(".")[2] in secret else value


def text(
    steps: Sequence[Step], filename: str, line: Callable[[Path], int | None], *, done: bool = False
) -> str:
    """Write a plan for people, `done` or to be: a line for each object and a summary."""
    rows: list[tuple[str, str, str, str, str]] = []
    objects = combined(steps)
    for step in objects:
        words = _wrapped(_words(step))
        number = line(_place(step))
        place = f"{filename}:{number}" if number is not None else ""
        rows.append((step.action, title(step.key), words[0], place, step.impact))
        rows += [("", "", more, "", "") for more in words[1:]]
    widths = [max((len(row[n]) for row in rows), default=0) for n in range(4)]
    listed = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)).rstrip()
        for row in rows
    ]
    return "".join(f"{printable(row)}\n" for row in [*listed, _count(objects, done)])


def _place(step: Step) -> Path:
    """Give the key of the one attribute that changes if it has one, else that of the object."""
    names = step.changes if step.action == "~" else ()
    paths = {step.places[name] for name in names if name in step.places}
    return paths.pop() if len(paths) == 1 else step.path


def _words(step: Step) -> list[str]:
    changed = [
        f"{change.name} {_spelt(change.name, change.before)} -> {_spelt(change.name, change.after)}"
        for change in changes(step)
        if step.action == "~"
    ]
    if changed or (step.action in "-!~" and step.reason):
        return changed or [step.reason]
    told = step.after or {}
    return [
        name if told[name] is True else _PARTS.get(name, "{}").format(_spelt(name, told[name]))
        for name in _TELLING
        if told.get(name) not in (None, False)
    ]


def _spelt(name: str, value: Value) -> str:
    if value == HIDDEN:
        return HIDDEN
    if isinstance(value, str) and "\n" in value:
        return f"({value.count(chr(10))} lines)"
    if name == "mode" and isinstance(value, int):
        return f"{value:04o}"
    text = show(name, value)
    return text if len(text) <= _LONGEST else f"{text[:12]}…"


def _wrapped(words: Sequence[str]) -> list[str]:
    lines: list[str] = [""]
    for word in words:
        glue = ", " if lines[-1] else ""
        if lines[-1] and len(lines[-1]) + len(word) > _WIDTH:
            lines[-1] += ","
            lines.append(word)
        else:
            lines[-1] += f"{glue}{word}"
    return lines


def summary(steps: Sequence[Step]) -> str:
    """Count: `3 to add, 1 to change, 2 to remove; 1 brief interruption`."""
    return _count(combined(steps), done=False)


def _count(listed: Sequence[Step], done: bool) -> str:
    counts = [
        f"{number} {words[done]}"
        for action, words in _ACTIONS.items()
        if (number := sum(step.action == action for step in listed))
    ]
    if not counts:
        return "nothing to change"
    brief = sum(step.impact == "brief" for step in listed)
    lasting = sum(step.impact == "disruptive" for step in listed)
    impacts = [
        *([f"{brief} brief interruption{'s' if brief > 1 else ''}"] if brief else []),
        *([f"{lasting} disruptive"] if lasting else []),
    ]
    return "; ".join([", ".join(counts), *impacts])


def structured(
    steps: Sequence[Step], filename: str, line: Callable[[Path], int | None]
) -> dict[str, Any]:
    """Give a plan as JSON has it: the steps in the order of their execution."""
    return {
        "steps": [
            {
                "action": step.action,
                "object": title(step.key),
                "key": list(step.key),
                "changes": [
                    {"name": change.name, "before": change.before, "after": change.after}
                    for change in changes(step)
                ],
                "file": filename,
                "line": line(_place(step)),
                "impact": step.impact,
                "reason": step.reason,
            }
            for step in steps
        ],
        "summary": summary(steps),
    }


def differences(steps: Sequence[Step], line: Callable[[Path], int | None]) -> list[dict[str, Any]]:
    """List what differs: object, attribute, what the document says and what the kernel has.

    An object that is not there, or should not be, is one entry, without an attribute.
    """
    found: list[dict[str, Any]] = []
    for step in combined(steps):
        entry = {"object": title(step.key), "key": list(step.key), "line": line(_place(step))}
        if step.action == "+":
            found.append({**entry, "what": None, "document": "present", "kernel": "absent"})
        elif step.action == "-":
            found.append({**entry, "what": None, "document": "absent", "kernel": "present"})
        else:
            old = step.before or {}
            for change in changes(step):
                if old.get(change.name) == (step.after or {}).get(change.name):
                    continue  # a device made anew has all its attributes here
                place = step.places.get(change.name, step.path)
                found.append(
                    {
                        **entry,
                        "line": line(place),
                        "what": change.name,
                        "document": change.after,
                        "kernel": change.before,
                    }
                )
    return found


def table(found: Sequence[dict[str, Any]], filename: str) -> str:
    """Write differences for people."""
    rows = [("object", "what", "document", "kernel", "")]
    for entry in found:
        what: str | None = entry["what"]
        place = f"{filename}:{entry['line']}" if entry["line"] is not None else ""
        document, kernel = entry["document"], entry["kernel"]
        if what is not None:
            document, kernel = _spelt(what, document), _spelt(what, kernel)
        rows.append((entry["object"], what or "", document, kernel, place))
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    return "".join(
        printable("  ".join(c.ljust(w) for c, w in zip(row, (*widths, 0), strict=True)).rstrip())
        + "\n"
        for row in rows
    )
