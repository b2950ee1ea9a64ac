"""Pictures that are drawn in code, so that nothing has to be shipped. Does not know networks, weather or files.

Everything is a function of the generator it is handed: the same seed gives the same bytes. Dead leaves (occluding discs and
polygons whose radii follow a power law) have the edges and the scale statistics of photographs; scenes add what leaves
lack: gradients, straight edges, repeated structure, text.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.picture import Picture

Floats = NDArray[np.float32]
_SUPER = 2  # drawn at twice the size and averaged down: the antialiasing of a lens in focus
_FIXED = 3  # cv2 takes coordinates with this many fractional bits
_WORDS = ("EXIT 24", "STOP", "P 2h", "HOTEL", "MAIN ST", "CAFE 1897", "B-KL 482", "ONE WAY", "No 17", "open 9", "BAKERY", "40", "A7 North")


def noise(rng: np.random.Generator, height: int, width: int, *, coarsest: int = 64, slope: float = 1.0) -> Floats:
    """[height, width] multi-scale noise, zero mean, unit deviation; `slope` 0 weighs all octaves alike, 2 lets the coarse ones rule."""
    total = np.zeros((height, width), np.float32)
    octaves = max(1, int(math.log2(max(2, min(coarsest, max(height, width))))) + 1)
    for octave in range(octaves):
        cell = 2**octave
        grid: Floats = rng.standard_normal((-(-height // cell) + 3, -(-width // cell) + 3), dtype=np.float32)
        if cell > 1:
            grid = np.asarray(cv2.resize(grid, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC), np.float32)
        top, left = (int(rng.integers(0, cell)) for _ in range(2))
        total += grid[top + cell // 2 :][:height, left + cell // 2 :][:, :width] * np.float32(cell ** (slope / 2))
    total -= total.mean()
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


def dead_leaves(rng: np.random.Generator, height: int, width: int) -> Picture:
    """Leaves of all sizes that hide one another, each with its own colour, gradient and texture."""
    tall, wide = height * _SUPER, width * _SUPER
    smallest, largest = 1.5 * _SUPER, 0.45 * max(tall, wide)
    # r⁻³ would make the picture look alike at every scale; r⁻²·⁵ leaves larger calm areas, as photographs do
    power = -1.5
    share = rng.random(int(min(8 + tall * wide / 120, 20_000)))
    radii = (share * largest**power + (1 - share) * smallest**power) ** (1 / power)
    count = len(radii)
    centres = rng.random((count, 2)) * (wide, tall)
    owner = np.zeros((tall, wide), np.int32)
    for number, (radius, centre) in enumerate(zip(radii, centres, strict=True)):
        _leaf(rng, owner, number, float(radius), centre)
    return _downsample(_paint(rng, owner, radii, centres))


def _leaf(rng: np.random.Generator, owner: NDArray[np.int32], number: int, radius: float, centre: NDArray[np.float64]) -> None:
    kind = rng.random()
    if kind < 0.5:
        at = (round(centre[0] * 2**_FIXED), round(centre[1] * 2**_FIXED))
        cv2.circle(owner, at, round(radius * 2**_FIXED), float(number), -1, cv2.LINE_8, _FIXED)
        return
    # a convex polygon (3–7 corners on an ellipse); the most stretched ones serve as twigs, wires and rails
    corners = int(rng.integers(3, 8))
    angles = np.sort(rng.random(corners)) * 2 * math.pi
    squash = rng.uniform(0.4, 1.0) if kind < 0.9 else rng.uniform(0.03, 0.15)
    points = np.stack((np.cos(angles), squash * np.sin(angles)), 1) * radius * 1.3
    turn = rng.random() * 2 * math.pi
    turned = points @ np.array(((math.cos(turn), -math.sin(turn)), (math.sin(turn), math.cos(turn)))) + centre
    cv2.fillPoly(owner, [np.round(turned * 2**_FIXED).astype(np.int32)], float(number), cv2.LINE_8, _FIXED)


def _paint(rng: np.random.Generator, owner: NDArray[np.int32], radii: NDArray[np.float64], centres: NDArray[np.float64]) -> Floats:
    """Colour + a gradient across the leaf + one of three textures, looked up by owner."""
    height, width = owner.shape
    count = len(radii)
    colours = natural_colours(rng, count)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    slopes = (rng.normal(0, 22, (count, 2)) / np.maximum(radii, 4)[:, None]).astype(np.float32)
    middle = centres.astype(np.float32)[owner]
    shade = slopes[owner, 0] * (across - middle[..., 0]) + slopes[owner, 1] * (down - middle[..., 1])
    stripes = np.sin(across * np.float32(rng.uniform(0.15, 1.2)) + down * np.float32(rng.uniform(0.15, 1.2)))
    textures = np.stack((noise(rng, height, width, coarsest=4), noise(rng, height, width), stripes.astype(np.float32)))
    which = rng.choice(3, count, p=(0.45, 0.45, 0.1))[owner]
    strength = rng.gamma(1.2, 6.0, count).astype(np.float32)[owner]
    light = np.clip(shade, -50, 50) + strength * np.take_along_axis(textures, which[None], 0)[0]
    return np.asarray(colours[owner] * (1 + light[..., None] / 128), np.float32)


def natural_colours(rng: np.random.Generator, count: int) -> Floats:
    """[count, 3] BGR 0..255: wide in brightness, narrow in colour, and narrower along green–purple than along blue–orange."""
    light = 255 * rng.beta(1.3, 1.6, count)
    saturation = light * rng.gamma(1.5, 0.1, count)
    warm, green = rng.normal(0.1, 0.8, count), rng.normal(0.1, 0.35, count)
    shift = np.stack((-warm, green, warm), 1) * saturation[:, None]
    return np.clip(light[:, None] + shift, 0, 255).astype(np.float32)


def drawn_scene(rng: np.random.Generator, height: int, width: int) -> Picture:
    """A still with sky, buildings, foliage, ground, text and wires, roughly as a camera would see them."""
    tall, wide = height * _SUPER, width * _SUPER
    horizon = round(tall * rng.uniform(0.45, 0.7))
    canvas = _sky_and_ground(rng, tall, wide, horizon)
    edge = -round(wide * rng.uniform(0, 0.1))
    while edge < wide:
        broad = round(wide * rng.uniform(0.12, 0.3)) + 4
        if rng.random() < 0.8:
            top = round(horizon * rng.uniform(0.1, 0.75))
            _building(rng, canvas, edge, top, edge + broad, horizon + round(tall * rng.uniform(0, 0.04)))
        edge += broad
    for _ in range(int(rng.integers(1, 4))):
        _foliage(rng, canvas, wide * rng.random(), horizon * rng.uniform(0.5, 1.05), tall * rng.uniform(0.08, 0.22))
    for _ in range(int(rng.integers(2, 5))):
        _text(rng, canvas)
    for _ in range(int(rng.integers(1, 5))):
        ends = [(x, round(tall * rng.uniform(0, 0.6))) for x in (0, wide)]
        cv2.line(canvas, ends[0], ends[1], _colour(natural_colours(rng, 1)[0] * 0.5), int(rng.integers(1, 3)), cv2.LINE_AA)
    canvas *= 1 + 0.03 * noise(rng, tall, wide, coarsest=16)[..., None]
    return _downsample(canvas)


def _sky_and_ground(rng: np.random.Generator, tall: int, wide: int, horizon: int) -> Floats:
    canvas = np.empty((tall, wide, 3), np.float32)
    above, below = np.array((235, 190, 140), np.float32), np.array((235, 228, 220), np.float32)
    mix = np.linspace(0, 1, horizon, dtype=np.float32)[:, None, None]
    clouds = np.clip(noise(rng, horizon, wide, coarsest=max(8, horizon // 2), slope=2.2), 0, 2)[..., None]
    canvas[:horizon] = (above * (1 - mix) + below * mix) * np.float32(rng.uniform(0.6, 1.0))
    canvas[:horizon] += (245 - canvas[:horizon]) * clouds * 0.35
    ground = natural_colours(rng, 1)[0] * 0.4 + np.array((60, 70, 70), np.float32)
    grain = noise(rng, tall - horizon, wide, coarsest=32, slope=0.6)[..., None]
    canvas[horizon:] = ground * (1 + 0.16 * grain) * np.linspace(1.15, 0.8, tall - horizon, dtype=np.float32)[:, None, None]
    return canvas


def _building(rng: np.random.Generator, canvas: Floats, left: int, top: int, right: int, bottom: int) -> None:
    left, right, bottom = max(left, 0), min(right, canvas.shape[1]), min(bottom, canvas.shape[0])
    if right - left < 8 or bottom - top < 8:
        return
    wall = canvas[top:bottom, left:right]
    high, broad = wall.shape[:2]
    down, across = np.mgrid[0:high, 0:broad]
    course, brick = int(rng.integers(4, 9)), int(rng.integers(9, 18))
    mortar = (down % course == 0) | ((across + (down // course % 2) * (brick // 2)) % brick == 0)
    stone = 1 + 0.1 * noise(rng, high, broad, coarsest=48) - np.float32(rng.uniform(-0.2, 0.3)) * mortar
    wall[:] = (natural_colours(rng, 1)[0] * 0.7 + 40) * stone[..., None] * np.linspace(1.1, 0.85, broad, dtype=np.float32)[None, :, None]
    step_x, step_y = max(7, round(broad / rng.uniform(3, 7))), max(9, round(high / rng.uniform(3, 8)))
    glass = natural_colours(rng, 1)[0] * 0.35
    for y in range(step_y // 3, high - step_y // 3, step_y):
        for x in range(step_x // 4, broad - step_x // 3, step_x):
            pane = (x, y, max(2, round(step_x * 0.55)), max(3, round(step_y * 0.6)))
            cv2.rectangle(wall, pane, _colour(glass * rng.uniform(0.6, 2.2) + 10), -1)
            cv2.rectangle(wall, pane, _colour(np.full(3, rng.uniform(150, 235))), 1)


def _foliage(rng: np.random.Generator, canvas: Floats, x: float, y: float, radius: float) -> None:
    """A crown of some hundred small leaves: dark ones first, lit ones on top."""
    count = int(min(900, 40 + radius * 6))
    places = rng.normal(0, 0.42, (count, 2)) * radius + (x, y)
    base = np.array((45, 95, 75), np.float32) * rng.uniform(0.6, 1.1, 3)
    for number, place in enumerate(places):
        light = 0.35 + 1.1 * number / count + 0.2 * rng.standard_normal()
        size = (max(1, round(radius * rng.uniform(0.02, 0.08))), max(1, round(radius * rng.uniform(0.01, 0.04))))
        at = (round(float(place[0])), round(float(place[1])))
        cv2.ellipse(canvas, at, size, float(rng.uniform(0, 180)), 0, 360, _colour(np.clip(base * light, 5, 240)), -1)


def _text(rng: np.random.Generator, canvas: Floats) -> None:
    tall, wide = canvas.shape[:2]
    word = _WORDS[int(rng.integers(len(_WORDS)))]
    scale = float(tall * rng.uniform(0.0012, 0.004))
    (broad, high), drop = cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
    x, y = round(rng.uniform(-0.1, 0.85) * wide), round(rng.uniform(0.15, 0.95) * tall)
    plate, ink = natural_colours(rng, 2)
    if abs(float(plate.mean() - ink.mean())) < 60:
        ink = np.zeros(3, np.float32) if plate.mean() > 110 else np.full(3, 240, np.float32)
    cv2.rectangle(canvas, (x - drop, y - high - drop), (x + broad + drop, y + drop), _colour(plate), -1)
    cover = np.zeros((tall, wide), np.uint8)  # OpenCV 5 writes text on 8-bit pictures only
    cv2.putText(cover, word, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, 255, max(1, round(scale * 1.2)), cv2.LINE_AA)
    canvas += (ink - canvas) * (cover[..., None] / np.float32(255))


def _colour(values: NDArray[Any]) -> tuple[float, float, float]:
    blue, green, red = (float(value) for value in values)
    return blue, green, red


def _downsample(canvas: Floats) -> Picture:
    height, width = canvas.shape[0] // _SUPER, canvas.shape[1] // _SUPER
    small = cv2.resize(np.clip(canvas, 0, 255), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(np.rint(small), 0, 255), np.uint8)
