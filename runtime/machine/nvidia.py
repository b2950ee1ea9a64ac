"""Which NVIDIA GPU this machine has, asked of the driver itself. Does not know TensorRT or CUDA packages.

Through ctypes, so that a machine without a driver is told so before any package is looked for.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass

from runtime.errors import BackendError

DRIVER = "libcuda.so.1"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_NAME_LENGTH = 256  # bytes


@dataclass(frozen=True)
class Gpu:
    name: str  # "NVIDIA GeForce RTX 4090"
    compute_capability: str  # "8.9"


def first_gpu() -> Gpu:
    """The first that CUDA_VISIBLE_DEVICES leaves, which TensorRT takes too; a BackendError where there is none."""
    found = find_gpu()
    if isinstance(found, str):
        raise BackendError(found)
    return found


@functools.cache
def find_gpu(driver: str = DRIVER) -> Gpu | str:
    """The first GPU, or why there is none. Asked once a process: no GPU comes or goes while it runs."""
    try:
        library = ctypes.CDLL(driver)
    except OSError:
        return "no NVIDIA driver"
    device, name = ctypes.c_int(), ctypes.create_string_buffer(_NAME_LENGTH)
    code = library.cuInit(0) or library.cuDeviceGet(ctypes.byref(device), 0) or library.cuDeviceGetName(name, _NAME_LENGTH, device)
    numbers = []
    for attribute in (_MAJOR, _MINOR):
        number = ctypes.c_int()
        code = code or library.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
        numbers.append(number.value)
    if code == _NO_DEVICE:
        return "the NVIDIA driver finds no GPU"
    if code:
        return f"the NVIDIA driver answers with CUDA error {code}; nvidia-smi may say more"
    return Gpu(name.value.decode(errors="replace"), ".".join(map(str, numbers)))
