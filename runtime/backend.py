"""Owns the seam between Clearway and inference engines; knows tensors and sizes, never tasks.

A backend runs one graph (docs/bundle.md has its contract). `open_backend` picks one: `auto` goes down `PREFERENCE`, takes
the first that this machine can run and remembers why the others were passed over; an explicit choice is delivered or raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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
