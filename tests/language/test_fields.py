"""Every field of the model has a type that the language knows how to read."""

from __future__ import annotations

from types import ModuleType

import pytest
from vnetc.language.fields import AS_THEY_ARE, BY_HAND, PARSERS, fields_by_key
from vnetc.model import cards, host, kinds, qdiscs, values
from vnetc.model.record import Record

MODULES = (cards, host, kinds, qdiscs)


def _records(module: ModuleType) -> list[type[Record]]:
    found = [item for item in vars(module).values() if isinstance(item, type)]
    return [
        item for item in found if issubclass(item, Record) and item.__module__ == module.__name__
    ]


RECORDS = [record for module in MODULES for record in _records(module) if record is not host.Host]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_type_is_known(record: type[Record]) -> None:
    assert fields_by_key(record) is not None


def test_no_type_is_known_that_is_none() -> None:
    named = {*PARSERS, *BY_HAND} - {"Discipline", "Kind", "Qdisc"}
    assert named <= {*vars(values)}
    assert not AS_THEY_ARE & named


def test_an_unknown_type_is_an_error() -> None:
    class Odd(Record):
        width: Furlongs  # noqa: F821

    with pytest.raises(TypeError, match=r"Odd.width: .*`Furlongs`"):
        fields_by_key(Odd)
