"""Flat drawing in metres: colour and cover on one transparent sheet. Does not know cameras or what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.picture import Picture
from training.data.drawn import Floats, noise

Colour = tuple[float, float, float]  # BGR, 0..255
Points = Sequence[tuple[float, float]]
_BITS = 4  # cv2 takes coordinates with this many fractional bits


class Sheet:
    """`width` × `height` metres, x to the right and y up, drawn at `ppm` pixels a metre. Starts fully transparent."""

    def __init__(self, width: float, height: float, ppm: float) -> None:
        self.width, self.height, self.ppm = width, height, ppm
        rows, columns = max(2, round(height * ppm)), max(2, round(width * ppm))
        self.colour: Picture = np.zeros((rows, columns, 3), np.uint8)
        self.cover: NDArray[np.uint8] = np.zeros((rows, columns), np.uint8)

    def _at(self, points: Points) -> NDArray[np.int32]:
        flat = np.asarray(points, np.float64)
        pixels = np.stack((flat[:, 0], self.height - flat[:, 1]), 1) * self.ppm - 0.5
        return np.asarray(np.round(pixels * 2**_BITS), np.int32)

    def polygon(self, points: Points, colour: Colour, *, hole: bool = False) -> None:
        place = [self._at(points)]
        if not hole:
            cv2.fillPoly(self.colour, place, colour, cv2.LINE_AA, _BITS)
        cv2.fillPoly(self.cover, place, 0 if hole else 255, cv2.LINE_AA, _BITS)

    def rectangle(self, left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
        self.polygon(((left, bottom), (right, bottom), (right, top), (left, top)), colour)

    def ellipse(self, x: float, y: float, across: float, high: float, colour: Colour, turn: float = 0.0) -> None:
        (px, py), axes = self._at([(x, y)])[0], (round(across * self.ppm * 2**_BITS), round(high * self.ppm * 2**_BITS))
        for target, value in ((self.colour, colour), (self.cover, (255.0,))):
            cv2.ellipse(target, (int(px), int(py)), axes, turn, 0, 360, value, -1, cv2.LINE_AA, _BITS)

    def line(self, points: Points, thick: float, colour: Colour) -> None:
        """Strokes are polygons: cv2's own thickness is whole pixels."""
        for (x0, y0), (x1, y1) in pairwise(points):
            length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-6)
            dx, dy = -(y1 - y0) / length * thick / 2, (x1 - x0) / length * thick / 2
            self.polygon(((x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)), colour)

    def text(self, words: str, x: float, y: float, high: float, colour: Colour, *, widest: float | None = None) -> None:
        """Centred on (x, y), letters `high` metres tall, squeezed to at most `widest` metres."""
        stencil = _letters(words)
        broad = high * stencil.shape[1] / stencil.shape[0]
        broad = min(broad, widest) if widest is not None else broad
        size = (max(1, round(broad * self.ppm)), max(1, round(high * self.ppm)))
        small = cv2.resize(stencil, size, interpolation=cv2.INTER_AREA)
        left, top = round(x * self.ppm - size[0] / 2), round((self.height - y) * self.ppm - size[1] / 2)
        rows, columns = self.cover.shape
        bottom, right = min(top + size[1], rows), min(left + size[0], columns)
        if bottom <= max(top, 0) or right <= max(left, 0):
            return  # all of it is off the sheet
        inside = (slice(max(top, 0), bottom), slice(max(left, 0), right))
        share = small[inside[0].start - top : bottom - top, inside[1].start - left : right - left] / np.float32(255)
        part, cover = self.colour[inside], self.cover[inside]
        part[:] = np.rint(part + (np.asarray(colour, np.float32) - part) * share[..., None])
        cover[:] = np.maximum(cover, np.rint(share * 255).astype(np.uint8))

    def paste(self, picture: Picture, left: float, top: float) -> None:
        """An opaque picture with its upper left corner at (left, top)."""
        x, y = round(left * self.ppm), round((self.height - top) * self.ppm)
        target = self.colour[max(y, 0) : y + picture.shape[0], max(x, 0) : x + picture.shape[1]]
        target[:] = picture[max(-y, 0) :, max(-x, 0) :][: target.shape[0], : target.shape[1]]
        self.cover[max(y, 0) : y + picture.shape[0], max(x, 0) : x + picture.shape[1]] = 255

    def veil(self, left: float, bottom: float, right: float, top: float, strength: Floats | float, colour: Colour = (0, 0, 0)) -> None:
        """Mixes a colour in: shadows, dirt, reflections. `strength` is one number or a small grid of them, stretched over the area."""
        rows, columns = self.cover.shape
        y0, y1 = (min(max(round((self.height - y) * self.ppm), 0), rows) for y in (top, bottom))
        x0, x1 = (min(max(round(x * self.ppm), 0), columns) for x in (left, right))
        if y1 <= y0 or x1 <= x0:
            return
        share = np.atleast_2d(np.asarray(strength, np.float32))
        share = np.asarray(cv2.resize(share, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR), np.float32)
        part = self.colour[y0:y1, x0:x1]
        part[:] = np.clip(part + (np.asarray(colour, np.float32) - part) * share[..., None], 0, 255)

    def grain(self, rng: np.random.Generator, strength: float, coarsest: int = 64, slope: float = 1.0) -> None:
        """Multiplies by multi-scale noise: no surface outdoors is flat."""
        rows, columns = self.cover.shape
        field = 1 + strength * noise(rng, rows, columns, coarsest=coarsest, slope=slope)
        self.colour[:] = np.clip(self.colour * field[..., None], 0, 255)

    def finished(self) -> NDArray[np.uint8]:
        """[H, W, 4] BGRA, colour already multiplied by cover."""
        share = self.cover[..., None] / np.float32(255)
        return np.concatenate((np.rint(self.colour * share).astype(np.uint8), self.cover[..., None]), 2)


@lru_cache(maxsize=128)
def _letters(words: str) -> NDArray[np.uint8]:
    """The words as a tight stencil, 96 pixels or so tall: written large once and shrunk where used, so that small text stays text."""
    (broad, high), drop = cv2.getTextSize(words, cv2.FONT_HERSHEY_DUPLEX, 4.0, 4)
    stencil = np.zeros((high + 2 * drop + 16, broad + 32), np.uint8)
    cv2.putText(stencil, words, (16, high + 8), cv2.FONT_HERSHEY_DUPLEX, 4.0, 255, 4, cv2.LINE_AA)
    rows, columns = np.flatnonzero(stencil.any(1)), np.flatnonzero(stencil.any(0))
    return np.ascontiguousarray(stencil[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
