"""The physics operators: what degraded a patch, laid over the clean patch once more, gives the degraded patch to within rounding."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from torch import Tensor

from runtime.errors import DataError, UsageError
from tests.support.training.pictures import drawn
from training.data.batches import Batch, to_tensor
from training.degradations.degradation import Degradation, Degraded, Light, to_light, to_picture
from training.degradations.mixture import Mixture
from training.degradations.sensor.low_resolution import LowResolution
from training.degradations.weather.rain import Rain, StreakBank
from training.networks import LEVELS
from training.physics import PHYSICS, degrade_again

HALF_A_LEVEL = 0.5 / LEVELS


def _batch(*made: Degraded) -> Batch:
    degraded, clean = to_tensor([to_picture(one.picture) for one in made]), to_tensor([to_picture(one.clean) for one in made])
    return Batch(degraded, clean, made)


def _light(seed: int = 0, side: int = 48) -> Light:
    return to_light(drawn(seed + 1, side)[seed])


def _blurred(clean: Light, kernel: Light) -> Degraded:
    picture = cv2.filter2D(clean, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return Degraded(np.asarray(picture, np.float32), clean, {"kernel": kernel})


def _kernel(rows: int, columns: int, seed: int = 0) -> Light:
    kernel = np.random.default_rng(seed).random((rows, columns), np.float32) ** 4  # lopsided: a flipped one would show
    return np.asarray(kernel / kernel.sum(), np.float32)


def _hazy(clean: Light, seed: int = 0) -> Degraded:
    rng = np.random.default_rng(seed)
    transmission = rng.uniform(0.2, 0.9, clean.shape[:2]).astype(np.float32)
    airlight = np.broadcast_to(np.array([0.95, 0.8, 0.6], np.float32), clean.shape)  # blueish: swapped colours would show
    picture = clean * transmission[..., None] + airlight * (1 - transmission[..., None])
    return Degraded(np.asarray(picture, np.float32), clean, {"transmission": transmission, "airlight": np.ascontiguousarray(airlight)})


def _difference(physics: str, batch: Batch) -> Tensor:
    return (degrade_again(physics, batch.clean, batch) - batch.degraded).abs().max()


@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (5, 9), (8, 8), (31, 31)], ids=str)
def test_the_kernel_that_blurred_a_patch_blurs_it_again(shape: tuple[int, int]) -> None:
    batch = _batch(_blurred(_light(0), _kernel(*shape)), _blurred(_light(1), _kernel(*shape, seed=1)))
    assert _difference("blur", batch) <= HALF_A_LEVEL * 1.01


def test_a_kernel_larger_than_the_patch_is_mirrored_over_and_over() -> None:
    clean = _light()[:9, :11].copy()
    kernel = _kernel(41, 41)
    around = np.pad(clean, ((20, 20), (20, 20), (0, 0)), "reflect")
    expected = np.asarray(cv2.filter2D(around, -1, kernel)[20:-20, 20:-20], np.float32)
    again = degrade_again("blur", _batch(Degraded(clean, clean)).clean, _batch(Degraded(expected, clean, {"kernel": kernel})))
    assert (again - to_tensor([to_picture(expected)])).abs().max() <= HALF_A_LEVEL * 1.01


def test_each_patch_of_a_batch_has_its_own_kernel_of_its_own_size() -> None:
    batch = _batch(_blurred(_light(0), _kernel(3, 3)), _blurred(_light(1), _kernel(11, 11)))
    assert _difference("blur", batch) <= HALF_A_LEVEL * 1.01


def test_two_kernels_of_a_mixture_are_laid_on_in_its_order() -> None:
    def blur(kernel: Light) -> Degradation:
        return lambda clean, rng: _blurred(clean, kernel)

    mixture = Mixture((("lens", 1.0, blur(_kernel(3, 9))), ("hand", 1.0, blur(_kernel(9, 3)))))
    assert _difference("blur", _batch(mixture(_light(), np.random.default_rng(0)))) <= HALF_A_LEVEL * 1.01


def test_transmission_and_airlight_bring_the_haze_back_in_its_colour() -> None:
    assert _difference("haze", _batch(_hazy(_light(0)), _hazy(_light(1), seed=1))) <= HALF_A_LEVEL * 1.01


def test_rain_is_what_the_degraded_picture_has_more_even_of_a_pair() -> None:
    rain = Rain(StreakBank(0, count=4, side=64))
    made = rain(_light(), np.random.default_rng(0))
    assert _difference("rain", _batch(made)) < 1e-6
    pair = Degraded(made.picture, made.clean)  # a pair tells nothing about how it was made
    assert _difference("rain", _batch(pair)) < 1e-6


def test_low_resolution_goes_down_and_up_again() -> None:
    enlarged = LowResolution(scale=(4, 4))
    batch = _batch(*(enlarged(_light(seed), np.random.default_rng(0)) for seed in range(2)))
    inside = (batch.degraded > 0) & (batch.degraded < 255 / LEVELS)  # bicubic overshoots, a picture of bytes cannot
    difference = (degrade_again("low-resolution", batch.clean, batch) - batch.degraded).abs()
    assert difference[inside].max() <= HALF_A_LEVEL * 1.01
    assert inside.float().mean() > 0.9


@pytest.mark.parametrize("physics", PHYSICS)
def test_a_gradient_comes_back_through_every_operator(physics: str) -> None:
    made = _hazy(_light())
    layers = {**made.layers, "kernel": _kernel(5, 5)}
    batch = _batch(Degraded(made.picture, made.clean, layers, {"scale": 4.0}))
    picture = batch.clean.clone().requires_grad_()
    degrade_again(physics, picture, batch).sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().min() > 0


def test_the_parameters_are_found_behind_the_name_of_a_mixtures_part() -> None:
    def haze(clean: Light, rng: np.random.Generator) -> Degraded:
        return _hazy(clean)

    def mixed(*names: str) -> Degraded:
        return Mixture(tuple((name, 1.0, haze) for name in names))(_light(), np.random.default_rng(0))

    assert _difference("haze", _batch(mixed("fog"))) <= HALF_A_LEVEL * 1.01
    with pytest.raises(DataError, match="got 2 from a mixture"):
        _difference("haze", _batch(mixed("fog", "smog")))


def test_a_patch_that_a_mixture_left_untouched_stays_as_it_is() -> None:
    untouched = Degraded(_light(), _light())
    for physics in PHYSICS:
        assert _difference(physics, _batch(untouched)) == 0


@pytest.mark.parametrize(("physics", "missing"), [("blur", "kernel"), ("haze", "transmission"), ("low-resolution", "scale")])
@pytest.mark.parametrize("told", [True, False], ids=["a pair", "a batch without any word on how it was made"])
def test_pairs_have_no_parameters_and_the_error_says_which_data_has(physics: str, missing: str, told: bool) -> None:
    batch = _batch(Degraded(_hazy(_light()).picture, _light()))
    batch = batch if told else Batch(batch.degraded, batch.clean)
    with pytest.raises(DataError, match=f"needs the {missing} of each patch.*a folder of clean pictures") as caught:
        _difference(physics, batch)
    assert "\n" not in str(caught.value)


def test_an_unknown_physics_is_refused() -> None:
    with pytest.raises(UsageError, match="there are: blur, haze, rain, low-resolution"):
        _difference("smoke", _batch(_hazy(_light())))
