"""One training step, from the pictures of a step to its losses. Keeps, says and decides nothing.

The learning rate is a function of the step and a batch one of (seed, step, place), so neither is part of a training's state, several
processes share one step's batch, and a batch that broke something can be drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from lightning_fabric import Fabric
from torch import Tensor

from runtime.errors import UsageError
from runtime.machine.processor import usable_cores
from training.data.batches import Batch, Patches, TrainingPictures, prefetched
from training.loop.devices import processes_here
from training.recipes.recipe import Recipe
from training.recipes.schedules import find_schedule

_MOST_DRAWING = 4  # threads: numpy and OpenCV let go of the lock, and not all of the time


class Learner:
    """A recipe on its devices, ready for its first step."""

    def __init__(self, recipe: Recipe, pictures: TrainingPictures, fabric: Fabric) -> None:
        self._recipe, self._fabric = recipe, fabric
        fabric.seed_everything(recipe.seed, verbose=False)
        self._patches = Patches(
            pictures,
            recipe.degradation(recipe.seed, pictures.pairs),
            recipe.largest_patch,
            recipe.seed,
            learn_pairs=recipe.learn_pairs,
            shrink=recipe.shrink,
        )
        self._schedule = find_schedule(recipe.schedule)
        self.generator = recipe.network.build().to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        stride = int(self.generator.stride)
        for side in recipe.progressive or (recipe.patch,):
            if side % stride:
                raise UsageError(
                    f"{recipe.network.name}: expected patch sides that are multiples of {stride}, got {side}; change --set patch"
                )
        self.system = recipe.method.set_up(fabric, self.generator, recipe.learning_rate)
        self._base_rates = {name: [group["lr"] for group in optimiser.param_groups] for name, optimiser in self.system.optimisers.items()}

    def draw(self, step: int, process: int | None = None) -> list[Batch]:
        """A process's micro-batches of the step, by default this one's; those of all together are one batch, whoever draws which."""
        patch, batch = self._recipe.patches_at(step)
        rank = self._fabric.global_rank if process is None else process
        places = (rank * self._recipe.accumulate + micro for micro in range(self._recipe.accumulate))
        return [self._patches.batch(step, patch=patch, batch=batch, first=place * batch) for place in places]

    def batches(self, first: int, last: int) -> Iterator[list[Batch]]:
        """This process's: drawn beside the steps for a GPU, between them on a CPU.

        There one thread more than cores makes all of PyTorch's wait for one another: fdrnet-edge on two cores kept 0.69 of its rate with
        patches drawn beside it, and 0.87 with patches drawn in between (`--measure-loading`).
        """
        if self._fabric.device.type == "cpu":
            return map(self.draw, range(first, last))
        cores = usable_cores() // processes_here(self._fabric.world_size)
        workers = min(max(cores - 1, 1), _MOST_DRAWING)
        return prefetched(self.draw, first, last, workers=workers, ahead=4 * workers)

    def step(self, step: int, batches: Sequence[Batch]) -> dict[str, Tensor]:
        factor = self._schedule(self._recipe, step)
        for name, optimiser in self.system.optimisers.items():  # each keeps its own rate; the schedule only scales them
            for group, rate in zip(optimiser.param_groups, self._base_rates[name], strict=True):
                group["lr"] = rate * factor
        return self.system.step([self._to_device(batch) for batch in batches])

    def _to_device(self, batch: Batch) -> Batch:
        return replace(batch, degraded=self._fabric.to_device(batch.degraded), clean=self._fabric.to_device(batch.clean))
