"""The demo's street as a camera in a moving car sees it. Does not know weather or video.

Drawn entirely in code. A frame is a function of the seed and its index alone, so that the clean truth of any frame of a
clip can be drawn again long after the clip was encoded.
"""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.demo.street import backdrop, layout
from benchmarks.demo.street.layout import Thing
from benchmarks.demo.street.perspective import Camera, Doubles, Ground, Painter
from benchmarks.demo.street.sheet import Sheet
from runtime.picture import Picture

RATE = 25  # frames a second
_REACH = 165.0  # metres; beyond it haze has taken everything
_CLEAR = 230.0  # metres after which haze has taken two thirds
_MIRROR = 4  # reflections are drawn at a quarter of the size
_LEVEL = 0.48  # where the horizon is in the picture


class Street:
    """`frame(index)` for any index ≥ 0 at 25 frames a second. About 40 ms a frame at 720p on one core, and 4 s to set up.

    A `standing` camera sees the same street from where a driving one begins; the traffic goes on.
    """

    def __init__(self, seed: int, height: int = 720, width: int = 1280, *, standing: bool = False) -> None:
        self.height, self.width, self._standing = height, width, standing
        rng = np.random.default_rng(seed)
        self._focal = 0.9 * max(width, height * 16 / 9)
        self._horizon = math.ceil(height * _LEVEL + 0.02 * self._focal)
        sharp = min(1.0, max(0.1, self._focal / 1152))  # textures shrink with the picture
        self._sky = backdrop.sky(rng, round(width * 1.12) + 8, self._horizon, self._focal)
        self._ground = Ground(backdrop.ground(rng, 88 * sharp, 32 * sharp), backdrop.HALF_WIDTH, backdrop.PERIOD)
        self._houses = layout.houses(rng, 44 * sharp)
        self._things = layout.pavement(rng, sharp) + layout.parked(rng, sharp)
        self._traffic = layout.Traffic(rng, sharp)
        self._bonnet = _bonnet(rng, height, width)
        self._glance = self._reflectance()

    def frame(self, index: int) -> Picture:
        canvas = np.empty((self.height, self.width, 3), np.uint8)
        painter = Painter(canvas, self._camera(index), _CLEAR)
        things = self._around(index)
        self._paint_sky(painter)
        self._shine(painter, self._ground.paint(painter), things, index)
        self._paint_houses(painter)
        for thing in things:
            thing.paint(painter, thing.z, index)
        _cover(canvas[self.height - self._bonnet.shape[0] :], self._bonnet)
        return canvas

    def close_ups(self, index: int) -> list[tuple[int, int, int, int]]:
        """Left, top, right, bottom in pixels: the plate of the car in front, then the signs that are wholly in sight, nearest first."""
        camera, boxes = self._camera(index), []
        things = sorted(self._around(index), key=lambda thing: (not thing.leads, thing.z))
        for thing in things:
            if thing.look is None or thing.z < camera.position[2] + 6:
                continue
            left, bottom, right, top = thing.look
            flat, _ = camera.project(np.array(((left, top, thing.z), (right, bottom, thing.z))))
            (x0, y0), (x1, y1) = np.rint(flat).astype(int).tolist()
            if x0 >= 0 and y0 >= 0 and x1 <= self.width and y1 <= self.height:
                boxes.append((x0, y0, x1, y1))
        return boxes

    def _around(self, index: int) -> list[Thing]:
        """What is in sight, far things first."""
        here = self._camera(index).position[2]
        things = [_repeated(thing, here) for thing in self._things] + self._traffic.at(index / RATE, here)
        return sorted((thing for thing in things if thing.z < here + _REACH), key=lambda thing: -thing.z)

    def _camera(self, index: int) -> Camera:
        """Steady driving with the small movements of a car body on its springs."""
        seconds = 0.0 if self._standing else index / RATE

        def sway(*waves: tuple[float, float, float]) -> float:
            return sum(size * math.sin(2 * math.pi * rate * seconds + phase) for size, rate, phase in waves)

        x, y = 1.75 + sway((0.1, 0.11, 0.0)), 1.34 + sway((0.01, 1.7, 0.0), (0.005, 2.9, 1.0))
        pitch, roll = sway((0.0022, 1.6, 0.4), (0.001, 3.7, 2.0)), sway((0.004, 0.45, 0.0), (0.0012, 2.3, 1.0))
        turn = _rotation(0, 2, sway((0.007, 0.13, 0.5))) @ _rotation(1, 2, pitch) @ _rotation(0, 1, roll)
        return Camera(np.array((x, y, layout.SPEED * seconds)), turn, self._focal, (self.width / 2, self.height * _LEVEL))

    def _paint_sky(self, painter: Painter) -> None:
        (point,), _ = painter.camera.project(painter.camera.position + np.array(((0.0, 0.0, 1e4),)))
        across = painter.camera.rotation[0]
        matrix = np.array(((across[0], across[1], 0.0), (-across[1], across[0], 0.0)))
        matrix[:, 2] = point - matrix[:, :2] @ (self._sky.shape[1] / 2, self._horizon)
        rows = min(self.height, math.ceil(point[1]) + self._sky.shape[0] - self._horizon)
        painter.canvas[:rows] = cv2.warpAffine(self._sky, matrix, (self.width, rows), borderMode=cv2.BORDER_REPLICATE)

    def _paint_houses(self, painter: Painter) -> None:
        here = painter.camera.position[2]
        for side, row in self._houses.items():
            for near, house in layout.placed(row, here):
                if near > here + _REACH:
                    continue
                painter.wall(house.wall, side * backdrop.WALL, near, near + house.length, house.height)
                if house.gable is not None and near > here + 2:
                    painter.quad(house.gable, layout.gable_corners(house, side, near))

    def _shine(self, painter: Painter, wet: NDArray[np.uint8], things: list[Thing], index: int) -> None:
        """The wet road mirrors everything, the more the flatter one looks at it: drawn small and smeared downward, as rough ground does."""
        canvas, horizon = painter.canvas, round(painter.camera.horizon())
        columns, rows = self.width // _MIRROR + 1, self.height // _MIRROR + 1
        small = np.full((rows, columns, 3), 200, np.uint8)
        sky = canvas[max(0, 2 * horizon - self.height) : horizon][::-1]
        above = cv2.resize(sky, (columns, max(1, sky.shape[0] // _MIRROR)), interpolation=cv2.INTER_AREA)
        first = horizon // _MIRROR
        small[first : first + above.shape[0]] = above[: rows - first]
        mirror = Painter(small, painter.camera.mirrored(_MIRROR), _CLEAR)
        self._paint_houses(mirror)
        for thing in things:
            if thing.z < painter.camera.position[2] + 45:
                thing.paint(mirror, thing.z, index)
        smeared = cv2.blur(small, (1, max(1, round(0.05 * rows))))
        shine = cv2.resize(smeared, (columns * _MIRROR, rows * _MIRROR))[horizon : self.height, : self.width]
        weight = cv2.cvtColor(cv2.multiply(wet, self._glance, scale=1 / 255)[horizon:], cv2.COLOR_GRAY2BGR)
        road = canvas[horizon:]
        cv2.add(cv2.subtract(road, cv2.multiply(road, weight, scale=1 / 255)), cv2.multiply(shine, weight, scale=1 / 255), dst=road)

    def _reflectance(self) -> NDArray[np.uint8]:
        """[H, W] How much of the light a water film reflects, by the angle at which a row meets the ground (Schlick)."""
        below = np.maximum(np.arange(self.height) - self.height * _LEVEL, 1.0)
        share = 0.02 + 0.98 * (1 - below / np.hypot(below, self._focal)) ** 5
        return np.repeat(np.rint(255 * 0.8 * share).astype(np.uint8)[:, None], self.width, 1)


def _repeated(thing: Thing, here: float) -> Thing:
    return dataclasses.replace(thing, z=thing.z + layout.PERIOD * math.ceil((here - 5.5 - thing.z) / layout.PERIOD))


def _rotation(first: int, second: int, angle: float) -> Doubles:
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = math.cos(angle)
    turn[first, second], turn[second, first] = -math.sin(angle), math.sin(angle)
    return turn


def _cover(part: Picture, patch: NDArray[np.uint8]) -> None:
    share = cv2.cvtColor(cv2.extractChannel(patch, 3), cv2.COLOR_GRAY2BGR)
    cv2.add(cv2.subtract(part, cv2.multiply(part, share, scale=1 / 255)), cv2.cvtColor(patch, cv2.COLOR_BGRA2BGR), dst=part)


def _bonnet(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """The camera car's own bonnet along the lower edge, [rows, width, 4]."""
    sheet = Sheet(width / height, 0.085, height)
    rim = [(float(x), 0.078 - 0.05 * abs(float(x) / sheet.width * 2 - 1) ** 2.4) for x in np.linspace(-0.01, sheet.width + 0.01, 40)]
    sheet.polygon([*rim, (sheet.width, -0.01), (0.0, -0.01)], (52, 48, 46))
    sheet.veil(0, 0, sheet.width, 0.085, np.array([[0.55], [0.25], [0.05]], np.float32), (196, 190, 184))
    sheet.grain(rng, 0.03, coarsest=64)
    patch = sheet.finished()
    return np.asarray(cv2.resize(patch, (width, patch.shape[0])), np.uint8)
