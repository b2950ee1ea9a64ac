"""The weather: rain that is the same rain a frame later and further down, a veil that thickens with distance, grain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.demo.scene import Street
from benchmarks.demo.weather import DEPTHS, Weather
from runtime.picture import Picture
from training.scoring.metrics import psnr

HEIGHT, WIDTH = 288, 512
SEED = 4


@pytest.fixture(scope="module")
def weather() -> Weather:
    return Weather(SEED, HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def clean() -> Picture:
    return Street(11, HEIGHT, WIDTH).frame(30)


def test_a_frame_depends_on_seed_and_index_alone(weather: Weather, clean: Picture) -> None:
    later, earlier = weather(clean, 9), weather(clean, 2)
    again = Weather(SEED, HEIGHT, WIDTH)
    assert np.array_equal(again(clean, 2), earlier)
    assert np.array_equal(again(clean, 9), later)
    assert not np.array_equal(Weather(SEED + 1, HEIGHT, WIDTH)(clean, 2), earlier)


def test_the_clean_picture_is_left_alone(weather: Weather, clean: Picture) -> None:
    kept = clean.copy()
    weather(clean, 0)
    assert np.array_equal(clean, kept)


@pytest.mark.parametrize("depth", range(len(DEPTHS)))
def test_a_streak_is_found_again_further_down(weather: Weather, depth: int) -> None:
    layer = weather.layers[depth]
    fall = layer.shift
    now, then = layer.light(6), layer.light(7)
    # a window in the middle of the picture, with the most rain in it of those that stay inside for a frame
    high, wide = 40, 60
    tops = range(10, HEIGHT - high - fall - 20, 6)
    top = max(tops, key=lambda row: int(now[row : row + high, 220 : 220 + wide].sum()))
    window = now[top : top + high, 220 : 220 + wide]
    below = then[top : top + high + fall + 20, 220 - 20 : 220 + wide + 20]
    scores = cv2.matchTemplate(below, window, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    assert best > 0.75, "the same streaks"
    assert y == pytest.approx(fall, abs=max(2, 0.15 * fall)), "as far down as a drop of that depth falls in 1/25 s"
    assert abs(x - 20) < 0.35 * fall + 2, "a little sideways at most"


def test_near_rain_falls_faster_and_is_wider_than_far_rain(weather: Weather) -> None:
    far, near = weather.layers[0], weather.layers[-1]
    assert near.shift > 5 * far.shift

    def width_of(light: Picture) -> float:
        spectrum = np.abs(np.fft.rfft(light.astype(float) - light.mean(), axis=1)).mean(0)
        return 1 / float((spectrum * np.arange(len(spectrum))).sum() / spectrum.sum())

    assert width_of(near.light(0)) > 1.3 * width_of(far.light(0))


def test_the_veil_grows_toward_the_horizon(weather: Weather) -> None:
    middle = weather.veil[:, WIDTH // 2]
    horizon = round(HEIGHT * 0.48)
    assert middle[horizon] > 0.15
    assert middle[horizon] > 2 * middle[HEIGHT - 1]
    below = middle[horizon + 10 :]
    assert (np.diff(below) <= 1e-6).all()
    assert weather.veil[horizon, 0] < middle[horizon], "walls at the sides are nearer"


def test_the_veil_takes_contrast_from_what_is_far(weather: Weather) -> None:
    checks = np.where(np.indices((HEIGHT, WIDTH)).sum(0) // 4 % 2 == 0, 40, 200).astype(np.uint8)
    rainy = weather(np.repeat(checks[..., None], 3, 2), 1).astype(float)
    horizon = round(HEIGHT * 0.48)
    far, near = rainy[horizon : horizon + 16, WIDTH // 2 - 40 : WIDTH // 2 + 40], rainy[-16:, WIDTH // 2 - 40 : WIDTH // 2 + 40]
    assert far.std() < 0.92 * near.std()


@pytest.mark.parametrize("index", [0, 25, 100])
def test_heavy_but_plausible(weather: Weather, clean: Picture, index: int) -> None:
    assert 22 < psnr(weather(clean, index), clean) < 27


def test_rain_adds_light(weather: Weather) -> None:
    dark = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    rainy = weather(dark, 3)
    lit = weather.streaks(3) > 60
    assert lit.mean() > 0.005
    assert rainy[lit].mean() > rainy[~lit].mean() + 20


def test_bright_places_are_noisier_and_the_grain_changes(weather: Weather) -> None:
    def grain(level: int) -> float:
        flat = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
        dry = np.asarray(weather.streaks(3) == 0) & (np.asarray(weather.streaks(4)) == 0)
        return float((weather(flat, 3).astype(float) - weather(flat, 4))[dry].std() / np.sqrt(2))

    assert 1.5 < grain(20) < grain(200) < 5


@pytest.mark.parametrize(("height", "width"), [(16, 16), (45, 30)])
def test_any_size(height: int, width: int) -> None:
    clean = np.full((height, width, 3), 90, np.uint8)
    assert Weather(1, height, width)(clean, 5).shape == clean.shape
