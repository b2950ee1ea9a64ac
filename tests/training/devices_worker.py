"""One process of a training on several: torchrun starts it, `test_devices.py` compares what it writes with one process alone.

    torchrun --nproc-per-node 2 -m tests.training.devices_worker OUT
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.training.pictures import drawn
from training.data import TrainingPictures
from training.devices import Device
from training.loop import LoopOptions, train
from training.recipes import find_recipe
from training.recipes.recipe import Recipe
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


if __name__ == "__main__":
    for _name in SYSTEMS:
        run(_name, Path(sys.argv[1]) / _name, batch=2)
