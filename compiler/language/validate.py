"""Data against the schema: a verdict first, and words only for what is wrong.

The schema's own `errorMessage` and `patternErrorMessage` are the texts. What is wrong is taken out
of the data, so that the passes behind this one find the document's other errors in the same run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from vnetc.model.data import BAD, is_list, is_mapping
from vnetc.model.diagnostics import Diagnostic, Path, diagnostic
from vnetc.model.record import replace
from vnetc.schema import host_schema, is_valid, schema_faults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnetc.schema.faults import Fault

_CODES = {
    "additionalProperties": "VN101",
    "type": "VN102",
    "required": "VN103",
    "enum": "VN104",
    "const": "VN104",
    "minimum": "VN105",
    "maximum": "VN105",
    "pattern": "VN106",
    "minItems": "VN106",
    "maxLength": "VN106",
    "minLength": "VN106",
    "uniqueItems": "VN106",
}
_FEW = 10  # keys that a help lists
_COMPARED = 300  # how many unknown keys are compared to all others: it is what costs most
_LONGEST_WORD = 64  # of those compared
_NOUNS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
    "null": "nothing",
}


def validate(data: Any, *, aliased: bool = True) -> tuple[Any, list[Diagnostic]]:
    """Check a document; give the part of it that is right, and what is not.

    `aliased` says whether a value may stand in several places of it.
    """
    if is_valid(data):
        return data, []
    from copy import deepcopy  # 1 ms, and most documents are right

    found: dict[object, Diagnostic] = {}
    for problem in _problems(data, aliased):
        # a mapping can lack several keys; of what is wrong with a value the first is enough
        several = problem.code in ("VN103", "VN112")
        found.setdefault((problem.path, problem.message) if several else problem.path, problem)
    problems = list(found.values())
    data = deepcopy(data)
    for path in {problem.path: None for problem in problems}:
        # of an interface whose type is wrong nothing can be said
        _remove(data, path[:2] if _is_kind(path) else _item(path))
    while lacking := _lacking(data):
        for path in lacking:
            _remove(data, path)
    return data, problems


def _problems(data: Any, aliased: bool) -> Iterator[Diagnostic]:
    explained: dict[tuple[object, ...], tuple[int, list[Diagnostic]]] = {}
    compared = _COMPARED
    for error in sorted(schema_faults(data), key=_by_path):
        path = error.absolute_path
        place = _place(data, error) if aliased else ()
        if place in explained:  # an alias repeats it
            depth, problems = explained[place]
            yield from (replace(p, path=(*path, *p.path[depth:])) for p in problems)
            continue
        problems = list(_explain(error, compared))
        compared -= len(problems)
        if aliased:
            explained[place] = len(path), problems
        yield from problems


def _by_path(error: Fault) -> list[str]:
    return [str(step) for step in error.absolute_path]


def _place(data: Any, error: Fault) -> tuple[object, ...]:
    """Name the rule and the value, a scalar by its collection: what aliases repeat has one place."""
    rule = id(error.schema), error.validator
    if is_mapping(error.instance) or is_list(error.instance):
        return *rule, id(error.instance)
    path = error.absolute_path
    for step in path if error.is_key else path[:-1]:
        data = data[step]
    return *rule, id(data), error.instance if error.is_key else path[-1:]


def _is_kind(path: Path) -> bool:
    """Tell whether a path is that of a `type` or `mode`, well spelt or not."""
    return len(path) == 3 and _names_kind(str(path[0]), str(path[2]))


@cache
def _names_kind(section: str, key: str) -> bool:
    kind = _FAMILIES.get(section, ("", "", None))[1]
    return bool(kind and _similar(key, [kind]))


def _item(path: Path) -> Path:
    """Cut a path after the first item of a list: a route with a wrong part says nothing for sure."""
    index = next((i for i, step in enumerate(path) if isinstance(step, int)), len(path))
    return path[: index + 1]


def _lacking(data: Any) -> list[Path]:
    """List the mappings without a key that they need, or that lost it because it was wrong."""
    return [
        error.absolute_path
        for error in schema_faults(data)
        if error.validator == "required" and error.absolute_path
    ]


def _explain(error: Fault, compared: int) -> Iterator[Diagnostic]:
    path = error.absolute_path
    schema = error.schema
    keyword = error.validator
    if keyword == "additionalProperties" and error.validator_value is False:
        yield from _unknown_keys(path, schema, error.instance, compared)
    elif keyword == "required":
        for name in error.validator_value:
            if name not in error.instance and not _misspelt(name, error.instance, schema):
                yield diagnostic(
                    "VN103", f"the key `{name}` is missing", path, "key", help=f"add `{name}:`"
                )
    else:
        code = schema.get("x-code") or _CODES.get(keyword, "VN106")
        if code == "VN112" and not is_mapping(error.instance):
            return  # what is no mapping has no keys, and is reported as such
        part = "key" if code == "VN111" else "value"
        if error.is_key:
            path, part = (*path, str(error.instance)), "key"
        message, help = _words(keyword, error, schema, code)
        if code == "VN104" and error.instance in schema.get("x-later", []):
            code, help = "VN111", f"this version has {_listing(error.validator_value)}"
            message = (
                f"`{error.instance}` is part of the language, but not of this version of vnetc"
            )
        yield diagnostic(code, message, path, "key" if part == "key" else "value", help=help)


def _misspelt(name: str, value: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Tell whether a missing key is there under a wrong name, which is reported already."""
    unknown = [k for k in value if k not in schema.get("properties", {})]
    return bool(_similar(name, unknown))


def _words(keyword: str, error: Fault, schema: dict[str, Any], code: str) -> tuple[str, str]:
    """Give message and help for a wrong value."""
    value = error.instance
    told = schema.get("patternErrorMessage" if keyword == "pattern" else "errorMessage")
    if told is not None:
        return told, _told_help(code, error)
    match keyword:
        case "type":
            wanted = error.validator_value
            names = [wanted] if isinstance(wanted, str) else wanted
            expected = " or ".join(_NOUNS[name] for name in names)
            return f"expected {expected}, found {_noun(value)}", _type_help(names, value, schema)
        case "enum":
            return f"{_show(value)} is not possible here", _nearest(value, error.validator_value)
        case "minimum":
            return f"{_show(value)} is less than {error.validator_value}", _limits(schema)
        case "maximum":
            return f"{_show(value)} is more than {error.validator_value}", _limits(schema)
        case "maxLength":
            return f"the text has more than {error.validator_value} characters", ""
        case "minItems":
            count = error.validator_value
            return f"at least {count} {'item is' if count == 1 else 'items are'} needed", ""
        case "minLength":
            return "the text is empty", ""
        case "uniqueItems":
            return "an item appears twice in the list", ""
        case _:
            return f"{_show(value)} does not fit", schema.get("description", "")


def _limits(schema: dict[str, Any]) -> str:
    if "minimum" not in schema or "maximum" not in schema:
        return ""
    return f"possible are {schema['minimum']} to {schema['maximum']}"


def _told_help(code: str, error: Fault) -> str:
    """Give the way out for a value whose message the schema has."""
    value = error.instance
    match code:
        case "VN108":
            return _prefix_help(error)
        case "VN107" if re.search(r"[g-zG-Z]", value):
            near = _near(value, ["default"]) if error.absolute_path[-1] == "to" else ""
            return near or "write the address: names are not looked up"
        case "VN107" if "/" in value:
            return _slash_help(value)
        case "VN109" if str(value).isdigit():
            return f"write `{value}s` if seconds are meant"
        case "VN109" if re.fullmatch(r"[0-9]+ +(ms|s|m|h|d)", str(value)):
            return f"write `{value.replace(' ', '')}`"
        case "VN111":
            return "until then, `raw:` can say it in a target's own terms"
        case "VN106" if is_mapping(value) and "vlans" in error.absolute_path:
            return "what is untagged stands beside `vlans`: `pvid: 10`, `untagged: [10]`"
        case "VN106" if error.validator == "anyOf":
            words = [w for branch in error.validator_value for w in branch.get("enum", ())]
            return _near(str(value), words)
        case "VN106" if isinstance(value, str):
            return _text_help(value, error.validator_value)
        case "VN112":
            keys = [key for branch in _branches(error) for key in branch["required"]]
            return "remove one of them" if keys[0] in value else f"add {_listing(keys, ' or ')}"
        case _:
            return ""


def _branches(error: Fault) -> list[dict[str, list[str]]]:
    return [error.validator_value] if error.validator == "not" else error.validator_value


def _slash_help(value: str) -> str:
    """Help with a netmask, or with a prefix length where none belongs."""
    from ipaddress import ip_interface

    try:
        meant = ip_interface(value)
    except ValueError:
        return ""
    return f"write `{meant}`" if str(meant) != value else f"write `{meant.ip}`"


def _text_help(value: str, pattern: object) -> str:
    if pattern == host_schema()["definitions"]["mac"]["pattern"]:
        digits = re.sub(r"[^0-9A-Fa-f]", "", value)
        pairs = ":".join(digits[i : i + 2] for i in range(0, 12, 2)).lower()
        return f"write `{pairs}`" if len(digits) == 12 else f"there are {len(digits)} digits"
    if pattern == host_schema()["definitions"]["name"]["allOf"][0]["pattern"] and len(value) > 15:
        return f"this name has {len(value)} characters"
    return ""


def _prefix_help(error: Fault) -> str:
    value, v6 = error.instance, ":" in error.instance
    if value in ("0.0.0.0", "::"):
        return f"write `{value}/0`"
    if error.absolute_path[-1] in ("to", "from", "peer"):
        alone = f"write `{value}/{128 if v6 else 32}` for this address alone"
        return f"{alone}, else the prefix length of the network"
    return f"write `{value}/{64 if v6 else 24}`, or whatever prefix length the subnet has"


def _noun(value: object) -> str:
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case int():
            return f"the number {value}"
        case str():
            return f"the text {_show(value)}"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return "nothing"


def _show(value: object) -> str:
    return f"`{_text(value)}`"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type_help(wanted: list[str], value: object, schema: dict[str, Any]) -> str:
    if isinstance(value, str) and "integer" in wanted and value.lstrip("-").isdigit():
        return "remove the quotes"
    if (
        isinstance(value, str)
        and "boolean" in wanted
        and value.lower() in ("yes", "no", "on", "off")
    ):
        return f"write `{'true' if value.lower() in ('yes', 'on') else 'false'}`; YAML 1.2 knows no `{value}`"
    if "boolean" in wanted and value in (0, 1):
        return f"write `{'true' if value else 'false'}`"
    if value is None:
        return "give it a value, or remove the key"
    if wanted == ["string"] and isinstance(value, int):
        return f'write `"{_text(value)}"`'
    if "array" in wanted and isinstance(value, str | int):
        return f"write `[{value}]`"
    if "array" in wanted:
        return "an item of a list begins with `- `"
    if wanted == ["object"] and 0 < len(schema.get("properties", {})) < _FEW:
        return f"its keys are {_listing(schema['properties'])}"
    return ""


def _nearest(value: object, known: Iterable[object]) -> str:
    names = [_text(k) for k in known]
    return _near(str(value), names) or f"possible are {_listing(names)}"


def _near(value: str, known: Iterable[str]) -> str:
    near = _similar(value, list(known))
    return f"a similar value exists: `{near}`" if near else ""


def _similar(word: str, known: Sequence[str]) -> str:
    """Find the most similar one of the words that are known, "" if none is."""
    if len(word) > _LONGEST_WORD:
        return ""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, 1, 0.6)), "")


def _listing(names: Iterable[object], separator: str = ", ") -> str:
    return separator.join(f"`{name}`" for name in names)


def _unknown_keys(
    path: Path, schema: dict[str, Any], value: dict[str, Any], compared: int
) -> Iterator[Diagnostic]:
    known = list(schema.get("properties", {}))
    _, kind, _ = _FAMILIES.get(str(path[0]) if path else "", ("", "", None))
    unclear = kind not in value and _misspelt(kind, value, schema)
    for name in value:
        if name in known:
            continue
        owners = _owners(path, name)
        if owners and unclear:
            continue
        if owners:
            here = _described(path, value)
            yield diagnostic(
                "VN110",
                f"`{name}` is a key of {_listing(owners)}, not of {here}",
                (*path, name),
                "key",
                help=f"remove it, or {'make this' if kind in value else 'add'} `{owners[0]}`",
            )
            continue
        if name in _FOREIGN:
            help = _FOREIGN[name]
        elif compared > 0 and (near := _similar(name, _present(schema))):
            help = f"a key with a similar name exists: `{near}`"
        elif len(_present(schema)) > _FEW:
            help = "docs/reference/language.md lists all keys, as `vnetc schema` does"
        else:
            help = f"possible are {_listing(sorted(_present(schema)))}"
        compared -= 1
        yield diagnostic("VN101", f"unknown key `{name}`", (*path, name), "key", help=help)


# Keys of netplan(5) and interfaces(5) that are something else here.
_FOREIGN = {
    **dict.fromkeys(
        ("gateway", "gateway4", "gateway6"),
        "a default route says it: `routes: [{to: default, via: 192.168.1.1}]`",
    ),
    **dict.fromkeys(
        ("ethernets", "bridges", "vlans", "dummy-devices", "virtual-ethernets"),
        "all devices stand below `interfaces:`, each with its `type:`",
    ),
    "network": "its keys stand at the top of the document",
    "renderer": "what to compile to is the `target:`",
    "interfaces": "the interfaces of a bridge are its `ports:`, those of a bond its `members:`",
    "parameters": "its keys stand below the device itself",
    **dict.fromkeys(("slaves", "bond-slaves"), "the interfaces of a bond are its `members:`"),
    **dict.fromkeys(("bridge_ports", "bridge-ports"), "they are the `ports:` of a bridge"),
    **dict.fromkeys(
        ("bridge-vlan-aware", "vlan-aware"), "a bridge with `vlan-filtering: true` knows VLANs"
    ),
    "vlan-raw-device": "the interface that a VLAN is made on is its `link:`",
    "listen-port": "the port of a WireGuard interface is its `port:`",
    "vni": "the number of a VXLAN is its `id:`",
    "dhcp": "`dhcp4: true` asks for IPv4 addresses, `dhcp6: true` for IPv6",
    "mac": "it is spelt `macaddress`",
    "netmask": "the prefix length follows the address: `192.168.1.110/24`",
}


def _present(schema: dict[str, Any]) -> list[str]:
    """List the keys that this version has."""
    later = {"$ref": "#/definitions/later"}
    return [name for name, rule in schema.get("properties", {}).items() if rule != later]


# Where a mapping's keys depend on one of them: path prefix -> (definition, key, its default).
_FAMILIES = {
    "interfaces": ("interface", "type", "ethernet"),
    "networks": ("network", "mode", None),
}


def _owners(path: Path, name: str) -> list[str]:
    """List the types or modes that have the key `name`, as `type: bridge`."""
    if len(path) != 2 or path[0] not in _FAMILIES:
        return []
    definition, key, _ = _FAMILIES[str(path[0])]
    branches = host_schema()["definitions"][definition]["allOf"]
    return [
        f"{key}: {branch['if']['properties'][key]['const']}"
        for branch in branches
        if name in branch["then"]["properties"]
    ]


def _described(path: Path, value: dict[str, Any]) -> str:
    _, key, default = _FAMILIES[str(path[0])]
    return f"`{key}: {value.get(key, default)}`"


def _remove(data: Any, path: Path) -> None:
    """Take the value at `path` out of the data; in a list put `BAD` in its place."""
    if not path:
        return
    for step in path[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return
    last = path[-1]
    if is_mapping(data):
        data.pop(str(last), None)
    elif is_list(data) and isinstance(last, int):
        data[last] = BAD
