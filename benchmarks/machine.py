"""Owns the description of the machine that stands beside every measured figure; knows nothing of what is measured."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from runtime.machine import memory, processor

_RUNTIME = ("clearway", "numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "opencv-python", "av")
_PACKAGES = (*_RUNTIME, "torch", "onnx", "tensorrt", "tensorrt_rtx_cu13")


def describe_machine() -> dict[str, Any]:
    cpu = processor()
    return {
        "cpu": cpu.name,
        "cores": cpu.cores,
        "features": list(cpu.features),
        "memory_gib": memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
