"""Chooses the engine that runs a bundle; knows nothing of what an engine does.

`auto` goes down `PREFERENCE`, takes the first that this machine can run and remembers why the others were passed over; an explicit
choice is delivered or raises.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from runtime.backends.protocol import DEFAULT, Backend, EngineOptions
from runtime.errors import BackendError, MissingExtra, UsageError
from runtime.model.bundle import Bundle


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


_Opener: TypeAlias = Callable[[Bundle, EngineOptions], Backend]
# From the fastest to the most common. A row imports its engine only when it is called.
OPENERS: dict[str, _Opener] = {
    "tensorrt": partial(_tensorrt, target="tensorrt"),
    "tensorrt-rtx": partial(_tensorrt, target="tensorrt-rtx"),
    "onnxruntime-cuda": _onnxruntime_cuda,
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
}
# `auto` takes no engine that was never compared with the reference on this GPU; who asks for one by name gets it.
_OPENERS_OF_AUTO: dict[str, _Opener] = OPENERS | {
    "tensorrt": partial(_tensorrt, target="tensorrt", proven=True),
    "tensorrt-rtx": partial(_tensorrt, target="tensorrt-rtx", proven=True),
}
PREFERENCE = tuple(OPENERS)


def open_backend(bundle: Bundle, name: str = "auto", options: EngineOptions = DEFAULT) -> BackendChoice:
    if name == "auto":
        return _first_that_opens(bundle, options)
    if name not in OPENERS:
        close = difflib.get_close_matches(name, OPENERS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"no backend is called {name!r}; {hint}there are: auto, {', '.join(PREFERENCE)}")
    return BackendChoice(OPENERS[name](bundle, options), "as asked")


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
