"""The physics-based GAN's generator: the paper's layers, the contract's 0..1 at both ends, and what the edge preset sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from export.onnx.graph import FrameGraph, cost_of, traits_of
from training.networks import PRESETS
from training.networks.physicsgan import PhysicsGAN, PhysicsGANConfig

SMALL = PhysicsGANConfig(channels=4, blocks=1)
EDGE: PhysicsGANConfig = PRESETS["physicsgan-edge"].config


def _layers(network: nn.Module) -> list[tuple[str, int, int, int]]:
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]
    return [(type(layer).__name__, layer.kernel_size[0], layer.out_channels, layer.stride[0]) for layer in convolutions]


def test_the_layers_are_those_of_table_1_but_for_the_misprinted_stride() -> None:
    with torch.device("meta"):
        layers = _layers(PRESETS["physicsgan"].build())
    assert layers[:3] == [("Conv2d", 7, 64, 1), ("Conv2d", 3, 128, 2), ("Conv2d", 3, 256, 2)]
    assert layers[3:-3] == [("Conv2d", 3, 256, 1)] * 18  # nine ResBlocks
    assert layers[-3:] == [("ConvTranspose2d", 3, 128, 2), ("ConvTranspose2d", 3, 64, 2), ("Conv2d", 7, 3, 1)]


@pytest.mark.parametrize("config", [SMALL, replace(EDGE, channels=4, blocks=1)], ids=["as published", "edge"])
def test_the_size_is_kept_for_all_that_the_stride_divides(config: PhysicsGANConfig) -> None:
    network = PhysicsGAN(config)
    assert network.stride == 4
    assert network(torch.rand(2, 3, 20, 28)).shape == (2, 3, 20, 28)
    graph = FrameGraph(network)
    assert graph(torch.zeros(1, 17, 30, 3, dtype=torch.uint8))[0].shape == (1, 17, 30, 3)  # padded and cropped


def test_without_blocks_and_steps_down_it_is_a_plain_chain_of_convolutions() -> None:
    """Which is why zero of either is not refused."""
    network = PhysicsGAN(replace(SMALL, blocks=0, downs=0))
    assert [layer[2] for layer in _layers(network)] == [4, 3]
    assert network(torch.rand(1, 3, 9, 11)).shape == (1, 3, 9, 11)


def test_black_and_white_are_within_reach_of_tanh_in_the_contracts_range() -> None:
    network = PhysicsGAN(SMALL)
    tail = network.layers[-1]
    assert isinstance(tail, nn.Conv2d)
    assert tail.bias is not None
    nn.init.zeros_(tail.weight)
    for pull, light in ((-9.0, 0.0), (0.0, 0.5), (9.0, 1.0)):
        nn.init.constant_(tail.bias, pull)
        torch.testing.assert_close(network(torch.rand(1, 3, 16, 16)), torch.full((1, 3, 16, 16), light))


def test_the_edge_preset_starts_as_the_identity() -> None:
    picture = torch.rand(1, 3, 32, 24)
    torch.testing.assert_close(PRESETS["physicsgan-edge"].build()(picture), picture)


def test_only_instance_normalisation_sees_the_whole_picture() -> None:
    published, edge = traits_of(PhysicsGAN(SMALL)), traits_of(PhysicsGAN(EDGE))
    assert (published.sees_whole_picture, published.receptive_field) == (True, None)
    assert (edge.sees_whole_picture, edge.receptive_field) == (False, 162)


@pytest.mark.parametrize(
    "config", [EDGE, replace(EDGE, blocks=1), replace(EDGE, unshuffle=1, filter=7, blocks=1)], ids=["edge", "one block", "7×7"]
)
def test_the_receptive_field_is_what_a_gradient_reaches(config: PhysicsGANConfig) -> None:
    torch.manual_seed(0)
    network = PhysicsGAN(replace(config, channels=2)).double()
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.0, 0.1)  # positive, so that no ReLU hides a path
    promised = network.receptive_field
    assert promised is not None
    side = 256
    reached: list[int] = []
    for offset in range(network.stride):  # pixels of one cell see differently far
        picture = torch.full((1, 3, side, 16), 0.9, dtype=torch.float64, requires_grad=True)
        network(picture)[0, 0, side // 2 + offset, 8].backward()
        assert picture.grad is not None
        rows = picture.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
        reached.append(int(rows.max() - rows.min()) + 1)
    assert max(reached) == promised


def test_instance_normalisation_makes_the_published_size_see_everything() -> None:
    network = PhysicsGAN(SMALL)
    dark = torch.full((1, 3, 96, 96), 0.2) + 0.1 * torch.rand(1, 3, 96, 96)
    lamp = dark.clone()
    lamp[..., -16:, -16:] = 1.0
    assert (network(dark) - network(lamp))[..., :16, :16].abs().max() > 1e-4


def test_the_size_is_that_of_the_authors_network_without_idle_biases() -> None:
    assert sum(parameter.numel() for parameter in PRESETS["physicsgan"].build().parameters()) == pytest.approx(11.38e6, rel=0.01)


def test_the_edge_preset_costs_what_a_cpu_can_do_20_times_a_second() -> None:
    parameters, gflop = cost_of(PRESETS["physicsgan-edge"].build())
    assert parameters < 250_000
    assert gflop < 24


@pytest.mark.parametrize("config", [SMALL, replace(EDGE, channels=4, blocks=1)], ids=["as published", "edge"])
def test_every_parameter_takes_part_and_none_gets_rounding_noise_only(config: PhysicsGANConfig) -> None:
    torch.manual_seed(0)
    network = PhysicsGAN(config)
    tail = network.layers[-1]
    assert isinstance(tail, nn.Conv2d)
    nn.init.normal_(tail.weight, 0.0, 0.02)
    network(torch.rand(1, 3, 32, 32)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 1e-6, name


def test_a_frame_of_bytes_goes_through_the_graph_unharmed() -> None:
    frame = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 24, 20, 3), dtype=np.uint8))
    restored = FrameGraph(PRESETS["physicsgan-edge"].build())(frame)[0]
    assert torch.equal(restored, frame)
