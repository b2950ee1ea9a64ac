"""Lossy compression of a single picture: JPEG. Does not know video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from training.degradations.degradation import Bounds, Degraded, Light, Range, check, draw, to_light, to_picture


@dataclass(frozen=True)
class Jpeg:
    quality: Annotated[Range, Bounds(1, 100)] = (30.0, 95.0)

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        quality = round(draw(rng, self.quality))
        _, coded = cv2.imencode(".jpg", to_picture(clean), [cv2.IMWRITE_JPEG_QUALITY, quality])
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        return Degraded(to_light(picture), clean, {}, {"quality": float(quality)})
