"""The description of the machine that is stored with every measured figure. Does not know what is measured."""

from __future__ import annotations

import ctypes
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from runtime.machine.memory import memory
from runtime.machine.processor import processor

_RUNTIME = ("clearway", "numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "opencv-python", "av")
_CUDA = ("tensorrt", "tensorrt_rtx_cu13", "pycuda", "cuda-bindings", "triton")
_PACKAGES = (*_RUNTIME, "torch", "onnx", *_CUDA)
_QUERY = {"name": "name", "driver": "driver_version", "memory_mib": "memory.total", "compute_capability": "compute_cap"}


def own_memory(which: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most until now."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(which)).split()[1])


def describe_machine() -> dict[str, Any]:
    cpu = processor()
    return {
        "cpu": cpu.name,
        "cores": cpu.cores,
        "features": list(cpu.features),
        "memory_gib": memory().total,
        "gpus": gpus(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


def gpus() -> list[dict[str, str]]:
    """Every NVIDIA GPU as its driver describes it, and the newest CUDA that this driver runs."""
    rows = ask_driver(*_QUERY.values())
    return [dict(zip(_QUERY, row, strict=True)) | {"cuda": _cuda_of_driver()} for row in rows]


def ask_driver(*questions: str) -> list[list[str]]:
    """A row of answers for each GPU; none where there is no driver or it finds no GPU."""
    command = ["nvidia-smi", f"--query-gpu={','.join(questions)}", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [[answer.strip() for answer in line.split(",")] for line in output.splitlines() if line]


def _cuda_of_driver() -> str:
    number = ctypes.c_int()
    try:
        ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(number))
    except OSError:
        return "unknown"
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
