"""AI-GAN's generator (Jin et al., ICIP 2019): one encoder, two branches, two steps. Knows no discriminator, loss or training.

    I ── e ──┬── d_O ── x_O ── G_O ── ŷ_O ──┐         ┌── I − ŷ_T ── G_O ── ỹ_O        restored      = (ŷ_O + ỹ_O) / 2
             │                              ├─ swap ──┤
             └── d_T ── x_T ── G_T ── ŷ_T ──┘         └── I − ŷ_O ── G_T ── ỹ_T        interference  = (ŷ_T + ỹ_T) / 2

          (1)                    (2) step 1                    (3) step 2

x_O and x_T have the three channels of a picture, since G_O takes x_O in the first step and the picture I − ŷ_T in the second, with the
same weights. The interference is signed: y_T = I − y_O.

The paper prints no layer of e, d and G, no width and no count. Chosen here: all are plain ResBlocks without normalisation
(restoration needs the picture's own range); G adds its answer to what it is given, because in the second step that is nearly the
result already; all of it works on a space-to-depth picture, which loses no pixel, costs a quarter, and sees twice as far. With 64
channels and 4, 2 and 8 blocks it has 1.8 million parameters: FDR-Net's and PLNLIN's size. Left open too is how the steps are fused:
their mean here (`fuse`), which uses both of what the losses train alike.

`carry` and `filter` are not the paper's: the edge preset has x_O = I + d_O(e(I)) with all last convolutions at zero, so that it starts
as the identity, and 1×1 filters in and out of the features, which leaves its cost to the blocks between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from runtime.errors import UsageError
from training.networks.blocks import ResBlock, check_least

FUSIONS = ("mean", "last")


@dataclass(frozen=True)
class AIGANConfig:
    channels: int = 64
    encoder_blocks: int = 4
    decoder_blocks: int = 2
    generator_blocks: int = 8
    filter: int = 3  # side of the convolutions between pictures and features
    unshuffle: int = 2  # space-to-depth factor
    carry: bool = False  # True: the picture itself is added to x_O, and the network starts as the identity
    interact: bool = True  # False: the paper's D-GAN, which ends after step 1
    double: bool = True  # False: the paper's S-GAN, one branch
    fuse: str = "mean"  # of the two steps; or the "last" alone

    def __post_init__(self) -> None:
        check_least(self, "an aigan", channels=1, unshuffle=1, encoder_blocks=0, decoder_blocks=0, generator_blocks=0)
        if self.fuse not in FUSIONS:
            raise UsageError(f"network.fuse: expected one of {', '.join(FUSIONS)}, got {self.fuse!r}")
        if self.filter < 1 or self.filter % 2 == 0:
            raise UsageError(f"network.filter: expected an odd number above zero, got {self.filter}")
        if self.interact and not self.double:
            raise UsageError("one branch alone cannot interact: with network.double=false comes network.interact=false before it")


class Signals(NamedTuple):
    """Everything that equations 1 to 3 name. One branch has no x_T; without interaction there is one step."""

    x_o: Tensor
    x_t: Tensor | None
    originals: tuple[Tensor, ...]  # ŷ_O, ỹ_O
    interferences: tuple[Tensor, ...]  # ŷ_T, ỹ_T


class Branch(nn.Module):
    """One of the two: its decoder and its generator."""

    def __init__(self, decoder: nn.Module, generator: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder
        self.generator = generator


class Decomposition(nn.Module):
    """Equations 1 to 3 for whatever signal the parts are made for."""

    def __init__(self, encoder: nn.Module, original: Branch, interference: Branch | None, *, interact: bool, carry: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        self.original = original
        self.interference = interference
        self._interact, self._carry = interact, carry

    def forward(self, degraded: Tensor) -> Signals:
        features = self.encoder(degraded)
        x_o = self.original.decoder(features)
        if self._carry:
            x_o = degraded + x_o
        first_o = self.original.generator(x_o)
        if self.interference is None:
            return Signals(x_o, None, (first_o,), ())
        x_t = self.interference.decoder(features)
        first_t = self.interference.generator(x_t)
        if not self._interact:
            return Signals(x_o, x_t, (first_o,), (first_t,))
        second_o = self.original.generator(degraded - first_t)
        second_t = self.interference.generator(degraded - first_o)
        return Signals(x_o, x_t, (first_o, second_o), (first_t, second_t))


class AIGAN(nn.Module):
    """float32 RGB in 0..1 → (restored, signed interference), unclamped; one branch: restored. Sides: multiples of `stride`."""

    scale = 1
    sees_whole_picture = False

    def __init__(self, config: AIGANConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = config.unshuffle
        self.receptive_field = _receptive_field(config)
        interference = _branch(config) if config.double else None
        self.decompose = Decomposition(_encoder(config), _branch(config), interference, interact=config.interact, carry=config.carry)

    def forward(self, picture: Tensor, *, every: bool = False) -> Tensor | tuple[Tensor, Tensor] | Signals:
        """`every`: all signals of both steps as pictures, for the losses."""
        # Between the two ends everything stays space-to-depth: differences and sums are the same there.
        signals = self.decompose(F.pixel_unshuffle(picture, self.stride))
        if every:
            x_t = None if signals.x_t is None else self._picture(signals.x_t)
            steps = (tuple(self._picture(signal) for signal in branch) for branch in (signals.originals, signals.interferences))
            return Signals(self._picture(signals.x_o), x_t, *steps)
        restored = self._picture(self.fused(signals.originals))
        return (restored, self._picture(self.fused(signals.interferences))) if signals.interferences else restored

    def fused(self, steps: Sequence[Tensor]) -> Tensor:
        return steps[-1] if self.config.fuse == "last" or len(steps) == 1 else (steps[0] + steps[1]) / 2

    def _picture(self, signal: Tensor) -> Tensor:
        return F.pixel_shuffle(signal, self.stride)


class _Generator(nn.Module):
    """G: a picture → a picture, by what is added to it."""

    def __init__(self, config: AIGANConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(_into_features(config), *_blocks(config, config.generator_blocks), _out_of_features(config))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


def _encoder(config: AIGANConfig) -> nn.Module:
    return nn.Sequential(_into_features(config), nn.ReLU(), *_blocks(config, config.encoder_blocks))


def _branch(config: AIGANConfig) -> Branch:
    decoder = nn.Sequential(*_blocks(config, config.decoder_blocks), _out_of_features(config))
    return Branch(decoder, _Generator(config))


def _blocks(config: AIGANConfig, count: int) -> list[nn.Module]:
    return [ResBlock(config.channels) for _ in range(count)]


def _into_features(config: AIGANConfig) -> nn.Conv2d:
    return nn.Conv2d(3 * config.unshuffle**2, config.channels, config.filter, padding=config.filter // 2)


def _out_of_features(config: AIGANConfig) -> nn.Conv2d:
    layer = nn.Conv2d(config.channels, 3 * config.unshuffle**2, config.filter, padding=config.filter // 2)
    if config.carry:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _receptive_field(config: AIGANConfig) -> int:
    """Of one output pixel, in pixels across; the longest way is e, d_T, G_T and then G_O."""
    passes = 2 if config.interact else 1
    blocks = config.encoder_blocks + config.decoder_blocks + passes * config.generator_blocks
    ends = 2 + 2 * passes  # convolutions in or out
    cells = 2 * (2 * blocks + ends * (config.filter // 2)) + 1
    return cells * config.unshuffle
