"""NamedTuples and numbers that JSON does not have; test_manifest.py covers the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from runtime.model.strict_json import decode, encode, parse


class Place(NamedTuple):
    row: int
    name: str


@dataclass(frozen=True)
class Holder:
    place: Place
    share: float


def test_there_and_back() -> None:
    held = Holder(Place(3, "c"), 0.5)
    assert decode(Holder, parse(encode(held)), "holder") == held


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ([3], "holder.place: expected row, name, got 1 values"),
        ([3, "c", "d"], "got 3 values"),
        ([True, "c"], "holder.place.row: expected int, got bool"),
        ({"row": 3}, "holder.place: expected a list, got dict"),
    ],
)
def test_a_named_tuple_is_as_strict(place: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(Holder, {"place": place, "share": 1.0}, "holder")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_that_json_does_not_have_go_in_neither_direction(number: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode(Holder(Place(1, "a"), float(number)))
    with pytest.raises(ValueError, match="expected a number that JSON has"):
        parse({"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[number])


def test_a_text_nested_too_deeply_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="levels of brackets"):
        parse("[" * 100_000)
