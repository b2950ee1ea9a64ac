"""What stands on the pavement and what walks there: trees, lamps, signs, people. Does not know cameras."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.demo.street.sheet import Colour, Points, Sheet

_IRON: Colour = (62, 64, 62)


def tree(rng: np.random.Generator, ppm: float) -> Sheet:
    """Trunk, branches, and a crown of some thousand leaves: dark and deep ones first, lit ones on top."""
    sheet = Sheet(6.0, 8.4, ppm)
    sheet.polygon(((2.83, 0), (3.2, 0), (3.1, 4.2), (2.93, 4.2)), (52, 62, 72))
    sheet.veil(2.8, 0, 3.22, 4.2, np.array([[0.0, 0.25, 0.6]], np.float32))
    tufts = []
    for _ in range(30):
        angle, reach = rng.uniform(0, 2 * math.pi), math.sqrt(rng.random())
        tufts.append((3.0 + 2.2 * reach * math.cos(angle), 5.6 + 2.1 * reach * math.sin(angle)))
    for x, y in tufts[::2]:
        sheet.line(((3.0, 3.2), ((3 + x) / 2, 4.4), (x, y)), 0.06, (46, 56, 66))
    tufts.sort(key=lambda spot: spot[1])
    base = np.array((46, 88, 72)) * rng.uniform(0.85, 1.1, 3)
    for layer in range(3):
        for x, y in tufts:
            height = (y - 3.4) / 4.4
            spots = rng.normal(0, 1, (80, 2)) * (0.36 - 0.05 * layer, 0.3 - 0.05 * layer)
            for dx, dy in spots:
                light = (0.36 + 0.24 * layer) * (0.6 + 0.7 * height) + rng.normal(0, 0.12) + 0.5 * dy
                leaf = np.clip(base * light * rng.uniform(0.85, 1.15, 3) + 16 * max(light, 0), 10, 215)
                colour: Colour = (float(leaf[0]), float(leaf[1]), float(leaf[2]))
                size = float(rng.uniform(0.03, 0.085))
                sheet.ellipse(x + dx, y + dy + 0.12 * layer, size, size * 0.5, colour, float(rng.uniform(0, 180)))
    sheet.grain(rng, 0.06, coarsest=8, slope=0.3)
    return sheet


def lamp(ppm: float) -> Sheet:
    """A street lamp whose arm reaches to the left, over the road; 7.2 m."""
    sheet = Sheet(2.6, 7.4, ppm)
    sheet.polygon(((2.36, 0), (2.56, 0), (2.5, 6.4), (2.42, 6.4)), _IRON)
    sheet.polygon(((2.32, 0), (2.6, 0), (2.56, 0.9), (2.36, 0.9)), (54, 58, 56))
    bow = [(2.46 - 2.0 * (1 - math.cos(a)) * 0.8, 6.3 + 0.85 * math.sin(a)) for a in np.linspace(0, math.pi / 2, 9)]
    sheet.line(bow, 0.07, _IRON)
    sheet.ellipse(0.62, 7.12, 0.42, 0.11, (70, 72, 70))
    sheet.ellipse(0.62, 7.06, 0.33, 0.05, (205, 240, 250))
    return sheet


def speed_sign(number: str, ppm: float) -> Sheet:
    sheet = Sheet(0.8, 2.9, ppm)
    sheet.rectangle(0.37, 0, 0.43, 2.3, (132, 134, 134))
    for radius, colour in ((0.36, (225.0, 228.0, 228.0)), (0.34, (40.0, 34.0, 190.0)), (0.265, (232.0, 235.0, 235.0))):
        sheet.ellipse(0.4, 2.5, radius, radius, colour)
    sheet.text(number, 0.4, 2.5, 0.24, (24, 24, 26))
    return sheet


def board(lines: tuple[tuple[str, str], ...], ground: Colour, ppm: float) -> Sheet:
    """A direction board on two posts: names in large letters, distances in small ones."""
    high = 0.42 * len(lines) + 0.2
    sheet = Sheet(2.8, 2.3 + high, ppm)
    for x in (0.5, 2.3):
        sheet.rectangle(x - 0.05, 0, x + 0.05, 2.4, (128, 130, 130))
    sheet.rectangle(0, 2.3, 2.8, 2.3 + high, (235, 236, 236))
    sheet.rectangle(0.05, 2.35, 2.75, 2.25 + high, ground)
    for number, (name, distance) in enumerate(lines):
        y = 2.3 + high - 0.32 - 0.42 * number
        sheet.text(name, 1.05, y, 0.22, (238, 240, 240), widest=1.7)
        sheet.text(distance, 2.35, y - 0.03, 0.14, (238, 240, 240), widest=0.6)
    return sheet


def blade(words: str, ground: Colour, ink: Colour, ppm: float) -> Sheet:
    """A shop's sign that stands out from the wall, read from the road."""
    sheet = Sheet(1.1, 0.8, ppm)
    sheet.rectangle(0, 0.7, 1.1, 0.76, _IRON)
    sheet.rectangle(0.03, 0.02, 1.07, 0.66, (214, 218, 220))
    sheet.rectangle(0.06, 0.05, 1.04, 0.63, ground)
    top, _, bottom = words.partition("/")
    sheet.text(top, 0.55, 0.4, 0.2, ink, widest=0.86)
    sheet.text(bottom, 0.55, 0.17, 0.1, ink, widest=0.8)
    return sheet


def bollard(ppm: float) -> Sheet:
    sheet = Sheet(0.24, 1.0, ppm)
    sheet.rectangle(0.05, 0, 0.19, 0.92, (52, 54, 54))
    sheet.ellipse(0.12, 0.92, 0.09, 0.07, (58, 60, 60))
    sheet.rectangle(0.05, 0.62, 0.19, 0.76, (225, 228, 230))
    sheet.veil(0.05, 0, 0.19, 1.0, np.array([[0.0, 0.1, 0.5]], np.float32))
    return sheet


def walker(rng: np.random.Generator, ppm: float, phases: int = 8) -> list[Sheet]:
    """Somebody in a coat with an umbrella, in the phases of a stride."""
    coat = rng.uniform(40, 120, 3) * rng.uniform(0.7, 1.3, 3)
    cloth: Colour = (float(coat[0]), float(coat[1]), float(coat[2]))
    brolly = [(46.0, 44.0, 150.0), (60.0, 58.0, 56.0), (150.0, 100.0, 52.0)][int(rng.integers(3))]
    seed = int(rng.integers(2**31))
    return [_stride(np.random.default_rng(seed), ppm, 2 * math.pi * n / phases, cloth, brolly) for n in range(phases)]


def _stride(rng: np.random.Generator, ppm: float, phase: float, coat: Colour, brolly: Colour) -> Sheet:
    sheet = Sheet(1.5, 2.35, ppm)
    lift = 0.025 * abs(math.cos(phase))
    dark: Colour = (coat[0] * 0.6, coat[1] * 0.6, coat[2] * 0.6)
    for sign in (-1, 1):
        swing = math.sin(phase) * sign
        hip, foot = (0.7, 0.92 + lift), (0.7 + 0.2 * swing, 0.06 + 0.07 * max(0.0, math.cos(phase) * sign))
        knee = ((hip[0] + foot[0]) / 2 + 0.05, (hip[1] + foot[1]) / 2)
        sheet.line((hip, knee, foot), 0.15, (44, 40, 38) if sign < 0 else (58, 52, 48))
        sheet.ellipse(foot[0] + 0.05, foot[1], 0.13, 0.055, (30, 30, 32))
        sheet.line(((0.7, 1.42 + lift), (0.7 - 0.14 * swing, 1.0 + lift)), 0.11, dark if sign < 0 else coat)
    body: Points = ((0.52, 0.72 + lift), (0.9, 0.72 + lift), (0.88, 1.3 + lift), (0.8, 1.5 + lift), (0.6, 1.5 + lift), (0.53, 1.3 + lift))
    sheet.polygon(body, coat)
    sheet.ellipse(0.71, 1.63 + lift, 0.1, 0.13, (138, 164, 202))
    sheet.ellipse(0.69, 1.68 + lift, 0.11, 0.1, (34, 44, 58))
    sheet.line(((0.86, 1.15 + lift), (0.84, 2.1 + lift)), 0.025, (40, 40, 42))
    canopy = [(0.8 + 0.66 * math.cos(a), 1.86 + lift + 0.4 * math.sin(a)) for a in np.linspace(0, math.pi, 17)]
    sheet.polygon(canopy, brolly)
    for x in (0.5, 0.8, 1.1):
        sheet.line(((0.8, 2.24 + lift), (x, 1.87 + lift)), 0.012, (brolly[0] * 0.6, brolly[1] * 0.6, brolly[2] * 0.6))
    sheet.veil(0.3, 0, 1.0, 1.55, np.array([[0.0, 0.0, 0.35]], np.float32))
    sheet.grain(rng, 0.07, coarsest=8, slope=0.4)
    return sheet
