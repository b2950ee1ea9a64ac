"""Owns FDR-Net's training (Li et al., ECCV 2020): L1 + β · orthogonality of the FD layers' features; knows no data and no loop.

The paper: eq. 8, β = 1e-5, Adam, learning rate 1e-4 × 0.8 every 9,000 steps, batches of 28. Chosen here: the orthogonality
loss is the mean over the FD layers (a sum would grow with the number of phases, which the edge preset changes), AdamW without
decay of the weights, and the loop's cosine schedule, which reaches the same loss in a tenth of the steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from training.data import Batch
from training.losses import orthogonality
from training.networks.fdrnet import FDRNet
from training.recipes.recipe import Losses, System, descend


@dataclass(frozen=True)
class FDRNetMethod:
    beta: float = 1e-5  # weight of the orthogonality loss
    largest_gradient: float = 0.2  # the usual norm: the inverse gain control grows with the square, so an outlier must not steer

    def set_up(self, fabric: Fabric, generator: nn.Module, learning_rate: float) -> System:
        return FDRNetSystem(self, fabric, generator, learning_rate)


class FDRNetSystem:
    def __init__(self, method: FDRNetMethod, fabric: Fabric, generator: nn.Module, learning_rate: float) -> None:
        assert isinstance(generator, FDRNet), "a recipe of FDR-Net names an fdrnet preset"
        self._features: list[Tensor] = []
        for layer in generator.gain_controls():
            layer.register_forward_hook(lambda _layer, _inputs, output: self._features.append(output))
        optimiser = torch.optim.AdamW(generator.parameters(), lr=learning_rate, weight_decay=0, fused=True)
        self._method, self._fabric = method, fabric
        self._generator, self._optimiser = fabric.setup(generator, optimiser)
        self.networks: Mapping[str, nn.Module] = {"generator": generator}
        self.optimisers: Mapping[str, Optimizer] = {"generator": optimiser}
        self.memory: Mapping[str, Tensor] = {}

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        return descend(self._fabric, self._generator, self._optimiser, batches, self._losses, self._method.largest_gradient)

    def _losses(self, batch: Batch) -> Losses:
        self._features.clear()
        l1 = F.l1_loss(self._generator(batch.degraded), batch.clean)
        svdo = torch.stack([orthogonality(features) for features in self._features]).mean() if self._features else l1.new_zeros(())
        self._features.clear()
        return l1 + self._method.beta * svdo, {"l1": l1, "orthogonality": svdo}
