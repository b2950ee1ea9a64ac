"""Every degradation: seeded, in range, and doing to a picture what its physics says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from training.degradations.blur import Blur
from training.degradations.compression import Jpeg
from training.degradations.degradation import Degradation, Light, to_light, to_picture
from training.degradations.haze import Haze
from training.degradations.mixture import Mixture, degrade_picture
from training.degradations.noise import Noise
from training.degradations.rain import Rain, StreakBank, drawn_streaks, layer_of, smeared_streaks
from training.drawn import drawn_scene
from training.metrics import psnr

BANK = StreakBank(seed=4, count=6, side=96)
ALL: dict[str, Degradation] = {
    "rain": Rain(BANK),
    "haze": Haze(),
    "noise": Noise(read=(2, 8)),
    "blur": Blur(),
    "jpeg": Jpeg(),
    "mixture": Mixture((("rain", 1.0, Rain(BANK)), ("jpeg", 1.0, Jpeg()))),
}


@pytest.fixture
def clean() -> Light:
    return to_light(drawn_scene(np.random.default_rng(5), 64, 80))


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_makes_the_same_picture(name: str, clean: Light) -> None:
    first, again, other = (ALL[name](clean, np.random.default_rng(seed)).picture for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", ALL)
def test_size_type_and_target_are_kept(name: str, clean: Light) -> None:
    before = clean.copy()
    came = ALL[name](clean, np.random.default_rng(1))
    assert came.picture.shape == clean.shape
    assert came.picture.dtype == np.float32
    np.testing.assert_array_equal(came.clean, before)
    np.testing.assert_array_equal(clean, before)  # the caller's picture is untouched


def test_rain_only_adds_light_and_its_layer_explains_it(clean: Light) -> None:
    came = Rain(BANK, veil=(0, 0))(clean, np.random.default_rng(1))
    np.testing.assert_allclose(came.picture, clean + came.layers["streaks"], atol=1e-6)
    assert came.layers["streaks"].min() >= 0
    assert came.layers["streaks"].max() > 0.1


def test_the_layer_of_a_pair_is_found_again(clean: Light) -> None:
    layer = BANK.layer(np.random.default_rng(2), 64, 80) * np.float32(0.4)
    rainy = np.clip(clean * 0.5 + layer[..., None], 0, 1)
    np.testing.assert_allclose(layer_of(rainy, clean * 0.5), layer, atol=1e-5)


@pytest.mark.parametrize("make", [drawn_streaks, smeared_streaks])
def test_streaks_are_longer_than_wide(make: Callable[[np.random.Generator, int, int], Light]) -> None:
    rng = np.random.default_rng(9)
    layer = np.sum([np.abs(np.fft.fft2(make(rng, 128, 128))) ** 2 for _ in range(8)], axis=0)
    # Streaks fall steeply, so the picture varies faster across than down: more energy at high horizontal frequencies.
    assert layer[0, 8:56].sum() > 1.5 * layer[8:56, 0].sum()


def test_noise_has_the_strength_that_it_says() -> None:
    flat = np.full((200, 200, 3), 0.25, np.float32)
    came = Noise(read=(6, 6), shot=(8, 8))(flat, np.random.default_rng(1))
    expected = np.sqrt(6**2 + 8**2 * 0.25) / 255
    assert came.layers["noise"].std() == pytest.approx(expected, rel=0.02)


def test_worse_jpeg_is_further_from_the_truth(clean: Light) -> None:
    truth = to_picture(clean)
    fine, coarse = (degrade_picture(Jpeg(quality=(q, q)), truth, np.random.default_rng(1)) for q in (95, 20))
    assert psnr(fine, truth) > psnr(coarse, truth) + 5


def test_a_mixture_leaves_its_share_of_pictures_alone(clean: Light) -> None:
    mixture = Mixture((("noise", 1.0, Noise(read=(5, 5))),), untouched=0.25)
    untouched = [np.array_equal(mixture(clean, np.random.default_rng(seed)).picture, clean) for seed in range(400)]
    assert 0.15 < np.mean(untouched) < 0.35


def test_a_mixture_names_what_it_did(clean: Light) -> None:
    came = ALL["mixture"](clean, np.random.default_rng(1))
    assert {"rain.streaks"} <= came.layers.keys()
    assert {"rain.strength", "jpeg.quality"} <= came.parameters.keys()


def test_streaks_do_not_grow_with_the_picture() -> None:
    """A layer much larger than the stock is mirrored on: its streaks are as wide as in a small one."""
    widths = []
    for side in (64, 512):
        layer = BANK.layer(np.random.default_rng(3), side, side)
        widths.append(np.abs(np.diff(layer, axis=1)).mean() / layer.mean())  # edges per light: halves when streaks double
    assert widths[1] == pytest.approx(widths[0], rel=0.3)
