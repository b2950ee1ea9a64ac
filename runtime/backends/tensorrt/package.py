"""Which packages TensorRT-RTX and full TensorRT are, in one table, and how either is opened. Does not know networks or GPUs.

Both have the same interface (runtime/backends/tensorrt/api.py). TensorRT-RTX compiles an engine for its GPU when it is loaded, and has
more to set for that.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from dataclasses import dataclass
from typing import cast

from runtime.backends.tensorrt.api import TensorRT
from runtime.backends.tensorrt.log import Log, logger_of
from runtime.errors import BackendError, MissingExtra, unusable

_Version = tuple[int, int]


@dataclass(frozen=True)
class PackageFacts:
    module: str
    extra: str  # of Clearway, that brings it
    least: _Version
    below: _Version
    compiles: bool  # when an engine is loaded, and captures CUDA graphs by itself


PACKAGES = {
    "tensorrt-rtx": PackageFacts("tensorrt_rtx", "rtx", (1, 7), (2, 0), compiles=True),
    "tensorrt": PackageFacts("tensorrt", "gpu", (10, 8), (12, 0), compiles=False),
}


@dataclass(frozen=True)
class TensorRtPackage:
    target: str
    trt: TensorRT
    version: str
    logger: object  # TensorRT's own view of the log
    log: Log


def require_installed(target: str) -> None:
    """Without importing it, which takes half a second."""
    package = PACKAGES[target]
    if importlib.util.find_spec(package.module) is None:
        raise MissingExtra(package.module, package.extra)


def open_package(target: str) -> TensorRtPackage:
    package = PACKAGES[target]
    trt = _imported(package)
    version = _checked_version(target, package, trt.__version__)
    logger, log = logger_of(package.module)
    return TensorRtPackage(target, trt, version, logger, log)


def _imported(package: PackageFacts) -> TensorRT:
    try:
        return cast(TensorRT, importlib.import_module(package.module))
    except (ImportError, OSError) as error:
        # Of full TensorRT the package index may have given the bindings alone: its libraries are an address of NVIDIA's own index.
        raise unusable(package.module, package.extra, error) from error


def _checked_version(target: str, package: PackageFacts, version: str) -> str:
    read = re.match(r"(\d+)\.(\d+)", version)
    if read is None or not package.least <= (int(read[1]), int(read[2])) < package.below:
        span = f"{_dotted(package.least)} or newer, below {_dotted(package.below)}"
        fitting = f"pip install 'clearway[{package.extra}]'"
        raise BackendError(f"expected {target} {span}, but {version} is installed; install one that fits: {fitting}")
    return version


def _dotted(version: _Version) -> str:
    return ".".join(map(str, version))
