"""What was asked of programs, and what came of it: how to tell later that nothing has changed.

tc(8) and nft(8) do not give back the words that they were told. So the ledger remembers, for such
an object, the words (`asked`) and the fingerprint of what then was there (`got`): as long as the
same is there, those words are what the object is.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from vnetc.backends.netlink.state import Attributes, Key, State, Value
from vnetc.model.data import is_mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Remembered: TypeAlias = "Mapping[Key, Attributes]"  # by object: `asked` and `got`

# class -> attribute with the words, attributes with fingerprints
_WORDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "qdisc": ("commands", ("root", "receive")),
    "nft": ("text", ("fingerprint",)),
}


def fingerprint(text: str) -> str:
    """Give what stands for a text."""
    return sha256(text.encode()).hexdigest()


def settled(asked: Value, remembered: Attributes | None, observed: Attributes) -> bool:
    """Tell whether what is there is what once came of the same words."""
    if remembered is None or remembered.get("asked") != asked:
        return False
    got = remembered.get("got")
    return is_mapping(got) and all(observed.get(name) == value for name, value in got.items())


def recall(state: State, remembered: Remembered) -> State:
    """Put words into a state that has fingerprints alone, where they still hold."""
    return {key: _recall(key, found, remembered.get(key)) for key, found in state.items()}


def _recall(key: Key, found: dict[str, Value], known: Attributes | None) -> dict[str, Value]:
    if key[0] not in _WORDS or known is None:
        return found
    asked = known.get("asked")
    return {**found, _WORDS[key[0]][0]: asked} if settled(asked, known, found) else found


def remember(key: Key, asked: Attributes, state: State) -> dict[str, Value] | None:
    """Give what the ledger is to know of an object that was just made or changed, None if nothing.

    `asked` are its attributes as the document has them, and `state` was read after that.
    """
    if key[0] == "wireguard-peer":
        return {"asked": asked["endpoint"]} if "endpoint" in asked else None
    if key[0] not in _WORDS or key not in state:
        return None
    words, prints = _WORDS[key[0]]
    got: dict[str, Value] = {name: state[key][name] for name in prints if state[key].get(name)}
    return {"asked": asked[words], "got": got}
