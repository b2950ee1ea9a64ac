"""Figure 12: drawn from a training on the spot, or from the folders of runs; what cannot be drawn is named."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import DataError, UsageError
from runtime.model.manifest import ModelCard
from training.checkpoint import Checkpoint, save_checkpoint
from training.figures import FIGURES, figure
from training.figures.physicsgan_curves import page
from training.networks import PRESETS


def _draw(out: Path, *words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    drawn = figure("physicsgan-curves")
    drawn.arguments(parser)
    said: list[str] = []
    drawn.draw(argparse.Namespace(out=out, **vars(parser.parse_args(words))), said.append)
    return said


def _run_folder(folder: Path, log: str = "step,blur,clean\n10,17.5,40\n30,18.5,41\n") -> Path:
    folder.mkdir()
    (folder / "validation.csv").write_text(log)
    preset = PRESETS["physicsgan-edge"]
    card = ModelCard("physicsgan-deblur", 1, 30, ("drawn pages",), "test pictures", ())
    weights = preset.build().state_dict()
    config = {name: getattr(preset.config, name) for name in preset.config.__dataclass_fields__}
    save_checkpoint(folder / "model.safetensors", Checkpoint("physicsgan", preset.name, config, "deblur", "summary", card, weights))
    return folder


def test_it_is_in_the_table() -> None:
    assert "physicsgan-curves" in FIGURES


def test_training_on_the_spot_draws_both_systems_and_prints_a_line_for_each(tmp_path: Path) -> None:
    said = _draw(tmp_path / "curves.png", "--train", "2", "--seeds", "1")
    assert [line[:24].strip() for line in said[1:]] == ["as degraded", "with the physics, 1", "base GAN, 1"]
    assert all(len(line[24:].split()) == 11 for line in said[1:])  # 0 to 10 %
    untouched = [float(value) for value in said[1][24:].split()]
    assert untouched == sorted(untouched, reverse=True)  # the same blur, and more and more noise
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture is not None
    assert picture.std() > 5


def test_runs_are_read_from_their_log_and_their_model(tmp_path: Path) -> None:
    said = _draw(tmp_path / "curves.png", str(_run_folder(tmp_path / "run")))
    assert said[2].startswith("run")
    assert said[2][24:] == said[1][24:]  # an untrained edge preset changes nothing
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_a_run_without_validation_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected lines with the PSNR of held-out pictures"):
        _draw(tmp_path / "curves.png", str(_run_folder(tmp_path / "run", "step,blur\n")))


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="clearway train"):
        _draw(tmp_path / "curves.png", str(tmp_path))


@pytest.mark.parametrize("words", [("--train", "0"), ("--seeds", "0")], ids=" ".join)
def test_nothing_to_train_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="above zero"):
        _draw(tmp_path / "curves.png", *words)


def test_a_page_is_the_same_for_the_same_seed_and_has_ink_on_it() -> None:
    one, again, other = (page(np.random.default_rng(seed), 64) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert one.std() > 20
