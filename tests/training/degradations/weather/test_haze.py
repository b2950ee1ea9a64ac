"""Haze: I = J·t + A·(1 − t), thick at the horizon, even or not, over a made-up depth or a measured one."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.errors import DataError
from tests.support.training.scenes import SCENE
from training.degradations.mixture import Mixture
from training.degradations.sensor.noise import Noise
from training.degradations.weather.haze import Haze

HEIGHT, WIDTH = SCENE.shape[:2]


@pytest.mark.parametrize("haze", [Haze(), Haze(tint=0.1), Haze(glow=0.5, tint=0.1)])
def test_transmission_and_airlight_make_the_picture(haze: Haze) -> None:
    for seed in range(5):
        came = haze(SCENE, np.random.default_rng(seed))
        transmission, airlight = came.layers["transmission"][..., None], came.layers["airlight"]
        assert airlight.shape == SCENE.shape
        np.testing.assert_allclose(came.picture, SCENE * transmission + airlight * (1 - transmission), atol=1e-5)
        assert 0 <= transmission.min() <= transmission.max() <= 1
        assert 0 <= airlight.min() <= airlight.max() <= 1


def test_haze_takes_contrast_most_at_the_horizon() -> None:
    transmission = Haze(density=(1.5, 1.5), unevenness=0)(SCENE, np.random.default_rng(1)).layers["transmission"]
    assert transmission[0].mean() < transmission[-1].mean()
    assert np.ptp(transmission, axis=1).max() == 0  # even
    assert np.ptp(Haze(density=(1.5, 1.5))(SCENE, np.random.default_rng(1)).layers["transmission"], axis=1).max() > 0.05


def test_plain_haze_is_grey_and_even_and_may_be_neither() -> None:
    def airlight(haze: Haze) -> np.ndarray:
        return haze(SCENE, np.random.default_rng(3)).layers["airlight"]

    assert np.ptp(airlight(Haze())) == 0
    assert np.ptp(airlight(Haze(tint=0.2))[0, 0]) > 0.01
    assert np.ptp(airlight(Haze(glow=0.5, airlight=(0.6, 0.6)))[..., 0]) > 0.05


def test_a_known_depth_is_the_depth_of_the_haze() -> None:
    depth = np.tile(np.linspace(0, 3, WIDTH, dtype=np.float32), (HEIGHT, 1))
    came = Haze(density=(0.7, 0.7), unevenness=0).with_depth(depth)(SCENE, np.random.default_rng(1))
    np.testing.assert_allclose(came.layers["transmission"], np.exp(-0.7 * depth), atol=1e-6)


def test_a_known_depth_changes_nothing_else() -> None:
    depth = np.ones((HEIGHT, WIDTH), np.float32)
    made_up, known = (haze(SCENE, np.random.default_rng(8)) for haze in (Haze(tint=0.1), Haze(tint=0.1).with_depth(depth)))
    assert made_up.parameters == known.parameters
    np.testing.assert_array_equal(made_up.layers["airlight"], known.layers["airlight"])


def test_a_mixture_hands_the_depth_to_the_parts_that_ask_for_it() -> None:
    depth = np.full((HEIGHT, WIDTH), 2, np.float32)
    mixture = Mixture((("haze", 1.0, Haze(density=(0.5, 0.5), unevenness=0)), ("noise", 1.0, Noise()))).with_depth(depth)
    np.testing.assert_allclose(mixture(SCENE, np.random.default_rng(1)).layers["haze.transmission"], np.exp(-1.0), atol=1e-6)


def test_a_depth_of_another_size_is_refused() -> None:
    with pytest.raises(DataError, match=r"64×80.*\(10, 10\)"):
        Haze().with_depth(np.ones((10, 10), np.float32))(SCENE, np.random.default_rng(1))
