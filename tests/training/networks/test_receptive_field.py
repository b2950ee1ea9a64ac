"""What networks promise of their receptive field, and tiles rely on: half of it at most lies on either side of a cell of the stride."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from training.networks import PRESETS
from training.networks.enlarge import EnlargingNetwork
from training.networks.physicsgan import PhysicsGAN, PhysicsGANConfig
from training.networks.plnlin import PLNLIN, PLNLINConfig

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "aigan-edge": PRESETS["aigan-edge"].build,
    "physicsgan-edge": PRESETS["physicsgan-edge"].build,
    "physicsgan, two steps down": lambda: PhysicsGAN(PhysicsGANConfig(4, downs=2, blocks=1, filter=3, normalise=False, residual=True)),
    "physicsgan-edge, enlarged": lambda: EnlargingNetwork(PRESETS["physicsgan-edge"].build(), 4),
    "plnlin": lambda: PLNLIN(PLNLINConfig(channels=8, stages=(1, 1), window=4, unshuffle=2, residual=True)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_more_than_half_of_the_receptive_field_lies_on_either_side_of_a_cell(name: str) -> None:
    torch.manual_seed(0)
    network: Any = NETWORKS[name]().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    stride, half = network.stride, network.receptive_field // 2
    start = -(-half // stride) * stride + stride  # with room for one cell more than is promised
    side = 2 * start + stride
    picture = torch.rand(1, 3, side, side, requires_grad=True)
    answer = network(picture)
    restored = answer[0] if isinstance(answer, tuple) else answer
    cell = slice(start * network.scale, (start + stride) * network.scale)
    restored[..., cell, cell].sum().backward()
    assert picture.grad is not None
    for axis in (2, 3):
        seen = torch.nonzero(picture.grad.abs().sum((0, 1, 5 - axis))).flatten()
        assert start - half <= int(seen.min()) <= start
        assert start + stride - 1 <= int(seen.max()) <= start + stride - 1 + half
