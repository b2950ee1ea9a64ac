"""AI-GAN's 1-D experiment: it is drawn, its distances are right, its seeds are independent, and it learns what it is to learn."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from runtime.errors import UsageError
from training.figures import FIGURES, figure
from training.figures.aigan_toy import fused, train, unseen_samples, wasserstein


def _draw(out: Path, *words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    drawn = figure("aigan-toy")
    drawn.arguments(parser)
    said: list[str] = []
    drawn.draw(argparse.Namespace(out=out, **vars(parser.parse_args(words))), said.append)
    return said


def _row(said: list[str], name: str) -> list[float]:
    """Median, least and most."""
    line = next(line for line in said if line.startswith(f"{name}  "))
    return [float(value) for value in line[28:].split()]


def test_it_is_in_the_table() -> None:
    assert "aigan-toy" in FIGURES


@pytest.mark.parametrize("fusion", ["sum", "mixture"])
def test_both_models_are_trained_drawn_and_measured_whichever_is_closer(fusion: str, tmp_path: Path) -> None:
    said = _draw(tmp_path / "toy.png", "--steps", "3", "--seeds", "2", "--fusion", fusion)
    for name in ("single-branched GAN: B", "AI-GAN: B", "AI-GAN: A"):
        median, least, most = _row(said, name)
        assert least <= median <= most
    assert any(line.startswith("AI-GAN is closer to B in ") and line.endswith(" of 2 seeds") for line in said)
    picture = cv2.imread(str(tmp_path / "toy.png"))
    assert picture is not None
    assert picture.shape[1] > 3 * picture.shape[0]  # four panels in a row
    assert picture.std() > 5


def test_both_models_come_close_to_b_and_ai_gan_to_a(tmp_path: Path) -> None:
    said = _draw(tmp_path / "toy.png", "--steps", "200", "--seeds", "2")
    assert _row(said, "C as it is")[0] == pytest.approx(3, abs=0.1)  # the mean of A is 3 below zero
    for name in ("single-branched GAN: B", "AI-GAN: B", "AI-GAN: A"):
        assert _row(said, name)[2] < 1, name


def test_a_seed_gives_the_same_whatever_other_seeds_stand_beside_it() -> None:
    alone, beside = (train("AI-GAN", "sum", steps=10, seeds=seeds, double=True) for seeds in (1, 3))
    made = fused(beside.signals.originals).chunk(3)
    torch.testing.assert_close(made[0], fused(alone.signals.originals), atol=1e-3, rtol=1e-3)
    assert not torch.allclose(made[0], made[1], atol=1e-2)  # other weights, other data
    torch.testing.assert_close(unseen_samples("sum", 3).c.chunk(3)[0], unseen_samples("sum", 1).c)


def test_how_a_and_b_make_c() -> None:
    both, either = unseen_samples("sum", 1), unseen_samples("mixture", 1)
    torch.testing.assert_close(both.c, both.a + both.b)
    of_a = either.c == either.a
    assert torch.equal(either.c[~of_a], either.b[~of_a])
    assert float(of_a.double().mean()) == pytest.approx(0.5, abs=0.03)


def test_wasserstein_1_is_what_it_costs_to_carry_one_set_to_the_other() -> None:
    one = torch.tensor([[3.0], [1.0], [2.0]])
    assert wasserstein(one, one.flip(0)) == 0  # the order of samples is nothing
    assert wasserstein(one, one + 2) == pytest.approx(2)
    assert wasserstein(one, torch.tensor([[1.0], [2.0], [6.0]])) == pytest.approx(1)
    rng = np.random.default_rng(0)
    narrow, wide = (torch.from_numpy(rng.normal(0, sigma, 100_000)) for sigma in (1, 2))
    assert wasserstein(narrow, wide) == pytest.approx((2 / np.pi) ** 0.5, abs=0.02)  # of two Gaussians: σ's difference × E|z|


def test_the_result_is_the_mean_of_the_steps_there_are() -> None:
    torch.testing.assert_close(fused([torch.tensor([1.0]), torch.tensor([2.0])]), torch.tensor([1.5]))
    torch.testing.assert_close(fused([torch.tensor([1.0])]), torch.tensor([1.0]))


@pytest.mark.parametrize(
    ("words", "says"),
    [(("--steps", "0"), "above zero"), (("--seeds", "0"), "above zero"), (("--fusion", "product"), "sum, mixture, got 'product'")],
)
def test_what_cannot_be_trained_is_refused(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        _draw(tmp_path / "toy.png", *words)


def test_a_folder_that_is_not_there_is_said_before_minutes_of_training(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a file in an existing folder"):
        _draw(tmp_path / "nowhere" / "toy.png", "--steps", "1000000000")
