"""The demo's weather: rain that falls from frame to frame, its veil, and a sensor's noise. Does not know what stands in the scene.

A drop at depth Z moves 8 m/s down and comes toward a driving camera. In the picture such drops fly away from one point high
above it, twice as fast at half the depth. So each layer of rain is one picture in coordinates (log of the distance from that
point, angle around it), in which falling is a plain shift; a fixed map bends it into the frame. Everything is a function of the
seed and the frame's index.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.picture import Picture
from training.data.drawn import Floats, noise

_FALL = 8.0 / 25  # metres a frame
_EXPOSURE = 0.62  # of a frame's time: what a streak's length is made of
_CAMERA = (1.34, 9.5, 0.48)  # metres above the road, metres to the walls of the street, the horizon's place in the picture
_SKYLIGHT = 238.0  # what a drop shows is mostly bright sky


@dataclass(frozen=True)
class Depth:
    """One layer of rain: how far away, how many drops at once in a 720p frame, how wide (σ, pixels) and how bright its streaks are."""

    metres: float
    drops: int
    width: float
    light: float  # 0..1: the typical share of skylight in the middle of a streak
    wind: float  # degrees from upright in the middle of the picture


DEPTHS = (
    Depth(24.0, 7500, 0.55, 0.16, 6.0),
    Depth(16.0, 4200, 0.6, 0.18, 9.0),
    Depth(9.5, 1600, 0.7, 0.24, 7.0),
    Depth(5.0, 360, 0.95, 0.32, 9.5),
    Depth(2.3, 30, 2.4, 0.26, 7.5),
)


class Layer:
    """The streaks of one depth; `light(index)` is the share of skylight at each pixel, 0..255."""

    def __init__(self, rng: np.random.Generator, depth: Depth, height: int, width: int) -> None:
        focal = 0.9 * max(width, height * 16 / 9)
        scale = focal / 1152
        tilt = math.radians(depth.wind)
        far = 2000 * scale  # the point from which the drops come; nearer would be faster driving
        source = (width / 2 - far * math.tan(tilt), height * _CAMERA[2] - far)
        down, across = np.mgrid[0:height, 0:width].astype(np.float32)
        reach = np.hypot(across - source[0], down - source[1])
        turn = np.arctan2(across - source[0], down - source[1])
        typical = float(reach.mean())  # there, one unit of the bent picture is one pixel
        along, around = np.log(reach / reach.min()) * typical, (turn - turn.min()) * typical
        self._rows, columns = math.ceil(float(along.max())) + 2, math.ceil(float(around.max())) + 2
        self._map = cv2.convertMaps(np.asarray(around, np.float32), np.asarray(along, np.float32), cv2.CV_16SC2)
        self.source = source
        self.shift = max(1, round(_FALL * focal / depth.metres))  # rows of the bent picture a frame
        self._period = self._rows + 211
        share = self._period * columns / (1280 * 720 * scale**2)
        look = _Look(round(depth.drops * share), _FALL * focal / depth.metres * _EXPOSURE, depth.width * scale, depth.light)
        tile = _streaks(rng, look, self._period, columns)
        self._tile = np.concatenate((tile, tile[: self._rows]), 0)

    def light(self, index: int) -> NDArray[np.uint8]:
        start = -self.shift * index % self._period
        bent = self._tile[start : start + self._rows]
        return np.asarray(cv2.remap(bent, self._map[0], self._map[1], cv2.INTER_LINEAR), np.uint8)


@dataclass(frozen=True)
class _Look:
    count: int
    length: float  # pixels
    width: float  # σ, pixels
    light: float


_THINNEST, _SHORTEST = 0.45, 3  # pixels; what is smaller is drawn at this size and fainter


def _streaks(rng: np.random.Generator, look: _Look, rows: int, columns: int) -> NDArray[np.uint8]:
    """Upright streaks of three lengths that leave over the lower edge and come in at the upper one, unevenly lit as drops wobble."""
    total = np.zeros((rows, columns), np.float32)
    for share, stretch in ((0.4, 0.6), (0.4, 1.0), (0.2, 1.5)):
        points = np.zeros((rows, columns), np.float32)
        number = max(1, round(look.count * share))
        np.add.at(points, (rng.integers(0, rows, number), rng.integers(0, columns, number)), rng.lognormal(-0.1, 0.42, number))
        size = max(_SHORTEST, round(look.length * stretch))
        profile = np.sin(np.linspace(0, np.pi, size + 2, dtype=np.float32)[1:-1]) ** 0.7
        profile *= min(1.0, look.length * stretch / _SHORTEST) * min(1.0, look.width / _THINNEST)
        pad = size + 4
        wrapped = np.pad(points, ((pad, pad), (0, 0)), mode="wrap")
        width = max(_THINNEST, look.width)
        soft = cv2.getGaussianKernel(2 * math.ceil(3 * width) + 1, width, cv2.CV_32F)
        total += cv2.sepFilter2D(wrapped, cv2.CV_32F, soft / soft.max(), profile[:, None])[pad:-pad]
    uneven = 1 + 0.22 * np.clip(noise(rng, rows, columns, coarsest=16, slope=0.5), -2, 2)
    return np.clip(np.rint(total * uneven * look.light * 255), 0, 225).astype(np.uint8)


class Weather:
    """Heavy rain in front of a clean frame: `Weather(seed, height, width)(clean, index)`."""

    def __init__(self, seed: int, height: int, width: int) -> None:
        rng = np.random.default_rng((seed, 1))
        self._seed, self._size = seed, (height, width)
        distance = _street_depth(height, width)
        self.layers = [Layer(rng, depth, height, width) for depth in DEPTHS]
        # drops behind a wall or under the road are not seen: what can be seen of a layer fades out where the street is nearer than it
        self._seen = [_as_bytes(255 * np.clip((distance / depth.metres - 0.25) / 0.6, 0, 1)) for depth in DEPTHS]
        self.veil: Floats = np.asarray(0.25 * (1 - np.exp(-distance / 45)), np.float32)
        self._through, self._airlight = _as_bytes(255 * (1 - self.veil), 3), _as_bytes(192 * self.veil, 3)
        margin = (height + 64, width + 64, 3)
        self._grain = rng.standard_normal(margin, dtype=np.float32)
        levels = np.arange(256, dtype=np.float32)
        self._deviation = np.sqrt(1.6**2 + 0.055 * levels)  # read noise and photon noise, grey levels

    def __call__(self, clean: Picture, index: int) -> Picture:
        veiled = cv2.add(cv2.multiply(clean, self._through, scale=1 / 255), self._airlight)
        rain = cv2.cvtColor(self.streaks(index), cv2.COLOR_GRAY2BGR)
        wet = cv2.add(cv2.subtract(veiled, cv2.multiply(veiled, rain, scale=1 / 255)), cv2.convertScaleAbs(rain, alpha=_SKYLIGHT / 255))
        return self._noisy(np.asarray(wet, np.uint8), index)

    def streaks(self, index: int) -> NDArray[np.uint8]:
        """[H, W] 0..255: the share of skylight that all layers put before the scene; one behind another, so never more than all."""
        open_ = np.full(self._size, 255, np.uint8)
        for layer, seen in zip(self.layers, self._seen, strict=True):
            light = cv2.multiply(layer.light(index), seen, scale=1 / 255)
            open_ = np.asarray(cv2.subtract(open_, cv2.multiply(open_, light, scale=1 / 255)), np.uint8)
        return np.asarray(cv2.bitwise_not(open_), np.uint8)

    def _noisy(self, picture: Picture, index: int) -> Picture:
        """The grain of one large field, each frame from another place and way round: new numbers would cost more than all rain."""
        rng = np.random.default_rng((self._seed, 2, index))
        top, left = (int(v) for v in rng.integers(0, 64, 2))
        grain = self._grain[top : top + self._size[0], left : left + self._size[1]]
        grain = grain[:: int(rng.choice((-1, 1))), :: int(rng.choice((-1, 1)))]
        noisy = cv2.add(cv2.multiply(cv2.LUT(picture, self._deviation), np.ascontiguousarray(grain)), picture, dtype=cv2.CV_32F)
        return np.asarray(cv2.convertScaleAbs(np.maximum(noisy, 0)), np.uint8)


def _street_depth(height: int, width: int) -> Floats:
    """[H, W] How far one sees in a street: to the road below the horizon, to the walls at the sides, 150 m at most."""
    focal = 0.9 * max(width, height * 16 / 9)
    eye, wall, level = _CAMERA
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    road = focal * eye / np.maximum(down - height * level, 1.0)
    sides = focal * wall / np.maximum(np.abs(across - width / 2), 1.0)
    above = np.where(down < height * level, 150.0 - 100 * (height * level - down) / (height * level), 150.0)
    depth = np.minimum(np.minimum(road, sides), above).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(depth, (0, 0), max(1.0, focal / 60)), np.float32)


def _as_bytes(values: Floats, channels: int = 1) -> NDArray[np.uint8]:
    plane = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return plane if channels == 1 else np.repeat(plane[..., None], channels, 2)
