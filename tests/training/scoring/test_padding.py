"""Padding to the stride: mirrored, as often as it takes, and as the exported graph has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.onnx.graph import FrameGraph
from training.scoring.padding import pad_to_stride


def test_a_small_padding_is_one_reflection() -> None:
    picture = torch.rand(2, 3, 13, 22)
    torch.testing.assert_close(pad_to_stride(picture, 8), F.pad(picture, (0, 2, 0, 3), mode="reflect"))


def test_a_stride_beyond_the_picture_goes_there_and_back_as_often_as_it_takes() -> None:
    row = torch.arange(4.0).reshape(1, 1, 1, 4).expand(1, 1, 4, 4)
    padded = pad_to_stride(row, 16)
    assert padded.shape == (1, 1, 16, 16)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    assert pad_to_stride(torch.ones(1, 1, 1, 1), 4).shape == (1, 1, 4, 4)


def test_what_fits_is_handed_on_untouched() -> None:
    picture = torch.rand(1, 3, 16, 32)
    assert pad_to_stride(picture, 16) is picture


class _Seen(nn.Module):
    """Hands its input on and remembers it."""

    scale, sees_whole_picture, receptive_field = 1, False, 1

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, picture: Tensor) -> Tensor:
        self.seen = picture
        return picture


@pytest.mark.parametrize("stride", [8, 64])
def test_the_exported_graph_pads_alike(stride: int) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (1, 20, 27, 3), np.uint8)
    network = _Seen(stride)
    FrameGraph(network)(torch.from_numpy(frame))
    picture = torch.from_numpy(frame[..., ::-1].copy()).permute(0, 3, 1, 2).float() / 256
    torch.testing.assert_close(pad_to_stride(picture, stride), network.seen)
