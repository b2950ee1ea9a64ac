"""Owns the question which NVIDIA card this machine builds for, asked of the driver itself; knows nothing of TensorRT.

Through ctypes: a machine that only builds needs no CUDA package for two numbers.
"""

from __future__ import annotations

import ctypes
import sys

from runtime.errors import BackendError

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def compute_capability() -> str:
    """ "8.6": of the first card that CUDA_VISIBLE_DEVICES leaves, which is the one that TensorRT takes too."""
    try:
        driver = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise BackendError(_needs_a_card("this machine has no NVIDIA driver")) from error
    device = ctypes.c_int()
    code = driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0)
    numbers = []
    for attribute in (_MAJOR, _MINOR):
        number = ctypes.c_int()
        code = code or driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
        numbers.append(number.value)
    if code:
        why = "the driver finds no card" if code == _NO_DEVICE else f"the driver answers with CUDA error {code}; nvidia-smi may say more"
        raise BackendError(_needs_a_card(why))
    return ".".join(map(str, numbers))


def _needs_a_card(why: str) -> str:
    return f"full TensorRT builds on the card that will run the engine, and {why}; build it there, or take --target tensorrt-rtx here"
