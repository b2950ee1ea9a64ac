"""Owns what differs between TensorRT-RTX and full TensorRT, in one table, and opening either; knows nothing of networks.

Both have the same Builder, INetworkDefinition and OnnxParser. A TensorRT-RTX engine is compiled for its card when it is first
loaded, so it builds on any machine and for every card; attaching a timing cache to such a build would force a question to a GPU.
Full TensorRT times its kernels on the card while it builds, where the engine can also be asked what it runs.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from export.build_log import Log, logger_of
from export.device import compute_capability
from export.kernels import Kernel, kernels_in_log, kernels_inspected
from export.tensorrt_api import TensorRT
from runtime.engine_record import ANY_CARD
from runtime.errors import BackendError, UsageError, unusable

_Version = tuple[int, int]


@dataclass(frozen=True)
class Target:
    module: str
    extra: str  # of Clearway, that brings it
    least: _Version
    below: _Version
    capability: Callable[[], str]  # what card an engine is for; raises where building needs one and there is none
    kernels: Callable[[TensorRT, object, Log, bytes], tuple[Kernel, ...]]  # how it is learnt what a plan runs


TARGETS = {
    "tensorrt-rtx": Target("tensorrt_rtx", "rtx", (1, 7), (2, 0), lambda: ANY_CARD, kernels_in_log),
    "tensorrt": Target("tensorrt", "gpu", (10, 8), (12, 0), compute_capability, kernels_inspected),
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
    target = TARGETS[name]
    trt = _imported(target)
    version = _checked_version(name, target, trt.__version__)
    capability = target.capability()
    logger, log = logger_of(target.module)
    return Toolchain(name, trt, version, capability, logger, log)


def _imported(target: Target) -> TensorRT:
    try:
        return cast(TensorRT, importlib.import_module(target.module))
    except (ImportError, OSError) as error:
        # Of full TensorRT the package index may have given the bindings alone: its libraries are an address of NVIDIA's own index.
        raise unusable(target.module, target.extra, error) from error


def _checked_version(name: str, target: Target, version: str) -> str:
    read = re.match(r"(\d+)\.(\d+)", version)
    if read is None or not target.least <= (int(read[1]), int(read[2])) < target.below:
        span = f"{_dotted(target.least)} or newer, below {_dotted(target.below)}"
        fitting = f"pip install 'clearway[{target.extra}]'"
        raise BackendError(f"{name} {span} was expected, {version} is installed; install one that fits: {fitting}")
    return version


def _dotted(version: _Version) -> str:
    return ".".join(map(str, version))
