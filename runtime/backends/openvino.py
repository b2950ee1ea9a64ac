"""Owns running a bundle's graph with OpenVINO on the CPU; knows nothing of other engines.

Each picture size is compiled on its own: a static shape lets OpenVINO fix every memory layout. The last few sizes stay
compiled, and all of them lie in a cache on disk, so that the second start takes a fraction of a second.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np

from runtime.backend import BackendFacts, Picture, Tensors
from runtime.bundle import Bundle
from runtime.errors import BackendError, MissingExtra

try:
    import openvino
except ModuleNotFoundError as error:
    raise MissingExtra("openvino", "cpu") from error

_SIZES_KEPT = 4
_PRECISIONS = {"f32": "fp32", "bf16": "bf16", "f16": "fp16"}


class OpenVinoBackend:
    """bf16 where the CPU computes it (AMX or AVX512-BF16), FP32 elsewhere. `run` may be called from several threads, one at a time runs."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self._core = openvino.Core()
        self._path = bundle.onnx_path
        self._precision = "bf16" if "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
        self._properties = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self._precision,
            # Pinned threads of two processes land on one core: measured 14.5 frames a second together, 28.6 unpinned.
            "ENABLE_CPU_PINNING": False,
            "CACHE_DIR": str(cache_folder()),
        } | ({"INFERENCE_NUM_THREADS": threads} if threads else {})
        try:
            self._core.read_model(self._path)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO cannot read {self._path}: {_first_line(error)}") from error
        self._lock = threading.Lock()
        self._compiled: OrderedDict[tuple[int, ...], openvino.InferRequest] = OrderedDict()
        cpu = self._core.get_property("CPU", "FULL_DEVICE_NAME")
        detail = f"OpenVINO {openvino.__version__.split('-')[0]}, {threads or os.cpu_count()} threads, {cpu.strip()}"
        self.facts = BackendFacts("openvino", _PRECISIONS[self._precision], detail)

    def run(self, frames: Picture) -> Tensors:
        with self._lock:
            request = self._request(frames.shape)
            try:
                # Shared input: no copy in. The outputs are copied out, since the next run overwrites them.
                request.infer([np.ascontiguousarray(frames)], share_inputs=True)
            except RuntimeError as error:
                raise BackendError(f"OpenVINO failed on frames of {frames.shape}: {_first_line(error)}") from error
            outputs = request.model_outputs
            return {output.any_name: np.array(request.get_tensor(output).data) for output in outputs}

    def _request(self, shape: tuple[int, ...]) -> openvino.InferRequest:
        if shape in self._compiled:
            self._compiled.move_to_end(shape)
            return self._compiled[shape]
        model = self._core.read_model(self._path)
        model.reshape(list(shape))
        try:
            compiled = self._core.compile_model(model, "CPU", self._properties)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO cannot compile {self._path} for {shape}: {_first_line(error)}") from error
        self._compiled[shape] = compiled.create_infer_request()
        while len(self._compiled) > _SIZES_KEPT:
            self._compiled.popitem(last=False)
        return self._compiled[shape]

    def close(self) -> None:
        with self._lock:
            self._compiled.clear()


def cache_folder() -> Path:
    """$CLEARWAY_CACHE, else the user's cache folder. OpenVINO makes it when it first writes."""
    root = os.environ.get("CLEARWAY_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clearway"
    return Path(root) / "openvino"


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
