"""The way from textured rectangles in a world of metres to pixels: camera, minified textures, haze. Does not know streets.

World: x to the right, y up, z ahead. Everything that is drawn is a flat picture with four corners in the world. Each picture
is kept in several widths and heights (halved separately), so that surfaces seen at a slant neither flicker nor smear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.picture import Picture

Doubles = NDArray[np.float64]
_NEAR = 1.2  # metres: nothing is drawn closer than this
_NEXT = np.array((1, 2, 3, 0))  # each corner's neighbour


@dataclass(frozen=True)
class Camera:
    position: Doubles  # [3]
    rotation: Doubles  # [3, 3] world → camera
    focal: float  # pixels
    centre: tuple[float, float]  # pixels
    upright: float = 1.0  # −1: the world as mirrored in the plane y = 0

    def project(self, points: Doubles) -> tuple[Doubles, Doubles]:
        """[N, 3] → pixels [N, 2] and depth [N]."""
        seen = (points * (1.0, self.upright, 1.0) - self.position) @ self.rotation.T
        depth = np.maximum(seen[:, 2], 1e-3)
        flat = seen[:, :2] * (self.focal / depth)[:, None]
        flat[:, 1] *= -1
        return flat + self.centre, seen[:, 2]

    def horizon(self) -> float:
        """The row of the horizon in the middle column."""
        ahead = self.rotation[:, 2]
        return self.centre[1] - self.focal * float(ahead[1] / ahead[2])

    def mirrored(self, smaller: int) -> Camera:
        """What the same camera sees reflected in the ground, in a picture so many times smaller."""
        return replace(self, focal=self.focal / smaller, centre=(self.centre[0] / smaller, self.centre[1] / smaller), upright=-1.0)

    def plane(self, corner: Doubles, along: Doubles, up: Doubles) -> Doubles:
        """The homography from (a, b) metres on the plane corner + a·along + b·up to pixels."""
        flip = np.array((1.0, self.upright, 1.0))
        frame = np.stack((along * flip, up * flip, corner * flip - self.position), 1)
        seen = self.rotation @ frame
        lens = np.array(((self.focal, 0.0, self.centre[0]), (0.0, -self.focal, self.centre[1]), (0.0, 0.0, 1.0)))
        return np.asarray(lens @ seen, np.float64)


class Surface:
    """A picture [H, W, 4] (BGRA, colour multiplied by cover) in every size that has been asked for."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self._sizes: dict[tuple[int, int], NDArray[np.uint8]] = {(0, 0): np.ascontiguousarray(picture)}
        self.shape = picture.shape[:2]

    def halved(self, wide: int, high: int) -> NDArray[np.uint8]:
        if (wide, high) not in self._sizes:
            size = (max(1, self.shape[1] >> wide), max(1, self.shape[0] >> high))
            self._sizes[wide, high] = np.asarray(cv2.resize(self._sizes[0, 0], size, interpolation=cv2.INTER_AREA), np.uint8)
        return self._sizes[wide, high]

    def fitting(self, across: float, down: float) -> NDArray[np.uint8]:
        """The size whose texels are about a pixel when the whole picture covers across × down pixels."""
        return self.halved(_halvings(self.shape[1] / max(across, 0.5)), _halvings(self.shape[0] / max(down, 0.5)))


def _halvings(ratio: float) -> int:
    return max(0, round(math.log2(max(ratio, 1e-6)) + 0.15))


def _outline(texture: NDArray[np.uint8]) -> NDArray[np.float32]:
    rows, columns = texture.shape[:2]
    return np.array(((0, 0), (columns, 0), (columns, rows), (0, rows)), np.float32) - np.float32(0.5)


def _texels(across: float, down: float) -> Doubles:
    """Pixels of a texture → metres on its plane, from the middle of the first."""
    return np.array(((across, 0.0, across / 2), (0.0, down, down / 2), (0.0, 0.0, 1.0)))


def _shifted(right: float, down: float) -> Doubles:
    return np.array(((1.0, 0.0, right), (0.0, 1.0, down), (0.0, 0.0, 1.0)))


class Painter:
    """One frame being painted, far things first. Haze is neutral grey so that it costs one weighted sum."""

    haze_grey = 196.0

    def __init__(self, canvas: Picture, camera: Camera, clear: float) -> None:
        self.canvas, self.camera, self._clear = canvas, camera, clear

    def quad(self, surface: Surface, corners: Doubles) -> None:
        """Corners [4, 3], flat: upper left, upper right, lower right, lower left of the picture."""
        flat, depth = self.camera.project(corners)
        if depth.max() < _NEAR:
            return
        if depth.min() < _NEAR:
            self._half_behind(surface, corners, depth)
            return
        if self._window(flat) is None:
            return
        top, right, bottom, left = (math.dist(flat[a], flat[b]) for a, b in ((0, 1), (1, 2), (2, 3), (3, 0)))
        texture = surface.fitting(max(top, bottom), max(left, right))
        matrix = np.asarray(cv2.getPerspectiveTransform(_outline(texture), flat.astype(np.float32)), np.float64)
        self._lay(texture, matrix, flat, float(depth.mean()))

    def _half_behind(self, surface: Surface, corners: Doubles, depth: Doubles) -> None:
        """Something that passes by: what is in front of the camera still shows, but a corner behind it has no pixel to stand for it."""
        axes = np.stack((corners[1] - corners[0], corners[3] - corners[0]), 1)
        within = (corners - corners[0]) @ np.linalg.pinv(axes).T
        texture = surface.halved(0, 0)
        on_plane = cv2.getPerspectiveTransform(_outline(texture), within.astype(np.float32))
        share = (_NEAR - depth) / np.where(depth[_NEXT] == depth, 1.0, depth[_NEXT] - depth)
        crossed = (share > 0) & (share < 1)
        cuts = corners[crossed] + share[crossed, None] * (corners[_NEXT] - corners)[crossed]
        flat, kept = self.camera.project(np.concatenate((corners[depth >= _NEAR], cuts)))
        self._lay(texture, self.camera.plane(corners[0], axes[:, 0], axes[:, 1]) @ on_plane, flat, float(kept.mean()))

    def wall(self, surface: Surface, x: float, near: float, far: float, height: float, *, overlap: float = 1.3) -> None:
        """An upright picture along the street at `x`, from the ground up, in slices so that each takes the texture size it needs."""
        toward_left = x < self.camera.position[0]
        start = max(near, self.camera.position[2] + _NEAR)
        if far <= start:
            return
        first, along = (near, 1.0) if toward_left else (far, -1.0)
        plane = self.camera.plane(np.array((x, height, first)), np.array((0.0, 0.0, along)), np.array((0.0, -1.0, 0.0)))
        edge = far
        while edge > start:
            close = max(start, self.camera.position[2] + (edge - self.camera.position[2]) / overlap)
            close = start if close - start < 0.5 else close
            ends = np.array([(x, y, z) for z in (close, edge) for y in (0.0, height)])
            flat, depth = self.camera.project(ends)
            across = abs(flat[0, 0] - flat[2, 0]) * (far - near) / (edge - close)
            texture = surface.fitting(across, abs(flat[0, 1] - flat[1, 1]))
            rows, columns = texture.shape[:2]
            self._lay(texture, plane @ _texels((far - near) / columns, height / rows), flat, float(depth.mean()))
            edge = close

    def _lay(self, texture: NDArray[np.uint8], matrix: Doubles, flat: Doubles, depth: float) -> None:
        window = self._window(flat)
        if window is None:
            return
        left, top, right, bottom = window
        patch = cv2.warpPerspective(texture, _shifted(-left, -top) @ matrix, (right - left, bottom - top))
        cover = cv2.cvtColor(cv2.extractChannel(patch, 3), cv2.COLOR_GRAY2BGR)
        haze = self.haze_at(depth)
        light = cv2.addWeighted(cv2.cvtColor(patch, cv2.COLOR_BGRA2BGR), 1 - haze, cover, haze * self.haze_grey / 255, 0)
        part = self.canvas[top:bottom, left:right]
        cv2.add(cv2.subtract(part, cv2.multiply(part, cover, scale=1 / 255)), light, dst=part)

    def _window(self, flat: Doubles) -> tuple[int, int, int, int] | None:
        """Left, top, right, bottom of the part of the canvas that the points span; None where that is nothing, or less than a pixel."""
        height, width = self.canvas.shape[:2]
        (x0, y0), (x1, y1) = flat.min(0).tolist(), flat.max(0).tolist()
        left, top = max(0, math.floor(x0) - 1), max(0, math.floor(y0) - 1)
        right, bottom = min(width, math.ceil(x1) + 2), min(height, math.ceil(y1) + 2)
        return None if left >= right or top >= bottom or (x1 - x0) * (y1 - y0) < 0.25 else (left, top, right, bottom)

    def haze_at(self, depth: float) -> float:
        return 1 - float(np.exp(-depth / self._clear))


class Ground:
    """The plane y = 0, drawn in bands of rows of like depth. The texture repeats along the street; its fourth channel is how wet it is."""

    def __init__(self, texture: Picture, half_width: float, period: float) -> None:
        self._half_width, self._period = half_width, period
        self._texture, self._bands = texture, dict[tuple[int, int, int], Picture]()

    def paint(self, painter: Painter) -> NDArray[np.uint8]:
        """Paints it and returns the wetness seen at each pixel."""
        camera, canvas = painter.camera, painter.canvas
        height, width = canvas.shape[:2]
        horizon, eye = camera.horizon(), camera.position[1]
        wet = np.zeros((height, width), np.uint8)
        below = float(height) - horizon
        while below > 1.2:
            upper = below / 1.35
            top, bottom = max(0, int(np.floor(horizon + upper))), min(height, int(np.ceil(horizon + below)))
            middle = (below * upper) ** 0.5
            far, close = camera.focal * eye / max(upper - 2, 0.7), camera.focal * eye / (below + 2)
            start = float(np.floor((camera.position[2] + close * 0.8) / self._period)) * self._period
            copies = int(np.ceil((camera.position[2] + far - start) / self._period))
            band = self._band(middle / eye, middle**2 / (camera.focal * eye), copies)
            plane = camera.plane(np.array((-self._half_width, 0.0, start)), np.array((1.0, 0.0, 0.0)), np.array((0.0, 0.0, 1.0)))
            across, along = 2 * self._half_width / band.shape[1], copies * self._period / band.shape[0]
            matrix = _shifted(0, -top) @ plane @ _texels(across, along)
            patch = cv2.warpPerspective(band, matrix, (width, bottom - top), borderMode=cv2.BORDER_REPLICATE)
            haze = painter.haze_at(camera.focal * eye / middle)
            wet[top:bottom] = cv2.extractChannel(patch, 3)
            canvas[top:bottom] = cv2.convertScaleAbs(cv2.cvtColor(patch, cv2.COLOR_BGRA2BGR), alpha=1 - haze, beta=haze * painter.haze_grey)
            below = upper
        return wet

    def _band(self, across: float, along: float, copies: int) -> Picture:
        """The texture with about `across` and `along` texels a metre, so many periods in a row."""
        rows, columns = self._texture.shape[:2]
        wide, high = _halvings(columns / (2 * self._half_width) / across), _halvings(rows / self._period / along)
        key = (wide, high, copies)
        if key not in self._bands:
            size = (max(1, columns >> wide), max(1, rows >> high))
            self._bands[key] = np.tile(cv2.resize(self._texture, size, interpolation=cv2.INTER_AREA), (copies, 1, 1))
        return self._bands[key]
