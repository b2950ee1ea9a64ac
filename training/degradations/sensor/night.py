"""Night: little light, of one colour, with the pool of the own headlights in it. Does not know its noise.

    picture = clean · illumination

Both are as the eye has them, after the tone curve, where a tenth of the light is a third of the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from training.degradations.degradation import Amount, Bounds, Degraded, Light, Range, check, draw

_TONE = 2.2
_SODIUM = np.array([0.35, 0.75, 1.0], np.float32)  # linear BGR of an old street lamp, of a cold night sky, and of the car's own lights
_SKY = np.array([1.0, 0.75, 0.6], np.float32)
_HEADLIGHTS = np.array([0.8, 0.95, 1.0], np.float32)


@dataclass(frozen=True)
class Night:
    light: Annotated[Range, Bounds(0, 1)] = (0.01, 0.15)  # of that of the day, in linear light
    headlights: Amount = (0.0, 0.5)  # at the middle of their pool, in the same measure
    lamps: Annotated[Range, Bounds(0, 1)] = (0.0, 1.0)  # the colour: from the sky's to that of street lamps

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        light, headlights, lamps = draw(rng, self.light), draw(rng, self.headlights), draw(rng, self.lamps)
        colour = np.float32(lamps) * _SODIUM + np.float32(1 - lamps) * _SKY
        across = np.linspace(-1, 1, width, dtype=np.float32) - np.float32(draw(rng, (-0.3, 0.3)))
        down = np.linspace(0, 1, height, dtype=np.float32)[:, None] - np.float32(draw(rng, (0.6, 0.9)))
        pool = np.exp(-((across / 0.6) ** 2)) * np.exp(
            -((down / np.where(down < 0, np.float32(0.12), np.float32(0.4))) ** 2)
        )  # cut off above: low beam
        darker = 1 - 0.5 * (across**2 * 0.5 + down**2 * 0.5)  # towards the corners
        linear = np.float32(light) * np.clip(darker, 0.1, 1)[..., None] * colour + np.float32(headlights) * pool[..., None] * _HEADLIGHTS
        illumination = np.minimum(linear, 1) ** np.float32(1 / _TONE)
        parameters = {"light": light, "headlights": headlights, "lamps": lamps}
        return Degraded(np.asarray(clean * illumination, np.float32), clean, {"illumination": illumination}, parameters)
