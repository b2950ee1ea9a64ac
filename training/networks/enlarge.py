"""Enlarging in front of a network that keeps the size: a user has the small picture. Does not know any network's inside.

What it makes is what training showed the network: bicubic (runtime/bicubic.py) with mirrored borders, clipped to what bytes can hold.
Each of times² places of an enlarged pixel is a filter of the small picture, so it is two plain convolutions, down and then across, and a
pixel shuffle. For ×2 and ×4 the weights of a line are whole 1024ths, which FP16 holds, so that a flat picture stays flat to the last bit.
Of 5×5 filters it rounds the products, and instance normalisation behind blows that up to a pattern (2 dB on a flat white picture).
Not torch's interpolate: its bicubic rings more, repeats its border, and becomes a Resize that each engine reads in its own way.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runtime.bicubic import bicubic
from training.networks import LEVELS

_TAPS, _REACH = 5, 2  # an enlarged pixel lies within half a small one of its middle tap, and the filter ends 2 from there
_WHITE = 255 / LEVELS


class EnlargingNetwork(nn.Module):
    """float32 RGB in 0..1 → what `network` makes of it `times` as large. Sides from 2; multiples of `stride`."""

    def __init__(self, network: nn.Module, times: int) -> None:
        super().__init__()
        inner: Any = network
        self.network, self.times = network, times
        self.scale = times * int(inner.scale)
        self.stride = int(inner.stride) // math.gcd(int(inner.stride), times)
        self.sees_whole_picture = bool(inner.sees_whole_picture)
        self.receptive_field = None if inner.receptive_field is None else _small_field(int(inner.receptive_field), times)
        line = bicubic(_TAPS, _TAPS * times)[_REACH * times : (_REACH + 1) * times]  # of the middle pixel, which no border reaches
        for name, shape, channels in (("down", (_TAPS, 1), 3), ("across", (1, _TAPS), 3 * times)):
            filters = torch.from_numpy(line).float().reshape(times, 1, *shape).repeat(channels, 1, 1, 1)
            self.register_buffer(name, filters, persistent=False)  # [channels · times, 1, …]: each channel becomes `times`

    def forward(self, picture: Tensor) -> Any:
        return self.network(self.enlarge(picture))

    def enlarge(self, picture: Tensor) -> Tensor:
        rows = F.conv2d(_mirrored(picture), cast(Tensor, self.down), groups=3)
        places = F.conv2d(rows, cast(Tensor, self.across), groups=3 * self.times)  # colour, row, column: as pixel_shuffle takes them
        return F.pixel_shuffle(places, self.times).clamp(0.0, _WHITE)  # 0.0: the exporter takes no 0 beside a float


def _mirrored(picture: Tensor) -> Tensor:
    """Two pixels more on each side, the border itself among them: 1, 0 | 0, 1, 2 … Engines have no such padding by name."""
    picture = torch.cat([picture[:, :, 1:2], picture[:, :, :1], picture, picture[:, :, -1:], picture[:, :, -2:-1]], dim=2)
    return torch.cat([picture[..., 1:2], picture[..., :1], picture, picture[..., -1:], picture[..., -2:-1]], dim=3)


def _small_field(field: int, times: int) -> int:
    """How many small pixels across so many enlarged ones depend on, wherever they lie."""
    return math.ceil((field - 1) / times) + 1 + 2 * _REACH
