"""Runs a bundle's engines with TensorRT or TensorRT-RTX on the GPU. Does not know how engines are built.

Which engine and profile serve a size, runtime/engines/choice.py says; what a picture goes through on the GPU, lane.py.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import numpy as np

from runtime.backends.protocol import DEFAULT, BackendFacts, EngineOptions
from runtime.backends.tensorrt.context import EngineShape
from runtime.backends.tensorrt.engine import LoadedEngine
from runtime.backends.tensorrt.lane import Lane, Scratch
from runtime.backends.tensorrt.package import PACKAGES, TensorRtPackage, open_package, require_installed
from runtime.backends.tensorrt.plan import Tensor, shapes_of, size_of
from runtime.cuda.device import Device, open_device
from runtime.cuda.graphs import Graphs
from runtime.cuda.pinned import keep_forever
from runtime.engines.cache import EngineCache
from runtime.engines.choice import EngineRequest, choose, of_this_machine, of_this_model, verified
from runtime.engines.record import EngineRecord, Size, precision_map
from runtime.errors import BackendError, DeviceLost
from runtime.machine.nvidia import first_gpu
from runtime.model.bundle import GRAPHS, Bundle
from runtime.model.zoo import name_of
from runtime.picture import Picture, PictureMemory, Tensors
from runtime.timing import StageTimes

_CHOICES_KEPT = 256  # of sizes; a choice is a few words

# Lanes: for latency one picture computes while its neighbours' bytes move, for throughput two more compute beside it, which fills a GPU
# that one small picture does not.
_LANES = {"latency": 2, "throughput": 3}


def stored_engines(bundle: Bundle, target: str, *, exact: bool, cache: EngineCache) -> tuple[list[EngineRecord], EngineRequest]:
    """The stored engines of this bundle, whatever machine they are for, and what this machine wants but for TensorRT's version.

    Asks for what is quick to tell first: the GPU, the packages, the engines.
    """
    here, precision = first_gpu(), "fp32" if exact else "fp16"
    require_installed(target)
    model = bundle.manifest.files[GRAPHS[precision]]
    wanted = EngineRequest(name_of(bundle.folder), model, target, "", here, precision, precision_map(bundle.manifest.precision, precision))
    return of_this_model([stored.record for stored in cache.records() if stored.record is not None], wanted), wanted


def open_gpu(target: str) -> tuple[Device, TensorRtPackage, Graphs | None]:
    """What it takes to run engines; an error that says what is missing. No graphs where TensorRT captures by itself."""
    device, package = open_device(), open_package(target)
    return device, package, None if PACKAGES[target].compiles else Graphs()


class TensorRtBackend:
    """FP16 engines, or FP32 ones where that is asked for. `times` has what the stages of each run took on the GPU; no core computes,
    whatever `threads` of the options says.

    Sizes that no profile takes are padded where the network allows it; `health` is then of the padded picture.
    """

    memory_factor = None  # engines compute on the GPU

    def __init__(
        self,
        bundle: Bundle,
        target: str,
        options: EngineOptions = DEFAULT,
        *,
        proven: bool = False,
        only: EngineRecord | None = None,
    ) -> None:
        """With `proven`, engines that were verified on this GPU; with `only`, that one alone."""
        self._cache = EngineCache()
        found, wanted = stored_engines(bundle, target, exact=options.exact, cache=self._cache)
        self._device, self._package, self._graphs = open_gpu(target)
        self._wanted = replace(wanted, builder=self._package.version)
        runs = verified if proven else of_this_machine
        self._records: Sequence[EngineRecord] = [only] if only else runs(found, self._wanted)
        self._graph = bundle.manifest.graph
        self._engines: dict[str, LoadedEngine] = {}  # as many as were built; none is let go before the end
        self._loading = threading.Lock()
        self._place = functools.lru_cache(_CHOICES_KEPT)(self._place_of)
        self._turn = threading.Condition()
        self._ended = ""  # why nothing runs any more
        self._lanes: list[Lane] = []
        self._scratches: list[Scratch] = []
        self.depth = _LANES[options.mode]
        self.memory = PictureMemory(self._device.pinned)
        self.times = StageTimes()
        try:
            self._open(options.mode)
        except BaseException:
            self._free_all()
            raise
        self._free = list(self._lanes)
        self.facts = self._facts()

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors:
        asked = size_of(frames)
        shapes = shapes_of(self._graph.outputs, asked, self._graph.scale)
        if misshapen := {name: array.shape for name, array in (into or {}).items() if array.shape != shapes[name]}:
            raise BackendError(f"expected outputs of {shapes} for frames of {asked}, got {misshapen}; hand in arrays of these shapes")
        try:
            place = self._place(asked)
            with self._lane(place) as lane, self._device.current():
                into = self._empty(shapes) if into is None else into
                stages = lane.run(place, frames, into)
        except BackendError as error:
            self._check_device(error)
            raise
        for stage, seconds in stages.items():
            self.times.add(stage, seconds)
        if self._graphs is not None and self._graphs.refused and "CUDA graphs" not in self.facts.detail:
            self.facts = replace(self.facts, detail=f"{self.facts.detail}, without CUDA graphs: {self._graphs.refused}")
        return into

    def close(self) -> None:
        with self._turn:
            self._ended = self._ended or "this TensorRT backend was closed; open it again"
            self._turn.notify_all()
            while len(self._free) < len(self._lanes):
                self._turn.wait()
            self._free_all()
            self._free = []

    def _open(self, mode: str) -> None:
        """Loads an engine at once, so that it is known before the first frame whether that can be done."""
        self._loaded(self._records[0])
        shared = Scratch(self._device)
        with self._device.current():
            for _ in range(self.depth):
                scratch = shared if mode == "latency" else Scratch(self._device)
                self._scratches.append(scratch)
                self._lanes.append(Lane(self._device, scratch, self._graphs, self._graph.outputs, self._graph.scale))

    def _free_all(self) -> None:
        """What was taken from the GPU, unless that is lost."""
        abandon_if_lost = self._abandon_if_lost()
        with self._loading:  # who loads an engine ends that first
            lanes, scratches, engines = self._lanes, self._scratches, self._engines
            self._lanes, self._scratches, self._engines = [], [], {}
        self._place.cache_clear()
        if abandon_if_lost:
            return
        self.memory = PictureMemory(self._device.pinned)  # what the old one held goes; arrays in somebody's hands stay
        with suppress(BackendError), self._device.current():
            closing = [lane.close for lane in lanes] + [scratch.close for scratch in scratches]
            for close in closing:
                with suppress(BackendError, self._device.driver.Error):
                    close()
            lanes.clear()
            engines.clear()

    def _place_of(self, size: Size) -> EngineShape:
        chosen = choose(self._records, self._wanted, size, pad=not self._graph.sees_whole_picture)
        return EngineShape(self._loaded(chosen.record), chosen.profile, chosen.size)

    def _loaded(self, record: EngineRecord) -> LoadedEngine:
        name = record.key.digest()
        with self._loading:
            if self._ended:
                raise BackendError(self._ended)  # nobody would let it go any more
            if name not in self._engines:
                fresh, plan = self._cache.read(record.key)
                with self._device.current():
                    self._engines[name] = LoadedEngine(self._package, fresh, plan)
            return self._engines[name]

    def _empty(self, shapes: dict[str, tuple[int, ...]]) -> Tensors:
        def empty(name: str) -> Tensor:
            return np.empty(shapes[name], np.float32) if name == "health" else self.memory.array(shapes[name])

        return {name: empty(name) for name in self._graph.outputs}

    @contextmanager
    def _lane(self, place: EngineShape) -> Iterator[Lane]:
        """A free one, rather one that computed this size before."""
        with self._turn:
            while not self._free and not self._ended:
                self._turn.wait()
            if self._ended:
                raise BackendError(self._ended)
            lane = max(reversed(self._free), key=lambda lane: lane.holds(place))
            self._free.remove(lane)
        try:
            yield lane
        finally:
            with self._turn:
                self._free.append(lane)
                self._turn.notify_all()

    def _check_device(self, error: BackendError) -> None:
        if self._ended or not self._abandon_if_lost():
            return
        lost = "the GPU no longer answers, and this backend is closed; see nvidia-smi, then start this program again"
        with self._turn:
            self._ended = lost
            self._turn.notify_all()
        raise DeviceLost(f"{error}; {lost}") from error

    def _abandon_if_lost(self) -> bool:
        """Whether the GPU is lost. What lies on it is never let go then."""
        abandon_if_lost = self._device.abandon_if_lost()
        if abandon_if_lost:
            keep_forever((*self._lanes, *self._scratches, *self._engines.values()))
        return abandon_if_lost

    def _facts(self) -> BackendFacts:
        wanted, count = self._wanted, len(self._records)
        target, here = wanted.target, wanted.gpu
        unverified = [record for record in self._records if not record.verified_on(here)]
        checked = "verified on this GPU"
        if unverified:
            checked = f"{len(unverified)} of {count} never verified on this GPU: clearway verify {wanted.bundle} --backend {target}"
        engines = "1 engine" if count == 1 else f"{count} engines"
        return BackendFacts(target, wanted.precision, f"{target} {wanted.builder}, {here.name}, {engines}, {checked}")
