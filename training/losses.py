"""The losses that recipes are made of. Does not know networks or optimisers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def orthogonality(features: Tensor) -> Tensor:
    """SVDO (FDR-Net eq. 5): (λ_max − λ_min)² of the channels' Gram matrix, mean over the batch.

    The Gram matrix F Fᵀ is divided by the number of places, so that the loss does not grow with the patch. The eigenvalues are
    taken in FP32 whatever the precision around: `eigvalsh` has no bf16 form, and squares of bf16 features would be too coarse.
    """
    with torch.autocast(features.device.type, enabled=False):
        flat = features.float().flatten(start_dim=2)
        gram = flat @ flat.transpose(1, 2) / flat.shape[2]
        eigenvalues = torch.linalg.eigvalsh(gram)  # ascending
        spread: Tensor = eigenvalues[:, -1] - eigenvalues[:, 0]
        return spread.square().mean()


def ssim(pictures: Tensor, truth: Tensor) -> Tensor:
    """Mean SSIM over a batch of pictures in 0..1, as Wang et al. define it: Gaussian 11×11 of σ 1.5, only where it fits whole."""
    with torch.autocast(pictures.device.type, enabled=False):
        a, b = pictures.float(), truth.float()
        window = _gaussian(11, 1.5).to(a)
        mean_a, mean_b, square_a, square_b, product = (_blurred(x, window) for x in (a, b, a * a, b * b, a * b))
        variances = square_a - mean_a**2 + square_b - mean_b**2
        covariance = product - mean_a * mean_b
        c1, c2 = 0.01**2, 0.03**2
        score = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (variances + c2))
        return score.mean()


def _gaussian(taps: int, sigma: float) -> Tensor:
    at = torch.arange(taps) - taps // 2
    weights = torch.exp(-(at**2) / (2 * sigma**2))
    return weights / weights.sum()


def _blurred(x: Tensor, window: Tensor) -> Tensor:
    channels = x.shape[1]
    across = window.expand(channels, 1, 1, -1)
    down = window[:, None].expand(channels, 1, -1, 1)
    return F.conv2d(F.conv2d(x, across, groups=channels), down, groups=channels)
