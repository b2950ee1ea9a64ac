"""FDR-Net's generator (Li et al., ECCV 2020): disentangle features by gain control, process, aggregate. No loss, no training.

One phase:   x ──┬── FD layers ── process module ── channel attention ── FA layers ──┐
                 │        └───────────── skips, last to first ─────────────┘         ├─ concat ─ attention ─ conv ─ (+ x, + previous)
                 └── auxiliary ResBlocks ────────────────────────────────────────────┘

What the paper leaves open, and what was chosen: 12 phases; a process module and an auxiliary branch of two ResBlocks each; an FA
layer is the inverse transform (with its own weights) followed by a 3×3 convolution; a skip is added to what enters its FA layer;
the convolution that fuses the branches is 1×1 (with 3×3 the network would have 1.87 M parameters, not the 1.66 M of table 5);
"dual residual" joins a phase's result to its input and to the fused features of the phase before; the network predicts what to
add to the degraded picture, and nothing at first.

Table 5 counts 1.66 M, without FDM 1.62 M, without the auxiliary branch 1.21 M; here 1.673, 1.597 and 1.207. Without FDM
each pair of an FD and an FA layer (a 3×3 convolution each) is one ResBlock, and channel attention stays.

`unshuffle` is not in the paper: the edge preset works on a space-to-depth picture, which keeps every pixel and cuts the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks.blocks import ChannelAttention, ResBlock, check_least, conv3x3
from training.networks.gain_control import GainControl, InverseGainControl


@dataclass(frozen=True)
class FDRNetConfig:
    channels: int = 32
    phases: int = 12
    fd_layers: int = 3
    process_blocks: int = 2
    auxiliary_blocks: int = 2
    unshuffle: int = 1  # space-to-depth factor in front of the network
    disentangle: bool = True  # False: table 5's baseline, ResBlocks in place of FD and FA layers
    auxiliary: bool = True  # False: table 5's network without the parallel branch

    def __post_init__(self) -> None:
        check_least(self, "an fdrnet", channels=1, phases=1, fd_layers=1, process_blocks=1, auxiliary_blocks=1, unshuffle=1)


class DisentangledFeatures(NamedTuple):
    """What training and figure 8 look at, beside the picture; both are phase by phase."""

    restored: Tensor
    entered: tuple[Tensor, ...]  # what came into the FDM
    features: tuple[tuple[Tensor, ...], ...]  # what each FD layer made of it; () where `disentangle` is off


class FDRNet(nn.Module):
    """float32 RGB in 0..1 → the restored picture, unclamped; sides must be multiples of `stride`."""

    scale = 1
    sees_whole_picture = True  # channel attention averages over all of it
    receptive_field = None

    def __init__(self, config: FDRNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = config.unshuffle
        picture_channels = 3 * config.unshuffle**2
        self.head = conv3x3(picture_channels, config.channels)
        self.phases = nn.ModuleList(Phase(config) for _ in range(config.phases))
        self.tail = conv3x3(config.channels, picture_channels)
        nn.init.zeros_(self.tail.weight)  # starts as the identity, which is also the answer where there is no weather
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, picture: Tensor, *, every: bool = False) -> Tensor | DisentangledFeatures:
        r = self.config.unshuffle
        x = self.head(F.pixel_unshuffle(picture, r) if r > 1 else picture)
        fused = torch.zeros_like(x[:, :, :1, :1])
        entered, features = [], []
        for phase in self.phases:
            entered.append(x)
            x, fused, disentangled = phase(x, fused)
            features.append(disentangled)
        correction = self.tail(x)
        restored: Tensor = picture + (F.pixel_shuffle(correction, r) if r > 1 else correction)
        return DisentangledFeatures(restored, tuple(entered), tuple(features)) if every else restored


class Phase(nn.Module):
    """Features, and what the phase before fused → features, what it fused, and what its FD layers made."""

    def __init__(self, config: FDRNetConfig) -> None:
        super().__init__()
        channels = config.channels
        self.lower: nn.Module = _Disentanglement(config) if config.disentangle else _Baseline(config)
        self.upper = _res_blocks(channels, config.auxiliary_blocks) if config.auxiliary else None
        joined = 2 * channels if config.auxiliary else channels
        self.attention = ChannelAttention(joined)
        self.fuse = nn.Conv2d(joined, channels, kernel_size=1)

    def forward(self, x: Tensor, previous: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        lower, disentangled = self.lower(x)
        branches = lower if self.upper is None else torch.cat([lower, self.upper(x)], dim=1)
        fused = self.fuse(self.attention(branches)) + previous
        return x + fused, fused, disentangled


class _Disentanglement(nn.Module):
    """FDM and FAM: FD layers in, their inverses out, paired last to first by skips."""

    def __init__(self, config: FDRNetConfig) -> None:
        super().__init__()
        channels = config.channels
        self.fd = nn.ModuleList(nn.Sequential(conv3x3(channels, channels), GainControl(channels)) for _ in range(config.fd_layers))
        self.process = _res_blocks(channels, config.process_blocks)
        self.attention = ChannelAttention(channels)
        self.fa = nn.ModuleList(nn.Sequential(InverseGainControl(channels), conv3x3(channels, channels)) for _ in range(config.fd_layers))

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        disentangled: list[Tensor] = []
        for layer in self.fd:
            x = layer(x)
            disentangled.append(x)
        x = self.attention(self.process(x))
        for layer, skip in zip(self.fa, reversed(disentangled), strict=True):
            x = layer(x + skip)
        return x, tuple(disentangled)


class _Baseline(nn.Module):
    """The lower branch of table 5's network without FDM: ResBlocks where the FD and FA layers are, and nothing to read."""

    def __init__(self, config: FDRNetConfig) -> None:
        super().__init__()
        self.process = _res_blocks(config.channels, config.fd_layers + config.process_blocks)
        self.attention = ChannelAttention(config.channels)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        return self.attention(self.process(x)), ()


def _res_blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResBlock(channels) for _ in range(count)))
