"""The judgement: what was measured against what is allowed, each in a sentence. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.parity.limits import Limits
from export.parity.measures import CHANNELS, OutputDifference, TaskScores, mean_of, mean_shift


@dataclass(frozen=True)
class Check:
    """One line of a verdict."""

    measure: str  # "largest difference"
    measured: str  # "1 level"
    limit: str  # "≤ 1"; empty where nothing is asked
    problem: str = ""  # empty where it holds

    @property
    def holds(self) -> bool:
        return not self.problem


def checks_of(found: Sequence[OutputDifference], tasks: Sequence[TaskScores], limits: Limits) -> Iterator[Check]:
    """Every check names the picture, or the size, where it is worst."""
    far = max(found, key=lambda one: one.levels)
    sentence = f"{far.which} is off by {far.levels} grey levels, {limits.max_levels} is allowed"
    yield _at_most("largest difference, levels", far.levels, limits.max_levels, "d", sentence)
    yield from _closeness(found, limits)
    yield from _shifts(found, limits)
    black = max(found, key=lambda one: one.black)
    sentence = f"{black.which} has {black.black:,} black or white pixels where PyTorch's are at least {limits.black_levels} levels away"
    yield _at_most("black or white pixels", sum(one.black for one in found), 0, ",d", f"{sentence}, none is allowed")
    if tasks:
        mean = mean_of(tasks)
        yield Check("task PSNR, dB", f"{mean.degraded_db:.2f} → {mean.backend_db:.2f}, PyTorch {mean.pytorch_db:.2f}", "")
        sentence = f"restored pictures lose {mean.drop_db:.3f} dB against the clean truth, {limits.task_psnr_drop_db} dB is allowed"
        yield _at_most("task PSNR lost, dB", mean.drop_db, limits.task_psnr_drop_db, "z.4f", sentence)


def _closeness(found: Sequence[OutputDifference], limits: Limits) -> Iterator[Check]:
    sizes = dict.fromkeys(one.size for one in found)
    of_size = {size: float(np.mean([one.psnr_db for one in found if one.size == size])) for size in sizes}
    (height, width), mean = min(of_size.items(), key=lambda item: item[1])
    sentence = f"pictures of {width}×{height} have {mean:.2f} dB against it in the mean, {limits.psnr_db} dB is asked"
    yield _at_least("mean PSNR of the worst size, dB", mean, limits.psnr_db, ".2f", sentence)
    worst = min(found, key=lambda one: one.psnr_db)
    sentence = f"{worst.which} has {worst.psnr_db:.2f} dB against it, {limits.psnr_worst_db} dB is asked of every picture"
    yield _at_least("PSNR of the worst picture, dB", worst.psnr_db, limits.psnr_worst_db, ".2f", sentence)
    unlike = min(found, key=lambda one: one.ssim)
    sentence = f"{unlike.which} has an SSIM of {unlike.ssim:.4f} against it, {limits.ssim_worst} is asked of every picture"
    yield _at_least("SSIM of the worst picture", unlike.ssim, limits.ssim_worst, ".5f", sentence)


def _shifts(found: Sequence[OutputDifference], limits: Limits) -> Iterator[Check]:
    mean = mean_shift(found)
    by, sentence = _most_shifted(mean, "all pictures together are", limits.shift_levels)
    yield _at_most("colour shift of all, levels", by, limits.shift_levels, ".3f", sentence)
    worst = max(found, key=lambda one: float(np.abs(one.shift).max()))
    by, sentence = _most_shifted(worst.shift, f"{worst.which} is", limits.shift_worst_levels)
    yield _at_most("colour shift of the worst picture, levels", by, limits.shift_worst_levels, ".3f", sentence)


def _most_shifted(shift: NDArray[np.float64], what: str, limit: float) -> tuple[float, str]:
    channel = int(np.abs(shift).argmax())
    by = float(shift[channel])
    return abs(by), f"{what} shifted by {by:+.2f} grey levels in {CHANNELS[channel]}, {limit} is allowed"


def _at_most(measure: str, value: float, limit: float | None, form: str, problem: str) -> Check:
    return Check(measure, format(value, form), _words("≤", limit), "" if limit is None or value <= limit else problem)


def _at_least(measure: str, value: float, limit: float | None, form: str, problem: str) -> Check:
    return Check(measure, format(value, form), _words("≥", limit), "" if limit is None or value >= limit else problem)


def _words(bound: str, limit: float | None) -> str:
    return "" if limit is None else f"{bound} {limit:g}"
