"""Owns the seam between Clearway and inference engines; knows tensors and sizes, never tasks.

A backend runs one graph (docs/bundle.md has its contract). `open_backend` picks one: `auto` goes down `PREFERENCE`, takes
the first that this machine can run and remembers why the others were passed over; an explicit choice is delivered or raises.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BackendError, MissingExtra, UsageError

if TYPE_CHECKING:
    from runtime.model.bundle import Bundle
    from runtime.picture_memory import PictureMemory

Picture = NDArray[np.uint8]  # [H, W, 3] or [N, H, W, 3], BGR, 0..255; owned by whoever made it
Tensors = dict[str, NDArray[np.uint8] | NDArray[np.float32]]

MODES = ("latency", "throughput")


@dataclass(frozen=True)
class BackendFacts:
    """What was really opened: shown to people, written into reports, compared in parity."""

    name: str  # "openvino"
    precision: str  # "fp32", "bf16", "fp16": read back from the engine, not from the request
    detail: str  # "OpenVINO 2026.4.1, 2 threads, AVX512-BF16"
    cache: str = ""  # the folder of what it compiled on earlier runs, if it keeps any


@dataclass(frozen=True)
class EngineOptions:
    """What may be asked of an engine. One that cannot do it says so; none does something else instead."""

    threads: int | None = None  # cores that it may use; None leaves that to the engine
    mode: str = "latency"  # each picture as soon as can be; "throughput": most pictures a second, each may take longer
    exact: bool = False  # FP32, where the engine would take fewer bits: what a doubtful answer is checked with

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"at least 1 thread was expected, {self.threads} came; leave it out to let the engine choose")
        if self.mode not in MODES:
            raise UsageError(f"the mode must be one of {', '.join(MODES)}; {self.mode!r} came")


DEFAULT = EngineOptions()


class Backend(Protocol):
    """Any thread may `run`, several at once, and any may `close`: what is running ends first."""

    facts: BackendFacts
    depth: int  # runs that are worth having under way at once: while one computes, the next one's bytes move
    memory: PictureMemory  # where arrays for `into` come from that cost it least

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors:
        """uint8 [N, H, W, 3] BGR → the graph's outputs by name.

        `into` names the outputs that are wanted and has an array for each, C-contiguous and of its exact shape: they are filled
        and returned. Without it all outputs come, in new arrays. The arrays belong to the caller.
        """

    def close(self) -> None:
        """Frees the engine. A second call does nothing."""


@dataclass(frozen=True)
class BackendChoice:
    """The backend that was opened, why it, and why not those that come before it."""

    backend: Backend
    why: str
    passed_over: tuple[tuple[str, str], ...] = ()  # (backend, why not)

    def describe(self) -> str:
        facts = self.backend.facts
        said = f"{facts.name} ({facts.precision}; {facts.detail}), {self.why}"
        return said + "".join(f"; passed over {name}: {reason}" for name, reason in self.passed_over)


def _tensorrt(bundle: Bundle, options: EngineOptions, target: str, *, proven: bool = False) -> Backend:
    from runtime.backends.tensorrt.backend import TensorRtBackend

    return TensorRtBackend(bundle, target, options, proven=proven)


def _onnxruntime_cuda(bundle: Bundle, options: EngineOptions) -> Backend:
    from runtime.backends.onnxruntime_build import require_gpu_build

    require_gpu_build()  # before anything heavy is loaded
    from runtime.backends.onnxruntime_cuda import OnnxRuntimeCudaBackend

    return OnnxRuntimeCudaBackend(bundle, options)


def _openvino(bundle: Bundle, options: EngineOptions) -> Backend:
    from runtime.backends.openvino import OpenVinoBackend

    return OpenVinoBackend(bundle, options)


def _onnxruntime(bundle: Bundle, options: EngineOptions) -> Backend:
    from runtime.backends.onnxruntime import OnnxRuntimeBackend

    return OnnxRuntimeBackend(bundle, options)


_Opener: TypeAlias = "Callable[[Bundle, EngineOptions], Backend]"
# From the fastest to the most common. A row imports its engine only when it is called.
_OPENERS: dict[str, _Opener] = {
    "tensorrt": partial(_tensorrt, target="tensorrt"),
    "tensorrt-rtx": partial(_tensorrt, target="tensorrt-rtx"),
    "onnxruntime-cuda": _onnxruntime_cuda,
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
}
# `auto` takes no engine that was never compared with the reference on this card; who asks for one by name gets it.
_OPENERS_OF_AUTO: dict[str, _Opener] = _OPENERS | {
    "tensorrt": partial(_tensorrt, target="tensorrt", proven=True),
    "tensorrt-rtx": partial(_tensorrt, target="tensorrt-rtx", proven=True),
}
PREFERENCE = tuple(_OPENERS)


def open_backend(bundle: Bundle, name: str = "auto", options: EngineOptions = DEFAULT) -> BackendChoice:
    if name == "auto":
        return _first_that_opens(bundle, options)
    if name not in _OPENERS:
        close = difflib.get_close_matches(name, _OPENERS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"no backend is called {name!r}; {hint}there are: auto, {', '.join(PREFERENCE)}")
    return BackendChoice(_OPENERS[name](bundle, options), "as asked")


def _first_that_opens(bundle: Bundle, options: EngineOptions) -> BackendChoice:
    passed_over: list[tuple[str, str]] = []
    for name, opener in _OPENERS_OF_AUTO.items():
        try:
            backend = opener(bundle, options)
        except (MissingExtra, BackendError) as error:
            passed_over.append((name, str(error)))
            continue
        return BackendChoice(backend, "the fastest that this machine can run", tuple(passed_over))
    raise BackendError(f"no backend can run here; {'; '.join(f'{name}: {reason}' for name, reason in passed_over)}")
