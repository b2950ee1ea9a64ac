"""The recipes that train FDR-Net: its paper's three and the shipped `derain`. Knows no loss and no loop.

What the paper prints for all its experiments: Adam, learning rate 1e-4 × 0.8 every 9,000 steps, batches of 28; patches of 63×63 in the
hybrid data set. Left open there, and chosen here:

    steps      180,000: twenty times 9,000 (about as many epochs of the 249,344 patches), after which the rate is a hundredth
    patches    64×64 for deraining and deblurring: 28 of them keep 10.5 GB for the backward pass, all that the paper's card has
    blur       σ 0–5 in `fdrnet-hybrid`, as in the published test sets; σ 0–10, as the text has it, in `fdrnet-hybrid-wide-blur`
    average    the weights that are shipped are a running average (0.999), as in every recipe of this house

Ablations: the rows of table 5 (`without-fdm`, `without-auxiliary`), the columns of table 6 (`fd-1` to `fd-5`, `channels-16` to
`channels-64`) and, not in the paper, training without the orthogonality loss (`without-svdo`). The paper runs them on DID-HY, which is
`fdrnet-hybrid` with that folder as `--data`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from training.degradations.degradation import Degradation, Pair
from training.degradations.mixture import Mixture
from training.degradations.optics.blur import Blur
from training.degradations.sensor.noise import Noise
from training.networks import PRESETS
from training.recipes import derain, hybrid
from training.recipes.fdrnet import FDRNetMethod
from training.recipes.recipe import Recipe

ABLATIONS: Mapping[str, tuple[str, ...]] = {
    "without-fdm": ("network.disentangle=false",),
    "without-auxiliary": ("network.auxiliary=false",),
    **{f"fd-{count}": (f"network.fd_layers={count}",) for count in range(1, 6)},
    **{f"channels-{count}": (f"network.channels={count}",) for count in (16, 32, 48, 64)},
    "without-svdo": ("method.beta=0",),
}


def shaken_camera(_seed: int, _pairs: Sequence[Pair]) -> Degradation:
    """Motion blur up to that of a hand-held frame, with a little noise: what clean pictures are blurred with beside GoPro's pairs."""
    parts = (("blur", 0.95, Blur(sigma=(0.0, 1.0), motion=(0.0, 25.0))), ("noise", 0.5, Noise(read=(0.0, 3.0), shot=(0.0, 3.0))))
    return Mixture(parts, untouched=derain.UNTOUCHED)


def strong_shake(_seed: int) -> Degradation:
    return Blur(sigma=(0.0, 1.0), motion=(12.0, 25.0))


def slight_shake(_seed: int) -> Degradation:
    return Blur(sigma=(0.0, 1.0), motion=(3.0, 8.0))


_RAIN_WEAKNESSES = (
    "large drops on the windscreen and splashes on the lens stay",
    "a dense veil of far rain is thinned, not removed",
    "fine bright lines along the fall (wires, railings) can be softened",
)

_DERAIN = Recipe(
    name="derain",
    network=PRESETS["fdrnet-edge"],
    task="derain",
    summary="Removes rain streaks from road and street pictures in real time on a CPU",
    weaknesses=_RAIN_WEAKNESSES,
    degradation=derain.road_rain,
    trials=derain.TRIALS,
    method=FDRNetMethod(),
    learn_pairs=False,
    shrink=0.5,  # photographs of 481×321 are softer than a 720p camera
)

_HYBRID = Recipe(
    name="fdrnet-hybrid",
    network=PRESETS["fdrnet"],
    task="restore",
    summary="Removes blur, noise and JPEG artefacts that come together (FDR-Net, blur σ 0–5)",
    weaknesses=(
        "it learns from moderate mixtures only: one strong distortion alone is outside of what it saw",
        "fine texture that blur and JPEG took away stays smooth: nothing is invented",
        "noise with a pattern (banding, hot pixels) is none that it saw",
    ),
    degradation=hybrid.moderate,
    trials=hybrid.TRIALS,
    method=FDRNetMethod(),
    ablations=ABLATIONS,
    protocol="div2k-hybrid",
    steps=180_000,
    batch=28,
    patch=63,
    learning_rate=1e-4,
    schedule="fdrnet-steps",
    warm_up=0,
)

RECIPES = (
    _DERAIN,
    _HYBRID,
    replace(
        _HYBRID,
        name="fdrnet-hybrid-wide-blur",
        summary="Removes blur, noise and JPEG artefacts that come together (FDR-Net, blur σ 0–10)",
        degradation=hybrid.moderate_wide_blur,
        trials=hybrid.WIDE_BLUR_TRIALS,
    ),
    replace(
        _HYBRID,
        name="fdrnet-derain",
        task="derain",
        summary="Removes rain streaks (FDR-Net in its published size, DID-MDN)",
        weaknesses=_RAIN_WEAKNESSES,
        degradation=derain.road_rain,
        trials=derain.TRIALS,
        protocol="spanet",
        patch=64,
    ),
    replace(
        _HYBRID,
        name="fdrnet-deblur",
        task="deblur",
        summary="Sharpens pictures that a moving camera blurred (FDR-Net in its published size, GoPro)",
        weaknesses=(
            "clean pictures are blurred alike all over: only pairs such as GoPro's show objects that move on their own",
            "a blur longer than 25 pixels is longer than what it saw of clean pictures",
            "trails of saturated lights are not modelled",
        ),
        degradation=shaken_camera,
        trials=(("strong shake", strong_shake), ("slight shake", slight_shake)),
        protocol="gopro",
        patch=64,
    ),
)
