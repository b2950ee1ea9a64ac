"""Rain: streaks of many lengths, widths, angles and depths, and the veil of far drops. Does not know files or training.

Rain adds light. A streak layer is a [H, W] picture of that light; a rainy picture is

    clean · (1 − veil) + airlight · veil + Σ strength · layer · tint

Layers are made in two ways, because each alone teaches a network only its own look: single drops drawn as tapered strokes
(near rain, several directions at once), and noise smeared along the fall (far rain). Real or foreign layers can be put beside
them. Drawing takes milliseconds a layer and a training patch must take less, so `StreakBank` draws a stock of layers once.
What rain does besides is in downpour.py (distance, splashes) and rain_film.py (from frame to frame).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradations.degradation import Amount, Bounds, Degraded, Light, Pair, Share, check, draw, to_light

Places = NDArray[np.float64]

_FAINTER = 0.75
_FOREIGN_SHARE = 0.4  # of the layers that are taken, where there are any
_LEAN, _MOST_LEAN = 22.0, 60.0  # degrees from upright: σ and limit. Rain mostly falls; wind and a moving camera lean it.
_SUBPIXEL = 4  # bits of a fraction in cv2's drawing coordinates


def drawn_streaks(rng: np.random.Generator, height: int, width: int) -> Light:
    """Near rain: strokes that are wide in the middle and pointed at the ends, of roughly one direction."""
    layer = np.zeros((height, width), np.float32)
    angle, spread = _lean(rng), np.radians(draw(rng, (0.5, 4)))
    length, thickness = draw(rng, (8, 70)), draw(rng, (0.7, 2.4))
    count = int(draw(rng, (0.05, 0.45)) * height * width / (length * thickness))
    angles = angle + spread * rng.standard_normal(count)
    along = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    half = along * (length * rng.uniform(0.3, 1.0, (count, 1)) / 2)
    across = along[:, ::-1] * [1, -1] * (thickness * rng.uniform(0.5, 1.0, (count, 1)) / 2)
    centre = rng.uniform(-length / 2, 1, (count, 2)) + rng.uniform(0, 1, (count, 2)) * [width + length, height + length]
    strokes(layer, centre, half, across, rng.uniform(0.35, 1.0, count))
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), draw(rng, (0.35, 0.9))), np.float32)


def strokes(layer: Light, centre: Places, half: Places, across: Places, light: NDArray[np.float64]) -> None:
    """Draws on the layer; all but the light are [strokes, 2], right and down: the middle, and from there to a tip and to a side."""
    corners = np.stack([centre - half, centre + across, centre + half, centre - across], axis=1)
    fixed = np.rint(corners * (1 << _SUBPIXEL)).astype(np.int32)
    for corner, brightness in zip(fixed, light, strict=True):
        cv2.fillConvexPoly(layer, corner, float(brightness), cv2.LINE_4, _SUBPIXEL)


def smeared_streaks(rng: np.random.Generator, height: int, width: int) -> Light:
    """Far rain: sparse noise smeared along the fall; thin, dense and faint."""
    length, thickness = draw(rng, (7, 45)), draw(rng, (0.4, 1.3))
    sparse = (rng.random((height, width), np.float32) > 1 - draw(rng, (0.004, 0.05))).astype(np.float32)
    sparse *= rng.random((height, width), np.float32)
    smear = _smear(length, thickness, _lean(rng))
    layer = cv2.filter2D(sparse, -1, smear, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.minimum(layer / max(float(np.quantile(layer, 0.995)), 1e-3), 1.0), np.float32)


def _lean(rng: np.random.Generator) -> float:
    """In radians."""
    return float(np.radians(np.clip(_LEAN * rng.standard_normal(), -_MOST_LEAN, _MOST_LEAN)))


def _smear(length: float, thickness: float, angle: float) -> NDArray[np.float32]:
    """A line of that length and direction with Gaussian flanks and soft ends."""
    reach = int(length / 2 + 3 * thickness) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    along, across = x * np.sin(angle) + y * np.cos(angle), x * np.cos(angle) - y * np.sin(angle)
    profile = np.exp(-0.5 * (across / thickness) ** 2) / (1 + np.exp((np.abs(along) - length / 2) / max(length / 12, 0.5)))
    return np.asarray(profile, np.float32)


def layer_of(rainy: Light, clean: Light) -> Light:
    """The streak layer of a pair that was made by adding light: the least clipped channel has the most of it."""
    return np.asarray(np.clip((rainy - clean).max(axis=2), 0, 1), np.float32)


def layers_of(pairs: Sequence[Pair], most: int = 200) -> list[Light]:
    """Of the thousands of pairs that a data set has some, evenly spread: each layer stays in memory."""
    some = pairs[:: -(-len(pairs) // most) or 1]
    return [layer_of(to_light(pair.degraded), to_light(pair.clean)) for pair in some]


class StreakBank:
    """A stock of streak layers, as 8-bit pictures: half drawn and half smeared, with `foreign` ones (cut from pairs) among them.

    It is drawn when the first layer is wanted: rain can be named, printed and compared without it.
    """

    def __init__(self, seed: int, count: int = 320, side: int = 320, foreign: Sequence[Light] = ()) -> None:
        self._made_of = (seed, count, side)
        self._foreign = [_stored(layer) for layer in foreign]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, StreakBank) and self._made_of == other._made_of and not (self._foreign or other._foreign)

    def __hash__(self) -> int:
        return hash(self._made_of)

    @functools.cached_property
    def _own(self) -> list[NDArray[np.uint8]]:
        seed, count, side = self._made_of
        rng = np.random.default_rng(seed)
        makers = (drawn_streaks, smeared_streaks)
        return [_stored(makers[i % 2](rng, side, side)) for i in range(count)]

    def layer(self, rng: np.random.Generator, height: int, width: int) -> Light:
        """One layer at that size: somewhere out of the stock, turned over, lengthened or shortened."""
        stock = self._foreign if self._foreign and rng.random() < _FOREIGN_SHARE else self._own
        stored = stock[int(rng.integers(len(stock)))]
        zoom = draw(rng, (0.7, 1.5))
        stretch = zoom * draw(rng, (0.85, 1.2))
        rows, columns = int(height / stretch) + 1, int(width / zoom) + 1
        more = max(rows - stored.shape[0], 0), max(columns - stored.shape[1], 0)
        if any(more):  # mirrored on: a streak must not grow with the picture
            stored = np.pad(stored, ((0, more[0]), (0, more[1])), "symmetric")
        top, left = int(rng.integers(stored.shape[0] - rows + 1)), int(rng.integers(stored.shape[1] - columns + 1))
        patch = cv2.resize(stored[top : top + rows, left : left + columns], (width, height), interpolation=cv2.INTER_LINEAR)
        if rng.random() < 0.5:
            patch = patch[:, ::-1]
        return patch.astype(np.float32) / np.float32(255)


def _stored(layer: Light) -> NDArray[np.uint8]:
    return np.rint(np.clip(layer, 0, 1) * 255).astype(np.uint8)


@dataclass(frozen=True)
class Rain:
    """Up to `most_layers` layers at once, in a drawn strength, over a veil."""

    bank: StreakBank
    strength: Amount = (0.05, 1.0)
    most_layers: Annotated[int, Bounds(1, 10)] = 3
    veil: Share = (0.0, 0.1)
    tint: Annotated[float, Bounds(0, 0.5)] = 0.04  # how far a streak's colour strays from grey

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        strength, veil = draw(rng, self.strength), draw(rng, self.veil) * float(rng.random() < 0.5)
        streaks = np.zeros((height, width), np.float32)
        for depth in range(int(rng.integers(1, self.most_layers + 1))):
            # Each further layer is fainter: that is what distance does, and three full ones would leave nothing but white.
            streaks += self.bank.layer(rng, height, width) * np.float32(draw(rng, (0.6, 1.0)) * _FAINTER**depth)
        tint = (1 + self.tint * rng.standard_normal(3)).astype(np.float32)
        airlight = np.float32(draw(rng, (0.5, 0.95)))
        light = np.float32(strength) * streaks[..., None] * tint
        picture = clean * np.float32(1 - veil) + airlight * np.float32(veil) + light
        parameters = {"strength": strength, "veil": veil, "airlight": float(airlight)}
        return Degraded(np.asarray(picture, np.float32), clean, {"streaks": light}, parameters)
