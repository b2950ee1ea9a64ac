"""Gain-control normalisation (divisive normalisation across channels) and its inverse. Does not know networks.

    forward   y_i = x_i / sqrt(Σ_j w_ji x_j² + b_i)        FDR-Net eq. 4
    inverse   y_i = x_i · sqrt(Σ_j w_ji x_j² + b_i)        FDR-Net eq. 7

Both need w ≥ 0 and b > 0. They are stored as square roots and squared on use, with a lower bound below which only a
gradient that leads back above it passes; so plain gradient descent cannot leave the valid region.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_PEDESTAL = 2.0**-18  # keeps the derivative of the square away from zero at w = 0
_MINIMUM_OFFSET = 1e-6
_INITIAL_WEIGHT = 0.1


class _LowerBound(torch.autograd.Function):
    """max(x, bound), whose gradient still passes where it pulls x back towards the valid side."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        (gradient,) = gradients
        passes = (x >= ctx.bound) | (gradient < 0)
        return gradient * passes, None


def _square_root_of(value: Tensor) -> nn.Parameter:
    return nn.Parameter(torch.sqrt(value + _PEDESTAL))


class GainControl(nn.Module):
    """Divides each channel by the pooled energy of all channels at the same place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.root_offset = _square_root_of(torch.ones(channels))
        self.root_weight = _square_root_of(_INITIAL_WEIGHT * torch.eye(channels))

    def offset(self) -> Tensor:
        return self._bounded(self.root_offset, (_MINIMUM_OFFSET + _PEDESTAL) ** 0.5)

    def weight(self) -> Tensor:
        return self._bounded(self.root_weight, _PEDESTAL**0.5)

    def _bounded(self, root: Tensor, bound: float) -> Tensor:
        # A custom autograd function is for training only: the exporter sees the plain maximum.
        kept = _LowerBound.apply(root, bound) if self.training else root.clamp(min=bound)  # type: ignore[no-untyped-call]
        return kept * kept - _PEDESTAL

    def energy(self, x: Tensor) -> Tensor:
        """sqrt(Σ_j w_ji x_j² + b_i), as a 1×1 convolution of the squares."""
        return torch.sqrt(F.conv2d(x * x, self.weight()[:, :, None, None], self.offset()))

    def forward(self, x: Tensor) -> Tensor:
        return x / self.energy(x)


class InverseGainControl(GainControl):
    """Multiplies by the pooled energy: takes normalised features back to where pictures are made."""

    def forward(self, x: Tensor) -> Tensor:
        return x * self.energy(x)
