"""AI-GAN's training (Jin et al., ICIP 2019): its losses and one step. Knows no data and no loop.

    (4)   ‖ŷ_O − y_O‖² + ‖ŷ_T − y_T‖²             step 1        y_O the clean picture, y_T = I − y_O, signed
    (5)   ‖ỹ_O − y_O‖² + ‖ỹ_T − y_T‖²             step 2
    (6)   L_Interact = (4) + (5)
    (7)   log D_O(y_O) + log(1 − D_O(ŷ_O)) + log(1 − D_O(ỹ_O))
    (8)   log D_T(y_T) + log(1 − D_T(ŷ_T)) + log(1 − D_T(ỹ_T))
    (9)   min over G, max over D:   L_Interact + λ ((7) + (8)),   λ = 0.8

The gradient of each second step goes on into the other branch's first step, which is the paper's "sharing of feedback gradients":
nothing is detached. S-GAN has the O terms of (4) and (7), D-GAN no ỹ, AI-CNN λ = 0 and no discriminator.

What the paper leaves open, and what was chosen. ‖·‖² is what it says, the sum over a picture's values (and the mean over the batch):
as a mean over the values it would be a thousandth of λ times the adversarial part, and λ = 0.8 would leave little of the restoration.
The generators descend −log D(G) where (9) has log(1 − D(G)), as [25] itself advises, since the latter is flat while D is sure;
`saturating` gives it as printed. The discriminators are PatchGANs of 70×70 pixels, whose logarithms are averaged over the places
they judge, so that any patch will do; without normalisation, which would hide from D_T how strong the interference is. Adam
with β₁ = 0.5, as is usual for GANs, and one rate for all three networks; generators first, then the discriminators on what was just made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from runtime.errors import UsageError
from training.data.batches import Batch
from training.networks.aigan import AIGAN, Signals
from training.networks.discriminators import PatchGAN
from training.recipes.recipe import Losses, System, check_judge, check_weights, descend, frozen, with_adam


def squared_error(made: Tensor, target: Tensor) -> Tensor:
    """‖made − target‖² of a sample, mean over the batch."""
    return (made - target).square().flatten(start_dim=1).sum(dim=1).mean()


def interact_losses(signals: Signals, original: Tensor, interference: Tensor) -> dict[str, Tensor]:
    """Equations 4 and 5, as far as there are branches and steps."""
    losses: dict[str, Tensor] = {}
    for number, made in enumerate(signals.originals):
        losses[f"step{number + 1}"] = squared_error(made, original)
    for number, made in enumerate(signals.interferences):
        losses[f"step{number + 1}"] = losses[f"step{number + 1}"] + squared_error(made, interference)
    return losses


def judge_loss(real: Tensor, made: Sequence[Tensor]) -> Tensor:
    """What a discriminator descends: −(7) or −(8), from its scores before the sigmoid."""
    # log D = −softplus(−score), log(1 − D) = −softplus(score)
    return torch.stack([F.softplus(-real).mean(), *(F.softplus(scores).mean() for scores in made)]).sum()


def deceive_loss(made: Sequence[Tensor], saturating: bool = False) -> Tensor:
    """What a generator descends: its terms of (7) or (8) as printed if `saturating`, else −log D in place of log(1 − D)."""
    return torch.stack([-F.softplus(scores).mean() if saturating else F.softplus(-scores).mean() for scores in made]).sum()


@dataclass(frozen=True)
class AIGANMethod:
    adversarial: float = 0.8  # λ of (9); 0 is the paper's AI-CNN, which has no discriminators
    saturating: bool = False  # True: the generators descend log(1 − D) as printed
    judge_channels: int = 64
    judge_layers: int = 3
    beta1: float = 0.5  # of Adam

    def __post_init__(self) -> None:
        check_weights(self, "adversarial")
        check_judge(self.judge_channels, self.judge_layers, self.beta1)

    def set_up(self, fabric: Fabric, generator: nn.Module, learning_rate: float) -> System:
        return AIGANSystem(self, fabric, generator, learning_rate)


class AIGANSystem:
    def __init__(self, method: AIGANMethod, fabric: Fabric, generator: nn.Module, learning_rate: float) -> None:
        if not isinstance(generator, AIGAN):
            raise UsageError(f"expected the network of AI-GAN, got {type(generator).__name__}; use --set network=aigan or aigan-edge")
        networks: dict[str, nn.Module] = {"generator": generator}
        if method.adversarial:
            networks["judge_original"] = _judge(method)  # D_O
            if generator.config.double:
                networks["judge_interference"] = _judge(method)  # D_T
        self._method, self._fabric = method, fabric
        self.networks: Mapping[str, nn.Module] = networks
        self.optimisers: Mapping[str, Optimizer]
        self._wrapped, self.optimisers = with_adam(fabric, networks, learning_rate, method.beta1)
        self.memory: Mapping[str, Tensor] = {}

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        shown: dict[str, list[Batch]] = {name: [] for name in self._judges()}
        logged = self._descend("generator", batches, functools.partial(self.generator_losses, shown))
        for name, pictures in shown.items():
            logged |= self._descend(name, pictures, functools.partial(self._judge_losses, name))
        return logged

    def _judges(self) -> list[str]:
        return [name for name in self.networks if name != "generator"]

    def _descend(self, name: str, batches: Sequence[Batch], losses: Callable[[Batch], Losses]) -> dict[str, Tensor]:
        return descend(self._fabric, self._wrapped[name], self.optimisers[name], batches, losses)

    def generator_losses(self, shown: dict[str, list[Batch]], batch: Batch) -> Losses:
        """What the generators descend in (9); what they made goes into `shown`, for the discriminators."""
        interference = batch.degraded - batch.clean
        signals: Signals = self._wrapped["generator"](batch.degraded, every=True)
        parts = interact_losses(signals, batch.clean, interference)
        total = torch.stack(list(parts.values())).sum()
        sides = {"original": (signals.originals, batch.clean), "interference": (signals.interferences, interference)}
        for judge in shown:
            side = judge.removeprefix("judge_")
            steps, real = sides[side]
            made = torch.cat(steps)
            with frozen(self.networks[judge]), self._fabric.autocast():
                scores = self.networks[judge](made)
            parts[f"deceive_{side}"] = deceive_loss(scores.float().chunk(len(steps)), self._method.saturating)
            total = total + self._method.adversarial * parts[f"deceive_{side}"]
            # For a discriminator a batch is what was made and what is real.
            shown[judge].append(Batch(made.detach(), real))
        return total, parts

    def _judge_losses(self, name: str, batch: Batch) -> Losses:
        # One pass for real and made: a wrapped network is called once before its gradients are gathered.
        scores = self._wrapped[name](torch.cat([batch.clean, batch.degraded])).float()
        real, *made = scores.split(len(batch.clean))
        loss = judge_loss(real, made)
        return loss, {name: loss}


def _judge(method: AIGANMethod) -> nn.Module:
    judge = PatchGAN(channels=method.judge_channels, layers=method.judge_layers, normalise=False)
    return judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
