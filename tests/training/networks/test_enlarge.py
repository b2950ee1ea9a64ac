"""Enlarging in the graph: exactly the bicubic of training's low resolution, clipped as its bytes were, and a network behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from runtime.bicubic import bicubic, enlarged
from tests.support.export.toys import Toy
from training.degradations.degradation import to_picture
from training.degradations.sensor.low_resolution import Downscaling, LowResolution
from training.networks import LEVELS
from training.networks.enlarge import EnlargingNetwork
from training.networks.physicsgan import PhysicsGAN, PhysicsGANConfig


class Same(nn.Module):
    stride, scale, sees_whole_picture, receptive_field = 1, 1, False, 1

    def forward(self, picture: Tensor) -> Any:
        return picture


def _as_shown(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / LEVELS


@pytest.mark.parametrize("times", [2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(16, 20), (17, 19), (33, 16), (2, 3)])
def test_it_is_the_bicubic_of_the_matrices(times: int, height: int, width: int) -> None:
    picture = torch.rand(2, 3, height, width, dtype=torch.float64)
    rows, columns = (torch.from_numpy(bicubic(side, side * times)) for side in (height, width))
    expected = (rows @ picture @ columns.T).clamp(0, 255 / LEVELS)
    torch.testing.assert_close(EnlargingNetwork(Same(), times)(picture.float()).double(), expected, atol=1e-6, rtol=0)


def test_network_runtime_and_training_enlarge_alike() -> None:
    """What the network was trained on, what its graph makes of the small picture, and what `Restored.removed` starts from."""
    clean, rng = np.random.default_rng(0).random((68, 76, 3), np.float32), np.random.default_rng(0)
    small = Downscaling(4)(clean, rng).picture
    trained = to_picture(LowResolution((4, 4))(clean, rng).picture).astype(np.float64)
    in_graph = (EnlargingNetwork(Same(), 4)(_as_shown(small * 255)) * LEVELS)[0].permute(1, 2, 0).numpy()
    assert np.abs(in_graph - trained).max() < 0.501  # bytes are rounded
    in_runtime = enlarged(to_picture(small), 4).clip(0, 255)
    by_bytes = (EnlargingNetwork(Same(), 4)(_as_shown(to_picture(small))) * LEVELS)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(by_bytes, in_runtime, atol=1e-3)


def test_ringing_is_clipped_as_bytes_clip_it() -> None:
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 255 / LEVELS
    came = EnlargingNetwork(Same(), 4)(edge)
    assert (came.min().item(), came.max().item()) == (0, 255 / LEVELS)


@pytest.mark.parametrize(("stride", "times", "small"), [(4, 4, 1), (8, 4, 2), (6, 4, 3), (4, 3, 4), (1, 2, 1), (56, 4, 14)])
def test_the_enlarged_sides_are_multiples_of_the_networks_stride(stride: int, times: int, small: int) -> None:
    made = EnlargingNetwork(Toy(stride), times)
    assert (made.stride, made.scale, made.sees_whole_picture, made.receptive_field) == (small, times, True, None)
    assert made.stride * times % stride == 0
    assert made(torch.rand(1, 3, 2 * small, 3 * small)).shape == (1, 3, 2 * small * times, 3 * small * times)


def test_the_receptive_field_counts_small_pixels() -> None:
    torch.manual_seed(0)
    inner = PhysicsGAN(PhysicsGANConfig(4, downs=1, blocks=1, filter=3, normalise=False, residual=True, unshuffle=2))
    nn.init.normal_(inner.layers[-1].weight)  # type: ignore[arg-type]
    network = EnlargingNetwork(inner, 4)
    assert network.receptive_field is not None
    picture = torch.rand(1, 3, 40, 40, requires_grad=True)
    answer = network(picture)
    reached = 0
    for place in range(80, 84):  # all places of one small pixel
        (gradient,) = torch.autograd.grad(answer[0, :, place, place].sum(), picture, retain_graph=True)
        rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero()
        reached = max(reached, int(rows.max() - rows.min()) + 1)
    assert network.receptive_field - 3 <= reached <= network.receptive_field


@pytest.mark.parametrize("times", [2, 4])
def test_a_flat_picture_stays_flat_in_fp16(times: int) -> None:
    network = EnlargingNetwork(Same(), times)
    for filters in network.buffers():
        assert torch.equal(filters.half().float(), filters)
        assert torch.equal(filters.sum(dim=(2, 3)), torch.ones(len(filters), 1))


def test_enlarging_adds_nothing_to_what_is_learned() -> None:
    assert EnlargingNetwork(Toy(), 4).state_dict().keys() == {f"network.{name}" for name in Toy().state_dict()}
