"""The training of the physics-based GAN (Pan et al., TPAMI 2021): its losses and one step. Knows no data and no loop.

    x̂ = G(y)    ỹ = H(x̂), with the physics parameters that made y    D_g: x or x̂?    D_h: y or ỹ?
    G descends   L_a + λ |x̂ − x| + γ |ỹ − y| + μ |G(ỹ) − x|                                      eq. 8 to 12

The adversarial part L_a is least squares: D goes towards 1 for real and 0 for made, G towards 1. As the paper's text and its
authors' code have it: Adam with β₁ = 0.5, the discriminators' losses halved, and both shown a history of 50 made pictures.

What the paper leaves open, and what was chosen: the sums over pixels are means, as in the authors' code, or the weights would
depend on the patch. H has no noise in it (eq. 7), though y has in deblurring. For rain |ỹ − y| is |x̂ − x| by construction, so γ
adds to λ there. PCycleGAN with (8)–(10) learns F in place of H: F(x̂) is ỹ, D_h judges F(x) against y as CycleGAN does, and
CycleGAN's other cycle |G(F(x)) − x| keeps its weight of 10; G and F descend the same sum, one after the other. BaseGAN has
neither physics nor D_h.
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
from training.networks.discriminators import PatchGAN
from training.networks.physicsgan import PhysicsGAN
from training.physics import PHYSICS, degrade_again
from training.recipes.pool import PicturePool
from training.recipes.recipe import Losses, System, check_judge, check_weights, descend, frozen, with_adam


@dataclass(frozen=True)
class PhysicsGANMethod:
    physics: str = "blur"  # a name of PHYSICS: the operator H
    lambda_: float = 50.0  # of (9), |G(y) − x|; printed: 50, the authors' code: 100
    gamma: float = 10.0  # of (8), |ỹ − y|
    mu: float = 10.0  # of (10), |G(ỹ) − x|
    adversarial: float = 1.0  # of the generator's part in L_a
    judge_physics: bool = True  # False: no D_h
    learn_physics: bool = False  # True: a second generator F in place of H (PCycleGAN)
    cycle: float = 10.0  # of |G(F(x)) − x|, where F is learned
    judge_share: float = 0.5  # of the discriminators' losses
    judge_channels: int = 64
    judge_layers: int = 3
    pool: int = 50  # made pictures that are remembered for each discriminator; 0: only the latest are shown
    pool_side: int = 256  # the largest patch that the pool can hold
    beta1: float = 0.5  # of Adam

    def __post_init__(self) -> None:
        if self.physics not in PHYSICS:
            raise UsageError(f"method.physics: expected one of {', '.join(PHYSICS)}, got {self.physics!r}")
        if self.pool < 0 or self.pool_side < 1:
            raise UsageError(f"method.pool and method.pool_side: expected 0 or more and above 0, got {self.pool} and {self.pool_side}")
        check_weights(self, "lambda_", "gamma", "mu", "adversarial", "cycle", "judge_share")
        check_judge(self.judge_channels, self.judge_layers, self.beta1)

    @property
    def needs_physics(self) -> bool:
        return not self.learn_physics and (self.judge_physics or self.gamma != 0 or self.mu != 0)

    def set_up(self, fabric: Fabric, generator: nn.Module, learning_rate: float) -> System:
        return PhysicsGANSystem(self, fabric, generator, learning_rate)


class PhysicsGANSystem:
    def __init__(self, method: PhysicsGANMethod, fabric: Fabric, generator: nn.Module, learning_rate: float) -> None:
        if not isinstance(generator, PhysicsGAN):
            came = type(generator).__name__
            raise UsageError(f"expected the network of the physics-based GAN, got {came}; use --set network=physicsgan")
        networks: dict[str, nn.Module] = {"generator": generator, "clear": _judge(method)}  # "clear" is D_g, "physical" D_h
        if method.judge_physics:
            networks["physical"] = _judge(method)
        if method.learn_physics:
            networks["degrader"] = PhysicsGAN(generator.config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._method, self._fabric = method, fabric
        self.networks: Mapping[str, nn.Module] = networks
        self.optimisers: Mapping[str, Optimizer]
        self._wrapped, self.optimisers = with_adam(fabric, networks, learning_rate, method.beta1)
        judges = [name for name in ("clear", "physical") if name in networks]
        self._pools = {name: PicturePool(method.pool, method.pool_side, fabric.device, i) for i, name in enumerate(judges)}
        self.memory: Mapping[str, Tensor] = {
            f"{name}.{key}": value for name, pool in self._pools.items() for key, value in pool.memory.items()
        }

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        made: dict[str, list[Tensor]] = {}
        logged = self._descend("generator", batches, lambda batch: self.generator_losses(batch, "generator", made))
        if self._method.learn_physics:
            self._descend("degrader", batches, lambda batch: self.generator_losses(batch, "degrader", {}))
        for name, pool in self._pools.items():
            real = [batch.clean if name == "clear" else batch.degraded for batch in batches]
            # For a discriminator a batch is what was made and what is real.
            shown = [Batch(pool.exchange(fakes), truth) for fakes, truth in zip(made[name], real, strict=True)]
            logged |= self._descend(name, shown, functools.partial(self._judge_losses, name))
        return logged

    def _descend(self, name: str, batches: Sequence[Batch], losses: Callable[[Batch], Losses]) -> dict[str, Tensor]:
        return descend(self._fabric, self._wrapped[name], self.optimisers[name], batches, losses)

    def generator_losses(self, batch: Batch, learner: str, made: dict[str, list[Tensor]]) -> Losses:
        """Eq. 12 but for the discriminators' own part; what was made goes into `made`, for them to judge."""
        method = self._method
        with frozen(*(network for name, network in self.networks.items() if name != learner)):
            restored = self._run("generator", learner, batch.degraded)
            parts = {"content": F.l1_loss(restored, batch.clean)}
            weights = {"content": method.lambda_}
            judged = {"clear": restored}
            if method.learn_physics or method.needs_physics:
                again = self._degrade_again(restored, batch, learner)
                parts["physics"], weights["physics"] = F.l1_loss(again, batch.degraded), method.gamma
                if method.mu:
                    parts["repeat"] = F.l1_loss(self._run("generator", learner, again), batch.clean)
                    weights["repeat"] = method.mu
                if method.learn_physics:
                    again = self._run("degrader", learner, batch.clean)  # CycleGAN's D judges this, not F(G(y))
                    parts["cycle"] = F.l1_loss(self._run("generator", learner, again), batch.clean)
                    weights["cycle"] = method.cycle
                judged["physical"] = again
            for name in self._pools:
                parts[f"deceive_{name}"] = (self._run(name, learner, judged[name]) - 1).square().mean()
                weights[f"deceive_{name}"] = method.adversarial
                made.setdefault(name, []).append(judged[name].detach())
        return torch.stack([weights[name] * part for name, part in parts.items()]).sum(), parts

    def _degrade_again(self, restored: Tensor, batch: Batch, learner: str) -> Tensor:
        if self._method.learn_physics:
            return self._run("degrader", learner, restored)
        return degrade_again(self._method.physics, restored, batch)

    def _judge_losses(self, name: str, batch: Batch) -> Losses:
        made, real = self._wrapped[name](torch.cat([batch.degraded, batch.clean])).chunk(2)
        loss = self._method.judge_share * (made.square().mean() + (real - 1).square().mean())
        return loss, {f"judge_{name}": loss}

    def _run(self, name: str, learner: str, pictures: Tensor) -> Tensor:
        """The network that learns as it is wrapped for gradients over devices, any other as it is."""
        if name == learner:
            learned: Tensor = self._wrapped[name](pictures)
            return learned
        with self._fabric.autocast():
            passed: Tensor = self.networks[name](pictures)
        return passed.float()


def _judge(method: PhysicsGANMethod) -> nn.Module:
    judge = PatchGAN(channels=method.judge_channels, layers=method.judge_layers)
    return judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
