"""Whether the GPU build of ONNX Runtime could run here, answered in a millisecond. Loads neither it nor CUDA.

Both builds are one module with one name, so that only one can be installed; pip does not know that.
"""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

from runtime.errors import BackendError, MissingExtra
from runtime.machine.nvidia import DRIVER

INSTALL = "pip install 'onnxruntime-gpu[cuda,cudnn]'"  # with the libraries of CUDA and cuDNN
CUDA_PROVIDER = "libonnxruntime_providers_cuda.so"


def require_gpu_build(driver: str = DRIVER) -> None:
    try:
        ctypes.CDLL(driver)
    except OSError as error:
        raise BackendError("this machine has no NVIDIA driver; install one if it has an NVIDIA GPU") from error
    found = importlib.util.find_spec("onnxruntime")
    if found is None or found.origin is None:
        raise MissingExtra("onnxruntime-gpu", "gpu")
    if not (Path(found.origin).parent / "capi" / CUDA_PROVIDER).is_file():
        change = f"pip uninstall -y onnxruntime && {INSTALL}"
        raise BackendError(f"the CPU build of onnxruntime is installed, and there is room for one only; change it: {change}")
