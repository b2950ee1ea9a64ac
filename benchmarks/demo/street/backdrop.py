"""The two large pictures of the street, its ground and its sky. Does not know what stands between them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.demo.street.sheet import Sheet
from runtime.picture import Picture
from training.data.drawn import Floats, noise

HALF_WIDTH, PERIOD = 13.0, 96.0  # metres of ground to either side, and along the street before it repeats
LANE, KERB, WALL = 4.2, 6.5, 9.8  # |x| of the edge line, the kerb, the house fronts


def sky(rng: np.random.Generator, width: int, horizon: int, focal: float) -> Picture:
    """A bright overcast sky over a hazy skyline; `horizon` rows above the horizon and some more below it."""
    tall = horizon + max(8, horizon // 4)
    field = noise(rng, 512, 1024, coarsest=256, slope=1.7)
    # clouds lie on a ceiling: the same noise seen from below, so that they flatten and crowd toward the horizon
    down, across = np.mgrid[0:tall, 0:width].astype(np.float32)
    rise = np.maximum(horizon - down, 3.0) / np.float32(focal)
    ceiling = (across - width / 2) / np.float32(focal) * 60 / rise + 512, 60 / rise
    clouds = cv2.remap(field, ceiling[0], ceiling[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    clouds = cv2.GaussianBlur(clouds, (0, 0), max(1.0, focal / 300)) * np.clip(rise * 2.5, 0, 1)
    base = np.array((214, 208, 202), np.float32) - np.array((20, 30, 40), np.float32) * np.clip(rise, 0, 0.6)[..., None]
    picture = base + 21 * clouds[..., None]
    _skyline(rng, picture, horizon, focal)
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def _skyline(rng: np.random.Generator, picture: Floats, horizon: int, focal: float) -> None:
    """Far houses and treetops, all but lost in the haze."""
    width = picture.shape[1]
    for layer, (haze, low, high) in enumerate(((0.84, 0.02, 0.06), (0.72, 0.012, 0.035))):
        x = 0
        while x < width:
            broad, rise = max(2, round(focal * rng.uniform(0.006, 0.02))), max(1, round(focal * rng.uniform(low, high)))
            part = picture[max(0, horizon - rise) :, x : x + broad]
            tone = np.array((78, 78, 82) if layer else (90, 96, 94), np.float32) * rng.uniform(0.6, 1.4)
            part[:] = 198 * haze + (1 - haze) * tone * (1 + 0.25 * rng.standard_normal((*part.shape[:2], 1)))
            x += broad
    far = picture[max(0, horizon - round(0.08 * focal)) :]
    far[:] = cv2.GaussianBlur(far, (0, 0), max(0.5, focal / 900))


def ground(rng: np.random.Generator, ppm_across: float, ppm_along: float) -> Picture:
    """[PERIOD·ppm_along, 2·HALF_WIDTH·ppm_across, 4]: row 0 is z = 0, left is −x; the fourth channel is wetness."""
    rows, columns = max(8, round(PERIOD * ppm_along)), max(8, round(2 * HALF_WIDTH * ppm_across))
    x = np.abs(np.linspace(-HALF_WIDTH, HALF_WIDTH, columns, dtype=np.float32))[None, :]
    signed = np.linspace(-HALF_WIDTH, HALF_WIDTH, columns, dtype=np.float32)[None, :]
    z = np.linspace(0, PERIOD, rows, endpoint=False, dtype=np.float32)[:, None]
    road = np.float32(92) - 6 * np.cos(2 * np.pi * (x - 1.0) / 1.7) * (x < LANE) + 9 * ((x > LANE) & (x < KERB))
    light = np.broadcast_to(road, (rows, columns)).copy()
    pavement = np.broadcast_to(x > KERB, light.shape)
    light[pavement] = 138
    slab = rng.normal(0, 7, (int(PERIOD / 0.75) + 1, int(2 * HALF_WIDTH / 0.5) + 2)).astype(np.float32)
    tones = slab[(z / 0.75).astype(int), ((signed + HALF_WIDTH) / 0.5).astype(int)]
    joints = ((z % 0.75) < 0.04) | (((signed + HALF_WIDTH) % 0.5) < 0.02)
    light += np.where(pavement, tones - 34 * joints, 0)
    light[np.broadcast_to((x > KERB - 0.35) & (x < KERB), light.shape)] = 70
    light = np.where(np.broadcast_to((x > KERB) & (x < KERB + 0.22), light.shape), 168 - 60 * ((z % 1.0) < 0.05), light)
    _wear(rng, light, ppm_across, ppm_along)
    _markings(rng, light, ppm_across, ppm_along)
    rough = 1 + 0.075 * _grain(rng, rows, columns, 2, 0.3) + 0.05 * _grain(rng, rows, columns, 128, 1.6)
    light = np.clip(light, 20, 236) * rough
    wet = _wetness(rng, rows, columns, x)
    light *= 1 - 0.3 * wet  # water darkens what it fills
    tint = np.array((1.03, 1.0, 0.97), np.float32)
    colour = np.clip(np.rint(light[..., None] * tint), 0, 255).astype(np.uint8)
    return np.concatenate((colour, np.rint(wet * 255).astype(np.uint8)[..., None]), 2)


def _wetness(rng: np.random.Generator, rows: int, columns: int, x: Floats) -> Floats:
    """A film everywhere, more of it in wheel ruts and gutters, and puddles where the ground is low."""
    ruts = 0.1 * np.cos(2 * np.pi * (x - 1.0) / 1.7) * (x < LANE) + 0.25 * np.clip(1 - np.abs(x - KERB + 0.3) / 0.6, 0, 1)
    low = cv2.resize(noise(rng, 384, 208, coarsest=64, slope=1.8), (columns, rows), interpolation=cv2.INTER_CUBIC)
    puddles = 1 / (1 + np.exp(-(low + 4 * ruts - 1.3) * 9))
    film = 0.42 + ruts - 0.12 * (x > KERB) + 0.05 * _grain(rng, rows, columns, 4, 0.5)
    return np.asarray(np.clip(film + 0.55 * puddles, 0.05, 1), np.float32)


def _grain(rng: np.random.Generator, rows: int, columns: int, coarsest: int, slope: float) -> Floats:
    """Noise mirrored at its edges: made small, and without a seam where the ground repeats."""
    tile = noise(rng, min(rows, 512), min(columns, 512), coarsest=coarsest, slope=slope)
    whole = np.concatenate((tile, tile[::-1]), 0)
    whole = np.concatenate((whole, whole[:, ::-1]), 1)
    times = (-(-rows // whole.shape[0]), -(-columns // whole.shape[1]))
    return np.asarray(np.tile(whole, times)[:rows, :columns], np.float32)


def _wear(rng: np.random.Generator, light: Floats, across: float, along: float) -> None:
    """Repairs, cracks, stains, manhole covers."""
    for _ in range(9):
        x, z = rng.uniform(-KERB, KERB - 2), rng.uniform(0, PERIOD - 8)
        corner = (round((x + HALF_WIDTH) * across), round(z * along))
        size = (round(rng.uniform(0.6, 2.2) * across), round(rng.uniform(1.0, 7.0) * along))
        part = light[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]]
        part *= rng.uniform(0.72, 0.92)
        cv2.rectangle(light, (*corner, *size), 48.0, max(1, round(0.02 * across)))
    for _ in range(26):
        x, z = rng.uniform(-LANE, LANE), rng.uniform(0, PERIOD)
        steps = np.cumsum(rng.normal(0, (0.12, 0.35), (14, 2)) + rng.normal(0, (0.05, 0.2), 2), 0) + np.array((x, z))
        points = np.round((steps + np.array((HALF_WIDTH, 0))) * (across, along)).astype(np.int32)
        cv2.polylines(light, [points], False, 52.0, max(1, round(0.015 * across)))
    for _ in range(7):
        x, z = rng.uniform(-3.5, 3.5), rng.uniform(1, PERIOD - 1)
        centre = (round((x + HALF_WIDTH) * across), round(z * along))
        for radius, tone in ((0.38, 60.0), (0.33, 96.0), (0.27, 72.0)):
            cv2.ellipse(light, centre, (max(1, round(radius * across)), max(1, round(radius * along))), 0, 0, 360, tone, -1)
    for _ in range(40):
        x, z = rng.uniform(-LANE, LANE), rng.uniform(0, PERIOD)
        centre = (round((x + HALF_WIDTH) * across), round(z * along))
        part = np.zeros_like(light[max(0, centre[1] - 30) : centre[1] + 30, max(0, centre[0] - 60) : centre[0] + 60])
        if part.size:
            size = (max(1, round(rng.uniform(0.05, 0.3) * across)), max(1, round(rng.uniform(0.05, 0.3) * along)))
            cv2.ellipse(part, (part.shape[1] // 2, part.shape[0] // 2), size, 0, 0, 360, 1.0, -1)
            light[max(0, centre[1] - 30) : centre[1] + 30, max(0, centre[0] - 60) : centre[0] + 60] *= 1 - 0.18 * cv2.blur(part, (5, 3))


def _markings(rng: np.random.Generator, light: Floats, across: float, along: float) -> None:
    """Paint that traffic has worn thin in places."""
    paint = np.zeros(light.shape, np.uint8)

    def stripe(left: float, right: float, near: float, far: float) -> None:
        corners = np.array(((left, near), (right, near), (right, far), (left, far))) + np.array((HALF_WIDTH, 0))
        cv2.fillPoly(paint, [np.round(corners * (across, along) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)

    for near in np.arange(0, PERIOD, 6.0):
        stripe(-0.07, 0.07, near, near + 3)
    for side in (-1, 1):
        for near in np.arange(0, PERIOD, 6.0):
            stripe(side * (LANE + 0.05), side * (KERB - 0.4), near, near + 0.12)
        for near in np.arange(0, PERIOD, 2.0):
            stripe(side * LANE, side * (LANE + 0.1), near, near + 1.2)
    for left in np.arange(-LANE + 0.3, LANE - 0.3, 1.0):
        stripe(left, left + 0.5, 70, 73.5)
    _lettering(paint, "SLOW", 1.9, 30.0, across, along)
    thin = np.clip(0.8 + 0.25 * _grain(rng, light.shape[0], light.shape[1], 16, 0.6), 0.15, 1) * (paint / np.float32(255))
    light += (212 - light) * thin


def _lettering(paint: NDArray[np.uint8], words: str, x: float, z: float, across: float, along: float) -> None:
    """Letters on the road are drawn out lengthwise so that a driver can read them."""
    sheet = Sheet(2.2, 0.8, 64)
    sheet.text(words, 1.1, 0.4, 0.7, (255, 255, 255), widest=2.1)
    stretched = cv2.resize(sheet.cover[::-1], (max(1, round(2.2 * across)), max(1, round(3.2 * along))), interpolation=cv2.INTER_AREA)
    left, top = round((x - 1.1 + HALF_WIDTH) * across), round(z * along)
    part = paint[top : top + stretched.shape[0], left : left + stretched.shape[1]]
    np.maximum(part, stretched[: part.shape[0], : part.shape[1]], out=part)
