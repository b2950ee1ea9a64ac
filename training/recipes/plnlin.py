"""The training of PLNLIN-MCDDL (Wang et al., ACM MM 2024): its losses and one step. Knows no data and no loop.

    (9)    L = (1 − SSIM(B̂, B)) + α L_hierarchical + β L_adversarial                     α = β = 1
    (11)   L_hierarchical = Σ_k λ_k (1 − SSIM(B̂_k, B_k))                                 λ = 0.1, 0.05, 0.02, 0.01
    (8)    L_l = −E_Z log(1 − D_ra(Z; Y)) − E_Y log D_ra(Y; Z)                           D_ra(P; Q) = sigmoid(D(P) − E_Q D(Q))
    (12)   L_adversarial = Σ_l μ_l L_l                                                   μ = 0.0005, 0.001, 0.0025, 0.005

Z is real: the clean picture with the features that G has of it, detached; Y is made: G's picture with its features. The
discriminator descends (12) with Z and Y changed about.

What the paper leaves open, and what was chosen. "The ratio r of updating the generator and discriminator is 5" is read as it is
ordered: five updates of G for one of D. The weights of (12) are so small that G needs no strong opponent, and D, made of
PLNLIMs, costs as much as G; the other reading would take five times as long. So D learns in every fifth step, from the picture and
the features that G has just made. E is the mean over places and pictures, and over all processes. B_k is B averaged over 2 × 2
again and again. A network with fewer levels takes the weights of as many, from the finest on; a discriminator that judges at its
last layer alone takes the last one of those.

The four discriminative manners of figures 7 and 8 are two fields: `cross_content` (D is shown G's features) and `sides` (it judges at
each layer). Neither is the traditional manner, `sides` alone multi-scale deeply supervised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from runtime.errors import UsageError
from training.data.batches import Batch
from training.losses import ssim
from training.networks.plnlin import KINDS, PLNLIN, Hierarchy
from training.networks.plnlin_judge import PLNLINJudge
from training.recipes.recipe import Losses, System, check_weights, descend, frozen, mean_over_devices, with_adam


@dataclass(frozen=True)
class PLNLINMethod:
    hierarchical: float = 1.0  # α of (9); 0: table 5 without supervision at the levels
    adversarial: float = 1.0  # β of (9)
    level_weights: tuple[float, ...] = (0.1, 0.05, 0.02, 0.01)  # λ_k of (11)
    side_weights: tuple[float, ...] = (0.0005, 0.001, 0.0025, 0.005)  # μ_l of (12)
    ratio: int = 5  # r: updates of the generator for one of the discriminator
    cross_content: bool = True
    sides: bool = True
    judge_unit: str = "both"  # table 6: "local" or "non-local" in place of PLNLIM
    judge_stages: int = 2  # N of the discriminator's PLNLIMs
    judge_channels: int = 32

    def __post_init__(self) -> None:
        for name in ("ratio", "judge_stages", "judge_channels"):
            if getattr(self, name) < 1:
                raise UsageError(f"method.{name}: expected 1 or more, got {getattr(self, name)}")
        check_weights(self, "hierarchical", "adversarial", "level_weights", "side_weights")
        if self.judge_unit not in KINDS:
            raise UsageError(f"method.judge_unit: expected one of {', '.join(KINDS)}, got {self.judge_unit!r}")

    def set_up(self, fabric: Fabric, generator: nn.Module, learning_rate: float) -> System:
        return PLNLINSystem(self, fabric, generator, learning_rate)


@dataclass(frozen=True)
class _JudgedPictures:
    """What the discriminator judges: pictures, real ones first, with the generator's features of each."""

    pictures: Tensor
    features: tuple[Tensor, ...]

    def detached(self) -> _JudgedPictures:
        return _JudgedPictures(self.pictures.detach(), tuple(feature.detach() for feature in self.features))


class PLNLINSystem:
    def __init__(self, method: PLNLINMethod, fabric: Fabric, generator: nn.Module, learning_rate: float) -> None:
        if not isinstance(generator, PLNLIN):
            came = type(generator).__name__
            raise UsageError(f"expected the network of PLNLIN-MCDDL, got {came}; use --set network=plnlin or plnlin-edge")
        levels = len(generator.config.stages)
        if min(len(method.level_weights), len(method.side_weights)) < levels:
            raise UsageError(f"method.level_weights and method.side_weights: expected at least {levels} values, one a level, got fewer")
        judge: nn.Module = PLNLINJudge(
            generator.config,
            channels=method.judge_channels,
            kind=method.judge_unit,
            stages=method.judge_stages,
            cross_content=method.cross_content,
            sides=method.sides,
        )
        judge = judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._method, self._fabric, self._levels = method, fabric, levels
        self.networks: Mapping[str, nn.Module] = {"generator": generator, "judge": judge}
        self.optimisers: Mapping[str, Optimizer]
        self._wrapped, self.optimisers = with_adam(fabric, self.networks, learning_rate)
        self._steps = torch.zeros((), dtype=torch.int64)
        self._judged = torch.zeros((), device=fabric.device)  # the discriminator's loss when it learned last: a log has it at every step
        self.memory: Mapping[str, Tensor] = {"steps": self._steps, "judged": self._judged}

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        shown: list[_JudgedPictures] = []
        generator, judge = self._wrapped["generator"], self._wrapped["judge"]
        logged = descend(self._fabric, generator, self.optimisers["generator"], batches, lambda batch: self.generator_losses(batch, shown))
        self._steps += 1
        if shown and int(self._steps) % self._method.ratio == 0:
            left = iter(shown)
            judged = descend(self._fabric, judge, self.optimisers["judge"], batches, lambda _batch: self._judge_losses(next(left)))
            self._judged.copy_(judged["judge"])
        return logged | {"judge": self._judged.clone()}

    def generator_losses(self, batch: Batch, shown: list[_JudgedPictures]) -> Losses:
        method = self._method
        made: Hierarchy = self._wrapped["generator"](batch.degraded, every=True)
        parts = {"pixel": 1 - ssim(made.pictures[0], batch.clean), "hierarchical": self.hierarchical_loss(made, batch.clean)}
        total = parts["pixel"] + method.hierarchical * parts["hierarchical"]
        if method.adversarial:
            with torch.no_grad(), self._fabric.autocast():
                real: Hierarchy = self.networks["generator"](batch.clean, every=True)
            both = zip(real.features, made.features, strict=True)
            pictures = torch.cat([batch.clean, made.pictures[0].to(batch.clean.dtype)])
            seen = _JudgedPictures(pictures, tuple(torch.cat([one.to(other.dtype), other]) for one, other in both))
            with frozen(self.networks["judge"]), self._fabric.autocast():
                sides = self.networks["judge"](seen.pictures, seen.features)
            parts["adversarial"] = self.adversarial_loss(sides, real_wins=False)
            total = total + method.adversarial * parts["adversarial"]
            shown.append(seen.detached())
        return total, parts

    def hierarchical_loss(self, made: Hierarchy, clean: Tensor) -> Tensor:
        losses = []
        for level, (picture, weight) in enumerate(zip(made.pictures, self._method.level_weights, strict=False)):
            losses.append(weight * (1 - ssim(picture, F.avg_pool2d(clean, 2**level))))
        return torch.stack(losses).sum()

    def _judge_losses(self, shown: _JudgedPictures) -> Losses:
        loss = self.adversarial_loss(self._wrapped["judge"](shown.pictures, shown.features), real_wins=True)
        return loss, {"judge": loss}

    def adversarial_loss(self, sides: Sequence[Tensor], *, real_wins: bool) -> Tensor:
        """(12) for the generator; for the discriminator, for which the real ones are to win, with both changed about."""
        weights = self._method.side_weights[: self._levels][-len(sides) :]
        losses = []
        for weight, scores in zip(weights, sides, strict=True):
            real, made = scores.float().chunk(2)
            winners, losers = (real, made) if real_wins else (made, real)
            losses.append(weight * self._relativistic(winners, losers))
        return torch.stack(losses).sum()

    def _relativistic(self, winners: Tensor, losers: Tensor) -> Tensor:
        """−log D_ra(winners; losers) − log(1 − D_ra(losers; winners)), in means."""
        above = winners - mean_over_devices(self._fabric, losers)
        below = losers - mean_over_devices(self._fabric, winners)
        return F.softplus(-above).mean() + F.softplus(below).mean()
