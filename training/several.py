"""Owns sequences of pictures joined to one, out of as many folders as `--data` named; knows not where they come from."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from typing import Generic, TypeVar, overload

from training.degradations.degradation import Light
from training.stills import Pair, Stills

_T = TypeVar("_T")


class Several(Sequence[_T], Generic[_T]):
    """One after the other; nothing is asked of a part before one of its pictures is wanted."""

    def __init__(self, parts: Sequence[Sequence[_T]]) -> None:
        self._parts = [part for part in parts if len(part)]
        self._ends = list(itertools.accumulate(map(len, self._parts)))
        self.names: tuple[str, ...] = tuple(name for part in self._parts for name in getattr(part, "names", ()))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> _T: ...
    @overload
    def __getitem__(self, place: slice) -> list[_T]: ...
    def __getitem__(self, place: int | slice) -> _T | list[_T]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        part, within = self._found(place)
        return part[within]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return [size for part in self._parts for size in sizes_of(part)]

    def depth(self, place: int) -> Light | None:
        part, within = self._found(place)
        return part.depth(within) if isinstance(part, Stills) else None

    def fill(self) -> None:
        """Decodes or draws what the memory holds, so that it is not waited for later."""
        for part in self._parts:
            if fill := getattr(part, "fill", None):
                fill()

    def _found(self, place: int) -> tuple[Sequence[_T], int]:
        if place < 0:
            place += len(self)
        number = bisect.bisect_right(self._ends, place)
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._parts[number], place - (self._ends[number - 1] if number else 0)


def sizes_of(pictures: Sequence[object]) -> Sequence[tuple[int, int]]:
    """(height, width) of each, without decoding where that is known."""
    known: Sequence[tuple[int, int]] | None = getattr(pictures, "sizes", None)
    if known is not None:
        return known
    arrays = [one.clean if isinstance(one, Pair) else one for one in pictures]
    return [(array.shape[0], array.shape[1]) for array in arrays]  # type: ignore[attr-defined]
