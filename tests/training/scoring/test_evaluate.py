"""Scoring: the figures are those of the metrics, whatever restores the pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from export.onnx.graph import reference
from runtime.errors import CheckpointError, DataError, UsageError
from runtime.model.bundle import MANIFEST, WEIGHTS, open_bundle, sha256_of
from runtime.model.manifest import Score
from runtime.picture import Picture
from tests.support.tiny import make_bundle
from tests.support.training.checkpoints import CARD, CONFIG, identity
from tests.support.training.pictures import clean_folder, drawn, pair_folder
from training.checkpoint import Checkpoint, save_checkpoint
from training.data.batches import load_pictures
from training.recipes import find_recipe
from training.scoring.evaluate import answer_by, checkpoint_restore, evaluate, open_model, scored, summarised, write_scores
from training.scoring.metrics import PROTOCOLS, Levels, psnr, ssim
from training.scoring.trials import Case, Trial, trials_of


def trial_of(*cases: Case) -> Trial:
    return Trial("a trial", tuple(case.name for case in cases), lambda: iter(cases))


def _darker(picture: Levels) -> Picture:
    return np.asarray(picture, np.uint8) - np.uint8(8)


def test_a_score_is_the_mean_and_the_worst() -> None:
    truth = np.full((32, 32, 3), 100, np.uint8)
    cases = Case("a", truth + np.uint8(10), truth), Case("b", truth + np.uint8(20), truth)
    (came,) = evaluate(_darker, [trial_of(*cases)], "rgb")
    errors = [20 * np.log10(255 / 2), 20 * np.log10(255 / 12)]
    assert came.psnr_db == pytest.approx(np.mean(errors), abs=0.01)
    assert came.psnr_worst_db == pytest.approx(min(errors), abs=0.01)
    assert came.psnr_input_db == pytest.approx(np.mean([20 * np.log10(255 / 10), 20 * np.log10(255 / 20)]), abs=0.01)
    assert (came.pictures, came.protocol) == (2, PROTOCOLS["rgb"].text)


def test_each_picture_has_its_own_line_with_the_metrics_figures() -> None:
    truth, rainy = drawn(2)
    (line,) = scored(answer_by(_darker), [trial_of(Case("a", rainy, truth))], "y")
    assert (line.trial, line.name, line.width, line.height) == ("a trial", "a", 56, 48)
    assert (line.psnr_db, line.ssim) == (psnr(_darker(rainy), truth, "y"), ssim(_darker(rainy), truth, "y"))
    assert (line.psnr_input_db, line.ssim_input) == (psnr(rainy, truth, "y"), ssim(rainy, truth, "y"))


def test_one_picture_is_let_go_before_the_next_is_made() -> None:
    alive: list[int] = []

    def cases() -> Iterator[Case]:
        for i, picture in enumerate(drawn(3)):
            alive.append(i)
            yield Case(str(i), picture, picture)

    lines = scored(answer_by(_darker), [Trial("lazy", ("0", "1", "2"), cases)], "rgb")
    assert (next(lines).name, alive) == ("0", [0])


def test_an_identity_gains_nothing_and_a_clean_input_has_no_psnr(tmp_path: Path) -> None:
    pictures = load_pictures([clean_folder(tmp_path / "photos"), pair_folder(tmp_path / "pairs")])
    heavy, _light, clean, _pairs = evaluate(checkpoint_restore(identity()), trials_of(find_recipe("derain"), pictures), "y")
    assert heavy.psnr_db == heavy.psnr_input_db
    assert (clean.psnr_input_db, clean.ssim_input) == (None, 1)


def test_a_picture_that_comes_back_exactly_counts_as_100_db() -> None:
    truth = drawn(1)[0]
    (came,) = evaluate(lambda picture: np.asarray(picture, np.uint8), [trial_of(Case("a", truth, truth))], "rgb")
    assert came.psnr_db == 100


def test_where_only_the_truth_is_at_hand_nothing_is_said_of_the_input_and_a_model_has_nothing_to_restore() -> None:
    truth = drawn(1)[0]
    trial = trial_of(Case("a", None, truth))
    (summary,) = summarised(list(scored(lambda case: case.clean, [trial], "rgb")), "rgb")
    assert (summary.psnr_input_db, summary.ssim_input) == (None, None)
    with pytest.raises(UsageError, match="a: a model needs the degraded picture"):
        evaluate(_darker, [trial], "rgb")


def test_any_size_is_padded_to_the_stride_and_cropped() -> None:
    picture = drawn(1)[0][:37, :41]
    np.testing.assert_array_equal(checkpoint_restore(identity())(picture), picture)


class _Network(nn.Module):
    """Adds a level and hands out what it added; refuses sides that its stride does not divide."""

    scale, stride, sees_whole_picture, receptive_field = 1, 64, False, 1

    def __init__(self, added: float = 1.0) -> None:
        super().__init__()
        self.added = added

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        assert picture.shape[2] % 64 == picture.shape[3] % 64 == 0
        layer = torch.full_like(picture, self.added / 256)
        return picture + layer, -layer


class _Built(Checkpoint):
    network_added = 1.0

    def build(self) -> nn.Module:
        return _Network(self.network_added).eval()


def _built(added: float = 1.0) -> Checkpoint:
    kind = type("_Added", (_Built,), {"network_added": added})
    made: Checkpoint = kind("separating", "separating", {}, "derain", "A test", CARD, {})
    return made


def test_a_network_that_hands_out_the_interference_too_may_have_a_stride_beyond_the_picture() -> None:
    picture = np.full((20, 23, 3), 100, np.uint8)
    np.testing.assert_array_equal(checkpoint_restore(_built())(picture), picture + 1)


def test_levels_between_the_bytes_reach_a_checkpoint_as_they_are() -> None:
    noisy = np.full((16, 16, 3), -20.0, np.float32)
    np.testing.assert_array_equal(checkpoint_restore(_built(30.0))(noisy), np.full((16, 16, 3), 10, np.uint8))


def test_a_network_that_gives_nan_is_not_scored() -> None:
    with pytest.raises(CheckpointError, match="NaN"):
        checkpoint_restore(_built(float("nan")))(drawn(1)[0])


def test_pytorchs_own_way_agrees_with_the_exported_graphs_reference() -> None:
    checkpoint = identity()
    torch.nn.init.normal_(checkpoint.weights["tail.weight"], std=0.01)
    picture = drawn(1)[0][:37, :41]
    expected = reference(checkpoint.build())(np.ascontiguousarray(picture[None]))["restored"][0]
    np.testing.assert_array_equal(checkpoint_restore(checkpoint)(picture), expected)
    assert not np.array_equal(expected, picture)


def test_bundles_and_checkpoints_are_opened_alike(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model.safetensors", identity())
    picture = np.full((20, 24, 3), 100, np.uint8)
    with open_model(str(tmp_path / "model.safetensors")) as by_checkpoint:
        assert (by_checkpoint.card.recipe, by_checkpoint.takes_floats) == ("derain", True)
        np.testing.assert_array_equal(by_checkpoint.restore(picture), picture)
    with open_model(str(make_bundle(tmp_path / "tiny", kind="brighten"))) as by_bundle:
        assert (by_bundle.card.recipe, by_bundle.takes_floats) == ("derain", False)
        assert by_bundle.restore(picture).max() == 110
        with pytest.raises(UsageError, match="expected bytes"):
            by_bundle.restore(picture.astype(np.float32))


def test_a_bundle_that_enlarges_is_sent_on_to_its_checkpoint(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "tiny")
    manifest = open_bundle(folder).manifest
    (folder / WEIGHTS).write_bytes(b"weights")
    enlarging = replace(manifest, graph=replace(manifest.graph, scale=4))
    with_weights = manifest.files | {WEIGHTS: sha256_of(folder / WEIGHTS)}
    for files, instead in ((with_weights, str(folder / WEIGHTS)), (manifest.files, "that folder of results")):
        (folder / MANIFEST).write_text(replace(enlarging, files=files).to_json())
        with pytest.raises(UsageError, match=f"4 times as large, .* keeps its size; .*score .*{instead}"), open_model(str(folder)):
            pass


def test_weights_of_another_network_are_named_with_their_file(tmp_path: Path) -> None:
    other = identity()
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, Checkpoint("fdrnet", "fdrnet-edge", {**CONFIG, "channels": 16}, "derain", "A test", CARD, other.weights))
    with pytest.raises(CheckpointError, match=r"model\.safetensors: the weights do not fit the network fdrnet"), open_model(str(path)):
        pass


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors"])
def test_a_pickle_is_not_opened_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / name)
    with pytest.raises(CheckpointError, match=f"{name}: expected a .*safetensors checkpoint"), open_model(str(tmp_path / name)):
        pass


def test_scores_are_written_as_the_manifest_takes_them(tmp_path: Path) -> None:
    truth = drawn(1)[0]
    summaries = evaluate(_darker, [trial_of(Case("a", truth, truth))], "rgb")
    write_scores(tmp_path / "scores.json", summaries)
    written = [Score(**entry) for entry in json.loads((tmp_path / "scores.json").read_text())]
    assert [asdict(one) for one in written] == [asdict(one) for one in summaries]
    with pytest.raises(DataError, match="--scores"):
        write_scores(tmp_path / "nowhere" / "scores.json", summaries)
