"""Gain control and its inverse: the formulas of FDR-Net, and parameters that gradient descent cannot make invalid."""

from __future__ import annotations

import pytest
import torch

from training.networks.gain_control import GainControl, InverseGainControl


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(1)) * 3


def _by_hand(x: torch.Tensor, layer: GainControl) -> torch.Tensor:
    """Σ_j w_ji x_j² + b_i, one channel after the other."""
    weight, offset = layer.weight(), layer.offset()
    return torch.stack([(weight[i][None, :, None, None] * x**2).sum(1) + offset[i] for i in range(x.shape[1])], dim=1).sqrt()


def test_both_follow_the_formula(features: torch.Tensor) -> None:
    forward, inverse = GainControl(5).eval(), InverseGainControl(5).eval()
    torch.testing.assert_close(forward(features), features / _by_hand(features, forward))
    torch.testing.assert_close(inverse(features), features * _by_hand(features, inverse))


def test_it_starts_at_the_usual_values() -> None:
    layer = GainControl(4).eval()
    torch.testing.assert_close(layer.offset(), torch.ones(4))
    torch.testing.assert_close(layer.weight(), 0.1 * torch.eye(4), atol=1e-6, rtol=0)


def test_training_and_evaluation_compute_the_same(features: torch.Tensor) -> None:
    layer = GainControl(5)
    torch.testing.assert_close(layer.train()(features), layer.eval()(features))


def test_gradient_descent_cannot_leave_the_valid_region(features: torch.Tensor) -> None:
    layer = GainControl(5).train()
    optimiser = torch.optim.SGD(layer.parameters(), lr=5.0)
    for _ in range(20):
        optimiser.zero_grad()
        torch.autograd.backward(-layer(features).abs().mean())  # wants ever smaller weights and offsets
        optimiser.step()
    assert layer.weight().min() >= 0
    assert layer.offset().min() > 0
    assert layer(features).isfinite().all()


def test_a_weight_below_the_bound_can_come_back() -> None:
    layer = GainControl(1).train()
    with torch.no_grad():
        layer.root_weight.fill_(-1.0)
    torch.autograd.backward(layer.weight().sum().mul(-1))  # asks for a larger weight
    assert layer.root_weight.grad is not None
    assert layer.root_weight.grad.item() < 0
