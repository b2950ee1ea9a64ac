"""Owns what every degradation takes and gives back; knows no physics.

A degradation is a frozen dataclass whose fields are the ranges that it draws from, called with a clean picture and a random
generator. Everything random comes from that generator: the same seed makes the same picture on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.backend import Picture

Light = NDArray[np.float32]  # [H, W, 3] BGR or [H, W], 1.0 is white; may leave 0..1 until it is rounded
Range = tuple[float, float]  # drawn from evenly; both ends equal means a constant


@dataclass(frozen=True)
class Degraded:
    """What came of one picture. `clean` is the target: a degradation may change it (a crop, say), most hand it on."""

    picture: Light
    clean: Light
    layers: Mapping[str, Light] = field(default_factory=dict)  # what was laid over the picture, by name
    parameters: Mapping[str, float] = field(default_factory=dict)  # what was drawn, by name


class Degradation(Protocol):
    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded: ...


def draw(rng: np.random.Generator, limits: Range) -> float:
    return float(rng.uniform(*limits))


def to_light(picture: Picture) -> Light:
    return np.asarray(picture, dtype=np.float32) / np.float32(255)


def to_picture(light: Light) -> Picture:
    """Clipped and rounded to 8 bits, as a camera or a file would have it."""
    return np.asarray(np.rint(np.clip(light, 0, 1) * 255), dtype=np.uint8)
