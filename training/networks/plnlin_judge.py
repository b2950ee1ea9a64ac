"""MCDDL's discriminator (Wang et al., ACM MM 2024, section 3.3). Knows no generator's inside, loss or training.

    picture ─ conv ─ PLNLIM ─┬─ PLNLIM(1×1(F_1, ·)) ─┬─ pool ─ PLNLIM(1×1(F_2, ·)) ─┬─ pool ─ …        (7)
                            F_D^1                   side 1                         side 2

It is shown a picture and the generator's features F_k of the same picture, level by level: real is the clean picture with the features
that the generator has of it. Each side layer is a score map. The picture enters as the generator takes it (`unshuffle`), so
that its features and the discriminator's lie at the same places. What enters a PLNLIM is brought to its width by a 3×3 or a 1×1
convolution, and a side is a 3×3 convolution to one channel: the paper prints neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks.blocks import conv3x3
from training.networks.plnlin import PLNLINConfig, unit


class PLNLINJudge(nn.Module):
    def __init__(
        self,
        generator: PLNLINConfig,
        *,
        channels: int = 32,
        kind: str = "both",
        stages: int = 2,
        cross_content: bool = True,
        sides: bool = True,
    ) -> None:
        super().__init__()
        # Its own unit is whole whatever the generator's was reduced to.
        config = replace(generator, channels=channels, branches="both", interaction="sft", fusion=True, unit=kind)
        levels = len(generator.stages)
        self._unshuffle = config.unshuffle
        self.head = conv3x3(3 * config.unshuffle**2, channels)
        self.first = unit(config, stages)
        self.join = nn.ModuleList(nn.Conv2d(generator.channels + channels, channels, 1) for _ in range(levels if cross_content else 0))
        self.units = nn.ModuleList(unit(config, stages) for _ in range(levels))
        self.tails = nn.ModuleList(conv3x3(channels, 1) for _ in range(levels if sides else 1))

    def forward(self, picture: Tensor, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """A map of scores for each side, from the full size down; one of the last level alone where it has no sides."""
        x = self.first(self.head(F.pixel_unshuffle(picture, self._unshuffle) if self._unshuffle > 1 else picture))
        seen = []
        for level, judge in enumerate(self.units):
            x = F.avg_pool2d(x, 2) if level else x
            x = judge(self.join[level](torch.cat([features[level], x], dim=1)) if self.join else x)
            seen.append(x)
        return tuple(tail(side) for tail, side in zip(self.tails, seen[-len(self.tails) :], strict=True))
