"""Scoring: what is held out is what is scored, and the figures are those of the metrics."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

import clearway
from export.graph import reference
from runtime.errors import DataError
from runtime.manifest import Score
from tests.tiny import make_bundle
from tests.training.pictures import clean_folder, drawn, pair_folder
from tests.training.test_checkpoint import CARD, CONFIG
from training.checkpoint import Checkpoint, save_checkpoint
from training.data import TrainingPictures, load_pictures
from training.evaluate import Trial, checkpoint_restore, evaluate, open_model, score, trials_of, write_scores
from training.metrics import PROTOCOLS, psnr
from training.networks.fdrnet import FDRNet, FDRNetConfig
from training.recipes import find_recipe


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> TrainingPictures:
    folder = tmp_path_factory.mktemp("data")
    return load_pictures([clean_folder(folder / "photos"), pair_folder(folder / "pairs")])


def _identity() -> Checkpoint:
    return Checkpoint("fdrnet", "fdrnet-edge", dict(CONFIG), "derain", "A test", CARD, FDRNet(FDRNetConfig(**CONFIG)).state_dict())


def test_trials_are_the_recipes_and_the_held_out_pictures(pictures: TrainingPictures) -> None:
    trials = trials_of(find_recipe("derain"), pictures)
    assert [(trial.name, len(trial.pictures)) for trial in trials] == [
        ("held-out pictures, heavy rain", 2),
        ("held-out pictures, light rain", 2),
        ("held-out pictures, clean", 2),
        ("held-out pairs", 1),
    ]
    heavy, light = (np.mean([psnr(*pair) for pair in trial.pictures]) for trial in trials[:2])
    assert heavy < light


def test_trials_are_the_same_every_time(pictures: TrainingPictures) -> None:
    first, again = (trials_of(find_recipe("derain"), pictures)[0] for _ in range(2))
    for (degraded, _), (same, _) in zip(first.pictures, again.pictures, strict=True):
        np.testing.assert_array_equal(degraded, same)


def test_a_score_is_the_mean_and_the_worst() -> None:
    truth = np.full((32, 32, 3), 100, np.uint8)
    trial = Trial("two", ((truth + np.uint8(10), truth), (truth + np.uint8(20), truth)))
    came = score(lambda picture: picture - np.uint8(8), trial, "rgb")
    errors = [20 * np.log10(255 / 2), 20 * np.log10(255 / 12)]
    assert came.psnr_db == pytest.approx(np.mean(errors), abs=0.01)
    assert came.psnr_worst_db == pytest.approx(min(errors), abs=0.01)
    assert came.protocol == PROTOCOLS["rgb"].text


def test_an_identity_gains_nothing_and_a_clean_input_has_no_psnr(pictures: TrainingPictures) -> None:
    heavy, _light, clean, _pairs = evaluate(checkpoint_restore(_identity()), trials_of(find_recipe("derain"), pictures), "y")
    assert heavy.psnr_db == heavy.psnr_input_db
    assert clean.psnr_input_db is None


def test_any_size_is_padded_to_the_stride_and_cropped() -> None:
    picture = drawn(1)[0][:37, :41]
    np.testing.assert_array_equal(checkpoint_restore(_identity())(picture), picture)


def test_bundles_and_checkpoints_are_opened_alike(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model.safetensors", _identity())
    by_checkpoint = open_model(str(tmp_path / "model.safetensors"))
    by_bundle = open_model(str(make_bundle(tmp_path / "tiny", kind="brighten")))
    assert by_checkpoint.recipe == by_bundle.recipe == "derain"
    picture = np.full((20, 24, 3), 100, np.uint8)
    assert by_bundle.restore(picture).max() == 110
    np.testing.assert_array_equal(by_checkpoint.restore(picture), picture)


def test_a_picture_that_comes_back_exactly_counts_as_100_db() -> None:
    truth = drawn(1)[0]
    assert score(lambda picture: picture, Trial("clean", ((truth, truth),)), "rgb").psnr_db == 100


def test_pytorchs_own_way_agrees_with_the_exported_graphs_reference() -> None:
    checkpoint = _identity()
    torch.nn.init.normal_(checkpoint.weights["tail.weight"], std=0.01)
    picture = drawn(1)[0][:37, :41]
    expected = reference(checkpoint.build())(np.ascontiguousarray(picture[None]))["restored"][0]
    np.testing.assert_array_equal(checkpoint_restore(checkpoint)(picture), expected)
    assert not np.array_equal(expected, picture)


def test_nothing_held_out_is_an_error() -> None:
    with pytest.raises(DataError, match="nothing to score"):
        trials_of(find_recipe("derain"), TrainingPictures((), (), (), (), ()))


def test_the_command_writes_scores_that_export_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint(tmp_path / "model.safetensors", _identity())
    data, scores = clean_folder(tmp_path / "photos", count=1), tmp_path / "scores.json"
    words = ["evaluate", str(tmp_path / "model.safetensors"), "--data", str(data), "--scores", str(scores)]
    assert clearway.main(words) == 0
    assert "held-out pictures, heavy rain" in capsys.readouterr().out
    written = [Score(**entry) for entry in json.loads(scores.read_text())]
    write_scores(tmp_path / "again.json", written)
    assert json.loads(scores.read_text()) == [asdict(entry) for entry in written]
