"""Owns the training loop: devices, schedule, averaging, checkpoints, resume, the log; knows no network, loss or picture.

`train` runs a recipe in a folder:

    state.safetensors   everything that the next step depends on; written atomically, so that resuming equals never stopping
    model.safetensors   the averaged generator, ready for `clearway export`
    log.csv             one line every `log_every` steps

The learning rate is a function of the step and a batch is a function of (seed, step), so neither is part of the state.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from runtime.errors import CheckpointError, TrainingError
from runtime.manifest import ModelCard
from training.checkpoint import Checkpoint, read_tensors, save_checkpoint, write_tensors
from training.data import Batch, Patches, TrainingPictures, prefetched
from training.recipes.recipe import Recipe, System
from training.recipes.schedules import SCHEDULES

STATE, MODEL, LOG = "state.safetensors", "model.safetensors", "log.csv"


@dataclass(frozen=True)
class LoopOptions:
    """What belongs to this run and this machine, not to the recipe."""

    folder: Path
    licence: str
    precision: str = "bf16-mixed"
    devices: int = 1
    save_every: int = 500
    log_every: int = 100


@dataclass(frozen=True)
class Progress:
    """What the loop says every `log_every` steps."""

    step: int
    steps: int
    losses: dict[str, float]  # means since the last report
    steps_per_second: float


def train(recipe: Recipe, pictures: TrainingPictures, options: LoopOptions, report: Callable[[Progress], None]) -> Path:
    """Trains to the recipe's last step, from the folder's state if it has one; the path of the finished model."""
    fabric = Fabric(accelerator="auto", devices=options.devices, precision=options.precision)  # type: ignore[arg-type]
    fabric.launch()
    fabric.seed_everything(recipe.seed, verbose=False)
    generator = recipe.network.build().to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    system = recipe.method.set_up(fabric, generator, recipe.learning_rate)
    base_rates = {name: [group["lr"] for group in optimiser.param_groups] for name, optimiser in system.optimisers.items()}
    average = {name: value.clone() for name, value in generator.state_dict().items()}
    first = _restore(options.folder / STATE, _fingerprint(recipe, pictures, options), system, average)
    patches = Patches(
        pictures.clean,
        recipe.degradation(recipe.seed, pictures.pairs),
        patch=recipe.patch,
        batch=recipe.batch,
        seed=recipe.seed + 1_000_003 * fabric.global_rank,
    )
    started, sums = time.perf_counter(), dict[str, Tensor]()
    for step, batch in enumerate(prefetched(patches, first, recipe.steps), start=first):
        _set_learning_rates(system, base_rates, SCHEDULES[recipe.schedule](recipe, step))
        for name, loss in system.step([_to_device(batch, fabric)]).items():
            sums[name] = sums.get(name, 0) + loss
        _update_average(average, generator.state_dict(), recipe.ema, step)
        done = step + 1
        if done % options.log_every == 0 or done == recipe.steps:
            since = min((done - 1) % options.log_every + 1, done - first)
            now = Progress(done, recipe.steps, _means(sums, since, done), (done - first) / (time.perf_counter() - started))
            sums.clear()
            if fabric.is_global_zero:
                _log(options.folder / LOG, now)
                report(now)
        if fabric.is_global_zero and (done % options.save_every == 0 or done == recipe.steps):
            _save(options, recipe, pictures, system, average, done)
    return options.folder / MODEL


def _set_learning_rates(system: System, base: dict[str, list[float]], factor: float) -> None:
    """Each optimiser keeps its own rate; the schedule only scales them."""
    for name, optimiser in system.optimisers.items():
        for group, rate in zip(optimiser.param_groups, base[name], strict=True):
            group["lr"] = rate * factor


def _to_device(batch: Batch, fabric: Fabric) -> Batch:
    return replace(batch, degraded=fabric.to_device(batch.degraded), clean=fabric.to_device(batch.clean))


@torch.no_grad()
def _update_average(average: dict[str, Tensor], weights: dict[str, Tensor], decay: float, step: int) -> None:
    # Early on the average would be mostly the random start: let it forget faster.
    keep = min(decay, (1 + step) / (10 + step))
    for name, value in weights.items():
        average[name].lerp_(value, 1 - keep)


def _means(sums: dict[str, Tensor], count: int, step: int) -> dict[str, float]:
    values = {name: float(value) / count for name, value in sums.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise TrainingError(f"the loss {name} became {value} before step {step}; start anew with a lower --learning-rate")
    return values


def _save(
    options: LoopOptions, recipe: Recipe, pictures: TrainingPictures, system: System, average: dict[str, Tensor], step: int
) -> None:
    if not all(value.isfinite().all() for value in average.values()):
        raise TrainingError(f"the weights are not finite at step {step}; start anew with a lower --learning-rate")
    tensors = {f"average.{name}": value for name, value in average.items()} | {"random": torch.get_rng_state()}
    for key, network in system.networks.items():
        tensors |= {f"network.{key}.{name}": value for name, value in network.state_dict().items()}
    for key, optimiser in system.optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{key}.{index}.{name}": value for name, value in values.items()}
    tensors |= {f"memory.{name}": value for name, value in system.memory.items()}
    preset = recipe.network
    card = ModelCard(recipe.name, recipe.seed, step, pictures.described, options.licence, recipe.weaknesses)
    checkpoint = Checkpoint(preset.network, preset.name, asdict(preset.config), recipe.task, recipe.summary, card, average)
    save_checkpoint(options.folder / MODEL, checkpoint)
    # Last: a crash before this line only means that these steps are trained again.
    write_tensors(options.folder / STATE, tensors, {"step": step, "settings": _fingerprint(recipe, pictures, options)})


def _restore(path: Path, settings: dict[str, object], system: System, average: dict[str, Tensor]) -> int:
    """Puts a saved state back into everything; the step to go on from, 0 where there is no state."""
    if not path.exists():
        return 0
    tensors, facts = read_tensors(path)
    if other := [name for name, value in settings.items() if facts.get("settings", {}).get(name) != value]:
        raise CheckpointError(f"{path} was trained with another {other[0].replace('_', ' ')}; name another folder with --out")
    for key, network in system.networks.items():
        network.load_state_dict(_under(tensors, f"network.{key}."))
    for key, optimiser in system.optimisers.items():
        _restore_optimiser(optimiser, _under(tensors, f"optimiser.{key}."))
    for name, value in _under(tensors, "memory.").items():
        system.memory[name].copy_(value)
    for name, value in _under(tensors, "average.").items():
        average[name].copy_(value)
    torch.set_rng_state(tensors["random"])
    return int(facts["step"])


def _restore_optimiser(optimiser: Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, field = name.split(".")
        parameter = parameters[int(index)]
        # Fused optimisers walk raw memory, so a moment must lie as its parameter does: channels-last, not as files keep it.
        like = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
        state.setdefault(int(index), {})[field] = like
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _fingerprint(recipe: Recipe, pictures: TrainingPictures, options: LoopOptions) -> dict[str, object]:
    """What shapes the weights: resuming with anything else would be another training."""
    fields = ("name", "steps", "batch", "patch", "learning_rate", "warm_up", "ema", "seed")
    settings = {field: getattr(recipe, field) for field in fields}
    settings |= {"network": recipe.network.name}
    return settings | {"precision": options.precision, "number_of_devices": options.devices, "data": list(pictures.described)}


def _log(path: Path, progress: Progress) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", *progress.losses, "steps_per_second"])
        writer.writerow([progress.step, *(f"{value:.6g}" for value in progress.losses.values()), f"{progress.steps_per_second:.3g}"])
