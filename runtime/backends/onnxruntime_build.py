"""Owns whether the GPU build of ONNX Runtime could run here, answered in a millisecond; loads neither it nor CUDA.

Both builds are one module with one name, so that only one can be installed; pip does not know that.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

from runtime.errors import BackendError, MissingExtra

INSTALL = "pip install 'onnxruntime-gpu[cuda,cudnn]'"  # with the libraries of CUDA and cuDNN
_WINDOWS = sys.platform == "win32"
_DRIVER = "nvcuda.dll" if _WINDOWS else "libcuda.so.1"
_PROVIDER = "onnxruntime_providers_cuda.dll" if _WINDOWS else "libonnxruntime_providers_cuda.so"


def require_gpu_build() -> None:
    try:
        ctypes.CDLL(_DRIVER)
    except OSError as error:
        raise BackendError("this machine has no NVIDIA driver; where it has such a card, install one") from error
    found = importlib.util.find_spec("onnxruntime")
    if found is None or found.origin is None:
        raise MissingExtra("onnxruntime-gpu", "gpu")
    if not (Path(found.origin).parent / "capi" / _PROVIDER).is_file():
        change = f"pip uninstall -y onnxruntime && {INSTALL}"
        raise BackendError(f"the CPU build of onnxruntime is installed, and there is room for one only; change it: {change}")
