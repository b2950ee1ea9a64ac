"""PatchGAN: the layers of the paper's table, a score for each 70×70 piece, and what starts where."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.networks.discriminators import PatchGAN


def test_the_layers_are_those_of_the_physics_based_gans_table_1() -> None:
    convolutions = [module for module in PatchGAN().modules() if isinstance(module, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 512, 1]
    assert [layer.stride[0] for layer in convolutions] == [2, 2, 2, 1, 1]
    assert {layer.kernel_size for layer in convolutions} == {(4, 4)}


def test_one_score_sees_a_piece_of_70_pixels_and_nothing_beyond() -> None:
    judge = PatchGAN(channels=2, normalise=False).double()  # instance normalisation looks at everything, by its means
    picture = torch.rand(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
    scores = judge(picture)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    assert picture.grad is not None
    rows = picture.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_the_smallest_picture_that_can_be_judged_has_24_pixels_a_side() -> None:
    judge = PatchGAN(channels=2)
    assert judge(torch.rand(1, 3, 24, 24)).shape == (1, 1, 1, 1)
    with pytest.raises((RuntimeError, ValueError)):
        judge(torch.rand(1, 3, 16, 16))


def test_each_picture_is_judged_by_itself() -> None:
    """Instance, not batch normalisation: several devices with a share of the batch each get the same scores."""
    judge, pictures = PatchGAN(channels=4), torch.rand(3, 3, 48, 48)
    torch.testing.assert_close(judge(pictures)[1:2], judge(pictures[1:2]))


def test_every_parameter_matters() -> None:
    judge = PatchGAN(channels=4)
    judge(torch.rand(1, 3, 48, 48)).square().mean().backward()
    for name, parameter in judge.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 1e-7, f"{name} gets rounding noise only"
