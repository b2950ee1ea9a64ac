"""What a recipe is: the seam between the loop and a system. Knows no particular network, loss or degradation.

The loop asks a recipe for pictures to learn from and for a `System`: its networks and optimisers, set up for the devices at
hand, and one training step. A GAN has more networks and a longer step, and the loop is none the wiser.

Everything that a paper varies is a field: of the network's config, of the method, or of the recipe. So `--set method.beta=0`
reaches it, and an ablation is nothing but a name for a few such settings.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import torch
import torch.distributed
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from runtime.errors import UsageError
from training.data.batches import Batch
from training.degradations.degradation import Degradation, Pair
from training.networks import Preset

Losses = tuple[Tensor, dict[str, Tensor]]  # what is descended, and what is logged


class System(Protocol):
    """Networks and optimisers by name. The network called "generator" is the one that is averaged, validated and shipped."""

    networks: Mapping[str, nn.Module]
    optimisers: Mapping[str, Optimizer]
    memory: Mapping[str, Tensor]  # whatever else the next step depends on (a pool of pictures); saved, and restored in place

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Updates everything once, with gradients gathered over the batches; the losses by name, detached, for the log."""


class Method(Protocol):
    """How a network is trained: a frozen dataclass whose fields are the weights of the losses and whatever else may be varied."""

    def set_up(self, fabric: Fabric, generator: nn.Module, learning_rate: float) -> System: ...


@dataclass(frozen=True)
class Recipe:
    """How one model is trained. The fields are what `clearway train --set` reaches."""

    name: str
    network: Preset
    task: str
    summary: str
    weaknesses: tuple[str, ...]
    degradation: Callable[[int, Sequence[Pair]], Degradation]  # (seed, training pairs) → clean pictures to learn from
    trials: tuple[tuple[str, Callable[[int], Degradation]], ...]  # what held-out pictures are scored on: (name, seed → degradation)
    method: Method
    ablations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name → settings, as `--set` takes them
    learn_pairs: bool = True  # pairs are learned from as they are; False: only `degradation` looks at them
    protocol: str = "y"
    steps: int = 40_000
    batch: int = 16  # patches in each of the micro-batches of each process
    accumulate: int = 1  # micro-batches of a step
    patch: int = 96
    progressive: tuple[int, ...] = ()  # sides of the patches, each for an equal share of the steps, in place of `patch`
    shrink: float = 0.0  # share of the patches that are cut up to twice as large and made smaller
    learning_rate: float = 1.5e-3
    schedule: str = "cosine"  # a name of SCHEDULES
    warm_up: int = 500
    ema: float = 0.999
    seed: int = 1
    enlarges: int = 1  # times; `degradation` shrinks pictures by that and enlarges them again, which a bundle does in its graph

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate", "patch", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name}: expected above zero, got {getattr(self, name)}")
        if self.warm_up < 0 or self.seed < 0 or not 0 <= self.ema < 1:
            got = f"got {self.warm_up}, {self.seed} and {self.ema}"
            raise UsageError(f"warm_up, seed and ema: expected 0 or more, and ema below 1, {got}")
        if not 0 <= self.shrink <= 1:
            raise UsageError(f"shrink: expected a share between 0 and 1, got {self.shrink}")
        if any(side <= 0 for side in self.progressive):
            raise UsageError(f"progressive: expected sides above zero, got {', '.join(map(str, self.progressive))}")

    @property
    def largest_patch(self) -> int:
        return max(self.progressive, default=self.patch)

    def patches_at(self, step: int) -> tuple[int, int]:
        """(side, number in a micro-batch) of that step's patches. Larger ones are fewer: each step sees about as many pixels."""
        if not self.progressive:
            return self.patch, self.batch
        side = self.progressive[min(step * len(self.progressive) // self.steps, len(self.progressive) - 1)]
        return side, max(1, round(self.batch * (self.patch / side) ** 2))


def check_weights(method: Method, *names: str) -> None:
    """That these fields, numbers or tuples of them, can weigh losses."""
    for name in names:
        value = getattr(method, name)
        if not all(0 <= weight < math.inf for weight in (value if isinstance(value, tuple) else (value,))):
            raise UsageError(f"method.{name}: expected a weight of 0 or more, got {value}")


def check_judge(channels: int, layers: int, beta1: float) -> None:
    """A discriminator's size and Adam's β₁, which GANs set."""
    if channels < 1 or layers < 1 or not 0 <= beta1 < 1:
        names = "method.judge_channels, method.judge_layers and method.beta1"
        raise UsageError(f"{names}: expected 1 or more, 1 or more, and 0 or more but below 1; got {channels}, {layers} and {beta1}")


def with_adam(
    fabric: Fabric, networks: Mapping[str, nn.Module], learning_rate: float, beta1: float = 0.9
) -> tuple[dict[str, nn.Module], dict[str, Optimizer]]:
    """Each network as `fabric.setup` wrapped it, and an Adam for each, as GANs have them."""
    optimisers: dict[str, Optimizer] = {
        name: torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(beta1, 0.999), fused=True)
        for name, network in networks.items()
    }
    return {name: fabric.setup(network, optimisers[name])[0] for name, network in networks.items()}, optimisers


def descend(
    fabric: Fabric,
    network: nn.Module,
    optimiser: Optimizer,
    batches: Sequence[Batch],
    losses: Callable[[Batch], Losses],
    largest_gradient: float | None = None,
) -> dict[str, Tensor]:
    """One update of one network as `fabric.setup` wrapped it, by its optimiser, wrapped or not; the mean of each loss over the batches."""
    optimiser.zero_grad(set_to_none=True)
    logged: dict[str, Tensor] = {}
    for i, batch in enumerate(batches):
        # Processes exchange gradients once, with the last of the micro-batches.
        with fabric.no_backward_sync(cast(_FabricModule, network), enabled=i < len(batches) - 1):
            total, parts = losses(batch)
            fabric.backward(total / len(batches))
        for name, part in parts.items():
            logged[name] = logged.get(name, 0) + part.detach() / len(batches)
    if largest_gradient is not None:
        both = cast(_FabricModule, network), optimiser
        norm = fabric.clip_gradients(*both, max_norm=largest_gradient, error_if_nonfinite=False)
        assert norm is not None  # it is only without max_norm
        logged["gradient"] = norm.detach()
    # What the wrapped optimiser's own step() does; a bare one's would go past FP16's scaler and take scaled gradients for real ones.
    fabric.strategy.optimizer_step(optimiser.optimizer if isinstance(optimiser, _FabricOptimizer) else optimiser)
    return logged


@contextlib.contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Gradients pass through these networks and none is kept for them: a discriminator while the generator learns."""
    parameters = [parameter for network in networks for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def mean_over_devices(fabric: Fabric, values: Tensor) -> Tensor:
    """The mean over everything, on all processes, with a gradient: what a relativistic loss compares with."""
    own = values.mean()
    if fabric.world_size == 1:
        return own
    mean: Tensor = _MeanOverProcesses.apply(own)  # type: ignore[no-untyped-call]
    return mean


class _MeanOverProcesses(torch.autograd.Function):
    """Not `fabric.all_gather(…, sync_grads=True)`: that stands on a function of which PyTorch 2.13 says that it will go."""

    @staticmethod
    def forward(_context: Any, own: Tensor) -> Tensor:
        return _mean_over_processes(own)

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        # Each process's loss depends on the mean, so each one's gradient goes to all.
        return _mean_over_processes(gradients[0])


def _mean_over_processes(own: Tensor) -> Tensor:
    total = own.detach().clone()
    torch.distributed.all_reduce(total)
    return total / torch.distributed.get_world_size()
