"""A sequence of training pictures whose names, sizes and depth are known without decoding them. Does not know files or data sets."""

from __future__ import annotations

import bisect
import itertools
from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

from runtime.picture import Picture
from training.degradations.degradation import Light, Pair

_T = TypeVar("_T")
Size = tuple[int, int]  # height, width


class Gallery(Sequence[_T]):
    """Pictures or pairs; each is decoded or drawn when it is asked for."""

    names: tuple[str, ...]
    sizes: tuple[Size, ...]

    @abstractmethod
    def at(self, place: int) -> _T: ...

    def depth(self, place: int) -> Light | None:
        """[H, W] as the picture, where it is known; 1 is its farthest point."""
        return None

    def fill(self) -> None:
        """Decodes or draws what the memory holds, so that it is not waited for later."""

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> _T: ...
    @overload
    def __getitem__(self, place: slice) -> list[_T]: ...
    def __getitem__(self, place: int | slice) -> _T | list[_T]:
        places = range(len(self))
        return [self.at(one) for one in places[place]] if isinstance(place, slice) else self.at(places[place])


class LoadedGallery(Gallery[_T]):
    """Pictures that are in memory already."""

    def __init__(self, pictures: Sequence[_T], names: Sequence[str], sizes: Sequence[Size]) -> None:
        self._pictures, self.names, self.sizes = tuple(pictures), tuple(names), tuple(sizes)

    def at(self, place: int) -> _T:
        return self._pictures[place]


class JoinedGallery(Gallery[_T]):
    """One gallery after the other, as many as `--data` named."""

    def __init__(self, parts: Sequence[Gallery[_T]]) -> None:
        self._parts = [part for part in parts if len(part)]
        self._ends = list(itertools.accumulate(map(len, self._parts)))
        self.names = tuple(name for part in self._parts for name in part.names)
        self.sizes = tuple(size for part in self._parts for size in part.sizes)

    def at(self, place: int) -> _T:
        part, within = self._found(place)
        return part.at(within)

    def depth(self, place: int) -> Light | None:
        part, within = self._found(place)
        return part.depth(within)

    def fill(self) -> None:
        for part in self._parts:
            part.fill()

    def _found(self, place: int) -> tuple[Gallery[_T], int]:
        number = bisect.bisect_right(self._ends, place)
        return self._parts[number], place - (self._ends[number - 1] if number else 0)


def loaded_pictures(pictures: Sequence[Picture]) -> Gallery[Picture]:
    return LoadedGallery(pictures, [f"{i:03}" for i in range(len(pictures))], [(one.shape[0], one.shape[1]) for one in pictures])


def loaded_pairs(pairs: Sequence[Pair]) -> Gallery[Pair]:
    return LoadedGallery(pairs, [pair.name for pair in pairs], [(pair.clean.shape[0], pair.clean.shape[1]) for pair in pairs])
