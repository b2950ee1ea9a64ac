"""Owns how a training looks at itself: the averaged network on a few held-out pictures; knows nothing of losses or steps.

A validation must cost little beside the steps between two of them, so it takes the middle of the first few pictures of each trial. It
says which checkpoint was the best, and is no score: `clearway evaluate` takes whole pictures, and all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np

from runtime.backend import Picture
from training.checkpoint import Checkpoint
from training.evaluate import checkpoint_restore
from training.logs import mean_over_weather
from training.metrics import Levels, psnr
from training.trials import Trial

_Array = TypeVar("_Array", Picture, Levels)
_SIDE = 256


@dataclass(frozen=True)
class Validation:
    psnr: dict[str, float]  # mean over each trial's pictures, dB
    panels: dict[str, Picture]  # the first picture of each trial: degraded | restored | clean

    @property
    def mean(self) -> float:
        """What decides which checkpoint is the best: the mean over the trials with weather."""
        return mean_over_weather(self.psnr)


def validate(checkpoint: Checkpoint, trials: Iterable[Trial], protocol: str, pictures: int, device: str) -> Validation:
    restore = checkpoint_restore(checkpoint, device=device)
    reached_of, panels = {}, {}
    for trial in trials:
        reached = []
        for case in itertools.islice(trial.cases(), pictures):
            assert case.degraded is not None  # trials of a recipe have both
            degraded, clean = _middle(case.degraded), _middle(case.clean)
            restored = restore(degraded)
            reached.append(min(psnr(restored, clean, protocol), 100.0))
            if trial.name not in panels:
                panels[trial.name] = _beside([_bytes(degraded), restored, clean])
        reached_of[trial.name] = float(np.mean(reached))
    return Validation(reached_of, panels)


def _middle(picture: _Array) -> _Array:
    height, width = picture.shape[:2]
    top, left = max(height - _SIDE, 0) // 2, max(width - _SIDE, 0) // 2
    return cast(_Array, np.ascontiguousarray(picture[top : top + _SIDE, left : left + _SIDE]))


def _beside(pictures: Sequence[Picture]) -> Picture:
    return np.concatenate(pictures, axis=1)


def _bytes(levels: Levels) -> Picture:
    return np.asarray(np.rint(np.clip(levels, 0, 255)), np.uint8)
