"""Runs a bundle's FP32 graph with ONNX Runtime on the CPU. Does not know other engines."""

from __future__ import annotations

import os

import numpy as np

from runtime.backends.protocol import DEFAULT, BackendFacts, EngineOptions
from runtime.errors import BackendError, unusable
from runtime.machine.processor import usable_cores
from runtime.model.bundle import Bundle
from runtime.picture import Picture, PictureMemory, Tensors
from runtime.timing import StageTimes

# From 1.29 its Linux wheels send usage events to Microsoft and write a device identity into the user's cache folder. The variable is
# read once, when it is loaded; who wants the events sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
try:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as raised
except (ImportError, OSError) as error:
    raise unusable("onnxruntime", "cpu", error) from error

# They have no base class of their own.
ERRORS = (
    raised.EPFail,
    raised.Fail,
    raised.InvalidArgument,
    raised.InvalidGraph,
    raised.InvalidProtobuf,
    raised.NoModel,
    raised.NoSuchFile,
    raised.NotImplemented,
    raised.RuntimeException,
    RuntimeError,
)
_FATAL_ONLY = 4  # ONNX Runtime's log severity: every error is raised as well, and said once is enough


class OnnxRuntimeBackend:
    """The CPU provider, whose arithmetic is FP32. For throughput each core has a picture of its own, else all share one."""

    memory_factor = 5.2

    def __init__(self, bundle: Bundle, options: EngineOptions = DEFAULT) -> None:
        cores = options.threads or usable_cores()
        self.depth = cores if options.mode == "throughput" else 1
        threads = 1 if options.mode == "throughput" else options.threads
        try:
            self._session = open_session(str(bundle.onnx_path), threads)
        except ERRORS as error:
            raise BackendError(f"{bundle.onnx_path}: ONNX Runtime cannot load it ({first_line(error)}); export it again") from error
        if (inputs := [source.name for source in self._session.get_inputs()]) != ["frame"]:
            raise BackendError(f"{bundle.onnx_path}: expected one input, frame, got {', '.join(inputs) or 'none'}; export it again")
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.memory, self.times = PictureMemory(), StageTimes()
        used = "its default of threads" if threads is None else "1 thread" if threads == 1 else f"{threads} threads"
        used += f" for each of {self.depth} pictures" if self.depth > 1 else ""
        self.facts = BackendFacts("onnxruntime", "fp32", f"ONNX Runtime {onnxruntime.__version__}, {used}")

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors:
        session = self._session  # held until the end of the run: another thread may close
        if session is None:
            raise BackendError("this ONNX Runtime backend was closed; open it again")
        try:
            if into is None:
                arrays = session.run(self._outputs, {"frame": np.ascontiguousarray(frames)})  # new arrays on every run
                return dict(zip(self._outputs, arrays, strict=True))
            binding = session.io_binding()
            binding.bind_cpu_input("frame", np.ascontiguousarray(frames))
            for name, array in into.items():
                binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            session.run_with_iobinding(binding)
        except ERRORS as error:
            raise BackendError(f"ONNX Runtime failed on frames of {list(frames.shape)}: {first_line(error)}") from error
        return into

    def close(self) -> None:
        self._session = None


def open_session(model: str | bytes, threads: int | None = None) -> onnxruntime.InferenceSession:
    """A file's path or its content; what is wrong with it is one of `ERRORS`."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    # Workers that spin while they wait take the cores from the video's decoder and encoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The second picture of a size would lay all tensors out anew, in one piece, beside the memory that the first one took: twice as much
    # (346 bytes a pixel against 177, fdrnet-edge at 720p), and no faster.
    options.enable_mem_pattern = False
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
