"""What building differs in between TensorRT-RTX and full TensorRT, in one table, and opening either. Does not know networks.

A TensorRT-RTX engine is compiled for its GPU when it is first loaded, so it builds on any machine and for every GPU; attaching a timing
cache to such a build would force a question to a GPU. Full TensorRT times its kernels on the GPU while it builds, where the engine can
also be asked what it runs. Which packages they are, runtime/backends/tensorrt/package.py says.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from export.engines.audit import Kernel, kernels_in_log, kernels_inspected
from runtime.backends.tensorrt.api import TensorRT
from runtime.backends.tensorrt.log import Log
from runtime.backends.tensorrt.package import open_package
from runtime.engines.record import ANY_GPU
from runtime.errors import BackendError, UsageError
from runtime.machine.nvidia import first_gpu


@dataclass(frozen=True)
class Target:
    capability: Callable[[], str]  # what GPU an engine is for; raises where building needs one and there is none
    kernels: Callable[[TensorRT, object, Log, bytes], tuple[Kernel, ...]]  # how it is learnt what a plan runs


def _of_this_gpu() -> str:
    try:
        return first_gpu().compute_capability
    except BackendError as error:
        elsewhere = "build it there, or take --target tensorrt-rtx here"
        raise BackendError(f"expected the GPU that will run the engine, got none ({error}); {elsewhere}") from error


TARGETS = {
    "tensorrt-rtx": Target(lambda: ANY_GPU, kernels_in_log),
    "tensorrt": Target(_of_this_gpu, kernels_inspected),
}


@dataclass(frozen=True)
class Toolchain:
    """A package that was opened, and for what it builds."""

    target: str
    trt: TensorRT
    version: str
    compute_capability: str
    logger: object  # TensorRT's own view of the log
    log: Log

    def kernels(self, plan: bytes) -> tuple[Kernel, ...]:
        """Of the plan that was built last, if it was built with detailed profiling verbosity; none where it is not told."""
        return TARGETS[self.target].kernels(self.trt, self.logger, self.log, plan)


def open_toolchain(name: str) -> Toolchain:
    if name not in TARGETS:
        close = difflib.get_close_matches(name, TARGETS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"no target is called {name!r}; {hint}there are: {', '.join(TARGETS)}")
    opened = open_package(name)
    return Toolchain(name, opened.trt, opened.version, TARGETS[name].capability(), opened.logger, opened.log)
