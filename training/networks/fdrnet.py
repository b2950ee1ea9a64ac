"""Owns FDR-Net's generator (Li et al., ECCV 2020): disentangle features by gain control, process, aggregate; no loss, no training.

One phase:   x ──┬── FD layers ── process module ── channel attention ── FA layers ──┐
                 │        └───────────── skips, last to first ─────────────┘         ├─ concat ─ attention ─ conv ─ (+ x, + previous)
                 └── auxiliary ResBlocks ────────────────────────────────────────────┘

What the paper leaves open, and what was chosen: an FA layer is the inverse transform (with its own weights) followed by a 3×3
convolution; "dual residual" joins a phase's result to its input and to the fused features of the phase before; the network
predicts what to add to the degraded picture. With 12 phases and two ResBlocks in each branch the sizes are those of table 5.

`unshuffle` is not in the paper: the edge preset works on a space-to-depth picture, which keeps every pixel and cuts the cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks.blocks import ChannelAttention, ResBlock, conv3x3
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
        self.phases = nn.ModuleList(_Phase(config) for _ in range(config.phases))
        self.tail = conv3x3(config.channels, picture_channels)
        nn.init.zeros_(self.tail.weight)  # starts as the identity, which is also the answer where there is no weather
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, picture: Tensor) -> Tensor:
        r = self.config.unshuffle
        x = self.head(F.pixel_unshuffle(picture, r) if r > 1 else picture)
        fused = torch.zeros_like(x[:, :, :1, :1])
        for phase in self.phases:
            x, fused = phase(x, fused)
        correction = self.tail(x)
        restored: Tensor = picture + (F.pixel_shuffle(correction, r) if r > 1 else correction)
        return restored

    def gain_controls(self) -> list[GainControl]:
        """The FD layers' last parts, whose outputs the orthogonality loss reads."""
        return [layer for phase in self.phases for layer in phase.modules() if type(layer) is GainControl]


class _Phase(nn.Module):
    def __init__(self, config: FDRNetConfig) -> None:
        super().__init__()
        channels = config.channels
        self.lower = _Disentangle(config) if config.disentangle else _res_blocks(channels, config.process_blocks + config.fd_layers)
        self.upper = _res_blocks(channels, config.auxiliary_blocks) if config.auxiliary else None
        joined = 2 * channels if config.auxiliary else channels
        self.attention = ChannelAttention(joined)
        self.fuse = nn.Conv2d(joined, channels, kernel_size=1)

    def forward(self, x: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        branches = self.lower(x) if self.upper is None else torch.cat([self.lower(x), self.upper(x)], dim=1)
        fused = self.fuse(self.attention(branches)) + previous
        return x + fused, fused


class _Disentangle(nn.Module):
    """FDM and FAM: FD layers in, their inverses out, paired last to first by skips."""

    def __init__(self, config: FDRNetConfig) -> None:
        super().__init__()
        channels = config.channels
        self.fd = nn.ModuleList(nn.Sequential(conv3x3(channels, channels), GainControl(channels)) for _ in range(config.fd_layers))
        self.process = _res_blocks(channels, config.process_blocks)
        self.attention = ChannelAttention(channels)
        self.fa = nn.ModuleList(nn.Sequential(InverseGainControl(channels), conv3x3(channels, channels)) for _ in range(config.fd_layers))

    def forward(self, x: Tensor) -> Tensor:
        disentangled = []
        for layer in self.fd:
            x = layer(x)
            disentangled.append(x)
        x = self.attention(self.process(x))
        for layer, skip in zip(self.fa, reversed(disentangled), strict=True):
            x = layer(x + skip)
        return x


def _res_blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResBlock(channels) for _ in range(count)))
