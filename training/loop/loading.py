"""The question whether drawing pictures keeps the training waiting. Knows no network, loss or picture.

Two rates, from blocks of steps that take turns, so that whatever else the machine does meets both: with batches that were drawn once,
and with batches that are drawn the way `train` draws them.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass

from training.data.batches import Batch, TrainingPictures
from training.loop.devices import Device, set_up_devices, wait_for
from training.loop.learning import Learner
from training.recipes.recipe import Recipe

_BLOCKS = 4  # of each kind
_CACHED = 4  # batches
_WARM_UP = 3  # steps of each block that are not counted


@dataclass(frozen=True)
class LoadingRates:
    cached: float  # steps a second
    drawn: float

    @property
    def share(self) -> float:
        return self.drawn / self.cached


def measure_loading(recipe: Recipe, pictures: TrainingPictures, device: Device, steps: int) -> LoadingRates:
    """`steps` of each kind are counted, at least; nothing is kept of what was learned."""
    fabric = set_up_devices(device)
    learning, each = Learner(recipe, pictures, fabric), -(-steps // _BLOCKS)
    block = each + _WARM_UP
    number = itertools.count()

    def seconds(batches: Iterable[list[Batch]]) -> float:
        for place, batch in enumerate(batches):
            if place == _WARM_UP:
                wait_for(fabric)
                started = time.perf_counter()
            learning.step(next(number), batch)
        wait_for(fabric)
        return time.perf_counter() - started

    cached = itertools.cycle([learning.draw(step) for step in range(_CACHED)])
    seconds(itertools.islice(cached, block))  # the first steps of all choose their algorithms
    times = [
        (seconds(itertools.islice(cached, block)), seconds(learning.batches(first, first + block)))
        for first in range(_CACHED, _CACHED + _BLOCKS * block, block)
    ]
    cached_s, drawn_s = (sum(kind) for kind in zip(*times, strict=True))
    return LoadingRates(_BLOCKS * each / cached_s, _BLOCKS * each / drawn_s)
