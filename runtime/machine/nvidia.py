"""Owns the question which NVIDIA card this machine has, asked of the driver itself; knows nothing of TensorRT.

Through ctypes: three facts need no CUDA package, and a machine without a driver is told so before any package is looked for.
"""

from __future__ import annotations

import ctypes
import functools
import sys

from runtime.engines.record import Card
from runtime.errors import BackendError

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_NAME_LENGTH = 256  # bytes


def card() -> Card:
    """The first that CUDA_VISIBLE_DEVICES leaves, which is the one that TensorRT takes too; a BackendError where there is none."""
    found = _looked()
    if isinstance(found, str):
        raise BackendError(found)
    return found


@functools.cache
def _looked() -> Card | str:
    """The card, or why there is none. Once a process: neither comes or goes while it runs."""
    try:
        driver = ctypes.CDLL(_LIBRARY)
    except OSError:
        return "no NVIDIA driver"
    device, name = ctypes.c_int(), ctypes.create_string_buffer(_NAME_LENGTH)
    code = driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0) or driver.cuDeviceGetName(name, _NAME_LENGTH, device)
    numbers = []
    for attribute in (_MAJOR, _MINOR):
        number = ctypes.c_int()
        code = code or driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
        numbers.append(number.value)
    if code == _NO_DEVICE:
        return "the NVIDIA driver finds no card"
    if code:
        return f"the NVIDIA driver answers with CUDA error {code}; nvidia-smi may say more"
    return Card(name.value.decode(errors="replace"), ".".join(map(str, numbers)))
