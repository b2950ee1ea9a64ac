"""The recipes of the physics-based GAN, a task each, and the rows of the paper's tables 8 and 9. Knows no training step.

As printed: Adam at 2e-4, batches of one patch of 256×256, the rate constant for the first half and then falling to zero, no
averaging of weights. Left open, and chosen here: the number of steps (200 passes over the paper's set where that is counted and
small, else 1,000,000); the extent of the blur (a disc of up to 4 pixels, then a walk of up to 21: both on each picture, as the text has
it); the haze (even, light falling to exp(−0.4 … −1.6) at the far end, airlight 0.7 to 1); noise in deblurring is Gaussian with σ
from 0 to 10 % of white; in ×4 super-resolution the network sees the enlarged picture, since it keeps the size (in a bundle the graph
enlarges it: export/onnx/trained.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

from training.degradations.degradation import Degradation, Pair
from training.degradations.mixture import Mixture
from training.degradations.optics.blur import Defocus
from training.degradations.optics.shake import Shake
from training.degradations.sensor.low_resolution import LowResolution
from training.degradations.sensor.noise import Noise
from training.degradations.weather.haze import Haze
from training.degradations.weather.rain import Rain, StreakBank
from training.networks import PRESETS
from training.recipes.physicsgan import PhysicsGANMethod
from training.recipes.recipe import Recipe

LENS, HAND = Defocus(radius=(0.5, 4.0)), Shake(length=(2.0, 21.0))
HAZE = Haze(density=(0.4, 1.6), airlight=(0.7, 1.0), unevenness=0.0)
_TIMES = 4
ENLARGED = LowResolution(scale=(_TIMES, _TIMES))
_PERCENT = 2.55  # of white, in grey levels

# Table 8; the paper describes BaseGAN as the GAN with loss (9) alone, so it has no D_h either.
_LOSSES: Mapping[str, tuple[str, ...]] = {
    "base-gan": ("method.judge_physics=false", "method.gamma=0", "method.mu=0"),
    "without-8": ("method.gamma=0",),
    "without-9": ("method.lambda_=0",),
    "without-10": ("method.mu=0",),
    "without-8-and-10": ("method.gamma=0", "method.mu=0"),
    "pcyclegan": ("method.learn_physics=true",),
    "authors": ("method.lambda_=100",),  # as their code has it for dehazing and deblurring
}
# Table 9.
_SIZES: Mapping[str, tuple[str, ...]] = {
    **{f"lambda-{value}": (f"method.lambda_={value}",) for value in range(10, 101, 10)},
    **{f"blocks-{count}": (f"network.blocks={count}",) for count in (3, 6, 9, 20, 25, 30, 35, 40, 45, 50)},
}
ABLATIONS = {**_LOSSES, **_SIZES}


def blur_and_noise(low: float, high: float, lens: Degradation = LENS, hand: Degradation = HAND) -> Degradation:
    """Out of focus and shaken, with noise of between so many percent of white."""
    noise = Noise(read=(low * _PERCENT, high * _PERCENT), shot=(0.0, 0.0))
    return Mixture((("lens", 1.0, lens), ("hand", 1.0, hand), ("noise", 1.0, noise)))


def _blurred(_seed: int, _pairs: Sequence[Pair]) -> Degradation:
    return blur_and_noise(0.0, 10.0)


def _noisy_blur(percent: float, _seed: int) -> Degradation:
    return blur_and_noise(percent, percent)


def _hazed(_seed: int, _pairs: Sequence[Pair]) -> Degradation:
    return HAZE


def _rained(seed: int, _pairs: Sequence[Pair]) -> Degradation:
    return Rain(StreakBank(seed))


def _enlarged(_seed: int, _pairs: Sequence[Pair]) -> Degradation:
    return ENLARGED


def _rainy(seed: int) -> Degradation:
    return Rain(StreakBank(seed, count=64), strength=(0.6, 1.0))


def _recipe(
    task: str,
    physics: str,
    summary: str,
    degradation: Callable[[int, Sequence[Pair]], Degradation],
    trials: tuple[tuple[str, Callable[[int], Degradation]], ...],
    protocol: str,
    steps: int,
    weaknesses: tuple[str, ...],
    enlarges: int = 1,
) -> Recipe:
    return Recipe(
        name=f"physicsgan-{task}",
        task=task,
        summary=summary,
        weaknesses=(*weaknesses, "two kinds of weather at once, which its physics does not describe (the paper's figure 13)"),
        network=PRESETS["physicsgan"],
        method=PhysicsGANMethod(physics=physics),
        degradation=degradation,
        trials=trials,
        ablations=ABLATIONS,
        protocol=protocol,
        steps=steps,
        batch=1,
        patch=256,
        learning_rate=2e-4,
        schedule="constant-then-linear",
        warm_up=0,
        ema=0.0,
        enlarges=enlarges,
    )


RECIPES = (
    _recipe(
        "deblur",
        "blur",
        "Removes blur of camera shake and of a lens out of focus, and noise up to 10 %, as the physics-based GAN does",
        _blurred,
        tuple((f"blur and {percent} % noise", functools.partial(_noisy_blur, percent)) for percent in (0, 5, 10)),
        "rgb",
        1_000_000,  # as many patches as the paper cut for text
        ("blur that differs from place to place (objects that move by themselves)",),
    ),
    _recipe(
        "dehaze",
        "haze",
        "Removes haze as the physics-based GAN does",
        _hazed,
        (("haze", lambda _seed: HAZE),),
        "rgb",
        200 * 2172,  # 200 passes over the paper's 2,413 pictures less the 241 of its test
        ("fog so dense that nothing is left behind it", "haze lit by several lamps"),
    ),
    _recipe(
        "derain",
        "rain",
        "Removes rain streaks as the physics-based GAN does",
        _rained,
        (("heavy rain", _rainy),),
        "y",
        200 * 700,  # 200 passes over Rain800's training pairs
        ("large drops on the windscreen and splashes on the lens stay",),
    ),
    _recipe(
        "sr4",
        "low-resolution",
        "Makes pictures four times as large and sharp, as the physics-based GAN does",
        _enlarged,
        (("enlarged ×4", lambda _seed: ENLARGED),),
        "y",
        1_000_000,  # twenty passes over the paper's 50,000 pictures
        ("small pictures that were made by anything but bicubic shrinking", "compressed small pictures"),
        enlarges=_TIMES,
    ),
)
