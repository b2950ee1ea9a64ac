"""Owns which engines a test that asks all of them can ask here: those of the CPU always, those of a GPU where it is there."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.backends.choose import PREFERENCE
from runtime.backends.onnxruntime_build import require_gpu_build
from runtime.errors import BackendError, MissingExtra

CPU = tuple(name for name in PREFERENCE if name in ("openvino", "onnxruntime"))


def _why_not_cuda() -> str:
    try:
        require_gpu_build()
    except (BackendError, MissingExtra) as error:
        return str(error)
    return ""


NO_CUDA = _why_not_cuda()
needs_cuda = [pytest.mark.gpu, pytest.mark.skipif(bool(NO_CUDA), reason=NO_CUDA)]
ENGINES: list[Any] = [*CPU, pytest.param("onnxruntime-cuda", marks=needs_cuda)]
