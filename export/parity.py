"""Owns the question whether two ways of running a model agree, and how much is allowed; imports neither torch nor onnx.

A `Case` is a degraded picture with the answer that PyTorch gave in FP32. `compare` runs a backend on cases and returns a
verdict against `LIMITS`, the one table of thresholds. Where the clean picture is known, the verdict also says what the
backend costs at the task itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from runtime.backend import Backend, Picture, Tensors
from runtime.errors import ParityError
from runtime.manifest import ParityRecord
from training.metrics import psnr

_BYTES = ("restored", "interference")
_IDENTICAL = 100.0  # dB that identical pictures count as in a mean


@dataclass(frozen=True)
class Limits:
    """What one way of running may differ from PyTorch in FP32. None: not asked."""

    max_levels: int | None = None
    psnr_db: float | None = None  # mean over the pictures of each size
    psnr_worst_db: float | None = None  # of every picture
    task_psnr_drop_db: float | None = None  # mean over the pictures whose clean truth is known


LIMITS: dict[tuple[str, str], Limits] = {
    ("onnxruntime", "fp32"): Limits(max_levels=1),
    ("openvino", "fp32"): Limits(max_levels=1),
    ("node-by-node", "fp16"): Limits(psnr_db=50.0, psnr_worst_db=35.0, task_psnr_drop_db=0.02),
    ("openvino", "bf16"): Limits(psnr_db=50.0, psnr_worst_db=35.0, task_psnr_drop_db=0.05),
    ("openvino", "bf16+fp32"): Limits(psnr_db=50.0, psnr_worst_db=35.0, task_psnr_drop_db=0.05),  # it has no bf16 for some layers
}


@dataclass(frozen=True)
class Case:
    name: str
    frame: Picture  # [H, W, 3], degraded
    clean: Picture | None  # the truth at the restored picture's size, where it is known
    expected: Tensors  # PyTorch's answer in FP32, each [1, ...]


@dataclass(frozen=True)
class Verdict:
    record: ParityRecord
    problems: tuple[str, ...]  # empty where the limits hold

    @property
    def holds(self) -> bool:
        return not self.problems

    def require(self) -> ParityRecord:
        if self.problems:
            raise ParityError(f"{self.record.backend} in {self.record.precision} does not agree with PyTorch: {'; '.join(self.problems)}")
        return self.record


def compare(backend: Backend, cases: Sequence[Case], pictures: str) -> Verdict:
    """Runs every case. `pictures` says in words what the cases are."""
    name, precision = backend.facts.name, backend.facts.precision
    limits = LIMITS.get((name, precision))
    if limits is None:
        raise ParityError(f"no limits are stated for {name} in {precision}; there are: {', '.join(f'{n} {p}' for n, p in LIMITS)}")
    problems: list[str] = []
    levels, worst_levels, drops = 0, "", list[float]()
    closeness: dict[tuple[int, ...], list[tuple[float, str]]] = {}  # (PSNR, which) by the picture's size
    for case in cases:
        got = backend.run(case.frame[None])
        problems += _misshapen(case, got)
        if problems:  # what follows compares arrays of one shape
            break
        for output in (name for name in _BYTES if name in case.expected):
            a, b = _picture(got, output), _picture(case.expected, output)
            difference = int(np.abs(a.astype(np.int16) - b.astype(np.int16)).max())
            if difference > levels:
                levels, worst_levels = difference, f"{output} of {case.name}"
            closeness.setdefault(a.shape, []).append((min(psnr(a, b), _IDENTICAL), f"{output} of {case.name}"))
        if case.clean is not None:
            drops.append(_drop(_picture(case.expected, "restored"), _picture(got, "restored"), case.clean))
    drop = float(np.mean(drops)) if drops else None
    if limits.max_levels is not None and levels > limits.max_levels:
        problems.append(f"{worst_levels} is off by {levels} grey levels, {limits.max_levels} is allowed")
    problems += _too_far(closeness, limits)
    if limits.task_psnr_drop_db is not None and drop is not None and drop > limits.task_psnr_drop_db:
        problems.append(f"restored pictures lose {drop:.3f} dB against the clean truth, {limits.task_psnr_drop_db} dB is allowed")
    every = [found for of_size in closeness.values() for found, _ in of_size]
    far = bool(every) and min(every) < _IDENTICAL
    mean, worst = (round(float(np.mean(every)), 3), round(min(every), 3)) if far else (None, None)
    return Verdict(ParityRecord(name, precision, pictures, levels, mean, worst, None if drop is None else round(drop, 5)), tuple(problems))


def _too_far(closeness: dict[tuple[int, ...], list[tuple[float, str]]], limits: Limits) -> Iterator[str]:
    for (height, width, _), found in closeness.items():
        mean, (worst, which) = float(np.mean([value for value, _ in found])), min(found)
        if limits.psnr_db is not None and mean < limits.psnr_db:
            yield f"pictures of {width}×{height} have {mean:.2f} dB against it in the mean, {limits.psnr_db} dB is asked"
        if limits.psnr_worst_db is not None and worst < limits.psnr_worst_db:
            yield f"{which} has {worst:.2f} dB against it, {limits.psnr_worst_db} dB is asked of every picture"


def _misshapen(case: Case, got: Tensors) -> Iterator[str]:
    """Outputs that are absent, of another shape, or not finite."""
    for output, expected in case.expected.items():
        if output not in got:
            yield f"it has no output {output!r}"
        elif got[output].shape != expected.shape:
            yield f"{output} of {case.name} has the shape {got[output].shape}, {expected.shape} was expected"
        elif not np.isfinite(got[output]).all():
            yield f"{output} of {case.name} holds NaN or Inf"


def _picture(tensors: Tensors, output: str) -> Picture:
    return np.asarray(tensors[output][0], dtype=np.uint8)


def _drop(expected: Picture, got: Picture, clean: Picture) -> float:
    reference, reached = psnr(expected, clean), psnr(got, clean)
    return 0.0 if reference == reached else reference - reached  # both may be infinite
