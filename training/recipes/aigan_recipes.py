"""The recipes of AI-GAN, one for each of its paper's tasks, and the ablations of its table 1. Knows no training step.

The paper prints λ = 0.8 and nothing else of how it trained. Chosen here: Adam at 2e-4, the rate of GANs of its time, after a warm-up and
down a cosine; 200,000 steps of 16 patches of 96×96, and the running average of the weights, as in every recipe of this house. (The
balance of (9) depends on the patch, since the squares are summed over it.) What clean pictures are degraded with:

    derain    the streaks of road_rain, light to heavy; the paper: Rain100L and Rain100H, which `--data` takes as they are
    dehaze    I = J·t + A·(1 − t) over a road's depth; the paper: RESIDE
    denoise   Gaussian noise of σ 0 to 55 in one network, as DnCNN-B beside it; the paper: σ 15, 25 and 50, one network or three left open
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from training.degradations.degradation import Degradation, Pair
from training.degradations.mixture import Mixture
from training.degradations.sensor.noise import Noise
from training.degradations.weather.haze import Haze
from training.networks import PRESETS
from training.recipes import derain
from training.recipes.aigan import AIGANMethod
from training.recipes.recipe import Recipe

ABLATIONS: Mapping[str, tuple[str, ...]] = {
    "s-gan": ("network.interact=false", "network.double=false"),
    "d-gan": ("network.interact=false",),
    "ai-cnn": ("method.adversarial=0",),
}

SIGMAS = (15, 25, 50)  # of table 3


def haze(_seed: int, _pairs: Sequence[Pair]) -> Degradation:
    return Mixture((("haze", 1.0, Haze()),), untouched=derain.UNTOUCHED)


def noise(_seed: int, _pairs: Sequence[Pair]) -> Degradation:
    return gaussian(0.0, 55.0)


def gaussian(least: float, greatest: float) -> Degradation:
    """Noise of a σ between these, in grey levels of 255."""
    return Noise(read=(least, greatest), shot=(0.0, 0.0))


def _haze_trial(density: tuple[float, float], _seed: int) -> Degradation:
    return Haze(density=density)


def _noise_trial(sigma: float, _seed: int) -> Degradation:
    return gaussian(sigma, sigma)


_DERAIN = Recipe(
    name="aigan-derain",
    network=PRESETS["aigan"],
    task="derain",
    summary="Separates rain streaks from the picture behind them, as AI-GAN does",
    weaknesses=(
        "large drops on the windscreen and splashes on the lens stay",
        "a dense veil of far rain is thinned, not removed",
        "texture that lies under heavy streaks is partly made up by the adversarial training",
    ),
    degradation=derain.road_rain,
    trials=derain.TRIALS,
    method=AIGANMethod(),
    ablations=ABLATIONS,
    steps=200_000,
    learning_rate=2e-4,
)

RECIPES = (
    _DERAIN,
    replace(
        _DERAIN,
        name="aigan-dehaze",
        task="dehaze",
        summary="Separates haze from the picture behind it, as AI-GAN does",
        weaknesses=(
            "it judges haze from what is near: an even, featureless wall of fog looks like a grey wall",
            "what dense haze has hidden is made up by the adversarial training",
        ),
        degradation=haze,
        trials=(("thick haze", functools.partial(_haze_trial, (1.2, 2.0))), ("thin haze", functools.partial(_haze_trial, (0.2, 0.6)))),
        protocol="rgb",
    ),
    replace(
        _DERAIN,
        name="aigan-denoise",
        task="denoise",
        summary="Separates Gaussian noise of unknown strength from the picture under it, as AI-GAN does",
        weaknesses=(
            "noise with a pattern, or smeared by a camera's own processing, is none that it saw",
            "fine texture under strong noise is partly made up by the adversarial training",
        ),
        degradation=noise,
        trials=tuple((f"noise σ {sigma}", functools.partial(_noise_trial, sigma)) for sigma in SIGMAS),
        protocol="rgb",
    ),
)
