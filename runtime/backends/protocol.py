"""The seam between Clearway and inference engines: what a backend takes, gives back and says of itself. Knows tensors, never tasks.

A backend runs one graph (docs/bundle.md has its contract). Which one is opened is decided in runtime/backends/choose.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from runtime.errors import UsageError
from runtime.picture import Picture, PictureMemory, Tensors
from runtime.timing import StageTimes

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
            raise UsageError(f"expected at least 1 thread, got {self.threads}; leave it out to let the engine choose")
        if self.mode not in MODES:
            raise UsageError(f"the mode must be one of {', '.join(MODES)}; {self.mode!r} came")


DEFAULT = EngineOptions()


class Backend(Protocol):
    """Any thread may `run`, several at once, and any may `close`: what is running ends first."""

    facts: BackendFacts
    depth: int  # runs that are worth having under way at once: while one computes, the next one's bytes move
    memory: PictureMemory  # where arrays for `into` come from that cost it least
    times: StageTimes  # of the stages that it clocks by itself; empty where there are none

    @property
    def memory_factor(self) -> float | None:
        """By what multiple of GraphFacts.bytes_a_pixel the process grows for each pixel of a run. None: it computes in a GPU's own memory.

        Export counts how many bytes of FP32 the graph holds at once; an engine takes more, as it lays tensors out for its kernels and
        keeps what it has. The factor is a little above the worst that `python -m benchmarks.measure.model.memory` measured
        (docs/runtime.md).
        """

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors:
        """uint8 [N, H, W, 3] BGR → the graph's outputs by name.

        `into` names the outputs that are wanted and has an array for each, C-contiguous and of its exact shape: they are filled
        and returned. Without it all outputs come, in new arrays. The arrays belong to the caller.
        """

    def close(self) -> None:
        """Frees the engine. A second call does nothing."""
