"""Owns the description of the machine that stands beside every measured figure; knows nothing of what is measured."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# What decides how fast a network runs on a CPU, by the kernel's names for it.
_FEATURES = {"amx_bf16": "AMX-BF16", "amx_int8": "AMX-INT8", "avx512_bf16": "AVX512-BF16", "avx512f": "AVX512", "avx2": "AVX2"}
_RUNTIME = ("clearway", "numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "opencv-python", "av")
_CUDA = ("tensorrt", "tensorrt_rtx_cu13", "pycuda", "cuda-bindings", "triton")
_PACKAGES = (*_RUNTIME, "torch", "onnx", *_CUDA)
_CARD = {"name": "name", "driver": "driver_version", "memory_mib": "memory.total", "compute_capability": "compute_cap"}


def describe_machine() -> dict[str, Any]:
    model, features = _processor()
    return {
        "cpu": model,
        "cores": _cores(),
        "features": features,
        "memory_gib": _memory_gib(),
        "gpus": gpus(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


def _processor() -> tuple[str, list[str]]:
    """Name and features as Linux tells them; other systems tell the name at best."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine(), []
    facts = dict(line.split(":", 1) for line in reversed(text.splitlines()) if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    flags = set(facts.get("flags", "").split())
    return facts.get("model name", platform.machine()), [name for flag, name in _FEATURES.items() if flag in flags]


def gpus() -> list[dict[str, str]]:
    """Every NVIDIA card as its driver describes it, and the newest CUDA that this driver runs."""
    rows = ask_driver(*_CARD.values())
    return [dict(zip(_CARD, row, strict=True)) | {"cuda": _cuda_of_driver()} for row in rows]


def ask_driver(*questions: str) -> list[list[str]]:
    """A row of answers for each card; none where there is no driver or it finds no card."""
    command = ["nvidia-smi", f"--query-gpu={','.join(questions)}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [[answer.strip() for answer in line.split(",")] for line in said.splitlines() if line]


def _cuda_of_driver() -> str:
    number = ctypes.c_int()
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1").cuDriverGetVersion(ctypes.byref(number))
    except OSError:
        return "unknown"
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _cores() -> int:
    """Those that this process may use, which is what a container grants."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
