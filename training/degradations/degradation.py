"""What every degradation takes and gives back. Does not know physics.

A degradation is a frozen dataclass whose fields are the ranges that it draws from, called with a clean picture and a random
generator. Everything random comes from that generator: the same seed makes the same picture on every machine.
"""

from __future__ import annotations

import functools
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from runtime.errors import DataError, UsageError
from runtime.picture import Picture

Light = NDArray[np.float32]  # [H, W, 3] BGR or [H, W], 1.0 is white; may leave 0..1 until it is rounded
Range = tuple[float, float]  # drawn from uniformly; equal ends mean a constant


@dataclass(frozen=True)
class Bounds:
    """The bounds of a field, written on its type: `Annotated[Range, Bounds(0, 1)]`. `check` enforces them."""

    low: float
    high: float
    whole: bool = False  # what is drawn is a whole number, so one must lie between the ends

    def __str__(self) -> str:
        return f"{self.low:g} and {self.high:g}"


Share = Annotated[Range, Bounds(0, 1)]
Amount = Annotated[Range, Bounds(0, 10)]  # of light, or of how thick a medium is
Levels = Annotated[Range, Bounds(0, 255)]  # grey levels
Pixels = Annotated[Range, Bounds(0, 100)]


@dataclass(frozen=True)
class Degraded:
    """The result for one picture. `clean` is the target: a degradation may change it (by a crop, say), most pass it on."""

    picture: Light
    clean: Light
    layers: Mapping[str, Light] = field(default_factory=dict)  # what was added to the picture, by name
    parameters: Mapping[str, float] = field(default_factory=dict)  # what was drawn, by name


@dataclass(frozen=True)
class Pair:
    """A picture and its truth, as a data set has them: what degradations can learn from (rain takes its streaks from pairs)."""

    name: str
    degraded: Picture
    clean: Picture
    kernel: Light | None = None  # that blurred it, where it is known


class Degradation(Protocol):
    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded: ...


@runtime_checkable
class KnowsDepth(Protocol):
    """A degradation that invents the scene's depth, and uses a measured one where it is known."""

    def with_depth(self, depth: Light) -> Degradation: ...


def draw(rng: np.random.Generator, limits: Range) -> float:
    return float(rng.uniform(*limits))


def draw_whole(rng: np.random.Generator, limits: tuple[float, float]) -> int:
    """Both ends included."""
    return int(rng.integers(math.ceil(limits[0]), math.floor(limits[1]) + 1))


def to_light(picture: Picture) -> Light:
    return np.asarray(picture, dtype=np.float32) / np.float32(255)


def to_picture(light: Light) -> Picture:
    """Clipped and rounded to 8 bits, as a camera or a file would have it."""
    return np.asarray(np.rint(np.clip(light, 0, 1) * 255), dtype=np.uint8)


def check(degradation: Any) -> None:
    """Refuses fields outside their bounds. Called when a degradation is made, so that no training fails half-way."""
    kind: type = type(degradation)
    for name, bounds in _bounds(kind).items():
        value = getattr(degradation, name)
        ends = value if isinstance(value, tuple) else (value, value)
        if not (len(ends) == 2 and bounds.low <= ends[0] <= ends[1] <= bounds.high):
            what = "a low and a high end" if isinstance(value, tuple) else "a number"
            raise UsageError(f"{kind.__name__}: {name}: expected {what} between {bounds}, got {value}")
        if bounds.whole and math.ceil(ends[0]) > math.floor(ends[1]):
            raise UsageError(f"{kind.__name__}: {name}: expected a range with a whole number in it, got {value}")


@functools.cache
def _bounds(kind: type) -> Mapping[str, Bounds]:
    hints = typing.get_type_hints(kind, include_extras=True)
    found = {name: [bound for bound in getattr(hint, "__metadata__", ()) if isinstance(bound, Bounds)] for name, hint in hints.items()}
    return {name: extras[0] for name, extras in found.items() if extras}


def check_depth(depth: Light | None, height: int, width: int) -> None:
    if depth is not None and depth.shape != (height, width):
        raise DataError(f"expected a depth of {height}×{width}, as the picture has, got {depth.shape}")
