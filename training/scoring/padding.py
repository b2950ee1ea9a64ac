"""Padding a picture up to a network's stride by mirrors. Does not know networks.

One reflection adds at most side − 1 pixels, which is too few where a stride of 64 meets a picture of 20: so the picture is mirrored
there and back as often as it takes, the edge pixel not repeated. The exported graph does the same (`export/onnx/graph.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor


def pad_to_stride(picture: Tensor, stride: int) -> Tensor:
    """[N, C, H, W] with both sides made multiples of `stride` at the bottom and at the right; the top left is the picture."""
    height, width = picture.shape[2:]
    below, right = -height % stride, -width % stride
    if not below and not right:
        return picture
    rows, columns = (_there_and_back(side, more, picture.device) for side, more in ((height, below), (width, right)))
    return picture.index_select(2, rows).index_select(3, columns)


def _there_and_back(side: int, more: int, device: torch.device) -> Tensor:
    """0, 1, … side − 1, side − 2, … 1, 0, 1, …: which pixel stands in each of side + more places."""
    period = max(2 * side - 2, 1)
    place = torch.arange(side + more, device=device) % period
    return side - 1 - (place - (side - 1)).abs()
