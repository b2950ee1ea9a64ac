"""Owns the pictures that degradations are tried on: an ordinary one, and the ones that break things."""

from __future__ import annotations

import numpy as np

from training.data.drawn import drawn_scene
from training.degradations.degradation import Light, to_light

SCENE: Light = to_light(drawn_scene(np.random.default_rng(5), 64, 80))
EXTREMES: dict[str, Light] = {
    "16×16": np.ascontiguousarray(SCENE[20:36, 30:46]),
    "odd sides": np.ascontiguousarray(SCENE[:33, :47]),
    "a strip": np.ascontiguousarray(SCENE[:16, :]),
    "black": np.zeros((48, 64, 3), np.float32),
    "white": np.ones((48, 64, 3), np.float32),
}
