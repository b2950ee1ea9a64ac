"""Owns the losses that recipes are made of; knows nothing of networks or optimisers."""

from __future__ import annotations

import torch
from torch import Tensor


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
