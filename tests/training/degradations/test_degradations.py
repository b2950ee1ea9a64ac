"""What holds for every degradation: seeded, of the same size, harmless to its input, explained by its layers, alive at the extremes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import pytest

from runtime.errors import DataError, UsageError
from tests.support.training.scenes import EXTREMES, SCENE
from training.degradations.degradation import Degradation, Degraded, Light, to_picture
from training.degradations.description import KINDS, kind_of, parse_mixture
from training.degradations.mixture import Mixture, degrade_picture
from training.degradations.sensor.compression import Jpeg
from training.degradations.sensor.low_resolution import resampling
from training.degradations.sensor.noise import Noise
from training.degradations.weather.downpour import Downpour
from training.degradations.weather.rain import Rain, StreakBank
from training.scoring.metrics import psnr

BANK = StreakBank(seed=4, count=6, side=96)
ALL: dict[str, Degradation] = {name: parse_mixture(name, BANK) for name in KINDS}
ALL["mixture"] = parse_mixture("rain + jpeg@0.9", BANK)


def _layered(clean: Light, came: Degraded) -> Light:
    layers = came.layers
    added = [layers[name] for name in ("streaks", "splash", "noise", "glare", "drops") if name in layers]
    picture = clean * (1 - layers["mask"][..., None]) if "mask" in layers else clean
    if "transmission" in layers:
        through = layers["transmission"][..., None]
        picture = picture * through + layers["airlight"] * (1 - through)
    if "opacity" in layers:
        picture = picture * (1 - layers["opacity"][..., None]) + layers["dirt"] * layers["opacity"][..., None]
    if "illumination" in layers:
        picture = picture * layers["illumination"]
    if "kernel" in layers:
        picture = np.asarray(cv2.filter2D(picture, -1, layers["kernel"], borderType=cv2.BORDER_REFLECT_101), np.float32)
    if "veil" in came.parameters and "streaks" in layers:
        picture = picture * (1 - came.parameters["veil"]) + came.parameters["airlight"] * came.parameters["veil"]
    if "scale" in came.parameters:
        rows, columns = (resampling(side, round(came.parameters["scale"])) for side in clean.shape[:2])
        picture = np.einsum("ij,jkc,lk->ilc", rows, picture, columns)
    return np.asarray(sum(added, start=picture), np.float32)


@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"jpeg", "h264", "h265"}))
def test_layers_and_parameters_make_the_picture(name: str) -> None:
    most = 0.0
    for seed in range(4):
        came = ALL[name](SCENE, np.random.default_rng(seed))
        most = max(most, float(np.abs(came.picture - SCENE).max()))
        np.testing.assert_allclose(came.picture, _layered(SCENE, came), atol=1e-5)
    assert most > 0.05


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_makes_the_same_picture(name: str) -> None:
    first, again, other = (ALL[name](SCENE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.picture, again.picture)
    assert first.parameters == again.parameters
    assert not np.array_equal(first.picture, other.picture)


@pytest.mark.parametrize("name", ALL)
def test_size_type_and_target_are_kept_and_the_input_is_untouched(name: str) -> None:
    clean = SCENE.copy()
    clean.flags.writeable = False
    came = ALL[name](clean, np.random.default_rng(1))
    assert came.picture.shape == clean.shape
    assert came.picture.dtype == np.float32
    assert came.clean is clean
    for layer in came.layers.values():
        assert layer.dtype == np.float32
    np.testing.assert_array_equal(clean, SCENE)


@pytest.mark.parametrize("extreme", EXTREMES)
@pytest.mark.parametrize("name", ALL)
def test_small_odd_black_and_white_pictures_come_back_finite_and_in_size(name: str, extreme: str) -> None:
    for seed in range(2):
        came = ALL[name](EXTREMES[extreme], np.random.default_rng(seed))
        assert came.picture.shape == EXTREMES[extreme].shape
        for array in (came.picture, *came.layers.values()):
            assert np.isfinite(array).all()


@pytest.mark.parametrize("name", KINDS)
def test_what_is_drawn_lies_in_its_range_and_reaches_into_its_ends(name: str) -> None:
    degradation = ALL[name]
    drawn: Mapping[str, list[float]] = {}
    count = 12 if name.startswith("h26") else 40
    for seed in range(count):
        for key, value in degradation(SCENE[:32, :32], np.random.default_rng(seed)).parameters.items():
            drawn.setdefault(key, []).append(value)  # type: ignore[attr-defined]
    for key, values in drawn.items():
        limits = getattr(degradation, key, None)
        if not isinstance(limits, tuple):
            continue
        sometimes_none = (key, name) == ("veil", "rain")  # half of its pictures have none
        low = 0 if sometimes_none else limits[0]
        assert low - 1e-6 <= min(values) <= max(values) <= limits[1] + 1e-6
        if key != "photons":  # which is even in how many times more
            assert np.ptp(values) > 0.5 * (limits[1] - limits[0])
    ranges = [key for key in drawn if isinstance(getattr(degradation, key, None), tuple)]
    assert ranges, "a degradation says what it drew"


@pytest.mark.parametrize("name", KINDS)
def test_a_range_of_one_value_is_a_constant(name: str) -> None:
    degradation = ALL[name]
    for key in degradation(SCENE, np.random.default_rng(0)).parameters:
        limits = getattr(degradation, key, None)
        if isinstance(limits, tuple) and (key, name) != ("veil", "rain"):
            constant = parse_mixture(f"{name}({key}={limits[1]})", BANK)
            values = {constant(SCENE, np.random.default_rng(seed)).parameters[key] for seed in (1, 2)}
            assert len(values) == 1
            assert values.pop() == pytest.approx(limits[1])


@pytest.mark.parametrize("name", KINDS)
def test_a_range_the_wrong_way_round_is_refused_when_it_is_made(name: str) -> None:
    kind: Callable[..., Degradation] = kind_of(name)
    first = next(key for key, value in vars(ALL[name]).items() if isinstance(value, tuple))
    bank = {"bank": BANK} if "bank" in vars(ALL[name]) else {}
    with pytest.raises(UsageError, match=f"{first}: expected a low and a high end between"):
        kind(**bank, **{first: (0.9, 0.2)})


def test_noise_has_the_strength_that_it_says() -> None:
    flat = np.full((200, 200, 3), 0.25, np.float32)
    came = Noise(read=(6, 6), shot=(8, 8))(flat, np.random.default_rng(1))
    expected = np.sqrt(6**2 + 8**2 * 0.25) / 255
    assert came.layers["noise"].std() == pytest.approx(expected, rel=0.02)


def test_worse_jpeg_is_further_from_the_truth() -> None:
    truth = to_picture(SCENE)
    fine, coarse = (degrade_picture(Jpeg(quality=(q, q)), truth, np.random.default_rng(1)) for q in (95, 20))
    assert psnr(fine, truth) > psnr(coarse, truth) + 5


def test_a_mixture_leaves_its_share_of_pictures_alone() -> None:
    mixture = Mixture((("noise", 1.0, Noise(read=(5, 5))),), untouched=0.25)
    untouched = [np.array_equal(mixture(SCENE, np.random.default_rng(seed)).picture, SCENE) for seed in range(400)]
    assert 0.15 < np.mean(untouched) < 0.35


def test_a_mixture_names_what_it_did() -> None:
    came = parse_mixture("rain + jpeg@1", BANK)(SCENE, np.random.default_rng(1))
    assert {"rain.streaks"} <= came.layers.keys()
    assert {"rain.strength", "jpeg.quality"} <= came.parameters.keys()


def test_a_mixture_refuses_two_parts_of_one_name_and_a_chance_above_one() -> None:
    with pytest.raises(UsageError, match="got 'noise' twice"):
        Mixture((("noise", 1.0, Noise()), ("noise", 1.0, Noise())))
    with pytest.raises(UsageError, match=r"noise: expected a chance between 0 and 1, got 1\.5"):
        Mixture((("noise", 1.5, Noise()),))
    with pytest.raises(UsageError, match="untouched: expected a chance"):
        Mixture((), untouched=-0.1)


def test_a_known_depth_is_that_of_a_downpour_in_any_unit() -> None:
    depth = np.tile(np.linspace(1, 50, SCENE.shape[1], dtype=np.float32), (SCENE.shape[0], 1))
    came = Downpour(BANK, accumulation=(1, 1)).with_depth(depth)(SCENE, np.random.default_rng(1))
    np.testing.assert_allclose(came.layers["transmission"], np.exp(-depth / 50), atol=1e-6)
    with pytest.raises(DataError, match="a depth of 64×80"):
        Downpour(BANK).with_depth(depth[:5])(SCENE, np.random.default_rng(1))


def test_the_ends_of_whole_numbers_are_reached() -> None:
    cars = {parse_mixture("glare(cars=1..3)")(SCENE[:16, :16], np.random.default_rng(seed)).parameters["cars"] for seed in range(30)}
    assert cars == {1.0, 2.0, 3.0}
    assert isinstance(ALL["rain"], Rain)
