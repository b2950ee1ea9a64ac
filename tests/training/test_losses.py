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


def test_a_batch_costs_the_mean_of_its_pictures() -> None:
    features = torch.randn(3, 6, 8, 8, generator=torch.Generator().manual_seed(1))
    each = torch.stack([orthogonality(one[None]) for one in features])
    torch.testing.assert_close(orthogonality(features), each.mean())


def test_it_is_computed_in_fp32_even_where_bf16_would_lose_it() -> None:
    features = torch.randn(1, 6, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(orthogonality(features), orthogonality(features.double().float()), rtol=1e-6, atol=0)
        assert orthogonality(features).dtype == torch.float32


def test_descending_it_makes_channels_share_less() -> None:
    drawn = torch.Generator().manual_seed(1)
    mixed = torch.randn(1, 1, 16, 16, generator=drawn) + 0.5 * torch.randn(1, 6, 16, 16, generator=drawn)
    features = mixed.clone().requires_grad_()
    optimiser = torch.optim.Adam([features], lr=0.02)
    for _ in range(50):
        optimiser.zero_grad()
        torch.autograd.backward(orthogonality(features))
        optimiser.step()

    def shared(x: torch.Tensor) -> float:
        return float((torch.corrcoef(x.detach().reshape(6, -1)).abs().sum() - 6) / 30)

    assert shared(features) < 0.5 * shared(mixed)
