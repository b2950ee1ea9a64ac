"""The orthogonality loss: zero for channels that share nothing, what the eigenvalues say otherwise."""

from __future__ import annotations

import pytest
import torch

from training.losses import orthogonality


def test_orthonormal_channels_cost_nothing() -> None:
    features = torch.eye(4).reshape(1, 4, 2, 2)
    assert orthogonality(features).item() == pytest.approx(0, abs=1e-10)


def test_two_equal_channels_cost_the_squared_spread() -> None:
    one = torch.tensor([1.0, -1.0, 1.0, -1.0])
    # The Gram matrix over 4 places is [[1, 1], [1, 1]]: eigenvalues 0 and 2.
    assert orthogonality(torch.stack([one, one]).reshape(1, 2, 2, 2)).item() == pytest.approx(4)


def test_it_does_not_grow_with_the_patch() -> None:
    features = torch.randn(1, 6, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(orthogonality(features), orthogonality(features.tile(1, 1, 2, 3)))


def test_bf16_features_and_autocast_are_welcome() -> None:
    features = torch.randn(2, 6, 8, 8, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.autograd.backward(orthogonality(features.to(torch.bfloat16)))
    assert features.grad is not None
    assert features.grad.isfinite().all()
