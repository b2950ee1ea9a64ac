"""Figure 8: correlations and likenesses as by hand, every preset of fdrnet, and refusals of one line."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from runtime.errors import CheckpointError, DataError, PictureError, UsageError
from runtime.model.manifest import ModelCard
from tests.support.training.pictures import clean_folder, drawn
from training.checkpoint import Checkpoint, save_checkpoint
from training.figures import FIGURES, figure
from training.figures.fdrnet_correlation import DISTORTIONS, arguments, correlation, draw, likeness, look, off_diagonal_mean, open_network
from training.networks.fdrnet import FDRNet, FDRNetConfig

SHIPPED = Path(__file__).parents[3] / "runtime" / "zoo" / "derain"
TINY = {"channels": 6, "phases": 2, "fd_layers": 2, "process_blocks": 1, "auxiliary_blocks": 1, "unshuffle": 2}


def _saved(folder: Path, **changes: object) -> Path:
    config = FDRNetConfig(**{**TINY, **changes})  # type: ignore[arg-type]
    torch.manual_seed(1)
    card = ModelCard("fdrnet-hybrid", 1, 1, ("drawn",), "test", ())
    weights = FDRNet(config).state_dict()
    facts = {name: getattr(config, name) for name in config.__dataclass_fields__}
    save_checkpoint(folder / "model.safetensors", Checkpoint("fdrnet", "fdrnet", facts, "restore", "A test", card, weights))
    return folder / "model.safetensors"


def _draw(*words: str | Path) -> list[str]:
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--out", type=Path)
    arguments(parser)
    said: list[str] = []
    draw(parser.parse_args([str(word) for word in words]), said.append)
    return said


def test_it_is_one_of_the_figures() -> None:
    assert "fdrnet-correlation" in FIGURES
    assert figure("fdrnet-correlation").draw is draw


def test_correlation_is_pearson_s_over_the_places_of_each_picture() -> None:
    features = torch.randn(3, 5, 8, 9, generator=torch.Generator().manual_seed(1)) + torch.randn(3, 1, 8, 9)
    by_hand = np.mean([np.abs(np.corrcoef(one.flatten(1).numpy())) for one in features], axis=0)
    np.testing.assert_allclose(correlation(features), by_hand, atol=1e-6)


def test_a_constant_channel_shares_nothing_and_a_negated_one_everything() -> None:
    one = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    matrix = correlation(torch.cat([one, -2 * one, torch.full_like(one, 0.3)], dim=1))
    np.testing.assert_allclose(matrix, [[1, 1, 0], [1, 1, 0], [0, 0, 0]], atol=1e-6)
    assert off_diagonal_mean(matrix) == pytest.approx(2 / 6)


def test_answers_of_other_channels_are_not_alike_whatever_their_level() -> None:
    levels = np.arange(1, 11)[:, None]
    apart = {"blur": levels * [1.0, 0, 0], "noise": levels * [0, -2.0, 0], "jpeg": levels * [0, 0, 0.1]}
    assert likeness(apart) == pytest.approx((1, 0))
    assert likeness(dict.fromkeys(apart, levels * [1.0, -1, 0])) == pytest.approx((1, 1))


def test_what_is_looked_at_is_what_enters_and_leaves_the_fdm_of_each_phase(tmp_path: Path) -> None:
    network = open_network(_saved(tmp_path))
    pictures = [np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)]
    phases = look(network, pictures)
    assert len(phases) == 2
    for seen in phases:
        assert seen.before.shape == seen.after.shape == (6, 6)
        assert not np.allclose(seen.before, seen.after)
        assert tuple(seen.responses) == DISTORTIONS
        assert all(rows.shape == (10, 6) and np.abs(rows).max() > 0 for rows in seen.responses.values())


def test_a_stronger_distortion_is_answered_more_loudly(tmp_path: Path) -> None:
    (seen, _) = look(open_network(_saved(tmp_path)), drawn(2))
    for name, rows in seen.responses.items():
        size = np.linalg.norm(rows, axis=1)
        assert size[-1] > 2 * size[0], name


@pytest.mark.parametrize("model", [SHIPPED, SHIPPED / "weights.safetensors"], ids=["a bundle", "its weights"])
def test_it_draws_the_shipped_model_on_drawn_pictures(model: Path, tmp_path: Path) -> None:
    said = _draw(model, "--pictures", "2", "--side", "48", "-o", tmp_path / "figure.png")
    assert len(said) == 1 + 3 + 1 + 1  # a heading, three phases, their mean, the paper's figures
    rows = [line.split() for line in said[1:5]]
    assert [row[0] for row in rows] == ["1", "2", "3", "mean"]
    assert all(0 < float(value) < 1 for row in rows for value in row[1:])
    figure_drawn = cv2.imread(str(tmp_path / "figure.png"))
    assert figure_drawn is not None
    assert min(figure_drawn.shape[:2]) > 500


def test_pictures_of_a_folder_are_taken_where_one_is_named(tmp_path: Path) -> None:
    model, photos = _saved(tmp_path), clean_folder(tmp_path / "photos", 2)
    options = ("--pictures", "2", "--side", "33", "-o", tmp_path / "a.png")  # 33: the stride takes what it divides
    assert _draw(model, "--data", photos, *options) != _draw(model, *options)


def test_what_is_no_fdrnet_with_fd_layers_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    out = ("-o", tmp_path / "figure.png")
    (tmp_path / "weights.pth").write_bytes(b"")
    with pytest.raises(CheckpointError, match="a pickle"):
        _draw(tmp_path / "weights.pth", *out)
    with pytest.raises(CheckpointError, match="expected a checkpoint file, got none"):
        _draw(tmp_path, *out)
    with pytest.raises(CheckpointError, match="baseline without FDM"):
        _draw(_saved(tmp_path / "baseline", disentangle=False), *out)
    assert not (tmp_path / "figure.png").exists()


def test_another_network_is_named_beside_what_was_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _saved(tmp_path)
    monkeypatch.setattr(Checkpoint, "build", lambda _self: torch.nn.Conv2d(3, 3, 1))
    with pytest.raises(CheckpointError, match="expected a model of the network fdrnet"):
        _draw(model, "-o", tmp_path / "figure.png")


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("--phase", "3"), UsageError, "has the phases 1 to 2"),
        (("--phase", "0"), UsageError, "has the phases 1 to 2"),
        (("--pictures", "0"), UsageError, "at least 1 picture"),
        (("--side", "8"), UsageError, "at least 1 picture of 16 pixels"),
    ],
)
def test_wrong_words_are_named(words: tuple[str, ...], error: type[Exception], said: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=said):
        _draw(_saved(tmp_path), *words, "-o", tmp_path / "figure.png")


def test_a_folder_without_pictures_or_with_too_small_ones_is_named(tmp_path: Path) -> None:
    model = _saved(tmp_path / "model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="there are none"):
        _draw(model, "--data", tmp_path / "empty", "-o", tmp_path / "figure.png")
    with pytest.raises(DataError, match="lower --side"):
        _draw(model, "--data", clean_folder(tmp_path / "photos", 1), "--side", "64", "-o", tmp_path / "figure.png")
