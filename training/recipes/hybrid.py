"""The data side of hybrid restoration: blur, noise and JPEG at once, in RL-Restore's ten levels. Knows no network.

RL-Restore (Yu et al., CVPR 2018) and OWAN (Suganuma et al., CVPR 2019) degrade DIV2K so, and FDR-Net's table 1 is scored on it: a
Gaussian blur of σ 0–5 on 21×21 pixels, then noise of σ 0–50, then JPEG of quality 100 → 10. Each range is cut into ten levels. The
levels' sum is what makes a picture mild (9–11), moderate (12–17) or severe (18–20); training sees moderate ones only.
FDR-Net's text says blur 0–10, on the same data set: `Hybrid(blur=10)`.

Left open there, and chosen here: all triples of levels with an allowed sum are equally likely, and within its level each strength
is drawn evenly, so that the whole range is covered.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import cv2
import numpy as np

from training.degradations.degradation import Degradation, Degraded, Light, Pair, to_light, to_picture
from training.degradations.sensor.compression import Jpeg

LEVELS = 10
MILD, MODERATE, SEVERE = (9, 11), (12, 17), (18, 20)
WIDE = 10.0  # σ of the strongest blur by FDR-Net's text
_WINDOW = 21
_SHARPEST = 0.1  # pixels: a Gaussian below this is one pixel, and cv2 reads 0 as "choose for me"


@dataclass(frozen=True)
class Hybrid:
    total: tuple[int, int] = MODERATE  # least and greatest sum of the three levels
    blur: float = 5.0  # σ of the strongest blur, pixels
    noise: float = 50.0  # σ of the strongest noise, grey levels of 255
    quality: tuple[float, float] = (100.0, 10.0)  # JPEG, from the weakest to the strongest

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        triples = _triples(*self.total)
        levels = triples[int(rng.integers(len(triples)))]
        blur, noise, jpeg = ((level - rng.random()) / LEVELS for level in levels)
        made = self.degrade(clean, rng, blur=blur, noise=noise, jpeg=jpeg)
        return replace(made, parameters={**made.parameters, "levels": float(sum(levels))})

    def degrade(
        self, clean: Light, rng: np.random.Generator, *, blur: float | None = None, noise: float | None = None, jpeg: float | None = None
    ) -> Degraded:
        """Each distortion at its strength of 0..1, or not at all."""
        picture, layers, parameters = clean, dict[str, Light](), dict[str, float]()
        if blur is not None:
            sigma = max(blur * self.blur, _SHARPEST)
            line = cv2.getGaussianKernel(_WINDOW, sigma, cv2.CV_32F)
            picture = np.asarray(cv2.sepFilter2D(picture, -1, line, line, borderType=cv2.BORDER_REFLECT_101), np.float32)
            layers["kernel"] = np.asarray(line @ line.T, np.float32)
            parameters["sigma"] = sigma
        if noise is not None:
            layers["noise"] = np.float32(noise * self.noise / 255) * rng.standard_normal(clean.shape, np.float32)
            picture = to_light(to_picture(picture + layers["noise"]))  # 8 bits, as the file that JPEG is given
            parameters["noise_sigma"] = noise * self.noise
        if jpeg is not None:
            quality = round(self.quality[0] + jpeg * (self.quality[1] - self.quality[0]))
            picture = Jpeg((quality, quality))(picture, rng).picture
            parameters["quality"] = float(quality)
        return Degraded(picture, clean, layers, parameters)


@cache
def _triples(least: int, greatest: int) -> tuple[tuple[int, ...], ...]:
    every = itertools.product(range(1, LEVELS + 1), repeat=3)
    return tuple(levels for levels in every if least <= sum(levels) <= greatest)


def moderate(_seed: int, _pairs: Sequence[Pair]) -> Degradation:
    return Hybrid()


def moderate_wide_blur(_seed: int, _pairs: Sequence[Pair]) -> Degradation:
    """Blur of σ 0–10, as FDR-Net's text has it."""
    return Hybrid(blur=WIDE)


def _always(degradation: Degradation, _seed: int) -> Degradation:
    return degradation


_CLASSES = (("mild", MILD), ("moderate", MODERATE), ("severe", SEVERE))
TRIALS = tuple((name, partial(_always, Hybrid(total))) for name, total in _CLASSES)
WIDE_BLUR_TRIALS = tuple((name, partial(_always, Hybrid(total, blur=WIDE))) for name, total in _CLASSES)
