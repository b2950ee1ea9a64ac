"""The loop: it learns, resumes bit for bit, and refuses a state that is not its own."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from runtime.errors import CheckpointError, TrainingError
from tests.training.pictures import clean_folder, pair_folder
from training.checkpoint import load_checkpoint, read_tensors
from training.data import TrainingPictures, load_pictures
from training.degradations.haze import Haze
from training.loop import LOG, MODEL, STATE, LoopOptions, Progress, train
from training.recipes import find_recipe
from training.recipes.recipe import Recipe
from training.recipes.schedules import cosine

TINY = replace(find_recipe("derain"), steps=6, batch=2, patch=32, warm_up=2)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> TrainingPictures:
    folder = tmp_path_factory.mktemp("data")
    return load_pictures([clean_folder(folder / "photos"), pair_folder(folder / "pairs")])


def _train(recipe: Recipe, pictures: TrainingPictures, folder: Path, precision: str = "bf16-mixed") -> list[Progress]:
    said: list[Progress] = []
    options = LoopOptions(folder, licence="test pictures", precision=precision, save_every=3, log_every=2)
    train(recipe, pictures, options, said.append)
    return said


def test_resuming_equals_never_stopping_bit_for_bit(pictures: TrainingPictures, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop_after_four(now: Progress) -> None:
        if now.step == 4:
            raise Stop

    _train(TINY, pictures, tmp_path / "whole")
    options = LoopOptions(tmp_path / "cut", licence="test pictures", save_every=3, log_every=2)
    with pytest.raises(Stop):
        train(TINY, pictures, options, stop_after_four)  # the state on disk is that of step 3
    assert read_tensors(tmp_path / "cut" / STATE)[1]["step"] == 3
    train(TINY, pictures, options, lambda _now: None)

    for name in (STATE, MODEL):
        whole, cut = (read_tensors(tmp_path / run / name)[0] for run in ("whole", "cut"))
        assert whole.keys() == cut.keys()
        for key, value in whole.items():
            assert torch.equal(value, cut[key]), key


def test_it_learns_and_writes_what_the_manifest_needs(pictures: TrainingPictures, tmp_path: Path) -> None:
    # A haze that is the same for every picture can be learned in a few steps; rain cannot.
    haze = Haze(density=(1, 1), airlight=(1, 1), unevenness=0)
    recipe = replace(TINY, steps=40, warm_up=5, learning_rate=5e-3, degradation=lambda _seed, _pairs: haze)
    said = _train(recipe, pictures, tmp_path, precision="32-true")
    assert said[-1].step == 40
    assert sum(now.losses["l1"] for now in said[-5:]) < 0.8 * sum(now.losses["l1"] for now in said[:5])
    card = load_checkpoint(tmp_path / MODEL).card
    assert (card.recipe, card.steps, card.licence) == ("derain", 40, "test pictures")
    assert card.data == pictures.described
    with (tmp_path / LOG).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [now.step for now in said]


def test_a_state_of_other_settings_is_refused(pictures: TrainingPictures, tmp_path: Path) -> None:
    _train(TINY, pictures, tmp_path)
    with pytest.raises(CheckpointError, match="another learning rate"):
        _train(replace(TINY, learning_rate=0.5), pictures, tmp_path)
    with pytest.raises(CheckpointError, match="another precision"):
        _train(TINY, pictures, tmp_path, precision="32-true")
    with pytest.raises(CheckpointError, match="another data"):
        _train(TINY, replace(pictures, described=("elsewhere",)), tmp_path)


def test_weights_that_are_not_finite_stop_it_and_are_never_saved(pictures: TrainingPictures, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="lower --learning-rate"):
        _train(replace(TINY, learning_rate=1e30, steps=40), pictures, tmp_path, precision="32-true")
    assert not list(tmp_path.glob("*.safetensors"))


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    recipe = replace(TINY, steps=100, warm_up=10)
    rates = [cosine(recipe, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=0.001)
