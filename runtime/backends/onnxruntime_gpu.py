"""What ONNX Runtime is told for an NVIDIA GPU, and what it tells: options, placement, precision, failures. Runs no picture.

Every session is for one size of picture: with all dimensions known ONNX Runtime computes the shape arithmetic when it loads, and what is
left of each shipped and edge graph lies on the GPU to the last node (read back with 1.31; with dynamic dimensions 7 to 91 nodes of such
arithmetic go to the CPU). So one rule is enough: a node on the CPU is an error.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from runtime.backends.onnxruntime import ERRORS, first_line
from runtime.backends.onnxruntime_build import INSTALL
from runtime.errors import BackendError, DeviceLost

import onnxruntime  # isort: skip  # the import above silences its telemetry

PROVIDER, DEVICE = "CUDAExecutionProvider", "cuda"
_FATAL_ONLY = 4  # ONNX Runtime's log severity: every error is raised as well
_NODES_NAMED = 5
_COMPUTING = {"Attention", "Conv", "ConvTranspose", "FusedConv", "FusedMatMul", "Gemm", "MatMul"}
_NAMES = {"float": "fp32", "float16": "fp16"}
_NO_MEMORY = ("out of memory", "failed to allocate memory", "not enough memory", "cuda failure 2:", "alloc_failed")
_NO_CUDNN = "cuDNN is unavailable"
_REASON_LENGTH = 200  # characters that still make one line
_FAILURE = re.compile(r"(CUDA|CUBLAS|CUDNN) (failure|error)[^;\n]*")


def provider_options(*, fixed: bool) -> dict[str, str]:
    """`fixed`: the size is here to stay, so that a search for the fastest convolutions and recording a CUDA graph pay off."""
    return {
        "cudnn_conv_algo_search": "EXHAUSTIVE" if fixed else "HEURISTIC",
        "enable_cuda_graph": "1" if fixed else "0",
        "use_tf32": "0",  # or FP32, and FP32 islands in FP16, would be products of ten bits
        "arena_extend_strategy": "kSameAsRequested",  # the default doubles what it takes
    }


@functools.cache
def prepare_libraries() -> str:
    """Loads CUDA from the wheels that bring it. What could not be loaded, or nothing."""
    onnxruntime.set_default_logger_severity(_FATAL_ONLY)
    with contextlib.redirect_stdout(io.StringIO()) as said:  # it prints
        onnxruntime.preload_dlls()
    missing = [line for line in said.getvalue().splitlines() if line.startswith("Failed to load")]
    return missing[0] if missing else ""


def dimensions_of(path: Path) -> list[str]:
    """The names of a batch, a height and a width in this graph. It is only read, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        inputs = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).get_inputs()
    except ERRORS as error:
        raise BackendError(f"{path}: ONNX Runtime cannot load it ({first_line(error)}); export it again") from error
    if [source.name for source in inputs] != ["frame"]:
        came = ", ".join(source.name for source in inputs) or "none"
        raise BackendError(f"{path}: expected one input, frame, got {came}; export it again")
    return [str(side) for side in inputs[0].shape[:3]]


def open_session(
    path: Path, names: Sequence[str], shape: Sequence[int], *, fixed: bool, profile: Path | None = None
) -> onnxruntime.InferenceSession:
    """For frames of this shape and no other, all of it on the GPU. It is one of `ERRORS`, or a BackendError, where that cannot be."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = 1  # nothing computes on the host
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # In place of session.disable_cpu_ep_fallback, whose error names no node.
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    for name, side in zip(names, shape, strict=False):
        options.add_free_dimension_override_by_name(name, side)
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    wanted = [(PROVIDER, provider_options(fixed=fixed))]
    session = onnxruntime.InferenceSession(str(path), options, providers=wanted, enable_fallback=False)
    if PROVIDER not in session.get_providers():
        why = prepare_libraries() or "it gives no reason"
        raise BackendError(f"ONNX Runtime's {PROVIDER} cannot be loaded ({why}); install what it needs: {INSTALL}")
    if elsewhere := placed_elsewhere(session.get_provider_graph_assignment_info()):
        more = f" and {len(elsewhere) - _NODES_NAMED} more" if len(elsewhere) > _NODES_NAMED else ""
        nodes = ", ".join(elsewhere[:_NODES_NAMED])
        raise BackendError(f"{path}: expected every node on the GPU, but {nodes}{more} would run on the CPU; take another backend")
    return session


def placed_elsewhere(parts: Iterable[Any]) -> list[str]:
    return [f"{node.name} ({node.op_type})" for part in parts if part.ep_name != PROVIDER for node in part.get_nodes()]


def precision_of(path: Path, names: Sequence[str], shape: tuple[int, ...]) -> str:
    """What the layers that do the work computed in, from the profile of one run: that also shows that they run at all."""
    with tempfile.TemporaryDirectory(prefix="clearway-profile-") as folder:
        session = open_session(path, names, shape, fixed=False, profile=Path(folder) / "run")
        session.run(None, {"frame": np.zeros(shape, np.uint8)})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return precision_in(events)


def precision_in(events: Iterable[dict[str, Any]]) -> str:
    """The type of most computing nodes; islands in another one are in the manifest."""
    kernels = [event["args"] for event in events if event["name"].endswith("_kernel_time")]
    types = [next(iter(kernel["input_type_shape"][0])) for kernel in kernels if kernel["op_name"] in _COMPUTING]
    if not types:
        return "fp32"
    name: str = Counter(types).most_common(1)[0][0]
    return _NAMES.get(name, name)


@functools.cache
def _pinned_allocator() -> onnxruntime.OrtMemoryInfo:
    kinds, places = onnxruntime.OrtAllocatorType, onnxruntime.OrtMemType
    memory = onnxruntime.OrtMemoryInfo("CudaPinned", kinds.ORT_ARENA_ALLOCATOR, 0, places.CPU_OUTPUT)
    as_requested, default = 1, -1
    onnxruntime.create_and_register_allocator_v2(PROVIDER, memory, {}, onnxruntime.OrtArenaCfg(0, as_requested, default, default))
    return memory


def pinned(size: int) -> memoryview:
    """Host memory that the GPU reads and writes by itself, until nobody holds it: then CUDA is asked to free it, at once."""
    held: memoryview = onnxruntime.OrtValue.ortvalue_from_shape_and_type([size], np.uint8, memory_info=_pinned_allocator()).numpy().data
    return held


def ran_out(error: Exception) -> bool:
    return any(words in str(error).lower() for words in _NO_MEMORY)


@functools.cache
def questioned() -> onnxruntime.OrtValue:
    """A byte on the GPU. It is taken at the start: the question must need no memory."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(1, np.uint8), DEVICE, 0)


def answers() -> bool:
    """Whether the GPU still works for this process: most errors of kernels end that for good, whatever ONNX Runtime calls them, and any
    copy shows it."""
    try:
        questioned().update_inplace(np.zeros(1, np.uint8))
    except ERRORS:
        return False
    return True


def explained(error: Exception, shape: Sequence[int], *, lost: bool) -> BackendError:
    if lost:
        return DeviceLost(f"the GPU failed on frames of {list(shape)} ({_reason(error)}); see what nvidia-smi says, then start again")
    if ran_out(error):
        less = "take smaller pictures or batches, or close what else uses the GPU (nvidia-smi lists it)"
        return BackendError(f"the GPU has too little free memory for frames of {list(shape)}; {less}")
    return BackendError(f"ONNX Runtime failed on frames of {list(shape)}: {_reason(error)}")


def not_pinned(error: Exception, size: int) -> BackendError:
    why, less = "" if ran_out(error) else f" ({_reason(error)})", "hand in smaller pictures or fewer at once, or end other programs"
    return BackendError(f"{size / 1e6:.1f} MB of pinned memory were asked for and not to be had{why}; {less}")


def not_started(error: Exception) -> BackendError:
    if ran_out(error):
        return BackendError("the GPU has too little free memory to start with; close what else uses it (nvidia-smi lists it)")
    if _NO_CUDNN in str(error):
        return BackendError(f"expected cuDNN 9, which cannot be loaded; install it: {INSTALL}")
    return BackendError(f"ONNX Runtime does not start on this GPU ({_reason(error)}); nvidia-smi shows whether the driver sees the GPU")


def _reason(error: Exception) -> str:
    """What CUDA says, else the provider, without the node that happened to be the first."""
    failure = _FAILURE.search(str(error))
    said = failure[0].strip() if failure else first_line(error).rpartition("Status Message: ")[2]
    return said if len(said) <= _REASON_LENGTH else f"{said[:_REASON_LENGTH]}…"
