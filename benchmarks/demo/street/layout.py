"""What stands along the street and what drives on it, and where. Does not know cameras, sky or road."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.demo.street import props
from benchmarks.demo.street.backdrop import WALL
from benchmarks.demo.street.cars import HATCH, PAINTS, SALOON, VAN, WHITE, Car, Shape
from benchmarks.demo.street.facades import front, gable
from benchmarks.demo.street.perspective import Painter, Surface
from benchmarks.demo.street.sheet import Sheet

SPEED = 9.0  # metres a second of the car with the camera
PERIOD = 192.0  # metres after which what stands beside the road comes again
_PLATES = ("KL 4827", "HX 77 PD", "B 1350 T", "MN 902 K", "DA 6614", "R 38 LUX", "WE 4471", "OS 21 FN", "TU 8086")

Paint = Callable[[Painter, float, int], None]  # painter, z, frame index
Box = tuple[float, float, float, float]  # left, bottom, right, top in metres


@dataclass(frozen=True)
class House:
    near: float
    length: float
    wall: Surface
    height: float  # of the whole picture, chimneys and all
    gable: Surface | None
    bare: tuple[float, float]  # from where to where the gable shows above the nearer neighbour


@dataclass(frozen=True)
class Thing:
    """Something at `z`. `look`: small writing on it, for those who want a close view."""

    z: float
    paint: Paint
    look: Box | None = None
    leads: bool = False  # the car in front


def houses(rng: np.random.Generator, ppm: float) -> dict[float, list[House]]:
    """Two rows (−1 left, 1 right) from one set of fronts."""
    fronts = [front(rng, ppm) for _ in range(16)]
    walls = [Surface(one.sheet.finished()) for one in fronts]
    rows: dict[float, list[House]] = {}
    for side in (-1.0, 1.0):
        near, row, order = 0.0, list[House](), rng.permutation(16)
        for place, number in enumerate(order):
            one, before = fronts[number], fronts[order[place - 1]]
            bare, blank = (before.height - 0.3, one.height), None
            if bare[1] - bare[0] > 0.6:
                blank = Surface(gable(rng, one.wall, 12.0, bare[1] - bare[0], ppm / 2).finished())
            row.append(House(near, one.length, walls[number], one.sheet.height, blank, bare))
            near += one.length
        rows[side] = row
    return rows


def billboard(sheet: Sheet, x: float, *, base: float = 0.0, mirrored: bool = False) -> Paint:
    """A flat picture that stands across the street with its lower left corner at (x, base)."""
    picture = sheet.finished()
    surface = Surface(picture[:, ::-1] if mirrored else picture)
    left, right, low, high = x, x + sheet.width, base, base + sheet.height

    def paint(painter: Painter, z: float, index: int) -> None:
        painter.quad(surface, np.array(((left, high, z), (right, high, z), (right, low, z), (left, low, z))))

    return paint


def pavement(rng: np.random.Generator, sharp: float) -> list[Thing]:
    trees = [props.tree(rng, 56 * sharp) for _ in range(3)]
    post, things = props.lamp(64 * sharp), list[Thing]()
    for number, z in enumerate(np.arange(6.0, PERIOD, 16.0)):
        for side in (-1, 1):
            if rng.random() < 0.8:
                x = side * 7.35 - 3.0 + float(rng.uniform(-0.2, 0.2))
                things.append(Thing(float(z + rng.uniform(-2, 2)), billboard(trees[int(rng.integers(3))], x, mirrored=rng.random() < 0.5)))
        on_left = number % 2 == 0
        things.append(Thing(float(z + 8), billboard(post, -6.99 if on_left else 4.39, mirrored=on_left)))
    for z in np.arange(1.0, PERIOD, 4.0):
        if rng.random() < 0.6:
            things.append(Thing(float(z), billboard(props.bollard(90 * sharp), float(rng.choice((-6.95, 6.72))))))
    return things + _signs(rng, sharp) + _walkers(rng, sharp)


def _signs(rng: np.random.Generator, sharp: float) -> list[Thing]:
    things = []
    boards = (
        (27.5, (("HARBOUR", "2 km"), ("A7 North", "400 m"), ("Museum", "P 150")), (130.0, 76.0, 24.0)),
        (118.0, (("Old Town", "800 m"), ("Station", "1.2 km")), (84.0, 104.0, 30.0)),
    )
    for z, lines, ground in boards:
        sheet = props.board(lines, ground, 110 * sharp)
        things.append(Thing(z, billboard(sheet, 6.8), (6.8, 2.3, 9.6, sheet.height)))
    for z, number in ((19.0, "50"), (62.0, "30"), (101.0, "50"), (150.0, "30")):
        things.append(Thing(z, billboard(props.speed_sign(number, 150 * sharp), 6.75)))
    names = ("CAFE/since 1897", "BOOKS/new & old", "HOTEL/rooms free", "OPTIK/eye tests", "WINE/bar & shop", "KEYS/while you wait")
    for place, z in enumerate(np.arange(12.0, PERIOD, 9.5)):
        dark = rng.random() < 0.6
        ground, ink = ((54.0, 44.0, 40.0), (190.0, 224.0, 236.0)) if dark else ((210.0, 220.0, 224.0), (40.0, 36.0, 120.0))
        sheet, x = props.blade(names[int(rng.integers(len(names)))], ground, ink, 110 * sharp), -9.75 if place % 2 else 8.65
        things.append(Thing(float(z), billboard(sheet, x, base=3.3), (x, 3.3, x + sheet.width, 3.3 + sheet.height)))
    return things


def _walkers(rng: np.random.Generator, sharp: float) -> list[Thing]:
    things = []
    for z, x in ((21.0, 7.9), (33.0, -8.2), (47.0, 8.6), (75.0, 7.6), (88.0, -7.8), (120.0, 8.4), (160.0, -8.0)):
        poses = [billboard(sheet, x - 0.75, mirrored=x < 0) for sheet in props.walker(rng, 110 * sharp)]

        def paint(painter: Painter, at: float, index: int, poses: list[Paint] = poses) -> None:
            poses[index // 3 % len(poses)](painter, at, index)

        things.append(Thing(z, paint))
    return things


def parked(rng: np.random.Generator, sharp: float) -> list[Thing]:
    things = []
    for away in (True, False):
        cars = _fleet(rng, (SALOON, HATCH, VAN, HATCH, SALOON, HATCH, SALOON), sharp, away=away)
        for number, z in enumerate(np.arange(3.0, PERIOD, 6.0)):
            if rng.random() < 0.66:
                car, x = cars[number * 3 % len(cars)], (5.3 if away else -5.3) + float(rng.uniform(-0.1, 0.1))
                things.append(Thing(float(z + rng.uniform(0, 0.8)), _standing(car, x)))
    return things


def _standing(car: Car, x: float) -> Paint:
    return lambda painter, z, index: car.paint(painter, x, z)


def _fleet(rng: np.random.Generator, shapes: tuple[Shape, ...], sharp: float, *, away: bool) -> list[Car]:
    """One car of each shape, no two of one colour or plate."""
    paints, plates = rng.permutation(len(PAINTS))[: len(shapes)], rng.permutation(len(_PLATES))[: len(shapes)]
    return [
        Car(rng, shape, WHITE if shape is VAN else PAINTS[paint], _PLATES[plate], 150 * sharp, away=away)
        for shape, paint, plate in zip(shapes, paints, plates, strict=True)
    ]


class Traffic:
    """The car in front, which brakes now and then, and those that come the other way."""

    def __init__(self, rng: np.random.Generator, sharp: float) -> None:
        seed, paint = int(rng.integers(2**31)), PAINTS[int(rng.integers(len(PAINTS)))]
        self._lead = [
            Car(np.random.default_rng(seed), HATCH, paint, "CW 2049", 150 * sharp, away=True, braking=braking) for braking in (False, True)
        ]
        self._oncoming = list(zip((70.0, 118.0, 190.0), _fleet(rng, (SALOON, VAN, HATCH), sharp, away=False), strict=True))

    def at(self, seconds: float, here: float) -> list[Thing]:
        swing = 0.9 * seconds
        lead, x = self._lead[1 if math.cos(swing) < -0.2 else 0], 1.7 + 0.12 * math.sin(0.5 * seconds + 1)
        things = [Thing(here + 11.0 + 2.5 * math.sin(swing), _standing(lead, x), (x - 0.45, 0.35, x + 0.45, 0.85), leads=True)]
        for start, car in self._oncoming:
            things.append(Thing(here + (start - (SPEED + 11.0) * seconds) % 210.0 - 6.0, _standing(car, -1.8)))
        return things


def placed(row: list[House], here: float) -> list[tuple[float, House]]:
    """The row as it repeats around `here`, far houses first."""
    period = sum(house.length for house in row)
    spots = [(house.near + period * math.ceil((here - house.near - house.length) / period), house) for house in row]
    return sorted(spots, key=lambda spot: -spot[0])


def gable_corners(house: House, side: float, near: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    (low, high), (left, right) = house.bare, sorted((side * WALL, side * (WALL + 12.0)))
    return np.array(((left, high, near), (right, high, near), (right, low, near), (left, low, near)))
