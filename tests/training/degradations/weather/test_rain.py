"""Rain: light that is added, streaks that look like streaks, distance, splashes on the road, and drops that fall from frame to frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.training.scenes import SCENE
from training.degradations.degradation import Degradation, Light
from training.degradations.weather.downpour import Downpour
from training.degradations.weather.rain import Rain, StreakBank, drawn_streaks, layer_of, smeared_streaks
from training.degradations.weather.rain_film import RainFilm
from training.degradations.weather.splash import Splash
from training.recipes.derain import heavy_rain, light_rain, road_rain

BANK = StreakBank(seed=4, count=6, side=96)
# Mean and one value of the pictures of seeds 3 to 5, by the code that trained the shipped model.
AS_SHIPPED: dict[str, tuple[Callable[[], Degradation], list[tuple[float, float]]]] = {
    "road": (lambda: road_rain(1, ()), [(0.586311, 0.67451), (0.678712, 1.03257), (0.59986, 0.681067)]),
    "heavy": (lambda: heavy_rain(5), [(0.761624, 0.713726), (0.658756, 0.67451), (0.655646, 0.681067)]),
    "light": (lambda: light_rain(5), [(0.632439, 0.682353), (0.602418, 0.67451), (0.621019, 0.781284)]),
}


@pytest.mark.parametrize("name", AS_SHIPPED)
def test_the_rain_of_the_shipped_model_stays_what_it_was(name: str) -> None:
    make, expected = AS_SHIPPED[name]
    rain = make()
    pictures = [rain(SCENE, np.random.default_rng(seed)).picture for seed in (3, 4, 5)]
    found = [(float(picture.mean()), float(picture[40, 30, 1])) for picture in pictures]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_rain_only_adds_light_and_its_layer_explains_it() -> None:
    came = Rain(BANK, veil=(0, 0))(SCENE, np.random.default_rng(1))
    np.testing.assert_allclose(came.picture, SCENE + came.layers["streaks"], atol=1e-6)
    assert came.layers["streaks"].min() >= 0
    assert came.layers["streaks"].max() > 0.1


def test_the_layer_of_a_pair_is_found_again() -> None:
    layer = BANK.layer(np.random.default_rng(2), 64, 80) * np.float32(0.4)
    rainy = np.clip(SCENE * 0.5 + layer[..., None], 0, 1)
    np.testing.assert_allclose(layer_of(rainy, SCENE * 0.5), layer, atol=1e-5)


@pytest.mark.parametrize("make", [drawn_streaks, smeared_streaks])
def test_streaks_are_longer_than_wide(make: Callable[[np.random.Generator, int, int], Light]) -> None:
    rng = np.random.default_rng(9)
    layer = np.sum([np.abs(np.fft.fft2(make(rng, 128, 128))) ** 2 for _ in range(8)], axis=0)
    # Streaks fall steeply, so the picture varies faster across than down: more energy at high horizontal frequencies.
    assert layer[0, 8:56].sum() > 1.5 * layer[8:56, 0].sum()


def test_streaks_do_not_grow_with_the_picture() -> None:
    """A layer much larger than the stock is mirrored on: its streaks are as wide as in a small one."""
    widths = []
    for side in (64, 512):
        layer = BANK.layer(np.random.default_rng(3), side, side)
        widths.append(np.abs(np.diff(layer, axis=1)).mean() / layer.mean())  # edges per light: halves when streaks double
    assert widths[1] == pytest.approx(widths[0], rel=0.3)


def test_stocks_are_equal_if_they_are_drawn_alike_and_hold_nothing_foreign() -> None:
    foreign = StreakBank(4, 6, 96, foreign=[SCENE[..., 0]])
    assert StreakBank(4, 6, 96) == BANK
    assert StreakBank(5, 6, 96) != BANK
    assert foreign == foreign
    assert foreign != BANK


def test_a_downpour_hides_far_streaks_behind_what_is_near() -> None:
    """Half of the scene is close to the camera, half is far: less rain is seen before the near half, and less of a veil."""
    depth = np.ones(SCENE.shape[:2], np.float32)
    depth[:, :40] = 0.02
    streaks, veil = np.zeros(2), np.zeros(2)
    for seed in range(20):
        layers = Downpour(BANK, splash=(0, 0)).with_depth(depth)(SCENE, np.random.default_rng(seed)).layers
        streaks += [layers["streaks"][:, half].mean() for half in (np.s_[:40], np.s_[40:])]
        veil += [1 - layers["transmission"][:, half].mean() for half in (np.s_[:40], np.s_[40:])]
    assert 0 < streaks[0] < 0.8 * streaks[1]
    assert veil[0] < 0.1 * veil[1]


def test_accumulation_makes_a_downpour_lose_contrast() -> None:
    light, heavy = (
        Downpour(BANK, strength=(0, 0), splash=(0, 0), accumulation=(much, much))(SCENE, np.random.default_rng(1)).picture
        for much in (0.2, 1.5)
    )
    assert heavy.std() < 0.8 * light.std()


def test_splashes_lie_on_the_road_and_only_add_light() -> None:
    came = [Splash(horizon=(0.6, 0.6), density=(50, 50))(SCENE, np.random.default_rng(seed)) for seed in range(20)]
    splash = np.mean([one.layers["splash"] for one in came], axis=0)
    assert splash.min() >= 0
    assert splash[: int(0.45 * 64)].max() == 0
    assert splash[int(0.6 * 64) :].mean() > 0.005


FILMS = [RainFilm(lean=(lean, lean)) for lean in (-25, 0, 25)]


@pytest.mark.parametrize("film", FILMS, ids=lambda film: f"lean {film.lean[0]}")
def test_the_layer_of_a_frame_is_that_of_the_frame_before_moved_along_the_fall(film: RainFilm) -> None:
    height, width = 160, 120
    black = np.zeros((height, width, 3), np.float32)
    first, second, third = film.film([black] * 3, np.random.default_rng(3))
    for i in range(film.distances):
        right, down = (int(first.parameters[f"{way}-{i}"]) for way in ("right", "down"))
        assert down > 0
        for before, after in ((first, second), (second, third)):
            old, new = before.layers[f"streaks-{i}"], after.layers[f"streaks-{i}"]
            left, end = max(right, 0), width + min(right, 0)
            np.testing.assert_allclose(new[down:, left:end], old[: max(height - down, 0), left - right : end - right], atol=1e-5)
            assert np.abs(new - old).max() > 0.01  # it did move


def test_the_streaks_of_a_film_are_the_sum_of_its_distances_and_lie_along_the_fall() -> None:
    came = RainFilm(lean=(30, 30), distances=2)(np.zeros((160, 160, 3), np.float32), np.random.default_rng(2))
    np.testing.assert_allclose(came.layers["streaks"][..., 1], came.layers["streaks-0"] + came.layers["streaks-1"], atol=1e-6)
    right, down = came.parameters["right-0"], came.parameters["down-0"]
    assert right / down == pytest.approx(np.tan(np.radians(30)), abs=0.03)
    down_slope, right_slope = np.gradient(came.layers["streaks-0"].astype(np.float64))
    along = right_slope * right + down_slope * down
    across = right_slope * down - down_slope * right
    assert np.mean(along**2) < 0.1 * np.mean(across**2)


def test_what_is_farther_falls_slower() -> None:
    parameters = RainFilm()(SCENE, np.random.default_rng(1)).parameters
    falls = [parameters[f"down-{i}"] for i in range(4)]
    assert falls == sorted(falls, reverse=True)
    assert falls[0] > 3 * falls[3]


def test_a_film_rains_on_as_many_frames_as_come_and_its_first_is_the_single_picture() -> None:
    frames = [SCENE, SCENE[::-1].copy(), SCENE]
    came = list(RainFilm().film(frames, np.random.default_rng(6)))
    assert [one.clean is frame for one, frame in zip(came, frames, strict=True)] == [True] * 3
    np.testing.assert_array_equal(came[0].picture, RainFilm()(SCENE, np.random.default_rng(6)).picture)
    assert list(RainFilm().film([], np.random.default_rng(6))) == []
