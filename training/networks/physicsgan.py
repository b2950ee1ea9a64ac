"""The generator of the physics-based GAN (Pan et al., TPAMI 2021, table 1). Knows no discriminator, loss or training.

    picture ─ CIR 7×7 ─ CIR /2 ─ CIR /2 ─ 9 ResBlocks ─ CTIR ×2 ─ CTIR ×2 ─ CT 7×7 ─ tanh → restored
              64        128      256      256           128       64        3

as its authors built it on CycleGAN: mirrored borders, instance normalisation without weights of its own, a last convolution to
the three colours (the table prints its 64 inputs). The table prints strides of 1 and 2 for the two CTIR: the result would have
half of the picture's size; with 2 and 2 it has all of it, so the 1 is a misprint. Where instance normalisation follows, a
convolution has no bias: the mean takes it out again, and optimisers would only blow up the rounding noise of its gradient.

The authors work on −1..1, the graph contract has 0..1: both ends are converted here. `unshuffle`, `residual`, `filter` and
`normalise` are not in the paper. The edge preset works on a space-to-depth picture, adds its answer to the picture in place of
tanh, and does without instance normalisation: that is the paper's one operation that sees the whole picture, so with it a tile,
or a frame with a bright car in a corner, is restored differently from the same place elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runtime.errors import UsageError
from training.networks.blocks import check_least
from training.networks.discriminators import start_as_gan


@dataclass(frozen=True)
class PhysicsGANConfig:
    channels: int = 64  # of the first layer; each step down doubles them
    downs: int = 2  # layers with stride 2, and as many back up
    blocks: int = 9
    filter: int = 7  # side of the first and the last convolution
    normalise: bool = True  # instance normalisation, which sees the whole picture
    residual: bool = False  # False: tanh makes the picture; True: what comes out is added to it, and starts at zero
    unshuffle: int = 1  # space-to-depth factor in front of the network

    def __post_init__(self) -> None:
        check_least(self, "a physicsgan", channels=1, downs=0, blocks=0, filter=1, unshuffle=1)
        if self.filter % 2 == 0:
            raise UsageError(f"network.filter: expected an odd number, got {self.filter}")


class PhysicsGAN(nn.Module):
    """float32 RGB in 0..1 → the restored picture (within 0..1 by tanh, unclamped if residual); sides: multiples of `stride`."""

    scale = 1

    def __init__(self, config: PhysicsGANConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = config.unshuffle * 2**config.downs
        self.sees_whole_picture = config.normalise
        self.receptive_field = None if config.normalise else _receptive_field(config)
        picture_channels, width = 3 * config.unshuffle**2, config.channels
        layers = _normalised(_mirrored(picture_channels, width, config.filter, config), config)
        for _ in range(config.downs):
            down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=not config.normalise)
            layers += _normalised(down, config)
            width *= 2
        layers += [_Block(width, config) for _ in range(config.blocks)]
        for _ in range(config.downs):
            up = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=not config.normalise)
            layers += _normalised(up, config)
            width //= 2
        tail = nn.Conv2d(width, picture_channels, config.filter, padding=config.filter // 2, padding_mode=_border(config))
        self.layers = nn.Sequential(*layers, tail)
        if config.residual:
            nn.init.zeros_(tail.weight)  # starts as the identity
            nn.init.zeros_(tail.bias)  # type: ignore[arg-type]
        else:
            start_as_gan(self)

    def forward(self, picture: Tensor) -> Tensor:
        r = self.config.unshuffle
        signed = picture * 2 - 1
        made = self.layers(F.pixel_unshuffle(signed, r) if r > 1 else signed)
        made = F.pixel_shuffle(made, r) if r > 1 else made
        return picture + made if self.config.residual else (torch.tanh(made) + 1) / 2


class _Block(nn.Module):
    """x + N(conv(relu(N(conv(x))))), N being the instance normalisation or nothing."""

    def __init__(self, channels: int, config: PhysicsGANConfig) -> None:
        super().__init__()
        first = _normalised(_mirrored(channels, channels, 3, config), config)
        second = _normalised(_mirrored(channels, channels, 3, config), config)
        self.layers = nn.Sequential(*first, *second[:-1])  # no ReLU at the end

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


def _mirrored(inputs: int, outputs: int, side: int, config: PhysicsGANConfig) -> nn.Module:
    return nn.Conv2d(inputs, outputs, side, padding=side // 2, padding_mode=_border(config), bias=not config.normalise)


def _normalised(layer: nn.Module, config: PhysicsGANConfig) -> list[nn.Module]:
    """With its instance normalisation, where there is one, and its ReLU."""
    outputs = int(layer.out_channels)  # type: ignore[arg-type]
    return [layer, nn.InstanceNorm2d(outputs), nn.ReLU()] if config.normalise else [layer, nn.ReLU()]


def _border(config: PhysicsGANConfig) -> Literal["zeros", "reflect"]:
    return "zeros" if config.residual else "reflect"  # beside a residual a border matters little, and zeros cost nothing


def _receptive_field(config: PhysicsGANConfig) -> int:
    """Of one output pixel, in pixels across, each layer adding (taps − 1) × the distance between its inputs."""
    apart = config.unshuffle
    field = apart + 2 * (config.filter - 1) * apart  # first and last convolution
    for _ in range(config.downs):
        field += 2 * apart
        apart *= 2
    field += 4 * apart * config.blocks
    for _ in range(config.downs):
        field += apart  # 3 taps at stride 2: a place sees one or two coarse ones
        apart //= 2
    return field
