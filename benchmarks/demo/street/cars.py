"""Cars: their pictures (plates, lamps, doors) and their corners in the world. Does not know cameras or traffic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.demo.street.perspective import Doubles, Painter, Surface
from benchmarks.demo.street.sheet import Colour, Sheet


@dataclass(frozen=True)
class Shape:
    """Metres. The glasshouse is measured from the tail: foot and top of the rear window, top and foot of the windscreen."""

    length: float
    half: float
    deck: float
    roof: float
    glasshouse: tuple[float, float, float, float] | None


SALOON = Shape(4.5, 0.89, 0.95, 1.45, (0.6, 1.15, 2.75, 3.45))
HATCH = Shape(4.0, 0.87, 0.98, 1.52, (0.08, 0.45, 2.5, 3.2))
VAN = Shape(5.2, 0.98, 2.1, 2.1, None)
PAINTS: tuple[Colour, ...] = (
    (62, 58, 56), (150, 152, 150), (205, 208, 208), (56, 44, 140), (128, 76, 40), (80, 92, 70), (40, 38, 38), (92, 120, 150),
)  # fmt: skip
WHITE: Colour = (205, 208, 208)


class Car:
    """One car, seen from its tail (`away`) or from its nose."""

    def __init__(
        self, rng: np.random.Generator, shape: Shape, paint: Colour, plate: str, ppm: float, *, away: bool, braking: bool = False
    ) -> None:
        self.shape = shape
        self._glasshouse = shape.glasshouse
        if shape.glasshouse is not None and not away:
            a, b, c, d = (shape.length - edge for edge in shape.glasshouse)
            self._glasshouse = (d, c, b, a)
        self._end = Surface(_end(rng, shape, paint, plate, ppm, away=away, braking=braking).finished())
        self._side = Surface(_side(rng, shape, paint, ppm).finished())
        self._top = Surface(_top(rng, paint, ppm).finished())
        self._screen, self._windows = Surface(_screen(rng, shape, paint, ppm).finished()), Surface(_windows(rng, paint, ppm).finished())
        self._shadow = Surface(_shadow(ppm).finished())

    def paint(self, painter: Painter, x: float, z: float) -> None:
        """With the near end at z. The side that is turned away from the camera is left out."""
        shape, eye = self.shape, painter.camera.position
        half, deck, length = shape.half, shape.deck, shape.length
        reach = half + 0.35
        painter.quad(self._shadow, _flat(x - reach, x + reach, 0.005, z - 0.35, z + length + 0.3))
        side = -1.0 if eye[0] < x - half else 1.0 if eye[0] > x + half else 0.0
        if side:
            painter.quad(self._side, _upright(x + side * half, z, length, 0.0, deck, side))
        if eye[1] > deck:
            painter.quad(self._top, _flat(x - half * 0.95, x + half * 0.95, deck - 0.02, z + 0.04, z + length - 0.3))
        if self._glasshouse is not None:
            self._paint_glasshouse(painter, x, z, side, self._glasshouse)
        painter.quad(self._end, np.array(((x - half, deck, z), (x + half, deck, z), (x + half, 0, z), (x - half, 0, z))))

    def _paint_glasshouse(self, painter: Painter, x: float, z: float, side: float, edges: tuple[float, float, float, float]) -> None:
        wide, narrow, deck, roof = self.shape.half * 0.94, self.shape.half * 0.72, self.shape.deck - 0.03, self.shape.roof
        foot, top, far_top, far_foot = (z + edge for edge in edges)
        if side:
            high, low = x + side * narrow, x + side * wide
            corners = [(high, roof, far_top), (high, roof, top), (low, deck, foot), (low, deck, far_foot)]
            if side > 0:
                corners = [corners[1], corners[0], corners[3], corners[2]]
            painter.quad(self._windows, np.array(corners))
        above, below = ((x - narrow, roof, top), (x + narrow, roof, top)), ((x + wide, deck, foot), (x - wide, deck, foot))
        painter.quad(self._screen, np.array((*above, *below)))


def _flat(left: float, right: float, y: float, near: float, far: float) -> Doubles:
    return np.array(((left, y, far), (right, y, far), (right, y, near), (left, y, near)))


def _upright(x: float, near: float, length: float, low: float, high: float, side: float) -> Doubles:
    left, right = (near + length, near) if side < 0 else (near, near + length)
    return np.array(((x, high, left), (x, high, right), (x, low, right), (x, low, left)))


def _shade(paint: Colour, light: float) -> Colour:
    return (min(paint[0] * light, 255), min(paint[1] * light, 255), min(paint[2] * light, 255))


def _end(rng: np.random.Generator, shape: Shape, paint: Colour, plate: str, ppm: float, *, away: bool, braking: bool) -> Sheet:
    wide, high = 2 * shape.half, shape.deck
    sheet, middle, belt = Sheet(wide, high, ppm), shape.half, min(high, 0.95)
    for x in (0.05, wide - 0.25):
        sheet.rectangle(x, 0.0, x + 0.2, 0.4, (24, 24, 25))
    outline = ((0.04, 0.2), (0.0, 0.3), (0.0, high - 0.05), (0.035, high))  # nearly square: what is cut off shows what is behind
    sheet.polygon([*outline, *((wide - x, y) for x, y in reversed(outline))], paint)
    sky = np.array([[0.75], [0.3], [0.12], [0.0]], np.float32) * np.array([[0.6, 0.9, 1.0, 1.0, 0.9, 0.6]], np.float32)
    sheet.veil(0, belt * 0.62, wide, high, sky * 0.6, (226, 220, 214))
    sheet.veil(0, belt * 0.36, wide, belt * 0.5, np.array([[0.0], [0.4]], np.float32), (14, 14, 14))
    sheet.veil(0, belt * 0.3, wide, belt * 0.37, np.array([[0.4], [0.1]], np.float32), (226, 220, 214))  # the bumper's upper edge
    sheet.veil(0, 0.18, wide, belt * 0.3, np.array([[0.05], [0.7]], np.float32))
    sheet.veil(0, 0, 0.2, high, np.array([[0.5, 0.0]], np.float32))
    sheet.veil(wide - 0.2, 0, wide, high, np.array([[0.0, 0.5]], np.float32))
    sheet.rectangle(0.12, 0.17, wide - 0.12, 0.29, (32, 32, 34))
    if shape.glasshouse is None:
        _van_end(sheet, wide, high, away)
    elif away:
        _boot(sheet, wide, belt, paint)
    else:
        _grille(sheet, middle, belt)
    _lamps(sheet, wide, belt, away=away, braking=braking)
    y = belt * (0.6 if away else 0.4)
    sheet.veil(middle - 0.36, y - 0.11, middle + 0.36, y + 0.13, np.array([[0.6], [0.15]], np.float32))
    sheet.rectangle(middle - 0.28, y - 0.075, middle + 0.28, y + 0.075, (28, 28, 30))
    sheet.rectangle(middle - 0.265, y - 0.062, middle + 0.265, y + 0.062, (222, 228, 228))
    sheet.rectangle(middle - 0.265, y - 0.062, middle - 0.225, y + 0.062, (150, 70, 30))
    sheet.text(plate, middle + 0.02, y, 0.082, (22, 20, 20), widest=0.44)
    sheet.grain(rng, 0.03, coarsest=64, slope=1.0)
    return sheet


def _boot(sheet: Sheet, wide: float, belt: float, paint: Colour) -> None:
    edge, middle = 0.36, wide / 2
    lid = ((edge, belt * 0.96), (edge + 0.03, belt * 0.42), (wide - edge - 0.03, belt * 0.42), (wide - edge, belt * 0.96))
    sheet.line(lid, 0.012, _shade(paint, 0.4))
    sheet.rectangle(middle - 0.34, belt * 0.7, middle + 0.34, belt * 0.735, (120, 124, 124))
    sheet.ellipse(middle, belt * 0.82, 0.055, 0.045, (190, 194, 196))
    sheet.text("TURBO", middle - 0.4, belt * 0.8, 0.045, (196, 200, 200))
    sheet.text("1.8 i", middle + 0.4, belt * 0.8, 0.045, (196, 200, 200))
    for x in (0.24, wide - 0.24):
        sheet.rectangle(x - 0.09, belt * 0.33, x + 0.09, belt * 0.365, (30, 26, 130))
    sheet.ellipse(wide * 0.78, 0.2, 0.055, 0.03, (84, 86, 88))


def _grille(sheet: Sheet, middle: float, belt: float) -> None:
    high, low = belt * 0.72, belt * 0.55
    sheet.polygon(((middle - 0.42, high), (middle + 0.42, high), (middle + 0.34, low), (middle - 0.34, low)), (26, 26, 28))
    for step in range(4):
        y = belt * (0.575 + 0.04 * step)
        sheet.line(((middle - 0.37, y), (middle + 0.37, y)), 0.01, (105, 108, 110))
    sheet.ellipse(middle, belt * 0.64, 0.06, 0.06, (190, 194, 196))
    sheet.rectangle(middle - 0.55, 0.2, middle + 0.55, 0.3, (22, 22, 24))


def _van_end(sheet: Sheet, wide: float, high: float, away: bool) -> None:
    sheet.rectangle(0.16, high - 0.85, wide - 0.16, high - 0.15, (54, 50, 46))
    sheet.veil(0.16, high - 0.85, wide - 0.16, high - 0.15, np.array([[0.6], [0.1]], np.float32), (205, 200, 194))
    if away:
        sheet.line(((wide / 2, 1.12), (wide / 2, high)), 0.02, (40, 40, 42))
        sheet.text("RAPID EXPRESS", wide / 2, 1.02, 0.12, (50, 44, 150), widest=1.3)
        sheet.text("parcels 24h  555-0199", wide / 2, 0.86, 0.07, (60, 60, 60), widest=1.3)


def _lamps(sheet: Sheet, wide: float, belt: float, *, away: bool, braking: bool) -> None:
    for sign, edge in ((1, 0.02), (-1, wide - 0.02)):

        def across(*spots: tuple[float, float], sign: int = sign, edge: float = edge) -> list[tuple[float, float]]:
            return [(edge + sign * x, belt * y) for x, y in spots]

        if away:
            glow: Colour = (110, 100, 255) if braking else (52, 40, 196)
            sheet.polygon(across((0.0, 0.62), (0.02, 0.8), (0.08, 0.88), (0.32, 0.84), (0.3, 0.62)), (34, 26, 96))
            sheet.polygon(across((0.03, 0.7), (0.05, 0.8), (0.29, 0.8), (0.28, 0.7)), glow)
            sheet.polygon(across((0.03, 0.64), (0.03, 0.68), (0.16, 0.68), (0.16, 0.64)), (60, 130, 210))
            sheet.polygon(across((0.18, 0.64), (0.18, 0.68), (0.28, 0.68), (0.28, 0.64)), (196, 200, 204))
        else:
            sheet.polygon(across((0.0, 0.62), (0.03, 0.78), (0.1, 0.84), (0.42, 0.72), (0.36, 0.6)), (96, 98, 98))
            sheet.ellipse(*across((0.17, 0.705))[0], 0.11, 0.075, (206, 212, 214))
            sheet.ellipse(*across((0.17, 0.705))[0], 0.07, 0.055, (252, 254, 254))
            sheet.ellipse(*across((0.33, 0.665))[0], 0.04, 0.035, (225, 230, 230))
            sheet.ellipse(*across((0.22, 0.32))[0], 0.06, 0.045, (120, 124, 126))


def _side(rng: np.random.Generator, shape: Shape, paint: Colour, ppm: float) -> Sheet:
    length, high = shape.length, shape.deck
    sheet = Sheet(length, high, ppm)
    # the bonnet is as good as flat, for the picture of the top is; a van's windscreen slopes
    nose = ((0.0, high - 0.04), (0.03, high)) if shape.glasshouse is not None else ((0.0, high * 0.55), (0.9, high))
    sheet.polygon(((0.0, 0.3), *nose, (length, high), (length, 0.3)), paint)
    sheet.veil(0, high * 0.6, length, high, np.array([[0.35], [0.1], [0.0]], np.float32), (225, 220, 214))
    sheet.veil(0, 0.2, length, high * 0.6, np.array([[0.0], [0.15], [0.6]], np.float32))
    if shape.glasshouse is None:
        sheet.polygon(((0.5, 1.2), (0.95, 1.95), (1.7, 1.95), (1.7, 1.2)), (56, 52, 48))
        sheet.text("RAPID EXPRESS", length * 0.65, 1.45, 0.34, (50, 44, 150), widest=2.6)
        sheet.text("we deliver in any weather", length * 0.65, 1.08, 0.13, (60, 60, 60), widest=2.4)
    for x in (length * 0.36, length * 0.62)[: 2 if shape.glasshouse is not None else 1]:
        sheet.line(((x, 0.35), (x, high)), 0.014, _shade(paint, 0.45))
        sheet.rectangle(x + 0.1, high * 0.76, x + 0.3, high * 0.79, _shade(paint, 0.5))
    sheet.line(((0.15, 0.58), (length - 0.1, 0.62)), 0.02, _shade(paint, 1.15))
    for x in (0.85, length - 0.8):
        sheet.ellipse(x, 0.34, 0.37, 0.37, (20, 20, 21))
        sheet.ellipse(x, 0.31, 0.31, 0.31, (36, 36, 37))
        sheet.ellipse(x, 0.31, 0.21, 0.21, (58, 60, 60))
        sheet.ellipse(x, 0.31, 0.195, 0.195, (142, 144, 144))
        for turn in range(0, 180, 36):
            sheet.ellipse(x, 0.31, 0.19, 0.025, (70, 72, 72), turn + 10)
    sheet.grain(rng, 0.025, coarsest=16, slope=0.5)
    return sheet


def _top(rng: np.random.Generator, paint: Colour, ppm: float) -> Sheet:
    sheet = Sheet(1.7, 4.2, ppm / 2)
    sheet.rectangle(0, 0, 1.7, 4.2, _shade((paint[0] * 0.6 + 70, paint[1] * 0.6 + 70, paint[2] * 0.6 + 70), 1.0))
    sheet.grain(rng, 0.05, coarsest=32)
    return sheet


def _screen(rng: np.random.Generator, shape: Shape, paint: Colour, ppm: float) -> Sheet:
    """Front or rear window with its pillars and the roof's edge; what is inside is barely seen under the sky's reflection."""
    sheet = Sheet(2 * shape.half, 0.7, ppm)
    wide = sheet.width
    sheet.polygon(((0, 0), (wide, 0), (wide, 0.6), (wide - 0.12, 0.7), (0.12, 0.7), (0, 0.6)), _shade(paint, 0.8))
    sheet.veil(0, 0.58, wide, 0.7, np.array([[0.65], [0.2]], np.float32), (226, 220, 214))
    glass = ((0.1, 0.05), (wide - 0.1, 0.05), (wide - 0.11, 0.5), (wide - 0.2, 0.59), (0.2, 0.59), (0.11, 0.5))
    sheet.polygon(glass, (44, 42, 40))
    for x in (wide * 0.3, wide * 0.7):
        seat = ((-0.12, 0.05), (0.12, 0.05), (0.1, 0.27), (0.06, 0.33), (-0.06, 0.33), (-0.1, 0.27))
        sheet.polygon([(x + dx, y) for dx, y in seat], (33, 31, 30))
    sheet.ellipse(wide / 2, 0.5, 0.1, 0.03, (30, 29, 28))
    clouds = np.clip(np.linspace(0.62, 0.04, 10)[:, None] * rng.uniform(0.5, 1.3, (1, 7)) * rng.uniform(0.75, 1.2, (10, 7)), 0, 0.75)
    sheet.veil(0.1, 0.05, wide - 0.1, 0.59, clouds.astype(np.float32), (205, 200, 194))
    sheet.line(((wide * 0.5, 0.06), (wide * 0.78, 0.13)), 0.014, (22, 22, 22))
    sheet.grain(rng, 0.05, coarsest=32)
    return sheet


def _windows(rng: np.random.Generator, paint: Colour, ppm: float) -> Sheet:
    sheet = Sheet(2.4, 0.6, ppm)
    sheet.rectangle(0, 0, 2.4, 0.6, _shade(paint, 0.9))
    for left, right in ((0.12, 0.72), (0.8, 1.5), (1.58, 2.26)):
        sheet.rectangle(left, 0.04, right, 0.52, (54, 50, 46))
        sheet.veil(left, 0.04, right, 0.52, np.array([[0.65], [0.25], [0.05]], np.float32), (205, 200, 194))
    sheet.grain(rng, 0.03, coarsest=16)
    return sheet


def _shadow(ppm: float) -> Sheet:
    """The dark under a car on an overcast day: soft at the edges, black in the middle."""
    sheet = Sheet(2.4, 5.0, ppm / 4)
    rows, columns = sheet.cover.shape
    down, across = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    soft = np.clip((1 - np.abs(across) ** 3) * 1.6, 0, 1) * np.clip((1 - np.abs(down) ** 6) * 1.6, 0, 1)
    sheet.cover[:] = np.rint(205 * soft)
    return sheet
