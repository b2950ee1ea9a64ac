"""Tiny networks, a checkpoint and a little weather for the tests of export; trained by nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.onnx.trained import Trained
from runtime.model.manifest import ModelCard
from training.checkpoint import Checkpoint
from training.degradations.degradation import Degraded, Light
from training.networks import build_network

SMALL_FDRNET: dict[str, Any] = {"channels": 8, "phases": 1, "fd_layers": 1, "process_blocks": 1, "auxiliary_blocks": 1, "unshuffle": 4}


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


def in_speckles(checkpoint: Checkpoint) -> Trained:
    """For the gate: quicker than the rain that its recipe would draw."""
    return Trained(checkpoint, checkpoint.build(), speckled)


def a_checkpoint(seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    network = build_network("fdrnet", SMALL_FDRNET)
    with torch.no_grad():  # an FDR-Net starts as the identity, and then all of them are alike
        network.get_parameter("tail.weight").normal_(0, 0.05)
    card = ModelCard(recipe="derain", seed=1, steps=0, data=("nothing",), licence="Apache-2.0", weaknesses=("it was never trained",))
    return Checkpoint("fdrnet", "fdrnet-edge", SMALL_FDRNET, "derain", "A test", card, network.state_dict())
