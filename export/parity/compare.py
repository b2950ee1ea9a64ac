"""The question whether two ways of running a model agree; imports neither torch nor onnx.

A `Case` is a degraded picture with the answer that PyTorch gave in FP32. A `Comparison` runs a backend on one case after the
other and gives a verdict against export/parity/limits.py. Where the clean picture is known, the verdict also says what the backend
costs at the task itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from export.parity.checks import Check, checks_of
from export.parity.limits import limits_of
from export.parity.measures import IDENTICAL, OutputDifference, TaskScores, bytes_of, differences, mean_of, mean_shift, task_of
from runtime.backends.protocol import BackendFacts
from runtime.errors import ParityError
from runtime.model.manifest import ParityRecord
from runtime.picture import Picture, Tensors
from training.scoring.metrics import psnr


@dataclass(frozen=True)
class Case:
    name: str
    frame: Picture  # [H, W, 3], degraded
    clean: Picture | None  # the truth at the restored picture's size, where it is known
    expected: Tensors  # PyTorch's answer in FP32, each [1, ...]


class ModelRunner(Protocol):
    """A way of running a model: any backend, and what exists for verdicts alone."""

    facts: BackendFacts

    def run(self, frames: Picture, /) -> Tensors: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class WorstPicture:
    """A picture on which a backend was furthest from PyTorch, for people to look at."""

    which: str
    frame: Picture
    expected: Picture
    got: Picture
    psnr_db: float


@dataclass(frozen=True)
class Verdict:
    record: ParityRecord
    checks: tuple[Check, ...]
    detail: str  # what ran: the engine's version, the processor
    compared: int  # pictures; fewer than there are where the first that cannot be compared ended it
    worst: tuple[WorstPicture, ...]  # of each size, the furthest first; only the one that ended it, if any; none where its shape is another

    @property
    def problems(self) -> tuple[str, ...]:
        """Empty where the limits hold."""
        return tuple(check.problem for check in self.checks if not check.holds)

    @property
    def holds(self) -> bool:
        return not self.problems

    def require(self) -> ParityRecord:
        if self.problems:
            raise ParityError(f"{self.record.backend} in {self.record.precision} does not agree with PyTorch: {'; '.join(self.problems)}")
        return self.record


def compare(backend: ModelRunner, cases: Iterable[Case], pictures: str) -> Verdict:
    """Runs every case. `pictures` says in words what the cases are."""
    comparison = Comparison(backend)
    for case in cases:
        comparison.add(case)
    return comparison.verdict(pictures)


class Comparison:
    """A verdict as it grows, so that several backends can share a thousand cases of which none is kept."""

    def __init__(self, backend: ModelRunner) -> None:
        self._backend = backend
        self._limits = limits_of(backend.facts)
        self._found: list[OutputDifference] = []
        self._tasks: list[TaskScores] = []
        self._compared = 0
        self._broken: tuple[str, ...] = ()
        self._worst: dict[tuple[int, ...], WorstPicture] = {}  # by size

    def add(self, case: Case) -> None:
        if self._broken:
            return
        got = self._backend.run(case.frame[None])
        self._broken = tuple(_broken(case, got))
        if self._broken:  # what follows compares finite arrays of one shape
            self._worst = {case.frame.shape: _shown(case, got, "restored")} if _comparable(case, got, "restored") else {}
            return
        found = list(differences(case.name, case.expected, got, self._limits.black_levels))
        furthest, known = min(found, key=lambda one: one.psnr_db), self._worst.get(case.frame.shape)
        if known is None or furthest.psnr_db < known.psnr_db:
            self._worst[case.frame.shape] = _shown(case, got, furthest.output)
        self._found += found
        self._compared += 1
        if case.clean is not None:
            self._tasks.append(task_of(case.frame, case.expected, got, case.clean))

    def verdict(self, pictures: str) -> Verdict:
        if not self._found and not self._broken:
            raise ParityError("expected pictures to compare on, got none; without any there is no verdict")
        broken = "; ".join(self._broken)
        whole = Check("NaN, Inf, missing or misshapen outputs", f"{len(self._broken)}", "≤ 0", broken)
        measured = checks_of(self._found, self._tasks, self._limits) if self._found else ()
        worst = tuple(sorted(self._worst.values(), key=lambda one: one.psnr_db))
        record = _record(self._backend.facts, pictures, self._found, self._tasks)
        return Verdict(record, (whole, *measured), self._backend.facts.detail, self._compared, worst)


def _comparable(case: Case, got: Tensors, output: str) -> bool:
    return output in got and got[output].shape == case.expected[output].shape


def _shown(case: Case, got: Tensors, output: str) -> WorstPicture:
    expected, came = bytes_of(case.expected, output), bytes_of(got, output)
    return WorstPicture(f"{output} of {case.name}", case.frame, expected, came, min(psnr(came, expected), IDENTICAL))


def _record(facts: BackendFacts, pictures: str, found: Sequence[OutputDifference], tasks: Sequence[TaskScores]) -> ParityRecord:
    """A backend that not one picture could be compared on has a record of zeros, and a verdict that does not hold."""
    closeness = [one.psnr_db for one in found]
    far = bool(found) and min(closeness) < IDENTICAL
    task = mean_of(tasks) if tasks else None
    return ParityRecord(
        backend=facts.name,
        precision=facts.precision,
        pictures=pictures,
        max_levels=max((one.levels for one in found), default=0),
        psnr_db=round(float(np.mean(closeness)), 3) if far else None,
        psnr_worst_db=round(min(closeness), 3) if far else None,
        ssim_worst=round(min((one.ssim for one in found), default=0.0), 5),
        shift_levels=round(float(np.abs(mean_shift(found)).max()), 4) if found else 0.0,
        shift_worst_levels=round(max((float(np.abs(one.shift).max()) for one in found), default=0.0), 4),
        black_pixels=sum(one.black for one in found),
        task_psnr_input_db=round(task.degraded_db, 3) if task else None,
        task_psnr_db=round(task.backend_db, 3) if task else None,
        task_psnr_drop_db=round(task.drop_db, 5) if task else None,
    )


def _broken(case: Case, got: Tensors) -> Iterator[str]:
    """Outputs that are absent, of another shape, or not finite."""
    for output, expected in case.expected.items():
        if output not in got:
            yield f"it has no output {output!r}"
        elif not _comparable(case, got, output):
            yield f"{output} of {case.name}: expected the shape {expected.shape}, got {got[output].shape}"
        elif not np.isfinite(got[output]).all():
            yield f"{output} of {case.name} holds NaN or Inf"
