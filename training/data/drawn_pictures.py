"""`--data drawn`: clean pictures that are drawn when they are needed, so that training needs no photographs. Reads no file.

Picture i is a function of i alone, the same on every machine: dead leaves and scenes in turn, which between them have the edges and
the scale statistics of photographs, and gradients, straight edges, repeated structure and text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from runtime.errors import UsageError
from runtime.picture import Picture
from training.data.drawn import dead_leaves, drawn_scene
from training.data.gallery import Gallery
from training.data.layouts import HOLD_OUT_EVERY
from training.data.stills import PictureCache

COUNT = 240
_HEIGHT, _WIDTH = 320, 480  # about the size of the photographs that networks of this kind are trained on
_SEED = 51_977  # far from the seeds of trainings, demos and tests


class DrawnGallery(Gallery[Picture]):
    def __init__(self, places: Sequence[int], kept: PictureCache, smallest: int) -> None:
        self._places, self._kept = tuple(places), kept
        self._size = (max(_HEIGHT, smallest), max(_WIDTH, smallest))
        self.sizes = (self._size,) * len(places)
        self.names = tuple(f"drawn-{place:04}" for place in places)

    def at(self, place: int) -> Picture:
        number = self._places[place]
        return self._kept.get(("drawn", number, *self._size), lambda: self._drawn(number))

    def _drawn(self, number: int) -> Picture:
        draw = (dead_leaves, drawn_scene)[(number + number // HOLD_OUT_EVERY) % 2]  # both kinds are among the held-out ones
        return draw(np.random.default_rng((_SEED, number)), *self._size)

    def fill(self) -> None:
        for place, (height, width) in enumerate(self.sizes):
            if not self._kept.has_room(height * width * 3):
                return
            self.at(place)


def count_of(data: Path) -> int | None:
    """How many pictures `drawn` or `drawn:N` asks for; None for a folder."""
    asked = re.fullmatch(r"drawn(?::(.*))?", str(data))
    if asked is None or data.exists():
        return None
    if asked[1] is None:
        return COUNT
    if not asked[1].isdecimal() or int(asked[1]) < 2:
        raise UsageError(f"--data {data}: expected drawn:N with N of 2 or more, got {asked[1] or 'nothing'}; drawn alone is {COUNT}")
    return int(asked[1])
