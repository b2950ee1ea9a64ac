"""FDR-Net's training (Li et al., ECCV 2020): L1 + β · orthogonality of the FD layers' features. Knows no data and no loop.

The paper: eq. 8 with β = 1e-5, and Adam. Left open there, and chosen here: the orthogonality loss is the mean over the FD layers
(a sum would grow with the number of phases, which the edge preset changes); the Gram matrix is divided by the number of places
(`training.losses.orthogonality`); gradients are clipped.
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
from training.losses import orthogonality
from training.networks.fdrnet import DisentangledFeatures, FDRNet
from training.recipes.recipe import Losses, System, descend


@dataclass(frozen=True)
class FDRNetMethod:
    beta: float = 1e-5  # weight of the orthogonality loss
    largest_gradient: float = 0.2  # the usual norm: the inverse gain control grows with the square, so an outlier must not steer

    def __post_init__(self) -> None:
        if not self.beta >= 0 or not self.largest_gradient > 0:
            raise UsageError(
                f"method: expected beta of 0 or more and largest_gradient above 0, got {self.beta} and {self.largest_gradient}"
            )

    def set_up(self, fabric: Fabric, generator: nn.Module, learning_rate: float) -> System:
        return FDRNetSystem(self, fabric, generator, learning_rate)


class FDRNetSystem:
    def __init__(self, method: FDRNetMethod, fabric: Fabric, generator: nn.Module, learning_rate: float) -> None:
        if not isinstance(generator, FDRNet):
            raise UsageError(f"expected the network of FDR-Net, got {type(generator).__name__}; use --set network=fdrnet or fdrnet-edge")
        optimiser = torch.optim.Adam(generator.parameters(), lr=learning_rate, fused=True)
        self._method, self._fabric = method, fabric
        self._generator, self._optimiser = fabric.setup(generator, optimiser)
        self.networks: Mapping[str, nn.Module] = {"generator": generator}
        self.optimisers: Mapping[str, Optimizer] = {"generator": optimiser}
        self.memory: Mapping[str, Tensor] = {}

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        return descend(self._fabric, self._generator, self._optimiser, batches, self._losses, self._method.largest_gradient)

    def _losses(self, batch: Batch) -> Losses:
        made: DisentangledFeatures = self._generator(batch.degraded, every=True)
        l1 = F.l1_loss(made.restored, batch.clean)
        each = [orthogonality(features) for phase in made.features for features in phase]
        svdo = torch.stack(each).mean() if each else l1.new_zeros(())  # the baseline without FDM has nothing to disentangle
        return l1 + self._method.beta * svdo, {"l1": l1, "orthogonality": svdo}
