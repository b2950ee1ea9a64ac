"""Owns running a bundle's FP32 graph with ONNX Runtime on the CPU; knows nothing of other engines."""

from __future__ import annotations

import numpy as np

from runtime.backend import BackendFacts, Picture, Tensors
from runtime.bundle import Bundle
from runtime.errors import BackendError, MissingExtra

try:
    import onnxruntime
except ModuleNotFoundError as error:
    raise MissingExtra("onnxruntime", "cpu") from error


class OnnxRuntimeBackend:
    """ONNX Runtime's CPU provider with its own defaults. `run` may be called from several threads."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Spinning workers would take the cores from the video's decoder and encoder.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(bundle.onnx_path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors share no base class but this one
            raise BackendError(f"ONNX Runtime cannot load {bundle.onnx_path}: {_first_line(error)}") from error
        self._outputs = [output.name for output in self._session.get_outputs()]
        of_threads = f"{threads} threads" if threads else "its own threads"
        self.facts = BackendFacts("onnxruntime", "fp32", f"ONNX Runtime {onnxruntime.__version__}, {of_threads}")

    def run(self, frames: Picture) -> Tensors:
        try:
            came = self._session.run(self._outputs, {"frame": np.ascontiguousarray(frames)})
        except Exception as error:
            raise BackendError(f"ONNX Runtime failed on frames of {frames.shape}: {_first_line(error)}") from error
        return dict(zip(self._outputs, came, strict=True))

    def close(self) -> None:
        self._session = None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
