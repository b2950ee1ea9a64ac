"""Sensor noise on a finished picture: a part that grows with the light and a part that does not.

With shot = 0 it is plain Gaussian noise. What a real camera makes of noise is in sensor_noise.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.degradations.degradation import Degraded, Levels, Light, check, draw


@dataclass(frozen=True)
class Noise:
    """σ² = read² + shot² · light, in grey levels of 255; independent in each channel."""

    read: Levels = (0.0, 8.0)
    shot: Levels = (0.0, 8.0)

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        read, shot = draw(rng, self.read) / 255, draw(rng, self.shot) / 255
        sigma = np.sqrt(np.float32(read**2) + np.float32(shot**2) * np.clip(clean, 0, 1))
        noise = sigma * rng.standard_normal(clean.shape, np.float32)
        return Degraded(clean + noise, clean, {"noise": noise}, {"read": read * 255, "shot": shot * 255})
