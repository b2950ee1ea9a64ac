"""The fronts of houses: walls, windows, shops with their names. Does not know where they stand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.demo.street.sheet import Colour, Sheet
from runtime.picture import Picture
from training.data.drawn import Floats, dead_leaves, noise

STOREY = 3.1  # metres
_SHOPS = ("BAKERY", "Cafe Lumen", "OPTIK 2020", "BOOKS & MAPS", "Pharmacy", "Hotel Astra", "FLORIST", "Vinyl Corner", "NOODLE BAR")
_SMALL = ("OPEN 9-18", "SALE -30%", "TEL 555-0142", "Est. 1897", "FRESH COFFEE", "No. 47", "ENTRY", "PUSH")
_WALLS: tuple[Colour, ...] = (
    (92, 105, 148), (70, 86, 122), (150, 172, 186), (168, 182, 190), (122, 150, 176), (140, 150, 148), (96, 120, 160), (178, 178, 172),
)  # fmt: skip


@dataclass(frozen=True)
class Front:
    sheet: Sheet
    wall: Colour
    length: float
    height: float  # of the wall; chimneys stand above it


def front(rng: np.random.Generator, ppm: float) -> Front:
    """One house: a shop or flats on the ground floor, three to five storeys above it, a cornice and chimneys."""
    length, storeys = float(rng.uniform(10, 15)), int(rng.integers(2, 5))
    ground_floor = 3.8
    height = ground_floor + storeys * STOREY + 0.7
    sheet = Sheet(length, height + 1.4, ppm)
    wall = tuple(float(v) for v in np.array(_WALLS[int(rng.integers(len(_WALLS)))]) * rng.uniform(0.8, 1.05) + rng.normal(0, 4, 3))
    paint: Colour = (wall[0], wall[1], wall[2])
    course = 0.075 * ppm if wall[2] > wall[0] * 1.25 else None  # reddish walls are brick
    sheet.paste(_masonry(rng, round(height * ppm), round(length * ppm), paint, course), 0, height)
    _chimneys(rng, sheet, height)
    _storeys(rng, sheet, ground_floor, storeys, paint)
    (_shop if rng.random() < 0.75 else _flats)(rng, sheet, ground_floor, paint)
    _weathering(rng, sheet, height)
    return Front(sheet, paint, length, height)


def gable(rng: np.random.Generator, wall: Colour, width: float, height: float, ppm: float) -> Sheet:
    """The blank side of a house, seen above a lower neighbour."""
    sheet = Sheet(width, height, ppm)
    dull: Colour = (wall[0] * 0.5 + 55, wall[1] * 0.5 + 55, wall[2] * 0.5 + 55)
    sheet.paste(_masonry(rng, sheet.cover.shape[0], sheet.cover.shape[1], dull, None), 0, height)
    _weathering(rng, sheet, height)
    return sheet


def _masonry(rng: np.random.Generator, rows: int, columns: int, colour: Colour, course: float | None) -> Picture:
    """Plaster, or bricks in courses of so many pixels; every brick has its own tone."""
    base = np.ones((rows, columns), np.float32)
    if course is not None:
        high, broad = max(2, round(course)), max(5, round(course * 3.2))
        down, across = np.mgrid[0:rows, 0:columns]
        line, shifted = down // high, across + (down // high % 2) * (broad // 2)
        tones = rng.normal(1.0, 0.1, (rows // high + 2, columns // broad + 3)).astype(np.float32)
        base = tones[line, shifted // broad]
        base[(down % high == 0) | (shifted % broad == 0)] *= 1.22
        base = np.asarray(cv2.GaussianBlur(base, (3, 3), 0.5), np.float32)
    tint = 1 + 0.035 * noise(rng, rows, columns, coarsest=32, slope=0.4) + 0.05 * noise(rng, rows, columns, coarsest=256, slope=2.0)
    hue = np.stack([1 + 0.012 * noise(rng, rows, columns, coarsest=128) for _ in range(3)], 2)
    return np.asarray(np.clip(np.asarray(colour, np.float32) * (base * tint)[..., None] * hue, 0, 255), np.uint8)


def _storeys(rng: np.random.Generator, sheet: Sheet, ground_floor: float, storeys: int, wall: Colour) -> None:
    bays = max(3, round(sheet.width / rng.uniform(2.2, 3.4)))
    step = sheet.width / bays
    broad, high = float(rng.uniform(0.42, 0.55)) * step, float(rng.uniform(1.5, 1.9))
    frame: Colour = [(225.0, 228.0, 228.0), (60.0, 62.0, 66.0), (70.0, 95.0, 120.0)][int(rng.integers(3))]
    trim: Colour = (min(wall[0] * 1.25, 235), min(wall[1] * 1.25, 235), min(wall[2] * 1.25, 235))
    arched, balcony = rng.random() < 0.3, rng.random() < 0.4
    for storey in range(storeys):
        floor = ground_floor + storey * STOREY
        sheet.rectangle(0, floor - 0.12, sheet.width, floor + 0.1, trim)
        sheet.veil(0, floor - 0.32, sheet.width, floor - 0.12, np.array([[0.45], [0.0]], np.float32))
        for bay in range(bays):
            left = bay * step + (step - broad) / 2
            _window(rng, sheet, left, floor + 0.85, broad, high, frame, trim)
            if arched:
                sheet.ellipse(left + broad / 2, floor + 0.9 + high, broad * 0.6, 0.16, trim)
            if balcony and bay % 2 == 1:
                _balcony(sheet, left - 0.25, floor + 0.15, broad + 0.5)
    top = ground_floor + storeys * STOREY + 0.1
    for rise, thick, light in ((0.0, 0.3, 1.0), (0.3, 0.15, 1.15), (0.45, 0.15, 0.8)):
        sheet.rectangle(0, top + rise, sheet.width, top + rise + thick, (trim[0] * light, trim[1] * light, trim[2] * light))
    sheet.veil(0, top - 0.45, sheet.width, top, np.array([[0.5], [0.0]], np.float32))


def _window(
    rng: np.random.Generator, sheet: Sheet, left: float, bottom: float, broad: float, high: float, frame: Colour, trim: Colour
) -> None:
    sheet.rectangle(left - 0.12, bottom - 0.1, left + broad + 0.12, bottom + high + 0.12, trim)
    sheet.rectangle(left, bottom, left + broad, bottom + high, frame)
    warm = rng.random() < 0.14
    glass: Colour = (95, 165, 205) if warm else (62, 56, 52)
    inner = (left + 0.07, bottom + 0.07, left + broad - 0.07, bottom + high - 0.07)
    sheet.rectangle(*inner, glass)
    if not warm:  # the sky of the other side of the street, uneven as old panes are
        sky = np.linspace(rng.uniform(0.25, 0.75), rng.uniform(0.0, 0.2), 6)[:, None] * rng.uniform(0.6, 1.2, (1, 5))
        sheet.veil(*inner, np.clip(sky, 0, 1).astype(np.float32), (205, 200, 192))
    if rng.random() < 0.55:
        cloth, part = float(rng.uniform(0.35, 0.8)), float(rng.uniform(0.15, 0.32)) * broad
        folds = cloth * (0.75 + 0.25 * np.sin(np.linspace(0, 14, 24)))[None].astype(np.float32)
        sheet.veil(inner[0], inner[1], inner[0] + part, inner[3], folds, (205, 212, 216))
        sheet.veil(inner[2] - part, inner[1], inner[2], inner[3], folds, (205, 212, 216))
    elif rng.random() < 0.4:
        blind = inner[3] - float(rng.uniform(0.2, 0.9)) * high
        sheet.veil(inner[0], max(blind, inner[1]), inner[2], inner[3], 0.8, (176, 186, 190))
    middle, bar = left + broad / 2, bottom + high * 0.68
    sheet.rectangle(middle - 0.035, bottom, middle + 0.035, bottom + high, frame)
    sheet.rectangle(left, bar - 0.03, left + broad, bar + 0.03, frame)
    sheet.veil(inner[0], inner[3] - 0.2, inner[2], inner[3], np.array([[0.6], [0.0]], np.float32))
    sheet.rectangle(left - 0.18, bottom - 0.16, left + broad + 0.18, bottom - 0.06, (trim[0] * 1.05, trim[1] * 1.05, trim[2] * 1.05))
    sheet.veil(left - 0.18, bottom - 0.42, left + broad + 0.18, bottom - 0.16, np.array([[0.4], [0.0]], np.float32))


def _balcony(sheet: Sheet, left: float, floor: float, broad: float) -> None:
    sheet.rectangle(left, floor - 0.14, left + broad, floor, (120, 124, 126))
    sheet.veil(left, floor - 0.6, left + broad, floor - 0.14, np.array([[0.55], [0.0]], np.float32))
    for number in range(max(2, round(broad / 0.14)) + 1):
        x = left + broad * number / max(2, round(broad / 0.14))
        sheet.rectangle(x - 0.018, floor, x + 0.018, floor + 1.0, (38, 38, 40))
    sheet.rectangle(left, floor + 0.97, left + broad, floor + 1.04, (34, 34, 36))


def _shop(rng: np.random.Generator, sheet: Sheet, high: float, wall: Colour) -> None:
    panel = np.array(((52, 46, 40), (40, 58, 38), (48, 40, 96), (92, 66, 40), (58, 60, 64)), np.float64)[int(rng.integers(5))]
    base: Colour = (float(panel[0]), float(panel[1]), float(panel[2]))
    sheet.rectangle(0, 0, sheet.width, high - 0.15, base)
    sheet.rectangle(0, 0, sheet.width, 0.45, (wall[0] * 0.5, wall[1] * 0.5, wall[2] * 0.5))
    panes = max(2, round(sheet.width / 3.2))
    step, door = sheet.width / panes, int(rng.integers(panes))
    for pane in range(panes):
        left, bottom = pane * step + 0.2, 0.1 if pane == door else 0.6
        broad, top = step - 0.4, high - 1.0
        goods = dead_leaves(rng, max(16, round((top - bottom) * sheet.ppm / 2)), max(16, round(broad * sheet.ppm / 2)))
        size = (max(2, round(broad * sheet.ppm)), max(2, round((top - bottom) * sheet.ppm)))
        lit = np.linspace(0.75, 0.35, size[1], dtype=np.float32)[:, None, None] * np.array((0.72, 0.9, 1.0), np.float32)
        behind = cv2.GaussianBlur(cv2.resize(goods, size), (0, 0), sheet.ppm * 0.02) * lit + 14
        sheet.paste(np.clip(behind, 0, 255).astype(np.uint8), left, top)
        for x in (left, left + broad / 2, left + broad) if pane == door else (left, left + broad):
            sheet.rectangle(x - 0.05, bottom, x + 0.05, top, (base[0] + 40, base[1] + 40, base[2] + 40))
        slant = np.clip(np.add.outer(np.linspace(0, 1, 8), np.linspace(0.3, -0.5, 8)) * -0.7 + 0.3, 0, 0.45).astype(np.float32)
        sheet.veil(left, bottom, left + broad, top, slant, (205, 200, 195))
        small = _SMALL[int(rng.integers(len(_SMALL)))]
        sheet.text(small, left + broad / 2, bottom + float(rng.uniform(0.7, 1.5)), 0.16, (235, 238, 238), widest=broad * 0.8)
    light_board = rng.random() < 0.5
    board, ink = ((205.0, 214.0, 218.0), base) if light_board else (base, (150.0, 214.0, 236.0))
    sheet.rectangle(0.2, high - 0.95, sheet.width - 0.2, high - 0.2, board)
    name = _SHOPS[int(rng.integers(len(_SHOPS)))]
    sheet.text(name, sheet.width / 2, high - 0.58, 0.46, ink, widest=sheet.width * 0.7)
    sheet.text(_SMALL[2], sheet.width * 0.91, high - 0.62, 0.14, ink, widest=sheet.width * 0.13)
    sheet.veil(0, high - 1.3, sheet.width, high - 0.95, np.array([[0.6], [0.0]], np.float32))
    if rng.random() < 0.45:
        _awning(rng, sheet, high - 1.0)


def _awning(rng: np.random.Generator, sheet: Sheet, top: float) -> None:
    cloth = [(50.0, 48.0, 150.0), (70.0, 110.0, 60.0), (120.0, 80.0, 50.0)][int(rng.integers(3))]
    stripes = math.ceil(sheet.width / 0.4)
    for number in range(stripes):
        left, right = (sheet.width * n / stripes for n in (number, number + 1))
        sheet.rectangle(left, top - 0.75, right, top, cloth if number % 2 else (205, 210, 212))
        sheet.ellipse((left + right) / 2, top - 0.75, (right - left) / 2, 0.08, cloth if number % 2 else (205, 210, 212))
    sheet.veil(0, top - 0.8, sheet.width, top, np.array([[0.0], [0.35]], np.float32))
    sheet.veil(0, top - 1.4, sheet.width, top - 0.84, np.array([[0.6], [0.0]], np.float32))


def _flats(rng: np.random.Generator, sheet: Sheet, high: float, wall: Colour) -> None:
    stone: Colour = (wall[0] * 0.45 + 70, wall[1] * 0.45 + 70, wall[2] * 0.45 + 72)
    for course in range(int(high / 0.55)):
        sheet.rectangle(0, course * 0.55, sheet.width, course * 0.55 + 0.52, stone)
    bays = max(3, round(sheet.width / 3.0))
    step, door = sheet.width / bays, int(rng.integers(bays))
    for bay in range(bays):
        left = bay * step + step * 0.28
        if bay == door:
            sheet.rectangle(left - 0.1, 0, left + 1.3, 2.75, (190, 194, 196))
            sheet.rectangle(left, 0.05, left + 1.2, 2.6, (48, 62, 78))
            sheet.rectangle(left + 0.15, 1.2, left + 1.05, 2.3, (70, 66, 60))
            sheet.text(str(int(rng.integers(1, 99))), left + 1.55, 2.0, 0.2, (230, 232, 235))
        else:
            _window(rng, sheet, left, 1.1, step * 0.45, 1.7, (222, 224, 226), stone)


def _chimneys(rng: np.random.Generator, sheet: Sheet, height: float) -> None:
    for _ in range(int(rng.integers(1, 4))):
        left, broad, high = float(rng.uniform(0.3, sheet.width - 1.6)), float(rng.uniform(0.6, 1.3)), float(rng.uniform(0.5, 1.2))
        sheet.rectangle(left, height - 0.1, left + broad, height + high, (72, 84, 104))
        sheet.rectangle(left - 0.05, height + high - 0.12, left + broad + 0.05, height + high, (96, 104, 112))
    mast = float(rng.uniform(0.5, sheet.width - 0.5))
    sheet.rectangle(mast - 0.02, height, mast + 0.02, height + 1.35, (70, 70, 72))
    for rise in (0.8, 1.0, 1.2):
        sheet.rectangle(mast - 0.3, height + rise, mast + 0.3, height + rise + 0.025, (70, 70, 72))


def _weathering(rng: np.random.Generator, sheet: Sheet, height: float) -> None:
    """Streaks that run down, dirt near the pavement, a drainpipe, fine grain over everything."""
    rows, columns = sheet.cover.shape
    runs: Floats = rng.standard_normal((max(2, rows // 60), columns), dtype=np.float32)
    streaks = cv2.GaussianBlur(cv2.resize(runs, (columns, rows), interpolation=cv2.INTER_LINEAR), (0, 0), 0.8)
    field = 1 - 0.07 * np.clip(streaks, 0, 2.5)
    sheet.colour[:] = np.clip(sheet.colour * field[..., None], 0, 255)
    sheet.veil(0, 0, sheet.width, min(2.2, height), np.array([[0.0], [0.08], [0.42]], np.float32), (34, 38, 42))
    pipe = float(rng.uniform(0.2, 0.4))
    sheet.rectangle(pipe, 0, pipe + 0.11, height - 0.4, (92, 96, 98))
    sheet.veil(pipe + 0.11, 0, pipe + 0.3, height - 0.4, np.array([[0.4, 0.0]], np.float32))
    sheet.grain(rng, 0.045, coarsest=8, slope=0.2)
