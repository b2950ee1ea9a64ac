"""How a training looks at itself: the averaged network on a few held-out pictures. Does not know losses or steps.

A validation must cost little beside the steps between two of them, so it takes the middle of the first few pictures of each trial. It
says which checkpoint was the best, and is no score: `clearway evaluate` takes whole pictures, and all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from runtime.picture import Picture
from training.checkpoint import Checkpoint
from training.loop.logs import mean_over_weather
from training.scoring.evaluate import checkpoint_restore
from training.scoring.metrics import Levels, psnr
from training.scoring.trials import Case, Trial

_Array = TypeVar("_Array", Picture, Levels)
_SIDE = 256


@dataclass(frozen=True)
class _MiddleCrop:
    degraded: Levels
    clean: Picture


@dataclass(frozen=True)
class Validation:
    psnr: dict[str, float]  # mean over each trial's pictures, dB
    panels: dict[str, Picture]  # the first picture of each trial: degraded | restored | clean

    @property
    def mean(self) -> float:
        """What decides which checkpoint is the best: the mean over the trials with weather."""
        return mean_over_weather(self.psnr)


class Validator:
    """Draws its pictures once, before the first step: what cannot be drawn or scored is said then, and not an hour later."""

    def __init__(self, trials: Iterable[Trial], protocol: str, pictures: int) -> None:
        self._protocol = protocol
        self._cases = {trial.name: [_cut(case) for case in itertools.islice(trial.cases(), pictures)] for trial in trials}
        for cases in self._cases.values():
            psnr(cases[0].degraded, cases[0].clean, protocol)

    def look(self, checkpoint: Checkpoint, device: torch.device) -> Validation:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):  # a network that is built draws its first weights
            restore = checkpoint_restore(checkpoint, device=device.type)
        reached, panels = {}, {}
        for name, cases in self._cases.items():
            restored = [restore(case.degraded) for case in cases]
            each = [min(psnr(picture, case.clean, self._protocol), 100.0) for picture, case in zip(restored, cases, strict=True)]
            reached[name] = float(np.mean(each))
            panels[name] = _beside([_bytes(cases[0].degraded), restored[0], cases[0].clean])
        return Validation(reached, panels)


def _cut(case: Case) -> _MiddleCrop:
    assert case.degraded is not None  # trials of a recipe have both
    return _MiddleCrop(_middle(case.degraded), _middle(case.clean))


def _middle(picture: _Array) -> _Array:
    height, width = picture.shape[:2]
    top, left = max(height - _SIDE, 0) // 2, max(width - _SIDE, 0) // 2
    return picture[top : top + _SIDE, left : left + _SIDE].copy()  # a copy: the whole picture can go


def _beside(pictures: Sequence[Picture]) -> Picture:
    return np.concatenate(pictures, axis=1)


def _bytes(levels: Levels) -> Picture:
    return np.asarray(np.rint(np.clip(levels, 0, 255)), np.uint8)
