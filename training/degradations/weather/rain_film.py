"""Rain on film: one cloud of drops that falls past the camera, the same drops from frame to frame. Knows no files.

    picture = clean · (1 − veil) + airlight · veil + streaks

At each of a few distances the drops hang in an endless sheet, which is drawn wherever the picture looks at it and moves by the
same whole number of pixels with every frame: streak layers of two frames are one another, moved. A streak is as long as its
drop falls while the shutter is open; what is farther away is smaller, slower and fainter by the same factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradations.degradation import Amount, Bounds, Degraded, Light, Range, Share, check, draw
from training.degradations.weather.rain import strokes

_BLOCK = 96  # pixels: the sheet is drawn by blocks, each out of its own seed, so that it has no end and no memory
_NEARER = 1.7  # each distance is so many times that of the one before
_FAINTER = 0.75
_BLUR = 0.5
_FINEST = 16  # parts of a pixel
_ROOM = 4  # pixels, for the blur


@dataclass(frozen=True)
class RainFilm:
    strength: Amount = (0.2, 0.9)
    distances: Annotated[int, Bounds(1, 8)] = 4
    length: Annotated[Range, Bounds(2, 400)] = (30.0, 80.0)  # pixels, of the nearest streaks
    thickness: Annotated[Range, Bounds(0.5, 20)] = (1.5, 3.0)  # pixels, of the nearest
    lean: Annotated[Range, Bounds(-60, 60)] = (-20.0, 20.0)  # degrees from upright
    shutter: Annotated[Range, Bounds(0.05, 1)] = (0.3, 0.8)  # for how much of the time from frame to frame it is open
    cover: Share = (0.02, 0.12)  # of each sheet by streaks
    veil: Share = (0.0, 0.1)

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        return next(self.film([clean], rng))

    def film(self, frames: Iterable[Light], rng: np.random.Generator) -> Iterator[Degraded]:
        """As many rainy frames as clean ones come; all of them are of one size."""
        strength, veil, airlight = draw(rng, self.strength), draw(rng, self.veil), draw(rng, (0.5, 0.95))
        sheets = self._sheets(rng)
        parameters = {"strength": strength, "veil": veil, "airlight": airlight}
        for i, sheet in enumerate(sheets):
            parameters |= {f"right-{i}": float(sheet.moves[0]), f"down-{i}": float(sheet.moves[1])}
        for time, clean in enumerate(frames):
            height, width = clean.shape[:2]
            layers = {f"streaks-{i}": np.float32(strength) * sheet.seen(time, height, width) for i, sheet in enumerate(sheets)}
            streaks = np.repeat(np.sum(list(layers.values()), axis=0)[..., None], 3, axis=2)
            picture = clean * np.float32(1 - veil) + np.float32(airlight * veil) + streaks
            yield Degraded(picture, clean, {"streaks": streaks, **layers}, parameters)

    def _sheets(self, rng: np.random.Generator) -> list[_Sheet]:
        length, thickness, shutter = draw(rng, self.length), draw(rng, self.thickness), draw(rng, self.shutter)
        lean = np.radians(draw(rng, self.lean))
        sheets = []
        for i in range(self.distances):
            smaller = _NEARER**-i
            falls = max(length * smaller, 2) / shutter
            moves = (round(falls * np.sin(lean)), max(round(falls * np.cos(lean)), 1))
            size = (max(length * smaller, 2), max(thickness * smaller, 0.6))
            sheets.append(_Sheet(int(rng.integers(2**31)), moves, size, draw(rng, self.cover), _FAINTER**i))
        return sheets


@dataclass(frozen=True)
class _Sheet:
    seed: int
    moves: tuple[int, int]  # pixels a frame, right and down
    size: tuple[float, float]  # length and thickness of a streak
    cover: float
    light: float

    def seen(self, time: int, height: int, width: int) -> Light:
        """[H, W] of the sheet, after so many frames of falling."""
        # Room for whole streaks around the picture: OpenCV draws one that its border cuts a little differently.
        room = int(self.size[0]) + _ROOM
        left, top = -time * self.moves[0] - room, -time * self.moves[1] - room
        layer = np.zeros((height + 2 * room, width + 2 * room), np.float32)
        rows = range(top // _BLOCK, (top + layer.shape[0]) // _BLOCK + 1)
        columns = range(left // _BLOCK, (left + layer.shape[1]) // _BLOCK + 1)
        for row in rows:
            for column in columns:
                self._draw(layer, row, column, np.array([left, top]))
        blurred = cv2.GaussianBlur(layer, (0, 0), _BLUR)
        return np.asarray(blurred[room:-room, room:-room] * np.float32(self.light), np.float32)

    def _draw(self, layer: Light, row: int, column: int, corner: NDArray[np.int64]) -> None:
        rng = np.random.default_rng((self.seed, row % 2**32, column % 2**32))
        length, thickness = self.size
        count = int(rng.poisson(self.cover * _BLOCK**2 / (length * thickness)))
        place = (rng.random((count, 2)) + np.array([column, row])) * _BLOCK
        centre = np.rint(place * _FINEST) / _FINEST - corner  # rounded where it hangs, so that it is drawn alike wherever it is seen
        way = np.arctan2(*self.moves) + np.radians(0.7) * rng.standard_normal(count)
        along = np.stack([np.sin(way), np.cos(way)], axis=1)
        half = along * (length / 2 * rng.uniform(0.7, 1.0, (count, 1)))
        across = along[:, ::-1] * [1, -1] * (thickness / 2 * rng.uniform(0.6, 1.0, (count, 1)))
        strokes(layer, centre, half, across, rng.uniform(0.35, 1.0, count))
