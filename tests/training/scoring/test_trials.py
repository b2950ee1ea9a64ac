"""What is scored: made one picture at a time, the same at every call, and as the protocol asks for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import DataError, PictureError, UsageError
from runtime.picture import Picture
from tests.support.training.pictures import clean_folder, pair_folder
from training.data.batches import TrainingPictures, load_pictures
from training.data.gallery import LoadedGallery
from training.degradations.degradation import Pair
from training.degradations.sensor.noise import Noise
from training.recipes import find_recipe
from training.scoring.metrics import psnr
from training.scoring.trials import mixture_trial, pairs_of, trials_of, truths_in

NOISE = Noise(read=(25.0, 25.0), shot=(0.0, 0.0))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> TrainingPictures:
    folder = tmp_path_factory.mktemp("data")
    return load_pictures([clean_folder(folder / "photos"), pair_folder(folder / "pairs")])


def _held_out(*pictures: np.ndarray) -> TrainingPictures:
    return TrainingPictures.of(held_out=[np.asarray(picture, np.uint8) for picture in pictures])


def test_trials_are_the_recipes_and_the_held_out_pictures(pictures: TrainingPictures) -> None:
    trials = trials_of(find_recipe("derain"), pictures)
    assert [(trial.name, len(trial.names)) for trial in trials] == [
        ("held-out pictures, heavy rain", 2),
        ("held-out pictures, light rain", 2),
        ("held-out pictures, clean", 2),
        ("held-out pairs", 1),
    ]
    heavy, light = (
        np.mean([psnr(case.degraded, case.clean) for case in trial.cases() if case.degraded is not None]) for trial in trials[:2]
    )
    assert heavy < light


def test_every_case_goes_by_its_name(pictures: TrainingPictures) -> None:
    for trial in trials_of(find_recipe("derain"), pictures):
        assert tuple(case.name for case in trial.cases()) == trial.names


def test_trials_are_the_same_every_time(pictures: TrainingPictures) -> None:
    first, again = (trials_of(find_recipe("derain"), pictures)[0] for _ in range(2))
    for one, other, repeated in zip(first.cases(), again.cases(), first.cases(), strict=True):
        np.testing.assert_array_equal(one.degraded, other.degraded)
        np.testing.assert_array_equal(one.degraded, repeated.degraded)


def test_pictures_are_read_one_at_a_time_and_only_when_asked_for() -> None:
    class Lazy(LoadedGallery[Picture]):
        read = 0

        def at(self, place: int) -> Picture:
            self.read += 1
            return super().at(place)

    held_out = Lazy([np.full((16, 16, 3), level, np.uint8) for level in (1, 2, 3)], ("one", "two", "three"), [(16, 16)] * 3)
    trial = mixture_trial("noise", NOISE, replace(TrainingPictures.of(), held_out=held_out))
    assert (trial.names, held_out.read) == (("one", "two", "three"), 0)
    cases = trial.cases()
    assert (next(cases).name, held_out.read) == ("one", 1)


def test_noise_is_neither_clipped_nor_rounded_where_the_protocol_says_so() -> None:
    black = _held_out(np.zeros((64, 64, 3)))
    (as_drawn,) = mixture_trial("noise", NOISE, black, "cbsd68").cases()
    (as_stored,) = mixture_trial("noise", NOISE, black, "rgb").cases()
    assert as_drawn.degraded is not None
    assert as_stored.degraded is not None
    assert as_drawn.degraded.dtype == np.float32
    assert as_drawn.degraded.std() == pytest.approx(25, rel=0.03)
    np.testing.assert_array_equal(as_stored.degraded, np.rint(np.clip(as_drawn.degraded, 0, 255)))


def test_a_grey_picture_gets_one_draw_of_noise_for_all_its_channels() -> None:
    (case,) = mixture_trial("noise", NOISE, _held_out(np.full((64, 64, 3), 100)), "bsd68").cases()
    assert case.degraded is not None
    assert (case.degraded == case.degraded[..., :1]).all()
    assert psnr(case.degraded, case.clean, "bsd68") == pytest.approx(20 * np.log10(255 / 25), abs=0.2)


def test_a_grey_protocol_refuses_colours() -> None:
    coloured = np.zeros((16, 16, 3))
    coloured[3, 3, 0] = 1
    with pytest.raises(DataError, match=r"000: expected a grey picture"):
        list(mixture_trial("noise", NOISE, _held_out(coloured), "bsd68").cases())


def test_pairs_of_files_cannot_hold_noise_that_is_not_clipped(pictures: TrainingPictures) -> None:
    with pytest.raises(UsageError, match=r"8-bit files, got cbsd68"):
        trials_of(find_recipe("derain"), pictures, "cbsd68")


def test_nothing_held_out_is_an_error() -> None:
    with pytest.raises(DataError, match="expected held-out pictures"):
        trials_of(find_recipe("derain"), TrainingPictures.of())
    with pytest.raises(DataError, match="--degrade"):
        mixture_trial("noise", NOISE, TrainingPictures.of())


def test_pairs_are_handed_on_as_they_are() -> None:
    degraded, clean = np.zeros((16, 16, 3), np.uint8), np.ones((16, 16, 3), np.uint8)
    (case,) = pairs_of(TrainingPictures.of(held_out_pairs=[Pair("a", degraded, clean)])).cases()
    assert case.name == "a"
    assert case.degraded is degraded
    assert case.clean is clean


def test_truths_are_every_picture_of_the_folders_and_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = clean_folder(tmp_path / "truth", count=3)
    (folder / "01.png").write_bytes(b"not a picture")
    trial = truths_in([folder])
    assert trial.names == ("00", "01", "02")
    cases = trial.cases()
    assert next(cases).degraded is None
    with pytest.raises(PictureError, match=r"01\.png"):
        next(cases)
