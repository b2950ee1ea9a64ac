"""One process of a training on several: torchrun starts it, `test_devices.py` compares what it writes with one process alone.

torchrun --nproc-per-node 2 -m tests.support.training.devices_worker OUT
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed

from tests.support.training.pictures import drawn
from training.checkpoint import read_tensors
from training.data.batches import TrainingPictures
from training.loop.devices import Device, set_up_devices
from training.loop.loop import LoopOptions, Progress, train
from training.loop.state import STATE
from training.recipes import find_recipe
from training.recipes.recipe import Recipe, mean_over_devices
from training.settings import with_settings

# Recipe → what makes it small, and without a pool: what a pool hands back depends on what each process put in.
SYSTEMS: dict[str, Sequence[str]] = {
    "derain": (),
    "aigan-derain": ("network=aigan-edge", "network.channels=8", "method.judge_channels=8"),
    "physicsgan-derain": ("network=physicsgan-edge", "network.channels=8", "method.judge_channels=8", "method.pool=0"),
    "plnlin-derain": ("network=plnlin-edge", "network.channels=8", "network.window=4", "method.judge_channels=8", "method.ratio=1"),
}
_EACH = ("steps=3", "patch=32", "warm_up=0", "ema=0", "learning_rate=1e-3", "schedule=constant-then-linear")


def recipe_of(name: str, batch: int) -> Recipe:
    recipe = with_settings(find_recipe(name), [*_EACH, *SYSTEMS[name]])
    return replace(recipe, batch=batch)


def run(name: str, folder: Path, batch: int) -> None:
    options = LoopOptions(folder, "test pictures", device=Device("32-true"))
    train(recipe_of(name, batch), TrainingPictures.of(drawn(3)), options, lambda _now: None)


def _pooled(folder: Path, report: Callable[[Progress], None] = lambda _now: None) -> None:
    """Pools of pictures differ from process to process: resuming must give each its own."""
    recipe = with_settings(recipe_of("physicsgan-derain", 2), ["steps=6", "method.pool=3", "method.pool_side=32"])
    options = LoopOptions(folder, "test pictures", device=Device("32-true"), log_every=2)
    train(recipe, TrainingPictures.of(drawn(3)), options, report)


def _interrupted(folder: Path) -> str:
    """How this process left, where the first one alone hears a signal when it reports step 2."""

    def hear(now: Progress) -> None:
        if now.step == 2:
            signal.raise_signal(signal.SIGTERM)

    try:
        _pooled(folder, hear)
    except SystemExit as left:
        return f"exit code {left.code}"
    return "by itself"


def _mean(rank: int) -> dict[str, float]:
    """Process r has the value r + 1, and the loss (r + 1) · mean."""
    value = torch.tensor([rank + 1.0], requires_grad=True)
    mean = mean_over_devices(set_up_devices(Device("32-true")), value)
    ((rank + 1) * mean).backward()
    assert value.grad is not None
    return {"mean": mean.item(), "gradient": value.grad.item()}


def _main(folder: Path) -> None:
    rank = int(os.environ["RANK"])
    for name in SYSTEMS:
        run(name, folder / name, batch=2)
    _pooled(folder / "whole")
    left = _interrupted(folder / "cut")
    stopped_at = read_tensors(folder / "cut" / STATE)[1]["step"]
    torch.distributed.barrier()
    _pooled(folder / "cut")
    (folder / f"process-{rank}.json").write_text(json.dumps({"left": left, "step": stopped_at, **_mean(rank)}))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
