"""The tasks of a GPU check, each with its priority and an estimate of its time. Does not know budgets or records."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gpu.contenders import open_contender, try_rtx_compiler
from benchmarks.gpu.models import CheckedModels
from benchmarks.gpu.speed import Speed, gpu_memory_mib, measure_speed
from benchmarks.gpu.streaming import measure_stream
from benchmarks.peers.defaults import COMPILED, EAGER, PYTORCH_PEERS
from export.engines.engine import BuildOptions, build_engine
from export.engines.profiles import engines_for
from export.engines.targets import TARGETS
from export.parity.cases import read_proof
from export.parity.compare import compare
from runtime.engines.cache import EngineCache
from runtime.errors import BackendError, ExportError
from runtime.model.bundle import PROOF, Bundle, open_bundle
from runtime.model.zoo import find, shipped
from runtime.restorer import load

Rows = list[dict[str, Any]]
_STANDS_FOR = {"fp16": "node-by-node", "fp32": "onnxruntime"}  # whose limits PyTorch is held to: peers have none of their own
_TESTS = Path(__file__).parents[2] / "tests"


@dataclass(frozen=True)
class CheckTask:
    priority: int  # the lowest goes first
    section: str  # of the record, to which its rows go
    what: str
    seconds: float  # an estimate
    run: Callable[[], Rows]


@dataclass(frozen=True)
class Scale:
    """How large everything is."""

    device: str
    sizes: dict[str, tuple[int, int]]  # height, width; the first ones are priority the most
    batches: tuple[int, ...]
    seconds: float  # of each measurement
    pace: float  # of estimates


ON_GPU = Scale("cuda", {"720p": (720, 1280), "1080p": (1080, 1920), "360p": (360, 640), "4k": (2160, 3840)}, (1, 4), 1.0, 1.0)
ON_CPU = Scale("cpu", {"128×96": (96, 128), "64×48": (48, 64)}, (1, 2), 0.05, 0.1)
_FIRST_SIZES = 2
_LATER = 6  # than the first speeds of the next kind of models, which begins 3 later


class CheckTasks:
    """All tasks of a check: every model on every contender."""

    def __init__(self, models: CheckedModels, contenders: Sequence[str], scale: Scale, scratch: Path) -> None:
        self._models, self._contenders, self._scale, self._scratch = models, contenders, scale, scratch
        self._roof: Any = None

    def all(self) -> Iterator[CheckTask]:
        pace = self._scale.pace
        if EAGER in self._contenders:
            yield CheckTask(0, "roof", "the roof: a large matrix product and a large copy", 10 * pace, self._measure_roof)
        yield CheckTask(0, "jit", "TensorRT-RTX's JIT on this GPU", 20, self._try_rtx_compiler)
        yield CheckTask(1, "tests", "the tests marked gpu", 90 if self._scale.device == "cuda" else 60, run_tests)
        for name in self._models.names:
            kind = self._models.kind(name)
            if not self._models.has_bundle(name):
                seconds = (40 if kind == 1 else 150) * pace
                yield CheckTask(3 * kind, "exports", f"exporting {name}", seconds, partial(self._models.export, name))
            for contender in self._contenders:
                yield from self._of(name, kind, contender)

    def _of(self, name: str, kind: int, contender: str) -> Iterator[CheckTask]:
        pace = self._scale.pace
        building = 30 if contender in TARGETS else 0
        compiling = 90 if contender == COMPILED else 0
        first = 1 if compiling else _FIRST_SIZES
        priority = 3 * kind + (_LATER if compiling else 1)
        seconds = 10 * pace + 2 * building + compiling
        yield CheckTask(priority, "parity", f"parity of {name} on {contender}", seconds, partial(self._parity, name, contender))
        if contender in TARGETS:  # the others have no clocks on the GPU
            what = f"{name} on {contender} in a stream at {self._streamed}"
            yield CheckTask(3 * kind + 2, "streams", what, 5 * pace + building, partial(self._stream, name, contender))
        for place, size in enumerate(self._scale.sizes):
            for batch in self._scale.batches:
                priority = 3 * kind + (2 if place < first and batch == 1 else _LATER)
                what, run = f"speed of {name} on {contender} at {size}, batch {batch}", partial(self._speed, name, contender, size, batch)
                yield CheckTask(priority, "speed", what, 5 * pace + building + compiling, run)

    def _measure_roof(self) -> Rows:
        from benchmarks.gpu.roofline import measure_roof

        self._roof = measure_roof(self._scale.device)
        return [dataclasses.asdict(self._roof)]

    def _try_rtx_compiler(self) -> Rows:
        return [try_rtx_compiler(open_bundle(find(shipped()[0])), self._scratch)]  # any model will do

    def _parity(self, name: str, contender: str) -> Rows:
        bundle = self._models.bundle(name)
        cases = read_proof(bundle.folder / PROOF)
        if contender == COMPILED:  # for each size it would compile again
            cases = [case for case in cases if case.frame.shape == cases[0].frame.shape]
        if contender in TARGETS:
            _build(bundle, contender, [(1, *case.frame.shape[:2]) for case in cases])
        with contextlib.closing(open_contender(bundle, contender, self._scale.device)[0]) as runner:
            facts = runner.facts
            if contender in PYTORCH_PEERS:
                runner.facts = dataclasses.replace(facts, name=_STANDS_FOR[facts.precision])
            verdict = compare(runner, cases, f"{len(cases)} drawn pictures of the proof")
        found = dataclasses.asdict(dataclasses.replace(verdict.record, backend=contender))
        row = {"model": name, "contender": contender, "precision": facts.precision, "holds": verdict.holds}
        return [row | {"problems": list(verdict.problems), "record": found, "detail": verdict.detail}]

    def _speed(self, name: str, contender: str, size: str, batch: int) -> Rows:
        bundle, sides = self._models.bundle(name), self._scale.sizes[size]
        if contender in TARGETS:
            _build(bundle, contender, [(batch, *sides)])
        before = gpu_memory_mib()
        runner, depth = open_contender(bundle, contender, self._scale.device)
        with contextlib.closing(runner):
            speed = measure_speed(name, runner, depth, sides, batch, self._scale.seconds, before)
        return [dataclasses.asdict(self._with_shares(speed, name, sides))]

    @property
    def _streamed(self) -> str:
        return list(self._scale.sizes)[_FIRST_SIZES - 1]

    def _stream(self, name: str, contender: str) -> Rows:
        bundle, sides = self._models.bundle(name), self._scale.sizes[self._streamed]
        _build(bundle, contender, [(1, *sides)])
        with load(bundle.folder, contender) as restorer:
            return [dataclasses.asdict(measure_stream(name, restorer, sides, self._scale.seconds))]

    def _with_shares(self, speed: Speed, name: str, sides: tuple[int, int]) -> Speed:
        if self._roof is None:
            return speed
        from benchmarks.gpu.roofline import shares

        arithmetic, moved = shares(self._models.cost(name), self._roof, max(speed.side_by_side_per_s, speed.alone_per_s), *sides)
        return dataclasses.replace(speed, arithmetic_share=arithmetic, bytes_share=moved)


def _build(bundle: Bundle, target: str, shapes: Sequence[tuple[int, int, int]]) -> None:
    """An engine for each of these, into the cache that the backend looks into."""
    for batch, height, width in dict.fromkeys(shapes):
        (profiles,) = engines_for([], [f"{width}x{height}"], str(batch))
        build_engine(bundle, BuildOptions(target, "fp16", profiles), EngineCache(), lambda _: None)


def run_tests() -> Rows:
    if not _TESTS.is_dir():
        raise ExportError(f"expected the tests at {_TESTS}, Clearway is installed without them; run this from a checkout")
    quiet = ["-rfEs", "--tb=line", "-p", "no:cacheprovider"]
    # Files that need an extra which is not here are errors, and end nothing.
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "--continue-on-collection-errors", *quiet, str(_TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_TESTS.parent)
    if done.returncode not in (0, 1):  # not one test, or pytest itself is not there
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise BackendError(f"the tests did not run ({said[-1]}); install what they need: pip install 'clearway[dev]'")
    return [{"passed": done.returncode == 0, "said": done.stdout.strip().splitlines()[-30:]}]
