"""Tiny networks, a checkpoint and a little weather for the tests of export; trained by nobody."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from export.onnx.trained import ExportedNetwork
from runtime.model.manifest import ModelCard
from training.checkpoint import Checkpoint
from training.degradations.degradation import Degraded, Light
from training.networks import NETWORKS, PRESETS
from training.networks.aigan import AIGANConfig
from training.networks.fdrnet import FDRNetConfig
from training.networks.physicsgan import PhysicsGANConfig
from training.networks.plnlin import PLNLINConfig
from training.networks.window_attention import WindowBlock

CHANNELS, WINDOW = 32, 4  # of Windowed


# A network of each kind, as small as it can be with every kind of layer in it.
SMALL_NETWORKS: dict[str, tuple[str, Any]] = {
    "aigan-small": ("aigan", AIGANConfig(8, encoder_blocks=1, decoder_blocks=1, generator_blocks=1)),
    "fdrnet-small": ("fdrnet", FDRNetConfig(8, phases=1, fd_layers=1, process_blocks=1, auxiliary_blocks=1, unshuffle=4)),
    "physicsgan-small": ("physicsgan", PhysicsGANConfig(8, downs=1, blocks=1)),
    "plnlin-small": ("plnlin", PLNLINConfig(stages=(1,), window=8, unshuffle=4, residual=True)),
}


# The papers' networks with one block a stage: `make test-all` exports and builds all of them (benchmarks/measure/model/exports.py).
SHALLOW_NETWORKS: dict[str, tuple[str, Any]] = {
    "aigan": ("aigan", AIGANConfig(encoder_blocks=1, decoder_blocks=1, generator_blocks=1)),
    "fdrnet": ("fdrnet", FDRNetConfig(phases=1, fd_layers=1, process_blocks=1, auxiliary_blocks=1)),
    "physicsgan": ("physicsgan", PhysicsGANConfig(blocks=1)),
    "plnlin": ("plnlin", PLNLINConfig(stages=(1, 1, 1, 1))),
}
EDGE_NETWORKS: dict[str, tuple[str, Any]] = {
    name: (preset.network, preset.config) for name, preset in PRESETS.items() if name.endswith("-edge")
}


def drawn_network(name: str) -> nn.Module:
    """One of the networks above with drawn weights: the edge presets start as the identity."""
    network, config = (SMALL_NETWORKS | SHALLOW_NETWORKS | EDGE_NETWORKS)[name]
    torch.manual_seed(0)
    built = NETWORKS[network][1](config).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.02)
    return built


class Toy(nn.Module):
    """x + conv(unshuffled x), scaled by a gate over the whole picture: padding, cropping and means all show."""

    scale = 1
    sees_whole_picture = True
    receptive_field: int | None = None

    def __init__(self, stride: int = 4, seed: int = 0) -> None:
        super().__init__()
        self.stride = stride
        channels = 3 * stride**2
        self.mix = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)

    def correction(self, picture: Tensor) -> Tensor:
        mixed = self.mix(F.pixel_unshuffle(picture, self.stride))
        return F.pixel_shuffle(mixed * torch.sigmoid(mixed.mean(dim=(2, 3), keepdim=True)), self.stride)

    def forward(self, picture: Tensor) -> Any:
        return picture + self.correction(picture)


class Separating(Toy):
    """Returns what it took out beside the picture."""

    def forward(self, picture: Tensor) -> Any:
        layer = 3 * self.correction(picture)  # strong enough to leave -1..1 in places
        return picture - layer, layer


class Doubling(Toy):
    scale = 2

    def forward(self, picture: Tensor) -> Any:
        return F.interpolate(picture + self.correction(picture), scale_factor=2.0, mode="nearest")


class Poisoned(Toy):
    """0/0 wherever the red channel is black."""

    def forward(self, picture: Tensor) -> Any:
        return picture + self.correction(picture) + 0 * (picture[:, :1] / picture[:, :1])


def speckled(clean: Light, rng: np.random.Generator) -> Degraded:
    noise = rng.standard_normal(clean.shape, dtype=np.float32) * np.float32(0.1)
    return Degraded(clean + noise, clean)


def in_speckles(checkpoint: Checkpoint) -> ExportedNetwork:
    """For the gate: quicker than the rain that its recipe would draw."""
    return ExportedNetwork(checkpoint, checkpoint.build(), speckled)


def a_checkpoint(strength: float = 1.0) -> Checkpoint:
    """A small FDR-Net. Another strength, which scales its last convolution, is another network."""
    network = drawn_network("fdrnet-small")
    with torch.no_grad():
        network.get_parameter("tail.weight").mul_(strength)
    config = dataclasses.asdict(SMALL_NETWORKS["fdrnet-small"][1])
    card = ModelCard(recipe="derain", seed=1, steps=0, data=("nothing",), licence="Apache-2.0", weaknesses=("it was never trained",))
    return Checkpoint("fdrnet", "fdrnet-edge", config, "derain", "A test", card, network.state_dict())


class Windowed(Toy):
    """Two blocks, the second one shifted, on a picture that is unshuffled by 2."""

    def __init__(self, heads: int = 2) -> None:
        super().__init__(stride=2 * WINDOW)
        self.head, self.tail = nn.Conv2d(12, CHANNELS, 3, padding=1), nn.Conv2d(CHANNELS, 12, 3, padding=1)
        self.blocks = nn.Sequential(*(WindowBlock(CHANNELS, WINDOW, heads, 2.0, shifted=shifted) for shifted in (False, True)))
        torch.manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.add_(torch.randn(parameter.shape) * 0.05)

    def correction(self, picture: Tensor) -> Tensor:
        return F.pixel_shuffle(self.tail(self.blocks(self.head(F.pixel_unshuffle(picture, 2)))), 2)


def graph_of(nodes: Sequence[onnx.NodeProto], kind: int, **constants: Any) -> ModelProto:
    """`frame` as bytes, cast to `x` of that kind; the last node makes `y`."""
    typed = helper.tensor_dtype_to_np_dtype(kind)
    values = [
        numpy_helper.from_array(np.asarray(v, np.int64 if np.asarray(v).dtype.kind == "i" else typed), k) for k, v in constants.items()
    ]
    frame = helper.make_tensor_value_info("frame", TensorProto.UINT8, ["N", "H", "W", 3])
    nodes = [helper.make_node("Cast", ["frame"], ["x"], name="/Cast", to=kind), *nodes]
    graph = helper.make_graph(nodes, "g", [frame], [helper.make_tensor_value_info("y", kind, None)], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
