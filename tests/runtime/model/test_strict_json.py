"""What the manifest's tests do not reach: NamedTuples, and numbers that JSON does not have."""

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
    ("place", "said"),
    [
        ([3], "holder.place: row, name were expected, 1 values came"),
        ([3, "c", "d"], "3 values came"),
        ([True, "c"], "holder.place.row: int was expected, bool came"),
        ({"row": 3}, "holder.place: a list was expected, dict came"),
    ],
)
def test_a_named_tuple_is_as_strict(place: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode(Holder, {"place": place, "share": 1.0}, "holder")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_that_json_does_not_have_go_in_neither_direction(number: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode(Holder(Place(1, "a"), float(number)))
    with pytest.raises(ValueError, match="is no number in JSON"):
        parse({"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[number])


def test_what_no_parser_goes_through_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="nested"):
        parse("[" * 100_000)
