"""Which keys hold secrets, and below which keys every value may be one.

The schema says it: a key holds a secret if it refers to one of the definitions of secrets. A misspelt
one holds a secret all the same, and so does one by which other programs call theirs. Below `auth`,
`access-points` and `peers` people paste what their old configuration has, under whatever word: there a value
is harmless only if the schema has the key and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache

from vnetc.model.data import is_list, is_mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

# What a value is, by the keys above it: of no secret kind (`plain`), a mapping of names to such values,
# one of the five kinds of mappings that hold secrets, what a harmless key of those has (`public`), a secret.
Kind: TypeAlias = (
    'Literal["plain", "names", "auth", "points", "point", "peer", "keys", "public", "secret"]'
)

_DEFINITIONS = ("secret", "secret-key", "password", "wakeonlan-password")
_SIMILAR = 0.6  # as for keys "with a similar name" (vnetc.language.validate)
_SIMILAR_BLOCK = 0.8
_LONGEST = 64
# How keys of other programs end that hold secrets (wpa_supplicant.conf(5), NetworkManager, iwd, …).
_ENDINGS = (
    *("password", "passwd", "passphrase", "psk", "secret", "token", "pin"),
    *("key", "pwd", "pass", "cak", "keyphrase", "credentials"),
)
_BLOCKS: Mapping[str, Kind] = {"auth": "auth", "accesspoints": "points", "peers": "peer"}
# how others call such mappings
_ALSO_BLOCKS: Mapping[str, Kind] = {
    **dict.fromkeys(("authentication", "security", "secrets"), "auth"),
    "wireguardpeers": "peer",
}
_NAMES = frozenset({"interfaces", "networks", "ports"})  # below these, keys are names of devices


def below(kind: Kind, key: str | None) -> Kind:
    """Give the kind of the value at a key of a mapping; `None` is a key that is no text."""
    if kind in ("secret", "public"):  # what is harmless is no mapping
        return "secret"
    if key == "<<":
        return kind
    if kind == "names":
        return "plain"
    if kind == "points":
        return "point"
    if key is None:
        return "plain" if kind == "plain" else "secret"
    if has_keys(kind, key):
        return "keys"
    if is_secret(key):
        return "secret"
    if kind == "plain":
        return "names" if key in _NAMES else block(key) or "plain"
    if key == "auth":
        return "auth"
    return "public" if key in harmless(kind) else "secret"


def has_keys(kind: Kind, key: str) -> bool:
    """Tell whether a key holds the keys of a peer, as netplan(5) has them."""
    return kind == "peer" and key == "keys"


def holds_secrets(kind: Kind) -> bool:
    """Tell whether a text of this kind, in the place of a mapping or in a list, is hidden."""
    return kind not in ("plain", "names", "public")


def plain(name: str) -> str:
    """Spell a key as other programs may: `PrivateKey`, `private_key`, `private key`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def names_secret(name: str) -> bool:
    """Tell whether a key is one that holds a secret, here or with other programs."""
    secret, known = _keys()
    word = plain(name)
    if word in secret:
        return True
    stem = word.rstrip("0123456789").removesuffix("s")  # also of `wep_key0`, `wpa-psks`
    is_harmless = name in known or stem in known or "public" in word
    return stem.endswith(_ENDINGS) and not is_harmless


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Tell whether a key holds a secret, or is a misspelt one that does."""
    if name in _keys()[1]:
        return False
    if len(name) > _LONGEST:
        return names_secret(name[-_LONGEST:])
    return names_secret(name) or _is_like(plain(name), tuple(_keys()[0]), _SIMILAR)


@lru_cache(4096)
def block(name: str) -> Kind | None:
    """Give what a key holds below which every value may be secret, if it is one, or a misspelt one."""
    word = plain(name)
    if word in _ALSO_BLOCKS:
        return _ALSO_BLOCKS[word]
    if word in _BLOCKS or name in _keys()[1] or len(name) > _LONGEST:
        return _BLOCKS.get(word)
    return next(
        (kind for key, kind in _BLOCKS.items() if _is_like(word, (key,), _SIMILAR_BLOCK)), None
    )


def _is_like(word: str, others: tuple[str, ...], cutoff: float) -> bool:
    """Do as `difflib.get_close_matches`, at a tenth of its cost for the many that are not alike."""
    from difflib import SequenceMatcher

    for other in others:
        least = cutoff * (len(word) + len(other)) / 2  # characters in common
        common = sum(min(word.count(char), other.count(char)) for char in set(word))
        if common >= least and SequenceMatcher(None, other, word).ratio() >= cutoff:
            return True
    return False


@cache
def harmless(kind: Kind) -> frozenset[str]:
    """List the keys of a kind of mapping whose values are no secrets."""
    if kind == "keys":
        return frozenset({"public"})
    definitions = _schema()["definitions"]
    properties: Mapping[str, Any] = {
        "auth": definitions["auth"],
        "point": definitions["access-point"]["else"],
        "peer": definitions["wireguard-peer"],
    }[kind]["properties"]
    return frozenset(key for key in properties if not is_secret(key))


@cache
def words() -> frozenset[str]:
    """List the words of the language: keys, and values that it gives to choose from."""
    return _keys()[1] | frozenset(_choices(_schema()))


def _choices(schema: Any) -> Iterator[str]:
    if is_list(schema):
        for part in schema:
            yield from _choices(part)
    elif is_mapping(schema):
        for keyword, part in schema.items():
            if keyword in ("enum", "const"):
                yield from (
                    word for word in (part if is_list(part) else [part]) if isinstance(word, str)
                )
            else:
                yield from _choices(part)


@cache
def _keys() -> tuple[frozenset[str], frozenset[str]]:
    """Give the keys of the schema that hold secrets, spelt plainly, and all others."""
    secret: set[str] = set()
    others: set[str] = set()
    for name, schema in _properties(_schema()):
        references = {schema.get("$ref"), *(part.get("$ref") for part in schema.get("allOf", ()))}
        if references & {f"#/definitions/{definition}" for definition in _DEFINITIONS}:
            secret.add(plain(name))
        else:
            others.add(name)
    return frozenset(secret), frozenset(others)


def _schema() -> dict[str, Any]:
    from vnetc.schema import host_schema

    return host_schema()


def _properties(schema: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Run through all keys that a schema names, with what it says of their values."""
    if is_list(schema):
        for part in schema:
            yield from _properties(part)
    elif is_mapping(schema):
        for keyword, part in schema.items():
            if keyword == "properties":
                yield from ((name, rule) for name, rule in part.items() if is_mapping(rule))
            yield from _properties(part)


@cache
def _file_form() -> re.Pattern[str]:
    form: str = _schema()["definitions"]["secret"]["then"]["properties"]["file"]["pattern"]
    return re.compile(form)


def is_path(text: str) -> bool:
    """Tell whether a text can be the name of a file that holds the secret."""
    return bool(_file_form().search(text))
