"""PLNLIN's generator (Wang et al., ACM MM 2024) and its unit, PLNLIM. Knows no discriminator, loss or training.

PLNLIM, N stages:   local      x ── RB ──── SFT by non-local ── RB ── … ── RB ──┐
                    non-local  x ── STB ─── SFT by local ────── STB ─ … ── STB ─┼── sum       (2), (4), (5), (6)
                    fusion     1×1 of both ── 1×1 of all three ── … ── 1×1 ─────┘

PLNLIN, four levels (N = 8, 4, 2, 2, each half the side of the one before):

    picture ─ conv ─ E_1 ─ pool ─ E_2 ─ pool ─ E_3 ─ pool ─ E_4 ─ D_4
                      └ F_1 ─ D_1 ─ up ─ F_2 ─ D_2 ─ up ─ F_3 ─ D_3 ─ up ─ F_4 ┘        F_k = PLNLIM(1×1(E_k, D_k)),  B̂_k = Conv(F_k)

What the paper leaves open, and what was chosen. The decoder goes on from F_k, what encoder and decoder have in common: so every
part that (11) supervises is also on the way to the result, which is B̂_1. Eq. 5 has the RB in two arguments; as in (4), SFT has:
a branch's RB or STB, modulated by the other's of the same stage, and stage 2 goes on from (4). SFT is that of its own paper, scale and
shift by two 1×1 convolutions each, but for a tanh on the scale: the branches multiply each other in turn, and without a bound the
features grow from unit to unit until they are not finite, in FP32 too, some thirty steps into training. Sampling
is mean pooling and nearest neighbours, without weights. STB is Swin's block with windows of 7
(crops of 112 are 112, 56, 28 and 14 on the four levels), two heads of 16, and an MLP of twice the width; every second one is shifted
(`window_attention.py` says how). With this the network has 2.235 million parameters; table 2 prints 2.25. Nor does the paper say how
weights start, and with usual ones the features of twelve units in a row overflow: SFT starts as the identity here, and the last fusion of
a unit as minus the mean of the two branches that it is added to. Pictures start as mid-grey with a tenth of the usual weights: SSIM, which
has no word for brightness below zero, took 200 steps to learn where pictures lie. Without the fusion branch (table 3 a) the two are halved.

`unshuffle` and `residual` are not the paper's: the edge preset works on a space-to-depth picture and adds its answer to it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runtime.errors import UsageError
from training.networks.blocks import ResBlock, conv3x3
from training.networks.window_attention import WindowBlock

KINDS = ("both", "local", "non-local")
INTERACTIONS = ("sft", "concat", "none")


@dataclass(frozen=True)
class PLNLINConfig:
    channels: int = 32
    stages: tuple[int, ...] = (8, 4, 2, 2)  # N of each level, from the full size down
    window: int = 7
    heads: int = 2
    mlp_ratio: float = 2.0
    branches: str = "both"  # table 3: "local" has RB in both branches (c), "non-local" STB (d)
    interaction: str = "sft"  # table 3: "concat" (b) or "none" (e) in place of SFT
    fusion: bool = True  # table 3: False has no fusion branch (a)
    unit: str = "both"  # table 4: "local" is a chain of RB in place of PLNLIM, "non-local" one of STB
    unshuffle: int = 1  # space-to-depth factor in front of the network
    residual: bool = False  # True: what comes out is added to the picture, and starts at zero

    def __post_init__(self) -> None:
        for name, known in (("branches", KINDS), ("interaction", INTERACTIONS), ("unit", KINDS)):
            if getattr(self, name) not in known:
                raise UsageError(f"network.{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}")
        if not self.stages or min(*self.stages, self.channels, self.window, self.heads, self.unshuffle) < 1:
            raise UsageError("network.stages, channels, window, heads and unshuffle: expected 1 or more of each")
        if self.channels % self.heads:
            raise UsageError(f"network.channels: expected a multiple of its {self.heads} heads, got {self.channels}")


class Hierarchy(NamedTuple):
    """What the losses look at; from the full size down, each level half the side of the one before."""

    pictures: tuple[Tensor, ...]  # B̂_k of (11), the first being the result
    features: tuple[Tensor, ...]  # F_k, which the discriminator is shown


class PLNLIN(nn.Module):
    """float32 RGB in 0..1 → the restored picture, unclamped; sides must be multiples of `stride`."""

    scale = 1
    sees_whole_picture = False

    def __init__(self, config: PLNLINConfig) -> None:
        super().__init__()
        self.config = config
        levels = len(config.stages)
        self.stride = config.unshuffle * config.window * 2 ** (levels - 1)
        self.receptive_field = _receptive_field(config)
        channels, picture_channels = config.channels, 3 * config.unshuffle**2
        self.head = conv3x3(picture_channels, channels)
        self.encoder = nn.ModuleList(unit(config, count) for count in config.stages)
        self.decoder = nn.ModuleList(unit(config, count) for count in config.stages)
        self.join = nn.ModuleList(nn.Conv2d(2 * channels, channels, 1) for _ in config.stages)
        self.side = nn.ModuleList(unit(config, count) for count in config.stages)
        self.tail = nn.ModuleList(conv3x3(channels, picture_channels) for _ in config.stages)
        with torch.no_grad():
            for tail in self.tail:
                tail.weight.mul_(0.0 if config.residual else 0.1)  # type: ignore[operator]
                tail.bias.fill_(0.0 if config.residual else 0.5)  # type: ignore[operator]

    def forward(self, picture: Tensor, *, every: bool = False) -> Tensor | Hierarchy:
        r = self.config.unshuffle
        cells = F.pixel_unshuffle(picture, r) if r > 1 else picture
        features = self._features(self.head(cells))
        wanted = len(features) if every else 1
        pictures = []
        for level, (tail, feature) in enumerate(itertools.islice(zip(self.tail, features, strict=True), wanted)):
            made = tail(feature)
            made = F.pixel_shuffle(made, r) if r > 1 else made
            if self.config.residual:
                made = made + (F.avg_pool2d(picture, 2**level) if level else picture)
            pictures.append(made)
        return Hierarchy(tuple(pictures), tuple(features)) if every else pictures[0]

    def _features(self, x: Tensor) -> list[Tensor]:
        """F_1, F_2, …"""
        encoded = []
        for level, encode in enumerate(self.encoder):
            x = encode(F.avg_pool2d(x, 2) if level else x)
            encoded.append(x)
        features: list[Tensor] = []
        for level in reversed(range(len(encoded))):
            x = self.decoder[level](F.interpolate(x, scale_factor=2.0, mode="nearest") if features else x)
            x = self.side[level](self.join[level](torch.cat([encoded[level], x], dim=1)))
            features.insert(0, x)
        return features


def unit(config: PLNLINConfig, stages: int) -> nn.Module:
    """What the network is made of: PLNLIM, or table 4's chains of as many blocks as one of its branches has."""
    if config.unit == "both":
        return PLNLIM(config, stages)
    return nn.Sequential(*(_block(config, config.unit, number) for number in range(stages + 1)))


class PLNLIM(nn.Module):
    """Equations 2 to 6, N stages and the final one."""

    def __init__(self, config: PLNLINConfig, stages: int) -> None:
        super().__init__()
        channels = config.channels
        local = "non-local" if config.branches == "non-local" else "local"
        non_local = "local" if config.branches == "local" else "non-local"
        self.local = nn.ModuleList(_block(config, local, number) for number in range(stages + 1))
        self.non_local = nn.ModuleList(_block(config, non_local, number) for number in range(stages + 1))
        self.by_non_local = nn.ModuleList(_interaction(config) for _ in range(stages))
        self.by_local = nn.ModuleList(_interaction(config) for _ in range(stages))
        joined = [2 * channels] + [3 * channels] * stages
        self.fusion = nn.ModuleList(nn.Conv2d(inputs, channels, 1) for inputs in joined if config.fusion)
        if config.fusion:
            _start_as_minus_the_mean(self.fusion[-1])

    def forward(self, x: Tensor) -> Tensor:
        local = non_local = x
        fused: tuple[Tensor, ...] = ()
        for stage, (by_non_local, by_local) in enumerate(zip(self.by_non_local, self.by_local, strict=True)):
            own, other = self.local[stage](local), self.non_local[stage](non_local)
            local, non_local = by_non_local(own, other), by_local(other, own)
            if self.fusion:  # in the first stage of what (3) names, before the branches meet; then of (5), after
                met = (local, non_local) if fused else (own, other)
                fused = (self.fusion[stage](torch.cat([*fused, *met], dim=1)),)
        out: Tensor = self.local[-1](local) + self.non_local[-1](non_local)
        # Two branches that both carry x double it, and twelve units in a row would make 4,096 x of it: see the start of the fusion.
        return out + self.fusion[-1](torch.cat([*fused, local, non_local], dim=1)) if self.fusion else out / 2


class SFT(nn.Module):
    """x · (1 + tanh scale) + shift, both read off the other branch at the same place (Wang et al., CVPR 2018, without the tanh)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale, self.shift = (
            nn.Sequential(nn.Conv2d(channels, channels, 1), nn.LeakyReLU(0.1), nn.Conv2d(channels, channels, 1)) for _ in range(2)
        )
        for last in (self.scale[-1], self.shift[-1]):  # starts as the identity
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        out: Tensor = x * (1 + torch.tanh(self.scale(other))) + self.shift(other)
        return out


class _Concatenation(nn.Module):
    """Table 3 (b)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        out: Tensor = self.mix(torch.cat([x, other], dim=1))
        return out


class _NoInteraction(nn.Module):
    """Table 3 (e)."""

    def forward(self, x: Tensor, _other: Tensor) -> Tensor:
        return x


@torch.no_grad()
def _start_as_minus_the_mean(last: nn.Module) -> None:
    """The last fusion starts as −(local + non-local) / 2, so that a unit starts near the mean of its branches."""
    assert isinstance(last, nn.Conv2d)
    channels = last.out_channels
    identity = torch.eye(channels)[:, :, None, None]
    last.weight[:, -2 * channels :] -= torch.cat([identity, identity], dim=1) / 2


def _interaction(config: PLNLINConfig) -> nn.Module:
    return {"sft": SFT, "concat": _Concatenation}[config.interaction](config.channels) if config.interaction != "none" else _NoInteraction()


def _block(config: PLNLINConfig, kind: str, number: int) -> nn.Module:
    if kind == "local":
        return ResBlock(config.channels)
    return WindowBlock(config.channels, config.window, config.heads, config.mlp_ratio, shifted=number % 2 == 1)


def _receptive_field(config: PLNLINConfig) -> int:
    """At most, of one output pixel, in pixels across: windows let a place see between 0 and window − 1 places on either side."""
    reach = {"local": 4, "non-local": 2 * (config.window - 1)}
    kinds = [config.unit] if config.unit != "both" else [config.branches] if config.branches != "both" else list(reach)
    widest = max(reach[kind] for kind in kinds)
    cells = 1 + 2 + 2  # one place, head and tail
    for level, stages in enumerate(config.stages):
        blocks = 3 * (stages + 1) * widest  # encoder, decoder and side one after the other
        cells += (blocks + 1) * 2**level  # pooling and its way back
    return cells * config.unshuffle
