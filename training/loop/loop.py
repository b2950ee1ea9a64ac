"""The training loop: averaging, validation, when to save and when to stop. Knows no network, loss or picture.

`train` runs a recipe in a folder:

    state.safetensors   everything that the next step depends on; resuming equals never stopping, bit for bit
    model.safetensors   the averaged generator, ready for `clearway export`
    best.safetensors    the same at the best validation so far
    log.csv, validation.csv, tensorboard/
"""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

import torch
from lightning_fabric import Fabric
from torch import Tensor

from runtime.errors import TrainingError
from runtime.model.manifest import ModelCard
from training.checkpoint import Checkpoint, save_checkpoint, write_tensors
from training.data.batches import Batch, TrainingPictures
from training.loop.devices import Device, first_does, leave_together, set_up_devices
from training.loop.learning import Learner
from training.loop.logs import Logs
from training.loop.state import TrainingState
from training.loop.stopping import StopRequest
from training.loop.validation import Validator
from training.loop.window import LossWindow, NonFiniteLoss
from training.recipes.recipe import Recipe
from training.scoring.metrics import find_protocol
from training.scoring.trials import trials_of
from training.settings import values_of

MODEL, BEST = "model.safetensors", "best.safetensors"


@dataclass(frozen=True)
class LoopOptions:
    """What belongs to this run and this machine, not to the recipe."""

    folder: Path
    licence: str
    settings: tuple[str, ...] = ()  # by what the recipe was changed, for the model card
    device: Device = field(default_factory=Device)
    save_every: int = 500
    log_every: int = 100
    validate_every: int = 2_000
    validate_pictures: int = 8  # of each trial


@dataclass(frozen=True)
class Progress:
    """What the loop says every `log_every` steps."""

    step: int
    steps: int
    losses: dict[str, float]  # means since the last report
    steps_per_second: float


def train(
    recipe: Recipe,
    pictures: TrainingPictures,
    options: LoopOptions,
    report: Callable[[Progress], None],
    say: Callable[[str], None] = lambda _sentence: None,
) -> Path:
    """Trains to the recipe's last step, from the folder's state if it has one; the path of the finished model."""
    _Training(recipe, pictures, options, set_up_devices(options.device), report, say).run()
    return options.folder / MODEL


class _Training:
    def __init__(
        self,
        recipe: Recipe,
        pictures: TrainingPictures,
        options: LoopOptions,
        fabric: Fabric,
        report: Callable[[Progress], None],
        say: Callable[[str], None],
    ) -> None:
        self._recipe, self._pictures, self._options = recipe, pictures, options
        self._fabric, self._report, self._say = fabric, report, say
        self._learning = Learner(recipe, pictures, fabric)
        self._protocol = find_protocol(recipe.protocol)
        system, generator = self._learning.system, self._learning.generator
        self._state = TrainingState(fabric, system, {name: value.clone() for name, value in generator.state_dict().items()})
        self._state.restore(options.folder, self._settings())
        self._validates = bool(pictures.held_out or pictures.held_out_pairs)
        if self._validates and fabric.is_global_zero:
            self._validator = Validator(trials_of(recipe, pictures), self._protocol, options.validate_pictures)
        self._losses = LossWindow(fabric)
        self._logs: Logs | None = None  # the first process's

    def run(self) -> None:
        recipe, learning, state, first = self._recipe, self._learning, self._state, self._state.step
        if not self._validates:
            self._say_once(f"--data holds nothing out, so nothing is validated and no {BEST} is kept; name a test set too")
        started = time.perf_counter()
        first_does(self._fabric, lambda: self._open_logs(first))
        with StopRequest(self._fabric).watching() as stop, self._logs or contextlib.nullcontext():
            for step, batches in enumerate(learning.batches(first, recipe.steps), start=first):
                self._step(step, batches)
                state.step = step + 1
                last, asked = state.step == recipe.steps, stop.asked()
                if self._due(self._options.log_every) or last:
                    self._log((state.step - first) / (time.perf_counter() - started))
                if self._validates and (self._due(self._options.validate_every) or last):
                    self._validate()
                if self._due(self._options.save_every) or last or asked:
                    self._save()
                if asked and not last:
                    self._say_once(f"stopped after step {state.step:,}, which is saved: the same command goes on from there")
                    leave_together(self._fabric, stop.reason(), 128 + asked)

    def _open_logs(self, first: int) -> None:
        self._logs = Logs(self._options.folder, first)

    def _say_once(self, sentence: str) -> None:
        if self._fabric.is_global_zero:
            self._say(sentence)

    def _due(self, every: int) -> bool:
        return self._state.step % every == 0

    def _step(self, step: int, batches: Sequence[Batch]) -> None:
        self._losses.add(step, self._learning.step(step, batches))
        _update_average(self._state.average, self._learning.generator.state_dict(), self._recipe.ema, step)

    def _log(self, steps_per_second: float) -> None:
        self._stop_if_broken()
        losses = self._losses.take()
        first_does(self._fabric, lambda: self._tell(losses, steps_per_second))

    def _tell(self, losses: dict[str, float], steps_per_second: float) -> None:
        assert self._logs is not None  # the first process tells
        self._logs.losses(self._state.step, losses | {"steps_per_second": steps_per_second})
        self._report(Progress(self._state.step, self._recipe.steps, losses, steps_per_second))

    def _stop_if_broken(self) -> None:
        """Keeps the batch that a loss broke on, and leaves on every process; what was saved before it stays."""
        if broken := self._losses.first_broken():
            first_does(self._fabric, functools.partial(self._give_up, broken))

    def _give_up(self, broken: NonFiniteLoss) -> NoReturn:
        path = self._options.folder / f"batch-{broken.step}-of-process-{broken.process}.safetensors"
        drawn = self._learning.draw(broken.step, broken.process)
        tensors = {f"{kind}.{i}": getattr(batch, kind) for i, batch in enumerate(drawn) for kind in ("degraded", "clean")}
        write_tensors(path, tensors, {"step": broken.step, "recipe": self._recipe.name, "seed": self._recipe.seed})
        raise TrainingError(
            f"the loss {broken.name} is {broken.value} at step {broken.step:,}; its batch is kept in {path} and what was saved before it "
            "stays; start anew in another folder with a lower --set learning_rate or with --precision 32-true"
        )

    def _validate(self) -> None:
        self._stop_if_broken()
        self._check_weights()
        first_does(self._fabric, self._look)

    def _look(self) -> None:
        seen = self._validator.look(self._checkpoint(), self._fabric.device)
        step, best = self._state.step, self._state.best
        assert self._logs is not None  # the first process looks
        self._logs.validation(step, seen.psnr, seen.panels)
        better = seen.mean > best.get("psnr", -math.inf)
        if better:
            self._state.best = {"psnr": seen.mean, "step": step}
            save_checkpoint(self._options.folder / BEST, self._checkpoint())
        now = f"the best so far, kept as {BEST}" if better else f"the best was {best['psnr']:.2f} dB at step {best['step']:,}"
        self._say(f"step {step:,}: validation {seen.mean:.2f} dB, {now}")

    def _save(self) -> None:
        self._stop_if_broken()
        self._check_weights()
        first_does(self._fabric, lambda: save_checkpoint(self._options.folder / MODEL, self._checkpoint()))
        self._state.save(self._options.folder, self._settings())

    def _check_weights(self) -> None:
        """A step whose losses were finite may still have broken them, those of a discriminator too."""
        networks = self._learning.system.networks.values()
        weights = [*self._state.average.values(), *(value for network in networks for value in network.state_dict().values())]
        if not torch.stack([value.isfinite().all() for value in weights]).all():  # alike in all processes
            wrong = TrainingError(
                f"the weights are not finite at step {self._state.step:,}; what was saved before stays; "
                "start anew in another folder with a lower --set learning_rate or with --precision 32-true"
            )
            leave_together(self._fabric, wrong, wrong.exit_code)

    def _checkpoint(self) -> Checkpoint:
        recipe, preset = self._recipe, self._recipe.network
        card = ModelCard(
            recipe=recipe.name,
            seed=recipe.seed,
            steps=self._state.step,
            data=self._pictures.described,
            licence=self._options.licence,
            weaknesses=recipe.weaknesses,
            settings=self._options.settings,
        )
        config = asdict(preset.config)
        return Checkpoint(preset.network, preset.name, config, recipe.task, recipe.summary, card, self._state.average)

    def _settings(self) -> dict[str, object]:
        """What shapes the weights: resuming with anything else would be another training."""
        run = {"precision": self._options.device.precision, "number_of_devices": self._fabric.world_size}
        return values_of(self._recipe) | run | {"data": list(self._pictures.described), "settings": list(self._options.settings)}


@torch.no_grad()
def _update_average(average: dict[str, Tensor], weights: dict[str, Tensor], decay: float, step: int) -> None:
    # Early on the average would be mostly the random start: let it forget faster.
    keep = min(decay, (1 + step) / (10 + step))
    for name, value in weights.items():
        average[name].lerp_(value, 1 - keep)
