"""No value and no name can make another line of /etc/network/interfaces than the one that it is for."""

from __future__ import annotations

import pytest
from vnetc.backends.ifupdown.stanzas import Line, Stanza, interfaces


@pytest.mark.parametrize(
    ("value", "unsafe"),
    [
        ("", ""),
        (" a", ""),
        ("a\nauto eth9", ""),
        ("a\x00", ""),
        ("a\\", ""),
        ("a\\b", "\\%"),
        ("50%", "\\%"),
        ("a # b", "#"),
    ],
)
def test_stanza_refuses_what_a_dialect_cannot_carry(value: str, unsafe: str) -> None:
    with pytest.raises(ValueError, match="not a value"):
        interfaces(
            "h", [Stanza(name="eth0", method="manual", lines=[Line("up", value)])], unsafe=unsafe
        )


@pytest.mark.parametrize("name", ["", "x;y", "$x", "a b", "a\nb", "-x"])
def test_stanza_refuses_a_name_that_is_code(name: str) -> None:
    with pytest.raises(ValueError, match="not a word"):
        interfaces("h", [Stanza(name=name, method="manual")])
