"""How far one answer is from PyTorch's, picture by picture. Does not know backends or what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.bicubic import enlarged
from runtime.picture import Picture, Tensors
from training.scoring.metrics import measure, psnr

IDENTICAL = 100.0  # dB that identical pictures count as in a mean
CHANNELS = ("blue", "green", "red")
_BYTES = ("restored", "interference")
_WHITE = 255


@dataclass(frozen=True)
class OutputDifference:
    """One output of one picture against PyTorch's."""

    output: str
    which: str  # "restored of a.png 319×241"
    size: tuple[int, int]  # height, width
    levels: int  # the largest anywhere
    psnr_db: float
    ssim: float
    shift: NDArray[np.float64]  # [B, G, R] grey levels by which the mean is off, in the bytes or before clamping: the larger of the two
    black: int  # pixels that are black or white where PyTorch's are far from it


@dataclass(frozen=True)
class TaskScores:
    """PSNR against the clean truth: of the degraded picture, of PyTorch's answer and of the backend's."""

    degraded_db: float
    pytorch_db: float
    backend_db: float

    @property
    def drop_db(self) -> float:
        return self.pytorch_db - self.backend_db


def differences(name: str, expected: Tensors, got: Tensors, far: int) -> Iterator[OutputDifference]:
    """Of every output that is a picture. `far` is how many levels count as far from black."""
    for output in (output for output in _BYTES if output in expected):
        a, b = bytes_of(got, output), bytes_of(expected, output)
        scores = measure(a, b)
        shift = a.mean((0, 1)) - b.mean((0, 1))
        if output == "restored":
            unclamped = _WHITE * (np.float64(got["health"][0]) - expected["health"][0])
            shift = np.where(np.abs(unclamped) > np.abs(shift), unclamped, shift)
        apart = int(np.abs(a.astype(np.int16) - b).max())
        size = (a.shape[0], a.shape[1])
        yield OutputDifference(
            output, f"{output} of {name}", size, apart, min(scores.psnr, IDENTICAL), scores.ssim, shift, _black(a, b, far)
        )


def task_of(degraded: Picture, expected: Tensors, got: Tensors, clean: Picture) -> TaskScores:
    """A picture smaller than its truth counts as what bicubic makes of it at the truth's size."""
    times = clean.shape[0] // degraded.shape[0]
    shown = degraded if times == 1 else np.rint(enlarged(degraded, times)).clip(0, 255).astype(np.uint8)
    pictures = (shown, bytes_of(expected, "restored"), bytes_of(got, "restored"))
    return TaskScores(*(min(psnr(picture, clean), IDENTICAL) for picture in pictures))


def mean_shift(found: Sequence[OutputDifference]) -> NDArray[np.float64]:
    """[B, G, R] over all pixels of all pictures, so that a tiny picture weighs as little as it is."""
    return np.average([one.shift for one in found], axis=0, weights=[one.size[0] * one.size[1] for one in found])


def mean_of(tasks: Sequence[TaskScores]) -> TaskScores:
    return TaskScores(*(float(np.mean(one)) for one in zip(*((t.degraded_db, t.pytorch_db, t.backend_db) for t in tasks), strict=True)))


def bytes_of(tensors: Tensors, output: str) -> Picture:
    return np.asarray(tensors[output][0], dtype=np.uint8)


def _black(got: Picture, expected: Picture, far: int) -> int:
    """NaN becomes a byte of 0 on one engine and 255 on the next, so that white counts too."""
    dark = (got == 0).all(axis=2) & (expected.max(axis=2) >= far)
    bright = (got == _WHITE).all(axis=2) & (expected.min(axis=2) <= _WHITE - far)
    return int((dark | bright).sum())
