"""Owns the seam between Clearway and inference engines; knows tensors and sizes, never tasks.

A backend runs one graph (docs/bundle.md has its contract). `open_backend` picks one: `auto` goes down `PREFERENCE`, takes
the first that this machine can run and remembers why the others were passed over; an explicit choice is delivered or raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BackendError, MissingExtra, UsageError

if TYPE_CHECKING:
    from runtime.bundle import Bundle

Picture = NDArray[np.uint8]  # [H, W, 3] or [N, H, W, 3], BGR, 0..255; owned by whoever made it
Tensors = dict[str, NDArray[np.uint8] | NDArray[np.float32]]


@dataclass(frozen=True)
class BackendFacts:
    """What was really opened: shown to people, written into reports, compared in parity."""

    name: str  # "openvino"
    precision: str  # "fp32", "bf16", "fp16": read back from the engine, not from the request
    detail: str  # "OpenVINO 2026.4.1, 2 threads, AVX512-BF16"


class Backend(Protocol):
    facts: BackendFacts

    def run(self, frames: Picture) -> Tensors:
        """uint8 [N, H, W, 3] BGR → the graph's outputs by name. Arrays belong to the caller."""

    def close(self) -> None:
        """Frees the engine. A second call does nothing."""


@dataclass(frozen=True)
class BackendChoice:
    """The backend that was opened, why it, and why not those that come before it."""

    backend: Backend
    why: str
    passed_over: tuple[tuple[str, str], ...] = ()

    def describe(self) -> str:
        facts = self.backend.facts
        return f"{facts.name} ({facts.precision}; {facts.detail}): {self.why}"


# From the fastest to the most common; `auto` takes the first that this machine can run.
PREFERENCE = ("openvino", "onnxruntime")


def open_backend(bundle: Bundle, name: str = "auto", *, threads: int | None = None) -> BackendChoice:
    if name != "auto":
        if name not in PREFERENCE:
            raise UsageError(f"no backend is called {name!r}; there are: auto, {', '.join(PREFERENCE)}")
        return BackendChoice(_open(bundle, name, threads), "asked for")
    passed_over: list[tuple[str, str]] = []
    for candidate in PREFERENCE:
        try:
            backend = _open(bundle, candidate, threads)
        except (MissingExtra, BackendError) as error:
            passed_over.append((candidate, str(error)))
            continue
        why = "the fastest here" if not passed_over else f"{passed_over[-1][0]} was passed over: {passed_over[-1][1]}"
        return BackendChoice(backend, why, tuple(passed_over))
    raise BackendError(f"no backend can run here: {'; '.join(f'{candidate}: {why}' for candidate, why in passed_over)}")


def _open(bundle: Bundle, name: str, threads: int | None) -> Backend:
    if name == "openvino":
        from runtime.backends.openvino import OpenVinoBackend

        return OpenVinoBackend(bundle, threads)
    from runtime.backends.onnxruntime import OnnxRuntimeBackend

    return OnnxRuntimeBackend(bundle, threads)
