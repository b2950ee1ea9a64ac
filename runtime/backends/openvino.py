"""Runs a bundle's graph with OpenVINO on the CPU. Does not know other engines.

Each picture size is compiled on its own: a 211k network at 720p takes 33 ms with static and 42 ms with dynamic shapes (2 idle
cores with AVX512-BF16). The last few sizes stay compiled, and all lie in a cache on disk. An output that nobody wants is taken out
before compiling, with all that is computed for it alone.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from runtime.backends.protocol import DEFAULT, BackendFacts, EngineOptions
from runtime.errors import BackendError, unusable
from runtime.files.cache_folder import cache_folder, make_private
from runtime.model.bundle import Bundle
from runtime.model.manifest import MINIMUM_SIDE
from runtime.picture import Picture, PictureMemory, Tensors
from runtime.timing import StageTimes

# Importing openvino sends a usage event to Google Analytics and writes an identity into the home folder. Without this module it
# takes its own stub instead; the entry goes again, so that it is there for whoever asks for it by name.
_BLOCKED = sys.modules.setdefault("openvino_telemetry", None) is None  # type: ignore[arg-type]
try:
    import openvino
except (ImportError, OSError) as error:
    raise unusable("openvino", "cpu", error) from error
finally:
    if _BLOCKED:
        del sys.modules["openvino_telemetry"]

_SIZES_KEPT = 4  # compiled, in memory
_BLOBS_KEPT = 64  # in the cache on disk: about a megabyte each, one for every model and size
_NAMES = {"f32": "fp32", "bf16": "bf16", "f16": "fp16"}
_TYPES: dict[str, type[np.uint8] | type[np.float32]] = {"restored": np.uint8, "interference": np.uint8, "health": np.float32}
_COMPUTING = {"Convolution", "Deconvolution", "FullyConnected", "MatMul"}


@functools.cache
def shared_core() -> openvino.Core:
    """One for the whole process, never let go.

    A Core lays a signal stack under the thread that makes it and takes it away when it goes. Two whose lives overlap leave that thread
    with one that is unmapped, and the next signal, a Ctrl-C, ends the process with a segmentation fault (measured, 2026.4).
    """
    return openvino.Core()


@dataclass
class _Compiled:
    """The graph for one size and some outputs. A request computes one run at a time; those that are free wait here."""

    model: openvino.CompiledModel
    free: deque[openvino.InferRequest] = field(default_factory=deque)

    def empty(self) -> Tensors:
        """New arrays for the outputs."""
        return {port.any_name: np.empty(tuple(port.shape), _TYPES[port.any_name]) for port in self.model.outputs}


class OpenVinoBackend:
    """bf16 where the CPU computes it (AMX or AVX512-BF16), unless FP32 is asked for."""

    memory_factor = 1.7  # in bf16 too, which takes between two thirds of FP32 and all of it, by network

    def __init__(self, bundle: Bundle, options: EngineOptions = DEFAULT) -> None:
        self._path = bundle.onnx_path
        self._cache = _usable_cache()
        self._properties: dict[str, Any] = {
            "PERFORMANCE_HINT": options.mode.upper(),
            # Pinned threads of two processes land on the same core: 14.5 frames a second together against 28.6 unpinned.
            # Alone, both take 33 ms.
            "ENABLE_CPU_PINNING": False,
        }
        if self._cache is not None:
            self._properties["CACHE_DIR"] = str(self._cache)
        if options.threads is not None:
            self._properties["INFERENCE_NUM_THREADS"] = options.threads
        try:
            self._core = shared_core()
            bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        except RuntimeError as error:
            raise BackendError(f"OpenVINO cannot start on this CPU ({_last_line(error)}); take --backend onnxruntime") from error
        refused = bf16 and bool(bundle.manifest.bf16_refused)
        if bf16 or options.exact:
            self._properties["INFERENCE_PRECISION_HINT"] = "f32" if options.exact or refused else "bf16"
        try:
            self._model = self._core.read_model(self._path)
        except RuntimeError as error:
            raise BackendError(f"{self._path}: OpenVINO cannot read it ({_last_line(error)}); export the bundle again") from error
        if (inputs := [source.any_name for source in self._model.inputs]) != ["frame"]:
            raise BackendError(f"{self._path}: expected one input, frame, got {', '.join(inputs) or 'none'}; export it again")
        self._outputs = tuple(port.any_name for port in self._model.outputs)
        self._compiled: OrderedDict[tuple[tuple[int, ...], frozenset[str]], _Compiled] = OrderedDict()
        self._compiling = threading.Lock()
        # The smallest size is compiled at once (0.1 s; cached 0.05 s): whether it can be had, and in which precision, is known
        # before the first frame.
        smallest = self._compiled_for((1, MINIMUM_SIDE, MINIMUM_SIDE, 3), frozenset(self._outputs)).model
        # For latency one: a second request that waits while the first computes gains nothing (26.3 frames a second either way).
        self.depth = smallest.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._places = threading.BoundedSemaphore(self.depth)
        self.memory, self.times = PictureMemory(), StageTimes()
        self.facts = self._facts_of(smallest, ", this model loses too much in bf16" if refused else "")

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors:
        with self._request(frames.shape, frozenset(into or self._outputs)) as (compiled, request):
            try:
                if into is None:
                    into = compiled.empty()
                # The engine writes where the caller wants it: at 720p that saves a copy of 0.4 to 1.2 ms.
                for name, array in into.items():
                    request.set_tensor(name, openvino.Tensor(array, shared_memory=True))
                request.infer([np.ascontiguousarray(frames)], share_inputs=True, share_outputs=True)
            except (RuntimeError, ValueError) as error:
                raise BackendError(f"OpenVINO failed on frames of {list(frames.shape)}: {_last_line(error)}") from error
        return into

    def close(self) -> None:
        with self._compiling:
            self._model = None
            self._compiled.clear()

    @contextmanager
    def _request(self, shape: tuple[int, ...], outputs: frozenset[str]) -> Iterator[tuple[_Compiled, openvino.InferRequest]]:
        with self._places:
            with self._compiling:
                compiled = self._compiled_for(shape, outputs)
                request = compiled.free.pop() if compiled.free else compiled.model.create_infer_request()
            try:
                yield compiled, request
            finally:
                compiled.free.append(request)

    def _compiled_for(self, shape: tuple[int, ...], outputs: frozenset[str]) -> _Compiled:
        if self._model is None:
            raise BackendError("this OpenVINO backend was closed; open it again")
        key = shape, outputs
        if key in self._compiled:
            self._compiled.move_to_end(key)
            return self._compiled[key]
        while len(self._compiled) >= _SIZES_KEPT:  # before the next one is made: each holds the memory of a whole frame's layers
            self._compiled.popitem(last=False)
        try:
            model = self._model.clone()
            for result in model.get_results():
                if not outputs & result.input(0).get_source_output().names:
                    model.remove_result(result)
            model.reshape(list(shape))
            compiled = self._core.compile_model(model, "CPU", self._properties)
        except RuntimeError as error:
            raise BackendError(f"{self._path}: OpenVINO cannot compile it for {list(shape)} ({_last_line(error)})") from error
        if self._cache is not None and not compiled.get_property("LOADED_FROM_CACHE"):
            _prune(self._cache)
        self._compiled[key] = _Compiled(compiled)
        return self._compiled[key]

    def _facts_of(self, compiled: openvino.CompiledModel, why: str) -> BackendFacts:
        version = openvino.__version__.split("-")[0]
        cpu = self._core.get_property("CPU", "FULL_DEVICE_NAME").strip()
        threads = compiled.get_property("INFERENCE_NUM_THREADS")
        cores = "1 thread" if threads == 1 else f"{threads} threads"
        uncached = "" if self._cache else ", no compile cache: its folder cannot be written"
        detail = f"OpenVINO {version}, {cores}, {cpu}{why}{uncached}"
        return BackendFacts("openvino", _precision_of(compiled), detail, str(self._cache or ""))


def _precision_of(compiled: openvino.CompiledModel) -> str:
    """What the layers that do the work were built in, not what was asked for. A graph without any has only its property."""
    layers = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    built = {layer["runtimePrecision"] for layer in layers if layer["layerType"] in _COMPUTING}
    built = built or {compiled.get_property("INFERENCE_PRECISION_HINT").to_string()}
    return "+".join(sorted(_NAMES.get(name, name) for name in built))


def _usable_cache() -> Path | None:
    """A private folder. None where there can be none: OpenVINO would fail."""
    try:
        folder = cache_folder("openvino")
        make_private(folder)
    except (OSError, BackendError):  # BackendError: a user without a home
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _prune(cache: Path) -> None:
    """OpenVINO never takes anything out: a folder of photographs in a thousand sizes would leave a gigabyte."""
    with suppress(OSError):  # another process may be at it too
        oldest_first = sorted(cache.glob("*.blob"), key=lambda blob: blob.stat().st_mtime_ns)
        for blob in oldest_first[:-_BLOBS_KEPT]:
            blob.unlink()


def _last_line(error: Exception) -> str:
    """OpenVINO's messages begin with where in its sources they were raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
